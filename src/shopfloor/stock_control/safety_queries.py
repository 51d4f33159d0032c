"""SQL of what is kept from online.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.stock_control.models import Safety


async def save(tx: Tx, *, shop_id: int, location_id: int, variant_id: int, units: int) -> None:
    await tx.run(
        """
        INSERT INTO stock_control.safety (shop_id, location_id, variant_id, units)
        VALUES (%(shop_id)s, %(location_id)s, %(variant_id)s, %(units)s)
        ON CONFLICT (location_id, variant_id) DO UPDATE SET units = excluded.units
        """,
        shop_id=shop_id,
        location_id=location_id,
        variant_id=variant_id,
        units=units,
    )


async def delete(tx: Tx, *, shop_id: int, location_id: int, variant_id: int) -> int:
    return await tx.run(
        """
        DELETE FROM stock_control.safety
         WHERE shop_id = %(shop_id)s AND location_id = %(location_id)s AND variant_id = %(variant_id)s
        """,
        shop_id=shop_id,
        location_id=location_id,
        variant_id=variant_id,
    )


@dataclass(frozen=True, slots=True)
class Target:
    shop_id: int
    location_id: int
    variant_id: int
    units: int


async def targets(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> list[Target]:
    return await tx.every(
        Target,
        """
        SELECT shop_id, location_id, variant_id, units FROM stock_control.safety
         WHERE shop_id = %(shop_id)s AND variant_id = ANY(%(ids)s::bigint[]) ORDER BY location_id, variant_id
        """,
        shop_id=shop_id,
        ids=list(variant_ids),
    )


async def unsettled(tx: Tx, *, limit: int) -> list[Target]:
    """Of all shops, where units can be moved: fewer are kept than wanted and some are free, or promises are short."""
    return await tx.every(
        Target,
        """
        SELECT s.shop_id, s.location_id, s.variant_id, s.units
          FROM stock_control.safety s
          JOIN LATERAL (
               SELECT coalesce(sum(l.quantity) FILTER (WHERE p.purpose = 'safety'), 0) AS kept,
                      coalesce(sum(greatest(0, l.quantity - l.held - l.allocated)) FILTER (WHERE p.kind = 'open'), 0) AS free,
                      coalesce(sum(l.shortfall) FILTER (WHERE p.kind = 'open'), 0) AS short
                 FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id
                WHERE l.shop_id = s.shop_id AND l.variant_id = s.variant_id AND l.location_id = s.location_id
                  AND l.kind = 'on_hand') h ON true
         WHERE (h.kept < s.units AND h.free > 0) OR (h.kept > 0 AND h.short > 0)
         ORDER BY s.shop_id, s.location_id, s.variant_id LIMIT %(limit)s
        """,
        limit=limit,
    )


async def listed(tx: Tx, *, shop_id: int, after: str | None, before: str | None, limit: int) -> list[Safety]:
    """By variant and location, for `kernel.paging`; a row is known by its `mark`."""
    return await tx.every(
        Safety,
        """
        WITH listed AS (
             SELECT location_id, variant_id, units,
                    concat_ws('-', lpad(variant_id::text, 18, '0'), lpad(location_id::text, 18, '0')) AS mark
               FROM stock_control.safety WHERE shop_id = %(shop_id)s)
        SELECT s.location_id, s.variant_id, s.units,
               coalesce((SELECT sum(l.quantity) FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id
                          WHERE l.shop_id = %(shop_id)s AND l.variant_id = s.variant_id
                            AND l.location_id = s.location_id AND p.purpose = 'safety'), 0)::int AS kept, s.mark
          FROM listed s
         WHERE (%(after)s::text IS NULL OR mark COLLATE "C" > %(after)s)
           AND (%(before)s::text IS NULL OR mark COLLATE "C" < %(before)s)
         ORDER BY CASE WHEN %(before)s::text IS NULL THEN mark COLLATE "C" END, mark COLLATE "C" DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


async def count(tx: Tx, *, shop_id: int) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (SELECT FROM stock_control.safety WHERE shop_id = %(shop_id)s LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        most=MOST_COUNTED,
    )
