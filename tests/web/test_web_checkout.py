"""From a hold to a receipt, and the waitlist, by plain forms."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.web.conftest import Stage

from shopfloor import inventory, order_lists, purchases, shoppers, stock
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now
from shopfloor.web import waitlist

FORM = {
    "name": "Lin Yue",
    "phone": "+86 138 0000 1111",
    "delivery": "ship",
    "street": "Pier 3",
    "city": "Ningbo",
    "method": "transfer",
}


async def count(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        return len(await order_lists.orders(tx, shop_id=stage.shop.id))


def stranger(stage: Stage) -> httpx.AsyncClient:
    cookies = {"shopper": shoppers.issue_shopper(services_in(stage.app).part(Keyring), uuid4())}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(stage.app),
        base_url="http://shop.test",
        cookies=cookies,
        headers={"accept": "text/html"},
    )


async def test_a_purchase_becomes_an_order_and_the_same_form_again_the_same_order(stage: Stage) -> None:
    hold = await stage.hold()
    page = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    total = dict(re.findall(r'name="(total_\w+)" value="(\d+)"', page))

    first = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM | total)
    again = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM | total)
    receipt = (await stage.client.get(first.headers["location"])).text

    assert total == {"total_ship": "14100", "total_pick_up": "12900"}
    assert re.search(r'data-timer="[^"]+" data-now="\d+"', page)
    assert first.status_code == 303
    assert again.headers["location"] == first.headers["location"]
    assert await count(stage) == 1
    assert "CN¥141.00" in receipt
    assert "Bank 4711" in receipt
    assert "Lin Yue" in receipt
    assert (await stage.client.get(f"/s/harbour/checkout/{hold}")).headers["location"] == first.headers[
        "location"
    ]


async def test_errors_stand_beside_their_fields_and_what_was_typed_is_kept(stage: Stage) -> None:
    hold = await stage.hold()
    answer = await stage.client.post(
        f"/s/harbour/checkout/{hold}",
        data={"name": "", "phone": "12x", "city": 'Ning"bo', "delivery": "ship", "method": "cash"},
    )

    assert answer.status_code == 422
    assert set(re.findall(r'id="e-(\w+)"', answer.text)) == {"name", "phone", "street", "method"}
    assert 'value="12x"' in answer.text
    assert 'value="Ning&#34;bo"' in answer.text
    assert re.search(r'id="f-name"[^>]*aria-invalid="true" aria-describedby="e-name', answer.text)
    assert await count(stage) == 0


async def test_a_total_that_changed_is_shown_again_instead_of_ordered(stage: Stage) -> None:
    hold = await stage.hold()
    answer = await stage.client.post(
        f"/s/harbour/checkout/{hold}", data=FORM | {"total_ship": "1", "total_pick_up": "1"}
    )

    assert answer.status_code == 409
    assert "Check the new total" in answer.text
    assert 'value="Lin Yue"' in answer.text
    assert await count(stage) == 0


async def test_a_checkout_belongs_to_its_shopper(stage: Stage) -> None:
    hold = await stage.hold()
    async with stranger(stage) as other:
        page = await other.get(f"/s/harbour/checkout/{hold}")
        sent = await other.post(f"/s/harbour/checkout/{hold}", data=FORM)

    assert (page.status_code, sent.status_code) == (404, 404)
    assert await count(stage) == 0


async def test_a_hold_whose_time_is_over_says_so_and_ordering_still_works_while_units_are_left(
    stage: Stage,
) -> None:
    hold = await stage.hold()
    async with stage.db.transaction() as tx:
        await stock.release(tx, [hold], "test")
    page = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM)

    assert "Time is up." in page
    assert answer.status_code == 303
    assert await count(stage) == 1


async def test_a_hold_whose_units_are_gone_is_refused_in_words(stage: Stage) -> None:
    hold = await stage.hold(quantity=3)
    async with stage.db.transaction() as tx:
        await stock.release(tx, [hold], "test")
    async with stage.db.transaction() as tx:
        [pool] = [
            one
            for one in await inventory.pools(tx, shop_id=stage.shop.id)
            if one.kind == inventory.PoolKind.OPEN
        ]
        other = stock.Request(
            uuid4(), stage.shop.id, pool.id, uuid4(), (stock.Line(stage.variants[0].id, 3),), 300
        )
        await stock.reserve(tx, [other])
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM)

    assert answer.status_code == 409
    assert "the items are sold" in answer.text
    assert await count(stage) == 0


async def test_the_receipt_opens_with_the_cookie_or_the_key_and_for_nobody_else(stage: Stage) -> None:
    hold = await stage.hold()
    place = (await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM)).headers["location"]
    html = (await stage.client.get(place)).text
    key = re.findall(r"\?key=([\w-]+)", html)[0]
    async with stranger(stage) as other:
        assert (await other.get(place)).status_code == 404
        assert (await other.get(f"{place}?key=wrong")).status_code == 404
        assert (await other.get(f"{place}?key={key}")).status_code == 200


async def test_the_buyer_cancels_and_the_units_go_back(stage: Stage) -> None:
    hold = await stage.hold()
    place = (await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM)).headers["location"]
    async with stranger(stage) as other:
        assert (await other.post(f"{place}/cancel")).status_code == 404
    answer = await stage.client.post(f"{place}/cancel")
    shown = (await stage.client.get(place)).text
    async with stage.db.transaction() as tx:
        left = await stock.available(tx, shop_id=stage.shop.id, variant_ids=[stage.variants[0].id])

    assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert "This order is cancelled" in shown
    assert left[stage.variants[0].id].now == 3
    assert "The order is cancelled." not in (await stage.client.get(place)).text


async def test_joining_the_waitlist_twice_is_one_place(stage: Stage) -> None:
    form = {"variant_id": str(stage.variants[2].id), "quantity": "1"}
    first = await stage.client.post("/s/harbour/waitlist", data=form)
    script = await stage.client.post("/s/harbour/waitlist", data=form, headers={"accept": "application/json"})
    page = (await stage.client.get("/s/harbour/waitlist")).text

    assert (first.status_code, first.headers["location"]) == (303, "/s/harbour/waitlist")
    assert (script.json()["position"], script.json()["url"]) == (1, "/s/harbour/waitlist")
    assert page.count("No. 1 on the waitlist") == 1
    [leave] = re.findall(r'action="(/s/harbour/waitlist/[^"]+/leave)"', page)
    assert (await stage.client.post(leave)).status_code == 303
    assert "No. 1 on the waitlist" not in (await stage.client.get("/s/harbour/waitlist")).text


async def test_a_script_hears_which_of_its_purchases_need_no_checkout_any_longer(stage: Stage) -> None:
    script = {"accept": "application/json"}
    ordered, kept, foreign = await stage.hold(), await stage.hold(), uuid4()
    page = (await stage.client.get(f"/s/harbour/checkout/{ordered}")).text
    await stage.client.post(
        f"/s/harbour/checkout/{ordered}",
        data=FORM | dict(re.findall(r'name="(total_\w+)" value="(\d+)"', page)),
    )
    others = ",".join(str(uuid4()) for _ in range(40))
    address = f"/s/harbour/waitlist?holds={others},{ordered},{kept},{foreign},-"
    answer = (await stage.client.get(address, headers=script)).json()
    async with stranger(stage) as other:
        theirs = (await other.get(address, headers=script)).json()
    wrong = await stage.client.get("/s/harbour/waitlist?holds=drop%20table", headers=script)

    assert answer["settled"] == [str(ordered)]
    assert theirs["settled"] == []
    assert wrong.status_code == 422


async def test_there_is_no_line_for_what_can_be_bought(stage: Stage) -> None:
    answer = await stage.client.post("/s/harbour/waitlist", data={"variant_id": str(stage.variants[0].id)})

    assert answer.status_code == 409
    assert "you can buy it now" in answer.text


async def test_a_script_hears_where_its_buyer_stands_and_what_is_kept(stage: Stage) -> None:
    holder = await stage.hold(quantity=3)
    variant = stage.variants[0].id
    await stage.client.post("/s/harbour/waitlist", data={"variant_id": str(variant)})

    async def told() -> dict[str, Any]:
        answer = await stage.client.get("/s/harbour/waitlist", headers={"accept": "application/json"})
        return answer.json()

    waiting = await told()
    async with stage.db.transaction() as tx:
        [pool] = [one for one in await inventory.pools(tx, shop_id=stage.shop.id) if one.kind == "open"]
        await stock.release(tx, [holder], "test")
        await purchases.serve(tx, shop_id=stage.shop.id, pool_id=pool.id, variant_ids=[variant])
    [kept] = (await told())["places"]
    page = (await stage.client.get("/s/harbour/waitlist")).text

    [place] = waiting["places"]
    assert (place["state"], place["position"], place["title"]) == ("waiting", 1, "Shirt · Indigo · M")
    assert (place["hold_id"], place["url"], waiting["again_in"]) == (None, "/s/harbour/waitlist", 5)
    assert (kept["id"], kept["state"]) == (place["id"], "offered")
    assert kept["url"] == f"/s/harbour/checkout/{kept['hold_id']}"
    assert kept["claim_until"] is not None
    assert kept["ready_on"] is None
    assert f'data-line="{kept["id"]}:offered:0 "' in page
    async with stranger(stage) as other:
        answer = await other.get("/s/harbour/waitlist", headers={"accept": "application/json"})
        assert answer.json() == {"places": [], "again_in": 5}


@pytest.mark.parametrize(
    ("position", "claim_seconds", "seconds"),
    [(1, 300, 5), (20, 300, 6), (400, 300, 25), (10_000, 300, 60), (10_000, 10, 5), (400, 60, 15)],
)
def test_who_stands_far_back_looks_less_often(position: int, claim_seconds: int, seconds: int) -> None:
    place = purchases.Waiting(
        uuid4(), 1, 1, None, None, uuid4(), 1, 1, "CNY", purchases.WaitingState.WAITING, None, None,
        now(), position,
    )  # fmt: skip
    assert waitlist.again_in([place], claim_seconds) == seconds


async def test_what_is_kept_for_later_says_its_day(stage: Stage) -> None:
    variant, day = stage.variants[2].id, now().date() + timedelta(days=20)
    await stage.client.post("/s/harbour/waitlist", data={"variant_id": str(variant)})
    async with stage.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=stage.shop.id)
        lot = await inventory.announce_lot(
            tx,
            shop_id=stage.shop.id,
            variant_id=variant,
            location_id=place.id,
            quantity=1,
            ready_on=day,
            kind=inventory.LotKind.INCOMING,
            source="po-2",
        )
        await purchases.serve(tx, shop_id=stage.shop.id, pool_id=lot.pool_id, variant_ids=[variant])
    answer = await stage.client.get("/s/harbour/waitlist", headers={"accept": "application/json"})
    page = (await stage.client.get("/s/harbour/waitlist")).text

    [kept] = answer.json()["places"]
    assert (kept["state"], kept["ready_on"]) == ("offered", day.isoformat())
    assert "Ready and shipped on" in page
