"""The clocks of a publisher, made usable: one steady time line per track, and the frame rate.  Pure.

Timestamps of encoders wrap, jump, are reset, and are now and then simply wrong.  A second clock cannot be wrong
in the same way: that of arrival.  What both say is a real break; what only the timestamp says is either a
single outlier, which is left out, or a clock that was set anew, which is rebased so that the track goes on.
"""

from collections import deque
from statistics import median_low
from typing import Final

JUMP_MS: Final = 1_000
BACKWARDS_MS: Final = 100
# Timestamps in a row that agree with each other, but not with what came before, are a clock set anew.
_CONFIRMED: Final = 2
_AGREEMENT_MS: Final = 250
_HALF: Final = 1 << 31
_WRAP: Final = 1 << 32

# Frame rates as they are named; a measured one is called by the name it cannot be told from.
_RATES: Final = (5, 10, 12, 12.5, 15, 20, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 90, 100, 119.88, 120)
_STEPS: Final = 60
_MEASURED_FRAMES: Final = 300
# Counted as lost only where at most this share of the steps around it is uneven.
_UNEVEN: Final = 0.1


def unwrapped(timestamp: int, near: int) -> int:
    """A 32-bit millisecond counter as the number nearest to `near` that it can stand for."""
    return near + (timestamp - near + _HALF) % _WRAP - _HALF


class TrackClock:
    """Time of one track in ms.  `step` is the usual time from frame to frame, `longest` what is no jump yet;
    `arrived` says when the last frame came.
    """

    def __init__(self, step: int) -> None:
        self.step = step
        self.longest = JUMP_MS
        self.last: int | None = None
        self.broke = False
        self.shifted = 0
        self._raw = 0
        self._shift = 0
        self.arrived = 0
        self._before = 0
        self._suspect: int | None = None
        self._agreeing = 0

    def begin(self, near: int | None) -> None:
        """Before the first frame: its timestamp is read as near to that of the other track as it can be."""
        if self.last is None and near is not None:
            self._raw = near

    @property
    def raw(self) -> int | None:
        """The last timestamp as it came, unwrapped; None before the first."""
        return None if self.last is None else self._raw

    def place(self, timestamp: int, arrived: int) -> int:
        """Where a frame stands; `broke` then says whether the stream was really interrupted before it."""
        self.broke = False
        if self.last is None:
            self._raw = unwrapped(timestamp, self._raw) if self._raw else timestamp
            self.arrived = arrived
            self.last = self._before = self._raw
            return self.last
        raw = unwrapped(timestamp, self._raw)
        at = raw + self._shift
        step, waited = at - self.last, arrived - self.arrived
        self.arrived = arrived
        if -BACKWARDS_MS <= step <= self.longest:
            self._raw, self._suspect = raw, None
            self._before, self.last = self.last, max(at, self.last)
            return at
        if step < 0 and 0 <= at - self._before <= 4 * self.step:
            # The one before was dated too late, by less than a jump.
            self._raw, self._suspect, self.last = raw, None, at
            return at
        agree = abs(step) > JUMP_MS and abs(step - waited) <= max(_AGREEMENT_MS, abs(step) // 4)
        if waited > self.longest or agree:
            self.broke = True
            self._raw, self._suspect = raw, None
            self._before = self.last = at
            return at
        at = self.last + (waited if waited > 3 * self.step else self.step)
        self._before = self.last
        if self._suspect is not None and -BACKWARDS_MS <= raw - self._suspect <= JUMP_MS:
            self._agreeing += 1
        else:
            self._agreeing = 1
        self._suspect = raw
        if self._agreeing >= _CONFIRMED:
            self._shift = at - raw
            self._raw, self._suspect = raw, None
        self.last = at
        return at

    def shift(self, by: int) -> None:
        """Date the whole track otherwise: what came before, too, if `shifted` is added to it again."""
        self._shift += by
        self.shifted += by
        if self.last is not None:
            self.last += by
            self._before += by


class FrameRate:
    """Frames per second as one would name them, and how many frames were lost.

    Where the rate is even, a step of several frames between even ones is a loss.  Where it varies, long steps
    are how the encoder sends a picture in which nothing moves.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.usual = 33
        self.fps = 0.0
        self._steps: deque[int] = deque(maxlen=_STEPS)
        self._times: deque[int] = deque(maxlen=_MEASURED_FRAMES)
        self._missing = 0
        self._even = 0

    def restart(self) -> None:
        """After a break, what came before says nothing about what comes."""
        self._steps.clear()
        self._times.clear()
        self._missing = 0

    def frame(self, at: int) -> None:
        if self._times:
            self._step(at - self._times[-1])
        self._times.append(at)

    def measure(self) -> float:
        """The rate over the last frames; call it now and then, it is not free."""
        frames, span = len(self._times) - 1, self._times[-1] - self._times[0] if self._times else 0
        if frames >= 1 and span > 0:
            even = min(self._steps, default=0) == max(self._steps, default=0)
            self.fps = named(frames, span, self._steps[0] if even and self._steps else None)
        return self.fps

    def _step(self, step: int) -> None:
        self._steps.append(step)
        if len(self._steps) % 15 == 0 or len(self._steps) < 10:
            self.usual = max(median_low(self._steps), 1)
        usual = self.usual
        if 2 * step > 3 * usual:
            # Two long steps one after the other: the rate has changed.
            self._missing = max(round(step * self._rate() / 1000) - 1, 0) if len(self._steps) > 10 else 0
            self._even = 0
        elif self._missing:
            self._even += 1
            if self._even == 2:
                uneven = sum(4 * abs(each - usual) > max(usual, 8) for each in self._steps) - 1
                if uneven <= _UNEVEN * len(self._steps):
                    self.lost += self._missing
                self._missing = 0

    def _rate(self) -> float:
        return self.fps if self.fps and abs(1000 / self.fps - self.usual) <= 2 else 1000 / self.usual


def named(frames: int, span: int, even: int | None = None) -> float:
    """The rate of `frames` in `span` ms, whole milliseconds both; `even` is the step, where all are equal.

    Timestamps in whole ms are a ms off at either end, and some encoders cut each step to whole ms.
    """
    close = [rate for rate in _RATES if abs(frames * 1000 / rate - span) <= 1]
    if not close and even is not None:
        close = [rate for rate in _RATES if even <= 1000 / rate < even + 1]
        close = [rate for rate in close if rate == int(rate)] or close
    if close:
        return min(close, key=lambda rate: abs(frames * 1000 / rate - span))
    return round(frames * 1000 / span, 2)
