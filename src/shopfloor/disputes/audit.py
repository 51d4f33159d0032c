"""The audit of disputes: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of disputes over all shops."""
    checks = (
        ("disputes: no more is returned than was withdrawn", returned),
        ("disputes: no more is withdrawn than was disputed", withdrawn),
    )
    return await invariants.counted(tx, checks)


async def returned(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(dispute_id::text) FILTER (WHERE reinstated > withdrawn OR fee_returned > fee), '{}')
                 AS offending
          FROM (SELECT dispute_id,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'withdrawn'), 0) AS withdrawn,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'reinstated'), 0) AS reinstated,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'fee'), 0) AS fee,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'fee_returned'), 0) AS fee_returned
                  FROM disputes.movement GROUP BY dispute_id) sums
        """,
    )


async def withdrawn(tx: Tx) -> AuditRow:
    """A bank may take the money again after it gave it back; what it holds is never more than what is disputed."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(d.id::text) FILTER (WHERE m.held > d.amount_minor), '{}') AS offending
          FROM disputes.dispute d
          JOIN (SELECT dispute_id, currency,
                       sum(CASE kind WHEN 'withdrawn' THEN amount_minor ELSE -amount_minor END) AS held
                  FROM disputes.movement WHERE kind IN ('withdrawn', 'reinstated') GROUP BY dispute_id, currency) m
            ON m.dispute_id = d.id AND m.currency = d.currency
        """,
    )
