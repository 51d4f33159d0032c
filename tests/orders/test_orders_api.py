"""The console's JSON: who may, what it says, and the refusals it passes on."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from tests.orders.conftest import PRICE, Market

from shopfloor import accounts, auth, policies
from shopfloor.erasure import api as erasure_api
from shopfloor.kernel import http
from shopfloor.kernel.services import Services
from shopfloor.order_lists import api as order_lists_api
from shopfloor.orders import api
from shopfloor.policies import api as policies_api


async def member(market: Market, role: accounts.Role) -> str:
    """A session token of somebody with `role` in the market's shop."""
    async with market.db.transaction() as tx:
        person_id = await tx.value(
            """
            INSERT INTO accounts.person (email, name, password_hash)
            VALUES (%(email)s, 'P', '') RETURNING id
            """,
            email=f"{role}@example.com",
        )
        await tx.run(
            "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop)s, %(person)s, %(role)s)",
            shop=market.shop_id,
            person=person_id,
            role=role.value,
        )
        return await auth.open_session(tx, person_id=person_id)


@pytest.fixture
async def client(market: Market) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the owner."""
    app = FastAPI()
    http.install(app, Services(market.db))
    app.include_router(policies_api.router)
    for each in (order_lists_api, erasure_api, api):
        app.include_router(each.router)
    token = await member(market, accounts.Role.OWNER)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://shop/v1/garden-1/orders",
        cookies={"session": token},
    ) as client:
        yield client


async def test_from_paid_to_delivered(market: Market, client: httpx.AsyncClient) -> None:
    order, _ = await market.order()

    [listed] = (await client.get("http://shop/v1/garden-1/orders")).json()
    assert (listed["id"], listed["status"], listed["units"]) == (str(order.id), "placed", 1)

    paid = await client.post(f"/{order.id}/paid", json={"amount_minor": PRICE, "currency": "CNY"})
    assert (paid.status_code, paid.json()["order"]["status"]) == (200, "paid")
    shipped = await client.post(f"/{order.id}/ship", json={"tracking": "SF1"})
    assert shipped.json()["order"]["tracking"] == "SF1"
    delivered = await client.post(f"/{order.id}/deliver")
    assert delivered.json()["order"]["status"] == "delivered"

    one = (await client.get(f"/{order.id}")).json()
    assert one["lines"][0]["title"] == "Linen coat"
    assert {"key", "form_hash"}.isdisjoint(one["order"])


async def test_refusals_are_told(market: Market, client: httpx.AsyncClient) -> None:
    order, _ = await market.order()

    wrong = await client.post(f"/{order.id}/paid", json={"amount_minor": 1, "currency": "CNY"})
    too_soon = await client.post(f"/{order.id}/ship", json={})
    nonsense = await client.post(f"/{order.id}/paid", json={"amount_minor": -1, "currency": "CNY"})
    unknown = await client.get("/00000000-0000-0000-0000-000000000000")

    assert (wrong.status_code, wrong.json()["code"]) == (409, "orders.wrong_amount")
    assert wrong.json()["facts"]["due_minor"] == PRICE
    assert (too_soon.status_code, too_soon.json()["code"]) == (409, "orders.not_paid")
    assert nonsense.status_code == 422
    assert (unknown.status_code, unknown.json()["code"]) == (404, "orders.not_found")


async def test_cancel_and_refund(market: Market, client: httpx.AsyncClient) -> None:
    order, _ = await market.paid()
    part = await client.post(f"/{order.id}/refunds", json={"amount_minor": 900, "currency": "CNY"})
    assert part.json()["order"]["refund_granted_minor"] == 900

    gone = await client.post(f"/{order.id}/cancel", json={"note": "damaged"})
    assert gone.json()["order"]["refund_granted_minor"] == PRICE
    unknown = await client.post(f"/{order.id}/refunds/{uuid4()}/sent")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "orders.refund_not_found")
    assert (await client.get(f"/{order.id}")).json() == gone.json()
    granted = [event for event in gone.json()["payments"] if event["kind"] == "refund_granted"]
    sent = gone
    for event in granted:
        refund_id = event["reference"].split("/")[0]
        sent = await client.post(f"/{order.id}/refunds/{refund_id}/sent")
    assert sent.json()["order"]["payment_status"] == "refunded"


async def test_the_shops_rules(client: httpx.AsyncClient) -> None:
    before = (await client.get("/policy")).json()
    changed = await client.put("/policy", json={"shipping_minor": 700, "keep_deposit": False})

    assert before["shipping_minor"] == 0
    assert changed.status_code == 200
    assert (await client.get("/policy")).json()["shipping_minor"] == 700


async def test_who_may(market: Market, client: httpx.AsyncClient) -> None:
    order, _ = await market.order()
    looks = await member(market, accounts.Role.SHOP_ASSISTANT)
    hosts = await member(market, accounts.Role.HOST)

    client.cookies.set("session", looks)
    assert (await client.get(f"/{order.id}")).status_code == 200
    assert (await client.post(f"/{order.id}/cancel", json={})).status_code == 403
    client.cookies.set("session", hosts)
    assert (await client.get(f"/{order.id}")).status_code == 403
    client.cookies.clear()
    assert (await client.get(f"/{order.id}")).status_code == 401

    async with market.db.transaction() as tx:
        assert await tx.value("SELECT status FROM orders.orders") == "placed"


async def test_where_money_goes_over_json(market: Market, client: httpx.AsyncClient) -> None:
    async def state() -> tuple[str, int, int]:
        async with market.db.transaction() as tx:
            terms = await policies.shop_terms(tx, shop_id=market.shop_id)
            changes = await tx.value("SELECT count(*) FROM orders.pay_to_change")
            return terms.pay_to, terms.shipping_minor, changes

    assert (await client.put("/policy/pay-to", json={"pay_to": "Bank 1"})).status_code == 200
    client.cookies.set("session", await member(market, accounts.Role.MERCHANDISER))
    answer = await client.put("/policy", json={"shipping_minor": 900, "pay_to": "Mine"})
    assert (answer.status_code, answer.json()["facts"]["permission"]) == (403, "money.manage")
    assert (await client.put("/policy/pay-to", json={"pay_to": "Mine"})).status_code == 403
    assert (await client.get("/policy/pay-to/changes")).status_code == 403
    assert await state() == ("Bank 1", 0, 1)
    assert (await client.put("/policy", json={"shipping_minor": 900})).status_code == 200
    assert (await client.put("/policy", json={"shipping_minor": 900, "pay_to": "Bank 1"})).status_code == 200
    assert await state() == ("Bank 1", 900, 1)
    client.cookies.set("session", await member(market, accounts.Role.FINANCE))
    assert (await client.put("/policy", json={"shipping_minor": 1})).status_code == 403
    assert (await client.put("/policy/pay-to", json={"pay_to": "Bank 2"})).status_code == 200
    assert await state() == ("Bank 2", 900, 2)
    listed = (await client.get("/policy/pay-to/changes")).json()
    assert [(each["before"], each["after"]) for each in listed] == [("Bank 1", "Bank 2"), ("", "Bank 1")]
    assert {each["changed_by_name"] for each in listed} == {"P"}


async def test_the_record_of_where_money_goes_cannot_be_rewritten(market: Market) -> None:
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=policies.ShopTerms(pay_to="Bank 1"))
    for statement in ("UPDATE orders.pay_to_change SET after = 'x'", "DELETE FROM orders.pay_to_change"):
        with pytest.raises(psycopg.errors.RaiseException):
            async with market.db.transaction() as tx:
                await tx.run(statement)
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT after FROM orders.pay_to_change") == "Bank 1"
