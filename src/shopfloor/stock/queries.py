"""SQL of the ledger.  One function, one statement."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.stock.batch import Row
from shopfloor.stock.models import (
    HoldState,
    Level,
    LotKind,
    Movement,
    Shortage,
)
from shopfloor.stock.rows import LOTS, SELECT_HOLDS, every, hold_row


async def move(
    tx: Tx,
    *,
    kind: str,
    reason: str,
    level_ids: Sequence[int],
    quantity: Sequence[int],
    held: Sequence[int],
    allocated: Sequence[int],
    shortfall: Sequence[int],
) -> int:
    """Change levels, each named once, and journal it.  Says how many movements were written.

    The caller has locked them; the statement locks them in the one order all the same, so that it can stand alone.
    """
    return await tx.value(
        """
        WITH delta AS (
            SELECT * FROM unnest(%(level_ids)s::bigint[], %(quantity)s::int[], %(held)s::int[],
                                 %(allocated)s::int[], %(shortfall)s::int[])
                AS d (level_id, quantity, held, allocated, shortfall)
        ), locked AS MATERIALIZED (
            SELECT id FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[])
             ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
               FOR NO KEY UPDATE
        ), changed AS (
            UPDATE stock.level AS l
               SET quantity = l.quantity + d.quantity, held = l.held + d.held,
                   allocated = l.allocated + d.allocated, shortfall = l.shortfall + d.shortfall
              FROM locked JOIN delta AS d ON d.level_id = locked.id
             WHERE l.id = locked.id AND l.id = ANY(%(level_ids)s::bigint[])
            RETURNING l.id
        ), written AS (
            INSERT INTO stock.movement (level_id, kind, quantity, held, allocated, shortfall, reason)
            SELECT d.level_id, %(kind)s, d.quantity, d.held, d.allocated, d.shortfall, %(reason)s
              FROM delta AS d JOIN changed ON changed.id = d.level_id
            RETURNING 1
        )
        SELECT count(*) FROM written
        """,
        kind=kind,
        reason=reason,
        level_ids=list(level_ids),
        quantity=list(quantity),
        held=list(held),
        allocated=list(allocated),
        shortfall=list(shortfall),
    )


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


async def insert_level(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    location_id: int,
    pool_id: int,
    kind: LotKind,
    ready_on: date | None,
    source: str,
) -> None:
    """Make the level, empty, unless there is one; an existing one is not locked."""
    await tx.run(
        """
        INSERT INTO stock.level (shop_id, variant_id, location_id, pool_id, kind, ready_on, source)
        VALUES (%(shop_id)s, %(variant_id)s, %(location_id)s, %(pool_id)s, %(kind)s::text::stock.lot_kind,
                %(ready_on)s, %(source)s)
        ON CONFLICT (variant_id, pool_id, location_id, source) DO NOTHING
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        location_id=location_id,
        pool_id=pool_id,
        kind=kind.value,
        ready_on=ready_on,
        source=source,
    )


async def level_id(tx: Tx, *, variant_id: int, location_id: int, pool_id: int, source: str) -> int | None:
    return await tx.value(
        """
        SELECT id FROM stock.level
         WHERE variant_id = %(variant_id)s AND pool_id = %(pool_id)s AND location_id = %(location_id)s
           AND source = %(source)s
        """,
        variant_id=variant_id,
        location_id=location_id,
        pool_id=pool_id,
        source=source,
    )


async def set_lot(tx: Tx, *, level_ids: Sequence[int], kind: LotKind, ready_on: date | None) -> None:
    await tx.run(
        """
        WITH locked AS MATERIALIZED (
            SELECT id FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[])
             ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
               FOR NO KEY UPDATE
        )
        UPDATE stock.level AS l SET kind = %(kind)s::text::stock.lot_kind, ready_on = %(ready_on)s
          FROM locked WHERE l.id = locked.id
        """,
        level_ids=list(level_ids),
        kind=kind.value,
        ready_on=ready_on,
    )


def _level(
    level_id: int,
    shop_id: int,
    variant_id: int,
    location_id: int,
    pool_id: int,
    kind: str,
    ready_on: date | None,
    source: str,
    quantity: int,
    held: int,
    allocated: int,
    shortfall: int,
) -> Level:
    return Level(
        level_id, shop_id, variant_id, location_id, pool_id, LOTS[kind], ready_on, source, quantity, held,
        allocated, shortfall,
    )  # fmt: skip


async def levels_by_id(tx: Tx, *, level_ids: Sequence[int], lock: bool = False) -> list[Level]:
    if lock:
        return await every(
            tx,
            _level,
            """
            SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
                   allocated, shortfall
              FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[])
             ORDER BY stock.lock_rank(pool_id), pool_id DESC, id FOR NO KEY UPDATE
            """,
            level_ids=list(level_ids),
        )
    return await every(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[]) ORDER BY id
        """,
        level_ids=list(level_ids),
    )


async def lock_levels_that_free(tx: Tx, *, level_ids: Sequence[int]) -> list[Level]:
    """Lock these levels, and with them those of the open pool to which a closed one's free units flow back."""
    return await every(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level
         WHERE id IN (SELECT unnest(%(level_ids)s::bigint[])
                      UNION
                      SELECT o.id
                        FROM stock.level AS l
                        JOIN stock.pool AS closed ON closed.id = l.pool_id AND NOT closed.is_open
                        JOIN stock.pool AS open ON open.shop_id = l.shop_id AND open.kind = 'open'
                        JOIN stock.level AS o ON o.variant_id = l.variant_id AND o.pool_id = open.id
                                             AND o.location_id = l.location_id AND o.source = l.source
                       WHERE l.id = ANY(%(level_ids)s::bigint[]))
         ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        level_ids=list(level_ids),
    )


async def lock_levels_of(
    tx: Tx, *, shop_id: int, pool_ids: Sequence[int] | None, variant_ids: Sequence[int] | None
) -> list[Level]:
    """Lock whole levels, of all pools or variants where None is given, in the one order."""
    return await every(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level
         WHERE shop_id = %(shop_id)s
           AND (%(pool_ids)s::bigint[] IS NULL OR pool_id = ANY(%(pool_ids)s::bigint[]))
           AND (%(variant_ids)s::bigint[] IS NULL OR variant_id = ANY(%(variant_ids)s::bigint[]))
         ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        pool_ids=None if pool_ids is None else list(pool_ids),
        variant_ids=None if variant_ids is None else list(variant_ids),
    )


async def lock_levels_of_source(
    tx: Tx, *, shop_id: int, variant_id: int, location_id: int, source: str
) -> list[Level]:
    return await every(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level
         WHERE shop_id = %(shop_id)s AND variant_id = %(variant_id)s AND location_id = %(location_id)s
           AND source = %(source)s
         ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        location_id=location_id,
        source=source,
    )


async def levels(tx: Tx, *, shop_id: int, variant_ids: Sequence[int] | None) -> list[Level]:
    return await every(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level
         WHERE shop_id = %(shop_id)s
           AND (%(variant_ids)s::bigint[] IS NULL OR variant_id = ANY(%(variant_ids)s::bigint[]))
         ORDER BY variant_id, pool_id, ready_on NULLS FIRST, id
        """,
        shop_id=shop_id,
        variant_ids=None if variant_ids is None else list(variant_ids),
    )


async def movements(
    tx: Tx, *, shop_id: int, variant_id: int, after: int | None, before: int | None, limit: int
) -> list[Movement]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        Movement,
        """
        SELECT m.id, m.level_id, m.at, m.kind, m.quantity, m.held, m.allocated, m.shortfall, m.reason
          FROM stock.movement AS m JOIN stock.level AS l ON l.id = m.level_id
         WHERE l.shop_id = %(shop_id)s AND l.variant_id = %(variant_id)s
           AND (%(after)s::bigint IS NULL OR m.id < %(after)s)
           AND (%(before)s::bigint IS NULL OR m.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN m.id END DESC, m.id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        after=after,
        before=before,
        limit=limit,
    )


async def count_movements(tx: Tx, *, shop_id: int, variant_id: int, before: int | None) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM stock.movement AS m JOIN stock.level AS l ON l.id = m.level_id
             WHERE l.shop_id = %(shop_id)s AND l.variant_id = %(variant_id)s
               AND (%(before)s::bigint IS NULL OR m.id > %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        before=before,
        most=MOST_COUNTED,
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


async def shortages(tx: Tx, *, shop_id: int) -> list[Shortage]:
    return await tx.every(
        Shortage,
        """
        SELECT l.id AS level_id, l.shop_id, l.variant_id, l.location_id, l.pool_id, l.shortfall AS missing,
               m.reason, m.at AS raised_at
          FROM stock.level AS l
          JOIN LATERAL (SELECT reason, at FROM stock.movement WHERE level_id = l.id AND shortfall > 0
                         ORDER BY id DESC LIMIT 1) AS m ON true
         WHERE l.shop_id = %(shop_id)s AND l.shortfall > 0
         ORDER BY m.at, l.id
        """,
        shop_id=shop_id,
    )


async def insert_sale(tx: Tx, *, shop_id: int, source: str) -> int:
    return await tx.run(
        """
        INSERT INTO stock.sale (shop_id, source) VALUES (%(shop_id)s, %(source)s)
        ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        source=source,
    )
