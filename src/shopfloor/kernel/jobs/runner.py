"""In a worker process: procrastinate takes jobs from the queue, this does them and keeps what became of them.

The only file that loads procrastinate.  What its worker leaves to its user is done here: a job whose end could not be
written stays in the hands of a worker that lives, so a worker that finds such a one ends; a job that is tried again
while it was asked for anew would stand in the queue twice, so the newer one does it.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, Final

import msgspec
import procrastinate
import procrastinate.exceptions
import psycopg
from procrastinate.jobs import DeleteJobCondition
from procrastinate.jobs import Job as Queued
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker

from shopfloor.kernel import logs, memory
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.jobs import dispatcher, queries
from shopfloor.kernel.jobs.models import QUEUE, Job, NotYet, Phase, Superseded
from shopfloor.kernel.jobs.schema import SCHEMA
from shopfloor.kernel.jobs.service import Handler, Handlers, Run, lock_of
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id

IDLE: Final = 20.0
# A worker that stays for what is to come starts anew when it has grown: solvers and readers keep what they once took.
MOST_MEMORY: Final = 600 * 2**20
AT_ONCE: Final = 2
LOOK_EVERY: Final = 1.0

_log = logs.get("jobs")

MoreToCome = Callable[[Tx], Awaitable[bool]]


class Again(Exception):
    """What broke is tried again at `at`, by the clock of the database; None: it was the last time."""

    def __init__(self, at: datetime | None) -> None:
        super().__init__()
        self.at = at


class Backoff(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Queued) -> RetryDecision | None:
        if isinstance(exception, Again):
            return None if exception.at is None else RetryDecision(retry_at=exception.at)
        # A worker that is told to stop gives back what it has begun.
        return RetryDecision() if isinstance(exception, asyncio.CancelledError) else None


@dataclass(slots=True)
class Hands:
    """What this process does just now, and since when it does nothing."""

    running: set[int] = field(default_factory=set[int])
    idle_since: float = field(default_factory=time.monotonic)

    @contextmanager
    def busy(self, job_id: int) -> Generator[None]:
        self.running.add(job_id)
        try:
            yield
        finally:
            self.running.discard(job_id)
            self.idle_since = time.monotonic()


def _task(
    db: Database, job: Job[Any], handler: Handler, hands: Hands
) -> Callable[Concatenate[procrastinate.JobContext, ...], Awaitable[None]]:
    async def do(context: procrastinate.JobContext, *, key: str) -> None:
        job_id = context.job.id
        assert job_id is not None, "it came from the queue"
        with hands.busy(job_id):
            await do_once(db, job, handler, key=key, attempt=context.job.attempts)

    return do


async def do_once(db: Database, job: Job[Any], handler: Handler, *, key: str, attempt: int) -> None:
    """One attempt.  Raises Again where it broke and is to be tried again, or is given up."""
    run = Run(db, job, key, new_id())
    try:
        async with db.transaction() as tx:
            begun = await queries.begin(tx, name=job.name, key=key, run=run.id, attempt=attempt)
        if begun is None:
            return
        await handler(run, msgspec.convert(begun.payload, job.asked, strict=False))
    except Superseded:
        _log.warning("jobs.superseded", job=job.name, key=key)
    except asyncio.CancelledError:
        with suppress(DatabaseAway, psycopg.Error):
            async with db.transaction() as tx:
                await queries.let_go(tx, name=job.name, key=key, run=run.id, error=None)
        raise
    except Refusal as refusal:
        if refusal.status >= 500:
            await _broke(db, run, refusal, attempt)
        else:
            async with db.transaction() as tx:
                await queries.finish(
                    tx, name=job.name, key=key, run=run.id, phase=Phase.REFUSED, error=refusal.body()
                )
    except Exception as problem:  # noqa: BLE001 -- whatever it raises, the next job is not its fault
        await _broke(db, run, problem, attempt)


async def _broke(db: Database, run: Run, problem: Exception, attempt: int) -> None:
    job, key = run.job, run.key
    incident = new_id().hex[-12:]
    if isinstance(problem, NotYet) and attempt + 1 < job.attempts:
        _log.info("jobs.not_yet", job=job.name, key=key, attempt=attempt, why=str(problem))
    else:
        _log.error("jobs.broke", job=job.name, key=key, attempt=attempt, incident=incident, exc_info=problem)
    error = {
        "code": "jobs.broke",
        "message": "Something broke on our side.",
        "facts": {"incident": incident, "why": f"{type(problem).__name__}: {problem}"[:500]},
    }
    pause = job.pause_after(attempt)
    try:
        async with db.transaction() as tx:
            held_by = await queries.lock(tx, name=job.name, key=key)
            if await queries.waits(tx, lock=lock_of(job, key)):
                await queries.let_go(tx, name=job.name, key=key, run=run.id, error=error)
                return
            if attempt + 1 >= job.attempts:
                if held_by == run.id:
                    await queries.finish(
                        tx, name=job.name, key=key, run=run.id, phase=Phase.FAILED, error=error
                    )
                again = None
            else:
                await queries.let_go(tx, name=job.name, key=key, run=run.id, error=error)
                again = await queries.clock(tx) + timedelta(seconds=pause)
    except (DatabaseAway, psycopg.Error):
        again = datetime.now(UTC) + timedelta(seconds=pause)
    raise Again(again) from problem


async def work(
    dsn: str,
    db: Database,
    handlers: Handlers,
    *,
    idle: float = IDLE,
    at_once: int = AT_ONCE,
    heartbeat: float = dispatcher.HEARTBEAT,
    silent: float = dispatcher.SILENT,
    parent: int | None = None,
    stop: asyncio.Event | None = None,
    more_to_come: MoreToCome | None = None,
    most_memory: int = MOST_MEMORY,
) -> None:
    """Do jobs until there were none for `idle` seconds, `stop` is set, or the process `parent` is gone.

    While there is `more_to_come` an idle worker stays, unless it has grown to `most_memory`: to start costs more
    than to wait.  Raises DatabaseAway: what it was doing is another worker's then.
    """
    hands = Hands()
    connector = procrastinate.PsycopgConnector(
        conninfo=dsn,
        min_size=1,
        max_size=at_once + 2,
        kwargs={"options": f"-c search_path={SCHEMA}", "application_name": "shopfloor jobs"},
    )
    app = procrastinate.App(connector=connector)
    for job, handler in handlers.items():
        app.task(name=job.name, queue=job.queue, retry=Backoff(), pass_context=True)(
            _task(db, job, handler, hands)
        )
    async with _away(), app.open_async():
        worker = Worker(
            app,
            queues=sorted({QUEUE, *(job.queue for job in handlers)}),
            concurrency=at_once,
            delete_jobs=DeleteJobCondition.SUCCESSFUL,
            shutdown_graceful_timeout=2.0,
            update_heartbeat_interval=heartbeat,
            stalled_worker_timeout=silent,
            install_signal_handlers=False,
        )
        stays = _Stays(idle, more_to_come, most_memory)
        watching = asyncio.create_task(_watch(db, worker, hands, stays, parent=parent, stop=stop))
        try:
            await worker.run()
        finally:
            watching.cancel()


@asynccontextmanager
async def _away() -> AsyncGenerator[None]:
    """A connection that was cut under procrastinate, as the rest of the product calls it."""
    try:
        yield
    except procrastinate.exceptions.ConnectorException as problem:
        if isinstance(problem.__cause__, psycopg.OperationalError | psycopg.InterfaceError):
            raise DatabaseAway from problem
        raise


@dataclass(frozen=True, slots=True)
class _Stays:
    """How long a worker with nothing to do stays."""

    idle: float
    more_to_come: MoreToCome | None
    most_memory: int

    async def is_over(self, db: Database, hands: Hands) -> bool:
        if hands.running or time.monotonic() - hands.idle_since < self.idle:
            return False
        if self.more_to_come is None or memory.resident() >= self.most_memory:
            return True
        async with db.transaction() as tx:
            if not await self.more_to_come(tx):
                return True
        hands.idle_since = time.monotonic()
        return False


async def _watch(
    db: Database,
    worker: Worker,
    hands: Hands,
    stays: _Stays,
    *,
    parent: int | None,
    stop: asyncio.Event | None,
) -> None:
    """Stop `worker` when it is time."""
    lost_before: set[int] = set()
    pause = min(LOOK_EVERY, max(stays.idle, 0.05))
    while True:
        if stop is None:
            await asyncio.sleep(pause)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        if (stop is not None and stop.is_set()) or (parent is not None and os.getppid() != parent):
            break
        with suppress(DatabaseAway, psycopg.Error):
            if await stays.is_over(db, hands):
                break
            if worker.worker_id is None:
                continue
            async with db.transaction() as tx:
                lost = {*await queries.held(tx, worker_id=worker.worker_id)} - hands.running
            if lost & lost_before:
                _log.warning("jobs.end_unwritten", jobs=sorted(lost))
                break
            lost_before = lost
    worker.stop()
