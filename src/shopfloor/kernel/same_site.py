"""What changes something comes from our own pages."""

from collections.abc import Collection
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shopfloor.kernel.errors import Forbidden
from shopfloor.kernel.http import answer
from shopfloor.kernel.origin import is_same_site

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class CrossSite(Forbidden):
    """The request came from another site."""

    code = "accounts.cross_site"


class SameSite:
    """ASGI middleware: what changes something must come from our own pages."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] not in SAFE_METHODS
            and not is_same_site(scope["headers"], self._origins)
        ):
            refused = await answer(Request(scope), CrossSite())
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)
