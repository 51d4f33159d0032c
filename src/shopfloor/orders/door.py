"""One room behind every door: what happens between "buy" and the answer.

`Door.ask` takes a wish that was parsed already, checks it against the terms in memory and hands it to the
intake.  Nothing here waits on the hot path: the answer comes through a callback after COMMIT.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

import msgspec

from shopfloor import stock
from shopfloor.kernel import logs, outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import MAX_MINOR, new_id
from shopfloor.orders import queries, waitlist
from shopfloor.orders.bundles import about_the_bundle, asked_for, expanded
from shopfloor.orders.models import (
    MAX_LINES,
    MAX_PER_LINE,
    BadPurchase,
    HoldExpired,
    HoldPolicy,
    OfferClosed,
    OfferUnknown,
    PriceChanged,
)
from shopfloor.orders.terms import Terms, TermsCache

_log = logs.get("orders")

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER_LINE)]
Price = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)]


class WishLine(msgspec.Struct, frozen=True, gc=False):
    variant_id: Id
    quantity: Quantity
    price_minor: Price


class Wish(msgspec.Struct, frozen=True, gc=False):
    """A purchase as it is asked for: one variant, or `lines` of a small cart (all or nothing).

    `price_minor` is the unit price the buyer saw.  Without `offer_id` the shop's own price counts.
    `latest_ready` refuses units that are ready later than that day.
    """

    id: UUID
    offer_id: Id | None = None
    variant_id: Id | None = None
    quantity: Quantity = 1
    price_minor: Price | None = None
    lines: tuple[WishLine, ...] = ()
    latest_ready: date | None = None


class OneWish(Protocol):
    """The frame of the room socket (`live.Buy`), or anything shaped like it."""

    @property
    def id(self) -> UUID: ...
    @property
    def offer_id(self) -> int: ...
    @property
    def variant_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def price_minor(self) -> int: ...
    @property
    def latest_ready(self) -> date | None: ...


class HoldOut(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    expires_at: datetime
    parts: tuple[stock.Part, ...]


class Answered(msgspec.Struct, frozen=True, gc=False, tag_field="t", tag="answer", omit_defaults=True):
    """What every door says.  `outcome`:

    held: the units are the buyer's until `hold.expires_at`; open: nothing is held, whoever pays first gets
    them; queued: sold out, the buyer stands in line at `facts.position`; refused: `code` says why.
    """

    id: UUID | str
    outcome: str
    code: str | None = None
    message: str | None = None
    facts: dict[str, Any] | None = None
    hold: HoldOut | None = None
    url: str | None = None


encode: Final = msgspec.json.Encoder().encode

Reply = Callable[[Answered], None]

# A wish with its shopper, and the room it was said in.
_Asked = tuple[OneWish | Wish, UUID, Reply, int | None]

_SAID: Final = {
    stock.SOLD_OUT: "Sold out.",
    stock.LIMIT: "You have reached the limit per person.",
    stock.UNKNOWN: "This is not on sale here.",
    stock.TOO_LATE: "It cannot be ready by the day you asked for.",
    stock.MISMATCH: "This id was used for another purchase.",
    stock.CLOSED: "This sale is over.",
    stock.INVALID: "This purchase makes no sense.",
}


class Queue:
    """Places in line for offers whose policy is `queue`, taken in the transaction of the refusal.

    Give `join` to the intake as its `on_refused`.
    """

    def __init__(self, terms: TermsCache) -> None:
        self._terms = terms
        self._positions: dict[UUID, int] = {}

    async def join(self, tx: Tx, requests: list[stock.Request], answers: list[stock.Answer]) -> None:
        queued: list[tuple[UUID, dict[str, Any]]] = []
        for request, answer in zip(requests, answers, strict=True):
            if type(answer) is not stock.Refused or answer.code != stock.SOLD_OUT or request.offer_id is None:
                continue
            terms = self._terms.last(request.offer_id)
            asked = asked_for(request, terms.bundles) if terms is not None else None
            if terms is not None and asked is not None and terms.policy is HoldPolicy.QUEUE:
                queued.append((request.id, _place(request, terms, *asked)))
        if not queued:
            return
        places = [place for _, place in queued]
        await waitlist.join_all(tx, places)
        standing = await queries.standing(
            tx,
            buyers=[place["buyer"] for place in places],
            variants=[place["variant_id"] for place in places],
        )
        if len(self._positions) > 100_000:
            self._positions.clear()
        for wish_id, place in queued:
            self._positions[wish_id] = standing.get((place["buyer"], place["variant_id"]), 0)

    def position(self, wish_id: UUID) -> int | None:
        return self._positions.pop(wish_id, None)


def _place(request: stock.Request, terms: Terms, variant_id: int, quantity: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "shop_id": request.shop_id,
        "variant_id": variant_id,
        "offer_id": request.offer_id,
        "show_id": request.show_id,
        "buyer": request.buyer,
        "quantity": quantity,
        "unit_price_minor": terms.prices[variant_id],
        "currency": terms.currency,
    }


class Door:
    """Everything behind POST /buy and behind the `buy` frame of the room socket."""

    def __init__(self, *, db: Database, intake: stock.Intake, terms: TermsCache, queue: Queue) -> None:
        self._db = db
        self._intake = intake
        self._terms = terms
        self._queue = queue
        self._tasks: set[asyncio.Task[None]] = set()
        # Wishes whose terms are being loaded, in the order of asking.
        self._early: dict[int, list[_Asked]] = {}

    # ── doors ─────────────────────────────────────────────────────────────────────────────────────────────

    def buy(
        self, wish: OneWish, /, *, show_id: int, shopper: UUID, answer: Callable[[bytes], None]
    ) -> Awaitable[bytes] | None:
        """The door of the room socket: answers with an encoded message."""

        def reply(answered: Answered) -> None:
            answer(encode(answered))

        self._ask(wish.offer_id, (wish, shopper, reply, show_id))
        return None

    def ask(self, wish: Wish, *, shopper: UUID, reply: Reply) -> None:
        """The door of POST /buy.  `reply` is called once, from the loop, perhaps before this returns."""
        if wish.offer_id is None and len(wish.lines) > 1:
            self._spawn(self._ask_several(wish, shopper, reply), wish.id, reply)
        else:
            self._ask(_key(wish), (wish, shopper, reply, None))

    def where(self, wish: Wish) -> Terms | None:
        """The terms a wish is about, as known last: where a form goes back to."""
        return self._terms.last(_key(wish))

    # ── behind them ───────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, key: int, asked: "_Asked") -> None:
        early = self._early.get(key)
        if early is not None:
            early.append(asked)
        elif (terms := self._terms.get(key)) is not None:
            self._ask_now(asked, terms)
        else:
            # When an offer opens, thousands ask before anybody knows its terms: they are asked for once.
            self._early[key] = [asked]
            self._keep(asyncio.ensure_future(self._ask_early(key)))

    async def _ask_early(self, key: int) -> None:
        terms: Terms | None = None
        refusal: Refusal | None = None
        try:
            terms = await self._terms.fetch(key)
        except Refusal as problem:
            refusal = problem
        except Exception as problem:  # noqa: BLE001 -- who waits must hear something
            _log.error("orders.door_broke", exc_info=problem)
            refusal = stock.IntakeUnknown()
        for asked in self._early.pop(key):
            wish, _, reply, _ = asked
            try:
                if terms is not None:
                    self._ask_now(asked, terms)
                else:
                    unknown = OfferUnknown(offer_id=wish.offer_id, variant_id=wish.variant_id)
                    reply(_refused(wish.id, refusal or unknown))
            except Exception as problem:  # noqa: BLE001 -- one wish must not keep the others from their answers
                _log.error("orders.door_broke", exc_info=problem)
                with suppress(Exception):
                    reply(_refused(wish.id, stock.IntakeUnknown()))

    def _ask_now(self, asked: "_Asked", terms: Terms) -> None:
        wish, shopper, reply, show_id = asked
        if isinstance(wish, Wish) and (wish.lines or wish.variant_id is None or wish.price_minor is None):
            self._ask_cart(wish, [terms], shopper, reply)
        else:
            self._ask_one(wish, terms, shopper, reply, show_id)

    def _ask_one(
        self,
        wish: OneWish | Wish,
        terms: Terms,
        shopper: UUID,
        reply: Reply,
        show_id: int | None,
    ) -> None:
        """The hot path: one variant, terms at hand, no await."""
        variant_id = wish.variant_id
        price = terms.prices.get(variant_id) if variant_id is not None else None
        if not terms.is_open or price is None or variant_id is None or price != wish.price_minor:
            reply(_refused(wish.id, _why_not(terms, [(variant_id, wish.price_minor)])))
            return
        if show_id is not None and show_id != terms.show_id:
            reply(_refused(wish.id, OfferUnknown(offer_id=terms.offer_id)))
            return
        if not 1 <= wish.quantity <= MAX_PER_LINE:
            reply(_refused(wish.id, BadPurchase(quantity=wish.quantity, largest=MAX_PER_LINE)))
            return
        lines, prices = (stock.Line(variant_id, wish.quantity),), (price,)
        if variant_id in terms.bundles:
            lines, prices = expanded([(variant_id, wish.quantity, price)], terms.bundles)
        request = stock.Request(
            wish.id,
            terms.shop_id,
            terms.pool_id,
            shopper,
            lines,
            terms.hold_seconds,
            wish.latest_ready,
            terms.offer_id,
            terms.limit_per_buyer,
            terms.show_id,
            terms.limit_per_show,
            prices,
        )
        self._submit(request, terms, reply)

    def _ask_cart(self, wish: Wish, found: Sequence[Terms], shopper: UUID, reply: Reply) -> None:
        """A small cart, or a wish with something missing: `found` are the terms of its lines."""
        terms = found[0]
        known = {variant: price for each in found for variant, price in each.prices.items()}
        bundles = {variant: bundle for each in found for variant, bundle in each.bundles.items()}
        lines = [(line.variant_id, line.quantity, line.price_minor) for line in wish.lines]
        if not lines and wish.variant_id is not None and wish.price_minor is not None:
            lines = [(wish.variant_id, wish.quantity, wish.price_minor)]
        if not lines or len(lines) > MAX_LINES:
            reply(
                _refused(
                    wish.id, BadPurchase("Say what, how many, and the price you saw.", most_lines=MAX_LINES)
                )
            )
            return
        if not terms.is_open or any(known.get(variant_id) != price for variant_id, _, price in lines):
            refusal = _why_not(terms, [(variant_id, price) for variant_id, _, price in lines], known)
            reply(_refused(wish.id, refusal))
            return
        try:
            units, unit_prices = expanded(lines, bundles)
        except BadPurchase as refusal:
            reply(_refused(wish.id, refusal))
            return
        request = stock.Request(
            id=wish.id,
            shop_id=terms.shop_id,
            pool_id=terms.pool_id,
            buyer=shopper,
            lines=units,
            hold_seconds=terms.hold_seconds,
            latest_ready=wish.latest_ready,
            offer_id=terms.offer_id,
            limit_per_buyer=terms.limit_per_buyer,
            show_id=terms.show_id,
            limit_per_show=terms.limit_per_show,
            unit_prices=unit_prices,
        )
        self._submit(request, terms, reply)

    def _submit(self, request: stock.Request, terms: Terms, reply: Reply) -> None:
        if terms.policy is HoldPolicy.FIRST_PAID:
            self._spawn(self._open(request, terms, reply), request.id, reply)
            return

        def decided(answer: stock.Answer | Refusal) -> None:
            if terms.bundles and type(answer) is stock.Refused:
                answer = about_the_bundle(answer, request, terms.bundles)
            reply(self._answer(request.id, answer, terms))

        try:
            self._intake.submit_nowait(request, decided)
        except Refusal as refusal:
            reply(_refused(request.id, refusal))

    def _answer(self, wish_id: UUID, answer: stock.Answer | Refusal, terms: Terms) -> Answered:
        if type(answer) is stock.Held:
            if answer.state in _GONE:
                refusal = HoldExpired(state=answer.state, hold_id=str(answer.id))
                return _refused(wish_id, refusal, url=_checkout_url(terms, wish_id))
            return Answered(
                wish_id,
                "held",
                None,
                None,
                None,
                HoldOut(answer.id, answer.expires_at, answer.lots),
                _checkout_url(terms, wish_id),
            )
        if isinstance(answer, Refusal):
            return _refused(wish_id, answer)
        assert type(answer) is stock.Refused
        if terms.policy is HoldPolicy.QUEUE and answer.code == stock.SOLD_OUT:
            position = self._queue.position(wish_id)
            if position is not None:
                return Answered(
                    wish_id,
                    "queued",
                    answer.code,
                    "You stand in line.",
                    {**answer.facts, "position": position},
                )
        return Answered(wish_id, "refused", answer.code, _SAID.get(answer.code, answer.code), answer.facts)

    # ── off the hot path ──────────────────────────────────────────────────────────────────────────────────

    async def _ask_several(self, wish: Wish, shopper: UUID, reply: Reply) -> None:
        """A cart of the shop's own prices: each line has terms of its own."""
        if len(wish.lines) > MAX_LINES:
            reply(_refused(wish.id, BadPurchase(most_lines=MAX_LINES)))
            return
        keys = [-line.variant_id for line in wish.lines]
        found = [terms for key in keys if (terms := await self._terms.fetch(key)) is not None]
        if len(found) < len(keys) or any(terms.shop_id != found[0].shop_id for terms in found):
            reply(_refused(wish.id, OfferUnknown(offer_id=wish.offer_id, variant_id=wish.variant_id)))
        elif not all(terms.is_open for terms in found):
            reply(_refused(wish.id, OfferClosed(offer_id=wish.offer_id)))
        else:
            self._ask_cart(wish, found, shopper, reply)

    async def _open(self, request: stock.Request, terms: Terms, reply: Reply) -> None:
        """Whoever pays first: keep the wish, hold nothing; say at once when nothing is left."""
        lines = [
            {"variant_id": line.variant_id, "quantity": line.quantity, "unit_price_minor": price}
            | ({} if line.bundle_id is None else {"bundle_id": line.bundle_id})
            for line, price in zip(request.lines, request.unit_prices, strict=True)
        ]
        content = hashlib.sha256(msgspec.json.encode([str(request.buyer), request.offer_id, lines])).digest()
        async with self._db.transaction() as tx:
            short = await _short(tx, request) or await _over(tx, request)
            if short is None and not await queries.insert_intent(
                tx,
                id=request.id,
                shop_id=request.shop_id,
                buyer=request.buyer,
                offer_id=request.offer_id,
                show_id=request.show_id,
                pool_id=request.pool_id,
                lines=lines,
                hash=content,
            ):
                known = await queries.intent(tx, id=request.id)
                if known is None or known.hash != content:
                    short = stock.Refused(request.id, stock.MISMATCH, {})
        if short is None:
            reply(Answered(request.id, "open", url=_checkout_url(terms, request.id)))
        else:
            reply(self._answer(request.id, about_the_bundle(short, request, terms.bundles), terms))

    def _spawn(self, work: Coroutine[Any, Any, None], wish_id: UUID, reply: Reply) -> None:
        self._keep(asyncio.ensure_future(_heard(work, wish_id, reply)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            _log.error("orders.door_broke", exc_info=problem)

    async def close(self) -> None:
        """Wait for the wishes that are off the hot path; the intake answers the others when it closes."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _heard(work: Coroutine[Any, Any, None], wish_id: UUID, reply: Reply) -> None:
    """Do it; where that fails the buyer hears so and may ask again, with the same id."""
    try:
        await work
    except Refusal as refusal:
        reply(_refused(wish_id, refusal))
    except Exception:
        reply(_refused(wish_id, stock.IntakeUnknown()))
        raise


_GONE: Final = frozenset({stock.HoldState.EXPIRED, stock.HoldState.RELEASED})


async def _short(tx: Tx, request: stock.Request) -> stock.Refused | None:
    """A refusal when fewer units are free than asked for, recorded as any other refused purchase."""
    wanted: dict[int, int] = {}
    for line in request.lines:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    free = await stock.available(
        tx, shop_id=request.shop_id, variant_ids=list(wanted), pool_id=request.pool_id
    )
    for variant_id, quantity in wanted.items():
        left = _in_time(free[variant_id], request.latest_ready)
        if left < quantity:
            day = _ready_for(free[variant_id], quantity)
            code = stock.SOLD_OUT if day is None else stock.TOO_LATE
            refused = stock.RefusedPurchases(variant_id, quantity, code, [request.id], [request.buyer])
            await outbox.record(
                tx, stock.PurchaseRefused(request.shop_id, request.show_id, request.offer_id, [refused])
            )
            facts: dict[str, object] = {"variant_id": variant_id, "wanted": quantity, "left": left}
            if day is not None:
                facts["ready_on"] = day.isoformat()
            return stock.Refused(request.id, code, facts)
    return None


async def _over(tx: Tx, request: stock.Request) -> stock.Refused | None:
    """A refusal for a buyer who has all that the limits allow; paying for more would end the same way."""
    refused = await stock.within_limits(tx, request)
    if refused is not None:
        each = [
            stock.RefusedPurchases(
                line.variant_id, line.quantity, refused.code, [request.id], [request.buyer]
            )
            for line in request.lines
        ]
        await outbox.record(
            tx, stock.PurchaseRefused(request.shop_id, request.show_id, request.offer_id, each)
        )
    return refused


def _ready_for(free: stock.Availability, quantity: int) -> date | None:
    """The day by which so many will be there; None when that is never."""
    running = free.left_now
    for day, units in free.lots:
        running += units
        if running >= quantity:
            return day
    return None


def _in_time(free: stock.Availability, latest: date | None) -> int:
    return free.left_now + sum(units for day, units in free.lots if latest is None or day <= latest)


def _why_not(
    terms: Terms, lines: Sequence[tuple[int | None, int | None]], prices: dict[int, int] | None = None
) -> Refusal:
    if not terms.is_open:
        return OfferClosed(offer_id=terms.offer_id)
    known = terms.prices if prices is None else prices
    for variant_id, seen in lines:
        if variant_id is None or variant_id not in known:
            return OfferUnknown(offer_id=terms.offer_id, variant_id=variant_id)
        if seen is None:
            return BadPurchase("Say the price you saw.", variant_id=variant_id)
        if known[variant_id] != seen:
            return PriceChanged(
                variant_id=variant_id, seen_minor=seen, price_minor=known[variant_id], currency=terms.currency
            )
    return BadPurchase()


def _refused(wish_id: UUID, refusal: Refusal, *, url: str | None = None) -> Answered:
    return Answered(wish_id, "refused", refusal.code, refusal.message, refusal.facts, url=url)


def _checkout_url(terms: Terms, wish_id: UUID) -> str:
    # The encoder writes a UUID several times faster than str() does.
    return f"/s/{terms.shop}/checkout/{encode(wish_id)[1:-1].decode()}"


def _key(wish: Wish) -> int:
    """What its terms are known by."""
    return wish.offer_id or -(wish.variant_id or (wish.lines[0].variant_id if wish.lines else 0))
