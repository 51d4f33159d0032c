"""The outermost layer of the application: who asks, how much they may send, what every answer says.

Everything that is served passes here, whatever is behind: pages, JSON, purchases, events, video, files.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor.kernel import http
from shopfloor.kernel.client_address import Network, client_address, forwarded_scheme
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.headers import RAW_HEADERS

MAX_BODY: Final = 1 << 20

# The most bytes the body of a request may have: asked only about one that is larger than MAX_BODY.
MayBeLarge = Callable[[Scope], Awaitable[int]]


class BodyTooLarge(Refusal):
    """The request is too large."""

    status = 413
    code = "request.too_large"


class Edge:
    """ASGI middleware in front of everything."""

    def __init__(
        self, app: ASGIApp, *, proxies: Sequence[Network] = (), may_be_large: MayBeLarge | None = None
    ) -> None:
        self._app = app
        self._proxies = proxies
        self._may_be_large = may_be_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        peer, port = scope.get("client") or ("", 0)
        headers = scope["headers"]
        scope["client"] = (client_address(peer, headers, self._proxies), port)
        scope["scheme"] = forwarded_scheme(peer, headers, self._proxies) or scope["scheme"]
        answer = _Answer(send)
        body = _Body(receive, scope, self._may_be_large)
        try:
            if scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
                await body.check_announced()
            await self._app(scope, body, answer)
        except Refusal as refusal:
            await answer.refuse(refusal.status, refusal.body(), close=True)
        except Exception as problem:  # noqa: BLE001 -- the last place that can answer
            incident = http.log_incident(problem, path=scope["path"])
            facts = {
                "code": "bug",
                "message": "Something broke on our side.",
                "facts": {"incident": incident},
            }
            await answer.refuse(500, facts, close=True)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            named = {name.lower() for name, _ in headers}
            headers += [pair for pair in RAW_HEADERS if pair[0] not in named]
            if message["status"] >= 500 and message["status"] != 503 and b"connection" not in named:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, status: int, body: dict[str, Any], *, close: bool) -> None:
        if self.started:
            raise ConnectionError("an answer broke after it had begun")
        content = msgspec.json.encode(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        if close:
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": content})


class _Body:
    """`receive` that hands on no more than the request may send."""

    def __init__(self, receive: Receive, scope: Scope, may_be_large: MayBeLarge | None) -> None:
        self._receive = receive
        self._scope = scope
        self._may_be_large = may_be_large
        self._limit = MAX_BODY
        self._asked = False
        self._size = 0

    async def check_announced(self) -> None:
        for name, value in self._scope["headers"]:
            if name == b"content-length" and value.isdigit():
                await self._check(int(value[:18]))

    async def _check(self, size: int) -> None:
        if size > self._limit and not self._asked and self._may_be_large is not None:
            self._asked = True
            self._limit = max(self._limit, await self._may_be_large(self._scope))
        if size > self._limit:
            raise BodyTooLarge(limit=self._limit)

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            await self._check(self._size)
        return message
