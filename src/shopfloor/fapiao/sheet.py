"""The list of what is to be issued as CSV, and back with numbers.

One row for each fapiao, a red one too, headed in both languages.  Read in UTF-8 or GB18030, with comma, semicolon or tab;
columns are found by name.
"""

import csv
import io
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts, orders, pricing
from shopfloor.fapiao import looking, queries, service
from shopfloor.fapiao.models import (
    MAX_SHEET_BYTES,
    MOST_ROWS,
    BadDate,
    NotRequested,
    PaperKind,
    Request,
    Settings,
    SheetUnreadable,
    State,
)
from shopfloor.kernel import charsets, sheets
from shopfloor.kernel.amounts import written
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import whole_number

AT_ONCE: Final = 200
HEADER: Final = (
    "Id", "Order 订单号", "Type 类型", "Title kind 抬头类型", "Title 发票抬头", "Tax id 税号", "Email 邮箱",
    "Goods 商品名称", "Goods code 税收分类编码", "Items 商品明细", "Amount 金额", "Tax 税额", "Currency 币种",
    "Red of 对应蓝票号码", "Note 备注", "Requested at 申请时间", "Paid 已付款", "State 状态", "Number 发票号码", "Issued on 开票日期",
)  # fmt: skip
_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "id": ("id", "编号"),
        "order": ("order", "order number", "订单号", "订单编号"),
        "number": ("number", "fapiao number", "发票号码", "发票号", "数电票号码"),
        "issued_on": ("issued on", "issued_on", "date", "开票日期", "开票时间"),
        "amount": ("amount", "价税合计", "金额"),
        "type": ("type", "类型"),
    }
)
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T].*)?")
_LATIN: Final = re.compile(r"^[\x20-\x7e]+")


async def written_out(db: Database, *, shop_id: int, state: str | None = None) -> AsyncGenerator[bytes]:
    """The file in pieces, newest request first; `state` as in the list."""
    before, after = sheets.MARK + sheets.written([HEADER]), None
    while True:
        async with db.transaction() as tx:
            found = await looking.listing(tx, shop_id=shop_id, state=state, after=after, limit=AT_ONCE)
            rows = await _rows(tx, shop_id, found)
        yield (before + sheets.written(rows)).encode()
        if len(found) < AT_ONCE:
            return
        before, after = "", found[-1].id


async def _rows(tx: Tx, shop_id: int, found: Sequence[Request]) -> list[list[object]]:
    zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
    known = await looking.settings(tx, shop_id=shop_id)
    rows: list[list[object]] = []
    for each in found:
        view = await orders.order(tx, shop_id=shop_id, order_id=each.order_id)
        rows += _rows_of(each, view, known, zone)
    return rows


def _rows_of(each: Request, view: orders.OrderView, known: Settings, zone: ZoneInfo) -> list[list[object]]:
    items = "; ".join(f"{line.title} × {line.quantity}" for line in view.lines)
    asked = each.asked_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")
    whole = view.order.total_minor

    def row(
        key: UUID, kind: PaperKind, amount: int, number: str | None, issued_on: date | None, edition: int = 0
    ) -> list[object]:
        blue = each.blue_of(edition)
        red = kind is PaperKind.RED
        tax = pricing.of_units(view.order.tax_minor, whole, amount) if whole else 0
        sign = -1 if red else 1
        return [
            str(key), f"#{each.order_number}", kind.value, each.kind.value, sheets.guarded(each.title),
            sheets.guarded(each.tax_id), sheets.guarded(each.email), sheets.guarded(known.goods_name),
            # As text: twenty digits are no number to a spreadsheet.
            _kept(known.goods_code), sheets.guarded(items), written(sign * amount, each.currency),
            written(sign * tax, each.currency), each.currency, _kept(blue.number or "") if red and blue else "",
            sheets.guarded(each.note), asked, "yes" if each.is_paid or blue else "no", each.state.value,
            _kept(number or ""), "" if issued_on is None else issued_on.isoformat(),
        ]  # fmt: skip

    rows = [
        row(
            paper.id if paper.kind is PaperKind.RED else each.id,
            paper.kind, paper.amount_minor, paper.number, paper.issued_on, paper.edition,
        )
        for paper in each.papers
    ]  # fmt: skip
    if each.blue is None and each.state is not State.WITHDRAWN:
        rows.append(row(each.id, PaperKind.BLUE, each.amount_minor, None, None))
    return rows


def _kept(digits: str) -> str:
    """Digits that a spreadsheet leaves as they are."""
    return f'="{digits}"' if digits else ""


@dataclass(frozen=True, slots=True)
class InRow:
    """`row`: its number in the file; the header is 1.  `order`: None where only the id says which it is."""

    row: int
    id: UUID | None
    order: int | None
    red: bool
    number: str
    issued_on: str
    amount: str


@dataclass(frozen=True, slots=True)
class Imported:
    recorded: int
    unchanged: int
    refused: list[tuple[int, Refusal]]


def read(data: bytes) -> list[InRow]:
    """The rows that have a number.  Raises SheetUnreadable with `why`."""
    if len(data) > MAX_SHEET_BYTES:
        raise SheetUnreadable(why="too_large")
    file = io.BytesIO(data)
    row = charsets.mixed_line(file, charsets.recognised(file))
    if row is not None:
        raise SheetUnreadable(f"Row {row} is in another encoding than the rest.", why="mixed", row=row)
    lines = charsets.decoded(data)
    if lines is None:
        raise SheetUnreadable(why="encoding")
    if not lines.strip():
        raise SheetUnreadable(why="empty")
    head = lines.lstrip("\r\n").split("\n", 1)[0]
    try:
        rows = list(
            csv.reader(io.StringIO(lines, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
        )
    except csv.Error as problem:
        raise SheetUnreadable(why="quotes") from problem
    while rows and not any(cell.strip() for cell in rows[0]):
        del rows[0]
    if len(rows) > MOST_ROWS + 1:
        raise SheetUnreadable(why="too_many")
    columns = _columns(rows[0])
    found: list[InRow] = []
    for at, cells in enumerate(rows[1:], start=2):
        named = {
            name: _plain(cells[column]) if column < len(cells) else "" for name, column in columns.items()
        }
        if not named["number"]:
            continue
        order = named.get("order", "").removeprefix("#")
        found.append(
            InRow(
                at,
                _uuid(named.get("id", "")),
                whole_number(order),
                named.get("type", "").lower() in {"red", "红", "红字", "红票"},
                named["number"],
                named["issued_on"],
                named.get("amount", ""),
            )
        )
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _columns(header: Sequence[str]) -> dict[str, int]:
    """By the whole name of a column, or the English or Chinese half of one of ours."""
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        name = " ".join(cell.strip().strip("\ufeff").lower().split())
        english = _LATIN.match(name)
        halves = {name, english[0].strip() if english else name, _LATIN.sub("", name).strip()}
        for column, names in _NAMES.items():
            if halves & set(names):
                found.setdefault(column, at)
    if not {"number", "issued_on"} <= found.keys() or not {"id", "order"} & found.keys():
        raise SheetUnreadable(why="columns")
    return found


def _plain(cell: str) -> str:
    """Without the wrapping by which spreadsheets keep digits: `="0012"` or `'0012`."""
    cell = cell.strip()
    if cell.startswith('="') and cell.endswith('"'):
        return cell[2:-1].strip()
    return sheets.unguarded(cell).removeprefix("'").strip()


async def take_in(db: Database, *, shop_id: int, data: bytes, actor: str) -> Imported:
    """Numbers and dates back, each row in a transaction of its own: one that is wrong keeps back no other."""
    rows = read(data)
    async with db.transaction() as tx:
        known = await queries.ids_of_orders(
            tx, shop_id=shop_id, numbers=[row.order for row in rows if row.order is not None]
        )
    recorded = unchanged = 0
    refused: list[tuple[int, Refusal]] = []
    for row in rows:
        try:
            async with db.transaction() as tx:
                if await _take_row(tx, shop_id, row, known, actor):
                    recorded += 1
                else:
                    unchanged += 1
        except Refusal as refusal:
            refused.append((row.row, refusal))
    return Imported(recorded, unchanged, refused)


async def _take_row(tx: Tx, shop_id: int, row: InRow, known: Mapping[int, UUID], actor: str) -> bool:
    """Whether it said anything new."""
    day = _day(row.issued_on)
    if row.red:
        if row.id is None:
            raise NotRequested(row=row.row)
        request_id = await queries.request_of_paper(tx, shop_id=shop_id, paper_id=row.id)
        before = None if request_id is None else await looking.get(tx, shop_id=shop_id, request_id=request_id)
        after = await service.issue_red(
            tx, shop_id=shop_id, paper_id=row.id, number=row.number, issued_on=day, actor=actor
        )
        return before is None or before.papers != after.papers
    request_id = row.id or known.get(row.order or 0)
    if request_id is None:
        raise NotRequested(row=row.row)
    before = await looking.get(tx, shop_id=shop_id, request_id=request_id)
    after = await service.issue(
        tx,
        shop_id=shop_id,
        request_id=request_id,
        number=row.number,
        issued_on=day,
        amount_minor=_minor(row.amount, before.currency),
        actor=actor,
    )
    return before.papers != after.papers


def _day(text: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        return date(*(int(part) for part in found.groups())) if found else date.fromisoformat(text[:10])
    except ValueError:
        raise BadDate(issued_on=text[:40]) from None


def _minor(text: str, currency: str) -> int | None:
    """As the export writes it; None where the cell is empty or no such amount, and the order's own is meant."""
    decimals = DECIMALS[currency]
    found = re.fullmatch(r"(\d{1,13})(?:\.(\d+))?", text.replace(",", ""), re.ASCII)
    if found is None:
        return None
    part = (found[2] or "").rstrip("0")
    return None if len(part) > decimals else int(found[1] + part.ljust(decimals, "0"))
