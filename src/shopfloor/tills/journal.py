"""The journal of a device: facts are taken in order, each once, and never refused for what they say.

Each fact is a transaction of its own: what a till was told to be here stays here, wherever this process dies.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from shopfloor.kernel import logs, outbox, text
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.tills import applying, journal_queries, queries, reading, registers
from shopfloor.tills.canonical import canonical
from shopfloor.tills.events import TaskOpened
from shopfloor.tills.models import (
    MOST_FACTS,
    Device,
    Fact,
    Malformed,
    NotBookable,
    Task,
    TaskDone,
    UnknownRegister,
)

_log = logs.get("tills")
# A clock that is further off is a task.
SKEW: Final = timedelta(minutes=5)
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Opened:
    """A task that a fact left."""

    sequence: int
    code: str


@dataclass(frozen=True, slots=True)
class Taken:
    """How far the journal of the device is here, and the tasks that this request left."""

    taken_to: int
    tasks: list[Opened]


async def take(db: Database, device: Device, facts: Sequence[Fact], *, told_at: datetime | None) -> Taken:
    """Take facts in order up to the first gap; what is here already is skipped.

    `told_at`: what the device's clock said when it sent them.  Raises Malformed for more than 500, and DatabaseAway: what
    was taken until then stays.
    """
    if len(facts) > MOST_FACTS:
        raise Malformed(most=MOST_FACTS)
    skew = None if told_at is None else told_at - now()
    async with db.transaction() as tx:
        await queries.note_seen(
            tx,
            device_id=device.id,
            at=now(),
            skew_ms=None if skew is None else max(-(2**62), min(2**62, round(skew.total_seconds() * 1000))),
        )
    opened: list[Opened] = []
    to = device.last_sequence
    for fact in sorted(facts, key=lambda each: each.sequence):
        async with db.transaction() as tx:
            step = await _take_one(tx, device, fact, skew=skew)
        opened += step.tasks
        to = step.taken_to
        if fact.sequence > to:
            break
    if not facts:
        async with db.transaction() as tx:
            to = (await registers.device(tx, shop_id=device.shop_id, device_id=device.id)).last_sequence
    return Taken(to, opened)


async def _take_one(tx: Tx, known: Device, fact: Fact, *, skew: timedelta | None) -> Taken:
    """One at a time for a device: whoever holds its lock."""
    device = await registers.device(tx, shop_id=known.shop_id, device_id=known.id, lock=True)
    if fact.sequence <= device.last_sequence:
        return Taken(device.last_sequence, await _again(tx, device, fact))
    if fact.sequence > device.last_sequence + 1:
        return Taken(device.last_sequence, [])
    claimed = fact.hash if len(fact.hash) == 64 and set(fact.hash) <= _HEX else fact.computed
    chained = fact.hash == fact.computed and fact.previous == device.last_hash
    tasks = Tasks(tx, device, fact.sequence)
    kind = fact.kind or "?"
    await journal_queries.insert_fact(
        tx,
        fact,
        device_id=device.id,
        shop_id=device.shop_id,
        kind=kind,
        hash=claimed,
        chained=chained,
        state="review",
    )
    if not chained:
        await tasks.open("chain", {"kind": kind})
    number: int | None = None
    if device.locked_at is not None:
        await tasks.open("locked_out", {"kind": kind})
    else:
        number = await _apply(tx, device, fact, tasks, skew=skew)
    await queries.move_on(tx, device_id=device.id, sequence=fact.sequence, last_hash=claimed, number=number)
    return Taken(fact.sequence, tasks.opened)


async def _again(tx: Tx, device: Device, fact: Fact) -> list[Opened]:
    kept = await journal_queries.fact(tx, shop_id=device.shop_id, device_id=device.id, sequence=fact.sequence)
    if kept is None or kept.raw == fact.kept:
        return []
    tasks = Tasks(tx, device, fact.sequence)
    # The first stays; the other one is in the task.
    await tasks.open(
        "other_content", {"raw": fact.kept.decode("utf-8", "replace").replace("\0", "")[:20_000]}
    )
    return tasks.opened


async def _apply(tx: Tx, device: Device, fact: Fact, tasks: "Tasks", *, skew: timedelta | None) -> int | None:
    """What follows from it; a fact from which nothing can follow stays for a person.  Returns the receipt's number."""
    at, doubted = _when(device, fact, skew)
    if doubted:
        await tasks.open("clock", {"skew_ms": None if skew is None else round(skew.total_seconds() * 1000)})
    try:
        async with tx.connection.transaction():
            done = await applying.apply(tx, device, fact, at=at)
    except (DatabaseAway, psycopg.OperationalError):
        # Nothing wrong with the fact: it is sent again.
        raise
    except reading.Unreadable as problem:
        await tasks.open("unreadable", {"kind": fact.kind, "why": str(problem)[:200]})
        return None
    except Refusal as refusal:
        await tasks.open("not_applied", {"kind": fact.kind, "code": refusal.code})
        return None
    except Exception:  # noqa: BLE001 -- said, kept, and a task
        # Whatever is wrong with us, a till is not kept from sending what comes after.
        _log.exception("tills.not_applied", device=str(device.id), sequence=fact.sequence)
        await tasks.open("not_applied", {"kind": fact.kind, "code": "bug"})
        return None
    for code, facts in done.problems.items():
        await tasks.open(code, facts, order_id=done.order_id)
    await journal_queries.set_state(
        tx, device_id=device.id, sequence=fact.sequence, state="applied" if done.has_effect else "kept"
    )
    return done.number


def _when(device: Device, fact: Fact, skew: timedelta | None) -> tuple[datetime, bool]:
    """When it happened by our clock, and whether that of the device is in doubt."""
    present = now()
    if fact.at is None:
        return present, True
    wrong = skew is not None and abs(skew) > SKEW
    at = fact.at - skew if wrong and skew is not None else fact.at
    if not device.paired_at - timedelta(hours=1) <= at <= present + SKEW:
        return present, True
    return min(at, present), wrong


class Tasks:
    """What one fact leaves for people."""

    def __init__(self, tx: Tx, device: Device, sequence: int) -> None:
        self._tx, self._device, self._sequence = tx, device, sequence
        self.opened: list[Opened] = []

    async def open(self, code: str, facts: dict[str, Any], *, order_id: UUID | None = None) -> None:
        task_id = await journal_queries.insert_task(
            self._tx,
            shop_id=self._device.shop_id,
            device_id=self._device.id,
            sequence=self._sequence,
            code=code,
            facts=facts,
            order_id=order_id,
        )
        if task_id is None:
            return
        self.opened.append(Opened(self._sequence, code))
        await outbox.record(
            self._tx, TaskOpened(self._device.shop_id, task_id, self._device.id, code, order_id)
        )


# ── by people ─────────────────────────────────────────────────────────────────────────────────────────────


async def review(tx: Tx, *, shop_id: int, device_id: UUID, sequence: int, counts: bool) -> None:
    """A person decides about a fact that nothing followed from: it counts, or it is kept and nothing follows.

    Raises UnknownRegister, TaskDone for one that was decided before, and for one that counts NotBookable or the refusal
    that stands in its way.
    """
    device = await registers.device(tx, shop_id=shop_id, device_id=device_id, lock=True)
    kept = await journal_queries.fact(tx, shop_id=shop_id, device_id=device_id, sequence=sequence)
    if kept is None:
        raise UnknownRegister
    if kept.state != "review":
        raise TaskDone
    state = "kept"
    if counts:
        fact = reading.fact_of(reading.document(kept.raw))
        at, _ = _when(device, fact, timedelta(milliseconds=device.skew_ms))
        try:
            done = await applying.apply(tx, device, fact, at=at)
        except reading.Unreadable as problem:
            raise NotBookable(why=str(problem)[:200]) from problem
        tasks = Tasks(tx, device, sequence)
        for code, facts in done.problems.items():
            await tasks.open(code, facts, order_id=done.order_id)
        state = "applied" if done.has_effect else "kept"
    await journal_queries.set_state(tx, device_id=device_id, sequence=sequence, state=state)


async def finish(tx: Tx, *, shop_id: int, task_id: int, person_id: int, note: str) -> Task:
    """A person has seen to it.  Raises UnknownRegister, TaskDone."""
    found = await journal_queries.task(tx, shop_id=shop_id, task_id=task_id)
    if found is None:
        raise UnknownRegister
    if found.done_at is not None:
        raise TaskDone
    said = text.cleaned(note, one_line=False)
    await journal_queries.end_task(tx, task_id=task_id, at=now(), person_id=person_id, note=said)
    return found


def chain(entry: dict[str, Any], previous: str) -> dict[str, Any]:
    """A fact with `previous` and its hash, as a page makes it."""
    linked = {**entry, "previous": previous}
    return {**linked, "hash": reading.hash_of(canonical(linked))}
