"""The audit of fapiao: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of fapiao over all shops."""
    checks = (
        ("a fapiao is of its order, red ones of what it is no longer of", _amounts),
        ("requests are where their papers say", _states),
        ("the files of fapiao are as they were kept", _files),
    )
    return await invariants.counted(tx, checks)


async def _amounts(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text)
                        FILTER (WHERE p.blue - p.red > o.total_minor OR p.red > p.blue
                                OR (p.blue IS NULL AND p.red > 0) OR p.earlier <> 0
                                -- An order that was changed may cost more, and be paid a moment ago.
                                OR (NOT e.edits > 0 AND o.total_minor - p.blue + p.red > o.refund_granted_minor)), '{}')
                        AS offending
          FROM fapiao.request r
          JOIN orders.v_order o ON o.id = r.order_id
          JOIN orders.v_edited e ON e.id = o.id
          JOIN LATERAL (SELECT sum(amount_minor) FILTER (WHERE kind = 'blue' AND edition = r.edition) AS blue,
                               coalesce(sum(amount_minor) FILTER (WHERE kind = 'red' AND edition = r.edition), 0) AS red,
                               coalesce(sum(CASE kind WHEN 'blue' THEN amount_minor ELSE -amount_minor END)
                                          FILTER (WHERE edition < r.edition), 0) AS earlier
                          FROM fapiao.paper WHERE request_id = r.id) p ON true
        """,
    )


async def _states(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text)
                        FILTER (WHERE CASE WHEN p.papers = 0 THEN r.state NOT IN ('open', 'withdrawn')
                                           WHEN p.wanted > 0 THEN r.state <> 'red_requested'
                                           WHEN p.blue = 0 THEN r.state <> 'open'
                                           WHEN p.red > 0 THEN r.state <> 'done'
                                           ELSE r.state <> 'issued' END), '{}') AS offending
          FROM fapiao.request r
          JOIN LATERAL (SELECT count(*) AS papers, count(*) FILTER (WHERE number IS NULL) AS wanted,
                               count(*) FILTER (WHERE kind = 'blue' AND edition = r.edition) AS blue,
                               count(*) FILTER (WHERE kind = 'red' AND edition = r.edition) AS red
                          FROM fapiao.paper WHERE request_id = r.id) p ON true
        """,
    )


async def _files(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(id::text) FILTER (WHERE sha256(content) <> sha256), '{}') AS offending
          FROM fapiao.file
        """,
    )
