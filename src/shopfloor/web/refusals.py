"""Refusals and faults as people see them: a page in their language, or JSON for a program.

What the codes say is in `messages.py`.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from shopfloor.kernel import http
from shopfloor.kernel.errors import Refusal, Unauthenticated
from shopfloor.web.languages import N_, Language, language_of, speak
from shopfloor.web.messages import MESSAGES
from shopfloor.web.templating import render

TITLES: Final = {
    401: N_("Please sign in"),
    403: N_("No permission"),
    404: N_("Nothing here"),
    405: N_("Not allowed"),
    409: N_("No longer possible"),
    413: N_("Too large"),
    422: N_("That didn't work"),
    429: N_("Too fast"),
    503: N_("One moment"),
}
_PROGRAMS: Final = ("/v1/", "/room/", "/media/", "/e", "/metrics", "/healthz", "/static/", "/pictures/")


def message_of(refusal: Refusal, language: Language) -> str:
    """The refusal in the reader's language."""
    return sentence(refusal.code, refusal.message, refusal.facts, language)


def sentence(code: str, otherwise: str, facts: dict[str, object], language: Language) -> str:
    known = MESSAGES.get(code)
    if known is None:
        return otherwise
    words = language.words.gettext(known)
    try:
        return words % facts
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


def refusal_page(request: Request, refusal: Refusal, *, back: str | None = None) -> Response:
    """A refusal as a full page; `back` is where its button leads."""
    words = speak(request)
    return render(
        request,
        "error.html",
        status=refusal.status,
        title=words.gettext(TITLES.get(refusal.status, TITLES[422])),
        message=message_of(refusal, language_of(request)),
        code=refusal.code,
        incident=None,
        back=back or "/",
        back_words=words.gettext("Back") if back else words.gettext("Go to the shop"),
    )


async def answer_refusal(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)
    if not wants_page(request):
        return await http.render_refusal(request, problem)
    if problem.status == Unauthenticated.status and request.url.path.startswith("/console"):
        return sign_in_first(request, problem)
    return refusal_page(request, problem)


def sign_in_first(request: Request, refusal: Refusal) -> Response:
    """To the sign-in, and from there back.  What a form carried is lost, so that is said before."""
    if request.method not in {"GET", "HEAD"}:
        return refusal_page(request, refusal, back="/sign-in")
    query = f"?{request.url.query}" if request.url.query else ""
    onward = urlencode({"to": request.url.path + query})
    return RedirectResponse(f"/sign-in?{onward}", status_code=303)


async def answer_http(request: Request, problem: Exception) -> Response:
    """What the router itself refuses: no such path, wrong method."""
    assert isinstance(problem, HTTPException)
    refusal = _of_status(problem.status_code)
    response = refusal_page(request, refusal) if wants_page(request) else http.refusal_response(refusal)
    response.status_code = problem.status_code
    response.headers.update(problem.headers or {})
    return response


async def answer_invalid(request: Request, problem: Exception) -> Response:
    """A path or form that does not parse.  In a path it means that nothing is there."""
    assert isinstance(problem, RequestValidationError)
    if not wants_page(request):
        return await http.render_invalid(request, problem)
    in_path = any(error["loc"][:1] == ("path",) for error in problem.errors())
    return refusal_page(request, _of_status(404 if in_path else 422))


async def answer_incident(request: Request, problem: Exception) -> Response:
    if not wants_page(request):
        return await http.render_incident(request, problem)
    words = speak(request)
    return render(
        request,
        "error.html",
        status=500,
        title=words.gettext("Something went wrong"),
        message=sentence("bug", "", {}, language_of(request)),
        code="bug",
        incident=http.log_incident(problem, path=request.url.path),
        back="/",
        back_words=words.gettext("Go to the shop"),
    )


def _of_status(status: int) -> Refusal:
    kinds = {kind.status: kind for kind in Refusal.__subclasses__()}
    kind = kinds.get(status) or kinds[404 if status == 405 else 422]
    return kind(MESSAGES[kind.code])


def install(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(Exception, answer_incident)
