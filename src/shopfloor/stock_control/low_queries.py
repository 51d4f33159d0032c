"""SQL of thresholds below which a variant runs low.  One function, one statement."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.stock_control.models import Threshold


async def take_turn(tx: Tx, *, shop_id: int) -> None:
    """Of two who set thresholds of a shop the second waits until the first is done."""
    await tx.run(
        "SELECT pg_advisory_xact_lock(hashtextextended('stock_control.threshold', %(shop_id)s))",
        shop_id=shop_id,
    )


async def lock(tx: Tx, *, shop_id: int) -> None:
    """All thresholds of a shop, in the order in which `look` locks them."""
    await tx.run(
        """
        SELECT FROM stock_control.threshold WHERE shop_id = %(shop_id)s
         ORDER BY location_id, variant_id FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
    )


async def save(tx: Tx, *, shop_id: int, location_id: int, variant_id: int, units: int) -> None:
    await tx.run(
        """
        INSERT INTO stock_control.threshold (shop_id, location_id, variant_id, units)
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
        DELETE FROM stock_control.threshold
         WHERE shop_id = %(shop_id)s AND location_id = %(location_id)s AND variant_id = %(variant_id)s
        """,
        shop_id=shop_id,
        location_id=location_id,
        variant_id=variant_id,
    )


@dataclass(frozen=True, slots=True)
class Crossed:
    shop_id: int
    location_id: int
    variant_id: int
    units: int
    has: int
    is_low: bool


async def look(tx: Tx, *, shop_id: int | None) -> list[Crossed]:
    """Compare what can be sold with every threshold, of one shop or all, and note which side it is on now.  Returns those
    that have crossed.
    """
    return await tx.every(
        Crossed,
        """
        WITH locked AS (
             SELECT * FROM stock_control.threshold AS t WHERE %(shop_id)s::bigint IS NULL OR t.shop_id = %(shop_id)s
              ORDER BY location_id, variant_id FOR NO KEY UPDATE),
        has AS (
             SELECT t.location_id, t.variant_id, t.low_since IS NOT NULL AS was_low,
                    coalesce(sum(greatest(0, l.quantity - l.held - l.allocated)) FILTER (WHERE p.kind = 'open'), 0)::int
                    AS units
               FROM locked AS t
               LEFT JOIN stock.v_level AS l ON l.shop_id = t.shop_id AND l.variant_id = t.variant_id
                                           AND l.location_id = t.location_id AND l.kind = 'on_hand'
               LEFT JOIN stock.v_pool AS p ON p.id = l.pool_id
              GROUP BY 1, 2, 3),
        changed AS (
             UPDATE stock_control.threshold AS t
                SET has = h.units,
                    low_since = CASE WHEN h.units <= t.units THEN coalesce(t.low_since, now()) END
               FROM has AS h
              WHERE h.location_id = t.location_id AND h.variant_id = t.variant_id
                AND (t.has <> h.units OR (t.low_since IS NOT NULL) <> (h.units <= t.units))
             RETURNING t.shop_id, t.location_id, t.variant_id, t.units, t.has, t.low_since IS NOT NULL AS is_low, h.was_low)
        SELECT shop_id, location_id, variant_id, units, has, is_low FROM changed WHERE is_low <> was_low
         ORDER BY shop_id, variant_id, location_id
        """,
        shop_id=shop_id,
    )


async def thresholds(
    tx: Tx, *, shop_id: int, low: bool | None, after: str | None, before: str | None, limit: int
) -> list[Threshold]:
    """Low ones first, then by variant and location, for `kernel.paging`; a row is known by its `mark`."""
    return await tx.every(
        Threshold,
        """
        WITH listed AS (
             SELECT shop_id, location_id, variant_id, units, has, low_since,
                    concat_ws('-', CASE WHEN low_since IS NULL THEN 1 ELSE 0 END, lpad(variant_id::text, 18, '0'),
                              lpad(location_id::text, 18, '0')) AS mark
               FROM stock_control.threshold
              WHERE shop_id = %(shop_id)s
                AND (%(low)s::boolean IS NULL OR (low_since IS NOT NULL) = %(low)s::boolean))
        SELECT shop_id, location_id, variant_id, units, has, low_since, mark FROM listed
         WHERE (%(after)s::text IS NULL OR mark COLLATE "C" > %(after)s)
           AND (%(before)s::text IS NULL OR mark COLLATE "C" < %(before)s)
         ORDER BY CASE WHEN %(before)s::text IS NULL THEN mark COLLATE "C" END, mark COLLATE "C" DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        low=low,
        after=after,
        before=before,
        limit=limit,
    )


async def count_thresholds(tx: Tx, *, shop_id: int, low: bool | None, before: str | None) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM stock_control.threshold
             WHERE shop_id = %(shop_id)s
               AND (%(low)s::boolean IS NULL OR (low_since IS NOT NULL) = %(low)s::boolean)
               AND (%(before)s::text IS NULL
                    OR concat_ws('-', CASE WHEN low_since IS NULL THEN 1 ELSE 0 END, lpad(variant_id::text, 18, '0'),
                                 lpad(location_id::text, 18, '0')) COLLATE "C" < %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        low=low,
        before=before,
        most=MOST_COUNTED,
    )
