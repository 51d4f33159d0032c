"""The room stream of one process: all open pages, the tick that tells them what changed, and who is counted.

Outgoing frames are made once per tick, plain and compressed, and written to the transports: for each reader
and tick nothing else happens.

Readers that fall behind: above 64 KiB of unsent data a reader gets no ticks, and a snapshot once it has
caught up; above 256 KiB, or after 10 seconds without progress, it is cut, and comes back by itself.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.client_address import Network, address_group, client_address, is_own_machine, networks
from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.http import log_incident
from shopfloor.kernel.origin import is_same_site
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.rooms import wire
from shopfloor.rooms.admission import AdmissionLimits
from shopfloor.rooms.channel import Connection, RoomChannel
from shopfloor.rooms.handlers import RoomHandlers
from shopfloor.rooms.presence import Audience, Beat
from shopfloor.rooms.rooms import OpenRoom, Rooms
from shopfloor.rooms.websocket import STALLED

HELLO_WITHIN: Final = 5.0
SLICE: Final = 500
TICK: Final = 0.1
BIG_ROOM: Final = 5_000
BIG_TICK: Final = 0.2
# Changes that cannot wait force a tick, but not more often than this.
URGENT: Final = 0.02
PRESENCE_EVERY: Final = 2.0
IDLE_ROOM: Final = 60.0
# Seconds on the clock of a player; no show is longer.
LONGEST: Final = 1e9

POLICY: Final = 1008
_log = logs.get("live")


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
        handlers: RoomHandlers | None = None,
        limits: AdmissionLimits | None = None,
        origins: frozenset[str] = frozenset(),
        proxies: Sequence[Network] = networks("127.0.0.1 ::1"),
    ) -> None:
        self.rooms = rooms
        self.handlers = handlers or RoomHandlers()
        self.limits = limits or AdmissionLimits()
        self.read_shopper = read_shopper
        self.origins = origins
        self.proxies = proxies
        self.now = time.time()
        self.draining = False
        self.sockets: set[Connection] = set()
        self.by_shopper: Counter[UUID] = Counter()
        self.by_address: Counter[str] = Counter()
        self.channels: dict[int, RoomChannel] = {}
        self.chat_rate = Gcra(every=self.limits.chat_every, burst=self.limits.chat_burst)
        self.chat_rate_of_address = Gcra(
            every=self.limits.chat_every_address, burst=self.limits.chat_burst_address
        )
        self.post_rate = Gcra(every=self.limits.posts_every, burst=self.limits.post_burst)
        self.post_rate_of_address = Gcra(
            every=self.limits.posts_every_address, burst=self.limits.post_burst_address
        )
        self.rates = (self.chat_rate, self.chat_rate_of_address, self.post_rate, self.post_rate_of_address)
        self._waiting_hello: set[Connection] = set()
        self._dirty: list[Connection] = []
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
        """Answer who waits for an answer, tell all to come back later, and count nobody from now on."""
        self.draining = True
        for each in list(self.sockets):
            each.shutdown(retry_after_ms)
        for _ in range(int(patience / 0.05)):
            if not self.sockets:
                break
            await asyncio.sleep(0.05)
        for each in list(self.sockets):
            each.abort()
        for channel in self.channels.values():
            self.remember(channel.audience.everybody_leaves(time.time()))
        await self._hand_over_beats()
        with contextlib.suppress(DatabaseAway):
            await self.rooms.leave()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Rooms

    async def channel(self, show_id: int) -> RoomChannel:
        """Raises UnknownShow."""
        return self._channel_of(show_id, await self.rooms.get(show_id))

    def open_channel(self, show_id: int) -> RoomChannel | None:
        """The same where the room is open already."""
        opened = self.rooms.opened(show_id)
        return None if opened is None else self._channel_of(show_id, opened)

    def _channel_of(self, show_id: int, opened: OpenRoom) -> RoomChannel:
        found = self.channels.get(show_id)
        if found is None:
            audience = Audience(opened.shop_id, show_id, self.rooms.process)
            audience.feature(opened.room.state.featured_id, 0.0)
            found = self.channels[show_id] = RoomChannel(show_id, opened, audience, empty_since=self.now)
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
            for channel in list(self.channels.values()):
                try:
                    self.tick(channel)
                except Exception as problem:  # noqa: BLE001 -- one broken room must not silence the others
                    log_incident(problem, show_id=channel.show_id)
            wake.clear()
            if any(channel.opened.room.urgent for channel in self.channels.values()):
                await asyncio.sleep(URGENT)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), TICK)

    def tick(self, channel: RoomChannel) -> None:
        """Send what is new in a room, unless the last tick was a moment ago or is still being written."""
        room = channel.opened.room
        pause = TICK if channel.size <= BIG_ROOM else BIG_TICK
        if room.urgent:
            pause = URGENT
        if self.now - channel.ticked_at < pause * 0.9 or not (room.has_news() or room.began_anew):
            return
        if channel.sending is not None and not channel.sending.done():
            return
        if room.began_anew:
            room.began_anew = room.urgent = False
            channel.ticked_at = self.now
            channel.frames.clear()
            self._send(channel, wire.encode(room.snapshot(_ms(self.now))))
            return
        tick = room.tick(_ms(self.now))
        if tick is None:
            return
        channel.ticked_at = self.now
        if "featured" in tick.patch:
            channel.audience.feature(room.state.featured_id, self.now)
        payload = wire.encode(tick.as_json())
        channel.frames.append(self._send(channel, payload))

    def _send(self, channel: RoomChannel, payload: bytes) -> bytes:
        """To every page; returns the plain frame."""
        plain = wire.frame(payload)
        for listener in tuple(channel.listeners):
            listener(payload)
        worth = channel.deflate and len(payload) > wire.WORTH_DEFLATING
        deflated = wire.deflated_frame(payload) if worth else plain
        work: list[tuple[list[Callable[[bytes], None]], bytes]] = [
            (list(channel.plain.values()), plain),
            (list(channel.deflate.values()), deflated),
        ]
        if channel.size <= SLICE:
            for writes, data in work:
                for write in writes:
                    write(data)
            return plain
        channel.sending = asyncio.get_running_loop().create_task(_write_in_slices(work))
        return plain

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = self.now = time.time()
            for each in list(self._waiting_hello):
                if now - each.since > HELLO_WITHIN:
                    each.close(POLICY, "say hello first")
            # Pages open rooms too: those get ticks as others do, and are forgotten when nobody came.
            for opened in self.rooms.all():
                self._channel_of(opened.show.id, opened)
            for channel in list(self.channels.values()):
                for each, since in list(channel.slow.items()):
                    if now - since > STALLED:
                        each.abort()
                self.remember(channel.audience.sweep(now))
                self._forget_if_idle(channel, now)
            for turn, each in enumerate(list(self.sockets)):
                each.keep_alive(now)
                if turn % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
            # Those are limited by a clock that nobody sets.
            for rate in self.rates:
                rate.forget(time.monotonic())
            await self._hand_over_beats()

    def _forget_if_idle(self, channel: RoomChannel, now: float) -> None:
        if channel.size or channel.listeners or channel.audience.count(now):
            channel.empty_since = now
        elif now - channel.empty_since > IDLE_ROOM:
            del self.channels[channel.show_id]
            self.rooms.forget(channel.show_id)

    async def _share_forever(self) -> None:
        while True:
            await asyncio.sleep(PRESENCE_EVERY)
            await self.share()

    async def share(self) -> None:
        """Tell the database who watches here and take over the totals; done every two seconds."""
        now = time.time()
        channels = {channel.show_id: channel for channel in self.channels.values()}
        if not channels:
            return
        likes = {show_id: channel.likes for show_id, channel in channels.items()}
        viewers = {show_id: channel.audience.count(now) for show_id, channel in channels.items()}
        try:
            await self.rooms.share(viewers=viewers, likes=likes)
        except DatabaseAway:
            _log.warning("live.presence_not_shared")
            return
        except Exception as problem:  # noqa: BLE001 -- counted again in two seconds; the rooms go on meanwhile
            log_incident(problem, shows=sorted(channels))
            return
        for show_id, channel in channels.items():
            channel.likes -= likes[show_id]

    # What pages tell of themselves, through a socket or by POST

    def like(self, channel: RoomChannel, shopper: UUID, count: int) -> None:
        likes = min(max(count, 0), self.limits.likes_at_once)
        if likes:
            channel.likes += likes
            channel.opened.room.like(likes)
            if self.handlers.like is not None:
                self.handlers.like(channel.show_id, shopper, likes)

    def beat(
        self,
        channel: RoomChannel,
        shopper: UUID,
        tab: object,
        *,
        playing: bool,
        position: float,
        named: bool,
    ) -> None:
        """`named`: this browser lets itself be measured (`presence.may_measure`)."""
        if 0 <= position < LONGEST:
            self.remember(
                channel.audience.beat(
                    shopper, tab, playing=playing, position=position, at=time.time(), named=named
                )
            )

    # Presence

    def remember(self, beats: Sequence[Beat]) -> None:
        self._beats.extend(beats)

    async def _hand_over_beats(self) -> None:
        beats, self._beats = self._beats, []
        if not beats or self.handlers.beat is None:
            return
        try:
            done = self.handlers.beat(beats)
            if done is not None:
                await done
        except Exception as problem:  # noqa: BLE001 -- what is told of viewers must not stop the room
            log_incident(problem, beats=len(beats))

    # Answers

    def dirty(self, each: Connection) -> None:
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
        most = self.limits.sockets_per_address
        if most is not None and not is_own_machine(address) and self.by_address[address] >= most:
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

    def waits_for_hello(self, each: Connection, waits: bool) -> None:
        if waits:
            self._waiting_hello.add(each)
        else:
            self._waiting_hello.discard(each)

    def is_same_site(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Browsers name the page that asks; only our own may.  Programs name none."""
        return is_same_site(headers, self.origins)

    def address_of(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        return address_group(self.whole_address_of(peer, headers))

    def whole_address_of(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        return client_address(peer, headers, self.proxies)

    def wait_to_chat(self, shopper: UUID, address: str) -> float:
        """Seconds this shopper has to wait, or 0.

        New cookies cost nothing, so what one address says in all is bounded as well: far above what a household or
        an office says.
        """
        return _wait(self.chat_rate, self.chat_rate_of_address, shopper, address)

    def wait_to_post(self, shopper: UUID, address: str) -> float:
        """The same for likes and beats that come by POST."""
        return _wait(self.post_rate, self.post_rate_of_address, shopper, address)


def _wait(of_shopper: Gcra, of_address: Gcra, shopper: UUID, address: str) -> float:
    now = time.monotonic()
    wait = of_shopper.wait(shopper, now)
    return wait or (0.0 if is_own_machine(address) else of_address.wait(address, now))


async def _write_in_slices(work: Sequence[tuple[Sequence[Callable[[bytes], None]], bytes]]) -> None:
    """Let others have a turn after every `SLICE` writes: a room of thousands must not hold up the loop."""
    for writes, data in work:
        for begin in range(0, len(writes), SLICE):
            for write in writes[begin : begin + SLICE]:
                write(data)
            await asyncio.sleep(0)


def _ms(now: float) -> int:
    return int(now * 1000)
