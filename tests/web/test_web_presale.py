"""Presale on the pages: deposit, the rest, a delay answered, the snapshot of what was seen."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM, stranger

from shopfloor import catalog, inventory, orders, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.values import Money, now

SOON = now().date() + timedelta(days=9)
LATER = SOON + timedelta(days=5)


async def ordered(stage: Stage) -> tuple[str, UUID]:
    """The place and id of an order for what is ready in nine days."""
    hold = await stage.hold(variant=1)
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM)
    place = answer.headers["location"]
    return place, UUID(place.rsplit("/", 1)[1])


async def view(stage: Stage, order_id: UUID) -> orders.OrderView:
    async with stage.db.transaction() as tx:
        return await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)


async def pay(stage: Stage, order_id: UUID, minor: int) -> None:
    async with stage.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=order_id, amount=Money(minor, "CNY"), actor="person:1"
        )


async def announce_later(stage: Stage) -> None:
    """The supplier puts the lot off, and the worker hears of it."""
    async with stage.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=stage.shop.id)
        await inventory.announce_lot(
            tx,
            shop_id=stage.shop.id,
            variant_id=stage.variants[1].id,
            location_id=place.id,
            quantity=5,
            ready_on=LATER,
            kind=inventory.LotKind.INCOMING,
            source="po-1",
        )
    while await outbox.deliver(stage.db, outbox.each("presales", orders.HEARD["presales"])):
        pass


async def test_the_buyer_takes_the_new_date_once(stage: Stage) -> None:
    place, order_id = await ordered(stage)
    assert "later than promised" not in (await stage.client.get(place)).text
    await announce_later(stage)

    page = (await stage.client.get(place)).text
    async with stranger(stage) as other:
        assert (await other.post(f"{place}/delay", data={"answer": "accept"})).status_code == 404
    assert (await stage.client.post(f"{place}/delay", data={"answer": "maybe"})).status_code == 422
    assert (await view(stage, order_id)).lines[0].ship_by == SOON
    answer = await stage.client.post(f"{place}/delay", data={"answer": "accept"})
    after = (await stage.client.get(place)).text
    again = await stage.client.post(f"{place}/delay", data={"answer": "cancel"})
    told = (await stage.client.get(place)).text

    assert "Delayed" in page
    assert "Accept the new date" in page
    assert (answer.status_code, again.status_code) == (303, 303)
    assert "You accepted the new date." in after
    assert "Delayed" not in after
    assert "There is no new date to respond to." in told
    shown = await view(stage, order_id)
    assert (shown.order.status, shown.lines[0].ship_by) == ("placed", LATER)


async def test_the_buyer_refuses_the_new_date_and_is_owed_what_was_paid(stage: Stage) -> None:
    place, order_id = await ordered(stage)
    await pay(stage, order_id, 14_100)
    await announce_later(stage)

    page = (await stage.client.get(place)).text
    await stage.client.post(f"{place}/delay", data={"answer": "cancel"})
    after = (await stage.client.get(place)).text

    assert "Cancel and get CN¥141.00 back" in page
    assert "You get CN¥141.00 back." in after
    gone = (await view(stage, order_id)).order
    assert (gone.status, gone.cancel_why, gone.refund_owed_minor) == ("cancelled", "late", 14_100)


async def test_a_missed_date_without_a_new_one_offers_the_money_back_alone(stage: Stage) -> None:
    place, order_id = await ordered(stage)
    await pay(stage, order_id, 14_100)
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE orders.line SET ready_on = current_date - 2")

    page = (await stage.client.get(place)).text
    refused = await stage.client.post(f"{place}/delay", data={"answer": "accept"})
    assert (await view(stage, order_id)).order.status == "paid"

    assert "The promised date has passed" in page
    assert "Accept the new date" not in page
    assert "Cancel and get CN¥141.00 back" in page
    assert refused.status_code == 303


async def test_the_rest_is_asked_for_when_the_goods_are_there(stage: Stage, tmp_path: Path) -> None:
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE live.offer SET deposit_percent = 30")
        offer_id = await tx.value("SELECT id FROM live.offer")
        pool = await inventory.open_pool(tx, shop_id=stage.shop.id)
        request = stock.Request(
            id=UUID(int=7), shop_id=stage.shop.id, pool_id=pool.id, buyer=stage.shopper,
            lines=(stock.Line(stage.variants[1].id, 1),), hold_seconds=300, offer_id=offer_id,
            show_id=stage.show.id, unit_prices=(9_900,),
        )  # fmt: skip
        await stock.reserve(tx, [request])
    checkout = (await stage.client.get(f"/s/harbour/checkout/{request.id}")).text
    place = (await stage.client.post(f"/s/harbour/checkout/{request.id}", data=FORM)).headers["location"]
    order_id = UUID(place.rsplit("/", 1)[1])
    first = (await stage.client.get(place)).text
    # 30 % of 99.00, and the shipping of 12.00.
    await pay(stage, order_id, 4_170)
    waiting = (await stage.client.get(place)).text
    client = await signed_in(stage, tmp_path)
    desk = (await client.get(f"/console/harbour/orders/{order_id}")).text
    said = await client.post(f"/console/harbour/orders/{order_id}/ready")
    ready = (await stage.client.get(place)).text

    assert "Pay the balance within 7 days after your order is ready." in checkout
    assert "How to pay the deposit" in first
    assert "CN¥41.70" in first
    assert "Deposit received" in waiting
    assert "Bank 4711" not in waiting
    assert "Goods received" in desk
    assert said.status_code == 303
    assert "Your order is ready: pay the balance" in ready
    assert "the seller keeps the deposit" in ready
    assert re.findall(r'<li class="(\w+)"', ready.split('class="progress"')[1].split("</ol>")[0]) == [
        "done", "done", "done", "now", "later",
    ]  # fmt: skip


async def test_the_merchant_says_that_one_order_comes_later(stage: Stage, tmp_path: Path) -> None:
    place, order_id = await ordered(stage)
    client = await signed_in(stage, tmp_path)
    path = f"/console/harbour/orders/{order_id}"

    for wrong in ("", "soon", SOON.isoformat()):
        await client.post(f"{path}/delay", data={"delayed_to": wrong})
        assert (await view(stage, order_id)).lines[0].delayed_to is None
    await client.post(f"{path}/delay", data={"delayed_to": LATER.isoformat()})

    assert (await view(stage, order_id)).lines[0].put_off_to == LATER
    assert "No answer yet" in (await client.get(path)).text
    assert "Accept the new date" in (await stage.client.get(place)).text


@pytest.mark.parametrize("who", ["buyer", "merchant"])
async def test_the_product_page_stays_as_it_was_seen(stage: Stage, tmp_path: Path, who: str) -> None:
    place, order_id = await ordered(stage)
    async with stage.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=stage.shop.id, product_id=stage.shirt.id, title="Apron", description="Cotton"
        )
        await tx.run(
            "INSERT INTO catalog.price (variant_id, minor, valid_from) SELECT id, 1, now() FROM catalog.variant"
        )
    if who == "merchant":
        client = await signed_in(stage, tmp_path)
        page = (await client.get(f"/console/harbour/orders/{order_id}")).text
    else:
        page = (await stage.client.get(place)).text

    seen = page.split('id="seen"')[1].split("</details>")[0]
    assert "Shirt" in seen
    assert "Linen" in seen
    assert "CN¥129.00" in seen
    assert "Apron" not in seen
    assert "Cotton" not in seen
