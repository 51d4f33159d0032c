"""The audit of tills: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant
from shopfloor.kernel.records import dataclass
from shopfloor.tills.canonical import canonical, hash_of


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of tills over all shops."""
    checks = (
        ("tills: journals have no gap", audit_sequences),
        ("tills: facts hash to what they say and follow from one another", audit_chain),
        ("tills: receipts have each number once, and gaps have a task", audit_numbers),
        ("tills: a drawer has what its Z says", audit_drawers),
        ("tills: Z are numbered without gaps, frozen and chained", audit_z),
        ("tills: the money of sales is in the books of orders", audit_money),
        ("tills: units of sales left the ledger once", audit_units),
        ("tills: what a device that is locked out had is on sale again", audit_locked_out),
    )
    return await invariants.counted(tx, checks)


async def audit_sequences(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(d.id::text) FILTER (WHERE coalesce(f.facts, 0) <> d.last_sequence
                                                         OR coalesce(f.last, 0) <> d.last_sequence), '{}') AS offending
          FROM tills.device d
          LEFT JOIN (SELECT device_id, count(*) AS facts, max(sequence) AS last FROM tills.fact GROUP BY device_id) f
            ON f.device_id = d.id
        """,
    )


async def audit_chain(tx: Tx) -> AuditRow:
    """What does not follow has a task."""
    return await tx.one(
        AuditRow,
        """
        WITH linked AS (
            SELECT f.device_id, f.sequence, f.chained, f.without_buyer OR encode(sha256(f.raw), 'hex') = f.hash AS hashes,
                   position(convert_to('"previous":"' || coalesce(lag(f.hash) OVER w, repeat('0', 64)) || '"', 'UTF8')
                            IN f.raw) > 0 AS follows
              FROM tills.fact f WINDOW w AS (PARTITION BY f.device_id ORDER BY f.sequence)
        )
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.device_id || '/' || l.sequence) FILTER (WHERE
                    CASE WHEN l.chained THEN NOT (l.hashes AND l.follows)
                         ELSE NOT EXISTS (SELECT FROM tills.task t WHERE t.device_id = l.device_id
                                             AND t.sequence = l.sequence AND t.code = 'chain') END), '{}') AS offending
          FROM linked l
        """,
    )


async def audit_numbers(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.series || '-' || coalesce(r.number::text, '?')) FILTER (WHERE
                    r.number IS DISTINCT FROM r.before + 1
                AND NOT EXISTS (SELECT FROM tills.task t WHERE t.device_id = r.device_id AND t.sequence = r.sequence
                                   AND t.code = 'number')), '{}') AS offending
          FROM (SELECT device_id, sequence, series, number,
                       coalesce(max(number) OVER (PARTITION BY device_id ORDER BY sequence
                                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
                  FROM tills.receipt WHERE NOT is_training) r
        """,
    )


async def audit_drawers(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(s.id::text) FILTER (WHERE (s.z ->> 'drawer')::bigint
                    <> (s.z ->> 'float')::bigint + coalesce(e.cash, 0)
                 OR s.counted_minor - (s.z ->> 'drawer')::bigint IS DISTINCT FROM (s.z ->> 'variance')::bigint), '{}')
                 AS offending
          FROM tills.shift s
          LEFT JOIN (SELECT shift_id, sum(amount_minor) AS cash FROM tills.entry
                      WHERE tender = 'cash' AND NOT late GROUP BY shift_id) e ON e.shift_id = s.id
         WHERE s.z IS NOT NULL
        """,
    )


@dataclass(frozen=True, slots=True)
class _Z:
    register_id: int
    z_number: int
    z: dict[str, object]
    z_previous: str
    z_hash: str


async def audit_z(tx: Tx) -> AuditRow:
    found = await tx.every(
        _Z,
        """
        SELECT register_id, z_number, z, z_previous, z_hash FROM tills.shift WHERE z IS NOT NULL
         ORDER BY register_id, z_number
        """,
    )
    wrong: list[str] = []
    last: dict[int, tuple[int, str]] = {}
    for each in found:
        number, before = last.get(each.register_id, (0, ""))
        holds = (
            each.z_number == number + 1
            and each.z_previous == before
            and each.z.get("previous") == before
            and each.z.get("number") == each.z_number
            and hash_of(canonical(each.z)) == each.z_hash
        )
        if not holds:
            wrong.append(f"{each.register_id}/{each.z_number}")
        last[each.register_id] = (each.z_number, each.z_hash)
    return AuditRow(len(found), wrong[:100])


async def audit_money(tx: Tx) -> AuditRow:
    """What a sale took is what its order was paid, where its sums agree; cash that was rounded aside."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text) FILTER (WHERE o.order_id IS NULL OR o.channel IS DISTINCT FROM 'till'
                  OR (NOT EXISTS (SELECT FROM tills.task t WHERE t.device_id = r.device_id AND t.sequence = r.sequence
                                     AND t.code = 'sums')
                      AND (o.charged_minor <> o.total_minor OR abs(e.taken - o.total_minor) > 10000
                           OR e.taken <> r.total_minor))), '{}') AS offending
          FROM tills.receipt r
          LEFT JOIN orders.v_at_counter o ON o.order_id = r.order_id AND o.shop_id = r.shop_id
          LEFT JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS taken FROM tills.entry
                              WHERE device_id = r.device_id AND sequence = r.sequence) e ON true
         WHERE r.kind = 'sale' AND NOT r.is_training
        """,
    )


async def audit_units(tx: Tx) -> AuditRow:
    """Per order of a till and variant: what its lines say left, as the ledger has it."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.order_id || '/' || l.variant_id) FILTER (WHERE l.units IS DISTINCT FROM h.units), '{}')
                 AS offending
          FROM (SELECT n.order_id, n.variant_id, sum(n.quantity) AS units
                  FROM tills.receipt r JOIN orders.v_at_counter_line n ON n.order_id = r.order_id
                 WHERE r.kind = 'sale' AND NOT r.is_training GROUP BY n.order_id, n.variant_id) l
          LEFT JOIN (SELECT id, variant_id, sum(quantity) AS units FROM stock.v_hold
                      WHERE state IN ('shipped', 'returned') GROUP BY id, variant_id) h
            ON h.id = l.order_id AND h.variant_id = l.variant_id
        """,
    )


async def audit_locked_out(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(DISTINCT d.id::text) FILTER (WHERE p.is_open OR l.quantity > l.held + l.allocated), '{}')
                 AS offending
          FROM tills.device d JOIN stock.v_pool p ON p.id = d.pool_id
          LEFT JOIN stock.v_level l ON l.pool_id = d.pool_id
         WHERE d.locked_at IS NOT NULL
        """,
    )
