"""From messages to parts: every rule of timing, without a network."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from tests.media import checker, film
from tests.media.film import Tag, audio_parameters, frame, sound, stream, video_parameters

from shopfloor.media.chunks import AUDIO
from shopfloor.media.models import BadMedia, CodecRefused, EndCause
from shopfloor.media.packager import (
    Cadence,
    Event,
    Packager,
    PartReady,
    RunClosed,
    RunOpened,
    SegmentClosed,
    measured,
)


@dataclass
class Run:
    """What one run gave, gathered."""

    opened: RunOpened
    parts: list[PartReady] = field(default_factory=list[PartReady])
    segments: list[tuple[SegmentClosed, list[PartReady]]] = field(default_factory=list)
    closed: RunClosed | None = None
    waiting: list[PartReady] = field(default_factory=list[PartReady])

    def track(self, number: int) -> list[checker.Track]:
        pieces = checker.fragments(b"".join(part.data for part in self.parts))
        return [track for piece in pieces for track in piece if track.track == number]


def gather(events: Iterable[Event]) -> list[Run]:
    runs: list[Run] = []
    for event in events:
        if isinstance(event, RunOpened):
            assert not runs or runs[-1].closed is not None, "a run ends before the next begins"
            runs.append(Run(event))
        elif isinstance(event, PartReady):
            runs[-1].parts.append(event)
            runs[-1].waiting.append(event)
        elif isinstance(event, SegmentClosed):
            assert runs[-1].waiting, "a segment has parts"
            assert event.duration == sum(part.duration for part in runs[-1].waiting)
            assert event.dts == runs[-1].waiting[0].dts
            runs[-1].segments.append((event, runs[-1].waiting))
            runs[-1].waiting = []
        else:
            assert not runs[-1].waiting, "nothing is left over"
            runs[-1].closed = event
    return runs


def package(
    tags: Iterable[Tag], *, cadence: Cadence | None = None, cause: EndCause = EndCause.LOST
) -> list[Run]:
    packager = Packager(cadence)
    events: list[Event] = []
    for tag in tags:
        step = packager.audio if tag.type == AUDIO else packager.video
        events += step(tag.timestamp, tag.payload, 1_000_000 + tag.timestamp)
    return gather([*events, *packager.close(cause)])


def only(runs: list[Run]) -> Run:
    assert len(runs) == 1
    return runs[0]


def test_four_seconds_of_an_ordinary_stream() -> None:
    run = only(package(stream(seconds=4)))

    assert run.opened.codecs == "avc1.42C01E,mp4a.40.2"
    assert (run.opened.width, run.opened.height, run.opened.fps) == (320, 176, 30.0)
    assert run.opened.cadence == Cadence(part_target=24_180, target_duration=2)
    assert [segment.duration for segment, _ in run.segments] == [90_000, 90_000, 90_000, 90_090]
    assert [len(parts) for _, parts in run.segments] == [4, 4, 4, 4]
    assert [part.independent for part in run.parts] == [True, False, False, False] * 4
    assert run.closed == RunClosed(end=360_090, cause=EndCause.LOST)
    video, audio = run.track(1), run.track(2)
    assert sum(len(track.data) for track in video) == 120
    assert sum(len(track.data) for track in audio) == 186
    assert all(track.durations == [1024] * len(track.durations) for track in audio)


@pytest.mark.parametrize(
    "start",
    [0, 16_777_000, 16_800_000, 2**32 - 1_500],
    ids=["0", "across 24 bits", "above 24 bits", "across 32 bits"],
)
def test_where_the_clock_begins_changes_nothing(start: int) -> None:
    run, plain = only(package(stream(seconds=4, start=start))), only(package(stream(seconds=4)))

    assert [(part.dts, part.duration) for part in run.parts] == [
        (part.dts, part.duration) for part in plain.parts
    ]
    assert [part.data for part in run.parts] == [part.data for part in plain.parts]


def test_parameters_at_zero_do_not_move_the_first_frame() -> None:
    tags = list(stream(seconds=2, start=16_770_000))
    first = [Tag(tag.type, 0, tag.payload) if i < 2 else tag for i, tag in enumerate(tags)]

    assert only(package(first)).parts[0].dts == 0


@pytest.mark.parametrize(
    ("fps", "frames"),
    [(10, 2), (15, 4), (24, 6), (25, 6), (30, 8), (50, 12), (60, 15), (29.97, 7)],
)
def test_parts_fill_their_target_at_every_frame_rate(fps: float, frames: int) -> None:
    run = only(package(stream(seconds=8, fps=fps, gop=round(fps))))
    target = run.opened.cadence.part_target

    assert abs(target - (frames / fps + 0.002) * 90_000) < 20
    for _, parts in run.segments:
        for part in parts:
            assert part.duration <= target
        for part in parts[1:-1]:
            assert part.duration >= 0.85 * target


def test_a_variable_frame_rate_never_exceeds_the_target() -> None:
    steps = [33, 33, 34, 33, 50, 20, 33, 66, 33, 40, 25]
    tags = [Tag(9, 0, video_parameters()), Tag(8, 0, audio_parameters())]
    at = 0
    for i in range(240):
        tags.append(Tag(9, at, frame(key=i % 30 == 0)))
        at += steps[i % len(steps)] if i > 60 else 33
    run = only(package(tags))

    assert all(part.duration <= run.opened.cadence.part_target for part in run.parts)


def test_every_announced_part_comes_true() -> None:
    """After a part of an open segment, at least one more part of it follows before it closes."""
    packager = Packager()
    for tag in stream(seconds=6, gop=32):
        step = packager.audio if tag.type == AUDIO else packager.video
        kinds = [type(event) for event in step(tag.timestamp, tag.payload, 0)]
        if SegmentClosed in kinds and RunOpened not in kinds:
            assert kinds == [PartReady, SegmentClosed]


def test_b_frames_keep_their_order_and_negative_offsets_their_sign() -> None:
    tags = [Tag(9, 0, video_parameters()), Tag(8, 0, audio_parameters())]
    for i in range(90):
        cts = 66 if i % 30 == 0 else (-33 if i % 3 == 1 else 33)
        tags.append(Tag(9, i * 33, frame(key=i % 30 == 0, cts=cts)))
    run = only(package(tags))
    cts = [value for track in run.track(1) for value in track.cts]

    assert cts[:6] == [66 * 90, -33 * 90, 33 * 90, 33 * 90, -33 * 90, 33 * 90]
    ends = [track.end for track in run.track(1)]
    assert [track.dts for track in run.track(1)][1:] == ends[:-1]


def test_a_gop_of_eight_seconds_is_declared() -> None:
    run = only(package(stream(seconds=17, gop=250)))

    assert run.opened.cadence.target_duration == 9
    assert [round(segment.duration / 90_000, 2) for segment, _ in run.segments] == [8.33, 8.33, 0.33]


def test_a_gop_that_grows_is_cut_where_the_playlist_said() -> None:
    grown = [
        Tag(t.type, t.timestamp + 4_000, t.payload) for t in stream(seconds=9, gop=250) if t.payload[1] != 0
    ]
    run = only(package([*stream(seconds=4), *grown]))

    assert run.opened.cadence.target_duration == 2
    assert all(round(segment.duration / 90_000) <= 2 for segment, _ in run.segments)
    assert [segment.independent for segment, _ in run.segments] == [True] * 5 + [False] * 3 + [True]
    assert sum(segment.duration for segment, _ in run.segments) == run.closed.end  # pyright: ignore[reportOptionalMemberAccess]


def test_without_a_second_key_frame_the_first_segment_is_cut_at_ten_seconds() -> None:
    run = only(package(stream(seconds=21, gop=10_000)))

    assert run.opened.cadence.target_duration == 10
    assert run.segments[0][0].duration <= 10.5 * 90_000


def test_a_picture_in_which_every_frame_is_a_key_frame() -> None:
    run = only(package(stream(seconds=3, gop=1)))

    assert [segment.duration for segment, _ in run.segments][:4] == [45_000, 45_000, 45_000, 45_000]


def test_without_sound_the_run_opens_after_two_seconds_and_has_them() -> None:
    run = only(package(stream(seconds=5, with_audio=False)))

    assert run.opened.codecs == "avc1.42C01E"
    assert not run.opened.has_audio
    assert run.opened.arrived == 1_000_000
    assert run.closed is not None
    assert run.closed.end == 450_090
    assert run.track(2) == []
    assert sum(len(track.data) for track in run.track(1)) == 150


def test_sound_that_appears_later_begins_a_new_run() -> None:
    with_sound = [Tag(t.type, t.timestamp + 4_000, t.payload) for t in stream(seconds=3)]
    silent, both = package([*stream(seconds=4, with_audio=False), *with_sound])

    assert (silent.opened.has_audio, both.opened.has_audio) == (False, True)
    assert silent.closed is not None
    assert silent.closed.cause is EndCause.CHANGED


def test_sound_that_stops_leaves_the_picture_going() -> None:
    tags = [t for t in stream(seconds=12) if t.type != AUDIO or t.timestamp < 4_000]
    both, silent = package(tags)

    assert (both.opened.has_audio, silent.opened.has_audio) == (True, False)
    assert silent.closed is not None
    assert silent.closed.end > 4 * 90_000


def test_only_sound() -> None:
    tags = [Tag(8, 0, audio_parameters())] + [Tag(8, i * 1024 // 48, sound()) for i in range(470)]
    run = only(package(tags))

    assert run.opened.arrived == 1_000_000
    assert sum(len(track.data) for track in run.track(2)) == 470
    assert (run.opened.codecs, run.opened.width, run.opened.cadence.target_duration) == ("mp4a.40.2", 0, 2)
    assert all(part.duration <= run.opened.cadence.part_target and part.independent for part in run.parts)
    assert all(round(segment.duration / 90_000) <= 2 for segment, _ in run.segments)
    assert run.closed is not None
    assert sum(segment.duration for segment, _ in run.segments) == run.closed.end


def test_a_picture_that_freezes_leaves_the_sound_and_comes_back() -> None:
    tags = [t for t in stream(seconds=20) if t.type == AUDIO or not 5_000 <= t.timestamp < 14_000]
    shapes = [(run.opened.has_video, run.opened.has_audio) for run in package(tags)]

    assert shapes == [(True, True), (False, True), (True, True)]


def test_sound_counts_samples_and_ignores_jitter() -> None:
    tags = [
        Tag(t.type, t.timestamp + (i % 5) * 9, t.payload) if t.type == AUDIO and t.payload[1] else t
        for i, t in enumerate(stream(seconds=4, rate=44_100))
    ]
    tags[1] = Tag(8, 0, audio_parameters(bytes([0x12, 0x10])))
    audio = only(package(tags)).track(2)

    assert [track.dts for track in audio][1:] == [track.end for track in audio][:-1]


def test_a_hole_in_the_sound_begins_a_new_fragment() -> None:
    tags = [t for t in stream(seconds=4) if t.type != AUDIO or not 1_400 <= t.timestamp < 1_700]
    run = only(package(tags))
    audio = run.track(2)
    holes = [after.dts - before.end for before, after in itertools.pairwise(audio) if after.dts != before.end]

    assert len(holes) == 1
    assert 0.28 < holes[0] / 48_000 < 0.33
    assert [segment.duration for segment, _ in run.segments][:3] == [90_000, 90_000, 90_000]


@pytest.mark.parametrize("jump", [-5_000, 3_000, 100_000], ids=["back", "ahead", "far ahead"])
def test_a_clock_that_jumps_begins_a_new_run_at_the_next_key_frame(jump: int) -> None:
    tags = [
        Tag(t.type, t.timestamp + 10_000 + (jump if t.timestamp >= 4_500 else 0), t.payload)
        for t in stream(seconds=9)
    ]
    first, second = package(tags)

    assert first.closed is not None
    assert first.closed.cause is EndCause.CHANGED
    assert 4.4 < first.closed.end / 90_000 <= 4.6
    assert second.parts[0].dts == 0
    assert second.parts[0].independent


def test_a_new_picture_size_begins_a_new_run_with_its_own_init() -> None:
    tags = list(stream(seconds=3))
    for tag in stream(seconds=3):
        payload = (
            video_parameters(film.parameters(640, 352))
            if tag.type == 9 and tag.payload[1] == 0
            else tag.payload
        )
        tags.append(Tag(tag.type, tag.timestamp + 3_000, payload))
    first, second = package(tags)

    assert (first.opened.width, second.opened.width) == (320, 640)
    assert first.opened.init_name != second.opened.init_name
    assert first.opened.cadence == second.opened.cadence


def test_equal_parameters_give_the_same_init() -> None:
    assert (
        only(package(stream(seconds=2))).opened.init_name == only(package(stream(seconds=3))).opened.init_name
    )


def test_parameters_sent_again_change_nothing() -> None:
    tags = list(stream(seconds=2))
    again = [Tag(t.type, t.timestamp + 2_000, t.payload) for t in stream(seconds=2)]

    assert len(package([*tags, *again])) == 1


def test_a_stream_too_short_for_a_segment_is_still_one() -> None:
    run = only(package(stream(seconds=0.3)))

    assert len(run.segments) == 1
    assert run.closed is not None
    assert run.closed.end == run.segments[0][0].duration


def test_the_declared_cadence_is_kept_by_the_next_publisher() -> None:
    cadence = Cadence(part_target=24_180, target_duration=2)
    run = only(package(stream(seconds=9, fps=60, gop=500), cadence=cadence))

    assert run.opened.cadence == cadence
    assert all(round(segment.duration / 90_000) <= 2 for segment, _ in run.segments)
    assert all(part.duration <= 24_180 for part in run.parts)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (b"\x90hvc1" + bytes(20), "HEVC"),
        (b"\x90av01" + bytes(20), "AV1"),
        (b"\x80vp09" + bytes(20), "VP9"),
        (b"\x1c\x00\x00\x00\x00", "HEVC"),
        (b"\x12\x00\x00\x00\x00", "H.263"),
    ],
)
def test_other_video_formats_are_refused_by_name(payload: bytes, name: str) -> None:
    with pytest.raises(CodecRefused) as refusal:
        Packager().video(0, payload, 0)

    assert refusal.value.code == "media.codec_refused"
    assert name in refusal.value.message
    assert "H.264" in refusal.value.message


@pytest.mark.parametrize(
    ("payload", "name"), [(b"\x2f\xff\xfb", "MP3"), (b"\x90Opus123", "Opus"), (b"\xb2abc", "Speex")]
)
def test_other_audio_formats_are_refused_by_name(payload: bytes, name: str) -> None:
    with pytest.raises(CodecRefused, match=name):
        Packager().audio(0, payload, 0)


def test_parameters_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(BadMedia):
        Packager().video(0, video_parameters(b"\x01\x42"), 0)


def test_a_frame_whose_units_do_not_add_up_is_left_out() -> None:
    packager = Packager()
    packager.video(0, video_parameters(), 0)
    packager.video(0, frame(key=True)[:-3], 0)
    packager.video(33, b"\x17\x01\x00", 0)

    assert packager.dropped == 2


def test_lost_frames_are_counted() -> None:
    packager = Packager()
    for tag in stream(seconds=4):
        if tag.type == 9 and 2_000 < tag.timestamp < 2_200:
            continue
        (packager.audio if tag.type == AUDIO else packager.video)(tag.timestamp, tag.payload, 0)

    assert packager.dropped == 5


def test_what_is_declared_for_a_frame_rate() -> None:
    assert measured(30.0, 90_000) == Cadence(24_180, 2)
    assert measured(25.0, 180_090) == Cadence(21_780, 2)
    assert measured(30.0, 750_000) == Cadence(24_180, 9)


def test_the_boxes_of_an_init_nest() -> None:
    init = only(package(stream(seconds=2))).opened.init
    found = dict(checker.boxes(init))

    assert list(found)[:2] == ["/ftyp", "/moov"]
    stsd = [content for path, content in checker.boxes(init) if path.endswith("/stsd")]
    assert stsd[0][12:16] == b"avc1"
    assert film.parameters() in stsd[0]
    assert stsd[1][12:16] == b"mp4a"
    assert film.AAC_48K_STEREO in stsd[1]
