"""SQL of the purchase path: what a batch of requests locks, reads and writes.  One function, one statement.

Inside a pipeline nothing is waited for until somebody fetches, and row counts are not known; whoever needs a
count there selects it.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from psycopg import AsyncCursor
from psycopg.types.json import Json

from shopfloor.inventory import StockChanged
from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import ask, nothing
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id
from shopfloor.stock.arrays import BigintArray, IntArray, UuidArray, bigint_array, int_array, uuids
from shopfloor.stock.batch import Decision, Group, PoolView, Row, Shelf
from shopfloor.stock.rows import LOTS, SELECT_HOLDS, hold_row


async def lock_levels(
    tx: Tx, *, pool_ids: Sequence[int], lenders_too: bool, variant_ids: Sequence[int]
) -> AsyncCursor[Shelf]:
    """Lock all lots of these variants in these pools, in the one order every writer uses."""
    return await ask(
        tx,
        _shelf,
        """
        SELECT id, pool_id, variant_id, location_id, kind::text, ready_on, quantity, held, allocated, shortfall
          FROM stock.level
         WHERE variant_id = ANY(%(variant_ids)s::bigint[])
           AND (pool_id = ANY(%(pool_ids)s::bigint[])
                OR (%(lenders_too)s::boolean AND kind <> 'on_hand'
                    AND pool_id IN (SELECT lender_id FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[]))))
           AND (quantity > 0 OR held > 0 OR allocated > 0 OR source = '')
         ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        {
            "variant_ids": list(variant_ids),
            "pool_ids": list(pool_ids),
            "lenders_too": lenders_too,
        },
    )


async def look_at_levels(
    tx: Tx, *, pool_ids: Sequence[int], variant_ids: Sequence[int]
) -> AsyncCursor[Shelf]:
    """The same without locks: enough to refuse what is sold out, never to grant."""
    return await ask(
        tx,
        _shelf,
        """
        SELECT id, pool_id, variant_id, location_id, kind::text, ready_on, quantity, held, allocated, shortfall
          FROM stock.level
         WHERE variant_id = ANY(%(variant_ids)s::bigint[])
           AND (pool_id = ANY(%(pool_ids)s::bigint[])
                OR (kind <> 'on_hand'
                    AND pool_id IN (SELECT lender_id FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[]))))
        """,
        {"variant_ids": list(variant_ids), "pool_ids": list(pool_ids)},
    )


async def lock_lent(tx: Tx, *, pool_ids: Sequence[int], variant_ids: Sequence[int]) -> AsyncCursor[Shelf]:
    """Lock what these pools may borrow.  Lenders come last in the one order: this continues the one above."""
    return await ask(
        tx,
        _shelf,
        """
        SELECT id, pool_id, variant_id, location_id, kind::text, ready_on, quantity, held, allocated, shortfall
          FROM stock.level
         WHERE variant_id = ANY(%(variant_ids)s::bigint[]) AND kind <> 'on_hand'
           AND pool_id IN (SELECT lender_id FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[]))
           AND NOT pool_id = ANY(%(pool_ids)s::bigint[])
         ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        {"variant_ids": list(variant_ids), "pool_ids": list(pool_ids)},
    )


def _shelf(
    level_id: int,
    pool_id: int,
    variant_id: int,
    location_id: int,
    kind: str,
    ready_on: date | None,
    quantity: int,
    held: int,
    allocated: int,
    shortfall: int,
) -> Shelf:
    free = quantity - held - allocated
    return Shelf(
        level_id, pool_id, variant_id, location_id, LOTS[kind], ready_on, free, shortfall, 0, 0, quantity
    )


async def pool_views(tx: Tx, *, pool_ids: Sequence[int]) -> AsyncCursor[tuple[PoolView, datetime]]:
    """The pools, and the database's clock: read after the locks, so a pool closed meanwhile is seen closed."""

    def make(
        pool_id: int,
        shop_id: int,
        show_id: int | None,
        location_id: int | None,
        lender_id: int | None,
        is_open: bool,
        is_the_open_pool: bool,
        at: datetime,
    ) -> tuple[PoolView, datetime]:
        return PoolView(pool_id, shop_id, show_id, location_id, lender_id, is_open, is_the_open_pool), at

    return await ask(
        tx,
        make,
        """
        SELECT id, shop_id, show_id, location_id, lender_id, is_open, kind = 'open', clock_timestamp()
          FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[])
        """,
        {"pool_ids": list(pool_ids)},
    )


async def rows_by_id(tx: Tx, *, ids: UuidArray) -> AsyncCursor[Row]:
    return await ask(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.id = ANY(%(ids)s::uuid[])
         ORDER BY h.id, h.part
        """,
        {"ids": ids},
    )


@dataclass(frozen=True, slots=True)
class Grants:
    """Rows of holds as they travel: what they have in common goes once, in `groups`.

    `turns` says of each row which group is its, counted from 1.
    """

    ids: UuidArray
    buyers: UuidArray
    networks: BigintArray
    turns: IntArray
    groups: Sequence[Group]
    at: datetime
    level_ids: list[int]
    granted: list[int]
    payers_until: datetime
    """When holds lapse of those who bear a network and turn out to have paid here before (`write_ahead` only)."""


def grants(
    decision: Decision,
    *,
    taken: Sequence[tuple[int, int]],
    at: datetime,
    payers_until: datetime | None = None,
) -> Grants:
    """`taken`: units by level."""
    granted = decision.granted.values()
    return Grants(
        ids=uuids([hold_id for rows in granted for hold_id in rows.ids]),
        buyers=uuids([buyer for rows in granted for buyer in rows.buyers]),
        networks=bigint_array([network for rows in granted for network in rows.networks]),
        turns=int_array([turn for turn, rows in enumerate(granted, 1) for _ in rows.ids]),
        groups=list(decision.granted),
        at=at,
        level_ids=[level_id for level_id, _ in taken],
        granted=[units for _, units in taken],
        payers_until=payers_until or at,
    )


async def write_grants(tx: Tx, grants: Grants) -> None:
    """Rows of holds, their timer, the pool_views and the journal, in one statement.

    An id that exists already ends the transaction with a UniqueViolation; the level's CHECK is the last word.
    Without rows nothing is written.
    (The planner cannot know how few levels there are; `= ANY` keeps it from reading them all.)
    """
    await ask(
        tx,
        nothing,
        """
        WITH written AS (
            INSERT INTO stock.hold (
                id, part, shop_id, pool_id, level_id, variant_id, quantity, unit_price, offer_id, show_id,
                ready_on, lot_kind, limited, bundle_id, buyer, network, granted_at, expires_at)
            SELECT h.id, g.part, g.shop_id, g.pool_id, g.level_id, g.variant_id, g.quantity, g.unit_price,
                   g.offer_id, g.show_id, g.ready_on, g.lot_kind, g.limited, g.bundle_id, h.buyer,
                   nullif(h.network, 0), %(at)s, g.expires_at
              FROM unnest(%(ids)s::uuid[], %(buyers)s::uuid[], %(networks)s::bigint[], %(turns)s::int[])
                       AS h (id, buyer, network, turn)
              JOIN json_to_recordset(%(groups)s::json) AS g (
                       turn int, part smallint, shop_id bigint, pool_id bigint, level_id bigint,
                       variant_id bigint, quantity int, unit_price bigint, offer_id bigint, show_id bigint,
                       ready_on date, lot_kind stock.lot_kind, limited boolean, bundle_id bigint,
                       expires_at timestamptz)
                ON g.turn = h.turn
        ), timed AS (
            INSERT INTO stock.timer (due_at, hold_ids)
            SELECT min(g.expires_at), %(ids)s::uuid[]
              FROM json_to_recordset(%(groups)s::json) AS g (expires_at timestamptz)
            HAVING count(*) > 0
        ), locked AS MATERIALIZED (
            SELECT id FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[])
             ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
               FOR NO KEY UPDATE
        ), counted AS (
            UPDATE stock.level AS l SET held = l.held + t.granted
              FROM locked JOIN unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
                ON t.level_id = locked.id
             WHERE l.id = locked.id AND l.id = ANY(%(level_ids)s::bigint[])
        )
        INSERT INTO stock.movement (level_id, kind, held)
        SELECT t.level_id, 'reserved', t.granted
          FROM unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
        """,
        _values(grants),
    )


async def write_ahead(tx: Tx, grants: Grants, *, pool_view: PoolView, told_name: str, body: Json) -> None:
    """`write_grants` for a batch decided without looking: lock, check, write and record in one statement.

    Every level must still bear what is taken from it and be the only one its variant has in the pool, the pool
    must be open, and the clock as believed, or the statement fails with a SerializationFailure.  How much is left
    is known only here, so the fact that says it (`StockChanged`) is made here (without `later` where the pool has a
    lender, whose later lots are not looked at); `body` is that of the other.
    Who has paid in the shop bears no network (looked at only where one is given).
    The levels are locked in the order of `lock_levels`, which within one pool is that of their ids; what is read of other rows is as of the beginning of the
    statement.  Without rows nothing is written.
    """
    if len(grants.groups) == 1:
        await _write_ahead_alike(tx, grants, pool_view=pool_view, told_name=told_name, body=body)
        return
    await ask(
        tx,
        nothing,
        """
        WITH payers AS MATERIALIZED (
            SELECT p.buyer FROM stock.proven AS p
             WHERE p.shop_id = %(shop_id)s::bigint AND p.buyer = ANY(%(buyers)s::uuid[])
        ), locked AS MATERIALIZED (
            SELECT l.id, t.granted
              FROM unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
              JOIN stock.level AS l ON l.id = t.level_id AND l.id = ANY(%(level_ids)s::bigint[])
             ORDER BY l.id
               FOR NO KEY UPDATE OF l
        ), counted AS (
            UPDATE stock.level AS l SET held = l.held + locked.granted
              FROM locked
             WHERE l.id = locked.id AND l.id = ANY(%(level_ids)s::bigint[])
               AND l.quantity - l.held - l.allocated >= locked.granted
            RETURNING l.variant_id, l.quantity - l.held - l.allocated AS free
        ), sure AS MATERIALIZED (
            SELECT stock.expect(cardinality(%(level_ids)s::bigint[]) = 0 OR (
                       count(*) = cardinality(%(level_ids)s::bigint[])
                       AND (SELECT is_open FROM stock.pool WHERE id = %(pool_id)s::bigint)
                       AND (SELECT count(*) FROM stock.level AS o
                             WHERE o.variant_id = ANY(array_agg(counted.variant_id)) AND o.pool_id = %(pool_id)s::bigint
                               AND (o.quantity > 0 OR o.held > 0 OR o.allocated > 0 OR o.source = '')) = count(*)
                       AND abs(extract(epoch FROM clock_timestamp() - %(at)s::timestamptz)) < 1)) AS is_so,
                   json_agg(CASE WHEN %(lends)s::boolean
                            THEN json_build_object('variant_id', variant_id, 'left', free, 'ready_on', NULL)
                            ELSE json_build_object('variant_id', variant_id, 'left', free, 'ready_on', NULL,
                                                   'later', '[]'::json) END ORDER BY variant_id) AS variants
              FROM counted
        ), written AS (
            INSERT INTO stock.hold (
                id, part, shop_id, pool_id, level_id, variant_id, quantity, unit_price, offer_id, show_id,
                ready_on, lot_kind, limited, bundle_id, buyer, network, granted_at, expires_at)
            SELECT h.id, g.part, g.shop_id, g.pool_id, g.level_id, g.variant_id, g.quantity, g.unit_price,
                   g.offer_id, g.show_id, g.ready_on, g.lot_kind, g.limited, g.bundle_id, h.buyer,
                   CASE WHEN h.network = 0 OR h.buyer IN (SELECT buyer FROM payers) THEN NULL ELSE h.network END,
                   %(at)s,
                   CASE WHEN h.network <> 0 AND h.buyer IN (SELECT buyer FROM payers) THEN %(payers_until)s
                        ELSE g.expires_at END
              FROM sure
             CROSS JOIN json_to_recordset(%(groups)s::json) AS g (
                       turn int, part smallint, shop_id bigint, pool_id bigint, level_id bigint,
                       variant_id bigint, quantity int, unit_price bigint, offer_id bigint, show_id bigint,
                       ready_on date, lot_kind stock.lot_kind, limited boolean, bundle_id bigint,
                       expires_at timestamptz)
              JOIN unnest(%(ids)s::uuid[], %(buyers)s::uuid[], %(networks)s::bigint[], %(turns)s::int[])
                       AS h (id, buyer, network, turn)
                ON g.turn = h.turn
             WHERE sure.is_so
        ), timed AS (
            INSERT INTO stock.timer (due_at, hold_ids)
            SELECT min(g.expires_at), %(ids)s::uuid[]
              FROM json_to_recordset(%(groups)s::json) AS g (expires_at timestamptz)
            HAVING count(*) > 0
        ), journal AS (
            INSERT INTO stock.movement (level_id, kind, held)
            SELECT t.level_id, 'reserved', t.granted
              FROM unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
        )
        SELECT kernel.record(%(told_id)s, %(shop_id)s::bigint, %(told_name)s, %(told)s::json),
               kernel.record(%(left_id)s, %(shop_id)s::bigint, %(left_name)s,
                             json_build_object('shop_id', %(shop_id)s::bigint, 'pool_id', %(pool_id)s::bigint,
                                               'show_id', %(show_id)s::bigint, 'variants', sure.variants))
          FROM sure
         WHERE cardinality(%(ids)s::uuid[]) > 0
        """,
        {
            **_values(grants),
            **_facts(pool_view, told_name, body),
            "left_id": new_id(),
            "left_name": StockChanged.name,
            "lends": pool_view.lender_id is not None,
        },
    )


async def _write_ahead_alike(
    tx: Tx, grants: Grants, *, pool_view: PoolView, told_name: str, body: Json
) -> None:
    """The same for holds that are all alike: one hot variant, or a single buyer.  There is one level to lock, so
    the change of its pool_view is the check, and there is nothing to join.
    """
    (
        part, _, _, level_id, variant_id, quantity, unit_price, offer_id, show_id, ready_on, kind, limited, expires_at,
        bundle_id,
    ) = grants.groups[0]  # fmt: skip
    await ask(
        tx,
        nothing,
        """
        WITH payers AS MATERIALIZED (
            SELECT p.buyer FROM stock.proven AS p
             WHERE p.shop_id = %(shop_id)s::bigint AND p.buyer = ANY(%(buyers)s::uuid[])
        ), counted AS (
            UPDATE stock.level AS l SET held = l.held + %(units)s::int
             WHERE l.id = %(level_id)s::bigint AND l.quantity - l.held - l.allocated >= %(units)s::int
               AND (SELECT is_open FROM stock.pool WHERE id = %(pool_id)s::bigint)
               AND abs(extract(epoch FROM clock_timestamp() - %(at)s::timestamptz)) < 1
               AND NOT EXISTS (SELECT FROM stock.level AS o
                                WHERE o.variant_id = %(variant_id)s::bigint AND o.pool_id = %(pool_id)s::bigint
                                  AND o.id <> %(level_id)s::bigint
                                  AND (o.quantity > 0 OR o.held > 0 OR o.allocated > 0 OR o.source = ''))
            RETURNING l.quantity - l.held - l.allocated AS free
        ), written AS (
            INSERT INTO stock.hold (
                id, part, shop_id, pool_id, level_id, variant_id, quantity, unit_price, offer_id, show_id,
                ready_on, lot_kind, limited, bundle_id, buyer, network, granted_at, expires_at)
            SELECT h.id, %(part)s::smallint, %(shop_id)s::bigint, %(pool_id)s::bigint, %(level_id)s::bigint,
                   %(variant_id)s::bigint, %(quantity)s::int, %(unit_price)s::bigint, %(offer_id)s::bigint,
                   %(offered_in)s::bigint, %(ready_on)s::date, %(kind)s::text::stock.lot_kind, %(limited)s::boolean,
                   %(bundle_id)s::bigint, h.buyer,
                   CASE WHEN h.network = 0 OR h.buyer IN (SELECT buyer FROM payers) THEN NULL ELSE h.network END,
                   %(at)s::timestamptz,
                   CASE WHEN h.network <> 0 AND h.buyer IN (SELECT buyer FROM payers) THEN %(payers_until)s::timestamptz
                        ELSE %(expires_at)s::timestamptz END
              FROM counted
             CROSS JOIN unnest(%(ids)s::uuid[], %(buyers)s::uuid[], %(networks)s::bigint[]) AS h (id, buyer, network)
        ), timed AS (
            INSERT INTO stock.timer (due_at, hold_ids)
            SELECT %(expires_at)s::timestamptz, %(ids)s::uuid[] FROM counted
        ), journal AS (
            INSERT INTO stock.movement (level_id, kind, held)
            SELECT %(level_id)s::bigint, 'reserved', %(units)s::int FROM counted
        )
        SELECT stock.expect(counted.free IS NOT NULL),
               kernel.record(%(told_id)s, %(shop_id)s::bigint, %(told_name)s, %(told)s::json),
               kernel.record(%(left_id)s, %(shop_id)s::bigint, %(left_name)s,
                             json_build_object('shop_id', %(shop_id)s::bigint, 'pool_id', %(pool_id)s::bigint,
                                               'show_id', %(show_id)s::bigint, 'variants', json_build_array(
                                 CASE WHEN %(lends)s::boolean
                                 THEN json_build_object('variant_id', %(variant_id)s::bigint, 'left', counted.free,
                                                        'ready_on', NULL)
                                 ELSE json_build_object('variant_id', %(variant_id)s::bigint, 'left', counted.free,
                                                        'ready_on', NULL, 'later', '[]'::json) END)))
          FROM (SELECT) AS always LEFT JOIN counted ON true
         WHERE cardinality(%(ids)s::uuid[]) > 0
        """,
        {
            "ids": grants.ids,
            "buyers": grants.buyers,
            "networks": grants.networks,
            "at": grants.at,
            "payers_until": grants.payers_until,
            "units": sum(grants.granted),
            "part": part,
            "level_id": level_id,
            "variant_id": variant_id,
            "quantity": quantity,
            "unit_price": unit_price,
            "offer_id": offer_id,
            "offered_in": show_id,
            "ready_on": ready_on,
            "kind": kind.value,
            "limited": limited,
            "bundle_id": bundle_id,
            "expires_at": expires_at,
            **_facts(pool_view, told_name, body),
            "left_id": new_id(),
            "left_name": StockChanged.name,
            "lends": pool_view.lender_id is not None,
        },
    )


async def write_refused(
    tx: Tx, *, ids: UuidArray, variant_ids: Sequence[int], pool_view: PoolView, told_name: str, body: Json
) -> None:
    """Record that purchases were refused without having looked, if that is so: the pool is open, nothing of these
    variants is left in it or can be borrowed, and none of the ids was granted before.  Else the statement fails
    with a SerializationFailure.  Without ids nothing is written.  (For EXISTS the planner would read the whole table
    of holds in the hope of an early end; whoever counts goes by the index.)
    """
    await ask(
        tx,
        nothing,
        """
        SELECT stock.expect(
                   (SELECT is_open FROM stock.pool WHERE id = %(pool_id)s::bigint)
                   AND NOT EXISTS (
                       SELECT FROM stock.level AS l
                        WHERE l.variant_id = ANY(%(variant_ids)s::bigint[]) AND l.quantity > l.held + l.allocated
                          AND (l.pool_id = %(pool_id)s::bigint
                               OR (l.kind <> 'on_hand'
                                   AND l.pool_id = (SELECT lender_id FROM stock.pool WHERE id = %(pool_id)s::bigint))))
                   AND (SELECT count(*) FROM stock.hold AS h WHERE h.id = ANY(%(ids)s::uuid[])) = 0),
               kernel.record(%(told_id)s, %(shop_id)s::bigint, %(told_name)s, %(told)s::json)
         WHERE cardinality(%(ids)s::uuid[]) > 0
        """,
        {"ids": ids, "variant_ids": list(variant_ids), **_facts(pool_view, told_name, body)},
    )


def _facts(pool_view: PoolView, told_name: str, body: Json) -> dict[str, object]:
    return {
        "pool_id": pool_view.id,
        "shop_id": pool_view.shop_id,
        "show_id": pool_view.show_id,
        "told_id": new_id(),
        "told_name": told_name,
        "told": body,
    }


def _values(grants: Grants) -> dict[str, object]:
    return {
        "ids": grants.ids,
        "buyers": grants.buyers,
        "networks": grants.networks,
        "turns": grants.turns,
        "groups": Json(
            [_group(turn, group) for turn, group in enumerate(grants.groups, 1)], dumps=msgspec.json.encode
        ),
        "at": grants.at,
        "payers_until": grants.payers_until,
        "level_ids": grants.level_ids,
        "granted": grants.granted,
    }


def _group(turn: int, group: Group) -> dict[str, object]:
    return dict(zip(_GROUP_COLUMNS, (turn, *group), strict=True))


_GROUP_COLUMNS = (
    "turn", "part", "shop_id", "pool_id", "level_id", "variant_id", "quantity", "unit_price", "offer_id",
    "show_id", "ready_on", "lot_kind", "limited", "expires_at", "bundle_id",
)  # fmt: skip
