"""SQL of holds that become one.  One function, one statement."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import every
from shopfloor.stock.batch import Row
from shopfloor.stock.rows import SELECT_HOLDS, hold_row


async def held_by(tx: Tx, *, shop_id: int, buyers: Sequence[UUID], pool_id: int | None) -> list[Row]:
    """By the index of buyers, in pools that are open, those of the last shows (which may be paid at the end, within a
    day: no shop has two hundred of them), or the one that is named.
    """
    return await every(
        tx,
        hold_row,
        SELECT_HOLDS  # noqa: S608 -- constants, both
        + """
         WHERE h.id IN (
                SELECT id FROM stock.hold
                 WHERE limited AND buyer = ANY(%(buyers)s::uuid[]) AND state = 'held' AND expires_at > clock_timestamp()
                   AND pool_id IN (SELECT id FROM stock.pool
                                    WHERE shop_id = %(shop_id)s AND (is_open OR id = %(pool_id)s)
                                   UNION ALL
                                   (SELECT id FROM stock.pool WHERE shop_id = %(shop_id)s AND kind = 'show'
                                     ORDER BY id DESC LIMIT 200)))
         ORDER BY h.granted_at, h.id, h.part
        """,
        shop_id=shop_id,
        buyers=list(buyers),
        pool_id=pool_id,
    )


async def held_in(tx: Tx, *, shop_id: int, pool_id: int | None) -> list[Row]:
    """What is held in a pool, by whomever."""
    return await every(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.pool_id = %(pool_id)s AND h.shop_id = %(shop_id)s AND h.limited AND h.state = 'held'
           AND h.expires_at > clock_timestamp()
         ORDER BY h.granted_at, h.id, h.part
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )


async def move_parts(tx: Tx, *, into: UUID, ids: Sequence[UUID], first_part: int) -> None:
    """Held parts of locked holds become parts of a locked one; what they were is released and counts for nobody."""
    await tx.run(
        """
        WITH moving AS MATERIALIZED (
            SELECT h.*, (row_number() OVER (ORDER BY h.id, h.part) - 1 + %(first_part)s)::smallint AS place
              FROM stock.hold h WHERE h.id = ANY(%(ids)s::uuid[])
        ), moved AS (
            INSERT INTO stock.hold (id, part, state, lot_kind, ready_on, quantity, returned, shop_id, pool_id, level_id,
                                    variant_id, unit_price, offer_id, show_id, limited, buyer, granted_at, expires_at,
                                    bundle_id, network)
            SELECT %(into)s, m.place, m.state, m.lot_kind, m.ready_on, m.quantity, m.returned, m.shop_id, m.pool_id,
                   m.level_id, m.variant_id, m.unit_price, m.offer_id, m.show_id, m.limited, m.buyer, m.granted_at,
                   coalesce((SELECT expires_at FROM stock.hold WHERE id = %(into)s ORDER BY part LIMIT 1), m.expires_at),
                   m.bundle_id, m.network
              FROM moving m
        )
        UPDATE stock.hold SET state = 'released', network = NULL WHERE id = ANY(%(ids)s::uuid[])
        """,
        into=into,
        ids=list(ids),
        first_part=first_part,
    )


async def rename_parts(tx: Tx, *, ids: Sequence[UUID], becomes: UUID) -> None:
    """Holds that this transaction granted become one, under another id, with a timer of its own."""
    await tx.run(
        """
        WITH renamed AS (
            UPDATE stock.hold h SET id = %(becomes)s, part = n.place
              FROM (SELECT id, part, (row_number() OVER (ORDER BY id, part) - 1)::smallint AS place
                      FROM stock.hold WHERE id = ANY(%(ids)s::uuid[])) n
             WHERE h.id = n.id AND h.part = n.part
            RETURNING h.expires_at
        )
        INSERT INTO stock.timer (due_at, hold_ids)
        SELECT min(expires_at), ARRAY[%(becomes)s::uuid] FROM renamed
        """,
        ids=list(ids),
        becomes=becomes,
    )


async def set_apart(tx: Tx, *, hold_id: UUID, parts: Sequence[int], becomes: UUID) -> None:
    """These locked parts are no part of their hold any longer: they have an id of their own, and hold nothing."""
    await tx.run(
        """
        UPDATE stock.hold h SET id = %(becomes)s, part = n.place, network = NULL
          FROM (SELECT part, (row_number() OVER (ORDER BY part) - 1)::smallint AS place
                  FROM unnest(%(parts)s::smallint[]) AS p (part)) n
         WHERE h.id = %(hold_id)s AND h.part = n.part
        """,
        hold_id=hold_id,
        parts=list(parts),
        becomes=becomes,
    )


async def close_gaps(tx: Tx, *, hold_id: UUID) -> None:
    """The last parts of a locked hold take the numbers that are missing among the first."""
    await tx.run(
        """
        WITH known AS MATERIALIZED (
            SELECT part, count(*) OVER () AS parts FROM stock.hold WHERE id = %(hold_id)s
        ), missing AS (
            SELECT place, row_number() OVER (ORDER BY place) AS turn
              FROM generate_series(0, (SELECT max(parts) FROM known) - 1) AS g (place)
             WHERE place NOT IN (SELECT part FROM known)
        ), last AS (
            SELECT part, row_number() OVER (ORDER BY part) AS turn FROM known WHERE part >= parts
        )
        UPDATE stock.hold h SET part = m.place::smallint
          FROM last l JOIN missing m USING (turn)
         WHERE h.id = %(hold_id)s AND h.part = l.part
        """,
        hold_id=hold_id,
    )
