"""Units that are there and not for sale, and what runs low: told once, when it crosses."""

import pytest
from tests.stock_control.conftest import Stores

from shopfloor import inventory, stock_control
from shopfloor.stock_control.models import SameCondition

Condition = stock_control.Condition


async def _change(stores: Stores, quantity: int, source: Condition, target: Condition) -> None:
    async with stores.db.transaction() as tx:
        await stock_control.change(
            tx, shop_id=stores.shop.shop_id, location_id=stores.shop.location_id, variant_id=stores.tea,
            quantity=quantity, source=source, target=target, reason="Cracked",
        )  # fmt: skip


async def test_units_leave_what_is_for_sale_and_come_back(stores: Stores) -> None:
    store = stores.shop.location_id
    await _change(stores, 5, Condition.FOR_SALE, Condition.DAMAGED)
    await _change(stores, 2, Condition.FOR_SALE, Condition.DISPLAY)
    await _change(stores, 3, Condition.DAMAGED, Condition.REPAIR)
    assert [await stores.units(store, each) for each in (None, "damaged", "display", "repair")] == [
        13,
        2,
        2,
        3,
    ]
    assert (await stores.shop.hold(34)).code == "stock.sold_out"
    # A count looks at what is on the shelves: those on display are, those in the workshop are not.
    count = await stores.count()
    assert (await stores.scan(count, 15)).difference == 0
    await _change(stores, 1, Condition.REPAIR, Condition.FOR_SALE)
    await _change(stores, 2, Condition.DAMAGED, Condition.GONE)
    assert [await stores.units(store, each) for each in (None, "damaged", "display", "repair")] == [
        14,
        0,
        2,
        2,
    ]
    for source, target, refusal in (
        (Condition.DAMAGED, Condition.FOR_SALE, inventory.NotEnough),
        (Condition.REPAIR, Condition.REPAIR, SameCondition),
        (Condition.GONE, Condition.FOR_SALE, SameCondition),
    ):
        with pytest.raises(refusal):
            await _change(stores, 1, source, target)
    await stores.assert_sound()


async def _low(stores: Stores) -> list[tuple[int, int, bool]]:
    async with stores.db.transaction() as tx:
        await stock_control.low.look_at_all(tx)
        found = await stock_control.low.listing(tx, shop_id=stores.shop.shop_id)
    return [(each.location_id, each.has, each.low_since is not None) for each in found]


async def test_a_variant_runs_low_once_until_there_is_more(stores: Stores) -> None:
    store = stores.shop.location_id
    for location_id, units in ((store, 15), (stores.shop.other, 5)):
        async with stores.db.transaction() as tx:
            await stock_control.low.warn_at(
                tx, shop_id=stores.shop.shop_id, location_id=location_id, variant_id=stores.tea, units=units
            )
    assert await _low(stores) == [(store, 20, False), (stores.shop.other, 20, False)]
    await _change(stores, 5, Condition.FOR_SALE, Condition.DAMAGED)
    for _ in range(2):
        assert await _low(stores) == [(store, 15, True), (stores.shop.other, 20, False)]
    told = "SELECT count(*) FROM kernel.outbox WHERE name = 'stock_control.low_stock'"
    assert await stores.shop.value(told) == 1
    await stores.shop.receive(1)
    assert (await _low(stores))[0] == (store, 16, False)
    await stores.do("receive", await stores.sent(1), units={stores.tea: 1})
    await _change(stores, 2, Condition.FOR_SALE, Condition.DAMAGED)
    assert (await _low(stores))[0] == (store, 15, True)
    assert await stores.shop.value(told) == 2
    async with stores.db.transaction() as tx:
        assert (await stock_control.low.low_stock(tx, shop_id=stores.shop.shop_id)).rows == 1
        await stock_control.low.warn_at(
            tx, shop_id=stores.shop.shop_id, location_id=store, variant_id=stores.tea, units=None
        )
        assert (await stock_control.low.low_stock(tx, shop_id=stores.shop.shop_id)).rows == 0
