"""POST /buy without ASGI: uvicorn's own HTTP protocol, with a short way for the plain purchase.

`make_http_protocol(endpoint)` gives the class that uvicorn is told to use (`http=`).  Everything is parsed by
uvicorn's parser; a plain purchase (JSON, known shopper, keep-alive) then goes to the door at once, without a
task, an event and a scope of its own, and its answer straight to the transport.  That is a third of the cost.
All other requests, and every purchase that is not plain, take uvicorn's way through the application.

Answers leave in the order of asking, also when both ways are mixed on one connection: while purchases are
under way, `_Pending` stands where uvicorn keeps its unfinished request, so that what comes behind queues up.
"""

from collections import deque
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shopfloor.kernel.headers import RAW_HEADERS
from shopfloor.purchases.endpoint import MAX_BODY, PurchaseEndpoint

PATH: Final = b"/buy"
# What stands behind the question mark is for proxies that keep a room on one process.
PATH_OF_A_ROOM: Final = b"/buy?room="
# Purchases one connection may have under way before it is read no further.
WINDOW: Final = 64

_HEAD: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    + b"content-type: application/json\r\ncache-control: no-store\r\n"
    + b"".join(b"%b: %b\r\n" % pair for pair in RAW_HEADERS)
    + (b"retry-after: 1\r\n" if status.value in {429, 503} else b"")
    for status in HTTPStatus
}


class _Event:
    """What uvicorn wakes when a request goes on or its connection is lost; nobody waits on this one."""

    def set(self) -> None: ...


class _Pending:
    """Stands for the purchases under way on a connection where uvicorn looks for an unfinished request."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.response_complete = True
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _Event()


class _Slot:
    """The place of one answer in the order of asking."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: bytes | None = None


_last: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")


def _shared(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The headers every answer has (the date), as bytes; uvicorn makes a new list of them every second."""
    global _last  # noqa: PLW0603 -- one clock for all connections
    if _last[0] is not headers:
        _last = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
    return _last[1]


def make_http_protocol(endpoint: PurchaseEndpoint) -> type[HttpToolsProtocol]:
    """The class for `uvicorn.Config(http=…)`."""

    class PurchaseProtocol(HttpToolsProtocol):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._pending = _Pending()
            self._slots: deque[_Slot] = deque()
            self._shopper: UUID | None = None
            self._address = ""
            self._body: list[bytes] = []
            self._size = 0
            self._held_back = False
            self._flushes = False

        # Parser callbacks

        def on_headers_complete(self) -> None:
            self._shopper = self._plain()
            if self._shopper is None:
                super().on_headers_complete()
                return
            peer: Any = self.client
            self._address = endpoint.address_of(peer[0] if peer else "", self.headers)
            self._body = []
            self._size = 0

        def _plain(self) -> UUID | None:
            """The shopper, when what is being parsed may go the short way."""
            cycle: Any = self.cycle
            parser: Any = self.parser
            if (
                self.url != PATH and not self.url.startswith(PATH_OF_A_ROOM)
            ) or parser.get_method() != b"POST":
                return None
            if cycle is not None and not cycle.response_complete and cycle is not self._pending:
                return None
            if self.pipeline or self.expect_100_continue or not parser.should_keep_alive():
                return None
            if parser.should_upgrade() or parser.get_http_version() != "1.1":
                return None
            if not self._pending.keep_alive:
                return None
            return endpoint.recognise(self.headers)

        def on_body(self, body: bytes) -> None:
            if self._shopper is None:
                super().on_body(body)
                return
            # What is too large is counted and dropped; the door says so.
            self._size += len(body)
            if self._size <= MAX_BODY or not self._body:
                self._body.append(body[: MAX_BODY + 1])

        def on_message_complete(self) -> None:
            shopper, self._shopper = self._shopper, None
            if shopper is None:
                super().on_message_complete()
                return
            pending: Any = self._pending
            pending.response_complete = False
            self.cycle = pending
            slot = _Slot()
            self._slots.append(slot)
            if len(self._slots) >= WINDOW or self.flow.write_paused:
                self._held_back = True
                self.flow.pause_reading()
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body = []
            if self._size > MAX_BODY:
                body = b" " * (MAX_BODY + 1)

            def reply(status: int, answer: bytes) -> None:
                shared = _shared(self.server_state.default_headers)
                slot.answer = b"%b%bcontent-length: %d\r\n\r\n%b" % (
                    _HEAD[status],
                    shared,
                    len(answer),
                    answer,
                )
                # Answers of one batch to one connection leave with one write.
                if not self._flushes and self._slots[0] is slot:
                    self._flushes = True
                    self.loop.call_soon(self._flush)

            endpoint.take(shopper, body, reply, self._address)

        # Answers

        def _flush(self) -> None:
            """Write what is ready, in order.  When nothing is left, let go on what waits behind."""
            self._flushes = False
            ready: list[bytes] = []
            while self._slots and (answer := self._slots[0].answer) is not None:
                ready.append(answer)
                self._slots.popleft()
            self.server_state.total_requests += len(ready)
            # A buyer who has gone is not told; what was granted stands, and the same id asked again gets it.
            if self.transport.is_closing():
                return
            self.transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
            self._read_on()
            if not self._slots:
                self._nothing_left()

        def _read_on(self) -> None:
            few = len(self._slots) < WINDOW // 2
            if self._held_back and few and not self.pipeline and not self.flow.write_paused:
                self._held_back = False
                self.flow.resume_reading()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._read_on()

        def _nothing_left(self) -> None:
            self._pending.response_complete = True
            if self.pipeline:
                cycle, app = self.pipeline.pop()
                self._start_asgi_task(cycle, app)
            elif not self._pending.keep_alive:
                self.transport.close()
            else:
                self._unset_keepalive_if_required()
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

        def shutdown(self) -> None:
            """Uvicorn is about to stop: who waits for an answer gets it, then the connection is closed."""
            if self._slots:
                self._pending.keep_alive = False
            super().shutdown()

    return PurchaseProtocol
