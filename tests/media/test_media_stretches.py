"""The clock of the video against the time of a replay that leaves out what was not recorded."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shopfloor import media
from shopfloor.media.playlist import in_ms, replay
from shopfloor.media.stretches import stretches_of

RUN = UUID(int=7)
ANCHOR = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def segment(second: int) -> media.Segment:
    return media.Segment(
        RUN, second, ANCHOR + timedelta(seconds=second), second * 90_000, 90_000, second * 10, 10, bytes(32),
        bytes(32), independent=True, audio_end=0,
    )  # fmt: skip


def test_a_replay_steps_over_the_holes_in_a_run_and_between_runs() -> None:
    found = stretches_of([[segment(0), segment(1), segment(4)], [], [segment(60)]])
    begin = in_ms(ANCHOR)
    assert found == (
        media.Stretch(begin, 0, 2_000),
        media.Stretch(begin + 4_000, 2_000, 1_000),
        media.Stretch(begin + 60_000, 3_000, 1_000),
    )
    places = [
        media.replay_ms(found, begin + ms) for ms in (-500, 0, 1_999, 2_000, 3_999, 4_500, 30_000, 60_999)
    ]
    assert places == [0, 0, 1_999, 2_000, 2_000, 2_500, 3_000, 3_999]
    assert media.replay_ms(found, begin + 61_000) is None
    assert media.replay_ms((), begin) is None


def test_a_hole_in_a_run_is_a_discontinuity_of_its_replay() -> None:
    run = media.Run(
        RUN,
        1,
        1,
        ANCHOR,
        ANCHOR + timedelta(seconds=5),
        "finished",
        "avc1",
        320,
        176,
        1,
        bytes(32),
        4,
        "f",
        bytes(32),
    )
    lines = replay([(run, [segment(0), segment(1), segment(4)])], []).splitlines()
    assert [i for i, line in enumerate(lines) if line == "#EXT-X-DISCONTINUITY"] == [
        next(i for i, line in enumerate(lines) if "12:00:04" in line) - 1
    ]
