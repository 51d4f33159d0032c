"""A WebSocket on asyncio, fast where messages are plain and small; the rest is done by `websockets`, sans I/O.

The handshake, and every incoming frame that is not a plain small one, goes through `ServerProtocol`.
"""

import asyncio
import socket
import time
from typing import Any, Final, cast

from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from shopfloor.kernel.headers import HEADERS
from shopfloor.rooms import wire

SEND_BUFFER: Final = 64 * 1024
SLOW_ABOVE: Final = 64 * 1024
STALLED: Final = 10.0
PING_AFTER: Final = 20.0
DEAD_AFTER: Final = 45.0

_FACTORY: Final = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True
)


class WebSocket(asyncio.Protocol):
    """One connection.  What stands at its end overrides the hooks; text messages come to `received`."""

    def __init__(self, connections: set[Any]) -> None:
        self.connections = connections
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.seen = 0.0
        self.pinged = False
        self.closing = False
        self.deflate = False
        self.open = False
        self._buffer = b""
        self._message: list[bytes] = []
        self._sans_io = ServerProtocol(extensions=[_FACTORY], max_size=wire.MAX_MESSAGE)

    # Hooks

    def clock(self) -> float:
        """Now, in seconds since 1970; a clock that stands still for a tick will do."""
        return time.time()

    def refusal_of(self, request: Request) -> tuple[int, str] | None:
        """Status and code of the reason why this request gets no connection, or None."""
        raise NotImplementedError

    def opened(self) -> None:
        """The handshake is done."""

    def received(self, payload: bytes | bytearray) -> None:
        """A text message came."""
        raise NotImplementedError

    def received_binary(self) -> None:
        """Something came that is no text."""

    def write_now(self, data: bytes) -> None:
        """Write what waits, then `data`."""
        if not self.transport.is_closing():
            self.transport.write(data)

    # Connection

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        self.seen = self.clock()
        if not self.open:
            self._shake_hands(data)
            return
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        position, size = 0, len(data)
        while size - position >= 2 and not self.closing:
            second = data[position + 1]
            length = second & 0x7F
            head = 6
            if length >= 126:
                head = 8 if length == 126 else 14
                if size - position < head:
                    break
                length = int.from_bytes(data[position + 2 : position + head - 4])
            if second < 0x80 or length > wire.MAX_MESSAGE:
                # A frame no browser sends: let the protocol fail the connection as it must be failed.
                self._uncommon(data[position:])
                return
            end = position + head + length
            if end > size:
                break
            if data[position] == 0x81 and not self._message:
                body = position + head
                self.received(apply_mask(data[body:end], data[body - 4 : body]))
            else:
                self._uncommon(data[position:end])
            position = end
        if position < size and not self.closing:
            self._buffer = data[position:]

    def _shake_hands(self, data: bytes) -> None:
        protocol = self._sans_io
        protocol.receive_data(data)
        # A page sends nothing before it has its answer, so nothing but the request can be in here.
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._answer_handshake(event)
        if protocol.handshake_exc is not None or (protocol.parser_exc is not None and not self.open):
            self.closing = True
            self.transport.close()

    def _answer_handshake(self, request: Request) -> None:
        protocol = self._sans_io
        refusal = self.refusal_of(request)
        if refusal is not None:
            status, code = refusal
            response = protocol.reject(
                status, wire.encode({"code": code, "message": code, "facts": {}}).decode()
            )
            response.headers["Cache-Control"] = "no-store"
            for name, value in HEADERS.items():
                response.headers[name] = value
        else:
            response = protocol.accept(request)
        protocol.send_response(response)
        self.transport.write(b"".join(protocol.data_to_send()))
        if protocol.state is not OPEN:
            self.closing = True
            self.transport.close()
            return
        self.open = True
        self.seen = time.time()
        # Compressed frames are made with the full window; who asked for a smaller one gets plain frames.
        self.deflate = any(
            isinstance(extension, PerMessageDeflate) and extension.local_max_window_bits == 15
            for extension in protocol.extensions
        )
        self._bound_buffers()
        self.opened()

    def _bound_buffers(self) -> None:
        """A reader that does not read must not fill the kernel's memory before anybody notices."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            if raw.family in {socket.AF_INET, socket.AF_INET6}:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport.set_write_buffer_limits(high=SLOW_ABOVE, low=SLOW_ABOVE // 4)

    def _uncommon(self, data: bytes) -> None:
        """Whole frames that are fragments, compressed, control frames or wrong."""
        protocol = self._sans_io
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame) and not self.closing:
                self._frame(event)
        self._send_protocol_output()

    def _frame(self, event: Frame) -> None:
        match event.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._message.append(bytes(event.data))
                if event.fin:
                    whole, self._message = b"".join(self._message), []
                    self.received(whole)
            case Opcode.BINARY:
                self.received_binary()
            case Opcode.PONG:
                self.pinged = False
            case _:
                pass

    def _send_protocol_output(self) -> None:
        """Pongs and the closing handshake."""
        for data in self._sans_io.data_to_send():
            if data == SEND_EOF:
                self.closing = True
                self.transport.close()
            elif not self.transport.is_closing():
                self.transport.write(data)
        if self._sans_io.parser_exc is not None or self._sans_io.state is not OPEN:
            self.closing = True
            self.transport.close()

    def keep_alive(self, now: float) -> None:
        silent = now - self.seen
        if silent > DEAD_AFTER:
            self.abort()
        elif silent > PING_AFTER and not self.pinged and not self.closing:
            self.pinged = True
            self.transport.write(wire.ping_frame())
        elif silent < PING_AFTER:
            self.pinged = False

    def close(self, code: int, reason: str) -> None:
        """Say why, and close; the transport is cut if the goodbye does not get through."""
        if self.closing:
            return
        self.write_now(wire.close_frame(code, reason))
        self.closing = True
        self.transport.close()
        asyncio.get_running_loop().call_later(STALLED, self.transport.abort)

    def abort(self) -> None:
        """Do not wait for what is unsent."""
        self.closing = True
        self.transport.abort()
