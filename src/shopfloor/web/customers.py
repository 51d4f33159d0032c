"""Orders of this browser, and signing in with a mailed or texted code.

The cookie of an account holds below its shop's address only, and its session in that shop only.
"""

from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, customers, notices, shoppers, sms
from shopfloor.accounts import Shop
from shopfloor.kernel import paging, phones, secrets
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db, is_secure, user_agent
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money
from shopfloor.shoppers.api import Shopper
from shopfloor.web import languages
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = Router(prefix="/s/{shop}", include_in_schema=False)

COOKIE: Final = "customer"
CODE_COOKIE: Final = "code"
# How many orders one page shows.
PAGE: Final = 50
_SESSION_SECONDS: Final = 90 * 86_400
_CODE_SECONDS: Final = 15 * 60
Text = Annotated[str, Form(max_length=1000)]
Next = Annotated[str, Query(max_length=500)]
NextForm = Annotated[str, Form(max_length=500)]
# What one signs in with.
Way = Literal["mail", "phone"]
WayForm = Annotated[Way, Form()]
Code = Annotated[str, Path(pattern="^[0-9]{6}$")]

# What somebody says yes to; it is kept with the answer.
NEWS: Final = N_("Email me about new shows and offers.")
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "missing": N_("Fill this in."),
    "too_long": N_("This is too long."),
}


def token_of(request: Request) -> str | None:
    return request.cookies.get(COOKIE)


async def customer_of(tx: Tx, request: Request, shop: Shop, shopper: UUID) -> customers.Customer | None:
    """Who is signed in at this shop with this browser."""
    return await customers.signing_in.signed_in(tx, shop_id=shop.id, token=token_of(request), shopper=shopper)


async def shop_and_customer(
    tx: Tx, request: Request, shop: str, shopper: UUID
) -> tuple[Shop, customers.Customer]:
    """Raises UnknownShop, SignInFirst."""
    found = await accounts.shop_by_slug(tx, shop)
    return found, await customers.signing_in.must_be_signed_in(
        tx, shop_id=found.id, token=token_of(request), shopper=shopper
    )


def private_page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page that nobody else sees, and that no cache keeps."""
    response = render(request, f"shop/{template}", status=status, **context)
    response.headers["cache-control"] = "private, no-store"
    return response


def back(path: str, request: Request, said: str | None = None, kind: str = "good") -> Response:
    response = RedirectResponse(path, status_code=303)
    if said is not None:
        flash(response, kind, speak(request).gettext(said))
    return response


def _inside(target: str, shop: Shop) -> str:
    """Where signing in leads to: a page of this shop."""
    path = languages.own_path(target)
    return path if path.startswith(f"/s/{shop.slug}/") else f"/s/{shop.slug}/account"


# Orders


@router.get("/orders")
@public
async def my_orders(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """Orders placed with this browser, and of the account where somebody is signed in."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        customer = await customer_of(tx, request, found, shopper)
        page = await paging.page(
            partial(
                customers.account.bought,
                tx,
                shop_id=found.id,
                shopper=shopper,
                customer_id=None if customer is None else customer.id,
            ),
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    return private_page(
        request,
        "my_orders.html",
        shop=found,
        customer=customer,
        page=page,
        amount=Money,
    )


@router.post("/orders/forget")
@public
async def forget_device(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    """This browser becomes a new one: it knows no orders, places in line or addresses, and nobody is signed in."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await customers.account.forget_browser(tx, shop_id=found.id, shopper=shopper)
        await customers.signing_in.sign_out(tx, shop_id=found.id, token=token_of(request))
    request.state.new_shopper = shoppers.issue_shopper(services_of(request).part(Keyring))
    response = back(f"/s/{found.slug}/orders", request, N_("This browser has forgotten your orders."))
    drop_session(response, found)
    return response


# Signing in


@router.get("/account/sign-in")
@public
async def sign_in_page(request: Request, shop: str, shopper: Shopper, db: Db, next: Next = "") -> Response:  # noqa: A002 -- the name in the address
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        if await customer_of(tx, request, found, shopper) is not None:
            return RedirectResponse(_inside(next, found), status_code=303)
        by_phone = await takes_phones(tx, found)
    return private_page(
        request, "account_sign_in.html", shop=found, values={}, errors={}, next=next, by_phone=by_phone
    )


@router.post("/account/sign-in")
@public
async def ask_code(
    request: Request,
    shop: str,
    db: Db,
    email: Text = "",
    next: NextForm = "",  # noqa: A002 -- the name of the field
) -> Response:
    """Send a code to this address, or number.  The answer is the same whoever has it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        by_phone = await takes_phones(tx, found)
    language = language_of(request, found.locale)
    try:
        async with db.transaction() as tx:
            asked = await customers.signing_in.ask_code(
                tx,
                shop=found,
                contact=email,
                network=network_of(request),
                locale=language.tag,
                box=secrets.box(services_of(request).given),
            )
    except Refusal as refusal:
        return private_page(
            request,
            "account_sign_in.html",
            status=refusal.status,
            shop=found,
            values={"email": email},
            errors={"email": message_of(refusal, language)},
            next=next,
            by_phone=by_phone,
        )
    query = f"?next={next}" if next and languages.own_path(next) == next and "&" not in next else ""
    response = RedirectResponse(f"/s/{found.slug}/account/code{query}", status_code=303)
    remember_code(response, request, found, asked.device)
    return response


def network_of(request: Request) -> int | None:
    networks = services_of(request).networks
    return None if networks is None or request.client is None else networks.key(request.client.host)


def remember_code(response: Response, request: Request, shop: Shop, device: str) -> None:
    """The browser waits for the code."""
    response.set_cookie(
        CODE_COOKIE,
        device,
        max_age=_CODE_SECONDS,
        path=f"/s/{shop.slug}/account",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


async def takes_phones(tx: Tx, shop: Shop) -> bool:
    """Whether one may sign in by a code sent to a phone."""
    kind = notices.Kind.SIGN_IN_CODE
    return await sms.sends(tx, shop_id=shop.id, kind=kind) is not None


def shown_contact(contact: str | None) -> str | None:
    # A number stays on one line.
    return phones.shown(contact).replace(" ", "\u00a0") if contact and "@" not in contact else contact


async def _code_page(
    request: Request,
    found: Shop,
    email: str | None,
    *,
    code: str = "",
    refusal: Refusal | None = None,
    onward: str = "",
) -> Response:
    error = "" if refusal is None else message_of(refusal, language_of(request, found.locale))
    return private_page(
        request,
        "account_code.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        email=shown_contact(email),
        values={"code": code},
        errors={"code": error} if error else {},
        next=onward,
    )


@router.get("/account/code")
@public
async def code_page(request: Request, shop: str, db: Db, next: Next = "") -> Response:  # noqa: A002
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        email = await customers.signing_in.waits_for(
            tx, shop_id=found.id, device=request.cookies.get(CODE_COOKIE)
        )
    if email is None:
        return RedirectResponse(f"/s/{found.slug}/account/sign-in", status_code=303)
    return await _code_page(request, found, email, onward=next)


@router.get("/account/code/{code}")
@public
async def code_link(request: Request, shop: str, code: Code, db: Db) -> Response:
    """The link in the message.  It signs nobody in by itself; on another device it says where the code belongs."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        email = await customers.signing_in.waits_for(
            tx, shop_id=found.id, device=request.cookies.get(CODE_COOKIE)
        )
    if email is None:
        return private_page(request, "account_elsewhere.html", shop=found, code=code)
    return await _code_page(request, found, email, code=code)


@router.post("/account/code")
@public
async def send_code(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    code: Text = "",
    next: NextForm = "",  # noqa: A002 -- the name of the field
) -> Response:
    device = request.cookies.get(CODE_COOKIE)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        email = await customers.signing_in.waits_for(tx, shop_id=found.id, device=device)
        opened = await customers.signing_in.open_account(
            tx,
            shop_id=found.id,
            device=device,
            code=code,
            shopper=shopper,
            browser=user_agent(request),
            locale=language_of(request, found.locale).tag,
        )
    if isinstance(opened, Refusal):
        return await _code_page(request, found, email, refusal=opened, onward=next)
    response = back(_inside(next, found), request, N_("You're signed in."))
    response.set_cookie(
        COOKIE,
        opened.token,
        max_age=_SESSION_SECONDS,
        path=f"/s/{found.slug}",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )
    response.delete_cookie(CODE_COOKIE, path=f"/s/{found.slug}/account", httponly=True, samesite="lax")
    return response


def drop_session(response: Response, shop: Shop) -> None:
    response.delete_cookie(COOKIE, path=f"/s/{shop.slug}", httponly=True, samesite="lax")


@router.post("/account/sign-out")
@public
async def sign_out(request: Request, shop: str, db: Db, everywhere: Tick = False) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await customers.signing_in.sign_out(
            tx, shop_id=found.id, token=token_of(request), everywhere=everywhere
        )
    said = N_("You're signed out on all devices.") if everywhere else N_("You're signed out.")
    response = back(f"/s/{found.slug}/orders", request, said)
    drop_session(response, found)
    return response


# The account


# What they sign in with


# Addresses


# All that is kept, and the end of it
