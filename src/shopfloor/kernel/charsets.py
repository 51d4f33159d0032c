"""In which encoding a file of text is, by what it holds.

A mark at its start says it.  Without one, what is UTF-8 throughout is UTF-8; what spreadsheets in China save is GB18030,
or GBK, which is a part of it.  Much else can be read as GB18030 without a fault, all Korean among it, so that alone
proves nothing: a file is taken for that only where it also reads as Chinese of today.  Most of what is not ASCII are
then the 3,755 common characters of GB/T 2312 level 1 and punctuation; and of any few words some characters stand beyond
the places that EUC-KR has for Hangul.
"""

import codecs
import io
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import IO, Final

_AT_ONCE: Final = 1 << 20
# So many characters decide.
_LOOKED_AT: Final = 20_000
# Of so many Chinese characters some are never among those that could be Hangul: two in three are, on average.
_FEWEST_HANGUL: Final = 16
_ASCII: Final = re.compile("[\x00-\x7f]+")
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")
_BROKEN: Final = re.compile("[\udc80-\udcff]")

# Lead bytes of the two-byte codes of GB18030 whose second is above A0.
_PUNCTUATION: Final = frozenset({0xA1, 0xA3})
_COMMON: Final = range(0xB0, 0xD8)
_HANGUL: Final = range(0xB0, 0xC9)
_SECOND: Final = 0xA1


class Charset(StrEnum):
    """As people write it; Python knows each by this name."""

    UTF_8 = "UTF-8"
    UTF_16 = "UTF-16"
    UTF_16_LE = "UTF-16LE"
    UTF_16_BE = "UTF-16BE"
    GB18030 = "GB18030"


_MARKS: Final = (
    (codecs.BOM_UTF8, Charset.UTF_8),
    (codecs.BOM_UTF16_LE, Charset.UTF_16),
    (codecs.BOM_UTF16_BE, Charset.UTF_16),
    ("\ufeff".encode("gb18030"), Charset.GB18030),
)


def recognised(stream: IO[bytes]) -> Charset | None:
    """The encoding of what is left of a stream, which then stands where it stood; None where it is none of these.

    A file that has more of UTF-8 than of broken bytes is UTF-8 that was damaged.  Reads all of it, up to three times.
    """
    start = stream.tell()
    try:
        head = stream.read(4)
        for mark, charset in _MARKS:
            if head.startswith(mark):
                return charset
        # A table begins with letters that ASCII has: with NUL before or behind each they are UTF-16 without its mark.
        match [byte == 0 for byte in head[:2]]:
            case [False, True]:
                return Charset.UTF_16_LE
            case [True, False]:
                return Charset.UTF_16_BE
            case _:
                pass
        stream.seek(start)
        real, broken = _counted(stream)
        if not broken:
            return Charset.UTF_8
        stream.seek(start)
        if _reads_as_chinese(stream):
            return Charset.GB18030
        return Charset.UTF_8 if real > broken else None
    finally:
        stream.seek(start)


def mixed_line(stream: IO[bytes], charset: Charset | None) -> int | None:
    """The first line that is in another encoding than most of a file that was `recognised` as this; None where all are in one.

    Whoever puts lines of two programs into one file gets lines of UTF-8 among lines of GB18030, which can be read as
    GB18030 throughout, as other words.  The stream then stands where it stood.
    """
    if charset not in {None, Charset.GB18030}:
        return None
    start = stream.tell()
    seen: dict[Charset, list[int]] = {Charset.UTF_8: [], Charset.GB18030: []}
    try:
        for number, line in enumerate(stream, 1):
            if line.isascii():
                continue
            try:
                # Two characters of GB18030 are now and then one or two of UTF-8, but never Chinese ones.
                kind = Charset.UTF_8 if len(_CHINESE.findall(line.decode())) > 1 else None
            except UnicodeDecodeError:
                kind = Charset.GB18030
            if kind is not None:
                seen[kind].append(number)
    finally:
        stream.seek(start)
    rarer, other = sorted(seen.values(), key=len)
    return rarer[0] if rarer and other else None


def decoded(data: bytes) -> str | None:
    """The text of a file; None where it is no text, or in no encoding that is known here."""
    charset = recognised(io.BytesIO(data))
    if charset is None:
        return None
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.removeprefix("\ufeff")


def _pieces(stream: IO[bytes], charset: Charset, errors: str) -> Iterator[str]:
    """Raises UnicodeDecodeError where `errors` is strict; a character that the end of the stream cuts counts for nothing."""
    decoder = codecs.getincrementaldecoder(charset)(errors)
    while data := stream.read(_AT_ONCE):
        yield decoder.decode(data)


def _counted(stream: IO[bytes]) -> tuple[int, int]:
    """How many characters beyond ASCII there are, and how many bytes that are no UTF-8."""
    real = broken = 0
    for piece in _pieces(stream, Charset.UTF_8, "surrogateescape"):
        if piece.isascii():
            continue
        beyond = _ASCII.sub("", piece)
        torn = len(_BROKEN.findall(beyond))
        real, broken = real + len(beyond) - torn, broken + torn
    return real, broken


def _reads_as_chinese(stream: IO[bytes]) -> bool:
    seen = ""
    try:
        for piece in _pieces(stream, Charset.GB18030, "strict"):
            if len(seen) < _LOOKED_AT:
                seen += _ASCII.sub("", piece)
    except UnicodeDecodeError:
        return False
    codes = [each.encode("gb18030") for each in seen[:_LOOKED_AT]]
    leads = [code[0] for code in codes if len(code) == 2 and code[1] >= _SECOND]
    common = sum(lead in _COMMON for lead in leads)
    if common >= _FEWEST_HANGUL and common == sum(lead in _HANGUL for lead in leads):
        return False
    return common > 0 and 2 * (common + sum(lead in _PUNCTUATION for lead in leads)) > len(codes)
