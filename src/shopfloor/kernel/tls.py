"""TLS in this process: a handshake counts as a connection and has a deadline; then the protocol begins as without it."""

import asyncio
import ssl
from typing import Any, Final, cast

from shopfloor.kernel.connections import Connections

HANDSHAKE_SECONDS: Final = 10.0
GOODBYE_SECONDS: Final = 5.0


class _Until(asyncio.Protocol):
    """Keeps what arrives between the end of the handshake and the begin of the protocol."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.is_over = False
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def eof_received(self) -> bool:
        self.is_over = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


def make_tls_protocol(
    base: type[asyncio.Protocol],
    context: ssl.SSLContext,
    connections: Connections,
    *,
    handshake_seconds: float = HANDSHAKE_SECONDS,
) -> type[asyncio.Protocol]:
    """The class for `uvicorn.Config(http=…)`: TLS first, then `base`.

    The server's own TLS makes `base` when the handshake is over, so that whoever never ends one is in no count.
    """
    running: set[asyncio.Task[None]] = set()

    class TlsProtocol(asyncio.Protocol):
        def __init__(self, **named: Any) -> None:
            self._named = named
            self._transport: asyncio.Transport = cast("asyncio.Transport", None)
            self._early: list[bytes] = []

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast("asyncio.Transport", transport)
            peer = transport.get_extra_info("peername")
            if not connections.enter(self, peer[0] if peer else "127.0.0.1"):
                self._transport.abort()
                return
            task = asyncio.get_running_loop().create_task(self._begin())
            running.add(task)
            task.add_done_callback(running.discard)

        def data_received(self, data: bytes) -> None:
            """A client that was quick: its first bytes are there before the handshake's own protocol is in place."""
            self._early.append(data)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.left(self)

        def abort(self) -> None:
            self._transport.abort()

        @property
        def is_gone(self) -> bool:
            return self._transport.is_closing()

        async def _begin(self) -> None:
            loop, until = asyncio.get_running_loop(), _Until()
            try:
                begun = loop.create_task(
                    loop.start_tls(
                        self._transport, until, context, server_side=True,
                        ssl_handshake_timeout=handshake_seconds, ssl_shutdown_timeout=GOODBYE_SECONDS,
                    )
                )  # fmt: skip
                # Behind the two callbacks of its first step, which put the protocol in place and read on: so before
                # anything more is read.
                loop.call_soon(loop.call_soon, self._hand_over)
                secured = await begun
            except (OSError, ssl.SSLError, RuntimeError, asyncio.CancelledError):
                # No certificate yet, another protocol, a scan: nobody is there to be told.
                self._transport.abort()
                return
            finally:
                connections.left(self)
            if secured is None or until.lost:
                return
            protocol = base(**self._named)
            secured.set_protocol(protocol)
            protocol.connection_made(secured)
            for data in until.received:
                if not secured.is_closing():
                    protocol.data_received(data)
            if until.is_over:
                protocol.eof_received()

        def _hand_over(self) -> None:
            protocol: Any = self._transport.get_protocol()
            data = memoryview(b"".join(self._early))
            while data and protocol is not self and not self._transport.is_closing():
                place = protocol.get_buffer(len(data))
                size = min(len(place), len(data))
                place[:size] = data[:size]
                protocol.buffer_updated(size)
                data = data[size:]

    return TlsProtocol
