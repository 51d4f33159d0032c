"""What belongs to a person and to no shop: name, address, password, where they are signed in; and a lost password."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts
from shopfloor.accounts.api import (
    SESSION_COOKIE,
    SignedIn,
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
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=2000)]
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("MicroMessenger", "WeChat"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Mac OS X", "Mac"), ("Linux", "Linux"),
)  # fmt: skip


def device_words(device: str) -> str:
    """What a browser calls itself as people say it ("Firefox, Windows"); a program by its first word."""
    found = [next((name for mark, name in marks if mark in device), "") for marks in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or re.split(r"[\s/]", device, maxsplit=1)[0][:40]


async def _page(
    request: Request,
    db: Db,
    person: accounts.Person,
    *,
    values: dict[str, str] | None = None,
    errors: dict[str, dict[str, str]] | None = None,
    status: int = 200,
) -> Response:
    token = request.cookies.get(SESSION_COOKIE, "")
    async with db.transaction() as tx:
        sessions = await accounts.open_sessions(tx, person_id=person.id, session_token=token)
    return render(
        request,
        "console/account.html",
        person=person,
        values=values or {"name": person.name, "email": person.email},
        errors=errors or {},
        sessions=[(each, device_words(each.device)) for each in sessions],
        status=status,
    )


def _back(request: Request, said: str) -> Response:
    response = RedirectResponse("/account", status_code=303)
    flash(response, "good", speak(request).gettext(said))
    return response


async def _prove(request: Request, db: Db, person: accounts.Person, password: str) -> None:
    await accounts.check_password(
        db,
        email=person.email,
        password=password,
        address=client_address(request),
        device=known_device(request, person.email),
    )


@router.get("/account")
async def account(request: Request, person: SignedIn, db: Db) -> Response:
    return await _page(request, db, person)


@router.post("/account/person")
async def change_person(
    request: Request, person: SignedIn, db: Db, name: Text = "", email: Text = "", current: Text = ""
) -> Response:
    """Another name as it is; another address, with which one signs in, by the password."""
    try:
        if email.strip().lower() != person.email:
            await _prove(request, db, person, current)
        async with db.transaction() as tx:
            await accounts.change_person(tx, person_id=person.id, name=name, email=email)
    except Refusal as refusal:
        field = {
            "accounts.bad_email": "email", "accounts.email_taken": "email", "accounts.wrong_credentials": "current",
        }.get(refusal.code, "name" if refusal.facts.get("field") == "name" else "")  # fmt: skip
        return await _page(
            request, db, person,
            values={"name": name, "email": email},
            errors={"person": {field: _said(request, refusal)}},
            status=refusal.status,
        )  # fmt: skip
    response = _back(request, N_("Saved."))
    set_device(request, response, email)
    return response


@router.post("/account/password")
async def change_password(
    request: Request, person: SignedIn, db: Db, current: Text = "", new: Text = ""
) -> Response:
    try:
        await _prove(request, db, person, current)
        async with db.transaction() as tx:
            token = await accounts.change_password(
                tx, person_id=person.id, current=current, new=new, device=user_agent(request)
            )
    except Refusal as refusal:
        field = {"accounts.wrong_credentials": "current", "accounts.weak_password": "new"}.get(
            refusal.code, ""
        )
        return await _page(
            request, db, person, errors={"password": {field: _said(request, refusal)}}, status=refusal.status
        )
    response = _back(request, N_("The password is changed. All other devices are signed out."))
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, person.email)
    return response


def _said(request: Request, refusal: Refusal) -> str:
    if refusal.code == "accounts.wrong_credentials":
        return speak(request).gettext(N_("This is not your password."))
    return message_of(refusal, language_of(request))


@router.post("/account/sessions/end")
async def end_session(request: Request, person: SignedIn, db: Db, session: Text = "") -> Response:
    """One session, or with none named all but this one."""
    async with db.transaction() as tx:
        if session:
            await accounts.end_session(tx, person_id=person.id, session_id=session)
        else:
            token = request.cookies.get(SESSION_COOKIE, "")
            await accounts.end_other_sessions(tx, person_id=person.id, session_token=token)
    return _back(request, N_("Signed out there."))


@router.get("/reset/{token}")
@public
async def reset_page(request: Request, token: str, db: Db) -> Response:
    async with db.transaction() as tx:
        person = await accounts.reset_for(tx, token=token)
    return render(request, "console/reset.html", whose=person, errors={})


@router.post("/reset/{token}")
@public
async def reset(request: Request, token: str, db: Db, password: Text = "") -> Response:
    try:
        async with db.transaction() as tx:
            person = await accounts.reset_for(tx, token=token)
            await accounts.reset_password(tx, token=token, password=password)
    except accounts.WeakPassword as refusal:
        async with db.transaction() as tx:
            person = await accounts.reset_for(tx, token=token)
        errors = {"password": message_of(refusal, language_of(request))}
        return render(request, "console/reset.html", whose=person, errors=errors, status=refusal.status)
    response = RedirectResponse("/sign-in", status_code=303)
    set_device(request, response, person.email)
    flash(response, "good", speak(request).gettext(N_("The password is set. Sign in with it.")))
    return response
