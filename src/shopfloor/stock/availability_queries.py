"""SQL of what is left, and of what bundles consist of.  One function, one statement."""

from collections.abc import Sequence
from datetime import date

from shopfloor.kernel.database import Tx
from shopfloor.stock.rows import every


async def left(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], pool_id: int | None
) -> list[tuple[int, int | None, int, date | None, int]]:
    """(pool, show, variant, ready on, units), of all open pools where None is given."""

    def make(
        pool: int, show_id: int | None, variant_id: int, ready_on: date | None, units: int
    ) -> tuple[int, int | None, int, date | None, int]:
        return pool, show_id, variant_id, ready_on, units

    return await every(
        tx,
        make,
        """
        SELECT pool_id, show_id, variant_id, ready_on, sum(left_now)::bigint
          FROM stock.v_left
         WHERE shop_id = %(shop_id)s AND variant_id = ANY(%(variant_ids)s::bigint[])
           AND (%(pool_id)s::bigint IS NULL OR pool_id = %(pool_id)s::bigint)
         GROUP BY pool_id, show_id, variant_id, ready_on
         ORDER BY pool_id, variant_id, ready_on NULLS FIRST
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
        pool_id=pool_id,
    )


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
