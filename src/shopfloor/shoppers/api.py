"""Who is shopping, for endpoints; and the two middlewares of what anybody sees."""

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor import shoppers
from shopfloor.kernel import public_address
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.same_site import SameSite
from shopfloor.kernel.services import services_of
from shopfloor.shoppers.cookie import COOKIE


async def shopper(request: Request) -> UUID:
    """Who is shopping: from the signed cookie, or somebody new who gets it with this answer."""
    keyring = services_of(request).part(Keyring)
    known = shoppers.read_shopper(keyring, request.cookies.get(COOKIE))
    if known is not None:
        return known
    fresh: str | None = getattr(request.state, "new_shopper", None)
    if fresh is None:
        fresh = shoppers.issue_shopper(keyring)
        request.state.new_shopper = fresh
    found = shoppers.read_shopper(keyring, fresh)
    assert found is not None, "we have just signed it"
    return found


Shopper = Annotated[UUID, Depends(shopper)]


class ShopperCookie:
    """ASGI middleware: hands out the cookie that `shopper` made for somebody new."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = cast("dict[str, Any]", scope.setdefault("state", {}))

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and "new_shopper" in state:
                cookie = shoppers.cookie_header(state["new_shopper"], secure=self._secure)
                message = {**message, "headers": [*message.get("headers", ()), cookie]}
            await send(message)

        await self._app(scope, receive, with_cookie)


def install(app: FastAPI, *, public: public_address.PublicAddress | None) -> None:
    """Add the middlewares; `public` is the address of the shop, if known."""
    secure = public is not None and public.is_secure
    origin = () if public is None else (public.origin,)
    app.add_middleware(ShopperCookie, secure=secure)
    app.add_middleware(SameSite, origins=origin)
