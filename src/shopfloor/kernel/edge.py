"""The outermost layer of the application: who asks, how much they may send, what every answer says.

Everything that is served passes here, whatever is behind: pages, JSON, purchases, events, video, files.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor.kernel import http
from shopfloor.kernel.asgi import BodyTooLarge, announced_length
from shopfloor.kernel.client_address import Network, client_address, forwarded_scheme
from shopfloor.kernel.errors import Refusal, Unavailable
from shopfloor.kernel.headers import RAW_HEADERS

MAX_BODY: Final = 1 << 20
# What is still read, and for how long, of a body that was refused.
DRAINED: Final = 4 << 20
DRAIN_SECONDS: Final = 2.0

# The most bytes the body of a request may have: asked only about one that is larger than MAX_BODY.
MayBeLarge = Callable[[Scope], Awaitable[int]]
# A page that says the refusal to people, and what they had typed, which it reads itself; None where a program asks.
PageOf = Callable[[Scope, Receive, Refusal], Awaitable[Response | None]]


class AnswerBroken(ConnectionError):
    """What should be said is said too late: an answer had begun."""


class Edge:
    """ASGI middleware in front of everything."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        proxies: Sequence[Network] = (),
        may_be_large: MayBeLarge | None = None,
        page_of: PageOf | None = None,
    ) -> None:
        self._app = app
        self._proxies = proxies
        self._may_be_large = may_be_large
        self._page_of = page_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        peer, port = scope.get("client") or ("", 0)
        headers = scope["headers"]
        scope["client"] = (client_address(peer, headers, self._proxies), port)
        scope["scheme"] = forwarded_scheme(peer, headers, self._proxies) or scope["scheme"]
        body = _Body(receive, scope, self._may_be_large)
        answer = _Answer(send, body, scope, self._page_of)
        try:
            await body.check_announced()
            await self._app(scope, body, answer)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except asyncio.CancelledError:
            # The process ends and waits no longer: the server would call it our fault, and say nothing of trying again.
            if not answer.started:
                await answer.say(Unavailable.status, msgspec.json.encode(Unavailable().body()))
            raise
        except Exception as problem:
            incident = http.log_incident(problem, path=scope["path"])
            if answer.ended:
                # The framework raises what it has answered once more, for whoever wants to log it.
                return
            if answer.started:
                # Whoever reads the answer must see that it is not whole: the server closes the connection.
                raise
            facts = {
                "code": "bug",
                "message": "Something broke on our side.",
                "facts": {"incident": incident},
            }
            await answer.say(500, msgspec.json.encode(facts))


class _Answer:
    """`send` with the headers of every answer.  What reads bodies may take too large a one for a broken one and
    answer 400: then this answers in its place.
    """

    def __init__(self, send: Send, body: "_Body", scope: Scope, page_of: PageOf | None) -> None:
        self._send = send
        self._body = body
        self._scope = scope
        self._page_of = page_of
        self._refused = False
        self.started = False
        self.ended = False

    async def __call__(self, message: Message) -> None:
        if self._refused:
            return
        refusal = self._body.refusal
        if refusal is not None and not self.started:
            await self.refuse(refusal)
            return
        await self._pass(message)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            named = {name.lower() for name, _ in headers}
            headers += [pair for pair in RAW_HEADERS if pair[0] not in named]
            if message["status"] >= 500 and message["status"] != 503 and b"connection" not in named:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended = True

    async def refuse(self, refusal: Refusal) -> None:
        """As a page for people, as JSON for programs, and where no page can be made."""
        page: Response | None = None
        if self._page_of is not None and not self._refused:
            try:
                page = await self._page_of(self._scope, self._body.rest, refusal)
            except Exception as problem:  # noqa: BLE001 -- the refusal is what must be said
                http.log_incident(problem, path=self._scope["path"])
        if page is None:
            await self.say(refusal.status, msgspec.json.encode(refusal.body()))
        else:
            await self.say(refusal.status, bytes(page.body), b"text/html; charset=utf-8")

    async def say(self, status: int, content: bytes, kind: bytes = b"application/json") -> None:
        """Answer with this and close."""
        if self._refused:
            return
        if self.started:
            raise AnswerBroken
        self._refused = True
        headers = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
        ]
        if status in {429, 503}:
            headers.append((b"retry-after", b"1"))
        await self._pass({"type": "http.response.start", "status": status, "headers": headers})
        await self._pass({"type": "http.response.body", "body": content, "more_body": True})
        if self._body.refusal is not None:
            await self._body.drain()
        await self._pass({"type": "http.response.body", "body": b""})


class _Body:
    """`receive` that hands on no more than the request may send."""

    def __init__(self, receive: Receive, scope: Scope, may_be_large: MayBeLarge | None) -> None:
        self._receive = receive
        self._scope = scope
        self._may_be_large = may_be_large
        self._limit = MAX_BODY
        self._asked = False
        self._size = 0
        self._is_whole = False
        self.refusal: BodyTooLarge | None = None

    async def check_announced(self) -> None:
        announced = announced_length(self._scope)
        if announced is not None:
            await self._check(announced)

    async def _check(self, size: int) -> None:
        if size > self._limit and not self._asked and self._may_be_large is not None:
            self._asked = True
            self._limit = max(self._limit, await self._may_be_large(self._scope))
        if size > self._limit:
            self.refusal = BodyTooLarge(limit=self._limit)
            raise self.refusal

    async def drain(self) -> None:
        """Read what is on its way for a moment: closing at once would tear the answer from the sender's hands."""
        left = 0 if self._is_whole else DRAINED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return

    async def rest(self) -> Message:
        """`receive` for whoever reads a body of which nothing was read, however large it is; else there is nothing left."""
        if self._size or self._is_whole:
            return {"type": "http.request", "body": b"", "more_body": False}
        message = await self._receive()
        self._is_whole = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            await self._check(self._size)
        return message
