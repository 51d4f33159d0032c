"""Who is watching.  Pure: the caller brings the time.

A viewer is a signed session whose playback advanced within the last 15 seconds.  Sockets, tabs, playlist
requests and addresses are not viewers: two tabs are one, a paused player is none, and no setting multiplies.

Pages report the position of their player every few seconds (a beat).  A beat is credited with what the
position advanced, but never with more than the time that passed, and over all tabs of a session never with
more than once the time: the seconds of a session cannot exceed the clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import field
from enum import StrEnum
from itertools import pairwise
from typing import Final
from uuid import UUID

from shopfloor.kernel.records import dataclass

WATCHING: Final = 15.0
# The tab of those who report by POST, however many pages they have open: nothing says when it is closed.
WITHOUT_A_SOCKET: Final = "without a socket"
# A player may catch up with the live edge faster than the clock by this much.
TOLERANCE: Final = 0.25


class BeatKind(StrEnum):
    ENTER = "live.enter"
    HEARTBEAT = "live.heartbeat"
    LEAVE = "live.leave"


@dataclass(frozen=True, slots=True)
class Beat:
    """Something to remember of a viewer: came, watched on for `seconds`, left.

    `shopper` None: the browser said that nobody shall measure it, which is respected (`may_measure`).
    `session` names one stay of this viewer; `at` is in seconds since 1970, the end of the seconds watched;
    `position` the player's own clock.  `offer_id` was featured meanwhile.
    """

    kind: BeatKind
    shop_id: int
    show_id: int
    shopper: UUID | None
    session: str
    seconds: float
    at: float
    position: float
    offer_id: int | None


@dataclass(slots=True)
class _Viewer:
    stay: int
    watched_at: float
    entered: bool = False
    named: bool = True
    tabs: dict[object, tuple[float, float]] = field(default_factory=dict[object, tuple[float, float]])
    position: float = 0.0


@dataclass(slots=True)
class Audience:
    """The viewers of one show in one process."""

    shop_id: int
    show_id: int
    process: str = ""
    _viewers: dict[UUID, _Viewer] = field(default_factory=dict[UUID, _Viewer])
    _featured: list[tuple[float, int | None]] = field(default_factory=list[tuple[float, int | None]])
    _stays: int = 0

    def feature(self, offer_id: int | None, at: float) -> None:
        """From `at` on this offer is shown; what is credited is split there."""
        self._featured.append((at, offer_id))
        while len(self._featured) > 1 and self._featured[1][0] < at - 2 * WATCHING:
            del self._featured[0]

    def beat(
        self, shopper: UUID, tab: object, *, playing: bool, position: float, at: float, named: bool = True
    ) -> list[Beat]:
        """A tab reports where its player is.  The first report of a tab says where it starts, no more.

        Not `named`: watching counts, and what is remembered of it does not say whose it was.
        """
        viewer = self._viewers.get(shopper)
        if viewer is None:
            self._stays += 1
            viewer = self._viewers[shopper] = _Viewer(stay=self._stays, watched_at=at)
        viewer.named = named
        before = viewer.tabs.get(tab)
        viewer.tabs[tab] = (position, at)
        if not playing or before is None:
            return []
        moved, passed = position - before[0], at - before[1]
        if moved <= 0 or passed <= 0:
            return []
        seconds = min(moved, passed * (1 + TOLERANCE), passed, WATCHING)
        return self._credit(shopper, viewer, seconds, position, at)

    def _credit(
        self, shopper: UUID, viewer: _Viewer, seconds: float, position: float, at: float
    ) -> list[Beat]:
        viewer.position = position
        beats: list[Beat] = []
        if not viewer.entered:
            viewer.entered = True
            viewer.watched_at = at - seconds
            offer = self._featured_at(viewer.watched_at)
            beats.append(self._made(BeatKind.ENTER, shopper, viewer, 0.0, viewer.watched_at, offer))
        begin = max(at - seconds, viewer.watched_at)
        viewer.watched_at = max(at, viewer.watched_at)
        for start, end, offer in self._pieces(begin, at):
            beats.append(self._made(BeatKind.HEARTBEAT, shopper, viewer, round(end - start, 3), end, offer))
        return beats

    def _made(
        self, kind: BeatKind, shopper: UUID, viewer: _Viewer, seconds: float, at: float, offer: int | None
    ) -> Beat:
        session = f"{self.process}{viewer.stay}"
        whose = shopper if viewer.named else None
        return Beat(kind, self.shop_id, self.show_id, whose, session, seconds, at, viewer.position, offer)

    def _featured_at(self, at: float) -> int | None:
        return next((offer for since, offer in reversed(self._featured) if since <= at), None)

    def _pieces(self, begin: float, end: float) -> list[tuple[float, float, int | None]]:
        """`begin` to `end`, cut where another offer was featured."""
        if end <= begin:
            return []
        cuts = [begin, *(since for since, _ in self._featured if begin < since < end), end]
        return [(start, stop, self._featured_at(start)) for start, stop in pairwise(cuts) if stop > start]

    def gone(self, shopper: UUID, tab: object, at: float) -> list[Beat]:
        """A tab was closed.  The viewer leaves with the last one."""
        viewer = self._viewers.get(shopper)
        if viewer is None or tab not in viewer.tabs:
            return []
        del viewer.tabs[tab]
        return [] if viewer.tabs else self._leave(shopper, viewer)

    def sweep(self, at: float) -> list[Beat]:
        """Let those leave whose playback has not advanced for 15 seconds, and forget who only reported by POST."""
        beats: list[Beat] = []
        for shopper, viewer in list(self._viewers.items()):
            posted = viewer.tabs.get(WITHOUT_A_SOCKET)
            if posted is not None and posted[1] <= at - WATCHING:
                beats += self.gone(shopper, WITHOUT_A_SOCKET, at)
                if shopper not in self._viewers:
                    continue
            if viewer.entered and viewer.watched_at <= at - WATCHING:
                beats += self._leave(shopper, viewer, keep=True)
        return beats

    def _leave(self, shopper: UUID, viewer: _Viewer, *, keep: bool = False) -> list[Beat]:
        beats: list[Beat] = []
        if viewer.entered:
            offer = self._featured_at(viewer.watched_at)
            beats = [self._made(BeatKind.LEAVE, shopper, viewer, 0.0, viewer.watched_at, offer)]
        del self._viewers[shopper]
        if keep:
            self._stays += 1
            self._viewers[shopper] = _Viewer(
                self._stays, viewer.watched_at, named=viewer.named, tabs=viewer.tabs
            )
        return beats

    def count(self, at: float) -> int:
        return sum(1 for v in self._viewers.values() if v.entered and v.watched_at > at - WATCHING)

    def everybody_leaves(self, at: float) -> list[Beat]:
        """The show is over, or this process is."""
        beats: list[Beat] = []
        for shopper, viewer in list(self._viewers.items()):
            beats += self._leave(shopper, viewer)
        return beats


def may_measure(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a browser that sends these headers lets itself be measured (Global Privacy Control, Do Not Track)."""
    return not any(name in {b"sec-gpc", b"dnt"} and value.strip() == b"1" for name, value in headers)


def total(leases: Sequence[tuple[int, float]], at: float) -> int:
    """The viewers of a show over all processes: the counts whose lease has not run out."""
    return sum(count for count, expires in leases if expires > at)
