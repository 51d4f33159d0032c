"""Returns as people make them: the buyer's two steps without a script, and the shop's desk."""

import re
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from tests.app.running import picture
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_erasure import FORM

from shopfloor import catalog, inventory, orders, returns
from shopfloor.app import largest_body
from shopfloor.kernel.values import Money
from shopfloor.returns import Journey, State

CONSOLE = "/console/harbour"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def paid(stage: Stage, **form: str) -> UUID:
    hold = await stage.hold()
    sums = {"total_ship": "14100", "total_pick_up": "12900"}
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM | sums | form)
    assert answer.status_code == 303, answer.text
    order_id = UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])
    async with stage.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=order_id, amount=Money(14_100, "CNY"), actor="person:1"
        )
    return order_id


async def delivered(stage: Stage, **form: str) -> UUID:
    order_id = await paid(stage, **form)
    async with stage.db.transaction() as tx:
        await orders.shipping.ship(tx, shop_id=stage.shop.id, order_id=order_id, actor="person:1")
        await orders.shipping.deliver(tx, shop_id=stage.shop.id, order_id=order_id, actor="person:1")
    return order_id


async def line_of(stage: Stage, order_id: UUID) -> int:
    async with stage.db.transaction() as tx:
        return (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).lines[0].id


async def the_return(stage: Stage, order_id: UUID) -> returns.Return:
    async with stage.db.transaction() as tx:
        [found] = await returns.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
    return found


async def said(client: httpx.AsyncClient, answer: httpx.Response, tongue: str = "en") -> str:
    assert answer.status_code == 303, answer.text
    return (await client.get(answer.headers["location"], headers={"accept-language": tongue})).text


async def test_a_guest_withdraws_in_two_steps_and_the_shop_pays_back(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id = await delivered(stage, country="DE")
    line_id = await line_of(stage, order_id)
    async with stage.db.transaction() as tx:
        key = (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).order.key
    page = f"/s/harbour/orders/{order_id}"
    mine = httpx.Cookies(client.cookies)
    client.cookies.clear()
    stranger = client
    assert (await stranger.get(f"{page}/return")).status_code == 404
    told = (await stranger.get(f"{page}?key={key}")).text
    assert "Withdraw from contract here" in told
    assert "在此撤回合同" in (await stranger.get(f"{page}?key={key}", headers={"accept-language": "zh"})).text
    first = (await stranger.get(f"{page}/return?key={key}&journey=withdrawal")).text
    name = re.search(r'name="return_id" value="([^"]+)"', first)
    assert name is not None
    form = {"journey": "withdrawal", "return_id": name[1], f"units-{line_id}": "0", "step": "look"}
    nothing = await stranger.post(f"{page}/return?key={key}", data=form)
    assert (nothing.status_code, "Choose what goes back." in nothing.text) == (422, True)
    form |= {f"units-{line_id}": "1", "reason": "too_small", "note": "<b>tight</b>"}
    second = (await stranger.post(f"{page}/return?key={key}", data=form)).text
    assert "Confirm withdrawal" in second
    assert "&lt;b&gt;tight&lt;/b&gt;" in second
    async with stage.db.transaction() as tx:
        assert await returns.of_order(tx, shop_id=stage.shop.id, order_id=order_id) == []
    confirmed = form | {"step": "confirm"}
    assert (await stranger.post(f"{page}/return?key={key}", data=confirmed)).status_code == 303
    told = await said(stranger, await stranger.post(f"{page}/return?key={key}", data=confirmed))
    assert "We received your withdrawal." in told
    found = await the_return(stage, order_id)
    assert (found.state, found.units, found.reason) == (State.APPROVED, 1, "too_small")
    assert f"Write {found.number} on the parcel" in told

    sheet = f"{page}/returns/{found.id}/label"
    assert (await stranger.get(sheet)).status_code == 404
    assert (await stranger.get(f"{sheet}?key={key}")).headers["location"].endswith("#returns")
    asked = await stranger.post(f"{sheet}?key={key}")
    assert "Your label is being made." in await said(stranger, asked)

    client.cookies = mine
    listed = (await client.get(f"{CONSOLE}/returns?state=approved")).text
    assert found.number in listed
    assert found.number in (await client.get(f"{CONSOLE}/returns?search={found.order_number}")).text
    on_it = f"{CONSOLE}/returns/{found.id}"
    assert "Too small" in (await client.get(on_it)).text
    told = await said(client, await client.post(f"{on_it}/refund"))
    assert "Nothing has arrived yet." in told
    told = await said(client, await client.post(f"{on_it}/receive", data={f"sellable-{line_id}": "1"}))
    assert "Sellable items are back in stock." in told
    assert "129.00" in told
    product = (await client.get(f"{CONSOLE}/products/{stage.shirt.id}")).text
    assert re.search(r'Units returned">1</td>\s*<td data-label="Why">Too small \(1\)</td>', product)
    told = await said(client, await client.post(f"{on_it}/refund", data={"deduct": "9"}))
    assert "Refund approved." in told
    found = await the_return(stage, order_id)
    # All of it came back: the goods and the cheapest way there, less what was deducted.
    assert (found.state, found.refund_minor) == (State.REFUNDED, 14_100 - 900)
    assert "132.00 back." in (await client.get(f"{page}?key={key}")).text


async def test_a_claim_is_declined_and_another_is_paid_without_a_return(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id = await delivered(stage)
    line_id = await line_of(stage, order_id)
    page = f"/s/harbour/orders/{order_id}"
    assert "Report a fault" in (await client.get(f"{page}/return?journey=claim")).text
    form = {"journey": "claim", f"units-{line_id}": "1", "step": "confirm", "return_id": str(uuid4())}
    assert "Say what is wrong with it." in (await client.post(f"{page}/return", data=form)).text
    form |= {"reason": "defective"}
    assert "We received your claim." in await said(client, await client.post(f"{page}/return", data=form))
    first = await the_return(stage, order_id)
    on_it = f"{CONSOLE}/returns/{first.id}"
    assert "Say why it is declined" in await said(client, await client.post(f"{on_it}/refuse"))
    told = await said(client, await client.post(f"{on_it}/refuse", data={"answer": "It works as described"}))
    assert "Declined. The customer is told why." in told
    assert "It works as described" in (await client.get(page)).text

    again = form | {"return_id": str(uuid4())}
    assert (await client.post(f"{page}/return", data=again)).status_code == 303
    async with stage.db.transaction() as tx:
        second = (await returns.of_order(tx, shop_id=stage.shop.id, order_id=order_id))[1]
    on_it = f"{CONSOLE}/returns/{second.id}"
    await said(client, await client.post(f"{on_it}/approve", data={"goods": "keep"}))
    assert "No need to send anything back" in (await client.get(page)).text
    told = await said(client, await client.post(f"{on_it}/refund"))
    assert "Refund approved." in told


async def test_pictures_of_a_fault(stage: Stage, client: httpx.AsyncClient, tmp_path: Path) -> None:
    order_id = await delivered(stage)
    line_id = await line_of(stage, order_id)
    page = f"/s/harbour/orders/{order_id}/return"
    form = {
        "journey": "claim", f"units-{line_id}": "1", "step": "look", "reason": "defective",
        "return_id": str(uuid4()), "kept": ["../../etc", "0" * 64],
    }  # fmt: skip
    broken = await client.post(page, data=form, files={"picture": ("a.png", b"no picture", "image/png")})
    assert broken.status_code == 422
    files = [("picture", (f"{n}.png", picture(str(n)), "image/png")) for n in range(2)]
    second = (await client.post(page, data=form, files=files)).text
    hashes = re.findall(r'name="kept" value="([0-9a-f]{64})"', second)
    assert len(hashes) == 2
    confirmed = form | {"step": "confirm", "kept": [*hashes, hashes[0], "1" * 64]}
    assert (await client.post(page, data=confirmed)).status_code == 303
    found = await the_return(stage, order_id)
    async with stage.db.transaction() as tx:
        assert (await returns.details(tx, found)).pictures == hashes
        key = (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).order.key
    assert f"/pictures/{hashes[0]}/160.webp" in (await client.get(f"{CONSOLE}/returns/{found.id}")).text

    async def most(given: str) -> int:
        scope = {"type": "http", "path": page, "query_string": f"key={given}".encode(), "headers": []}
        return await largest_body(stage.db, scope)

    assert await most(key) > 15_000_000
    assert await most("other") == 0


async def test_before_anything_was_sent_the_button_undoes_the_order(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id = await paid(stage, country="DE")
    page = f"/s/harbour/orders/{order_id}"
    told = (await client.get(f"{page}/return")).text
    assert "You withdraw from all of it." in told
    form = {"journey": "withdrawal", "step": "look", "return_id": str(uuid4())}
    assert (
        "Nothing has been sent yet: the order is cancelled"
        in (await client.post(f"{page}/return", data=form)).text
    )
    told = await said(client, await client.post(f"{page}/return", data=form | {"step": "confirm"}))
    assert "This order is cancelled" in told
    assert (await the_return(stage, order_id)).refund_minor == 14_100


async def test_a_buyer_keeps_it_and_the_shop_opens_one_itself(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id, other = await delivered(stage), await delivered(stage)
    line_id = await line_of(stage, order_id)
    page = f"/s/harbour/orders/{order_id}"
    opened = {
        "journey": "goodwill", f"units-{line_id}": "1", "reason": "other",
        "return_id": str(uuid4()),
    }  # fmt: skip
    assert "Open a return" in (await client.get(f"{CONSOLE}/orders/{order_id}")).text
    assert "1 can come back" in (await client.get(f"{CONSOLE}/orders/{order_id}/return")).text
    assert "Return opened." in await said(
        client, await client.post(f"{CONSOLE}/orders/{order_id}/return", data=opened)
    )
    found = await the_return(stage, order_id)
    assert (found.journey, found.state) == (Journey.GOODWILL, State.APPROVED)
    strange = await client.post(f"/s/harbour/orders/{other}/returns/{found.id}/close")
    assert strange.status_code == 404
    told = await said(client, await client.post(f"{page}/returns/{found.id}/close"))
    assert "You keep it." in told
    assert (await the_return(stage, order_id)).state is State.CLOSED
    more = opened | {f"units-{line_id}": "2", "return_id": str(uuid4())}
    refused = await client.post(f"{CONSOLE}/orders/{order_id}/return", data=more)
    assert (refused.status_code, "That is more than is left: 1." in refused.text) == (409, True)


async def test_rules_and_exceptions_are_set(stage: Stage, client: httpx.AsyncClient) -> None:
    form = {
        "withdrawal_days": "30", "goodwill_days": "60", "claim_days": "800", "address": "Old Pier 3", "note": "Fold",
    }  # fmt: skip
    wrong = await client.post(f"{CONSOLE}/return-rules", data=form | {"withdrawal_days": "366"})
    assert (wrong.status_code, "Enter a whole number from 0 to 365." in wrong.text) == (422, True)
    assert "It applies to new orders." in await said(
        client, await client.post(f"{CONSOLE}/return-rules", data=form)
    )
    path = f"{CONSOLE}/return-rules/product/{stage.shirt.id}"
    assert "It applies to new orders." in await said(client, await client.post(path, data={"why": "sealed"}))
    assert "Sealed for hygiene" in (await client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    order_id = await delivered(stage)
    told = (await client.get(f"/s/harbour/orders/{order_id}/return?journey=goodwill")).text
    assert "Ask for a return" in told
    gone = await client.get(f"/s/harbour/orders/{order_id}/return?journey=withdrawal")
    assert "Nothing in this order can be returned this way now." in await said(client, gone)


async def test_a_guest_exchanges_and_the_shop_sends_it(stage: Stage, client: httpx.AsyncClient) -> None:
    order_id = await delivered(stage, country="DE")
    line_id = await line_of(stage, order_id)
    large = stage.variants[1]
    page = f"/s/harbour/orders/{order_id}"
    async with stage.db.transaction() as tx:
        key = (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).order.key
        places = await inventory.locations(tx, shop_id=stage.shop.id)
    first = (await client.get(f"{page}/return?key={key}")).text
    # L is under way only, and the same again is for faults.
    assert "What you would like" not in first
    assert "Exchange for Indigo · M" in (await client.get(f"{page}/return?key={key}&journey=claim")).text
    async with stage.db.transaction() as tx:
        await inventory.receive(
            tx, shop_id=stage.shop.id, location_id=places[0].id, variant_id=large.id, quantity=1
        )
        await catalog.set_price(tx, shop_id=stage.shop.id, variant_id=large.id, amount=13_900)
    first = (await client.get(f"{page}/return?key={key}")).text
    assert re.search(r"Exchange for Indigo · L \(\+\D*10\.00\)", first)
    form = {
        "journey": "withdrawal", "return_id": str(uuid4()), f"units-{line_id}": "1", f"swap-{line_id}": str(large.id),
        "step": "look",
    }  # fmt: skip
    second = (await client.post(f"{page}/return?key={key}", data=form)).text
    assert "Instead: Indigo · L" in second
    assert f'name="swap-{line_id}" value="{large.id}"' in second
    for _ in range(2):
        told = await said(
            client, await client.post(f"{page}/return?key={key}", data=form | {"step": "confirm"})
        )
        assert "Exchange for Indigo · L, reserved until" in told
    found = await the_return(stage, order_id)
    # The one that was there is this buyer's.
    again = form | {"return_id": str(uuid4()), "step": "confirm", "journey": "goodwill"}
    assert (await client.post(f"{page}/return?key={key}", data=again)).status_code != 200

    on_it = f"{CONSOLE}/returns/{found.id}"
    told = await said(client, await client.post(f"{on_it}/exchange"))
    assert "Nothing has arrived yet." in told
    await client.post(f"{on_it}/receive", data={f"sellable-{line_id}": "1"})
    told = (await client.get(on_it)).text
    assert "Send the exchange" in told
    assert re.search(r"The customer pays \D*10\.00 more", told)
    for _ in range(2):
        told = await said(client, await client.post(f"{on_it}/exchange"))
    number = re.search(r"Order #(\d+)", told)
    assert number is not None
    assert f"order #{number[1]}" in (await client.get(f"{page}?key={key}")).text
    async with stage.db.transaction() as tx:
        known = await returns.exchanges.of_returns(tx, shop_id=stage.shop.id, returns=[found])
        made = await orders.order(tx, shop_id=stage.shop.id, order_id=known[found.id].order_id or uuid4())
    assert (made.order.total_minor - made.order.charged_minor, made.order.number) == (1_000, int(number[1]))
