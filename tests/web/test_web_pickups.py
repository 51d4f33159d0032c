"""Collect in store as people use it: the merchant opens a store, a buyer chooses it, an assistant hands over."""

import re
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM
from tests.web.test_web_fulfilment import said

from shopfloor import inventory, orders, pickups, wiring
from shopfloor.fulfilment import Delivery
from shopfloor.kernel.outbox import drain, each
from shopfloor.kernel.values import Money
from shopfloor.orders import packing

CONSOLE = "/console/harbour"
ALWAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "0-24")
STORE = {
    "street": "1 Pier", "city": "Xiamen", "country": "CN", "timezone": "Asia/Shanghai", "note": "Second floor",
    "ready_minutes": "0", "keep_days": "3", "after_keeping": "release", "collects": "yes", **ALWAYS,
}  # fmt: skip


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def shelf(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        return (await inventory.locations(tx, shop_id=stage.shop.id))[0].id


async def opened(stage: Stage, client: httpx.AsyncClient, **changes: str) -> int:
    """The store where the shirts are, open to buyers."""
    at = await shelf(stage)
    told = await said(client, await client.post(f"{CONSOLE}/stores/{at}", data=STORE | changes))
    assert "Store saved." in told
    assert "Collect in store" in told
    return at


async def collected(stage: Stage, client: httpx.AsyncClient) -> tuple[UUID, str]:
    """(order, its page in the store's list) of a paid order."""
    at = await opened(stage, client)
    hold = await stage.hold()
    form = FORM | {
        "email": "mei@example.com",
        "delivery": f"pick_up_store-{at}",
        f"total_pick_up_store-{at}": "12900",
    }
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=form)
    assert answer.status_code == 303, answer.text
    order_id = UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])
    async with stage.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=order_id, amount=Money(12_900, "CNY"), actor="person:1"
        )
        await packing.plan_order(tx, shop_id=stage.shop.id, order_id=order_id)
    page = (await client.get(f"{CONSOLE}/pickups")).text
    [path] = set(re.findall(r'"(/console/harbour/pickups/[0-9a-f-]{36})"', page))
    return order_id, path


async def test_a_store_needs_an_address_and_hours_before_buyers_can_choose_it(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    at = await shelf(stage)
    for changes, words in (
        ({"street": ""}, "Orders can only be collected where there is a street"),
        (dict.fromkeys(ALWAYS, ""), "Orders can only be collected where there is a street"),
        ({"mon": "19:00-10:00"}, "Write opening hours like 10:00-13:00"),
        ({"mon": "some day"}, "Write opening hours like 10:00-13:00"),
        ({"closed_on": "Christmas"}, "Check the marked field."),
        ({"timezone": "Moon/Base"}, "Check the marked field."),
    ):
        answer = await client.post(f"{CONSOLE}/stores/{at}", data=STORE | changes)
        assert (answer.status_code, words in answer.text) == (422, True), changes
    hold = await stage.hold()
    page = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    assert "Collect at" not in page
    assert "Old Pier 3" in page
    await opened(stage, client)
    assert 'value="00:00–24:00"' in (await client.get(f"{CONSOLE}/stores/{at}")).text


async def test_the_checkout_says_where_it_is_and_when(stage: Stage, client: httpx.AsyncClient) -> None:
    await opened(stage, client)
    hold = await stage.hold()
    page = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    assert "Collect at Shelf" in page
    assert re.search(r"Ready (today|tomorrow) from \d\d:\d\d · free", page)
    assert "1 Pier, Xiamen" in page
    # Who can choose a store is not sent to a place without a name.
    assert "Old Pier 3" not in page
    chinese = (await stage.client.get(f"/s/harbour/checkout/{hold}", headers={"accept-language": "zh"})).text
    assert "到店自提：Shelf" in chinese
    assert "周一至周日 00:00–24:00" in chinese

    # What another place holds is not in this store.
    async with stage.db.transaction() as tx:
        other = await inventory.add_location(
            tx, shop_id=stage.shop.id, name="Depot", kind=inventory.LocationKind.WAREHOUSE
        )
        await inventory.receive(
            tx, shop_id=stage.shop.id, location_id=other.id, variant_id=stage.variants[0].id, quantity=9
        )
    hold = await stage.hold(quantity=5)
    page = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    assert "Not at Shelf: it has 2 of 5." in page


async def test_from_the_checkout_to_the_counter(stage: Stage, client: httpx.AsyncClient) -> None:
    order_id, path = await collected(stage, client)
    mine = f"/s/harbour/orders/{order_id}"
    page = (await stage.client.get(mine)).text
    assert "1 Pier, Xiamen" in page
    assert "Show this code" not in page

    assert "prepare it" in (await client.get(path)).text
    assert "yours to prepare." in await said(client, await client.post(f"{path}/accept"))
    told = await said(client, await client.post(f"{path}/ready"))
    assert "Ready. The customer is being told." in told
    async with stage.db.transaction() as tx:
        [waits] = await pickups.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
    # The code is the buyer's: who hands over is told it.
    assert waits.code not in told
    page = (await stage.client.get(f"{mine}")).text
    assert waits.code in page
    assert "Ready to collect at Shelf" in page
    assert "到店时请出示此取货码" in (await stage.client.get(mine, headers={"accept-language": "zh"})).text

    found = await client.get(f"{CONSOLE}/pickups?code={waits.code.lower()}")
    assert found.headers["location"] == f"{path}?code={waits.code}"
    # Parcels have a page of their own, which leads to where the code is asked for.
    parcel = f"{CONSOLE}/fulfilment/{path.rpartition('/')[2]}"
    sent = await client.post(f"{parcel}/send")
    assert sent.headers["location"].partition("?")[0] == path
    bulk = {"parcels": path.rpartition("/")[2], "state": "ready_to_collect", "action": "send"}
    assert "Enter the code" in await said(client, await client.post(f"{CONSOLE}/fulfilment/act", data=bulk))
    wrong = await client.post(f"{path}/hand-over", data={"code": "WRONG9"})
    assert (wrong.status_code, "This isn&#39;t the code of this order." in wrong.text) == (403, True)
    assert (await client.post(f"{path}/hand-over", data={"reason": " "})).status_code == 422
    told = await said(
        client, await client.post(f"{path}/hand-over", data={"code": waits.code, "form": "one"})
    )
    assert "Handed over." in told
    assert "Against the code" in told
    again = await said(client, await client.post(f"{path}/hand-over", data={"code": waits.code}))
    assert "no longer waiting" in again
    done = (await client.get(f"{CONSOLE}/pickups?tab=done")).text
    assert "Lin Mei" in done or "#" in done
    assert "Nothing found" in (await client.get(f"{CONSOLE}/pickups?code={waits.code}")).text
    page = (await stage.client.get(mine)).text
    assert "Show this code" not in page
    assert "Picked up" in page


async def test_the_buyer_is_told_with_the_code_and_until_when(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id, path = await collected(stage, client)
    await client.post(f"{path}/ready")
    messages = [each for each in wiring.consumers(None) if each.name == "messages"]  # pyright: ignore[reportArgumentType]
    await drain(stage.db, messages)
    async with stage.db.transaction() as tx:
        [waits] = await pickups.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
        cursor = await tx.connection.execute(
            "SELECT id, facts FROM notifications.notice WHERE kind = 'ready_to_collect' AND channel = 'mail'"
        )
        [(notice_id, facts)] = await cursor.fetchall()
    assert facts["collect"]["code"] == waits.code
    assert facts["collect"]["lines"] == ["1 Pier", "Xiamen"]
    for tongue, words in (("en", "Code to show in the store"), ("zh", "Code to show in the store")):
        shown = await client.get(f"{CONSOLE}/messages/{notice_id}", headers={"accept-language": tongue})
        assert shown.status_code == 200
        assert (words in shown.text, waits.code in shown.text) == (True, True)


async def test_an_order_of_the_old_kind_of_pickup_is_handed_over_as_before(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    hold = await stage.hold()
    answer = await stage.client.post(
        f"/s/harbour/checkout/{hold}",
        data=FORM | {"delivery": "pick_up", "total_pick_up": "12900", "method": "cash"},
    )
    order_id = UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])
    async with stage.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=stage.shop.id, order_id=order_id)
        view = await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)
    assert (view.order.delivery, view.order.collect_at) == (Delivery.PICK_UP, None)
    [path] = set(
        re.findall(
            r'"(/console/harbour/pickups/[0-9a-f-]{36})"', (await client.get(f"{CONSOLE}/pickups")).text
        )
    )
    await client.post(f"{path}/ready")
    assert "keeps no codes" in (await client.get(path)).text
    await drain(stage.db, [each("pickups", pickups.HEARD)])
    async with stage.db.transaction() as tx:
        assert await pickups.of_order(tx, shop_id=stage.shop.id, order_id=order_id) == []
