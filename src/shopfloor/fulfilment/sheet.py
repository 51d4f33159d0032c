"""Lists of parcels as CSV: for a carrier's program, and back from it with tracking numbers.  No database here.

Written in UTF-8 with a byte order mark, or GB18030, as the programs of Chinese carriers want it.  Read in either, with
comma, semicolon or tab, quoted or not; columns are found by name, in English or Chinese.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Final

from shopfloor.fulfilment.models import SheetUnreadable
from shopfloor.kernel import charsets
from shopfloor.kernel.records import dataclass

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_ROWS: Final = 20_000
ENCODINGS: Final[Mapping[str, str]] = MappingProxyType({"utf-8": "utf-8-sig", "gb18030": "gb18030"})

_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "parcel": ("parcel", "parcel number", "parcel_number", "reference", "包裹号", "包裹编号", "客户参考号"),
        "order": ("order", "order number", "order_number", "order no", "order no.", "订单号", "订单编号"),
        "tracking": (
            "tracking", "tracking number", "tracking_number", "tracking no", "tracking no.", "waybill", "waybill number",
            "运单号", "运单编号", "快递单号", "物流单号", "单号",
        ),
        "carrier": ("carrier", "courier", "shipping carrier", "快递公司", "物流公司", "承运商"),
    }
)  # fmt: skip
_FORMULA: Final = re.compile(r"[\s']*[=+\-@]|[\t\r\n]")
_WRAPPED: Final = re.compile(r'="?(.*?)"?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class OutRow:
    """A parcel as a carrier wants to know it."""

    parcel: str
    order: str
    name: str
    phone: str
    street: str
    city: str
    region: str
    postcode: str
    country: str
    units: int
    contents: str
    weight_grams: int | None
    note: str
    tracking: str
    carrier: str


@dataclass(frozen=True, slots=True)
class InRow:
    """`row`: its number in the file, the header is 1."""

    row: int
    parcel: str
    order: str
    tracking: str
    carrier: str


@dataclass(frozen=True, slots=True)
class Tracked:
    rows: list[InRow]
    empty: int
    """Rows without a tracking number."""


def written(rows: Sequence[OutRow], *, encoding: str) -> bytes:
    """`encoding`: a key of ENCODINGS.  No cell is a formula; signs that the encoding lacks become a question mark."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    names = [each.name for each in fields(OutRow)]
    writer.writerow(names)
    for row in rows:
        cells = [getattr(row, name) for name in names]
        writer.writerow(
            ["" if cell is None else cell if isinstance(cell, int) else safe(cell) for cell in cells]
        )
    return out.getvalue().encode(ENCODINGS[encoding], errors="replace")


def safe(cell: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def read(data: bytes) -> Tracked:
    """Raises SheetUnreadable with `why`."""
    if len(data) > MAX_BYTES:
        raise SheetUnreadable("The file is too large: 5 MB at most.", why="too_large")
    file = io.BytesIO(data)
    row = charsets.mixed_line(file, charsets.recognised(file))
    if row is not None:
        raise SheetUnreadable(f"Row {row} is in another encoding than the rest.", why="mixed", row=row)
    lines = charsets.decoded(data)
    if lines is None:
        raise SheetUnreadable("The file is not text in UTF-8 or GB18030.", why="encoding")
    if not lines.strip():
        raise SheetUnreadable("The file is empty.", why="empty")
    head = lines.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(lines, newline=""), delimiter=separator, strict=True))
    except csv.Error as problem:
        raise SheetUnreadable("A quotation mark is missing or stray.", why="quotes") from problem
    while rows and not any(cell.strip() for cell in rows[0]):
        del rows[0]
    columns = _columns(rows[0])
    if len(rows) > MAX_ROWS + 1:
        raise SheetUnreadable("The file has too many rows: 20,000 at most.", why="too_many")
    found: list[InRow] = []
    empty = 0
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        values = {name: _plain(cells[at]) if at < len(cells) else "" for name, at in columns.items()}
        if not values.get("tracking"):
            empty += 1
            continue
        found.append(
            InRow(
                number,
                values.get("parcel", ""),
                values.get("order", "").removeprefix("#"),
                values["tracking"],
                values.get("carrier", ""),
            )
        )
    return Tracked(found, empty)


def _columns(header: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        name = " ".join(cell.strip().strip("\ufeff").lower().split())
        for column, names in _NAMES.items():
            if name in names:
                found.setdefault(column, at)
    if "tracking" not in found or not {"parcel", "order"} & found.keys():
        raise SheetUnreadable(
            "The file needs a column with tracking numbers and one with parcels or orders.", why="columns"
        )
    return found


def _plain(cell: str) -> str:
    """What a cell says, without the wrapping by which spreadsheets keep numbers: `="0012"` or `'0012`."""
    cell = cell.strip()
    wrapped = _WRAPPED.fullmatch(cell) if cell.startswith("=") else None
    return (wrapped[1] if wrapped is not None else cell.removeprefix("'")).strip()
