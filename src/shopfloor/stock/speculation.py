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
from shopfloor.stock import batch_sql, limit_sql
from shopfloor.stock.arrays import uuids
from shopfloor.stock.batch import Decision, Group, PoolView, Shelf, told
from shopfloor.stock.decision import decide
from shopfloor.stock.events import HoldsGranted, PurchaseRefused
from shopfloor.stock.limits import gives_way, limited
from shopfloor.stock.models import SOLD_OUT, Answer, Held, LotKind, Refused, Request

TRUSTED_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class SpeculativeBatch:
    """A batch decided ahead: its answers, and what is to be written for them to be true."""

    answers: list[Answer]
    writing: Callable[[Tx], Awaitable[None]]
    refuses: bool
    """Everybody is refused; else everybody gets what was asked for."""


class Speculation:
    """What was seen last of one pool.  Times are seconds of a clock that never goes back."""

    __slots__ = ("_at", "_pool_view", "_seen", "_shelves")

    def __init__(self) -> None:
        self._shelves: dict[int, Shelf] = {}
        self._pool_view: PoolView | None = None
        self._at: datetime | None = None
        self._seen = 0.0

    @property
    def is_blank(self) -> bool:
        return self._pool_view is None

    def forget(self) -> None:
        self._shelves.clear()
        self._pool_view = None

    def learn(
        self,
        *,
        pool_views: Mapping[int, PoolView],
        shelves: Sequence[Shelf],
        variant_ids: Sequence[int],
        at: datetime,
        seen: float,
    ) -> None:
        """What a batch found under the lock, less what it took.  `at`: the database's clock at `seen`."""
        if len(pool_views) != 1:
            self.forget()
            return
        ((pool_id, self._pool_view),) = pool_views.items()
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

    def plan(self, requests: Sequence[Request], *, now: float) -> SpeculativeBatch | None:
        """Decide a batch without looking; None where that cannot be done.  What it takes counts as taken."""
        pool_view = self._pool_view
        if pool_view is None or self._at is None or now - self._seen > TRUSTED_SECONDS:
            return None
        bound = any(request.network is not None or limited(request) for request in requests)
        if bound and not self._refuses_all(requests):
            return None
        at = self._at + timedelta(seconds=now - self._seen)
        decision = decide(
            requests,
            arranged={(pool_view.id, variant_id): [shelf] for variant_id, shelf in self._shelves.items()},
            pool_views={pool_view.id: pool_view},
            known={}, bought={}, own={}, at=at, defer=False,
        )  # fmt: skip
        answers = cast("list[Answer]", decision.answers)
        facts = told(decision)
        held = list(map(type, answers)).count(Held)
        writing = None
        taken = [shelf for shelf in self._shelves.values() if shelf.granted]
        if len(facts) == 1 and held == len(requests):
            grants = batch_sql.grants(decision, taken=[(shelf.id, shelf.granted) for shelf in taken], at=at)
            writing = partial(batch_sql.write_ahead, grants=grants, pool_view=pool_view, **_told(facts[0]))
            for shelf in taken:
                shelf.free -= shelf.granted
        elif len(facts) == 1 and held == 0 and self._nothing_is_left(requests, answers):
            writing = partial(
                batch_sql.write_refused,
                ids=uuids([request.id for request in requests]),
                variant_ids=list({request.lines[0].variant_id for request in requests}),
                pool_view=pool_view, **_told(facts[0]),
            )  # fmt: skip
        for shelf in taken:
            shelf.taken = shelf.granted = 0
        return None if writing is None else SpeculativeBatch(answers, writing, refuses=held == 0)

    def _refuses_all(self, requests: Sequence[Request]) -> bool:
        """Nothing is left that a limit or a share could be about."""
        return not any(map(gives_way, requests)) and all(shelf.free <= 0 for shelf in self._shelves.values())

    def _nothing_is_left(self, requests: Sequence[Request], answers: Sequence[Answer]) -> bool:
        """Whether all were refused because the only shelf of what they want is empty."""
        return all(
            isinstance(answer, Refused) and answer.code == SOLD_OUT
            and len(request.lines) == 1 and self._shelves[request.lines[0].variant_id].free <= 0
            for request, answer in zip(requests, answers, strict=True)
        )  # fmt: skip


def _told(fact: HoldsGranted | PurchaseRefused) -> dict[str, Any]:
    return {"told_name": fact.name, "told": Json(msgspec.json.encode(fact), dumps=bytes)}


async def carry_out(tx: Tx, plan: SpeculativeBatch) -> None:
    """Write a plan; to be committed by the caller.

    Raises SerializationFailure where the shelves are not as believed any more, and UniqueViolation where an id
    was granted before: then the batch is to be decided by `reserve`.
    """
    await plan.writing(tx)


async def warm_up(tx: Tx) -> None:
    """Have the statements of the purchase path prepared and planned on this connection; nothing is written."""
    nothing = Decision(answers=[])
    at = datetime.now(UTC)
    nobody = PoolView(0, 0, None, None, None, False, False)
    same: Group = (0, 0, 0, 0, 0, 1, 0, None, None, None, LotKind.ON_HAND, False, at, None)
    empty = batch_sql.grants(nothing, taken=[], at=at)
    fact = _told(HoldsGranted(0, 0, None, []))
    await batch_sql.look_at_levels(tx, pool_ids=[], variant_ids=[])
    await batch_sql.lock_levels(tx, pool_ids=[], lenders_too=False, variant_ids=[])
    await batch_sql.pool_views(tx, pool_ids=[])
    await batch_sql.rows_by_id(tx, ids=uuids([]))
    await limit_sql.rows_of_buyers(tx, pool_ids=[], buyers=uuids([]))
    await limit_sql.unpaid_of_networks(tx, pool_ids=[], variant_ids=[], networks=[])
    await limit_sql.proven(tx, shop_ids=[], buyers=uuids([]))
    await batch_sql.write_grants(tx, empty)
    await batch_sql.write_ahead(tx, empty, pool_view=nobody, **fact)
    await batch_sql.write_ahead(tx, replace(empty, groups=[same]), pool_view=nobody, **fact)
    await batch_sql.write_refused(tx, ids=uuids([]), variant_ids=[], pool_view=nobody, **fact)
