"""Jobs: asked for in a transaction, done at least once by whoever lives, kept once."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs
from tests.jobs import PATIENCE, drain, until_quiet, working
from tests.waiting import soon

from shopfloor.kernel import jobs, outbox
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.jobs import dispatcher, queries, runner, schema, service
from shopfloor.kernel.jobs.service import Handlers, Periodic


@dataclass(frozen=True, slots=True)
class Sum:
    numbers: list[int]


class TooLarge(Conflict):
    """The sum is too large."""

    code = "test.too_large"


ADD = jobs.Job("test.add", asked=Sum, attempts=3, pause=0.0)
AS_OF = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Adding:
    """A handler that says what it did, and can be held in the middle."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.at_once = self.most_at_once = 0
        self.gates: list[asyncio.Event] = []
        self.breaks = self.waits = 0

    async def __call__(self, run: jobs.Run, asked: Sum) -> None:
        self.began.append(sum(asked.numbers))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gates:
                await self.gates.pop(0).wait()
            if self.waits:
                self.waits -= 1
                raise jobs.NotYet("on its way")
            if self.breaks:
                self.breaks -= 1
                raise ZeroDivisionError("by design")
            if sum(asked.numbers) > 100:
                raise TooLarge(most=100)
            async with run.db.transaction() as tx:
                await run.done(tx, as_of=AS_OF, result=sum(asked.numbers))
        finally:
            self.at_once -= 1

    @property
    def handlers(self) -> Handlers:
        return {ADD: self}


async def ask(db: Database, *numbers: int, key: str = "k", **options: Any) -> jobs.Ticket:
    async with db.transaction() as tx:
        return await jobs.ask(tx, ADD, Sum([*numbers]), key=key, **options)


async def state(db: Database, key: str = "k") -> jobs.State:
    async with db.transaction() as tx:
        found = await jobs.state(tx, ADD, key)
    assert found is not None
    return found


async def result(db: Database, key: str = "k") -> jobs.Result[int] | None:
    async with db.transaction() as tx:
        return await jobs.result(tx, ADD, key, int)


async def queued(db: Database) -> list[str]:
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT status::text FROM procrastinate.procrastinate_jobs ORDER BY id"
        )
        return [row[0] for row in await cursor.fetchall()]


async def until(what: str, true: Callable[[], Awaitable[object]]) -> None:
    await soon(what, true)


async def test_a_job_runs_after_its_commit_and_its_result_is_kept(dsn: str, database: Database) -> None:
    adding = Adding()
    ticket = await ask(database, 1, 2)
    assert (await state(database)).phase is jobs.Phase.WAITING

    await drain(dsn, database, adding.handlers)

    assert await result(database) == jobs.Result(AS_OF, 3)
    answered = await jobs.answer(database, ticket, patience=1)
    assert (answered.phase, answered.share, answered.as_of) == (jobs.Phase.DONE, 1.0, AS_OF)
    assert await queued(database) == []


async def test_a_job_of_a_transaction_that_rolls_back_never_runs(dsn: str, database: Database) -> None:
    adding = Adding()

    async def asks_and_breaks() -> None:
        async with database.transaction() as tx:
            await jobs.ask(tx, ADD, Sum([1]), key="k")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await asks_and_breaks()
    await ask(database, 5, key="other")

    await drain(dsn, database, adding.handlers)

    assert adding.began == [5]
    async with database.transaction() as tx:
        assert await jobs.state(tx, ADD, "k") is None


async def test_a_double_tap_is_one_run_and_answers_both(dsn: str, database: Database) -> None:
    """And the transaction that asks twice goes on: a taken queueing lock raises nothing."""
    adding = Adding()
    async with database.transaction() as tx:
        first = await jobs.ask(tx, ADD, Sum([1]), key="k")
        second = await jobs.ask(tx, ADD, Sum([2]), key="k")
        assert await tx.value("SELECT 1") == 1

    await drain(dsn, database, adding.handlers)

    assert adding.began == [2]
    for ticket in (first, second):
        assert (await jobs.answer(database, ticket, patience=1)).phase is jobs.Phase.DONE


async def test_two_who_ask_at_the_same_moment_ask_for_one_run(dsn: str, database: Database) -> None:
    adding = Adding()
    tickets = await asyncio.gather(*(ask(database, number) for number in range(6)))

    assert sorted(ticket.number for ticket in tickets) == [1, 2, 3, 4, 5, 6]
    assert await queued(database) == ["todo"]
    await drain(dsn, database, adding.handlers)
    assert len(adding.began) == 1
    assert (await state(database)).answered == 6


async def test_what_is_asked_for_while_it_runs_runs_once_more_and_not_at_the_same_time(
    dsn: str, database: Database
) -> None:
    adding = Adding()
    gate = asyncio.Event()
    adding.gates = [gate]
    first = await ask(database, 1)
    async with working(dsn, database, adding.handlers), working(dsn, database, adding.handlers):
        await until("it runs", lambda: _is(database, jobs.Phase.RUNNING))
        second = await ask(database, 2)
        with pytest.raises(jobs.NotReadyYet):
            await jobs.answer(database, second, patience=0)
        gate.set()
        await jobs.answer(database, first, patience=PATIENCE)
        await jobs.answer(database, second, patience=PATIENCE)

    assert adding.began == [1, 2]
    assert adding.most_at_once == 1
    assert await result(database) == jobs.Result(AS_OF, 2)


async def _is(db: Database, phase: jobs.Phase, key: str = "k") -> bool:
    return (await state(db, key)).phase is phase


async def test_two_workers_do_each_job_once(dsn: str, database: Database) -> None:
    adding = Adding()
    for number in range(12):
        await ask(database, number, key=str(number))
    async with working(dsn, database, adding.handlers), working(dsn, database, adding.handlers):
        await until_quiet(database)

    assert sorted(adding.began) == list(range(12))


async def test_a_refusal_is_an_answer_and_leaves_the_result_before(dsn: str, database: Database) -> None:
    adding = Adding()
    await ask(database, 7)
    await drain(dsn, database, adding.handlers)
    ticket = await ask(database, 200)
    await drain(dsn, database, adding.handlers)

    with pytest.raises(TooLarge) as refused:
        await jobs.answer(database, ticket, patience=1)
    assert refused.value.facts == {"most": 100}
    assert (await state(database)).phase is jobs.Phase.REFUSED
    assert await result(database) == jobs.Result(AS_OF, 7)
    assert adding.began == [7, 200], "not tried again"
    async with database.transaction() as tx:
        assert await jobs.dead(tx) == []


async def test_what_is_asked_for_as_before_is_what_was_asked_for_last(dsn: str, database: Database) -> None:
    adding = Adding()
    await ask(database, 1, as_before=True)
    await drain(dsn, database, adding.handlers)
    await ask(database, 2)
    await ask(database, 1, as_before=True)
    await drain(dsn, database, adding.handlers)

    assert adding.began == [1, 2]


async def test_what_is_not_there_yet_is_waited_for_without_a_fault_in_the_log(
    dsn: str, database: Database
) -> None:
    adding = Adding()
    adding.waits = 1
    ticket = await ask(database, 4)
    with capture_logs() as logged:
        async with working(dsn, database, adding.handlers):
            await until("it is done", lambda: _is(database, jobs.Phase.DONE))

    assert (await jobs.answer(database, ticket, patience=0)).phase is jobs.Phase.DONE
    assert adding.began == [4, 4]
    mine = [line for line in logged if line.get("job") == ADD.name]
    assert [(line["event"], line["log_level"], line["why"]) for line in mine] == [
        ("jobs.not_yet", "info", "on its way")
    ]


async def test_what_breaks_is_tried_again_and_then_waits_for_somebody(dsn: str, database: Database) -> None:
    adding = Adding()
    adding.breaks = 3
    ticket = await ask(database, 4)
    async with working(dsn, database, adding.handlers):
        await until("it is given up", lambda: _is(database, jobs.Phase.FAILED))

    assert adding.began == [4, 4, 4]
    assert await queued(database) == ["failed"]
    with pytest.raises(jobs.NotReadyYet):
        await jobs.answer(database, ticket, patience=0)
    async with database.transaction() as tx:
        [dead] = await jobs.dead(tx)
    assert (dead.name, dead.key, dead.error["code"]) == ("test.add", "k", "jobs.broke")
    assert dead.error["facts"]["why"] == "ZeroDivisionError: by design"

    async with database.transaction() as tx:
        again = await jobs.retry(tx, ADD, "k")
    await drain(dsn, database, adding.handlers)

    assert (await jobs.answer(database, again, patience=1)).phase is jobs.Phase.DONE
    assert await result(database) == jobs.Result(AS_OF, 4)
    assert await queued(database) == []


async def test_the_pause_before_the_next_attempt_is_on_the_clock_of_the_database(
    dsn: str, database: Database
) -> None:
    slow = jobs.Job("test.slow", asked=Sum, pause=600.0)
    adding = Adding()
    adding.breaks = 2

    async def scheduled() -> timedelta:
        async with database.transaction() as tx:
            return await tx.value("SELECT scheduled_at - now() FROM procrastinate.procrastinate_jobs")

    async with database.transaction() as tx:
        await jobs.ask(tx, slow, Sum([1]), key="k")
    await drain(dsn, database, {slow: adding})
    first = await scheduled()
    async with database.transaction() as tx:
        await tx.run("UPDATE procrastinate.procrastinate_jobs SET scheduled_at = now()")
    await drain(dsn, database, {slow: adding})
    second = await scheduled()
    # Somebody who waits for it does not wait for the pause.
    async with database.transaction() as tx:
        await jobs.ask(tx, slow, Sum([1]), key="k", urgent=True)
    await drain(dsn, database, {slow: adding})

    assert timedelta(seconds=570) < first <= timedelta(seconds=600)
    assert timedelta(seconds=1770) < second <= timedelta(seconds=1800)
    assert adding.began == [1, 1, 1]


async def test_progress_is_seen_while_it_runs(dsn: str, database: Database) -> None:
    gate = asyncio.Event()

    async def handler(run: jobs.Run, _: Sum) -> None:
        await run.progress(0.25, "test.counting", of=4)
        await gate.wait()
        async with run.db.transaction() as tx:
            await run.done(tx, as_of=AS_OF)

    await ask(database, 1)
    async with working(dsn, database, {ADD: handler}):

        async def told() -> bool:
            return (await state(database)).share > 0

        await until("it says how far it is", told)
        seen = await state(database)
        gate.set()
        await until_quiet(database)

    assert (seen.share, seen.step, seen.facts) == (0.25, "test.counting", {"of": 4})
    assert seen.is_under_way


# A worker that is killed


KILLED = """
import asyncio, sys
from tests.kernel.test_kernel_jobs import ADD, Sum
from shopfloor.kernel import jobs
from shopfloor.kernel.database import Database
from shopfloor.kernel.jobs import runner

async def hang(run, asked):
    await run.progress(0.5, "test.hanging")
    await asyncio.Event().wait()

async def main():
    db = Database(sys.argv[1], 2)
    await db.open()
    await runner.work(sys.argv[1], db, {ADD: hang}, idle=3600.0)

asyncio.run(main())
"""


class Doomed:
    """A worker in a process of its own that has begun the job and will not end it."""

    def __init__(self, dsn: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", KILLED, dsn], cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": "."}
        )  # fmt: skip

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


async def begun_and_killed(dsn: str, db: Database) -> None:
    doomed = Doomed(dsn)
    try:
        await until("the doomed worker has begun", lambda: _half_done(db))
    finally:
        doomed.kill()


async def _half_done(db: Database) -> bool:
    return (await state(db)).share == 0.5


async def rescue(db: Database) -> int:
    return await dispatcher.rescue(db, {ADD.name: ADD}, silent=-1.0)


async def test_what_a_killed_worker_had_begun_is_found_by_its_heartbeat_and_done(
    dsn: str, database: Database
) -> None:
    ticket = await ask(database, 1, 1)
    await begun_and_killed(dsn, database)

    assert await dispatcher.rescue(database, {ADD.name: ADD}, silent=3600.0) == 0, "it may be alive"
    assert (await state(database)).phase is jobs.Phase.RUNNING
    assert await rescue(database) == 1
    assert (await state(database)).phase is jobs.Phase.WAITING
    adding = Adding()
    await drain(dsn, database, adding.handlers)

    assert (await jobs.answer(database, ticket, patience=1)).attempt == 1
    assert await result(database) == jobs.Result(AS_OF, 2)


async def test_asked_for_anew_while_its_worker_lies_dead_it_runs_once(dsn: str, database: Database) -> None:
    """Back in the queue it would stand there twice, which the queue refuses."""
    await ask(database, 1)
    await begun_and_killed(dsn, database)
    again = await ask(database, 2)

    assert await queued(database) == ["doing", "todo"]
    assert await rescue(database) == 1
    assert await queued(database) == ["todo"]
    adding = Adding()
    await drain(dsn, database, adding.handlers)

    assert adding.began == [2]
    assert (await jobs.answer(database, again, patience=1)).answered == 2


async def test_a_job_that_takes_its_worker_with_it_is_given_up_in_the_end(
    dsn: str, database: Database
) -> None:
    await ask(database, 1)
    await begun_and_killed(dsn, database)
    async with database.transaction() as tx:
        await tx.run("UPDATE procrastinate.procrastinate_jobs SET attempts = 2")

    assert await rescue(database) == 1

    assert (await state(database)).phase is jobs.Phase.FAILED
    async with database.transaction() as tx:
        [dead] = await jobs.dead(tx)
    assert dead.error["code"] == "jobs.worker_lost"
    assert dead.error["facts"] == {"attempts": 3}
    assert await queued(database) == ["failed"]


async def test_a_worker_thought_lost_that_comes_back_keeps_nothing(dsn: str, database: Database) -> None:
    slow, gate = Adding(), asyncio.Event()
    slow.gates = [gate]
    await ask(database, 1)
    async with working(dsn, database, slow.handlers, heartbeat=3600.0):
        await until("it runs", lambda: _is(database, jobs.Phase.RUNNING))
        assert await rescue(database) == 1
        async with database.transaction() as tx:
            await tx.run("UPDATE kernel.job SET payload = '{\"numbers\": [9]}'")
        other = Adding()
        async with working(dsn, database, other.handlers):
            await until("the other has done it", lambda: _is(database, jobs.Phase.DONE))
            gate.set()

    assert (slow.began, other.began) == ([1], [9])
    assert await result(database) == jobs.Result(AS_OF, 9)


async def test_killed_between_result_and_queue_it_is_not_done_twice(dsn: str, database: Database) -> None:
    adding = Adding()
    await ask(database, 1)
    await drain(dsn, database, adding.handlers)
    async with database.transaction() as tx:
        await queries.enqueue(tx, name=ADD.name, key="k", queue=ADD.queue, lock="test.add:k", urgent=False)
    await drain(dsn, database, adding.handlers)

    assert adding.began == [1]
    assert await queued(database) == []


async def test_a_worker_whose_connections_are_cut_does_the_job_in_the_end(
    dsn: str, database: Database
) -> None:
    """All of them, in mid-job: the one it listens on too."""
    adding, gate = Adding(), asyncio.Event()
    adding.gates = [gate]
    await ask(database, 3)

    async def keep_working() -> None:
        while True:
            # Those of this test are cut as well.
            with contextlib.suppress(DatabaseAway):
                async with working(dsn, database, adding.handlers):
                    await until_quiet_or_lost()
                await rescue(database)
                if await queued(database) == []:
                    return

    async def until_quiet_or_lost() -> None:
        # Long enough for a worker to see that what it holds is in nobody's hands.
        end = asyncio.get_running_loop().time() + 4.0
        while await queued(database) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)

    work = asyncio.create_task(keep_working())
    await until("it runs", lambda: _is(database, jobs.Phase.RUNNING))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE 'shopfloor%'
            """
        )
    gate.set()
    await asyncio.wait_for(work, PATIENCE)

    assert await result(database) == jobs.Result(AS_OF, 3)


# The process beside the shop


class Started:
    is_alive = True
    ended = False

    async def end(self) -> None:
        self.ended = True


async def test_the_dispatcher_starts_a_worker_when_a_job_is_committed_and_only_then(
    dsn: str, database: Database
) -> None:
    arrivals = outbox.Arrivals(dsn, channels=(outbox.FACTS, dispatcher.CHANNEL))
    children: list[Started] = []

    def start() -> Started:
        children.append(Started())
        return children[-1]

    tasks = [
        asyncio.create_task(arrivals.listen()),
        asyncio.create_task(dispatcher.run(database, {ADD: Adding()}, start, arrivals)),
    ]

    async def started() -> bool:
        return bool(children)

    async with database.transaction() as tx:
        await jobs.ask(tx, ADD, Sum([1]), key="k")
        await asyncio.sleep(0.2)
        assert children == []
    await until("a worker is started", started)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert len(children) == 1
    assert children[0].ended


async def test_a_worker_ends_when_there_is_nothing_to_do(dsn: str, database: Database) -> None:
    adding = Adding()
    await ask(database, 1)
    await asyncio.wait_for(runner.work(dsn, database, adding.handlers, idle=1.0), PATIENCE)

    assert adding.began == [1]
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM procrastinate.procrastinate_workers") == 0


async def test_an_idle_worker_stays_while_more_is_to_come_and_does_not_grow(
    dsn: str, database: Database
) -> None:
    adding = Adding()
    asked = 0

    async def three_times(_: Tx) -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            await ask(database, 2)
        return asked <= 3

    async def always(_: Tx) -> bool:
        return True

    await ask(database, 1)
    await asyncio.wait_for(
        runner.work(dsn, database, adding.handlers, idle=0.1, more_to_come=three_times, most_memory=1 << 40),
        PATIENCE,
    )
    # One worker did what came later too, and ended when it was told that no more would come.
    assert (sorted(adding.began), asked) == ([1, 2], 4)

    await asyncio.wait_for(
        runner.work(dsn, database, adding.handlers, idle=0.1, more_to_come=always, most_memory=1), PATIENCE
    )


async def test_periodic_work_is_asked_for_once_whoever_asks(database: Database) -> None:
    async def act(tx: Tx) -> None:
        await jobs.ask(tx, ADD, Sum([1]), key="tick")

    hourly = Periodic("test.hourly", 3600.0, act)
    first = await asyncio.gather(*(jobs.every(database, hourly) for _ in range(4)))
    assert first == [False] * 4, "an hour from now"

    await _set_clock(database, "now() - interval '3601 seconds'")
    struck = await asyncio.gather(*(jobs.every(database, hourly) for _ in range(4)))

    assert sorted(struck) == [False, False, False, True]
    assert (await state(database, "tick")).asked == 1


async def test_a_clock_that_was_ahead_and_is_put_right_stops_nothing(database: Database) -> None:
    async def act(tx: Tx) -> None:
        return None

    hourly = Periodic("test.hourly", 3600.0, act)
    await jobs.every(database, hourly)
    await _set_clock(database, "now() + interval '30 days'")

    assert await jobs.every(database, hourly)
    assert not await jobs.every(database, hourly)


async def test_periodic_work_that_fails_is_not_counted_as_done(database: Database) -> None:
    fails = True

    async def act(tx: Tx) -> None:
        if fails:
            raise RuntimeError

    hourly = Periodic("test.hourly", 3600.0, act)
    await jobs.every(database, hourly)
    await _set_clock(database, "now() - interval '2 hours'")
    with pytest.raises(RuntimeError):
        await jobs.every(database, hourly)
    fails = False

    assert await jobs.every(database, hourly)


async def _set_clock(db: Database, moment: str) -> None:
    async with db.transaction() as tx:
        await tx.connection.execute(f"UPDATE kernel.job_clock SET struck_at = {moment}")  # pyright: ignore[reportArgumentType, reportCallIssue]


# The library's schema


def test_the_librarys_schema_is_there_and_made_once(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        assert schema.bring_up_to_date(connection) == []
        assert connection.execute("SELECT to_regclass('public.procrastinate_jobs')").fetchone() == (None,)


def test_a_later_release_of_the_library_brings_its_migrations(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where one of them fails, none of them is there."""
    (tmp_path / "migrations").mkdir()
    real = schema.sql_files()
    for path in (real / "migrations").glob("*.sql"):
        (tmp_path / "migrations" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "migrations/99.00.00_01_more.sql").write_text(
        "CREATE FUNCTION procrastinate_more() RETURNS regclass LANGUAGE sql AS $$ SELECT 'procrastinate_jobs'::regclass $$;"
    )
    monkeypatch.setattr(schema, "sql_files", lambda: tmp_path)
    with psycopg.connect(migrated, autocommit=True) as connection:
        later = tmp_path / "migrations/99.00.00_02_broken.sql"
        later.write_text("SELECT 1/0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            schema.bring_up_to_date(connection)
        assert connection.execute("SELECT to_regproc('procrastinate.procrastinate_more')").fetchone() == (
            None,
        )
        later.unlink()
        try:
            assert schema.bring_up_to_date(connection) == ["procrastinate.99.00.00_01_more"]
            # Called from anywhere, it looks in its own schema.
            connection.execute("SET search_path TO public")
            found = connection.execute("SELECT procrastinate.procrastinate_more()::text").fetchone()
            assert found == ("procrastinate.procrastinate_jobs",)
        finally:
            connection.execute("DROP FUNCTION IF EXISTS procrastinate.procrastinate_more()")
            connection.execute("DELETE FROM public._procrastinate_migration WHERE name LIKE '99%'")


def test_an_error_becomes_the_refusal_it_was() -> None:
    refused = service.refusal_of(TooLarge(most=1).body())

    assert isinstance(refused, TooLarge)
    assert refused.facts == {"most": 1}
