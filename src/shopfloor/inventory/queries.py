"""SQL of the books: levels and their journal.  One function, one statement."""

from collections.abc import Sequence
from datetime import date, datetime

from shopfloor.inventory.models import LOTS, Level, LotKind, Movement, Shortage
from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.prepared import every


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


async def on_shelves(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int,
    variant_ids: Sequence[int] | None,
    at: datetime | None,
    without: Sequence[str],
) -> dict[int, int]:
    """By variant, units on hand at a location, but for pools of some purposes; `at`: less what came and went since."""
    found: dict[int, int] = {}

    def add(variant_id: int, units: int) -> None:
        found[variant_id] = units

    await every(
        tx,
        add,
        """
        SELECT l.variant_id, (sum(l.quantity) - coalesce(sum(m.moved), 0))::bigint
          FROM stock.level AS l
          JOIN stock.pool AS p ON p.id = l.pool_id AND coalesce(p.purpose, '') <> ALL (%(without)s::text[])
          LEFT JOIN LATERAL (
               SELECT sum(quantity) AS moved FROM stock.movement
                WHERE level_id = l.id AND at > %(at)s AND kind <> 'carried') AS m ON %(at)s::timestamptz IS NOT NULL
         WHERE l.shop_id = %(shop_id)s AND l.location_id = %(location_id)s AND l.kind = 'on_hand'
           AND (%(variant_ids)s::bigint[] IS NULL OR l.variant_id = ANY(%(variant_ids)s::bigint[]))
         GROUP BY l.variant_id
        """,
        shop_id=shop_id,
        location_id=location_id,
        variant_ids=None if variant_ids is None else list(variant_ids),
        at=at,
        without=list(without),
    )
    return found


async def levels_of_pool(tx: Tx, *, shop_id: int, pool_id: int) -> list[Level]:
    return await every(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level WHERE shop_id = %(shop_id)s AND pool_id = %(pool_id)s ORDER BY variant_id, id
        """,
        shop_id=shop_id,
        pool_id=pool_id,
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


async def left(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], pool_id: int | None
) -> list[tuple[int, int | None, int, date | None, int]]:
    """(pool, show, variant, ready on, units), of all open pools where None is given."""

    def make(
        pool: int, show_id: int | None, variant_id: int, ready_on: date | None, units: int
    ) -> tuple[int, int | None, int, date | None, int]:
        return pool, show_id, variant_id, ready_on, units

    return await every(
        tx,
        make,
        """
        SELECT pool_id, show_id, variant_id, ready_on, sum(left_now)::bigint
          FROM stock.v_left
         WHERE shop_id = %(shop_id)s AND variant_id = ANY(%(variant_ids)s::bigint[])
           AND (%(pool_id)s::bigint IS NULL OR pool_id = %(pool_id)s::bigint)
         GROUP BY pool_id, show_id, variant_id, ready_on
         ORDER BY pool_id, variant_id, ready_on NULLS FIRST
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
        pool_id=pool_id,
    )
