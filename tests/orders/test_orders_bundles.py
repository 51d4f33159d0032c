"""A bundle is bought as one thing at one price, and held, ordered, shipped and given back as units of its parts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import catalog, inventory, order_lists, orders, purchases, run_of_show, stock
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import MAX_MINOR, Money
from shopfloor.purchases import (
    OfferTerms,
    OfferTermsCache,
    PurchaseGateway,
    PurchaseLine,
    PurchaseReply,
    PurchaseRequest,
    WaitlistHook,
    loader,
)
from shopfloor.purchases.bundles import about_the_bundle, composed, expanded
from shopfloor.stock import Intake

PAIR_PRICE = 29_999
# One M, two L; by what they cost (1 : 2) that is 10,000 and 19,999, which two units share as 10,000 and 9,999.
SHARES = [("COAT-M", 1, 10_000), ("COAT-L", 1, 10_000), ("COAT-L", 1, 9_999)]


# ── sharing out the price ─────────────────────────────────────────────────────────────────────────────────


def bundle(*parts: tuple[int, int, int]) -> catalog.Bundle:
    """(variant, units, what one costs by itself)"""
    return catalog.Bundle(
        7,
        50,
        tuple(
            catalog.BundlePart(7, 50, variant, quantity, 1, f"V{variant}", {}, [], "", price)
            for variant, quantity, price in parts
        ),
    )


PARTS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 999), st.integers(0, 10**7) | st.just(0)),
    min_size=1,
    max_size=10,
    unique_by=lambda part: part[0],
)


@given(PARTS, st.integers(0, MAX_MINOR), st.integers(1, 999))
def test_the_units_of_a_bundle_sum_to_its_price(
    parts: list[tuple[int, int, int]], price: int, quantity: int
) -> None:
    made = composed(bundle(*parts), price)
    lines, prices = expanded([(50, quantity, price)], {50: made})

    assert sum(line.quantity * each for line, each in zip(lines, prices, strict=True)) == price * quantity
    assert min(prices) >= 0
    assert {line.bundle_id for line in lines} == {7}
    units: dict[int, int] = {}
    for line in lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    assert units == {variant: each * quantity for variant, each, _ in parts}
    assert made.pieces == sum(each for _, each, _ in parts)
    weights = {variant: each * own for variant, each, own in parts}
    whole = sum(weights.values())
    for variant, _, _ in parts:
        share = sum(units * each for part, units, each in made.units if part == variant)
        if whole:
            exact = price * weights[variant]
            assert abs(share * whole - exact) < whole, "within one minor unit of the exact share"
        else:
            assert abs(share * len(parts) - price) < len(parts)
        prices_of_part = {each for part, _, each in made.units if part == variant}
        assert max(prices_of_part) - min(prices_of_part) <= 1


def test_shares_to_the_minor_unit() -> None:
    assert composed(bundle((1, 1, 12_900), (2, 2, 12_900)), PAIR_PRICE).units == (
        (1, 1, 10_000),
        (2, 1, 10_000),
        (2, 1, 9_999),
    )
    assert composed(bundle((1, 1, 0), (2, 4, 0)), 101).units == ((1, 1, 51), (2, 2, 13), (2, 2, 12))
    assert composed(bundle((1, 3, 500)), 0).units == ((1, 3, 0),)


def test_a_refusal_is_said_of_the_bundle() -> None:
    made = {50: composed(bundle((1, 1, 100), (2, 4, 10)), 140)}
    lines, prices = expanded([(50, 3, 140)], made)
    request = stock.Request(uuid4(), 1, 1, uuid4(), lines, 60, unit_prices=prices)
    refused = stock.Refused(request.id, stock.Code.SOLD_OUT, {"variant_id": 2, "wanted": 12, "left": 11})
    assert about_the_bundle(refused, request, made).facts == {
        "variant_id": 50, "wanted": 3, "left": 2, "part_id": 2,
    }  # fmt: skip
    lines, prices = expanded([(50, 3, 140), (2, 1, 10)], made)
    cart = stock.Request(uuid4(), 1, 1, uuid4(), lines, 60, unit_prices=prices)
    assert about_the_bundle(refused, cart, made) == refused, "a cart is told of the part"


def test_more_lines_than_a_purchase_can_have_are_refused() -> None:
    parts = [(variant, 2, 7) for variant in range(1, 11)]
    made = {
        50 + number: composed(
            catalog.Bundle(number, 50 + number, bundle(*parts).parts), 15
        )  # every part at two prices, or nearly
        for number in range(20)
    }
    with pytest.raises(purchases.BadPurchase):
        expanded([(variant, 1, 15) for variant in made], made)


# ── a market with a pair ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Pairs:
    """A market whose show offers a pair: one coat M and two coats L."""

    market: Market
    product_id: int
    pair: int
    offer_id: int
    door: PurchaseGateway
    terms: OfferTermsCache
    shopper: UUID = field(default_factory=uuid4)

    @property
    def db(self) -> Database:
        return self.market.db

    async def ask(self, wish: PurchaseRequest, shopper: UUID | None = None) -> PurchaseReply:
        future: asyncio.Future[PurchaseReply] = asyncio.get_running_loop().create_future()
        self.door.ask(wish, shopper=shopper or self.shopper, reply=future.set_result)
        return await future

    async def buy(self, quantity: int = 1, *, shopper: UUID | None = None, **changes: Any) -> PurchaseReply:
        plain: dict[str, Any] = {
            "id": uuid4(), "offer_id": self.offer_id, "variant_id": self.pair, "quantity": quantity,
            "price_minor": PAIR_PRICE,
        }  # fmt: skip
        return await self.ask(PurchaseRequest(**(plain | changes)), shopper)

    async def order(self, quantity: int = 1) -> orders.Order:
        answer = await self.buy(quantity)
        assert answer.outcome == "held", answer
        return await self.market.complete(UUID(str(answer.id)), self.shopper)

    async def checkout(self, hold_id: object) -> orders.Checkout:
        async with self.db.transaction() as tx:
            return await orders.begin_checkout(
                tx, shop_id=self.market.shop_id, hold_id=UUID(str(hold_id)), shopper=self.shopper
            )

    async def view(self, order: orders.Order) -> orders.OrderView:
        async with self.db.transaction() as tx:
            return await orders.order(tx, shop_id=self.market.shop_id, order_id=order.id)

    async def left(self) -> tuple[int, int, int]:
        """M, L and pairs that the show has."""
        ids = [*self.market.variants, self.pair]
        async with self.db.transaction() as tx:
            free = await stock.available(
                tx, shop_id=self.market.shop_id, variant_ids=ids, pool_id=self.market.pool_id
            )
        return free[ids[0]].total, free[ids[1]].total, free[ids[2]].total

    async def set_parts(self, m: int, large: int) -> None:
        async with self.db.transaction() as tx:
            await catalog.set_parts(
                tx,
                shop_id=self.market.shop_id,
                variant_id=self.pair,
                parts=[
                    catalog.NewPart(variant, quantity)
                    for variant, quantity in zip(self.market.variants, (m, large), strict=True)
                    if quantity
                ],
            )


MakePairs = Callable[..., Awaitable[Pairs]]


@pytest.fixture
async def make_pairs(make_market: MakeMarket, dsn: str) -> AsyncIterator[MakePairs]:
    running: list[tuple[Intake, PurchaseGateway]] = []

    async def make(units: int = 10, **offer: Any) -> Pairs:
        market = await make_market(units)
        async with market.db.transaction() as tx:
            made = await catalog.create_product(
                tx,
                status=catalog.Status.ACTIVE,
                shop_id=market.shop_id,
                title="Pair",
                variants=[catalog.NewVariant(33_000, sku="PAIR")],
            )
            [pair] = await catalog.variants(tx, shop_id=market.shop_id, product_ids=[made.id])
            await catalog.set_parts(
                tx,
                shop_id=market.shop_id,
                variant_id=pair.id,
                parts=[catalog.NewPart(market.variants[0], 1), catalog.NewPart(market.variants[1], 2)],
            )
            offered = await run_of_show.add_offer(
                tx,
                shop_id=market.shop_id,
                show_id=market.show_id,
                product_id=made.id,
                lines=[run_of_show.OfferLine(pair.id, PAIR_PRICE, 0)],
                **offer,
            )
        cache = OfferTermsCache(loader(market.db))
        queue = WaitlistHook(cache)
        intake = Intake(dsn, on_refused=queue.join)
        await intake.open()
        door = PurchaseGateway(db=market.db, intake=intake, terms=cache)
        running.append((intake, door))
        return Pairs(market, made.id, pair.id, offered.id, door, cache)

    yield make
    for intake, door in running:
        await door.close()
        await intake.close()


@pytest.fixture
async def pairs(make_pairs: MakePairs) -> Pairs:
    return await make_pairs()


# ── buying ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pair_is_held_as_its_parts_and_shown_as_one(pairs: Pairs) -> None:
    answer = await pairs.buy(2)

    assert answer.outcome == "held"
    assert await pairs.left() == (8, 6, 3)
    seen = await pairs.checkout(answer.id)
    assert [(item.sku, item.quantity, item.unit_price_minor) for item in seen.items] == [
        (sku, 2 * units, each) for sku, units, each in SHARES
    ]
    [whole] = seen.bundles
    assert (whole.variant_id, whole.product_id, whole.title, whole.sku) == (
        pairs.pair, pairs.product_id, "Pair", "PAIR",
    )  # fmt: skip
    assert (whole.quantity, whole.unit_price_minor, whole.amount_minor) == (2, PAIR_PRICE, 2 * PAIR_PRICE)
    assert (sum(item.amount_minor for item in seen.items), seen.currency) == (2 * PAIR_PRICE, "CNY")
    [shown] = seen.shown
    assert shown.bundle == whole
    assert [(part.line.sku, part.quantity, part.amount_minor) for part in shown.contents] == [
        ("COAT-M", 2, 20_000),
        ("COAT-L", 4, 39_998),
    ]
    again = await pairs.ask(PurchaseRequest(UUID(str(answer.id)), pairs.offer_id, pairs.pair, 2, PAIR_PRICE))
    assert again.hold == answer.hold
    assert await pairs.left() == (8, 6, 3)


async def test_the_order_keeps_the_bundle_and_its_lines(pairs: Pairs) -> None:
    placed = await pairs.order(2)
    view = await pairs.view(placed)

    assert (placed.goods_minor, placed.total_minor) == (2 * PAIR_PRICE, 2 * PAIR_PRICE)
    [whole] = view.bundles
    assert (whole.title, whole.quantity, whole.amount_minor) == ("Pair", 2, 2 * PAIR_PRICE)
    assert [(line.sku, line.quantity, line.unit_price_minor, line.bundle_id) for line in view.lines] == [
        (sku, 2 * units, each, whole.id) for sku, units, each in SHARES
    ]
    assert view.page["bundles"][0]["title"] == "Pair"
    async with pairs.db.transaction() as tx:
        [summary] = await order_lists.orders(tx, shop_id=pairs.market.shop_id)
    assert (summary.titles, summary.units) == ("Pair", 6)
    await pairs.market.assert_sound()


async def test_a_cart_of_pairs_and_loose_coats_is_one_sum_per_coat(pairs: Pairs) -> None:
    large = pairs.market.variants[1]
    cart = (PurchaseLine(pairs.pair, 3, 33_000), PurchaseLine(large, 5, PRICE))
    async with pairs.db.transaction() as tx:
        await stock.close_show_pool(tx, shop_id=pairs.market.shop_id, show_id=pairs.market.show_id)
        pool = await inventory.open_pool(tx, shop_id=pairs.market.shop_id)

    refused = await pairs.ask(PurchaseRequest(uuid4(), lines=cart))
    assert (refused.code, refused.facts) == (
        "stock.sold_out",
        {"variant_id": large, "wanted": 11, "left": 10},
    )

    held = await pairs.ask(PurchaseRequest(uuid4(), lines=(cart[0], PurchaseLine(large, 4, PRICE))))
    assert held.outcome == "held"
    async with pairs.db.transaction() as tx:
        free = await stock.available(
            tx, shop_id=pairs.market.shop_id, variant_ids=pairs.market.variants, pool_id=pool.id
        )
    assert [free[variant].total for variant in pairs.market.variants] == [7, 0]
    seen = await pairs.checkout(held.id)
    assert sum(item.amount_minor for item in seen.items) == 3 * 33_000 + 4 * PRICE
    shown = seen.shown
    assert [(each.bundle.title if each.bundle else each.lines[0].sku) for each in shown] == ["Pair", "COAT-L"]
    await pairs.market.complete(UUID(str(held.id)), pairs.shopper)
    await pairs.market.assert_sound()


async def test_sold_out_is_said_of_the_pair(pairs: Pairs) -> None:
    answer = await pairs.buy(6)

    assert (answer.outcome, answer.code) == ("refused", "stock.sold_out")
    assert answer.facts == {
        "variant_id": pairs.pair, "wanted": 6, "left": 5, "part_id": pairs.market.variants[1],
    }  # fmt: skip
    assert await pairs.left() == (10, 10, 5)


async def test_the_price_is_that_of_the_pair(pairs: Pairs) -> None:
    answer = await pairs.buy(price_minor=PAIR_PRICE - 1)

    assert (answer.code, answer.facts) == (
        "orders.price_changed",
        {
            "variant_id": pairs.pair,
            "seen_minor": PAIR_PRICE - 1,
            "price_minor": PAIR_PRICE,
            "currency": "CNY",
        },
    )
    assert await pairs.left() == (10, 10, 5)


async def test_a_purchase_keeps_what_it_consists_of(pairs: Pairs) -> None:
    """The merchant changes the pair between the tap and the checkout, and again before the late payment."""
    answer = await pairs.buy()
    hold_id = UUID(str(answer.id))
    await pairs.set_parts(3, 0)
    pairs.terms.forget_variant(pairs.pair)

    seen = await pairs.checkout(answer.id)
    assert [(item.sku, item.quantity) for item in seen.items] == [(sku, units) for sku, units, _ in SHARES]
    assert (seen.bundles[0].title, seen.bundles[0].unit_price_minor) == ("Pair", PAIR_PRICE)
    await pairs.market.make_overdue(hold_id)
    assert await pairs.market.expire() == 3
    await pairs.set_parts(0, 0)
    placed = await pairs.market.complete(hold_id, pairs.shopper)

    view = await pairs.view(placed)
    assert [(line.sku, line.quantity, line.unit_price_minor) for line in view.lines] == SHARES
    assert placed.total_minor == PAIR_PRICE
    assert await pairs.left() == (9, 8, 0), "a pair is a plain variant without units now"
    other = await pairs.buy()
    assert other.code == "stock.unknown"
    await pairs.market.assert_sound()


async def fell(pairs: Pairs) -> orders.Order:
    """An order of one pair that nobody paid in time."""
    placed = await pairs.order()
    async with pairs.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 hour'")
    await orders.sweep(pairs.db)
    assert await pairs.left() == (10, 10, 5)
    return placed


async def pay(pairs: Pairs, order: orders.Order) -> orders.Order:
    async with pairs.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=pairs.market.shop_id, order_id=order.id, amount=order.total, actor="person:1"
        )


async def test_a_late_payment_brings_the_whole_pair_back(pairs: Pairs) -> None:
    paid = await pay(pairs, await fell(pairs))

    assert (paid.status, await pairs.left()) == ("paid", (9, 8, 4))
    await pairs.market.assert_sound()


async def test_a_late_payment_is_owed_back_when_one_part_is_gone(pairs: Pairs) -> None:
    order = await fell(pairs)
    await pairs.market.hold(lines={pairs.market.variants[1]: 9})

    paid = await pay(pairs, order)

    assert (paid.status, paid.refund_granted_minor) == ("cancelled", PAIR_PRICE)
    assert await pairs.left() == (10, 1, 0)
    await pairs.market.assert_sound()


async def test_parts_are_shipped_returned_and_refunded_by_themselves(pairs: Pairs) -> None:
    placed = await pairs.order(2)
    shop_id = pairs.market.shop_id
    async with pairs.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=shop_id, order_id=placed.id, amount=placed.total, actor="person:1")
        await orders.shipping.ship(tx, shop_id=shop_id, order_id=placed.id, actor="person:1")
    view = await pairs.view(placed)
    assert [line.shipped_quantity for line in view.lines] == [2, 2, 2]
    large = view.lines[1]
    async with pairs.db.transaction() as tx:
        refunded = await orders.refund(
            tx,
            shop_id=shop_id,
            order_id=placed.id,
            amount=Money(2 * large.unit_price_minor, "CNY"),
            refund_id=uuid4(),
            note="two too many",
            actor="person:1",
            put_back={large.id: 2},
        )
    assert refunded.refund_granted_minor == 20_000
    view = await pairs.view(placed)
    assert [line.returned_quantity for line in view.lines] == [0, 2, 0]
    [fact] = await pairs.market.facts("orders.order_refunded")
    lines: Any = fact["lines"]
    assert sum(line["amount_minor"] for line in lines) == 20_000
    async with pairs.db.transaction() as tx:
        open_pool = await inventory.open_pool(tx, shop_id=shop_id)
        free = await stock.available(
            tx, shop_id=shop_id, variant_ids=[large.variant_id], pool_id=open_pool.id
        )
    assert free[large.variant_id].total == 2
    await pairs.market.assert_sound()


async def test_a_presale_pair_is_ready_when_its_last_part_is(make_pairs: MakePairs) -> None:
    pairs = await make_pairs(0, deposit_percent=30)
    for variant_id, day in zip(pairs.market.variants, (3, 9), strict=True):
        async with pairs.db.transaction() as tx:
            await inventory.announce_lot(
                tx, shop_id=pairs.market.shop_id, variant_id=variant_id, location_id=pairs.market.location_id,
                quantity=4, ready_on=date(2030, 12, day), kind=inventory.LotKind.INCOMING, source=f"po-{day}",
            )  # fmt: skip
    late = await pairs.buy(latest_ready=date(2030, 12, 8))
    assert (late.code, late.facts) == (
        "stock.too_late",
        {"variant_id": pairs.pair, "wanted": 1, "left": 0, "ready_on": "2030-12-09",
         "part_id": pairs.market.variants[1]},
    )  # fmt: skip
    placed = await pairs.order()

    view = await pairs.view(placed)
    assert [line.ready_on for line in view.lines] == [date(2030, 12, 3), *[date(2030, 12, 9)] * 2]
    assert sum(line.first_minor for line in view.lines) == placed.first_minor
    assert placed.first_minor == 3_000 + 3_000 + 3_000
    assert (view.due and view.due.purpose) == "deposit"
    await pairs.market.assert_sound()


async def test_first_paid_wins_with_pairs(make_pairs: MakePairs) -> None:
    pairs = await make_pairs(2, policy=stock.HoldPolicy.FIRST_PAID)
    answer = await pairs.buy()
    assert (answer.outcome, await pairs.left()) == ("open", (2, 2, 1))
    short = await pairs.buy(2)
    assert (short.code, short.facts and short.facts["left"]) == ("stock.sold_out", 1)
    placed = await pairs.market.complete(UUID(str(answer.id)), pairs.shopper)
    view = await pairs.view(placed)
    assert [(line.sku, line.quantity, line.unit_price_minor) for line in view.lines] == SHARES
    assert view.bundles[0].amount_minor == PAIR_PRICE
    async with pairs.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=pairs.market.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
        )
    assert (paid.secured, await pairs.left()) == (True, (1, 0, 0))
    async with pairs.db.transaction() as tx:
        hold = await stock.hold(tx, shop_id=pairs.market.shop_id, hold_id=placed.hold_id)
    assert {part.bundle_id for part in hold.parts} == {view.bundles[0].id}
    await pairs.market.assert_sound()


async def test_limits_count_pieces(make_pairs: MakePairs) -> None:
    pairs = await make_pairs(10, limit_per_buyer=6)

    assert (await pairs.buy(3)).code == "stock.limit"
    wishes = await asyncio.gather(*(pairs.buy() for _ in range(5)))
    held = [each for each in wishes if each.outcome == "held"]
    assert held
    # A buyer's own unpaid holds give way to newer ones; what stands in the end is within the limit.
    assert (await pairs.left())[0] == 8
    async with pairs.db.transaction() as tx:
        holds = await stock.holds_of(tx, shop_id=pairs.market.shop_id, buyer=pairs.shopper)
    standing = [hold for hold in holds if hold.state == stock.HoldState.HELD]
    assert sum(part.quantity for hold in standing for part in hold.parts) == 6
    assert {len({part.variant_id for part in hold.parts}) for hold in standing} == {2}, "whole pairs only"


# ── waiting ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_waits_for_a_pair_is_served_when_its_parts_are_there(make_pairs: MakePairs) -> None:
    pairs = await make_pairs(2)
    placed = await pairs.order()
    ann, bo = uuid4(), uuid4()
    async with pairs.db.transaction() as tx:
        for buyer, variant_id, offer_id in (
            (ann, pairs.pair, pairs.offer_id),
            (bo, pairs.market.variants[1], pairs.market.offer_id),
        ):
            await purchases.join(
                tx, shop_id=pairs.market.shop_id, variant_id=variant_id, buyer=buyer, offer_id=offer_id
            )
    async with pairs.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=pairs.market.shop_id, order_id=placed.id, by=orders.Party.MERCHANT, actor="person:1"
        )
        [first] = await purchases.places(tx, buyer=ann)
        [second] = await purchases.places(tx, buyer=bo)
    assert (first.state, second.state) == ("offered", "waiting"), "the pair took both coats, and came first"
    assert first.hold_id is not None
    async with pairs.db.transaction() as tx:
        hold = await stock.hold(tx, shop_id=pairs.market.shop_id, hold_id=first.hold_id)
        seen = await orders.begin_checkout(
            tx, shop_id=pairs.market.shop_id, hold_id=first.hold_id, shopper=ann
        )
    assert [(part.quantity, part.unit_price) for part in hold.parts] == [
        (units, each) for _, units, each in SHARES
    ]
    assert (seen.bundles[0].title, seen.bundles[0].amount_minor) == ("Pair", PAIR_PRICE)
    async with pairs.db.transaction() as tx:
        await purchases.leave(tx, shop_id=pairs.market.shop_id, waiting_id=first.id, buyer=ann)
        [second] = await purchases.places(tx, buyer=bo)
    assert second.state == "offered"
    await pairs.market.assert_sound()


async def test_nobody_waits_for_a_pair_that_can_be_put_together(pairs: Pairs) -> None:
    with pytest.raises(purchases.WaitingNotNeeded):
        async with pairs.db.transaction() as tx:
            await purchases.join(
                tx,
                shop_id=pairs.market.shop_id,
                variant_id=pairs.pair,
                buyer=uuid4(),
                offer_id=pairs.offer_id,
            )
    assert await pairs.market.facts("orders.waitlist_joined") == []


async def test_a_queue_gives_a_place_for_the_pair(make_pairs: MakePairs) -> None:
    pairs = await make_pairs(2, policy=stock.HoldPolicy.QUEUE)
    await pairs.buy(shopper=uuid4())

    answer = await pairs.buy()

    assert (answer.outcome, answer.code) == ("queued", "stock.sold_out")
    assert answer.facts is not None
    assert (answer.facts["position"], answer.facts["variant_id"]) == (1, pairs.pair)
    async with pairs.db.transaction() as tx:
        [place] = await purchases.places(tx, buyer=pairs.shopper)
    assert (place.variant_id, place.quantity, place.unit_price_minor) == (pairs.pair, 1, PAIR_PRICE)


# ── what is remembered of terms ───────────────────────────────────────────────────────────────────────────


async def test_terms_are_forgotten_when_a_bundle_or_a_part_changes(pairs: Pairs) -> None:
    await pairs.buy()
    assert pairs.terms.get(pairs.offer_id) is not None
    pairs.terms.forget_variant(pairs.market.variants[1])
    assert pairs.terms.get(pairs.offer_id) is None, "a part costs something else: other shares"

    await pairs.buy()
    pairs.terms.forget_variant(10_000)
    known = pairs.terms.get(pairs.offer_id)
    assert isinstance(known, OfferTerms)
    await pairs.set_parts(2, 1)
    pairs.terms.forget_variant(pairs.pair)
    answer = await pairs.buy()
    seen = await pairs.checkout(answer.id)
    assert {(item.sku, item.quantity) for item in seen.items} == {("COAT-M", 1), ("COAT-L", 1)}
