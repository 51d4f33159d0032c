"""SQL of what bundles consist of, and of what is reserved in them.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import every


async def parts_of_bundles(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int]
) -> dict[int, list[tuple[int, int]]]:
    """By variant, for those that are bundles: the parts, with the units of each."""
    found: dict[int, list[tuple[int, int]]] = {}

    def add(variant_id: int, part_id: int, quantity: int) -> None:
        found.setdefault(variant_id, []).append((part_id, quantity))

    await every(
        tx,
        add,
        """
        SELECT bundle_variant_id, variant_id, quantity FROM catalog.v_bundle_part
         WHERE in_force AND shop_id = %(shop_id)s AND bundle_variant_id = ANY(%(variant_ids)s::bigint[])
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
    )
    return found


async def units_in_bundles(tx: Tx, *, shop_id: int, pool_id: int) -> dict[int, tuple[int, int]]:
    """By bundle: held and allocated units."""
    found: dict[int, tuple[int, int]] = {}

    def add(bundle_id: int, held: int, allocated: int) -> None:
        found[bundle_id] = held, allocated

    await every(
        tx,
        add,
        """
        SELECT bundle_id, coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0)::bigint,
               coalesce(sum(quantity) FILTER (WHERE state = 'allocated'), 0)::bigint
          FROM stock.hold
         WHERE pool_id = %(pool_id)s AND shop_id = %(shop_id)s AND bundle_id IS NOT NULL
         GROUP BY bundle_id
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )
    return found
