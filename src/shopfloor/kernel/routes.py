"""Routes that read their parameters and models when they are first asked for.

FastAPI makes a validator of every parameter and every answer when a route is declared, and all of them anew when a
router is included: most of what a process would do before it serves, for hundreds of routes of which a visit needs a
few.  A route of a `Router` knows its path and methods at once and makes the rest with its first request (or whatever
else asks), `kernel.form_data` and `kernel.border` before everything else; `add_routes` takes routes over as they are.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, cast

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.responses import Response
from starlette.routing import Match, compile_path, get_name
from starlette.types import Scope

from shopfloor.kernel import border, form_data

_HOW: Final = "_how"
_PATTERN: Final = frozenset({"path_regex", "path_format", "param_convertors"})

Check = Callable[[APIRoute], None]


class LateRoute(APIRoute):
    """An APIRoute; its declaration is carried out when the first attribute is asked for that matching does not need."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **how: Any) -> None:
        self.path = path
        self.endpoint = endpoint
        self.name = how.get("name") or get_name(endpoint)
        self.methods = {method.upper() for method in how.get("methods") or ("GET",)}
        self.include_in_schema = how.get("include_in_schema", True)
        self._start = path.partition("{")[0]
        self._checks: list[Check] = []
        self._how = how

    def __getattr__(self, name: str) -> Any:
        how: dict[str, Any] | None = self.__dict__.get(_HOW)
        if how is None or name.startswith("__"):
            raise AttributeError(name)
        if name in _PATTERN:
            self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
        else:
            self._build(how)
        return getattr(self, name)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        # Most routes are told from others by how they begin: no pattern is needed for that.
        if scope["type"] == "http" and not get_route_path(scope).startswith(self._start):
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def with_form(request: Request) -> Response:
            await form_data.read(request)
            return await handle(request)

        return with_form

    @property
    def is_built(self) -> bool:
        return _HOW not in self.__dict__

    def when_built(self, check: Check) -> None:
        """Call `check` before the route is used for the first time; while it raises, the route answers nobody."""
        if self.is_built:
            check(self)
        else:
            self._checks.append(check)

    def _build(self, how: dict[str, Any]) -> None:
        before = dict(self.__dict__)
        del self.__dict__[_HOW]
        try:
            # What an application asks of all its routes is lost on those that are taken over as they are.
            declared: dict[str, Any] = {
                **how,
                "dependencies": [Depends(border.check), *(how.get("dependencies") or ())],
            }
            super().__init__(self.path, self.endpoint, **declared)
            for check in self._checks:
                check(self)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        self._checks.clear()


# As APIRouter, whose parameters it has.
Router = cast("type[APIRouter]", partial(APIRouter, route_class=LateRoute))


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """The routes of a router that says all there is to say of them, as they are: nothing is declared twice."""
    app.router.routes.extend(router.routes)
