"""Clocks that are set anew, and the names of frame rates."""

import itertools
import random
from collections.abc import Sequence

import pytest

from shopfloor.media.timeline import FrameRate, TrackClock, named


def placed(sent: Sequence[tuple[int, int]], *, step: int = 40) -> tuple[list[int], list[int]]:
    """Where frames stand, and at which of them the stream was interrupted; `sent` are timestamp and arrival."""
    clock = TrackClock(step)
    at: list[int] = []
    breaks: list[int] = []
    for i, (timestamp, arrived) in enumerate(sent):
        at.append(clock.place(timestamp % (1 << 32), arrived))
        if clock.broke:
            breaks.append(i)
    return at, breaks


@pytest.mark.parametrize("jump", [-90_000, -500, 1_500, 90_000, 2**31 - 1_000])
def test_a_clock_set_anew_goes_on_where_it_was(jump: int) -> None:
    sent = [(100_000 + i * 40 + (jump if i >= 50 else 0), i * 40) for i in range(100)]

    at, breaks = placed(sent)

    assert breaks == []
    assert at == [100_000 + i * 40 for i in range(100)]


def test_after_it_was_set_anew_a_clock_is_believed_again() -> None:
    """Also where everything arrives at once, and the frames are not even."""
    times = [100_000 + i * 40 for i in range(50)] + [7_000 + i * 90 for i in range(50)]

    at, breaks = placed([(timestamp, 0) for timestamp in times])

    assert breaks == []
    assert [after - before for before, after in itertools.pairwise(at[52:])] == [90] * 47


@pytest.mark.parametrize("wild", [0, 100_000, 2**32 - 1, 2**31])
def test_a_single_wild_timestamp_is_reckoned_from_its_neighbours(wild: int) -> None:
    sent = [(wild if i == 50 else 100_000 + i * 40 + 20_000, i * 40) for i in range(100)]

    at, breaks = placed(sent)

    assert breaks == []
    assert at == [120_000 + i * 40 for i in range(100)]


def test_what_both_clocks_say_is_a_break() -> None:
    sent = [(i * 40 + (5_000 if i >= 50 else 0), i * 40 + (5_000 if i >= 50 else 0)) for i in range(100)]

    at, breaks = placed(sent)

    assert breaks == [50]
    assert at == [timestamp for timestamp, _ in sent]


def test_timestamps_that_are_all_wild_do_not_stop_the_time() -> None:
    dice = random.Random(1)
    at, breaks = placed([(dice.randrange(1 << 32), i * 40) for i in range(500)])

    assert breaks == []
    assert abs(at[-1] - at[0] - 499 * 40) < 2_000


@pytest.mark.parametrize("rate", [10, 15, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60])
@pytest.mark.parametrize("cut", [round, int], ids=["rounded", "cut"])
def test_a_frame_rate_has_its_name(rate: float, cut: type[int]) -> None:
    found = FrameRate()
    for i in range(round(rate * 8)):
        found.frame(cut(i * 1000 / rate))

    assert found.measure() == rate
    assert found.lost == 0


@pytest.mark.parametrize(("step", "rate"), [(33, 30), (16, 60), (41, 24), (40, 25), (66, 15)])
def test_steps_cut_to_whole_ms_are_called_what_is_meant(step: int, rate: int) -> None:
    assert named(29, 29 * step, step) == rate


def test_another_rate_is_given_to_two_decimals() -> None:
    assert named(100, 5_711) == 17.51


@pytest.mark.parametrize(
    "steps",
    [[33, 66, 33, 50, 20, 100], [33] * 90 + [66] * 90, [40, 40, 40, 80], [16, 17, 33, 50, 66]],
    ids=["uneven", "half the rate", "every fourth", "many"],
)
def test_a_rate_that_varies_is_no_loss(steps: list[int]) -> None:
    rate, at = FrameRate(), 0
    for i in range(600):
        rate.frame(at)
        at += steps[i % len(steps)]
        if i % 30 == 0:
            rate.measure()

    assert rate.lost == 0


def test_frames_that_are_missing_from_an_even_rate_are_counted() -> None:
    rate = FrameRate()
    for i in range(600):
        if i in range(100, 103) or i == 300 or i in range(400, 410):
            continue
        rate.frame(round(i * 1000 / 30))
        if i % 30 == 0:
            rate.measure()

    assert rate.lost == 3 + 1 + 10
