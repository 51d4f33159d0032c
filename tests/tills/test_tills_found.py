"""What testers of the tills found: each told to the one who can put it right."""

from uuid import uuid4

import pytest
from tests.tills.conftest import PRICE, Store

from shopfloor import tills
from shopfloor.tills.models import UnknownStore


async def test_a_receipt_code_that_is_used_twice_is_a_task(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    for _ in range(2):
        till.sell(1, token="t" * 22)
    await till.send()
    assert await store.tasks() == ["token"]
    assert await store.value("SELECT count(token)::int FROM tills.receipt") == 1


async def test_a_basket_of_another_device_is_none_of_this_one(store: Store) -> None:
    one, other = await store.till("One"), await store.till("Two")
    basket, units = uuid4(), {store.variants[0]: 2}

    async def keep(device: tills.Device) -> dict[int, int]:
        async with store.db.transaction() as tx:
            return await tills.registers.keep_basket(
                tx, shop_id=store.shop_id, device_id=device.id, basket_id=basket, units=units
            )

    assert [await keep(each) for each in (one.device, one.device)] == [{}, {}]
    until = await store.value("SELECT expires_at FROM tills.basket")
    assert await keep(other.device) == {store.variants[0]: 0}
    assert await store.value("SELECT expires_at FROM tills.basket") == until


async def test_a_register_stands_in_a_store_of_the_shop(store: Store) -> None:
    with pytest.raises(UnknownStore):
        async with store.db.transaction() as tx:
            await tills.registers.add_register(
                tx, shop_id=store.shop_id, location_id=987_654, code="B", name="Second"
            )


async def test_what_nobody_has_booked_says_what_it_is_about(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    await till.send()
    async with store.db.transaction() as tx:
        await tills.registers.lock_out(tx, shop_id=store.shop_id, device_id=till.device.id, person_id=1)
    till.sell(2, 1)
    till.add("cash.in", {"amount": 500, "reason": "change"})
    await till.send(till.facts[1:])
    async with store.db.transaction() as tx:
        open_ones = await tills.service.tasks(
            tx, shop_id=store.shop_id, is_open=True, after=None, before=None, limit=50
        )
        told = await tills.service.told_in(tx, shop_id=store.shop_id, tasks=open_ones)
    assert sorted((each.amount_minor, each.goods) for each in told.values()) == [
        (500, []),
        (3 * PRICE, [("Longjing 50 g", 2), ("Longjing 50 g", 1)]),
    ]
