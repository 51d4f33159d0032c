"""Paid, refunded, cancelled: sums come from events, and nothing is taken or given twice."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form

from shopfloor import order_lists, orders, payment_refunds, purchases, stock
from shopfloor.kernel.values import Money
from shopfloor.orders import Party, Status, refusals
from shopfloor.orders.models import PaymentStatus
from shopfloor.orders.sweeper import Swept

CNY = "CNY"
MERCHANT = "person:1"


async def pay(market: Market, order: orders.Order, minor: int, **more: str) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.mark_paid(
            tx,
            shop_id=market.shop_id,
            order_id=order.id,
            amount=Money(minor, more.pop("currency", CNY)),
            actor=MERCHANT,
            **more,
        )


async def refund(market: Market, order: orders.Order, minor: int, **more: object) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.refund(
            tx,
            shop_id=market.shop_id,
            order_id=order.id,
            amount=Money(minor, CNY),
            refund_id=more.pop("refund_id", None) or uuid4(),  # pyright: ignore[reportArgumentType]
            note="",
            actor=MERCHANT,
            **more,  # pyright: ignore[reportArgumentType]
        )


async def cancel(market: Market, order: orders.Order, by: Party = Party.MERCHANT) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.cancel(tx, shop_id=market.shop_id, order_id=order.id, by=by, actor=MERCHANT)


async def kinds(market: Market, order: orders.Order) -> list[tuple[str, int]]:
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=order.id)
    return [(event.kind.value, event.amount_minor) for event in view.payments]


async def test_paid_is_what_was_due(market: Market) -> None:
    order, _ = await market.order(quantity=2)

    paid = await pay(market, order, 2 * PRICE)

    assert (paid.status, paid.payment_status, paid.charged_minor) == ("paid", "paid", 2 * PRICE)
    assert paid.paid_at is not None
    [fact] = await market.facts("orders.order_paid")
    assert (fact["amount_minor"], fact["paid_in_full"], fact["purpose"]) == (2 * PRICE, True, "full")
    assert await kinds(market, order) == [("requested", 2 * PRICE), ("charged", 2 * PRICE)]


@pytest.mark.parametrize("minor", [PRICE - 1, PRICE + 1, 0])
async def test_another_amount_is_refused_and_nothing_changes(market: Market, minor: int) -> None:
    order, _ = await market.order()

    with pytest.raises(refusals.WrongAmount) as refusal:
        await pay(market, order, minor)

    assert refusal.value.facts == {"due_minor": PRICE, "given_minor": minor, "currency": CNY}
    assert await kinds(market, order) == [("requested", PRICE)]


async def test_another_currency_is_refused(market: Market) -> None:
    order, _ = await market.order()

    with pytest.raises(refusals.WrongCurrency):
        await pay(market, order, PRICE, currency="EUR")

    assert await kinds(market, order) == [("requested", PRICE)]


async def test_paying_twice_is_refused_unless_it_is_the_same_payment(market: Market) -> None:
    order, _ = await market.order()
    await pay(market, order, PRICE, key="bank/77")

    again = await pay(market, order, PRICE, key="bank/77")
    with pytest.raises(refusals.AlreadyPaid):
        await pay(market, order, PRICE, key="bank/78")
    with pytest.raises(refusals.AlreadyPaid):
        await pay(market, order, PRICE)

    assert again.charged_minor == PRICE
    assert len(await market.facts("orders.order_paid")) == 1


async def test_a_key_names_one_payment(market: Market) -> None:
    one, _ = await market.order()
    other, _ = await market.order()
    await pay(market, one, PRICE, key="bank/77")

    with pytest.raises(refusals.KeyReused):
        await pay(market, other, PRICE, key="bank/77")

    assert await kinds(market, other) == [("requested", PRICE)]


async def test_two_shops_may_type_the_same_reference(make_market: MakeMarket) -> None:
    ours, theirs = await make_market(), await make_market()
    order, _ = await ours.order()
    other, _ = await theirs.order()
    await pay(ours, order, PRICE, key="2026-001")

    await pay(theirs, other, PRICE, key="2026-001")

    assert await kinds(ours, order) == [("requested", PRICE), ("charged", PRICE)]
    assert await kinds(theirs, other) == [("requested", PRICE), ("charged", PRICE)]
    again = await pay(theirs, other, PRICE, key="2026-001")
    assert (again.charged_minor, again.payment_status) == (PRICE, PaymentStatus.PAID)
    assert await kinds(theirs, other) == [("requested", PRICE), ("charged", PRICE)]
    third, _ = await theirs.order()
    with pytest.raises(refusals.KeyReused):
        await pay(theirs, third, PRICE, key="2026-001")
    await ours.assert_sound()


async def test_the_previous_release_finds_its_own_references(make_market: MakeMarket) -> None:
    """It knows no shops: it reads what was typed, but for the second of two shops that typed the same."""
    ours, theirs = await make_market(), await make_market()
    order, _ = await ours.order()
    other, _ = await theirs.order()
    await pay(ours, order, PRICE, key="2026-001")
    await pay(theirs, other, PRICE, key="2026-001")
    async with ours.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT order_id, reference FROM orders.payment_event WHERE kind = 'charged'"
        )
        seen = dict(await cursor.fetchall())
        payment_id = await tx.value(
            "SELECT id FROM orders.payment WHERE order_id = %(order_id)s", order_id=order.id
        )
        written = [
            await tx.run(
                """
                INSERT INTO orders.payment_event (id, payment_id, order_id, kind, amount_minor, provider, reference, actor)
                VALUES (gen_random_uuid(), %(payment_id)s, %(order_id)s, 'refund_granted', 5, 'manual', 'old/1', 'person:1')
                ON CONFLICT (provider, kind, reference) DO NOTHING
                """,
                payment_id=payment_id,
                order_id=order.id,
            )
            for _ in range(2)
        ]

    assert seen == {order.id: "2026-001", other.id: f"2026-001 (shop {theirs.shop_id})"}
    assert written == [1, 0]
    assert (await kinds(ours, order))[-1] == ("refund_granted", 5)


async def test_payment_events_cannot_be_changed(market: Market) -> None:
    await market.paid()

    with pytest.raises(psycopg.errors.RaiseException, match="appended, never changed"):
        async with market.db.transaction() as tx:
            await tx.run("UPDATE orders.payment_event SET amount_minor = 0")


async def test_refunds_in_parts_sum_and_never_exceed_what_was_paid(market: Market) -> None:
    order, _ = await market.paid(quantity=2)

    first = await refund(market, order, 5_000)
    second = await refund(market, order, 2 * PRICE - 5_000)
    with pytest.raises(payment_refunds.OverRefund) as refusal:
        await refund(market, order, 1)

    assert first.payment_status is PaymentStatus.REFUND_DUE
    assert second.refund_granted_minor == 2 * PRICE
    assert refusal.value.facts == {"given_minor": 1, "refundable_minor": 0}
    facts = await market.facts("orders.order_refunded")
    assert [fact["amount_minor"] for fact in facts] == [5_000, 2 * PRICE - 5_000]
    await market.assert_sound()


async def test_a_repeated_refund_is_one_refund(market: Market) -> None:
    order, _ = await market.paid()
    refund_id = uuid4()

    await refund(market, order, 900, refund_id=refund_id)
    again = await refund(market, order, 900, refund_id=refund_id)
    with pytest.raises(refusals.KeyReused):
        await refund(market, order, 901, refund_id=refund_id)

    assert again.refund_granted_minor == 900


async def test_a_refund_is_sent_once(market: Market) -> None:
    order, _ = await market.paid()
    refund_id = uuid4()
    await refund(market, order, PRICE, refund_id=refund_id)

    for _ in range(2):
        async with market.db.transaction() as tx:
            sent = await orders.mark_refunded(
                tx, shop_id=market.shop_id, order_id=order.id, refund_id=refund_id, actor=MERCHANT
            )
            owed = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).refunds_owed

        assert (sent.refunded_minor, sent.payment_status) == (PRICE, "refunded")
        assert owed == {}
    assert [fact["amount_minor"] for fact in await market.facts("orders.refund_paid")] == [PRICE]


async def test_returned_units_are_on_the_shelf_again(market: Market) -> None:
    order, _ = await market.paid(quantity=2)
    async with market.db.transaction() as tx:
        await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor=MERCHANT)
        [line] = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines

    back = await refund(market, order, PRICE, put_back={line.id: 1})
    with pytest.raises(purchases.BadPurchase):
        await refund(market, order, PRICE, put_back={line.id: 2})

    assert back.refund_granted_minor == PRICE
    async with market.db.transaction() as tx:
        free = await stock.available(tx, shop_id=market.shop_id, variant_ids=[line.variant_id])
    assert free[line.variant_id].total == 1
    await market.assert_sound()


async def test_a_buyer_cancels_before_paying_and_the_units_return(market: Market) -> None:
    order, _ = await market.order(quantity=4)
    assert await market.left() == 6

    async with market.db.transaction() as tx:
        gone = await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.BUYER, actor="buyer"
        )

    assert (gone.status, gone.cancelled_by, gone.cancel_why) == ("cancelled", "buyer", "asked")
    assert await market.left() == 10
    assert await market.hold_state(order.hold_id) is stock.HoldState.RELEASED
    await market.assert_sound()


async def test_a_buyer_who_has_paid_asks_the_merchant(market: Market) -> None:
    order, _ = await market.paid()

    with pytest.raises(refusals.CannotCancel):
        async with market.db.transaction() as tx:
            await orders.cancel(
                tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.BUYER, actor="buyer"
            )

    assert await market.left() == 9
    gone = await cancel(market, order)
    assert (gone.status, gone.payment_status, gone.refund_owed_minor) == ("cancelled", "refund_due", PRICE)
    assert await market.left() == 10
    await market.assert_sound()


async def test_cancelling_twice_is_cancelling_once(market: Market) -> None:
    order, _ = await market.paid()

    await cancel(market, order)
    again = await cancel(market, order)

    assert again.refund_granted_minor == PRICE
    assert len(await market.facts("orders.order_cancelled")) == 1
    assert await market.left() == 10


async def test_what_has_left_the_house_is_not_cancelled(market: Market) -> None:
    order, _ = await market.paid()
    async with market.db.transaction() as tx:
        await orders.shipping.ship(
            tx, shop_id=market.shop_id, order_id=order.id, actor=MERCHANT, tracking="SF123"
        )

    with pytest.raises(refusals.CannotCancel):
        await cancel(market, order)

    async with market.db.transaction() as tx:
        done = await orders.shipping.deliver(tx, shop_id=market.shop_id, order_id=order.id, actor=MERCHANT)
    assert (done.status, done.fulfilment_status, done.tracking) == ("delivered", "delivered", "SF123")
    await market.assert_sound()


async def test_nothing_is_shipped_before_it_is_paid_nor_delivered_before_it_is_shipped(
    market: Market,
) -> None:
    order, _ = await market.order()

    with pytest.raises(refusals.NotPaid) as refusal:
        async with market.db.transaction() as tx:
            await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor=MERCHANT)
    with pytest.raises(refusals.NotShipped):
        async with market.db.transaction() as tx:
            await orders.shipping.deliver(tx, shop_id=market.shop_id, order_id=order.id, actor=MERCHANT)

    assert refusal.value.facts == {"due_minor": PRICE, "currency": CNY, "purpose": "full"}
    assert await market.hold_state(order.hold_id) is stock.HoldState.ALLOCATED


async def overdue(market: Market, order: orders.Order) -> None:
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET payment_due_at = now() - interval '1 hour' WHERE id = %(id)s",
            id=order.id,
        )


async def test_an_order_nobody_pays_falls_and_its_late_payment_brings_it_back(market: Market) -> None:
    order, _ = await market.order()
    await overdue(market, order)

    swept = await orders.sweep(market.db)
    assert swept.unpaid == 1
    assert await market.left() == 10

    back = await pay(market, order, PRICE)
    assert (back.status, back.payment_status, back.cancel_why) == (Status.PAID, "paid", None)
    assert await market.left() == 9
    assert len(await market.facts("orders.order_reinstated")) == 1
    await market.assert_sound()


async def test_a_late_payment_for_units_that_are_gone_is_owed_back(make_market: MakeMarket) -> None:
    market = await make_market(1)
    order, _ = await market.order()
    await overdue(market, order)
    await orders.sweep(market.db)
    await market.order()

    late = await pay(market, order, PRICE)

    assert (late.status, late.payment_status, late.refund_owed_minor) == ("cancelled", "refund_due", PRICE)
    await market.assert_sound()


async def test_money_for_an_order_that_somebody_cancelled_is_owed_back(market: Market) -> None:
    order, _ = await market.order()
    await cancel(market, order, by=Party.BUYER)

    late = await pay(market, order, PRICE)

    assert (late.status, late.refund_owed_minor) == (Status.CANCELLED, PRICE)
    assert await market.left() == 10
    await market.assert_sound()


async def test_the_sweeper_leaves_alone_what_is_not_due(market: Market) -> None:
    unpaid, _ = await market.order()
    paid, _ = await market.paid()
    await overdue(market, paid)

    swept = await orders.sweep(market.db, abandoned=timedelta(0))

    assert swept == Swept(resumed=0, unpaid=0, balances=0)
    assert (await pay(market, unpaid, PRICE)).status is Status.PAID


async def test_another_shop_has_no_such_order(make_market: MakeMarket) -> None:
    here, there = await make_market(), await make_market()
    order, _ = await here.order()

    with pytest.raises(refusals.OrderNotFound):
        async with there.db.transaction() as tx:
            await orders.mark_paid(
                tx, shop_id=there.shop_id, order_id=order.id, amount=order.total, actor=MERCHANT
            )
    with pytest.raises(refusals.OrderNotFound):
        async with there.db.transaction() as tx:
            await orders.cancel(
                tx, shop_id=there.shop_id, order_id=order.id, by=Party.MERCHANT, actor=MERCHANT
            )

    assert await kinds(here, order) == [("requested", PRICE)]


async def test_the_list_finds_by_number_name_and_status(market: Market) -> None:
    first, _ = await market.order()
    second, _ = await market.paid()

    async def found(**filters: str) -> list[object]:
        async with market.db.transaction() as tx:
            return [
                row.id
                for row in await order_lists.orders(tx, shop_id=market.shop_id, **filters)  # pyright: ignore[reportArgumentType]
            ]

    assert await found() == [second.id, first.id]
    assert await found(status="paid") == [second.id]
    assert await found(search=f"#{first.number}") == [first.id]
    assert await found(search="lin MEI") == [second.id, first.id]
    assert await found(search="nobody") == []


async def test_two_holds_are_two_orders(market: Market) -> None:
    hold_id, shopper = await market.hold()
    other, _ = await market.hold(buyer=shopper)

    one = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form()
    )
    two = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=other, shopper=shopper, form=form()
    )

    assert one.id != two.id
    async with market.db.transaction() as tx:
        listed = await order_lists.orders(tx, shop_id=market.shop_id)
    assert [each.id for each in listed] == [two.id, one.id]
