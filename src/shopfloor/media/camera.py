"""A browser as a camera: a page of the shop encodes, and sends over a WebSocket what it encoded.

    /media/{channel_id}/camera

The page introduces itself with JSON text, `{"id": …, "take_over": false}`; `id` names this page, so that it takes
its own place again after its line broke.  The answer is `{"t": "ready"}`, or `{"t": "refused", "code": …}` and the end.
From then on it sends binary messages: a byte that says what it is, the time in ms modulo 2³² in four bytes, and

    1  what the picture is decoded with: an AVCDecoderConfigurationRecord
    2  a key frame of H.264, as length-prefixed units
    3  any other frame
    4  what the sound is decoded with: an AudioSpecificConfig of AAC
    5  the same for Opus: the number of channels, in a byte
    6  a frame of sound

and the text `end` when its camera is switched off.  It hears `{"t": "ack", "at": ms}` whenever another part of the
playlist is out, with the time of the newest frame in it, and `{"t": "ended", "cause": …}` when we end it.

Nothing is looked at as media before the session of whoever signed in was found to run shows of this channel.
"""

import asyncio
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol

from shopfloor.kernel import logs
from shopfloor.kernel.client_address import Network, client_address
from shopfloor.kernel.errors import Forbidden, Refusal, Unavailable
from shopfloor.kernel.headers import HEADERS
from shopfloor.kernel.http import log_incident
from shopfloor.kernel.origin import is_same_site
from shopfloor.kernel.records import dataclass
from shopfloor.media.codecs import audio_config, opus_config, video_config
from shopfloor.media.models import BadMedia, BadStream, CodecRefused, EndCause
from shopfloor.media.publishing import PublishSession
from shopfloor.media.rtmp import StreamLimits

# A key frame of 1080p is far below it.
MAX_MESSAGE: Final = 4 << 20
MAX_HELLO: Final = 1_024
GOODBYE_SECONDS: Final = 5.0
PATH: Final = re.compile(r"/media/(\d{1,18})/camera")

_REFUSED: Final = 4403
_ENDED: Final = 4410
_BAD: Final = 4400
_RESTART: Final = 1012

_log = logs.get("media")


class MayNotFilm(Forbidden):
    """Only people who run this shop's shows may use their device as a camera here."""

    code = "media.may_not_film"


class TooManyCameras(Unavailable):
    """Too many cameras send to this server already."""

    code = "media.too_many_cameras"


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`take_over`: whoever else publishes on the channel has to go."""

    id: str
    take_over: bool = False


class Kind(IntEnum):
    PICTURE_PARAMETERS = 1
    KEY_FRAME = 2
    FRAME = 3
    AAC_PARAMETERS = 4
    OPUS_PARAMETERS = 5
    SOUND = 6


@dataclass(frozen=True, slots=True)
class MediaMessage:
    kind: Kind
    timestamp: int
    data: bytes


def read_hello(payload: bytes) -> Hello:
    """Raises BadStream where it is none."""
    try:
        hello = msgspec.json.decode(payload[: MAX_HELLO + 1], type=Hello)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise BadStream("A camera introduces itself first.") from problem
    if not 8 <= len(hello.id) <= 64:
        raise BadStream("A camera's name has 8 to 64 characters.")
    return hello


def read_media(payload: bytes) -> MediaMessage:
    """Raises BadStream where it is none."""
    if len(payload) < 6 or not Kind.PICTURE_PARAMETERS <= payload[0] <= Kind.SOUND:
        raise BadStream("This is no message of a camera.")
    return MediaMessage(Kind(payload[0]), int.from_bytes(payload[1:5]), payload[5:])


class CameraHost(Protocol):
    """What a camera's connection needs of the media server."""

    @property
    def records(self) -> bool: ...

    @property
    def limits(self) -> StreamLimits: ...

    def recorder_address(self) -> str | None:
        """Where the process that records is reached; None where there is none but us."""
        ...

    def session_cookie(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes: ...

    async def film(self, channel_id: int, camera: "CameraSocket", *, take_over: bool) -> PublishSession:
        """Raises MayNotFilm, TooManyCameras, ChannelBusy."""
        ...

    def filmed(self, camera: "CameraSocket") -> None:
        """It has gone."""
        ...


class _State(IntEnum):
    HANDSHAKE = 0
    HELLO = 1
    ASKING = 2
    FILMING = 3
    CLOSED = 4


class CameraSocket(asyncio.Protocol):
    """One page that films.  Constructed by uvicorn through the class that `make_camera_protocol` returns."""

    by_key = False

    def __init__(
        self,
        host: CameraHost,
        connections: set[Any],
        *,
        origins: frozenset[str] = frozenset(),
        proxies: Sequence[Network] = (),
    ) -> None:
        self._host = host
        self._connections = connections
        self._origins = origins
        self._proxies = proxies
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._web = ServerProtocol(max_size=MAX_MESSAGE)
        self._state = _State.HANDSHAKE
        self._since = self._heard = self._loop.time()
        self._fragments: list[bytes] = []
        self._session: PublishSession | None = None
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._forward: _Forward | None = None
        self._channel_id = 0
        self._parts_out = 0
        self._last_picture = 0
        self._is_text = False
        self.cookie = b""
        self.camera_id = ""
        self.address = ""

    @property
    def silent_for(self) -> float:
        """Seconds since the last byte."""
        return self._loop.time() - self._heard

    # ── the connection ────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods, not the base class.
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._state = _State.CLOSED
        for running in (self._timer, self._asking):
            if running is not None:
                running.cancel()
        if self._forward is not None:
            self._forward.close()
        self._end(EndCause.LOST)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if self._forward is not None:
            self._forward.pause()

    def resume_writing(self) -> None:
        if self._forward is not None:
            self._forward.resume()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self._forward is not None:
            self._forward.write(data)
            return
        if self._state is _State.CLOSED:
            # Read until it has heard why: hanging up at once would reset the connection and take our last words.
            self._web.receive_data(data)
            self._web.events_received()
            self._flush()
            return
        if self._state is _State.HANDSHAKE and not self._host.records:
            address = self._host.recorder_address()
            if address is not None:
                self._forward = _Forward(self._transport, address, data)
                return
        web = self._web
        web.receive_data(data)
        try:
            for event in web.events_received():
                if isinstance(event, Request):
                    self._shake_hands(event)
                elif isinstance(event, Frame):
                    self._frame(event)
        except BadStream as problem:
            _log.warning("media.bad_camera", address=self.address, why=problem.message)
            self._end(EndCause.LOST)
            self._refuse(problem, code=_BAD)
            return
        self._flush()

    def shutdown(self) -> None:
        """The server is about to stop: the page comes back to whoever takes our place."""
        if self._state is not _State.CLOSED:
            self._end(EndCause.STOPPED)
            self._say({"t": "ended", "cause": str(EndCause.STOPPED)})
            self._close(_RESTART, "restart")

    def stop(self, cause: EndCause) -> None:
        """End the stream from our side."""
        self._end(cause)
        if self._state is not _State.CLOSED:
            self._say({"t": "ended", "cause": str(cause)})
            self._close(_ENDED, str(cause))

    def _watch(self) -> None:
        """Is it silent, or does it take too long to introduce itself?"""
        limits, now = self._host.limits, self._loop.time()
        self._timer = None
        if self._state is _State.CLOSED:
            return
        if self._state in {_State.HANDSHAKE, _State.HELLO} and self._forward is None:
            late = now - self._since > limits.step_seconds
        else:
            late = self.silent_for > limits.idle_seconds
        if late:
            self._end(EndCause.LOST)
            self._abort()
            return
        self._timer = self._loop.call_later(min(1.0, limits.step_seconds / 2), self._watch)

    def _end(self, cause: EndCause) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.ended(cause)
        self._host.filmed(self)

    def _abort(self) -> None:
        self._state = _State.CLOSED
        self._transport.abort()

    # ── what comes ────────────────────────────────────────────────────────────────────────────────────

    def _shake_hands(self, request: Request) -> None:
        raw = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers.raw_items()
        ]
        found = PATH.fullmatch(request.path.partition("?")[0])
        refusal = 404 if found is None else None if is_same_site(raw, self._origins) else 403
        if found is None or refusal is not None:
            response = self._web.reject(refusal or 404, "")
        else:
            response = self._web.accept(request)
            self._channel_id = int(found[1])
        response.headers["Cache-Control"] = "no-store"
        for name, value in HEADERS.items():
            response.headers[name] = value
        self._web.send_response(response)
        self._flush()
        if self._web.state is not OPEN:
            self._state = _State.CLOSED
            self._transport.close()
            return
        peer = self._transport.get_extra_info("peername")
        self.address = client_address(str(peer[0]) if peer else "unix", raw, self._proxies)
        self.cookie = self._host.session_cookie(raw)
        self._state = _State.HELLO
        self._since = self._loop.time()

    def _frame(self, frame: Frame) -> None:
        if self._state is _State.CLOSED or frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            # Pings and closing are answered by the protocol.
            return
        self._fragments.append(bytes(frame.data))
        if frame.opcode is Opcode.TEXT:
            self._is_text = True
        elif frame.opcode is Opcode.BINARY:
            self._is_text = False
        if not frame.fin:
            return
        whole, self._fragments = b"".join(self._fragments), []
        if self._state is _State.HELLO and self._is_text:
            self._hello(read_hello(whole))
        elif self._state is _State.FILMING and self._is_text:
            if whole != b"end":
                raise BadStream("This is no message of a camera.")
            self._end(EndCause.FINISHED)
            self._close(1000, "")
        elif self._state is _State.FILMING:
            self._media(read_media(whole))
        else:
            raise BadStream("Media came before the camera was let in.")

    def _hello(self, hello: Hello) -> None:
        self._state = _State.ASKING
        self.camera_id = hello.id
        self._asking = self._loop.create_task(self._ask(hello))

    async def _ask(self, hello: Hello) -> None:
        try:
            session = await self._host.film(self._channel_id, self, take_over=hello.take_over)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        except Exception as problem:  # noqa: BLE001 -- a connection has nobody above it to tell
            log_incident(problem, channel=self._channel_id)
            self._abort()
            return
        finally:
            self._asking = None
        if self._state is not _State.ASKING:
            session.ended(EndCause.LOST)
            return
        self._session = session
        self._state = _State.FILMING
        self._heard = self._loop.time()
        self._say({"t": "ready"})

    def _media(self, message: MediaMessage) -> None:
        session = self._session
        assert session is not None, "there is one while it films"
        try:
            self._hand_on(session, message)
        except (BadMedia, CodecRefused) as refusal:
            self._end(EndCause.LOST)
            self._refuse(refusal)
            return
        if session.lead() > self._host.limits.lead:
            # A camera films no faster than time goes by.
            raise BadStream("The camera's clock runs ahead.")

    def _hand_on(self, session: PublishSession, message: MediaMessage) -> None:
        at, data = message.timestamp, message.data
        match message.kind:
            case Kind.PICTURE_PARAMETERS:
                session.picture_parameters(video_config(data))
            case Kind.KEY_FRAME | Kind.FRAME:
                session.picture(at, data, key=message.kind is Kind.KEY_FRAME)
                if session.parts_out != self._parts_out:
                    self._parts_out = session.parts_out
                    # The newest frame is held back until the next one says how long it lasts.
                    self._say({"t": "ack", "at": self._last_picture})
                self._last_picture = at
            case Kind.AAC_PARAMETERS:
                session.sound_parameters(audio_config(data))
            case Kind.OPUS_PARAMETERS:
                session.sound_parameters(opus_config(data[0]))
            case Kind.SOUND:
                session.sound(at, data)

    # ── what we say ───────────────────────────────────────────────────────────────────────────────────

    def _refuse(self, refusal: Refusal, *, code: int = _REFUSED) -> None:
        if self._state is not _State.CLOSED:
            self._say({"t": "refused", "code": refusal.code, "message": refusal.message})
            self._close(code, refusal.code)

    def _say(self, message: dict[str, object]) -> None:
        if self._web.state is OPEN:
            self._web.send_text(msgspec.json.encode(message))
            self._flush()

    def _close(self, code: int, reason: str) -> None:
        """Say why; what the page does not answer in time is cut."""
        if self._web.state is OPEN:
            self._web.send_close(code, reason)
        self._flush()
        self._state = _State.CLOSED
        self._loop.call_later(GOODBYE_SECONDS, self._transport.abort)

    def _flush(self) -> None:
        for data in self._web.data_to_send():
            if self._transport.is_closing():
                return
            if data == SEND_EOF:
                self._transport.close()
            else:
                self._transport.write(data)
        if self._web.parser_exc is not None or self._web.handshake_exc is not None:
            self._gone()
        elif self._web.state is not OPEN and self._state > _State.HANDSHAKE:
            self._state = _State.CLOSED
            self._end(EndCause.LOST)

    def _gone(self) -> None:
        """What comes is no WebSocket, or no longer."""
        self._state = _State.CLOSED
        self._end(EndCause.LOST)
        self._transport.close()


class _Forward(asyncio.Protocol):
    """The bytes of a connection, both ways, to and from the process that records."""

    def __init__(self, near: asyncio.Transport, address: str, head: bytes) -> None:
        self._near = near
        self._waiting = bytearray(head)
        self._far: asyncio.Transport | None = None
        self._closed = False
        near.pause_reading()
        self._task = asyncio.create_task(self._connect(address))

    async def _connect(self, address: str) -> None:
        parts = urlsplit(address)
        connecting = asyncio.get_running_loop().create_connection(
            lambda: self, parts.hostname or "127.0.0.1", parts.port or 80
        )
        try:
            await asyncio.wait_for(connecting, 5.0)
        except (OSError, TimeoutError) as problem:
            _log.warning("media.leader_silent", why=f"{type(problem).__name__}: {problem}"[:200])
            self._near.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._far = cast("asyncio.Transport", transport)
        if self._closed:
            self._far.abort()
            return
        self._far.write(bytes(self._waiting))
        self._waiting.clear()
        self._near.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._near.is_closing():
            self._near.close()

    def data_received(self, data: bytes) -> None:
        if not self._near.is_closing():
            self._near.write(data)

    def pause_writing(self) -> None:
        self._near.pause_reading()

    def resume_writing(self) -> None:
        if not self._near.is_closing():
            self._near.resume_reading()

    def write(self, data: bytes) -> None:
        if self._far is None:
            self._waiting += data
        elif not self._far.is_closing():
            self._far.write(data)

    def pause(self) -> None:
        if self._far is not None:
            self._far.pause_reading()

    def resume(self) -> None:
        if self._far is not None and not self._far.is_closing():
            self._far.resume_reading()

    def close(self) -> None:
        self._closed = True
        self._task.cancel()
        if self._far is not None:
            self._far.abort()


def make_camera_protocol(
    host: CameraHost, *, origins: frozenset[str], proxies: Sequence[Network]
) -> type[asyncio.Protocol]:
    """The class for WebSockets below /media/, bound to this media server."""

    class BoundCameraSocket(CameraSocket):
        def __init__(
            self,
            config: Any,
            server_state: Any,
            app_state: dict[str, Any] | None = None,
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(host, server_state.connections, origins=origins, proxies=proxies)

    return BoundCameraSocket
