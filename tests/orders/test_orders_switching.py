"""A buyer whose online payment failed, or who changed their mind, pays by transfer; nobody pays twice for it."""

from datetime import timedelta

import pytest
from tests.orders.conftest import PRICE, Market
from tests.orders.test_orders_disputes import connected
from typing_extensions import override

from shopfloor import orders, payment_providers, payments, policies
from shopfloor.kernel.values import now
from shopfloor.orders import Status
from shopfloor.orders.reports import apply_report
from shopfloor.payment_providers import Action, ActionKind, Attempt, Charged, Closed, Manual, Outcome, Pending
from shopfloor.payments.ways import Way

TRANSFER = Way(None, "manual", "transfer", "", is_test=False)


class Page(Manual):
    """A provider with a page; `says`: what closing an attempt finds."""

    name = "stripe"

    def __init__(self, says: Outcome | None = None) -> None:
        self.says = says or Closed()
        self.closed = 0

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        return Action(ActionKind.REDIRECT, "https://pay.example/1", reference="cs_1")

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        self.closed += 1
        return self.says


async def online(market: Market, provider: Page) -> tuple[orders.Order, payment_providers.Providers, int]:
    """A placed order that is being paid online."""
    account = await connected(market)
    known: payment_providers.Providers = {**payment_providers.MANUAL_ONLY, f"stripe/{account}": provider}
    order, _ = await market.order()
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET provider = 'stripe', method = 'card', payment_due_at = now() + interval '30 minutes'"
        )
    await begin(market, order, known, Way(account, "stripe", "card", "", is_test=False))
    return order, known, account


async def begin(
    market: Market, order: orders.Order, known: payment_providers.Providers, way: Way
) -> payments.Payment:
    return await orders.paying.begin(
        market.db,
        known,
        shop_id=market.shop_id,
        order_id=order.id,
        way=way,
        return_url="https://shop.test/back",
    )


async def order_now(market: Market, order: orders.Order) -> orders.Order:
    async with market.db.transaction() as tx:
        return (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).order


async def test_a_transfer_has_the_time_of_a_transfer_and_the_page_is_closed(market: Market) -> None:
    page = Page()
    order, known, _ = await online(market, page)
    async with market.db.transaction() as tx:
        hours = (await policies.shop_terms(tx, shop_id=market.shop_id)).pay_within_hours

    await begin(market, order, known, TRANSFER)
    payment = await begin(market, order, known, TRANSFER)

    after = await order_now(market, order)
    assert (after.provider, after.method, payment.is_online, page.closed) == ("manual", "transfer", False, 1)
    assert after.placed_at is not None
    assert after.payment_due_at == after.placed_at + timedelta(hours=hours)
    async with market.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor="person:1"
        )
    assert paid.status is Status.PAID
    await market.assert_sound()


async def test_money_that_came_while_the_page_was_closed_pays_the_order(market: Market) -> None:
    order, known, _ = await online(market, Page())
    page = known[next(key for key in known if key.startswith("stripe"))]
    assert isinstance(page, Page)
    page.says = Charged("pi_1", order.total)

    with pytest.raises(orders.paying.AlreadyPaid):
        await begin(market, order, known, TRANSFER)

    after = await order_now(market, order)
    assert (after.status, after.charged_minor, after.provider) == (Status.PAID, PRICE, "stripe")
    await market.assert_sound()


async def test_a_payment_that_a_bank_is_still_at_cannot_be_left(market: Market) -> None:
    order, known, _ = await online(market, Page(Pending("cs_1")))
    before = await order_now(market, order)

    with pytest.raises(payments.PaymentBusy):
        await begin(market, order, known, TRANSFER)

    assert await order_now(market, order) == before


async def test_money_that_comes_late_for_a_closed_page_still_pays_and_a_transfer_after_it_is_refused(
    market: Market,
) -> None:
    order, known, _ = await online(market, Page())
    async with market.db.transaction() as tx:
        first = (await payments.payments_for(tx, subject_id=order.id))[-1]
    await begin(market, order, known, TRANSFER)

    async with market.db.transaction() as tx:
        paid = await apply_report(tx, payment=first, outcome=Charged("pi_1", order.total))
    assert (paid.status, paid.charged_minor) == (Status.PAID, PRICE)

    with pytest.raises(orders.paying.AlreadyPaid):
        await begin(market, order, known, TRANSFER)
    await market.assert_sound()


async def test_the_way_back_to_the_page_is_open_and_the_longer_time_stays(market: Market) -> None:
    order, known, account = await online(market, Page())
    await begin(market, order, known, TRANSFER)
    longer = (await order_now(market, order)).payment_due_at

    again = await begin(market, order, known, Way(account, "stripe", "card", "", is_test=False))

    assert again.is_online
    assert (await order_now(market, order)).payment_due_at == longer
    assert longer is not None
    assert longer > now()
    await market.assert_sound()
