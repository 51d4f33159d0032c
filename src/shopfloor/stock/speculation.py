"""Deciding ahead: while plenty is left, or nothing, who gets what does not depend on how much.

A process remembers what it saw last on the shelves of a pool.  While one batch is being written it decides and
encodes the next from memory; the database then locks, checks under the lock that every shelf still bears what
is taken from it, and writes, all in one statement.  Where memory was wrong nothing is written and the batch is
decided in the ordinary way, under the lock.  So what is remembered may be wrong, but never harmful.

Only the plain cases go this way: everybody gets what was asked for, or nobody does because nothing is left, from
the only shelf that a variant has in the pool, on hand.  Limits of buyers and shares of networks are not remembered:
the batch is decided as if nobody had bought before, and one statement more, under the same locks as ever, says
whether all of it is within them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import msgspec
import msgspec.structs
from psycopg import AsyncCursor
from psycopg.types.json import Json

from shopfloor.inventory import LotKind
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.stock import batch_sql, limit_sql
from shopfloor.stock.arrays import uuids
from shopfloor.stock.batch import Decision, Group, PoolView, Shelf, told
from shopfloor.stock.decision import decide
from shopfloor.stock.events import HoldsGranted, PurchaseRefused
from shopfloor.stock.limits import gives_way, limited
from shopfloor.stock.models import Answer, Code, Held, Refused, Request
from shopfloor.stock.shares import UNPAID_SECONDS, most_altogether

TRUSTED_SECONDS: Final = 10.0
# Whoever was over a limit a moment ago mostly asks again.
BOUND_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Bounds:
    """What has to be asked for before a batch is written that limits or shares are about."""

    pool_id: int
    variant_ids: list[int]
    limited: bool
    asking: Callable[[Tx], Awaitable[AsyncCursor[list[UUID]]]]
    payers_until: datetime | None
    """When the holds of those lapse who turn out to have paid here before, where that is not as told to all."""


@dataclass(frozen=True, slots=True)
class SpeculativeBatch:
    """A batch decided ahead: its answers, and what is to be written for them to be true."""

    requests: Sequence[Request]
    answers: list[Answer]
    writing: Callable[[Tx], Awaitable[None]]
    refuses: bool
    """Everybody is refused; else everybody gets what was asked for."""
    bounds: Bounds | None = None
    """Where there are some, it takes several statements, and so a transaction of the caller's."""


class Speculation:
    """What was seen last of one pool.  Times are seconds of a clock that never goes back."""

    __slots__ = ("_at", "_bound_until", "_pool_view", "_seen", "_shelves")

    def __init__(self) -> None:
        self._shelves: dict[int, Shelf] = {}
        self._pool_view: PoolView | None = None
        self._at: datetime | None = None
        self._seen = 0.0
        self._bound_until = 0.0

    @property
    def is_blank(self) -> bool:
        return self._pool_view is None

    def forget(self) -> None:
        self._shelves.clear()
        self._pool_view = None

    def distrust_bounds(self, now: float) -> None:
        """Somebody was over a limit, or nearly: for a moment batches that limits are about are not decided ahead."""
        self._bound_until = now + BOUND_SECONDS

    def learn(
        self,
        *,
        pool_views: Mapping[int, PoolView],
        shelves: Sequence[Shelf],
        variant_ids: Sequence[int],
        at: datetime,
        seen: float,
        answers: Sequence[Answer | None] = (),
    ) -> None:
        """What a batch found under the lock, less what it took.  `at`: the database's clock at `seen`."""
        if any(
            isinstance(answer, Refused) and answer.code in {Code.LIMIT, Code.NETWORK_LIMIT}
            for answer in answers
        ):
            self.distrust_bounds(seen)
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
        terms = None
        if bound and not self._refuses_all(requests):
            terms = None if now < self._bound_until else _terms(requests)
            if terms is None:
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
        bounds = None
        taken = [shelf for shelf in self._shelves.values() if shelf.granted]
        plenty = terms is None or not terms.counted or not any(map(_is_nearly_gone, taken))
        if len(facts) == 1 and held == len(requests) and plenty:
            grants = batch_sql.grants(
                decision,
                taken=[(shelf.id, shelf.granted) for shelf in taken],
                at=at,
                payers_until=None if terms is None else terms.until(at),
            )
            if terms is not None:
                bounds = _bounds(pool_view, terms, grants, [shelf.variant_id for shelf in taken])
            writing = partial(
                batch_sql.write_ahead, grants=grants, pool_view=pool_view, **_recorded(facts[0])
            )
            for shelf in taken:
                shelf.free -= shelf.granted
        elif len(facts) == 1 and held == 0 and self._nothing_is_left(requests, answers):
            writing = partial(
                batch_sql.write_refused,
                ids=uuids([request.id for request in requests]),
                variant_ids=list({request.lines[0].variant_id for request in requests}),
                pool_view=pool_view, **_recorded(facts[0]),
            )  # fmt: skip
        for shelf in taken:
            shelf.taken = shelf.granted = 0
        return None if writing is None else SpeculativeBatch(requests, answers, writing, held == 0, bounds)

    def _refuses_all(self, requests: Sequence[Request]) -> bool:
        """Nothing is left of what they want that a limit or a share could be about."""
        if any(map(gives_way, requests)):
            return False
        shelves = [
            self._shelves.get(variant_id)
            for variant_id in {line.variant_id for request in requests for line in request.lines}
        ]
        return all(shelf is not None and shelf.free <= 0 for shelf in shelves)

    def _nothing_is_left(self, requests: Sequence[Request], answers: Sequence[Answer]) -> bool:
        """Whether all were refused because the only shelf of what they want is empty."""
        return all(
            isinstance(answer, Refused) and answer.code == Code.SOLD_OUT
            and len(request.lines) == 1 and self._shelves[request.lines[0].variant_id].free <= 0
            for request, answer in zip(requests, answers, strict=True)
        )  # fmt: skip


def _is_nearly_gone(shelf: Shelf) -> bool:
    """After what is taken of it so little is left that all who have never paid might hold what they may."""
    return shelf.free - shelf.granted < shelf.size - most_altogether(shelf.size)


@dataclass(frozen=True, slots=True)
class _BatchLimits:
    """What the requests of a batch say of limits, by offer and show: limit of the offer, of the show, of a variant.

    `counted`: networks are; for `hold_seconds`, or until `keep_until`, units are kept for those of them who have paid
    here before, in the latter case `keep_most` at most.
    """

    by_offer: dict[tuple[int | None, int | None], tuple[int | None, int | None, int | None]]
    limited: bool
    counted: bool
    hold_seconds: int
    keep_until: datetime | None
    keep_most: int

    def until(self, at: datetime) -> datetime:
        """When the holds of those lapse who have paid here before."""
        until = at + timedelta(seconds=self.hold_seconds)
        return until if self.keep_until is None else max(until, self.keep_until)


def _terms(requests: Sequence[Request]) -> _BatchLimits | None:
    """None where they say different things of the same offer, or what one statement does not ask for."""
    by_offer: dict[tuple[int | None, int | None], tuple[int | None, int | None, int | None]] = {}
    different = {
        (
            request.offer_id,
            request.show_id,
            request.limit_per_buyer,
            request.limit_per_show,
            request.default_limit,
        )
        for request in requests
    }
    for offer_id, show_id, per_buyer, per_show, default in different:
        of_offer = default if per_buyer is None else per_buyer
        of_variant = None
        if offer_id is None and default is not None:
            of_offer, of_variant = None, default
        if (of_offer is not None and offer_id is None) or (per_show is not None and show_id is None):
            return None
        if of_variant is not None and (per_buyer is not None or per_show is not None):
            return None
        if (offer_id, show_id) in by_offer:
            return None
        by_offer[offer_id, show_id] = (of_offer, per_show, of_variant)
    kept = {
        (request.hold_seconds, request.keep_until, request.keep_most)
        for request in requests
        if request.network is not None
    }
    if len(kept) > 1:
        return None
    if any(request.network is None and request.keep_until is not None for request in requests):
        # Who is known there, nothing here asks.
        return None
    hold_seconds, keep_until, keep_most = next(iter(kept), (0, None, 0))
    return _BatchLimits(
        by_offer,
        limited=keep_until is not None
        or any(limit is not None for limits in by_offer.values() for limit in limits),
        counted=bool(kept),
        hold_seconds=hold_seconds,
        keep_until=keep_until,
        keep_most=keep_most,
    )


def _bounds(
    pool_view: PoolView, terms: _BatchLimits, grants: batch_sql.Grants, variant_ids: list[int]
) -> Bounds:
    bounds = [
        limit_sql.Bound(turn, variant_id, quantity, offer_id, show_id, *terms.by_offer[offer_id, show_id])
        for turn, (_, _, _, _, variant_id, quantity, _, offer_id, show_id, *_) in enumerate(grants.groups, 1)
    ]
    asking = partial(
        limit_sql.expect_within_bounds,
        shop_id=pool_view.shop_id, pool_id=pool_view.id, variant_ids=variant_ids,
        buyers=grants.buyers, networks=grants.networks, turns=grants.turns, bounds=bounds,
        keep_most=None if terms.keep_until is None else terms.keep_most,
    )  # fmt: skip
    longer = terms.hold_seconds > UNPAID_SECONDS or terms.keep_until is not None
    until = grants.payers_until if terms.counted and longer else None
    return Bounds(pool_view.id, variant_ids, terms.limited, asking, until)


def _recorded(fact: HoldsGranted | PurchaseRefused) -> dict[str, Any]:
    return {"told_name": fact.name, "body": Json(msgspec.json.encode(fact), dumps=bytes)}


async def carry_out(tx: Tx, plan: SpeculativeBatch) -> AsyncCursor[list[UUID]] | None:
    """Write a plan; to be committed by the caller.  What is returned is for `answers_of`, after that.

    Raises SerializationFailure where the shelves are no longer as believed or somebody is over a limit or a share,
    and UniqueViolation where an id was granted before: then the batch is to be decided by `reserve`.
    """
    payers = None
    bounds = plan.bounds
    if bounds is not None:
        # As `reserve` does it: limits are counted by one transaction at a time, shares by who has the levels locked;
        # and what is asked for behind the locks sees what whoever had them before has written.
        if bounds.limited:
            await limit_sql.lock_limits(tx, pool_ids=[bounds.pool_id])
        await batch_sql.lock_levels(
            tx, pool_ids=[bounds.pool_id], lenders_too=False, variant_ids=bounds.variant_ids
        )
        payers = await bounds.asking(tx)
    await plan.writing(tx)
    return payers


async def answers_of(plan: SpeculativeBatch, payers: AsyncCursor[list[UUID]] | None) -> list[Answer]:
    """What to answer once the plan is committed: who has paid here before has longer."""
    until = None if plan.bounds is None else plan.bounds.payers_until
    if until is None or payers is None:
        return plan.answers
    (found,) = await payers.fetchall()
    if not found:
        return plan.answers
    paid = {buyer.int for buyer in found}
    return [
        msgspec.structs.replace(answer, expires_at=until)
        if isinstance(answer, Held) and request.network is not None and request.buyer.int in paid
        else answer
        for request, answer in zip(plan.requests, plan.answers, strict=True)
    ]


async def warm_up(tx: Tx) -> None:
    """Have the statements of the purchase path prepared and planned on this connection; nothing is written."""
    nothing = Decision(answers=[])
    at = datetime.now(UTC)
    nobody = PoolView(0, 0, None, None, None, False, False)
    same: Group = (0, 0, 0, 0, 0, 1, 0, None, None, None, LotKind.ON_HAND, False, at, None)
    empty = batch_sql.grants(nothing, taken=[], at=at)
    fact = _recorded(HoldsGranted(0, 0, None, []))
    await batch_sql.look_at_levels(tx, pool_ids=[], variant_ids=[])
    await batch_sql.lock_levels(tx, pool_ids=[], lenders_too=False, variant_ids=[])
    await batch_sql.pool_views(tx, pool_ids=[])
    await batch_sql.rows_by_id(tx, ids=uuids([]))
    await limit_sql.rows_of_buyers(tx, pool_ids=[], buyers=uuids([]))
    await limit_sql.unpaid_of_networks(tx, pool_ids=[], variant_ids=[], networks=[])
    await limit_sql.proven(tx, shop_ids=[], buyers=uuids([]))
    await limit_sql.expect_within_bounds(
        tx, shop_id=0, pool_id=0, variant_ids=[], buyers=empty.buyers, networks=empty.networks, turns=empty.turns,
        bounds=[], keep_most=None,
    )  # fmt: skip
    await batch_sql.write_grants(tx, empty)
    await batch_sql.write_ahead(tx, empty, pool_view=nobody, **fact)
    await batch_sql.write_ahead(tx, replace(empty, groups=[same]), pool_view=nobody, **fact)
    await batch_sql.write_refused(tx, ids=uuids([]), variant_ids=[], pool_view=nobody, **fact)
