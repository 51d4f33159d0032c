"""The audit of edits: what was looked at and the keys that break it."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class _Looked:
    looked_at: int
    offending: list[str]


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of edits over all shops."""
    row = await tx.one(
        _Looked,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(e.id::text) FILTER (WHERE o.shop_id IS DISTINCT FROM e.shop_id
                 OR e.before_minor <> coalesce(e.earlier, e.before_minor)
                 OR (e.later IS NULL AND (e.after_minor <> o.total_minor OR e.waived_minor <> o.waived_minor))), '{}')
                 AS offending
          FROM (SELECT *, lag(after_minor) OVER by_number AS earlier, lead(id) OVER by_number AS later
                  FROM order_edits.edit WINDOW by_number AS (PARTITION BY order_id ORDER BY number)) e
          LEFT JOIN orders.v_edited o ON o.id = e.order_id
        """,
    )
    counted = await tx.one(
        _Looked,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE o.edits <> coalesce(e.edits, 0)
                 OR o.given_back_minor > coalesce(e.given_back, 0)), '{}') AS offending
          FROM orders.v_edited o
          LEFT JOIN (SELECT order_id, count(*) AS edits, sum(refund_minor) AS given_back
                       FROM order_edits.edit GROUP BY order_id) e ON e.order_id = o.id
         WHERE o.edits > 0 OR e.edits > 0
        """,
    )
    return [
        Invariant.counted("what an order costs is what its edits say", row.looked_at, tuple(row.offending)),
        Invariant.counted("every change of an order is an edit", counted.looked_at, tuple(counted.offending)),
    ]
