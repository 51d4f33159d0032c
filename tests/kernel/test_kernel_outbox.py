"""Facts: commit order, nothing lost, effects once."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest
from tests.waiting import soon

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.outbox import Consumer, Delivered


@dataclass(frozen=True, slots=True)
class Told:
    name: ClassVar[str] = "test.told"

    shop_id: int
    word: str


class Ear:
    """A consumer that writes what it hears into a table: an effect in our own database."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.fail_on: str | None = None

    async def handle(self, tx: Tx, batch: Sequence[Delivered]) -> None:
        for delivered in batch:
            if delivered.body["word"] == self.fail_on:
                raise RuntimeError("cannot hear that")
            await tx.run(
                "INSERT INTO kernel.consumer (name) VALUES (%(name)s)", name=f"heard-{delivered.body['word']}"
            )
        self.heard += [delivered.body["word"] for delivered in batch]


async def tell(database: Database, *words: str) -> None:
    async with database.transaction() as tx:
        for word in words:
            await outbox.record(tx, Told(1, word))


async def test_facts_arrive_once_in_the_order_of_recording(database: Database) -> None:
    ear = Ear()
    await tell(database, "a", "b")
    await tell(database, "c")

    assert await outbox.deliver(database, Consumer("ear", ear.handle)) == 3
    assert await outbox.deliver(database, Consumer("ear", ear.handle)) == 0
    assert ear.heard == ["a", "b", "c"]


async def test_a_rolled_back_change_tells_nothing(database: Database) -> None:
    ear = Ear()

    async def change_and_fail() -> None:
        async with database.transaction() as tx:
            await outbox.record(tx, Told(1, "never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change_and_fail()

    assert await outbox.deliver(database, Consumer("ear", ear.handle)) == 0


async def test_a_fact_recorded_early_and_committed_late_is_not_lost(dsn: str, database: Database) -> None:
    """The smaller number becomes visible after the larger one was delivered."""
    ear = Ear()
    consumer = Consumer("ear", ear.handle)
    async with await psycopg.AsyncConnection.connect(dsn) as slow:
        await outbox.record(Tx(slow), Told(1, "early"))
        await tell(database, "late")
        assert await outbox.deliver(database, consumer) == 1
        await slow.commit()

    assert await outbox.deliver(database, consumer) == 1
    assert ear.heard == ["late", "early"]


async def test_a_failing_fact_takes_no_effect_and_is_parked_after_the_last_attempt(
    database: Database,
) -> None:
    ear = Ear()
    ear.fail_on = "poison"
    consumer = Consumer("ear", ear.handle)
    await tell(database, "good", "poison", "after")

    assert await outbox.deliver(database, consumer) == 1
    assert ear.heard == ["good"]
    for _ in range(outbox.ATTEMPTS - 1):
        assert await outbox.deliver(database, consumer) == 0
    assert await outbox.deliver(database, consumer) == 1
    assert await outbox.deliver(database, consumer) == 1

    assert ear.heard == ["good", "after"]
    async with database.transaction() as tx:
        assert await tx.value("SELECT error FROM kernel.parked") == "RuntimeError: cannot hear that"
        assert await tx.value("SELECT count(*) FROM kernel.consumer WHERE name LIKE 'heard-%%'") == 2


async def test_two_processes_running_one_consumer_have_the_effects_once(dsn: str, database: Database) -> None:
    other = Database(dsn)
    await other.open()
    ears = Ear(), Ear()
    for i in range(50):
        await tell(database, f"w{i}")

    async def run(db: Database, ear: Ear) -> None:
        for _ in range(60):
            await outbox.deliver(db, Consumer("ear", ear.handle), limit=3)

    await asyncio.gather(run(database, ears[0]), run(other, ears[1]))
    await other.close()

    assert sorted(ears[0].heard + ears[1].heard) == sorted(f"w{i}" for i in range(50))


async def test_positions_have_no_gap_under_concurrent_writers(dsn: str, database: Database) -> None:
    other = Database(dsn)
    await other.open()
    seen: list[int] = []

    async def handle(_: Tx, batch: Sequence[Delivered]) -> None:
        seen.extend(fact.position for fact in batch)

    async def write(db: Database) -> None:
        for i in range(40):
            await tell(db, f"x{i}")

    async def listen() -> None:
        while len(seen) < 160:
            await outbox.deliver(database, Consumer("ear", handle))

    await asyncio.gather(write(database), write(other), write(database), write(other), listen())
    await other.close()

    assert seen == list(range(1, 161))


async def test_a_follower_hears_what_comes_after_its_start_decoded(database: Database) -> None:
    heard: list[Told] = []
    await tell(database, "before")
    follower = outbox.Follower(database, {Told: heard.append})
    await follower.start()
    await tell(database, "one", "two")

    assert await follower.step() == 2
    assert heard == [Told(1, "one"), Told(1, "two")]


async def test_a_fact_comes_back_as_it_was(database: Database) -> None:
    @dataclass(frozen=True, slots=True)
    class Rich:
        name: ClassVar[str] = "test.rich"

        shop_id: int
        order: UUID
        lots: list[tuple[str, int]]
        note: str | None

    told = Rich(7, UUID("01890a5d-ac96-774b-bcce-b302099a8057"), [("2026-12-03", 4)], None)
    heard: list[Any] = []

    async def keep(_: Tx, fact: Any) -> None:
        heard.append(fact)

    async with database.transaction() as tx:
        await outbox.record(tx, told)
    await outbox.deliver(database, outbox.each("rich", {Rich: keep}))

    assert heard == [told]


async def test_facts_recorded_together_keep_their_order(database: Database) -> None:
    ear = Ear()
    async with database.transaction() as tx:
        await outbox.record_all(tx, [])
        await outbox.record_all(tx, [Told(1, "first")])
        await outbox.record_all(tx, [Told(1, 'sec"ond'), Told(1, "third \u4e2d"), Told(1, "{}")])

    assert await outbox.deliver(database, Consumer("ear", ear.handle)) == 4
    assert ear.heard == ["first", 'sec"ond', "third \u4e2d", "{}"]


async def test_bodies_nobody_asked_for_do_not_travel(database: Database) -> None:
    """A batch of purchases is one large fact: who only counts orders does not fetch it."""
    heard: list[Told] = []

    async def keep(_: Tx, fact: Told) -> None:
        heard.append(fact)

    @dataclass(frozen=True, slots=True)
    class Large:
        name: ClassVar[str] = "test.large"

        shop_id: int
        text: str

    async with database.transaction() as tx:
        await outbox.record_all(tx, [Large(1, "x" * 1000), Told(1, "small")])
    consumer = outbox.each("counter", {Told: keep})
    assert await outbox.deliver(database, consumer) == 2
    assert heard == [Told(1, "small")]
    async with database.transaction() as tx:
        found = await outbox.read(tx, after=0, limit=10, names=consumer.names)
        assert [(fact.name, fact.body) for fact in found] == [
            ("test.large", {}),
            ("test.told", {"shop_id": 1, "word": "small"}),
        ]


class Witness(Database):
    """Counts the transactions that wrote or locked a row: PostgreSQL gives only those a number."""

    written = 0

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        async with super().transaction() as tx:
            yield tx
            self.written += await tx.value("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")


async def test_looking_for_facts_writes_nothing(dsn: str) -> None:
    db = Witness(dsn)
    await db.open()
    ear = Ear()
    consumer = Consumer("ear", ear.handle)
    follower = outbox.Follower(db, {Told: ear.heard.append})
    await follower.start()
    await tell(db, "one")
    assert (await outbox.deliver(db, consumer), await follower.step()) == (1, 1)

    before = db.written
    for _ in range(5):
        assert (await outbox.deliver(db, consumer), await follower.step()) == (0, 0)
    assert db.written == before
    await tell(db, "two")
    assert (await outbox.deliver(db, consumer), await follower.step()) == (1, 1)
    assert db.written > before
    await db.close()


async def eventually(what: str, true: Any) -> None:
    await soon(what, true)


@contextlib.asynccontextmanager
async def readers(dsn: str, database: Database, ear: Ear, followed: list[Told]) -> AsyncGenerator[None]:
    """A consumer and a follower that never look unasked, asleep."""
    arrivals = outbox.Arrivals(dsn)
    follower = outbox.Follower(database, {Told: followed.append})
    await follower.start()
    tasks = [
        asyncio.create_task(work)
        for work in (
            arrivals.listen(),
            outbox.run(database, Consumer("ear", ear.handle), arrivals),
            follower.run(arrivals),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_sleeping_readers_are_woken_by_the_commit_of_a_fact(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY", 3600.0)
    ear, followed = Ear(), list[Told]()
    async with readers(dsn, database, ear, followed):
        for turn, word in enumerate(["one", "two", "three"], start=1):

            async def all_heard(count: int = turn) -> bool:
                return len(ear.heard) == len(followed) == count

            await tell(database, word)
            await eventually(f"{word} is heard", all_heard)


async def test_a_lost_listener_comes_back_and_nothing_is_lost(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LOOK_EVERY", 3600.0)
    ear, followed = Ear(), list[Told]()

    async def end_listener() -> bool:
        async with database.transaction() as tx:
            return bool(
                await tx.value(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE application_name = 'shopfloor listener' AND query LIKE 'LISTEN%%'
                       AND datname = current_database()
                    """
                )
            )

    async with readers(dsn, database, ear, followed):
        for turn, word in enumerate(["one", "two"], start=1):

            async def all_heard(count: int = turn) -> bool:
                return len(ear.heard) == len(followed) == count

            await eventually("somebody listens", end_listener)
            await tell(database, word)
            await eventually(f"{word} is heard", all_heard)
    assert ear.heard == ["one", "two"]


async def test_a_lost_notice_delays_a_fact_and_loses_none(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded where triggers do not fire: nobody is told."""
    monkeypatch.setattr(outbox, "LOOK_EVERY", 0.1)
    ear, followed = Ear(), list[Told]()

    async def all_heard() -> bool:
        return ear.heard == [told.word for told in followed] == ["silent"]

    async with readers(dsn, database, ear, followed):
        async with database.transaction() as tx:
            await tx.run("ALTER TABLE kernel.outbox DISABLE TRIGGER outbox_notify")
            await outbox.record(tx, Told(1, "silent"))
            await tx.run("ALTER TABLE kernel.outbox ENABLE TRIGGER outbox_notify")
        await eventually("the fact is found", all_heard)


class Counting(Database):
    begun = 0

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        self.begun += 1
        async with super().transaction() as tx:
            yield tx


async def test_a_fact_costs_each_reader_two_transactions(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One looks, one takes; nobody looks again for what would ring the bell."""
    monkeypatch.setattr(outbox, "LOOK_EVERY", 3600.0)
    reading = Counting(dsn)
    await reading.open()
    ear, followed = Ear(), list[Told]()
    async with readers(dsn, reading, ear, followed):
        await tell(database, "0")
        await eventually("the first is heard", lambda: len(ear.heard) == len(followed) == 1)
        before = reading.begun
        for number in range(1, 11):
            await tell(database, str(number))
            await eventually(
                "it is heard", lambda number=number: len(ear.heard) == len(followed) == number + 1
            )
        # A notice that comes while somebody looks anyway costs one look more; that it is so each time would be a third
        # transaction.
        assert 2 * 10 * 2 - 2 <= reading.begun - before < 2 * 10 * 3 - 4
    await reading.close()
