"""Coupons are claimed by many at once: who waits shares the next transaction, and limits are decided under one lock.

`claim` is set-based: many buyers of one coupon, in order of arrival.  `Claims` collects them: an idle one takes a single
buyer at once; the busier it is, the larger the batches.  Answers are given after COMMIT; a claim is known by its
buyer, so asking again is the same claim.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import field
from typing import Final
from uuid import UUID

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal, TooMany
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.promotions import cards, queries, use_queries
from shopfloor.promotions.events import CouponsClaimed
from shopfloor.promotions.models import Discount, Method, State
from shopfloor.promotions.refusals import AllClaimed, NotClaimable, UnknownDiscount

LARGEST_BATCH: Final = 2_000
MOST_WAITING: Final = 20_000


class ClaimsFull(TooMany):
    """Too many people are claiming at this moment; try again."""

    code = "promotions.claims_full"


@dataclass(frozen=True, slots=True)
class CouponPage:
    """A coupon as one buyer sees it: `claimed`, and `used`."""

    discount: Discount
    state: State
    claimed: bool
    used: bool

    @property
    def left(self) -> int | None:
        most = self.discount.most_claims
        return None if most is None else most - self.discount.claims


async def coupon(tx: Tx, *, shop_id: int, slug: str, buyer: UUID | None) -> CouponPage:
    """Raises UnknownDiscount."""
    found = await queries.by_slug(tx, shop_id=shop_id, slug=slug[:100])
    if found is None or found.method is not Method.COUPON:
        raise UnknownDiscount(slug=slug[:100])
    claimed = None if buyer is None else await use_queries.claim_of(tx, discount_id=found.id, buyer=buyer)
    return CouponPage(
        found, found.state(now()), claimed is not None, claimed is not None and claimed.used_by is not None
    )


async def claim(
    tx: Tx, *, shop_id: int, discount_id: int, buyers: Sequence[UUID]
) -> dict[UUID, Refusal | None]:
    """Claim a coupon for these buyers, in this order: None for who has it now, or had it before; else why not.

    Raises UnknownDiscount.
    """
    counts = await use_queries.lock_claims(tx, discount_id=discount_id)
    found = await queries.discount(tx, shop_id=shop_id, discount_id=discount_id)
    if counts is None or found is None or found.method is not Method.COUPON:
        raise UnknownDiscount(discount_id=discount_id)
    wanted = list(dict.fromkeys(buyers))
    had = await use_queries.claimed_by(tx, discount_id=discount_id, buyers=wanted)
    state = found.state(now())
    most, so_far = counts
    fresh = [buyer for buyer in wanted if buyer not in had] if state is State.ACTIVE else []
    if most is not None:
        fresh = fresh[: max(0, most - so_far)]
    if fresh:
        await use_queries.insert_claims(tx, shop_id=shop_id, discount_id=discount_id, buyers=fresh)
        await outbox.record(tx, CouponsClaimed(shop_id, discount_id, fresh))
        await cards.refresh(tx, shop_id=shop_id, discount_id=discount_id)
    has = had | set(fresh)
    why = AllClaimed if state is State.ACTIVE else NotClaimable
    return {
        buyer: None if buyer in has else why(discount_id=discount_id, state=str(state)) for buyer in wanted
    }


async def give_claims(tx: Tx, *, shop_id: int, buyer: UUID, to: UUID) -> int:
    """Coupons that the same person claimed in another browser, and has not used, are this one's from now on, except
    those that it has or had itself.  Returns how many.
    """
    await use_queries.lock_allowances_of(tx, shop_id=shop_id, buyer=buyer)
    return await use_queries.give_claims(tx, shop_id=shop_id, buyer=buyer, to=to)


_Waiting = tuple[UUID, "asyncio.Future[None]"]


@dataclass(slots=True)
class _Queue:
    waiting: list[_Waiting] = field(default_factory=list[_Waiting])
    runs: bool = False


class Claims:
    """The claims that arrive at this process, by coupon."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._queues: dict[tuple[int, int], _Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def claim(self, *, shop_id: int, discount_id: int, buyer: UUID) -> None:
        """Raises AllClaimed, NotClaimable, UnknownDiscount, ClaimsFull, DatabaseAway."""
        queue = self._queues.setdefault((shop_id, discount_id), _Queue())
        if len(queue.waiting) >= MOST_WAITING:
            raise ClaimsFull
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.waiting.append((buyer, future))
        if not queue.runs:
            queue.runs = True
            task = asyncio.get_running_loop().create_task(self._run(shop_id, discount_id, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await future

    async def _run(self, shop_id: int, discount_id: int, queue: _Queue) -> None:
        """One transaction after the other, as long as somebody waits."""
        try:
            while queue.waiting:
                batch, queue.waiting = queue.waiting[:LARGEST_BATCH], queue.waiting[LARGEST_BATCH:]
                await self._commit(shop_id, discount_id, batch)
        finally:
            queue.runs = False
            self._queues.pop((shop_id, discount_id), None)

    async def _commit(self, shop_id: int, discount_id: int, batch: Sequence[_Waiting]) -> None:
        try:
            async with self._db.transaction() as tx:
                refusals = await claim(
                    tx, shop_id=shop_id, discount_id=discount_id, buyers=[buyer for buyer, _ in batch]
                )
        except Exception as problem:  # noqa: BLE001 -- whoever waits is told, and the next batch may fare better
            for _, future in batch:
                if not future.done():
                    future.set_exception(problem)
            return
        for buyer, future in batch:
            if future.done():
                continue
            refusal = refusals[buyer]
            if refusal is None:
                future.set_result(None)
            else:
                future.set_exception(refusal)
