"""Audit of transfers and counts: what is in transit is what was sent and neither received nor explained."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant, counted


async def audit(tx: Tx) -> list[Invariant]:
    return await counted(
        tx,
        (
            ("what is in transit belongs to a transfer that is under way", _in_transit),
            ("moves between shelves make and lose no unit", _moves),
            ("posted counts are in the books", _posted),
            ("what is kept from online is promised to nobody, and no more than is wanted", _safety),
        ),
    )


async def _in_transit(tx: Tx) -> AuditRow:
    found = await tx.first(
        AuditRow,
        """
        WITH stands AS (
             SELECT l.shop_id, l.source, l.location_id, l.variant_id, sum(l.quantity) AS units
               FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id
              WHERE p.purpose = 'transit' GROUP BY 1, 2, 3, 4),
        owed AS (
             SELECT t.shop_id, 'transfer:' || t.id AS source, t.target_id AS location_id, l.variant_id,
                    l.sent - l.received - l.lost - l.damaged - l.miscounted AS units
               FROM stock_control.transfer_line l JOIN stock_control.transfer t ON t.id = l.transfer_id
              WHERE t.state <> 'draft')
        SELECT count(*)::bigint AS looked_at,
               coalesce((array_agg(concat_ws(' ', source, 'variant', variant_id)) FILTER (
                         WHERE coalesce(stands.units, 0) <> coalesce(owed.units, 0)))[1:100], '{}') AS offending
          FROM stands FULL JOIN owed USING (shop_id, source, location_id, variant_id)
        """,
    )
    assert found is not None, "an aggregate has a row"
    return found


async def _moves(tx: Tx) -> AuditRow:
    found = await tx.first(
        AuditRow,
        """
        WITH moved AS (
             SELECT l.variant_id, sum(m.quantity) AS units
               FROM stock.v_movement m JOIN stock.v_level l ON l.id = m.level_id
              WHERE m.kind = 'moved' GROUP BY 1)
        SELECT count(*)::bigint AS looked_at,
               coalesce((array_agg('variant ' || variant_id) FILTER (WHERE units <> 0))[1:100], '{}') AS offending
          FROM moved
        """,
    )
    assert found is not None, "an aggregate has a row"
    return found


async def _posted(tx: Tx) -> AuditRow:
    found = await tx.first(
        AuditRow,
        """
        SELECT count(*)::bigint AS looked_at,
               coalesce((array_agg(concat_ws(' ', 'count', c.id, 'variant', l.variant_id)) FILTER (
                         WHERE (l.applied IS NULL) = (c.state = 'posted')))[1:100], '{}') AS offending
          FROM stock_control.count_line l JOIN stock_control.count c ON c.id = l.count_id
         WHERE l.counted IS NOT NULL AND NOT l.left_out AND c.state <> 'posting'
        """,
    )
    assert found is not None, "an aggregate has a row"
    return found


async def _safety(tx: Tx) -> AuditRow:
    found = await tx.first(
        AuditRow,
        """
        WITH kept AS (
             SELECT l.shop_id, l.location_id, l.variant_id, sum(l.quantity) AS units,
                    sum(l.held + l.allocated + l.shortfall) AS promised
               FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id
              WHERE p.purpose = 'safety' GROUP BY 1, 2, 3)
        SELECT count(*)::bigint AS looked_at,
               coalesce((array_agg(concat_ws(' ', 'location', k.location_id, 'variant', k.variant_id)) FILTER (
                         WHERE k.promised > 0 OR k.units > coalesce(s.units, 0)))[1:100], '{}') AS offending
          FROM kept k LEFT JOIN stock_control.safety s USING (shop_id, location_id, variant_id)
        """,
    )
    assert found is not None, "an aggregate has a row"
    return found
