"""The audit of fapiao: each invariant with what was looked at and the keys that break it."""

from shopfloor import stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class _Looked:
    looked_at: int
    offending: list[str]


async def audit(tx: Tx) -> list[stock.Check]:
    """The invariants of fapiao over all shops."""
    found: list[stock.Check] = []
    for name, look in (
        ("a fapiao is of its order, red ones of no more than was refunded since", _amounts),
        ("requests are where their papers say", _states),
        ("the files of fapiao are as they were kept", _files),
    ):
        row = await look(tx)
        found.append(stock.Check(name, row.looked_at, tuple(row.offending)))
    return found


async def _amounts(tx: Tx) -> _Looked:
    return await tx.one(
        _Looked,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text)
                        FILTER (WHERE p.blue > o.total_minor OR p.red > p.blue
                                OR (p.blue IS NULL AND p.red > 0)
                                OR o.total_minor - p.blue + p.red > o.refund_granted_minor), '{}') AS offending
          FROM fapiao.request r
          JOIN orders.v_order o ON o.id = r.order_id
          JOIN LATERAL (SELECT sum(amount_minor) FILTER (WHERE kind = 'blue') AS blue,
                               coalesce(sum(amount_minor) FILTER (WHERE kind = 'red'), 0) AS red
                          FROM fapiao.paper WHERE request_id = r.id) p ON true
        """,
    )


async def _states(tx: Tx) -> _Looked:
    return await tx.one(
        _Looked,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text)
                        FILTER (WHERE CASE WHEN p.papers = 0 THEN r.state NOT IN ('open', 'withdrawn')
                                           WHEN p.wanted > 0 THEN r.state <> 'red_requested'
                                           WHEN p.papers > 1 THEN r.state <> 'done'
                                           ELSE r.state <> 'issued' END), '{}') AS offending
          FROM fapiao.request r
          JOIN LATERAL (SELECT count(*) AS papers, count(*) FILTER (WHERE number IS NULL) AS wanted
                          FROM fapiao.paper WHERE request_id = r.id) p ON true
        """,
    )


async def _files(tx: Tx) -> _Looked:
    return await tx.one(
        _Looked,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(id::text) FILTER (WHERE sha256(content) <> sha256), '{}') AS offending
          FROM fapiao.file
        """,
    )
