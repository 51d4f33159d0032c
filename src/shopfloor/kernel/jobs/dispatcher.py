"""Beside the shop: starts a worker process when a job is due, strikes the clock, and finds jobs whose worker is gone.

It holds no library of the work itself.  Several processes may run it: the database decides who does what.
"""

import asyncio
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import psycopg

from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.jobs import queries
from shopfloor.kernel.jobs.models import Job, Phase
from shopfloor.kernel.jobs.service import Handlers, Periodic, every, lock_of
from shopfloor.kernel.outbox import Arrivals

# What procrastinate says when a job is put into any queue.
CHANNEL: Final = "procrastinate_any_queue_v1"
HEARTBEAT: Final = 5.0
# For what is due at a time of which no notice tells.
LOOK_EVERY: Final = 5.0
# A worker that gave no sign of life for so long is taken for dead.
SILENT: Final = 20.0
AFTER_TROUBLE: Final = 10.0
# How long a worker may take to give back what it has begun.
PATIENCE: Final = 6.0

_log = logs.get("jobs")


class Child(Protocol):
    """A worker process."""

    @property
    def is_alive(self) -> bool: ...

    async def end(self) -> None: ...


Start = Callable[[], Child]


async def run(
    db: Database,
    handlers: Handlers,
    start: Start,
    arrivals: Arrivals,
    *,
    periodic: Sequence[Periodic] = (),
    silent: float = SILENT,
) -> None:
    """Until it is cancelled; the worker process it started ends with it."""
    by_name = {job.name: job for job in handlers}
    child: Child | None = None
    next_strike = dict.fromkeys((each.name for each in periodic), 0.0)
    try:
        with arrivals.bell(CHANNEL) as event:
            while True:
                event.clear()
                try:
                    await _strike(db, periodic, next_strike)
                    async with db.transaction() as tx:
                        seen = await queries.look(tx, silent=silent)
                    if seen.stalled and await rescue(db, by_name, silent=silent):
                        continue
                    if seen.due and (child is None or not child.is_alive):
                        child = start()
                except (DatabaseAway, psycopg.Error, OSError) as problem:
                    _log.warning("jobs.dispatcher_waits", why=f"{type(problem).__name__}: {problem}"[:300])
                    await asyncio.sleep(1.0)
                    continue
                await arrivals.sleep(event, 1.0, most=LOOK_EVERY)
    finally:
        if child is not None:
            await child.end()


async def _strike(db: Database, periodic: Sequence[Periodic], next_strike: dict[str, float]) -> None:
    for each in periodic:
        if time.monotonic() < next_strike[each.name]:
            continue
        # Another process may strike first; then this one asks again a part of the time later.
        next_strike[each.name] = time.monotonic() + each.seconds / 4
        try:
            await every(db, each)
        except DatabaseAway:
            raise
        except Exception as problem:  # noqa: BLE001 -- what fails is done when its time comes again
            _log.error("jobs.periodic_failed", what=each.name, exc_info=problem)
            next_strike[each.name] = time.monotonic() + AFTER_TROUBLE


async def rescue(db: Database, by_name: Mapping[str, Job[Any]], *, silent: float) -> int:
    """Put jobs back into the queue whose worker is gone; one that took its worker with it too often is dead."""
    async with db.transaction() as tx:
        found = await queries.stalled(tx, silent=silent)
    rescued = 0
    for each in found:
        job = by_name.get(each.name)
        lock = f"{each.name}:{each.key}" if job is None else lock_of(job, each.key)
        async with db.transaction() as tx:
            run = await queries.lock(tx, name=each.name, key=each.key)
            if not await queries.is_still_stalled(tx, job_id=each.id, silent=silent):
                continue
            rescued += 1
            if await queries.waits(tx, lock=lock):
                # It was asked for anew meanwhile: that one does it.
                await queries.out_of_the_queue(tx, job_id=each.id, keep=False)
            elif job is None or each.attempts + 1 < job.attempts:
                await queries.back_in_the_queue(tx, job_id=each.id)
            else:
                await queries.out_of_the_queue(tx, job_id=each.id, keep=True)
                if run is not None:
                    error = {
                        "code": "jobs.worker_lost",
                        "message": "The process that did it ended without a word, several times.",
                        "facts": {"attempts": each.attempts + 1},
                    }
                    await queries.finish(
                        tx, name=each.name, key=each.key, run=run, phase=Phase.FAILED, error=error
                    )
                _log.error("jobs.dead", job=each.name, key=each.key, attempts=each.attempts + 1)
                continue
            if run is not None:
                await queries.let_go(tx, name=each.name, key=each.key, run=run, error=None)
        _log.warning("jobs.worker_lost", job=each.name, key=each.key, attempts=each.attempts + 1)
    return rescued


class Process:
    """A worker as a child of this process: it ends by itself when idle, and with us."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    async def end(self) -> None:
        self._child.terminate()
        try:
            await asyncio.to_thread(self._child.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            await asyncio.to_thread(self._child.wait)
