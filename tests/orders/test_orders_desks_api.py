"""The desks' JSON: fapiao, messages and parcels as other programs work them, and who may."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.orders.conftest import MakeMarket, Market
from tests.orders.test_orders_api import member

from shopfloor import accounts, fapiao, wiring
from shopfloor.collector import Collector
from shopfloor.fapiao import api as fapiao_api
from shopfloor.kernel import http, outbox
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.services import Services
from shopfloor.kernel.values import now
from shopfloor.notifications import api as messages_api
from shopfloor.warehouse import api as parcels_api

COMPANY = {"kind": "company", "title": "杭州春风贸易有限公司", "tax_id": "91350100M000100Y43"}
NUMBER = "25332000000000000001"
PDF = b"%PDF-1.7\n%fapiao"


def connected(app: FastAPI, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://shop/v1/garden-1",
        cookies={"session": token},
    )


@pytest.fixture
def app(market: Market) -> FastAPI:
    made = FastAPI()
    http.install(made, Services(market.db, PublicAddress("http", "shop.test")))
    for module in (fapiao_api, messages_api, parcels_api):
        made.include_router(module.router)
    return made


@pytest.fixture
async def client(market: Market, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the owner."""
    async with connected(app, await member(market, accounts.Role.OWNER)) as client:
        yield client


@pytest.fixture
def hear(market: Market, tmp_path: Path) -> Callable[[], Any]:
    """Hand every fact to whoever plans parcels and makes messages of it."""
    lake = Collector(tmp_path / "lake", "test")
    wanted = [each for each in wiring.consumers(lake) if each.name in {"messages", "parcels"}]

    async def deliver() -> None:
        await outbox.drain(market.db, wanted)

    return deliver


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_fapiao_from_request_to_file(
    market: Market, make_market: MakeMarket, app: FastAPI, client: httpx.AsyncClient
) -> None:
    order, _ = await market.paid()
    wrong = await client.put(f"/orders/{order.id}/fapiao", json=COMPANY | {"tax_id": "91350100M000100Y44"})
    assert refused(wrong) == (422, "fapiao.form_refused")
    assert wrong.json()["facts"] == {"fields": {"tax_id": "bad_check_digit"}}
    assert refused(await client.get(f"/orders/{order.id}/fapiao")) == (404, "fapiao.not_requested")
    asked = (await client.put(f"/orders/{order.id}/fapiao", json=COMPANY)).json()
    assert (asked["state"], asked["via"], asked["amount_minor"]) == ("open", "staff", order.total_minor)
    assert (await client.put(f"/orders/{order.id}/fapiao", json=COMPANY)).json()["id"] == asked["id"]

    day = (now() + timedelta(hours=8)).date().isoformat()
    issued = {"number": NUMBER, "issued_on": day}
    done = await client.post(f"/fapiao/{asked['id']}/issue", json=issued)
    assert done.json()["state"] == "issued"
    assert (await client.post(f"/fapiao/{asked['id']}/issue", json=issued)).json() == done.json()
    paper = done.json()["papers"][0]["id"]
    for _ in range(2):
        sent = await client.post(f"/fapiao/papers/{paper}/files", content=PDF)
        assert len(sent.json()["papers"][0]["files"]) == 1
    (kept,) = (await client.get(f"/fapiao/{asked['id']}")).json()["papers"][0]["files"]
    file = kept["id"]
    assert (await client.get(f"/fapiao/files/{file}")).content == PDF
    assert refused(await client.post(f"/fapiao/papers/{paper}/files", content=b"<html>")) == (
        422,
        "fapiao.bad_file",
    )
    assert [each["id"] for each in (await client.get("/fapiao?state=issued")).json()] == [asked["id"]]
    assert (await client.get("/fapiao?state=open")).json() == []
    assert NUMBER in (await client.get("/fapiao/export")).text
    sheet = f"order,number,issued on\r\n{order.number},{NUMBER},{day}\r\n1,1,1\r\n"
    taken = (await client.post("/fapiao/import", content=sheet.encode())).json()
    assert (taken["recorded"], taken["unchanged"], taken["refused"][0]["row"]) == (0, 1, 3)
    assert refused(await client.delete(f"/orders/{order.id}/fapiao")) == (409, "fapiao.already_issued")

    other = await make_market()
    async with connected(app, await member(other, accounts.Role.FINANCE)) as stranger:
        for path in (f"/fapiao/{asked['id']}", f"/fapiao/files/{file}", f"/orders/{order.id}/fapiao"):
            assert (await stranger.get(f"http://shop/v1/garden-2{path}")).status_code == 404
            assert (await stranger.get(path)).status_code in {403, 404}
    async with connected(app, await member(market, accounts.Role.MERCHANDISER)) as packs:
        assert (await packs.get("/fapiao")).status_code == 200
        assert refused(await packs.post(f"/fapiao/{asked['id']}/issue", json=issued)) == (
            403,
            "accounts.not_allowed",
        )
    async with market.db.transaction() as tx:
        assert [check for check in await fapiao.audit(tx) if not check.passed] == []


async def test_messages_are_listed_sent_again_once_and_worded(
    market: Market, app: FastAPI, client: httpx.AsyncClient, hear: Callable[[], Any]
) -> None:
    order, _ = await market.paid()
    await hear()
    listed = (await client.get("/messages?limit=1")).json()
    assert len(listed) == 1
    assert 'rel="next"' in (await client.get("/messages?limit=1")).headers["link"]
    told = (await client.get(f"/messages/of-order/{order.id}")).json()["messages"]
    assert {each["kind"] for each in told} == {"order_placed", "order_paid"}
    [paid] = [each for each in told if each["kind"] == "order_paid"]
    shown = (await client.get(f"/messages/{paid['id']}")).json()
    assert (shown["order_number"], f"#{order.number}" in shown["text"]) == (order.number, True)
    assert "sealed" not in shown
    assert refused(await client.post(f"/messages/{paid['id']}/send-again")) == (
        409,
        "notifications.cannot_go_again",
    )
    async with market.db.transaction() as tx:
        await tx.run("UPDATE notifications.notice SET state = 'kept', ended_at = now()")
    key = {"key": str(uuid4())}
    first = await client.post(f"/messages/{paid['id']}/send-again", json=key)
    again = await client.post(f"/messages/{paid['id']}/send-again", json=key)
    assert (first.status_code, first.json()["id"], first.json()["state"]) == (
        201,
        again.json()["id"],
        "queued",
    )
    assert len((await client.get(f"/messages/of-order/{order.id}")).json()["messages"]) == 3
    assert refused(await client.get(f"/messages/of-order/{uuid4()}")) == (404, "orders.not_found")

    own = {"subject": "Paid: {number}", "intro": "Thank you, {name}."}
    worded = (await client.put("/messages/words/order_paid/en", json=own)).json()
    assert (worded["own"], worded["subject"], "amount" in worded["placeholders"]) == (
        True,
        own["subject"],
        True,
    )
    assert (await client.get(f"/messages/{paid['id']}")).json()["subject"] == f"Paid: {order.number}"
    bad = await client.put("/messages/words/order_paid/en", json={"subject": "{password}"})
    assert refused(bad) == (422, "notifications.unknown_placeholder")
    assert refused(await client.put("/messages/words/test/en", json=own)) == (
        404,
        "notifications.unknown_notice",
    )
    every = (await client.get("/messages/words")).json()["words"]
    assert [each["subject"] for each in every if each["own"]] == [own["subject"]]
    back = (await client.put("/messages/words/order_paid/en", json={})).json()
    assert (back["own"], back["subject"] != own["subject"]) == (False, True)
    async with connected(app, await member(market, accounts.Role.SHOP_ASSISTANT)) as reads:
        assert (await reads.get("/messages")).status_code == 200
        assert refused(await reads.post(f"/messages/{paid['id']}/send-again")) == (
            403,
            "accounts.not_allowed",
        )


async def test_parcels_go_from_the_list_to_the_door(
    market: Market, client: httpx.AsyncClient, hear: Callable[[], Any]
) -> None:
    first, _ = await market.paid(quantity=2)
    await market.paid()
    await hear()
    listed = (await client.get("/parcels?state=to_pick")).json()
    ids = [each["id"] for each in listed]
    todo = (await client.get("/parcels/to-do")).json()
    assert (todo["states"]["to_pick"], todo["shows"]) == (
        2,
        [{"show_id": market.show_id, "title": "Friday show", "parcels": 2}],
    )
    assert (await client.get(f"/parcels/to-do?show_id={market.show_id + 1}")).json()["states"].get(
        "to_pick", 0
    ) == 0

    [mine] = [each["id"] for each in listed if each["order_number"] == first.number]
    for _ in range(2):
        picked = (await client.post(f"/parcels/{mine}/scan", json={"code": "coat-m", "unit": 1})).json()
        assert picked["parcel"]["lines"][0]["picked"] == 1
    other = await client.post(f"/parcels/{mine}/scan", json={"code": "COAT-L"})
    assert refused(other) == (409, "fulfilment.wrong_item")
    picked = (await client.post(f"/parcels/{mine}/scan", json={"code": "COAT-M", "unit": 2})).json()
    assert picked["parcel"]["state"] == "picked"

    sheet_id = str(uuid4())
    wanted = {"kind": "packing_slip", "parcel_ids": ids, "sheet_id": sheet_id}
    for _ in range(2):
        asked = await client.post("/parcels/sheets", json=wanted)
        assert (asked.status_code, asked.json()) == (
            201, {"id": sheet_id, "kind": "packing_slip", "parcels": 2, "made": False},
        )  # fmt: skip
    assert refused(await client.get(f"/parcels/sheets/{sheet_id}/file")) == (409, "documents.not_made_yet")
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM documents.sheet") == 1
        await tx.run("UPDATE documents.sheet SET file = '%%PDF-x', made_at = now()")
    assert (await client.get(f"/parcels/sheets/{sheet_id}/file")).content == b"%PDF-x"
    assert (await client.get(f"/parcels/sheets/{sheet_id}")).json()["made"] is True

    for _ in range(2):
        packed = (await client.post("/parcels/step", json={"parcel_ids": ids, "to": "packed"})).json()
        assert packed == {"done": 2, "stayed": []}
    for _ in range(2):
        sent = (await client.post("/parcels/send", json={"parcel_ids": ids, "carrier": "SF"})).json()
        assert sent == {"done": 2, "stayed": []}
    assert refused(await client.post("/parcels/step", json={"parcel_ids": [str(uuid4())], "to": "picked"})) == (
        404, "fulfilment.parcel_not_found",
    )  # fmt: skip
    nowhere = str(uuid4())
    stayed = (await client.post("/parcels/send", json={"parcel_ids": [nowhere]})).json()
    assert (stayed["done"], stayed["stayed"][0]["code"]) == (0, "fulfilment.parcel_not_found")
    arrived = (await client.post("/parcels/delivered", json={"parcel_ids": ids})).json()
    assert arrived == {"done": 2, "stayed": []}
    assert {each["carrier"] for each in (await client.get("/parcels?state=delivered")).json()} == {"SF"}
    await market.assert_sound()
