"""Who may do what over HTTP: the dependencies every route uses.

    @router.post("/v1/{shop}/products")
    async def create(actor: Annotated[Actor, Depends(allowed(Permission.CATALOG_EDIT))], …)

    @router.get("/s/{shop}")
    @public
    async def page(shopper: Shopper, …)

A route says one of `allowed(…)`, `signed_in_person`, `keyed(…)` or `public` (`kernel.route_access`).
"""

from typing import Annotated, Final

from fastapi import Depends, Path, Request, Response
from starlette.requests import HTTPConnection

from shopfloor import auth
from shopfloor.accounts import Actor, NotAllowed, Permission, Person
from shopfloor.auth import second_factor
from shopfloor.auth.device import COOKIE as DEVICE_COOKIE
from shopfloor.auth.sessions import SESSION_AT_MOST_DAYS
from shopfloor.auth.sign_in import check_password
from shopfloor.kernel.database import Database
from shopfloor.kernel.http import Db, client_address, is_secure
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import Decision, decides
from shopfloor.kernel.services import services_of

SESSION_COOKIE: Final = "session"
_YEAR: Final = 365 * 86_400


# Who may


@decides(Decision.SESSION)
@dataclass(frozen=True, slots=True)
class _Allowed:
    permission: Permission

    async def __call__(self, shop: Annotated[str, Path()], request: Request, db: Db) -> Actor:
        token = request.cookies.get(SESSION_COOKIE)
        async with db.transaction() as tx:
            actor = await auth.actor(tx, token, shop)
        if not actor.may(self.permission):
            raise NotAllowed(permission=self.permission, role=actor.role)
        return actor


def allowed(permission: Permission) -> _Allowed:
    """For `Depends`: the Actor, when `permission` is among theirs in the shop of the path's `{shop}`.

    Refuses with SignInNeeded (401), UnknownShop (404, also for a shop one does not belong to) or
    NotAllowed (403).
    """
    return _Allowed(permission)


@decides(Decision.SESSION)
async def signed_in_person(request: Request, db: Db) -> Person:
    """For `Depends`: whoever is signed in, in whatever shop.  Refuses with SignInNeeded (401)."""
    async with db.transaction() as tx:
        return await auth.signed_in(tx, request.cookies.get(SESSION_COOKIE))


async def person_if_signed_in(request: Request, db: Db) -> Person | None:
    """For `Depends` on a public route: whoever is signed in, or None.  It decides nothing about the route."""
    token = request.cookies.get(SESSION_COOKIE)
    if token is None:
        return None
    async with db.transaction() as tx:
        try:
            return await auth.signed_in(tx, token)
        except auth.SignInNeeded:
            return None


SignedIn = Annotated[Person, Depends(signed_in_person)]
MaybeSignedIn = Annotated[Person | None, Depends(person_if_signed_in)]


def _keyring(connection: HTTPConnection) -> Keyring:
    return services_of(connection).part(Keyring)


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
    cookie = auth.issue_device(keyring, email=email, device=known_device(request, email))
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
    return auth.read_device(_keyring(request), request.cookies.get(DEVICE_COOKIE), email=email)


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
