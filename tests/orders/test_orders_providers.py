"""What every payment provider must do, and what orders do when a provider or a process fails on the way."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.orders.bank import Bank
from tests.orders.conftest import PRICE, MakeMarket, Market, form

from shopfloor import orders, payment_providers, payments, reconciliation, stock
from shopfloor.kernel.values import Money, new_id
from shopfloor.orders import Status
from shopfloor.orders.reports import apply_report
from shopfloor.payment_providers import Attempt, Awaiting, Charged, Declined, GivenBack, Manual, Provider


@dataclass
class Instant(Provider):
    """Stands for a provider that takes the money at once.  `amounts` is what the outside world remembers."""

    name: str = "instant"
    decline: str | None = None
    away: bool = False
    amounts: dict[UUID, Money] = field(default_factory=dict[UUID, Money])
    sent_back: dict[UUID, Money] = field(default_factory=dict[UUID, Money])
    asked: int = 0

    async def start(self, attempt: Attempt) -> Charged | Declined:
        self.asked += 1
        if self.away:
            raise payment_providers.ProviderAway
        if self.decline is not None:
            return Declined(self.decline)
        self.amounts.setdefault(attempt.id, attempt.amount)
        return Charged(f"psp/{attempt.id}", self.amounts[attempt.id])

    async def look_up(self, attempt: Attempt) -> Charged | None:
        if self.away:
            raise payment_providers.ProviderAway
        if attempt.id not in self.amounts:
            return None
        return Charged(f"psp/{attempt.id}", self.amounts[attempt.id])

    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> GivenBack:
        self.sent_back.setdefault(refund_id, amount)
        return GivenBack(f"psp-refund/{refund_id}")


@pytest.fixture(params=["manual", "instant", "bank"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Provider:
    known: dict[str, Provider] = {"manual": Manual(), "instant": Instant(), "bank": Bank(tmp_path / "bank")}
    return known[request.param]


# The contract.


async def test_starting_again_asks_for_the_money_once(provider: Provider) -> None:
    attempt = Attempt(id=new_id(), method="transfer", amount=Money(500, "CNY"), label="1001")

    first, again = await provider.start(attempt), await provider.start(attempt)

    assert first == again
    assert isinstance(first, Awaiting | Charged | Declined)


async def test_a_lookup_tells_what_start_told(provider: Provider) -> None:
    attempt = Attempt(id=new_id(), method="transfer", amount=Money(500, "CNY"), label="1001")
    started = await provider.start(attempt)

    known = await provider.look_up(attempt)

    assert type(known) is type(started)
    if isinstance(started, Charged):
        assert known == started


async def test_a_refund_sent_twice_is_one_refund(provider: Provider) -> None:
    attempt = Attempt(id=new_id(), method="transfer", amount=Money(500, "CNY"), label="1001")
    await provider.start(attempt)
    refund_id = new_id()

    first = await provider.give_back(attempt, refund_id=refund_id, amount=Money(200, "CNY"))
    again = await provider.give_back(attempt, refund_id=refund_id, amount=Money(200, "CNY"))

    assert first == again


# The three phases.


async def complete(market: Market, instant: Instant, hold_id: UUID, shopper: UUID) -> orders.Order:
    return await orders.complete(
        market.db,
        shop_id=market.shop_id,
        hold_id=hold_id,
        shopper=shopper,
        form=form(provider="instant", method="card"),
        providers={"instant": instant},
    )


async def test_paid_at_once(market: Market) -> None:
    hold_id, shopper = await market.hold()

    order = await complete(market, Instant(), hold_id, shopper)

    assert (order.status, order.payment_status) == ("paid", "paid")
    assert [fact["amount_minor"] for fact in await market.facts("orders.order_paid")] == [PRICE]
    await market.assert_sound()


async def test_an_unknown_provider_is_refused_before_anything_happens(market: Market) -> None:
    hold_id, shopper = await market.hold()

    with pytest.raises(payment_providers.ProviderUnknown):
        await orders.complete(
            market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form(provider="x")
        )

    assert await market.hold_state(hold_id) is stock.HoldState.HELD


async def test_a_declined_payment_leaves_the_hold_for_another_try(market: Market) -> None:
    hold_id, shopper = await market.hold()
    instant = Instant(decline="insufficient funds")

    with pytest.raises(payments.PaymentDeclined) as refusal:
        await complete(market, instant, hold_id, shopper)
    assert refusal.value.facts == {"reason": "insufficient funds"}
    assert await market.hold_state(hold_id) is stock.HoldState.HELD

    instant.decline = None
    order = await complete(market, instant, hold_id, shopper)
    assert order.status is Status.PAID
    assert len(instant.amounts) == 1
    await market.assert_sound()


async def test_the_same_form_finishes_what_a_lost_answer_left(market: Market) -> None:
    hold_id, shopper = await market.hold()
    instant = Instant(away=True)
    with pytest.raises(payment_providers.ProviderAway):
        await complete(market, instant, hold_id, shopper)

    instant.away = False
    order = await complete(market, instant, hold_id, shopper)

    assert order.status is Status.PAID
    assert len(instant.amounts) == 1


async def test_the_sweeper_finishes_what_was_charged_before_the_crash(market: Market) -> None:
    hold_id, shopper = await market.hold()
    instant = Instant()
    async with market.db.transaction() as tx:
        prepared = await orders.prepare(
            tx,
            shop_id=market.shop_id,
            hold_id=hold_id,
            shopper=shopper,
            form=form(provider="instant", method="card"),
        )
    await instant.start(
        Attempt(prepared.payment.id, "card", Money(prepared.payment.amount_minor, "CNY"), "label")
    )

    swept = await orders.sweep(market.db, providers={"instant": instant}, abandoned=timedelta(0))
    nothing = await orders.sweep(market.db, providers={"instant": instant}, abandoned=timedelta(0))

    assert (swept.resumed, nothing.resumed) == (1, 0)
    assert instant.asked == 1
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=prepared.order.id)
    assert view.order.status is Status.PAID
    await market.assert_sound()


async def test_charged_but_the_units_are_gone_is_owed_back_and_never_lost(make_market: MakeMarket) -> None:
    market = await make_market(1)
    hold_id, shopper = await market.hold()
    instant = Instant()
    async with market.db.transaction() as tx:
        prepared = await orders.prepare(
            tx,
            shop_id=market.shop_id,
            hold_id=hold_id,
            shopper=shopper,
            form=form(provider="instant", method="card"),
        )
    await instant.start(Attempt(prepared.payment.id, "card", Money(PRICE, "CNY"), "label"))
    await market.make_overdue(hold_id)
    await market.expire()
    await market.order()

    await orders.sweep(market.db, providers={"instant": instant}, abandoned=timedelta(0))

    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=prepared.order.id)
        [(refund_id, owed)] = (
            (await orders.order(tx, shop_id=market.shop_id, order_id=view.order.id)).refunds_owed
        ).items()
    assert (view.order.status, view.order.cancel_why, owed.minor) == ("cancelled", "sold_out", PRICE)
    assert await orders.send_refund(
        market.db,
        shop_id=market.shop_id,
        order_id=view.order.id,
        refund_id=refund_id,
        actor="shopfloor",
        providers={"instant": instant},
    )
    assert instant.sent_back == {refund_id: Money(PRICE, "CNY")}
    await market.assert_sound()


async def the_payment(market: Market, order: orders.Order) -> payments.Payment:
    async with market.db.transaction() as tx:
        return (await payments.payments_for(tx, subject_id=order.id))[-1]


async def report(
    market: Market, payment: payments.Payment, outcome: payment_providers.Outcome
) -> orders.Order:
    async with market.db.transaction() as tx:
        return await apply_report(tx, payment=payment, outcome=outcome)


async def open_differences(market: Market) -> list[tuple[str, int, str]]:
    async with market.db.transaction() as tx:
        found = await reconciliation.differences.differences(tx, shop_id=market.shop_id)
    return [(each.kind.value, each.amount_minor, each.currency) for each in found]


async def test_a_providers_message_twice_is_one_charge(market: Market) -> None:
    order, _ = await market.order()
    payment = await the_payment(market, order)

    for _ in range(2):
        paid = await report(market, payment, Charged("psp/1", order.total))
        assert paid.charged_minor == PRICE

    assert await open_differences(market) == []
    assert len(await market.facts("orders.order_paid")) == 1


async def test_a_providers_message_that_overtakes_its_answer_is_the_same_charge(
    market: Market, tmp_path: Path
) -> None:
    """The money is reported while we still wait for the answer to our question, and by that answer too."""
    hold_id, shopper = await market.hold()

    class Quick(Bank):
        async def start(self, attempt: Attempt) -> Charged:
            charged = await super().start(attempt)
            async with market.db.transaction() as tx:
                payment = (await payments.payments_by_id(tx, attempt.id))[attempt.id]
                await apply_report(tx, payment=payment, outcome=charged)
            return charged

    bank = Quick(tmp_path / "bank")
    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper,
        form=form(provider="bank", method="card"), providers={"bank": bank},
    )  # fmt: skip

    assert (order.status, order.charged_minor) == (Status.PAID, PRICE)
    assert bank.taken() == [PRICE]
    assert len(await market.facts("orders.order_placed")) == 1
    assert len(await market.facts("orders.order_paid")) == 1
    assert await market.hold_state(hold_id) is stock.HoldState.ALLOCATED
    await market.assert_sound()


@pytest.mark.parametrize(
    ("amount", "kind"),
    [
        (Money(PRICE - 1, "CNY"), "amount"),
        (Money(PRICE + 1, "CNY"), "amount"),
        (Money(PRICE, "EUR"), "currency"),
    ],
)
async def test_money_that_does_not_fit_is_a_difference_and_not_the_orders(
    market: Market, amount: Money, kind: str
) -> None:
    order, _ = await market.order()
    payment = await the_payment(market, order)

    for _ in range(2):
        await report(market, payment, Charged("psp/1", amount))

    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=order.id)
    assert (view.order.status, view.order.charged_minor) == (Status.PLACED, 0)
    assert await open_differences(market) == [(kind, amount.minor, amount.currency)]
    await market.assert_sound()


async def test_money_that_comes_twice_is_a_difference(market: Market) -> None:
    order, _ = await market.order()
    payment = await the_payment(market, order)

    await report(market, payment, Charged("psp/1", order.total))
    after = await report(market, payment, Charged("psp/2", order.total))

    assert (after.status, after.charged_minor) == (Status.PAID, PRICE)
    assert await open_differences(market) == [("twice", PRICE, "CNY")]
    assert len(await market.facts("orders.order_paid")) == 1
    await market.assert_sound()


async def test_money_for_an_order_that_fell_brings_it_back(market: Market) -> None:
    order, _ = await market.order()
    payment = await the_payment(market, order)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 minute'")
    await orders.sweep(market.db)

    back = await report(market, payment, Charged("psp/1", order.total))

    assert (back.status, back.secured) == (Status.PAID, True)
    assert await open_differences(market) == []
    await market.assert_sound()


async def test_money_for_an_order_that_was_cancelled_is_owed_back_and_money_after_that_is_a_difference(
    market: Market,
) -> None:
    order, _ = await market.order()
    payment = await the_payment(market, order)
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.MERCHANT, actor="person:1"
        )

    owed = await report(market, payment, Charged("psp/1", order.total))
    after = await report(market, payment, Charged("psp/2", order.total))

    assert (owed.status, owed.refund_owed_minor) == (Status.CANCELLED, PRICE)
    assert (after.charged_minor, after.refund_owed_minor) == (PRICE, PRICE)
    assert await open_differences(market) == [("late", PRICE, "CNY")]
    await market.assert_sound()


async def test_money_for_a_purchase_that_never_became_an_order_is_a_difference(market: Market) -> None:
    hold_id, shopper = await market.hold()
    instant = Instant(decline="insufficient funds")
    with pytest.raises(payments.PaymentDeclined):
        await complete(market, instant, hold_id, shopper)
    async with market.db.transaction() as tx:
        newest = await tx.value("SELECT id FROM payments.payment ORDER BY created_at DESC LIMIT 1")
        payment = (await payments.payments_by_id(tx, newest))[newest]

    after = await report(market, payment, Charged("psp/1", Money(PRICE, "CNY")))

    assert (after.status, after.number, after.charged_minor) == (Status.CANCELLED, None, 0)
    assert await open_differences(market) == [("late", PRICE, "CNY")]
    await market.assert_sound()


async def test_the_outside_world_is_asked_with_nothing_locked(market: Market) -> None:
    """While the provider thinks, another transaction can lock the order and the level."""
    hold_id, shopper = await market.hold()

    class Slow(Instant):
        async def start(self, attempt: Attempt) -> Charged | Declined:
            async with market.db.transaction() as tx:
                await tx.run("SELECT 1 FROM orders.orders FOR UPDATE NOWAIT")
                await tx.run("SELECT 1 FROM orders.checkout FOR UPDATE NOWAIT")
                await tx.run("SELECT 1 FROM stock.level FOR UPDATE NOWAIT")
            return await super().start(attempt)

    assert (await complete(market, Slow(), hold_id, shopper)).status is Status.PAID
