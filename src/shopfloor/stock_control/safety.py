"""Safety stock: units at a location that shows, pages and feeds may not sell, and a till may.

They stand on a shelf of their own, so that a purchase never looks at them.  What is raised is taken from what is free, never
from what is promised; what is missing is filled up as soon as units are free there.
"""

from collections.abc import Sequence
from typing import Final

from shopfloor import inventory
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.stock_control import goods_queries, safety_queries
from shopfloor.stock_control.models import Safety

_AT_ONCE: Final = 200


async def keep(tx: Tx, *, shop_id: int, location_id: int, variant_id: int, units: int) -> None:
    """Keep so many units of a variant at a location from online; 0: none.

    Raises inventory.UnknownStock, inventory.BadQuantity.
    """
    if not 0 <= units <= MAX_QUANTITY:
        raise inventory.BadQuantity(quantity=units)
    if location_id not in {each.id for each in await inventory.locations(tx, shop_id=shop_id)}:
        raise inventory.UnknownStock(location_id=location_id)
    if variant_id not in await goods_queries.countable(tx, shop_id=shop_id, variant_ids=[variant_id]):
        raise inventory.UnknownStock(variant_id=variant_id)
    if units:
        await safety_queries.save(
            tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id, units=units
        )
    elif not await safety_queries.delete(tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id):
        return
    await inventory.Shelf.keep_back(tx, shop_id=shop_id, targets={(location_id, variant_id): units})


async def fill(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> int:
    """Units of these variants became free: what is missing is kept back.  Returns how many units moved."""
    found = await safety_queries.targets(tx, shop_id=shop_id, variant_ids=variant_ids)
    return await inventory.Shelf.keep_back(
        tx, shop_id=shop_id, targets={(each.location_id, each.variant_id): each.units for each in found}
    )


async def fill_all(tx: Tx) -> int:
    """Wherever something is missing and units are free, or promises are short, in all shops."""
    by_shop: dict[int, dict[tuple[int, int], int]] = {}
    for each in await safety_queries.unsettled(tx, limit=_AT_ONCE):
        by_shop.setdefault(each.shop_id, {})[each.location_id, each.variant_id] = each.units
    return sum(
        [
            await inventory.Shelf.keep_back(tx, shop_id=shop_id, targets=targets)
            for shop_id, targets in sorted(by_shop.items())
        ]
    )


async def targets(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Units to be kept by (location, variant); none where nothing is set."""
    found = await safety_queries.targets(tx, shop_id=shop_id, variant_ids=variant_ids)
    return {(each.location_id, each.variant_id): each.units for each in found}


async def listing(
    tx: Tx, *, shop_id: int, after: str | None = None, before: str | None = None, limit: int = 50
) -> list[Safety]:
    """By variant and location."""
    return await safety_queries.listed(tx, shop_id=shop_id, after=after, before=before, limit=limit)
