"""Every route says who may use it: whoever has a session, whoever has a key, or everybody.

    @decides(Decision.SESSION)
    async def signed_in_person(request: Request, db: Db) -> Person: ...

    @router.get("/s/{shop}")
    @public
    async def page(shopper: Shopper, …)

A dependency that refuses whoever may not is marked with `decides`; `check_every_route_is_decided` refuses to start a
shop where a route has none and is not `public`.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.routing import BaseRoute, Mount, Router

from shopfloor.kernel.routes import LateRoute

Decides = TypeVar("Decides")
_DECISION: Final = "decides_who_may"


class Decision(StrEnum):
    """By what a dependency lets somebody in."""

    SESSION = "session"
    KEY = "key"
    NOBODY = "nobody"


def decides(decision: Decision) -> Callable[[Decides], Decides]:
    """For a function or a class that FastAPI is given as a dependency: it refuses whoever may not."""

    def mark(dependency: Decides) -> Decides:
        setattr(dependency, _DECISION, decision)
        return dependency

    return mark


def decision_of(dependency: object) -> Decision | None:
    return getattr(dependency, _DECISION, None)


@decides(Decision.NOBODY)
class _Public:
    """`@public` on an endpoint or an ASGI app, or `Depends(public)` on a route or router."""

    # FastAPI asks for the signature of a dependency: as one, this takes nothing.
    __signature__ = inspect.Signature()

    def __call__(self, endpoint: Any = None) -> Any:
        if endpoint is not None:
            endpoint.is_public = True
        return endpoint


public = _Public()


class UndecidedRoutes(Exception):
    """A bug of ours: routes that nobody decided about, by path."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__("routes without allowed(), signed_in_person, keyed() or public: " + ", ".join(paths))
        self.paths = list(paths)


def check_every_route_is_decided(app: FastAPI, *, public_paths: Collection[str] = ()) -> None:
    """Raise UndecidedRoutes when a route neither names who may use it nor is public.

    Of a route that is not built yet this is found out before it answers for the first time, and then it does not.

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
    if decision_of(dependant.call) is Decision.SESSION:
        return True
    return any(_wants_session(inner) for inner in dependant.dependencies)


def _undecided(routes: Sequence[BaseRoute], *, known: set[str], above: str) -> Iterable[str]:
    built: list[BaseRoute] = []
    for route in routes:
        if not isinstance(route, LateRoute) or route.is_built:
            built.append(route)
        elif above + route.path not in known and not _is_public(route.endpoint):
            route.when_built(_check)
    # What a router says of all its routes is in the context, not in the route.
    for context in iter_route_contexts(built):
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


def _check(route: APIRoute) -> None:
    if not _decides(route.dependant):
        raise UndecidedRoutes([route.path])


def _is_public(endpoint: object) -> bool:
    return getattr(endpoint, "is_public", False) is True


def _decides(dependant: Dependant) -> bool:
    if decision_of(dependant.call) is not None:
        return True
    return any(_decides(inner) for inner in dependant.dependencies)
