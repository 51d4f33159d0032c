"""Units sold before they are there: dates, deposits, balances, and what happens when a side fails."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form

from shopfloor import inventory, orders, policies
from shopfloor.kernel.values import Money, now
from shopfloor.orders import Party, refusals
from shopfloor.orders.models import OrderLine
from shopfloor.payments import Purpose
from shopfloor.policies import ShopTerms

SOON = now().date() + timedelta(days=10)
DEPOSIT = 3_870  # 30 % of 12,900


async def lines(market: Market, order: orders.Order) -> list[OrderLine]:
    async with market.db.transaction() as tx:
        return (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines


async def due(market: Market, order: orders.Order) -> tuple[Purpose, int] | None:
    async with market.db.transaction() as tx:
        owed = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).due
    return None if owed is None else (owed.purpose, owed.amount.minor)


async def pay(market: Market, order: orders.Order, minor: int) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(minor, "CNY"), actor="person:1"
        )


async def arrive(market: Market, quantity: int = 5) -> int:
    async with market.db.transaction() as tx:
        await inventory.lot_arrived(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            location_id=market.location_id,
            source=f"po/{SOON}",
            quantity=quantity,
        )
        return await orders.lot_ready(tx, shop_id=market.shop_id, variant_id=market.variants[0])


@pytest.fixture
async def presale(make_market: MakeMarket) -> Market:
    """Nothing on the shelf, five units ready soon, 30 % deposit."""
    return await make_market(0, later={SOON: 5}, deposit_percent=30)


async def test_units_of_a_later_lot_carry_their_date(presale: Market) -> None:
    order, _ = await presale.order()

    [line] = await lines(presale, order)
    assert (line.ready_on, line.ship_by, line.is_ready) == (SOON, SOON, False)
    assert (order.first_minor, order.total_minor) == (DEPOSIT, PRICE)
    assert order.fulfilment_status == "waiting"
    assert await due(presale, order) == (Purpose.DEPOSIT, DEPOSIT)


async def test_shelf_and_later_units_are_two_lines_of_one_order(make_market: MakeMarket) -> None:
    market = await make_market(1, later={SOON: 5}, deposit_percent=30)

    order, _ = await market.order(quantity=3)

    assert [(line.quantity, line.ready_on, line.first_minor) for line in await lines(market, order)] == [
        (1, None, PRICE),
        (2, SOON, 2 * DEPOSIT),
    ]
    assert order.first_minor == PRICE + 2 * DEPOSIT
    assert order.goods_minor == 3 * PRICE


async def test_deposit_then_arrival_then_balance_then_shipped(presale: Market) -> None:
    order, _ = await presale.order()

    deposited = await pay(presale, order, DEPOSIT)
    assert (deposited.status, deposited.payment_status) == ("placed", "deposit_paid")
    with pytest.raises(refusals.NotPaid):
        async with presale.db.transaction() as tx:
            await orders.shipping.ship(tx, shop_id=presale.shop_id, order_id=order.id, actor="person:1")

    assert await arrive(presale) == 1
    [asked] = await presale.facts("orders.balance_requested")
    assert asked["amount_minor"] == PRICE - DEPOSIT
    assert await due(presale, order) == (Purpose.BALANCE, PRICE - DEPOSIT)

    with pytest.raises(refusals.WrongAmount):
        await pay(presale, order, PRICE)
    paid = await pay(presale, order, PRICE - DEPOSIT)
    assert (paid.status, paid.payment_status, paid.fulfilment_status) == ("paid", "paid", "ready")
    async with presale.db.transaction() as tx:
        shipped = await orders.shipping.ship(tx, shop_id=presale.shop_id, order_id=order.id, actor="person:1")
    assert shipped.status == "shipped"
    await presale.assert_sound()


async def test_paid_but_not_arrived_is_not_shipped(make_market: MakeMarket) -> None:
    market = await make_market(0, later={SOON: 5})
    order, _ = await market.paid()

    with pytest.raises(refusals.NotReady) as refusal:
        async with market.db.transaction() as tx:
            await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor="person:1")

    assert refusal.value.facts == {"line_ids": [line.id for line in await lines(market, order)]}


@pytest.mark.parametrize(("kept", "owed"), [(True, 0), (False, DEPOSIT)])
async def test_a_balance_nobody_pays_ends_the_order(presale: Market, kept: bool, owed: int) -> None:
    async with presale.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=presale.shop_id, terms=ShopTerms(keep_deposit=kept))
    order, _ = await presale.order()
    await pay(presale, order, DEPOSIT)
    await arrive(presale)
    async with presale.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET balance_due_at = now() - interval '1 hour'")

    swept = await orders.sweep(presale.db)

    assert swept.balances == 1
    async with presale.db.transaction() as tx:
        view = await orders.order(tx, shop_id=presale.shop_id, order_id=order.id)
    assert (view.order.status, view.order.cancel_why) == ("cancelled", "balance_unpaid")
    assert view.order.refund_owed_minor == owed
    assert ("deposit_kept" in {event.kind for event in view.payments}) is kept
    await presale.assert_sound()


async def test_a_kept_deposit_keeps_nothing_of_what_was_paid_in_full(make_market: MakeMarket) -> None:
    market = await make_market(1, later={SOON: 5}, deposit_percent=30)
    order, _ = await market.order(quantity=2)
    await pay(market, order, PRICE + DEPOSIT)
    await arrive(market)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET balance_due_at = now() - interval '1 hour'")

    await orders.sweep(market.db)

    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=order.id)
    assert view.order.refund_owed_minor == PRICE
    await market.assert_sound()


async def delayed(market: Market, to: date) -> int:
    async with market.db.transaction() as tx:
        return await orders.lot_delayed(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            promised_on=SOON,
            delayed_to=to,
        )


async def test_a_delay_may_be_accepted(presale: Market) -> None:
    order, shopper = await presale.order()
    await pay(presale, order, DEPOSIT)

    later = SOON + timedelta(days=7)
    assert await delayed(presale, later) == 1
    assert await delayed(presale, later) == 0

    async with presale.db.transaction() as tx:
        await orders.answer_delay(
            tx, shop_id=presale.shop_id, order_id=order.id, accept=True, shopper=shopper
        )
    [line] = await lines(presale, order)
    assert (line.ship_by, line.delay_accepted) == (later, True)
    with pytest.raises(orders.NoDelay):
        async with presale.db.transaction() as tx:
            await orders.answer_delay(
                tx, shop_id=presale.shop_id, order_id=order.id, accept=False, shopper=shopper
            )


async def test_a_delay_may_be_refused_with_everything_back(presale: Market) -> None:
    order, shopper = await presale.order()
    await pay(presale, order, DEPOSIT)
    await delayed(presale, SOON + timedelta(days=7))

    async with presale.db.transaction() as tx:
        gone = await orders.answer_delay(
            tx, shop_id=presale.shop_id, order_id=order.id, accept=False, shopper=shopper
        )

    assert (gone.status, gone.cancel_why, gone.refund_owed_minor) == ("cancelled", "late", DEPOSIT)
    await presale.assert_sound()


async def test_a_missed_date_lets_a_paying_buyer_cancel(make_market: MakeMarket) -> None:
    market = await make_market(0, later={SOON: 5})
    order, _ = await market.paid()
    with pytest.raises(refusals.CannotCancel):
        async with market.db.transaction() as tx:
            await orders.cancel(
                tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.BUYER, actor="buyer"
            )
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.line SET ready_on = current_date - 2")

    async with market.db.transaction() as tx:
        gone = await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.BUYER, actor="buyer"
        )

    assert (gone.cancel_why, gone.refund_owed_minor) == ("late", PRICE)


async def test_whoever_pays_first_gets_the_last_unit(make_market: MakeMarket) -> None:
    market = await make_market(1, policy="first_paid")
    placed = [await intended(market) for _ in range(2)]
    assert [order.fulfilment_status for order in placed] == ["unsecured", "unsecured"]
    assert await market.left() == 1

    winner = await pay(market, placed[1], PRICE)
    loser = await pay(market, placed[0], PRICE)

    assert (winner.status, winner.fulfilment_status) == ("paid", "ready")
    assert (loser.status, loser.cancel_why, loser.refund_owed_minor) == ("cancelled", "sold_out", PRICE)
    assert await market.left() == 0
    await market.assert_sound()


async def intended(market: Market) -> orders.Order:
    """An order on an offer where nothing is held before payment."""
    async with market.db.transaction() as tx:
        hold_id, shopper = (
            await tx.value("SELECT gen_random_uuid()"),
            await tx.value("SELECT gen_random_uuid()"),
        )
        await tx.run(
            """
            INSERT INTO orders.intent (id, shop_id, buyer, offer_id, show_id, pool_id, lines, hash)
            VALUES (%(id)s, %(shop)s, %(buyer)s, %(offer)s, %(show)s, %(pool)s,
                    jsonb_build_array(jsonb_build_object('variant_id', %(variant)s::bigint, 'quantity', 1,
                                                         'unit_price_minor', %(price)s::bigint)), '')
            """,
            id=hold_id,
            shop=market.shop_id,
            buyer=shopper,
            offer=market.offer_id,
            show=market.show_id,
            pool=market.pool_id,
            variant=market.variants[0],
            price=PRICE,
        )
    return await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form()
    )


async def test_the_merchant_may_cancel_a_presale(presale: Market) -> None:
    order, _ = await presale.order()
    await pay(presale, order, DEPOSIT)

    async with presale.db.transaction() as tx:
        gone = await orders.cancel(
            tx, shop_id=presale.shop_id, order_id=order.id, by=Party.MERCHANT, actor="person:1"
        )

    assert gone.refund_owed_minor == DEPOSIT
    await presale.assert_sound()


@pytest.mark.parametrize(("zone", "late"), [("Pacific/Pago_Pago", False), ("Pacific/Kiritimati", True)])
async def test_a_promised_day_ends_where_the_shop_is(make_market: MakeMarket, zone: str, late: bool) -> None:
    """Between these two zones lie 25 hours: it is never the same day in both."""
    market = await make_market(0, later={SOON: 5})
    order, shopper = await market.paid()
    promised = now().astimezone(ZoneInfo("Pacific/Pago_Pago")).date()
    async with market.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET timezone = %(zone)s", zone=zone)
        await tx.run("UPDATE orders.line SET ready_on = %(day)s", day=promised)
        view = await orders.order_for_shopper(tx, shop_id=market.shop_id, order_id=order.id, shopper=shopper)

    assert (view.is_late, view.buyer_may_cancel) == (late, late)
