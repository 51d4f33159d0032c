"""What may be said, and how text is compared.  Pure.

A match in the blocklist holds a line for a moderator, it never drops it: "加 微 信" hides among harmless lines,
and harmless lines look like it.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import field
from typing import Final
from uuid import UUID

from shopfloor.chat.models import BadName, BadText, BadWord, Reason, WordProtected
from shopfloor.kernel import text as text_rules
from shopfloor.kernel.records import dataclass

LONGEST: Final = 200
LONGEST_NAME: Final = 24

# Contacts outside the shop are how buyers of live shows get cheated.
ALWAYS_BLOCKED: Final = (
    "加微信",
    "加v信",
    "加vx",
    "微信号",
    "加qq",
    "私聊我",
    "刷单",
    "兼职",
    "代购群",
    "telegram",
    "whatsapp",
)

# Dissatisfaction: these may not be put on a blocklist.
PROTECTED: Final = frozenset(
    [
        "差评",
        "退货",
        "退款",
        "投诉",
        "质量差",
        "质量",
        "假货",
        "骗人",
        "骗子",
        "骗",
        "贵",
        "太贵",
        "不好",
        "垃圾",
        "失望",
        "坏了",
        "破",
        "慢",
        "没收到",
        "不发货",
        "色差",
        "掉色",
        "起球",
        "缩水",
        "refund",
        "return",
        "returns",
        "fake",
        "scam",
        "bad",
        "poor",
        "broken",
        "late",
        "slow",
        "expensive",
        "overpriced",
        "disappointed",
        "disappointing",
        "quality",
        "complaint",
        "complain",
        "cheat",
        "cheated",
        "terrible",
        "awful",
        "worst",
        "never",
        "arrived",
        "missing",
        "damaged",
    ]
)

RESERVED_NAMES: Final = (
    "客服",
    "官方",
    "主播",
    "主持人",
    "管理员",
    "房管",
    "店主",
    "店长",
    "店長",
    "场控",
    "admin",
    "administrator",
    "staff",
    "seller",
    "moderator",
    "official",
    "support",
    "host",
    "system",
    "shopfloor",
    "owner",
    "streamer",
)
# Honest as a part of a name; alone it is whoever speaks for the shop.
RESERVED_ALONE: Final = (
    "shop", "store", "mod", "gm", "anchor", "boss", "team", "老板", "商家", "店家", "店铺", "小助手", "助理", "官网",
)  # fmt: skip

_LINK: Final = re.compile(
    r"https?://|www\.|\b[\w-]+\.(?:com|cn|net|org|io|me|cc|top|xyz|shop|link|ly|app|co|ru|info|biz|site|club|vip)\b",
    re.IGNORECASE,
)
_LEET: Final = str.maketrans("013457@$", "oleastas")
_REPEATS: Final = re.compile(r"(.)\1{2,}")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def clean(text: str) -> str:
    """What is stored: one line, cleaned as all text is.  Raises BadText."""
    line = text_rules.said(text, longest=LONGEST)
    if not line:
        raise BadText(longest=LONGEST, length=len(text))
    return line


def squeezed(text: str) -> str:
    """For comparing: width, case, accents, invisible characters, repeats and look-alike digits made one."""
    wide = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in wide if unicodedata.category(char) not in {"Mn", "Cf", "Cc"})
    return _REPEATS.sub(r"\1\1", bare)


def fingerprint(text: str) -> str:
    """Equal for lines that say the same: without spaces, punctuation, repeats and digits."""
    bare = re.sub(r"\d+", "0", _NOT_WORD.sub("", squeezed(text)))
    return bare[:64] or squeezed(text)[:64]


def has_link(text: str) -> bool:
    return _LINK.search(unicodedata.normalize("NFKC", text)) is not None


@dataclass(frozen=True, slots=True)
class Blocklist:
    """Normalised words by how they are looked for."""

    _spaced: frozenset[str] = field(default_factory=frozenset[str])
    _joined: frozenset[str] = field(default_factory=frozenset[str])
    _lengths: tuple[int, ...] = ()

    def finds(self, text: str) -> bool:
        """As typed, by words; then with everything between letters taken out, anywhere."""
        plain = squeezed(text)
        for reading in (plain, plain.translate(_LEET)):
            if not self._spaced.isdisjoint(_NOT_WORD.split(reading)):
                return True
            joined = _NOT_WORD.sub("", reading)
            for length in self._lengths:
                for begin in range(len(joined) - length + 1):
                    if joined[begin : begin + length] in self._joined:
                        return True
        return False


def blocklist(words: Iterable[str]) -> Blocklist:
    """Short Latin words count only as words ("ass" is in "class"); Chinese and longer ones anywhere."""
    spaced: set[str] = set()
    joined: set[str] = set()
    for word in words:
        plain = _NOT_WORD.sub("", squeezed(word))
        if not plain:
            continue
        if len(plain) < 5 and _CJK.search(plain) is None:
            spaced.add(plain)
        else:
            joined.add(plain)
    return Blocklist(frozenset(spaced), frozenset(joined), tuple(sorted({len(word) for word in joined})))


def checked_word(word: str) -> str:
    """Raises BadWord, or WordProtected for words of complaint."""
    plain = _NOT_WORD.sub("", squeezed(word))
    if not 2 <= len(plain) <= 40:
        raise BadWord(word=word[:60])
    if plain in PROTECTED:
        raise WordProtected(word=word)
    return plain


def name_of(shopper: UUID) -> str:
    """A guest's name, the same each time."""
    return f"Guest {shopper.int % 9000 + 1000}"


def checked_name(name: str, *, taken: Iterable[str] = ()) -> str:
    """What a guest may be called: nobody of the shop, and not like one of `taken`.  Raises BadName."""
    try:
        kept = text_rules.name(name, field="name", longest=LONGEST_NAME)
    except text_rules.UnusableText as problem:
        raise BadName(longest=LONGEST_NAME) from problem
    taken = (*RESERVED_ALONE, *taken)
    if text_rules.imitates(kept, roles=RESERVED_NAMES, names=taken) or has_link(kept):
        raise BadName(longest=LONGEST_NAME)
    return kept


def reason_to_hold(
    text: str, *, blocked: Blocklist, is_new: bool, same_by_others: int, crowd: int = 3
) -> Reason | None:
    """Why a moderator should look at this line first, or None."""
    if is_new and has_link(text):
        return Reason.LINK
    if blocked.finds(text):
        return Reason.BLOCKED_WORD
    # Many strangers with one long text are a flood; many with "好看" or "1" are an audience.
    if same_by_others >= crowd and len(fingerprint(text)) >= 12:
        return Reason.REPEATED
    return None
