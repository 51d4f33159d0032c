"""Tills in the console, and receipts in the shop: from a register to a sale that is found, a Z and a task that is done."""

import re

from tests.tills.conftest import Store, Till
from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in

from shopfloor import inventory, tills

DESK = "/console/harbour/tills"


async def store_of(stage: Stage) -> Store:
    """The stage's shop with a store, a register and an assistant, all made by the forms of the console."""
    client = stage.client
    async with stage.db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=stage.shop.id, name="Quay Street", kind=inventory.LocationKind.STORE
        )
        variants = [each.id for each in stage.variants]
        for variant_id in variants:
            await inventory.receive(
                tx, shop_id=stage.shop.id, location_id=place.id, variant_id=variant_id, quantity=5
            )
    form = {"name": "Counter", "code": "b", "location_id": place.id}
    assert (await client.post(DESK, data=form)).status_code == 303
    again = await client.post(DESK, data=form)
    assert (again.status_code, "Another register has this code" in again.text) == (409, True)
    person = {"name": "李静", "pin": "1111", "rights": ["sell", "return"]}
    weak = await client.post(f"{DESK}/people", data=person)
    assert (weak.status_code, "all the same" in weak.text, "李静" in weak.text) == (422, True, True)
    assert (await client.post(f"{DESK}/people", data=person | {"pin": "2468"})).status_code == 303
    async with stage.db.transaction() as tx:
        [assistant] = await tills.assistants.all_of(tx, shop_id=stage.shop.id)
        [register] = (await tills.service.desk(tx, shop_id=stage.shop.id)).registers
    return Store(stage.db, stage.shop.id, variants, place.id, 0, register.id, assistant.id)


async def paired(stage: Stage, store: Store) -> Till:
    """With the code that the console shows once."""
    made = await stage.client.post(f"{DESK}/{store.register_id}/code")
    page = (await stage.client.get(made.headers["location"].partition("#")[0])).text
    found = re.search(r"([A-Z2-9]{4})-([A-Z2-9]{4})</strong>", page)
    assert found is not None
    assert "<svg" in page
    assert f"/till/harbour#pair={found[1]}{found[2]}" in page
    async with stage.db.transaction() as tx:
        made = await tills.registers.pair(
            tx, shop_id=stage.shop.id, code=f"{found[1]}-{found[2]}", name="Tablet"
        )
    return Till(store, made.device, made.secret)


async def test_from_a_register_to_a_z_and_a_task_that_is_done(stage: Stage) -> None:
    client = stage.client
    await signed_in(stage)
    assert "No registers yet" in (await client.get(DESK)).text
    store = await store_of(stage)
    till = await paired(stage, store)
    sku = await store.value("SELECT sku FROM catalog.variant WHERE id = %(id)s", id=store.variants[0])
    if sku:
        await client.post(f"{DESK}/devices/{till.device.id}/escrow", data={"sku": sku, "quantity": "2"})
        assert "2 × " in (await client.get(DESK)).text
    till.open_shift(10_000)
    till.sell(1)
    sale = till.sell(7)
    assert [each.code for each in (await till.send()).tasks] == ["beyond_books"]

    shift = f"{DESK}/shifts/{till.shift}"
    assert "X report, shift 1" in (await client.get(shift)).text
    token = till.facts[-1]["body"]["token"]
    receipt = await client.get(f"/s/harbour/receipts/{token}")
    assert (receipt.status_code, "B1-000002" in receipt.text) == (200, True)
    assert (await client.get("/s/harbour/receipts/nothing")).status_code == 404
    found = (await client.get(DESK, params={"search": "b1-000002"})).text
    assert f"/console/harbour/orders/{sale}" in found
    listed = (await client.get("/console/harbour/orders", params={"channel": "till"})).text
    assert str(sale) in listed
    assert str(sale) not in (await client.get("/console/harbour/orders", params={"channel": "shop"})).text
    assert (await client.get(f"/console/harbour/orders/{sale}")).status_code == 200

    till.close_shift(0)
    await till.send()
    assert "Z report 1" in (await client.get(shift)).text
    assert "Z 1" in (await client.get(f"{DESK}/shifts")).text
    tasks = (await client.get(f"{DESK}/tasks")).text
    assert "More was sold than the stock said" in tasks
    for name in re.findall(r"/tasks/(\d+)/done", tasks):
        assert (await client.post(f"{DESK}/tasks/{name}/done", data={"note": "counted"})).status_code == 303
    assert "Nothing to do" in (await client.get(f"{DESK}/tasks")).text
    assert "counted" in (await client.get(f"{DESK}/tasks", params={"done": "yes"})).text


async def test_a_lost_till_is_locked_out_and_what_it_sold_is_booked_by_hand(stage: Stage) -> None:
    client = stage.client
    await signed_in(stage)
    store = await store_of(stage)
    till = await paired(stage, store)
    till.open_shift()
    sale = till.sell(2)
    await till.send(till.facts[:1])
    assert (await client.post(f"{DESK}/devices/{till.device.id}/lock")).status_code == 303
    assert "Locked out" in (await client.get(DESK)).text
    assert [each.code for each in (await till.send()).tasks] == ["locked_out"]
    [task] = re.findall(r"/tasks/(\d+)/book", (await client.get(f"{DESK}/tasks")).text)
    assert (await client.post(f"{DESK}/tasks/{task}/book", data={"counts": "yes"})).status_code == 303
    assert (await store.order(sale)).order.payment_status == "paid"
    assert await store.here() == 3
    await store.assert_sound()
