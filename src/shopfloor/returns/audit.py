"""The audit of returns: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of returns over all shops."""
    checks = (
        ("no more came back than was sent", _back_within_sent),
        ("units in returns are those of their lines", _units),
        ("refunds of returns are those of the payments, and of no more than was paid", _refunds),
        ("units that came back are those of the ledger", _ledger),
        ("units on the shelf again are movements of stock", _restocked),
    )
    return await invariants.counted(tx, checks)


async def _back_within_sent(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(u.order_id || '/' || u.line_id)
                        FILTER (WHERE u.received > l.returned_quantity OR l.returned_quantity > l.shipped_quantity
                                OR u.refunded > l.quantity), '{}') AS offending
          FROM returns.units u JOIN orders.v_line l ON l.id = u.line_id
        """,
    )


async def _units(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(u.order_id || '/' || u.line_id)
                        FILTER (WHERE (u.asked, u.received, u.refunded)
                                IS DISTINCT FROM (coalesce(n.asked, 0), coalesce(n.received, 0), coalesce(n.refunded, 0))
                                OR coalesce(n.received, 0) <> coalesce(c.units, 0)), '{}') AS offending
          FROM returns.units u
          LEFT JOIN (SELECT l.line_id, sum(l.received) AS received,
                            sum(CASE WHEN r.state IN ('requested', 'approved', 'received') THEN l.quantity
                                     WHEN r.state = 'refunded' AND r.keeps_goods THEN l.quantity
                                     WHEN r.state = 'refunded' THEN l.received ELSE 0 END) AS asked,
                            sum(CASE WHEN r.state <> 'refunded' THEN 0 WHEN r.keeps_goods THEN l.quantity
                                     ELSE l.received END) AS refunded
                       FROM returns.line l JOIN returns.return r ON r.id = l.return_id
                      WHERE NOT r.unsent GROUP BY l.line_id) n ON n.line_id = u.line_id
          LEFT JOIN (SELECT line_id, sum(quantity) AS units FROM returns.receipt GROUP BY line_id) c
            ON c.line_id = u.line_id
        """,
    )


async def _refunds(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text)
                        FILTER (WHERE r.refund_minor <> coalesce(e.granted, 0) OR r.refund_minor > o.charged_minor), '{}')
                 AS offending
          FROM returns.return r
          JOIN orders.v_told o ON o.id = r.order_id
          LEFT JOIN (SELECT subject_id, split_part(reference, '/', 1) AS refund, sum(amount_minor) AS granted
                       FROM payments.v_event WHERE kind = 'refund_granted' GROUP BY 1, 2) e
            ON e.subject_id = r.order_id AND e.refund = r.refund::text
         WHERE r.refund IS NOT NULL
        """,
    )


async def _ledger(tx: Tx) -> AuditRow:
    """Per order and variant: what its lines say came back, and what the hold says."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.order_id || '/' || l.variant_id)
                        FILTER (WHERE coalesce(h.returned, 0) <> l.returned), '{}') AS offending
          FROM (SELECT l.order_id, o.hold_id, l.variant_id, sum(l.returned_quantity) AS returned
                  FROM orders.v_line l JOIN orders.v_order o ON o.id = l.order_id
                 WHERE l.returned_quantity > 0 GROUP BY l.order_id, o.hold_id, l.variant_id) l
          LEFT JOIN (SELECT id, variant_id, sum(returned) AS returned FROM stock.v_hold GROUP BY id, variant_id) h
            ON h.id = l.hold_id AND h.variant_id = l.variant_id
        """,
    )


async def _restocked(tx: Tx) -> AuditRow:
    """Of the last months, which the journal still has."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(c.order_id || '/' || c.variant_id)
                        FILTER (WHERE coalesce(m.units, 0) < c.units), '{}') AS offending
          FROM (SELECT r.order_id, o.hold_id, c.variant_id, c.location_id, sum(c.quantity) AS units
                  FROM returns.receipt c JOIN returns.return r ON r.id = c.return_id
                  JOIN orders.v_order o ON o.id = r.order_id
                 WHERE c.restocked AND c.at > now() - interval '300 days'
                 GROUP BY 1, 2, 3, 4) c
          LEFT JOIN (SELECT hold, variant_id, location_id, sum(quantity) AS units FROM stock.v_returned
                      GROUP BY 1, 2, 3) m
            ON m.hold = c.hold_id::text AND m.variant_id = c.variant_id AND m.location_id = c.location_id
        """,
    )
