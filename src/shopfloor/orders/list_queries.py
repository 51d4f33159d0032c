"""SQL of lists of orders.  One function, one statement."""

from datetime import date, datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.orders.models import OrderSummary


async def summaries(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None,
    payment_status: str | None,
    show_id: int | None,
    search: str | None,
    before: datetime | None,
    today: date,
    limit: int,
) -> list[OrderSummary]:
    """Newest first.  `search`: a number, or part of a name, phone or e-mail."""
    return await tx.every(
        OrderSummary,
        """
        SELECT o.id, o.number, o.contact_name, o.delivery, o.currency, o.total_minor, o.charged_minor,
               o.refund_granted_minor - o.refunded_minor AS refund_owed_minor,
               o.status, o.payment_status, o.fulfilment_status, o.show_id, l.units, l.titles, l.late, o.placed_at
          FROM orders.orders o
          CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity), 0)::int AS units,
                   (SELECT coalesce(string_agg(DISTINCT title, ', '), '')
                      FROM (SELECT title FROM orders.bundle WHERE order_id = o.id
                            UNION SELECT title FROM orders.line WHERE order_id = o.id AND bundle_id IS NULL) AS named
                   ) AS titles,
                   coalesce(bool_or(o.status IN ('placed', 'paid', 'partly_shipped')
                     AND shipped_quantity < quantity AND ready_on IS NOT NULL
                     AND ((delayed_to IS NOT NULL AND NOT delay_accepted)
                       OR (ready_at IS NULL AND coalesce(delayed_to, ready_on) < %(today)s::date))), false) AS late
              FROM orders.line WHERE order_id = o.id) l
         WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL
           AND (%(status)s::text IS NULL OR o.status = %(status)s)
           AND (%(payment_status)s::text IS NULL OR o.payment_status = %(payment_status)s)
           AND (%(show_id)s::bigint IS NULL OR o.show_id = %(show_id)s)
           AND (%(before)s::timestamptz IS NULL OR o.placed_at < %(before)s)
           AND (%(search)s::text IS NULL OR o.number::text = %(search)s
                OR strpos(lower(o.contact_name || ' ' || o.contact_phone || ' ' || o.contact_email), lower(%(search)s)) > 0)
         ORDER BY o.placed_at DESC, o.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        status=status,
        payment_status=payment_status,
        show_id=show_id,
        search=search,
        before=before,
        today=today,
        limit=limit,
    )


async def ids_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT id FROM orders.orders
         WHERE shop_id = %(shop_id)s AND buyer = %(buyer)s AND placed_at IS NOT NULL
         ORDER BY placed_at DESC LIMIT 100
        """,
        {"shop_id": shop_id, "buyer": buyer},
    )
    return [row[0] for row in await cursor.fetchall()]


async def count_by_status(tx: Tx, *, shop_id: int) -> dict[str, int]:
    cursor = await tx.connection.execute(
        """
        SELECT status, count(*) FROM orders.orders
         WHERE shop_id = %(shop_id)s AND placed_at IS NOT NULL GROUP BY status
        """,
        {"shop_id": shop_id},
    )
    return dict(await cursor.fetchall())
