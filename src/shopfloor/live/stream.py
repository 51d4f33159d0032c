"""The room stream: one WebSocket for each open page, written to without any server in between.

uvicorn hands the connection of a WebSocket request to the class named as its `ws` protocol; here that is
`make_protocol(gateway)`.  The handshake, and every incoming frame that is not a plain small one, is done by
the sans-I/O protocol of `websockets`.  Outgoing frames are made once per tick, plain and compressed, and
written to the transports: for each reader and tick nothing else happens.

Readers that fall behind: above 64 KiB of unsent data a reader gets no ticks, and a snapshot once it has
caught up; above 256 KiB, or after 10 seconds without progress, it is cut, and comes back by itself.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from shopfloor.kernel import logs
from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import log_incident
from shopfloor.live import wire
from shopfloor.live.limits import Gcra
from shopfloor.live.models import UnknownShow
from shopfloor.live.presence import Audience, Beat
from shopfloor.live.room import RING, ChatLine, Tick
from shopfloor.live.rooms import OpenRoom, Rooms

SEND_BUFFER: Final = 64 * 1024
SLOW_ABOVE: Final = 64 * 1024
CUT_ABOVE: Final = 256 * 1024
STALLED: Final = 10.0
HELLO_WITHIN: Final = 5.0
SLICE: Final = 500
TICK: Final = 0.1
BIG_ROOM: Final = 5_000
BIG_TICK: Final = 0.2
# Changes that cannot wait force a tick, but not more often than this.
URGENT: Final = 0.02
PING_AFTER: Final = 20.0
DEAD_AFTER: Final = 45.0
PRESENCE_EVERY: Final = 2.0
IDLE_ROOM: Final = 60.0
SNAPSHOT_FRESH: Final = 1.0

GOING_AWAY_SOON: Final = 1012
POLICY: Final = 1008
TOO_SLOW: Final = 4008
NO_ROOM: Final = 4404

_PATH: Final = re.compile(r"^/room/(\d{1,18})/socket$")
_log = logs.get("live")

Answer = Callable[[bytes], None]


class BuyDoor(Protocol):
    """Takes a purchase and answers it once, from the loop, with an encoded `answer` message.

    It may also return an awaitable of that message.  A Refusal raised by either becomes an `error`.
    """

    def __call__(
        self, buy: wire.Buy, /, *, show_id: int, shopper: UUID, answer: Answer
    ) -> Awaitable[bytes] | None: ...


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wants to say.  `role` is what this socket proved to be: viewer, host or moderator."""

    shop_id: int
    show_id: int
    shopper: UUID
    role: str
    name: str | None
    text: str


ChatDoor = Callable[[Said], Awaitable[ChatLine | None]]
BeatDoor = Callable[[Sequence[Beat]], Awaitable[None] | None]
LikeDoor = Callable[[int, UUID, int], None]
StaffDoor = Callable[[str, int], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the room stream calls; everything above this module comes in here.

    `chat` returns the line, or None when it is held for review, or raises a Refusal.  `beat` takes who came,
    watched and left (for the collector).  `like` hears of likes (show, shopper, how many).  `staff` says what
    the owner of a session token is in a shop: host, moderator or None.
    """

    buy: BuyDoor | None = None
    chat: ChatDoor | None = None
    like: LikeDoor | None = None
    beat: BeatDoor | None = None
    staff: StaffDoor | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Per socket unless it says otherwise.  Sockets from the machine itself are not counted by address."""

    sockets_per_shopper: int = 4
    sockets_per_address: int = 20
    sockets: int = 50_000
    messages_per_second: float = 10.0
    message_burst: int = 30
    buys_per_second: float = 20.0
    buy_burst: int = 50
    chat_every: float = 1.5
    chat_burst: int = 3
    likes_at_once: int = 20


@dataclass(slots=True, eq=False)
class Hall:
    """The sockets of one room, and the frames that go to all of them."""

    show_id: int
    opened: OpenRoom
    audience: Audience
    plain: dict["Socket", Callable[[bytes], None]] = field(
        default_factory=dict["Socket", Callable[[bytes], None]]
    )
    deflate: dict["Socket", Callable[[bytes], None]] = field(
        default_factory=dict["Socket", Callable[[bytes], None]]
    )
    slow: dict["Socket", float] = field(default_factory=dict["Socket", float])
    listeners: set[Callable[[bytes], None]] = field(default_factory=set[Callable[[bytes], None]])
    frames: deque[bytes] = field(default_factory=lambda: deque[bytes](maxlen=RING))
    likes: int = 0
    ticked_at: float = 0.0
    empty_since: float = 0.0
    sending: asyncio.Task[None] | None = None
    _snapshot: tuple[int, float, bytes, bytes] | None = None

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.deflate) + len(self.slow)

    def snapshot(self, now: float) -> tuple[bytes, bytes]:
        """The snapshot's frames, plain and compressed; made once per tick, however many come."""
        room, made = self.opened.room, self._snapshot
        if made is None or made[0] != room.seq or now - made[1] > SNAPSHOT_FRESH:
            payload = wire.encode(room.snapshot(_ms(now)))
            made = self._snapshot = (room.seq, now, wire.frame(payload), wire.deflated_frame(payload))
        return made[2], made[3]

    def renew(self, opened: OpenRoom) -> None:
        self.opened = opened
        self.frames.clear()
        self._snapshot = None


class Gateway:
    """All sockets of this process.  `await gateway.run()` beside the server; `await gateway.drain()` at its end.

    `read_shopper` checks the signed `shopper` cookie.  `origins` are accepted besides the host itself;
    `proxies` are the addresses whose X-Forwarded-For is believed.
    """

    def __init__(
        self,
        rooms: Rooms,
        *,
        read_shopper: Callable[[str], UUID | None],
        doors: Doors | None = None,
        limits: Limits | None = None,
        origins: frozenset[str] = frozenset(),
        proxies: frozenset[str] = frozenset({"127.0.0.1", "::1"}),
    ) -> None:
        self.rooms = rooms
        self.doors = doors or Doors()
        self.limits = limits or Limits()
        self.read_shopper = read_shopper
        self.origins = origins
        self.proxies = proxies
        self.now = time.time()
        self.draining = False
        self.sockets: set[Socket] = set()
        self.by_shopper: Counter[UUID] = Counter()
        self.by_address: Counter[str] = Counter()
        self.halls: dict[int, Hall] = {}
        self.chat_rate = Gcra(every=self.limits.chat_every, burst=self.limits.chat_burst)
        self._waiting_hello: set[Socket] = set()
        self._dirty: list[Socket] = []
        self._beats: list[Beat] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._wake: asyncio.Event | None = None
        rooms.wake = self._hurry

    # Life

    async def run(self) -> None:
        """Tick, count and sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick_forever())
            group.create_task(self._sweep_forever())
            group.create_task(self._share_forever())

    async def drain(self, *, retry_after_ms: int = 10_000, patience: float = 5.0) -> None:
        """Answer who waits for an answer, tell all to come back later, and count nobody any more."""
        self.draining = True
        for each in list(self.sockets):
            each.shutdown(retry_after_ms)
        for _ in range(int(patience / 0.05)):
            if not self.sockets:
                break
            await asyncio.sleep(0.05)
        for each in list(self.sockets):
            each.abort()
        for hall in self.halls.values():
            self.remember(hall.audience.everybody_leaves(time.time()))
        await self._hand_over_beats()
        with contextlib.suppress(DatabaseAway):
            await self.rooms.leave()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Rooms

    async def hall(self, show_id: int) -> Hall:
        """Raises UnknownShow."""
        return self._hall_of(show_id, await self.rooms.get(show_id))

    def hall_now(self, show_id: int) -> Hall | None:
        """The same where the room is open already."""
        opened = self.rooms.opened(show_id)
        return None if opened is None else self._hall_of(show_id, opened)

    def _hall_of(self, show_id: int, opened: OpenRoom) -> Hall:
        found = self.halls.get(show_id)
        if found is None:
            audience = Audience(opened.shop_id, show_id, self.rooms.process)
            featured = opened.room.state.get("featured")
            audience.feature(featured["offer_id"] if featured else None, 0.0)
            found = self.halls[show_id] = Hall(show_id, opened, audience, empty_since=self.now)
        elif found.opened is not opened:
            found.renew(opened)
        return found

    def _hurry(self) -> None:
        if self._wake is not None:
            self._wake.set()

    async def _tick_forever(self) -> None:
        wake = self._wake = asyncio.Event()
        while True:
            self.now = time.time()
            for hall in list(self.halls.values()):
                try:
                    self.tick(hall)
                except Exception as problem:  # noqa: BLE001 -- one broken room must not silence the others
                    log_incident(problem, show_id=hall.show_id)
            wake.clear()
            if any(hall.opened.room.urgent for hall in self.halls.values()):
                await asyncio.sleep(URGENT)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), TICK)

    def tick(self, hall: Hall) -> None:
        """Send what is new in a room, unless the last tick was a moment ago or is still being written."""
        room = hall.opened.room
        pause = TICK if hall.size <= BIG_ROOM else BIG_TICK
        if room.urgent:
            pause = URGENT
        if self.now - hall.ticked_at < pause * 0.9 or not room.has_news():
            return
        if hall.sending is not None and not hall.sending.done():
            return
        tick = room.tick(_ms(self.now))
        if tick is None:
            return
        hall.ticked_at = self.now
        if "featured" in tick.patch:
            featured = room.state.get("featured")
            hall.audience.feature(featured["offer_id"] if featured else None, self.now)
        self._send(hall, tick)

    def _send(self, hall: Hall, tick: Tick) -> None:
        payload = wire.encode(tick.as_json())
        plain = wire.frame(payload)
        hall.frames.append(plain)
        for listener in tuple(hall.listeners):
            listener(payload)
        worth = hall.deflate and len(payload) > wire.WORTH_DEFLATING
        deflated = wire.deflated_frame(payload) if worth else plain
        work: list[tuple[list[Callable[[bytes], None]], bytes]] = [
            (list(hall.plain.values()), plain),
            (list(hall.deflate.values()), deflated),
        ]
        if hall.size <= SLICE:
            for writes, data in work:
                for write in writes:
                    write(data)
            return
        hall.sending = asyncio.get_running_loop().create_task(_write_in_slices(work))

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = self.now = time.time()
            for each in list(self._waiting_hello):
                if now - each.since > HELLO_WITHIN:
                    each.close(POLICY, "say hello first")
            for hall in list(self.halls.values()):
                for each, since in list(hall.slow.items()):
                    if now - since > STALLED:
                        each.abort()
                self.remember(hall.audience.sweep(now))
                self._forget_if_idle(hall, now)
            for turn, each in enumerate(list(self.sockets)):
                each.keep_alive(now)
                if turn % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
            self.chat_rate.forget(now)
            await self._hand_over_beats()

    def _forget_if_idle(self, hall: Hall, now: float) -> None:
        if hall.size or hall.listeners:
            hall.empty_since = now
        elif now - hall.empty_since > IDLE_ROOM:
            del self.halls[hall.show_id]
            self.rooms.forget(hall.show_id)

    async def _share_forever(self) -> None:
        while True:
            await asyncio.sleep(PRESENCE_EVERY)
            await self.share()

    async def share(self) -> None:
        """Tell the database who watches here and take over the totals; done every two seconds."""
        now = time.time()
        halls = {hall.show_id: hall for hall in self.halls.values()}
        if not halls:
            return
        likes = {show_id: hall.likes for show_id, hall in halls.items()}
        viewers = {show_id: hall.audience.count(now) for show_id, hall in halls.items()}
        try:
            await self.rooms.share(viewers=viewers, likes=likes)
        except DatabaseAway:
            _log.warning("live.presence_not_shared")
            return
        except Exception as problem:  # noqa: BLE001 -- counted again in two seconds; the rooms go on meanwhile
            log_incident(problem, shows=sorted(halls))
            return
        for show_id, hall in halls.items():
            hall.likes -= likes[show_id]

    # Presence

    def remember(self, beats: Sequence[Beat]) -> None:
        self._beats.extend(beats)

    async def _hand_over_beats(self) -> None:
        beats, self._beats = self._beats, []
        if not beats or self.doors.beat is None:
            return
        try:
            done = self.doors.beat(beats)
            if done is not None:
                await done
        except Exception as problem:  # noqa: BLE001 -- what is told of viewers must not stop the room
            log_incident(problem, beats=len(beats))

    # Answers

    def dirty(self, each: "Socket") -> None:
        """`each` has something to write: once per turn of the loop, whatever has gathered by then."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(each)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for each in dirty:
            each.flush()

    # Who is let in

    def admit(self, shopper: UUID, address: str) -> str | None:
        """The reason why not, or None; then `left` must be called once."""
        if self.draining or len(self.sockets) >= self.limits.sockets:
            return "room.full"
        if self.by_shopper[shopper] >= self.limits.sockets_per_shopper:
            return "room.too_many_sockets"
        if not is_own_machine(address) and self.by_address[address] >= self.limits.sockets_per_address:
            return "room.too_many_sockets"
        self.by_shopper[shopper] += 1
        self.by_address[address] += 1
        return None

    def left(self, shopper: UUID, address: str) -> None:
        self.by_shopper[shopper] -= 1
        if self.by_shopper[shopper] <= 0:
            del self.by_shopper[shopper]
        self.by_address[address] -= 1
        if self.by_address[address] <= 0:
            del self.by_address[address]

    def waits_for_hello(self, each: "Socket", waits: bool) -> None:
        if waits:
            self._waiting_hello.add(each)
        else:
            self._waiting_hello.discard(each)

    def origin_allowed(self, origin: str | None, host: str | None) -> bool:
        """Browsers name the page that asks; only our own may.  Programs name none."""
        if origin is None:
            return True
        return origin in self.origins or (
            host is not None and urlsplit(origin).netloc.lower() == host.lower()
        )

    def address_of(self, peer: str, forwarded: str | None) -> str:
        if forwarded and peer in self.proxies:
            peer = forwarded.rsplit(",", 1)[-1].strip()
        return address_group(peer)


async def _write_in_slices(work: Sequence[tuple[Sequence[Callable[[bytes], None]], bytes]]) -> None:
    """Let others have a turn after every `SLICE` writes: a room of thousands must not hold up the loop."""
    for writes, data in work:
        for begin in range(0, len(writes), SLICE):
            for write in writes[begin : begin + SLICE]:
                write(data)
            await asyncio.sleep(0)


def _ms(now: float) -> int:
    return int(now * 1000)


def is_own_machine(address: str) -> bool:
    return address.startswith("127.") or address in {"::1", "", "unix"}


def address_group(address: str) -> str:
    """Who an address belongs to: itself, or the /48 of an IPv6 address."""
    if ":" not in address or address.startswith("::"):
        return address
    try:
        return socket.inet_ntop(
            socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:6] + bytes(10)
        )
    except OSError:
        return address


def cookie(header: str | None, name: str) -> str | None:
    if not header:
        return None
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


_FACTORY: Final = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True
)


class Socket(asyncio.Protocol):
    """One page.  Constructed by uvicorn through the class that `make_protocol` returns."""

    def __init__(self, gateway: Gateway, connections: set[Any]) -> None:
        self.gateway = gateway
        self.connections = connections
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.show_id = 0
        self.shopper: UUID = cast("UUID", None)
        self.address: str | None = None
        self.session_token: str | None = None
        self.role = "viewer"
        self.hall: Hall | None = None
        self.since = gateway.now
        self.seen = gateway.now
        self.pinged = False
        self.greeted = False
        self.closing = False
        self.deflate = False
        self.open = False
        self.waiting = 0
        self.retry_after_ms: int | None = None
        self._buffer = b""
        self._message: list[bytes] = []
        # What came while the room was being opened.
        self._early: list[wire.Message] = []
        self._out: list[bytes] = []
        self._buys_whole_at = 0.0
        self._messages_whole_at = 0.0
        self._sans_io = ServerProtocol(extensions=[_FACTORY], max_size=wire.MAX_MESSAGE)

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        gateway = self.gateway
        gateway.sockets.discard(self)
        gateway.waits_for_hello(self, False)
        self.closing = True
        if self.hall is not None:
            self._leave(self.hall)
        if self.address is not None:
            gateway.left(self.shopper, self.address)
            self.address = None

    def _leave(self, hall: Hall) -> None:
        for group in (hall.plain, hall.deflate, hall.slow):
            group.pop(self, None)
        self.gateway.remember(hall.audience.gone(self.shopper, self, time.time()))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        """The reader is behind: no ticks for it until it has caught up."""
        hall = self.hall
        if hall is not None:
            hall.plain.pop(self, None)
            hall.deflate.pop(self, None)
            hall.slow[self] = time.time()

    def resume_writing(self) -> None:
        hall = self.hall
        if hall is not None and hall.slow.pop(self, None) is not None and not self.closing:
            self._join(hall)
            self.transport.write(hall.snapshot(self.gateway.now)[1 if self.deflate else 0])

    def data_received(self, data: bytes) -> None:
        self.seen = self.gateway.now
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
                self._take(apply_mask(data[body:end], data[body - 4 : body]))
            else:
                self._uncommon(data[position:end])
            position = end
        if position < size and not self.closing:
            self._buffer = data[position:]

    # uvicorn

    def shutdown(self, retry_after_ms: int = 10_000) -> None:
        """The process is about to stop: answer what was asked, then say when to come back."""
        if self.closing:
            return
        if not self.open:
            self.closing = True
            self.transport.close()
            return
        if self.waiting:
            self.retry_after_ms = retry_after_ms
            return
        self._write_now(wire.frame(wire.encode({"t": "bye", "retry_after_ms": retry_after_ms})))
        self.close(GOING_AWAY_SOON, "restart")

    # Handshake

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
        refusal = self._refuse(request)
        if refusal is not None:
            status, code = refusal
            response = protocol.reject(
                status, wire.encode({"code": code, "message": code, "facts": {}}).decode()
            )
            response.headers["Cache-Control"] = "no-store"
        else:
            response = protocol.accept(request)
        protocol.send_response(response)
        self.transport.write(b"".join(protocol.data_to_send()))
        if protocol.state is not OPEN:
            self.closing = True
            self.transport.close()
            return
        self.open = True
        self.since = self.seen = time.time()
        self.gateway.sockets.add(self)
        self.gateway.waits_for_hello(self, True)
        # Compressed frames are made with the full window; who asked for a smaller one gets plain frames.
        self.deflate = any(
            isinstance(extension, PerMessageDeflate) and extension.local_max_window_bits == 15
            for extension in protocol.extensions
        )
        self._bound_buffers()

    def _refuse(self, request: Request) -> tuple[int, str] | None:
        """Status and code of the reason why this page gets no stream, or None."""
        gateway = self.gateway
        matched = _PATH.match(request.path.partition("?")[0])
        if matched is None:
            return 404, "room.no_such_address"
        headers = request.headers
        if not gateway.origin_allowed(headers.get("Origin"), headers.get("Host")):
            return 403, "room.foreign_origin"
        cookies = headers.get("Cookie")
        shopper = gateway.read_shopper(cookie(cookies, "shopper") or "")
        if shopper is None:
            return 401, "room.no_session"
        peer = self.transport.get_extra_info("peername")
        peer_address = str(peer[0]) if isinstance(peer, tuple | list) and peer else "unix"
        address = gateway.address_of(peer_address, headers.get("X-Forwarded-For"))
        reason = gateway.admit(shopper, address)
        if reason is not None:
            return (503 if reason == "room.full" else 429), reason
        self.shopper, self.address = shopper, address
        self.show_id = int(matched[1])
        self.session_token = cookie(cookies, "session")
        return None

    def _bound_buffers(self) -> None:
        """A reader that does not read must not fill the kernel's memory before anybody notices."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            if raw.family in {socket.AF_INET, socket.AF_INET6}:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport.set_write_buffer_limits(high=SLOW_ABOVE, low=SLOW_ABOVE // 4)

    # Incoming

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
                    self._take(whole)
            case Opcode.BINARY:
                self.complain("room.bad_message", "Messages are JSON text.")
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

    def _take(self, payload: bytes | bytearray) -> None:
        try:
            message = wire.decode(payload)
        except (msgspec.DecodeError, RecursionError) as problem:
            if self._within_rate():
                self.complain("room.bad_message", str(problem)[:200], ref=wire.reference(payload))
            return
        if type(message) is wire.Buy:
            self._buy(message)
        elif self._within_rate():
            self._other(message)

    def _within_rate(self) -> bool:
        """Count a message; who sends far too many is cut, who sends too many is told."""
        limits = self.gateway.limits
        now = time.monotonic()
        whole_at = max(self._messages_whole_at, now)
        if whole_at - now > (limits.message_burst - 1) / limits.messages_per_second:
            self._messages_whole_at = whole_at + 0.2 / limits.messages_per_second
            if whole_at - now > 4 * limits.message_burst / limits.messages_per_second:
                self.close(POLICY, "far too many messages")
            else:
                self.complain("room.too_fast", "Slow down.")
            return False
        self._messages_whole_at = whole_at + 1 / limits.messages_per_second
        return True

    def _buy(self, buy: wire.Buy) -> None:
        gateway = self.gateway
        limits = gateway.limits
        now = time.monotonic()
        whole_at = max(self._buys_whole_at, now)
        if (whole_at - now) * limits.buys_per_second > limits.buy_burst - 1:
            self.complain("room.too_fast", "Slow down; ask again with the same id.", ref=str(buy.id))
            return
        self._buys_whole_at = whole_at + 1 / limits.buys_per_second
        if not self.greeted:
            self.complain("room.hello_first", "Say hello first.", ref=str(buy.id))
            return
        door = gateway.doors.buy
        if door is None or self.retry_after_ms is not None:
            self.complain("room.not_here", "Buying is not possible here; use the form.", ref=str(buy.id))
            return
        self.waiting += 1
        try:
            result = door(buy, show_id=self.show_id, shopper=self.shopper, answer=self.answer)
        except Refusal as refusal:
            self.waiting -= 1
            self.refuse(refusal, ref=str(buy.id))
            return
        except Exception as problem:  # noqa: BLE001 -- the buyer must hear that it broke, the socket goes on
            self.waiting -= 1
            self._broke(problem, str(buy.id))
            return
        if result is not None:
            gateway.spawn(self._answer_later(result, str(buy.id)))

    async def _answer_later(self, result: Awaitable[bytes], ref: str) -> None:
        try:
            self.answer(await result)
        except Refusal as refusal:
            self.waiting -= 1
            self.refuse(refusal, ref=ref)
        except Exception as problem:  # noqa: BLE001 -- as above
            self.waiting -= 1
            self._broke(problem, ref)

    def answer(self, message: bytes) -> None:
        """Answer a purchase, with the encoded message.  Nothing happens when the page is gone."""
        self.waiting -= 1
        self.send(wire.frame(message))
        if self.retry_after_ms is not None and not self.waiting:
            retry_after_ms, self.retry_after_ms = self.retry_after_ms, None
            self.flush()
            self.shutdown(retry_after_ms)

    def _other(self, message: wire.Message) -> None:
        if isinstance(message, wire.Hello):
            self._hello(message)
            return
        hall = self.hall
        if hall is None:
            if not self.greeted:
                self.complain("room.hello_first", "Say hello first.", ref=getattr(message, "ref", ""))
            elif len(self._early) < self.gateway.limits.message_burst:
                self._early.append(message)
            return
        match message:
            case wire.Say():
                self._chat(message, hall)
            case wire.Likes(n):
                likes = min(max(n, 0), self.gateway.limits.likes_at_once)
                if likes:
                    hall.likes += likes
                    hall.opened.room.like(likes)
                    if self.gateway.doors.like is not None:
                        self.gateway.doors.like(self.show_id, self.shopper, likes)
            case wire.Playing(playing, position):
                if 0 <= position < 1e9:
                    beats = hall.audience.beat(
                        self.shopper, self, playing=playing, position=position, at=time.time()
                    )
                    self.gateway.remember(beats)
            case _:
                pass

    def _hello(self, hello: wire.Hello) -> None:
        if self.greeted:
            self.complain("room.hello_twice", "Hello was said already.")
            return
        self.greeted = True
        self.gateway.waits_for_hello(self, False)
        hall = self.gateway.hall_now(self.show_id)
        if hall is not None:
            self._enter(hall, hello)
            return
        self.gateway.spawn(self._enter_later(hello))

    async def _enter_later(self, hello: wire.Hello) -> None:
        try:
            hall = await self.gateway.hall(self.show_id)
        except UnknownShow as refusal:
            self.refuse(refusal)
            self.close(NO_ROOM, "no such show")
        except Refusal as refusal:
            self.refuse(refusal)
            self.close(GOING_AWAY_SOON, refusal.code)
        except Exception as problem:  # noqa: BLE001 -- a socket has nobody above it to tell
            self._broke(problem, "")
            self.close(1011, "broken")
        else:
            if not self.closing:
                self._enter(hall, hello)

    def _enter(self, hall: Hall, hello: wire.Hello) -> None:
        self.hall = hall
        self._join(hall)
        missed = None
        if hello.epoch is not None and hello.seq is not None:
            missed = hall.opened.room.since(hello.epoch, hello.seq)
        if missed is None or len(missed) > len(hall.frames):
            self._write_now(hall.snapshot(self.gateway.now)[1 if self.deflate else 0])
        elif missed:
            self._write_now(b"".join(list(hall.frames)[-len(missed) :]))
        if self.session_token is not None and self.gateway.doors.staff is not None:
            self.gateway.spawn(self._learn_role(hall, self.session_token))
        early, self._early = self._early, []
        for message in early:
            self._other(message)

    async def _learn_role(self, hall: Hall, token: str) -> None:
        staff = self.gateway.doors.staff
        assert staff is not None, "asked for only where there is one"
        with contextlib.suppress(Refusal):
            self.role = await staff(token, hall.opened.shop_id) or "viewer"

    def _join(self, hall: Hall) -> None:
        (hall.deflate if self.deflate else hall.plain)[self] = self.transport.write

    def _chat(self, say: wire.Say, hall: Hall) -> None:
        door = self.gateway.doors.chat
        if door is None:
            self.complain("room.not_here", "There is no chat here.", ref=say.ref)
            return
        wait = 0.0 if self.role != "viewer" else self.gateway.chat_rate.wait(self.shopper, time.monotonic())
        if wait:
            facts: dict[str, object] = {"wait_ms": int(wait * 1000) + 1}
            self.complain("chat.too_fast", "Slow down.", ref=say.ref, facts=facts)
            return
        said = Said(hall.opened.shop_id, self.show_id, self.shopper, self.role, say.name, say.text)
        self.gateway.spawn(self._chat_later(door, said, say.ref))

    async def _chat_later(self, door: ChatDoor, said: Said, ref: str) -> None:
        try:
            line = await door(said)
        except Refusal as refusal:
            self.refuse(refusal, ref=ref)
        except Exception as problem:  # noqa: BLE001 -- the writer must hear that it broke, the socket goes on
            self._broke(problem, ref)
        else:
            # The writer's own line is always shown to the writer, also when a tick has no room for it.
            shown: Mapping[str, object] = {"held": True} if line is None else {"line": line.as_json()}
            self.send(wire.frame(wire.encode({"t": "ack", "ref": ref, **shown})))

    # Outgoing

    def send(self, data: bytes) -> None:
        """Write with whatever else this turn of the loop brings."""
        if self.closing:
            return
        if not self._out:
            self.gateway.dirty(self)
        self._out.append(data)

    def flush(self) -> None:
        out = self._out
        if not out:
            return
        self._out = []
        if self.transport.is_closing():
            return
        self.transport.write(out[0] if len(out) == 1 else b"".join(out))
        if (
            self.hall is not None
            and self in self.hall.slow
            and self.transport.get_write_buffer_size() > CUT_ABOVE
        ):
            self.abort()

    def _write_now(self, data: bytes) -> None:
        self.flush()
        if not self.transport.is_closing():
            self.transport.write(data)

    def complain(
        self, code: str, message: str, *, ref: str = "", facts: dict[str, object] | None = None
    ) -> None:
        self.send(wire.frame(wire.error(code, message, ref=ref, facts=facts)))

    def refuse(self, refusal: Refusal, *, ref: str = "") -> None:
        self.complain(refusal.code, refusal.message, ref=ref, facts=refusal.facts)

    def _broke(self, problem: Exception, ref: str) -> None:
        incident = log_incident(problem, show_id=self.show_id)
        self.complain("bug", "Something broke on our side.", ref=ref, facts={"incident": incident})

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
        self._write_now(wire.close_frame(code, reason))
        self.closing = True
        self.transport.close()
        asyncio.get_running_loop().call_later(STALLED, self.transport.abort)

    def abort(self) -> None:
        """Do not wait for what is unsent."""
        self.closing = True
        self.transport.abort()


def make_protocol(gateway: Gateway) -> type[asyncio.Protocol]:
    """The class for uvicorn's `ws` setting, bound to this gateway."""

    class RoomSocket(Socket):
        def __init__(
            self,
            config: Any,
            server_state: Any,
            app_state: dict[str, Any] | None = None,
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(gateway, server_state.connections)

    return RoomSocket
