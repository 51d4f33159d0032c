"""A node with two shops, and the JSON API in process."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from shopfloor import auth
from shopfloor.auth import people_api, shops_api
from shopfloor.kernel import http
from shopfloor.kernel.database import Database
from shopfloor.kernel.keyring import load_keyring
from shopfloor.kernel.route_access import check_every_route_is_decided
from shopfloor.kernel.services import Services
from shopfloor.shoppers import api as shoppers_api

PASSWORD = "correct horse battery"


@pytest.fixture
async def owner(database: Database) -> auth.Joined:
    """The first person of the node, owner of the shop 'atelier'."""
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
        return await auth.claim_owner(
            tx,
            token=token,
            email="Mei@Example.org",
            password=PASSWORD,
            shop_name="Atelier",
            slug="atelier",
            currency="EUR",
        )


@pytest.fixture
async def app(database: Database) -> FastAPI:
    app = FastAPI()
    async with database.transaction() as tx:
        keyring = await load_keyring(tx)
    http.install(app, Services(database, parts=[keyring]))
    app.include_router(people_api.router)
    app.include_router(shops_api.router)
    shoppers_api.install(app, public=None)
    check_every_route_is_decided(app)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client
