"""uvicorn's HTTP protocol with what it leaves out: a bounded number of connections, and deadlines.

A client that owes us something (the rest of a head, a body, reading its answer) owes it for some seconds only.
Nothing is done for each request but two assignments; a sweep once a second looks at all connections.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shopfloor.kernel.client_address import Network, client_address, is_trusted
from shopfloor.kernel.connections import Connections
from shopfloor.kernel.headers import RAW_HEADERS

HEAD_SECONDS: Final = 10.0
# Longer than any client in use keeps its end, so that it is the client who lets go.
IDLE_SECONDS: Final = 75.0
BODY_GRACE: Final = 10.0
BODY_BYTES_A_SECOND: Final = 2_048
READ_SECONDS: Final = 30.0
# What is still taken of a body after its request was answered, for as long as BODY_GRACE: closing at once would tear
# the answer from the sender's hands.
MOST_AFTER_ANSWER: Final = 4 << 20
MAX_HEAD: Final = 64 * 1024

_SAFE: Final = b"".join(b"%s: %s\r\n" % pair for pair in RAW_HEADERS)
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    + _SAFE
    + b"content-type: text/plain\r\ncontent-length: 29\r\n"
    b"retry-after: 2\r\nconnection: close\r\n\r\nToo many connections for now.\n"[:-1]
)


class Upgraded:
    """A WebSocket's place in the count."""

    __slots__ = ("_transport",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def abort(self) -> None:
        self._transport.abort()

    @property
    def is_gone(self) -> bool:
        return self._transport.is_closing()


def make_guarded_protocol(
    base: type[HttpToolsProtocol], connections: Connections, proxies: tuple[Network, ...] = (), *,
    websockets: Mapping[bytes, type[asyncio.Protocol]] | None = None,
    head_seconds: float = HEAD_SECONDS, idle_seconds: float = IDLE_SECONDS, body_grace: float = BODY_GRACE,
) -> type[HttpToolsProtocol]:  # fmt: skip
    """The class for `uvicorn.Config(http=…)`, on top of `base`.  Run `sweep` beside it.

    `websockets`: what stands at the end of those whose address begins so; the others are for `uvicorn.Config(ws=…)`.
    """

    class GuardedProtocol(base):
        in_head = False
        in_body = False
        head_size = 0
        body_size = 0
        after_answer = 0
        requests = 0
        by_proxy = False
        # What the sweep saw last, and since when.
        seen: object = None
        seen_at = 0.0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            peer = self.client[0] if self.client else "127.0.0.1"
            self.by_proxy = is_trusted(peer, proxies)
            if not connections.enter(self, peer):
                transport.write(_FULL)
                transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            connections.left(self)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.in_head:
                self.head_size += len(data)
                if self.head_size > MAX_HEAD:
                    self.send_400_response("The head of the request is too large.")
                    return
            if not self.transport.is_closing():
                super().data_received(data)

        def on_message_begin(self) -> None:
            self.in_head = True
            self.head_size = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.in_head = False
            self.in_body = True
            self.body_size = 0
            self.after_answer = 0
            self.requests += 1
            if self.by_proxy and self.client is not None:
                connections.move(self, client_address(self.client[0], self.headers, proxies))
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self.body_size += len(body)
            if self.is_answered:
                self.after_answer += len(body)
                if self.after_answer > MOST_AFTER_ANSWER:
                    self.transport.abort()
            super().on_body(body)

        def on_message_complete(self) -> None:
            self.in_body = False
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            content = msg.encode()
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\n%scontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%s" % (_SAFE, len(content), content)
            )
            self.transport.close()

        def handle_websocket_upgrade(self) -> None:
            connections.replace(self, Upgraded(self.transport))
            for beginning, protocol in (websockets or {}).items():
                if self.url.startswith(beginning):
                    self.ws_protocol_class = protocol
            super().handle_websocket_upgrade()

        def abort(self) -> None:
            self.transport.abort()

        @property
        def is_gone(self) -> bool:
            return self.transport.is_closing()

        @property
        def is_answered(self) -> bool:
            """The whole answer was handed over, whatever of the body is still to come."""
            cycle: Any = self.cycle
            return cycle is not None and cycle.response_complete

        def check(self, now: float) -> None:
            """Close it when its client has owed us something for too long."""
            cycle: Any = self.cycle
            answering = cycle is not None and not self.is_answered and not self.in_body
            if self.flow.write_paused:
                state, limit = ("unread", self.transport.get_write_buffer_size()), READ_SECONDS
            elif self.in_head or not self.requests:
                state, limit = ("head", self.requests), head_seconds
            elif self.in_body and self.is_answered:
                state, limit = ("rest", self.requests), body_grace
            elif self.in_body and not self.flow.read_paused:
                state, limit = ("body", self.requests), body_grace + self.body_size / BODY_BYTES_A_SECOND
            elif answering or self.in_body:
                state, limit = None, float("inf")
            else:
                state, limit = ("idle", self.requests), idle_seconds
            if state != self.seen:
                self.seen, self.seen_at = state, now
            elif now - self.seen_at > limit:
                self.transport.abort()

    return GuardedProtocol


async def sweep(connections: Connections, *, every: float = 1.0) -> None:
    """Hold all connections to their deadlines until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every)
        connections.sweep()
        now = loop.time()
        for connection in connections:
            check = getattr(connection, "check", None)
            if check is not None:
                check(now)
