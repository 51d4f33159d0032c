"""Orders that stores send: one takes it on, one passes it on, and no unit is lost or doubled on the way."""

import asyncio
import random
from uuid import UUID

import pytest
from tests.orders.conftest import MakeMarket, Market
from tests.orders.test_orders_routing import CHENGDU, NEAREST, assert_sound, follow, parcels, place

from shopfloor import dispatch, fulfilment, inventory, orders, routing
from shopfloor.fulfilment import State
from shopfloor.kernel.errors import Refusal
from shopfloor.routing import Why

ME, OTHER = "person:1", "person:2"


async def sent_from(
    market: Market, near: int, lines: dict[int, int] | None = None
) -> tuple[orders.Order, fulfilment.Parcel]:
    """A paid order whose parcel is to leave from the nearest store."""
    hold_id, shopper = await market.hold(
        lines={market.variants[variant]: units for variant, units in (lines or {0: 1}).items()},
        open_shop=True,
    )
    order = await market.complete(hold_id, shopper, address=CHENGDU)
    [parcel] = await parcels(market, order)
    assert parcel.location_id == near
    return order, parcel


async def three(make_market: MakeMarket, units: int = 5) -> tuple[Market, int, int, int]:
    """Stores in Chengdu, Xi'an and Shanghai; the nearest sends to Chengdu."""
    market = await make_market(0)
    near = await place(market, "Chengdu", {0: units, 1: units}, region="四川省")
    middle = await place(market, "Xi'an", {0: units}, region="陕西省")
    far = await place(market, "Shanghai", {0: units}, region="上海市")
    await follow(market, NEAREST)
    return market, near, middle, far


async def here(market: Market, order_id: UUID) -> list[tuple[int, int]]:
    """(location, units) of the parcels of an order that are in the house."""
    async with market.db.transaction() as tx:
        found = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order_id)
    return [(each.location_id, sum(each.units.values())) for each in found if each.state in fulfilment.HERE]


async def pass_on(market: Market, parcel: fulfilment.Parcel, reason: str = "no_time", **more: object) -> int:
    async with market.db.transaction() as tx:
        done = await dispatch.pass_on(
            tx,
            shop_id=market.shop_id,
            parcel_id=parcel.id,
            reason=reason,
            **({"actor": ME} | more),  # pyright: ignore[reportArgumentType]
        )
    return done.moved


async def accept(market: Market, parcel: fulfilment.Parcel, actor: str = ME) -> dispatch.Task:
    async with market.db.transaction() as tx:
        return await dispatch.accept(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=actor)


async def books(market: Market, location_id: int) -> tuple[int, int]:
    """(quantity, allocated) of the coat in M at a location."""
    async with market.db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=market.shop_id, variant_ids=[market.variants[0]])
    found = [each for each in levels if each.location_id == location_id]
    return sum(each.quantity for each in found), sum(each.allocated for each in found)


async def test_two_who_take_it_on_are_one(make_market: MakeMarket) -> None:
    market, near, *_ = await three(make_market)
    order, parcel = await sent_from(market, near)
    found = await asyncio.gather(*(accept(market, parcel, f"person:{each}") for each in range(4)))
    assert len({each.accepted_by for each in found}) == 1
    [fact] = await market.facts("dispatch.order_accepted")
    assert (fact["parcel_id"], fact["location_id"]) == (str(parcel.id), near)
    # A second tap changes nothing.
    assert (await accept(market, parcel, found[0].accepted_by)).accepted_at == found[0].accepted_at
    assert await here(market, order.id) == [(near, 1)]


async def test_what_is_passed_on_leaves_from_the_next_by_the_rules(make_market: MakeMarket) -> None:
    market, near, middle, far = await three(make_market)
    order, parcel = await sent_from(market, near, {0: 2})
    await accept(market, parcel)
    assert await pass_on(market, parcel, note="closed for stocktaking") == 2
    assert await here(market, order.id) == [(middle, 2)]
    assert (await books(market, near), await books(market, middle)) == ((5, 0), (5, 2))
    async with market.db.transaction() as tx:
        first, second = await routing.decisions(tx, shop_id=market.shop_id, order_id=order.id)
        [_, again] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    assert (first.trigger, second.trigger, second.note) == ("paid", "passed_on", "closed for stocktaking")
    assert [(leg.location_id, leg.why) for leg in second.legs] == [(middle, Why.RULE)]
    # The store has nothing to do with it any longer, whoever taps.
    with pytest.raises(dispatch.NotHere):
        await accept(market, parcel)
    with pytest.raises(dispatch.NotHere):
        await pass_on(market, parcel)
    assert await pass_on(market, again) == 2
    assert await here(market, order.id) in ([(near, 2)], [(far, 2)])
    await assert_sound(market)


async def test_what_is_not_found_leaves_the_books_and_the_rest_stays(make_market: MakeMarket) -> None:
    market, near, middle, _ = await three(make_market)
    order, parcel = await sent_from(market, near, {0: 3, 1: 1})
    [line] = [each for each in parcel.lines if each.variant_id == market.variants[0]]
    assert await pass_on(market, parcel, "not_found", units={line.line_id: 2}) == 2
    assert sorted(await here(market, order.id)) == sorted([(near, 2), (middle, 2)])
    # Five were there, two of them were not.
    assert (await books(market, near), await books(market, middle)) == ((3, 1), (5, 2))
    [fact] = await market.facts("dispatch.order_passed_on")
    assert (fact["why"], fact["reason"], fact["units"], fact["stuck"]) == ("short", "not_found", 2, 0)
    await assert_sound(market)


async def test_what_no_other_location_has_stays_and_says_so(make_market: MakeMarket) -> None:
    market, near, *_ = await three(make_market)
    order, parcel = await sent_from(market, near, {1: 2})
    assert await pass_on(market, parcel, "not_found") == 0
    assert await here(market, order.id) == [(near, 2)]
    assert await books(market, near) == (5, 0)
    async with market.db.transaction() as tx:
        task = await dispatch.task(tx, shop_id=market.shop_id, parcel_id=parcel.id)
        assert task.stuck == "short"
        # Found after all.
        await dispatch.step(tx, shop_id=market.shop_id, parcel_id=parcel.id, to=State.PICKED, actor=ME)
        assert (await dispatch.task(tx, shop_id=market.shop_id, parcel_id=parcel.id)).stuck is None
        await dispatch.send(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME, tracking="SF1")
    await assert_sound(market)


async def test_a_reason_is_needed_and_units_must_be_in_it(make_market: MakeMarket) -> None:
    market, near, *_ = await three(make_market)
    order, parcel = await sent_from(market, near)
    for reason, note in (("", ""), ("whim", "x"), ("other", "")):
        with pytest.raises(dispatch.ReasonNeeded):
            await pass_on(market, parcel, reason, note=note)
    for units in ({parcel.lines[0].line_id: 2}, {parcel.lines[0].line_id: 0}, {999_999: 1}):
        with pytest.raises(fulfilment.NotInParcel):
            await pass_on(market, parcel, units=units)
    assert await here(market, order.id) == [(near, 1)]


async def test_tasks_of_another_shop_are_not_here(make_market: MakeMarket) -> None:
    market, near, *_ = await three(make_market)
    other = await make_market(1)
    _, parcel = await sent_from(market, near)
    async with other.db.transaction() as tx:
        with pytest.raises(dispatch.UnknownTask):
            await dispatch.accept(tx, shop_id=other.shop_id, parcel_id=parcel.id, actor=ME)
        with pytest.raises(dispatch.UnknownTask):
            await dispatch.pass_on(tx, shop_id=other.shop_id, parcel_id=parcel.id, actor=ME, reason="no_time")
        assert (await dispatch.listing(tx, shop_id=other.shop_id, tab="new")).items == []


async def test_nobody_takes_it_on_in_time_and_the_next_location_gets_it(make_market: MakeMarket) -> None:
    market, near, middle, _ = await three(make_market)
    order, parcel = await sent_from(market, near)
    _, taken = await sent_from(market, near)
    _, alone = await sent_from(market, near, {1: 1})
    await accept(market, taken)
    async with market.db.transaction() as tx:
        await routing.set_limit(
            tx, shop_id=market.shop_id, wanted=routing.Limit(near, accept_hours=4), actor=ME
        )
    assert await dispatch.escalate(market.db) == 0
    async with market.db.transaction() as tx:
        task = await dispatch.task(tx, shop_id=market.shop_id, parcel_id=parcel.id)
        assert task.accept_by is not None
        assert (task.accept_by - task.created_at).total_seconds() == 4 * 3600
        await tx.run("UPDATE fulfilment.parcel SET created_at = created_at - interval '5 hours'")
    assert await dispatch.escalate(market.db) == 2
    assert await here(market, order.id) == [(middle, 1)]
    async with market.db.transaction() as tx:
        assert (await dispatch.task(tx, shop_id=market.shop_id, parcel_id=alone.id)).stuck == "not_accepted"
        assert (await dispatch.task(tx, shop_id=market.shop_id, parcel_id=taken.id)).location_id == near
    # Once: what is stuck is not tried every minute.
    assert await dispatch.escalate(market.db) == 0
    await assert_sound(market)


async def test_of_two_who_pass_it_on_and_one_who_cancels_each_unit_is_somewhere_once(
    make_market: MakeMarket,
) -> None:
    market, near, *_ = await three(make_market)
    for _ in range(2):
        order, parcel = await sent_from(market, near, {0: 2})

        async def cancel(order_id: UUID = order.id) -> None:
            async with market.db.transaction() as tx:
                await orders.cancel(
                    tx,
                    shop_id=market.shop_id,
                    order_id=order_id,
                    by=orders.Party.MERCHANT,
                    actor=ME,
                )

        done = await asyncio.gather(
            pass_on(market, parcel), pass_on(market, parcel, actor=OTHER), cancel(), return_exceptions=True
        )
        assert [each for each in done if isinstance(each, Exception) and not isinstance(each, Refusal)] == []
        assert sum(each for each in done if isinstance(each, int)) in {0, 2}
        assert await here(market, order.id) == []
    await assert_sound(market)


@pytest.mark.parametrize("seed", range(3))
async def test_in_any_order_units_are_neither_lost_nor_doubled(make_market: MakeMarket, seed: int) -> None:
    """Buyers, stores that take on, pass on, do not find or send, escalations and cancelled orders, with real commits: what
    was there is there, left, or was said to be missing, and each order has each of its units once.
    """
    dice = random.Random(seed)
    market, near, middle, far = await three(make_market, units=6)
    start = 18
    lost = 0
    placed: list[tuple[orders.Order, int]] = []

    async def buy() -> None:
        units = dice.randint(1, 2)
        try:
            hold_id, shopper = await market.hold(quantity=units, open_shop=True)
        except AssertionError:
            return
        order = await market.complete(hold_id, shopper, address=CHENGDU)
        placed.append((order, units))
        await parcels(market, order)

    async def touch() -> None:
        nonlocal lost
        if not placed:
            return
        order, _ = dice.choice(placed)
        async with market.db.transaction() as tx:
            found = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
        open_ones = [each for each in found if each.state in fulfilment.HERE]
        if not open_ones:
            return
        parcel = dice.choice(open_ones)
        act = dice.choice(["accept", "pass_on", "short", "send", "cancel", "escalate"])
        try:
            if act == "accept":
                await accept(market, parcel)
            elif act == "pass_on":
                await pass_on(market, parcel)
            elif act == "short":
                moved = await pass_on(market, parcel, "not_found", units={parcel.lines[0].line_id: 1})
                lost += moved
            elif act == "escalate":
                await dispatch.escalate(market.db)
            else:
                async with market.db.transaction() as tx:
                    if act == "send":
                        await dispatch.send(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
                    else:
                        await orders.cancel(
                            tx,
                            shop_id=market.shop_id,
                            order_id=order.id,
                            by=orders.Party.MERCHANT,
                            actor=ME,
                        )
        except Refusal:
            return

    async with market.db.transaction() as tx:
        for each in (near, middle, far):
            await routing.set_limit(
                tx, shop_id=market.shop_id, wanted=routing.Limit(each, per_day=4, accept_hours=1), actor=ME
            )
    await follow(market, routing.Rule(routing.RuleKind.STORE_LIMITS), NEAREST)
    await asyncio.gather(*(buy() for _ in range(5)))
    for _ in range(4):
        await asyncio.gather(*(touch() for _ in range(4)), buy())
    await assert_sound(market)
    sent = 0
    async with market.db.transaction() as tx:
        for order, _ in placed:
            found = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
            sent += sum(sum(each.units.values()) for each in found if each.state in fulfilment.GONE)
    assert sum([(await books(market, each))[0] for each in (near, middle, far)]) == start - lost - sent
    async with market.db.transaction() as tx:
        for order, units in placed:
            view = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).order
            found = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
            live = sum(sum(each.units.values()) for each in found if each.state is not State.CANCELLED)
            if view.cancelled_at is None:
                assert live == units
