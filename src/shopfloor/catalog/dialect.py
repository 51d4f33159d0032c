"""Which kind of CSV a file is, and its rows: encoding, separator, quotes.  No database here.

Spreadsheets and shop programs write comma, semicolon or tab files, with a byte order mark or two, in UTF-8, UTF-16 or
GB18030, some with a line `sep=;` or empty rows before the header.  All are read.  Quotes are strict: a cell that a missing or
stray quotation mark would tear is a fault with its row, never a guess, because a guess merges products.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import IO, Final

from shopfloor.kernel.charsets import Charset, mixed_line, recognised
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass

MAX_CSV_BYTES: Final = 50 * 1024 * 1024
MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 500
# The last is what a Chinese keyboard writes for the first.
SEPARATORS: Final = (",", ";", "\t", "|", "\uff0c")

_SEPARATOR_LINE: Final = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
_HANDLE: Final = re.compile(r"[\w][\w.-]*")
# Characters that can't be seen, which copying from pages and documents leaves behind.
UNSEEN: Final = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff"
# A row with nothing in it, as spreadsheets leave them above a table; so many are passed over.
_EMPTY: Final = re.compile(rf'[\s{UNSEEN},;|\uff0c"]+')
_MOST_EMPTY: Final = 100
_NO_TEXT: Final = "The file is not text in UTF-8, UTF-16 or GB18030; save it as 'CSV UTF-8'."


class SheetUnreadable(Invalid):
    """The file is not a product CSV that can be read.  `why` is empty, encoding, mixed, quotes, column, twice, cells or zip."""

    code = "catalog.sheet_unreadable"


class SheetTooLarge(Invalid):
    """The file is too large: 50 MB at most."""

    code = "catalog.sheet_too_large"


@dataclass(frozen=True, slots=True)
class Torn:
    """A row that cannot be read: the code of what is wrong, a sentence, and its handle as far as it can be seen."""

    code: str
    message: str
    handle: str = ""


class _Capped(io.RawIOBase):
    """The stream, until it has given more than a file may have."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._left = MAX_CSV_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise SheetTooLarge(largest=MAX_CSV_BYTES)
        buffer[: len(data)] = data
        return len(data)


class Rows:
    """An open file: `header`, `separator`, then `rows()`.  Raises SheetUnreadable, SheetTooLarge."""

    header: list[str]
    separator: str

    def __init__(self, stream: IO[bytes], charset: Charset) -> None:
        self._text = _text(stream, charset)
        self._header_row = 1
        first = self._first()
        named = _SEPARATOR_LINE.fullmatch(first.rstrip("\r\n"))
        if named is not None:
            first = self._first()
        # A file that was changed since may have another one than its first line says.
        self.separator = named[1] if named is not None and named[1] in first else _separator(first)
        self._opening: str | None = None
        self._reader = csv.reader(self._lines(first), delimiter=self.separator, strict=True)
        try:
            header = next(self._reader, None)
        except csv.Error as problem:
            raise SheetUnreadable(f"The header cannot be read: {problem}.", why="quotes") from None
        if not header or not any(header) or len(header) > MAX_COLUMNS:
            raise SheetUnreadable("The file is empty or has no header row.", why="empty")
        if not all(is_text(cell) for cell in header):
            raise SheetUnreadable(_NO_TEXT, why="encoding")
        if len(header) == 1 and any(each in header[0] for each in SEPARATORS):
            message = (
                "Each row stands in quotation marks as one cell: split the cells, and save the file again."
            )
            raise SheetUnreadable(message, why="cells")
        self.header = header

    def _lines(self, first: str) -> Iterator[str]:
        """The lines of the file; the first one of a row is remembered until the row is read."""
        for line in chain((first,), self._text):
            if self._opening is None:
                self._opening = line
            yield line

    def _first(self) -> str:
        """The next line with anything in it."""
        try:
            for _ in range(_MOST_EMPTY):
                line = self._text.readline()
                if not _EMPTY.fullmatch(line):
                    return line
                self._header_row += 1
        except UnicodeError:
            raise SheetUnreadable(_NO_TEXT, why="encoding") from None
        return ""

    def rows(self, handle_at: int) -> Iterator[tuple[int, list[str] | Torn]]:
        """Rows with their number, as a spreadsheet counts them, empty ones too.  `handle_at`: the handle's column."""
        row = self._header_row
        while True:
            row += 1
            line = self._reader.line_num + 1
            self._opening = None
            try:
                cells = next(self._reader, None)
            except csv.Error as problem:
                yield row, replace(self._torn(str(problem), line), handle=self._handle(handle_at))
                continue
            except UnicodeError:
                yield row, Torn("catalog.csv_encoding", "The rest of the file is not text.")
                return
            if cells is None:
                return
            if row > MAX_ROWS + self._header_row:
                raise SheetTooLarge(f"The file has more than {MAX_ROWS} rows.", largest_rows=MAX_ROWS)
            if self._swallowed(cells, handle_at):
                message = (
                    f"A quotation mark is missing: lines {line} to {self._reader.line_num} read as one row."
                )
                yield row, Torn("catalog.csv_quote_missing", message, self._handle(handle_at))
                continue
            yield row, cells

    def _torn(self, problem: str, line: int) -> Torn:
        last = self._reader.line_num
        if "unexpected end" in problem:
            return Torn(
                "catalog.csv_quote_open",
                f"A quotation mark that opens in line {line} is never closed: lines {line} to {last} cannot be read.",
            )
        if "expected after" in problem:
            return Torn(
                "catalog.csv_quote_stray",
                "A quotation mark stands inside a quoted cell; write it twice, or leave out the quotes around the cell.",
            )
        return Torn("catalog.csv_malformed", f"The row cannot be read: {problem}.")

    def _handle(self, handle_at: int) -> str:
        cells = (self._opening or "").split(self.separator)[: handle_at + 1]
        return "" if len(cells) <= handle_at or '"' in "".join(cells) else cells[handle_at].strip().lower()

    def _swallowed(self, cells: list[str], handle_at: int) -> bool:
        """Whether a cell holds lines that are rows of this very table: a closing quotation mark was left out."""
        if len(self.header) < 3:
            return False
        for cell in cells:
            if "\n" not in cell:
                continue
            for line in cell.splitlines()[1:]:
                inner = line.split(self.separator)
                if len(inner) == len(self.header) and _HANDLE.fullmatch(inner[handle_at].strip()):
                    return True
        return False


def is_text(cell: str) -> bool:
    """No NUL, no byte that was not UTF-8."""
    if "\0" in cell:
        return False
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def charset_of(stream: IO[bytes]) -> Charset:
    """In which encoding a file is.  Reads all of it.  Raises SheetUnreadable."""
    found = recognised(stream)
    row = mixed_line(stream, found)
    if row is not None:
        raise SheetUnreadable(
            f"Row {row} is in another encoding than the rest of the file.", why="mixed", row=row
        )
    if found is None:
        raise SheetUnreadable(_NO_TEXT, why="encoding")
    return found


def _text(stream: IO[bytes], charset: Charset) -> io.TextIOWrapper:
    raw = io.BufferedReader(_Capped(stream), 65_536)
    if charset is not Charset.UTF_8:
        return io.TextIOWrapper(raw, encoding=charset, newline="")
    while raw.peek(3)[:3] == codecs.BOM_UTF8:
        raw.read(3)
    # Bytes that are not UTF-8 become lone surrogates, by which their row is found and told.
    return io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape", newline="")


def _separator(first: str) -> str:
    """The one that parts the header into most cells; a comma where none does."""
    try:
        return max(SEPARATORS, key=lambda each: len(next(csv.reader([first], delimiter=each), [])))
    except csv.Error:
        return ","
