"""Who may do what over HTTP: the dependencies every route uses, and the JSON of accounts.

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
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor import accounts
from shopfloor.accounts import models, second_factor, service
from shopfloor.accounts.device import COOKIE as DEVICE_COOKIE
from shopfloor.accounts.models import (
    Actor,
    CrossSite,
    Invitation,
    Joined,
    Key,
    Keyring,
    Membership,
    NotAllowed,
    Permission,
    Person,
    Role,
    Shop,
    UnknownKey,
)
from shopfloor.accounts.service import SESSION_AT_MOST_DAYS
from shopfloor.accounts.shopper import COOKIE as SHOPPER_COOKIE
from shopfloor.accounts.sign_in import check_password
from shopfloor.kernel import public_address
from shopfloor.kernel.border import Id
from shopfloor.kernel.client_address import UNKNOWN
from shopfloor.kernel.database import Database
from shopfloor.kernel.http import Db, answer, public_host, refusals
from shopfloor.kernel.origin import is_same_site
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
    # What a router says of all its routes is in the context, not in the route.
    for context in iter_route_contexts(routes):
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


# JSON


router = APIRouter(prefix="/v1", tags=["accounts"])


class Credentials(BaseModel):
    """`code`: of the authenticator app, or a recovery code, where the person has two-step sign-in."""

    email: str
    password: str
    code: str = ""


class Challenge(BaseModel):
    """`challenge` came with `accounts.second_factor_needed`."""

    challenge: str
    code: str


class Password(BaseModel):
    password: str


class PasswordAndCode(BaseModel):
    password: str
    code: str


class SecondFactorOut(BaseModel):
    is_on: bool
    made_at: datetime | None = None
    recovery_codes_left: int = 0


class SetupOut(BaseModel):
    """`setup` is sent back with a code; `uri` is what a QR code says to an app."""

    setup: str
    secret: str
    uri: str


class Confirmation(BaseModel):
    setup: str
    code: str


class RecoveryCodes(BaseModel):
    """Shown once: only hashes are kept."""

    recovery_codes: list[str]


class PersonOut(BaseModel):
    id: int
    email: str
    name: str
    is_operator: bool


class ShopOut(BaseModel):
    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    role: Role | None = None


class MeOut(BaseModel):
    person: PersonOut
    shops: list[ShopOut]


class NewShop(BaseModel):
    name: str
    slug: str
    currency: str
    locale: str = "en"
    timezone: str = "UTC"


class Claim(BaseModel):
    token: str
    email: str
    password: str
    name: str = ""
    shop: NewShop


class MemberOut(BaseModel):
    person_id: Id
    email: str
    name: str
    role: Role
    joined_at: datetime


class NewInvitation(BaseModel):
    role: Role
    email: str | None = None


class InvitationOut(BaseModel):
    id: int
    role: Role
    email: str | None
    expires_at: datetime
    token: str | None = None


class Answer(BaseModel):
    """To an invitation, by somebody new; whoever is signed in sends the token alone to `accept`."""

    token: str
    email: str
    password: str
    name: str = ""


class Token(BaseModel):
    token: str


class NewRole(BaseModel):
    role: Role


class NewPasswordByLink(BaseModel):
    token: str
    password: str


class NewPassword(BaseModel):
    current: str
    new: str


def _person_out(person: Person) -> PersonOut:
    return PersonOut(id=person.id, email=person.email, name=person.name, is_operator=person.is_operator)


def _shop_out(shop: Shop, role: Role | None) -> ShopOut:
    return ShopOut(
        id=shop.id,
        slug=shop.slug,
        name=shop.name,
        currency=shop.currency,
        locale=shop.locale,
        timezone=shop.timezone,
        role=role,
    )


def _membership_out(membership: Membership) -> ShopOut:
    return _shop_out(membership.shop, membership.role)


def _invitation_out(invitation: Invitation, token: str | None = None) -> InvitationOut:
    return InvitationOut(
        id=invitation.id,
        role=invitation.role,
        email=invitation.email,
        expires_at=invitation.expires_at,
        token=token,
    )


def _joined_out(joined: Joined, request: Request, response: Response) -> MeOut:
    set_session(response, joined.session, secure=is_secure(request))
    set_device(request, response, joined.person.email)
    return MeOut(person=_person_out(joined.person), shops=[_shop_out(joined.shop, joined.role)])


@router.post(
    "/session",
    status_code=204,
    responses=refusals(
        accounts.WrongCredentials, accounts.SecondFactorNeeded, models.WrongCode, accounts.TooManyAttempts
    ),
)
@public
async def sign_in(body: Credentials, request: Request, response: Response, db: Db) -> None:
    """Sign in; the answer sets the session cookie.  Who has two-step sign-in sends a `code` too, or in a second step."""
    token = await accounts.sign_in(
        db,
        email=body.email,
        password=body.password,
        address=client_address(request),
        previous=request.cookies.get(SESSION_COOKIE),
        device=known_device(request, body.email),
        user_agent=user_agent(request),
        code=body.code,
    )
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, body.email)


@router.post(
    "/session/code",
    status_code=204,
    responses=refusals(models.WrongCode, models.SignInExpired, accounts.TooManyAttempts),
)
@public
async def finish_sign_in(body: Challenge, request: Request, response: Response, db: Db) -> None:
    """The second step: the challenge of the first, and a code."""
    async with db.transaction() as tx:
        person = await second_factor.challenged(tx, token=body.challenge)
    token = await second_factor.finish_sign_in(
        db,
        token=body.challenge,
        code=body.code,
        previous=request.cookies.get(SESSION_COOKIE),
        device=known_device(request, person.email),
        user_agent=user_agent(request),
    )
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, person.email)


@router.delete("/session", status_code=204)
@public
async def sign_out(request: Request, response: Response, db: Db) -> None:
    """Sign out here; fine also when not signed in."""
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None:
        async with db.transaction() as tx:
            await accounts.sign_out(tx, session_token=token)
    clear_session(response, secure=is_secure(request))


@router.delete("/sessions", status_code=204, responses=refusals(accounts.SignInNeeded))
async def sign_out_everywhere(person: SignedIn, request: Request, response: Response, db: Db) -> None:
    """Sign out here and on every other device."""
    async with db.transaction() as tx:
        await service.sign_out_everywhere(tx, person_id=person.id)
    clear_session(response, secure=is_secure(request))


@router.get("/me", responses=refusals(accounts.SignInNeeded))
async def me(person: SignedIn, db: Db) -> MeOut:
    """Who I am and which shops I belong to."""
    async with db.transaction() as tx:
        memberships = await accounts.memberships(tx, person.id)
    return MeOut(person=_person_out(person), shops=[_membership_out(each) for each in memberships])


@router.post(
    "/me/password", status_code=204, responses=refusals(accounts.WrongCredentials, accounts.WeakPassword)
)
async def change_password(
    body: NewPassword, person: SignedIn, request: Request, response: Response, db: Db
) -> None:
    """Change my password; every other session of mine ends."""
    # The current password is checked as a sign-in is, so that a stolen session cannot guess it faster.
    await check_password(
        db,
        email=person.email,
        password=body.current,
        address=client_address(request),
        device=known_device(request, person.email),
    )
    async with db.transaction() as tx:
        token = await accounts.change_password(
            tx, person_id=person.id, current=body.current, new=body.new, device=user_agent(request)
        )
    set_session(response, token, secure=is_secure(request))


@router.get("/me/sessions", responses=refusals(accounts.SignInNeeded))
async def list_sessions(person: SignedIn, request: Request, db: Db) -> list[models.OpenSession]:
    """Where I am signed in; this session first."""
    token = request.cookies.get(SESSION_COOKIE, "")
    async with db.transaction() as tx:
        return await accounts.open_sessions(tx, person_id=person.id, session_token=token)


@router.delete("/me/sessions", status_code=204, responses=refusals(accounts.SignInNeeded))
async def end_other_sessions(person: SignedIn, request: Request, db: Db) -> None:
    """Sign out on every other device."""
    token = request.cookies.get(SESSION_COOKIE, "")
    async with db.transaction() as tx:
        await accounts.end_other_sessions(tx, person_id=person.id, session_token=token)


@router.delete("/me/sessions/{session_id}", status_code=204, responses=refusals(accounts.SignInNeeded))
async def end_session(session_id: str, person: SignedIn, db: Db) -> None:
    """Sign out on one device; fine also when it is signed out already."""
    async with db.transaction() as tx:
        await accounts.end_session(tx, person_id=person.id, session_id=session_id)


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


@router.get("/me/second-factor", responses=refusals(accounts.SignInNeeded))
async def my_second_factor(person: SignedIn, db: Db) -> SecondFactorOut:
    """Whether I sign in with a code as well, and how many recovery codes are left."""
    async with db.transaction() as tx:
        found = await second_factor.second_factor_of(tx, person_id=person.id)
    if found is None:
        return SecondFactorOut(is_on=False)
    return SecondFactorOut(is_on=True, made_at=found.made_at, recovery_codes_left=found.recovery_codes_left)


@router.post(
    "/me/second-factor",
    status_code=201,
    responses=refusals(accounts.WrongCredentials, models.SecondFactorOn, accounts.TooManyAttempts),
)
async def begin_second_factor(body: Password, person: SignedIn, request: Request, db: Db) -> SetupOut:
    """A secret for an authenticator app.  Nothing changes until a code of it confirms it, within ten minutes."""
    await prove(request, db, person, password=body.password)
    async with db.transaction() as tx:
        setup = await second_factor.begin_second_factor(
            tx,
            person=person,
            session_token=request.cookies.get(SESSION_COOKIE, ""),
            issuer=second_factor.issuer(public_host(request)),
        )
    return SetupOut(setup=setup.name, secret=setup.secret, uri=setup.uri)


@router.post(
    "/me/second-factor/confirm",
    status_code=201,
    responses=refusals(models.UnknownSetup, models.WrongCode, models.SecondFactorOn),
)
async def confirm_second_factor(
    body: Confirmation, person: SignedIn, request: Request, db: Db
) -> RecoveryCodes:
    """From now on a code is asked for at sign-in.  The recovery codes are in this answer only."""
    async with db.transaction() as tx:
        codes = await second_factor.confirm_second_factor(
            tx,
            person=person,
            session_token=request.cookies.get(SESSION_COOKIE, ""),
            name=body.setup,
            code=body.code,
        )
    return RecoveryCodes(recovery_codes=codes)


_PROVEN: Final = (
    accounts.WrongCredentials, models.WrongCode, models.SecondFactorOff, accounts.TooManyAttempts,
)  # fmt: skip


@router.post("/me/second-factor/recovery-codes", status_code=201, responses=refusals(*_PROVEN))
async def renew_recovery_codes(
    body: PasswordAndCode, person: SignedIn, request: Request, db: Db
) -> RecoveryCodes:
    """Ten new ones; the old ones no longer work."""
    await prove(request, db, person, password=body.password, code=body.code)
    async with db.transaction() as tx:
        return RecoveryCodes(recovery_codes=await second_factor.renew_recovery_codes(tx, person_id=person.id))


@router.post("/me/second-factor/remove", status_code=204, responses=refusals(*_PROVEN))
async def remove_second_factor(body: PasswordAndCode, person: SignedIn, request: Request, db: Db) -> None:
    """The password alone is enough again."""
    await prove(request, db, person, password=body.password, code=body.code)
    async with db.transaction() as tx:
        await second_factor.remove_second_factor(tx, person_id=person.id)


@router.post(
    "/password-reset",
    status_code=204,
    responses=refusals(accounts.UnknownReset, accounts.WeakPassword),
)
@public
async def reset_password(body: NewPasswordByLink, db: Db) -> None:
    """Set the password a one-time link is for; every session of that person ends."""
    async with db.transaction() as tx:
        await accounts.reset_password(tx, token=body.token, password=body.password)


@router.post(
    "/claim",
    status_code=201,
    responses=refusals(accounts.UnknownClaim, accounts.BadShop, accounts.WeakPassword),
)
@public
async def claim(body: Claim, request: Request, response: Response, db: Db) -> MeOut:
    """Take this node over with the one-time token that it printed."""
    async with db.transaction() as tx:
        joined = await accounts.claim_owner(
            tx,
            token=body.token,
            email=body.email,
            password=body.password,
            name=body.name,
            shop_name=body.shop.name,
            slug=body.shop.slug,
            currency=body.shop.currency,
            locale=body.shop.locale,
            timezone=body.shop.timezone,
        )
    return _joined_out(joined, request, response)


@router.get("/shops", responses=refusals(accounts.SignInNeeded))
async def list_shops(person: SignedIn, db: Db) -> list[ShopOut]:
    """The shops I belong to."""
    async with db.transaction() as tx:
        return [_membership_out(each) for each in await accounts.memberships(tx, person.id)]


@router.post(
    "/shops",
    status_code=201,
    responses=refusals(accounts.SignInNeeded, accounts.NotAllowed, accounts.SlugTaken, accounts.BadShop),
)
async def create_shop(body: NewShop, person: SignedIn, db: Db) -> ShopOut:
    """One more shop on this node, for its operator."""
    if not person.is_operator:
        raise NotAllowed("Only the operator of this node opens shops.")
    async with db.transaction() as tx:
        shop = await accounts.create_shop(
            tx,
            owner_id=person.id,
            name=body.name,
            slug=body.slug,
            currency=body.currency,
            locale=body.locale,
            timezone=body.timezone,
        )
    return _shop_out(shop, Role.OWNER)


@router.post(
    "/invitations/join",
    status_code=201,
    responses=refusals(accounts.UnknownInvitation, accounts.OtherEmail, models.EmailTaken),
)
@public
async def join(body: Answer, request: Request, response: Response, db: Db) -> MeOut:
    """Take an invitation as somebody new."""
    async with db.transaction() as tx:
        joined = await accounts.join(
            tx, token=body.token, email=body.email, password=body.password, name=body.name
        )
    return _joined_out(joined, request, response)


@router.post(
    "/invitations/accept",
    responses=refusals(accounts.UnknownInvitation, accounts.OtherEmail, accounts.AlreadyMember),
)
async def accept(body: Token, person: SignedIn, db: Db) -> ShopOut:
    """Take an invitation as the person who is signed in."""
    async with db.transaction() as tx:
        return _membership_out(await accounts.accept(tx, token=body.token, person=person))


MembersViewer = Annotated[Actor, Depends(allowed(Permission.MEMBERS_VIEW))]
MembersManager = Annotated[Actor, Depends(allowed(Permission.MEMBERS_MANAGE))]


@router.get("/{shop}/members", responses=refusals(accounts.UnknownShop, accounts.NotAllowed))
async def list_members(actor: MembersViewer, db: Db) -> list[MemberOut]:
    async with db.transaction() as tx:
        members = await accounts.members(tx, shop_id=actor.shop_id)
    return [
        MemberOut(
            person_id=member.person_id,
            email=member.email,
            name=member.name,
            role=member.role,
            joined_at=member.joined_at,
        )
        for member in members
    ]


@router.put(
    "/{shop}/members/{person_id}",
    status_code=204,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed, accounts.LastOwner),
)
async def change_role(person_id: Id, body: NewRole, actor: MembersManager, db: Db) -> None:
    async with db.transaction() as tx:
        await accounts.change_role(tx, actor=actor, person_id=person_id, role=body.role)


@router.delete(
    "/{shop}/members/{person_id}",
    status_code=204,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed, accounts.LastOwner),
)
async def remove_member(person_id: Id, actor: MembersManager, db: Db) -> None:
    async with db.transaction() as tx:
        await accounts.remove_member(tx, actor=actor, person_id=person_id)


@router.post(
    "/{shop}/members/{person_id}/password-reset",
    status_code=201,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed),
)
async def make_member_reset(person_id: int, actor: MembersManager, db: Db) -> Token:
    """A one-time link (`/reset/{token}`) with which a member sets a new password; the token is in this answer only."""
    async with db.transaction() as tx:
        return Token(token=await accounts.make_member_reset(tx, actor=actor, person_id=person_id))


@router.delete(
    "/{shop}/members/{person_id}/second-factor",
    status_code=204,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed, models.SecondFactorOff),
)
async def remove_member_second_factor(person_id: Id, actor: MembersManager, db: Db) -> None:
    """For a member who lost the device: the password alone is enough until they set it up anew."""
    async with db.transaction() as tx:
        await second_factor.remove_member_second_factor(tx, actor=actor, person_id=person_id)


@router.get("/{shop}/invitations", responses=refusals(accounts.UnknownShop, accounts.NotAllowed))
async def list_invitations(actor: MembersManager, db: Db) -> list[InvitationOut]:
    async with db.transaction() as tx:
        return [_invitation_out(each) for each in await accounts.invitations(tx, shop_id=actor.shop_id)]


@router.post(
    "/{shop}/invitations",
    status_code=201,
    responses=refusals(accounts.UnknownShop, accounts.NotAllowed, models.BadEmail),
)
async def invite(body: NewInvitation, actor: MembersManager, db: Db) -> InvitationOut:
    """Invite somebody; the token is in this answer only."""
    async with db.transaction() as tx:
        invited = await accounts.invite(tx, actor=actor, role=body.role, email=body.email)
    return _invitation_out(invited.invitation, invited.token)


@router.delete(
    "/{shop}/invitations/{invitation_id}",
    status_code=204,
    responses=refusals(accounts.UnknownInvitation, accounts.NotAllowed),
)
async def withdraw_invitation(invitation_id: Id, actor: MembersManager, db: Db) -> None:
    async with db.transaction() as tx:
        await accounts.withdraw_invitation(tx, actor=actor, invitation_id=invitation_id)
