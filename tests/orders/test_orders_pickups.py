"""Orders collected in stores: the store has them when it is chosen, one person hands them over, nobody twice."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import fulfilment, inventory, orders, pickups, stock, stores
from shopfloor.fulfilment import Delivery
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.outbox import drain, each
from shopfloor.orders import packing
from shopfloor.orders.refusals import FormRefused

ME, OTHER = "person:1", "person:2"
ALWAYS = [[[0, 1440]] for _ in range(7)]


async def store(market: Market, *, units: int = 5, name: str = "Quay Street", **changes: object) -> int:
    """A store with units of the coat in M, where orders are collected."""
    async with market.db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=market.shop_id, name=name, kind=inventory.LocationKind.STORE
        )
        if units:
            await inventory.receive(
                tx,
                shop_id=market.shop_id,
                location_id=place.id,
                variant_id=market.variants[0],
                quantity=units,
            )
        plain = await stores.store(tx, shop_id=market.shop_id, location_id=place.id, timezone="Asia/Shanghai")
        wanted = replace(
            plain, street="1 Quay Street", city="Hangzhou", country="CN", hours=ALWAYS, collects=True
        )
        await stores.save(tx, replace(wanted, **changes))  # pyright: ignore[reportArgumentType]
    return place.id


async def placed(market: Market, location_id: int, *, quantity: int = 1) -> orders.Order:
    hold_id, shopper = await market.hold(quantity=quantity)
    return await market.complete(
        hold_id,
        shopper,
        delivery=Delivery.PICK_UP,
        address=None,
        shipping_method=f"store-{location_id}",
    )


async def to_prepare(market: Market, location_id: int, *, quantity: int = 1) -> fulfilment.Parcel:
    """The parcel of an order that is paid."""
    order = await placed(market, location_id, quantity=quantity)
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME)
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)
        [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    return parcel


async def ready(market: Market, location_id: int, *, quantity: int = 1) -> tuple[fulfilment.Parcel, str]:
    """(parcel, code) of an order that waits for its buyer."""
    parcel = await to_prepare(market, location_id, quantity=quantity)
    async with market.db.transaction() as tx:
        await pickups.make_ready(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    return parcel, (await pickup(market, parcel)).code


async def pickup(market: Market, parcel: fulfilment.Parcel) -> pickups.Pickup:
    async with market.db.transaction() as tx:
        [found] = await pickups.of_order(tx, shop_id=market.shop_id, order_id=parcel.order_id)
    return found


async def give(market: Market, parcel: fulfilment.Parcel, **proof: str) -> list[pickups.Pickup]:
    return await pickups.hand_over(
        market.db, shop_id=market.shop_id, parcel_id=parcel.id, **{"actor": ME, **proof}
    )


async def at_place(market: Market, location_id: int) -> tuple[int, int, int]:
    """(quantity, held, allocated) of the coat in M at a location, over all pools."""
    async with market.db.transaction() as tx:
        levels = [
            each
            for each in await inventory.levels(tx, shop_id=market.shop_id, variant_ids=[market.variants[0]])
            if each.location_id == location_id
        ]
    return (
        sum(each.quantity for each in levels),
        sum(each.held for each in levels),
        sum(each.allocated for each in levels),
    )


async def assert_sound(market: Market) -> None:
    await market.assert_sound()
    async with market.db.transaction() as tx:
        assert [check for check in await pickups.audit(tx) if not check.passed] == []


async def test_the_units_are_those_of_the_store_that_was_chosen(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market, units=3)
    parcel = await to_prepare(market, at, quantity=2)
    assert (parcel.location_id, parcel.delivery) == (at, Delivery.PICK_UP)
    # What was held in the show's own pool is for sale there again.
    assert await at_place(market, at) == (3, 0, 2)
    assert await market.left() == 10
    async with market.db.transaction() as tx:
        order = await orders.order(tx, shop_id=market.shop_id, order_id=parcel.order_id)
    assert order.order.collect_at == at
    assert (order.order.shipping_name, order.order.shipping_minor) == ("Quay Street", 0)
    assert order.order.total_minor == 2 * PRICE
    await assert_sound(market)


async def test_a_store_that_lacks_a_unit_is_told_and_not_offered(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market, units=1)
    hold_id, shopper = await market.hold(quantity=2)
    async with market.db.transaction() as tx:
        begun = await orders.begin_checkout(tx, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper)
    assert [way.id for way in begun.quote.ways] == ["ship"]
    [lacking] = begun.quote.lacking
    assert [(each.wanted, each.here) for each in lacking.missing] == [(2, 1)]
    with pytest.raises(FormRefused) as refused:
        await market.complete(
            hold_id, shopper, delivery=Delivery.PICK_UP, address=None, shipping_method=f"store-{at}"
        )
    assert refused.value.facts["fields"] == {"delivery": "not_in_store"}
    assert await at_place(market, at) == (1, 0, 0)


async def test_of_two_who_want_the_last_one_of_a_store_one_gets_it(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market, units=1)
    both = await asyncio.gather(placed(market, at), placed(market, at), return_exceptions=True)
    got = [each for each in both if isinstance(each, orders.Order)]
    refused = [each for each in both if isinstance(each, FormRefused)]
    assert (len(got), len(refused)) == (1, 1)
    assert await at_place(market, at) == (1, 0, 1)
    await assert_sound(market)


async def test_handed_over_against_the_code_and_once(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    parcel, code = await ready(market, at, quantity=2)
    [told] = await market.facts("pickups.pickup_ready")
    assert (told["location_id"], told["number"]) == (at, parcel.number)
    [done] = await give(market, parcel, code=f"https://shop.example/console/s/pickups?code={code.lower()}")
    assert (done.state, done.proof, done.ended_by) == (pickups.State.HANDED_OVER, pickups.Proof.CODE, ME)
    assert await at_place(market, at) == (3, 0, 0)
    with pytest.raises(pickups.NotWaiting) as again:
        await give(market, parcel, code=code, actor=OTHER)
    assert again.value.facts["by"] == ME
    assert await at_place(market, at) == (3, 0, 0)
    assert len(await market.facts("pickups.pickup_handed_over")) == 1
    await assert_sound(market)


async def test_two_assistants_at_once_hand_over_once(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    parcel, code = await ready(market, at)
    both = await asyncio.gather(
        *(give(market, parcel, code=code, actor=who) for who in (ME, OTHER)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in both) == ["NotWaiting", "list"]
    assert await at_place(market, at) == (4, 0, 0)
    await assert_sound(market)


async def test_wrong_codes_are_counted_and_end(make_market: MakeMarket) -> None:
    market = await make_market(10)
    parcel, code = await ready(market, await store(market))
    for _ in range(pickups.MOST_TRIES):
        with pytest.raises(pickups.WrongCode):
            await give(market, parcel, code="WRONG9")
    with pytest.raises(pickups.TooManyTries):
        await give(market, parcel, code=code)
    with pytest.raises(pickups.ProofNeeded):
        await give(market, parcel)
    assert (await pickup(market, parcel)).state is pickups.State.READY
    [done] = await give(market, parcel, reason="Phone is flat; passport seen")
    assert (done.proof, done.note) == (pickups.Proof.NAME, "Phone is flat; passport seen")
    await assert_sound(market)


async def overdue(market: Market, parcel: fulfilment.Parcel) -> None:
    """As if its time had run out a minute ago."""
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE pickups.pickup SET keep_until = now() - interval '1 minute' WHERE parcel_id = %(id)s",
            id=parcel.id,
        )


async def test_what_nobody_collects_is_free_again_and_refunded(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    parcel, code = await ready(market, at)
    await overdue(market, parcel)
    assert await pickups.release(market.db) == 1
    assert await pickups.release(market.db) == 0
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=parcel.order_id)
    assert (view.order.status, view.order.cancel_why) == (orders.Status.CANCELLED, "not_collected")
    assert view.order.refund_granted_minor == PRICE
    assert await at_place(market, at) == (5, 0, 0)
    with pytest.raises(pickups.NotWaiting):
        await give(market, parcel, code=code)
    await assert_sound(market)


async def test_a_store_that_asks_keeps_it_and_says_so(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market, after_keeping=stores.AfterKeeping.ASK)
    parcel, code = await ready(market, at)
    await overdue(market, parcel)
    assert await pickups.release(market.db) == 0
    assert (await pickup(market, parcel)).overdue_at is not None
    [done] = await give(market, parcel, code=code)
    assert done.state is pickups.State.HANDED_OVER


async def test_released_while_it_is_handed_over_is_one_of_both(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    for _ in range(4):
        parcel, code = await ready(market, at)
        before, _, _ = await at_place(market, at)
        await overdue(market, parcel)
        given, released = await asyncio.gather(
            give(market, parcel, code=code), pickups.release(market.db), return_exceptions=True
        )
        state = (await pickup(market, parcel)).state
        left = (await at_place(market, at))[0]
        if isinstance(given, list):
            assert (released, state, left) == (0, pickups.State.HANDED_OVER, before - 1)
        else:
            assert isinstance(given, Refusal)
            assert (released, state, left) == (1, pickups.State.RELEASED, before)
    await assert_sound(market)


async def test_the_reminder_goes_once_and_only_where_it_waits_long(make_market: MakeMarket) -> None:
    market = await make_market(10)
    parcel, _ = await ready(market, await store(market, keep_days=3))
    async with market.db.transaction() as tx:
        assert await pickups.remind(tx) == 0
        await tx.run(
            "UPDATE pickups.pickup SET keep_until = now() + interval '20 hours', ready_at = now() - interval '3 days'"
        )
        assert await pickups.remind(tx) == 1
        assert await pickups.remind(tx) == 0
    [told] = await market.facts("pickups.pickup_reminded")
    assert told["parcel_id"] == str(parcel.id)


async def test_cancelled_while_it_waits_is_not_handed_over(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    parcel, code = await ready(market, at)
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=parcel.order_id, by=orders.Party.MERCHANT, actor=ME
        )
    with pytest.raises(Refusal):
        await give(market, parcel, code=code)
    await drain(market.db, [each("pickups", pickups.HEARD)])
    assert (await pickup(market, parcel)).state is pickups.State.WITHDRAWN
    assert await at_place(market, at) == (5, 0, 0)
    await assert_sound(market)


async def test_what_other_pages_did_is_written_down(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    parcel = await to_prepare(market, at)
    hear = [each("pickups", pickups.HEARD)]
    async with market.db.transaction() as tx:
        await fulfilment.step(
            tx,
            shop_id=market.shop_id,
            parcel_ids=[parcel.id],
            to=fulfilment.State.READY_TO_COLLECT,
            actor=ME,
        )
    await drain(market.db, hear)
    assert (await pickup(market, parcel)).state is pickups.State.READY
    async with market.db.transaction() as tx:
        await orders.shipping.send_parcel(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    await drain(market.db, hear)
    assert (await pickup(market, parcel)).proof is pickups.Proof.NONE
    async with market.db.transaction() as tx:
        await orders.shipping.undo_step(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    await drain(market.db, hear)
    waits = await pickup(market, parcel)
    assert (waits.state, waits.proof) == (pickups.State.READY, None)
    await give(market, parcel, code=waits.code)
    await drain(market.db, hear)
    assert (await pickup(market, parcel)).proof is pickups.Proof.CODE
    await assert_sound(market)


async def test_undone_twice_before_anybody_hears_of_it_it_waits_for_nobody(make_market: MakeMarket) -> None:
    market = await make_market(10)
    parcel, code = await ready(market, await store(market))
    hear = [each("pickups", pickups.HEARD)]
    await drain(market.db, hear)
    await give(market, parcel, code=code)
    for _ in range(2):
        async with market.db.transaction() as tx:
            await orders.shipping.undo_step(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    await drain(market.db, hear)
    withdrawn = await pickup(market, parcel)
    assert (withdrawn.state, withdrawn.proof) == (pickups.State.WITHDRAWN, None)

    async with market.db.transaction() as tx:
        await pickups.make_ready(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    await drain(market.db, hear)
    await give(market, parcel, code=(await pickup(market, parcel)).code)
    assert (await pickup(market, parcel)).proof is pickups.Proof.CODE
    await assert_sound(market)


async def test_handed_over_on_another_page_it_is_not_released_before_that_is_heard(
    make_market: MakeMarket,
) -> None:
    market = await make_market(10)
    parcel, _ = await ready(market, await store(market))
    await overdue(market, parcel)
    async with market.db.transaction() as tx:
        await orders.shipping.send_parcel(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    assert await pickups.release(market.db) == 0
    await drain(market.db, [each("pickups", pickups.HEARD)])
    found = await pickup(market, parcel)
    assert (found.state, found.proof) == (pickups.State.HANDED_OVER, pickups.Proof.NONE)
    [told] = await market.facts("pickups.pickup_handed_over")
    assert told["parcel_id"] == str(parcel.id)
    await assert_sound(market)


async def test_part_of_it_is_missing_and_the_rest_is_collected(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market)
    parcel = await to_prepare(market, at, quantity=2)
    async with market.db.transaction() as tx:
        await orders.shipping.short(
            tx,
            shop_id=market.shop_id,
            parcel_id=parcel.id,
            line_id=parcel.lines[0].line_id,
            quantity=1,
            then="refund",
            actor=ME,
        )
        await pickups.make_ready(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)
    await give(market, parcel, code=(await pickup(market, parcel)).code)
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=parcel.order_id)
    assert (view.order.refund_granted_minor, view.order.status) == (PRICE, orders.Status.DELIVERED)
    assert await at_place(market, at) == (3, 0, 0)
    await assert_sound(market)


async def test_a_move_that_cannot_be_made_whole_moves_nothing(make_market: MakeMarket) -> None:
    market = await make_market(10)
    at = await store(market, units=2)
    hold_id, _ = await market.hold(quantity=3)
    before = await at_place(market, market.location_id)
    async with market.db.transaction() as tx:
        assert not await stock.Promised(tx, hold_id).to_location(at, reason="test")
    assert await at_place(market, market.location_id) == before
    async with market.db.transaction() as tx:
        await stock.Promised(tx, hold_id).move({market.variants[0]: [(at, 2)]}, reason="test")
        await stock.Promised(tx, hold_id).move({market.variants[0]: [(at, 2)]}, reason="test")
        parts = (await stock.hold(tx, shop_id=market.shop_id, hold_id=hold_id)).parts
    assert sorted(each.quantity for each in parts) == [1, 2]
    assert await at_place(market, at) == (2, 2, 0)
    await market.assert_sound()


async def test_what_is_not_collected_here_is_unknown(make_market: MakeMarket) -> None:
    market = await make_market(10)
    with pytest.raises(pickups.UnknownPickup):
        await pickups.hand_over(market.db, shop_id=market.shop_id, parcel_id=uuid4(), code="ABCDEF", actor=ME)
