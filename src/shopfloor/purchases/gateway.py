"""One room behind every door: what happens between "buy" and the answer.

`Door.ask` takes a purchase that was parsed already, checks it against the terms in memory and hands it to the
intake.  Nothing here waits on the hot path: the answer comes through a callback after COMMIT.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from shopfloor import stock
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.network import Networks
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.values import new_id
from shopfloor.purchases import retention, waitlist
from shopfloor.purchases.bundles import about_the_bundle, asked_for, expanded
from shopfloor.purchases.intents import open_intent
from shopfloor.purchases.messages import (
    HoldOut,
    OnReply,
    PurchaseReply,
    PurchaseRequest,
    SinglePurchase,
    encode,
)
from shopfloor.purchases.models import (
    MAX_PER_LINE,
    BadPurchase,
    HoldExpired,
    OfferClosed,
    OfferUnknown,
    PurchaseExpired,
)
from shopfloor.purchases.offer_terms import OfferTerms, OfferTermsCache, why_not

_log = logs.get("orders")

# A purchase with its shopper, the room it was said in, and the network it came from.
_Asked = tuple[SinglePurchase | PurchaseRequest, UUID, OnReply, int | None, int | None]

_SAID: Final = {
    stock.Code.SOLD_OUT: "Sold out.",
    stock.Code.NETWORK_LIMIT: "Others on your network have many units reserved and not paid for. Nothing is reserved for"
    " you: it is yours once you have paid.",
    stock.Code.LIMIT: "You have reached the limit per person.",
    stock.Code.UNKNOWN: "This is not on sale here.",
    stock.Code.TOO_LATE: "It cannot be ready by the day you asked for.",
    stock.Code.MISMATCH: "This id was used for another purchase.",
    stock.Code.CLOSED: "This sale is over.",
    stock.Code.INVALID: "We couldn't read this purchase.",
}


class WaitlistHook:
    """Places in line for offers whose policy is `queue`, taken in the transaction of the refusal.

    Give `join` to the intake as its `on_refused`: who is in line now finds the `position` among the facts of the refusal.
    """

    def __init__(self, terms: OfferTermsCache) -> None:
        self._terms = terms

    async def join(
        self, tx: Tx, requests: list[stock.Request], answers: list[stock.Answer]
    ) -> list[stock.Answer]:
        queued = {
            number: place
            for number, (request, answer) in enumerate(zip(requests, answers, strict=True))
            if (place := self._place(request, answer)) is not None
        }
        if not queued:
            return answers
        positions = await waitlist.stand_in_line(tx, list(queued.values()))
        placed = list(answers)
        for number, position in zip(queued, positions, strict=True):
            answer = answers[number]
            assert type(answer) is stock.Refused, "only who is refused stands in line"
            placed[number] = stock.Refused(answer.id, answer.code, {**answer.facts, "position": position})
        return placed

    def _place(self, request: stock.Request, answer: stock.Answer) -> dict[str, Any] | None:
        if (
            type(answer) is not stock.Refused
            or answer.code != stock.Code.SOLD_OUT
            or request.offer_id is None
        ):
            return None
        terms = self._terms.last(request.offer_id)
        if terms is None or terms.policy is not stock.HoldPolicy.QUEUE:
            return None
        asked = asked_for(request, terms.bundles)
        return None if asked is None else _place(request, terms, *asked)


def _place(request: stock.Request, terms: OfferTerms, variant_id: int, quantity: int) -> dict[str, Any]:
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
        "network": request.network,
    }


class PurchaseGateway:
    """Everything behind POST /buy and behind the `buy` frame of the room socket."""

    def __init__(
        self,
        *,
        db: Database,
        intake: stock.Intake,
        terms: OfferTermsCache,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._clock = clock
        self._intake = intake
        self._terms = terms
        self._tasks: set[asyncio.Task[None]] = set()
        self.networks: Networks | None = None
        self._pays_first = Gcra(every=0.1, burst=300)
        # When all who have never paid hold what they may, whoever taps is told so, from whichever network.
        self._pays_first_of_offer = Gcra(every=0.01, burst=300)
        # Wishes whose terms are being loaded, in the order of asking.
        self._early: dict[int, list[_Asked]] = {}

    # ── doors ─────────────────────────────────────────────────────────────────────────────────────────────

    def buy(
        self,
        purchase: SinglePurchase,
        /,
        *,
        show_id: int,
        shopper: UUID,
        answer: Callable[[bytes], None],
        address: str = "",
    ) -> Awaitable[bytes] | None:
        """The door of the room socket: answers with an encoded message."""

        def reply(answered: PurchaseReply) -> None:
            answer(encode(answered))

        asked = (purchase, shopper, reply, show_id, self._network_of(address))
        age = retention.age(purchase.id, self._clock())
        if age is retention.Age.YOUNG:
            self._ask(purchase.offer_id, asked)
        else:
            self._admit(age, purchase.id, reply, lambda: self._ask(purchase.offer_id, asked))
        return None

    def ask(self, purchase: PurchaseRequest, *, shopper: UUID, reply: OnReply, address: str = "") -> None:
        """The door of POST /buy.  `reply` is called once, from the loop, perhaps before this returns."""
        age = retention.age(purchase.id, self._clock())
        if age is retention.Age.YOUNG:
            self._ask_one_or_several(purchase, shopper, reply, address)
        else:
            self._admit(
                age,
                purchase.id,
                reply,
                lambda: self._ask_one_or_several(purchase, shopper, reply, address),
            )

    def where(self, purchase: PurchaseRequest) -> OfferTerms | None:
        """The terms a purchase is about, as known last: where a form goes back to."""
        return self._terms.last(_key(purchase))

    async def find(self, purchase: PurchaseRequest) -> OfferTerms | None:
        """The same, loaded where nobody has asked before."""
        return await self._terms.fetch(_key(purchase))

    def _network_of(self, address: str) -> int | None:
        return None if self.networks is None else self.networks.key(address)

    def _admit(
        self, age: retention.Age, purchase_id: UUID, reply: OnReply, go_on: Callable[[], None]
    ) -> None:
        """What was begun too long ago is not begun again: nobody remembers whether it was bought."""
        if age is retention.Age.EXPIRED:
            reply(_refused(purchase_id, _expired()))
        else:
            self._spawn(self._admit_untimed(purchase_id, reply, go_on), purchase_id, reply)

    async def _admit_untimed(self, purchase_id: UUID, reply: OnReply, go_on: Callable[[], None]) -> None:
        async with self._db.transaction() as tx:
            spent = await retention.is_spent(tx, id=purchase_id)
        if spent:
            reply(_refused(purchase_id, _expired()))
        else:
            go_on()

    # ── behind them ───────────────────────────────────────────────────────────────────────────────────────

    def _ask_one_or_several(
        self, purchase: PurchaseRequest, shopper: UUID, reply: OnReply, address: str
    ) -> None:
        network = self._network_of(address)
        if purchase.offer_id is None and len(purchase.lines) > 1:
            self._spawn(self._ask_several(purchase, shopper, reply, network), purchase.id, reply)
        else:
            self._ask(_key(purchase), (purchase, shopper, reply, None, network))

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
        terms: OfferTerms | None = None
        refusal: Refusal | None = None
        try:
            terms = await self._terms.fetch(key)
        except Refusal as problem:
            refusal = problem
        except Exception as problem:  # noqa: BLE001 -- who waits must hear something
            _log.error("orders.door_broke", exc_info=problem)
            refusal = stock.IntakeUnknown()
        for asked in self._early.pop(key):
            purchase, _, reply, _, _ = asked
            try:
                if terms is not None:
                    self._ask_now(asked, terms)
                else:
                    unknown = OfferUnknown(offer_id=purchase.offer_id, variant_id=purchase.variant_id)
                    reply(_refused(purchase.id, refusal or unknown))
            except Exception as problem:  # noqa: BLE001 -- one purchase must not keep the others from their answers
                _log.error("orders.door_broke", exc_info=problem)
                with suppress(Exception):
                    reply(_refused(purchase.id, stock.IntakeUnknown()))

    def _ask_now(self, asked: "_Asked", terms: OfferTerms) -> None:
        purchase, shopper, reply, show_id, network = asked
        if isinstance(purchase, PurchaseRequest) and (
            purchase.lines or purchase.variant_id is None or purchase.price_minor is None
        ):
            self._ask_cart(purchase, [terms], shopper, reply, network)
        else:
            self._ask_one(purchase, terms, shopper, reply, show_id, network)

    def _ask_one(
        self,
        purchase: SinglePurchase | PurchaseRequest,
        terms: OfferTerms,
        shopper: UUID,
        reply: OnReply,
        show_id: int | None,
        network: int | None,
    ) -> None:
        """The hot path: one variant, terms at hand, no await."""
        variant_id = purchase.variant_id
        price = terms.prices.get(variant_id) if variant_id is not None else None
        if not terms.is_open or price is None or variant_id is None or price != purchase.price_minor:
            reply(_refused(purchase.id, why_not(terms, [(variant_id, purchase.price_minor)])))
            return
        if show_id is not None and show_id != terms.show_id:
            reply(_refused(purchase.id, OfferUnknown(offer_id=terms.offer_id)))
            return
        if not 1 <= purchase.quantity <= MAX_PER_LINE:
            reply(_refused(purchase.id, BadPurchase(quantity=purchase.quantity, largest=MAX_PER_LINE)))
            return
        lines, prices = (stock.Line(variant_id, purchase.quantity),), (price,)
        if variant_id in terms.bundles:
            lines, prices = expanded([(variant_id, purchase.quantity, price)], terms.bundles)
        request = stock.Request(
            purchase.id,
            terms.shop_id,
            terms.pool_id,
            shopper,
            lines,
            terms.hold_seconds,
            purchase.latest_ready,
            terms.offer_id,
            terms.limit_per_buyer,
            terms.show_id,
            terms.limit_per_show,
            prices,
            network,
            terms.default_limit,
            terms.keep_until,
            terms.keep_most,
        )
        self._submit(request, terms, reply)

    def _ask_cart(
        self,
        purchase: PurchaseRequest,
        found: Sequence[OfferTerms],
        shopper: UUID,
        reply: OnReply,
        network: int | None,
    ) -> None:
        """A small cart, or a purchase with something missing: `found` are the terms of its lines."""
        terms = found[0]
        known = {variant: price for each in found for variant, price in each.prices.items()}
        bundles = {variant: bundle for each in found for variant, bundle in each.bundles.items()}
        lines = [(line.variant_id, line.quantity, line.price_minor) for line in purchase.lines]
        if not lines and purchase.variant_id is not None and purchase.price_minor is not None:
            lines = [(purchase.variant_id, purchase.quantity, purchase.price_minor)]
        if not lines or len(lines) > stock.MAX_LINES:
            reply(
                _refused(
                    purchase.id,
                    BadPurchase("Say what, how many, and the price you saw.", most_lines=stock.MAX_LINES),
                )
            )
            return
        if not terms.is_open or any(known.get(variant_id) != price for variant_id, _, price in lines):
            refusal = why_not(terms, [(variant_id, price) for variant_id, _, price in lines], known)
            reply(_refused(purchase.id, refusal))
            return
        try:
            units, unit_prices = expanded(lines, bundles)
        except BadPurchase as refusal:
            reply(_refused(purchase.id, refusal))
            return
        request = stock.Request(
            id=purchase.id,
            shop_id=terms.shop_id,
            pool_id=terms.pool_id,
            buyer=shopper,
            lines=units,
            hold_seconds=terms.hold_seconds,
            latest_ready=purchase.latest_ready,
            offer_id=terms.offer_id,
            limit_per_buyer=terms.limit_per_buyer,
            show_id=terms.show_id,
            limit_per_show=terms.limit_per_show,
            unit_prices=unit_prices,
            network=network,
            default_limit=max((each.default_limit for each in found if each.default_limit), default=None),
            keep_until=terms.keep_until,
            keep_most=terms.keep_most,
        )
        self._submit(request, terms, reply)

    def _submit(self, request: stock.Request, terms: OfferTerms, reply: OnReply) -> None:
        if terms.policy is stock.HoldPolicy.FIRST_PAID:
            self._spawn(self._open(request, terms, reply), request.id, reply)
            return

        def decided(answer: stock.Answer | Refusal) -> None:
            if type(answer) is stock.Refused and answer.code == stock.Code.NETWORK_LIMIT:
                self._pay_first(request, terms, reply, answer)
                return
            if terms.bundles and type(answer) is stock.Refused:
                answer = about_the_bundle(answer, request, terms.bundles)
            reply(self._answer(request.id, answer, terms))

        try:
            self._intake.submit_nowait(request, decided)
        except Refusal as refusal:
            reply(_refused(request.id, refusal))

    def _answer(self, purchase_id: UUID, answer: stock.Answer | Refusal, terms: OfferTerms) -> PurchaseReply:
        if type(answer) is stock.Held:
            if answer.state in _GONE:
                refusal = HoldExpired(state=answer.state, hold_id=str(answer.id))
                return _refused(purchase_id, refusal, url=_checkout_url(terms, purchase_id))
            return PurchaseReply(
                purchase_id,
                "held",
                None,
                None,
                None,
                HoldOut(answer.id, answer.expires_at, answer.lots),
                _checkout_url(terms, purchase_id),
            )
        if isinstance(answer, Refusal):
            return _refused(purchase_id, answer)
        assert type(answer) is stock.Refused
        if "position" in answer.facts:
            return PurchaseReply(purchase_id, "queued", answer.code, "You stand in line.", answer.facts)
        return PurchaseReply(
            purchase_id, "refused", answer.code, _SAID.get(answer.code, answer.code), answer.facts
        )

    # ── off the hot path ──────────────────────────────────────────────────────────────────────────────────

    async def _ask_several(
        self, purchase: PurchaseRequest, shopper: UUID, reply: OnReply, network: int | None
    ) -> None:
        """A cart of the shop's own prices: each line has terms of its own."""
        if len(purchase.lines) > stock.MAX_LINES:
            reply(_refused(purchase.id, BadPurchase(most_lines=stock.MAX_LINES)))
            return
        found: list[OfferTerms] = []
        for line in purchase.lines:
            terms = await self._terms.fetch(-line.variant_id)
            if terms is None or (found and terms.shop_id != found[0].shop_id):
                # The others are not looked for: nobody has a hundred looked up that are not there.
                unknown = OfferUnknown(offer_id=purchase.offer_id, variant_id=line.variant_id)
                reply(_refused(purchase.id, unknown))
                return
            found.append(terms)
        if not all(terms.is_open for terms in found):
            reply(_refused(purchase.id, OfferClosed(offer_id=purchase.offer_id)))
        else:
            self._ask_cart(purchase, found, shopper, reply, network)

    def _pay_first(
        self, request: stock.Request, terms: OfferTerms, reply: OnReply, why: stock.Refused
    ) -> None:
        """Nothing is reserved, but who pays gets the units.  A flood of such taps is refused: each is written down."""
        now = time.monotonic()
        too_often = request.network is not None and self._pays_first.wait(request.network, now)
        if too_often or self._pays_first_of_offer.wait(terms.key, now):
            reply(self._answer(request.id, why, terms))
        else:
            self._spawn(self._open(request, terms, reply, why), request.id, reply)

    async def _open(
        self, request: stock.Request, terms: OfferTerms, reply: OnReply, why: stock.Refused | None = None
    ) -> None:
        """Whoever pays first: keep the purchase, hold nothing; say at once when nothing is left.

        `why`: the reason why nothing is held, where the offer would hold units.
        """
        async with self._db.transaction() as tx:
            short = await open_intent(tx, request)
        if short is None:
            url = _checkout_url(terms, request.id)
            reason = (None, None, None) if why is None else (why.code, _SAID[why.code], why.facts)
            reply(PurchaseReply(request.id, "open", *reason, url=url))
        else:
            reply(self._answer(request.id, about_the_bundle(short, request, terms.bundles), terms))

    def _spawn(self, work: Coroutine[Any, Any, None], purchase_id: UUID, reply: OnReply) -> None:
        self._keep(asyncio.ensure_future(_heard(work, purchase_id, reply)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            _log.error("orders.door_broke", exc_info=problem)

    async def close(self) -> None:
        """Wait for the purchases that are off the hot path; the intake answers the others when it closes."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _heard(work: Coroutine[Any, Any, None], purchase_id: UUID, reply: OnReply) -> None:
    """Do it; where that fails the buyer hears so and may ask again, with the same id."""
    try:
        await work
    except Refusal as refusal:
        reply(_refused(purchase_id, refusal))
    except Exception:
        reply(_refused(purchase_id, stock.IntakeUnknown()))
        raise


_GONE: Final = frozenset({stock.HoldState.EXPIRED, stock.HoldState.RELEASED})


def _refused(purchase_id: UUID, refusal: Refusal, *, url: str | None = None) -> PurchaseReply:
    return PurchaseReply(purchase_id, "refused", refusal.code, refusal.message, refusal.facts, url=url)


def _expired() -> PurchaseExpired:
    return PurchaseExpired(days=retention.WINDOW.days)


def _checkout_url(terms: OfferTerms, purchase_id: UUID) -> str:
    # The encoder writes a UUID several times faster than str() does.
    return f"/s/{terms.shop}/checkout/{encode(purchase_id)[1:-1].decode()}"


def _key(purchase: PurchaseRequest) -> int:
    """What its terms are known by."""
    return purchase.offer_id or -(
        purchase.variant_id or (purchase.lines[0].variant_id if purchase.lines else 0)
    )
