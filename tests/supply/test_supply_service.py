"""From quotes to goods on the shelf, on a real database."""

import asyncio
from datetime import date, timedelta
from uuid import uuid4

import pytest
from tests.supply.conftest import SHOW, TODAY, Works
from tests.waiting import soon

from shopfloor import access_keys, accounts, demand, inventory, stock, supply
from shopfloor.kernel.errors import Refusal
from shopfloor.supply import queries
from shopfloor.supply.models import (
    BadPlanRequest,
    BadSupplier,
    DateInThePast,
    DateTooFar,
    Infeasible,
    MoreThanOrdered,
    NoForecast,
    NoQuotes,
    NothingToOrder,
    NotQuoted,
    OtherCurrency,
    OverCapacity,
    PlanStale,
    PlanState,
    SupplierNameTaken,
    TwiceTheSame,
    UnknownLine,
    UnknownQuote,
    WrongState,
)
from shopfloor.supply.plans import plan_by_id

DAY = date(2026, 12, 12)


async def test_a_quote_that_makes_no_sense_is_refused(works: Works) -> None:
    nonsense: list[tuple[dict[str, object], str]] = [
        ({"tiers": ()}, "tiers"),
        ({"tiers": (supply.Tier(0, 4000),)}, "tiers"),
        ({"tiers": (supply.Tier(10, 0),)}, "tiers"),
        ({"tiers": (supply.Tier(10, -5),)}, "tiers"),
        ({"tiers": (supply.Tier(10, 10**13),)}, "tiers"),
        ({"tiers": (supply.Tier(10, 4000), supply.Tier(10, 3000))}, "tiers"),
        ({"tiers": (supply.Tier(20, 4000), supply.Tier(10, 3000))}, "tiers"),
        ({"lot": 0}, "lot"),
        ({"lead_days": -1}, "lead_days"),
        ({"late_days": 731}, "late_days"),
        ({"capacity_use": 0}, "capacity_use"),
        ({"setup_minor": -1}, "setup_minor"),
        ({"colour_minimum": 5}, "colour_option"),
        ({"colour_minimum": 5, "colour_option": "Glaze"}, "colour_option"),
        ({"valid_from": DAY, "valid_until": DAY - timedelta(days=1)}, "valid_until"),
    ]
    for terms, field in nonsense:
        with pytest.raises(supply.BadQuote) as refused:
            await works.quote(works.weaver, works.coat, **terms)
        assert (refused.value.code, refused.value.facts["field"]) == ("supply.bad_quote", field)
    with pytest.raises(OtherCurrency):
        await works.quote(works.weaver, works.coat, currency="USD")
    async with works.db.transaction() as tx:
        assert await supply.quotes(tx, shop_id=works.shop.id) == []


async def test_quotes_of_one_product_agree_on_what_its_colour_is(works: Works) -> None:
    await works.quote(works.weaver, works.coat, colour_option="Colour", colour_minimum=5)
    with pytest.raises(supply.BadQuote) as refused:
        await works.quote(works.potter, works.coat, colour_option="Size", colour_minimum=5)
    assert refused.value.facts["field"] == "colour_option"


async def test_suppliers_are_checked_and_unique(works: Works) -> None:
    async with works.db.transaction() as tx:
        with pytest.raises(BadSupplier):
            await supply.add_supplier(tx, shop_id=works.shop.id, name="  ")
        with pytest.raises(BadSupplier):
            await supply.add_supplier(tx, shop_id=works.shop.id, name="Loom", capacity_per_week=0)
        with pytest.raises(SupplierNameTaken):
            await supply.add_supplier(tx, shop_id=works.shop.id, name="Weaver")
        assert [each.name for each in await supply.suppliers(tx, shop_id=works.shop.id)] == [
            "Potter",
            "Weaver",
        ]
        assert await supply.suppliers(tx, shop_id=works.other.id) == []


async def test_of_two_who_take_one_name_at_once_one_is_told(works: Works) -> None:
    async def rename(supplier: supply.Supplier) -> None:
        async with works.db.transaction() as tx:
            await supply.update_supplier(
                tx, shop_id=works.shop.id, supplier_id=supplier.id, name="Loom", email="", locale="en",
                capacity_per_week=None, active=True,
            )  # fmt: skip

    async def one_waits() -> bool:
        async with works.db.transaction() as tx:
            return await tx.value(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
            )

    async with works.db.transaction() as tx:
        potter, weaver = await supply.suppliers(tx, shop_id=works.shop.id)
        await supply.update_supplier(
            tx, shop_id=works.shop.id, supplier_id=potter.id, name="Loom", email="", locale="en",
            capacity_per_week=None, active=True,
        )  # fmt: skip
        late = asyncio.create_task(rename(weaver))
        await soon("the other waits", one_waits)
    with pytest.raises(SupplierNameTaken):
        await late


async def test_a_plan_needs_a_forecast_and_a_quote_in_time(works: Works) -> None:
    with pytest.raises(NoForecast):
        await works.plan()
    await works.foresee({works.coats[0]: 30})
    with pytest.raises(NoQuotes):
        await works.plan()
    await works.quote(works.weaver, works.coat, lead_days=40)
    await works.quote(works.weaver, works.coat, valid_until=TODAY - timedelta(days=1))
    with pytest.raises(NoQuotes) as refused:
        await works.plan()
    assert refused.value.facts["why"] == {"too_late": 1, "quote_not_valid": 1}
    for bad in ({"horizon_days": 0}, {"budget_minor": -1}):
        with pytest.raises(BadPlanRequest):
            await works.plan(**bad)
    assert await works.facts() == ["supply.supplier_changed"] * 2 + ["supply.quote_added"] * 2


async def test_a_plan_is_stored_with_its_input_and_can_be_judged_again(works: Works) -> None:
    forecast = await works.foresee(dict(zip(works.coats, (10, 40, 20), strict=True)))
    await works.quote(works.weaver, works.coat, tiers=(supply.Tier(20, 5000), supply.Tier(60, 4500)), lot=5)
    plan = await works.plan()

    assert plan.forecast_id == forecast.id
    assert plan.state is PlanState.PROPOSED
    assert (plan.version, plan.needed_by) == (1, TODAY + timedelta(days=21))
    assert {line.unit_minor for line in plan.lines} == {4500}
    assert all(line.quantity % 5 == 0 for line in plan.lines)
    assert plan.purchase_minor == sum(line.quantity * 4500 for line in plan.lines)
    assert plan.bound_scaled <= plan.cost_scaled
    assert plan.gap < 1e-3
    async with works.db.transaction() as tx:
        again = await supply.plan(tx, shop_id=works.shop.id, show_id=SHOW)
        checked = await supply.recheck(tx, shop_id=works.shop.id, plan_id=plan.id)
        assert again == plan
        assert checked.holds
        assert checked.digest == plan.digest
        await tx.run(
            "UPDATE supply.plan_line SET quantity = quantity + 5 WHERE variant_id = %(v)s", v=works.coats[0]
        )
        assert not (await supply.recheck(tx, shop_id=works.shop.id, plan_id=plan.id)).holds


async def test_stock_that_is_there_is_not_bought_again(works: Works) -> None:
    await works.foresee({works.coats[1]: 30})
    await works.quote(works.weaver, works.coat, tiers=(supply.Tier(1, 4000),))
    bare = (await works.plan()).lines[0].quantity
    async with works.db.transaction() as tx:
        await inventory.receive(
            tx, shop_id=works.shop.id, location_id=works.location_id, variant_id=works.coats[1], quantity=7
        )
    [line] = (await works.plan()).lines

    assert (line.quantity, line.available) == (bare - 7, 7)


async def test_what_is_ordered_is_not_ordered_again(works: Works) -> None:
    """Neither before the supplier answers nor after, when the order has become a lot."""
    await works.foresee({works.coats[1]: 30})
    await works.quote(works.weaver, works.coat, tiers=(supply.Tier(1, 4000),))
    sent = await works.sent()
    assert (await works.plan()).lines == ()
    await works.confirm(sent, supply.Promise(works.coats[1], sent.order.lines[0].quantity, DAY))
    assert (await works.plan()).lines == ()


async def test_presale_and_waitlist_count_once(works: Works) -> None:
    """Nobody came in the show; four wait and two are promised: six certain units (the pay rate is 1)."""
    variant = works.bowls[0]
    signal = demand.Signal(variant, works.bowl, {}, 9000.0, 9000.0, 0, 0, waitlist_units=4, presale_units=2)
    sure = demand.Assumptions(pay_rate=1.0)
    async with works.db.transaction() as tx:
        forecast = await demand.forecast_show(
            tx, shop_id=works.shop.id, show_id=SHOW, signals=[signal], assumed=sure
        )
    await works.quote(works.potter, works.bowl, tiers=(supply.Tier(1, 5900),))
    [line] = (await works.plan()).lines

    assert forecast.lines[0].hard == 6
    assert (line.hard, line.quantity) == (6, 6)


async def test_nothing_wanted_orders_nothing(works: Works) -> None:
    signal = demand.Signal(works.bowls[0], works.bowl, {}, 0.0, 0.0, 0, 0)
    async with works.db.transaction() as tx:
        await demand.forecast_show(tx, shop_id=works.shop.id, show_id=SHOW, signals=[signal])
    await works.quote(works.potter, works.bowl)
    plan = await works.plan()

    assert (plan.lines, plan.cost_scaled, plan.bound_scaled, plan.gap) == ((), 0, 0, 0.0)
    async with works.db.transaction() as tx:
        with pytest.raises(NothingToOrder):
            await supply.accept(tx, actor=works.actor, plan_id=plan.id)


async def test_promises_that_cannot_be_kept_are_said_to_be(works: Works) -> None:
    signal = demand.Signal(works.bowls[0], works.bowl, {}, 9000.0, 9000.0, 5, 5, presale_units=20)
    async with works.db.transaction() as tx:
        await demand.forecast_show(tx, shop_id=works.shop.id, show_id=SHOW, signals=[signal])
    await works.quote(works.potter, works.bowl, tiers=(supply.Tier(1, 4000),))

    with pytest.raises(Infeasible) as refused:
        await works.plan(must_cover_hard=True, budget_minor=19 * 4000)
    assert refused.value.code == "supply.infeasible"
    plan = await works.plan(must_cover_hard=True, budget_minor=20 * 4000)
    assert [line.quantity for line in plan.lines] == [20]


async def test_accepting_sends_one_order_per_supplier(works: Works) -> None:
    await works.foresee({works.coats[0]: 30, works.bowls[0]: 20})
    await works.quote(works.weaver, works.coat, setup_minor=10_000)
    await works.quote(works.potter, works.bowl)
    plan = await works.plan()
    async with works.db.transaction() as tx:
        sent = await supply.accept(tx, actor=works.actor, plan_id=plan.id)

    assert [each.order.supplier_id for each in sent] == [works.weaver.id, works.potter.id]
    assert [each.order.number for each in sent] == ["PO-000001", "PO-000002"]
    assert sum(each.order.cost_minor for each in sent) == plan.purchase_minor
    assert sent[0].order.setup_minor == 10_000
    assert {each.order.state for each in sent} == {supply.OrderState.SENT}
    assert sent[0].order.lines[0].expected_on == TODAY + timedelta(days=9)
    async with works.db.transaction() as tx:
        with pytest.raises(PlanStale):
            await supply.accept(tx, actor=works.actor, plan_id=plan.id)
        with pytest.raises(supply.UnknownPlan):
            await plan_by_id(tx, shop_id=works.other.id, plan_id=plan.id)
        assert len(await supply.purchase_orders(tx, shop_id=works.shop.id)) == 2
        assert await supply.purchase_orders(tx, shop_id=works.other.id) == []
    assert (await works.facts())[-4:] == [
        "supply.plan_proposed", "supply.purchase_order_sent", "supply.purchase_order_sent", "supply.plan_accepted",
    ]  # fmt: skip


async def test_only_the_newest_plan_can_be_accepted(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    first, second = await works.plan(), await works.plan()
    async with works.db.transaction() as tx:
        with pytest.raises(PlanStale):
            await supply.accept(tx, actor=works.actor, plan_id=first.id)
        assert len(await supply.accept(tx, actor=works.actor, plan_id=second.id)) == 1


async def test_what_a_supplier_confirms_can_be_sold_at_once(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    quantity = sent.order.lines[0].quantity
    async with works.db.transaction() as tx:
        assert (await supply.desk(tx, key=sent.key)).orders == (sent.order,)
    order = await works.confirm(sent, supply.Promise(works.coats[0], quantity - 3, DAY))

    assert order.state is supply.OrderState.PARTIALLY
    assert await works.levels(works.coats[0]) == [("incoming", DAY, quantity - 3, 0)]
    answer = await works.buy(works.coats[0], 2)
    assert isinstance(answer, stock.Held)
    assert answer.lots[0].ready_on == DAY


async def test_the_same_answer_again_changes_nothing_and_a_later_day_moves_the_lot(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    promise = supply.Promise(works.coats[0], sent.order.lines[0].quantity, DAY)
    first = await works.confirm(sent, promise)
    told = await works.facts()
    # Said again, also when the day has passed.
    assert await works.confirm(sent, promise, today=DAY + timedelta(days=3)) == first
    assert await works.facts() == told

    slipped = DAY + timedelta(days=5)
    moved = await works.confirm(sent, supply.Promise(works.coats[0], promise.quantity, slipped))
    assert moved.lines[0].ready_on == slipped
    assert await works.levels(works.coats[0]) == [("incoming", slipped, promise.quantity, 0)]
    assert (await works.facts())[-1] == "supply.purchase_order_confirmed"


async def test_an_answer_that_cannot_be_is_refused_and_changes_nothing(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    variant, most = works.coats[0], sent.order.lines[0].quantity
    good = supply.Promise(variant, 1, DAY)
    cases: list[tuple[list[supply.Promise], type[Refusal]]] = [
        ([supply.Promise(variant, most + 1, DAY)], MoreThanOrdered),
        ([supply.Promise(variant, -1, DAY)], supply.BadQuantity),
        ([supply.Promise(variant, 1, TODAY - timedelta(days=1))], DateInThePast),
        ([supply.Promise(variant, 1, TODAY + timedelta(days=731))], DateTooFar),
        ([supply.Promise(variant, 1, None)], DateTooFar),
        ([supply.Promise(works.bowls[0], 1, DAY)], UnknownLine),
        ([good, good], TwiceTheSame),
    ]
    for lines, kind in cases:
        with pytest.raises(kind):
            await works.confirm(sent, *lines)
    with pytest.raises(access_keys.UnknownKey):
        await works.confirm(supply.Sent(sent.order, "x" * 43), good)
    assert await works.levels(variant) == []
    async with works.db.transaction() as tx:
        assert (
            await supply.purchase_order_for_key(tx, key=sent.key, purchase_order_id=sent.order.id)
            == sent.order
        )


async def test_a_key_opens_only_the_orders_of_its_supplier(works: Works) -> None:
    await works.foresee({works.coats[0]: 30, works.bowls[0]: 20})
    await works.quote(works.weaver, works.coat)
    await works.quote(works.potter, works.bowl)
    plan = await works.plan()
    async with works.db.transaction() as tx:
        weaver, potter = await supply.accept(tx, actor=works.actor, plan_id=plan.id)
    stolen = supply.Sent(weaver.order, potter.key)

    with pytest.raises(supply.UnknownPurchaseOrder):
        await works.confirm(stolen, supply.Promise(works.coats[0], 1, DAY))
    async with works.db.transaction() as tx:
        with pytest.raises(supply.UnknownPurchaseOrder):
            await supply.purchase_order_for_key(tx, key=potter.key, purchase_order_id=weaver.order.id)
        with pytest.raises(supply.UnknownPurchaseOrder):
            await supply.purchase_order_for_key(tx, key=potter.key, purchase_order_id=uuid4())


async def test_declining_takes_the_lot_back(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    await works.confirm(sent, supply.Promise(works.coats[0], 5, DAY))
    await works.buy(works.coats[0], 2)
    order = await works.confirm(sent, supply.Promise(works.coats[0], 0, None))

    assert order.state is supply.OrderState.DECLINED
    async with works.db.transaction() as tx:
        assert [each.missing for each in await inventory.shortages(tx, shop_id=works.shop.id)] == [2]
        assert (await stock.available(tx, shop_id=works.shop.id, variant_ids=[works.coats[0]]))[
            works.coats[0]
        ].total == 0


async def test_goods_that_come_are_on_the_shelf_once(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    variant, quantity = works.coats[0], sent.order.lines[0].quantity
    await works.confirm(sent, supply.Promise(variant, quantity, DAY))

    async def receive(total: int) -> supply.PurchaseOrder:
        async with works.db.transaction() as tx:
            return await supply.receive(
                tx, actor=works.actor, purchase_order_id=sent.order.id, quantities={variant: total}
            )

    partly = await receive(quantity - 4)
    assert (partly.state, partly.lines[0].received) == (supply.OrderState.CONFIRMED, quantity - 4)
    assert await receive(quantity - 4) == partly
    done = await receive(quantity)
    assert done.state is supply.OrderState.RECEIVED
    assert done.received_at is not None
    async with works.db.transaction() as tx:
        left = await stock.available(tx, shop_id=works.shop.id, variant_ids=[variant])
        assert (left[variant].now, left[variant].later) == (quantity, ())
        assert all(check.passed for check in await stock.audit(tx))
    with pytest.raises(supply.BadQuantity):
        await receive(quantity - 1)
    with pytest.raises(WrongState):
        await works.confirm(sent, supply.Promise(variant, 1, DAY))


async def test_damaged_goods_of_a_delivery_are_there_and_not_for_sale(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    variant, quantity = works.coats[0], sent.order.lines[0].quantity
    await works.confirm(sent, supply.Promise(variant, quantity, DAY))

    async def receive(total: int, damaged: int) -> None:
        async with works.db.transaction() as tx:
            await supply.receive(
                tx,
                actor=works.actor,
                purchase_order_id=sent.order.id,
                quantities={variant: total},
                damaged={variant: damaged},
            )

    await receive(5, 2)
    with pytest.raises(supply.BadQuantity):
        await receive(6, 2)
    await receive(6, 1)
    async with works.db.transaction() as tx:
        left = await stock.available(tx, shop_id=works.shop.id, variant_ids=[variant])
        assert left[variant].now == 3
        assert all(check.passed for check in await stock.audit(tx))
    assert sum(units for kind, _, units, _ in await works.levels(variant) if kind == "on_hand") == 6


async def test_goods_that_come_unannounced_are_taken_in(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    quantity = sent.order.lines[0].quantity
    async with works.db.transaction() as tx:
        order = await supply.receive(
            tx, actor=works.actor, purchase_order_id=sent.order.id, quantities={works.coats[0]: quantity + 2}
        )
    assert order.state is supply.OrderState.RECEIVED
    assert await works.levels(works.coats[0]) == [("on_hand", None, quantity + 2, 0)]


async def test_made_to_order_is_sold_ordered_made_and_delivered(works: Works) -> None:
    """Three bowls sold against what the potter can make are ordered, not sold twice, and arrive for their buyers."""
    variant = works.bowls[0]
    quote = await works.quote(
        works.potter, works.bowl, tiers=(supply.Tier(1, 2000),), lead_days=10, late_days=0
    )
    async with works.db.transaction() as tx:
        level = await supply.announce_makeable(
            tx, shop_id=works.shop.id, quote_id=quote.id, variant_id=variant, quantity=40,
            location_id=works.location_id, today=TODAY,
        )  # fmt: skip
    makeable_on = TODAY + timedelta(days=10)
    assert (level.kind, level.ready_on) == (inventory.LotKind.MAKEABLE, makeable_on)
    await works.buy(variant, 3)
    await works.foresee({variant: 4})
    plan = await works.plan()
    assert (plan.lines[0].hard, plan.lines[0].available) == (3, 0)
    sent = await works.sent()
    quantity = sent.order.lines[0].quantity
    assert (sent.order.lines[0].owed, quantity > 3) == (3, True)
    # The three are on order now: neither a plan nor a lot counts them again.
    assert (await works.plan()).lines == ()
    await works.confirm(sent, supply.Promise(variant, quantity, DAY))
    assert await works.levels(variant) == [
        ("makeable", makeable_on, 40, 3), ("incoming", DAY, quantity - 3, 0),
    ]  # fmt: skip
    assert (await works.plan()).lines == ()
    async with works.db.transaction() as tx:
        await supply.receive(
            tx, actor=works.actor, purchase_order_id=sent.order.id, quantities={variant: quantity}
        )
        assert await inventory.shortages(tx, shop_id=works.shop.id) == []
    assert sorted(await works.levels(variant)) == sorted([
        ("on_hand", None, 3, 3), ("on_hand", None, quantity - 3, 0),
    ])  # fmt: skip


async def test_makeable_units_are_bounded_by_capacity(works: Works) -> None:
    quote = await works.quote(works.weaver, works.coat, capacity_use=10, lead_days=7, late_days=0)

    async def announce(variant_id: int, quantity: int, ready_on: date | None = None) -> inventory.Level:
        async with works.db.transaction() as tx:
            return await supply.announce_makeable(
                tx, shop_id=works.shop.id, quote_id=quote.id, variant_id=variant_id, quantity=quantity,
                ready_on=ready_on, location_id=works.location_id, today=TODAY,
            )  # fmt: skip

    with pytest.raises(OverCapacity) as refused:
        await announce(works.coats[0], 21)
    assert refused.value.facts["most"] == 20
    with pytest.raises(OverCapacity):
        await announce(works.coats[0], 1, TODAY + timedelta(days=6))
    await announce(works.coats[0], 15)
    await announce(works.coats[0], 12)
    with pytest.raises(OverCapacity) as refused:
        await announce(works.coats[1], 9)
    assert refused.value.facts["most"] == 8
    assert (await announce(works.coats[1], 28, TODAY + timedelta(days=14))).quantity == 28
    with pytest.raises(NotQuoted):
        await announce(works.bowls[0], 1)


async def test_open_orders_use_up_capacity(works: Works) -> None:
    """200 a week; the first order takes it all for the first week, so the next plan has the later weeks only."""
    await works.foresee({works.coats[0]: 150})
    await works.quote(works.weaver, works.coat, tiers=(supply.Tier(1, 1000),), lead_days=7, late_days=0)
    sent = await works.sent(horizon_days=13)
    assert sent.order.lines[0].quantity <= 200
    await works.foresee({works.coats[0]: 150, works.coats[1]: 300})
    plan = await works.plan(horizon_days=13)

    assert sum(line.quantity for line in plan.lines) == 200 - sent.order.lines[0].quantity


async def test_the_spreadsheet_has_types_and_no_formulas(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    quantity = sent.order.lines[0].quantity
    async with works.db.transaction() as tx:
        sheet = await supply.export_csv(tx, shop_id=works.shop.id, purchase_order_id=sent.order.id)
        with pytest.raises(supply.UnknownPurchaseOrder):
            await supply.export_csv(tx, shop_id=works.other.id, purchase_order_id=sent.order.id)

    assert sheet.splitlines() == [
        "order,supplier,line,sku,product,options,quantity,unit_price,line_total,currency,expected_on,confirmed,ready_on,received",
        f"PO-000001,Weaver,1,C-S,'=Coat,S / Indigo,{quantity},40.00,{quantity * 40}.00,EUR,2026-12-10,,,0",
    ]


async def test_another_shop_sees_and_changes_nothing(works: Works) -> None:
    await works.foresee({works.coats[0]: 30})
    quote = await works.quote(works.weaver, works.coat)
    sent = await works.sent()
    stranger = accounts.Actor(1, works.other.id, accounts.Role.OWNER, frozenset(accounts.Permission))
    async with works.db.transaction() as tx:
        with pytest.raises(supply.UnknownSupplier):
            await supply.supplier_key(tx, shop_id=stranger.shop_id, supplier_id=works.weaver.id)
        with pytest.raises(UnknownQuote):
            await supply.withdraw_quote(tx, shop_id=works.other.id, quote_id=quote.id)
        with pytest.raises(supply.UnknownPurchaseOrder):
            await supply.receive(
                tx, actor=stranger, purchase_order_id=sent.order.id, quantities={works.coats[0]: 1}
            )
        with pytest.raises(supply.NoPlan):
            await supply.plan(tx, shop_id=works.other.id, show_id=SHOW)
        assert await queries.workloads(tx, shop_id=works.other.id) == []
