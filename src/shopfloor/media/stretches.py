"""Where a moment of a show is in its replay: the clock of the video against the time of the player.  Pure.

A replay plays what is recorded without a pause.  A *stretch* of it has no hole: the clock of the video and the time
of the player advance alike.
"""

from collections.abc import Iterable, Sequence

from shopfloor.kernel.records import dataclass
from shopfloor.media.models import Segment
from shopfloor.media.playlist import in_ms


@dataclass(frozen=True, slots=True)
class Stretch:
    """`start` on the clock of the video, ms since 1970; `at` and `duration` in ms of the replay."""

    start: int
    at: int
    duration: int

    @property
    def end(self) -> int:
        """On the clock of the video."""
        return self.start + self.duration


def stretches_of(runs: Iterable[Sequence[Segment]]) -> tuple[Stretch, ...]:
    """The stretches of a replay that plays these segments of each run, in order."""
    found: list[Stretch] = []
    played = 0
    for segments in runs:
        begin: Segment | None = None
        due = length = 0
        for segment in segments:
            if begin is not None and segment.dts != due:
                found.append(Stretch(in_ms(begin.pdt), played // 90, length // 90))
                played, begin = played + length, None
            if begin is None:
                begin, length = segment, 0
            length += segment.duration
            due = segment.dts + segment.duration
        if begin is not None:
            found.append(Stretch(in_ms(begin.pdt), played // 90, length // 90))
            played += length
    return tuple(found)


def replay_ms(stretches: Sequence[Stretch], moment: int) -> int | None:
    """The time in the replay, in ms, of a moment on the clock of the video.

    What is missing lies where the next stretch begins; after the last nothing is: None.
    """
    for stretch in stretches:
        if moment < stretch.end:
            return stretch.at + max(0, moment - stretch.start)
    return None
