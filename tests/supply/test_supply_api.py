"""The JSON of supply: who may, and the whole way over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.jobs import working
from tests.supply.conftest import SHOW, Works

from shopfloor import accounts, auth
from shopfloor.kernel import http
from shopfloor.kernel.keyring import load_keyring
from shopfloor.kernel.route_access import check_every_route_is_decided
from shopfloor.kernel.services import Services
from shopfloor.kernel.values import now
from shopfloor.shoppers import api as shoppers_api
from shopfloor.supply import api
from shopfloor.supply.jobs import PLAN, make


@pytest.fixture
async def client(works: Works) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    async with works.db.transaction() as tx:
        keyring = await load_keyring(tx)
    http.install(app, Services(works.db, parts=[keyring]))
    app.include_router(api.router)
    shoppers_api.install(app, public=None)
    check_every_route_is_decided(app)
    transport = httpx.ASGITransport(app)
    async with (
        working(works.db.dsn, works.db, {PLAN: make}),
        httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client,
    ):
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


async def test_a_variant_made_to_order_is_sold_against_what_can_be_made(
    works: Works, client: httpx.AsyncClient
) -> None:
    client.cookies.set("session", works.session)
    quote = await works.quote(works.weaver, works.coat, capacity_use=10, lead_days=7, late_days=0)
    path = f"/v1/mei/quotes/{quote.id}/makeable"
    day = (now() + timedelta(days=30)).date().isoformat()
    line = {"variant_id": works.coats[0], "location_id": works.location_id, "ready_on": day, "quantity": 12}

    told = await client.put(path, json=line)
    assert (told.status_code, told.json()) == (200, line)
    assert [(kind, quantity) for kind, _, quantity, _ in await works.levels(works.coats[0])] == [
        ("makeable", 12)
    ]
    # The same day again changes the quantity; nothing is added up.
    assert (await client.put(path, json=line | {"quantity": 5})).json()["quantity"] == 5
    refusals = [
        (line | {"quantity": 10_000}, 422, "supply.over_capacity"),
        (line | {"quantity": -1}, 422, "supply.bad_quantity"),
        (line | {"ready_on": now().date().isoformat()}, 422, "supply.over_capacity"),
        (line | {"variant_id": works.bowls[0]}, 422, "supply.not_quoted"),
        (line | {"location_id": 999_999}, 404, "stock.unknown"),
    ]
    for body, status, code in refusals:
        answer = await client.put(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await client.put("/v1/mei/quotes/999999/makeable", json=line)).json()[
        "code"
    ] == "supply.unknown_quote"
    assert [(kind, quantity) for kind, _, quantity, _ in await works.levels(works.coats[0])] == [
        ("makeable", 5)
    ]


VERBS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/mei/suppliers", None),
    ("POST", "/v1/mei/suppliers", {"name": "X"}),
    ("GET", "/v1/mei/quotes", None),
    ("DELETE", "/v1/mei/quotes/1", None),
    ("PUT", "/v1/mei/quotes/1/makeable", {"variant_id": 1, "location_id": 1, "quantity": 1}),
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
        moderator = await auth.join(
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
