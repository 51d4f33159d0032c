"""Pools over JSON: escrows for tills, transfers, and what flows back."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tests.orders import conftest as small
from tests.orders.conftest import Market
from tests.orders.test_orders_api import member

from shopfloor import accounts, inventory
from shopfloor.inventory import api
from shopfloor.kernel import http
from shopfloor.kernel.services import Services

make_market, market = small.make_market, small.market


@pytest.fixture
async def client(market: Market) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the owner."""
    app = FastAPI()
    http.install(app, Services(market.db))
    app.include_router(api.router)
    token = await member(market, accounts.Role.OWNER)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://shop/v1/garden-1/stock",
        cookies={"session": token},
    ) as client:
        yield client


async def units(client: httpx.AsyncClient, pool_id: int, variant_id: int) -> int:
    levels = (await client.get("/levels", params={"variant_id": variant_id})).json()
    return sum(level["quantity"] for level in levels if level["pool_id"] == pool_id)


async def test_a_till_has_units_of_its_own_until_it_closes(
    market: Market,
    client: httpx.AsyncClient,
) -> None:
    [m, big] = market.variants
    async with market.db.transaction() as tx:
        open_pool = (await inventory.open_pool(tx, shop_id=market.shop_id)).id
        await inventory.receive(
            tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=m, quantity=5
        )
    wish = {"name": "Till 1", "location_id": market.location_id, "quotas": {m: 2}}
    made = await client.post("/pools", json=wish)
    pool_id = made.json()["id"]

    assert (made.status_code, made.json()["kind"], made.json()["is_open"]) == (201, "till", True)
    assert (await units(client, open_pool, m), await units(client, pool_id, m)) == (3, 2)

    move = {
        "variant_id": m, "quantity": 1, "from_location": market.location_id, "to_location": market.location_id,
        "to_pool": pool_id,
    }  # fmt: skip
    assert (await client.post("/transfers", json=move)).status_code == 204
    too_many = await client.post("/transfers", json=move | {"quantity": 3})
    assert (too_many.status_code, too_many.json()["code"]) == (409, "stock.not_enough")
    foreign = await client.post("/transfers", json=move | {"variant_id": big + 1000})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "stock.unknown")
    assert (await units(client, open_pool, m), await units(client, pool_id, m)) == (2, 3)

    for _ in range(2):
        closed = await client.post(f"/pools/{pool_id}/close")
        assert (closed.status_code, closed.json()["is_open"]) == (200, False)
    assert (await units(client, open_pool, m), await units(client, pool_id, m)) == (5, 0)
    await market.assert_sound()


async def test_the_open_pool_and_that_of_a_show_are_not_closed_by_hand(
    market: Market,
    client: httpx.AsyncClient,
) -> None:
    async with market.db.transaction() as tx:
        open_pool = (await inventory.open_pool(tx, shop_id=market.shop_id)).id

    show = await client.post(f"/pools/{market.pool_id}/close")
    everybody = await client.post(f"/pools/{open_pool}/close")
    nobody = await client.post("/pools/999/close")
    bad = await client.post("/pools", json={"name": "T", "location_id": market.location_id, "kind": "open"})

    assert (show.status_code, show.json()["code"]) == (409, "stock.wrong_state")
    assert (everybody.status_code, nobody.status_code, bad.status_code) == (404, 404, 422)
    assert all(pool["is_open"] for pool in (await client.get("/pools")).json())
    assert await market.left() == 10


@pytest.mark.parametrize(("reason", "by"), [("received", -2), ("Found", -1), ("damaged", 1), (" lost ", 1)])
async def test_a_sign_that_contradicts_the_reason_is_refused(
    market: Market, client: httpx.AsyncClient, reason: str, by: int
) -> None:
    [m, _] = market.variants
    async with market.db.transaction() as tx:
        pool_id = (await inventory.open_pool(tx, shop_id=market.shop_id)).id
        await inventory.receive(
            tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=m, quantity=5
        )
    body = {"location_id": market.location_id, "variant_id": m, "by": by, "reason": reason}
    answer = await client.post("/adjustments", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "stock.sign_contradicts")
    assert answer.json()["facts"] == {"by": by, "reason": reason, "units": abs(by)}
    assert await units(client, pool_id, m) == 5
    assert (await client.post("/adjustments", json={**body, "by": -by})).status_code == 201
    assert await units(client, pool_id, m) == 5 - by
