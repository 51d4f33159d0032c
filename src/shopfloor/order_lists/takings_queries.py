"""SQL of what orders brought in.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class HourRow:
    """Of one window and hour of the clock: `kind` is placed or paid.  `net_minor` has no order of which a part was
    refunded (`refunded_in_part`).
    """

    window: int
    hour: int
    kind: str
    orders: int
    minor: int
    net_minor: int


async def hours(
    tx: Tx, *, shop_id: int, zone: str, since: Sequence[datetime], until: Sequence[datetime]
) -> list[HourRow]:
    """What was placed and paid in full in each window [since, until), by the hour on the clocks of `zone`.

    Goods only, as in the figures of a show: what an order costs without its shipping.
    """
    return await tx.every(
        HourRow,
        """
        WITH window_ AS (
            SELECT n::int AS n, since, until
              FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) WITH ORDINALITY AS w (since, until, n)
        )
        SELECT w.n - 1 AS window, extract(hour FROM o.placed_at AT TIME ZONE %(zone)s)::int AS hour, 'placed' AS kind,
               count(*) AS orders, coalesce(sum(o.total_minor - o.shipping_minor), 0)::bigint AS minor,
               0::bigint AS net_minor
          FROM window_ w JOIN orders.v_taken o
            ON o.shop_id = %(shop_id)s AND o.placed_at >= w.since AND o.placed_at < w.until
         GROUP BY 1, 2
         UNION ALL
        SELECT w.n - 1, extract(hour FROM o.paid_at AT TIME ZONE %(zone)s)::int, 'paid', count(*),
               coalesce(sum(o.charged_minor - o.shipping_minor), 0)::bigint,
               coalesce(sum(o.charged_minor - o.shipping_minor)
                        FILTER (WHERE o.cancelled_at IS NULL AND o.refund_granted_minor = 0), 0)::bigint
          FROM window_ w JOIN orders.v_taken o
            ON o.shop_id = %(shop_id)s AND o.paid_at >= w.since AND o.paid_at < w.until AND o.placed_at IS NOT NULL
         GROUP BY 1, 2
         ORDER BY 1, 2, 3
        """,
        shop_id=shop_id,
        zone=zone,
        since=list(since),
        until=list(until),
    )


@dataclass(frozen=True, slots=True)
class PartlyRefunded:
    """A paid order of which a part goes back.  `named`: parts by refund; `grants`: what was granted, oldest first;
    `apart`: refunds of goods that were taken out of it.
    """

    order_id: UUID
    paid_at: datetime
    charged_minor: int
    shipping_minor: int
    amounts: list[int]
    named: dict[str, Any]
    grants: list[list[Any]]
    apart: list[str]


async def refunded_in_part(
    tx: Tx, *, shop_id: int, since: Sequence[datetime], until: Sequence[datetime]
) -> list[PartlyRefunded]:
    return await tx.every(
        PartlyRefunded,
        """
        SELECT o.id AS order_id, o.paid_at, o.charged_minor, o.shipping_minor,
               ARRAY(SELECT l.amount_minor FROM orders.v_taken_line l WHERE l.order_id = o.id
                      ORDER BY l.position) AS amounts,
               coalesce((SELECT jsonb_object_agg(s.refund, to_jsonb(s.parts)) FROM orders.v_refund_share s
                          WHERE s.order_id = o.id), '{}') AS named,
               coalesce((SELECT jsonb_agg(jsonb_build_array(split_part(e.reference, '/', 1), e.amount_minor)
                                          ORDER BY e.recorded_at, e.id)
                           FROM payments.v_event e
                          WHERE e.subject_id = o.id AND e.kind = 'refund_granted'), '[]') AS grants,
               ARRAY(SELECT r.refund::text FROM orders.v_edit_refund r WHERE r.order_id = o.id) AS apart
          FROM orders.v_taken o
          JOIN unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) AS w (since, until)
            ON o.paid_at >= w.since AND o.paid_at < w.until
         WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL AND o.cancelled_at IS NULL
           AND o.refund_granted_minor > 0 AND o.refund_granted_minor < o.charged_minor
         ORDER BY o.paid_at, o.id
        """,
        shop_id=shop_id,
        since=list(since),
        until=list(until),
    )


@dataclass(frozen=True, slots=True)
class Sold:
    variant_id: int
    units: int


async def sold_since(tx: Tx, *, shop_id: int, since: datetime, newest: int, most: int) -> list[Sold]:
    """Units by variant among the `newest` orders placed since then, those of which most were sold first."""
    return await tx.every(
        Sold,
        """
        SELECT l.variant_id, sum(l.quantity)::bigint AS units
          FROM (SELECT id FROM orders.v_taken
                 WHERE shop_id = %(shop_id)s AND placed_at >= %(since)s AND cancelled_at IS NULL
                 ORDER BY placed_at DESC LIMIT %(newest)s) o
          JOIN orders.v_taken_line l ON l.order_id = o.id
         GROUP BY l.variant_id ORDER BY units DESC, l.variant_id LIMIT %(most)s
        """,
        shop_id=shop_id,
        since=since,
        newest=newest,
        most=most,
    )
