"""The audit of polls."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant, counted


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of polls over all shops."""
    return await counted(tx, (("polls: the bars are the votes that were given", audit_votes),))


async def audit_votes(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(p.id::text) FILTER (WHERE p.counts <> v.counts), '{}') AS offending
          FROM polls.poll p
          JOIN LATERAL (SELECT array_agg((SELECT count(*)::int FROM polls.vote t
                                           WHERE t.poll_id = p.id AND t.answer = a.place - 1) ORDER BY a.place) AS counts
                          FROM unnest(p.answers) WITH ORDINALITY AS a (said, place)) v ON true
        """,
    )
