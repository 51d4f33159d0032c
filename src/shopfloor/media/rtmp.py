"""The RTMP server: what OBS, ffmpeg and phones publish with.

One port, many channels.  Nothing that arrives before a stream key was accepted is looked at as media, and
whatever is not RTMP (HTTP, TLS, a port scan) is closed without a word.  A reset is an ordinary end.
"""

import asyncio
import errno
import os
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Final, Protocol, cast

from shopfloor.kernel import logs
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.media import amf
from shopfloor.media.chunks import (
    ACKNOWLEDGEMENT,
    AGGREGATE,
    AUDIO,
    COMMAND,
    COMMAND_AMF3,
    DATA,
    PEER_BANDWIDTH,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    WINDOW_SIZE,
    ChunkReader,
    Message,
    cut,
)
from shopfloor.media.models import BadMedia, BadStream, CodecRefused, EndCause, KeyRefused

APP: Final = "live"
WINDOW: Final = 2_500_000
CHUNK: Final = 65_536
_HANDSHAKE: Final = 1_536
_PING_REQUEST, _PING_RESPONSE = 6, 7

_log = logs.get("media")


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds and counts.  A publisher silent for `takeover_seconds` may be replaced by another with its key;
    every `recheck_seconds` the keys in use are compared with the database; media may run `lead` seconds ahead
    of the clock before its publisher is slowed down.

    Connections without a valid key are counted apart from `publishers`: there may be `strangers` of them.
    """

    step_seconds: float = 5.0
    publish_seconds: float = 15.0
    idle_seconds: float = 15.0
    drain_seconds: float = 1.0
    before_publish: int = 64 << 10
    publishers: int = 500
    strangers: int = 200
    lead: float = 10.0
    takeover_seconds: float = 3.0
    recheck_seconds: float = 5.0


class Sink(Protocol):
    """Where the media of an admitted publisher goes."""

    def video(self, timestamp: int, payload: bytes) -> None: ...

    def audio(self, timestamp: int, payload: bytes) -> None: ...

    def ended(self, cause: EndCause) -> None:
        """Called once, whatever happened."""
        ...

    def lead(self) -> float:
        """Seconds by which media is ahead of the clock."""
        ...


class _State(IntEnum):
    C0C1 = 0
    C2 = 1
    COMMANDS = 2
    ASKING = 3
    PUBLISHING = 4
    DRAINING = 5
    CLOSED = 6


class Publisher(asyncio.Protocol):
    """One connection."""

    by_key = True

    def __init__(self, server: "RtmpServer") -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._state = _State.C0C1
        self._transport: asyncio.Transport | None = None
        self._greeting = bytearray()
        self._reader = ChunkReader()
        self._received = 0
        self._acknowledged = 0
        self._heard = self._deadline_from = self._loop.time()
        self._connected = False
        self._sink: Sink | None = None
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._gone: Callable[[], None] | None = None
        self.address = ""

    @property
    def silent_for(self) -> float:
        """Seconds since the last byte."""
        return 0.0 if self._paused else self._loop.time() - self._heard

    def stop(self, cause: EndCause) -> None:
        """End the stream from our side."""
        self._end(cause)
        self._abort()

    def give_up(self) -> None:
        """There are too many connections, and this one goes."""
        _log.warning("media.connection_given_up", address=self.address)
        self.stop(EndCause.LOST)

    # ── the connection ────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods, not the base class.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if self._server.counter is not None:
            self._gone = self._server.counter.enter(self.address, self.give_up)
            if self._gone is None:
                self._abort()
                return
        self._server.entered(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = _State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
        self._end(EndCause.LOST)
        self._server.left(self)
        if self._gone is not None:
            self._gone()

    def eof_received(self) -> bool | None:
        return None  # close

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self._state >= _State.DRAINING:
            return
        self._received += len(data)
        try:
            if self._state < _State.COMMANDS:
                self._greet(data)
            else:
                self._reader.feed(data)
            self._pump()
        except BadStream as problem:
            if self._state >= _State.ASKING:
                _log.warning("media.bad_stream", address=self.address, why=problem.message)
            self.stop(EndCause.LOST)

    def _watch(self) -> None:
        """Once a second: has it gone quiet, or does it take too long to publish?"""
        limits, waited = self._server.limits, self._loop.time() - self._deadline_from
        late = {
            _State.C0C1: waited > limits.step_seconds,
            _State.C2: waited > limits.step_seconds,
            _State.COMMANDS: waited > (limits.publish_seconds if self._connected else limits.step_seconds),
            _State.ASKING: waited > limits.publish_seconds,
            _State.PUBLISHING: self.silent_for > limits.idle_seconds,
            _State.DRAINING: False,
            _State.CLOSED: False,
        }
        if late[self._state]:
            self._late()
            return
        self._timer = self._loop.call_later(min(1.0, limits.step_seconds / 2), self._watch)

    def _late(self) -> None:
        """Say goodbye where it can be understood: an encoder that hears why shows it to its user."""
        if self._state == _State.COMMANDS and self._connected:
            seconds = round(self._server.limits.publish_seconds)
            self._status("error", "NetStream.Publish.Failed", f"Nothing was published within {seconds} s.")
            self._enter(_State.DRAINING)
        else:
            self.stop(EndCause.LOST)

    def _enter(self, state: _State) -> None:
        self._state = state
        self._deadline_from = self._loop.time()
        if state == _State.DRAINING:
            # What is still on its way is read and dropped: hanging up at once would reset the connection and
            # take our last words with it.
            self._loop.call_later(self._server.limits.drain_seconds, self._abort)

    def _abort(self) -> None:
        self._state = _State.CLOSED
        if self._transport is not None:
            self._transport.abort()

    def _end(self, cause: EndCause) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.ended(cause)

    # ── handshake ─────────────────────────────────────────────────────────────────────────────────────

    def _greet(self, data: bytes) -> None:
        greeting = self._greeting
        greeting += data
        if greeting[0] != 3 and self._state == _State.C0C1:
            self._abort()
            return
        if self._state == _State.C0C1 and len(greeting) > _HANDSHAKE:
            ours = struct.pack(">II", 0, 0) + os.urandom(_HANDSHAKE - 8)
            self._write(b"\x03" + ours + bytes(greeting[1 : 1 + _HANDSHAKE]))
            del greeting[: 1 + _HANDSHAKE]
            self._enter(_State.C2)
        if self._state == _State.C2 and len(greeting) >= _HANDSHAKE:
            self._enter(_State.COMMANDS)
            self._reader.feed(memoryview(greeting)[_HANDSHAKE:])
            self._greeting = bytearray()

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────

    def _pump(self) -> None:
        """Handle what is complete, unless an answer about the stream key is still out."""
        if not _State.COMMANDS <= self._state <= _State.PUBLISHING:
            return
        if self._state == _State.COMMANDS and self._received > self._server.limits.before_publish:
            raise BadStream("Too much came before a stream was published.")
        if self._state == _State.ASKING:
            if self._reader.waiting > self._server.limits.before_publish:
                raise BadStream("Too much came before the stream key was checked.")
            return
        for message in self._reader.messages():
            self._handle(message)
            if self._state not in {_State.COMMANDS, _State.PUBLISHING}:
                return
        if self._received - self._acknowledged >= WINDOW // 2:
            self._acknowledged = self._received
            self._say(Message(ACKNOWLEDGEMENT, 0, 0, (self._received % (1 << 32)).to_bytes(4)))
        if self._sink is not None:
            self._slow_down(self._sink)

    def _handle(self, message: Message) -> None:
        kind = message.type
        if kind in {AUDIO, VIDEO}:
            self._media(kind, message.timestamp, message.payload)
        elif kind in {COMMAND, COMMAND_AMF3}:
            self._command(message.payload[1:] if kind == COMMAND_AMF3 else message.payload)
        elif kind == AGGREGATE:
            self._aggregate(message)
        elif kind == USER_CONTROL and message.payload[:2] == _PING_REQUEST.to_bytes(2):
            self._say(Message(USER_CONTROL, 0, 0, _PING_RESPONSE.to_bytes(2) + message.payload[2:6]))
        elif kind == DATA and self._state != _State.PUBLISHING:
            raise BadStream("Data came before a stream was published.")

    def _media(self, kind: int, timestamp: int, payload: bytes) -> None:
        if self._sink is None:
            raise BadStream("Media came before a stream was published.")
        try:
            if kind == VIDEO:
                self._sink.video(timestamp, payload)
            else:
                self._sink.audio(timestamp, payload)
        except (CodecRefused, BadMedia) as refusal:
            self._end(EndCause.LOST)
            self._status("error", "NetStream.Publish.Rejected", refusal.message)
            self._enter(_State.DRAINING)

    def _aggregate(self, message: Message) -> None:
        """Several audio and video messages in one; their times are relative to the first."""
        data, at, first = message.payload, 0, None
        while at + 11 <= len(data):
            kind, size = data[at], int.from_bytes(data[at + 1 : at + 4])
            stamp = int.from_bytes(data[at + 4 : at + 7]) | data[at + 7] << 24
            first = stamp if first is None else first
            if kind in {AUDIO, VIDEO} and self._state == _State.PUBLISHING:
                self._media(
                    kind, (message.timestamp + stamp - first) % (1 << 32), data[at + 11 : at + 11 + size]
                )
            at += 11 + size + 4

    def _command(self, payload: bytes) -> None:
        name, *values = amf.decode(payload) or [None]
        transaction = values[0] if values and isinstance(values[0], float) else 0.0
        if name == "connect":
            self._on_connect(transaction, values[1] if len(values) > 1 else None)
        elif name == "createStream":
            self._say(Message(COMMAND, 0, 0, amf.encode("_result", transaction, None, 1)))
        elif name == "publish" and self._state == _State.COMMANDS:
            self._on_publish(values[2] if len(values) > 2 else None)
        elif name in {"play", "play2"} and self._state == _State.COMMANDS:
            self._on_play()
        elif name in {"FCUnpublish", "deleteStream", "closeStream"} and self._sink is not None:
            self._end(EndCause.FINISHED)
            self._status("status", "NetStream.Unpublish.Success", "Stopped.")
            self._enter(_State.DRAINING)

    def _on_connect(self, transaction: float, asked: amf.Value) -> None:
        app = asked.get("app") if isinstance(asked, dict) else None
        self._say(Message(WINDOW_SIZE, 0, 0, WINDOW.to_bytes(4)))
        self._say(Message(PEER_BANDWIDTH, 0, 0, WINDOW.to_bytes(4) + b"\x02"))
        # Before any longer reply, or ffmpeg gives up; it then sends its own chunks as large.
        self._say(Message(SET_CHUNK_SIZE, 0, 0, CHUNK.to_bytes(4)))
        if not isinstance(app, str) or app.partition("?")[0].strip("/") != APP:
            info = {
                "level": "error",
                "code": "NetConnection.Connect.InvalidApp",
                "description": f"The server address ends in /{APP}.",
            }
            self._say(Message(COMMAND, 0, 0, amf.encode("_error", transaction, None, info)))
            self._enter(_State.DRAINING)
            return
        self._connected = True
        properties = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}
        info = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "Connected.",
            "objectEncoding": 0,
        }
        self._say(Message(COMMAND, 0, 0, amf.encode("_result", transaction, properties, info)))

    def _on_play(self) -> None:
        """Players that speak RTMP would wait for ever."""
        if not self._connected:
            raise BadStream("play came before connect.")
        words = "This server takes video and plays none over RTMP; watch it over HTTP (HLS)."
        self._status("error", "NetStream.Play.Failed", words)
        self._enter(_State.DRAINING)

    def _on_publish(self, name: amf.Value) -> None:
        if not self._connected:
            raise BadStream("publish came before connect.")
        key = name.partition("?")[0].strip("/") if isinstance(name, str) else ""
        if not key:
            self._refuse(KeyRefused())
            return
        self._enter(_State.ASKING)
        assert self._transport is not None
        self._transport.pause_reading()
        self._asking = self._loop.create_task(self._ask(key))

    async def _ask(self, key: str) -> None:
        try:
            sink = await self._server.admit(key, self)
        except Refusal as refusal:
            if self._state == _State.ASKING:
                self._refuse(refusal)
                self._resume()
            return
        except Exception:
            self._abort()
            raise
        finally:
            self._asking = None
        if self._state != _State.ASKING:
            sink.ended(EndCause.LOST)
            return
        if not self._server.publishes(self):
            sink.ended(EndCause.LOST)
            self._status("error", "NetStream.Publish.Failed", "Too many encoders publish here already.")
            self._enter(_State.DRAINING)
            self._resume()
            return
        self._sink = sink
        self._enter(_State.PUBLISHING)
        self._heard = self._loop.time()
        self._status("status", "NetStream.Publish.Start", "Publishing.")
        self._resume()
        self.data_received(b"")

    def _refuse(self, refusal: Refusal) -> None:
        self._status("error", "NetStream.Publish.BadName", refusal.message)
        self._enter(_State.DRAINING)

    # ── pace ──────────────────────────────────────────────────────────────────────────────────────────

    def _slow_down(self, sink: Sink) -> None:
        """A file sent as fast as the line allows is taken at the pace it plays."""
        ahead = sink.lead() - self._server.limits.lead
        if ahead > 0 and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
            self._loop.call_later(min(ahead, 1.0), self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        self._heard = self._loop.time()
        if self._state == _State.PUBLISHING and self._sink is not None:
            self._resume()
            self._slow_down(self._sink)

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # ── what we say ───────────────────────────────────────────────────────────────────────────────────

    def _status(self, level: str, code: str, description: str) -> None:
        info = {"level": level, "code": code, "description": description}
        self._say(Message(COMMAND, 1, 0, amf.encode("onStatus", 0, None, info)))

    def _say(self, message: Message) -> None:
        self._write(
            cut(message, csid=3 if message.type == COMMAND else 2, chunk_size=self._out_size(message))
        )

    @staticmethod
    def _out_size(message: Message) -> int:
        # Everything before our Set Chunk Size is shorter than the 128 bytes both sides begin with.
        return CHUNK if message.type == COMMAND else 128

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


Admit = Callable[[str, Publisher], Awaitable[Sink]]


class ConnectionCount(Protocol):
    """One count of connections for all protocols of the process."""

    def enter(self, address: str, give_up: Callable[[], None]) -> Callable[[], None] | None:
        """One more, which `give_up` closes when it must make room; what is returned tells that it has gone.

        None: there is no room.
        """
        ...


class RtmpServer:
    """`admit` gets the stream key and the connection, and says where the media goes, or raises a Refusal.

    Strangers, connections that have shown no valid key yet, never keep a camera out: where there are too many,
    the address that has most of them gives up the one that has idled longest.
    """

    def __init__(
        self, admit: Admit, *, limits: StreamLimits | None = None, counter: ConnectionCount | None = None
    ) -> None:
        self.admit = admit
        self.limits = limits or StreamLimits()
        self.counter = counter
        self._strangers: dict[Publisher, None] = {}
        self._publishers: set[Publisher] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, step_around: int = 0) -> int:
        """Listen, and return the true port: `port`, or one of the `step_around` next ones when it is taken."""
        loop = asyncio.get_running_loop()
        last = port + step_around if port else port
        while True:
            try:
                self._server = await loop.create_server(lambda: Publisher(self), host, port)
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE or port >= last:
                    raise
                port += 1
            else:
                return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for publisher in (*self._strangers, *self._publishers):
            publisher.stop(EndCause.STOPPED)
        await asyncio.sleep(0)

    @property
    def connections(self) -> int:
        return len(self._strangers) + len(self._publishers)

    def entered(self, stranger: Publisher) -> None:
        """One more; who has no key yet may have to go for it."""
        if len(self._strangers) >= self.limits.strangers:
            (most, _), *_ = Counter(each.address for each in self._strangers).most_common(1)
            # The oldest: a camera shows its key within a moment.
            goes = next(each for each in self._strangers if each.address == most)
            del self._strangers[goes]
            goes.give_up()
        self._strangers[stranger] = None

    def publishes(self, publisher: Publisher) -> bool:
        """It has shown a valid key.  False where there are as many as there may be."""
        if len(self._publishers) >= self.limits.publishers:
            return False
        self._strangers.pop(publisher, None)
        self._publishers.add(publisher)
        return True

    def left(self, publisher: Publisher) -> None:
        self._strangers.pop(publisher, None)
        self._publishers.discard(publisher)
