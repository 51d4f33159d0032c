"""The audit of logs: each invariant with what was looked at and the keys that break it."""

from typing import Final

from shopfloor.kernel import invariants, merkle
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant
from shopfloor.kernel.records import dataclass

_AT_ONCE: Final = 5_000
_SHOWN: Final = 100


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of the logs of all shops."""
    checks = (
        ("statements: a log has no gaps and ends where it says", _dense),
        ("statements: every statement is in the log", _logged),
        ("statements: every checkpoint is the root of what is logged", _roots),
    )
    return await invariants.counted(tx, checks)


async def _dense(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(shop_id::text) FILTER (WHERE size <> leaves OR size <> last + 1 OR size < signed), '{}')
                 AS offending
          FROM (SELECT l.shop_id, l.size, count(f.position) AS leaves, coalesce(max(f.position), -1) AS last,
                       coalesce((SELECT max(c.size) FROM statements.checkpoint c WHERE c.shop_id = l.shop_id), 0)
                         AS signed
                  FROM statements.log l LEFT JOIN statements.leaf f ON f.shop_id = l.shop_id
                 GROUP BY l.shop_id, l.size) logs
        """,
    )


async def _logged(tx: Tx) -> AuditRow:
    """What a leaf says it is, is what the list of statements says: number, show and version."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(coalesce(s.shop_id, f.shop_id) || '/' || coalesce(s.number, -f.position))
                        FILTER (WHERE f.body IS NULL OR s.number IS NULL
                                   OR (f.body -> 'number')::bigint <> s.number
                                   OR (f.body -> 'version')::bigint <> s.version
                                   OR (f.body -> 'show' -> 'id')::bigint <> s.show_id), '{}') AS offending
          FROM statements.statement s
          FULL JOIN (SELECT shop_id, position, convert_from(body, 'UTF8')::jsonb -> 'document' AS body
                       FROM statements.leaf WHERE kind = 'statement') f
            ON f.shop_id = s.shop_id AND f.position = s.position
        """,
    )


@dataclass(frozen=True, slots=True)
class _Body:
    shop_id: int
    position: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Root:
    shop_id: int
    size: int
    root: bytes


async def _roots(tx: Tx) -> AuditRow:
    """Computed again from the leaves, which the stored subtrees had no part in."""
    signed = await tx.every(
        _Root, "SELECT shop_id, size, root FROM statements.checkpoint ORDER BY shop_id, size"
    )
    roots = {(each.shop_id, each.size): each.root for each in signed}
    wrong: list[str] = []
    shop_id, position = 0, -1
    nodes: dict[merkle.Node, bytes] = {}
    while True:
        rows = await tx.every(
            _Body,
            """
            SELECT shop_id, position, body FROM statements.leaf
             WHERE (shop_id, position) > (%(shop_id)s, %(position)s) ORDER BY shop_id, position LIMIT %(most)s
            """,
            shop_id=shop_id,
            position=position,
            most=_AT_ONCE,
        )
        for row in rows:
            if row.shop_id != shop_id:
                nodes = {}
            shop_id, position = row.shop_id, row.position
            if all(each in nodes for each in merkle.needed_to_append(position)):
                nodes.update(merkle.appended(position, merkle.leaf_hash(row.body), nodes))
            said = roots.pop((shop_id, position + 1), None)
            wanted = merkle.peaks(0, position + 1)
            if said is not None and (
                any(each not in nodes for each in wanted) or merkle.root(position + 1, nodes) != said
            ):
                wrong.append(f"{shop_id}/{position + 1}")
            # Only these are ever asked for again.
            nodes = {each: nodes[each] for each in wanted if each in nodes}
        if len(rows) < _AT_ONCE:
            break
    wrong += [f"{shop_id}/{size}" for shop_id, size in roots]
    return AuditRow(len(signed), wrong[:_SHOWN])
