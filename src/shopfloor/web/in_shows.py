"""Goods that the open shop has none of while a show has units of them: in the show, not sold out."""

from collections.abc import Sequence

from shopfloor import live, stock
from shopfloor.accounts import Shop
from shopfloor.kernel.database import Tx


async def in_shows(tx: Tx, shop: Shop, variant_ids: Sequence[int]) -> dict[int, live.Show]:
    """By variant: the show whose own units it has left, one on air before one to come."""
    if not variant_ids:
        return {}
    found: dict[int, live.Show] = {}
    for status in (live.ShowStatus.LIVE, live.ShowStatus.PLANNED):
        for show in await live.shows(tx, shop_id=shop.id, status=status):
            asked = [each for each in variant_ids if each not in found]
            if show.pool_id is None or not asked:
                continue
            units = await stock.available(tx, shop_id=shop.id, variant_ids=asked, pool_id=show.pool_id)
            found |= {variant_id: show for variant_id, left in units.items() if left.now}
    return found
