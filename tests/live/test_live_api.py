"""The JSON of shows: who may, and that each answer is what the service says."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.live.goods import Goods, make_goods

from shopfloor import auth, chat
from shopfloor.chat import api as chat_api
from shopfloor.kernel import http
from shopfloor.kernel.database import Database
from shopfloor.kernel.route_access import check_every_route_is_decided
from shopfloor.kernel.services import Services
from shopfloor.live import api as live_api
from shopfloor.rooms import api as rooms_api
from shopfloor.run_of_show import api as run_of_show_api


@pytest.fixture
async def goods(database: Database) -> Goods:
    return await make_goods(database)


@pytest.fixture
async def app(database: Database) -> FastAPI:
    made = FastAPI()
    http.install(made, Services(database))
    made.include_router(live_api.router)
    made.include_router(run_of_show_api.router)
    made.include_router(rooms_api.router)
    made.include_router(chat_api.router)
    check_every_route_is_decided(made)
    return made


@pytest.fixture
async def owner(app: FastAPI, database: Database, goods: Goods) -> AsyncIterator[httpx.AsyncClient]:
    async with database.transaction() as tx:
        session = await auth.open_session(tx, person_id=1)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop", cookies={"session": session}
    ) as client:
        yield client


async def test_a_show_run_over_json(owner: httpx.AsyncClient, goods: Goods) -> None:
    planned = await owner.post("/v1/ada/shows", json={"title": "Autumn", "titles": {"zh_CN": "秋"}})
    assert planned.status_code == 201
    show = f"/v1/ada/shows/{planned.json()['id']}"
    lines = [{"variant_id": variant_id, "price_minor": 9_900, "quota": 4} for variant_id in goods.coats]
    offered = await owner.post(f"{show}/offers", json={"product_id": goods.coat.id, "lines": lines})
    assert offered.status_code == 201
    offer_id = offered.json()["id"]
    started = await owner.post(f"{show}/start")
    assert (started.status_code, started.json()["status"]) == (200, "live")
    assert (await owner.post(f"{show}/feature", json={"offer_id": offer_id, "at": 5})).status_code == 204
    price = {"variant_id": goods.coats[0], "price_minor": 8_900}
    assert (await owner.post(f"{show}/offers/{offer_id}/price", json=price)).status_code == 204
    leap = await owner.post(f"{show}/offers/{offer_id}/price", json=price | {"price_minor": 890_000})
    assert (leap.status_code, leap.json()["code"]) == (409, "price.leap")
    assert leap.json()["facts"] == {"old": "89.00", "new": "8900.00", "currency": "EUR"}
    meant = price | {"price_minor": 890_000, "confirm": True}
    assert (await owner.post(f"{show}/offers/{offer_id}/price", json=meant)).status_code == 204
    back = price | {"confirm": True}
    assert (await owner.post(f"{show}/offers/{offer_id}/price", json=back)).status_code == 204
    topped = await owner.patch(f"{show}/offers/{offer_id}", json={"quotas": {str(goods.coats[0]): 6}})
    assert topped.json()["lines"][0]["quota"] == 6
    assert (await owner.post(f"{show}/notices", json={"text": "soon"})).status_code == 201
    state = (await owner.get(f"{show}/state")).json()
    assert state["featured"] == {"offer_id": offer_id, "at": 5}
    assert state["offers"][str(offer_id)]["lines"][str(goods.coats[0])]["price_minor"] == 8_900
    assert state["offers"][str(offer_id)]["lines"][str(goods.coats[0])]["left"] == 6
    assert (await owner.delete(f"{show}/notices")).status_code == 204
    slots = (await owner.get(f"{show}/slots")).json()
    assert (await owner.put(f"{show}/slots/order", json={"slot_ids": [slots[0]["id"]]})).status_code == 200
    assert (await owner.post(f"{show}/end")).json()["status"] == "ended"
    assert [len((await owner.get(f"{show}/{part}")).json()) for part in ("featured-intervals", "prices", "notices", "offers")] == [
        1, 5, 1, 1,
    ]  # fmt: skip
    again = await owner.post(f"{show}/start")
    assert (again.status_code, again.json()["code"]) == (409, "live.wrong_status")


async def test_who_may_not(app: FastAPI, owner: httpx.AsyncClient, database: Database, goods: Goods) -> None:
    planned = await owner.post("/v1/ada/shows", json={"title": "Autumn"})
    show_id = planned.json()["id"]
    await make_goods(database, "bob")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as nobody:
        assert (await nobody.get("/v1/ada/shows")).status_code == 401
        assert (await nobody.post(f"/v1/ada/shows/{show_id}/start")).status_code == 401
    through_another = await owner.get(f"/v1/bob/shows/{show_id}")
    assert (through_another.status_code, through_another.json()["code"]) == (404, "live.unknown_show")
    assert (await owner.get("/v1/nobody/shows")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"product_id": 1, "lines": []},
        {"product_id": 1, "lines": [{"variant_id": 1, "price_minor": -1}]},
        {"product_id": 1, "lines": [{"variant_id": 1, "price_minor": 10**13}]},
        {"product_id": 1, "lines": [{"variant_id": 1, "price_minor": "much"}]},
        {"product_id": 1, "lines": [{"variant_id": 1, "price_minor": 1, "quota": 10**9}]},
        {"product_id": 1, "lines": [{"variant_id": 1, "price_minor": 1}], "hold_seconds": 1},
    ],
)
async def test_offers_that_make_no_sense(owner: httpx.AsyncClient, body: dict[str, object]) -> None:
    show_id = (await owner.post("/v1/ada/shows", json={"title": "Autumn"})).json()["id"]
    answer = await owner.post(f"/v1/ada/shows/{show_id}/offers", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert (await owner.get(f"/v1/ada/shows/{show_id}/offers")).json() == []


async def test_moderation_over_json(owner: httpx.AsyncClient, database: Database, goods: Goods) -> None:
    show_id = (await owner.post("/v1/ada/shows", json={"title": "Autumn"})).json()["id"]
    shopper = uuid4()
    async with database.transaction() as tx:
        line = await chat.say(tx, shop_id=goods.shop_id, show_id=show_id, shopper=shopper, text="加微信 abc")

    held = (await owner.get("/v1/ada/chat/held")).json()
    assert [each["id"] for each in held] == [str(line.id)]
    assert (await owner.post(f"/v1/ada/chat/lines/{line.id}/approve", json={})).json()["state"] == "shown"
    hidden = await owner.post(f"/v1/ada/chat/lines/{line.id}/hide", json={"reason": "off_platform"})
    assert hidden.json()["state"] == "hidden"
    bad = await owner.post(f"/v1/ada/chat/lines/{line.id}/hide", json={"reason": "negative"})
    assert bad.status_code == 422
    mute = {"shopper": str(shopper), "reason": "spam", "minutes": 5}
    assert (await owner.post("/v1/ada/chat/mutes", json=mute)).status_code == 201
    assert (await owner.post("/v1/ada/chat/mutes/lift", json={"shopper": str(shopper)})).status_code == 204
    assert (await owner.post("/v1/ada/chat/words", json={"word": "rivalshop"})).status_code == 201
    protected = await owner.post("/v1/ada/chat/words", json={"word": "差评"})
    assert (protected.status_code, protected.json()["code"]) == (409, "chat.word_protected")
    assert (await owner.get("/v1/ada/chat/words")).json() == ["rivalshop"]
    assert (await owner.delete("/v1/ada/chat/words/rivalshop")).status_code == 204
    log = [entry["action"] for entry in (await owner.get("/v1/ada/chat/log")).json()]
    assert log == ["allow_word", "block_word", "unmute", "mute", "hide", "approve", "hold"]
    missing = await owner.post(f"/v1/ada/chat/lines/{uuid4()}/hide", json={"reason": "spam"})
    assert (missing.status_code, missing.json()["code"]) == (404, "chat.unknown_line")
