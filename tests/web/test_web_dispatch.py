"""Ship from store as an assistant does it on a phone: take on, find, send; or pass on, once, whoever taps."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_console_terms import member
from tests.web.test_web_fulfilment import said
from tests.web.test_web_routing import FORM, chengdu

from shopfloor import accounts, dispatch, fulfilment, inventory, orders, routing
from shopfloor.kernel.values import Money
from shopfloor.orders import packing
from shopfloor.web.console.dispatch import REASONS

PAGE = "/console/harbour/dispatch"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def to_send(stage: Stage, quantity: int = 2) -> tuple[UUID, fulfilment.Parcel]:
    """A paid order of shirts that the store in Chengdu is to send."""
    near = await chengdu(stage)
    async with stage.db.transaction() as tx:
        await routing.save(
            tx,
            shop_id=stage.shop.id,
            wanted=[routing.Rule(routing.RuleKind.NEAREST)],
            actor="person:1",
        )
    hold = await stage.hold(quantity=quantity)
    answer = await stage.client.post(
        f"/s/harbour/checkout/{hold}",
        data=FORM | {"region": "四川省", "city": "成都市", "email": "a@example.com"},
    )
    order_id = UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])
    async with stage.db.transaction() as tx:
        view = await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)
        await orders.mark_paid(
            tx,
            shop_id=stage.shop.id,
            order_id=order_id,
            amount=Money(view.order.total_minor, "CNY"),
            actor="person:1",
        )
        await packing.plan_order(tx, shop_id=stage.shop.id, order_id=order_id)
        [parcel] = await fulfilment.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
    assert parcel.location_id == near
    return order_id, parcel


async def test_an_assistant_takes_it_on_finds_it_and_sends_it(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id, parcel = await to_send(stage)
    client.cookies.clear()
    client.cookies.set("session", await member(stage, accounts.Role.SHOP_ASSISTANT, "Ann"))
    listed = (await client.get(PAGE)).text
    assert f"{PAGE}/{parcel.id}" in listed
    at = f"{PAGE}/{parcel.id}"
    shown = (await client.get(at)).text
    assert "I'll send it" in shown
    assert "Leaves from Chengdu" in shown
    told = await said(client, await client.post(f"{at}/accept"))
    assert "yours to send." in told
    assert f"{PAGE}/{parcel.id}" not in (await client.get(PAGE)).text
    assert f"{PAGE}/{parcel.id}" in (await client.get(f"{PAGE}?tab=doing")).text
    await client.post(f"{at}/step", data={"to": "picked"})
    shown = (await client.get(at)).text
    assert "成都市" in shown
    label = await client.post(f"{at}/label")
    assert "/fulfilment/prints/" in label.headers["location"]
    told = await said(client, await client.post(f"{at}/send", data={"carrier": "SF", "tracking": "SF100"}))
    assert "Sent. The customer is being told." in told
    # A second tap changes nothing.
    await client.post(f"{at}/send", data={"carrier": "SF", "tracking": "SF100"})
    async with stage.db.transaction() as tx:
        [sent] = await fulfilment.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
    assert (sent.state, sent.tracking) == (fulfilment.State.SHIPPED, "SF100")
    assert f"{PAGE}/{parcel.id}" in (await client.get(f"{PAGE}?tab=sent")).text


async def test_what_is_missing_is_passed_on_and_the_order_says_why(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    order_id, parcel = await to_send(stage)
    at = f"{PAGE}/{parcel.id}"
    line = parcel.lines[0].line_id
    wrong = await client.post(f"{at}/pass-on", data={"reason": "other"})
    assert wrong.status_code == 422
    assert "Say why, with a note if it is another reason." in wrong.text
    told = await said(
        client, await client.post(f"{at}/pass-on", data={"reason": "not_found", f"units-{line}": "1"})
    )
    assert "Passed on to another location." in told
    async with stage.db.transaction() as tx:
        found = await fulfilment.of_order(tx, shop_id=stage.shop.id, order_id=order_id)
    assert sorted(sum(each.units.values()) for each in found) == [1, 1]
    order = (await client.get(f"/console/harbour/orders/{order_id}")).text
    assert "Not found in the store" in order
    assert "Leaves from Shelf" in order
    # The rest, too; then the store has nothing to do with it.
    told = await said(client, await client.post(f"{at}/pass-on", data={"reason": "no_time"}))
    assert "Passed on to another location." in told
    late = await said(client, await client.post(f"{at}/accept"))
    assert "no longer sent from here" in late


async def test_what_no_other_location_has_stays_and_the_list_says_so(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    _, parcel = await to_send(stage, quantity=3)
    async with stage.db.transaction() as tx:
        [shelf] = [
            each.id for each in await inventory.locations(tx, shop_id=stage.shop.id) if each.name == "Shelf"
        ]
        never = routing.Rule(routing.RuleKind.NEVER, location_id=shelf)
        await routing.add(tx, shop_id=stage.shop.id, wanted=[never], actor="person:1")
    told = await said(client, await client.post(f"{PAGE}/{parcel.id}/pass-on", data={"reason": "closed"}))
    assert "No other location has the other 3" in told
    assert "No other location has it" in (await client.get(PAGE)).text


async def test_who_runs_shows_neither_sees_nor_changes_them(stage: Stage, client: httpx.AsyncClient) -> None:
    _, parcel = await to_send(stage)
    client.cookies.clear()
    client.cookies.set("session", await member(stage, accounts.Role.HOST, "Hal"))
    assert (await client.get(f"{PAGE}/{parcel.id}")).status_code in {403, 404}
    assert (await client.post(f"{PAGE}/{parcel.id}/accept")).status_code in {403, 404}
    async with stage.db.transaction() as tx:
        task = await dispatch.task(tx, shop_id=stage.shop.id, parcel_id=parcel.id)
    assert (task.accepted_by, task.units) == ("", 2)


def test_the_reasons_of_the_page_are_those_of_the_service() -> None:
    assert tuple(REASONS) == dispatch.REASONS
