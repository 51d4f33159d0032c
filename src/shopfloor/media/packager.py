"""From the audio and video messages of a publisher to fragments: runs, parts, segments.  Pure: no clock, no I/O.

The caller hands in each message with the time of its arrival and gets back what became ready:

    RunOpened → (PartReady … SegmentClosed)* → RunClosed

A segment goes from key frame to key frame, a part is a stretch of frames in it.  One frame is held back, for
its duration is known only when the next arrives; closing a segment flushes it, so that every part that was
announced comes true.  Where key frames are too far apart for the target duration already declared, a segment
ends without waiting for one.

Whether a track is lost is judged by what arrives of the other one, never by comparing the timestamps of the two:
encoders set their clocks apart, and set them anew.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.media import boxes
from shopfloor.media.boxes import VIDEO_SCALE, Sample
from shopfloor.media.codecs import (
    OPUS,
    AudioConfig,
    VideoConfig,
    audio_config,
    opus_samples,
    video_config,
)
from shopfloor.media.models import BadMedia, CodecRefused, EndCause
from shopfloor.media.timeline import JUMP_MS, FrameRate, TrackClock

PART_SECONDS: Final = 0.25
# A publisher who has not shown a track by then goes on without it; so does one whose track falls silent.
WAIT_FOR_TRACK_MS: Final = 2_000
TRACK_LOST_MS: Final = 3_000
# Sound that arrives together with the picture, but is dated so much earlier or later, has a clock of its own.
APART_MS: Final = 1_500
# Sound that waits for a picture to go with.
EARLY_SOUND_MS: Final = 4_000
AUDIO_DRIFT_MS: Final = 100
# Key frames closer than this do not each open a segment.
SHORTEST_SEGMENT: Final = VIDEO_SCALE // 2
# The longest wait for a second key frame before the first segment is cut all the same.
LONGEST_GOP: Final = 10 * VIDEO_SCALE
MAX_SEGMENT_BYTES: Final = 48 << 20
# Millisecond timestamps make a segment of two seconds 2.001 s long now and then.
JITTER: Final = VIDEO_SCALE // 20
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
    playable: bool
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


@dataclass(frozen=True, slots=True)
class _Sound:
    """A frame of sound that waits; `own` in milliseconds of the audio track before it was shifted."""

    own: int
    data: bytes
    arrived: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame before its duration is known; `at` in milliseconds of the video track."""

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
        self.gop = 0
        self.media_end = 0
        self._left_out = 0
        self._rate = FrameRate()
        self._picture = TrackClock(33)
        self._sound = TrackClock(21)
        self._video: VideoConfig | None = None
        self._audio: AudioConfig | None = None
        # How much came of one track since the last of the other: ms of sound, and a time of the picture.
        self._sound_alone = 0.0
        self._picture_at_sound: int | None = None
        self._waited_for_sound = False
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
        self._aligned = False
        self._early: deque[_Sound] = deque()
        self._measuring: list[_Frame | _Sound] = []
        self._first_gop: int | None = None
        self._part = _Part()
        self._segment_dts = 0
        self._segment_duration = 0
        self._segment_bytes = 0
        self._segment_independent = True
        self._since_key = 0

    @property
    def dropped(self) -> int:
        """Frames that never came, or could not be used."""
        return self._left_out + self._rate.lost

    @property
    def fps(self) -> float:
        return self._rate.fps

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
            self._left_out += 1
            return []
        kind, frame_type = payload[1], payload[0] >> 4
        if kind == 0:
            return self.picture_parameters(video_config(payload[5:]))
        if kind != 1 or frame_type == 5:
            return []
        cts = int.from_bytes(payload[2:5])
        return self.picture(
            timestamp,
            payload[5:],
            arrived,
            key=frame_type == 1,
            cts=cts - (1 << 24) if cts & 0x80_0000 else cts,
        )

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
            return self.sound_parameters(audio_config(payload[2:]))
        return self.sound(timestamp, payload[2:], arrived)

    def picture(self, timestamp: int, data: bytes, arrived: int, *, key: bool, cts: int = 0) -> list[Event]:
        """A frame of H.264 as length-prefixed units, at `timestamp` ms modulo 2³²; `cts` in ms."""
        if self._video is None or not _whole(data, self._video.nal_length):
            self._left_out += 1
            return []
        self._picture.begin(self._sound.raw)
        at = self._picture.place(timestamp, arrived)
        return list(self._video_frame(_Frame(at, cts, key, data), arrived))

    def sound(self, timestamp: int, data: bytes, arrived: int) -> list[Event]:
        """A frame of sound."""
        if self._audio is None or not data:
            return []
        if self._audio.codec == OPUS and opus_samples(data) != self._audio.frame:
            self._left_out += 1
            return []
        self._sound.begin(self._picture.raw)
        at = self._sound.place(timestamp, arrived)
        return list(self._audio_frame(at, data, arrived))

    def close(self, cause: EndCause) -> list[Event]:
        """The publisher is gone: what is held back comes out, and the run ends."""
        return list(self._end(cause))

    # ── parameters ────────────────────────────────────────────────────────────────────────────────────

    def picture_parameters(self, config: VideoConfig) -> list[Event]:
        """What the next frames of the picture are to be decoded with."""
        if config == self._video:
            return []
        self._video = config
        return list(self._end(EndCause.CHANGED)) if self._running and self._run_video is not None else []

    def sound_parameters(self, config: AudioConfig) -> list[Event]:
        """What the next frames of sound are to be decoded with."""
        if config == self._audio:
            return []
        self._audio = config
        self._sound.step = max(config.frame * 1000 // config.rate, 1)
        # A track that appears waits for the next key frame; one that changes ends the run now.
        return list(self._end(EndCause.CHANGED)) if self._running and self._run_audio is not None else []

    # ── runs ──────────────────────────────────────────────────────────────────────────────────────────

    def _video_frame(self, frame: _Frame, arrived: int) -> Iterator[Event]:
        interrupted, self._sound_alone = self._picture.broke, 0.0
        if interrupted:
            self._rate.restart()
        self._rate.frame(frame.at)
        self._picture.step = self._rate.usual
        self._picture.longest = self._longest_frame()
        with_picture = self._running and self._run_video is not None
        if (with_picture and interrupted) or (self._running and frame.key and self._tracks_changed(frame.at)):
            yield from self._end(EndCause.CHANGED)
        if not self._running or self._run_video is None:
            if not frame.key:
                # Nothing can be decoded before a key frame, and a run without picture stays one until then.
                self._left_out += 1
                return
            self._begin(frame.at, arrived, self._video)
        if not self._opened:
            yield from self._measure(frame)
        else:
            yield from self._take_frame(frame)

    def _audio_frame(self, at: int, data: bytes, arrived: int) -> Iterator[Event]:
        audio, clock = self._audio, self._sound
        assert audio is not None
        interrupted = clock.broke
        self._picture_at_sound = self._picture.last
        self._sound_alone += audio.frame * 1000 / audio.rate
        with_picture = self._running and self._run_video is not None
        if with_picture and self._sound_alone >= TRACK_LOST_MS:
            # The picture stands still: what sounded since then goes on alone, until a key frame comes.
            anchor = self._anchor
            yield from self._end(EndCause.CHANGED)
            anchor += self.media_end // 90
            self._early.append(_Sound(at - clock.shifted, data, arrived))
            yield from self._sound_only(anchor)
            return
        if with_picture and (interrupted or not self._aligned):
            self._align()
            at = clock.last or at
        if self._running and not with_picture and interrupted:
            yield from self._end(EndCause.CHANGED)
            self._early.append(_Sound(at - clock.shifted, data, arrived))
            yield from self._sound_only(arrived)
            return
        if not self._running:
            self._early.append(_Sound(at - clock.shifted, data, arrived))
            alone = self._sound_alone
            if alone >= (WAIT_FOR_TRACK_MS if self._video is None else TRACK_LOST_MS):
                yield from self._sound_only(self._early[0].arrived)
            while len(self._early) * audio.frame * 1000 > EARLY_SOUND_MS * audio.rate:
                self._early.popleft()
                self._left_out += 1
        elif not self._opened:
            self._measuring.append(_Sound(at - clock.shifted, data, arrived))
        elif self._run_audio is not None:
            yield from self._take_audio(at, data)

    def _sound_only(self, anchor: int) -> Iterator[Event]:
        """A run without picture, from the sound that waits."""
        waiting = tuple(self._early)
        self._begin(waiting[0].own + self._sound.shifted, anchor, None)
        self._early.clear()
        self._run_audio = self._audio
        yield from self._open(self.cadence or Cadence(part_target=VIDEO_SCALE * 27 // 100, target_duration=2))
        for sound in waiting:
            yield from self._take_audio(sound.own + self._sound.shifted, sound.data)

    def _align(self) -> None:
        """Sound and picture that arrive together belong together, whatever they are dated."""
        self._aligned = True
        if self._sound.last is not None and self._picture.last is not None:
            apart = self._sound.last - self._picture.last - (self._sound.arrived - self._picture.arrived)
            if abs(apart) > APART_MS:
                self._sound.shift(-apart)

    def _longest_frame(self) -> int:
        """As long as a frame may last and still fit the playlist."""
        declared = self.cadence.target_duration * 1_000 + 400 if self.cadence is not None else 2_400
        return max(JUMP_MS, min(TRACK_LOST_MS, declared), 3 * self._rate.usual)

    def _sound_is_lost(self, at: int) -> bool:
        return self._picture_at_sound is not None and at - self._picture_at_sound > TRACK_LOST_MS

    def _sound_is_expected(self, at: int) -> bool:
        """Whether it is worth waiting for sound before a run opens."""
        if self._aligned or self._sound_is_lost(at):
            return False
        return not self._waited_for_sound or (self._audio is not None and self._sound.last is not None)

    def _tracks_changed(self, at: int) -> bool:
        if self._run_video is None:
            return True
        if not self._opened:
            return False
        if self._run_audio is None:
            return self._sound.last is not None and not self._sound_is_lost(at)
        return self._sound_is_lost(at)

    def _begin(self, at: int, arrived: int, video: VideoConfig | None) -> None:
        """A run begins; which tracks it has is known when it opens."""
        self._running, self._opened, self._aligned = True, False, False
        self._run_video, self._run_audio = video, None
        self._t0, self._anchor = at, arrived
        self._held, self._last_dts = None, -1
        self._last_duration = VIDEO_SCALE // 30
        self._audio_next = None
        self._part = _Part()
        self._segment_dts = self._segment_duration = self._segment_bytes = 0
        self._segment_independent = True
        self._since_key = 0
        self.media_end = 0
        self._first_gop = None
        self._measuring = list(self._early) if video is not None else []
        self._early.clear()

    def _measure(self, frame: _Frame) -> Iterator[Event]:
        """Collect the first segment; its frame rate and length decide what the playlist declares."""
        waited = frame.at - self._t0
        first = not any(isinstance(item, _Frame) for item in self._measuring)
        self._measuring.append(frame)
        if self._first_gop is None and frame.key and waited * 90 >= SHORTEST_SEGMENT:
            self._first_gop = waited * 90
        if self.cadence is None and self._first_gop is None and waited * 90 < LONGEST_GOP:
            return
        if first or (self._sound_is_expected(frame.at) and waited < WAIT_FOR_TRACK_MS):
            return
        self._waited_for_sound = True
        yield from self._open(self.cadence or measured(self._rate.measure(), self._first_gop or waited * 90))

    def _open(self, cadence: Cadence) -> Iterator[Event]:
        if self.cadence is None:
            self.cadence = cadence
        self._opened = True
        if self._run_video is not None and self._aligned:
            self._run_audio = self._audio
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
            playable=video is None or video.playable,
            arrived=self._anchor,
            cadence=self.cadence,
        )
        waiting, self._measuring = self._measuring, []
        for item in waiting:
            if isinstance(item, _Frame):
                yield from self._take_frame(item)
            elif audio is not None:
                yield from self._take_audio(item.own + self._sound.shifted, item.data)

    def _end(self, cause: EndCause) -> Iterator[Event]:
        if not self._running:
            return
        if not self._opened and self._measuring:
            # The first segment never closed: what there is still makes one.
            span = max(item.at for item in self._measuring if isinstance(item, _Frame)) - self._t0
            yield from self._open(self.cadence or measured(self._rate.measure() or 30.0, span * 90))
        if self._held is not None:
            held, self._held = self._held, None
            yield from self._add_video(held, self._last_duration)
        if cause is EndCause.CHANGED:
            self._keep_sound()
        yield from self._close_part()
        yield from self._close_segment()
        self._running = False
        if self._opened:
            yield RunClosed(end=self.media_end, cause=cause)
        self._opened = False

    def _keep_sound(self) -> None:
        """Sound later than the last frame of a run with picture is for the run that follows."""
        audio, part = self._run_audio, self._part
        if audio is None or self._run_video is None:
            return
        end = self.media_end * audio.rate // VIDEO_SCALE
        kept = [sample for sample in part.audio if sample.dts >= end]
        for sample in kept:
            at = self._t0 + sample.dts * 1000 // audio.rate
            self._early.append(_Sound(at - self._sound.shifted, sample.data, self._anchor + at - self._t0))
        if kept:
            part.audio = part.audio[: -len(kept)]
            self._audio_next = kept[0].dts

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
            self._rate.measure()
            self.gop, self._since_key = self._since_key, 0
        if self._segment_duration + self._part.duration >= SHORTEST_SEGMENT:
            yield from self._close_part()
            yield from self._close_segment()

    def _add_video(self, frame: _Frame, duration: int) -> Iterator[Event]:
        assert self.cadence is not None
        dts = max((frame.at - self._t0) * 90, self._last_dts + 1)
        self._last_dts = dts + duration - 1
        self._last_duration = duration
        self._since_key += duration
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
        if abs(drift) > tolerance and self._run_video is None:
            # A few frames are missing, or the clock runs askew: the sound itself has no hole.
            self._sound.shift(-drift * 1000 // audio.rate)
        elif drift > tolerance:
            self._close_fragment()
            self._audio_next = wanted
        elif drift < -tolerance:
            self._left_out += 1
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


def _whole(data: bytes, nal_length: int) -> bool:
    """Whether the length-prefixed units fill the data exactly."""
    at, end = 0, len(data)
    if at == end:
        return False
    while at < end:
        at += nal_length + int.from_bytes(data[at : at + nal_length])
    return at == end


__all__ = [
    "BadMedia", "Cadence", "Event", "Packager", "PartReady", "RunClosed", "RunOpened", "SegmentClosed", "measured",
]  # fmt: skip
