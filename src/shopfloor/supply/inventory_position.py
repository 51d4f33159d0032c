"""What is on hand, announced or ordered of each variant, and what is sold that nothing covers."""

from collections.abc import Sequence

from shopfloor import inventory
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.supply import queries


@dataclass(frozen=True, slots=True)
class There:
    """Of one variant: free units that are there, announced or ordered; and units sold that nothing covers."""

    available: int
    owed: int


async def on_its_way(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[int, There]:
    """Each unit once: what an announced lot stands for is not counted again as ordered."""
    pools = await inventory.pools(tx, shop_id=shop_id)
    counted = {
        pool.id
        for pool in pools
        if pool.kind in {inventory.PoolKind.OPEN, inventory.PoolKind.SHOW} or pool.is_set_aside
    }
    free = dict.fromkeys(variant_ids, 0)
    owed = dict.fromkeys(variant_ids, 0)
    for level in await inventory.levels(tx, shop_id=shop_id, variant_ids=list(variant_ids)):
        promised = level.held + level.allocated
        if level.kind is inventory.LotKind.MAKEABLE:
            owed[level.variant_id] += promised
        else:
            owed[level.variant_id] += max(0, promised - level.quantity)
            free[level.variant_id] += level.free if level.pool_id in counted else 0
    for underway in await queries.underway(tx, shop_id=shop_id, variant_ids=variant_ids):
        free[underway.variant_id] += underway.unanswered
        owed[underway.variant_id] = max(0, owed[underway.variant_id] - underway.owed)
    return {variant_id: There(free[variant_id], owed[variant_id]) for variant_id in variant_ids}
