"""What people ask for in chat: sizes, colours, and what they want to know.  Pure, in Chinese and English.

"有黑色 L 码吗" and "do you have M in indigo?" are demand: somebody would buy a variant that is perhaps not
there.  Words of the shop's own option values come first, then a small list of colours and the usual sizes; a
word nobody knows is left alone rather than guessed.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from shopfloor.kernel.records import dataclass

SIZE_NAMES: Final = frozenset({"size", "sizes", "尺码", "尺寸", "码", "大小", "规格", "größe", "taille"})
COLOUR_NAMES: Final = frozenset(
    {"color", "colour", "colors", "colours", "颜色", "色", "花色", "farbe", "couleur", "glaze"}
)

# English name, then how Chinese shoppers write it.
COLOURS: Final[Mapping[str, tuple[str, ...]]] = {
    "black": ("黑", "黑色", "纯黑"),
    "white": ("白", "白色", "纯白"),
    "grey": ("灰", "灰色", "gray"),
    "red": ("红", "红色", "大红"),
    "vermilion": ("朱红", "朱红色"),
    "burgundy": ("酒红", "酒红色"),
    "pink": ("粉", "粉色", "粉红", "粉红色"),
    "orange": ("橙", "橙色", "橘色"),
    "yellow": ("黄", "黄色"),
    "green": ("绿", "绿色"),
    "olive": ("橄榄绿", "军绿", "军绿色"),
    "celadon": ("青瓷", "青瓷色", "天青"),
    "blue": ("蓝", "蓝色"),
    "navy": ("藏青", "藏青色", "深蓝", "深蓝色", "藏蓝"),
    "indigo": ("靛蓝", "靛蓝色", "靛青"),
    "purple": ("紫", "紫色"),
    "brown": ("棕", "棕色", "咖啡色", "咖色", "褐色"),
    "beige": ("米", "米色", "杏色"),
    "cream": ("奶油色", "奶白", "奶白色", "米白", "米白色"),
    "sand": ("沙色",),
    "khaki": ("卡其", "卡其色"),
    "camel": ("驼色",),
    "oat": ("燕麦色", "燕麦", "oatmeal"),
    "charcoal": ("炭灰", "炭灰色"),
    "rust": ("铁锈色", "锈色"),
    "silver": ("银色",),
    "gold": ("金色",),
}
# One Chinese character alone is a colour only where it is asked for: 有黑吗, 黑的.
_BARE_COLOUR: Final = re.compile(
    r"(?:[有要想来换]|还有)\s*([黑白灰红粉橙黄绿蓝紫棕米])\s*(?:的|吗|么|嘛|没)|([黑白灰红粉橙黄绿蓝紫棕米])的"
)

_LETTER_SIZE: Final = re.compile(
    r"(?<![A-Za-z0-9'’])((?:[2-6]?X{1,4}|x{1,4}|[2-6]x)?[SLsl]|[Mm])(?![A-Za-z0-9'’])"
)
_NUMBER_SIZE: Final = re.compile(
    r"(?:(?:size|eu|us|uk|尺码)\s*#?\s*(\d{1,3}(?:\.5)?))|(?:(\d{2,3}(?:\.5)?)\s*(?:码|号))", re.IGNORECASE
)
_FREE_SIZE: Final = re.compile(r"均码|free\s*size|one\s*size", re.IGNORECASE)
_CJK: Final = re.compile(r"[\u4e00-\u9fff]")

_INTENTS: Final[Mapping[str, re.Pattern[str]]] = {
    "stock": re.compile(
        r"有没有|有吗|有么|有货|还有[^别其]|有[^么什]{1,12}[吗么嘛？?]|没货|现货|剩多少|还剩|库存|"
        r"\b(?:do|does|did|will|would|are|is)\s+(?:you|u|it|this|that|there|they)\b.{0,40}\b(?:have|got|come|available|left|any)\b|"
        r"\b(?:have|got)\s+(?:you\s+)?(?:any|it|this|one|the|a)\b|\bany\b.{0,30}\b(?:left|more)\b|\bin\s+stock\b|\bavailable\b|\bhow\s+many\s+left\b|"
        r"\bsold\s*out\b",
        re.IGNORECASE,
    ),
    "restock": re.compile(
        r"补货|再上|返场|还会有|什么时候有|几时有|到货|再来一批|加单|\bre-?stock|\bback\s+in(?:\s+stock)?\b|\bmore\s+coming\b|\bcoming\s+back\b",
        re.IGNORECASE,
    ),
    "size": re.compile(
        r"尺码|尺寸|什么码|多大码|几码|哪个码|穿多大|偏大|偏小|码数|身高|体重|\d{2,3}\s*斤|[SMLX]\s*码|\d\s*码|大码|小码|"
        r"\bsiz(?:e|es|ing)\b|\btrue\s+to\s+size\b|\brun(?:s)?\s+(?:small|large|big)\b|\bfit(?:s)?\b|\b\d{2,3}\s*(?:kg|cm|lbs?)\b",
        re.IGNORECASE,
    ),
    "colour": re.compile(
        r"颜色|什么色|哪个色|色号|别的色|其他色|色差|\bcolou?rs?\b|\bshades?\b",
        re.IGNORECASE,
    ),
    "price": re.compile(
        r"多少钱|几块|几元|价格|什么价|怎么卖|便宜|优惠|打折|折扣|券|太贵|好贵|\bhow\s+much\b|\bpric(?:e|es|ing)\b|\bdiscount|\bcoupon|\bcheaper\b|"
        r"\bexpensive\b|\bcost\b",
        re.IGNORECASE,
    ),
    "delivery": re.compile(
        r"发货|快递|包邮|邮费|运费|几天到|多久到|什么时候到|寄到|顺丰|自提|\bship(?:s|ped|ping)?\b|\bdeliver(?:y|s|ed)?\b|\bpostage\b|\barrive|\bpick\s*-?up\b",
        re.IGNORECASE,
    ),
}  # fmt: skip
# Lower-case letters are sizes only in a message that is about having one.
_ABOUT_HAVING: Final = re.compile(
    r"码|号|有|要|\b(?:have|got|in|size|any|restock|left|need|want|for|wear)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Asks:
    """What a line asks for; values in the shop's own spelling where it has one, each once, in order of mention."""

    sizes: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sizes or self.colours or self.intents)

    def as_json(self) -> dict[str, list[str]]:
        return {"sizes": list(self.sizes), "colours": list(self.colours), "intents": list(self.intents)}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The option values of a shop by how people write them."""

    sizes: Mapping[str, str] = field(default_factory=dict[str, str])
    colours: Mapping[str, str] = field(default_factory=dict[str, str])


def vocabulary(options: Iterable[tuple[str, str]]) -> Vocabulary:
    """Made of (option name, value) pairs as the catalog has them: ("Colour", "Indigo"), ("尺码", "M")."""
    sizes: dict[str, str] = {}
    colours: dict[str, str] = {}
    for name, value in options:
        kind, written = plain(name), plain(value)
        if kind in SIZE_NAMES:
            sizes.setdefault(written, value)
        elif kind in COLOUR_NAMES:
            colours[written] = value
    for english, others in COLOURS.items():
        same = (english, *others)
        known = next((colours[word] for word in same if word in colours), None)
        if known is not None:
            for word in same:
                colours.setdefault(word, known)
    return Vocabulary(sizes, colours)


def plain(text: str) -> str:
    """Full-width letters narrow, lower case, no spaces around."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


_KNOWN_COLOURS: Final = {word: english for english, others in COLOURS.items() for word in (english, *others)}
EMPTY: Final = Vocabulary()


def asks(text: str, words: Vocabulary = EMPTY) -> Asks:
    """What `text` asks for.  Nothing found is an empty answer, not an error."""
    narrow = unicodedata.normalize("NFKC", text)
    sizes = _sizes(narrow, words)
    colours = _colours(narrow, words)
    intents = [name for name, pattern in _INTENTS.items() if pattern.search(narrow)]
    if sizes and "size" not in intents:
        intents.append("size")
    if colours and "colour" not in intents:
        intents.append("colour")
    return Asks(tuple(sizes), tuple(colours), tuple(sorted(intents)))


def _sizes(text: str, words: Vocabulary) -> list[str]:
    found: dict[int, str] = {}
    having = _ABOUT_HAVING.search(text) is not None
    for match in _LETTER_SIZE.finditer(text):
        written = match[1]
        if written.isupper() or having:
            found[match.start(1)] = words.sizes.get(written.casefold(), _tidy_size(written))
    for match in _NUMBER_SIZE.finditer(text):
        number = match[1] or match[2]
        found[match.start()] = words.sizes.get(number, number)
    free = _FREE_SIZE.search(text)
    if free is not None:
        found[free.start()] = words.sizes.get("均码", words.sizes.get("one size", "one size"))
    lower = text.casefold()
    for written, value in words.sizes.items():
        if len(written) > 1 and not written.isdecimal():
            at = _word_at(lower, written)
            if at is not None:
                found[at] = value
    return list(dict.fromkeys(found[at] for at in sorted(found)))


def _tidy_size(written: str) -> str:
    """XXL and 2XL are one size."""
    upper = written.upper()
    count = upper.count("X")
    if count >= 2 and not upper[0].isdigit():
        return f"{count}X{upper[-1]}"
    return upper


def _colours(text: str, words: Vocabulary) -> list[str]:
    lower = text.casefold()
    found: list[tuple[int, int, str]] = []
    for written in {*_KNOWN_COLOURS, *words.colours}:
        if len(written) == 1:
            continue
        at = _word_at(lower, written)
        if at is not None:
            found.append((at, at + len(written), _colour(written, words)))
    found.extend(
        (bare.start(), bare.end(), _colour(bare[1] or bare[2], words))
        for bare in _BARE_COLOUR.finditer(lower)
    )
    # 酒红色 is not also 红色: of words that overlap the longest counts.
    found.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
    taken: list[tuple[int, int, str]] = []
    for begin, end, value in found:
        if all(end <= other_begin or begin >= other_end for other_begin, other_end, _ in taken):
            taken.append((begin, end, value))
    return list(dict.fromkeys(value for _, _, value in sorted(taken)))


def _colour(written: str, words: Vocabulary) -> str:
    return (
        words.colours.get(written)
        or words.colours.get(_KNOWN_COLOURS.get(written, ""), "")
        or _KNOWN_COLOURS[written]
    )


def _word_at(text: str, word: str) -> int | None:
    """Where `word` stands as a word; Chinese has no spaces, so there anywhere will do."""
    begin = text.find(word)
    while begin >= 0:
        end = begin + len(word)
        before, after = text[begin - 1 : begin], text[end : end + 1]
        if _CJK.search(word) or not (_joins(before, word[0]) or _joins(after, word[-1])):
            return begin
        begin = text.find(word, begin + 1)
    return None


def _joins(neighbour: str, edge: str) -> bool:
    return bool(neighbour) and neighbour.isascii() and neighbour.isalnum() and edge.isalnum()
