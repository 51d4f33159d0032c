"""Routes that read their parameters when they are first asked for."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

from shopfloor.kernel.route_access import UndecidedRoutes, check_every_route_is_decided, public
from shopfloor.kernel.routes import LateRoute, Router, add_routes


class Parcel(BaseModel):
    grams: int


def made(router: APIRouter) -> FastAPI:
    app = FastAPI()
    add_routes(app, router)
    return app


def route_of(app: FastAPI, path: str) -> LateRoute:
    [found] = [route for route in app.routes if getattr(route, "path", "") == path]
    assert isinstance(found, LateRoute)
    return found


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://shop"
    )


async def test_a_route_is_built_by_its_first_request_and_no_other() -> None:
    router = Router(prefix="/v1", tags=["parcels"])

    @router.get("/parcels/{number}")
    def one(number: int, also: int = 2) -> Parcel:
        return Parcel(grams=number * also)

    @router.post("/parcels", status_code=201)
    def make(parcel: Parcel) -> Parcel:
        return parcel

    app = made(router)
    assert not route_of(app, "/v1/parcels/{number}").is_built
    async with client(app) as browser:
        assert (await browser.get("/v1/parcels/7?also=3")).json() == {"grams": 21}
        assert route_of(app, "/v1/parcels/{number}").is_built
        assert not route_of(app, "/v1/parcels").is_built
        assert (await browser.get("/v1/parcels/seven")).status_code == 422
        assert (await browser.get("/v1/parcels")).status_code == 405
        assert (await browser.delete("/v1/parcels/7")).headers["allow"] == "GET"
        assert (await browser.get("/v2/parcels/7")).status_code == 404
        answer = await browser.post("/v1/parcels", json={"grams": 5})
        assert (answer.status_code, answer.json()) == (201, {"grams": 5})
        assert (await browser.post("/v1/parcels", json={"grams": "x"})).status_code == 422


def test_a_document_knows_routes_that_nobody_has_asked_for_yet() -> None:
    router = Router(prefix="/v1", tags=["parcels"])

    @router.get("/parcels/{number}", name="parcel")
    def one(number: int) -> Parcel:
        """One parcel."""
        return Parcel(grams=number)

    app = made(router)
    assert app.url_path_for("parcel", number=3) == "/v1/parcels/3"
    assert not route_of(app, "/v1/parcels/{number}").is_built
    plain = FastAPI()
    other = APIRouter(prefix="/v1", tags=["parcels"])
    other.get("/parcels/{number}", name="parcel")(one)
    plain.include_router(other)
    assert app.openapi() == plain.openapi()


async def test_a_route_that_nobody_decided_about_answers_nobody() -> None:
    router = Router()

    def nothing() -> None: ...

    @router.get("/open")
    @public
    def open_to_all() -> str:
        return "open"

    @router.get("/forgotten")
    def forgotten(_: Annotated[None, Depends(nothing)]) -> str:
        return "secret"

    app = made(router)
    check_every_route_is_decided(app)
    async with client(app) as browser:
        for _ in range(2):
            answer = await browser.get("/forgotten")
            assert (answer.status_code, "secret" in answer.text) == (500, False)
        assert (await browser.get("/open")).json() == "open"
    with pytest.raises(UndecidedRoutes) as told:
        _ = route_of(app, "/forgotten").dependant
    assert told.value.paths == ["/forgotten"]


def test_what_a_route_lacks_it_lacks() -> None:
    router = Router()

    @router.get("/open")
    def open_to_all() -> str:
        return "open"

    [route] = router.routes
    with pytest.raises(AttributeError):
        _ = route.colour  # pyright: ignore[reportAttributeAccessIssue]
