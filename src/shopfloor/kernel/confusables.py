"""Characters that look like others: what a name is compared by, so that no look-alike passes for somebody else.

After the idea of Unicode's UTS 39, for the letters that are seen in practice: each character stands for the
Latin letter it is mistaken for.  A skeleton is for comparing and is never shown.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

# By the letter they look like; upper and lower case apart, because "Н" looks like H and "н" still reads as one.
_LIKE: Final = {
    "a": "АаΑαɑᴀᗅаӐӑДдꭺᎪ",
    "b": "ВвΒβЬьʙᏴƄɓ",
    "c": "СсϹϲᴄⅽᏟƈ¢ꮯ",
    "d": "ԁᴅⅾᎠɗđðƊ",
    "e": "ЕеΕεЁёЭэєЄᴇᎬҽəǝɛ℮ɇ",
    "f": "Ϝϝꜰƒſғ",
    "g": "ɡɢԌԍᏀցɠǥ",
    "h": "НнΗһҺհʜᎻħḥԋҢң",
    "i": "ІіΙιɩıɪїЇíӀӏ|¡Ꭵɨ",
    "j": "ЈјϳᴊᎫյɉ",
    "k": "КкΚκᴋᏦƙҚқҝ",
    "l": "ʟᏞⅼłƖǀ∣׀",
    "m": "МмΜᴍⅿᎷɱ",
    "n": "ΝηпПɴոռղŋɲИий",
    "o": "ОоΟοΘθσօՕᴏØøӨөѲѳ०੦૦௦๐໐ℴОⲟⲞ○〇◯",
    "p": "РрΡρᴘᏢƿþ",
    "q": "ԛգզɋ",
    "r": "ГгʀᎡᏒɼɽя",
    "s": "ЅѕՏꜱᏚʂƽ§",
    "t": "ТтΤτᴛᎢŧƭ†",
    "u": "υսՍᴜʋᴗцЦμµ",
    "v": "νѵѴᴠᏙⅴʌΛ",
    "w": "ԜԝωшШщᴡᎳɯաѡ",
    "x": "ХхΧχⅹ×ҳҲ",
    "y": "УуΥγүҮʏᎽүƴўӯ",
    "z": "ΖζᴢᏃʐƶ",
    "员": "員",
}
_LEET: Final = str.maketrans("013457@$€!", "oleastasel")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DIGITS_AROUND: Final = re.compile(r"^\d+|\d+$")
# What is put beside a name to pass for whoever has it: "Tuan Studio Team", "the real Tuan Studio".
_BESIDE: Final = frozenset(
    {
        "team",
        "service",
        "services",
        "shop",
        "store",
        "live",
        "real",
        "the",
        "official",
        "support",
        "staff",
        "店",
        "店铺",
        "直播间",
    }
)
_MARKS: Final = str.maketrans("", "", "™®©℠")
_HAN: Final = re.compile(r"[\u3400-\u9fff]+")


def _table() -> dict[int, str]:
    table = {ord(char): like for like, chars in _LIKE.items() for char in chars}
    # Letters in filled circles and squares, and the letters flags are made of: none of them decomposes.
    for first in (0x1F150, 0x1F170, 0x1F1E6):
        table |= {first + index: chr(ord("a") + index) for index in range(26)}
    return table


_TABLE: Final = _table()
# Of these, what would part a word if it were not read as a letter first.
_SIGNS: Final = {code: like for code, like in _TABLE.items() if not chr(code).isalnum()} | {
    ord("@"): "a",
    ord("$"): "s",
    ord("€"): "e",
}
# i, l, 1 and | are one stroke in most typefaces.
_STROKES: Final = str.maketrans("i", "l")


def letters(text: str) -> str:
    """`text` in the letters it is mistaken for: width, style, case, accents and look-alike scripts made one."""
    wide = unicodedata.normalize("NFKD", text).translate(_TABLE)
    again = unicodedata.normalize("NFKD", wide.casefold()).translate(_TABLE)
    return "".join(char for char in again if unicodedata.category(char) not in {"Mn", "Me", "Cf", "Cc"})


def skeleton(text: str) -> str:
    """Equal for texts that a hurried eye takes for one another."""
    bare = _NOT_WORD.sub("", letters(text).translate(_LEET))
    return bare.translate(_STROKES).replace("rn", "m").replace("vv", "w")


def looks_like(text: str, other: str) -> bool:
    """Whether the two are mistaken for one another.  What has no letters looks like nothing."""
    bones = skeleton(text)
    return bones != "" and bones == skeleton(other)


def imitates(name: str, *, roles: Iterable[str] = (), names: Iterable[str] = ()) -> bool:
    """Whether `name` passes for one of `names`, or claims one of `roles`.

    A role counts as a whole word ("Host Ann", "h.0.s.t", "Нost": yes; "Ghost", "Badminton Li": no).  Chinese has
    no spaces between words: there a role counts at the begin or end of what is written together.
    """
    name = name.translate(_MARKS)
    others = {skeleton(other) for other in names} - {""}
    bones = skeleton(name)
    if bones in others or _without_company(name) in others:
        return True
    words = set(_words(name))
    for role in roles:
        wanted = skeleton(role)
        if wanted == bones or wanted in words:
            return True
        if _HAN.search(wanted) and any(word.startswith(wanted) or word.endswith(wanted) for word in words):
            return True
    return False


_COMPANY: Final = frozenset(skeleton(word) for word in _BESIDE)


def _without_company(name: str) -> str:
    """Its skeleton without the words that are put beside a name."""
    parts = [
        skeleton(part) for part in _NOT_WORD.split(unicodedata.normalize("NFKC", name).translate(_SIGNS))
    ]
    return "".join(part for part in parts if part not in _COMPANY)


def _words(name: str) -> Iterator[str]:
    """The skeletons of its words: as they are parted, by capitals inside, without digits around, spelled out."""
    spelled = ""
    for part in _NOT_WORD.split(unicodedata.normalize("NFKC", name).translate(_SIGNS)):
        if len(part) == 1:
            spelled += part
            continue
        if spelled and part:
            yield skeleton(spelled)
            spelled = ""
        for word in (part, *_CAMEL.split(part), *_HAN.findall(part)):
            yield skeleton(word)
            yield skeleton(_DIGITS_AROUND.sub("", word))
    if spelled:
        yield skeleton(spelled)
