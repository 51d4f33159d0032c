"""A purchase order as a spreadsheet: CSV with one row per line, which any program opens.

Numbers are numbers and days are ISO days.  Text that a spreadsheet would run as a formula gets an apostrophe.
"""

from uuid import UUID

from shopfloor import catalog
from shopfloor.kernel import sheets
from shopfloor.kernel.amounts import written as written_amount
from shopfloor.kernel.database import Tx
from shopfloor.supply.models import PurchaseOrder, Supplier
from shopfloor.supply.purchasing import purchase_order
from shopfloor.supply.suppliers import supplier

COLUMNS = (
    "order", "supplier", "line", "sku", "product", "options", "quantity", "unit_price", "line_total", "currency",
    "expected_on", "confirmed", "ready_on", "received",
)  # fmt: skip


async def export_csv(tx: Tx, *, shop_id: int, purchase_order_id: UUID) -> str:
    """Raises UnknownPurchaseOrder."""
    order = await purchase_order(tx, shop_id=shop_id, purchase_order_id=purchase_order_id)
    maker = await supplier(tx, shop_id=shop_id, supplier_id=order.supplier_id)
    ids = [line.variant_id for line in order.lines]
    variants = {each.id: each for each in await catalog.variants(tx, shop_id=shop_id, ids=ids)}
    products = await catalog.products_by_id(
        tx, shop_id=shop_id, ids=sorted({line.product_id for line in order.lines})
    )
    return written(order, maker, variants, products)


def written(
    order: PurchaseOrder,
    maker: Supplier,
    variants: dict[int, catalog.Variant],
    products: dict[int, catalog.Product],
) -> str:
    rows = [
        [
            order.number,
            sheets.guarded(maker.name),
            at,
            sheets.guarded("" if variant is None else variant.sku),
            sheets.guarded("" if product is None else product.title),
            sheets.guarded("" if variant is None else " / ".join(variant.options)),
            line.quantity,
            written_amount(line.unit_minor, order.currency),
            written_amount(line.unit_minor * line.quantity, order.currency),
            order.currency,
            line.expected_on.isoformat(),
            line.confirmed,
            None if line.ready_on is None else line.ready_on.isoformat(),
            line.received,
        ]
        for at, line in enumerate(order.lines, start=1)
        for variant, product in [(variants.get(line.variant_id), products.get(line.product_id))]
    ]
    return sheets.written([COLUMNS, *rows])
