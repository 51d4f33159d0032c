"""What customers hold of shows that are paid at the end, and have not paid."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Final
from uuid import UUID

from starlette.responses import Response

from shopfloor import catalog, customers, live, stock
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, now
from shopfloor.web.console.desk import Desk, at_page

router = Router(prefix="/console/{shop}", include_in_schema=False)

Viewer = Annotated[Desk, at_page("orders")]
# Shows are paid within a day of their end: no shop has so many of them.
ENDED: Final = 200
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Of one show.  `until`: when it goes back on sale; None while the show is on air."""

    show_id: int
    title: str
    buyers: int
    units: int
    total: Money
    until: datetime | None


async def of_show(tx: Tx, desk: Desk, show: live.Show) -> Unpaid | None:
    """None where buyers pay as they go, nothing is unpaid or its time is over, or the member may not see it."""
    until = show.kept_until
    if until is None or until <= now() or not desk.actor.may(Permission.ORDERS_VIEW):
        return None
    held = await stock.held_by(tx, shop_id=desk.shop.id, buyer=None, pool_id=show.pool_id)
    kept = [each for each in held if each.expires_at >= until]
    if not kept:
        return None
    parts = [part for each in kept for part in each.parts]
    return Unpaid(
        show.id,
        desk.language.localised(show.titles, show.title),
        len({each.buyer for each in kept}),
        sum(part.quantity for part in parts),
        Money(sum(part.quantity * part.unit_price for part in parts), desk.shop.currency),
        until if show.status == live.ShowStatus.ENDED else None,
    )


async def of_shop(tx: Tx, desk: Desk) -> list[Unpaid]:
    """Of the shows on air, and of those that ended within the time to pay."""
    shows = await live.shows(tx, shop_id=desk.shop.id, status=live.ShowStatus.LIVE)
    shows += await live.shows(tx, shop_id=desk.shop.id, status=live.ShowStatus.ENDED, limit=ENDED)
    return [unpaid for show in shows if (unpaid := await of_show(tx, desk, show)) is not None]


@router.get("/shows/{show_id}/unpaid")
async def who(desk: Viewer, show_id: int, after: UUID | None = None, before: UUID | None = None) -> Response:
    """Who has something to pay, with what, and how they are reached."""
    async with desk.db.transaction() as tx:
        show = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
        rows = await customers.baskets.unpaid(tx, shop_id=desk.shop.id, show=show)
        page = paging.cut(rows, limit=PAGE, after=after, before=before, key=attrgetter("id"))
        ids = sorted({part.variant_id for row in page.items for each in row.holds for part in each.parts})
        variants = {each.id: each for each in await catalog.variants(tx, shop_id=desk.shop.id, ids=ids)}
        products = await catalog.products_by_id(
            tx, shop_id=desk.shop.id, ids=sorted({each.product_id for each in variants.values()})
        )
    return desk.page(
        "unpaid_list.html",
        active="orders",
        show=show,
        page=page,
        rows=[(row, _items(desk, row.holds, variants, products)) for row in page.items],
        buyers=len(rows),
        until=show.kept_until if show.status == live.ShowStatus.ENDED else None,
        units=sum(row.units for row in rows),
        total=Money(sum(row.amount_minor for row in rows), desk.shop.currency),
    )


def _items(
    desk: Desk,
    holds: Sequence[stock.Hold],
    variants: Mapping[int, catalog.Variant],
    products: Mapping[int, catalog.Product],
) -> list[tuple[int, str, str]]:
    """Quantity, title and options, of each variant once."""
    units: dict[int, int] = {}
    for part in [part for each in holds for part in each.parts]:
        units[part.variant_id] = units.get(part.variant_id, 0) + part.quantity
    return [
        (quantity, desk.language.localised(product.titles, product.title), " · ".join(variant.options))
        for variant_id, quantity in units.items()
        if (variant := variants.get(variant_id)) is not None
        and (product := products.get(variant.product_id)) is not None
    ]
