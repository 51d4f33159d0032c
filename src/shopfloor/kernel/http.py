"""What every HTTP endpoint shares: the database at hand, refusals as answers, incidents with a number."""

import re
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Match, compile_path
from starlette.types import Receive, Scope, Send

from shopfloor.kernel import border, logs, services
from shopfloor.kernel.client_address import UNKNOWN
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Invalid, Refusal
from shopfloor.kernel.paging import Page
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import new_id

Item = TypeVar("Item")

_log = logs.get("http")


def database(connection: HTTPConnection) -> Database:
    return services_of(connection).db


async def _pool(connection: HTTPConnection) -> Database:
    # What is no coroutine is called in a thread: a hundred times what the call takes, with every request.
    return database(connection)


# The pool, not a connection: a connection held by a request that streams would be gone for as long.
Db = Annotated[Database, Depends(_pool)]


def client_address(request: HTTPConnection) -> str:
    """Where a request came from; the edge of the server has put there what trusted proxies say."""
    return UNKNOWN if request.client is None else request.client.host


def is_secure(request: HTTPConnection) -> bool:
    """Are cookies to be kept to https?  Decided by the public address of the shop."""
    return services_of(request).public.is_secure


def user_agent(request: HTTPConnection) -> str:
    """What the browser calls itself."""
    return request.headers.get("user-agent", "")


def refusals(*kinds: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """Document, in OpenAPI, the refusals an endpoint may answer with."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = found.setdefault(kind.status, {"description": ""})
        entry["description"] = ", ".join(filter(None, [entry["description"], kind.code]))
    return found


class Csv(Response):
    """A spreadsheet, named as one in the document."""

    media_type = "text/csv"


async def as_download(pieces: AsyncGenerator[bytes], name: str) -> Response:
    """A spreadsheet that is sent while it is made.  What cannot be begun is refused as any answer is."""
    first = await anext(pieces)

    async def whole() -> AsyncGenerator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(
        whole(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


# For `openapi_extra`: the body is a file, sent as it is.
FILE_AS_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def refusal_response(refusal: Refusal) -> Response:
    headers = {"retry-after": "1"} if refusal.status in {429, 503} else None
    return JSONResponse(refusal.body(), status_code=refusal.status, headers=headers)


def allowed_methods(request: Request) -> str:
    """Every method that the path of `request` knows, for `Allow`: several routes may share it."""
    methods: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        if context.path and context.methods and _pattern(context.path).match(request.url.path):
            methods |= context.methods
    if "GET" in methods:
        # Asked of whatever answers GET, and answered with its headers.
        methods.add("HEAD")
    return ", ".join(sorted(methods))


@lru_cache(maxsize=2_000)
def _pattern(path: str) -> re.Pattern[str]:
    return compile_path(path)[0]


async def render_refusal(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal_response(refusal)


async def answer(request: Request, refusal: Refusal) -> Response:
    """The answer to a refusal made outside of a route: a page for people where pages are installed."""
    handler = request.app.exception_handlers.get(Refusal, render_refusal)
    response: Response = await handler(request, refusal)
    return response


async def render_invalid(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    fields = [
        {"at": ".".join(str(part) for part in error["loc"]), "why": error["msg"]}
        for error in problem.errors()
    ]
    return JSONResponse(
        {"code": "invalid", "message": "The request is invalid.", "facts": {"fields": fields}},
        status_code=422,
    )


async def render_incident(request: Request, problem: Exception) -> Response:
    incident = log_incident(problem, path=request.url.path)
    return JSONResponse(
        {"code": "bug", "message": "Something broke on our side.", "facts": {"incident": incident}},
        status_code=500,
    )


def log_incident(problem: BaseException, **facts: object) -> str:
    """Log a bug with its traceback under a number that is safe to show; return the number.

    Once: whoever meets the same exception again gets the number it has.
    """
    known = logs.incident_of(problem)
    if known is not None:
        return known
    incident = new_id().hex[-12:]
    _log.error("http.incident", incident=incident, exc_info=problem, **facts)
    logs.mark(problem, incident)
    return incident


async def render_cut_off(_: Request, problem: Exception) -> Response:
    """Whoever sent the request left before its body was whole: nothing of it counts, and nobody reads this."""
    assert isinstance(problem, ClientDisconnect)
    return refusal_response(Invalid("The request was cut off."))


def public_link(connection: HTTPConnection, path: str) -> str:
    """The full address of `path`, from the public address of the shop: what `Host` says is anybody's word."""
    return services_of(connection).public.link(path)


def with_links(request: Request, response: Response, turned: Page[Item]) -> list[Item]:
    """The items, with the addresses of the pages around them in the header `Link` (RFC 8288)."""
    links = [
        f'<{_address_of_page(request, name, mark)}>; rel="{rel}"'
        for rel, name, mark in (("next", "after", turned.next), ("prev", "before", turned.previous))
        if mark is not None
    ]
    if links:
        response.headers["link"] = ", ".join(links)
    return turned.items


def _address_of_page(request: Request, name: str, mark: object) -> str:
    kept = [
        pair
        for pair in parse_qsl(request.url.query, keep_blank_values=True)
        if pair[0] not in {"after", "before"}
    ]
    return f"{request.url.path}?{urlencode([*kept, (name, str(mark))])}"


def lead_to_path_without_slash(app: FastAPI) -> None:
    """`/s/corner/` leads to `/s/corner`, by its path: the framework's own redirect names the host that was asked for."""
    app.router.redirect_slashes = False
    nothing_there = app.router.default

    async def lead(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["type"] == "http" and path.endswith("/") and not path.startswith("//"):
            without = {**scope, "path": path.rstrip("/")}
            if any(route.matches(without)[0] is Match.FULL for route in app.routes):
                query = scope["query_string"].decode("latin-1")
                location = quote(without["path"]) + (f"?{query}" if query else "")
                await RedirectResponse(location, 307)(scope, receive, send)
                return
        await nothing_there(scope, receive, send)

    app.router.default = lead


def public_host(connection: HTTPConnection) -> str:
    """The name under which people know this node."""
    return services_of(connection).public.host


def install(app: FastAPI, given: services.Services) -> None:
    services.install(app, given)
    app.router.dependencies.append(Depends(border.check))
    app.add_exception_handler(Refusal, render_refusal)
    app.add_exception_handler(RequestValidationError, render_invalid)
    app.add_exception_handler(ClientDisconnect, render_cut_off)
    app.add_exception_handler(Exception, render_incident)
