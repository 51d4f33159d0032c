"""Order routing for programs: rules as one list, limits, what an order would do, and what was decided for one."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.orders.conftest import Market
from tests.orders.test_orders_api import member
from tests.orders.test_orders_desks_api import connected
from tests.orders.test_orders_routing import follow, leaves, place

from shopfloor import accounts, routing
from shopfloor.dispatch import routing_api as dispatch_routing_api
from shopfloor.kernel import http
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.services import Services
from shopfloor.routing import api as routing_api


@pytest.fixture
def app(market: Market) -> FastAPI:
    made = FastAPI()
    http.install(made, Services(market.db, PublicAddress("http", "shop.test")))
    for module in (routing_api, dispatch_routing_api):
        made.include_router(module.router)
    return made


@pytest.fixture
async def client(market: Market, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(app, await member(market, accounts.Role.OWNER)) as client:
        yield client


async def test_the_list_is_replaced_as_it_was_read(market: Market, client: httpx.AsyncClient) -> None:
    shelf = market.location_id
    wanted = {
        "rules": [{"kind": "whole"}, {"kind": "never", "location_id": shelf, "is_on": False}],
        "version": 0,
    }
    answer = await client.put("/routing/rules", json=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == 1
    assert [(rule["kind"], rule["is_on"], rule["location_id"]) for rule in answer.json()["rules"]] == [
        ("whole", True, None), ("never", False, shelf)
    ]  # fmt: skip
    # What was read before is old now.
    stale = await client.put("/routing/rules", json=wanted)
    assert (stale.status_code, stale.json()["code"]) == (409, "routing.rules_changed")
    assert (await client.get("/routing/rules")).json() == answer.json()
    for bad in ([{"kind": "never"}], [{"kind": "whole", "location_id": shelf}], [{"kind": "whole"}] * 2):
        refused = await client.put("/routing/rules", json={"rules": bad})
        assert (refused.status_code, refused.json()["code"]) == (422, "routing.bad_rule")
    many = [{"kind": "whole"}] * 31
    refused = await client.put("/routing/rules", json={"rules": many})
    assert (refused.status_code, refused.json()["code"]) == (422, "routing.too_many_rules")
    assert (await client.get("/routing/rules")).json() == answer.json()


async def test_limits_what_if_and_who_changed_them(market: Market, client: httpx.AsyncClient) -> None:
    shelf = market.location_id
    answer = await client.put(f"/routing/limits/{shelf}", json={"per_day": 3, "cut_off": 900})
    assert answer.json() == {"location_id": shelf, "per_day": 3, "cut_off": 900, "accept_hours": None}
    assert (await client.get("/routing/limits")).json() == {"limits": [answer.json()]}
    # Once: the same again is no change.
    await client.put(f"/routing/limits/{shelf}", json={"per_day": 3, "cut_off": 900})
    assert (await client.put("/routing/limits/999", json={})).status_code == 404
    assert [each["what"] for each in (await client.get("/routing/changes")).json()] == ["limit"]
    near = await place(market, "Chengdu", {0: 3}, region="四川省")
    far = await place(market, "Shanghai", {0: 3}, region="上海市")
    await follow(market, routing.Rule(routing.RuleKind.NEAREST))
    asked = {"lines": [{"variant_id": market.variants[0], "quantity": 5}], "country": "CN", "region": "四川"}
    legs = (await client.post("/routing/what-if", json=asked)).json()["legs"]
    nowhere = await client.post("/routing/what-if", json={"lines": [{"variant_id": 999_999}]})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "stock.unknown")
    assert [(leg["location_id"], sum(leg["units"].values()), leg["why"]) for leg in legs] == [
        (near, 3, "rule"), (far, 2, "only")
    ]  # fmt: skip


async def test_what_was_decided_for_an_order(market: Market, client: httpx.AsyncClient) -> None:
    near = await place(market, "Chengdu", {0: 3}, region="四川省")
    await place(market, "Shanghai", {0: 3}, region="上海市")
    await follow(market, routing.Rule(routing.RuleKind.NEAREST))
    _, order_id = await leaves(market, {0: 1})
    [decision] = (await client.get(f"/routing/orders/{order_id}")).json()["decisions"]
    assert [(leg["location_id"], leg["why"]) for leg in decision["legs"]] == [(near, "rule")]
    assert (await client.get(f"/routing/orders/{uuid4()}")).status_code == 404
    assert (await client.get("/routing/week")).json() == {
        "orders": 1, "nowhere": 0, "places": [{"location_id": near, "did": 1, "would": 1}]
    }  # fmt: skip


async def test_who_only_looks_changes_nothing(market: Market, app: FastAPI) -> None:
    async with connected(app, await member(market, accounts.Role.SHOP_ASSISTANT)) as client:
        assert (await client.get("/routing/rules")).status_code == 200
        refused = await client.put("/routing/rules", json={"rules": [{"kind": "whole"}]})
        assert refused.status_code == 403
        assert (await client.put(f"/routing/limits/{market.location_id}", json={})).status_code == 403
    async with market.db.transaction() as tx:
        assert (await routing.rules(tx, shop_id=market.shop_id)).rules == []
