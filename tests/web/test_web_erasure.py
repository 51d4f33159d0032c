"""Erasing a customer in the console: done at once where the order is over, and said where it waits, and for what."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM

from shopfloor import erasure, orders

WAITS = "Erasure requested on"
BUTTON = "Erase customer details"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def placed(stage: Stage) -> UUID:
    hold = await stage.hold()
    total = {"total_ship": "14100", "total_pick_up": "12900"}
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM | total)
    assert answer.status_code == 303
    return UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])


async def test_the_page_of_an_open_order_says_that_an_erasure_waits_and_for_what(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    mine, other = await placed(stage), await placed(stage)
    page = f"/console/harbour/orders/{mine}"
    before = (await client.get(page)).text
    assert (WAITS in before, BUTTON in before) == (False, True)

    assert (await client.post(f"{page}/erase")).status_code == 303

    # The same browser ordered both.
    for order_id in (mine, other):
        waiting = (await client.get(f"/console/harbour/orders/{order_id}")).text
        assert WAITS in waiting
        assert "erased once the order is delivered, or cancelled and refunded." in waiting
        assert BUTTON not in waiting
    chinese = await client.get(page, headers={"accept-language": "zh"})
    assert "申请抹除。" in chinese.text
    assert "订单送达，或取消并退款后，这些信息会自动抹除。" in chinese.text

    async with stage.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=stage.shop.id, order_id=mine, by=orders.Party.MERCHANT, actor="person:1"
        )
        await erasure.finish(tx)
    over = (await client.get(page)).text
    assert (WAITS in over, "Erased" in over, FORM["phone"] in over) == (False, True, False)
    still = (await client.get(f"/console/harbour/orders/{other}")).text
    assert (WAITS in still, FORM["phone"] in still) == (True, True)


async def test_a_cancelled_order_with_money_to_give_back_waits_for_the_refund(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    mine = await placed(stage)
    page = f"/console/harbour/orders/{mine}"
    assert (await client.post(f"{page}/paid", data={"amount": "141.00"})).status_code == 303
    assert (await client.post(f"{page}/cancel", data={})).status_code == 303

    assert (await client.post(f"{page}/erase")).status_code == 303

    waiting = (await client.get(page)).text
    assert WAITS in waiting
    assert "erased once the refund is marked as refunded." in waiting
