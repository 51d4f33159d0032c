"""The intake under faults: poison, lost answers, impatient callers, a full queue, a stop in the middle."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.waiting import soon

from shopfloor import inventory, stock
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Unavailable
from shopfloor.stock import Intake, IntakeClosed, IntakeFull, IntakeUnknown

SHOP, HANFU = 1, 101


async def a_shop(db: Database, units: int) -> int:
    async with db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        await inventory.receive(tx, shop_id=SHOP, location_id=place.id, variant_id=HANFU, quantity=units)
        return (await inventory.open_pool(tx, shop_id=SHOP)).id


def wish(pool: int, quantity: int = 1, **more: Any) -> stock.Request:
    return stock.Request(
        id=uuid4(),
        shop_id=SHOP,
        pool_id=pool,
        buyer=uuid4(),
        lines=(stock.Line(more.pop("variant", HANFU), quantity),),
        hold_seconds=300,
        **more,
    )


def said(answer: object) -> str:
    if isinstance(answer, stock.Held):
        return "held"
    assert isinstance(answer, stock.Refused | Unavailable)
    return answer.code


async def numbers(db: Database) -> tuple[int, int, int]:
    """Quantity, held, and rows of holds; the audit must have nothing to say."""
    async with db.transaction() as tx:
        assert [check for check in await stock.audit(tx) if not check.passed] == []
        (level,) = await inventory.levels(tx, shop_id=SHOP)
        return level.quantity, level.held, await tx.value("SELECT count(*) FROM stock.hold")


@asynccontextmanager
async def opened(dsn: str, **more: Any) -> AsyncGenerator[Intake]:
    intake = Intake(dsn, **more)
    await intake.open()
    try:
        yield intake
    finally:
        await intake.close()


@asynccontextmanager
async def blocked(db: Database) -> AsyncGenerator[None]:
    """Somebody holds the hot row while the block lasts."""
    async with db.transaction() as tx:
        await tx.run("SELECT FROM stock.level FOR UPDATE")
        yield


async def somebody_waits(db: Database) -> None:
    """Until a batch is under way and stands before the hot row: who comes now comes into the next one."""

    async def waits() -> bool:
        async with db.transaction() as tx:
            return await tx.value(
                """
                SELECT count(*) > 0 FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            )

    await soon("a batch waits for the row", waits)


async def test_who_waits_shares_the_next_transaction(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 500)
    async with opened(dsn) as intake:
        async with blocked(database):
            tasks = [asyncio.ensure_future(intake.submit(wish(pool)))]
            await somebody_waits(database)
            tasks += [asyncio.ensure_future(intake.submit(wish(pool))) for _ in range(299)]
            await asyncio.sleep(0)
            assert not any(task.done() for task in tasks)
        assert Counter(map(said, await asyncio.gather(*tasks))) == {"held": 300}
        assert (intake.figures.batches, intake.figures.largest_batch) == (2, 299)
    assert await numbers(database) == (500, 300, 300)


async def test_arrival_order_decides_across_batches(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 30)
    async with opened(dsn, largest_batch=7) as intake:
        answers = await asyncio.gather(*[intake.submit(wish(pool)) for _ in range(50)])
    assert [said(answer) for answer in answers] == ["held"] * 30 + ["stock.sold_out"] * 20


async def test_poison_is_found_and_the_others_do_not_notice(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 500)
    poison: Any = wish(pool, variant=2**70)
    text: Any = wish(pool, "two")  # pyright: ignore[reportArgumentType]
    requests = [wish(pool) for _ in range(40)]
    requests[7], requests[23] = poison, text
    async with opened(dsn) as intake:
        answers = await asyncio.gather(*[intake.submit(request) for request in requests])
        assert intake.figures.halvings > 0
    assert [said(answers[7]), said(answers[23])] == ["stock.invalid"] * 2
    assert Counter(map(said, answers)) == {"held": 38, "stock.invalid": 2}
    assert await numbers(database) == (500, 38, 38)


async def test_double_taps_in_one_batch_and_in_the_next_are_one_hold(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 5)
    tap = wish(pool)
    async with opened(dsn) as intake:
        answers = await asyncio.gather(*[intake.submit(tap) for _ in range(20)])
        answers.append(await intake.submit(tap))
    async with opened(dsn) as other:
        answers.append(await other.submit(tap))
    assert Counter(map(said, answers)) == {"held": 22}
    assert await numbers(database) == (5, 1, 1)


async def test_under_a_limit_an_own_unpaid_hold_gives_way_here_too(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 5)
    buyer = uuid4()

    def mine() -> stock.Request:
        return stock.Request(uuid4(), SHOP, pool, buyer, (stock.Line(HANFU, 1),), 300, None, 7, 1)

    async with opened(dsn) as intake:
        first = mine()
        await intake.submit(first)
        answer = await intake.submit(mine())
        two = await asyncio.gather(intake.submit(mine()), intake.submit(mine()))
        assert intake.figures.poisoned == 0
    assert isinstance(answer, stock.Held)
    assert answer.replaced == (first.id,)
    assert [said(one) for one in two] == ["held", "held"]
    assert await numbers(database) == (5, 1, 4)


async def test_a_full_queue_says_so_at_once(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 50)
    async with opened(dsn, capacity=10) as intake:
        async with blocked(database):
            tasks = [asyncio.ensure_future(intake.submit(wish(pool))) for _ in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(IntakeFull):
                await intake.submit(wish(pool))
        assert Counter(map(said, await asyncio.gather(*tasks))) == {"held": 10}
        assert intake.waiting == 0
        assert said(await intake.submit(wish(pool))) == "held"
    assert await numbers(database) == (50, 11, 11)


async def test_a_cancelled_caller_disturbs_nobody(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 50)
    async with opened(dsn) as intake:
        async with blocked(database):
            tasks = [asyncio.ensure_future(intake.submit(wish(pool))) for _ in range(10)]
            await somebody_waits(database)
            for task in tasks[:5]:
                task.cancel()
            await asyncio.wait(tasks[:5])
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["CancelledError"] * 5 + ["Held"] * 5
    assert await numbers(database) == (50, 10, 10)


async def test_closing_answers_everybody_who_waits(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 50)
    intake = Intake(dsn, largest_batch=4)
    await intake.open()
    async with blocked(database):
        tasks = [asyncio.ensure_future(intake.submit(wish(pool))) for _ in range(30)]
        await somebody_waits(database)
        closing = asyncio.ensure_future(intake.close())
        await asyncio.sleep(0)
        with pytest.raises(IntakeClosed):
            await intake.submit(wish(pool))
    await closing
    assert Counter(map(said, [task.result() for task in tasks])) == {"held": 30}
    assert await numbers(database) == (50, 30, 30)


async def test_a_door_that_breaks_does_not_keep_others_from_their_answers(
    database: Database, dsn: str
) -> None:
    pool = await a_shop(database, 50)
    answers: list[object] = []

    def broken(_: object) -> None:
        raise RuntimeError("this door is broken")

    async with opened(dsn) as intake:
        intake.submit_nowait(wish(pool), broken)
        for _ in range(3):
            intake.submit_nowait(wish(pool), answers.append)
    assert list(map(said, answers)) == ["held"] * 3


async def test_rows_written_beside_a_refusal_stand_or_fall_with_the_batch(
    database: Database, dsn: str
) -> None:
    pool = await a_shop(database, 50)
    seen: list[list[str]] = []

    async def beside(
        tx: Tx, requests: list[stock.Request], answers: list[stock.Answer]
    ) -> list[stock.Answer]:
        seen.append([said(answer) for answer in answers])
        if any(request.lines[0].quantity == 130 for request in requests):
            raise RuntimeError("cannot write this one's row")
        await tx.run("INSERT INTO stock.sale (shop_id, source) VALUES (9, %(id)s)", id=str(requests[0].id))
        return answers

    async with opened(dsn, on_refused=beside) as intake:
        assert said(await intake.submit(wish(pool, 2))) == "held"
        assert said(await intake.submit(wish(pool, 60))) == "stock.sold_out"
        with pytest.raises(IntakeUnknown):
            await intake.submit(wish(pool, 130))
        async with blocked(database):
            first = asyncio.ensure_future(intake.submit(wish(pool, 1)))
            await somebody_waits(database)
            both = [asyncio.ensure_future(intake.submit(wish(pool, quantity))) for quantity in (3, 60)]
            await asyncio.sleep(0)
        assert [said(answer) for answer in await asyncio.gather(first, *both)] == [
            "held", "held", "stock.sold_out",
        ]  # fmt: skip
    assert seen == [["stock.sold_out"], ["stock.sold_out"], ["held", "stock.sold_out"]]
    assert await numbers(database) == (50, 6, 3)
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM stock.sale WHERE shop_id = 9") == 2


async def test_while_plenty_is_left_or_nothing_batches_are_decided_ahead(
    database: Database, dsn: str
) -> None:
    """The first is decided under the lock, and so is the one that some get and some do not; from memory those
    between them, and the last one, when nothing is left.
    """
    pool = await a_shop(database, 100)
    async with opened(dsn, largest_batch=8, ahead=1) as intake:
        answers = await asyncio.gather(*[intake.submit(wish(pool)) for _ in range(107)])
        figures = intake.figures
        assert (figures.batches, figures.ahead, figures.mistaken) == (14, 12, 0)
    assert [said(answer) for answer in answers] == ["held"] * 100 + ["stock.sold_out"] * 7
    assert await numbers(database) == (100, 100, 100)


async def test_what_is_remembered_wrongly_is_decided_again_in_order(database: Database, dsn: str) -> None:
    """Another process buys nearly all between two batches of this one."""
    pool = await a_shop(database, 100)
    async with opened(dsn, largest_batch=4, ahead=1) as intake, opened(dsn) as other:
        assert said(await intake.submit(wish(pool))) == "held"
        assert said(await other.submit(wish(pool, 93))) == "held"
        answers = await asyncio.gather(*[intake.submit(wish(pool, 2)) for _ in range(9)])
        assert (intake.figures.mistaken, intake.figures.poisoned) == (1, 0)
    assert [said(answer) for answer in answers] == ["held"] * 3 + ["stock.sold_out"] * 6
    assert await numbers(database) == (100, 100, 5)


async def test_an_id_another_process_granted_is_met_from_memory_too(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 100)
    tap = wish(pool)
    async with opened(dsn) as intake, opened(dsn) as other:
        await intake.submit(wish(pool))
        first = await other.submit(tap)
        again, beside = await asyncio.gather(intake.submit(tap), intake.submit(wish(pool)))
        assert intake.figures.mistaken == 1
    assert isinstance(first, stock.Held)
    assert isinstance(again, stock.Held)
    assert (again.id, again.expires_at, again.replayed) == (first.id, first.expires_at, True)
    assert said(beside) == "held"
    assert await numbers(database) == (100, 3, 3)


async def test_a_row_that_stays_locked_is_not_waited_for_for_ever(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 50)
    impatient = make_conninfo(dsn)
    async with opened(impatient) as intake:
        async with blocked(database):
            with pytest.raises(IntakeUnknown):
                await intake.submit(wish(pool))
        assert said(await intake.submit(wish(pool))) == "held"
    assert await numbers(database) == (50, 1, 1)


class Proxy:
    """Stands between the intake and PostgreSQL and cuts the line when it is told to."""

    def __init__(self, dsn: str, directory: Path) -> None:
        parts = conninfo_to_dict(dsn)
        host, port = str(parts.get("host") or "localhost"), str(parts.get("port") or 5432)
        self._target = (host, port)
        self.dsn = make_conninfo(dsn, host=str(directory), port="6000")
        self._path = directory / ".s.PGSQL.6000"
        self.cut: Callable[[bytes], bool] = lambda _: False
        self.deliver_what_is_cut = True
        self.moment = 0.2
        """Seconds that the server has for what was delivered last."""
        self.cuts = 0
        self.serving = 0
        """Lines that are open."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._target
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving += 1
        try:
            await self._serve_one(reader, writer)
        finally:
            self.serving -= 1

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await self._connect()

        async def answers() -> None:
            while data := await there.read(65536):
                writer.write(data)
            writer.close()

        answering = asyncio.ensure_future(answers())
        while data := await reader.read(65536):
            if self.cut(data):
                self.cuts += 1
                if self.deliver_what_is_cut:
                    answering.cancel()
                    back.write(data)
                    await back.drain()
                    await asyncio.sleep(self.moment)  # the server commits; nobody hears of it
                writer.transport.abort()
                back.close()
                return
            back.write(data)
        back.close()
        answering.cancel()


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_line_cut_at_commit_is_resolved_by_asking_again(
    database: Database, dsn: str, tmp_path: Path, delivered: bool
) -> None:
    """Whether the COMMIT arrived or not: every buyer hears the truth, and has one hold."""
    pool = await a_shop(database, 50)
    async with Proxy(dsn, tmp_path) as proxy, opened(proxy.dsn) as intake:
        proxy.deliver_what_is_cut = delivered
        proxy.cut = lambda data: b"COMMIT" in data and proxy.cuts == 0
        answers = await asyncio.gather(*[intake.submit(wish(pool)) for _ in range(60)])
        assert (proxy.cuts, intake.figures.asked_again) == (1, 1)
    assert [said(answer) for answer in answers] == ["held"] * 50 + ["stock.sold_out"] * 10
    assert {answer.replayed for answer in answers if isinstance(answer, stock.Held)} == {delivered}
    assert await numbers(database) == (50, 50, 50)


async def test_a_database_that_stays_away_is_said_and_the_same_id_settles_it(
    database: Database, dsn: str, tmp_path: Path
) -> None:
    pool = await a_shop(database, 50)
    request = wish(pool)
    async with Proxy(dsn, tmp_path) as proxy, opened(proxy.dsn, patience=0.3) as intake:
        proxy.cut = lambda data: b"COMMIT" in data
        with pytest.raises(IntakeUnknown):
            await intake.submit(request)
        proxy.cut = lambda _: False
        answer = await intake.submit(request)
    assert isinstance(answer, stock.Held)
    assert answer.replayed
    assert await numbers(database) == (50, 1, 1)


async def test_two_processes_answer_the_same_id_alike(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 50)
    requests = [wish(pool) for _ in range(20)]
    async with opened(dsn) as one, opened(dsn) as other:
        answers = await asyncio.gather(
            *[intake.submit(request) for request in requests for intake in (one, other)]
        )
    holds = {answer.id: answer for answer in answers if isinstance(answer, stock.Held)}
    assert len(holds) == 20
    assert Counter(map(said, answers)) == {"held": 40}
    assert await numbers(database) == (50, 20, 20)


@pytest.mark.parametrize("closed", [False, True])
async def test_what_one_process_granted_another_does_not_refuse(
    database: Database, dsn: str, closed: bool
) -> None:
    """The last unit is somebody's, or the sale is over: who has bought hears it from every process."""
    await a_shop(database, 1)
    async with database.transaction() as tx:
        pool = (await inventory.open_show_pool(tx, shop_id=SHOP, show_id=5, quotas={HANFU: 1})).id
    tap = wish(pool)
    async with opened(dsn) as one, opened(dsn) as other:
        first = await one.submit(tap)
        if closed:
            async with database.transaction() as tx:
                await stock.close_show_pool(tx, shop_id=SHOP, show_id=5)
        for _ in range(2):  # the second time, "sold out" is remembered
            again, beside = await asyncio.gather(other.submit(tap), other.submit(wish(pool)))
            other.recent.clear()  # as if it were long ago
            assert said(beside) == ("stock.closed" if closed else "stock.sold_out")
            assert isinstance(first, stock.Held)
            assert isinstance(again, stock.Held)
            assert (again.id, again.expires_at, again.replayed) == (first.id, first.expires_at, True)
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM stock.hold") == 1


async def test_sold_out_is_a_hint_that_a_release_ends(database: Database, dsn: str) -> None:
    pool = await a_shop(database, 1)
    first = wish(pool)
    async with opened(dsn) as intake:
        assert said(await intake.submit(first)) == "held"
        assert said(await intake.submit(wish(pool))) == "stock.sold_out"
        assert said(await intake.submit(wish(pool))) == "stock.sold_out"
        async with database.transaction() as tx:
            await stock.release(tx, [first.id], "gave up")
        assert said(await intake.submit(wish(pool))) == "held"
        replay = await intake.submit(first)
    assert isinstance(replay, stock.Held)
    assert (replay.replayed, replay.state) == (True, stock.HoldState.RELEASED)
    assert await numbers(database) == (1, 1, 2)


@pytest.mark.parametrize("left", ["plenty", "nothing", "closed"])
async def test_an_id_with_other_content_is_a_mismatch_in_every_process(
    database: Database, dsn: str, left: str
) -> None:
    """In the batch that grants it, in a later one, in another process, from memory, and when nothing is left."""
    await a_shop(database, 50)
    async with database.transaction() as tx:
        show = await inventory.open_show_pool(tx, shop_id=SHOP, show_id=9, quotas={HANFU: 20})
    first = wish(show.id, 2)
    others = [
        replace(first, lines=(stock.Line(HANFU + 1, 2),)),
        replace(first, lines=(stock.Line(HANFU, 3),)),
        replace(first, lines=(*first.lines, stock.Line(HANFU + 1, 1))),
        replace(first, buyer=uuid4()),
    ]
    async with opened(dsn) as intake, opened(dsn) as other:
        answers = await asyncio.gather(*[intake.submit(each) for each in (first, *others)])
        assert [said(answer) for answer in answers] == ["held"] + ["stock.mismatch"] * 4
        if left == "nothing":
            assert said(await intake.submit(wish(show.id, 18))) == "held"
            assert said(await other.submit(wish(show.id, 1))) == "stock.sold_out"
        elif left == "closed":
            async with database.transaction() as tx:
                await stock.close_show_pool(tx, shop_id=SHOP, show_id=9)
        else:
            assert said(await other.submit(wish(show.id, 1))) == "held"
        before = await rows(database)
        for each in (intake, other):
            assert [said(await each.submit(wrong)) for wrong in others] == ["stock.mismatch"] * 4
            assert said(await each.submit(first)) == "held"
    assert await rows(database) == before


async def rows(db: Database) -> list[tuple[object, ...]]:
    """Every level and every hold; the audit must have nothing to say."""
    async with db.transaction() as tx:
        assert [check for check in await stock.audit(tx) if not check.passed] == []
        found = await tx.connection.execute(
            "SELECT id::text, quantity, held FROM stock.level UNION ALL "
            "SELECT id::text, quantity, part FROM stock.hold ORDER BY 1"
        )
        return await found.fetchall()


async def test_twenty_thousand_want_a_hundred(database: Database, dsn: str) -> None:
    """The first hundred have them; everybody is answered; the books show nobody else."""
    pool = await a_shop(database, 100)
    requests = [wish(pool) for _ in range(20_000)]
    async with opened(dsn, capacity=20_000) as intake:
        answers = await asyncio.gather(*[intake.submit(request) for request in requests])
        assert (intake.figures.accepted, intake.figures.held, intake.figures.refused) == (20_000, 100, 19_900)
        assert (intake.figures.turned_away, intake.figures.unanswered) == (0, 0)
    assert [said(answer) for answer in answers] == ["held"] * 100 + ["stock.sold_out"] * 19_900
    assert await numbers(database) == (100, 100, 100)
