"""Money that is reserved when an order is placed and taken when it ships: once, no more than what leaves, and never
forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market
from tests.orders.test_orders_disputes import connected
from tests.orders.test_orders_edits import save
from tests.orders.test_orders_presale import intended
from typing_extensions import override

from shopfloor import (
    fulfilment,
    invoicing,
    orders,
    payment_authorisations,
    payment_providers,
    payment_refunds,
    payments,
    reconciliation,
)
from shopfloor.invoicing.refusals import NotPaidYet
from shopfloor.kernel.values import Money, now
from shopfloor.order_edits import Change, LineChange
from shopfloor.orders import Party, Status, authorising, capturing, packing
from shopfloor.orders.models import Delivery, PaymentStatus
from shopfloor.orders.refusals import NothingAuthorised
from shopfloor.orders.reports import apply_report
from shopfloor.payment_providers import (
    Abilities,
    Action,
    ActionKind,
    Attempt,
    Authorised,
    Charged,
    Closed,
    Declined,
    Outcome,
    Provider,
    RefundOutcome,
)
from shopfloor.payments.ways import Way

WEEK = timedelta(days=7)
ME = "person:1"


@dataclass
class Card(Provider):
    """What the outside world remembers of each attempt.  `away`, `declines`: how it answers who wants the money."""

    name: str = "stripe"
    abilities: Abilities = field(default_factory=lambda: Abilities(authorise=WEEK))
    states: dict[UUID, str] = field(default_factory=dict[UUID, str])
    taken: dict[UUID, int] = field(default_factory=dict[UUID, int])
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    until: datetime = field(default_factory=lambda: now() + WEEK)
    away: bool = False
    declines: str = ""

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        assert attempt.capture_later or attempt.id not in self.states
        self.states.setdefault(attempt.id, "later" if attempt.capture_later else "now")
        return Action(ActionKind.REDIRECT, "https://pay.example/1", reference=f"cs_{attempt.id}")

    def pays(self) -> None:
        for attempt, state in self.states.items():
            if state in {"later", "now"}:
                self.states[attempt] = "reserved" if state == "later" else "taken"

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        raise NotImplementedError

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        if self.away:
            raise payment_providers.ProviderAway
        match self.states.get(attempt.id):
            case None:
                return None
            case "reserved":
                return Authorised(f"cs_{attempt.id}", attempt.amount, self.until)
            case "taken":
                minor = self.taken.get(attempt.id, attempt.amount.minor)
                return Charged(f"pi_{attempt.id}", Money(minor, attempt.amount.currency))
            case "gone":
                return Closed("canceled")
            case _:
                return Action(ActionKind.REDIRECT, "https://pay.example/1", reference=f"cs_{attempt.id}")

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        if self.states.get(attempt.id) in {"later", "now"}:
            self.states[attempt.id] = "gone"
        return await self.look_up(attempt)

    @override
    async def void(self, attempt: Attempt) -> Outcome:
        found = await self.look_up(attempt)
        self.asked.append(("void", 0))
        if isinstance(found, Authorised):
            self.states[attempt.id] = "gone"
            return Closed("voided")
        assert found is not None
        return found

    @override
    async def capture(self, attempt: Attempt, *, capture_id: UUID, amount: Money) -> Outcome:
        found = await self.look_up(attempt)
        self.asked.append(("capture", amount.minor))
        if isinstance(found, Authorised):
            if self.declines:
                return Declined(self.declines)
            assert amount.minor <= found.amount.minor
            self.states[attempt.id] = "taken"
            self.taken[attempt.id] = amount.minor
            found = await self.look_up(attempt)
        assert found is not None
        return found


@dataclass
class Desk:
    """An order whose money is reserved by a card."""

    market: Market
    card: Card
    account: int
    order_id: UUID
    payment: payments.Payment

    @property
    def providers(self) -> payment_providers.Providers:
        return {**payment_providers.MANUAL_ONLY, f"stripe/{self.account}": self.card}

    async def order(self) -> orders.Order:
        async with self.market.db.transaction() as tx:
            return (await orders.order(tx, shop_id=self.market.shop_id, order_id=self.order_id)).order

    async def sums(self) -> tuple[int, int, int, int, PaymentStatus]:
        """Charged, authorised, granted back, given back, and what that is called."""
        found = await self.order()
        return (
            found.charged_minor,
            found.authorised_minor,
            found.refund_granted_minor,
            found.refunded_minor,
            found.payment_status,
        )

    async def ended(self) -> str | None:
        async with self.market.db.transaction() as tx:
            found = await payment_authorisations.of_payment(tx, payment_id=self.payment.id)
        assert found is not None
        return found.ended

    async def work(self) -> int:
        """What was decided is asked of the provider, at once."""
        async with self.market.db.transaction() as tx:
            await tx.run("UPDATE payments.authorisation SET next_at = now() WHERE next_at IS NOT NULL")
        return await capturing.send_due(self.market.db, self.providers)

    async def hear(self, outcome: Outcome) -> None:
        async with self.market.db.transaction() as tx:
            await apply_report(tx, payment=self.payment, outcome=outcome)

    async def ship(self, lines: Sequence[int] | None = None) -> None:
        async with self.market.db.transaction() as tx:
            await orders.shipping.ship(
                tx, shop_id=self.market.shop_id, order_id=self.order_id, actor=ME, line_ids=lines
            )

    async def look(self) -> None:
        await orders.paying.look(self.market.db, self.providers, payment=self.payment)

    async def ends_in(self, left: timedelta) -> None:
        self.card.until = now() + left
        async with self.market.db.transaction() as tx:
            await tx.run(
                "UPDATE payments.authorisation SET capture_before = %(until)s", until=self.card.until
            )

    async def lines(self) -> list[int]:
        async with self.market.db.transaction() as tx:
            view = await orders.order(tx, shop_id=self.market.shop_id, order_id=self.order_id)
        return [line.id for line in view.lines]


async def begun(
    market: Market, *, authorise: timedelta | None = WEEK, lines: dict[int, int] | None = None
) -> Desk:
    """To be paid by card; nobody has paid yet."""
    hold_id, shopper = await market.hold(lines=lines)
    return await to_card(market, await market.complete(hold_id, shopper), authorise=authorise)


async def to_card(market: Market, order: orders.Order, *, authorise: timedelta | None = WEEK) -> Desk:
    account = await connected(market)
    card = Card()
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET provider = 'stripe', method = 'card', payment_due_at = now() + interval '30 minutes' WHERE id = %(id)s",
            id=order.id,
        )
    payment = await orders.paying.begin(
        market.db,
        {f"stripe/{account}": card},
        shop_id=market.shop_id,
        order_id=order.id,
        way=Way(account, "stripe", "card", "", is_test=False, authorise=authorise),
        return_url="https://shop.test/back",
    )
    return Desk(market, card, account, order.id, payment)


async def reserved(market: Market, *, lines: dict[int, int] | None = None) -> Desk:
    desk = await begun(market, lines=lines)
    desk.card.pays()
    await desk.look()
    return desk


async def two_lines(market: Market) -> Desk:
    return await reserved(market, lines={market.variants[0]: 2, market.variants[1]: 1})


# What is reserved.


async def test_what_is_reserved_is_not_paid_and_keeps_the_units(market: Market) -> None:
    desk = await reserved(market)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 hour'")

    await orders.sweep(market.db, providers=desk.providers)

    found = await desk.order()
    assert found.status is Status.PLACED
    assert await desk.sums() == (0, PRICE, 0, 0, PaymentStatus.AUTHORISED)
    assert found.paid_at is None
    assert await market.facts("orders.order_paid") == []
    [fact] = await market.facts("orders.order_authorised")
    assert (fact["amount_minor"], fact["order_id"]) == (PRICE, str(desk.order_id))
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=desk.order_id)
        assert view.due is None
        with pytest.raises(payment_refunds.OverRefund):
            await orders.refund(
                tx, shop_id=market.shop_id, order_id=desk.order_id, amount=Money(1, "CNY"), refund_id=desk.order_id,
                note="", actor=ME,
            )  # fmt: skip
    async with market.db.transaction() as tx:
        with pytest.raises(NotPaidYet) as refused:
            await invoicing.invoice(tx, shop_id=market.shop_id, order_id=desk.order_id)
        assert refused.value.facts["due_minor"] == PRICE
    with pytest.raises(orders.paying.AlreadyPaid):
        await orders.paying.begin(
            market.db, desk.providers, shop_id=market.shop_id, order_id=desk.order_id,
            way=Way(None, "manual", "transfer", "", is_test=False), return_url="",
        )  # fmt: skip
    await market.assert_sound()


async def test_what_is_reserved_is_packed_and_taken_when_it_leaves(market: Market) -> None:
    desk = await reserved(market)
    async with market.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=desk.order_id)
        [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=desk.order_id)
        await orders.shipping.send_parcel(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)

    assert await desk.sums() == (0, PRICE, 0, 0, PaymentStatus.AUTHORISED)
    assert await desk.work() == 1
    assert await desk.work() == 0

    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    assert (await desk.ended(), desk.card.asked) == ("captured", [("capture", PRICE)])
    [fact] = await market.facts("orders.order_paid")
    assert (fact["amount_minor"], fact["paid_in_full"]) == (PRICE, True)
    await market.assert_sound()


async def test_a_card_lets_a_shop_take_once_so_it_is_taken_with_the_last_parcel(market: Market) -> None:
    desk = await two_lines(market)
    first, second = await desk.lines()

    await desk.ship([first])
    assert await desk.work() == 0
    await desk.ship([second])
    assert await desk.work() == 1

    assert desk.card.asked == [("capture", 3 * PRICE)]
    assert await desk.sums() == (3 * PRICE, 0, 0, 0, PaymentStatus.PAID)
    await market.assert_sound()


async def test_what_is_given_up_before_is_not_taken_and_is_booked_as_given_back(market: Market) -> None:
    desk = await two_lines(market)
    first, _ = await desk.lines()
    async with market.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=desk.order_id)
        [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=desk.order_id)
        await orders.shipping.short(
            tx, shop_id=market.shop_id, parcel_id=parcel.id, line_id=first, quantity=1, then="refund", actor=ME
        )  # fmt: skip
    assert await desk.sums() == (0, 3 * PRICE, 0, 0, PaymentStatus.AUTHORISED)

    await desk.ship()
    await desk.work()

    assert desk.card.asked == [("capture", 2 * PRICE)]
    assert await desk.sums() == (3 * PRICE, 0, PRICE, PRICE, PaymentStatus.PARTLY_REFUNDED)
    [fact] = await market.facts("orders.order_paid")
    assert (fact["amount_minor"], fact["paid_in_full"]) == (2 * PRICE, True)
    assert await market.facts("orders.order_refunded") == [], "no money comes back that never left"
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=desk.order_id)
    [gone] = view.refunds
    assert (gone.amount_minor, gone.lines) == (PRICE, [PRICE, 0])
    assert view.order.refundable_minor == 2 * PRICE
    assert await desk.ended() == "captured"
    await market.assert_sound()


async def test_of_an_order_that_became_cheaper_less_is_taken_and_of_a_dearer_one_the_rest_is_asked(
    market: Market,
) -> None:
    desk = await two_lines(market)
    first, second = await desk.lines()
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 hour'")
    order = await desk.order()

    await save(market, order, Change(lines=(LineChange(first, quantity=1),)))
    assert (await orders.sweep(market.db, providers=desk.providers)).unpaid == 0
    assert await desk.sums() == (0, 3 * PRICE, 0, 0, PaymentStatus.AUTHORISED)
    await save(market, order, Change(lines=(LineChange(first, quantity=3),)))
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=desk.order_id)
    assert view.due is not None
    assert view.due.amount.minor == PRICE
    assert (await orders.sweep(market.db, providers=desk.providers)).unpaid == 0, "it is kept for the rest"
    await save(market, order, Change(lines=(LineChange(first, quantity=1),)))
    await desk.ship()
    await desk.work()

    assert desk.card.asked == [("capture", 2 * PRICE)]
    assert await desk.sums() == (2 * PRICE, 0, 0, 0, PaymentStatus.PAID)
    assert (await desk.ended(), second > 0) == ("captured", True)
    await market.assert_sound()


async def test_a_cancelled_order_lets_go_of_what_was_reserved(market: Market) -> None:
    desk = await reserved(market)
    async with market.db.transaction() as tx:
        await orders.cancel(tx, shop_id=market.shop_id, order_id=desk.order_id, by=Party.MERCHANT, actor=ME)

    assert await desk.work() == 1

    assert (await desk.ended(), desk.card.asked) == ("voided", [("void", 0)])
    assert await desk.sums() == (0, 0, 0, 0, PaymentStatus.UNPAID)
    assert await market.facts("orders.payment_lapsed") == [], "nobody owes it"
    await market.assert_sound()


async def test_money_that_comes_another_way_lets_go_of_what_was_reserved(market: Market) -> None:
    desk = await reserved(market)
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=desk.order_id, amount=Money(PRICE, "CNY"), actor=ME
        )

    await desk.work()

    assert (await desk.ended(), desk.card.asked) == ("voided", [("void", 0)])
    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    await market.assert_sound()


async def test_a_merchant_charges_before_it_ships_and_twice_is_once(market: Market) -> None:
    desk = await reserved(market)
    for _ in range(2):
        async with market.db.transaction() as tx:
            await authorising.capture(tx, shop_id=market.shop_id, order_id=desk.order_id, actor=ME)

    await desk.work()

    assert desk.card.asked == [("capture", PRICE)]
    assert (await desk.order()).status is Status.PAID
    async with market.db.transaction() as tx:
        with pytest.raises(NothingAuthorised) as refused:
            await authorising.capture(tx, shop_id=market.shop_id, order_id=desk.order_id, actor=ME)
    assert refused.value.code == "orders.nothing_authorised"
    assert await desk.work() == 0
    await market.assert_sound()


async def test_who_pays_first_gets_the_units_also_where_money_is_only_reserved(
    make_market: MakeMarket,
) -> None:
    market = await make_market(1, policy="first_paid")
    desks = [await to_card(market, await intended(market)) for _ in range(2)]
    for desk in desks:
        desk.card.pays()
        await desk.look()

    first, second = desks
    assert ((await first.order()).secured, (await first.sums())[1]) == (True, PRICE)
    assert (await second.order()).status is Status.CANCELLED
    assert await second.work() >= 1
    assert await second.ended() == "voided"
    assert await first.ended() is None
    await market.assert_sound()


# Its end.


async def test_a_merchant_is_told_once_before_it_ends_and_the_buyer_pays_by_the_link_afterwards(
    market: Market,
) -> None:
    desk = await reserved(market)
    await capturing.watch(market.db)
    assert await market.facts("payments.authorisation_ending") == []
    await desk.ends_in(timedelta(hours=40))
    for _ in range(2):
        await capturing.watch(market.db)
    [fact] = await market.facts("payments.authorisation_ending")
    assert (fact["order_id"], fact["amount_minor"]) == (str(desk.order_id), PRICE)
    async with market.db.transaction() as tx:
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).authorised == 1
    assert await desk.work() == 0

    await desk.ends_in(timedelta(hours=-2))
    await capturing.watch(market.db)
    assert await desk.work() == 1

    assert (await desk.ended(), desk.card.asked) == ("expired", [("void", 0)])
    found = await desk.order()
    assert (found.status, found.payment_status) == (Status.PLACED, PaymentStatus.UNPAID)
    assert found.payment_due_at is not None
    assert found.payment_due_at > now() + timedelta(hours=1)
    [asked] = await market.facts("orders.payment_lapsed")
    assert asked["amount_minor"] == PRICE
    again = await orders.paying.begin(
        market.db, desk.providers, shop_id=market.shop_id, order_id=desk.order_id,
        way=Way(desk.account, "stripe", "card", "", is_test=False), return_url="x",
    )  # fmt: skip
    assert again.id != desk.payment.id
    assert not again.capture_later
    desk.card.pays()
    await orders.paying.look(market.db, desk.providers, payment=again)
    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    async with market.db.transaction() as tx:
        assert not (await reconciliation.trouble(tx, shop_id=market.shop_id)).is_any
    await market.assert_sound()


async def test_an_order_falls_whose_buyer_does_not_pay_after_its_authorisation_ended(market: Market) -> None:
    desk = await reserved(market)
    desk.card.states[desk.payment.id] = "gone"
    await desk.look()
    assert await desk.ended() == "expired"
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 minute'")

    swept = await orders.sweep(market.db, providers=desk.providers)

    assert (swept.unpaid, (await desk.order()).status) == (1, Status.CANCELLED)
    await market.assert_sound()


async def test_what_would_end_with_a_part_under_way_is_taken_whole(market: Market) -> None:
    desk = await two_lines(market)
    first, second = await desk.lines()
    await desk.ship([first])
    await desk.ends_in(timedelta(hours=20))

    await capturing.watch(market.db)
    assert await desk.work() == 1

    assert desk.card.asked == [("capture", 3 * PRICE)]
    assert await desk.sums() == (3 * PRICE, 0, 0, 0, PaymentStatus.PAID)
    await desk.ship([second])
    assert await desk.work() == 0
    await market.assert_sound()


async def test_what_cannot_be_taken_waits_for_a_person_who_tries_again(market: Market) -> None:
    desk = await reserved(market)
    await desk.ship()
    desk.card.away = True
    assert await desk.work() == 1
    assert await desk.sums() == (0, PRICE, 0, 0, PaymentStatus.AUTHORISED)
    desk.card.away, desk.card.declines = False, "The bank refused."
    assert await desk.work() == 1
    assert await desk.work() == 0, "it is not asked again by itself"

    [fact] = await market.facts("payments.capture_failed")
    assert (fact["order_id"], fact["reason"]) == (str(desk.order_id), "The bank refused.")
    async with market.db.transaction() as tx:
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).authorised == 1
        await payment_authorisations.try_again(tx, shop_id=market.shop_id, payment_id=desk.payment.id)
        with pytest.raises(payment_authorisations.CaptureNotFailed):
            await payment_authorisations.try_again(tx, shop_id=market.shop_id, payment_id=desk.payment.id)
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).authorised == 0
    desk.card.declines = ""
    await desk.work()
    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    await market.assert_sound()


async def test_goods_that_left_and_whose_money_was_let_go_are_asked_for(market: Market) -> None:
    desk = await reserved(market)
    await desk.ship()
    desk.card.states[desk.payment.id] = "gone"

    await desk.work()

    assert await desk.ended() == "expired"
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=desk.order_id)
    assert view.order.status is Status.SHIPPED
    assert view.due is not None
    assert view.due.amount == Money(PRICE, "CNY")
    assert len(await market.facts("orders.payment_lapsed")) == 1
    await market.assert_sound()


# What is told late, twice, out of order, or by somebody else.


async def test_what_is_told_twice_and_in_disorder_is_one_authorisation_and_one_charge(market: Market) -> None:
    desk = await reserved(market)
    told = Authorised(f"cs_{desk.payment.id}", Money(PRICE, "CNY"), desk.card.until)
    charged = Charged(f"pi_{desk.payment.id}", Money(PRICE, "CNY"))
    await desk.hear(told)
    await desk.hear(payment_providers.Pending("cs_1"))
    await desk.ship()
    await desk.hear(charged)
    for late in (told, charged, Closed("expired"), payment_providers.Pending("cs_1"), Declined("late")):
        await desk.hear(late)

    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    assert (await desk.ended(), await desk.work()) == ("captured", 0)
    assert len(await market.facts("orders.order_authorised")) == 1
    assert len(await market.facts("orders.order_paid")) == 1
    await market.assert_sound()


async def test_money_that_is_taken_before_it_is_told_that_it_is_reserved_pays(market: Market) -> None:
    desk = await begun(market)
    await desk.hear(Charged(f"pi_{desk.payment.id}", Money(PRICE, "CNY")))
    await desk.hear(Authorised(f"cs_{desk.payment.id}", Money(PRICE, "CNY"), desk.card.until))

    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    assert await desk.work() == 0
    await market.assert_sound()


async def test_money_reserved_for_an_order_that_fell_is_let_go(market: Market) -> None:
    desk = await begun(market)
    async with market.db.transaction() as tx:
        await orders.cancel(tx, shop_id=market.shop_id, order_id=desk.order_id, by=Party.MERCHANT, actor=ME)
    desk.card.pays()

    await desk.look()
    assert await desk.work() == 1

    assert (await desk.ended(), desk.card.asked) == ("voided", [("void", 0)])
    assert (await desk.order()).status is Status.CANCELLED
    await market.assert_sound()


async def test_money_taken_while_it_was_let_go_goes_back(market: Market) -> None:
    """The merchant presses *charge now*, then cancels, before the provider has answered."""
    desk = await reserved(market)
    async with market.db.transaction() as tx:
        await authorising.capture(tx, shop_id=market.shop_id, order_id=desk.order_id, actor=ME)
    desk.card.states[desk.payment.id] = "taken"
    async with market.db.transaction() as tx:
        await orders.cancel(tx, shop_id=market.shop_id, order_id=desk.order_id, by=Party.MERCHANT, actor=ME)

    await desk.work()

    assert await desk.sums() == (PRICE, 0, PRICE, 0, PaymentStatus.REFUND_DUE)
    assert await desk.ended() == "captured"
    await market.assert_sound()


async def test_of_what_somebody_took_in_part_at_the_provider_the_rest_is_asked_for(market: Market) -> None:
    desk = await reserved(market)
    desk.card.states[desk.payment.id], desk.card.taken[desk.payment.id] = "taken", 500

    await desk.look()

    assert await desk.sums() == (500, 0, 0, 0, PaymentStatus.DEPOSIT_PAID)
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=desk.order_id)
    assert view.due is not None
    assert (view.due.amount.minor, view.due.by is not None and view.due.by > now()) == (PRICE - 500, True)
    again = await orders.paying.begin(
        market.db, desk.providers, shop_id=market.shop_id, order_id=desk.order_id,
        way=Way(desk.account, "stripe", "card", "", is_test=False), return_url="x",
    )  # fmt: skip
    desk.card.pays()
    await orders.paying.look(market.db, desk.providers, payment=again)
    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    await market.assert_sound()


@pytest.mark.parametrize("minor", [PRICE + 1, 2 * PRICE])
async def test_more_than_was_reserved_is_a_difference(market: Market, minor: int) -> None:
    desk = await reserved(market)

    await desk.hear(Charged(f"pi_{desk.payment.id}", Money(minor, "CNY")))

    assert await desk.sums() == (0, 0, 0, 0, PaymentStatus.UNPAID)
    async with market.db.transaction() as tx:
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).differences == 1


async def test_another_amount_than_was_asked_for_is_not_counted_and_let_go(market: Market) -> None:
    desk = await begun(market)

    await desk.hear(Authorised(f"cs_{desk.payment.id}", Money(PRICE - 1, "CNY"), desk.card.until))

    assert (await desk.order()).payment_status is PaymentStatus.UNPAID
    async with market.db.transaction() as tx:
        found = await payment_authorisations.of_payment(tx, payment_id=desk.payment.id)
    assert found is not None
    assert found.wanted == "void"


# Whether it may wait.

FRIDAY = datetime(2026, 12, 4, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("authorise", "days", "changes", "waits"),
    [
        (WEEK, [], {}, True),
        (None, [], {}, False),
        (timedelta(hours=20), [], {}, False),
        (WEEK, [date(2026, 12, 8)], {}, True),
        (WEEK, [None, date(2026, 12, 9)], {}, False),
        (WEEK, [date(2026, 12, 31)], {}, False),
        (WEEK, [date(2026, 12, 1)], {}, True),
        (WEEK, [], {"in_full": False}, False),
        (WEEK, [], {"delivery": Delivery.PICK_UP}, False),
        (timedelta(days=30), [date(2026, 12, 31)], {}, True),
    ],
)  # fmt: skip
def test_money_is_reserved_only_where_the_goods_ship_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
    authorise: timedelta | None,
    days: list[date | None],
    changes: dict[str, bool],
    waits: bool,
) -> None:
    monkeypatch.setattr(authorising, "now", lambda: FRIDAY)
    asked = {"delivery": Delivery.SHIP, "in_full": True, **changes}

    assert authorising.may_wait(authorise, ready_on=days, **asked) is waits  # pyright: ignore[reportArgumentType]


async def test_where_the_shop_takes_it_at_once_nothing_is_reserved(market: Market) -> None:
    desk = await begun(market, authorise=None)
    desk.card.pays()
    await desk.look()

    assert await desk.sums() == (PRICE, 0, 0, 0, PaymentStatus.PAID)
    await market.assert_sound()


# The audit.


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        ("UPDATE payments.authorisation SET capture_before = now() - interval '2 days'",
         "payments: what was authorised is captured, voided or expired in time"),
        ("UPDATE payments.authorisation SET ended = 'captured', ended_at = now()",
         "payments: no more is captured than was authorised"),
        ("UPDATE orders.orders SET authorised_minor = 1", "orders: what is reserved is what the payments say"),
    ],
)  # fmt: skip
async def test_the_audit_finds_what_is_wrong_with_reserved_money(
    market: Market, broken: str, check: str
) -> None:
    await reserved(market)
    await market.assert_sound()

    async with market.db.transaction() as tx:
        await tx.connection.execute(broken.encode())
        found = [*await reconciliation.audit(tx), *await orders.audit(tx)]

    assert check in [each.name for each in found if not each.passed]
