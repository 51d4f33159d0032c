"""A shop's orders as a spreadsheet, in the columns of Shopify's export of orders and some of our own.

One row per line.  What is said of the whole order stands in its first row only, so that a column of money can be
summed.  `Subtotal` and `Shipping` come to `Total`, with `Taxes` on top where they are not included; a discount is off
already.  Amounts are digits with a decimal point; times are the shop's own, with their distance from UTC.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Unpack
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts
from shopfloor.kernel import sheets
from shopfloor.kernel.amounts import written
from shopfloor.kernel.database import Database, Tx
from shopfloor.order_lists import export_queries, listing
from shopfloor.order_lists.export_queries import ExportedLine, ExportedOrder

# So many orders are read at once; the whole is never in memory, and no transaction waits for whoever reads slowly.
AT_ONCE: Final = 200

OF_ORDER: Final = (
    "Email", "Status", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Currency", "Subtotal",
    "Discount Amount", "Shipping", "Taxes", "Taxes Included", "Total", "Received", "Refunded Amount", "Outstanding Balance",
    "Shipping Method", "Payment Method", "Created at", "Cancelled at", "Shipping Name", "Shipping Street",
    "Shipping City", "Shipping Zip", "Shipping Province", "Shipping Country", "Shipping Phone", "Notes", "Tracking Number",
    "Show Id", "Id",
)  # fmt: skip
OF_LINE: Final = (
    "Lineitem quantity", "Lineitem name", "Lineitem sku", "Lineitem price", "Lineitem discount", "Lineitem tax",
    "Lineitem total", "Lineitem bundle", "Lineitem ready on", "Lineitem shipped", "Lineitem returned",
)  # fmt: skip
HEADER: Final = ("Name", *OF_ORDER, *OF_LINE)


async def sheet(
    db: Database,
    *,
    shop_id: int,
    **narrowed: Unpack[listing.Narrowed],
) -> AsyncGenerator[bytes]:
    """The file in pieces, newest order first, narrowed down as the list is.  Each piece is of its own moment."""
    before, after = sheets.MARK + sheets.written([HEADER]), None
    while True:
        async with db.transaction() as tx:
            found = await listing.orders(tx, shop_id=shop_id, after=after, limit=AT_ONCE, **narrowed)
            rows = await _rows(tx, shop_id, [order.id for order in found])
        yield (before + sheets.written(rows)).encode()
        if len(found) < AT_ONCE:
            return
        before, after = "", found[-1].id


async def _rows(tx: Tx, shop_id: int, ids: Sequence[UUID]) -> list[list[object]]:
    zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
    lines: dict[UUID, list[ExportedLine]] = {}
    for line in await export_queries.lines(tx, ids=ids):
        lines.setdefault(line.order_id, []).append(line)
    rows: list[list[object]] = []
    for order in await export_queries.orders(tx, ids=ids):
        money = partial(written, currency=order.currency)
        of_order = _of_order(order, lines.get(order.id, []), zone, money)
        for turn, line in enumerate(lines.get(order.id, [])):
            about = [""] * len(OF_ORDER) if turn else of_order
            rows.append([f"#{order.number}", *about, *_of_line(line, money)])
    return rows


def _of_order(
    order: ExportedOrder, lines: Sequence[ExportedLine], zone: ZoneInfo, money: Callable[[int], str]
) -> list[object]:
    def at(moment: datetime | None) -> str:
        return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")

    address = order.address or {}
    included = all(line.tax_included for line in lines)
    tax_of_shipping = order.tax_minor - sum(line.tax_minor for line in lines)
    is_open = order.status != "cancelled"
    return [
        sheets.guarded(order.contact_email),
        order.status,
        order.payment_status,
        at(order.paid_at),
        order.fulfilment_status,
        at(order.shipped_at),
        order.currency,
        money(sum(line.listed_minor for line in lines)),
        money(sum(line.discount_minor for line in lines)),
        money(order.shipping_minor if included else order.shipping_minor - tax_of_shipping),
        money(order.tax_minor),
        "yes" if included else "no",
        money(order.total_minor),
        money(order.charged_minor),
        money(order.refunded_minor),
        money(max(0, order.total_minor - order.charged_minor) if is_open else 0),
        sheets.guarded(order.shipping_name or order.delivery),
        sheets.guarded(order.method),
        at(order.placed_at),
        at(order.cancelled_at),
        sheets.guarded(order.contact_name),
        *(
            sheets.guarded(str(address.get(part) or ""))
            for part in ("street", "city", "postcode", "region", "country")
        ),
        sheets.guarded(order.contact_phone),
        sheets.guarded(order.note),
        sheets.guarded(order.tracking),
        order.show_id,
        str(order.id),
    ]


def _of_line(line: ExportedLine, money: Callable[[int], str]) -> list[object]:
    name = " - ".join([line.title, *([" / ".join(line.options)] if line.options else [])])
    return [
        line.quantity,
        sheets.guarded(name),
        sheets.guarded(line.sku),
        money(line.unit_price_minor),
        money(line.discount_minor),
        money(line.tax_minor),
        money(line.listed_minor),
        sheets.guarded(line.bundle or ""),
        None if line.ready_on is None else line.ready_on.isoformat(),
        line.shipped_quantity,
        line.returned_quantity,
    ]
