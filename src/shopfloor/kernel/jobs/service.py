"""Ask for jobs, see how far they are, wait for their answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal, every_refusal
from shopfloor.kernel.jobs import queries
from shopfloor.kernel.jobs.models import (
    Dead,
    Job,
    NotAsked,
    NotReadyYet,
    Phase,
    Progress,
    Result,
    State,
    Superseded,
    Ticket,
)
from shopfloor.kernel.records import dataclass

Asked = TypeVar("Asked")
Found = TypeVar("Found")

LOOK_EVERY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job, in the hands of its handler."""

    db: Database
    job: Job[Any]
    key: str
    id: UUID

    async def progress(self, share: float, step: str, **facts: object) -> None:
        """Say how far it is, for whoever waits.  Raises Superseded."""
        async with self.db.transaction() as tx:
            if not await queries.report_progress(
                tx, name=self.job.name, key=self.key, run=self.id, share=share, step=step, facts=facts
            ):
                raise Superseded

    async def done(self, tx: Tx, *, as_of: datetime, result: object = None) -> None:
        """Keep the result, in the transaction of all that the run changes.  Raises Superseded: nothing is kept."""
        if not await queries.finish(
            tx,
            name=self.job.name,
            key=self.key,
            run=self.id,
            phase=Phase.DONE,
            as_of=as_of,
            result=msgspec.to_builtins(result),
        ):
            raise Superseded


Handler = Callable[[Run, Any], Awaitable[None]]
Handlers = Mapping[Job[Any], Handler]


def lock_of(job: Job[Any], key: str) -> str:
    return f"{job.name}:{key}"


async def ask(
    tx: Tx,
    job: Job[Asked],
    asked: Asked,
    *,
    key: str,
    shop_id: int | None = None,
    urgent: bool = False,
    as_before: bool = False,
) -> Ticket:
    """It runs once this transaction is committed, never when it is rolled back.

    `urgent`: somebody waits for it.  `as_before`: what was asked for last time is asked for again; `asked` holds only
    where nothing was.
    """
    placed = await queries.place(
        tx,
        name=job.name,
        key=key,
        shop_id=shop_id,
        payload=msgspec.to_builtins(asked),
        as_before=as_before,
    )
    job_id = await queries.enqueue(
        tx, name=job.name, key=key, queue=job.queue, lock=lock_of(job, key), urgent=urgent
    )
    await queries.replace(tx, name=job.name, key=key, job_id=job_id, before=placed.job_id)
    return Ticket(job.name, key, placed.asked)


async def state(tx: Tx, job: Job[Any], key: str) -> State | None:
    return await queries.state(tx, name=job.name, key=key)


async def result(tx: Tx, job: Job[Any], key: str, shape: type[Found]) -> Result[Found] | None:
    """The newest result there is, also while a newer one is made."""
    stored = await queries.result(tx, name=job.name, key=key)
    if stored is None:
        return None
    try:
        return Result(stored.as_of, msgspec.convert(stored.result, shape, strict=False))
    except msgspec.ValidationError:
        # Kept by a release that had another shape for it: it is made anew.
        return None


async def answer(db: Database, ticket: Ticket, *, patience: float) -> State:
    """Wait until it is answered.  Raises what it was refused with, NotReadyYet."""
    end = time.monotonic() + patience
    while True:
        with suppress(DatabaseAway):
            async with db.transaction() as tx:
                found = await queries.state(tx, name=ticket.name, key=ticket.key)
            if found is not None and found.answered >= ticket.number:
                if found.error is not None:
                    raise refusal_of(found.error)
                return found
        if time.monotonic() >= end:
            raise NotReadyYet(job=ticket.name)
        await asyncio.sleep(LOOK_EVERY)


def progress_of(found: State | None) -> Progress:
    """Raises NotAsked."""
    if found is None:
        raise NotAsked
    error = None if found.is_under_way else found.error
    return Progress(found.phase, found.share, found.asked_at, found.ended_at, found.as_of, error)


def refusal_of(error: Mapping[str, Any]) -> Refusal:
    """What a job was refused with, as it was raised; a job that broke is NotReadyYet."""
    for kind in every_refusal():
        if kind.__dict__.get("code") == error["code"]:
            return kind(error["message"], **error["facts"])
    return NotReadyYet(error["message"], **error["facts"])


async def dead(tx: Tx) -> list[Dead]:
    return await queries.dead(tx)


async def retry(tx: Tx, job: Job[Any], key: str) -> Ticket:
    """Ask again for what was asked.  Raises LookupError where nothing was."""
    before = await queries.state(tx, name=job.name, key=key)
    if before is None:
        raise LookupError(f"{job.name} {key}")
    placed = await queries.place(
        tx, name=job.name, key=key, shop_id=before.shop_id, payload={}, as_before=True
    )
    job_id = await queries.enqueue(
        tx, name=job.name, key=key, queue=job.queue, lock=lock_of(job, key), urgent=True
    )
    await queries.replace(tx, name=job.name, key=key, job_id=job_id, before=placed.job_id)
    return Ticket(job.name, key, placed.asked)


@dataclass(frozen=True, slots=True)
class Periodic:
    """What is done every so many seconds, in one transaction of one process: mostly to ask for a job."""

    name: str
    seconds: float
    act: Callable[[Tx], Awaitable[object]]


async def every(db: Database, periodic: Periodic) -> bool:
    """Do it if it is time; say whether it was.  What fails is not counted as done."""
    async with db.transaction() as tx:
        if not await queries.is_time(tx, name=periodic.name, every=periodic.seconds):
            return False
        if not await queries.strike(tx, name=periodic.name, every=periodic.seconds):
            return False
        await periodic.act(tx)
        return True
