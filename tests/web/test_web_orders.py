"""The orders desk: the list narrowed down by links, one button for many orders, and one order's page."""

import re
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM

from shopfloor import backoffice, orders

LIST = "/console/harbour/orders"
LINK = re.compile(r'href="/console/harbour/orders/([0-9a-f-]{36})"')


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def placed(stage: Stage, **fields: str) -> UUID:
    hold = await stage.hold()
    total = {"total_ship": "14100", "total_pick_up": "12900"}
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM | total | fields)
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])


async def listed(client: httpx.AsyncClient, query: str = "") -> set[UUID]:
    return {UUID(found) for found in LINK.findall((await client.get(f"{LIST}{query}")).text)}


async def said(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return (await client.get(answer.headers["location"])).text


async def state(stage: Stage, order_id: UUID) -> tuple[str, str]:
    async with stage.db.transaction() as tx:
        found = (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).order
    return found.status.value, found.payment_status.value


async def test_a_link_keeps_what_the_list_is_narrowed_down_to(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    one, two = await placed(stage, name="Wei Zhang"), await placed(stage, name="Ana Sol")
    async with stage.db.transaction() as tx:
        number = (await orders.order(tx, shop_id=stage.shop.id, order_id=one)).order.number
        total = (await orders.order(tx, shop_id=stage.shop.id, order_id=two)).order.total
        await orders.mark_paid(tx, shop_id=stage.shop.id, order_id=two, amount=total, actor="person:1")

    assert await listed(client) == {one, two}
    assert await listed(client, "?payment=unpaid") == {one}
    assert await listed(client, "?fulfilment=ready&payment=paid") == {two}
    assert await listed(client, f"?search={number}&payment=&fulfilment=&show=&since=") == {one}
    assert await listed(client, "?search=indigo-m&status=paid") == {two}
    assert await listed(client, "?until=2001-01-01") == set()

    page = (await client.get(f"{LIST}?payment=unpaid&search=wei&status=placed")).text
    # Each link and form of the page keeps the others.
    assert f'href="{LIST}?payment=unpaid&amp;search=wei"' in page
    assert f'href="{LIST}/export.csv?payment=unpaid&amp;search=wei&amp;status=placed"' in page
    assert '<option value="unpaid" selected>' in page
    assert '<input type="hidden" name="payment" value="unpaid">' in page
    exported = await client.get(f"{LIST}/export.csv?payment=unpaid&search=wei&status=placed")
    assert [row.split(",")[0] for row in exported.text.splitlines()[1:]] == [f"#{number}"]
    nothing = (await client.get(f"{LIST}?payment=refund_due")).text
    assert "No orders match." in nothing
    wrong = await client.get(f"{LIST}?since=yesterday")
    assert (wrong.status_code, "Enter a date" in wrong.text) == (200, True)


async def test_one_button_for_many_orders(stage: Stage, client: httpx.AsyncClient) -> None:
    one, two = await placed(stage), await placed(stage)
    answer = await client.post(f"{LIST}/act?payment=unpaid", data={"action": "paid", "orders": [str(one)]})
    assert answer.headers["location"] == f"{LIST}?payment=unpaid"
    assert "1 marked as paid." in await said(client, answer)
    assert await state(stage, one) == ("paid", "paid")
    assert await state(stage, two) == ("placed", "unpaid")

    # The first is paid already, and nothing of the second may leave: neither keeps the other.
    page = await said(client, await client.post(f"{LIST}/act", data={"action": "ship", "every": "1"}))
    assert "1 marked as shipped. 1 could not." in page
    assert await state(stage, one) == ("shipped", "paid")
    page = await said(client, await client.post(f"{LIST}/act", data={"action": "paid", "every": "1"}))
    assert "1 marked as paid. 1 could not." in page
    assert await state(stage, two) == ("paid", "paid")

    # Every list that the button says is the list of its address.
    page = await said(
        client, await client.post(f"{LIST}/act?payment=unpaid", data={"action": "ship", "every": "1"})
    )
    assert "Choose orders first." in page
    assert await state(stage, two) == ("paid", "paid")
    # A parcel that left has no packing slip to print.
    page = await said(
        client, await client.post(f"{LIST}/act", data={"action": "slips", "orders": [str(one)]})
    )
    assert "There is no such parcel." in page


async def test_an_order_that_is_paid_online_is_not_marked_by_hand(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    one = await placed(stage)
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET provider = 'stripe' WHERE id = %(id)s", id=one)

    page = await said(client, await client.post(f"{LIST}/act", data={"action": "paid", "orders": [str(one)]}))

    assert "0 marked as paid. 1 could not." in page
    assert await state(stage, one) == ("placed", "unpaid")


async def test_a_refund_of_nothing_or_too_much_comes_back_with_its_form(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    one = await placed(stage)
    page = f"{LIST}/{one}"
    await client.post(f"{page}/paid", data={"amount": "141.00", "key": "bank 17"})
    for typed, status, why in (
        ("0", 422, "A refund is more than zero. Enter how much the customer gets back."),
        ("0.00", 422, "A refund is more than zero. Enter how much the customer gets back."),
        ("141.01", 409, "This is more than can be refunded."),
        ("all", 422, "Enter an amount such as 129.00."),
    ):
        answer = await client.post(f"{page}/refund", data={"amount": typed, "note": "a scratch"})
        form = answer.text.partition(f'action="{page}/refund"')[2].partition("</form>")[0]
        assert answer.status_code == status
        assert f'value="{typed}"' in form
        assert 'value="a scratch"' in form
        assert 'aria-invalid="true" aria-describedby="e-amount' in form
        assert why in form
    async with stage.db.transaction() as tx:
        assert (await orders.order(tx, shop_id=stage.shop.id, order_id=one)).order.refund_granted_minor == 0


TITLE = re.compile(r"<li><span><(?:strong|a href=\"[^\"]*\")>([^<]+)</")


async def test_everything_that_happened_stands_in_one_list(stage: Stage, client: httpx.AsyncClient) -> None:
    one = await placed(stage)
    page = f"{LIST}/{one}"
    assert (await client.post(f"{page}/paid", data={"amount": "141.00", "key": "bank 17"})).status_code == 303
    async with stage.db.transaction() as tx:
        number = (await orders.order(tx, shop_id=stage.shop.id, order_id=one)).order.number
    assert (await client.post(f"{page}/ship", data={"tracking": "SF 1"})).status_code == 303
    assert (
        await client.post(f"{page}/refund", data={"amount": "9.00", "note": "a scratch"})
    ).status_code == 303
    answer = await client.post(f"{page}/notes", data={"text": "Called.\nShe keeps it."})
    assert answer.headers["location"] == f"{page}#history"
    assert (await client.post(f"{page}/papers", data={"kind": "receipt"})).status_code == 303

    text = (await client.get(page)).text
    assert TITLE.findall(text.partition('id="history"')[2]) == [
        "Receipt issued",
        "Note",
        "Refund approved",
        f"Parcel {number}-P1 shipped",
        f"Tracking number for parcel {number}-P1",
        f"Parcel {number}-P1 on the list",
        "Payment received",
        "Order placed",
        "Payment requested",
    ]
    assert "Called.\nShe keeps it." in text
    assert "bank 17" in text
    assert "a scratch" in text
    refund = text.partition("Refund approved<")[2].partition("</li>")[0]
    assert "9.00" in refund
    noted = text.partition("Called.")[0].rpartition("<li>")[2]
    assert "owner" in noted.casefold()


async def test_a_note_says_something_and_is_never_changed(stage: Stage, client: httpx.AsyncClient) -> None:
    one = await placed(stage)
    page = await said(client, await client.post(f"{LIST}/{one}/notes", data={"text": " \n "}))
    assert "Write a note first." in page
    async with stage.db.transaction() as tx:
        assert await backoffice.notes.of_order(tx, shop_id=stage.shop.id, order_id=one) == []
        await backoffice.notes.write(tx, shop_id=stage.shop.id, order_id=one, words="kept", actor="person:1")
    for statement in ("UPDATE backoffice.note SET text = 'x'", "DELETE FROM backoffice.note"):
        with pytest.raises(psycopg.errors.RaiseException, match="appended, never changed"):
            async with stage.db.transaction() as tx:
                await tx.connection.execute(statement)  # pyright: ignore[reportArgumentType]


async def test_what_the_customer_asks_for_is_in_one_place(stage: Stage, client: httpx.AsyncClient) -> None:
    one = await placed(stage)
    page = (await client.get(f"{LIST}/{one}")).text
    [link] = re.findall(r'data-copies="([^"]+)"', page)
    path = link.replace("&amp;", "&").partition("/s/")[2]
    stranger = httpx.AsyncClient(transport=httpx.ASGITransport(stage.app), base_url="http://shop.test")
    opened = await stranger.get(f"/s/{path}", headers={"accept": "text/html"})
    assert opened.status_code == 200
    assert "Payment page" in page


async def test_an_order_is_edited_after_a_look_at_what_it_comes_to(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    one = await placed(stage)
    async with stage.db.transaction() as tx:
        view = await orders.order(tx, shop_id=stage.shop.id, order_id=one)
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=one, amount=view.order.total, actor="person:1"
        )
    line = view.lines[0].id
    page = (await client.get(f"{LIST}/{one}/edit")).text
    assert f'href="/console/harbour/orders/{one}/edit"' in (await client.get(f"{LIST}/{one}")).text
    chinese = (await client.get(f"{LIST}/{one}/edit", headers={"accept-language": "zh-CN"})).text
    assert "<h2>配送</h2>" in chinese
    sent = {
        "edit_id": re.findall(r'name="edit_id" value="([0-9a-f-]+)"', page)[0],
        "version": re.findall(r'name="version" value="(\w+)"', page)[0],
        f"units-{line}": "2",
        "reason": "She wants two",
    }

    looked = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "look"})
    assert looked.status_code == 200
    assert "Customer still pays" in looked.text
    assert "129.00" in looked.text.partition("Customer still pays")[2][:200]
    found = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "find", "find": view.lines[0].title})
    [variant, *_] = re.findall(r'value="add-(\d+)"', found.text)
    more = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": f"add-{variant}"})
    assert f'name="more-{variant}"' in more.text
    short = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "look", f"units-{line}": "40"})
    assert "Not enough in stock: " in short.text
    assert re.search(r'value="save" disabled', short.text)
    wrong = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "save", "reason": ""})
    assert (wrong.status_code, "Say why the order is changed." in wrong.text) == (422, True)
    long = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "save", "reason": "why " * 150})
    assert (long.status_code, "Use at most 500 characters for the reason." in long.text) == (422, True)
    assert ("why why" in long.text, f'name="units-{line}"' in long.text, 'value="2"' in long.text) == (
        True,
    ) * 3
    assert await state(stage, one) == ("paid", "paid")

    saved = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "save"})
    again = await client.post(f"{LIST}/{one}/edit", data=sent | {"do": "save"})
    text = await said(client, saved)
    assert again.status_code == 303
    assert await state(stage, one) == ("placed", "deposit_paid")
    history = text.partition("Order edited")[2].partition("</li>")[0]
    assert "She wants two" in history
    assert "1 → 2" in history
    assert "Waive the difference of" in text
    shown = (await stage.client.get(f"/s/harbour/orders/{one}?key={view.order.key}")).text
    assert "129.00" in shown

    endless = await client.post(f"{LIST}/{one}/waive", data={"reason": "x" * 501})
    assert (endless.status_code, "Use at most 500 characters" in endless.text) == (422, True)
    done = await said(client, await client.post(f"{LIST}/{one}/waive", data={"reason": "Our fault"}))
    assert await state(stage, one) == ("paid", "paid")
    assert "Difference waived" in done
