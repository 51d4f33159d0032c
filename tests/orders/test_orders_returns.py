"""Goods that come back: until when, how many, and what exactly is paid back for them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market
from tests.orders.test_orders_discounts import PERCENT, coded
from tests.orders.test_orders_papers import sells
from tests.orders.test_orders_parcels import on_shelf
from tests.orders.test_orders_second_person import confirm, limit, member, waiting

from shopfloor import (
    approvals,
    demand,
    documents,
    fulfilment,
    invoicing,
    orders,
    policies,
    pricing,
    returns,
    wiring,
)
from shopfloor.accounts import Actor, Role
from shopfloor.accounts.models import PERMISSIONS
from shopfloor.collector import Collector
from shopfloor.kernel import outbox
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money
from shopfloor.orders import Address
from shopfloor.policies.return_rules import Law, ReturnRules, Why, law_of
from shopfloor.pricing.records import TaxRate, TaxSettings
from shopfloor.returns.models import (
    Arrival,
    Arrived,
    Busy,
    Condition,
    Journey,
    Reason,
    ReturnTerms,
    State,
    last_day,
    refund_due,
    standings,
    terms_of,
)

ME = "person:1"
BERLIN = Address(street="Torstraße 1", city="Berlin", postcode="10119", country="DE")


@pytest.fixture
async def sound(make_market: MakeMarket) -> AsyncIterator[Market]:
    """A market, whose audits pass at the end."""
    market = await make_market()
    yield market
    await market.assert_sound()
    async with market.db.transaction() as tx:
        assert [check for check in await returns.audit(tx) if not check.passed] == []


# The rules


def line(line_id: int = 1, *, units: int = 3, product_id: int = 7, **changes: int) -> Any:
    plain = {
        "id": line_id, "variant_id": line_id, "product_id": product_id, "quantity": units, "amount_minor": 1_000,
        "shipped_quantity": units, "returned_quantity": 0, "cancelled_quantity": 0, "wanted_quantity": units,
    }  # fmt: skip
    return SimpleNamespace(**{**plain, **changes})


def terms(law: Law, **changes: Any) -> ReturnTerms:
    plain: dict[str, Any] = {
        "law": law, "withdrawal_days": 14 if law is not Law.CN else 7, "goodwill_days": 0, "claim_days": 730,
        "seller_pays": False, "standard_minor": 500, "note": "", "exceptions": {},
    }  # fmt: skip
    return ReturnTerms(**{**plain, **changes})


MONDAY = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("arrived", "law", "days", "ends"),
    [
        (MONDAY, Law.EU, 14, date(2026, 11, 16)),
        # The fourteenth day is a Saturday, a Sunday: the period ends with the Monday.
        (date(2026, 11, 7), Law.EU, 14, date(2026, 11, 23)),
        (date(2026, 11, 8), Law.EU, 14, date(2026, 11, 23)),
        (date(2026, 11, 7), Law.CN, 7, date(2026, 11, 14)),
        (date(2026, 11, 7), Law.OWN, 30, date(2026, 12, 7)),
    ],
)
def test_the_day_of_arrival_does_not_count(arrived: date, law: Law, days: int, ends: date) -> None:
    assert last_day(arrived, days, law) == ends


def test_in_the_eu_days_count_from_the_last_parcel_and_in_china_for_each() -> None:
    parcels = [Arrival({1: 1}, MONDAY), Arrival({1: 2}, MONDAY + timedelta(days=10))]
    on = MONDAY + timedelta(days=15)

    [eu] = standings(terms(Law.EU), [line()], parcels, {}, on)
    [own] = standings(terms(Law.OWN), [line()], parcels, {}, on)
    [china] = standings(terms(Law.CN), [line()], parcels, {}, on)

    assert (eu.withdrawal, eu.until) == (3, MONDAY + timedelta(days=24))
    assert (own.withdrawal, own.until) == (3, MONDAY + timedelta(days=24))
    assert (china.withdrawal, china.until) == (2, MONDAY + timedelta(days=17))
    [over] = standings(terms(Law.EU), [line()], parcels, {}, MONDAY + timedelta(days=25))
    assert (over.withdrawal, over.claim, over.left) == (0, 3, 3)
    [late] = standings(terms(Law.EU, claim_days=20), [line()], parcels, {}, MONDAY + timedelta(days=25))
    assert late.claim == 2


def test_while_a_parcel_is_missing_the_period_has_not_begun() -> None:
    parcels = [Arrival({1: 1}, MONDAY), Arrival({2: 1}, None)]
    lines = [line(1, units=1), line(2, units=1)]

    found = standings(terms(Law.EU), lines, parcels, {}, MONDAY + timedelta(days=90))

    assert [(each.withdrawal, each.until) for each in found] == [(1, None), (1, None)]
    china = standings(terms(Law.CN), lines, parcels, {}, MONDAY + timedelta(days=90))
    assert [each.withdrawal for each in china] == [0, 1]


def test_exceptions_and_units_that_are_in_returns_already() -> None:
    parcels = [Arrival({1: 3, 2: 3}, MONDAY)]
    rules = terms(Law.EU, exceptions={8: "sealed"}, goodwill_days=60)
    lines = [line(1, returned_quantity=2), line(2, product_id=8)]

    first, second = standings(rules, lines, parcels, {1: Busy(asked=2, received=1)}, MONDAY)

    # Two asked for, of which one is back, and another that came back without a return.
    assert (first.withdrawal, first.left) == (0, 0)
    assert (second.withdrawal, second.goodwill, second.claim, second.excepted) == (0, 3, 3, "sealed")


def test_until_when_the_money_has_to_go() -> None:
    assert refund_due(Law.EU, Journey.WITHDRAWAL, asked=MONDAY, received=None) == date(2026, 11, 16)
    assert refund_due(Law.CN, Journey.WITHDRAWAL, asked=MONDAY, received=None) is None
    assert refund_due(Law.CN, Journey.WITHDRAWAL, asked=MONDAY, received=MONDAY) == date(2026, 11, 9)
    assert refund_due(Law.OWN, Journey.WITHDRAWAL, asked=MONDAY, received=MONDAY) is None


def test_whose_law_holds() -> None:
    assert [law_of(each) for each in ("DE", "GB", "NO", "CN", "US", "")] == [
        Law.EU, Law.EU, Law.EU, Law.CN, Law.OWN, Law.OWN,
    ]  # fmt: skip


# Orders


async def sent(
    market: Market,
    *,
    medium: int = 2,
    large: int = 1,
    address: Address = BERLIN,
    arrives: bool = True,
    **form: Any,
) -> orders.Order:
    """A paid order of two lines that left, and arrived."""
    hold_id, shopper = await market.hold(lines={market.variants[0]: medium, market.variants[1]: large})
    placed = await market.complete(hold_id, shopper, address=address, **form)
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=placed.id, amount=placed.total, actor=ME)
        await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=placed.id, actor=ME)
        if arrives:
            await orders.shipping.deliver(tx, shop_id=market.shop_id, order_id=placed.id, actor=ME)
    return placed


async def view(market: Market, order: orders.Order) -> orders.OrderView:
    async with market.db.transaction() as tx:
        return await orders.order(tx, shop_id=market.shop_id, order_id=order.id)


async def ask(
    market: Market,
    order: orders.Order,
    units: Mapping[int, int],
    *,
    journey: Journey = Journey.WITHDRAWAL,
    reason: str = "",
    return_id: UUID | None = None,
    actor: str = "buyer",
) -> returns.Return:
    """`units` by the place of the line in the order."""
    lines = (await view(market, order)).lines
    async with market.db.transaction() as tx:
        return await returns.ask(
            tx,
            shop_id=market.shop_id,
            order_id=order.id,
            return_id=return_id or uuid4(),
            journey=journey,
            units={lines[place].id: quantity for place, quantity in units.items()},
            reason=reason,
            actor=actor,
        )


async def receive(
    market: Market,
    found: returns.Return,
    condition: Condition = Condition.SELLABLE,
    *,
    units: Mapping[int, int] | None = None,
    location_id: int | None = None,
) -> returns.Return:
    arrived = [
        Arrived(each.line_id, (units or {}).get(each.line_id, each.quantity), condition)
        for each in found.lines
        if units is None or each.line_id in units
    ]
    async with market.db.transaction() as tx:
        return await returns.receive(
            tx, shop_id=market.shop_id, return_id=found.id, arrived=arrived, location_id=location_id, actor=ME
        )


async def refund(market: Market, found: returns.Return, **changes: Any) -> returns.Return:
    async with market.db.transaction() as tx:
        return await returns.refund(tx, shop_id=market.shop_id, return_id=found.id, actor=ME, **changes)


async def refusal_of(work: Any) -> tuple[str, Mapping[str, object]]:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.code, caught.value.facts


async def test_a_withdrawal_comes_back_and_its_money_goes_once(sound: Market) -> None:
    order = await sent(sound)
    before = await on_shelf(sound)

    asked = await ask(sound, order, {0: 1}, reason=Reason.TOO_SMALL)
    again = await ask(sound, order, {0: 1}, return_id=asked.id)

    assert again == asked
    assert (asked.state, asked.number, asked.reason) == (State.APPROVED, f"{order.number}-R1", "too_small")
    assert (
        asked.refund_due_on == asked.asked_at.date() + timedelta(days=14) or asked.refund_due_on is not None
    )
    assert await refusal_of(refund(sound, asked)) == ("returns.nothing_received", {})
    got = await receive(sound, asked)
    assert got.state is State.RECEIVED
    assert (await on_shelf(sound))[0] == before[0] + 1
    done = await refund(sound, got)
    assert (done.state, done.refund_minor) == (State.REFUNDED, PRICE)
    assert await refund(sound, got) == done
    now = await view(sound, order)
    assert (now.order.refund_granted_minor, now.lines[0].returned_quantity) == (PRICE, 1)
    # The whole of it is of the line that came back.
    [fact] = await sound.facts("orders.order_refunded")
    assert [each["amount_minor"] for each in fact["lines"]] == [PRICE, 0]  # type: ignore[index]
    [told] = await sound.facts("returns.return_received")
    assert (told["reason"], told["complete"], told["lines"][0]["condition"]) == (  # type: ignore[index]
        "too_small", True, "sellable",
    )  # fmt: skip


async def test_what_came_back_too_small_is_foreseen_in_the_next_size(sound: Market) -> None:
    medium, large = sound.variants
    order = await sent(sound, medium=2, large=1)

    async def foreseen() -> list[dict[str, Mapping[str, int | float | str]]]:
        async with sound.db.transaction() as tx:
            made = await demand.forecast_show(
                tx,
                shop_id=sound.shop_id,
                show_id=sound.show_id,
                signals=[
                    demand.Signal(medium, 1, {"Size": "M"}, 900.0, 900.0, 2, 2),
                    demand.Signal(large, 1, {"Size": "L"}, 900.0, 900.0, 1, 1),
                ],
            )
            assert await tx.value("SELECT array_agg(units ORDER BY variant_id) FROM demand.observation") == [
                2,
                1,
            ]
        return [{each.code: each.facts for each in line.evidence} for line in made.lines]

    asked = await ask(sound, order, {0: 2}, reason=Reason.TOO_SMALL)
    before = await foreseen()
    assert not any("size" in code for line in before for code in line)
    # One of the two has arrived; the other is still on its way.
    await receive(sound, asked, units={asked.lines[0].line_id: 1})
    told_medium, told_large = await foreseen()

    assert told_medium["demand.other_size"] == {"units": 1}
    assert told_large["demand.from_other_size"] == {"units": 1}
    async with sound.db.transaction() as tx:
        product_id = asked.lines[0].product_id
        assert await returns.reasons.of_product(tx, shop_id=sound.shop_id, product_id=product_id) == [
            returns.reasons.CameBack(medium, "too_small", 1)
        ]
        assert await returns.reasons.of_product(tx, shop_id=sound.shop_id + 1, product_id=product_id) == []


async def test_what_is_damaged_is_written_off(sound: Market) -> None:
    order = await sent(sound)
    before = await on_shelf(sound)
    asked = await ask(sound, order, {0: 2})

    half = await receive(sound, asked, Condition.DAMAGED, units={asked.lines[0].line_id: 1})
    assert (half.state, half.received) == (State.APPROVED, 1)
    assert await on_shelf(sound) == before
    over = {asked.lines[0].line_id: 2}
    assert await refusal_of(receive(sound, half, units=over)) == (
        "returns.too_many_units", {"line_id": asked.lines[0].line_id, "wanted": 2, "left": 1},
    )  # fmt: skip
    # What did not come can be asked for again.
    done = await refund(sound, half, deduct_minor=900, note="worn")
    assert (done.refund_minor, done.deduct_minor) == (PRICE - 900, 900)
    assert (await ask(sound, order, {0: 1})).number == f"{order.number}-R2"


async def test_all_of_it_gives_back_to_the_last_unit_with_the_way_there(sound: Market) -> None:
    async with sound.db.transaction() as tx:
        await policies.set_shop_terms(
            tx, shop_id=sound.shop_id, terms=policies.ShopTerms(shipping_minor=1_200)
        )
        await pricing.service.set_taxes(
            tx, shop_id=sound.shop_id, wanted=TaxSettings(origin_country="DE", included=False)
        )
        await pricing.service.save_tax_rate(
            tx, shop_id=sound.shop_id, rate=TaxRate(0, "DE", "19", name="VAT")
        )
    await coded(sound, "THIRD", PERCENT, percent="33.33")
    await sells(sound)
    order = await sent(sound, medium=3, codes=("THIRD",))
    async with sound.db.transaction() as tx:
        await invoicing.invoice(tx, shop_id=sound.shop_id, order_id=order.id)
    lines = (await view(sound, order)).lines
    got: list[int] = []
    for place in (0, 0, 1, 0):
        back = await receive(sound, await ask(sound, order, {place: 1}))
        got.append((await refund(sound, back)).refund_minor)

    # Shares of what was paid, each line's own, and shipping with the last unit.
    whole = [each.amount_minor for each in lines]
    assert got[2] == whole[1]
    assert got[0] + got[1] + got[3] == whole[0] + order.shipping_minor
    assert {got[0], got[1]} <= {whole[0] // 3, whole[0] // 3 + 1}
    now = await view(sound, order)
    assert (now.order.refundable_minor, now.order.fulfilment_status) == (0, "returned")
    async with sound.db.transaction() as tx:
        await invoicing.credit(tx, shop_id=sound.shop_id, order_id=order.id)
        papers = await documents.of_subject(tx, shop_id=sound.shop_id, subject_id=order.id)
    invoiced = [each for each in papers if each.kind is documents.Kind.INVOICE]
    credited = [each for each in papers if each.kind is documents.Kind.CREDIT_NOTE]
    assert [each.total_minor for each in credited] == got
    assert sum(each.tax_minor for each in credited) == invoiced[0].tax_minor


async def test_an_earlier_refund_is_not_given_twice(sound: Market) -> None:
    order = await sent(sound, medium=1, large=1)
    async with sound.db.transaction() as tx:
        await orders.refund(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(2_000, "CNY"), refund_id=uuid4(),
            note="late", actor=ME,
        )  # fmt: skip
    both = await receive(sound, await ask(sound, order, {0: 1, 1: 1}))
    assert (await refund(sound, both)).refund_minor == order.total_minor - 2_000


async def test_what_may_not_come_back(sound: Market) -> None:
    order = await sent(sound)
    lines = (await view(sound, order)).lines
    assert await refusal_of(ask(sound, order, {})) == ("returns.nothing_chosen", {})
    assert await refusal_of(ask(sound, order, {0: 3})) == (
        "returns.too_many_units", {"line_id": lines[0].id, "wanted": 3, "left": 2},
    )  # fmt: skip
    assert await refusal_of(ask(sound, order, {0: 1}, journey=Journey.CLAIM)) == ("returns.reason_needed", {})
    assert (await refusal_of(ask(sound, order, {0: 1}, journey=Journey.GOODWILL)))[0] == "returns.period_over"
    first = await ask(sound, order, {0: 1})
    assert (await refusal_of(ask(sound, order, {0: 1}, journey=Journey.CLAIM, return_id=first.id)))[0] == (
        "returns.id_reused"
    )
    async with sound.db.transaction() as tx:
        await tx.run("UPDATE fulfilment.parcel SET arrived_at = arrived_at - interval '20 days'")
    code, facts = await refusal_of(ask(sound, order, {0: 1}))
    assert (code, facts["left"]) == ("returns.period_over", 0)
    # A fault may be claimed for long after, and the shop itself is bound by no period.
    claim = await ask(sound, order, {0: 1}, journey=Journey.CLAIM, reason=Reason.DEFECTIVE)
    assert claim.state is State.REQUESTED
    assert (await ask(sound, order, {1: 1}, journey=Journey.GOODWILL, actor=ME)).state is State.APPROVED
    async with sound.db.transaction() as tx:
        assert len(await returns.of_order(tx, shop_id=sound.shop_id, order_id=order.id)) == 3


def owner_of(market: Market) -> Actor:
    return Actor(1, market.shop_id, Role.OWNER, PERMISSIONS[Role.OWNER])


async def test_the_rules_are_those_of_the_day_of_the_order(sound: Market) -> None:
    async with sound.db.transaction() as tx:
        await policies.return_rules.set_rules(
            tx, actor=owner_of(sound), rules=ReturnRules(withdrawal_days=30, claim_days=400)
        )
    generous = await sent(sound)
    async with sound.db.transaction() as tx:
        await policies.return_rules.set_rules(
            tx, actor=owner_of(sound), rules=ReturnRules(withdrawal_days=0, claim_days=0)
        )
        await policies.return_rules.set_exception(
            tx, shop_id=sound.shop_id, product_id=sound.product_id, why=Why.SEALED
        )
    strict = await sent(sound)
    for order, days in ((generous, 30), (strict, 14)):
        found = terms_of((await view(sound, order)).order)
        assert (found.law, found.withdrawal_days) == (Law.EU, days)
    assert (await ask(sound, generous, {0: 1})).state is State.APPROVED
    assert (await refusal_of(ask(sound, strict, {0: 1})))[0] == "returns.excepted"


async def test_a_claim_is_answered(sound: Market) -> None:
    order = await sent(sound, address=Address(street="1 Main St", city="Austin", country="US"))
    claim = await ask(sound, order, {0: 1}, journey=Journey.CLAIM, reason=Reason.DEFECTIVE)
    assert (await refusal_of(receive(sound, claim)))[0] == "returns.wrong_state"
    async with sound.db.transaction() as tx:
        kept = await returns.approve(
            tx, shop_id=sound.shop_id, return_id=claim.id, actor=ME, keeps_goods=True, answer="Keep it"
        )
    assert kept.keeps_goods
    assert (await refusal_of(receive(sound, kept)))[0] == "returns.wrong_state"
    assert (await refund(sound, kept)).refund_minor == PRICE
    assert (await view(sound, order)).lines[0].returned_quantity == 0
    # The unit that was paid back cannot be given back as well.
    assert (await refusal_of(ask(sound, order, {0: 2})))[1]["left"] == 1
    other = await ask(sound, order, {0: 1}, journey=Journey.CLAIM, reason=Reason.WRONG_ITEM)

    async def refuse(answer: str) -> returns.Return:
        async with sound.db.transaction() as tx:
            return await returns.refuse(
                tx, shop_id=sound.shop_id, return_id=other.id, actor=ME, answer=answer
            )

    assert (await refusal_of(refuse(" ")))[0] == "returns.answer_needed"
    assert (await refuse("It is what was ordered.")).state is State.REFUSED
    assert (await ask(sound, order, {0: 1})).state is State.APPROVED


async def test_before_it_is_sent_the_whole_contract_is_withdrawn_from(sound: Market) -> None:
    hold_id, shopper = await sound.hold(quantity=2)
    order = await sound.complete(hold_id, shopper, address=BERLIN)
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=order.id, amount=order.total, actor=ME)
    free = await sound.left()

    done = await ask(sound, order, {}, journey=Journey.WITHDRAWAL)

    assert (done.state, done.unsent, done.refund_minor, done.units) == (
        State.REFUNDED,
        True,
        order.total_minor,
        2,
    )
    now = await view(sound, order)
    assert (now.order.status, now.order.refund_granted_minor) == ("cancelled", order.total_minor)
    assert await sound.left() == free + 2
    assert await ask(sound, order, {}, return_id=done.id) == done
    hold_id, shopper = await sound.hold()
    at_home = await sound.complete(hold_id, shopper)
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=at_home.id, amount=at_home.total, actor=ME)
    assert (await refusal_of(ask(sound, at_home, {0: 1})))[0] == "returns.not_sent_yet"


async def by_two(market: Market) -> tuple[returns.Return, str, int]:
    """A return that has arrived, of a shop in which refunds need two people: who asks, and who may confirm."""
    ann, ben = await member(market, "ann"), await member(market, "ben")
    await limit(market, 0)
    order = await sent(market)
    await receive(market, await ask(market, order, {0: 1}))
    async with market.db.transaction() as tx:
        [found] = await returns.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    return found, f"person:{ann}", ben


async def press(market: Market, found: returns.Return, actor: str) -> returns.Return:
    async with market.db.transaction() as tx:
        return await returns.refund(tx, shop_id=market.shop_id, return_id=found.id, actor=actor)


async def hear(market: Market, tmp_path: Path) -> None:
    consumers = [each for each in wiring.consumers(Collector(tmp_path, "test")) if each.name == "returns"]
    await outbox.drain(market.db, consumers)


async def test_a_refund_that_waits_for_a_second_person_leaves_the_return_as_it_is(
    sound: Market, tmp_path: Path
) -> None:
    found, ann, ben = await by_two(sound)

    for _ in range(2):
        assert (await press(sound, found, ann)).state is State.RECEIVED
    [request] = await waiting(sound)
    assert (request.amount_minor, await sound.facts("returns.return_refunded")) == (PRICE, [])
    assert (await view(sound, await order_of(sound, found))).order.refund_granted_minor == 0

    await confirm(sound, request, ben)
    for _ in range(2):
        await hear(sound, tmp_path)
    async with sound.db.transaction() as tx:
        done = await returns.get(tx, shop_id=sound.shop_id, return_id=found.id)
    assert (done.state, done.refund, done.refund_minor) == (State.REFUNDED, request.refund, PRICE)
    assert len(await sound.facts("returns.return_refunded")) == 1
    assert (await press(sound, found, ann)).refund == request.refund


async def test_a_confirmed_refund_is_found_by_who_presses_before_it_was_heard(
    sound: Market, tmp_path: Path
) -> None:
    found, ann, ben = await by_two(sound)
    await press(sound, found, ann)
    [request] = await waiting(sound)
    await confirm(sound, request, ben)

    assert (await press(sound, found, ann)).refund == request.refund
    await hear(sound, tmp_path)
    assert len(await sound.facts("returns.return_refunded")) == 1


async def test_after_a_no_the_refund_can_be_asked_for_again(sound: Market, tmp_path: Path) -> None:
    found, ann, ben = await by_two(sound)
    await press(sound, found, ann)
    [first] = await waiting(sound)
    async with sound.db.transaction() as tx:
        await approvals.decline(tx, shop_id=sound.shop_id, request_id=first.id, person_id=ben)

    assert (await press(sound, found, ann)).state is State.RECEIVED
    [second] = await waiting(sound)
    assert second.refund != first.refund
    await confirm(sound, second, ben)
    await hear(sound, tmp_path)
    async with sound.db.transaction() as tx:
        done = await returns.get(tx, shop_id=sound.shop_id, return_id=found.id)
    assert (done.state, done.refund_minor) == (State.REFUNDED, PRICE)


async def test_what_a_second_person_looks_at_does_not_change_meanwhile(sound: Market, tmp_path: Path) -> None:
    ann, ben = await member(sound, "ann"), await member(sound, "ben")
    await limit(sound, 0)
    order = await sent(sound, medium=2)
    asked = await ask(sound, order, {0: 2})
    await receive(sound, asked, units={asked.lines[0].line_id: 1})
    await press(sound, asked, f"person:{ann}")

    assert (await refusal_of(receive(sound, asked, units={asked.lines[0].line_id: 1})))[
        0
    ] == "returns.refund_waits"
    [request] = await waiting(sound)
    await confirm(sound, request, ben)
    await hear(sound, tmp_path)
    async with sound.db.transaction() as tx:
        done = await returns.get(tx, shop_id=sound.shop_id, return_id=asked.id)
    assert (done.state, done.refund_minor, done.received) == (State.REFUNDED, PRICE, 1)
    # The other unit can be asked for again.
    assert (await ask(sound, order, {0: 1})).state is State.APPROVED


async def order_of(market: Market, found: returns.Return) -> orders.Order:
    async with market.db.transaction() as tx:
        return (await orders.order(tx, shop_id=market.shop_id, order_id=found.order_id)).order


async def test_units_are_asked_for_and_refunded_once_however_many_press(sound: Market) -> None:
    order = await sent(sound, medium=3)

    async def one() -> str:
        try:
            await ask(sound, order, {0: 2})
        except Refusal as refusal:
            return refusal.code
        return "ok"

    assert sorted(await asyncio.gather(*(one() for _ in range(5)))) == ["ok", *["returns.too_many_units"] * 4]
    async with sound.db.transaction() as tx:
        [found] = await returns.of_order(tx, shop_id=sound.shop_id, order_id=order.id)

    async def arrive() -> str:
        try:
            await receive(sound, found)
        except Refusal as refusal:
            return refusal.code
        return "ok"

    assert sorted(await asyncio.gather(*(arrive() for _ in range(4)))) == ["ok", *["returns.wrong_state"] * 3]
    done = await asyncio.gather(*(refund(sound, found) for _ in range(4)))
    assert {each.refund_minor for each in done} == {2 * PRICE}
    assert (await view(sound, order)).order.refund_granted_minor == 2 * PRICE
    assert len(await sound.facts("orders.order_refunded")) == 1


async def test_another_shop_finds_nothing(make_market: MakeMarket, sound: Market) -> None:
    other = await make_market()
    found = await ask(sound, await sent(sound), {0: 1})
    async with other.db.transaction() as tx:
        assert (await refusal_of(returns.get(tx, shop_id=other.shop_id, return_id=found.id)))[0] == (
            "returns.not_found"
        )
        assert await returns.listing(tx, shop_id=other.shop_id) == []
        [row] = await returns.listing(tx, shop_id=sound.shop_id, search=found.number)
    assert (row.id, row.units, row.titles, row.contact_name) == (found.id, 1, "Linen coat", "Lin Mei")


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        ("UPDATE returns.units SET asked = asked + 1", "units in returns are those of their lines"),
        ("UPDATE orders.line SET returned_quantity = 0", "no more came back than was sent"),
        (
            "UPDATE returns.return SET refund_minor = refund_minor + 1 WHERE refund IS NOT NULL",
            "refunds of returns are those of the payments, and of no more than was paid",
        ),
        ("UPDATE stock.hold SET returned = 0", "units that came back are those of the ledger"),
        (
            "UPDATE stock.movement SET quantity = 0 WHERE kind = 'returned'",
            "units on the shelf again are movements of stock",
        ),
    ],
)
async def test_the_audit_finds_what_is_wrong(make_market: MakeMarket, damage: str, broken: str) -> None:
    market = await make_market()
    await refund(market, await receive(market, await ask(market, await sent(market), {0: 1})))
    async with market.db.transaction() as tx:
        await tx.connection.execute(damage.encode())
        assert broken in [check.name for check in await returns.audit(tx) if not check.passed]


async def test_parcels_that_came_back_are_not_called_back(sound: Market) -> None:
    order = await sent(sound)
    await receive(sound, await ask(sound, order, {0: 1}))
    async with sound.db.transaction() as tx:
        [parcel] = await fulfilment.of_order(tx, shop_id=sound.shop_id, order_id=order.id)
        code, _ = await refusal_of(
            orders.shipping.undo_step(tx, shop_id=sound.shop_id, parcel_id=parcel.id, actor=ME)
        )
    assert code == "orders.closed"
