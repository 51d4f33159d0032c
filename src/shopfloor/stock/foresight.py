"""Deciding ahead: while plenty is left, who gets what does not depend on how much.

A process remembers what it saw last on the shelves of a pool.  While one batch is being written it decides and
encodes the next from memory; the database then locks, checks under the lock that every shelf still bears what
is taken from it, and writes, all in one statement.  Where memory was wrong nothing is written and the batch is
decided in the ordinary way, under the lock.  So what is remembered may be wrong, but never harmful.

Only the plain case goes this way: everybody gets what was asked for, from the only shelf that a variant has in
the pool, on hand, without a limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, cast

import msgspec
from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.stock import queries
from shopfloor.stock.decision import Counter, Shelf, decide, limited
from shopfloor.stock.events import HoldsGranted
from shopfloor.stock.models import Answer, Held, LotKind, Request

TRUSTED_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch decided ahead: its answers, and what is to be written for them to be true."""

    answers: list[Answer]
    grants: queries.Grants
    counter: Counter
    told: Json


class Foresight:
    """What was seen last of one pool.  Times are seconds of a clock that never goes back."""

    __slots__ = ("_at", "_counter", "_seen", "_shelves")

    def __init__(self) -> None:
        self._shelves: dict[int, Shelf] = {}
        self._counter: Counter | None = None
        self._at: datetime | None = None
        self._seen = 0.0

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
        for shelf in shelves:
            if shelf.pool_id == pool_id:
                own[shelf.variant_id].append(shelf)
        for variant_id, found in own.items():
            if len(found) == 1 and found[0].kind is LotKind.ON_HAND:
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
        taken = [shelf for shelf in self._shelves.values() if shelf.granted]
        # Everybody gets what was asked for, and one fact can say it.
        plain = list(map(type, decision.answers)).count(Held) == len(requests) and len(decision.granted) == 1
        grants = None
        if plain:
            grants = queries.grants(decision, taken=[(shelf.id, shelf.granted) for shelf in taken], at=at)
        for shelf in taken:
            if plain:
                shelf.free -= shelf.granted
            shelf.taken = shelf.granted = 0
        if grants is None:
            return None
        (((shop_id, pool_id, show_id), holds),) = decision.granted.items()
        body = msgspec.json.encode(HoldsGranted(shop_id, pool_id, show_id, holds))
        return Plan(
            answers=cast("list[Answer]", decision.answers),
            grants=grants,
            counter=counter,
            told=Json(body, dumps=bytes),
        )


async def carry_out(tx: Tx, plan: Plan) -> None:
    """Write a plan; to be committed by the caller.

    Raises SerializationFailure where the shelves do not bear it any more, and UniqueViolation where an id was
    granted before: then the batch is to be decided by `reserve`.
    """
    await queries.write_ahead(tx, plan.grants, counter=plan.counter, told=plan.told)
