"""Fulfilment and papers as people use them: the to-do list, a parcel, sheets, lists, the buyer's page."""

import re
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_erasure import placed

from shopfloor import documents, fulfilment, orders
from shopfloor.kernel.values import Money
from shopfloor.orders import packing

CONSOLE = "/console/harbour"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def parcel_of(stage: Stage) -> tuple[UUID, fulfilment.Parcel]:
    """(order, parcel) of a paid order."""
    order_id = await placed(stage)
    async with stage.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=order_id, amount=Money(14_100, "CNY"), actor="person:1"
        )
        await packing.plan_order(tx, shop_id=stage.shop.id, order_id=order_id)
        [parcel] = await fulfilment.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
    return order_id, parcel


async def said(client: httpx.AsyncClient, answer: httpx.Response, tongue: str = "en") -> str:
    assert answer.status_code == 303, answer.text
    return (await client.get(answer.headers["location"], headers={"accept-language": tongue})).text


async def state(stage: Stage, parcel: fulfilment.Parcel) -> str:
    async with stage.db.transaction() as tx:
        return (await fulfilment.parcel(tx, shop_id=stage.shop.id, parcel_id=parcel.id)).state.value


async def test_from_the_list_to_the_buyers_page(stage: Stage, client: httpx.AsyncClient) -> None:
    order_id, parcel = await parcel_of(stage)
    page = (await client.get(f"{CONSOLE}/fulfilment")).text
    assert parcel.number in page
    assert "1 × Shirt · Indigo · M" in page

    on_it = f"{CONSOLE}/fulfilment/{parcel.id}"
    assert "Wrong" not in (await client.get(on_it)).text
    told = await said(client, await client.post(f"{on_it}/scan", data={"code": "nothing"}))
    assert "This item doesn&#39;t belong in this parcel." in told
    told = await said(client, await client.post(f"{on_it}/scan", data={"code": "indigo-m"}))
    assert "1 / 1" in told
    assert await state(stage, parcel) == "picked"
    act = {"parcels": str(parcel.id), "state": "picked", "action": "packed"}
    assert "1 packed." in await said(client, await client.post(f"{CONSOLE}/fulfilment/act", data=act))
    sent = {"carrier": "DHL", "tracking": "JD<1>"}
    told = await said(client, await client.post(f"{on_it}/send", data=sent))
    assert "tracking-id=JD%3C1%3E" in told
    assert "<1>" not in told

    buyer = (await client.get(f"/s/harbour/orders/{order_id}", headers={"accept-language": "zh"})).text
    assert "第 1 个包裹，共 1 个" in buyer
    assert "运输中" in buyer
    assert "tracking-id=JD%3C1%3E" in buyer
    told = await said(client, await client.post(f"{on_it}/undo"))
    assert "Step undone." in told
    assert await state(stage, parcel) == "packed"


async def test_all_of_a_list_at_once_and_a_second_press(stage: Stage, client: httpx.AsyncClient) -> None:
    parcels = [(await parcel_of(stage))[1] for _ in range(2)]
    form = {"every": "1", "state": "to_pick", "action": "send", "carrier": "UPS", "form": "one"}
    told = await said(client, await client.post(f"{CONSOLE}/fulfilment/act", data=form))
    assert "2 shipped or handed over." in told
    assert [await state(stage, each) for each in parcels] == ["shipped"] * 2
    told = await said(
        client, await client.post(f"{CONSOLE}/fulfilment/act", data={"state": "to_pick", "action": "send"})
    )
    assert "Choose parcels first." in told
    back = {"parcels": [str(each.id) for each in parcels], "state": "shipped", "action": "picked"}
    assert "0 picked." in await said(client, await client.post(f"{CONSOLE}/fulfilment/act", data=back))
    assert [await state(stage, each) for each in parcels] == ["shipped"] * 2


async def test_a_list_with_parcels_for_pickup_goes_as_far_as_each_can(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """The evening after a show: one press for all, and those it does not fit are named and left as they were."""
    (_, shipped), (_, collected) = [await parcel_of(stage) for _ in range(2)]
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE fulfilment.parcel SET delivery = 'pick_up' WHERE id = %(id)s", id=collected.id)

    async def press(action: str, listed: str) -> str:
        form = {"every": "1", "state": listed, "action": action}
        return await said(client, await client.post(f"{CONSOLE}/fulfilment/act", data=form))

    async def both() -> list[str]:
        return [await state(stage, each) for each in (shipped, collected)]

    one = {"parcels": str(shipped.id), "state": "to_pick", "action": "ready_to_collect"}
    told = await said(client, await client.post(f"{CONSOLE}/fulfilment/act", data=one))
    assert f"0 ready for pickup. 1 could not. {shipped.number}: It will be shipped, not picked up." in told
    assert await both() == ["to_pick", "to_pick"]
    pickup = f"{collected.number}: It will be picked up: mark it as ready for pickup and hand it over then."
    assert f"1 packed. 1 could not. {pickup}" in await press("packed", "to_pick")
    assert await both() == ["packed", "to_pick"]
    assert f"0 shipped or handed over. 1 could not. {pickup}" in await press("send", "to_pick")
    assert await both() == ["packed", "to_pick"]
    assert "1 shipped or handed over." in await press("send", "packed")
    assert "1 ready for pickup." in await press("ready_to_collect", "to_pick")
    assert "1 shipped or handed over." in await press("send", "ready_to_collect")
    assert await both() == ["shipped", "collected"]


async def test_lists_for_carriers(stage: Stage, client: httpx.AsyncClient) -> None:
    _, parcel = await parcel_of(stage)
    form = {"parcels": str(parcel.id), "action": "csv", "encoding": "gb18030"}
    answer = await client.post(f"{CONSOLE}/fulfilment/act", data=form)
    assert answer.headers["content-type"] == "text/csv; charset=gb18030"
    assert parcel.number in answer.content.decode("gb18030")
    file = {"file": ("back.csv", f"order,tracking number\n{parcel.order_number},T9\n77,T8\n".encode())}
    told = await said(
        client, await client.post(f"{CONSOLE}/fulfilment/tracking", files=file, data={"ship": "1"})
    )
    assert "1 shipped, 0 got a number, 0 had it already." in told
    assert "row 3: There is no such parcel." in told
    told = await said(
        client,
        await client.post(f"{CONSOLE}/fulfilment/tracking", files={"file": ("a.csv", b"\xff\xfe\x00")}),
    )
    assert "We couldn&#39;t read this file." in told
    assert await state(stage, parcel) == "shipped"


async def test_a_sheet_waits_for_its_file(stage: Stage, client: httpx.AsyncClient) -> None:
    _, parcel = await parcel_of(stage)
    answer = await client.post(
        f"{CONSOLE}/fulfilment/act", data={"parcels": str(parcel.id), "action": "label"}
    )
    assert "Waiting to start…" in await said(client, answer)
    place = answer.headers["location"].split("?")[0]
    assert (await client.get(f"{place}/file")).status_code == 409
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE documents.sheet SET file = '%%PDF-1', made_at = now()")
    answer = await client.get(f"{place}/file")
    assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1", "application/pdf")


async def test_missing_units_and_a_second_parcel(stage: Stage, client: httpx.AsyncClient) -> None:
    order_id, parcel = await parcel_of(stage)
    on_it = f"{CONSOLE}/fulfilment/{parcel.id}"
    line = {"line_id": str(parcel.lines[0].line_id), "quantity": "1"}
    told = await said(client, await client.post(f"{on_it}/split", data=line))
    assert "This parcel doesn&#39;t have that many units of it." in told
    # A quantity that was emptied is not one.
    empty = line | {"quantity": ""}
    told = await said(client, await client.post(f"{on_it}/short", data=empty | {"then": "refund"}))
    assert "Enter a whole number" in told
    assert "Enter a whole number" in await said(client, await client.post(f"{on_it}/split", data=empty))
    told = await said(client, await client.post(f"{on_it}/short", data=line | {"then": "refund"}))
    assert "Noted. The refund is approved" in told
    async with stage.db.transaction() as tx:
        view = await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)
    assert (view.order.status, view.order.refund_granted_minor) == (orders.Status.CANCELLED, 14_100)


async def test_carriers_of_a_shop(stage: Stage, client: httpx.AsyncClient) -> None:
    page = f"{CONSOLE}/fulfilment/carriers"
    refused = await client.post(page, data={"name": "Ours", "tracking_url": "http://x/{number}"})
    assert (refused.status_code, "Start with https://" in refused.text) == (422, True)
    told = await said(
        client, await client.post(page, data={"name": "Ours", "tracking_url": "https://x.example/{number}"})
    )
    assert "Carrier added." in told
    [remove] = re.findall(r'action="([^"]+/remove)"', told)
    assert "Carrier removed." in await said(client, await client.post(remove))


async def test_papers_of_an_order(stage: Stage, client: httpx.AsyncClient) -> None:
    order_id, _ = await parcel_of(stage)
    asked = f"{CONSOLE}/orders/{order_id}/papers"
    told = await said(client, await client.post(asked, data={"kind": "invoice"}))
    assert "Enter the seller&#39;s name and address first" in told
    bad = await client.post(f"{CONSOLE}/invoices", data={"automatic": "1", "tax_number": "T1"})
    assert (bad.status_code, "T1" in bad.text) == (409, True)
    who = {"name": "Harbour Ltd", "address": "Pier 1", "invoice_prefix": "H"}
    assert "Saved." in await said(client, await client.post(f"{CONSOLE}/invoices", data=who))
    told = await said(client, await client.post(asked, data={"kind": "invoice"}))
    assert re.search(r"Invoice H20\d\d-00001", told)
    assert "being made" in told
    theirs = await client.post(f"/s/harbour/orders/{order_id}/papers", data={"kind": "receipt"})
    assert "Your document is being made." in await said(client, theirs)

    await documents.make_files(stage.db, shop_id=stage.shop.id, subject_id=order_id)
    page = (await client.get(f"/s/harbour/orders/{order_id}", headers={"accept-language": "zh"})).text
    links = re.findall(rf'href="(/s/harbour/orders/{order_id}/papers/[^"]+)"', page)
    assert len(links) == 2
    for link in links:
        answer = await client.get(link)
        assert answer.content.startswith(b"%PDF-")
    client.cookies.clear()
    assert (await client.get(links[0])).status_code == 404
