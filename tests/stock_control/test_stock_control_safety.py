"""Safety stock: shows and pages never sell it, a till may, and raising it breaks no promise."""

import asyncio
import random

import pytest
from tests.stock_control.conftest import Stores

from shopfloor import inventory, stock, stock_control
from shopfloor.kernel.outbox import drain, each
from shopfloor.tills import goods_queries
from shopfloor.wiring import KEEPS_SAFETY_STOCK


async def keep(
    stores: Stores, units: int, *, location: int | None = None, variant: int | None = None
) -> None:
    async with stores.db.transaction() as tx:
        await stock_control.safety.keep(
            tx,
            shop_id=stores.shop.shop_id,
            location_id=location or stores.shop.location_id,
            variant_id=variant or stores.tea,
            units=units,
        )


async def online(stores: Stores) -> int:
    """What pages, rooms and feeds say can be had."""
    async with stores.db.transaction() as tx:
        free = await stock.available(tx, shop_id=stores.shop.shop_id, variant_ids=[stores.tea])
    return free[stores.tea].now


async def kept(stores: Stores) -> int:
    return await stores.units(stores.shop.location_id, "safety")


async def hand_over(stores: Stores, units: int, source: str) -> None:
    async with stores.db.transaction() as tx:
        pool = await inventory.open_pool(tx, shop_id=stores.shop.shop_id)
        till = inventory.TillPool(stores.shop.shop_id, pool.id, stores.shop.location_id)
        sold = await till.hand_over(tx, {stores.tea: units}, source=source)
        # The books knew all of them.
        assert sold is not None
        assert sold.found == {}


async def fill(stores: Stores) -> None:
    async with stores.db.transaction() as tx:
        await stock_control.safety.fill(tx, shop_id=stores.shop.shop_id, variant_ids=[stores.tea])


async def test_online_sells_what_is_beyond_it_and_a_till_all(stores: Stores) -> None:
    """Twenty in the store and in the warehouse."""
    await keep(stores, 5)
    assert (await online(stores), await kept(stores)) == (35, 5)
    refused = await stores.shop.hold(36)
    assert (refused.code, refused.facts["left"]) == ("stock.sold_out", 35)
    async with stores.db.transaction() as tx:
        own = await inventory.open_pool(tx, shop_id=stores.shop.shop_id)
        till = {
            row[1]: row[2]
            for row in await goods_queries.available(
                tx,
                shop_id=stores.shop.shop_id,
                variant_ids=[stores.tea],
                location_id=stores.shop.location_id,
                pool_id=0,
            )
        }
        places = await stock.at_places(
            tx, shop_id=stores.shop.shop_id, pool_id=own.id, hold_ids=[], variant_ids=[stores.tea]
        )
    # What can be collected or sent from the store is without it; what its till may sell is with it.
    assert list(till.values()) == [20, 20]
    assert {place.location_id: place.units for place in places}[stores.shop.location_id] == 15
    assert isinstance(await stores.shop.hold(35), stock.Held)
    assert await online(stores) == 0
    await hand_over(stores, 5, "a")
    assert await kept(stores) == 0
    await stores.assert_sound()


async def test_raising_it_takes_what_is_free_and_no_promise(stores: Stores) -> None:
    held = await stores.shop.hold(38)
    assert isinstance(held, stock.Held)
    await keep(stores, 20)
    # Whatever the hold left there is kept, and not a unit more.
    assert (await online(stores), await kept(stores)) in {(0, 2), (2, 0), (1, 1)}
    await stores.assert_sound()
    async with stores.db.transaction() as tx:
        assert await stock.extend(tx, [held.id], hold_seconds=600) == {held.id}
        await stock.release(tx, [held.id], "cancelled")
    await fill(stores)
    assert (await online(stores), await kept(stores)) == (20, 20)
    await keep(stores, 3)
    assert (await online(stores), await kept(stores)) == (37, 3)
    await keep(stores, 0)
    assert (await online(stores), await kept(stores)) == (40, 0)
    await stores.assert_sound()


async def test_what_comes_in_fills_it_first(stores: Stores) -> None:
    await keep(stores, 20)
    assert isinstance(await stores.shop.hold(20), stock.Held)
    await hand_over(stores, 8, "a")
    assert await kept(stores) == 12
    await stores.shop.receive(10)
    await drain(stores.db, [each("safety", KEEPS_SAFETY_STOCK)])
    assert (await online(stores), await kept(stores)) == (2, 20)
    await stores.assert_sound()


async def test_a_broken_promise_is_mended_from_it(stores: Stores) -> None:
    await keep(stores, 4)
    assert isinstance(await stores.shop.hold(36), stock.Held)
    async with stores.db.transaction() as tx:
        await inventory.adjust(
            tx,
            shop_id=stores.shop.shop_id,
            location_id=stores.shop.location_id,
            variant_id=stores.tea,
            by=-3,
            reason="lost",
        )
    async with stores.db.transaction() as tx:
        short = sum(each.missing for each in await inventory.shortages(tx, shop_id=stores.shop.shop_id))
        assert await stock_control.safety.fill_all(tx) == short
        assert await inventory.shortages(tx, shop_id=stores.shop.shop_id) == []
        # Once is enough.
        assert await stock_control.safety.fill_all(tx) == 0
    assert await kept(stores) == 4 - short
    await stores.assert_sound()


async def test_what_is_no_place_or_no_quantity_changes_nothing(stores: Stores) -> None:
    for changes in ({"location": 999_999}, {"variant": 999_999}):
        with pytest.raises(inventory.UnknownStock):
            await keep(stores, 1, **changes)
    for units in (-1, 1_000_001):
        with pytest.raises(inventory.BadQuantity):
            await keep(stores, units)
    async with stores.db.transaction() as tx:
        assert await stock_control.safety.listing(tx, shop_id=stores.shop.shop_id) == []
    assert await online(stores) == 40


@pytest.mark.parametrize("seed", range(6))
async def test_buyers_tills_and_whoever_raises_it_at_once(stores: Stores, seed: int) -> None:
    """Real commits in random order: nothing is lost or doubled, and no promise is broken while the shelf bears it."""
    dice = random.Random(seed)
    promised = sold = 0

    async def buy(units: int) -> None:
        nonlocal promised
        if isinstance(await stores.shop.hold(units), stock.Held):
            promised += units

    async def sell(number: int, units: int) -> None:
        nonlocal sold
        await hand_over(stores, units, f"{seed}-{number}")
        sold += units

    acts = [
        *(buy(dice.randint(1, 4)) for _ in range(8)),
        *(sell(number, dice.randint(1, 2)) for number in range(6)),
        *(keep(stores, dice.randint(0, 15)) for _ in range(6)),
        *(fill(stores) for _ in range(3)),
    ]
    dice.shuffle(acts)
    await asyncio.gather(*acts)
    await keep(stores, target := dice.randint(1, 15))
    await stores.assert_sound()
    here = stores.shop.location_id
    shelves = [
        await stores.units(place, purpose)
        for place in (here, stores.shop.other)
        for purpose in (None, "safety")
    ]
    async with stores.db.transaction() as tx:
        short = sum(each.missing for each in await inventory.shortages(tx, shop_id=stores.shop.shop_id))
    assert sum(shelves) == 40 - sold
    assert await kept(stores) <= target
    assert (await online(stores)) + promised + await kept(stores) - short == 40 - sold
