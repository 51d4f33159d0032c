"""The live window and the rules of reloading it."""

import gzip
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.media import checker

from shopfloor.media.models import Moment, MomentReused, Run, Segment
from shopfloor.media.packager import Cadence
from shopfloor.media.playlist import Answer, Reload, Window, from_ms, replay, stamp

CADENCE = Cadence(part_target=24_180, target_duration=2)
ANCHOR = 1_767_614_400_000  # 2026-01-05 12:00:00 UTC
PART = 24_000


def window(segments: int = 3, parts: int = 2, *, first_msn: int = 40) -> Window:
    """So many closed segments of one second in four parts, and an open one with `parts` parts."""
    made = Window(first_msn=first_msn)
    made.open_run(tag="aaaaaa", anchor=ANCHOR, init_name="init-1.mp4", init=b"init", cadence=CADENCE)
    grow(made, segments, parts)
    return made


def grow(made: Window, segments: int, parts: int = 0, *, dts: int = 0) -> int:
    for _ in range(segments):
        for i in range(4):
            length = PART if i < 3 else 18_000
            made.add_part(b"part %d" % dts, dts=dts, duration=length, independent=i == 0)
            dts += length
        made.close_segment()
    for i in range(parts):
        made.add_part(b"part %d" % dts, dts=dts, duration=PART, independent=i == 0)
        dts += PART
    return dts


def text(made: Window) -> str:
    return made.render().plain.decode()


def test_what_a_playlist_looks_like() -> None:
    assert text(window(1, 1)) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:9\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.80600\n"
        "#EXT-X-PART-INF:PART-TARGET=0.26867\n"
        "#EXT-X-MEDIA-SEQUENCE:40\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="init-1.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-05T12:00:00.000Z\n"
        '#EXT-X-PART:DURATION=0.26667,URI="aaaaaa-40.0.m4s",INDEPENDENT=YES\n'
        '#EXT-X-PART:DURATION=0.26667,URI="aaaaaa-40.1.m4s"\n'
        '#EXT-X-PART:DURATION=0.26667,URI="aaaaaa-40.2.m4s"\n'
        '#EXT-X-PART:DURATION=0.20000,URI="aaaaaa-40.3.m4s"\n'
        "#EXTINF:1.00000,\n"
        "aaaaaa-40.m4s\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-05T12:00:01.000Z\n"
        '#EXT-X-PART:DURATION=0.26667,URI="aaaaaa-41.0.m4s",INDEPENDENT=YES\n'
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="aaaaaa-41.1.m4s"\n'
    )


def test_nothing_is_published_before_the_first_segment_is_closed() -> None:
    made = window(0, 3)

    assert not made.published
    made.close_segment()
    assert made.published


@pytest.mark.parametrize(
    ("msn", "part", "expected"),
    [
        (None, None, Reload(Answer.NOW)),
        # Closed: 40, 41, 42.  Open: 43 with parts 0 and 1.
        ("42", None, Reload(Answer.NOW)),
        ("43", None, Reload(Answer.WAIT, 43, None)),
        ("44", None, Reload(Answer.WAIT, 44, None)),
        ("45", None, Reload(Answer.BAD)),
        ("43", "1", Reload(Answer.NOW)),
        ("43", "2", Reload(Answer.WAIT, 43, 2)),
        ("42", "3", Reload(Answer.NOW)),
        ("42", "4", Reload(Answer.NOW)),
        ("42", "9", Reload(Answer.NOW)),
        ("44", "0", Reload(Answer.WAIT, 44, 0)),
        ("43", "13", Reload(Answer.WAIT, 43, 13)),
        ("43", "14", Reload(Answer.BAD)),
        ("39", None, Reload(Answer.NOW)),
        ("0", "5", Reload(Answer.NOW)),
        (None, "1", Reload(Answer.BAD)),
        ("x", None, Reload(Answer.BAD)),
        ("-1", None, Reload(Answer.BAD)),
        ("43", "", Reload(Answer.BAD)),
        ("9" * 30, None, Reload(Answer.BAD)),
    ],
)
def test_every_row_of_the_reload_table(msn: str | None, part: str | None, expected: Reload) -> None:
    assert window(3, 2).reload(msn, part) == expected


def test_a_part_beyond_a_closed_segment_waits_for_the_first_part_of_the_next() -> None:
    made = window(3, 0)

    assert made.reload("42", "4") == Reload(Answer.WAIT, 43, 0)
    assert not made.has(43, 0)
    grow(made, 0, 1, dts=270_000)
    assert made.has(43, 0)
    assert not made.has(43, None)


def test_directives_are_ignored_once_the_broadcast_is_over() -> None:
    made = window()
    made.close_segment()
    made.close_run()
    made.end()

    assert made.reload("99", "7") == Reload(Answer.NOW)
    assert made.reload(None, "7") == Reload(Answer.NOW)
    assert checker.parse(text(made)).ended


def test_the_window_slides_and_keeps_what_may_still_be_asked_for() -> None:
    made = window(30, 2)
    playlist = checker.parse(text(made))

    assert sum(segment.duration for segment in playlist.closed) >= 3 * 2
    assert [segment.msn for segment in playlist.closed] == list(range(62, 70))
    assert [bool(segment.parts) for segment in playlist.segments] == [False] * 2 + [True] * 7
    assert made.find("aaaaaa-62.m4s") is not None
    assert made.find("aaaaaa-55.2.m4s") is not None
    assert made.find("aaaaaa-52.m4s") is None
    assert made.find("aaaaaa-52.1.m4s") is None
    assert made.find("init-1.mp4") == (b"init",)


def test_the_hint_names_the_part_that_comes_next() -> None:
    made = window(1, 1)
    for parts in range(2, 4):
        hint = made.hint
        assert made.add_part(b"x", dts=114_000, duration=PART, independent=False) == hint, parts
    made.close_segment()
    assert made.hint == "aaaaaa-42.0.m4s"
    made.close_run()
    assert made.hint is None
    assert checker.parse(text(made)).hint is None


def test_a_second_run_goes_on_in_the_same_playlist() -> None:
    made = window(3, 1)
    made.close_segment()
    made.close_run()
    before = checker.parse(text(made))
    made.open_run(
        tag="bbbbbb", anchor=ANCHOR + 10_000, init_name="init-2.mp4", init=b"other", cadence=CADENCE
    )
    grow(made, 2, 1)
    playlist = checker.parse(text(made))

    assert [segment.msn for segment in playlist.segments] == [40, 41, 42, 43, 44, 45, 46]
    assert [segment.discontinuity for segment in playlist.segments] == [False] * 4 + [True, False, False]
    assert [segment.init for segment in playlist.segments] == ["init-1.mp4"] * 4 + ["init-2.mp4"] * 3
    assert playlist.segments[4].pdt == datetime(2026, 1, 5, 12, 0, 10, tzinfo=UTC)
    assert playlist.header["TARGETDURATION"] == before.header["TARGETDURATION"]
    assert playlist.header["PART-INF"] == before.header["PART-INF"]
    assert playlist.header["DISCONTINUITY-SEQUENCE"] == "0"


def test_the_discontinuity_sequence_grows_as_such_segments_slide_out() -> None:
    made = window(3, 1)
    made.close_segment()
    made.close_run()
    made.open_run(
        tag="bbbbbb", anchor=ANCHOR + 10_000, init_name="init-2.mp4", init=b"other", cadence=CADENCE
    )
    dts = grow(made, 8)
    assert checker.parse(text(made)).segments[0].discontinuity
    assert checker.parse(text(made)).header["DISCONTINUITY-SEQUENCE"] == "0"
    dts = grow(made, 1, dts=dts)
    playlist = checker.parse(text(made))

    assert not any(segment.discontinuity for segment in playlist.segments)
    assert playlist.header["DISCONTINUITY-SEQUENCE"] == "1"
    assert playlist.segments[0].init == "init-2.mp4"
    grow(made, 30, dts=dts)
    assert made.find("init-1.mp4") is None
    assert made.find("init-2.mp4") == (b"other",)


def test_the_playlist_is_rendered_once_per_part() -> None:
    made = window()

    assert made.render() is made.render()
    assert gzip.decompress(made.render().packed) == made.render().plain
    before = made.render()
    made.add_part(b"x", dts=400_000, duration=PART, independent=False)
    assert made.render() is not before


def moment(sku: str = "A-17", start: int = 0, end: int | None = None) -> Moment:
    return Moment(1, "m-812", sku, from_ms(ANCHOR + start), None if end is None else from_ms(ANCHOR + end))


def test_a_moment_is_a_date_range_without_what_would_break_it() -> None:
    made = window()
    made.moment(moment('A"17\r\n#EXT-X-ENDLIST'))

    assert (
        '#EXT-X-DATERANGE:ID="m-812",CLASS="shop.product",START-DATE="2026-01-05T12:00:00.000Z",X-SKU="A17#EXT-X-ENDLIST"\n'
        in text(made)
    )
    assert not checker.parse(text(made)).ended


def test_a_moment_may_come_again_only_to_be_ended() -> None:
    made = window()
    made.moment(moment())
    made.moment(moment(end=1_500))
    made.moment(moment(end=1_500))

    assert checker.parse(text(made)).ranges[0]["END-DATE"] == "2026-01-05T12:00:01.500Z"
    for other in (moment("B-1", end=1_500), moment(start=1, end=1_500), moment(end=1_600), moment()):
        with pytest.raises(MomentReused) as refusal:
            made.moment(other)
        assert refusal.value.code == "media.moment_reused"
    assert checker.parse(text(made)).ranges[0]["X-SKU"] == "A-17"


def test_a_moment_stays_listed_while_it_maps_to_a_listed_segment() -> None:
    made = window(3, 0)
    made.moment(moment(end=2_000))
    made.moment(replace(moment(), id="open"))
    dts = grow(made, 6, dts=270_000)
    assert [found["ID"] for found in checker.parse(text(made)).ranges] == ["m-812", "open"]
    grow(made, 2, dts=dts)

    assert [found["ID"] for found in checker.parse(text(made)).ranges] == ["open"]


def test_replay_of_two_runs() -> None:
    first = Run(
        id=UUID(int=1), channel_id=1, shop_id=1, anchor=from_ms(ANCHOR), ended_at=from_ms(ANCHOR + 2_000),
        end_cause="lost", codecs="avc1", width=1, height=1, target_duration=2, init_sha256=b"", init_length=700,
        file="1/a.mp4", chain=b"",
    )  # fmt: skip
    second = replace(first, id=UUID(int=2), anchor=from_ms(ANCHOR + 5_000), ended_at=None, end_cause=None)

    def segment(run: Run, i: int) -> Segment:
        return Segment(
            run_id=run.id, msn=i, pdt=from_ms(round(run.anchor.timestamp() * 1000) + i * 1000), dts=i * 90_000,
            duration=90_000, position=700 + 5_000 * i, length=5_000, sha256=b"", chain=b"", independent=True, audio_end=0,
        )  # fmt: skip

    rows = [(run, [segment(run, 0), segment(run, 1)]) for run in (first, second)]
    live = checker.parse(replay(rows, [moment(end=900)]))
    assert live.header["PLAYLIST-TYPE"] == "EVENT"
    assert not live.ended
    assert [s.discontinuity for s in live.segments] == [False, False, True, False]
    assert [s.byterange for s in live.segments] == [(700, 5_000), (5_700, 5_000)] * 2
    assert [s.name for s in live.segments] == [f"{first.id}.mp4"] * 2 + [f"{second.id}.mp4"] * 2
    assert live.ranges[0]["X-SKU"] == "A-17"

    over = checker.parse(replay([rows[0]], [moment(start=5_000)], uri="../{run}.mp4"))
    assert over.header["PLAYLIST-TYPE"] == "VOD"
    assert over.ended
    assert over.ranges == []


def test_milliseconds_are_kept_exactly() -> None:
    for ms in (0, 1, 999, 1_767_614_400_001, 1_767_614_399_999):
        assert stamp(ms).endswith(f".{ms % 1000:03d}Z")
