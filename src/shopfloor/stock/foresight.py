"""Deciding ahead: while plenty is left, or nothing, who gets what does not depend on how much.

A process remembers what it saw last on the shelves of a pool.  While one batch is being written it decides and
encodes the next from memory; the database then locks, checks under the lock that every shelf still bears what
is taken from it, and writes, all in one statement.  Where memory was wrong nothing is written and the batch is
decided in the ordinary way, under the lock.  So what is remembered may be wrong, but never harmful.

Only the plain cases go this way: everybody gets what was asked for, or nobody does because nothing is left, from
the only shelf that a variant has in the pool, on hand, without a limit.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

import msgspec
from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.stock import queries
from shopfloor.stock.decision import Counter, Decision, Group, Shelf, decide, limited, told
from shopfloor.stock.events import HoldsGranted, PurchaseRefused
from shopfloor.stock.models import SOLD_OUT, Answer, Held, LotKind, Refused, Request

TRUSTED_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch decided ahead: its answers, and what is to be written for them to be true."""

    answers: list[Answer]
    writing: Callable[[Tx], Awaitable[None]]
    refuses: bool
    """Everybody is refused; else everybody gets what was asked for."""


class Foresight:
    """What was seen last of one pool.  Times are seconds of a clock that never goes back."""

    __slots__ = ("_at", "_counter", "_seen", "_shelves")

    def __init__(self) -> None:
        self._shelves: dict[int, Shelf] = {}
        self._counter: Counter | None = None
        self._at: datetime | None = None
        self._seen = 0.0

    @property
    def is_blank(self) -> bool:
        return self._counter is None

    def forget(self) -> None:
        self._shelves.clear()
        self._counter = None

    def learn(
        self,
        *,
        counters: Mapping[int, Counter],
        shelves: Sequence[Shelf],
        variant_ids: Sequence[int],
        at: datetime,
        seen: float,
    ) -> None:
        """What a batch found under the lock, less what it took.  `at`: the database's clock at `seen`."""
        if len(counters) != 1:
            self.forget()
            return
        ((pool_id, self._counter),) = counters.items()
        self._at, self._seen = at, seen
        own: dict[int, list[Shelf]] = {variant_id: [] for variant_id in variant_ids}
        borrowed: set[int] = set()
        for shelf in shelves:
            if shelf.pool_id == pool_id:
                own[shelf.variant_id].append(shelf)
            elif shelf.free > shelf.taken:
                borrowed.add(shelf.variant_id)
        for variant_id, found in own.items():
            if (
                len(found) == 1
                and found[0].kind is LotKind.ON_HAND
                and (found[0].free > found[0].taken or variant_id not in borrowed)
            ):
                shelf = found[0]
                self._shelves[variant_id] = replace(shelf, free=shelf.free - shelf.taken, taken=0, granted=0)
            else:
                self._shelves.pop(variant_id, None)

    def plan(self, requests: Sequence[Request], *, now: float) -> Plan | None:
        """Decide a batch without looking; None where that cannot be done.  What it takes counts as taken."""
        counter = self._counter
        if counter is None or self._at is None or now - self._seen > TRUSTED_SECONDS:
            return None
        if any(map(limited, requests)):
            return None
        at = self._at + timedelta(seconds=now - self._seen)
        decision = decide(
            requests,
            arranged={(counter.id, variant_id): [shelf] for variant_id, shelf in self._shelves.items()},
            counters={counter.id: counter},
            known={}, bought={}, own={}, at=at, defer=False,
        )  # fmt: skip
        answers = cast("list[Answer]", decision.answers)
        facts = told(decision)
        held = list(map(type, answers)).count(Held)
        writing = None
        taken = [shelf for shelf in self._shelves.values() if shelf.granted]
        if len(facts) == 1 and held == len(requests):
            grants = queries.grants(decision, taken=[(shelf.id, shelf.granted) for shelf in taken], at=at)
            writing = partial(queries.write_ahead, grants=grants, counter=counter, **_told(facts[0]))
            for shelf in taken:
                shelf.free -= shelf.granted
        elif len(facts) == 1 and held == 0 and self._nothing_is_left(requests, answers):
            writing = partial(
                queries.write_refused,
                ids=queries.uuids([request.id for request in requests]),
                variant_ids=list({request.lines[0].variant_id for request in requests}),
                counter=counter, **_told(facts[0]),
            )  # fmt: skip
        for shelf in taken:
            shelf.taken = shelf.granted = 0
        return None if writing is None else Plan(answers, writing, refuses=held == 0)

    def _nothing_is_left(self, requests: Sequence[Request], answers: Sequence[Answer]) -> bool:
        """Whether all were refused because the only shelf of what they want is empty."""
        return all(
            isinstance(answer, Refused) and answer.code == SOLD_OUT
            and len(request.lines) == 1 and self._shelves[request.lines[0].variant_id].free <= 0
            for request, answer in zip(requests, answers, strict=True)
        )  # fmt: skip


def _told(fact: HoldsGranted | PurchaseRefused) -> dict[str, Any]:
    return {"told_name": fact.name, "told": Json(msgspec.json.encode(fact), dumps=bytes)}


async def carry_out(tx: Tx, plan: Plan) -> None:
    """Write a plan; to be committed by the caller.

    Raises SerializationFailure where the shelves are not as believed any more, and UniqueViolation where an id
    was granted before: then the batch is to be decided by `reserve`.
    """
    await plan.writing(tx)


async def warm_up(tx: Tx) -> None:
    """Have the statements of the purchase path prepared and planned on this connection; nothing is written."""
    nothing = Decision(answers=[])
    at = datetime.now(UTC)
    nobody = Counter(0, 0, None, None, None, False, False)
    same: Group = (0, 0, 0, 0, 0, 1, 0, None, None, None, LotKind.ON_HAND, False, at, None)
    empty = queries.grants(nothing, taken=[], at=at)
    fact = _told(HoldsGranted(0, 0, None, []))
    await queries.look_at_levels(tx, pool_ids=[], variant_ids=[])
    await queries.lock_levels(tx, pool_ids=[], lenders_too=False, variant_ids=[])
    await queries.counters(tx, pool_ids=[])
    await queries.rows_by_id(tx, ids=queries.uuids([]))
    await queries.write_grants(tx, empty)
    await queries.write_ahead(tx, empty, counter=nobody, **fact)
    await queries.write_ahead(tx, replace(empty, groups=[same]), counter=nobody, **fact)
    await queries.write_refused(tx, ids=queries.uuids([]), variant_ids=[], counter=nobody, **fact)
