"""Facts recorded in the same transaction as the change, delivered in commit order, at least once.

A sequence handed out inside a transaction does not follow the order of commits: a fact with a smaller number
can become visible after one with a larger number, and a reader that keeps only "the last number seen" loses
it.  So a fact gets its `position` after its commit: whoever reads first takes an advisory lock and numbers
what has become visible since (`place`).  What was visible at an earlier look has a smaller position than what
became visible later; a long transaction elsewhere delays nobody.  Within one look the order is that of
recording, which a transaction that saw another one's commit can never be ahead of.

Readers come in two kinds:

* a named `Consumer` keeps its cursor in the database and moves it in the transaction of its effects: effects
  in our database happen once; effects outside it must be idempotent by `fact_id`.
* a `Follower` keeps its cursor in memory and starts at "now": what a process shows in its open pages.

Both look before they lock or write, and sleep until `Arrivals` says that facts were committed: the database
notifies who listens.  A notice can get lost with its connection; so they look by themselves now and then too.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql
from psycopg.types.json import Json

from shopfloor.kernel import logs, partitions, progress
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id

PLACE_LOCK: Final = 0x5_40_9F_10_01
ATTEMPTS: Final = 8
FOLLOWED_AT_ONCE: Final = 1000
_FORGOTTEN: Final = "forget facts"
# How long a reader that was told of nothing sleeps before it looks by itself.  A connection over which notices come
# that is lost wakes everybody, so this is for what nobody thought of.
LOOK_EVERY: Final = 20.0

_log = logs.get("outbox")


class Fact(Protocol):
    """Something that happened.  `name` is in the past tense and never reused with another meaning."""

    name: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def shop_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """A recorded fact as it stands in the outbox; `body` is empty where its reader did not ask for facts of its name."""

    position: int
    fact_id: UUID
    shop_id: int
    name: str
    body: dict[str, Any]
    recorded_at: datetime


BatchHandler = Callable[[Tx, Sequence[Delivered]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A named reader.  `handle` gets facts in commit order, in the transaction that moves the cursor; those of
    other names than `names` come without their body.  At most `limit` of them at once.
    """

    name: str
    handle: BatchHandler
    names: frozenset[str] | None = None
    limit: int = 500


async def record(tx: Tx, fact: Fact) -> UUID:
    """Write `fact` into the open transaction and return its id."""
    fact_id = new_id()
    await tx.run(
        """
        INSERT INTO kernel.outbox (fact_id, shop_id, name, body)
        VALUES (%(fact_id)s, %(shop_id)s, %(name)s, %(body)s)
        """,
        fact_id=fact_id,
        shop_id=fact.shop_id,
        name=fact.name,
        body=Json(fact, dumps=msgspec.json.encode),
    )
    return fact_id


async def record_all(tx: Tx, facts: Sequence[Fact]) -> None:
    """Write several facts, in this order, with one statement: for paths where each statement counts."""
    if len(facts) == 1:
        await record(tx, facts[0])
    elif facts:
        await tx.run(
            """
            INSERT INTO kernel.outbox (fact_id, shop_id, name, body)
            SELECT fact_id, shop_id, name, body::json
              FROM unnest(%(ids)b::uuid[], %(shops)b::bigint[], %(names)b::text[], %(bodies)b::text[])
                   AS fact (fact_id, shop_id, name, body)
            """,
            ids=[new_id() for _ in facts],
            shops=[fact.shop_id for fact in facts],
            names=[fact.name for fact in facts],
            bodies=[msgspec.json.encode(fact).decode() for fact in facts],
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """`last`: the last position there is; `unplaced`: facts are visible that have none yet."""

    last: int
    unplaced: bool


async def look(tx: Tx) -> Seen:
    """Reads only."""
    return await tx.one(
        Seen,
        """
        SELECT coalesce(max(position), 0) AS last,
               EXISTS (SELECT FROM kernel.outbox WHERE position IS NULL) AS unplaced
          FROM kernel.outbox WHERE position IS NOT NULL
        """,
    )


async def place(tx: Tx) -> Seen:
    """Number the facts that have become visible; say what there is then.  They stay unplaced while another process
    is at it.
    """
    seen = await look(tx)
    if not seen.unplaced or not await tx.value("SELECT pg_try_advisory_xact_lock(%(lock)s)", lock=PLACE_LOCK):
        return seen
    await tx.run(
        """
        WITH last AS (SELECT coalesce(max(position), 0) AS position FROM kernel.outbox),
             waiting AS (SELECT id, row_number() OVER (ORDER BY id) AS turn
                           FROM kernel.outbox WHERE position IS NULL)
        UPDATE kernel.outbox SET position = last.position + waiting.turn
          FROM waiting, last WHERE kernel.outbox.id = waiting.id
        """
    )
    return await look(tx)


async def read(tx: Tx, *, after: int, limit: int, names: frozenset[str] | None = None) -> list[Delivered]:
    """Facts in order.  Bodies can be large (a batch of purchases is one fact): ask for those that are wanted."""
    return await tx.every(
        Delivered,
        """
        SELECT position, fact_id, shop_id, name, recorded_at,
               CASE WHEN %(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]) THEN body ELSE '{}' END AS body
          FROM kernel.outbox WHERE position > %(after)s ORDER BY position LIMIT %(limit)s
        """,
        after=after,
        limit=limit,
        names=None if names is None else sorted(names),
    )


async def forget(tx: Tx, *, before: datetime, consumers: Collection[str]) -> list[str]:
    """Drop the months that ended before that time, as far as each of `consumers` has taken all of their facts and
    none of them is parked.  Returns their names.

    The month with the last fact stays: the next position is counted from it.
    """
    dropped: list[str] = []
    for month in await partitions.partitions(tx, schema="kernel", table="outbox"):
        if month.until > before or not await _is_over(tx, month, consumers):
            break
        await partitions.drop(tx, schema="kernel", table="outbox", name=month.name)
        await progress.reach(tx, _FORGOTTEN, month.until)
        dropped.append(month.name)
    return dropped


async def forgotten_until(tx: Tx) -> datetime | None:
    """Facts recorded before are in the lake only; None when none was ever dropped."""
    return await progress.reached(tx, _FORGOTTEN)


async def _is_over(tx: Tx, month: partitions.Partition, consumers: Collection[str]) -> bool:
    return await tx.value(
        """
        WITH facts AS (
            SELECT coalesce(max(position), 0) AS last, count(*) FILTER (WHERE position IS NULL) AS unplaced
              FROM kernel.outbox
             WHERE recorded_at < %(until)s AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
        )
        SELECT unplaced = 0
           AND (last = 0 OR last < (SELECT max(position) FROM kernel.outbox WHERE position IS NOT NULL))
           AND (SELECT count(*) FROM kernel.consumer
                 WHERE name = ANY(%(consumers)s::text[]) AND position >= last) = cardinality(%(consumers)s::text[])
           AND NOT EXISTS (SELECT FROM kernel.parked WHERE position <= last)
          FROM facts
        """,
        since=month.since,
        until=month.until,
        consumers=sorted(consumers),
    )


def each(name: str, handlers: Mapping[type[Any], Callable[[Tx, Any], Awaitable[None]]]) -> Consumer:
    """A consumer that decodes each fact to its class and calls the function mapped to it."""
    by_name = {kind.name: (kind, handler) for kind, handler in handlers.items()}

    async def handle(tx: Tx, batch: Sequence[Delivered]) -> None:
        for delivered in batch:
            if delivered.name in by_name:
                kind, handler = by_name[delivered.name]
                await handler(tx, decode(kind, delivered))

    return Consumer(name, handle, names=frozenset(by_name))


def decode(kind: type[Any], delivered: Delivered) -> Any:
    return msgspec.convert(delivered.body, kind, strict=False)


@dataclass(frozen=True, slots=True)
class _Step:
    """How many facts were taken, and whether there may be more that no notice will tell of."""

    took: int
    behind: bool


async def deliver(db: Database, consumer: Consumer, *, limit: int | None = None) -> int:
    """Hand the next facts to `consumer`; return how many it took.

    A batch that fails is tried again one fact at a time; a fact that fails `ATTEMPTS` times is parked, with
    its error, where the audit finds it.  Two processes never run the same consumer at once.
    """
    return (await _try_step(db, consumer, consumer.limit if limit is None else limit)).took


async def _try_step(db: Database, consumer: Consumer, limit: int) -> _Step:
    try:
        return await _step(db, consumer, limit)
    except DatabaseAway:
        raise
    except Exception as problem:  # noqa: BLE001 -- whatever a handler raises must not stop the others
        if limit > 1:
            return _Step((await _try_step(db, consumer, 1)).took, behind=True)
        return _Step(await _failed(db, consumer, problem), behind=True)


async def _step(db: Database, consumer: Consumer, limit: int) -> _Step:
    seen, position = await _where(db, consumer)
    if position is not None and position >= seen.last:
        return _Step(0, behind=seen.unplaced)
    async with db.transaction() as tx:
        position = await _lock_cursor(tx, consumer.name)
        if position is None:
            return _Step(0, behind=True)
        batch = await read(tx, after=position, limit=limit, names=consumer.names)
        if batch:
            await consumer.handle(tx, batch)
            position = batch[-1].position
            await _move_cursor(tx, consumer.name, position)
    return _Step(len(batch), behind=seen.unplaced or position < seen.last)


async def _where(db: Database, consumer: Consumer) -> tuple[Seen, int | None]:
    """Place what can be placed; say what there is, and up to where `consumer` has it."""
    async with db.transaction() as tx:
        seen = await place(tx)
        position = await tx.value(
            "SELECT position FROM kernel.consumer WHERE name = %(name)s", name=consumer.name
        )
    return seen, position


async def _lock_cursor(tx: Tx, name: str) -> int | None:
    """None while another process has it."""
    locked = "SELECT position FROM kernel.consumer WHERE name = %(name)s FOR UPDATE SKIP LOCKED"
    position = await tx.value(locked, name=name)
    if position is None:
        await tx.run(
            "INSERT INTO kernel.consumer (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING", name=name
        )
        position = await tx.value(locked, name=name)
    return position


async def _move_cursor(tx: Tx, name: str, position: int) -> None:
    await tx.run(
        """
        UPDATE kernel.consumer
           SET position = %(position)s, attempts = 0, last_error = NULL, updated_at = now()
         WHERE name = %(name)s
        """,
        name=name,
        position=position,
    )


async def _failed(db: Database, consumer: Consumer, problem: Exception) -> int:
    error = f"{type(problem).__name__}: {problem}"[:2000]
    async with db.transaction() as tx:
        position = await _lock_cursor(tx, consumer.name)
        if position is None:
            return 0
        attempts = await tx.value(
            """
            UPDATE kernel.consumer SET attempts = attempts + 1, last_error = %(error)s, updated_at = now()
             WHERE name = %(name)s RETURNING attempts
            """,
            name=consumer.name,
            error=error,
        )
        _log.error("outbox.handler_failed", consumer=consumer.name, attempts=attempts, error=error)
        if attempts < ATTEMPTS:
            return 0
        facts = await read(tx, after=position, limit=1, names=frozenset())
        for fact in facts:
            await tx.run(
                """
                INSERT INTO kernel.parked (consumer, fact_id, position, error)
                VALUES (%(consumer)s, %(fact_id)s, %(position)s, %(error)s)
                ON CONFLICT DO NOTHING
                """,
                consumer=consumer.name,
                fact_id=fact.fact_id,
                position=fact.position,
                error=error,
            )
            await _move_cursor(tx, consumer.name, fact.position)
        return len(facts)


async def drain(db: Database, consumers: Sequence[Consumer]) -> None:
    """Deliver until nobody takes anything more.  For tests, the demo and shutdown."""
    while sum([await deliver(db, consumer) for consumer in consumers]):
        pass


FACTS: Final = "shopfloor_facts"


class Arrivals:
    """Wakes readers of one process when facts, or what else is announced, have been committed; `listen` has to run
    meanwhile.
    """

    def __init__(self, dsn: str, *, channels: Sequence[str] = (FACTS,)) -> None:
        self._dsn = dsn
        self._waiting: dict[str, set[asyncio.Event]] = {channel: set() for channel in channels}
        self._listening = False

    async def listen(self) -> None:
        """Until it is cancelled; a connection that is lost is made again."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                await self._listen()
            self._listening = False
            self._wake()
            await asyncio.sleep(1.0)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self._dsn, autocommit=True, connect_timeout=10, application_name="shopfloor listener"
        ) as connection:
            for channel in self._waiting:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            # What was committed before the first notice could be heard is looked for once.
            self._listening = True
            self._wake()
            async for notice in connection.notifies():
                self._wake(notice.channel)

    def _wake(self, *channels: str) -> None:
        for channel in channels or self._waiting:
            for event in self._waiting[channel]:
                event.set()

    @contextlib.contextmanager
    def bell(self, channel: str = FACTS) -> Generator[asyncio.Event]:
        """An event that is set whenever facts have arrived; its reader clears it before it looks."""
        event = asyncio.Event()
        self._waiting[channel].add(event)
        try:
            yield event
        finally:
            self._waiting[channel].discard(event)

    async def sleep(self, event: asyncio.Event, pause: float, *, most: float | None = None) -> None:
        """Until `event` is set, or it is time to look unasked: after `pause` where notices cannot be heard, else after
        `most` seconds (LOOK_EVERY if not given).
        """
        heard = LOOK_EVERY if most is None else most
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), heard if self._listening else pause)


async def run(db: Database, consumer: Consumer, arrivals: Arrivals, *, pause: float = 0.1) -> None:
    """Deliver for ever; wait out a database that is away.  End it by cancelling the task."""
    with arrivals.bell() as event:
        while True:
            event.clear()
            try:
                step = await _try_step(db, consumer, consumer.limit)
            except DatabaseAway:
                _log.warning("outbox.database_away", consumer=consumer.name)
                await asyncio.sleep(1.0)
                continue
            if not step.behind:
                # What was committed since we looked has rung the bell.
                await arrivals.sleep(event, pause)
            elif not step.took:
                # Another process is at it, or a fact has failed and is tried again.
                await asyncio.sleep(pause)


FollowHandler = Callable[[Any], Awaitable[None] | None]


class Follower:
    """Facts from now on, in commit order, decoded, to functions of this process.

    `position` is the last one handed over.  After a database outage it goes on where it was.
    """

    def __init__(
        self, db: Database, handlers: Mapping[type[Any], FollowHandler], *, pause: float = 0.05
    ) -> None:
        self._db = db
        self._pause = pause
        self._by_name = {kind.name: (kind, handler) for kind, handler in handlers.items()}
        self._names = frozenset(self._by_name)
        self.position = 0

    async def start(self) -> None:
        """Set the starting point.  State that is loaded after this misses nothing."""
        async with self._db.transaction() as tx:
            self.position = (await place(tx)).last

    async def step(self) -> int:
        """Hand over what there is; return how many facts that were."""
        return (await self._step()).took

    async def _step(self) -> _Step:
        async with self._db.transaction() as tx:
            seen = await place(tx)
        if seen.last <= self.position:
            return _Step(0, behind=seen.unplaced)
        async with self._db.transaction() as tx:
            batch = await read(tx, after=self.position, limit=FOLLOWED_AT_ONCE, names=self._names)
        for delivered in batch:
            known = self._by_name.get(delivered.name)
            if known is not None:
                kind, handler = known
                done = handler(decode(kind, delivered))
                if done is not None:
                    await done
            self.position = delivered.position
        return _Step(len(batch), behind=seen.unplaced or self.position < seen.last)

    async def run(self, arrivals: Arrivals) -> None:
        """Look whenever facts arrive, with a pause between two looks unless there was more to take: in a rush, facts
        are better fetched many at a time, and pages are told a few times a second anyway.
        """
        with arrivals.bell() as event:
            while True:
                event.clear()
                try:
                    step = await self._step()
                except DatabaseAway:
                    await asyncio.sleep(1.0)
                    continue
                if step.took == FOLLOWED_AT_ONCE:
                    continue
                if step.took or step.behind:
                    await asyncio.sleep(self._pause)
                if not step.behind:
                    await arrivals.sleep(event, self._pause)
