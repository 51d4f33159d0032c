"""The audit finds what it says it finds."""

from tests.orders.conftest import Market

from shopfloor import payment_providers, payment_refunds, payments, reconciliation
from shopfloor.kernel.values import new_id


async def failing(market: Market) -> list[str]:
    async with market.db.transaction() as tx:
        return [check.name for check in await reconciliation.audit(tx) if not check.passed]


async def test_money_without_an_order_or_a_difference_is_found(market: Market) -> None:
    await market.order()
    assert await failing(market) == []

    async with market.db.transaction() as tx:
        await tx.run("UPDATE payments.payment SET state = 'captured'")

    assert await failing(market) == ["payments: what was captured has an order or a difference"]


async def test_more_given_back_than_came_in_is_found(market: Market) -> None:
    order, _ = await market.paid()
    async with market.db.transaction() as tx:
        [payment] = await payments.payments_for(tx, subject_id=order.id)
        await payments.record(
            tx,
            payments.Happened(
                payment,
                payments.PaymentEventKind.REFUND_GRANTED,
                order.total_minor + 1,
                reference="x",
                actor="x",
            ),
        )

    assert await failing(market) == ["payments: no more is given back than came in"]


async def test_a_refund_that_left_and_was_not_recorded_is_found(market: Market) -> None:
    order, _ = await market.paid()
    async with market.db.transaction() as tx:
        [payment] = await payments.payments_for(tx, subject_id=order.id)
        refund_id = new_id()
        await payment_refunds.ask(tx, payment, refund_id=refund_id, amount_minor=100)
        await payment_refunds.note(
            tx, refund_id=refund_id, payment_id=payment.id, outcome=payment_providers.GivenBack("re_1")
        )

    assert await failing(market) == ["payments: what a provider has given back is recorded"]
