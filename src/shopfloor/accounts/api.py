"""Who may do what over HTTP: the dependencies every route uses.

    @router.post("/v1/{shop}/products")
    async def create(actor: Annotated[Actor, Depends(allowed(Permission.CATALOG_EDIT))], …)

    @router.get("/s/{shop}")
    @public
    async def page(shopper: Shopper, …)

A route says one of `allowed(…)`, `signed_in_person`, `keyed(…)` or `public`; `check_every_route_is_decided`
refuses to start a shop where one says nothing.  `install` adds the two middlewares (requests from other
sites, the shopper's cookie).
"""

import inspect
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

from fastapi import Depends, FastAPI, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor import accounts
from shopfloor.accounts import second_factor
from shopfloor.accounts.device import COOKIE as DEVICE_COOKIE
from shopfloor.accounts.models import (
    Actor,
    CrossSite,
    Key,
    Keyring,
    NotAllowed,
    Permission,
    Person,
    UnknownKey,
)
from shopfloor.accounts.sessions import SESSION_AT_MOST_DAYS
from shopfloor.accounts.shopper import COOKIE as SHOPPER_COOKIE
from shopfloor.accounts.sign_in import check_password
from shopfloor.kernel import public_address
from shopfloor.kernel.client_address import UNKNOWN
from shopfloor.kernel.database import Database
from shopfloor.kernel.http import Db, answer
from shopfloor.kernel.origin import is_same_site
from shopfloor.kernel.routes import LateRoute
from shopfloor.kernel.services import services_of

SESSION_COOKIE: Final = "session"
_YEAR: Final = 365 * 86_400
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

Endpoint = TypeVar("Endpoint")


# Who may


@dataclass(frozen=True, slots=True)
class _Allowed:
    permission: Permission

    async def __call__(self, shop: Annotated[str, Path()], request: Request, db: Db) -> Actor:
        token = request.cookies.get(SESSION_COOKIE)
        async with db.transaction() as tx:
            actor = await accounts.actor(tx, token, shop)
        if not actor.may(self.permission):
            raise NotAllowed(permission=self.permission, role=actor.role)
        return actor


def allowed(permission: Permission) -> _Allowed:
    """For `Depends`: the Actor, when `permission` is among theirs in the shop of the path's `{shop}`.

    Refuses with SignInNeeded (401), UnknownShop (404, also for a shop one does not belong to) or
    NotAllowed (403).
    """
    return _Allowed(permission)


@dataclass(frozen=True, slots=True)
class _Keyed:
    purpose: str

    async def __call__(self, request: Request, db: Db) -> Key:
        token = request.path_params.get("key") or request.query_params.get("key")
        if token is None:
            raise UnknownKey
        async with db.transaction() as tx:
            return await accounts.read_key(tx, token=token, purpose=self.purpose)


def keyed(purpose: str) -> _Keyed:
    """For `Depends`: the Key behind `{key}` in the path, or `?key=`.  Refuses with UnknownKey (404)."""
    return _Keyed(purpose)


async def signed_in_person(request: Request, db: Db) -> Person:
    """For `Depends`: whoever is signed in, in whatever shop.  Refuses with SignInNeeded (401)."""
    async with db.transaction() as tx:
        return await accounts.signed_in(tx, request.cookies.get(SESSION_COOKIE))


async def person_if_signed_in(request: Request, db: Db) -> Person | None:
    """For `Depends` on a public route: whoever is signed in, or None.  It decides nothing about the route."""
    token = request.cookies.get(SESSION_COOKIE)
    if token is None:
        return None
    async with db.transaction() as tx:
        try:
            return await accounts.signed_in(tx, token)
        except accounts.SignInNeeded:
            return None


class _Public:
    """`@public` on an endpoint or an ASGI app, or `Depends(public)` on a route or router."""

    # FastAPI asks for the signature of a dependency: as one, this takes nothing.
    __signature__ = inspect.Signature()

    def __call__(self, endpoint: Any = None) -> Any:
        if endpoint is not None:
            endpoint.is_public = True
        return endpoint


public = _Public()

SignedIn = Annotated[Person, Depends(signed_in_person)]
MaybeSignedIn = Annotated[Person | None, Depends(person_if_signed_in)]


def shopper(request: Request) -> UUID:
    """Who is shopping: from the signed cookie, or somebody new who gets it with this answer."""
    keyring = _keyring(request)
    known = accounts.read_shopper(keyring, request.cookies.get(SHOPPER_COOKIE))
    if known is not None:
        return known
    fresh: str | None = getattr(request.state, "new_shopper", None)
    if fresh is None:
        fresh = accounts.issue_shopper(keyring)
        request.state.new_shopper = fresh
    found = accounts.read_shopper(keyring, fresh)
    assert found is not None, "we have just signed it"
    return found


Shopper = Annotated[UUID, Depends(shopper)]


def _keyring(connection: HTTPConnection) -> Keyring:
    return services_of(connection).part(Keyring)


class UndecidedRoutes(Exception):
    """A bug of ours: routes that nobody decided about, by path."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__("routes without allowed(), signed_in_person, keyed() or public: " + ", ".join(paths))
        self.paths = list(paths)


def check_every_route_is_decided(app: FastAPI, *, public_paths: Collection[str] = ()) -> None:
    """Raise UndecidedRoutes when a route neither names who may use it nor is public.

    Of a route that is not built yet this is found out before it answers for the first time, and then it does not.

    `public_paths` names raw routes and mounts that are open to everybody, as they were given to the router.
    """
    documents = {app.openapi_url, app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url}
    paths = sorted(_undecided(app.routes, known={*public_paths, *filter(None, documents)}, above=""))
    if paths:
        raise UndecidedRoutes(paths)


def public_operations(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of every route that asks for no session: public ones, and those behind a key."""
    return {
        (method, context.path or "")
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and not _wants_session(context.dependant)
        for method in context.original_route.methods or ()
    }


def _wants_session(dependant: Dependant) -> bool:
    if isinstance(dependant.call, _Allowed) or dependant.call is signed_in_person:
        return True
    return any(_wants_session(inner) for inner in dependant.dependencies)


def _undecided(routes: Sequence[BaseRoute], *, known: set[str], above: str) -> Iterable[str]:
    built: list[BaseRoute] = []
    for route in routes:
        if not isinstance(route, LateRoute) or route.is_built:
            built.append(route)
        elif above + route.path not in known and not _is_public(route.endpoint):
            route.when_built(_check)
    # What a router says of all its routes is in the context, not in the route.
    for context in iter_route_contexts(built):
        path = above + (context.path or "")
        if path in known or _is_public(context.endpoint):
            continue
        route = context.original_route
        if isinstance(route, APIRoute | APIWebSocketRoute):
            if not _decides(context.dependant):
                yield path
        elif isinstance(route, Mount):
            if _is_public(route.app):
                continue
            if isinstance(route.app, Router | FastAPI):
                yield from _undecided(route.routes, known=known, above=path)
            else:
                yield path
        else:
            yield path or repr(route)


def _check(route: APIRoute) -> None:
    if not _decides(route.dependant):
        raise UndecidedRoutes([route.path])


def _is_public(endpoint: object) -> bool:
    return getattr(endpoint, "is_public", False) is True


def _decides(dependant: Dependant) -> bool:
    call = dependant.call
    if isinstance(call, _Allowed | _Keyed | _Public) or call is signed_in_person:
        return True
    return any(_decides(inner) for inner in dependant.dependencies)


# Cookies


def set_session(response: Response, token: str, *, secure: bool) -> None:
    """Give the browser its session.  The cookie outlives the session, which the server ends."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=SESSION_AT_MOST_DAYS * 86_400,
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def clear_session(response: Response, *, secure: bool) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=secure)


def set_device(request: Request, response: Response, email: str) -> None:
    """Remember that this browser has signed in with this address, beyond the session."""
    keyring = _keyring(request)
    cookie = accounts.issue_device(keyring, email=email, device=known_device(request, email))
    response.set_cookie(
        DEVICE_COOKIE,
        cookie,
        max_age=_YEAR,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


def known_device(request: Request, email: str) -> str | None:
    """The name of the browser, when it has signed in with this address before."""
    return accounts.read_device(_keyring(request), request.cookies.get(DEVICE_COOKIE), email=email)


def user_agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def is_secure(request: HTTPConnection) -> bool:
    """Are cookies to be kept to https?  Decided by the public address of the shop."""
    return services_of(request).public.is_secure


def client_address(request: HTTPConnection) -> str:
    """Where a request came from; the edge of the server has put there what trusted proxies say."""
    return UNKNOWN if request.client is None else request.client.host


# Middlewares


class SameSite:
    """ASGI middleware: what changes something must come from our own pages."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] not in SAFE_METHODS
            and not is_same_site(scope["headers"], self._origins)
        ):
            refused = await answer(Request(scope), CrossSite())
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)


class ShopperCookie:
    """ASGI middleware: hands out the cookie that `shopper` made for somebody new."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = cast("dict[str, Any]", scope.setdefault("state", {}))

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and "new_shopper" in state:
                cookie = accounts.cookie_header(state["new_shopper"], secure=self._secure)
                message = {**message, "headers": [*message.get("headers", ()), cookie]}
            await send(message)

        await self._app(scope, receive, with_cookie)


def install(app: FastAPI, *, public: public_address.PublicAddress | None) -> None:
    """Add the middlewares; `public` is the address of the shop, if known."""
    secure = public is not None and public.is_secure
    origin = () if public is None else (public.origin,)
    app.add_middleware(ShopperCookie, secure=secure)
    app.add_middleware(SameSite, origins=origin)


async def prove(
    request: Request, db: Database, person: Person, *, password: str, code: str | None = None
) -> None:
    """Before something only the person may do: the password, and a code where `code` is not None."""
    device = known_device(request, person.email)
    await check_password(
        db, email=person.email, password=password, address=client_address(request), device=device
    )
    if code is not None:
        await second_factor.check_code(db, person_id=person.id, code=code, device=device)
