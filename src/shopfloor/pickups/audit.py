"""The audit of pickups and of where parcels took their units: each invariant with the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of pickups over all shops."""
    checks = (
        ("pickups: parcels that are here have their units promised at their place", audit_promised),
        ("pickups: what parcels took left their place, so many units and no more", audit_left),
        ("pickups: what was handed over was collected once, against a proof", audit_handed_over),
        ("pickups: nothing waits of an order that is cancelled", audit_cancelled),
    )
    return await invariants.counted(tx, checks)


async def audit_promised(tx: Tx) -> AuditRow:
    """The units of open parcels are the order's own, at the location where they are to be picked."""
    return await tx.one(
        AuditRow,
        """
        WITH open_parcels AS (
            SELECT p.hold_id, p.location_id, n.variant_id, sum(n.quantity) AS units
              FROM fulfilment.v_parcel p JOIN fulfilment.v_parcel_line n ON n.parcel_id = p.id
             WHERE p.state IN ('to_pick', 'picked', 'packed', 'ready_to_collect')
             GROUP BY 1, 2, 3
        ), promised AS (
            SELECT h.id AS hold_id, l.location_id, h.variant_id, sum(h.quantity) AS units
              FROM stock.v_hold h JOIN stock.v_level l ON l.id = h.level_id
             WHERE h.state = 'allocated' AND h.id IN (SELECT hold_id FROM open_parcels)
             GROUP BY 1, 2, 3
        )
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(o.hold_id || '/' || o.location_id || '/' || o.variant_id)
                         FILTER (WHERE coalesce(h.units, 0) < o.units))[:100], '{}') AS offending
          FROM open_parcels o LEFT JOIN promised h USING (hold_id, location_id, variant_id)
        """,
    )


async def audit_left(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        WITH gone AS (
            SELECT p.hold_id, p.location_id, n.variant_id, sum(n.quantity) AS units
              FROM fulfilment.v_parcel p JOIN fulfilment.v_parcel_line n ON n.parcel_id = p.id
             WHERE p.state IN ('shipped', 'delivered', 'collected')
             GROUP BY 1, 2, 3
        ), taken AS (
            SELECT h.id AS hold_id, l.location_id, h.variant_id, sum(h.quantity) AS units
              FROM stock.v_hold h JOIN stock.v_level l ON l.id = h.level_id
             WHERE h.state IN ('shipped', 'returned') AND h.id IN (SELECT hold_id FROM gone)
             GROUP BY 1, 2, 3
        )
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(hold_id || '/' || location_id || '/' || variant_id)
                         FILTER (WHERE g.units IS DISTINCT FROM t.units))[:100], '{}') AS offending
          FROM gone g FULL JOIN taken t USING (hold_id, location_id, variant_id)
        """,
    )


async def audit_handed_over(tx: Tx) -> AuditRow:
    """A minute is allowed for what other pages did to be written down here."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(w.parcel_id::text) FILTER (WHERE
                    (w.state = 'handed_over') <> (p.state = 'collected') AND p.last < now() - interval '1 minute'
                 OR p.collected > p.undone + 1))[:100], '{}') AS offending
          FROM pickups.pickup w
          JOIN LATERAL (SELECT v.state, max(e.at) AS last, count(*) FILTER (WHERE e.kind = 'collected') AS collected,
                               count(*) FILTER (WHERE e.kind = 'undone') AS undone
                          FROM fulfilment.v_parcel v JOIN fulfilment.v_parcel_event e ON e.parcel_id = v.id
                         WHERE v.id = w.parcel_id GROUP BY v.state) p ON true
        """,
    )


async def audit_cancelled(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce((array_agg(w.parcel_id::text) FILTER (WHERE w.state = 'ready' AND o.cancelled_at IS NOT NULL
                                                      AND o.cancelled_at < now() - interval '1 minute'))[:100], '{}')
                 AS offending
          FROM pickups.pickup w JOIN orders.v_listed o ON o.id = w.order_id
        """,
    )
