"""The terms of what is on sale, in memory, so that a purchase asks no database before it is decided.

Facts from the outbox make the cache forget (`forget`, `forget_show`); the next purchase loads afresh.  A load
that was under way when its key was forgotten is not trusted and done again, so an old price never outlives
the fact that changed it.  Should facts not arrive, terms older than `fresh_for` seconds are renewed on use.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from shopfloor import catalog, inventory, stock
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.purchases import queries
from shopfloor.purchases.bundles import Composition, composed
from shopfloor.purchases.models import MAX_PER_LINE, BadPurchase, OfferClosed, OfferUnknown, PriceChanged

SHOP_HOLD_SECONDS: Final = 600
MOST_PER_BUYER: Final = 10
"""What one buyer may have where neither the shop nor the offer says."""

_log = logs.get("orders")


class OfferTerms(msgspec.Struct, frozen=True, gc=False):
    """What may be bought under one key and how.  `prices` by variant, minor units; `bundles` those of the variants
    that consist of others.

    Key: the offer's id; for a variant as its product page sells it (no offer), minus the variant's id.
    """

    key: int
    shop_id: int
    shop: str
    product_id: int
    offer_id: int | None
    show_id: int | None
    pool_id: int
    policy: stock.HoldPolicy
    hold_seconds: int
    limit_per_buyer: int | None
    limit_per_show: int | None
    currency: str
    is_open: bool
    prices: dict[int, int]
    bundles: dict[int, Composition] = {}
    default_limit: int | None = None
    """What one buyer may have where the offer and its show set no limit (`stock.Request.default_limit`)."""
    keep_until: datetime | None = None
    """Paid at the end: until when it is kept, up to so many units, for buyers whom the shop knows (`stock.Request`)."""
    keep_most: int = 0


def why_not(
    terms: OfferTerms, lines: Sequence[tuple[int | None, int | None]], prices: dict[int, int] | None = None
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


def _default_limit(most: int, bundles: Iterable[Composition]) -> int:
    """So many bundles, where it is one: limits count pieces."""
    return most * max((bundle.pieces for bundle in bundles), default=1)


async def most_per_buyer(tx: Tx, *, shop_id: int) -> int:
    """What one buyer may have of an offer without a limit of its own."""
    return await queries.most_per_buyer(tx, shop_id=shop_id) or MOST_PER_BUYER


async def set_most_per_buyer(tx: Tx, *, shop_id: int, units: int) -> None:
    """Raises BadPurchase."""
    if not 1 <= units <= MAX_PER_LINE:
        raise BadPurchase(quantity=units, largest=MAX_PER_LINE)
    await queries.save_most_per_buyer(tx, shop_id=shop_id, units=units)


Loader = Callable[[int], Awaitable[OfferTerms | None]]


class OfferTermsCache:
    def __init__(
        self, load: Loader, *, fresh_for: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.load = load
        self._fresh_for = fresh_for
        self._clock = clock
        self._known: dict[int, OfferTerms] = {}
        self._stale_at: dict[int, float] = {}
        self._epochs: dict[int, int] = {}
        self._loading: dict[int, asyncio.Task[OfferTerms | None]] = {}

    def get(self, key: int) -> OfferTerms | None:
        """What is known and fresh; None means: `await fetch(key)`.  What is in use is renewed before it is stale."""
        terms = self._known.get(key)
        if terms is None:
            return None
        fresh = self._stale_at[key] - self._clock()
        if fresh < 0:
            return None
        if fresh < self._fresh_for / 2 and key not in self._loading:
            self._start(key)
        return terms

    def last(self, key: int) -> OfferTerms | None:
        """What was known last, fresh or not."""
        return self._known.get(key)

    async def fetch(self, key: int) -> OfferTerms | None:
        """Load once for everybody who asks meanwhile.  None: nothing is on sale under this key."""
        known = self.get(key)
        if known is not None:
            return known
        return await asyncio.shield(self._loading.get(key) or self._start(key))

    def _start(self, key: int) -> "asyncio.Task[OfferTerms | None]":
        def done(task: "asyncio.Task[OfferTerms | None]") -> None:
            self._loading.pop(key, None)
            if not task.cancelled() and (problem := task.exception()) is not None:
                _log.warning("orders.terms_not_loaded", key=key, why=str(problem)[:200])

        task = self._loading[key] = asyncio.get_running_loop().create_task(self._refresh(key))
        task.add_done_callback(done)
        return task

    async def _refresh(self, key: int) -> OfferTerms | None:
        while True:
            epoch = self._epochs.get(key, 0)
            terms = await self.load(key)
            if self._epochs.get(key, 0) == epoch:
                break
        if terms is None:
            self._known.pop(key, None)
        else:
            self.put(terms)
        return terms

    def put(self, terms: OfferTerms) -> None:
        """Told by who knows."""
        self._known[terms.key] = terms
        self._stale_at[terms.key] = self._clock() + self._fresh_for

    def forget(self, key: int) -> None:
        self._epochs[key] = self._epochs.get(key, 0) + 1
        self._known.pop(key, None)

    def forget_show(self, show_id: int) -> None:
        """The show started or ended: all of its offers have other terms now."""
        for key in [key for key, terms in self._known.items() if terms.show_id == show_id] + list(
            self._loading
        ):
            self.forget(key)

    def forget_variant(self, variant_id: int) -> None:
        """What it costs or consists of has changed: so have all terms that sell it, alone or in a bundle."""
        sold = [
            key
            for key, terms in self._known.items()
            if variant_id in terms.prices
            or any(part[0] == variant_id for bundle in terms.bundles.values() for part in bundle.units)
        ]
        for key in [*sold, *self._loading]:
            self.forget(key)

    def forget_product(self, product_id: int) -> None:
        """It may have been taken off sale."""
        sold = [key for key, terms in self._known.items() if terms.product_id == product_id]
        for key in [*sold, *self._loading]:
            self.forget(key)

    def forget_all(self) -> None:
        """After a gap in the facts."""
        for key in [*self._known, *self._loading]:
            self.forget(key)


def loader(db: Database) -> Loader:
    """Terms from what live, catalog and stock publish."""

    async def load(key: int) -> OfferTerms | None:
        return await (_offer(db, key) if key > 0 else _variant(db, -key))

    return load


async def _offer(db: Database, offer_id: int) -> OfferTerms | None:
    async with db.transaction() as tx:
        lines = await queries.offer_lines(tx, offer_id=offer_id)
        if not lines:
            return None
        slug = await queries.shop_slug(tx, shop_id=lines[0].shop_id)
        # A line whose variant is archived is no line of the offer; where all are, the product is no longer sold.
        sold = [line for line in lines if line.product_status == catalog.Status.ACTIVE]
        prices = {line.variant_id: line.price_minor for line in sold or lines}
        bundles = await catalog.bundles(tx, shop_id=lines[0].shop_id, variant_ids=list(prices))
        most = await most_per_buyer(tx, shop_id=lines[0].shop_id)
    first = lines[0]
    compositions = {key: composed(bundle, prices[key]) for key, bundle in bundles.items()}
    unset = first.limit_per_buyer is None and first.limit_per_show is None
    return OfferTerms(
        key=offer_id,
        shop_id=first.shop_id,
        shop=slug or "",
        product_id=first.product_id,
        offer_id=offer_id,
        show_id=first.show_id,
        pool_id=first.pool_id or 0,
        policy=stock.HoldPolicy(first.policy),
        hold_seconds=first.hold_seconds,
        limit_per_buyer=first.limit_per_buyer,
        limit_per_show=first.limit_per_show,
        currency=first.currency,
        is_open=first.show_status == "live" and first.pool_id is not None and bool(sold),
        prices=prices,
        bundles=compositions,
        default_limit=_default_limit(most, compositions.values()) if unset else None,
        keep_until=first.keep_until,
        keep_most=first.unpaid_units or 0,
    )


async def _variant(db: Database, variant_id: int) -> OfferTerms | None:
    async with db.transaction() as tx:
        shop_id = await queries.variant_shop(tx, variant_id=variant_id)
        if shop_id is None:
            return None
        [variant] = await queries.variants(tx, shop_id=shop_id, ids=[variant_id])
        slug = await queries.shop_slug(tx, shop_id=shop_id)
        pool = await inventory.open_pool(tx, shop_id=shop_id)
        bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=[variant_id])
        most = await most_per_buyer(tx, shop_id=shop_id)
    compositions = {key: composed(bundle, variant.price_minor) for key, bundle in bundles.items()}
    return OfferTerms(
        key=-variant_id,
        shop_id=shop_id,
        shop=slug or "",
        product_id=variant.product_id,
        offer_id=None,
        show_id=None,
        pool_id=pool.id,
        policy=stock.HoldPolicy.TIMER,
        hold_seconds=SHOP_HOLD_SECONDS,
        limit_per_buyer=None,
        limit_per_show=None,
        currency=variant.currency,
        is_open=variant.status == catalog.Status.ACTIVE,
        prices={variant_id: variant.price_minor},
        bundles=compositions,
        default_limit=_default_limit(most, compositions.values()),
    )
