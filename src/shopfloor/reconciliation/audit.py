"""The audit of payments: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of payments over all shops."""
    checks = (
        ("payments: what was captured has an order or a difference", captured),
        ("payments: no more is given back than came in", given_back),
        ("payments: no more is captured than was authorised", within_authorisation),
        ("payments: what was authorised is captured, voided or expired in time", authorisations_end),
        ("payments: what a provider has given back is recorded", done),
    )
    return await invariants.counted(tx, checks)


async def captured(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(p.id::text) FILTER (
                 WHERE NOT EXISTS (SELECT FROM payments.v_event e WHERE e.payment_id = p.id AND e.kind = 'charged')
                   AND NOT EXISTS (SELECT FROM payments.difference d WHERE d.payment_id = p.id)), '{}') AS offending
          FROM payments.v_payment p WHERE p.state = 'captured'
        """,
    )


async def given_back(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(payment_id::text) FILTER (WHERE granted > charged OR refunded > granted), '{}') AS offending
          FROM (SELECT payment_id, coalesce(sum(amount_minor) FILTER (WHERE kind = 'charged'), 0) AS charged,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund_granted'), 0) AS granted,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'refunded'), 0) AS refunded
                  FROM payments.v_event GROUP BY payment_id) sums
        """,
    )


async def within_authorisation(tx: Tx) -> AuditRow:
    """What ended as captured was, once; what ended otherwise was not."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(a.payment_id::text) FILTER (
                 WHERE e.taken > a.amount_minor OR (e.taken > 0) <> (a.ended IS NOT DISTINCT FROM 'captured')), '{}') AS offending
          FROM payments.v_authorisation a
         CROSS JOIN LATERAL (
           SELECT coalesce((SELECT sum(amount_minor) FROM payments.v_event
                             WHERE payment_id = a.payment_id AND kind = 'charged'), 0)
                + coalesce((SELECT sum(amount_minor) FROM payments.difference
                             WHERE payment_id = a.payment_id AND kind IN ('amount', 'currency', 'twice', 'late')), 0) AS taken) e
        """,
    )


async def authorisations_end(tx: Tx) -> AuditRow:
    """A provider that does not answer is asked for a day; then it is a fault."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(payment_id::text) FILTER (
                 WHERE ended IS NULL AND capture_before < now() - interval '1 day'), '{}') AS offending
          FROM payments.v_authorisation
        """,
    )


async def done(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.refund || '/' || r.payment_id) FILTER (
                 WHERE r.state = 'done' AND NOT EXISTS (
                   SELECT FROM payments.v_event e
                    WHERE e.payment_id = r.payment_id AND e.kind = 'refunded'
                      AND e.reference = r.refund || '/' || r.payment_id)), '{}') AS offending
          FROM payments.v_refund_try r
        """,
    )
