"""Stock from a file of products over JSON: at the chosen location, once, after a trial that says what will happen."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.orders import conftest as small
from tests.orders.conftest import Market
from tests.orders.test_orders_api import member

from shopfloor import accounts, catalog, inventory
from shopfloor.accounts.models import PERMISSIONS
from shopfloor.inventory import api
from shopfloor.kernel import http
from shopfloor.kernel.database import Tx
from shopfloor.kernel.services import Services
from shopfloor.kernel.settings import Settings

make_market, market = small.make_market, small.market

SHEET = """Handle,Title,Status,Variant SKU,Variant Inventory Qty,Variant Price
bowl,Bowl,active,b,12,25.00
cup,Cup,active,c,-3,8.00
plate,Plate,active,p,7,1e3
jug,Jug,active,j,,9.00
"""
HERE = "/v1/garden-1/stock/import"


@pytest.fixture
async def app(market: Market, tmp_path: Path) -> FastAPI:
    app = FastAPI()
    settings = Settings.model_validate({"data_dir": tmp_path})
    http.install(app, Services(market.db, settings=settings))
    app.include_router(api.router)
    return app


async def signed_in(app: FastAPI, market: Market, role: accounts.Role) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://shop",
        cookies={"session": await member(market, role)},
    )


@pytest.fixture
async def client(app: FastAPI, market: Market) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, market, accounts.Role.OWNER) as client:
        yield client


async def send(client: httpx.AsyncClient, sheet: str = SHEET, **asked: Any) -> dict[str, Any]:
    answer = await client.post(HERE, content=sheet.encode(), params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def goods(tx: Tx, shop_id: int) -> dict[int, str]:
    """SKU by variant."""
    ids = [each.id for each in await catalog.products(tx, shop_id=shop_id)]
    return {each.id: each.sku for each in await catalog.variants(tx, shop_id=shop_id, product_ids=ids)}


async def books(market: Market, location_id: int) -> dict[str, int]:
    """Units on hand there, by the SKU of this file's variants."""
    async with market.db.transaction() as tx:
        variants = await goods(tx, market.shop_id)
        levels = await inventory.levels(tx, shop_id=market.shop_id, variant_ids=sorted(variants))
    return {
        variants[each.variant_id]: each.quantity
        for each in levels
        if each.location_id == location_id and variants[each.variant_id] in "bcpj"
    }


async def written(market: Market) -> tuple[int, int, int]:
    """Products, movements and facts so far."""
    async with market.db.transaction() as tx:
        return (
            await tx.value("SELECT count(*) FROM catalog.product"),
            await tx.value("SELECT count(*) FROM stock.movement"),
            await tx.value("SELECT count(*) FROM kernel.outbox"),
        )


async def second(market: Market) -> int:
    async with market.db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=market.shop_id, name="Second", kind=inventory.LocationKind.STORE
        )
    return place.id


async def test_stock_is_set_at_the_chosen_location_exactly_once(
    market: Market, client: httpx.AsyncClient
) -> None:
    place = await second(market)

    first = await send(client, location_id=place)
    assert {name: first[name] for name in ("rows", "created", "updated", "refused", "counted")} == {
        "rows": 4, "created": 3, "updated": 0, "refused": 1, "counted": 1,
    }  # fmt: skip
    assert [(each["row"], each["code"]) for each in first["errors"]] == [(4, "catalog.price_unreadable")]
    assert [(each["row"], each["code"]) for each in first["notes"]] == [(3, "catalog.csv_stock_below_zero")]
    assert await books(market, place) == {"b": 12}
    assert await books(market, market.location_id) == {}

    before = await written(market)
    again = await send(client, location_id=place)
    assert (again["created"], again["updated"], again["counted"]) == (0, 3, 0)
    assert (await written(market))[:2] == before[:2]
    assert await books(market, place) == {"b": 12}


async def test_units_that_were_sold_since_are_counted_over_and_what_is_held_stays_held(
    market: Market, client: httpx.AsyncClient
) -> None:
    place = await second(market)
    await send(client, location_id=place)
    async with market.db.transaction() as tx:
        bowl = next(each for each, sku in (await goods(tx, market.shop_id)).items() if sku == "b")
        await inventory.adjust(
            tx, shop_id=market.shop_id, location_id=place, variant_id=bowl, by=-5, reason="damaged"
        )

    assert (await send(client, location_id=place))["counted"] == 1
    assert await books(market, place) == {"b": 12}
    assert (await send(client, SHEET.replace(",12,", ",4,"), location_id=place))["counted"] == 1
    assert await books(market, place) == {"b": 4}


async def test_a_trial_says_what_would_happen_and_changes_nothing(
    market: Market, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    before = await written(market)
    tried = await send(client, location_id=market.location_id, check=True)

    assert await written(market) == before
    assert not (tmp_path / "pictures").exists()
    assert tried == await send(client, location_id=market.location_id)
    assert await books(market, market.location_id) == {"b": 12}


@pytest.mark.parametrize(
    ("asked", "sheet", "code"),
    [
        ({"location_id": 999_999}, SHEET, "stock.unknown"),
        ({}, SHEET, "invalid"),
        ({"location_id": 2**63}, SHEET, "number.too_large"),
        ({"location_id": None}, "", "catalog.sheet_unreadable"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    market: Market, client: httpx.AsyncClient, asked: dict[str, Any], sheet: str, code: str
) -> None:
    before = await written(market)
    params = {name: market.location_id if value is None else value for name, value in asked.items()}
    answer = await client.post(HERE, content=sheet.encode(), params=params)

    assert (answer.json()["code"], 400 <= answer.status_code < 500) == (code, True)
    assert await written(market) == before


async def test_who_may_only_see_to_stock_does_not_make_products(app: FastAPI, market: Market) -> None:
    roles = [
        role
        for role in accounts.Role
        if accounts.Permission.STOCK_EDIT in PERMISSIONS[role]
        and accounts.Permission.CATALOG_EDIT not in PERMISSIONS[role]
    ]
    before = await written(market)
    for role in roles or [accounts.Role.HOST]:
        async with await signed_in(app, market, role) as client:
            answer = await client.post(
                HERE, content=SHEET.encode(), params={"location_id": market.location_id}
            )
        assert (answer.status_code, answer.json()["code"]) == (403, "accounts.not_allowed")
    assert (await written(market))[0] == before[0]
