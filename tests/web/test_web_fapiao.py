"""Fapiao as people handle them: the buyer at checkout, on the order and with a receipt; the shop at its desk."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_erasure import FORM

from shopfloor import fapiao, order_lists, orders
from shopfloor.app import largest_body
from shopfloor.fapiao import State, TitleKind
from shopfloor.kernel.values import Money

CONSOLE = "/console/harbour"
TAX_ID = "91350100M000100Y43"
NUMBER = "25332000000000000001"
PDF = b"%PDF-1.7\n%fapiao"
SUMS = {"total_ship": "14100", "total_pick_up": "12900"}


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def order(stage: Stage, **more: str) -> httpx.Response:
    return await stage.client.post(f"/s/harbour/checkout/{await stage.hold()}", data=FORM | SUMS | more)


def id_of(answer: httpx.Response) -> UUID:
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])


async def of(stage: Stage, order_id: UUID) -> fapiao.Request | None:
    async with stage.db.transaction() as tx:
        return await fapiao.of_order(tx, shop_id=stage.shop.id, order_id=order_id)


async def said(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return (await client.get(answer.headers["location"])).text


async def test_a_buyer_asks_at_checkout_and_a_wrong_tax_number_comes_back_before_anything_is_ordered(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    hold = await stage.hold()
    page = (await client.get(f"/s/harbour/checkout/{hold}")).text
    assert 'name="fapiao_kind"' in page
    form = (
        FORM
        | SUMS
        | {"fapiao_kind": "company", "fapiao_title": "<b>Spring</b> Ltd", "fapiao_tax_id": TAX_ID[:-1] + "4"}
    )
    back = await client.post(f"/s/harbour/checkout/{hold}", data=form)
    assert (back.status_code, "This tax ID has a typo." in back.text) == (422, True)
    assert "&lt;b&gt;Spring&lt;/b&gt; Ltd" in back.text
    async with stage.db.transaction() as tx:
        assert await order_lists.orders(tx, shop_id=stage.shop.id) == []
    order_id = id_of(
        await client.post(f"/s/harbour/checkout/{hold}", data=form | {"fapiao_tax_id": TAX_ID.lower()})
    )
    asked = await of(stage, order_id)
    assert asked is not None
    assert (asked.title, asked.tax_id, asked.via, asked.amount_minor) == (
        "<b>Spring</b> Ltd", TAX_ID, "checkout", 14_100,
    )  # fmt: skip
    again = await client.post(f"/s/harbour/checkout/{hold}", data=form | {"fapiao_tax_id": TAX_ID})
    assert id_of(again) == order_id
    without = id_of(await order(stage))
    assert await of(stage, without) is None
    # A person without a title is called by name; a shop that takes no requests has no such field.
    person = await of(stage, id_of(await order(stage, fapiao_kind="person")))
    assert person is not None
    assert (person.kind, person.title, person.tax_id) == (TitleKind.PERSON, FORM["name"], "")
    plain = f"/s/harbour/orders/{without}"
    assert "Request a fapiao" in (await client.get(plain)).text
    await client.post(f"{CONSOLE}/fapiao/settings", data={"offered": "no"})
    assert "Request a fapiao" not in (await client.get(plain)).text


async def test_the_order_page_the_desk_and_the_file_back(stage: Stage, client: httpx.AsyncClient) -> None:
    order_id = id_of(await order(stage))
    async with stage.db.transaction() as tx:
        key = (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).order.key
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=order_id, amount=Money(14_100, "CNY"), actor="person:1"
        )
    page = f"/s/harbour/orders/{order_id}/fapiao"
    mine = httpx.Cookies(client.cookies)
    client.cookies.clear()
    stranger = client
    assert (await stranger.get(page)).status_code == 404
    assert (await stranger.post(page, data={"kind": "person", "title": "X"})).status_code == 404
    assert "Request a fapiao" in (await stranger.get(f"/s/harbour/orders/{order_id}?key={key}")).text
    form = {"kind": "company", "title": "杭州春风贸易有限公司", "tax_id": "123", "email": "books@example.com"}
    back = await stranger.post(f"{page}?key={key}", data=form)
    assert (back.status_code, "18 digits and capital letters" in back.text) == (422, True)
    assert "The seller has your request." in await said(
        stranger, await stranger.post(f"{page}?key={key}", data=form | {"tax_id": TAX_ID})
    )
    assert "You withdrew this request." in await said(
        stranger, await stranger.post(f"{page}/withdraw?key={key}")
    )
    assert "The seller has your request." in await said(
        stranger, await stranger.post(f"{page}?key={key}", data=form | {"tax_id": TAX_ID})
    )

    client.cookies = mine
    asked = await of(stage, order_id)
    assert asked is not None
    listed = (await client.get(f"{CONSOLE}/fapiao?state=open")).text
    assert ("杭州春风贸易有限公司" in listed, TAX_ID in listed) == (True, True)
    assert TAX_ID in (await client.get(f"{CONSOLE}/fapiao?search=%23{asked.order_number}")).text
    desk = f"{CONSOLE}/fapiao/{asked.id}"
    today = (await client.get(desk)).text.split('name="issued_on"')[0].rsplit("value=", 1)[1][1:11]
    sent = {"number": "1", "issued_on": today}
    assert "A fapiao number has 20 digits" in await said(
        client, await client.post(f"{desk}/issue", data=sent)
    )
    bad = await client.post(
        f"{desk}/issue", data={"number": NUMBER, "issued_on": today}, files={"file": ("a.pdf", b"<html>")}
    )
    assert "Send PDF or OFD files" in await said(client, bad)
    still = await of(stage, order_id)
    assert still is not None
    assert still.state is State.OPEN
    good = await client.post(
        f"{desk}/issue", data={"number": NUMBER, "issued_on": today}, files={"file": ("a.exe", PDF)}
    )
    assert "Recorded. The customer is told." in await said(client, good)
    issued = await of(stage, order_id)
    assert issued is not None
    assert issued.blue is not None
    [file] = issued.blue.files
    assert (await client.get(f"{CONSOLE}/fapiao/files/{file.id}")).content == PDF
    assert f"{NUMBER}" in (await client.get(f"{CONSOLE}/fapiao.csv")).text
    assert "杭州春风贸易有限公司" in (await client.get(f"{CONSOLE}/orders/{order_id}")).text

    client.cookies.clear()
    shown = (await client.get(f"/s/harbour/orders/{order_id}?key={key}")).text
    assert (NUMBER in shown, f"{page}/{file.id}?key={key}" in shown) == (True, True)
    got = await client.get(f"{page}/{file.id}?key={key}")
    assert (got.content, got.headers["content-type"]) == (PDF, "application/pdf")
    assert (await client.get(f"{page}/{file.id}")).status_code == 404
    again = await client.post(f"{page}?key={key}", data=form | {"tax_id": TAX_ID, "title": "Other"})
    assert (again.status_code, "it can&#39;t be changed here" in again.text) == (409, True)


async def test_the_code_of_a_receipt_asks_and_shows_neither_order_nor_files(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id = id_of(await order(stage))
    async with stage.db.transaction() as tx:
        code = await fapiao.code(tx, shop_id=stage.shop.id, order_id=order_id)
    client.cookies.clear()
    assert (await client.get("/s/harbour/fapiao?code=0000-0000-0000")).status_code == 404
    found = await client.get(f"/s/harbour/fapiao?code={fapiao.shown_code(code).lower()}")
    page = found.headers["location"]
    form = {"kind": "person", "title": "林梅"}
    no_mail = await client.post(page, data=form)
    assert (no_mail.status_code, "Fill this in." in no_mail.text) == (422, True)
    told = await said(client, await client.post(page, data=form | {"email": "mei@shop.example"}))
    assert ("林梅" in told, "mei@shop.example" in told, FORM["name"] in told) == (True, False, False)
    asked = await of(stage, order_id)
    assert asked is not None
    assert (asked.via, asked.email) == ("receipt", "mei@shop.example")


async def test_files_above_a_megabyte_are_taken_from_who_may_record_them(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    path = f"/console/harbour/fapiao/papers/{UUID(int=1)}/files"
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    mine = {"type": "http", "path": path, "headers": [(b"cookie", cookie.encode())], "query_string": b""}
    assert await largest_body(stage.db, mine) == (3 * 1024 + 64) * 1024
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.member SET role = 'merchandiser'")
    assert await largest_body(stage.db, mine) == 0
