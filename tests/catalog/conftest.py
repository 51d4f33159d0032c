"""Two shops with a session each, and the catalogue's JSON API in process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shopfloor import accounts, auth, picture_files, shop_borders
from shopfloor.catalog import api, import_api
from shopfloor.kernel import http
from shopfloor.kernel.database import Database
from shopfloor.kernel.route_access import check_every_route_is_decided
from shopfloor.kernel.services import Services
from shopfloor.kernel.settings import Settings
from shopfloor.shoppers import api as shoppers_api


@dataclass(frozen=True)
class Shops:
    """`session` belongs to the owner of `mine` (EUR), `other_session` to somebody of `other` (JPY) only."""

    mine: accounts.Shop
    other: accounts.Shop
    session: str
    other_session: str


@pytest.fixture
async def shops(database: Database) -> Shops:
    async with database.transaction() as tx:
        people: list[int] = []
        for email in ("a@example.org", "b@example.org"):
            await tx.run(
                "INSERT INTO accounts.person (email, name, password_hash) VALUES (%(email)s, 'x', 'x')",
                email=email,
            )
            people.append(
                await tx.value("SELECT id FROM accounts.person WHERE email = %(email)s", email=email)
            )
        mine = await accounts.create_shop(tx, owner_id=people[0], name="Mine", slug="mine", currency="EUR")
        other = await accounts.create_shop(tx, owner_id=people[1], name="Other", slug="other", currency="JPY")
        sessions = [await auth.open_session(tx, person_id=person) for person in people]
        await tx.run("DELETE FROM kernel.outbox")
    return Shops(mine, other, *sessions)


@pytest.fixture
async def app(database: Database, tmp_path: Path) -> FastAPI:
    app = FastAPI()
    settings = Settings.model_validate({"data_dir": tmp_path})
    http.install(app, Services(database, settings=settings, named_by=shop_borders.named_by))
    app.include_router(import_api.router)
    app.include_router(api.router)
    shoppers_api.install(app, public=None)
    app.mount("/pictures", picture_files.PictureFiles(tmp_path / "pictures"))
    check_every_route_is_decided(app)
    return app


@pytest.fixture
async def client(app: FastAPI, shops: Shops) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the owner of `mine`."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        client.cookies.set("session", shops.session)
        yield client
