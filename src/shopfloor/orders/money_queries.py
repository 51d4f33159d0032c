"""SQL of what was paid for an order and given back of it.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.orders.models import Order


async def recompute_money(tx: Tx, *, order_ids: Sequence[UUID], at: datetime) -> list[Order]:
    """The sums on locked orders are what their payment events say, without what edits gave back, and `paid_at` when they
    first covered it.
    """
    return await tx.every(
        Order,
        """
        UPDATE orders.orders o
           SET charged_minor = s.charged - s.edited, refund_granted_minor = s.granted, refunded_minor = s.refunded,
               edited_minor = s.edited, edit_owed_minor = s.edited - s.edit_sent,
               disputed_minor = coalesce((SELECT greatest(0, sum(amount_minor)) FROM disputes.v_withdrawn
                                           WHERE subject_id = o.id), 0),
               authorised_minor = coalesce((SELECT sum(amount_minor) FROM payments.v_authorisation
                                             WHERE subject_id = o.id AND ended IS NULL), 0),
               paid_at = CASE WHEN o.paid_at IS NULL AND s.any AND s.charged - s.edited >= o.total_minor THEN %(at)s
                              ELSE o.paid_at END
          FROM unnest(%(order_ids)s::uuid[]) AS w (wanted)
         CROSS JOIN LATERAL (
                SELECT coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'charged'), 0) AS charged,
                       coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'refund_granted' AND r.refund IS NULL), 0)
                         AS granted,
                       coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'refunded' AND r.refund IS NULL), 0) AS refunded,
                       coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'refunded' AND r.refund IS NOT NULL), 0)
                         AS edit_sent,
                       (SELECT coalesce(sum(amount_minor), 0) FROM orders.edit_refund
                         WHERE order_id = w.wanted) AS edited,
                       coalesce(bool_or(kind = 'charged'), false) AS any
                  FROM payments.v_event e
                  LEFT JOIN orders.edit_refund r ON e.kind IN ('refund_granted', 'refunded')
                                                AND r.order_id = e.subject_id
                                                AND r.refund::text = split_part(e.reference, '/', 1)
                 WHERE e.subject_id = w.wanted) s
         WHERE o.id = w.wanted
        RETURNING id, shop_id, number, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name,
                  show_ms, contact_name, contact_phone, contact_email, delivery, address, provider, method, note,
                  locale, currency, goods_minor, shipping_minor, total_minor, first_minor, charged_minor,
                  refund_granted_minor, refunded_minor, status, payment_status, fulfilment_status, secured,
                  form_hash, key, tracking, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at,
                  created_at, placed_at, paid_at, shipped_at, delivered_at, cancelled_at, tax_minor,
                  shipping_name, calculation, joins_order_id, disputed_minor, authorised_minor, return_terms, edited_minor,
                  edit_owed_minor, waived_minor, edits
        """,
        order_ids=list(order_ids),
        at=at,
    )


async def insert_refund_share(tx: Tx, *, order_id: UUID, refund_id: UUID, parts: Sequence[int]) -> None:
    await tx.run(
        "INSERT INTO orders.refund_share (order_id, refund, parts) VALUES (%(order_id)s, %(refund)s, %(parts)s::bigint[])",
        order_id=order_id,
        refund=refund_id,
        parts=list(parts),
    )


async def refund_shares(tx: Tx, *, order_id: UUID) -> dict[UUID, list[int]]:
    cursor = await tx.connection.execute(
        "SELECT refund, parts FROM orders.refund_share WHERE order_id = %(order_id)s", {"order_id": order_id}
    )
    return {refund_id: list(parts) for refund_id, parts in await cursor.fetchall()}
