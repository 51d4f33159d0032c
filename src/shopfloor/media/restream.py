"""The stream of a show, passed on to other platforms while it runs.

Each destination has a connection, a queue and a task of its own: one that fails or is slow harms neither another nor
the room.  A queue is bounded; what does not fit is dropped, up to the next key frame.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

from shopfloor.kernel import logs
from shopfloor.kernel.errors import Refusal
from shopfloor.media.chunks import AUDIO, VIDEO
from shopfloor.media.flv import is_key_frame, is_parameters
from shopfloor.media.models import Destination, DestinationState
from shopfloor.media.rtmp_client import DestinationRefused, Publication

# About eight seconds of a good picture.
MOST_BYTES: Final = 4 << 20
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
# Without media for so long nothing is held open: platforms hang up, and a camera that comes back connects anew.
IDLE_SECONDS: Final = 10.0
# A camera that is connected anew, or whose clock jumps further than this, goes on where it was.
_JUMP_MS: Final = 5_000
_FRAME_MS: Final = 40
_WRAP: Final = 1 << 32

_log = logs.get("media")

Connect = Callable[[Destination], Awaitable[Publication]]
Tell = Callable[[Destination, DestinationState, str, int], None]


class Why(StrEnum):
    """Why a destination does not take the stream."""

    AWAY = "away"
    REFUSED = "refused"
    ADDRESS = "address"
    KEY = "key"


class Sender:
    """One destination.  `headers` of the channel, by kind of message, are those that hold."""

    def __init__(
        self,
        destination: Destination,
        headers: Mapping[int, bytes],
        connect: Connect,
        tell: Tell,
        *,
        most: int = MOST_BYTES,
    ) -> None:
        self.destination = destination
        self._headers = headers
        self._connect = connect
        self._tell = tell
        self._most = most
        self._queue: deque[tuple[int, int, bytes]] = deque()
        self._held = 0
        self._awake = asyncio.Event()
        self._needs_key = True
        self._ready = False
        self._base: int | None = None
        self._last = 0
        self._told: tuple[DestinationState, str] | None = None
        self.dropped = 0
        self.task = asyncio.create_task(self._run(), name=f"restream {destination.id}")

    def put(self, kind: int, timestamp: int, payload: bytes) -> None:
        """Never waits."""
        self._awake.set()
        if not self._ready or is_parameters(kind, payload):
            if self._ready:
                self._queue.append((kind, timestamp, payload))
            return
        if self._needs_key:
            if not is_key_frame(kind, payload) and VIDEO in self._headers:
                return
            self._needs_key = False
        if self._held + len(payload) > self._most:
            self.dropped += len(self._queue) + 1
            self._queue.clear()
            self._held, self._needs_key = 0, True
            return
        self._queue.append((kind, timestamp, payload))
        self._held += len(payload)

    def begin_again(self) -> None:
        """Another camera, or the same one connected anew: its clock begins anywhere."""
        self._queue.clear()
        self._held, self._needs_key, self._base = 0, True, None

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        try:
            while True:
                await self._awake.wait()
                self._say(DestinationState.CONNECTING)
                try:
                    publication = await self._connect(self.destination)
                except Refusal as refusal:
                    self._say(DestinationState.WAITING, why_of(refusal))
                else:
                    pause = FIRST_PAUSE
                    try:
                        await self._send(publication)
                        # The camera is silent: nothing is wrong with the destination.
                        self._awake.clear()
                        self._say(DestinationState.IDLE)
                        continue
                    except Refusal as refusal:
                        self._say(DestinationState.WAITING, why_of(refusal))
                    finally:
                        self._ready = False
                        self._queue.clear()
                        self._held = 0
                        await publication.close()
                # Not all of them at once, after a platform was away.
                await asyncio.sleep(pause * (0.5 + random.random()))
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._say(DestinationState.IDLE)

    async def _send(self, publication: Publication) -> None:
        """Until the camera falls silent.  Raises DestinationAway, DestinationRefused."""
        listening = asyncio.create_task(publication.listen())
        try:
            self._needs_key, self._ready = True, True
            self._base, self._last = None, -_FRAME_MS
            for kind in (VIDEO, AUDIO):
                if kind in self._headers:
                    publication.send(kind, 0, self._headers[kind])
            while True:
                self._awake.clear()
                while self._queue:
                    kind, timestamp, payload = self._queue.popleft()
                    if not is_parameters(kind, payload):
                        self._held -= len(payload)
                    self._say(DestinationState.LIVE)
                    publication.send(kind, self._placed(timestamp), payload)
                    await publication.drained()
                waking = asyncio.create_task(self._awake.wait())
                done, _ = await asyncio.wait(
                    {waking, listening}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                waking.cancel()
                if listening in done:
                    await listening
                if not done:
                    return
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _placed(self, timestamp: int) -> int:
        """Milliseconds since this connection began; jumps of the camera's clock are taken out."""
        at = 0
        if self._base is not None:
            at = (timestamp - self._base) % _WRAP
            at -= _WRAP if at > _WRAP // 2 else 0
        if self._base is None or abs(at - self._last) > _JUMP_MS:
            at = self._last + _FRAME_MS
            self._base = (timestamp - at) % _WRAP
        self._last = max(self._last, at)
        # Sound that came a little before the first key frame begins with it.
        return max(at, 0)

    def _say(self, state: DestinationState, why: str = "") -> None:
        if self._told == (state, why):
            return
        self._told = state, why
        _log.info("media.restream", destination=self.destination.id, state=str(state), why=why)
        self._tell(self.destination, state, why, self.dropped)


def why_of(refusal: Refusal) -> str:
    if refusal.code == "outbound.address_refused":
        return Why.ADDRESS
    if refusal.code == "secrets.cannot_open":
        return Why.KEY
    return Why.REFUSED if isinstance(refusal, DestinationRefused) else Why.AWAY
