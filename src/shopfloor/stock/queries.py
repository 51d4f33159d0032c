"""SQL of holds.  One function, one statement."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import every
from shopfloor.stock.batch import Row
from shopfloor.stock.models import HoldState
from shopfloor.stock.rows import SELECT_HOLDS, hold_row


async def lock_rows(tx: Tx, *, ids: Sequence[UUID]) -> list[Row]:
    """Hold rows are locked before levels, in the order of their keys."""
    return await every(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.id = ANY(%(ids)s::uuid[])
         ORDER BY h.id, h.part
           FOR UPDATE
        """,
        ids=list(ids),
    )


async def lock_due_rows(tx: Tx, *, ids: Sequence[UUID]) -> list[Row]:
    """Those whose time is over and that nobody else is working on."""
    return await every(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.id = ANY(%(ids)s::uuid[]) AND h.state = 'held' AND h.expires_at <= clock_timestamp()
         ORDER BY h.id, h.part
           FOR UPDATE SKIP LOCKED
        """,
        ids=list(ids),
    )


async def parts_of(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many rows each of these holds has."""
    return dict(
        await every(
            tx,
            lambda hold_id, parts: (hold_id, parts),
            "SELECT id, count(*) FROM stock.hold WHERE id = ANY(%(ids)s::uuid[]) GROUP BY id",
            ids=list(ids),
        )
    )


async def set_state(
    tx: Tx, *, ids: Sequence[UUID], parts: Sequence[int], was: HoldState, becomes: HoldState
) -> int:
    """The guarded transition: rows that are not in state `was` are left alone."""
    return await tx.value(
        """
        WITH turned AS (
            UPDATE stock.hold AS h
               SET state = %(becomes)s::stock.hold_state,
                   network = CASE WHEN %(becomes)s::text = 'allocated' THEN network END
              FROM unnest(%(ids)s::uuid[], %(parts)s::smallint[]) AS w (id, part)
             WHERE h.id = w.id AND h.part = w.part AND h.state = %(was)s::stock.hold_state
            RETURNING 1
        )
        SELECT count(*) FROM turned
        """,
        ids=list(ids),
        parts=list(parts),
        was=was.value,
        becomes=becomes.value,
    )


async def split(tx: Tx, *, hold_id: UUID, part: int, keeps: int, new_part: int) -> None:
    """A locked part keeps so many units; what is more becomes a part of its own that is like it."""
    await tx.run(
        """
        WITH cut AS (
            UPDATE stock.hold SET quantity = %(keeps)s WHERE id = %(hold_id)s AND part = %(part)s RETURNING id, part
        )
        INSERT INTO stock.hold (id, part, state, lot_kind, ready_on, quantity, returned, shop_id, pool_id, level_id,
                                variant_id, unit_price, offer_id, show_id, limited, buyer, granted_at, expires_at,
                                bundle_id, network)
        SELECT h.id, %(new_part)s, h.state, h.lot_kind, h.ready_on, h.quantity - %(keeps)s, 0, h.shop_id, h.pool_id,
               h.level_id, h.variant_id, h.unit_price, h.offer_id, h.show_id, h.limited, h.buyer, h.granted_at,
               h.expires_at, h.bundle_id, h.network
          FROM stock.hold h JOIN cut USING (id, part)
        """,
        hold_id=hold_id,
        part=part,
        keeps=keeps,
        new_part=new_part,
    )


async def set_level(tx: Tx, *, hold_id: UUID, part: int, level_id: int) -> None:
    """A locked part is promised from this level."""
    await tx.run(
        "UPDATE stock.hold SET level_id = %(level_id)s WHERE id = %(hold_id)s AND part = %(part)s",
        hold_id=hold_id,
        part=part,
        level_id=level_id,
    )


async def set_expiry(tx: Tx, *, ids: Sequence[UUID], seconds: int) -> list[UUID]:
    return await every(
        tx,
        lambda hold_id: hold_id,
        """
        WITH locked AS MATERIALIZED (
            SELECT id, part FROM stock.hold WHERE id = ANY(%(ids)s::uuid[]) AND state = 'held'
             ORDER BY id, part
               FOR UPDATE
        )
        UPDATE stock.hold AS h
           SET expires_at = greatest(h.expires_at, clock_timestamp() + make_interval(secs => %(seconds)s))
          FROM locked WHERE h.id = locked.id AND h.part = locked.part
        RETURNING h.id
        """,
        ids=list(ids),
        seconds=seconds,
    )


async def add_returned(tx: Tx, *, hold_id: UUID, part: int, quantity: int) -> int:
    return await tx.run(
        """
        UPDATE stock.hold
           SET returned = returned + %(quantity)s,
               state = CASE WHEN returned + %(quantity)s = quantity THEN 'returned' ELSE state END
         WHERE id = %(hold_id)s AND part = %(part)s AND state = 'shipped'
        """,
        hold_id=hold_id,
        part=part,
        quantity=quantity,
    )


async def delete_rows(tx: Tx, *, ids: Sequence[UUID]) -> int:
    """For holds that are written anew in the same transaction."""
    return await tx.run(
        "DELETE FROM stock.hold WHERE id = ANY(%(ids)s::uuid[]) AND state IN ('released', 'expired')",
        ids=list(ids),
    )


async def due_timers(tx: Tx, *, limit: int) -> list[tuple[int, list[UUID]]]:
    """The earliest timers that are due and that no other worker has, with the holds they stand for."""
    return await every(
        tx,
        lambda timer_id, hold_ids: (timer_id, hold_ids),
        """
        SELECT id, hold_ids FROM stock.timer WHERE due_at <= clock_timestamp()
         ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        limit=limit,
    )


async def seconds_to_next_timer(tx: Tx, *, most: float) -> float:
    return await tx.value(
        """
        SELECT greatest(0, least(%(most)s::float8, extract(epoch FROM min(due_at) - clock_timestamp())::float8))
          FROM stock.timer
        """,
        most=most,
    )


async def rearm_timers(tx: Tx, *, ids: Sequence[int]) -> None:
    """Keep what of their holds is still held, due when the first of it is (in a second at the earliest)."""
    await tx.run(
        """
        WITH still AS (
            SELECT t.id, min(h.expires_at) AS due_at, array_agg(DISTINCT h.id) AS hold_ids
              FROM stock.timer AS t
             CROSS JOIN unnest(t.hold_ids) AS u (hold_id)
              JOIN stock.hold AS h ON h.id = u.hold_id AND h.state = 'held'
             WHERE t.id = ANY(%(ids)s::bigint[])
             GROUP BY t.id
        ), kept AS (
            UPDATE stock.timer AS t
               SET due_at = greatest(still.due_at, clock_timestamp() + interval '1 second'), hold_ids = still.hold_ids
              FROM still WHERE t.id = still.id
        )
        DELETE FROM stock.timer AS t
         WHERE t.id = ANY(%(ids)s::bigint[]) AND NOT EXISTS (SELECT FROM still WHERE still.id = t.id)
        """,
        ids=list(ids),
    )


async def rows_of_hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> list[Row]:
    return await every(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.shop_id = %(shop_id)s AND h.id = %(hold_id)s
         ORDER BY h.part
        """,
        shop_id=shop_id,
        hold_id=hold_id,
    )


async def rows_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> list[Row]:
    """What was bought under a limit is indexed; what is held right now is found by its timers."""
    return await every(
        tx,
        hold_row,
        SELECT_HOLDS  # noqa: S608 -- constants, both
        + """
         WHERE h.id IN (
                SELECT id FROM stock.hold
                 WHERE limited AND pool_id IN (SELECT id FROM stock.pool WHERE shop_id = %(shop_id)s)
                   AND buyer = %(buyer)s
                UNION ALL
                SELECT unnest(hold_ids) FROM stock.timer)
           AND h.shop_id = %(shop_id)s AND h.buyer = %(buyer)s
         ORDER BY h.granted_at DESC, h.id, h.part
        """,
        shop_id=shop_id,
        buyer=buyer,
    )


async def end_for_good(tx: Tx, *, ids: Sequence[UUID]) -> None:
    await tx.run(
        """
        INSERT INTO stock.ended (hold_id, shop_id)
        SELECT DISTINCT id, shop_id FROM stock.hold WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id ON CONFLICT DO NOTHING
        """,
        ids=list(ids),
    )


async def has_ended(tx: Tx, *, id: UUID) -> bool:  # noqa: A002 -- the column's name
    return await tx.value("SELECT EXISTS (SELECT FROM stock.ended WHERE hold_id = %(id)s)", id=id)
