"""Who may see which video: everybody what was on air in a show, staff of the shop also what was before and after.

What is on air is told by shows, who is staff by accounts; both are asked through the two calls given here, and
their answers are kept for a moment, for players ask several times a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shopfloor.kernel import logs
from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.records import dataclass
from shopfloor.media.models import Segment
from shopfloor.media.playlist import in_ms

KEPT_SECONDS: Final = 2.0
STAFF_SECONDS: Final = 10.0
MOST_STAFF: Final = 1_000
# A run is ended when the end of the show is heard of, a moment after it: so much may be over.
END_TOLERANCE_MS: Final = 1_000

_log = logs.get("media")


@dataclass(frozen=True, slots=True)
class Airtime:
    """A show had a channel on air from `start` to `end`, or still has it; `hidden`: what is recorded of it is for staff."""

    show_id: int
    shop_id: int
    start: datetime
    end: datetime | None
    hidden: bool = False

    @property
    def start_ms(self) -> int:
        return in_ms(self.start)

    def covers(self, segment: Segment) -> bool:
        """Whether a segment lies within it, up to a moment at the end."""
        begin = in_ms(segment.pdt)
        if begin < self.start_ms:
            return False
        if self.end is None:
            return True
        end = in_ms(self.end)
        return begin < end and begin + segment.duration // 90 <= end + END_TOLERANCE_MS


Airtimes = Callable[[int], Awaitable[Sequence[Airtime]]]


async def never(channel_id: int) -> Sequence[Airtime]:
    """No show was ever on air: nothing is for everybody."""
    del channel_id
    return ()


class Staff:
    """Nobody.  What an application puts here finds the session in a request, and says whose shop it opens."""

    def cookie(self, scope: Mapping[str, Any]) -> bytes:
        """The part of the cookies that holds the session; empty where there is none."""
        del scope
        return b""

    async def opens(self, cookie: bytes, channel_id: int) -> bool:
        """Whether that session may see this channel."""
        del cookie, channel_id
        return False

    async def films(self, cookie: bytes, channel_id: int) -> bool:
        """Whether that session may be a camera of this channel."""
        del cookie, channel_id
        return False


class Access:
    """`airtimes` of a channel in order, the latest last."""

    def __init__(self, airtimes: Airtimes, staff: Staff) -> None:
        self._airtimes = airtimes
        self._staff = staff
        self._known: dict[int, tuple[float, Sequence[Airtime]]] = {}
        self._asking: dict[int, asyncio.Task[Sequence[Airtime]]] = {}
        self._opened: dict[tuple[bytes, int], tuple[float, bool]] = {}
        self._filming: set[tuple[bytes, int]] = set()

    async def airtimes(self, channel_id: int) -> Sequence[Airtime]:
        """As known within the last two seconds; what was known before, while the database is away."""
        known = self._known.get(channel_id)
        if known is not None and time.monotonic() - known[0] < KEPT_SECONDS:
            return known[1]
        task = self._asking.get(channel_id)
        if task is None:
            task = self._asking[channel_id] = asyncio.create_task(self._ask(channel_id))
            task.add_done_callback(lambda _: self._asking.pop(channel_id, None))
        # One viewer who leaves must not take the answer from the others.
        return await asyncio.shield(task)

    async def latest(self, channel_id: int) -> Airtime | None:
        found = await self.airtimes(channel_id)
        return found[-1] if found else None

    def forget(self, channel_id: int) -> None:
        """A show began or ended."""
        self._known.pop(channel_id, None)
        self._asking.pop(channel_id, None)

    def cookie(self, scope: Mapping[str, Any]) -> bytes:
        return self._staff.cookie(scope)

    async def is_staff(self, scope: Mapping[str, Any], channel_id: int) -> bool:
        cookie = self._staff.cookie(scope)
        if not cookie:
            return False
        known = self._opened.get((cookie, channel_id))
        if known is not None and time.monotonic() - known[0] < STAFF_SECONDS:
            return known[1]
        opens = await self._staff.opens(cookie, channel_id)
        if len(self._opened) >= MOST_STAFF:
            self._opened.clear()
        self._opened[cookie, channel_id] = time.monotonic(), opens
        return opens

    async def films(self, cookie: bytes, channel_id: int) -> bool:
        """Whether that session may be a camera of this channel; what was known before, while the database is away."""
        try:
            allowed = bool(cookie) and await self._staff.films(cookie, channel_id)
        except DatabaseAway:
            if (cookie, channel_id) not in self._filming:
                raise
            return True
        if not allowed:
            self._filming.discard((cookie, channel_id))
        else:
            if len(self._filming) >= MOST_STAFF:
                self._filming.clear()
            self._filming.add((cookie, channel_id))
        return allowed

    async def _ask(self, channel_id: int) -> Sequence[Airtime]:
        try:
            found = await self._airtimes(channel_id)
        except DatabaseAway:
            known = self._known.get(channel_id)
            if known is None:
                raise
            _log.warning("media.airtime_not_known", channel=channel_id)
            found = known[1]
        self._known[channel_id] = time.monotonic(), found
        return found
