"""What a shopper holds is one basket: one form, one shipping price, one order; or nothing of it happens."""

import asyncio
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import inventory, orders, policies, promotions, purchases, stock
from shopfloor.kernel.errors import Refusal
from shopfloor.orders import Party, Status, refusals
from shopfloor.policies import ShopTerms
from shopfloor.pricing import DiscountKind
from shopfloor.promotions import Discount, Method

SHIPPING = 1_500


@pytest.fixture
async def market(make_market: MakeMarket) -> Market:
    made = await make_market()
    await set_shipping(made, SHIPPING)
    return made


async def set_shipping(market: Market, minor: int) -> None:
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=ShopTerms(shipping_minor=minor))


async def holds(market: Market, *, open_shop: bool = False) -> tuple[UUID, UUID, UUID]:
    """(first, second, buyer): one M, and two L, of the show or of the open shop."""
    first, buyer = await market.hold()
    if open_shop:
        async with market.db.transaction() as tx:
            await inventory.receive(
                tx,
                shop_id=market.shop_id,
                location_id=market.location_id,
                variant_id=market.variants[1],
                quantity=2,
            )
    second, _ = await market.hold(buyer=buyer, variant=1, quantity=2, open_shop=open_shop)
    return first, second, buyer


async def look(market: Market, hold_id: UUID, buyer: UUID) -> orders.Checkout:
    async with market.db.transaction() as tx:
        return await orders.begin_checkout(
            tx, shop_id=market.shop_id, hold_id=hold_id, shopper=buyer, also=None
        )


async def lines_of(market: Market, order: orders.Order) -> list[tuple[int, int]]:
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=order.id)
    return sorted((line.variant_id, line.quantity) for line in view.lines)


async def nothing_happened(market: Market, *hold_ids: UUID) -> None:
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM orders.orders WHERE status <> 'cancelled'") == 0
        assert await tx.value("SELECT count(*) FROM orders.checkout WHERE joined_to IS NOT NULL") == 0
    assert {await market.hold_state(each) for each in hold_ids} <= {stock.HoldState.HELD}
    await market.assert_sound()


async def lapse(market: Market, hold_id: UUID) -> None:
    await market.make_overdue(hold_id)
    await market.expire()
    assert await market.hold_state(hold_id) is stock.HoldState.EXPIRED


async def test_two_purchases_are_one_order_with_one_shipping_price(market: Market) -> None:
    first, second, buyer = await holds(market)

    seen = await look(market, second, buyer)
    order = await market.complete(
        second, buyer, also=[first], expected_total_minor=seen.quote.ways[0].totals.total.minor
    )

    assert [line.id for line in seen.lines] == [second, first]
    assert order.total_minor == 3 * PRICE + SHIPPING == seen.quote.ways[0].totals.total.minor
    assert await lines_of(market, order) == [(market.variants[0], 1), (market.variants[1], 2)]
    assert (order.show_id, order.offer_id) == (market.show_id, market.offer_id)
    assert await market.hold_state(order.hold_id) is stock.HoldState.ALLOCATED
    assert (await market.left(0), await market.left(1)) == (9, 8)
    await market.assert_sound()


async def test_each_purchase_keeps_its_own_clock_and_looking_renews_none(market: Market) -> None:
    first, buyer = await market.hold(seconds=60)
    second, _ = await market.hold(buyer=buyer, seconds=900)

    seen = await look(market, first, buyer)
    again = await look(market, first, buyer)

    assert [line.id for line in seen.lines] == [first, second]
    early, late = (line.expires_at for line in seen.lines)
    assert early is not None
    assert late is not None
    assert 800 < (late - early).total_seconds() <= 900
    assert [line.expires_at for line in again.lines] == [early, late]


async def test_a_basket_holds_nothing_of_other_shoppers_or_of_ordered_purchases(market: Market) -> None:
    first, buyer = await market.hold()
    await market.hold()
    ordered, _ = await market.hold(buyer=buyer)
    await market.complete(ordered, buyer)

    assert [line.id for line in (await look(market, first, buyer)).lines] == [first]


async def test_the_same_form_from_either_purchase_finds_the_same_order(market: Market) -> None:
    first, second, buyer = await holds(market)
    order = await market.complete(first, buyer, also=[second])

    again = await market.complete(second, buyer, also=[first])
    alone = await market.complete(second, buyer)

    assert {order.id, again.id, alone.id} == {order.id}
    seen = await look(market, second, buyer)
    assert seen.order_id == order.id
    with pytest.raises(refusals.KeyReused):
        await market.complete(second, buyer, also=[first], name="Somebody else")


async def test_a_purchase_that_is_sent_again_after_it_joined_is_not_granted_again(market: Market) -> None:
    first, second, buyer = await holds(market)
    await market.complete(first, buyer, also=[second])

    await market.hold(hold_id=second, buyer=buyer, variant=1, quantity=2)

    assert await market.hold_state(second) is stock.HoldState.RELEASED
    assert await market.left(1) == 8
    await market.assert_sound()


async def test_what_lapsed_is_told_apart_and_is_not_in_the_sum(market: Market) -> None:
    first, second, buyer = await holds(market)
    before = await look(market, first, buyer)
    await lapse(market, first)

    async with market.db.transaction() as tx:
        seen = await orders.begin_checkout(
            tx, shop_id=market.shop_id, hold_id=first, shopper=buyer, also=[second]
        )

    assert [line.is_over for line in before.lines] == [False, False]
    assert [(line.id, line.is_over) for line in seen.lines] == [(second, False), (first, True)]
    assert seen.id == second
    assert seen.quote.ways[0].totals.goods.minor == 2 * PRICE


async def test_what_lapsed_is_taken_again_where_it_can_be_had(market: Market) -> None:
    first, second, buyer = await holds(market)
    await lapse(market, first)

    order = await market.complete(second, buyer, also=[first])

    assert await lines_of(market, order) == [(market.variants[0], 1), (market.variants[1], 2)]
    assert await market.left(0) == 9
    await market.assert_sound()


async def test_what_is_gone_is_named_and_the_rest_stays_as_it_was(make_market: MakeMarket) -> None:
    market = await make_market(2)
    first, second, buyer = await holds(market)
    await lapse(market, first)
    taken, other = await market.hold(quantity=2)

    with pytest.raises(purchases.HoldExpired) as refusal:
        await market.complete(second, buyer, also=[first])

    assert refusal.value.facts["hold_id"] == str(first)
    assert refusal.value.facts["wait_for"] == [
        {"variant_id": market.variants[0], "offer_id": market.offer_id, "quantity": 1}
    ]
    await nothing_happened(market, second, taken)
    order = await market.complete(second, buyer)
    assert order.status is Status.PLACED
    assert other != buyer


async def test_somebody_elses_purchase_makes_no_basket(market: Market) -> None:
    first, buyer = await market.hold()
    theirs, _ = await market.hold()

    with pytest.raises(orders.CheckoutNotFound):
        await market.complete(first, buyer, also=[theirs])

    await nothing_happened(market, first, theirs)


async def test_part_that_was_ordered_meanwhile_is_said(market: Market) -> None:
    first, second, buyer = await holds(market)
    order = await market.complete(first, buyer)

    with pytest.raises(refusals.BasketChanged) as refusal:
        await market.complete(second, buyer, also=[first])

    assert refusal.value.facts == {"orders": [str(order.id)]}
    assert await market.hold_state(second) is stock.HoldState.HELD
    await market.assert_sound()


async def test_purchases_of_two_shows_are_two_orders(make_market: MakeMarket) -> None:
    here = await make_market()
    first, buyer = await here.hold()
    async with here.db.transaction() as tx:
        await tx.run("UPDATE stock.hold SET show_id = NULL WHERE id = %(id)s", id=first)
        other = await tx.value(
            "INSERT INTO live.show (shop_id, title) SELECT shop_id, 'Saturday' FROM live.show RETURNING id"
        )
        await tx.run("UPDATE stock.hold SET show_id = %(show)s WHERE id = %(id)s", show=other, id=first)
    second, _ = await here.hold(buyer=buyer)

    assert [line.id for line in (await look(here, second, buyer)).lines] == [second]
    with pytest.raises(refusals.BasketChanged):
        await here.complete(second, buyer, also=[first])

    await nothing_happened(here, first, second)


async def test_a_total_that_changed_while_the_basket_was_open_joins_nothing(market: Market) -> None:
    first, second, buyer = await holds(market)
    shown = (await look(market, first, buyer)).quote.ways[0].totals.total.minor
    await set_shipping(market, SHIPPING + 1)

    with pytest.raises(refusals.TotalChanged) as refusal:
        await market.complete(first, buyer, also=[second], expected_total_minor=shown)

    assert (refusal.value.facts["expected_minor"], refusal.value.facts["total_minor"]) == (shown, shown + 1)
    await nothing_happened(market, first, second)


async def test_goods_keep_the_price_that_was_tapped(market: Market) -> None:
    first, second, buyer = await holds(market)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE live.offer_line SET price_minor = 1")
        await tx.run(
            "INSERT INTO catalog.price (variant_id, minor, valid_from) SELECT id, 1, now() FROM catalog.variant"
        )

    order = await market.complete(first, buyer, also=[second])

    assert order.goods_minor == 3 * PRICE


async def test_a_cancelled_basket_gives_all_of_it_back(market: Market) -> None:
    first, second, buyer = await holds(market, open_shop=True)
    order = await market.complete(first, buyer, also=[second])

    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=Party.MERCHANT, actor="person:1", note=""
        )

    assert (await market.left(0)) == 10
    assert await market.hold_state(order.hold_id) is stock.HoldState.RELEASED
    await market.assert_sound()


async def fell_unpaid(market: Market, order: orders.Order) -> None:
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 hour'")
    await orders.sweep(market.db)
    assert await market.hold_state(order.hold_id) is stock.HoldState.RELEASED


async def pay(market: Market, order: orders.Order) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor="person:1"
        )


async def test_late_money_brings_a_basket_of_show_and_shop_back_whole(market: Market) -> None:
    first, second, buyer = await holds(market, open_shop=True)
    order = await market.complete(first, buyer, also=[second])
    await fell_unpaid(market, order)

    paid = await pay(market, order)

    assert (paid.status, paid.secured) == (Status.PAID, True)
    async with market.db.transaction() as tx:
        hold = await stock.hold(tx, shop_id=market.shop_id, hold_id=order.hold_id)
    assert sorted((part.variant_id, part.quantity, part.state) for part in hold.parts) == [
        (market.variants[0], 1, stock.HoldState.ALLOCATED),
        (market.variants[1], 2, stock.HoldState.ALLOCATED),
    ]
    await market.assert_sound()


async def test_late_money_takes_nothing_where_part_of_the_basket_is_gone(market: Market) -> None:
    first, second, buyer = await holds(market, open_shop=True)
    order = await market.complete(first, buyer, also=[second])
    await fell_unpaid(market, order)
    async with market.db.transaction() as tx:
        left = (await stock.available(tx, shop_id=market.shop_id, variant_ids=market.variants))[
            market.variants[1]
        ]
    if left.total:
        await market.hold(variant=1, quantity=left.total, open_shop=True)
    before = await market.left(0)

    paid = await pay(market, order)

    assert (paid.status, paid.secured, paid.refund_owed_minor) == (Status.CANCELLED, False, order.total_minor)
    assert await market.left(0) == before
    assert await market.hold_state(order.hold_id) is stock.HoldState.RELEASED
    await market.assert_sound()


async def test_a_basket_leaves_in_one_parcel(market: Market) -> None:
    first, second, buyer = await holds(market, open_shop=True)
    order = await market.complete(first, buyer, also=[second])
    await pay(market, order)

    async with market.db.transaction() as tx:
        shipped = await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor="person:1")
        parcels = await tx.value("SELECT count(*) FROM fulfilment.parcel")

    assert (shipped.status, parcels) == (Status.SHIPPED, 1)
    await market.assert_sound()


# ── with real commits, side by side ───────────────────────────────────────────────────────────────────────


async def outcome(market: Market, hold_id: UUID, buyer: UUID, also: list[UUID], **changes: object) -> str:
    try:
        return str((await market.complete(hold_id, buyer, also=also, **changes)).id)
    except Refusal as refusal:
        return refusal.code


async def test_two_windows_that_send_the_same_basket_make_one_order(market: Market) -> None:
    first, second, buyer = await holds(market)

    answers = await asyncio.gather(
        *(outcome(market, *pair) for pair in [(first, buyer, [second]), (second, buyer, [first])] * 3)
    )

    assert len(set(answers)) == 1
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM orders.orders") == 1
    assert (await market.left(0), await market.left(1)) == (9, 8)
    await market.assert_sound()


async def test_baskets_that_overlap_order_each_purchase_once(market: Market) -> None:
    first, second, buyer = await holds(market)
    third, _ = await market.hold(buyer=buyer)

    answers = await asyncio.gather(
        outcome(market, first, buyer, [second]),
        outcome(market, third, buyer, [second]),
        outcome(market, second, buyer, []),
    )

    placed = {answer for answer in answers if "." not in answer}
    assert placed
    assert {answer for answer in answers if "." in answer} <= {"orders.basket_changed"}
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM orders.orders") == len(placed)
        assert (
            await tx.value(
                "SELECT sum(quantity) FROM orders.line WHERE variant_id = %(id)s", id=market.variants[1]
            )
            == 2
        )
    await market.assert_sound()


async def test_a_basket_is_placed_whole_or_not_while_its_time_runs_out(market: Market) -> None:
    for _ in range(5):
        first, second, buyer = await holds(market)
        await market.make_overdue(first)

        async def place(first: UUID = first, second: UUID = second, buyer: UUID = buyer) -> str:
            return await outcome(market, first, buyer, [second])

        placed, _ = await asyncio.gather(place(), market.expire())

        assert "." not in placed
        async with market.db.transaction() as tx:
            assert (
                await tx.value(
                    "SELECT sum(quantity) FROM orders.line WHERE order_id = %(id)s", id=UUID(placed)
                )
                == 3
            )
        await market.assert_sound()


async def test_the_last_use_of_a_code_goes_to_one_basket(market: Market) -> None:
    async with market.db.transaction() as tx:
        await promotions.service.save(
            tx,
            shop_id=market.shop_id,
            wanted=Discount(
                id=0,
                title="Last",
                kind=DiscountKind.AMOUNT,
                currency="",
                amount_minor=1_000,
                method=Method.CODE,
                most_uses=1,
            ),
            code="LAST",
        )
    baskets = [await holds(market) for _ in range(3)]

    answers = await asyncio.gather(
        *(
            outcome(
                market, first, buyer, [second], codes=("LAST",), phone="", email=f"{uuid4().hex}@example.com"
            )
            for first, second, buyer in baskets
        )
    )

    placed = [answer for answer in answers if "." not in answer]
    assert len(placed) == 1
    assert {answer for answer in answers if "." in answer} <= {"promotions.gone", "orders.form"}
    for (first, second, _), answer in zip(baskets, answers, strict=True):
        if answer not in placed:
            assert await market.hold_state(first) is stock.HoldState.HELD
            assert await market.hold_state(second) is stock.HoldState.HELD
    await market.assert_sound()


async def test_what_a_show_only_code_takes_off_is_shown_and_charged_from_either_purchase(
    market: Market,
) -> None:
    async with market.db.transaction() as tx:
        await promotions.service.save(
            tx,
            shop_id=market.shop_id,
            wanted=Discount(
                id=0,
                title="In the show",
                kind=DiscountKind.AMOUNT,
                currency="",
                amount_minor=1_000,
                method=Method.CODE,
                show_id=market.show_id,
            ),
            code="SHOW",
        )
    first, second, buyer = await holds(market, open_shop=True)
    async with market.db.transaction() as tx:
        seen = await orders.begin_checkout(
            tx, shop_id=market.shop_id, hold_id=second, shopper=buyer, also=[first], codes=["SHOW"]
        )
    shown = seen.quote.ways[0].totals.total.minor

    order = await market.complete(second, buyer, also=[first], codes=("SHOW",), expected_total_minor=shown)

    assert order.total_minor == shown == 3 * PRICE - 1_000 + SHIPPING
    assert order.show_id == market.show_id


async def test_a_basket_is_one_contact_to_the_limits_on_what_is_unpaid(make_market: MakeMarket) -> None:
    """Three for each buyer: one is ordered unpaid, and a basket of two and one under the same number would be four; each
    of its purchases by itself would not.
    """
    market = await make_market(limit_per_buyer=3)
    await market.order()
    first, buyer = await market.hold(quantity=2)
    second, _ = await market.hold(buyer=buyer)
    with pytest.raises(refusals.ContactLimit) as refused:
        await market.complete(first, buyer, also=[second])
    assert (refused.value.facts["limit"], refused.value.facts["already"], refused.value.facts["wanted"]) == (
        3,
        1,
        3,
    )
    assert [await market.hold_state(each) for each in (first, second)] == [stock.HoldState.HELD] * 2
    assert (await market.complete(first, buyer)).goods_minor == 2 * PRICE


async def test_two_pages_of_one_basket_opened_at_once_do_not_wait_for_each_other(
    make_market: MakeMarket,
) -> None:
    """From either purchase, twenty times: each names the other first."""
    market = await make_market(100)
    for _ in range(20):
        first, buyer = await market.hold()
        second, _ = await market.hold(buyer=buyer, variant=1)
        seen = await asyncio.gather(look(market, first, buyer), look(market, second, buyer))
        assert [{line.id for line in each.lines} for each in seen] == [{first, second}] * 2
