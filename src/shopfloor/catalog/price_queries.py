"""SQL of prices and their history.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.catalog.models import Price
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class LowestRow:
    variant_id: int
    minor: int
    currency: str


async def insert_price(
    tx: Tx, *, variant_id: int, minor: int, at: datetime | None, reason: str
) -> datetime | None:
    """When it takes effect; None when `at` has passed.

    Without `at` it is now, and not before what another transaction, or a clock that was ahead, put in force.
    """
    return await tx.value(
        """
        WITH at_once AS (
            SELECT greatest(now(), max(valid_from)) AS moment FROM catalog.price
             WHERE variant_id = %(variant_id)s AND valid_from <= recorded_at
        )
        INSERT INTO catalog.price (variant_id, minor, valid_from, recorded_at, reason)
        SELECT %(variant_id)s, %(minor)s, coalesce(%(at)s::timestamptz, moment),
               CASE WHEN %(at)s::timestamptz IS NULL THEN greatest(clock_timestamp(), moment)
                    ELSE clock_timestamp() END,
               %(reason)s
          FROM at_once
         WHERE %(at)s::timestamptz IS NULL OR %(at)s::timestamptz >= now()
        RETURNING valid_from
        """,
        variant_id=variant_id,
        minor=minor,
        at=at,
        reason=reason,
    )


async def prices(tx: Tx, *, shop_id: int, variant_id: int) -> list[Price]:
    return await tx.every(
        Price,
        """
        SELECT c.variant_id, c.minor, v.currency, c.valid_from, c.reason
          FROM catalog.price c JOIN catalog.variant v ON v.id = c.variant_id
         WHERE v.shop_id = %(shop_id)s AND v.id = %(variant_id)s ORDER BY c.valid_from, c.id
        """,
        shop_id=shop_id,
        variant_id=variant_id,
    )


async def lowest_lately(tx: Tx, *, shop_id: int, variant_ids: Sequence[int], days: int) -> list[LowestRow]:
    """For each variant: the lowest price that was in force at any moment of the last `days`, or is."""
    return await tx.every(
        LowestRow,
        """
        WITH history AS (
            SELECT c.variant_id, v.currency, c.minor, c.valid_from,
                   lead(c.valid_from) OVER (PARTITION BY c.variant_id ORDER BY c.valid_from, c.id) AS until
              FROM catalog.price c JOIN catalog.variant v ON v.id = c.variant_id
             WHERE v.shop_id = %(shop_id)s AND v.id = ANY(%(variant_ids)s::bigint[])
               AND (c.valid_from <= c.recorded_at OR c.valid_from <= now())
        )
        SELECT variant_id, currency, min(minor) AS minor
          FROM history
         WHERE until IS NULL OR (until > valid_from AND until > now() - make_interval(days => %(days)s))
         GROUP BY variant_id, currency ORDER BY variant_id
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
        days=days,
    )


async def lowest_before_present(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], days: int
) -> list[LowestRow]:
    """For each variant whose price has changed: the lowest that was in force at any moment of the `days` before
    the present price began.
    """
    return await tx.every(
        LowestRow,
        """
        WITH history AS (
            SELECT c.variant_id, v.currency, c.minor, c.valid_from,
                   lead(c.valid_from) OVER one AS until, lag(c.minor) OVER one AS earlier
              FROM catalog.price c JOIN catalog.variant v ON v.id = c.variant_id
             WHERE v.shop_id = %(shop_id)s AND v.id = ANY(%(variant_ids)s::bigint[])
               AND (c.valid_from <= c.recorded_at OR c.valid_from <= now())
            WINDOW one AS (PARTITION BY c.variant_id ORDER BY c.valid_from, c.id)
        ), present AS (
            SELECT variant_id, max(valid_from) AS began
              FROM history WHERE earlier IS DISTINCT FROM minor GROUP BY variant_id
        )
        SELECT variant_id, currency, min(minor) AS minor
          FROM history JOIN present USING (variant_id)
         WHERE valid_from < began AND until > valid_from AND until > began - make_interval(days => %(days)s)
         GROUP BY variant_id, currency ORDER BY variant_id
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
        days=days,
    )
