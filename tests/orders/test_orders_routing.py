"""From where orders leave: the first rule that leaves one location decides, and the order keeps why."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from tests.orders.conftest import MakeMarket, Market

from shopfloor import dispatch, fulfilment, inventory, orders, pickups, routing, stores
from shopfloor.kernel.values import now
from shopfloor.orders import Address, packing
from shopfloor.routing import Rule, RuleKind, Why
from shopfloor.routing.distance import distance

ME = "person:1"
WHOLE = Rule(RuleKind.WHOLE)
NEAREST = Rule(RuleKind.NEAREST)
FEWEST = Rule(RuleKind.FEWEST_PARCELS)
LIMITS = Rule(RuleKind.STORE_LIMITS)
WAREHOUSES = Rule(RuleKind.PREFER_KIND, place_kind="warehouse")
CHENGDU = Address(street="1 Chunxi Road", city="成都市", region="四川省", postcode="610000", country="CN")


async def place(
    market: Market,
    name: str,
    units: dict[int, int],
    *,
    kind: inventory.LocationKind = inventory.LocationKind.STORE,
    region: str = "",
    country: str = "CN",
) -> int:
    """A location with units of the coat, by variant (0: M, 1: L), and its address."""
    async with market.db.transaction() as tx:
        made = await inventory.add_location(tx, shop_id=market.shop_id, name=name, kind=kind)
        for variant, quantity in units.items():
            await inventory.receive(
                tx,
                shop_id=market.shop_id,
                location_id=made.id,
                variant_id=market.variants[variant],
                quantity=quantity,
            )
        if region:
            plain = await stores.store(
                tx, shop_id=market.shop_id, location_id=made.id, timezone="Asia/Shanghai"
            )
            await stores.save(tx, replace(plain, region=region, country=country))
    return made.id


async def follow(market: Market, *rules: Rule) -> None:
    async with market.db.transaction() as tx:
        await routing.save(tx, shop_id=market.shop_id, wanted=rules, actor=ME)


async def parcels(market: Market, order: orders.Order) -> list[fulfilment.Parcel]:
    """Pay it, and its parcels."""
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME)
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)
        return await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)


async def leaves(market: Market, lines: dict[int, int], **changes: object) -> tuple[dict[int, int], UUID]:
    """({location: units}, order) of a paid order of these units of the open stock, by variant."""
    hold_id, shopper = await market.hold(
        lines={market.variants[variant]: units for variant, units in lines.items()}, open_shop=True
    )
    order = await market.complete(hold_id, shopper, **({"address": CHENGDU} | changes))
    found: dict[int, int] = {}
    for parcel in await parcels(market, order):
        found[parcel.location_id] = found.get(parcel.location_id, 0) + sum(parcel.units.values())
    return found, order.id


async def reason(market: Market, order_id: UUID) -> list[routing.Leg]:
    async with market.db.transaction() as tx:
        [decision] = await routing.decisions(tx, shop_id=market.shop_id, order_id=order_id)
    return decision.legs


async def assert_sound(market: Market) -> None:
    await market.assert_sound()
    async with market.db.transaction() as tx:
        assert [check for check in await pickups.audit(tx) if not check.passed] == []


async def test_without_rules_it_leaves_from_where_it_was_reserved(make_market: MakeMarket) -> None:
    market = await make_market(10)
    first = await place(market, "Quay Street", {0: 3})
    await place(market, "Chunxi Road", {0: 3}, region="四川省")
    found, order_id = await leaves(market, {0: 2})
    async with market.db.transaction() as tx:
        assert await routing.decisions(tx, shop_id=market.shop_id, order_id=order_id) == []
    assert list(found.values()) == [2]
    assert first not in found or found == {first: 2}
    await assert_sound(market)


async def test_the_nearest_decides_and_says_what_it_compared(make_market: MakeMarket) -> None:
    market = await make_market(10)
    far = await place(market, "Shanghai", {0: 3}, region="上海市")
    near = await place(market, "Chengdu", {0: 3}, region="四川省")
    await follow(market, WHOLE, NEAREST)
    found, order_id = await leaves(market, {0: 2})
    assert found == {near: 2}
    [leg] = await reason(market, order_id)
    assert (leg.location_id, leg.why, leg.units) == (near, Why.RULE, {market.variants[0]: 2})
    step = leg.decided
    assert step is not None
    assert step.kind is RuleKind.NEAREST
    assert step.kept == [near]
    assert step.compared[near] == {"near": 0, "km": 0}
    assert step.compared[far] == {"near": 1, "km": 1660}
    [fact] = await market.facts("routing.order_routed")
    assert fact["legs"] == [{"location_id": near, "units": 2, "why": "rule", "rule": "nearest"}]
    await assert_sound(market)


async def test_the_first_rule_that_decides_wins(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 3}, region="四川省")
    house = await place(market, "Wuhan", {0: 3}, region="湖北省", kind=inventory.LocationKind.WAREHOUSE)
    await follow(market, WAREHOUSES, NEAREST)
    assert (await leaves(market, {0: 1}))[0] == {house: 1}
    await follow(market, NEAREST, WAREHOUSES)
    assert (await leaves(market, {0: 1}))[0] == {near: 1}
    # Switched off, a rule says nothing.
    await follow(market, replace(NEAREST, is_on=False), WAREHOUSES)
    assert (await leaves(market, {0: 1}))[0] == {house: 1}
    await assert_sound(market)


async def test_what_the_first_location_lacks_is_decided_again(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 1}, region="四川省")
    middle = await place(market, "Xi'an", {0: 5}, region="陕西省")
    far = await place(market, "Shanghai", {0: 5, 1: 5}, region="上海市")
    await follow(market, NEAREST)
    assert (await leaves(market, {0: 3, 1: 1}))[0] == {near: 1, middle: 2, far: 1}
    # Of fewest parcels two begin the same number, and the one that has all of it none more.
    await follow(market, FEWEST, NEAREST)
    found, order_id = await leaves(market, {0: 2, 1: 1})
    assert found == {far: 3}
    [leg] = await reason(market, order_id)
    assert leg.decided is not None
    assert leg.decided.compared == {middle: 2, far: 1}
    await assert_sound(market)


async def test_never_holds_wherever_it_stands(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 3}, region="四川省")
    far = await place(market, "Shanghai", {0: 1}, region="上海市")
    await follow(market, WHOLE, NEAREST, Rule(RuleKind.NEVER, location_id=near))
    found, order_id = await leaves(market, {0: 1})
    assert found == {far: 1}
    assert [leg.why for leg in await reason(market, order_id)] == [Why.ONLY]
    # Nothing else has any: the order is promised, so it stays, and says so.
    found, order_id = await leaves(market, {0: 1})
    assert found == {near: 1}
    [leg] = await reason(market, order_id)
    assert (leg.why, leg.steps[0].compared) == (Why.NOTHING_FITS, {near: "never"})
    await assert_sound(market)


async def test_a_store_sends_so_many_orders_a_day_and_no_more(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 9}, region="四川省")
    far = await place(market, "Shanghai", {0: 9}, region="上海市")
    await follow(market, LIMITS, NEAREST)
    async with market.db.transaction() as tx:
        await routing.set_limit(tx, shop_id=market.shop_id, wanted=routing.Limit(near, per_day=2), actor=ME)
    assert [(await leaves(market, {0: 1}))[0] for _ in range(3)] == [{near: 1}, {near: 1}, {far: 1}]
    # The next day of the store.
    async with market.db.transaction() as tx:
        await tx.run("UPDATE fulfilment.parcel SET created_at = created_at - interval '1 day'")
    found, order_id = await leaves(market, {0: 1})
    assert found == {near: 1}
    assert [leg.why for leg in await reason(market, order_id)] == [Why.RULE]
    await assert_sound(market)


async def test_after_its_cut_off_a_store_sends_nothing_today(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 9}, region="四川省")
    await place(market, "Shanghai", {0: 9}, region="上海市")
    await follow(market, LIMITS, NEAREST)
    async with market.db.transaction() as tx:
        await routing.set_limit(
            tx, shop_id=market.shop_id, wanted=routing.Limit(near, cut_off=16 * 60 + 30), actor=ME
        )
        # 16:29 and 16:30 in Chengdu, which goes by Beijing's clock.
        there = await routing.places(
            tx, shop_id=market.shop_id, at=now().replace(hour=8, minute=29, second=59)
        )
        late = await routing.places(tx, shop_id=market.shop_id, at=now().replace(hour=8, minute=30, second=0))
    assert (there[near].is_late, late[near].is_late) == (False, True)


async def test_at_the_same_moment_two_orders_are_one_of_a_store_that_sends_one(
    make_market: MakeMarket,
) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 9}, region="四川省")
    far = await place(market, "Shanghai", {0: 9}, region="上海市")
    await follow(market, LIMITS, NEAREST)
    async with market.db.transaction() as tx:
        await routing.set_limit(tx, shop_id=market.shop_id, wanted=routing.Limit(near, per_day=1), actor=ME)
    found = await asyncio.gather(*(leaves(market, {0: 1}) for _ in range(6)))
    assert sorted(next(iter(each)) for each, _ in found) == sorted([near, *[far] * 5])
    await assert_sound(market)


async def test_of_the_last_unit_that_two_orders_are_sent_to_one_gets_it(make_market: MakeMarket) -> None:
    market = await make_market(0)
    far = await place(market, "Shanghai", {0: 6}, region="上海市")
    await follow(market, NEAREST)
    placed = []
    for _ in range(6):
        hold_id, shopper = await market.hold(open_shop=True)
        placed.append(await market.complete(hold_id, shopper, address=CHENGDU))
    # One unit comes to the nearest after all six were reserved elsewhere.
    near = await place(market, "Chengdu", {0: 1}, region="四川省")
    found = await asyncio.gather(*(parcels(market, order) for order in placed))
    assert sorted(each.location_id for [each] in found) == sorted([near, *[far] * 5])
    await assert_sound(market)


async def test_rules_of_another_shop_and_its_locations_are_not_here(make_market: MakeMarket) -> None:
    market, other = await make_market(3), await make_market(3)
    await follow(market, WHOLE)
    async with market.db.transaction() as tx:
        [rule] = (await routing.rules(tx, shop_id=market.shop_id)).rules
        assert rule.id is not None
        with pytest.raises(routing.UnknownRule):
            await routing.move(tx, shop_id=other.shop_id, rule_id=rule.id, by=1, actor=ME)
        with pytest.raises(inventory.UnknownStock):
            await routing.save(
                tx,
                shop_id=other.shop_id,
                wanted=[Rule(RuleKind.NEVER, location_id=market.location_id)],
                actor=ME,
            )
        with pytest.raises(inventory.UnknownStock):
            await routing.set_limit(
                tx, shop_id=other.shop_id, wanted=routing.Limit(market.location_id, per_day=1), actor=ME
            )
        assert (await routing.rules(tx, shop_id=other.shop_id)).rules == []


async def test_rules_keep_who_changed_them_and_a_page_that_is_old_changes_nothing(
    make_market: MakeMarket,
) -> None:
    market = await make_market(3)
    async with market.db.transaction() as tx:
        made = await routing.add(tx, shop_id=market.shop_id, wanted=routing.USUAL, actor=ME)
        again = await routing.add(tx, shop_id=market.shop_id, wanted=routing.USUAL, actor="person:2")
        assert again == made
        whole = made.rules[1]
        assert whole.id is not None
        moved = await routing.move(tx, shop_id=market.shop_id, rule_id=whole.id, by=-1, actor="person:2")
        assert [rule.kind for rule in moved.rules][:2] == [RuleKind.WHOLE, RuleKind.STORE_LIMITS]
        # As far as the list goes.
        assert (
            await routing.move(tx, shop_id=market.shop_id, rule_id=whole.id, by=-1, actor="person:2") == moved
        )
        await routing.switch(tx, shop_id=market.shop_id, rule_id=whole.id, is_on=False, actor=ME)
        await routing.remove(tx, shop_id=market.shop_id, rule_id=whole.id, actor=ME)
        with pytest.raises(routing.RulesChanged):
            await routing.save(tx, shop_id=market.shop_id, wanted=[], actor=ME, version=moved.version)
        with pytest.raises(routing.BadRule):
            await routing.save(tx, shop_id=market.shop_id, wanted=[WHOLE, WHOLE], actor=ME)
        with pytest.raises(routing.BadRule):
            await routing.save(tx, shop_id=market.shop_id, wanted=[Rule(RuleKind.NEVER)], actor=ME)
        history = await routing.changes(tx, shop_id=market.shop_id)
    assert [(each.what, each.actor) for each in history] == [
        ("removed", ME), ("off", ME), ("moved", "person:2"), ("replaced", ME)
    ]  # fmt: skip


async def test_last_weeks_orders_show_what_other_rules_would_do(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 3}, region="四川省")
    far = await place(market, "Shanghai", {0: 3}, region="上海市")
    await follow(market, Rule(RuleKind.PREFER, location_id=far))
    for _ in range(3):
        await leaves(market, {0: 1})
    await follow(market, NEAREST)
    async with market.db.transaction() as tx:
        found = await dispatch.week(tx, shop_id=market.shop_id)
        assert found == dispatch.Week(3, 0, [dispatch.Replayed(near, 0, 3), dispatch.Replayed(far, 3, 0)])
        await tx.run("UPDATE orders.orders SET placed_at = placed_at - interval '8 days'")
        assert await dispatch.week(tx, shop_id=market.shop_id) == dispatch.Week(0, 0, [])


async def test_a_parcel_that_somebody_began_stays_where_it_is(make_market: MakeMarket) -> None:
    """Units that come later find their location, and those in the parcel do not move."""
    market = await make_market(0)
    far = await place(market, "Shanghai", {0: 3, 1: 1}, region="上海市")
    await follow(market, NEAREST)
    hold_id, shopper = await market.hold(lines={market.variants[0]: 2, market.variants[1]: 1}, open_shop=True)
    order = await market.complete(hold_id, shopper, address=CHENGDU)
    [first] = await parcels(market, order)
    near = await place(market, "Chengdu", {0: 9, 1: 9}, region="四川省")
    async with market.db.transaction() as tx:
        await fulfilment.step(
            tx, shop_id=market.shop_id, parcel_ids=[first.id], to=fulfilment.State.PICKED, actor=ME
        )
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)
        [still] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    assert (still.location_id, still.units) == (far, first.units)
    assert near != far
    await assert_sound(market)


async def test_of_two_parcels_of_a_variant_each_takes_its_own_units(make_market: MakeMarket) -> None:
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: 1}, region="四川省")
    far = await place(market, "Shanghai", {0: 5}, region="上海市")
    await follow(market, NEAREST)
    found, order_id = await leaves(market, {0: 3})
    assert found == {near: 1, far: 2}
    async with market.db.transaction() as tx:
        both = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order_id)
        for parcel in sorted(both, key=lambda each: each.location_id != far):
            await orders.shipping.send_parcel(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
            audited = await pickups.audit(tx)
            assert [check for check in audited if not check.passed] == []
        # A step back, of the one that left second, and of the other.
        for parcel in sorted(both, key=lambda each: each.location_id != near):
            await orders.shipping.undo_step(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
            audited = await pickups.audit(tx)
            assert [check for check in audited if not check.passed] == []
    await assert_sound(market)


def test_an_order_goes_with_another_one_of_its_buyer() -> None:
    places = {each: routing.Place(each, "store") for each in (1, 2)}
    there = {(1, 7): 2, (2, 7): 2}
    wish = routing.Wish({7: 2}, routing.Spot(), with_location=2)
    [leg] = routing.choose([WHOLE], places, there, wish, reserved={(1, 7): 2})
    assert (leg.location_id, leg.why) == (2, Why.TOGETHER)
    # Not where a rule forbids it.
    [leg] = routing.choose([Rule(RuleKind.NEVER, location_id=2)], places, there, wish, reserved={(1, 7): 2})
    assert (leg.location_id, leg.why) == (1, Why.ONLY)


@pytest.mark.parametrize(
    ("place", "to", "expected"),
    [
        (routing.Spot("CN", "四川省"), routing.Spot("CN", "", "成都市"), (0, 0)),
        (routing.Spot("CN", "Sichuan"), routing.Spot("CN", "四川"), (0, 0)),
        (routing.Spot("CN", "", "Chengdu"), routing.Spot("CN", "Chongqing"), (1, 260)),
        (routing.Spot("CN", "广东省"), routing.Spot("HK"), (2, 130)),
        (routing.Spot("CN", "", "金华市"), routing.Spot("CN", "浙江省", "杭州市"), (0, 0)),
        (routing.Spot("DE", "Bayern"), routing.Spot("DE", "bayern"), (0, 0)),
        (routing.Spot("DE", "Bayern"), routing.Spot("DE", "Berlin"), (1, 0)),
        (routing.Spot("DE"), routing.Spot("AT"), (2, 0)),
        (routing.Spot(), routing.Spot("AT"), (3, 0)),
        (routing.Spot("CN", "四川省"), routing.Spot("", "四川省"), (0, 0)),
        (routing.Spot("CN", "四川省"), routing.Spot(), (3, 0)),
    ],
)
def test_how_near_two_addresses_are(place: routing.Spot, to: routing.Spot, expected: tuple[int, int]) -> None:
    found = distance(place, to)
    assert (found.near, found.km) == expected
