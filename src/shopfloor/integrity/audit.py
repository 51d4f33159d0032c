"""The audit of integrity: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of integrity over all shops."""
    checks = (
        ("integrity: a case stands as its last ruling says", ruled),
        ("integrity: a case is about orders of its show", of_their_show),
        ("integrity: no figure has more that is invalid than was counted", counted),
    )
    return await invariants.counted(tx, checks)


async def ruled(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(c.id::text) FILTER (
                   WHERE coalesce(r.kind, 'open') <> CASE WHEN c.state IN ('invalid', 'genuine') THEN c.state ELSE 'open' END
               ))[:100], '{}') AS offending
          FROM integrity.cases c
          LEFT JOIN LATERAL (
               SELECT e.kind FROM integrity.entry e
                WHERE e.case_id = c.id AND e.kind IN ('invalid', 'genuine', 'open')
                ORDER BY e.at DESC, e.id DESC LIMIT 1) r ON true
        """,
    )


async def of_their_show(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(l.case_id::text || ' ' || l.line_id) FILTER (
                   WHERE o.id IS NULL OR o.shop_id <> c.shop_id OR o.show_id IS DISTINCT FROM c.show_id))[:100], '{}')
                 AS offending
          FROM integrity.order_line l
          JOIN integrity.cases c ON c.id = l.case_id
          LEFT JOIN orders.v_order o ON o.id = l.order_id
        """,
    )


async def counted(tx: Tx) -> AuditRow:
    """Money may be given back in a part that is invalid: there what is net may be anything from nothing to all."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(j.show_id || ' ' || j.version || ' ' || f.key) FILTER (
                   WHERE (f.value ->> 1)::bigint < 0 OR (f.value ->> 2)::bigint < 0
                      OR (f.value ->> 1)::bigint + (f.value ->> 2)::bigint > (f.value ->> 0)::bigint))[:100], '{}')
                 AS offending
          FROM integrity.judgement j CROSS JOIN jsonb_each(j.figures) f
        """,
    )
