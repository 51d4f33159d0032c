"""Purchase orders as the console and the supplier's desk show them."""

from collections.abc import Sequence
from uuid import UUID

from starlette.responses import Response

from shopfloor import catalog, supply
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.web.parts import option_words


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a purchase order with the names of its goods."""

    line: supply.PurchaseLine
    product: catalog.Product | None
    variant: catalog.Variant | None

    @property
    def options(self) -> str:
        return "" if self.variant is None else option_words(self.variant.options)

    @property
    def sum_minor(self) -> int:
        return self.line.quantity * self.line.unit_minor

    @property
    def to_come(self) -> int:
        """What should come in all: what was promised, else what was ordered."""
        return self.line.quantity if self.line.confirmed is None else self.line.confirmed


async def named(tx: Tx, *, shop_id: int, orders: Sequence[supply.PurchaseOrder]) -> dict[UUID, list[Line]]:
    """The lines of `orders`, with what is ordered."""
    lines = [line for order in orders for line in order.lines]
    variants = {
        variant.id: variant
        for variant in await catalog.variants(
            tx, shop_id=shop_id, ids=sorted({line.variant_id for line in lines})
        )
    }
    products = await catalog.products_by_id(
        tx, shop_id=shop_id, ids=sorted({line.product_id for line in lines})
    )
    return {
        order.id: [
            Line(line, products.get(line.product_id), variants.get(line.variant_id)) for line in order.lines
        ]
        for order in orders
    }


def csv_of(order: supply.PurchaseOrder, text: str) -> Response:
    # The mark at the start tells spreadsheet programs that the text is UTF-8.
    return Response(
        "\N{ZERO WIDTH NO-BREAK SPACE}" + text,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{order.number}.csv"'},
    )
