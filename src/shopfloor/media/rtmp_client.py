"""The publishing side of RTMP: a connection to another server that takes our stream.

    publication = await Publication.open(target, key, addresses)
    publication.send(VIDEO, timestamp, payload)
    await publication.drained()

Over TLS where the address begins with rtmps.  What the server says beside is heard by `listen`, which ends with it.
"""

import asyncio
import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from shopfloor.kernel.errors import Invalid, Unavailable
from shopfloor.kernel.records import dataclass
from shopfloor.media import amf
from shopfloor.media.chunks import (
    AUDIO,
    COMMAND,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    ChunkReader,
    Message,
    cut,
)
from shopfloor.media.models import BadStream

STEP_SECONDS: Final = 10.0
# Bytes that may wait in the socket before a sender waits.
HIGH: Final = 256 << 10
_CHUNK: Final = 4_096
_HANDSHAKE: Final = 1_536
_PORTS: Final = {"rtmp": 1935, "rtmps": 443}
_PING_REQUEST, _PING_RESPONSE = 6, 7
_LONGEST: Final = 500


class BadDestination(Invalid):
    """The address must begin with rtmp:// or rtmps:// and name a server and an application, as the platform shows it."""

    code = "media.bad_destination"


class DestinationAway(Unavailable):
    """The other server can't be reached, or hung up."""

    code = "media.destination_away"


class DestinationRefused(Unavailable):
    """The other server doesn't take this stream: check the key."""

    code = "media.destination_refused"


@dataclass(frozen=True, slots=True)
class Target:
    """`app` is the path, without the key."""

    secure: bool
    host: str
    port: int
    app: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "rtmps" if self.secure else "rtmp"
        port = "" if self.port == _PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{host}{port}/{self.app}"


def target_of(url: str) -> Target:
    """An address as a platform shows it.  Raises BadDestination."""
    if len(url) > _LONGEST or not url.isascii() or any(c.isspace() for c in url):
        raise BadDestination
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise BadDestination from problem
    app = parts.path.strip("/") + (f"?{parts.query}" if parts.query else "")
    if (
        parts.scheme not in _PORTS
        or port == 0
        or not parts.hostname
        or parts.username is not None
        or not app
        or parts.fragment
    ):
        raise BadDestination
    return Target(parts.scheme == "rtmps", parts.hostname, port or _PORTS[parts.scheme], app)


class Publication:
    """One stream to one server.  Raises DestinationAway where the line breaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming = ChunkReader()
        self._chunk = 128
        self._stream = 0

    @classmethod
    async def open(
        cls, target: Target, key: str, addresses: Sequence[str], *, context: ssl.SSLContext | None = None
    ) -> "Publication":
        """Connect to one of these addresses and publish.  Raises DestinationAway, DestinationRefused."""
        secure = (context or ssl.create_default_context()) if target.secure else None
        publication: Publication | None = None
        try:
            async with asyncio.timeout(3 * STEP_SECONDS):
                publication = cls(*await _connected(target, addresses, secure))
                await publication._publish(target, key)
        except (OSError, TimeoutError, EOFError, BadStream, asyncio.IncompleteReadError) as problem:
            if publication is not None:
                publication.abort()
            raise DestinationAway(why=type(problem).__name__) from problem
        except BaseException:
            if publication is not None:
                publication.abort()
            raise
        return publication

    async def _publish(self, target: Target, key: str) -> None:
        writer, reader = self._writer, self._reader
        writer.transport.set_write_buffer_limits(high=HIGH)
        greeting = bytes(8) + os.urandom(_HANDSHAKE - 8)
        writer.write(b"\x03" + greeting)
        answer = await reader.readexactly(1 + _HANDSHAKE)
        if answer[0] != 3:
            raise BadStream("This is no RTMP server.")
        writer.write(answer[1:])
        await reader.readexactly(_HANDSHAKE)
        self._send(Message(SET_CHUNK_SIZE, 0, 0, _CHUNK.to_bytes(4)), csid=2)
        self._chunk = _CHUNK
        facts = {
            "app": target.app, "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible; Shopfloor)", "tcUrl": target.url,
        }  # fmt: skip
        await self._ask(1, "connect", facts)
        # Servers of the Flash era want to hear these; others ignore them.
        self._command(2, "releaseStream", None, key)
        self._command(3, "FCPublish", None, key)
        created = await self._ask(4, "createStream", None)
        number = created[3] if len(created) > 3 else None
        self._stream = int(number) if isinstance(number, float | int) else 1
        self._command(5, "publish", None, key, "live", stream=self._stream)
        while True:
            said = await self._heard()
            if said[:1] == ["onStatus"]:
                info = said[3] if len(said) > 3 else None
                code = str(info.get("code", "")) if isinstance(info, dict) else ""
                if code == "NetStream.Publish.Start":
                    return
                if isinstance(info, dict) and info.get("level") == "error":
                    raise DestinationRefused(said=code)
            elif said[:2] == ["_error", 5.0]:
                raise DestinationRefused

    def send(self, kind: int, timestamp: int, payload: bytes) -> None:
        self._send(Message(kind, self._stream, timestamp, payload), csid=4 if kind == AUDIO else 6)

    async def drained(self) -> None:
        """Wait until there is room in the line."""
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await self._writer.drain()
        except (OSError, TimeoutError) as problem:
            raise DestinationAway(why=type(problem).__name__) from problem

    async def listen(self) -> None:
        """Hear the server until it hangs up or turns the stream away."""
        try:
            while True:
                said = await self._heard()
                info = said[3] if said[:1] == ["onStatus"] and len(said) > 3 else None
                if isinstance(info, dict) and info.get("level") == "error":
                    raise DestinationRefused(said=str(info.get("code", "")))
        except (OSError, EOFError, BadStream) as problem:
            raise DestinationAway(why=type(problem).__name__) from problem

    async def close(self) -> None:
        """Say goodbye, then hang up."""
        with suppress(OSError, TimeoutError):
            self._command(6, "FCUnpublish", None)
            self._command(7, "deleteStream", None, self._stream)
            async with asyncio.timeout(1.0):
                await self._writer.drain()
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()

    async def _ask(self, number: int, name: str, *values: object) -> list[amf.Value]:
        self._command(number, name, *values)
        while True:
            said = await self._heard()
            if said[:2] == ["_result", float(number)]:
                return said
            if said[:2] == ["_error", float(number)]:
                raise DestinationRefused

    async def _heard(self) -> list[amf.Value]:
        """The next command; pings are answered on the way."""
        while True:
            for message in self._incoming.messages():
                if message.type == COMMAND:
                    return amf.decode(message.payload)
                if message.type == USER_CONTROL and message.payload[:2] == _PING_REQUEST.to_bytes(2):
                    pong = _PING_RESPONSE.to_bytes(2) + message.payload[2:6]
                    self._send(Message(USER_CONTROL, 0, 0, pong), csid=2)
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._incoming.feed(data)

    def _command(self, number: int, name: str, *values: object, stream: int = 0) -> None:
        self._send(Message(COMMAND, stream, 0, amf.encode(name, number, *values)), csid=3)

    def _send(self, message: Message, *, csid: int) -> None:
        self._writer.write(cut(message, csid=csid, chunk_size=self._chunk))


async def _connected(
    target: Target, addresses: Sequence[str], context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    last: OSError = OSError("no address")
    for address in addresses[:3]:
        try:
            async with asyncio.timeout(STEP_SECONDS):
                return await asyncio.open_connection(
                    address, target.port, ssl=context, server_hostname=target.host if context else None
                )
        except OSError as problem:
            last = problem
    raise last
