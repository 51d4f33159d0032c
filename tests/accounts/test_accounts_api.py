"""Who may do what over HTTP."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from shopfloor import access_keys, accounts, auth
from shopfloor.access_keys.api import keyed
from shopfloor.accounts import Actor, Permission
from shopfloor.auth import Joined
from shopfloor.auth.api import SignedIn, allowed
from shopfloor.kernel.database import Database
from shopfloor.kernel.route_access import UndecidedRoutes, check_every_route_is_decided, public
from shopfloor.shoppers.api import Shopper

PASSWORD = "correct horse battery"
MEI = {"email": "mei@example.org", "password": PASSWORD}


async def sign_in(client: httpx.AsyncClient, **body: str) -> httpx.Response:
    return await client.post("/v1/session", json=MEI | body)


async def test_sign_in_me_and_out(client: httpx.AsyncClient, owner: Joined) -> None:
    answer = await sign_in(client)
    assert answer.status_code == 204
    cookie, device = answer.headers.get_list("set-cookie")
    assert cookie.startswith("session=")
    assert device.startswith("device=1.")
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "HttpOnly", "Max-Age=7776000", "Path=/", "SameSite=lax",
    }  # fmt: skip
    me = await client.get("/v1/me")
    assert me.json() == {
        "person": {"id": owner.person.id, "email": "mei@example.org", "name": "mei", "is_operator": True},
        "shops": [
            {"id": owner.shop.id, "slug": "atelier", "name": "Atelier", "currency": "EUR", "locale": "en",
             "timezone": "UTC", "role": "owner"}
        ],
    }  # fmt: skip
    stolen = client.cookies["session"]
    assert (await client.delete("/v1/session")).status_code == 204
    assert "session" not in client.cookies
    client.cookies.set("session", stolen)
    answer = await client.get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "accounts.sign_in_needed")


async def test_a_session_planted_before_sign_in_is_worth_nothing_after(
    client: httpx.AsyncClient, owner: Joined
) -> None:
    client.cookies.set("session", "planted-by-somebody-else")
    assert (await sign_in(client)).status_code == 204
    fresh = [
        cookie.value
        for cookie in client.cookies.jar
        if cookie.name == "session" and cookie.value != "planted-by-somebody-else"
    ]
    assert len(fresh) == 1
    client.cookies.clear()
    client.cookies.set("session", "planted-by-somebody-else")
    assert (await client.get("/v1/me")).status_code == 401


async def test_sign_out_everywhere(client: httpx.AsyncClient, owner: Joined) -> None:
    await sign_in(client)
    assert (await client.delete("/v1/sessions")).status_code == 204
    client.cookies.set("session", owner.session)
    assert (await client.get("/v1/me")).status_code == 401


async def test_a_claim_over_http(client: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
    shop = {"name": "Mine", "slug": "mine", "currency": "CNY", "locale": "zh_CN", "timezone": "Asia/Shanghai"}
    answer = await client.post("/v1/claim", json={"token": "wrong", **MEI, "shop": shop})
    assert (answer.status_code, answer.json()["code"]) == (404, "accounts.unknown_claim")
    answer = await client.post("/v1/claim", json={"token": token, **MEI, "shop": shop})
    assert (answer.status_code, answer.json()["shops"][0]["slug"]) == (201, "mine")
    assert (await client.get("/v1/shops")).json()[0]["currency"] == "CNY"
    answer = await client.post("/v1/claim", json={"token": token, **MEI, "shop": shop})
    assert (answer.status_code, answer.json()["code"]) == (404, "accounts.unknown_claim")


EVERY_VERB = [
    ("GET", "/v1/kiln/members", None),
    ("PUT", "/v1/kiln/members/1", {"role": "owner"}),
    ("DELETE", "/v1/kiln/members/1", None),
    ("GET", "/v1/kiln/invitations", None),
    ("POST", "/v1/kiln/invitations", {"role": "owner"}),
    ("DELETE", "/v1/kiln/invitations/1", None),
]


@pytest.mark.parametrize(("method", "path", "body"), EVERY_VERB)
async def test_another_shop_is_not_there_for_any_verb(
    client: httpx.AsyncClient, database: Database, owner: Joined, method: str, path: str, body: Any
) -> None:
    async with database.transaction() as tx:
        actor = await auth.actor(tx, owner.session, "atelier")
        invited = await accounts.invite(tx, actor=actor, role=accounts.Role.OWNER)
        joined = await auth.join(tx, token=invited.token, email="two@example.org", password=PASSWORD)
        await accounts.create_shop(tx, owner_id=owner.person.id, name="Kiln", slug="kiln", currency="JPY")
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "accounts.sign_in_needed")
    client.cookies.set("session", joined.session)
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()) == (
        404,
        {
            "code": "accounts.unknown_shop",
            "message": "There is no such shop, or you do not belong to it.",
            "facts": {},
        },
    )
    assert (await client.request(method, path.replace("kiln", "nowhere"), json=body)).json() == answer.json()
    assert (await client.request(method, path.replace("kiln", "%00"), json=body)).status_code == 404
    client.cookies.set("session", owner.session)
    assert [each["email"] for each in (await client.get("/v1/kiln/members")).json()] == ["mei@example.org"]
    assert (await client.get("/v1/kiln/invitations")).json() == []


async def test_members_and_invitations_over_http(client: httpx.AsyncClient, owner: Joined) -> None:
    client.cookies.set("session", owner.session)
    invited = (await client.post("/v1/atelier/invitations", json={"role": "host"})).json()
    assert (invited["role"], invited["email"], len(invited["token"])) == ("host", None, 43)
    assert [each["token"] for each in (await client.get("/v1/atelier/invitations")).json()] == [None]
    client.cookies.clear()
    answer = await client.post(
        "/v1/invitations/join", json={"token": invited["token"], "email": "h@b.c", "password": PASSWORD}
    )
    assert (answer.status_code, answer.json()["shops"][0]["role"]) == (201, "host")
    host = answer.json()["person"]["id"]
    answer = await client.post("/v1/atelier/invitations", json={"role": "moderator"})
    assert (answer.status_code, answer.json()["code"], answer.json()["facts"]) == (
        403, "accounts.not_allowed", {"permission": "members.manage", "role": "host"},
    )  # fmt: skip
    answer = await client.post("/v1/shops", json={"name": "N", "slug": "n", "currency": "EUR"})
    assert (answer.status_code, answer.json()["code"]) == (403, "accounts.not_allowed")
    client.cookies.clear()
    client.cookies.set("session", owner.session)
    assert (await client.put(f"/v1/atelier/members/{host}", json={"role": "analyst"})).status_code == 204
    assert (await client.put(f"/v1/atelier/members/{host}", json={"role": "king"})).status_code == 422
    assert [each["role"] for each in (await client.get("/v1/atelier/members")).json()] == ["owner", "analyst"]
    assert (await client.delete(f"/v1/atelier/members/{host}")).status_code == 204
    assert (await client.delete(f"/v1/atelier/members/{10**30}")).status_code == 404
    answer = await client.delete(f"/v1/atelier/members/{owner.person.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "accounts.last_owner")


async def test_a_password_is_changed_over_http(client: httpx.AsyncClient, owner: Joined) -> None:
    await sign_in(client)
    new = {"current": "wrong wrong", "new": "another long sentence"}
    assert (await client.post("/v1/me/password", json=new)).json()["code"] == "accounts.wrong_credentials"
    answer = await client.post("/v1/me/password", json=new | {"current": PASSWORD})
    assert answer.status_code == 204
    assert (await client.get("/v1/me")).status_code == 200
    client.cookies.clear()
    client.cookies.set("session", owner.session)
    assert (await client.get("/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
async def test_another_site_changes_nothing(
    client: httpx.AsyncClient, owner: Joined, headers: dict[str, str]
) -> None:
    client.cookies.set("session", owner.session)
    answer = await client.delete("/v1/sessions", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "accounts.cross_site")
    assert (await client.get("/v1/me", headers=headers)).status_code == 200


async def test_a_new_shopper_gets_a_cookie_and_keeps_it(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/page")
    @public
    async def page(shopper: Shopper, again: Shopper) -> PlainTextResponse:
        assert shopper == again
        return PlainTextResponse(str(shopper))

    first = await client.get("/page")
    assert first.headers["set-cookie"].endswith("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")
    second = await client.get("/page")
    assert second.text == first.text
    assert "set-cookie" not in second.headers
    client.cookies.clear()
    client.cookies.set("shopper", "1." + "0" * 32 + "." + "0" * 64)
    assert (await client.get("/page")).text not in {first.text, "0" * 32}


async def test_a_key_opens_a_page(
    app: FastAPI, client: httpx.AsyncClient, database: Database, owner: Joined
) -> None:
    @app.get("/supplier/{key}")
    async def desk(held: Annotated[access_keys.Key, Depends(keyed("supplier"))]) -> int:
        return held.subject_id

    check_every_route_is_decided(app)
    async with database.transaction() as tx:
        token = await access_keys.issue_key(tx, shop_id=owner.shop.id, purpose="supplier", subject_id=7)
        other = await access_keys.issue_key(tx, shop_id=owner.shop.id, purpose="order", subject_id=7)
    assert (await client.get(f"/supplier/{token}")).json() == 7
    for wrong in (other, "x", token + "x"):
        answer = await client.get(f"/supplier/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (404, "accounts.unknown_key")
    assert (await client.get("/supplier/%00")).status_code == 404


def test_a_route_that_nobody_decided_about_is_found() -> None:
    app = FastAPI(docs_url="/docs")
    router = APIRouter(prefix="/in")
    guarded = APIRouter(prefix="/guarded", dependencies=[Depends(allowed(Permission.CATALOG_VIEW))])

    @app.get("/undecided")
    async def undecided() -> None: ...

    @router.get("/undecided")
    async def undecided_too() -> None: ...

    @router.websocket("/socket")
    async def socket() -> None: ...

    @router.get("/open", dependencies=[Depends(public)])
    async def opened() -> None: ...

    @router.get("/person")
    async def person(person: SignedIn) -> None: ...

    @router.get("/{shop}/actor")
    async def acting(actor: Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]) -> None: ...

    @guarded.get("/{shop}")
    async def inherits() -> None: ...

    @public
    async def raw(scope: Scope, receive: Receive, send: Send) -> None: ...

    async def undecided_raw(scope: Scope, receive: Receive, send: Send) -> None: ...

    outer = APIRouter(prefix="/outer")
    outer.include_router(router)
    app.include_router(router)
    app.include_router(outer)
    app.include_router(guarded)
    app.router.routes += [
        Route("/raw", public(PlainTextResponse("ok"))),
        Mount("/mount", app=raw),
        Mount("/open-mount", app=undecided_raw),
        Mount("/closed-mount", app=undecided_raw),
        Mount("/inner", routes=[Route("/x", PlainTextResponse("no"))]),
    ]

    with pytest.raises(UndecidedRoutes) as found:
        check_every_route_is_decided(app, public_paths={"/open-mount"})

    assert found.value.paths == [
        "/closed-mount", "/in/socket", "/in/undecided", "/inner/x", "/outer/in/socket", "/outer/in/undecided",
        "/undecided",
    ]  # fmt: skip


async def test_public_takes_nothing_from_the_request(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/nothing", dependencies=[Depends(public)])
    async def nothing() -> str:
        return "ok"

    assert (await client.get("/nothing")).json() == "ok"
