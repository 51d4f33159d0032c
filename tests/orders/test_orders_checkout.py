"""From a hold to an order, and what a repeated, wrong or late form gets."""

from dataclasses import replace
from uuid import uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form

from shopfloor import orders, policies, purchases, stock
from shopfloor.fulfilment import Delivery
from shopfloor.kernel.values import Money
from shopfloor.orders import Status, refusals
from shopfloor.policies import ShopTerms


async def count(market: Market, table: str) -> int:
    async with market.db.transaction() as tx:
        return await tx.value(f"SELECT count(*) FROM orders.{table}")  # pyright: ignore[reportArgumentType]


async def test_what_the_buyer_saw_is_frozen(market: Market) -> None:
    hold_id, shopper = await market.hold(quantity=2)
    async with market.db.transaction() as tx:
        await orders.begin_checkout(tx, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper)
        await tx.run("UPDATE catalog.product SET title = 'Something else'")
        await tx.run(
            "INSERT INTO catalog.price (variant_id, minor, valid_from) SELECT id, 1, now() FROM catalog.variant"
        )

    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form()
    )
    async with market.db.transaction() as tx:
        view = await orders.order_for_shopper(tx, shop_id=market.shop_id, order_id=order.id, shopper=shopper)

    [line] = view.lines
    assert (line.title, line.sku, line.options) == ("Linen coat", "COAT-M", ["M"])
    assert (line.quantity, line.unit_price_minor, line.amount_minor) == (2, PRICE, 2 * PRICE)
    assert (order.show_id, order.offer_id) == (market.show_id, market.offer_id)
    assert order.show_ms is not None
    assert 0 <= order.show_ms < 60_000
    assert view.page["show"]["title"] == "Friday show"
    assert view.page["items"][0]["title"] == "Linen coat"


async def test_an_order_is_placed_and_its_units_are_its_own(market: Market) -> None:
    order, _ = await market.order(quantity=3)

    assert (order.status, order.payment_status, order.fulfilment_status) == ("placed", "unpaid", "on_hold")
    assert (order.goods_minor, order.shipping_minor, order.total_minor) == (3 * PRICE, 0, 3 * PRICE)
    assert await market.hold_state(order.hold_id) is stock.HoldState.ALLOCATED
    assert await market.left() == 7
    [fact] = await market.facts("orders.order_placed")
    assert (fact["order_id"], fact["amount_minor"]) == (str(order.id), 3 * PRICE)
    await market.assert_sound()


async def test_numbers_count_up_in_each_shop(make_market: MakeMarket) -> None:
    here, there = await make_market(), await make_market()

    numbers = [(await market.order())[0].number or 0 for market in (here, there, there, here)]

    assert numbers[3] == numbers[0] + 1
    assert numbers[2] == numbers[1] + 1


async def test_shipping_is_added_unless_free_or_picked_up(market: Market) -> None:
    rules = ShopTerms(shipping_minor=1_500, free_shipping_from_minor=3 * PRICE)
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=rules)

    shipped, _ = await market.order(quantity=2)
    free, _ = await market.order(quantity=3)
    fetched, _ = await market.order(delivery=Delivery.PICK_UP, method="cash")

    assert shipped.total == Money(2 * PRICE + 1_500, "CNY")
    assert free.total == Money(3 * PRICE, "CNY")
    assert fetched.total == Money(PRICE, "CNY")
    assert fetched.payment_due_at is None


async def test_a_repeated_form_gives_the_same_order(market: Market) -> None:
    hold_id, shopper = await market.hold()

    first = await market.complete(hold_id, shopper)
    again = await market.complete(hold_id, shopper, name="  Lin   Mei ")

    assert again.id == first.id
    assert again.number == first.number
    assert await count(market, "orders") == 1
    assert len(await market.facts("orders.order_placed")) == 1


async def test_the_same_purchase_with_other_content_is_refused(market: Market) -> None:
    hold_id, shopper = await market.hold()
    first = await market.complete(hold_id, shopper)

    with pytest.raises(refusals.KeyReused) as refusal:
        await market.complete(hold_id, shopper, name="Somebody else")

    assert refusal.value.facts == {"order_id": str(first.id), "number": first.number}
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=first.id)
    assert view.order.contact_name == "Lin Mei"


async def test_a_stranger_finds_no_purchase(market: Market) -> None:
    hold_id, shopper = await market.hold()

    with pytest.raises(orders.CheckoutNotFound):
        await orders.complete(
            market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=uuid4(), form=form()
        )
    with pytest.raises(orders.CheckoutNotFound):
        await orders.complete(
            market.db, shop_id=market.shop_id + 1, hold_id=hold_id, shopper=shopper, form=form()
        )

    assert await count(market, "orders") == 0
    assert await market.hold_state(hold_id) is stock.HoldState.HELD


async def test_a_changed_total_is_said_before_anything_happens(market: Market) -> None:
    hold_id, shopper = await market.hold()
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=ShopTerms(shipping_minor=800))

    with pytest.raises(refusals.TotalChanged) as refusal:
        await orders.complete(
            market.db,
            shop_id=market.shop_id,
            hold_id=hold_id,
            shopper=shopper,
            form=form(expected_total_minor=PRICE),
        )

    assert refusal.value.facts == {"expected_minor": PRICE, "total_minor": PRICE + 800, "currency": "CNY"}
    assert await count(market, "orders") == 0


async def test_a_form_with_holes_says_all_of_them(market: Market) -> None:
    hold_id, shopper = await market.hold()

    with pytest.raises(refusals.FormRefused) as refusal:
        await orders.complete(
            market.db,
            shop_id=market.shop_id,
            hold_id=hold_id,
            shopper=shopper,
            form=form(name=" ", phone="call me", email="", address=None, method="cash"),
        )

    assert refusal.value.facts["fields"] == {
        "name": "missing",
        "phone": "not_a_phone_number",
        "street": "missing",
        "city": "missing",
        "method": "not_for_this_delivery",
    }
    assert await count(market, "orders") == 0


async def test_an_expired_hold_is_taken_again_when_the_units_are_there(market: Market) -> None:
    hold_id, shopper = await market.hold()
    await market.make_overdue(hold_id)
    assert await market.expire() == 1
    assert await market.left() == 10

    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form()
    )

    assert order.status is Status.PLACED
    assert await market.left() == 9
    await market.assert_sound()


async def test_an_expired_hold_whose_units_are_gone_offers_the_line(make_market: MakeMarket) -> None:
    market = await make_market(1)
    hold_id, shopper = await market.hold()
    await market.make_overdue(hold_id)
    await market.expire()
    await market.order()

    with pytest.raises(purchases.HoldExpired) as refusal:
        await orders.complete(
            market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form()
        )

    assert refusal.value.facts["reason"] == "stock.sold_out"
    assert refusal.value.facts["wait_for"] == [
        {"variant_id": market.variants[0], "offer_id": market.offer_id, "quantity": 1}
    ]
    assert await count(market, "orders") == 1
    await market.assert_sound()


async def test_looking_at_a_lapsed_purchase_renews_nothing(market: Market) -> None:
    hold_id, shopper = await market.hold()
    await market.make_overdue(hold_id)
    await market.expire()

    async with market.db.transaction() as tx:
        seen = await orders.begin_checkout(tx, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper)

    assert seen.expires_at is not None
    assert seen.order_id is None
    assert await market.hold_state(hold_id) is stock.HoldState.EXPIRED


async def test_a_small_cart_is_one_order_whose_lines_sum(market: Market) -> None:
    shopper = uuid4()
    hold_id, _ = await market.hold(buyer=shopper, lines={market.variants[0]: 2, market.variants[1]: 1})

    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form()
    )

    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=order.id)
    assert sorted((line.variant_id, line.quantity) for line in view.lines) == [
        (market.variants[0], 2),
        (market.variants[1], 1),
    ]
    assert sum(line.amount_minor for line in view.lines) == order.goods_minor == 3 * PRICE


async def test_the_key_opens_the_order_and_nothing_else_does(market: Market) -> None:
    order, shopper = await market.order()

    async with market.db.transaction() as tx:
        by_key = await orders.order_for_shopper(tx, shop_id=market.shop_id, order_id=order.id, key=order.key)
        with pytest.raises(refusals.OrderNotFound):
            await orders.order_for_shopper(tx, shop_id=market.shop_id, order_id=order.id, key="guess")
        with pytest.raises(refusals.OrderNotFound):
            await orders.order_for_shopper(tx, shop_id=market.shop_id + 1, order_id=order.id, shopper=shopper)

    assert by_key.order == replace(by_key.order, id=order.id)
