"""Order routing as a merchant uses it: rules in their order, what they would do, who changed them, and why on the order."""

import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM
from tests.web.test_web_fulfilment import said

from shopfloor import fulfilment, inventory, orders, routing, stores
from shopfloor.kernel.values import Money
from shopfloor.orders import packing

PAGE = "/console/harbour/routing"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def chengdu(stage: Stage, units: int = 3) -> int:
    """A second store, with shirts in Indigo M."""
    async with stage.db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=stage.shop.id, name="Chengdu", kind=inventory.LocationKind.STORE
        )
        await inventory.receive(
            tx,
            shop_id=stage.shop.id,
            location_id=place.id,
            variant_id=stage.variants[0].id,
            quantity=units,
        )
        for at, region in ((place.id, "四川省"), (await _shelf(stage), "上海市")):
            plain = await stores.store(tx, shop_id=stage.shop.id, location_id=at, timezone="Asia/Shanghai")
            await stores.save(tx, replace(plain, region=region, country="CN"))
    return place.id


async def _shelf(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        return (await inventory.locations(tx, shop_id=stage.shop.id))[0].id


async def kinds(stage: Stage) -> list[tuple[str, bool]]:
    async with stage.db.transaction() as tx:
        return [
            (rule.kind.value, rule.is_on) for rule in (await routing.rules(tx, shop_id=stage.shop.id)).rules
        ]


async def numbers(stage: Stage) -> dict[str, int]:
    async with stage.db.transaction() as tx:
        found = (await routing.rules(tx, shop_id=stage.shop.id)).rules
    return {rule.kind.value: rule.id for rule in found if rule.id is not None}


async def test_rules_are_added_moved_switched_and_removed(stage: Stage, client: httpx.AsyncClient) -> None:
    shown = (await client.get(PAGE)).text
    assert "Begin with these rules" in shown
    assert "Orders to collect leave from the store the customer chose" in shown
    assert "Rules added." in await said(client, await client.post(f"{PAGE}/usual"))
    assert [kind for kind, _ in await kinds(stage)] == [
        "store_limits", "whole", "prefer_kind", "nearest", "fewest_parcels"
    ]  # fmt: skip
    ids = await numbers(stage)
    shown = (await client.get(PAGE)).text
    assert "From a location that has all of it" in shown
    await client.post(f"{PAGE}/rules/{ids['nearest']}", data={"action": "up"})
    await client.post(f"{PAGE}/rules/{ids['whole']}", data={"action": "off"})
    await client.post(f"{PAGE}/rules/{ids['fewest_parcels']}", data={"action": "remove"})
    assert await kinds(stage) == [
        ("store_limits", True), ("whole", False), ("nearest", True), ("prefer_kind", True)
    ]  # fmt: skip
    shelf = await _shelf(stage)
    assert "Rule added." in await said(
        client, await client.post(f"{PAGE}/add", data={"rule": f"never:{shelf}"})
    )
    assert "Never from Shelf" in (await client.get(PAGE)).text
    for bad in ("never:999999", "never", "nonsense", "prefer_kind:moon", ""):
        await client.post(f"{PAGE}/add", data={"rule": bad})
    await client.post(f"{PAGE}/rules/{ids['nearest']}", data={"action": "sideways"})
    assert len(await kinds(stage)) == 5
    history = (await client.get(f"{PAGE}/changes")).text
    assert re.findall(r"<strong>(Rule[^<]*)</strong>", history) == [
        "Rule added: Never from Shelf",
        "Rule removed: In as few parcels as possible",
        "Rule switched off: From a location that has all of it",
        "Rule moved: From the location nearest to the address",
        "Rules replaced",
    ]


async def test_a_store_says_what_it_can_send(stage: Stage, client: httpx.AsyncClient) -> None:
    shelf = await _shelf(stage)
    told = await said(
        client, await client.post(f"{PAGE}/limits/{shelf}", data={"per_day": "20", "cut_off": "16：30"})
    )
    assert "Limit saved." in told
    async with stage.db.transaction() as tx:
        assert await routing.limits(tx, shop_id=stage.shop.id) == [routing.Limit(shelf, 20, 990)]
    for bad in ({"cut_off": "25:00"}, {"cut_off": "noon"}, {"per_day": "-1"}, {"per_day": "many"}):
        answer = await client.post(f"{PAGE}/limits/{shelf}", data=bad)
        assert "Limit saved." not in await said(client, answer)
    async with stage.db.transaction() as tx:
        assert await routing.limits(tx, shop_id=stage.shop.id) == [routing.Limit(shelf, 20, 990)]
    assert "Shelf: 20 orders a day, until 16:30" in (await client.get(f"{PAGE}/changes")).text


async def test_what_if_says_from_where_and_why(stage: Stage, client: httpx.AsyncClient) -> None:
    await chengdu(stage)
    await client.post(f"{PAGE}/add", data={"rule": "nearest"})
    sku = stage.variants[0].sku
    asked = {"code": sku, "quantity": "2", "country": "CN", "region": "Chengdu"}
    shown = (await client.get(f"{PAGE}/what-if", params=asked)).text
    assert "<strong>Chengdu</strong>" in shown
    assert "From the location nearest to the address: Shelf (1,660 km), Chengdu (same region)" in shown
    # More than one has: the rest from the next; more than both have: said.
    shown = (await client.get(f"{PAGE}/what-if", params=asked | {"quantity": "7"})).text
    assert "Units that no location has now: 1" in shown
    chinese = (await client.get(f"{PAGE}/what-if", params=asked, headers={"accept-language": "zh-CN"})).text
    assert "从离收货地址最近的地点发货：Shelf（1,660 公里）、Chengdu（同一省份）" in chinese
    # What every kind of rule compares can be read.
    shelf = await _shelf(stage)
    await client.post(f"{PAGE}/usual")
    await client.post(f"{PAGE}/limits/{shelf}", data={"per_day": "0"})
    await client.post(f"{PAGE}/add", data={"rule": f"prefer:{shelf}"})
    shown = (await client.get(f"{PAGE}/what-if", params=asked)).text
    assert "cut-off: Shelf (has its orders of the day: 0)" in shown
    await client.post(f"{PAGE}/add", data={"rule": f"never:{shelf}"})
    shown = (await client.get(f"{PAGE}/what-if", params=asked)).text
    assert "No other location that may send it has any" in shown
    answer = await client.get(f"{PAGE}/what-if", params=asked | {"code": "no such thing", "quantity": "x"})
    assert answer.status_code == 422
    assert "No product, or several, have this barcode or SKU." in answer.text
    async with stage.db.transaction() as tx:
        assert await routing.changes(tx, shop_id=stage.shop.id) != []


async def test_the_order_and_its_parcel_say_why(stage: Stage, client: httpx.AsyncClient) -> None:
    near = await chengdu(stage)
    await client.post(f"{PAGE}/add", data={"rule": "nearest"})
    hold = await stage.hold(quantity=2)
    answer = await stage.client.post(
        f"/s/harbour/checkout/{hold}",
        data=FORM | {"region": "四川省", "city": "成都市", "email": "a@example.com"},
    )
    assert answer.status_code == 303, answer.text
    order_id = UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])
    async with stage.db.transaction() as tx:
        view = await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)
        await orders.mark_paid(
            tx,
            shop_id=stage.shop.id,
            order_id=view.order.id,
            amount=Money(view.order.total_minor, "CNY"),
            actor="person:1",
        )
        await packing.plan_order(tx, shop_id=stage.shop.id, order_id=view.order.id)
        [parcel] = await fulfilment.of_order(tx, shop_id=stage.shop.id, order_id=view.order.id)
    assert parcel.location_id == near
    because = "Leaves from Chengdu: From the location nearest to the address"
    assert because in (await client.get(f"/console/harbour/orders/{order_id}")).text
    assert because in (await client.get(f"/console/harbour/fulfilment/{parcel.id}")).text
    shown = (await client.get(f"{PAGE}/week")).text
    assert re.search(r"Chengdu</th><td class=\"num\">1</td><td class=\"num strong\">1</td>", shown)
