"""Signing in and out, the first owner's link, invitations, and the choice of a shop."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, auth, notifications
from shopfloor.auth.api import (
    SESSION_COOKIE,
    MaybeSignedIn,
    SignedIn,
    clear_session,
    known_device,
    set_device,
    set_session,
)
from shopfloor.kernel.errors import Conflict, Forbidden, Refusal
from shopfloor.kernel.http import Db, client_address, is_secure, user_agent
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web import regions
from shopfloor.web.languages import language_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import render
from shopfloor.web.unsubscribe import count_request

router = Router(include_in_schema=False)

Text = Annotated[str, Form()]


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
        token = await auth.sign_in(
            db,
            email=email,
            password=password,
            address=client_address(request),
            previous=request.cookies.get(SESSION_COOKIE),
            device=known_device(request, email),
            user_agent=user_agent(request),
        )
    except auth.second_factor.SecondFactorNeeded as needed:
        return _code_form(request, str(needed.facts["challenge"]), onward(to), {})
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


def _code_form(
    request: Request, challenge: str, to: str, errors: dict[str, str], status: int = 200
) -> Response:
    return render(
        request, "console/sign_in_code.html", challenge=challenge, to=to, errors=errors, status=status
    )


@router.post("/sign-in/code")
@public
async def sign_in_code(
    request: Request, db: Db, challenge: Text = "", code: Text = "", to: Text = "/console"
) -> Response:
    """The second step: a code of the app, or a recovery code."""
    language = language_of(request)
    try:
        async with db.transaction() as tx:
            person = await auth.second_factor.challenged(tx, token=challenge)
        token = await auth.second_factor.finish_sign_in(
            db,
            token=challenge,
            code=code,
            previous=request.cookies.get(SESSION_COOKIE),
            device=known_device(request, person.email),
            user_agent=user_agent(request),
        )
    except Refusal as refusal:
        message = message_of(refusal, language)
        if refusal.code == "accounts.sign_in_expired":
            return render(
                request, "console/sign_in.html", to=onward(to), values={}, errors={"": message}, status=refusal.status
            )  # fmt: skip
        field = "code" if refusal.code == "accounts.wrong_code" else ""
        return _code_form(request, challenge, onward(to), {field: message}, refusal.status)
    response = RedirectResponse(onward(to), status_code=303)
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, person.email)
    return response


@router.get("/forgot")
@public
async def forgot_page(request: Request) -> Response:
    return render(request, "console/forgot.html", values={}, errors={}, sent="")


@router.post("/forgot")
@public
async def forgot(request: Request, db: Db, email: Annotated[str, Form(max_length=320)] = "") -> Response:
    """Says the same of every address, known or not."""
    language = language_of(request)
    try:
        count_request(request)
        async with db.transaction() as tx:
            await notifications.ask_reset(tx, email=email, locale=language.tag)
    except Refusal as refusal:
        field = "email" if refusal.code == "notifications.not_an_address" else ""
        errors = {field: message_of(refusal, language)}
        return render(
            request,
            "console/forgot.html",
            values={"email": email},
            errors=errors,
            sent="",
            status=refusal.status,
        )
    return render(request, "console/forgot.html", values={}, errors={}, sent=email.strip())


@router.post("/sign-out")
@public
async def sign_out(request: Request, db: Db) -> Response:
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None:
        async with db.transaction() as tx:
            await auth.sign_out(tx, session_token=token)
    response = RedirectResponse("/sign-in", status_code=303)
    clear_session(response, secure=is_secure(request))
    return response


@router.get("/claim/{token}")
@public
async def claim_page(request: Request, token: str, db: Db) -> Response:
    async with db.transaction() as tx:
        await auth.check_claim(tx, token=token)
    return _claim_form(request, _usual(request), {})


def _usual(request: Request) -> dict[str, str]:
    """What a new shop most likely has; a script puts the browser's own zone in its place."""
    return {"currency": regions.usual_currency(request), "timezone": regions.usual_zone(request)}


def _said(request: Request, faults: Mapping[str, Refusal]) -> dict[str, str]:
    """What is wrong, beside the field it is wrong in."""
    language = language_of(request)
    named = {"name": "shop_name", "person": "name", "locale": ""}
    return {named.get(field, field): message_of(fault, language) for field, fault in faults.items()}


def _choices(request: Request) -> dict[str, object]:
    language = language_of(request)
    return {"currencies": regions.currencies(language.tag), "zones": regions.zone_groups(language)}


def _claim_form(
    request: Request, values: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    return render(
        request, "console/claim.html", values=values, errors=errors, status=status, **_choices(request)
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
    currency: Text = "",
    timezone: Text = "",
) -> Response:
    async with db.transaction() as tx:
        await auth.check_claim(tx, token=token)
    slug = slug.strip().lower()
    new_shop = {
        "slug": slug, "currency": currency, "locale": language_of(request).tag.replace("-", "_"), "timezone": timezone,
    }  # fmt: skip
    faults = accounts.faults.of_shop(name=shop_name, **new_shop) | auth.faults.of_person(
        email=email, password=password, name=name, shops=(shop_name, slug)
    )
    if faults:
        values = {
            "email": email, "name": name, "shop_name": shop_name, "slug": slug, "currency": currency, "timezone": timezone,
        }  # fmt: skip
        return _claim_form(request, values, _said(request, faults), 422)
    async with db.transaction() as tx:
        joined = await auth.claim_owner(
            tx, token=token, email=email, password=password, name=name, shop_name=shop_name, **new_shop
        )
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
    async with db.transaction() as tx:
        invitation = await accounts.invitation(tx, token=token)
        shop = await accounts.shop(tx, invitation.shop_id)
    language = language_of(request)
    values = {"email": email, "name": name}
    if person is None:
        faults = auth.faults.of_person(
            email=email, password=password, name=name, shops=(shop.name, shop.slug)
        )
        if faults:
            return _join_form(request, invitation, shop, person, values, _said(request, faults), 422)
    session: str | None = None
    try:
        async with db.transaction() as tx:
            if person is not None:
                await accounts.accept(tx, token=token, person=person)
            else:
                joined = await auth.join(tx, token=token, email=email, password=password, name=name)
                session = joined.session
    except (Conflict, Forbidden) as refusal:
        field = "" if person is not None else "email"
        errors = {field: message_of(refusal, language)}
        return _join_form(request, invitation, shop, person, values, errors, refusal.status)
    response = RedirectResponse(f"/console/{shop.slug}", status_code=303)
    if session is not None:
        set_session(response, session, secure=is_secure(request))
        set_device(request, response, email)
    return response


@router.get("/console")
async def choose_shop(request: Request, person: SignedIn, db: Db) -> Response:
    """The shops of whoever signed in; with only one, it."""
    async with db.transaction() as tx:
        memberships = await accounts.memberships(tx, person.id)
    if len(memberships) == 1 and not person.is_operator:
        return RedirectResponse(f"/console/{memberships[0].shop.slug}", status_code=303)
    return _shop_choice(request, person, memberships, _usual(request), {})


def _shop_choice(
    request: Request,
    person: accounts.Person,
    memberships: Sequence[accounts.Membership],
    values: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
) -> Response:
    return render(
        request,
        "console/choose.html",
        memberships=memberships,
        person=person,
        values=values,
        errors=errors,
        status=status,
        **_choices(request),
    )


@router.post("/console")
async def open_shop(
    request: Request,
    person: SignedIn,
    db: Db,
    shop_name: Text = "",
    slug: Text = "",
    currency: Text = "",
    timezone: Text = "",
) -> Response:
    """One more shop on this node, by its operator."""
    if not person.is_operator:
        raise accounts.NotAllowed("Only the operator of this node opens shops.")
    slug = slug.strip().lower()
    new_shop = {
        "name": shop_name, "slug": slug, "currency": currency,
        "locale": language_of(request).tag.replace("-", "_"), "timezone": timezone,
    }  # fmt: skip
    faults = accounts.faults.of_shop(**new_shop)
    if not faults:
        try:
            async with db.transaction() as tx:
                shop = await accounts.create_shop(tx, owner_id=person.id, **new_shop)
        except Conflict as refusal:
            faults = {"slug": refusal}
        else:
            return RedirectResponse(f"/console/{shop.slug}", status_code=303)
    async with db.transaction() as tx:
        memberships = await accounts.memberships(tx, person.id)
    values = {"shop_name": shop_name, "slug": slug, "currency": currency, "timezone": timezone}
    status = next(iter(faults.values())).status
    return _shop_choice(request, person, memberships, values, _said(request, faults), status)
