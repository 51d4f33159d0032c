"""The JSON of supply: who may, and the whole way over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.supply.conftest import SHOW, Works

from shopfloor import accounts
from shopfloor.accounts import api as accounts_api
from shopfloor.kernel import http
from shopfloor.supply import api


@pytest.fixture
async def client(works: Works) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    http.install(app, works.db)
    async with works.db.transaction() as tx:
        app.state.keyring = await accounts.keyring(tx)
    app.include_router(api.router)
    accounts_api.install(app, base_url=None)
    accounts_api.check_every_route_is_decided(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


async def test_the_whole_way_over_http(works: Works, client: httpx.AsyncClient) -> None:
    client.cookies.set("session", works.session)
    supplier = (
        await client.post("/v1/mei/suppliers", json={"name": "Dyer", "capacity_per_week": 300})
    ).json()
    quote = await client.post(
        f"/v1/mei/suppliers/{supplier['id']}/quotes",
        json={
            "product_id": works.coat, "currency": "EUR", "lead_days": 5,
            "tiers": [{"minimum": 5, "unit_minor": 5000}, {"minimum": 40, "unit_minor": 4500}],
        },
    )  # fmt: skip
    assert quote.status_code == 201
    assert (await client.get("/v1/mei/quotes")).json() == [quote.json()]
    refused = await client.post(f"/v1/mei/shows/{SHOW}/plan", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "supply.no_forecast")

    await works.foresee({works.coats[0]: 30})
    plan = (await client.post(f"/v1/mei/shows/{SHOW}/plan", json={"seconds": 5})).json()
    assert (await client.get(f"/v1/mei/shows/{SHOW}/plan")).json() == plan
    assert plan["lower_bound_minor"] <= plan["cost_minor"]
    [sent] = (await client.post(f"/v1/mei/plans/{plan['id']}/accept")).json()
    order = sent["order"]
    assert order["cost_minor"] == plan["purchase_minor"]
    sheet = await client.get(f"/v1/mei/purchase-orders/{order['id']}/csv")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert sheet.content.startswith(b"\xef\xbb\xbforder,supplier,")

    client.cookies.clear()
    page = f"/v1/-/supplier/{sent['key']}"
    assert (await client.get(page)).json()["orders"][0]["number"] == order["number"]
    line = {"variant_id": works.coats[0], "quantity": order["lines"][0]["quantity"], "ready_on": "2099-01-01"}
    refused = await client.post(f"{page}/orders/{order['id']}", json={"lines": [line]})
    assert (refused.status_code, refused.json()["code"]) == (422, "supply.date_too_far")
    declined = await client.post(
        f"{page}/orders/{order['id']}", json={"lines": [{"variant_id": works.coats[0], "quantity": 0}]}
    )
    assert declined.json()["state"] == "declined"
    assert (await client.get("/v1/-/supplier/nonsense")).status_code == 404


VERBS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/mei/suppliers", None),
    ("POST", "/v1/mei/suppliers", {"name": "X"}),
    ("GET", "/v1/mei/quotes", None),
    ("DELETE", "/v1/mei/quotes/1", None),
    ("GET", "/v1/mei/shows/77/plan", None),
    ("POST", "/v1/mei/shows/77/plan", {}),
    ("POST", "/v1/mei/plans/1/accept", None),
    ("GET", "/v1/mei/purchase-orders", None),
]


@pytest.mark.parametrize(("method", "path", "body"), VERBS)
async def test_who_is_not_signed_in_or_not_allowed_is_refused(
    works: Works, client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    assert (await client.request(method, path, json=body)).status_code == 401
    async with works.db.transaction() as tx:
        invited = await accounts.invite(tx, actor=works.actor, role=accounts.Role.MODERATOR)
        moderator = await accounts.join(
            tx, token=invited.token, email="mo@example.org", password="a long password"
        )
    client.cookies.set("session", moderator.session)
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "accounts.not_allowed")


@pytest.mark.parametrize(
    "body", [{"horizon_days": 0}, {"budget_minor": -1}, {"seconds": 0}, {"seconds": "many"}]
)
async def test_a_plan_request_that_makes_no_sense_is_refused(
    works: Works, client: httpx.AsyncClient, body: Any
) -> None:
    await works.foresee({works.coats[0]: 30})
    client.cookies.set("session", works.session)
    assert (await client.post(f"/v1/mei/shows/{SHOW}/plan", json=body)).status_code == 422
