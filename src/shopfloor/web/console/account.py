"""What belongs to a person and to no shop: name, address, password, second factor, sessions; and a lost password."""

import re
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Form, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from shopfloor import access_keys, accounts, auth, forms, notifications
from shopfloor.auth.api import SESSION_COOKIE, SignedIn, prove, set_device, set_session
from shopfloor.kernel import late
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db, is_secure, public_host, user_agent
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web.forms import digest, new_name
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")

router = Router(include_in_schema=False)

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
        sessions = await auth.open_sessions(tx, person_id=person.id, session_token=token)
        factor = await auth.second_factor.second_factor_of(tx, person_id=person.id)
        reading = [
            each
            for each in await accounts.memberships(tx, person.id)
            if each.role in notifications.weekly.SEE_REPORTS
        ]
        unwanted = await notifications.weekly.unwanted_of(tx, person_id=person.id)
    return render(
        request,
        "console/account.html",
        person=person,
        values=values or {"name": person.name, "email": person.email},
        errors=errors or {},
        sessions=[(each, device_words(each.device)) for each in sessions],
        factor=factor,
        weekly=[(each.shop, each.shop.id not in unwanted) for each in reading],
        status=status,
    )


def _back(request: Request, said: str) -> Response:
    response = RedirectResponse("/account", status_code=303)
    flash(response, "good", speak(request).gettext(said))
    return response


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
            await prove(request, db, person, password=current)
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


@router.post("/account/weekly")
async def change_weekly(
    request: Request, person: SignedIn, db: Db, shop: Text = "", wanted: Text = ""
) -> Response:
    """The mail about the week of a shop this person belongs to: on with `wanted`, off without."""
    async with db.transaction() as tx:
        actor = await accounts.actor_of(tx, person_id=person.id, shop_slug=shop)
        if wanted:
            await notifications.weekly.turn_on(tx, shop_id=actor.shop_id, person_id=person.id)
        else:
            await notifications.weekly.turn_off(
                tx, shop_id=actor.shop_id, person_id=person.id, email=person.email
            )
    return _back(request, N_("Saved."))


@router.post("/account/password")
async def change_password(
    request: Request, person: SignedIn, db: Db, current: Text = "", new: Text = ""
) -> Response:
    try:
        await prove(request, db, person, password=current)
        async with db.transaction() as tx:
            token = await auth.change_password(
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
            await auth.end_session(tx, person_id=person.id, session_id=session)
        else:
            token = request.cookies.get(SESSION_COOKIE, "")
            await auth.end_other_sessions(tx, person_id=person.id, session_token=token)
    return _back(request, N_("Signed out there."))


# The second factor


def _issuer(request: Request) -> str:
    return auth.second_factor.issuer(public_host(request))


def _session(request: Request) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def _refused(request: Request, refusal: Refusal) -> dict[str, str]:
    """Beside the field it was typed in."""
    field = {"accounts.wrong_credentials": "password", "accounts.wrong_code": "code"}.get(refusal.code, "")
    return {field: _said(request, refusal)}


@router.post("/account/second-factor")
async def begin_second_factor(request: Request, person: SignedIn, db: Db, password: Text = "") -> Response:
    try:
        await prove(request, db, person, password=password)
        async with db.transaction() as tx:
            setup = await auth.second_factor.begin_second_factor(
                tx, person=person, session_token=_session(request), issuer=_issuer(request)
            )
    except Refusal as refusal:
        errors = {"factor": _refused(request, refusal)}
        return await _page(request, db, person, errors=errors, status=refusal.status)
    return RedirectResponse(f"/account/second-factor/{setup.name}", status_code=303)


@router.get("/account/second-factor/{name}")
async def scan(request: Request, person: SignedIn, db: Db, name: str) -> Response:
    """The code to scan, to this session only, for ten minutes."""
    return await _scan_page(request, person, db, name, {})


async def _scan_page(
    request: Request, person: accounts.Person, db: Db, name: str, errors: dict[str, str], status: int = 200
) -> Response:
    async with db.transaction() as tx:
        setup = await auth.second_factor.setup_of(
            tx, person=person, session_token=_session(request), name=name, issuer=_issuer(request)
        )
    drawing = segno.make(setup.uri, error="m", micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    return render(
        request,
        "console/second_factor.html",
        person=person,
        setup=setup,
        secret=" ".join(setup.secret[at : at + 4] for at in range(0, len(setup.secret), 4)),
        # Made of numbers by a library of ours: nothing in it was typed.
        drawing=Markup(drawing),  # noqa: S704
        errors=errors,
        status=status,
    )


@router.post("/account/second-factor/{name}")
async def confirm_second_factor(
    request: Request, person: SignedIn, db: Db, name: str, code: Text = ""
) -> Response:
    try:
        async with db.transaction() as tx:
            codes = await auth.second_factor.confirm_second_factor(
                tx, person=person, session_token=_session(request), name=name, code=code
            )
    except auth.second_factor.WrongCode as refusal:
        errors = {"code": message_of(refusal, language_of(request))}
        return await _scan_page(request, person, db, name, errors, refusal.status)
    return await _reveal(request, person, db, codes)


@router.post("/account/recovery-codes")
async def renew_recovery_codes(
    request: Request, person: SignedIn, db: Db, password: Text = "", code: Text = ""
) -> Response:
    try:
        await prove(request, db, person, password=password, code=code)
        async with db.transaction() as tx:
            codes = await auth.second_factor.renew_recovery_codes(tx, person_id=person.id)
    except Refusal as refusal:
        errors = {"codes": _refused(request, refusal)}
        return await _page(request, db, person, errors=errors, status=refusal.status)
    return await _reveal(request, person, db, codes)


async def _reveal(request: Request, person: accounts.Person, db: Db, codes: list[str]) -> Response:
    name = new_name()
    async with db.transaction() as tx:
        await forms.keep_secret(
            tx,
            key=digest("recovery codes", name),
            person_id=person.id,
            session_token=_session(request),
            secret="\n".join(codes),
        )
    return RedirectResponse(f"/account/recovery-codes/{name}", status_code=303)


async def _revealed(request: Request, person: accounts.Person, db: Db, name: str) -> str:
    """The codes under this name, for ten minutes and to the session that made them.  Raises UnknownSetup."""
    async with db.transaction() as tx:
        kept = await forms.kept_secret(
            tx, key=digest("recovery codes", name), person_id=person.id, session_token=_session(request)
        )
    if kept is None:
        raise access_keys.UnknownKey
    return kept


@router.get("/account/recovery-codes/{name}.txt")
async def recovery_codes_file(request: Request, person: SignedIn, db: Db, name: str) -> Response:
    codes = await _revealed(request, person, db, name)
    return Response(
        f"{_issuer(request)} · {person.email}\n\n{codes}\n",
        media_type="text/plain; charset=utf-8",
        headers={
            "content-disposition": 'attachment; filename="recovery-codes.txt"',
            "cache-control": "private, no-store",
        },
    )


@router.get("/account/recovery-codes/{name}")
async def recovery_codes(request: Request, person: SignedIn, db: Db, name: str) -> Response:
    codes = await _revealed(request, person, db, name)
    return render(request, "console/recovery_codes.html", person=person, codes=codes.split("\n"), name=name)


@router.post("/account/second-factor-off")
async def remove_second_factor(
    request: Request, person: SignedIn, db: Db, password: Text = "", code: Text = ""
) -> Response:
    try:
        await prove(request, db, person, password=password, code=code)
        async with db.transaction() as tx:
            await auth.second_factor.remove_second_factor(tx, person_id=person.id)
    except Refusal as refusal:
        errors = {"factor": _refused(request, refusal)}
        return await _page(request, db, person, errors=errors, status=refusal.status)
    return _back(request, N_("Two-step sign-in is off. Your password is enough again."))


@router.get("/reset/{token}")
@public
async def reset_page(request: Request, token: str, db: Db) -> Response:
    async with db.transaction() as tx:
        person = await auth.reset_for(tx, token=token)
    return render(request, "console/reset.html", whose=person, errors={})


@router.post("/reset/{token}")
@public
async def reset(request: Request, token: str, db: Db, password: Text = "") -> Response:
    try:
        async with db.transaction() as tx:
            person = await auth.reset_for(tx, token=token)
            await auth.reset_password(tx, token=token, password=password)
    except Refusal as refusal:
        # A link that is over says so again.
        async with db.transaction() as tx:
            person = await auth.reset_for(tx, token=token)
        errors = {"password": message_of(refusal, language_of(request))}
        return render(request, "console/reset.html", whose=person, errors=errors, status=refusal.status)
    response = RedirectResponse("/sign-in", status_code=303)
    set_device(request, response, person.email)
    flash(response, "good", speak(request).gettext(N_("The password is set. Sign in with it.")))
    return response
