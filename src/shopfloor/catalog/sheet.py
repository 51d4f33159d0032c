"""The Shopify product CSV: reading it row by row, and writing it.  No database here.

One product is a run of rows with the same handle: its first row says what the product is, every row that has
option values, a price or a SKU is a variant, every row that has a picture's address adds that picture.  Two
generations of headers are read (`Variant Price`, `Price`…).  A product whose rows have a fault is not taken at
all; each fault is told with row, column, code and message.  Rows are counted as a spreadsheet shows them: the
header is row 1.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import IO, Final, TypeVar

from shopfloor.catalog.dialect import UNSEEN, Rows, SheetUnreadable, Torn, is_text
from shopfloor.catalog.models import (
    LONGEST_DESCRIPTION,
    MAX_OPTIONS,
    MAX_VARIANTS,
    BadOptions,
    Kind,
    NewVariant,
    OptionsTaken,
    Status,
    TooManyVariants,
    checked_handle,
    checked_option_names,
    checked_option_texts,
    checked_options,
    checked_translations,
)
from shopfloor.catalog.numbers import AMOUNTS, WHOLE_NUMBERS, Numbers
from shopfloor.kernel import sheets
from shopfloor.kernel.charsets import Charset
from shopfloor.kernel.errors import Invalid, Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import line, narrow, prose

# A product with 200 variants and a few hundred pictures; a run beyond that is not a product.
MAX_ROWS_OF_ONE: Final = 1_000


class SheetIncomplete(Invalid):
    """A new product needs a title, a new variant a price."""

    code = "catalog.sheet_incomplete"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be told about one row."""

    row: int
    column: str
    code: str
    message: str
    facts: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """`price_minor` is None where the file says nothing about it."""

    row: int
    options: list[str]
    sku: str | None
    barcode: str | None
    grams: int | None
    price_minor: int | None
    compare_at_minor: int | None
    """0 where the file has the column and nothing in it."""
    units: int | None
    """What is on hand, where the file says it."""

    def as_new(self) -> NewVariant:
        """Raises SheetIncomplete without a price."""
        if self.price_minor is None:
            raise SheetIncomplete("A new variant needs a price.")
        return NewVariant(
            price_minor=self.price_minor,
            options=self.options,
            sku=self.sku or "",
            barcode=self.barcode or "",
            grams=self.grams or 0,
            compare_at_minor=self.compare_at_minor or None,
        )


@dataclass(frozen=True, slots=True)
class PictureDraft:
    row: int
    url: str
    position: int
    alt: str


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product as the file has it; None where the file has no such column, or an empty first title."""

    row: int
    handle: str
    title: str | None
    titles: dict[str, str] | None
    description: str | None
    descriptions: dict[str, str] | None
    vendor: str | None
    product_type: str | None
    tags: list[str] | None
    kind: Kind | None
    status: Status | None
    option_names: list[str]
    option_texts: dict[str, dict[str, str]] | None
    variants: list[VariantDraft]
    pictures: list[PictureDraft]
    notes: list[Remark]


@dataclass(frozen=True, slots=True)
class Broken:
    """A product, or a row that belongs to none, that is not taken, and why."""

    faults: list[Remark]


_ALIASES: Final = {
    "url handle": "handle",
    "description": "body (html)",
    "body html": "body (html)",
    "product type": "type",
    "published on online store": "published",
    "sku": "variant sku",
    "barcode": "variant barcode",
    "weight value (grams)": "variant grams",
    "price": "variant price",
    "compare-at price": "variant compare at price",
    "compare at price": "variant compare at price",
    "inventory quantity": "variant inventory qty",
    "product image url": "image src",
    "image url": "image src",
}
_READ: Final = frozenset({
    "handle", "title", "body (html)", "vendor", "type", "tags", "published", "status", "kind",
    "option1 name", "option1 value", "option2 name", "option2 value", "option3 name", "option3 value",
    "variant sku", "variant barcode", "variant grams", "variant price", "variant compare at price",
    "variant inventory qty",
    "image src", "image position", "image alt text",
})  # fmt: skip
_OF_A_VARIANT: Final = ("option1 value", "option2 value", "option3 value", "variant price", "variant sku")
_TRANSLATION: Final = re.compile(r"(title|body \(html\)|option[1-3] (?:name|value)) \[([A-Za-z_]{2,11})\]")
_OPTION_TRANSLATION: Final = re.compile(r"option[1-3] (?:name|value) \[(\w+)\]")
_UNSEEN: Final = re.compile(f"[{UNSEEN}]")
_TEXT_FORMULA: Final = re.compile(r'="([^"]*)"')
_SCIENTIFIC: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]{1,2}", re.IGNORECASE)
# What a spreadsheet shows in place of what it can't work out, or has no room for.
_ERROR: Final = re.compile(
    r"#(?:N/?A|NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|#{2,})", re.IGNORECASE
)
_CODES: Final = ("variant sku", "variant barcode")
# 12-Mar, Mar-24, 05.Mrz, 3月5日, 2024/3/5 and 3/5/2024: a code such as MAR12 or 3-5 that was taken for a date.
_MONTHS: Final = "jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez"
_DATE: Final = re.compile(
    rf"[0-9]{{1,2}}[-. ](?:{_MONTHS})(?:[-. ](?:[0-9]{{2}}){{1,2}})?|(?:{_MONTHS})[-. ](?:[0-9]{{2}}){{1,2}}"
    r"|(?:[0-9]{4}年)?[0-9]{1,2}月(?:[0-9]{1,2}日)?|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}",
    re.IGNORECASE,
)
# Digits that were taken for a number and grouped for reading.
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3}){2,}|[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_WITH_DECIMALS: Final = re.compile(r"([0-9]{6,})[.,]0+")
_LENGTHS_OF_GTIN: Final = (8, 12, 13, 14)
_UPC: Final = 12
_MOST_DIGITS: Final = 15
# The mark by which spreadsheets keep a number as text.
_APOSTROPHE: Final = re.compile(r"['\u2018\u2019](?=[0-9])")
# A picture in the ZIP beside the file; anything with a scheme is no name.
_FILE_NAME: Final = re.compile(r"[^:\\]+\.(?:jpe?g|png|webp|gif|avif)", re.IGNORECASE)
_POSITION: Final = re.compile(r"[1-9][0-9]{0,5}")

Value = TypeVar("Value")


class Sheet:
    """An open file: its header is read, its rows come one by one.

    Raises SheetUnreadable where there is no usable header, SheetTooLarge when it turns out too long.
    """

    def __init__(self, stream: IO[bytes], charset: Charset) -> None:
        self._rows = Rows(stream, charset)
        self.rows_read = 0
        self._header = [_column(cell) for cell in self._rows.header]
        if "handle" not in self._header:
            message = "The file has no column 'Handle' (or 'URL handle')."
            raise SheetUnreadable(message, why="column", column="Handle")
        twice = sorted({name for name in self._header if name in _READ and self._header.count(name) > 1})
        if twice:
            message = f"The file has the column '{twice[0]}' twice."
            raise SheetUnreadable(message, why="twice", column=twice[0])
        self.ignored_columns = [
            cell.strip()[:100]
            for cell, name in zip(self._rows.header, self._header, strict=True)
            if name and name not in _READ and _TRANSLATION.fullmatch(name) is None
        ]

    @property
    def separator(self) -> str:
        return self._rows.separator

    @property
    def has_stock(self) -> bool:
        return "variant inventory qty" in self._header

    def records(self) -> Iterator[tuple[int, str, dict[str, str] | Remark]]:
        """Rows with number and handle, as cells by column; one that cannot be read comes as a Remark."""
        for row, cells in self._rows.rows(self._header.index("handle")):
            if isinstance(cells, Torn):
                self.rows_read += 1
                yield row, cells.handle, Remark(row, "", cells.code, cells.message)
            elif any(cell.strip() for cell in cells):
                self.rows_read += 1
                yield row, self._handle(cells), self._record(row, cells)

    def _handle(self, cells: list[str]) -> str:
        """As far as it can be read: '' otherwise."""
        at = self._header.index("handle")
        return _plain(cells[at]).lower() if at < len(cells) and is_text(cells[at]) else ""

    def _record(self, row: int, cells: list[str]) -> dict[str, str] | Remark:
        if len(cells) > len(self._header):
            message = "The row has more cells than the header."
            return Remark(row, "", "catalog.csv_too_many_cells", message)
        for name, cell in zip(self._header, cells, strict=False):
            if not is_text(cell):
                return Remark(row, name, "catalog.csv_encoding", "The cell is not text in UTF-8.")
            if name in _READ and name not in _CODES and _ERROR.fullmatch(cell.strip()):
                message = f"A spreadsheet wrote {cell.strip()[:40]}, which is an error and no value."
                return Remark(row, name, "catalog.csv_cell_error", message, {"given": cell.strip()[:40]})
        values = [_plain(cell) for cell in cells]
        record = dict(zip(self._header, values + [""] * (len(self._header) - len(values)), strict=True))
        for column in (*AMOUNTS, *WHOLE_NUMBERS):
            if column in record:
                record[column] = _APOSTROPHE.sub("", record[column], count=1)
        return record


def _column(cell: str) -> str:
    """The name a column has here, whatever generation of header the file has."""
    name = " ".join(narrow(_UNSEEN.sub("", cell)).lower().split())
    found = _TRANSLATION.fullmatch(name)
    if found is not None:
        return f"{_ALIASES.get(found[1], found[1])} [{_locale(found[2])}]"
    return _ALIASES.get(name, name)


def drafts(sheet: Sheet, numbers: Numbers) -> Iterator[ProductDraft | Broken]:
    """The products of the file in order, each with all its rows, or why it is not taken."""
    seen: set[str] = set()
    for group in _groups(sheet.records()):
        if group.handle and group.handle in seen:
            group.faults.append(
                Remark(
                    group.row,
                    "handle",
                    "catalog.csv_handle_repeated",
                    "The handle stood further up already; the rows of one product follow each other.",
                )
            )
        seen.add(group.handle)
        draft = None if group.faults else _Parser(numbers, group.faults).product(group.records)
        yield Broken(group.faults) if draft is None else draft


@dataclass(slots=True)
class _Group:
    """`handle` is empty for rows that belong to no product."""

    row: int
    handle: str
    records: list[tuple[int, dict[str, str]]]
    faults: list[Remark]


def _groups(records: Iterable[tuple[int, str, dict[str, str] | Remark]]) -> Iterator[_Group]:
    """Runs of one handle.  A row whose handle cannot be read spoils the product before it, which it may be of."""
    group: _Group | None = None
    for row, handle, record in records:
        if isinstance(record, Remark) and not handle and group is not None:
            group.faults.append(record)
            continue
        if group is not None and group.handle != handle:
            yield group
            group = None
        if group is None:
            group = _Group(row, handle, [], [])
        if isinstance(record, Remark):
            group.faults.append(record)
        elif not handle:
            group.faults.append(Remark(row, "handle", "catalog.csv_no_handle", "The row has no handle."))
        elif len(group.records) == MAX_ROWS_OF_ONE:
            group.faults.append(
                Remark(row, "handle", "catalog.csv_too_many_rows", "The product has too many rows.")
            )
        elif not group.faults:
            group.records.append((row, record))
    if group is not None:
        yield group


class _Parser:
    """Turns the rows of one product into a draft, collecting every fault on the way."""

    def __init__(self, numbers: Numbers, faults: list[Remark]) -> None:
        self._numbers = numbers
        self._faults = faults
        self._notes: list[Remark] = []

    def product(self, records: Sequence[tuple[int, dict[str, str]]]) -> ProductDraft | None:
        """None when there were faults."""
        row, first = records[0]
        names = self._option_names(row, first)
        draft = ProductDraft(
            row=row,
            handle=self._try(row, "handle", lambda: checked_handle(first["handle"])) or "",
            title=self._line(row, first, "title", 255) or None,
            titles=self._translations(row, first, "title", 255),
            description=self._description(row, first),
            descriptions=self._translations(row, first, "body (html)", LONGEST_DESCRIPTION),
            vendor=self._line(row, first, "vendor", 255),
            product_type=self._line(row, first, "type", 255),
            tags=self._tags(row, first),
            kind=self._one_of(row, first, "kind", Kind),
            status=self._status(row, first),
            option_names=names or [],
            option_texts=self._option_texts(records) if names else None,
            variants=[] if names is None else self._variants(records, names),
            pictures=[picture for each in records if (picture := self._picture(*each)) is not None],
            notes=self._notes,
        )
        return None if self._faults else draft

    def _try(self, row: int, column: str, read: Callable[[], Value]) -> Value | None:
        """What `read` gives; None, and a fault, when it refuses."""
        try:
            return read()
        except Refusal as refusal:
            self._faults.append(Remark(row, column, refusal.code, refusal.message, refusal.facts))
            return None

    def _fault(self, row: int, column: str, code: str, message: str) -> None:
        self._faults.append(Remark(row, column, code, message))

    def _line(self, row: int, record: dict[str, str], column: str, longest: int) -> str | None:
        """None where the file has no such column."""
        if column not in record:
            return None
        return self._try(row, column, lambda: line(record[column], field=column, longest=longest))

    def _description(self, row: int, record: dict[str, str]) -> str | None:
        text = record.get("body (html)")
        if text is None:
            return None
        return self._try(
            row, "body (html)", lambda: prose(text, field="body (html)", longest=LONGEST_DESCRIPTION)
        )

    def _translations(
        self, row: int, record: dict[str, str], column: str, longest: int
    ) -> dict[str, str] | None:
        texts = {
            name[len(column) + 2 : -1]: text
            for name, text in record.items()
            if name.startswith(f"{column} [") and name.endswith("]")
        }
        if not texts:
            return None
        return self._try(row, column, lambda: checked_translations(texts, field=column, longest=longest))

    def _tags(self, row: int, record: dict[str, str]) -> list[str] | None:
        text = self._line(row, record, "tags", 5_000)
        return None if text is None else [tag.strip() for tag in text.split(",") if tag.strip()]

    def _one_of(
        self, row: int, record: dict[str, str], column: str, kind: Callable[[str], Value]
    ) -> Value | None:
        text = record.get(column, "").lower()
        if not text:
            return None
        try:
            return kind(text)
        except ValueError:
            self._fault(row, column, f"catalog.csv_bad_{column}", f"'{text[:40]}' is not a {column}.")
            return None

    def _status(self, row: int, record: dict[str, str]) -> Status | None:
        """Of the two columns, `Published` FALSE keeps an active product out of the shop."""
        status = self._one_of(row, record, "status", Status)
        published = record.get("published", "").lower()
        if published not in {"", "true", "false"}:
            self._fault(row, "published", "catalog.csv_bad_published", "TRUE or FALSE is wanted.")
        if published == "false" and status in {None, Status.ACTIVE}:
            return Status.DRAFT
        return Status.ACTIVE if published == "true" and status is None else status

    def _option_names(self, row: int, record: dict[str, str]) -> list[str] | None:
        names = [record.get(f"option{n} name", "") for n in range(1, MAX_OPTIONS + 1)]
        given = [name for name in names if name]
        first_value = record.get("option1 value", "").lower()
        if [name.lower() for name in given] == ["title"] and first_value in {"", "default title"}:
            return []
        if names[: len(given)] != given:
            self._fault(row, "option1 name", BadOptions.code, "Option names are filled from the first on.")
            return None
        return self._try(row, "option1 name", lambda: checked_option_names(given))

    def _option_texts(
        self, records: Sequence[tuple[int, dict[str, str]]]
    ) -> dict[str, dict[str, str]] | None:
        """By locale what options and their values are called; '' where the cell is empty.  None without such columns."""
        row, first = records[0]
        locales = {found[1] for column in first if (found := _OPTION_TRANSLATION.fullmatch(column))}
        texts: dict[str, dict[str, str]] = {locale: {} for locale in locales}
        for turn, (_, record) in enumerate(records):
            for n in range(1, MAX_OPTIONS + 1):
                # The names stand in the first row only.
                for column in (f"option{n} value", *([] if turn else [f"option{n} name"])):
                    word = record.get(column, "")
                    for locale in locales if word else ():
                        text = record.get(f"{column} [{locale}]", "")
                        texts[locale][word] = text or texts[locale].get(word, "")
        if not texts:
            return None
        # Checked as they will be kept; what is empty takes away what was there.
        kept = {
            locale: {word: text for word, text in words.items() if text} for locale, words in texts.items()
        }
        checked = self._try(row, "option1 value", lambda: checked_option_texts(kept))
        return (
            None
            if checked is None
            else {
                locale: {**dict.fromkeys(words, ""), **checked.get(locale, {})}
                for locale, words in texts.items()
            }
        )

    def _variants(
        self, records: Sequence[tuple[int, dict[str, str]]], names: Sequence[str]
    ) -> list[VariantDraft]:
        found: list[VariantDraft] = []
        known: set[tuple[str, ...]] = set()
        for turn, (row, record) in enumerate(records):
            if turn and not any(record.get(column) for column in _OF_A_VARIANT):
                continue
            variant = self._variant(row, record, names)
            if variant is None:
                continue
            if tuple(variant.options) in known:
                message = "Another row of the product has the same options."
                self._fault(row, "option1 value", OptionsTaken.code, message)
            known.add(tuple(variant.options))
            found.append(variant)
            if len(found) == MAX_VARIANTS + 1:
                message = f"A product has at most {MAX_VARIANTS} variants."
                self._fault(row, "handle", TooManyVariants.code, message)
        return found

    def _variant(self, row: int, record: dict[str, str], names: Sequence[str]) -> VariantDraft | None:
        before = len(self._faults)
        values = [record.get(f"option{n} value", "") for n in range(1, MAX_OPTIONS + 1)]
        if not names and [value.lower() for value in values if value] == ["default title"]:
            values = [""] * MAX_OPTIONS
        if any(values[len(names) :]):
            self._fault(row, f"option{len(names) + 1} value", BadOptions.code, "The option has no name.")
        options = self._try(row, "option1 value", lambda: checked_options(values[: len(names)], names))
        price: int | None = None
        if "variant price" in record:
            text = record["variant price"]
            if text:
                price = self._price(row, "variant price", text)
            else:
                self._fault(row, "variant price", "catalog.csv_no_price", "The variant has no price.")
        variant = VariantDraft(
            row=row,
            options=options or [],
            sku=self._code(row, record, "variant sku"),
            barcode=self._code(row, record, "variant barcode"),
            grams=self._grams(row, record),
            price_minor=price,
            compare_at_minor=self._compare_at(row, record),
            units=self._units(row, record),
        )
        return variant if len(self._faults) == before else None

    def _compare_at(self, row: int, record: dict[str, str]) -> int | None:
        text = record.get("variant compare at price")
        if not text:
            return None if text is None else 0
        return self._price(row, "variant compare at price", text)

    def _price(self, row: int, column: str, text: str) -> int | None:
        return self._try(row, column, lambda: self._numbers.price(row, column, text))

    def _code(self, row: int, record: dict[str, str], column: str) -> str | None:
        """A SKU or barcode, with a note where a spreadsheet took it for a number."""
        given = self._line(row, record, column, 100)
        if not given:
            return given
        text = narrow(given).strip()
        if text != given:
            message = f"{given} has full-width characters; {text} was taken."
            self._notes.append(Remark(row, column, "catalog.csv_code_full_width", message))
        if _APOSTROPHE.match(text):
            text = text[1:]
            message = f"A spreadsheet put an apostrophe before it; {text} was taken."
            self._notes.append(Remark(row, column, "catalog.csv_code_apostrophe", message))
        if _ERROR.fullmatch(text):
            message = f"A spreadsheet wrote {text[:40]}, which is an error and no code; it was left out."
            self._notes.append(Remark(row, column, "catalog.csv_code_error", message))
            return None
        if _DATE.fullmatch(text):
            message = f"A spreadsheet may have made a date of it: {text} was taken as it is."
            self._notes.append(Remark(row, column, "catalog.csv_code_date", message))
            return text
        if column == "variant barcode" and _GROUPED.fullmatch(text):
            digits = re.sub(r"[.,]", "", text)
            message = f"A spreadsheet grouped its digits as {text}; {digits} was taken."
            self._notes.append(Remark(row, column, "catalog.csv_code_grouped", message))
            text = digits
        found = _WITH_DECIMALS.fullmatch(text)
        if found is not None:
            message = f"A spreadsheet wrote it as {text}; {found[1]} was taken."
            self._notes.append(Remark(row, column, "catalog.csv_code_with_decimals", message))
            return found[1]
        if _SCIENTIFIC.fullmatch(text) and (column == "variant barcode" or not text.isalnum()):
            message = f"A spreadsheet wrote it as {text}: its digits are lost, and it was left out."
            self._notes.append(Remark(row, column, "catalog.csv_code_lost", message))
            return None
        if (
            len(text) > _MOST_DIGITS
            and text.isascii()
            and text.isdigit()
            and not text[_MOST_DIGITS:].strip("0")
        ):
            message = f"A spreadsheet keeps fifteen digits; check the zeros at the end of {text}."
            self._notes.append(Remark(row, column, "catalog.csv_code_rounded", message))
        if (
            column == "variant barcode"
            and len(text) in _LENGTHS_OF_GTIN
            and text.isascii()
            and text.isdigit()
            and not _is_gtin(text)
        ):
            message = f"The check digit of {text} is wrong; it was taken as it is."
            self._notes.append(Remark(row, column, "catalog.csv_code_check_digit", message))
        if column == "variant barcode" and _lost_zeros(text):
            message = (
                f"A spreadsheet seems to have taken zeros from the front of {text}; it was taken as it is."
            )
            self._notes.append(Remark(row, column, "catalog.csv_code_shortened", message))
        return text

    def _units(self, row: int, record: dict[str, str]) -> int | None:
        """Units on hand.  Some shops count below zero for what they oversold: nothing is there then."""
        text = record.get("variant inventory qty", "")
        if not text:
            return None
        column = "variant inventory qty"
        units = self._try(row, column, lambda: self._numbers.units(row, column, text))
        if units is not None and units < 0:
            message = f"{units} units on hand were taken as 0."
            self._notes.append(Remark(row, column, "catalog.csv_stock_below_zero", message))
            return 0
        return units

    def _grams(self, row: int, record: dict[str, str]) -> int | None:
        text = record.get("variant grams", "")
        if not text:
            return None
        return self._try(row, "variant grams", lambda: self._numbers.grams(row, "variant grams", text))

    def _picture(self, row: int, record: dict[str, str]) -> PictureDraft | None:
        url = record.get("image src", "")
        if not url:
            return None
        is_address = url.lower().startswith(("http://", "https://"))
        if not (is_address or _FILE_NAME.fullmatch(url)) or len(url) > 2_000 or not url.isprintable():
            self._fault(row, "image src", "catalog.csv_bad_address", "An address starts with https://.")
            return None
        text = record.get("image position", "")
        position = int(text) if _POSITION.fullmatch(text) else row
        return PictureDraft(row, url, position, self._line(row, record, "image alt text", 500) or "")


def _plain(cell: str) -> str:
    """What a cell says, without the wrapping by which spreadsheets keep text: `="0012"` or `'=1`."""
    cell = cell.strip()
    found = _TEXT_FORMULA.fullmatch(cell)
    return found[1] if found is not None else sheets.unguarded(cell)


def written(rows: Iterable[Sequence[str]]) -> str:
    """The text of the file, no cell a formula."""
    return sheets.written([sheets.guarded(cell) for cell in row] for row in rows)


def twelve_digits(found: Sequence[tuple[int, str]]) -> Remark | None:
    """One note for a file: `found` are rows with barcodes.  A valid UPC of 12 digits is an EAN with a zero before it, too."""
    twelve = [(row, text) for row, text in found if len(text) == _UPC and _is_gtin(text)]
    if not twelve:
        return None
    row, first = twelve[0]
    message = (
        f"{len(twelve)} barcodes have 12 digits and were taken as UPC, {first} first. Is one an EAN of 13 digits, "
        "then a spreadsheet took the zero from its front."
    )
    facts: dict[str, object] = {"count": len(twelve), "first": first}
    return Remark(row, "variant barcode", "catalog.csv_code_twelve_digits", message, facts)


def barcode_of(record: dict[str, str]) -> str:
    """The digits of the barcode in a row; '' where it is none of digits."""
    text = _APOSTROPHE.sub("", narrow(record.get("variant barcode", "")).strip(), count=1)
    return text if text.isascii() and text.isdigit() else ""


def _lost_zeros(barcode: str) -> bool:
    """Whether it is a GTIN only with zeros put before it."""
    if not barcode.isascii() or not barcode.isdigit() or len(barcode) in _LENGTHS_OF_GTIN or len(barcode) < 6:
        return False
    longer = [length for length in _LENGTHS_OF_GTIN if length > len(barcode)]
    return bool(longer) and _is_gtin(barcode.zfill(longer[0]))


def _is_gtin(digits: str) -> bool:
    """The check digit of GS1: weights 3 and 1 from the right, the sum a multiple of ten."""
    return sum(int(each) * (3 if turn % 2 else 1) for turn, each in enumerate(reversed(digits))) % 10 == 0


def _locale(text: str) -> str:
    """Column names were lowered to compare them; a locale is written zh_CN."""
    language, _, country = text.partition("_")
    return f"{language.lower()}_{country.upper()}" if country else language.lower()
