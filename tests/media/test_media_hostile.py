"""What encoders do to their clocks, and what a recording must be all the same.

A film of real frames is spoiled in ways drawn at random.  Every recording opens in ffmpeg, its segments make its
length, the audit holds, and there are never more runs than the stream was really broken.
"""

import asyncio
import hashlib
import itertools
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from tests.media import checker, film

from shopfloor.kernel.values import new_id
from shopfloor.media.audit import accounted, broken_links, flipped_segments
from shopfloor.media.chunks import AUDIO, VIDEO
from shopfloor.media.models import EndCause, Gap, Run, Segment
from shopfloor.media.packager import Event, Packager, PartReady, RunClosed, RunOpened, SegmentClosed
from shopfloor.media.playlist import Window, from_ms
from shopfloor.media.recorder import Files, Ledger, Note, Recording, RunFile, run_of

SECONDS = 16
BORN = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the publisher: when it arrives and how it is dated, in ms."""

    arrived: int
    type: int
    timestamp: int
    payload: bytes

    @property
    def is_frame(self) -> bool:
        return self.payload[1] == 1

    @property
    def is_key(self) -> bool:
        return self.type == VIDEO and self.payload[0] >> 4 == 1


@dataclass
class Stream:
    """`breaks` is how often it was really interrupted, or changed, so far."""

    messages: list[Sent]
    breaks: int = 0
    whole: bool = True

    def each(self, change: Callable[[Sent], Sent | None]) -> None:
        self.messages = [new for each in self.messages if (new := change(each)) is not None]


Spoil = Callable[[Stream], None]


def dated(each: Sent, by: int) -> Sent:
    return replace(each, timestamp=each.timestamp + by)


@dataclass(frozen=True)
class Apart:
    """A track is dated earlier or later than the other, from `since` on."""

    track: int
    by: int
    since: int = 0

    def __call__(self, stream: Stream) -> None:
        stream.each(
            lambda each: (
                dated(each, self.by)
                if each.type == self.track and each.is_frame and each.arrived >= self.since
                else each
            )
        )


@dataclass(frozen=True)
class Begins:
    """The clock does not begin at 0; it may wrap."""

    at: int

    def __call__(self, stream: Stream) -> None:
        stream.each(lambda each: dated(each, self.at))


@dataclass(frozen=True)
class Wild:
    """Single timestamps are anything."""

    track: int
    every: int
    value: int

    def __call__(self, stream: Stream) -> None:
        found = itertools.count()
        stream.each(
            lambda each: (
                replace(each, timestamp=self.value)
                if each.type == self.track and each.is_frame and next(found) % self.every == self.every // 2
                else each
            )
        )


@dataclass(frozen=True)
class Missing:
    """Nothing of `tracks` comes from `since` on for so many ms; time goes on."""

    tracks: tuple[int, ...]
    since: int
    ms: int

    def __call__(self, stream: Stream) -> None:
        stream.whole = False
        stream.breaks += 1 if len(self.tracks) == 2 else 2
        stream.each(
            lambda each: (
                None
                if each.type in self.tracks
                and each.is_frame
                and self.since <= each.arrived < self.since + self.ms
                else each
            )
        )


@dataclass(frozen=True)
class Swapped:
    """Messages change places with the one before."""

    every: int

    def __call__(self, stream: Stream) -> None:
        stream.whole = False
        messages = stream.messages
        for i in range(20, len(messages) - 1, self.every):
            one, two = messages[i], messages[i + 1]
            messages[i], messages[i + 1] = (
                replace(two, arrived=one.arrived),
                replace(one, arrived=two.arrived),
            )


@dataclass(frozen=True)
class Uneven:
    """The picture comes at a rate that varies: frames last longer than they did."""

    steps: tuple[int, ...]

    def __call__(self, stream: Stream) -> None:
        stream.whole = False
        late = 0
        steps = itertools.cycle(self.steps)
        new: list[Sent] = []
        for each in stream.messages:
            if each.type == VIDEO and each.is_frame:
                late += next(steps)
                new.append(replace(each, timestamp=each.timestamp + late, arrived=each.arrived + late))
            else:
                new.append(each)
        end = max(each.arrived for each in new if each.type == AUDIO)
        stream.messages = sorted((each for each in new if each.arrived <= end), key=lambda each: each.arrived)


@dataclass(frozen=True)
class Changed:
    """The encoder is set to another picture size at a key frame."""

    since: int

    def __call__(self, stream: Stream) -> None:
        other = [
            each
            for each in base(wide=True)
            if each.type == VIDEO and each.is_frame and each.arrived >= self.since
        ]
        other = list(itertools.dropwhile(lambda each: not each.is_key, other))
        if not other:
            return
        stream.breaks += 1
        stream.whole = False
        at = other[0].arrived
        parameters = next(each for each in base(wide=True) if each.type == VIDEO and not each.is_frame)
        kept = [each for each in stream.messages if each.type == AUDIO or each.arrived < at]
        changed = [replace(parameters, arrived=at, timestamp=at), *other]
        stream.messages = sorted([*kept, *changed], key=lambda each: each.arrived)


TRACKS = st.sampled_from([AUDIO, VIDEO])
TIMES = st.integers(1_000, (SECONDS - 6) * 1_000)
FAR = st.one_of(st.integers(-100_000, -2_000), st.integers(2_000, 100_000))
SPOILS: st.SearchStrategy[Spoil] = st.one_of(
    st.builds(Apart, TRACKS, FAR),
    st.builds(Apart, TRACKS, FAR, TIMES),
    st.builds(Begins, st.sampled_from([16_770_000, 2**31, 2**32 - 5_000, 2**32 - 20])),
    st.builds(Wild, TRACKS, st.integers(7, 200), st.integers(0, 2**32 - 1)),
    st.builds(Missing, st.sampled_from([(AUDIO,), (VIDEO,), (AUDIO, VIDEO)]), TIMES, st.integers(500, 6_000)),
    st.builds(Swapped, st.integers(2, 50)),
    st.builds(Uneven, st.tuples(st.integers(0, 40), st.integers(0, 90), st.integers(0, 15))),
    st.builds(Changed, TIMES),
)

_FILMS: dict[bool, list[Sent]] = {}


def base(*, wide: bool = False) -> list[Sent]:
    """The film as a good encoder sends it: each message arrives when it is dated."""
    if wide not in _FILMS:
        with TemporaryDirectory() as directory:
            path = film.make(
                Path(directory) / "film.flv", seconds=SECONDS, fps="25", gop=50, size="192x96" if wide else "160x96"
            )  # fmt: skip
            _FILMS[wide] = [
                Sent(tag.timestamp, tag.type, tag.timestamp, tag.payload) for tag in film.tags(path)
            ]
    return _FILMS[wide]


@dataclass
class Kept:
    """A recording and what is written down of it."""

    path: Path
    opened: RunOpened
    run: Run
    rows: list[Segment] = field(default_factory=list[Segment])
    gaps: list[Gap] = field(default_factory=list[Gap])
    parts: list[PartReady] = field(default_factory=list[PartReady])

    def frames(self, track: int) -> list[bytes]:
        data = b"".join(part.data for part in self.parts)
        return [
            each
            for piece in checker.fragments(data)
            for found in piece
            if found.track == track
            for each in found.data
        ]


async def record(messages: Iterable[Sent], directory: Path) -> list[Kept]:
    """As a publisher's session does: into the playlist and, by way of the recorder, into files and rows."""
    files, window, packager = Files(directory), Window(first_msn=1), Packager()
    kept: list[Kept] = []
    waiting: list[bytes] = []
    recordings: list[Recording] = []

    def handle(events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case RunOpened():
                    anchor = max(BORN + event.arrived, window.end_pdt)
                    window.open_run(
                        tag=f"{len(kept)}",
                        anchor=anchor,
                        init_name=event.init_name,
                        init=event.init,
                        cadence=event.cadence,
                    )
                    note = Note(
                        run_id=new_id(), channel_id=1, shop_id=1, anchor_ms=anchor, codecs=event.codecs,
                        width=event.width, height=event.height, target_duration=event.cadence.target_duration,
                        init_length=len(event.init), init_sha256=hashlib.sha256(event.init).hexdigest(),
                        audio_rate=event.audio_rate, first_msn=window.next_msn,
                    )  # fmt: skip
                    one = Kept(files.path(1, note.run_id), event, run_of(note, files))
                    kept.append(one)

                    def ended(run_id: UUID, at: int, cause: EndCause, one: Kept = one) -> None:
                        chain = one.rows[-1].chain if one.rows else one.run.chain
                        one.run = replace(one.run, ended_at=from_ms(at), end_cause=str(cause), chain=chain)

                    ledger = Ledger(one.rows.append, one.gaps.append, ended)
                    recordings.append(
                        Recording(RunFile(one.path, spare=0), event.init, note, ledger, threads)
                    )
                case PartReady():
                    window.add_part(
                        event.data, dts=event.dts, duration=event.duration, independent=event.independent
                    )
                    kept[-1].parts.append(event)
                    waiting.append(event.data)
                case SegmentClosed():
                    piece = window.close_segment()
                    recordings[-1].append(
                        tuple(waiting), msn=piece.msn, pdt_ms=piece.pdt, dts=event.dts, duration=event.duration,
                        independent=event.independent, audio_end=event.audio_end,
                    )  # fmt: skip
                    waiting.clear()
                    held_to_the_rules(window)
                case RunClosed():
                    assert not waiting
                    window.close_run()
                    recordings[-1].close(
                        int(kept[-1].run.anchor.timestamp() * 1000) + event.end // 90, event.cause
                    )

    with ThreadPoolExecutor(1) as threads:
        for each in messages:
            take = packager.video if each.type == VIDEO else packager.audio
            handle(take(each.timestamp % (1 << 32), each.payload, each.arrived))
        handle(packager.close(EndCause.FINISHED))
        await asyncio.gather(*(recording.task for recording in recordings))
    return kept


def held_to_the_rules(window: Window) -> None:
    """Of the playlist, what holds also where a frame lasts longer than a part may."""
    target, found = 0, 0.0
    for line in window.render().plain.decode().splitlines():
        if line.startswith("#EXT-X-TARGETDURATION:"):
            target = int(line.partition(":")[2])
        elif line.startswith("#EXTINF:"):
            found = float(line.partition(":")[2].rstrip(","))
            assert round(found) <= target


def complaints(path: Path, *, decode: bool = False) -> str:
    """What ffmpeg says of a file whose samples it copies or decodes."""
    how = ["-enc_time_base:v", "1:90000"] if decode else ["-c", "copy", "-copytb", "1"]
    done = subprocess.run(
        [film.FFMPEG, "-v", "error", "-i", str(path), "-map", "0", *how, "-f", "null", "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr or (f"exit {done.returncode}" if done.returncode else "")


def spoiled(spoils: Iterable[Spoil]) -> Stream:
    stream = Stream(list(base()))
    for spoil in spoils:
        spoil(stream)
    return stream


def hold(stream: Stream) -> list[Kept]:
    """What must be so of any stream."""
    with TemporaryDirectory() as directory:
        kept = asyncio.run(record(stream.messages, Path(directory)))
        for one in kept:
            assert one.rows
            assert one.run.ended_at is not None
            assert flipped_segments(one.path, one.run, one.rows) == []
            assert broken_links(one.run, one.rows) == []
            assert accounted(one.run, one.rows, one.gaps)
            length = round((one.run.ended_at - one.run.anchor).total_seconds() * 1000)
            assert sum(row.duration for row in one.rows) // 90 == length
            assert complaints(one.path, decode=stream.whole) == ""
            assert one.opened.has_video or not one.frames(1), "a run without picture has none"
            assert all(part.data for part in one.parts)
            video = [track for piece in checker.fragments(b"".join(part.data for part in one.parts))
                     for track in piece if track.track == 1]  # fmt: skip
            assert not video or video[0].keys[0], "a picture begins with a key frame"
        assert len(kept) - 1 <= stream.breaks
        if stream.whole:
            sent = [each for each in stream.messages if each.type == VIDEO and each.is_frame]
            assert sum(len(one.frames(1)) for one in kept) == len(sent)
            sounds = [each for each in stream.messages if each.type == AUDIO and each.is_frame]
            assert sum(len(one.frames(2)) for one in kept) >= len(sounds) - 120
        return kept


@settings(
    max_examples=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
@given(st.lists(SPOILS, min_size=1, max_size=3))
@example([Apart(AUDIO, 5_000)])
@example([Apart(VIDEO, -8_000, 6_000)])
@example([Missing((VIDEO,), 4_500, 5_000)])
@example([Wild(VIDEO, 25, 0), Wild(AUDIO, 40, 2**32 - 1)])
def test_whatever_the_clocks_do_the_recording_holds(spoils: list[Spoil]) -> None:
    hold(spoiled(spoils))


@pytest.mark.parametrize(
    "spoils",
    [
        [],
        [Apart(AUDIO, 5_000)],
        [Apart(AUDIO, -5_000)],
        [Apart(AUDIO, 3_600_000)],
        [Apart(VIDEO, -6_000, 6_000)],
        [Apart(VIDEO, 9_000, 6_000)],
        [Apart(VIDEO, -6_000, 6_000), Apart(AUDIO, -6_000, 6_000)],
        [Wild(VIDEO, 25, 0)],
        [Wild(AUDIO, 30, 4_000_000)],
        [Begins(2**32 - 5_000)],
    ],
    ids=str,
)
def test_a_clock_of_its_own_is_no_break_and_costs_no_frame(spoils: list[Spoil]) -> None:
    [one] = hold(spoiled(spoils))

    assert len(one.frames(1)) == SECONDS * 25
    pictures = [track for piece in checker.fragments(b"".join(part.data for part in one.parts))
                for track in piece if track.track == 1]  # fmt: skip
    assert abs(pictures[-1].end - SECONDS * 90_000) < 9_000, "and neither makes nor loses time"


def test_a_picture_that_stops_and_returns_in_mid_gop_leaves_the_sound_whole() -> None:
    before, alone, after = hold(spoiled([Missing((VIDEO,), 4_500, 5_000)]))

    assert [(one.opened.has_video, one.opened.has_audio) for one in (before, alone, after)] == [
        (True, True), (False, True), (True, True),
    ]  # fmt: skip
    assert before.run.ended_at == alone.run.anchor
    sounds = [each for each in base() if each.type == AUDIO and each.is_frame]
    assert sum(len(one.frames(2)) for one in (before, alone, after)) >= len(sounds) - 3
    # It stops at 4.5 s, is missed, and is back with the next key frame.
    pictures = [each for each in base() if each.type == VIDEO and each.is_frame]
    key = next(each.arrived for each in pictures if each.is_key and each.arrived > 9_500)
    assert len(before.frames(1)) == sum(each.arrived < 4_500 for each in pictures)
    assert len(after.frames(1)) == sum(each.arrived >= key for each in pictures)


def test_a_break_of_both_tracks_is_one_discontinuity() -> None:
    first, second = hold(spoiled([Missing((AUDIO, VIDEO), 5_000, 4_000)]))

    assert first.opened.has_audio
    assert second.opened.has_audio
    assert second.opened.has_video
