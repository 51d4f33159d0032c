"""Variants that run low at a location: so many units that can be sold there, or fewer.

Looked at once a minute, beside the shop: a purchase never waits for it.  Each crossing is told once.
"""

from shopfloor import inventory
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.stock_control import goods_queries, low_queries
from shopfloor.stock_control.events import LowStock
from shopfloor.stock_control.models import Threshold


async def warn_at(tx: Tx, *, shop_id: int, location_id: int, variant_id: int, units: int | None) -> None:
    """Warn when so many units or fewer can be sold at a location; None: never.  Raises UnknownStock, BadQuantity."""
    if location_id not in {each.id for each in await inventory.locations(tx, shop_id=shop_id)}:
        raise inventory.UnknownStock(location_id=location_id)
    if variant_id not in await goods_queries.countable(tx, shop_id=shop_id, variant_ids=[variant_id]):
        raise inventory.UnknownStock(variant_id=variant_id)
    # Setting one looks at all of the shop: of two who set some, in any order, one waits here for the other.
    await low_queries.take_turn(tx, shop_id=shop_id)
    await low_queries.lock(tx, shop_id=shop_id)
    if units is None:
        await low_queries.delete(tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id)
        return
    if not 0 <= units <= MAX_QUANTITY:
        raise inventory.BadQuantity(quantity=units)
    await low_queries.save(tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id, units=units)
    await look(tx, shop_id=shop_id)


async def look(tx: Tx, *, shop_id: int | None = None) -> int:
    """Find what has become low, or no longer is, in one shop or all.  Returns how many have crossed."""
    crossed = await low_queries.look(tx, shop_id=shop_id)
    for each in crossed:
        if each.is_low:
            await outbox.record(
                tx, LowStock(each.shop_id, each.location_id, each.variant_id, each.has, each.units)
            )
    return len(crossed)


async def look_at_all(tx: Tx) -> int:
    """`look` at all shops."""
    return await look(tx)


async def _counted(
    tx: Tx, *, shop_id: int, low: bool | None = None, before: str | None = None
) -> paging.Counted:
    return paging.capped(await low_queries.count_thresholds(tx, shop_id=shop_id, low=low, before=before))


@paging.counted_by(_counted)
async def listing(
    tx: Tx,
    *,
    shop_id: int,
    low: bool | None = None,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Threshold]:
    """Low ones first; `low`: only those, or only the others."""
    return await low_queries.thresholds(tx, shop_id=shop_id, low=low, after=after, before=before, limit=limit)


async def low_stock(tx: Tx, *, shop_id: int) -> paging.Counted:
    """How many variants run low, each at its location."""
    return await _counted(tx, shop_id=shop_id, low=True)
