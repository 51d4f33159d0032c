"""Refusals and faults as people see them: a page in their language, or JSON for a program.

What the codes say is in `messages.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope

from shopfloor import accounts, auth
from shopfloor.accounts import Actor, Shop
from shopfloor.auth.api import SESSION_COOKIE
from shopfloor.kernel import form_data, http
from shopfloor.kernel.asgi import BodyTooLarge
from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Refusal,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.services import services_of
from shopfloor.web import corrections
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.messages import MESSAGES
from shopfloor.web.questions import way_back
from shopfloor.web.templating import render

TITLES: Final = {
    401: N_("Please sign in"),
    403: N_("No permission"),
    404: N_("Nothing here"),
    405: N_("This can't be done at this address"),
    409: N_("No longer possible"),
    413: N_("Too large"),
    422: N_("That didn't work"),
    429: N_("Too fast"),
    500: N_("Something went wrong"),
    503: N_("One moment"),
}
# What the server itself refuses, where the sentence of its code says too little to somebody at a page.
SENTENCES: Final = {
    400: N_("The browser's request couldn't be read. Go back and try again."),
    404: N_("The address may be mistyped, or the page has moved."),
    413: N_("What was sent is too large. Go back and send less."),
}
ADVICE: Final = N_("An owner of the shop can change your role under Members.")
# Where a method is refused, by whether the address can be opened at all.
_ONLY_FORMS: Final = (
    N_("This page can't be opened directly"),
    N_("It only answers a form. Go back and send the form again."),
)
_ONLY_OPENED: Final = N_("This page can only be opened. What was sent here has changed nothing.")
# What a status means where nothing but the status is known.
_KINDS: Final[Mapping[int, type[Refusal]]] = {
    kind.status: kind
    for kind in (
        Invalid, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, Conflict, BodyTooLarge, TooMany, Unavailable,
    )
}  # fmt: skip
_PROGRAMS: Final = ("/v1/", "/room/", "/media/", "/e", "/metrics", "/healthz", "/static/", "/pictures/")


class SentBack(Exception):
    """A form was refused, and leads back to its page, which says why."""

    def __init__(self, response: Response) -> None:
        super().__init__("sent back")
        self.response = response


def message_of(refusal: Refusal, language: Language) -> str:
    """The refusal in the reader's language."""
    return sentence(refusal.code, refusal.message, refusal.facts, language)


def sentence(code: str, otherwise: str, facts: Mapping[str, object], language: Language) -> str:
    # The most exact sentence there is: of this field, of this reason, of the limit that it names.
    limits = [each for each in ("longest", "shortest") if each in facts]
    of_field = [f"{facts.get('field')}.{each}" for each in limits]
    exact = (f"{code}.{each}" for each in (*of_field, facts.get("field"), facts.get("why"), *limits))
    known = next((MESSAGES[each] for each in exact if each in MESSAGES), MESSAGES.get(code))
    if known is None:
        return otherwise
    words = language.words.gettext(known)
    try:
        return words % language.facts(facts)
    except (KeyError, TypeError, ValueError):
        return otherwise


def refused_text(refused: Mapping[str, str] | None, language: Language) -> dict[str, str] | None:
    """What `parts.refused_by` read from an address, with `text` in the reader's language."""
    if refused is None:
        return None
    known = refused["code"] if refused["code"] in MESSAGES else "conflict"
    return {**refused, "text": sentence(known, "", dict(refused), language)}


def wants_page(request: Request) -> bool:
    """Whether a person in a browser is asking, rather than a script or another program."""
    path = request.url.path
    if path.startswith(_PROGRAMS) and path != "/e":
        return False
    return "text/html" in request.headers.get("accept", "")


@dataclass(frozen=True, slots=True)
class _Where:
    """The shop that an address belongs to, and who acts in it; a page that says no keeps both."""

    shop: Shop | None = None
    actor: Actor | None = None
    in_console: bool = False


async def _where(request: Request, problem: Exception | None) -> _Where:
    """Nothing is looked up while the database may be away: this page must be shown in any case."""
    place = request.url.path.split("/")
    in_console = place[1:2] in (["console"], ["account"])
    if len(place) < 3 or place[1] not in {"s", "console"} or isinstance(problem, DatabaseAway):
        return _Where(in_console=in_console)
    db = services_of(request).db
    try:
        async with db.transaction() as tx:
            if in_console:
                actor = await auth.actor(tx, request.cookies.get(SESSION_COOKIE), place[2])
                return _Where(await accounts.shop(tx, actor.shop_id), actor, in_console)
            return _Where(await accounts.shop_by_slug(tx, place[2]))
    except Exception:  # noqa: BLE001 -- whatever it is: what is to be said is something else
        return _Where(in_console=in_console)


async def refusal_page(request: Request, refusal: Refusal) -> Response:
    """A refusal as a full page: in words, in its shop, with ways on.  A refused text comes back to be corrected."""
    where = await _where(request, refusal)
    language = language_of(request, where.shop.locale if where.shop else None)
    correction = corrections.of_refusal(request, refusal, language.words.gettext)
    if correction is not None:
        return correction_page(
            request,
            correction,
            shop=where.shop,
            actor=where.actor,
            in_console=where.in_console,
            status=refusal.status,
        )
    return _page(
        request,
        where,
        status=refusal.status,
        message=message_of(refusal, language),
        advice=language.words.gettext(ADVICE) if where.actor and isinstance(refusal, Forbidden) else "",
    )


def correction_page(
    request: Request,
    found: corrections.Correction,
    *,
    shop: Shop | None,
    actor: Actor | None,
    in_console: bool,
    status: int = 422,
) -> Response:
    """The form that was sent, once more, with the texts in it that were refused."""
    words = language_of(request, shop.locale if shop else None).words.gettext
    return render(
        request,
        "correct.html",
        status=status,
        found=found,
        label=lambda name: corrections.label(name, words),
        action=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        on_air="/studio/" in request.url.path,
        back=way_back(request, ""),
        shop=shop,
        actor=actor,
        in_console=in_console,
    )


def _page(
    request: Request,
    where: _Where,
    *,
    status: int,
    message: str,
    title: str = "",
    advice: str = "",
    incident: str | None = None,
) -> Response:
    words = language_of(request, where.shop.locale if where.shop else None).words
    return render(
        request,
        "error.html",
        status=status,
        title=title or words.gettext(TITLES.get(status, TITLES[500 if status >= 500 else 422])),
        message=message,
        advice=advice,
        incident=incident,
        ways=[(address, words.gettext(label)) for address, label in _ways_on(request, where, status)],
        typed=[(corrections.label(each.name, words.gettext), each) for each in corrections.typed(request)],
        shop=where.shop,
        actor=where.actor,
        in_console=where.in_console,
    )


def _ways_on(request: Request, where: _Where, status: int) -> Iterator[tuple[str, str]]:
    """Addresses to go on to, the likeliest first."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if status == Unauthenticated.status:
        yield "/sign-in?" + urlencode({"to": here if request.method == "GET" else "/console"}), N_("Sign in")
    if request.method == "GET" and (status >= 500 or status == TooMany.status):
        yield here, N_("Try again")
    back = way_back(request, "")
    if back and back != here:
        yield back, N_("Back")
    if where.actor and where.shop:
        yield f"/console/{where.shop.slug}", N_("Overview")
    elif where.in_console:
        yield "/console", N_("Your shops")
    elif where.shop:
        yield f"/s/{where.shop.slug}", N_("Go to the shop")
    else:
        yield "/", N_("All shops")


async def answer_refusal(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)
    if not wants_page(request):
        return await http.render_refusal(request, problem)
    if (
        problem.status == Unauthenticated.status
        and request.url.path.startswith(("/console", "/account"))
        and request.method in {"GET", "HEAD"}
    ):
        return sign_in_first(request)
    return await refusal_page(request, problem)


def sign_in_first(request: Request) -> Response:
    """To the sign-in, and from there back."""
    query = f"?{request.url.query}" if request.url.query else ""
    onward = urlencode({"to": request.url.path + query})
    return RedirectResponse(f"/sign-in?{onward}", status_code=303)


async def answer_http(request: Request, problem: Exception) -> Response:
    """What the router itself refuses: no such path, wrong method."""
    assert isinstance(problem, HTTPException)
    refusal = _of_status(problem.status_code)
    allow = http.allowed_methods(request) if problem.status_code == MethodNotAllowed.status else ""
    if wants_page(request):
        where = await _where(request, None)
        words = language_of(request, where.shop.locale if where.shop else None).words
        title, message = "", SENTENCES.get(problem.status_code, MESSAGES[refusal.code])
        if allow:
            title, message = ("", _ONLY_OPENED) if "GET" in allow else _ONLY_FORMS
        response = _page(
            request,
            where,
            status=problem.status_code,
            message=words.gettext(message),
            title=title and words.gettext(title),
        )
    else:
        if allow:
            refusal = MethodNotAllowed(method=request.method, allow=allow)
        response = http.refusal_response(refusal)
    response.status_code = problem.status_code
    response.headers.update(problem.headers or {})
    if allow:
        response.headers["allow"] = allow
    return response


async def answer_invalid(request: Request, problem: Exception) -> Response:
    """A path or form that does not parse.  In a path it means that nothing is there."""
    assert isinstance(problem, RequestValidationError)
    if not wants_page(request):
        return await http.render_invalid(request, problem)
    where = await _where(request, problem)
    language = language_of(request, where.shop.locale if where.shop else None)
    correction = corrections.of_invalid(request, problem, language.words.gettext)
    if correction is not None:
        return correction_page(
            request, correction, shop=where.shop, actor=where.actor, in_console=where.in_console
        )
    in_path = any(error["loc"][:1] == ("path",) for error in problem.errors())
    return await refusal_page(request, _of_status(404 if in_path else 422))


async def answer_incident(request: Request, problem: Exception) -> Response:
    if not wants_page(request):
        return await http.render_incident(request, problem)
    where = await _where(request, problem)
    language = language_of(request, where.shop.locale if where.shop else None)
    return _page(
        request,
        where,
        status=500,
        message=sentence("bug", "", {}, language),
        incident=http.log_incident(problem, path=request.url.path),
    )


async def page_at_the_edge(app: FastAPI, scope: Scope, receive: Receive, refusal: Refusal) -> Response | None:
    """What a person sees of a refusal that was made before the application was asked; None for programs.

    A form that was refused unread is read for what was typed, which the page shows.
    """
    request = Request({**scope, "app": app}, receive)
    if not wants_page(request):
        return None
    await form_data.read_texts(request)
    return await refusal_page(request, refusal)


def _of_status(status: int) -> Refusal:
    kind = _KINDS.get(status, Invalid)
    return kind(SENTENCES[status] if kind is BodyTooLarge else MESSAGES[kind.code])


async def answer_sent_back(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, SentBack)
    return problem.response


def install(app: FastAPI) -> None:
    app.add_exception_handler(SentBack, answer_sent_back)
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(Exception, answer_incident)
