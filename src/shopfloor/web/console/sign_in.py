"""Signing in and out, the first owner's link, invitations, and the choice of a shop."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts
from shopfloor.accounts.api import (
    SESSION_COOKIE,
    MaybeSignedIn,
    SignedIn,
    clear_session,
    client_address,
    is_secure,
    known_device,
    public,
    set_device,
    set_session,
    user_agent,
)
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.web.languages import language_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import render

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form()]
CURRENCIES: Final = ("CNY", "EUR", "USD", "GBP", "JPY", "KRW", "HKD", "TWD", "SGD", "AUD", "CAD", "CHF")


def onward(address: str | None) -> str:
    """An address of this site to go on to; anything else is the console."""
    parts = urlsplit(address or "")
    inside = address is not None and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if address and inside and not parts.netloc else "/console"


@router.get("/sign-in")
@public
async def sign_in_page(
    request: Request, person: MaybeSignedIn, to: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    if person is not None:
        return RedirectResponse(onward(to), status_code=303)
    return render(request, "console/sign_in.html", to=onward(to), values={}, errors={})


@router.post("/sign-in")
@public
async def sign_in(
    request: Request, db: Db, email: Text = "", password: Text = "", to: Text = "/console"
) -> Response:
    try:
        token = await accounts.sign_in(
            db,
            email=email,
            password=password,
            address=client_address(request),
            previous=request.cookies.get(SESSION_COOKIE),
            device=known_device(request, email),
            user_agent=user_agent(request),
        )
    except Refusal as refusal:
        errors = {"": message_of(refusal, language_of(request))}
        return render(
            request,
            "console/sign_in.html",
            to=onward(to),
            values={"email": email},
            errors=errors,
            status=refusal.status,
        )
    response = RedirectResponse(onward(to), status_code=303)
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, email)
    return response


@router.post("/sign-out")
@public
async def sign_out(request: Request, db: Db) -> Response:
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None:
        async with db.transaction() as tx:
            await accounts.sign_out(tx, session_token=token)
    response = RedirectResponse("/sign-in", status_code=303)
    clear_session(response, secure=is_secure(request))
    return response


@router.get("/claim/{token}")
@public
async def claim_page(request: Request, token: str, db: Db) -> Response:
    async with db.transaction() as tx:
        await accounts.check_claim(tx, token=token)
    return _claim_form(request, {"currency": "CNY"}, {})


def _claim_form(
    request: Request, values: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    return render(
        request, "console/claim.html", values=values, errors=errors, currencies=CURRENCIES, status=status
    )


@router.post("/claim/{token}")
@public
async def claim(
    request: Request,
    token: str,
    db: Db,
    email: Text = "",
    password: Text = "",
    name: Text = "",
    shop_name: Text = "",
    slug: Text = "",
    currency: Text = "CNY",
    timezone: Text = "Asia/Shanghai",
) -> Response:
    language = language_of(request)
    try:
        async with db.transaction() as tx:
            joined = await accounts.claim_owner(
                tx,
                token=token,
                email=email,
                password=password,
                name=name,
                shop_name=shop_name,
                slug=slug,
                currency=currency,
                locale=language.tag,
                timezone=timezone,
            )
    except Refusal as refusal:
        values = {
            "email": email, "name": name, "shop_name": shop_name, "slug": slug, "currency": currency, "timezone": timezone,
        }  # fmt: skip
        field = {"accounts.bad_email": "email", "accounts.weak_password": "password"}.get(refusal.code, "")
        field = str(refusal.facts.get("field", field)).replace("name", "shop_name")
        known = field if field in {"email", "password", "shop_name", "slug", "currency", "timezone"} else ""
        return _claim_form(request, values, {known: message_of(refusal, language)}, refusal.status)
    response = RedirectResponse(f"/console/{joined.shop.slug}", status_code=303)
    set_session(response, joined.session, secure=is_secure(request))
    set_device(request, response, joined.person.email)
    return response


@router.get("/join/{token}")
@public
async def join_page(request: Request, token: str, person: MaybeSignedIn, db: Db) -> Response:
    async with db.transaction() as tx:
        invitation = await accounts.invitation(tx, token=token)
        shop = await accounts.shop(tx, invitation.shop_id)
    return _join_form(request, invitation, shop, person, {"email": invitation.email or ""}, {})


def _join_form(
    request: Request,
    invitation: accounts.Invitation,
    shop: accounts.Shop,
    person: accounts.Person | None,
    values: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
) -> Response:
    return render(
        request,
        "console/join.html",
        invitation=invitation,
        invited_to=shop,
        person=person,
        values=values,
        errors=errors,
        status=status,
    )


@router.post("/join/{token}")
@public
async def join(
    request: Request,
    token: str,
    person: MaybeSignedIn,
    db: Db,
    email: Text = "",
    password: Text = "",
    name: Text = "",
) -> Response:
    session: str | None = None
    joined_as = ""
    try:
        async with db.transaction() as tx:
            if person is not None:
                shop = (await accounts.accept(tx, token=token, person=person)).shop
            else:
                joined = await accounts.join(tx, token=token, email=email, password=password, name=name)
                shop, session, joined_as = joined.shop, joined.session, joined.person.email
    except Refusal as refusal:
        async with db.transaction() as tx:
            invitation = await accounts.invitation(tx, token=token)
            invited_to = await accounts.shop(tx, invitation.shop_id)
        errors = {"": message_of(refusal, language_of(request))}
        values = {"email": email, "name": name}
        return _join_form(request, invitation, invited_to, person, values, errors, refusal.status)
    response = RedirectResponse(f"/console/{shop.slug}", status_code=303)
    if session is not None:
        set_session(response, session, secure=is_secure(request))
        set_device(request, response, joined_as)
    return response


@router.get("/console")
async def choose_shop(request: Request, person: SignedIn, db: Db) -> Response:
    """The shops of whoever signed in; with only one, it."""
    async with db.transaction() as tx:
        memberships = await accounts.memberships(tx, person.id)
    if len(memberships) == 1 and not person.is_operator:
        return RedirectResponse(f"/console/{memberships[0].shop.slug}", status_code=303)
    return render(
        request, "console/choose.html", memberships=memberships, person=person, values={"currency": "CNY"}, errors={},
        currencies=CURRENCIES,
    )  # fmt: skip


@router.post("/console")
async def open_shop(
    request: Request, person: SignedIn, db: Db, shop_name: Text = "", slug: Text = "", currency: Text = "CNY"
) -> Response:
    """One more shop on this node, by its operator."""
    if not person.is_operator:
        raise accounts.NotAllowed("Only the operator of this node opens shops.")
    language = language_of(request)
    try:
        async with db.transaction() as tx:
            shop = await accounts.create_shop(
                tx,
                owner_id=person.id,
                name=shop_name,
                slug=slug,
                currency=currency,
                locale=language.tag,
                timezone="UTC",
            )
    except Refusal as refusal:
        async with db.transaction() as tx:
            memberships = await accounts.memberships(tx, person.id)
        return render(
            request, "console/choose.html", memberships=memberships, person=person,
            values={"shop_name": shop_name, "slug": slug, "currency": currency},
            errors={"": message_of(refusal, language)}, currencies=CURRENCIES, status=refusal.status,
        )  # fmt: skip
    return RedirectResponse(f"/console/{shop.slug}", status_code=303)
