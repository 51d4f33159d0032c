"""SQL of what was paid for an order and given back of it.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx


async def recompute_money(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    """The sums on the order are what its payment events say, without what edits gave back, and `paid_at` when they first
    covered it.
    """
    await tx.run(
        """
        UPDATE orders.orders o
           SET charged_minor = s.charged - s.edited, refund_granted_minor = s.granted, refunded_minor = s.refunded,
               edited_minor = s.edited, edit_owed_minor = s.edited - s.edit_sent,
               disputed_minor = coalesce((SELECT greatest(0, sum(amount_minor)) FROM disputes.v_withdrawn
                                           WHERE subject_id = %(order_id)s), 0),
               authorised_minor = coalesce((SELECT sum(amount_minor) FROM payments.v_authorisation
                                             WHERE subject_id = %(order_id)s AND ended IS NULL), 0),
               paid_at = CASE WHEN o.paid_at IS NULL AND s.any AND s.charged - s.edited >= o.total_minor THEN %(at)s
                              ELSE o.paid_at END
          FROM (SELECT coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'charged'), 0) AS charged,
                       coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'refund_granted' AND r.refund IS NULL), 0)
                         AS granted,
                       coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'refunded' AND r.refund IS NULL), 0) AS refunded,
                       coalesce(sum(e.amount_minor) FILTER (WHERE kind = 'refunded' AND r.refund IS NOT NULL), 0)
                         AS edit_sent,
                       (SELECT coalesce(sum(amount_minor), 0) FROM orders.edit_refund
                         WHERE order_id = %(order_id)s) AS edited,
                       coalesce(bool_or(kind = 'charged'), false) AS any
                  FROM payments.v_event e
                  LEFT JOIN orders.edit_refund r ON e.kind IN ('refund_granted', 'refunded')
                                                AND r.order_id = e.subject_id
                                                AND r.refund::text = split_part(e.reference, '/', 1)
                 WHERE e.subject_id = %(order_id)s) s
         WHERE o.id = %(order_id)s
        """,
        order_id=order_id,
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
