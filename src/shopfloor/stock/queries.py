"""SQL of the ledger.  One function, one statement.

Functions that return a cursor belong to the purchase path: inside a pipeline nothing is waited for until
somebody fetches, and row counts are not known; whoever needs a count there selects it.
"""

import struct
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncCursor
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import args_row
from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id
from shopfloor.stock.decision import Counter, Decision, Group, Row, Shelf
from shopfloor.stock.events import StockChanged
from shopfloor.stock.models import (
    HoldState,
    Level,
    Location,
    LocationKind,
    LotKind,
    Movement,
    Pool,
    PoolKind,
    Shortage,
)

T = TypeVar("T")


class UuidArray(bytes):
    """uuid[] in PostgreSQL's binary form, made by joining: many times faster than dumping UUID by UUID."""

    __slots__ = ()


class IntArray(bytes):
    """integer[] in PostgreSQL's binary form."""

    __slots__ = ()


class _UuidArrayDumper(Dumper):
    oid = 2951
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        return bytes(obj)


class _IntArrayDumper(_UuidArrayDumper):
    oid = 1007


psycopg.adapters.register_dumper(UuidArray, _UuidArrayDumper)
psycopg.adapters.register_dumper(IntArray, _IntArrayDumper)

_SIXTEEN = struct.pack(">i", 16)
_NUMBERS = [struct.pack(">ii", 4, number) for number in range(4096)]


def uuid_array(values: Sequence[bytes]) -> UuidArray:
    """From the 16 bytes of each."""
    head = struct.pack(">iiIii", 1 if values else 0, 0, 2950, len(values), 1)
    if not values:
        return UuidArray(head[:12])
    return UuidArray(head + _SIXTEEN + _SIXTEEN.join(values))


def uuids(values: Iterable[UUID]) -> UuidArray:
    return uuid_array([value.int.to_bytes(16, "big") for value in values])


def int_array(values: Sequence[int]) -> IntArray:
    """From integers that are not negative and fit 32 bits."""
    head = struct.pack(">iiIii", 1 if values else 0, 0, 23, len(values), 1)
    if not values:
        return IntArray(head[:12])
    known = len(_NUMBERS)
    return IntArray(head + b"".join([_NUMBERS[v] if v < known else struct.pack(">ii", 4, v) for v in values]))


_LOTS = {kind.value: kind for kind in LotKind}
_STATES = {state.value: state for state in HoldState}


@asynccontextmanager
async def together(tx: Tx) -> AsyncGenerator[None, None]:
    """Statements inside travel together.  Where the caller has a pipeline open already, they travel with his:
    a pipeline inside a pipeline would wait at both of its ends.
    """
    if tx.connection.pgconn.pipeline_status:
        yield
    else:
        async with tx.connection.pipeline():
            yield


async def _ask(
    tx: Tx, make: Callable[..., T], sql: LiteralString, values: dict[str, object]
) -> AsyncCursor[T]:
    """Send a prepared statement whose rows will be made by `make`; both ways binary."""
    cursor = tx.connection.cursor(binary=True, row_factory=args_row(make))
    await cursor.execute(sql, values, prepare=True)
    return cursor


async def _all(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> list[T]:
    return await (await _ask(tx, make, sql, values)).fetchall()


async def _first(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> T | None:
    return await (await _ask(tx, make, sql, values)).fetchone()


async def _one(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> T:
    row = await _first(tx, make, sql, **values)
    if row is None:
        raise LookupError("no row where there must be one")
    return row


# Locks ----------------------------------------------------------------------------------------------------


async def lock_limits(tx: Tx, *, pool_ids: Sequence[int]) -> AsyncCursor[Any]:
    """One queue per pool for whoever counts what a buyer has bought in it.  Before the levels, in one order."""
    return await _ask(
        tx,
        _nothing,
        """
        SELECT pg_advisory_xact_lock(6008270000000000000 + pool_id)
          FROM (SELECT pool_id FROM unnest(%(pool_ids)s::bigint[]) AS p (pool_id) ORDER BY pool_id) AS sorted
        """,
        {"pool_ids": list(pool_ids)},
    )


async def lock_levels(
    tx: Tx, *, pool_ids: Sequence[int], lenders_too: bool, variant_ids: Sequence[int]
) -> AsyncCursor[Shelf]:
    """Lock all lots of these variants in these pools, in the one order every writer uses."""
    return await _ask(
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
         ORDER BY pool_id DESC, id
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
    return await _ask(
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
    """Lock what these pools may borrow.  Lenders have the smallest ids: this order continues the one above."""
    return await _ask(
        tx,
        _shelf,
        """
        SELECT id, pool_id, variant_id, location_id, kind::text, ready_on, quantity, held, allocated, shortfall
          FROM stock.level
         WHERE variant_id = ANY(%(variant_ids)s::bigint[]) AND kind <> 'on_hand'
           AND pool_id IN (SELECT lender_id FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[]))
           AND NOT pool_id = ANY(%(pool_ids)s::bigint[])
         ORDER BY pool_id DESC, id
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
    return Shelf(level_id, pool_id, variant_id, location_id, _LOTS[kind], ready_on, free, shortfall)


# The purchase path ----------------------------------------------------------------------------------------


async def counters(tx: Tx, *, pool_ids: Sequence[int]) -> AsyncCursor[tuple[Counter, datetime]]:
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
    ) -> tuple[Counter, datetime]:
        return Counter(pool_id, shop_id, show_id, location_id, lender_id, is_open, is_the_open_pool), at

    return await _ask(
        tx,
        make,
        """
        SELECT id, shop_id, show_id, location_id, lender_id, is_open, kind = 'open', clock_timestamp()
          FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[])
        """,
        {"pool_ids": list(pool_ids)},
    )


def _row(
    hold_id: UUID,
    part: int,
    shop_id: int,
    pool_id: int,
    buyer: UUID,
    offer_id: int | None,
    show_id: int | None,
    level_id: int,
    variant_id: int,
    quantity: int,
    returned: int,
    unit_price: int,
    limited: bool,
    ready_on: date | None,
    lot_kind: str,
    state: str,
    granted_at: datetime,
    expires_at: datetime,
    bundle_id: int | None,
) -> Row:
    return Row(
        hold_id, part, shop_id, pool_id, buyer, offer_id, show_id, level_id, variant_id, quantity, returned,
        unit_price, limited, ready_on, _LOTS[lot_kind], _STATES[state], granted_at, expires_at,
        bundle_id,
    )  # fmt: skip


async def rows_by_id(tx: Tx, *, ids: UuidArray) -> AsyncCursor[Row]:
    return await _ask(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.id = ANY(%(ids)s::uuid[])
         ORDER BY h.id, h.part
        """,
        {"ids": ids},
    )


async def rows_of_buyers(tx: Tx, *, pool_ids: Sequence[int], buyers: UuidArray) -> AsyncCursor[Row]:
    """What these buyers got under a limit in these pools and has not lapsed: what limits count."""
    return await _ask(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.limited AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.buyer = ANY(%(buyers)s::uuid[])
           AND h.state IN ('held', 'allocated', 'shipped')
        """,
        {"pool_ids": list(pool_ids), "buyers": buyers},
    )


async def lock_own(tx: Tx, *, pool_ids: Sequence[int], buyers: UuidArray) -> AsyncCursor[Row]:
    """Holds of these buyers that may give way: those nobody is working on just now."""
    return await _ask(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.limited AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.buyer = ANY(%(buyers)s::uuid[])
           AND h.state = 'held'
           FOR NO KEY UPDATE SKIP LOCKED
        """,
        {"pool_ids": list(pool_ids), "buyers": buyers},
    )


@dataclass(frozen=True, slots=True)
class Grants:
    """Rows of holds as they travel: what they have in common goes once, in `groups`.

    `turns` says of each row which group is its, counted from 1.
    """

    ids: UuidArray
    buyers: UuidArray
    turns: IntArray
    groups: Sequence[Group]
    at: datetime
    level_ids: list[int]
    granted: list[int]


def grants(decision: Decision, *, taken: Sequence[tuple[int, int]], at: datetime) -> Grants:
    """`taken`: units by level."""
    granted = decision.granted.values()
    return Grants(
        ids=uuids([hold_id for rows in granted for hold_id in rows.ids]),
        buyers=uuids([buyer for rows in granted for buyer in rows.buyers]),
        turns=int_array([turn for turn, rows in enumerate(granted, 1) for _ in rows.ids]),
        groups=list(decision.granted),
        at=at,
        level_ids=[level_id for level_id, _ in taken],
        granted=[units for _, units in taken],
    )


async def write_grants(tx: Tx, grants: Grants) -> None:
    """Rows of holds, their timer, the counters and the journal, in one statement.

    An id that exists already ends the transaction with a UniqueViolation; the level's CHECK is the last word.
    Without rows nothing is written.
    (The planner cannot know how few levels there are; `= ANY` keeps it from reading them all.)
    """
    await _ask(
        tx,
        _nothing,
        """
        WITH written AS (
            INSERT INTO stock.hold (
                id, part, shop_id, pool_id, level_id, variant_id, quantity, unit_price, offer_id, show_id,
                ready_on, lot_kind, limited, bundle_id, buyer, granted_at, expires_at)
            SELECT h.id, g.part, g.shop_id, g.pool_id, g.level_id, g.variant_id, g.quantity, g.unit_price,
                   g.offer_id, g.show_id, g.ready_on, g.lot_kind, g.limited, g.bundle_id, h.buyer,
                   %(at)s, g.expires_at
              FROM unnest(%(ids)s::uuid[], %(buyers)s::uuid[], %(turns)s::int[]) AS h (id, buyer, turn)
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
        ), counted AS (
            UPDATE stock.level AS l SET held = l.held + t.granted
              FROM unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
             WHERE l.id = t.level_id AND l.id = ANY(%(level_ids)s::bigint[])
        )
        INSERT INTO stock.movement (level_id, kind, held)
        SELECT t.level_id, 'reserved', t.granted
          FROM unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
        """,
        _values(grants),
    )


async def write_ahead(tx: Tx, grants: Grants, *, counter: Counter, told_name: str, told: Json) -> None:
    """`write_grants` for a batch decided without looking: lock, check, write and record in one statement.

    Every level must still bear what is taken from it and be the only one its variant has in the pool, the pool
    must be open, and the clock as believed, or the statement fails with a SerializationFailure.  How much is left
    is known only here, so the fact that says it (`StockChanged`) is made here; `told` is the body of the other.
    The levels are locked in the order of `lock_levels`; what is read of other rows is as of the beginning of the
    statement.  Without rows nothing is written.
    """
    if len(grants.groups) == 1:
        await _write_ahead_alike(tx, grants, counter=counter, told_name=told_name, told=told)
        return
    await _ask(
        tx,
        _nothing,
        """
        WITH locked AS MATERIALIZED (
            SELECT l.id, t.granted
              FROM unnest(%(level_ids)s::bigint[], %(granted)s::int[]) AS t (level_id, granted)
              JOIN stock.level AS l ON l.id = t.level_id AND l.id = ANY(%(level_ids)s::bigint[])
             ORDER BY l.pool_id DESC, l.id
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
                   json_agg(json_build_object('variant_id', variant_id, 'left', free, 'ready_on', NULL,
                                              'later', '[]'::json) ORDER BY variant_id) AS variants
              FROM counted
        ), written AS (
            INSERT INTO stock.hold (
                id, part, shop_id, pool_id, level_id, variant_id, quantity, unit_price, offer_id, show_id,
                ready_on, lot_kind, limited, bundle_id, buyer, granted_at, expires_at)
            SELECT h.id, g.part, g.shop_id, g.pool_id, g.level_id, g.variant_id, g.quantity, g.unit_price,
                   g.offer_id, g.show_id, g.ready_on, g.lot_kind, g.limited, g.bundle_id, h.buyer,
                   %(at)s, g.expires_at
              FROM sure
             CROSS JOIN json_to_recordset(%(groups)s::json) AS g (
                       turn int, part smallint, shop_id bigint, pool_id bigint, level_id bigint,
                       variant_id bigint, quantity int, unit_price bigint, offer_id bigint, show_id bigint,
                       ready_on date, lot_kind stock.lot_kind, limited boolean, bundle_id bigint,
                       expires_at timestamptz)
              JOIN unnest(%(ids)s::uuid[], %(buyers)s::uuid[], %(turns)s::int[]) AS h (id, buyer, turn)
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
            **_facts(counter, told_name, told),
            "left_id": new_id(),
            "left_name": StockChanged.name,
        },
    )


async def _write_ahead_alike(tx: Tx, grants: Grants, *, counter: Counter, told_name: str, told: Json) -> None:
    """The same for holds that are all alike: one hot variant, or a single buyer.  There is one level to lock, so
    the change of its counter is the check, and there is nothing to join.
    """
    (
        part, _, _, level_id, variant_id, quantity, unit_price, offer_id, show_id, ready_on, kind, limited, expires_at,
        bundle_id,
    ) = grants.groups[0]  # fmt: skip
    await _ask(
        tx,
        _nothing,
        """
        WITH counted AS (
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
                ready_on, lot_kind, limited, bundle_id, buyer, granted_at, expires_at)
            SELECT h.id, %(part)s::smallint, %(shop_id)s::bigint, %(pool_id)s::bigint, %(level_id)s::bigint,
                   %(variant_id)s::bigint, %(quantity)s::int, %(unit_price)s::bigint, %(offer_id)s::bigint,
                   %(offered_in)s::bigint, %(ready_on)s::date, %(kind)s::text::stock.lot_kind, %(limited)s::boolean,
                   %(bundle_id)s::bigint, h.buyer, %(at)s::timestamptz, %(expires_at)s::timestamptz
              FROM counted CROSS JOIN unnest(%(ids)s::uuid[], %(buyers)s::uuid[]) AS h (id, buyer)
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
                                 json_build_object('variant_id', %(variant_id)s::bigint, 'left', counted.free,
                                                   'ready_on', NULL, 'later', '[]'::json))))
          FROM (SELECT) AS always LEFT JOIN counted ON true
         WHERE cardinality(%(ids)s::uuid[]) > 0
        """,
        {
            "ids": grants.ids,
            "buyers": grants.buyers,
            "at": grants.at,
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
            **_facts(counter, told_name, told),
            "left_id": new_id(),
            "left_name": StockChanged.name,
        },
    )


async def write_refused(
    tx: Tx, *, ids: UuidArray, variant_ids: Sequence[int], counter: Counter, told_name: str, told: Json
) -> None:
    """Record that purchases were refused without having looked, if that is so: the pool is open, nothing of these
    variants is left in it or can be borrowed, and none of the ids was granted before.  Else the statement fails
    with a SerializationFailure.  Without ids nothing is written.  (For EXISTS the planner would read the whole table
    of holds in the hope of an early end; whoever counts goes by the index.)
    """
    await _ask(
        tx,
        _nothing,
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
        {"ids": ids, "variant_ids": list(variant_ids), **_facts(counter, told_name, told)},
    )


def _facts(counter: Counter, told_name: str, told: Json) -> dict[str, object]:
    return {
        "pool_id": counter.id,
        "shop_id": counter.shop_id,
        "show_id": counter.show_id,
        "told_id": new_id(),
        "told_name": told_name,
        "told": told,
    }


def _values(grants: Grants) -> dict[str, object]:
    return {
        "ids": grants.ids,
        "buyers": grants.buyers,
        "turns": grants.turns,
        "groups": Json(
            [_group(turn, group) for turn, group in enumerate(grants.groups, 1)], dumps=msgspec.json.encode
        ),
        "at": grants.at,
        "level_ids": grants.level_ids,
        "granted": grants.granted,
    }


def _nothing(*_: object) -> None:
    """For statements without rows."""


def _group(turn: int, group: Group) -> dict[str, object]:
    return dict(zip(_GROUP_COLUMNS, (turn, *group), strict=True))


_GROUP_COLUMNS = (
    "turn", "part", "shop_id", "pool_id", "level_id", "variant_id", "quantity", "unit_price", "offer_id",
    "show_id", "ready_on", "lot_kind", "limited", "expires_at", "bundle_id",
)  # fmt: skip


# Changes of levels and holds ------------------------------------------------------------------------------


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
    """Change locked levels, each named once, and journal it.  Says how many movements were written."""
    return await tx.value(
        """
        WITH delta AS (
            SELECT * FROM unnest(%(level_ids)s::bigint[], %(quantity)s::int[], %(held)s::int[],
                                 %(allocated)s::int[], %(shortfall)s::int[])
                AS d (level_id, quantity, held, allocated, shortfall)
        ), changed AS (
            UPDATE stock.level AS l
               SET quantity = l.quantity + d.quantity, held = l.held + d.held,
                   allocated = l.allocated + d.allocated, shortfall = l.shortfall + d.shortfall
              FROM delta AS d WHERE l.id = d.level_id AND l.id = ANY(%(level_ids)s::bigint[])
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
    return await _all(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.id = ANY(%(ids)s::uuid[])
         ORDER BY h.id, h.part
           FOR UPDATE
        """,
        ids=list(ids),
    )


async def lock_due_rows(tx: Tx, *, ids: Sequence[UUID]) -> list[Row]:
    """Those whose time is over and that nobody else is working on."""
    return await _all(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.id = ANY(%(ids)s::uuid[]) AND h.state = 'held' AND h.expires_at <= clock_timestamp()
         ORDER BY h.id, h.part
           FOR UPDATE SKIP LOCKED
        """,
        ids=list(ids),
    )


async def parts_of(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many rows each of these holds has."""
    return dict(
        await _all(
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
            UPDATE stock.hold AS h SET state = %(becomes)s::stock.hold_state
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


async def set_expiry(tx: Tx, *, ids: Sequence[UUID], seconds: int) -> list[UUID]:
    return await _all(
        tx,
        lambda hold_id: hold_id,
        """
        UPDATE stock.hold
           SET expires_at = greatest(expires_at, clock_timestamp() + make_interval(secs => %(seconds)s))
         WHERE id = ANY(%(ids)s::uuid[]) AND state = 'held'
        RETURNING id
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
    return await _all(
        tx,
        lambda timer_id, hold_ids: (timer_id, hold_ids),
        """
        SELECT id, hold_ids FROM stock.timer WHERE due_at <= clock_timestamp()
         ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        limit=limit,
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


# Places, pools, levels ------------------------------------------------------------------------------------


def _location(location_id: int, shop_id: int, name: str, kind: str) -> Location:
    return Location(location_id, shop_id, name, LocationKind(kind))


async def insert_location(tx: Tx, *, shop_id: int, name: str, kind: LocationKind) -> Location:
    return await _one(
        tx,
        _location,
        """
        INSERT INTO stock.location (shop_id, name, kind)
        VALUES (%(shop_id)s, %(name)s, %(kind)s::text::stock.location_kind)
        ON CONFLICT (shop_id, name) DO UPDATE SET kind = excluded.kind
        RETURNING id, shop_id, name, kind::text
        """,
        shop_id=shop_id,
        name=name,
        kind=kind.value,
    )


async def locations(tx: Tx, *, shop_id: int) -> list[Location]:
    return await _all(
        tx,
        _location,
        "SELECT id, shop_id, name, kind::text FROM stock.location WHERE shop_id = %(shop_id)s ORDER BY id",
        shop_id=shop_id,
    )


def _pool(
    pool_id: int,
    shop_id: int,
    name: str,
    kind: str,
    show_id: int | None,
    location_id: int | None,
    borrows_future: bool,
    is_open: bool,
) -> Pool:
    return Pool(pool_id, shop_id, name, PoolKind(kind), show_id, location_id, borrows_future, is_open)


async def insert_open_pool(tx: Tx, *, shop_id: int) -> None:
    await tx.run(
        """
        INSERT INTO stock.pool (shop_id, name, kind) VALUES (%(shop_id)s, 'open', 'open')
        ON CONFLICT (shop_id) WHERE kind = 'open' DO NOTHING
        """,
        shop_id=shop_id,
    )


async def open_pool(tx: Tx, *, shop_id: int) -> Pool | None:
    return await _first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open
          FROM stock.pool WHERE shop_id = %(shop_id)s AND kind = 'open'
        """,
        shop_id=shop_id,
    )


async def insert_pool(
    tx: Tx,
    *,
    shop_id: int,
    name: str,
    kind: PoolKind,
    show_id: int | None,
    location_id: int | None,
    lender_id: int | None,
) -> Pool:
    return await _one(
        tx,
        _pool,
        """
        INSERT INTO stock.pool (shop_id, name, kind, show_id, location_id, lender_id)
        VALUES (%(shop_id)s, %(name)s, %(kind)s::text::stock.pool_kind, %(show_id)s, %(location_id)s, %(lender_id)s)
        RETURNING id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open
        """,
        shop_id=shop_id,
        name=name,
        kind=kind.value,
        show_id=show_id,
        location_id=location_id,
        lender_id=lender_id,
    )


async def lock_pool_of_show(tx: Tx, *, shop_id: int, show_id: int) -> Pool | None:
    return await _first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open
          FROM stock.pool WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s AND kind = 'show' FOR UPDATE
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def lock_pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool | None:
    return await _first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open
          FROM stock.pool WHERE shop_id = %(shop_id)s AND id = %(pool_id)s FOR UPDATE
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )


async def share_pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool | None:
    """The pool, kept from being closed until we are done."""
    return await _first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open
          FROM stock.pool WHERE shop_id = %(shop_id)s AND id = %(pool_id)s FOR SHARE
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )


async def set_pool_open(tx: Tx, *, pool_id: int, is_open: bool) -> None:
    await tx.run(
        "UPDATE stock.pool SET is_open = %(is_open)s WHERE id = %(pool_id)s", pool_id=pool_id, is_open=is_open
    )


async def pools(tx: Tx, *, shop_id: int) -> list[Pool]:
    return await _all(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open
          FROM stock.pool WHERE shop_id = %(shop_id)s ORDER BY id
        """,
        shop_id=shop_id,
    )


async def closed_pools(tx: Tx, *, pool_ids: Sequence[int]) -> list[int]:
    return await _all(
        tx,
        lambda pool_id: pool_id,
        "SELECT id FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[]) AND NOT is_open",
        pool_ids=list(pool_ids),
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
        UPDATE stock.level SET kind = %(kind)s::text::stock.lot_kind, ready_on = %(ready_on)s
         WHERE id = ANY(%(level_ids)s::bigint[])
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
        level_id, shop_id, variant_id, location_id, pool_id, _LOTS[kind], ready_on, source, quantity, held,
        allocated, shortfall,
    )  # fmt: skip


async def levels_by_id(tx: Tx, *, level_ids: Sequence[int], lock: bool = False) -> list[Level]:
    if lock:
        return await _all(
            tx,
            _level,
            """
            SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
                   allocated, shortfall
              FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[])
             ORDER BY pool_id DESC, id FOR NO KEY UPDATE
            """,
            level_ids=list(level_ids),
        )
    return await _all(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level WHERE id = ANY(%(level_ids)s::bigint[]) ORDER BY id
        """,
        level_ids=list(level_ids),
    )


async def lock_levels_of(
    tx: Tx, *, shop_id: int, pool_ids: Sequence[int] | None, variant_ids: Sequence[int] | None
) -> list[Level]:
    """Lock whole levels, of all pools or variants where None is given, in the one order."""
    return await _all(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level
         WHERE shop_id = %(shop_id)s
           AND (%(pool_ids)s::bigint[] IS NULL OR pool_id = ANY(%(pool_ids)s::bigint[]))
           AND (%(variant_ids)s::bigint[] IS NULL OR variant_id = ANY(%(variant_ids)s::bigint[]))
         ORDER BY pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        pool_ids=None if pool_ids is None else list(pool_ids),
        variant_ids=None if variant_ids is None else list(variant_ids),
    )


async def lock_levels_of_source(
    tx: Tx, *, shop_id: int, variant_id: int, location_id: int, source: str
) -> list[Level]:
    return await _all(
        tx,
        _level,
        """
        SELECT id, shop_id, variant_id, location_id, pool_id, kind::text, ready_on, source, quantity, held,
               allocated, shortfall
          FROM stock.level
         WHERE shop_id = %(shop_id)s AND variant_id = %(variant_id)s AND location_id = %(location_id)s
           AND source = %(source)s
         ORDER BY pool_id DESC, id
           FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        location_id=location_id,
        source=source,
    )


async def levels(tx: Tx, *, shop_id: int, variant_ids: Sequence[int] | None) -> list[Level]:
    return await _all(
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


async def left(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], pool_id: int | None
) -> list[tuple[int, int | None, int, date | None, int]]:
    """(pool, show, variant, ready on, units), of all open pools where None is given."""

    def make(
        pool: int, show_id: int | None, variant_id: int, ready_on: date | None, units: int
    ) -> tuple[int, int | None, int, date | None, int]:
        return pool, show_id, variant_id, ready_on, units

    return await _all(
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


async def parts_of_bundles(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int]
) -> dict[int, list[tuple[int, int]]]:
    """By variant, for those that are bundles: the parts, with the units of each."""
    found: dict[int, list[tuple[int, int]]] = {}

    def add(variant_id: int, part_id: int, quantity: int) -> None:
        found.setdefault(variant_id, []).append((part_id, quantity))

    await _all(
        tx,
        add,
        """
        SELECT bundle_variant_id, variant_id, quantity FROM catalog.v_bundle_part
         WHERE in_force AND shop_id = %(shop_id)s AND bundle_variant_id = ANY(%(variant_ids)s::bigint[])
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
    )
    return found


async def units_in_bundles(tx: Tx, *, shop_id: int, pool_id: int) -> dict[int, tuple[int, int]]:
    """By bundle: held and allocated units."""
    found: dict[int, tuple[int, int]] = {}

    def add(bundle_id: int, held: int, allocated: int) -> None:
        found[bundle_id] = held, allocated

    await _all(
        tx,
        add,
        """
        SELECT bundle_id, coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0)::bigint,
               coalesce(sum(quantity) FILTER (WHERE state = 'allocated'), 0)::bigint
          FROM stock.hold
         WHERE pool_id = %(pool_id)s AND shop_id = %(shop_id)s AND bundle_id IS NOT NULL
         GROUP BY bundle_id
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )
    return found


async def movements(tx: Tx, *, shop_id: int, variant_id: int, limit: int) -> list[Movement]:
    return await tx.every(
        Movement,
        """
        SELECT m.id, m.level_id, m.at, m.kind, m.quantity, m.held, m.allocated, m.shortfall, m.reason
          FROM stock.movement AS m JOIN stock.level AS l ON l.id = m.level_id
         WHERE l.shop_id = %(shop_id)s AND l.variant_id = %(variant_id)s
         ORDER BY m.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        limit=limit,
    )


async def rows_of_hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> list[Row]:
    return await _all(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.shop_id = %(shop_id)s AND h.id = %(hold_id)s
         ORDER BY h.part
        """,
        shop_id=shop_id,
        hold_id=hold_id,
    )


async def rows_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> list[Row]:
    """What was bought under a limit is indexed; what is held right now is found by its timers."""
    return await _all(
        tx,
        _row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
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


# The audit ------------------------------------------------------------------------------------------------


async def count_levels(tx: Tx) -> int:
    return await tx.value("SELECT count(*) FROM stock.level")


async def count_holds(tx: Tx) -> int:
    return await tx.value("SELECT count(DISTINCT id) FROM stock.hold")


async def levels_unlike_journal(tx: Tx) -> list[str]:
    return await _all(
        tx,
        str,
        """
        SELECT 'level ' || l.id
          FROM stock.level AS l
          LEFT JOIN (SELECT level_id, sum(quantity) AS quantity, sum(held) AS held, sum(allocated) AS allocated,
                            sum(shortfall) AS shortfall
                       FROM stock.movement GROUP BY level_id) AS m ON m.level_id = l.id
         WHERE (l.quantity, l.held, l.allocated, l.shortfall)
               IS DISTINCT FROM (coalesce(m.quantity, 0), coalesce(m.held, 0), coalesce(m.allocated, 0),
                                 coalesce(m.shortfall, 0))
         ORDER BY l.id LIMIT 100
        """,
    )


async def levels_unlike_holds(tx: Tx) -> list[str]:
    return await _all(
        tx,
        str,
        """
        SELECT 'level ' || coalesce(l.id, h.level_id)
          FROM stock.level AS l
          FULL JOIN (SELECT level_id, coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0) AS held,
                            coalesce(sum(quantity) FILTER (WHERE state = 'allocated'), 0) AS allocated
                       FROM stock.hold GROUP BY level_id) AS h ON h.level_id = l.id
         WHERE l.id IS NULL OR (l.held, l.allocated) IS DISTINCT FROM (coalesce(h.held, 0), coalesce(h.allocated, 0))
         ORDER BY 1 LIMIT 100
        """,
    )


async def levels_oversold(tx: Tx) -> list[str]:
    """Promised more than there is without a fact that says so, or a shortfall that has been mended."""
    return await _all(
        tx,
        str,
        """
        SELECT 'level ' || id FROM stock.level
         WHERE shortfall <> greatest(0, held + allocated - quantity)
         ORDER BY id LIMIT 100
        """,
    )


async def holds_torn(tx: Tx) -> list[str]:
    """Parts of one hold that disagree about whose it is."""
    return await _all(
        tx,
        str,
        """
        SELECT 'hold ' || id FROM stock.hold
         GROUP BY id
        HAVING count(DISTINCT (shop_id, pool_id, buyer, offer_id, show_id, granted_at)) > 1
            OR min(part) <> 0 OR max(part) <> count(*) - 1
         ORDER BY 1 LIMIT 100
        """,
    )


async def holds_without_timer(tx: Tx) -> list[str]:
    return await _all(
        tx,
        str,
        """
        SELECT DISTINCT 'hold ' || h.id FROM stock.hold AS h
         WHERE h.state = 'held'
           AND NOT EXISTS (SELECT 1 FROM (SELECT unnest(hold_ids) AS id FROM stock.timer) AS t WHERE t.id = h.id)
         ORDER BY 1 LIMIT 100
        """,
    )


async def closed_pools_with_free_units(tx: Tx) -> list[str]:
    return await _all(
        tx,
        str,
        """
        SELECT 'level ' || l.id
          FROM stock.level AS l JOIN stock.pool AS p ON p.id = l.pool_id
         WHERE NOT p.is_open AND l.quantity > l.held + l.allocated
         ORDER BY l.id LIMIT 100
        """,
    )
