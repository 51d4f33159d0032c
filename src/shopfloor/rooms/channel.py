"""The open pages of one room, and the frames that go to all of them."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import field
from typing import Final, Protocol

from shopfloor.kernel.records import dataclass
from shopfloor.rooms import wire
from shopfloor.rooms.presence import Audience
from shopfloor.rooms.room import RING
from shopfloor.rooms.rooms import OpenRoom

SNAPSHOT_FRESH: Final = 1.0


class Connection(Protocol):
    """An open page, as the room's stream needs it."""

    since: float
    transport: asyncio.Transport

    def flush(self) -> None: ...

    def keep_alive(self, now: float) -> None: ...

    def shutdown(self, retry_after_ms: int = ...) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...


@dataclass(slots=True, eq=False)
class RoomChannel:
    """The sockets of one room, and the frames that go to all of them."""

    show_id: int
    opened: OpenRoom
    audience: Audience
    plain: dict[Connection, Callable[[bytes], None]] = field(
        default_factory=dict[Connection, Callable[[bytes], None]]
    )
    deflate: dict[Connection, Callable[[bytes], None]] = field(
        default_factory=dict[Connection, Callable[[bytes], None]]
    )
    slow: dict[Connection, float] = field(default_factory=dict[Connection, float])
    listeners: set[Callable[[bytes], None]] = field(default_factory=set[Callable[[bytes], None]])
    frames: deque[bytes] = field(default_factory=lambda: deque[bytes](maxlen=RING))
    likes: int = 0
    ticked_at: float = 0.0
    empty_since: float = 0.0
    sending: asyncio.Task[None] | None = None
    _snapshot: tuple[str, int, float, bytes, bytes] | None = None

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.deflate) + len(self.slow)

    def snapshot(self, now: float) -> tuple[bytes, bytes]:
        """The snapshot's frames, plain and compressed; made once per tick, however many come."""
        room, cached = self.opened.room, self._snapshot
        if cached is None or cached[:2] != (room.epoch, room.seq) or now - cached[2] > SNAPSHOT_FRESH:
            payload = wire.encode(room.snapshot(int(now * 1000)))
            plain, deflated = wire.frame(payload), wire.deflated_frame(payload)
            cached = self._snapshot = (room.epoch, room.seq, now, plain, deflated)
        return cached[3], cached[4]

    def renew(self, opened: OpenRoom) -> None:
        self.opened = opened
        self.frames.clear()
        self._snapshot = None
