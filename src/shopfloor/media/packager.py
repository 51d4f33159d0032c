"""From the audio and video messages of a publisher to fragments: runs, parts, segments.  Pure: no clock, no I/O.

The caller hands in each message with the time of its arrival and gets back what became ready:

    RunOpened → (PartReady … SegmentClosed)* → RunClosed

A segment goes from key frame to key frame, a part is a stretch of frames in it.  One frame is held back, for
its duration is known only when the next arrives; closing a segment flushes it, so that every part that was
announced comes true.  Where key frames are too far apart for the target duration already declared, a segment
ends without waiting for one.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shopfloor.media import boxes
from shopfloor.media.boxes import VIDEO_SCALE, Sample
from shopfloor.media.codecs import AudioConfig, VideoConfig, audio_config, video_config
from shopfloor.media.models import BadMedia, CodecRefused, EndCause

PART_SECONDS: Final = 0.25
# A publisher who has not shown a track by then goes on without it; so does one whose track falls silent.
WAIT_FOR_TRACK_MS: Final = 2_000
TRACK_LOST_MS: Final = 3_000
JUMP_MS: Final = 1_000
BACKWARDS_MS: Final = 100
AUDIO_DRIFT_MS: Final = 100
# Key frames closer than this do not each open a segment.
SHORTEST_SEGMENT: Final = VIDEO_SCALE // 2
# The longest wait for a second key frame before the first segment is cut all the same.
LONGEST_GOP: Final = 10 * VIDEO_SCALE
MAX_SEGMENT_BYTES: Final = 48 << 20
# Millisecond timestamps make a segment of two seconds 2.001 s long now and then.
JITTER: Final = VIDEO_SCALE // 20
_HALF: Final = 1 << 31
_WRAP: Final = 1 << 32
_CODEC_NAMES: Final = {
    b"hvc1": "HEVC (H.265)", b"hev1": "HEVC (H.265)", b"av01": "AV1", b"vp09": "VP9", b"vp08": "VP8",
    b"avc1": "H.264 in the enhanced RTMP format", b"Opus": "Opus", b"mp4a": "AAC in the enhanced RTMP format",
    b"ac-3": "AC-3", b"ec-3": "E-AC-3", b".mp3": "MP3", b"fLaC": "FLAC",
}  # fmt: skip
_OLD_VIDEO: Final = {
    2: "Sorenson H.263",
    3: "Screen video",
    4: "VP6",
    5: "VP6",
    12: "HEVC (H.265)",
    13: "AV1",
}
_OLD_AUDIO: Final = {0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 11: "Speex", 14: "MP3"}


@dataclass(frozen=True, slots=True)
class Cadence:
    """What a playlist declares once and keeps: `part_target` in 1/90,000 s, `target_duration` in seconds."""

    part_target: int
    target_duration: int


@dataclass(frozen=True, slots=True)
class RunOpened:
    """`arrived` is when the first key frame came, in ms as the caller counts them: the anchor."""

    init: bytes
    init_name: str
    codecs: str
    width: int
    height: int
    fps: float
    has_video: bool
    has_audio: bool
    audio_rate: int
    arrived: int
    cadence: Cadence


@dataclass(frozen=True, slots=True)
class PartReady:
    """`dts` and `duration` in 1/90,000 s since the run's anchor."""

    data: bytes
    dts: int
    duration: int
    independent: bool


@dataclass(frozen=True, slots=True)
class SegmentClosed:
    """The parts since the last one make a segment.  `audio_end` counts samples since the anchor."""

    dts: int
    duration: int
    independent: bool
    audio_end: int


@dataclass(frozen=True, slots=True)
class RunClosed:
    end: int
    cause: EndCause


Event = RunOpened | PartReady | SegmentClosed | RunClosed


@dataclass(slots=True)
class _Clock:
    """A 32-bit millisecond counter, unwrapped."""

    last: int | None = None

    def unwrap(self, timestamp: int) -> int:
        if self.last is None:
            self.last = timestamp
        else:
            self.last += (timestamp - self.last + _HALF) % _WRAP - _HALF
        return self.last


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame before its duration is known; `at` in unwrapped milliseconds of the publisher."""

    at: int
    cts: int
    key: bool
    data: bytes


@dataclass(slots=True)
class _Part:
    """What is collected for the next part: fragments that are closed, and samples of the open one."""

    closed: list[bytes] = field(default_factory=list[bytes])
    video: list[Sample] = field(default_factory=list[Sample])
    audio: list[Sample] = field(default_factory=list[Sample])
    dts: int | None = None
    duration: int = 0
    independent: bool = False


class Packager:
    """The media of one publisher.  `cadence` is given when the playlist it continues has declared one.

    Raises CodecRefused for a format that cannot be carried (the publisher must be told), BadMedia for
    parameters that cannot be read.  A single unreadable frame is counted in `dropped` and left out.
    """

    def __init__(self, cadence: Cadence | None = None) -> None:
        self.cadence = cadence
        self.dropped = 0
        self.gop = 0
        self.fps = 0.0
        self.media_end = 0
        self._clock = _Clock()
        self._video: VideoConfig | None = None
        self._audio: AudioConfig | None = None
        self._first_at: int | None = None
        self._last_video_at: int | None = None
        self._last_audio_at: int | None = None
        self._sequence = 0
        # The run that is open (or, until the first segment is measured, about to be).
        self._running = False
        self._opened = False
        self._run_video: VideoConfig | None = None
        self._run_audio: AudioConfig | None = None
        self._t0 = 0
        self._anchor = 0
        self._held: _Frame | None = None
        self._last_dts = -1
        self._last_duration = VIDEO_SCALE // 30
        self._audio_next: int | None = None
        self._early_audio: deque[tuple[int, bytes]] = deque()
        self._measuring: list[tuple[_Frame, int] | tuple[int, bytes]] = []
        self._part = _Part()
        self._segment_dts = 0
        self._segment_duration = 0
        self._segment_bytes = 0
        self._segment_independent = True
        self._since_key = self._frames = 0

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────

    def video(self, timestamp: int, payload: bytes, arrived: int) -> list[Event]:
        """A video message of the publisher (FLV tag body), at `timestamp` ms modulo 2³²."""
        if len(payload) < 2:
            return []
        if payload[0] & 0x80:
            name = _CODEC_NAMES.get(payload[1:5], "an unknown format")
            raise CodecRefused(
                f"The encoder sends {name}. Please set it to H.264 (x264, NVENC H.264, …).", codec=name
            )
        codec = payload[0] & 15
        if codec != 7:
            name = _OLD_VIDEO.get(codec, f"video codec {codec}")
            raise CodecRefused(
                f"The encoder sends {name}. Please set it to H.264 (x264, NVENC H.264, …).", codec=name
            )
        if len(payload) < 5:
            self.dropped += 1
            return []
        kind, frame_type = payload[1], payload[0] >> 4
        if kind == 0:
            return self._video_parameters(payload[5:])
        if kind != 1 or frame_type == 5:
            return []
        at = self._clock.unwrap(timestamp)
        if self._video is None or not _whole(payload, self._video.nal_length):
            self.dropped += 1
            return []
        cts = int.from_bytes(payload[2:5])
        frame = _Frame(at, cts - (1 << 24) if cts & 0x80_0000 else cts, frame_type == 1, payload[5:])
        return list(self._video_frame(frame, arrived))

    def audio(self, timestamp: int, payload: bytes, arrived: int) -> list[Event]:
        """An audio message of the publisher (FLV tag body)."""
        if len(payload) < 2:
            return []
        codec = payload[0] >> 4
        if codec != 10:
            name = (
                _CODEC_NAMES.get(payload[1:5], "an unknown format")
                if codec == 9
                else _OLD_AUDIO.get(codec, f"audio codec {codec}")
            )
            raise CodecRefused(f"The encoder sends {name} audio. Please set it to AAC.", codec=name)
        if payload[1] == 0:
            return self._audio_parameters(payload[2:])
        if self._audio is None or len(payload) == 2:
            return []
        at = self._clock.unwrap(timestamp)
        return list(self._audio_frame(at, payload[2:], arrived))

    def close(self, cause: EndCause) -> list[Event]:
        """The publisher is gone: what is held back comes out, and the run ends."""
        return list(self._end(cause))

    # ── parameters ────────────────────────────────────────────────────────────────────────────────────

    def _video_parameters(self, record: bytes) -> list[Event]:
        config = video_config(record)
        if config == self._video:
            return []
        self._video = config
        return list(self._end(EndCause.CHANGED)) if self._running and self._run_video is not None else []

    def _audio_parameters(self, record: bytes) -> list[Event]:
        config = audio_config(record)
        if config == self._audio:
            return []
        self._audio = config
        # A track that appears waits for the next key frame; one that changes ends the run now.
        return list(self._end(EndCause.CHANGED)) if self._running and self._run_audio is not None else []

    # ── runs ──────────────────────────────────────────────────────────────────────────────────────────

    def _video_frame(self, frame: _Frame, arrived: int) -> Iterator[Event]:
        if self._first_at is None:
            self._first_at = frame.at
        previous, self._last_video_at = self._last_video_at, frame.at
        if self._running and self._run_video is not None and previous is not None:
            step = frame.at - previous
            if step < -BACKWARDS_MS or step > max(JUMP_MS, 3 * self._last_duration // 90):
                yield from self._end(EndCause.CHANGED)
            elif self.fps and step > 1_500 / self.fps:
                self.dropped += round(step * self.fps / 1000) - 1
        if self._running and frame.key and self._tracks_changed(frame.at):
            yield from self._end(EndCause.CHANGED)
        if not self._running:
            if not frame.key or not self._ready_to_open(frame.at):
                return
            self._begin(
                frame.at, arrived, self._video, self._audio if self._audio_is_alive(frame.at) else None
            )
        if not self._opened:
            yield from self._measure(frame)
        else:
            yield from self._take_frame(frame)

    def _audio_frame(self, at: int, data: bytes, arrived: int) -> Iterator[Event]:
        if self._first_at is None:
            self._first_at = at
        previous, self._last_audio_at = self._last_audio_at, at
        if self._running and self._run_video is None:
            if previous is not None and not -BACKWARDS_MS <= at - previous <= JUMP_MS:
                yield from self._end(EndCause.CHANGED)
        elif self._running and self._last_video_at is not None and at - self._last_video_at > TRACK_LOST_MS:
            # The picture stands still: sound goes on alone until a key frame comes.
            yield from self._end(EndCause.CHANGED)
        if not self._running:
            video_is_expected = self._video is not None and (
                self._last_video_at is None or at - self._last_video_at <= TRACK_LOST_MS
            )
            waited = at - self._first_at
            if video_is_expected or waited < WAIT_FOR_TRACK_MS:
                self._early_audio.append((at, data))
                while at - self._early_audio[0][0] > JUMP_MS:
                    self._early_audio.popleft()
                return
            self._early_audio.clear()
            self._begin(at, arrived, None, self._audio)
        if self._run_audio is None:
            return
        if not self._opened and self._run_video is not None:
            self._measuring.append((at, data))
        elif not self._opened:
            yield from self._open(Cadence(part_target=VIDEO_SCALE * 27 // 100, target_duration=2))
            yield from self._take_audio(at, data)
        else:
            yield from self._take_audio(at, data)

    def _ready_to_open(self, at: int) -> bool:
        if self._audio is not None or self._first_at is None:
            return True
        return at - self._first_at >= WAIT_FOR_TRACK_MS

    def _audio_is_alive(self, at: int) -> bool:
        return self._last_audio_at is None or at - self._last_audio_at <= TRACK_LOST_MS

    def _tracks_changed(self, at: int) -> bool:
        if self._run_video is None:
            return True
        if self._run_audio is None:
            return self._audio is not None and self._last_audio_at is not None and self._audio_is_alive(at)
        return self._last_audio_at is not None and not self._audio_is_alive(at)

    def _begin(self, at: int, arrived: int, video: VideoConfig | None, audio: AudioConfig | None) -> None:
        self._running, self._opened = True, False
        self._run_video, self._run_audio = video, audio
        self._t0, self._anchor = at, arrived
        self._held, self._last_dts = None, -1
        self._last_duration = VIDEO_SCALE // 30
        self._audio_next = None
        self._part = _Part()
        self._segment_dts = self._segment_duration = self._segment_bytes = 0
        self._segment_independent = True
        self._since_key = self._frames = 0
        self.media_end = 0
        self._measuring = []
        if video is not None and audio is not None:
            self._measuring.extend((early, data) for early, data in self._early_audio if early >= at)
        self._early_audio.clear()

    def _measure(self, frame: _Frame) -> Iterator[Event]:
        """Collect the first segment; its frame rate and length decide what the playlist declares."""
        frames = [item for item in self._measuring if isinstance(item[0], _Frame)]
        seconds_90k = (frame.at - self._t0) * 90
        done = frame.key and seconds_90k >= SHORTEST_SEGMENT
        if frames and self.cadence is not None:
            done = True  # nothing to measure: what is declared stays
        if not done and seconds_90k < LONGEST_GOP:
            self._measuring.append((frame, 0))
            return
        self.fps = round(len(frames) * 1000 / max(frame.at - self._t0, 1), 3)
        self._measuring.append((frame, 0))
        yield from self._open(self.cadence or measured(self.fps, seconds_90k))

    def _open(self, cadence: Cadence) -> Iterator[Event]:
        if self.cadence is None:
            self.cadence = cadence
        self._opened = True
        video, audio = self._run_video, self._run_audio
        data = boxes.init(video, audio)
        yield RunOpened(
            init=data,
            init_name=f"init-{hashlib.sha256(data).hexdigest()[:12]}.mp4",
            codecs=",".join(config.codec for config in (video, audio) if config is not None),
            width=video.width if video else 0,
            height=video.height if video else 0,
            fps=self.fps,
            has_video=video is not None,
            has_audio=audio is not None,
            audio_rate=audio.rate if audio else 0,
            arrived=self._anchor,
            cadence=self.cadence,
        )
        waiting, self._measuring = self._measuring, []
        for first, second in waiting:
            if isinstance(first, _Frame):
                yield from self._take_frame(first)
            elif isinstance(second, bytes):
                yield from self._take_audio(first, second)

    def _end(self, cause: EndCause) -> Iterator[Event]:
        if not self._running:
            return
        if not self._opened and self._measuring:
            # The first segment never closed: what there is still makes one.
            frames = [item[0] for item in self._measuring if isinstance(item[0], _Frame)]
            span = frames[-1].at - self._t0 if frames else 0
            self.fps = round((len(frames) - 1) * 1000 / span, 3) if span else 30.0
            yield from self._open(measured(self.fps, span * 90))
        if self._held is not None:
            held, self._held = self._held, None
            yield from self._add_video(held, self._last_duration)
        yield from self._close_part()
        yield from self._close_segment()
        self._running = False
        if self._opened:
            yield RunClosed(end=self.media_end, cause=cause)
        self._opened = False

    # ── samples ───────────────────────────────────────────────────────────────────────────────────────

    def _take_frame(self, frame: _Frame) -> Iterator[Event]:
        held = self._held
        if held is not None:
            duration = max((frame.at - self._t0) * 90 - max((held.at - self._t0) * 90, self._last_dts + 1), 1)
            yield from self._add_video(held, duration)
        self._held = frame
        if not frame.key:
            return
        if held is not None:
            self.fps = round(self._frames * VIDEO_SCALE / self._since_key, 3)
            self.gop, self._since_key, self._frames = self._since_key, 0, 0
        if self._segment_duration + self._part.duration >= SHORTEST_SEGMENT:
            yield from self._close_part()
            yield from self._close_segment()

    def _add_video(self, frame: _Frame, duration: int) -> Iterator[Event]:
        assert self.cadence is not None
        dts = max((frame.at - self._t0) * 90, self._last_dts + 1)
        self._last_dts = dts + duration - 1
        self._last_duration = duration
        self._since_key += duration
        self._frames += 1
        limit = self.cadence.target_duration * VIDEO_SCALE + VIDEO_SCALE // 2 - VIDEO_SCALE // 50
        part = self._part
        if part.duration and part.duration + duration > self.cadence.part_target:
            yield from self._close_part()
        whole = self._segment_duration + self._part.duration
        if whole and (whole + duration > limit or self._segment_bytes > MAX_SEGMENT_BYTES):
            yield from self._close_part()
            yield from self._close_segment()
        part = self._part
        if part.dts is None:
            part.dts, part.independent = dts, frame.key
        if self._segment_duration + part.duration == 0:
            self._segment_dts, self._segment_independent = dts, frame.key
        part.video.append(Sample(frame.data, dts, duration, frame.cts * 90, frame.key))
        part.duration += duration
        self._segment_bytes += len(frame.data)
        self.media_end = dts + duration
        full = self._segment_duration + part.duration + duration > limit
        if full or part.duration + duration > self.cadence.part_target:
            # The next frame would not fit: no need to wait for it, nor to announce a part that cannot come.
            yield from self._close_part()
            if full:
                yield from self._close_segment()

    def _take_audio(self, at: int, data: bytes) -> Iterator[Event]:
        audio = self._run_audio
        assert audio is not None
        wanted = (at - self._t0) * audio.rate // 1000
        if self._audio_next is None:
            if wanted < 0:
                return
            self._audio_next = wanted
        drift = wanted - self._audio_next
        tolerance = AUDIO_DRIFT_MS * audio.rate // 1000
        if drift > tolerance and self._run_video is None:
            anchor = self._anchor + self._audio_next * 1000 // audio.rate + drift * 1000 // audio.rate
            yield from self._end(EndCause.CHANGED)
            self._begin(at, anchor, None, audio)
            assert self.cadence is not None
            yield from self._open(self.cadence)
            self._audio_next = 0
        elif drift > tolerance:
            self._close_fragment()
            self._audio_next = wanted
        elif drift < -tolerance:
            self.dropped += 1
            return
        part = self._part
        if self._run_video is None:
            yield from self._audio_boundaries(audio)
            part = self._part
            if part.dts is None:
                part.dts, part.independent = self._audio_next * VIDEO_SCALE // audio.rate, True
        part.audio.append(Sample(data, self._audio_next, audio.frame))
        self._audio_next += audio.frame
        if self._run_video is None:
            assert part.dts is not None
            self.media_end = self._audio_next * VIDEO_SCALE // audio.rate
            part.duration = self.media_end - part.dts

    def _audio_boundaries(self, audio: AudioConfig) -> Iterator[Event]:
        """Without a picture, parts and segments are cut by the length of the sound."""
        assert self.cadence is not None
        frame = audio.frame * VIDEO_SCALE // audio.rate + 1
        if self._part.duration + frame > self.cadence.part_target:
            yield from self._close_part()
            if (
                self._segment_duration + frame
                > self.cadence.target_duration * VIDEO_SCALE - self.cadence.part_target
            ):
                yield from self._close_segment()

    # ── parts and segments ────────────────────────────────────────────────────────────────────────────

    def _close_fragment(self) -> None:
        part = self._part
        if part.video or part.audio:
            self._sequence += 1
            part.closed.append(boxes.fragment(self._sequence & 0xFFFF_FFFF, part.video, part.audio))
            part.video, part.audio = [], []

    def _close_part(self) -> Iterator[Event]:
        part = self._part
        if part.dts is None:
            return
        self._close_fragment()
        self._part = _Part()
        if self._segment_duration == 0:
            self._segment_dts, self._segment_independent = part.dts, part.independent
        self._segment_duration += part.duration
        yield PartReady(b"".join(part.closed), part.dts, part.duration, part.independent)

    def _close_segment(self) -> Iterator[Event]:
        if self._segment_duration == 0:
            return
        yield SegmentClosed(
            self._segment_dts, self._segment_duration, self._segment_independent, self._audio_next or 0
        )
        self._segment_duration = self._segment_bytes = 0


def measured(fps: float, gop: int) -> Cadence:
    """What to declare for `fps` frames per second and a first segment of `gop` 1/90,000 s."""
    frames = max(round(PART_SECONDS * fps), 1)
    part_target = round(frames / max(fps, 0.1) * VIDEO_SCALE) + 2 * VIDEO_SCALE // 1000
    return Cadence(min(part_target, LONGEST_GOP), max(2, -(-(gop - JITTER) // VIDEO_SCALE)))


def _whole(payload: bytes, nal_length: int) -> bool:
    """Whether the length-prefixed units fill the payload exactly."""
    at, end = 5, len(payload)
    if at == end:
        return False
    while at < end:
        at += nal_length + int.from_bytes(payload[at : at + nal_length])
    return at == end


__all__ = [
    "BadMedia", "Cadence", "Event", "Packager", "PartReady", "RunClosed", "RunOpened", "SegmentClosed", "measured",
]  # fmt: skip
