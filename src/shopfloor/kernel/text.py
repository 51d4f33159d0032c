"""Text from outside: one set of rules for names, titles, chat and prose.

What people write stays as they wrote it: emoji that are newer than this interpreter, joiners that Persian, Hindi
and compound emoji are spelled with, marks of every script.  What only hides or disturbs goes: controls of
direction, invisible characters where they mean nothing, blanks that pass for letters, marks heaped on one letter.
What PostgreSQL cannot keep (NUL, half a surrogate pair) and other control characters are refused, or dropped
where somebody talks (`said`).
"""

import re
import unicodedata
from typing import Final

from shopfloor.kernel.confusables import imitates, looks_like, skeleton
from shopfloor.kernel.errors import Invalid

__all__ = [
    "UnusableText",
    "cleaned",
    "handle_from",
    "imitates",
    "is_blank",
    "line",
    "looks_like",
    "name",
    "narrow",
    "prose",
    "said",
    "skeleton",
    "storable",
    "tidied",
]

# Vietnamese needs two, Hebrew with its accents three; other scripts stack what their spelling needs.
MOST_LATIN_MARKS: Final = 3
MOST_MARKS: Final = 8


class UnusableText(Invalid):
    """The text is too long, too short or not text."""

    code = "text.unusable"


def line(value: str, *, field: str, longest: int, shortest: int = 0) -> str:
    """One line: composed (NFC), trimmed, without what cannot be seen.  Lengths in characters."""
    return _checked(value, field=field, longest=longest, shortest=shortest, one_line=True)


def looked_for(search: str) -> str:
    """What somebody looks for or scans: signs of full width and other forms of a sign are that sign (NFKC)."""
    return unicodedata.normalize("NFKC", search).strip()


def patterns_of(search: str) -> list[str]:
    """For ILIKE ALL of a text in NFKC: a pattern for each word somebody looks for, the first ten."""
    words = looked_for(line(search, field="search", longest=200)).split()[:10]
    escaped = [word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") for word in words]
    return [f"%{word}%" for word in escaped]


def prose(value: str, *, field: str, longest: int) -> str:
    """Several lines: as `line`, with line breaks and tabs."""
    return _checked(value, field=field, longest=longest, shortest=0, one_line=False)


def name(value: str, *, field: str, longest: int) -> str:
    """What somebody or something is called: a line with something to see, and single spaces."""
    return _checked(
        _LOOKS_BLANK.sub(" ", value), field=field, longest=longest, shortest=1, one_line=True, spaces=True
    )


def handle_from(title: str) -> str:
    """A part of an address made from a title; letters of any script stay.  'product' where nothing is left."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-_")[:200].strip("-_") or "product"


def said(value: str, *, longest: int) -> str:
    """One line of talk, cleaned rather than refused; empty when there is nothing to see or far too much."""
    if len(value) > 4 * longest:
        return ""
    spoken = " ".join(cleaned(value, one_line=True).split())
    return "" if is_blank(spoken) or len(spoken) > longest else spoken


def cleaned(value: str, *, one_line: bool) -> str:
    """`value` as it may be kept, without what may not.  Never refuses."""
    return tidied(_UNSTORABLE.sub("", value), one_line=one_line)


def narrow(value: str) -> str:
    """Plain letters, digits and signs for the full-width ones that East Asian keyboards write."""
    return value.translate(_FULL_WIDTH)


def storable(value: str) -> bool:
    """Whether PostgreSQL and JSON can keep it, and no control character hides in it."""
    return _UNSTORABLE.search(value) is None


def is_blank(value: str) -> bool:
    """Whether there is nothing to see: spaces, fillers, joiners and marks without a letter."""
    return not any(_can_be_seen(char) for char in value)


def tidied(value: str, *, one_line: bool) -> str:
    """`value` in the form it is kept in, whatever it is.  Linear in its length."""
    text = unicodedata.normalize("NFC", value)
    text = _BREAKS.sub(" " if one_line else "\n", text)
    if one_line:
        text = text.replace("\t", " ")
    if _HARMLESS.fullmatch(text) is None:
        text = _settled(text)
    return text.strip()


def _checked(
    value: str, *, field: str, longest: int, shortest: int, one_line: bool, spaces: bool = False
) -> str:
    # Spaces around and marks beyond measure do not count, but nobody's megabytes are looked through for them.
    if len(value) > 4 * longest + 100:
        raise UnusableText(f"'{field}' may be {longest} characters long.", field=field, longest=longest)
    if not storable(value):
        raise UnusableText(f"'{field}' contains characters that are not text.", field=field)
    text = tidied(value, one_line=one_line)
    if is_blank(text):
        text = ""
    if spaces:
        text = " ".join(text.split())
    if len(text) > longest:
        raise UnusableText(f"'{field}' may be {longest} characters long.", field=field, longest=longest)
    if len(text) < shortest:
        raise UnusableText(f"'{field}' is missing or too short.", field=field, shortest=shortest)
    return text


_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_BREAKS: Final = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]" + "|\n")
# The same for readers of a JSON Schema; half a surrogate pair cannot be written there.
STORABLE: Final = r"^[^\u0000-\u0008\u000e-\u001b\u001f\u007f-\u0084\u0086-\u009f\ufdd0-\ufdef\ufffe\uffff]*$"
_UNSTORABLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
# Braille without dots, and Hangul's and Arabic's fillers: letters to the tables, nothing to the eye.
_LOOKS_BLANK: Final = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
# Of these no text is spoiled by what follows: most of what is ever written, passed without a closer look.
_HARMLESS: Final = re.compile(
    "[\t\n -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u27ff"
    "\u3000-\u3029\u3030-\u3098\u309b-\u3163\u3165-\u9fff\uac00-\ud7a3\uff01-\uff9f\U00020000-\U0003ffff]*"
)
# Scripts whose letters take another shape, or whose words part, at a joiner.
_JOINING: Final = re.compile(
    "[\u0600-\u07ff\u0840-\u109f\u1200-\u137f\u1700-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefe"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
# Scripts written without spaces, where a break of no width says where a line may end.
_SPACELESS: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_LATIN_MARKS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_VISIBLE_FORMATS: Final = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159\ufffc")


def _can_be_seen(char: str) -> bool:
    if char in _BLANKS:
        return False
    kind = unicodedata.category(char)
    if kind == "Cn":
        # Letters of scripts that are newer than the tables, too; not what is reserved for the invisible.
        return _may_be_assigned(char) and not 0xE0000 <= ord(char) <= 0xE0FFF
    return kind[0] in "LNPS" or kind in {"Mc", "Co"} or _VISIBLE_FORMATS.match(char) is not None


def _is_picture(char: str) -> bool:
    """Emoji and symbols, also those this interpreter's tables do not know yet."""
    return "\U0001f000" <= char <= "\U0001fffd" or unicodedata.category(char) in {"So", "Sm"}


def _settled(text: str) -> str:
    """Character by character, each by what stands before it and, for joiners, what follows."""
    kept: list[str] = []
    base = ""  # the last letter, digit or picture: what marks and joiners belong to
    marks = latin_marks = 0
    tags = _tags_that_mean_something(text)
    for index, char in enumerate(text):
        kind = unicodedata.category(char)
        if kind in {"Mn", "Me", "Mc"}:
            if not base and kind != "Mc":
                # A mark without its letter would sit on whatever stands before it.
                continue
            latin = _LATIN_MARKS.match(char) is not None
            marks, latin_marks = marks + 1, latin_marks + latin
            if marks <= MOST_MARKS and latin_marks <= MOST_LATIN_MARKS:
                kept.append(char)
            continue
        if kind == "Cf" or char in _DISPUTED or 0xE0000 <= ord(char) <= 0xE0FFF:
            if index in tags or _means_something(char, base, text[index + 1 : index + 2], kept):
                kept.append(char)
            continue
        if kind == "Cn" and not _may_be_assigned(char):
            continue
        base = "" if kind[0] in "ZC" and kind not in {"Cn", "Co"} else char
        marks = latin_marks = 0
        kept.append(char)
    return "".join(kept)


# Fillers are letters to the tables; they stand only where old Hangul is spelled out.
_DISPUTED: Final = frozenset("\u115f\u1160\u3164\uffa0")


def _may_be_assigned(char: str) -> bool:
    """Not yet in this interpreter's tables, but a character some day; never a noncharacter or a default blank."""
    code = ord(char)
    return code & 0xFFFE != 0xFFFE and not (0x2060 <= code <= 0x206F or 0xFFF0 <= code <= 0xFFF8)


def _means_something(char: str, base: str, following: str, kept: list[str]) -> bool:
    if not base:
        return _VISIBLE_FORMATS.match(char) is not None
    last = kept[-1]
    match char:
        case "\u200c" | "\u200d" if last in "\u200c\u200d":
            return False
        case "\u200c" if following == "" or following.isspace():
            return False
        case "\u200d" if _is_picture(base) or unicodedata.category(base) == "Sk":
            return following != "" and _is_picture(following)
        case "\u200c" | "\u200d" | "\u034f" | "\u180e":
            return _JOINING.match(base) is not None
        case "\u200b":
            return last != "\u200b" and _SPACELESS.match(base) is not None
        case "\u00ad":
            return last != "\u00ad" and base.isalpha() and following.isalpha()
        case "\u200e" | "\u200f" | "\u061c":
            # Marks of direction belong to text that runs both ways, and turn nothing but their neighbours.
            return last != char and any(
                unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in base + following
            )
        case "\u115f" | "\u1160":
            return "\u1100" <= base <= "\u11ff" or "\u1100" <= following <= "\u11ff"
        case _:
            return _VISIBLE_FORMATS.match(char) is not None


_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")


def _tags_that_mean_something(text: str) -> frozenset[int]:
    """Tags spell the flags of England, Scotland and Wales behind a black flag; elsewhere they hide text."""
    return frozenset(index for flag in _FLAG.finditer(text) for index in range(flag.start() + 1, flag.end()))
