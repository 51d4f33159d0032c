"""A publisher on a channel: from its messages to the playlist, the recording and the rows."""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.values import new_id
from shopfloor.media import flv, service
from shopfloor.media.chunks import AUDIO, VIDEO
from shopfloor.media.codecs import OPUS, AudioConfig, VideoConfig
from shopfloor.media.models import (
    Admission,
    BadMedia,
    CodecRefused,
    EndCause,
    Gap,
    GapCause,
    Status,
)
from shopfloor.media.origin import Feed
from shopfloor.media.packager import Cadence, Event, Packager, PartReady, RunClosed, RunOpened, SegmentClosed
from shopfloor.media.playlist import from_ms
from shopfloor.media.recorder import Files, Note, Recording, run_of
from shopfloor.media.restreams import Restreams
from shopfloor.media.write_behind import WriteBehind

LATE_MS: Final = 500
LATE_SHOWN_SECONDS: Final = 30.0
LONG_GOP_SECONDS: Final = 4.0

_log = logs.get("media")


class Host(Protocol):
    """What a publisher needs of the server it is on, and tells it."""

    @property
    def rows(self) -> WriteBehind: ...

    @property
    def files(self) -> Files: ...

    def record(self, init: bytes, note: Note) -> Recording: ...

    def started(self, channel_id: int, run_id: UUID, anchor_ms: int) -> None: ...

    def ended(self, channel_id: int, run_id: UUID, at_ms: int) -> None: ...

    def gone(self, session: "PublishSession") -> None: ...

    @property
    def restreams(self) -> Restreams: ...


class Publishing(Protocol):
    """The connection that something is published over.  `by_key`: it was let in by the stream key of its channel,
    and goes when that is changed.
    """

    address: str
    by_key: bool

    @property
    def silent_for(self) -> float:
        """Seconds since the last byte."""
        ...

    def stop(self, cause: EndCause) -> None:
        """End the stream from our side."""
        ...


class ChannelState:
    """A channel while the server knows it: its feed, who publishes, what the studio is told."""

    def __init__(self, channel_id: int, feed: Feed) -> None:
        self.channel_id = channel_id
        self.feed = feed
        self.session: PublishSession | None = None
        self.refused: str | None = None
        self.over: asyncio.TimerHandle | None = None


class PublishSession:
    """One publisher on one channel: a sink of the RTMP server, and of a browser that films."""

    def __init__(self, host: Host, state: ChannelState, admission: Admission, publisher: Publishing) -> None:
        self.state = state
        self.admission = admission
        self.publisher = publisher
        self._host = host
        self._packager = Packager(self._declared())
        self._opened: RunOpened | None = None
        self._run_id = new_id()
        self._anchor = 0
        self._recording: Recording | None = None
        self._parts: list[bytes] = []
        self._announced = False
        self._rates: deque[tuple[int, int]] = deque(maxlen=8)
        self._last_arrival: tuple[int, int] | None = None
        self._stalled_ms = 0
        self._last_stall = float("-inf")
        # Opus has no place in RTMP.
        self._sound_passes = False
        self.parts_out = 0

    def _declared(self) -> Cadence | None:
        window = self.state.feed.window
        return None if window.ended else window.cadence

    # ── the RTMP side ─────────────────────────────────────────────────────────────────────────────────

    def video(self, timestamp: int, payload: bytes) -> None:
        arrived = _monotonic_ms()
        self._notice_stall(timestamp, arrived)
        self._guard(lambda: self._packager.video(timestamp, payload, arrived))
        self._pass_on(VIDEO, timestamp, payload)

    def audio(self, timestamp: int, payload: bytes) -> None:
        self._guard(lambda: self._packager.audio(timestamp, payload, _monotonic_ms()))
        self._pass_on(AUDIO, timestamp, payload)

    # ── the browser's side ────────────────────────────────────────────────────────────────────────────

    def picture_parameters(self, config: VideoConfig) -> None:
        self._guard(lambda: self._packager.picture_parameters(config))
        self._pass_on(VIDEO, 0, flv.picture_parameters(config.record))

    def picture(self, timestamp: int, data: bytes, *, key: bool) -> None:
        arrived = _monotonic_ms()
        self._notice_stall(timestamp, arrived)
        self._guard(lambda: self._packager.picture(timestamp, data, arrived, key=key))
        self._pass_on(VIDEO, timestamp, flv.picture(data, key=key))

    def sound_parameters(self, config: AudioConfig) -> None:
        self._guard(lambda: self._packager.sound_parameters(config))
        self._sound_passes = config.codec != OPUS
        if self._sound_passes:
            self._pass_on(AUDIO, 0, flv.sound_parameters(config.record))

    def sound(self, timestamp: int, data: bytes) -> None:
        self._guard(lambda: self._packager.sound(timestamp, data, _monotonic_ms()))
        if self._sound_passes:
            self._pass_on(AUDIO, timestamp, flv.sound(data))

    def _pass_on(self, kind: int, timestamp: int, payload: bytes) -> None:
        """To the other platforms that the running show goes to."""
        self._host.restreams.put(self.state.channel_id, kind, timestamp, payload)

    # ── both ──────────────────────────────────────────────────────────────────────────────────────────

    def ended(self, cause: EndCause) -> None:
        self._handle(self._packager.close(cause))
        self._host.gone(self)
        _log.info("media.publisher_left", channel=self.state.channel_id, cause=str(cause))

    def lead(self) -> float:
        """Media may not run ahead of the clock: measured from the run's first key frame."""
        if self._opened is None:
            return 0.0
        return self._packager.media_end / 90_000 - (_monotonic_ms() - self._opened.arrived) / 1000

    def _guard(self, step: Callable[[], list[Event]]) -> None:
        try:
            events = step()
        except (CodecRefused, BadMedia) as refusal:
            self.state.refused = refusal.message
            _log.warning("media.refused", channel=self.state.channel_id, why=refusal.message)
            raise
        if events:
            self._handle(events)

    # ── what others ask ───────────────────────────────────────────────────────────────────────────────

    def clock(self) -> int | None:
        return None if self._opened is None else self._anchor + self._packager.media_end // 90

    def finish_run(self) -> None:
        """End the recording here; what comes next is another, from a key frame on."""
        self._handle(self._packager.close(EndCause.FINISHED))

    def status(self) -> Status:
        opened, packager = self._opened, self._packager
        gop = packager.gop / 90_000
        span = sum(duration for _, duration in self._rates)
        warnings = [
            code
            for code, holds in (
                ("gop_long", gop > LONG_GOP_SECONDS),
                ("no_audio", opened is not None and not opened.has_audio),
                ("no_video", opened is not None and not opened.has_video),
                ("picture_format", opened is not None and not opened.playable),
                ("late", time.monotonic() - self._last_stall < LATE_SHOWN_SECONDS),
                ("recording_stopped", self._recording is not None and self._recording.failing is not None),
                ("rows_waiting", self._host.rows.waiting > 20),
            )
            if holds
        ]
        return Status(
            live=self._announced,
            run_id=self._run_id if opened is not None else None,
            since=from_ms(self._anchor) if opened is not None else None,
            bitrate=sum(size for size, _ in self._rates) * 8 * 90_000 // span if span else 0,
            width=opened.width if opened else 0,
            height=opened.height if opened else 0,
            fps=packager.fps if opened else 0.0,
            codecs=opened.codecs if opened else "",
            gop_seconds=round(gop, 2),
            dropped=packager.dropped,
            stalled_ms=self._stalled_ms,
            warnings=tuple(warnings),
            refused=None,
        )

    # ── what the packager says ────────────────────────────────────────────────────────────────────────

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case RunOpened():
                    self._open(event)
                case PartReady():
                    self._part(event)
                case SegmentClosed():
                    self._segment(event)
                case RunClosed():
                    self._close(event)

    def _open(self, opened: RunOpened) -> None:
        feed = self.state.feed
        before = feed.window
        window = feed.open_run()
        wall = time.time_ns() // 1_000_000 - (_monotonic_ms() - opened.arrived)
        # The clock of the video never goes back, whatever the wall clock does.
        self._anchor = max(wall, before.end_pdt)
        self._run_id = new_id()
        self._opened, self._announced, self._parts = opened, False, []
        self._rates.clear()
        window.open_run(
            tag=self._run_id.hex[-6:],
            anchor=self._anchor,
            init_name=opened.init_name,
            init=opened.init,
            cadence=opened.cadence,
        )
        note = Note(
            run_id=self._run_id,
            channel_id=self.state.channel_id,
            shop_id=self.admission.shop_id,
            anchor_ms=self._anchor,
            codecs=opened.codecs,
            width=opened.width,
            height=opened.height,
            target_duration=opened.cadence.target_duration,
            init_length=len(opened.init),
            init_sha256=hashlib.sha256(opened.init).hexdigest(),
            audio_rate=opened.audio_rate,
            first_msn=window.next_msn,
        )
        host = self._host
        host.rows.put(partial(service.open_run, run=run_of(note, host.files)))
        if window is before and before.end_pdt and self._anchor > before.end_pdt:
            self._gap(GapCause.RUN, before.end_pdt, self._anchor - before.end_pdt)
        self._recording = host.record(opened.init, note)
        _log.info(
            "media.run_opened",
            channel=self.state.channel_id,
            run=str(self._run_id),
            codecs=opened.codecs,
            size=f"{opened.width}x{opened.height}",
            fps=opened.fps,
        )

    def _part(self, part: PartReady) -> None:
        name = self.state.feed.window.add_part(
            part.data, dts=part.dts, duration=part.duration, independent=part.independent
        )
        self._parts.append(part.data)
        self.parts_out += 1
        self.state.feed.part_ready(name)

    def _segment(self, closed: SegmentClosed) -> None:
        feed, recording = self.state.feed, self._recording
        assert recording is not None
        piece = feed.window.close_segment()
        feed.segment_closed(piece)
        pieces, self._parts = tuple(self._parts), []
        self._rates.append((sum(map(len, pieces)), closed.duration))
        recording.append(
            pieces,
            msn=piece.msn,
            pdt_ms=piece.pdt,
            dts=closed.dts,
            duration=closed.duration,
            independent=closed.independent,
            audio_end=closed.audio_end,
        )
        if not self._announced:
            self._announced = True
            self._host.started(self.state.channel_id, self._run_id, self._anchor)

    def _close(self, closed: RunClosed) -> None:
        assert self._recording is not None
        assert self._opened is not None
        feed = self.state.feed
        feed.window.close_run()
        feed.run_closed()
        end = self._anchor + closed.end // 90
        self._recording.close(end, closed.cause)
        drift = _monotonic_ms() - self._opened.arrived - closed.end // 90
        _log.info(
            "media.run_closed",
            channel=self.state.channel_id,
            run=str(self._run_id),
            cause=str(closed.cause),
            seconds=closed.end // 90_000,
            behind_ms=drift,
        )
        if self._announced:
            self._host.ended(self.state.channel_id, self._run_id, end)
        self._opened, self._recording, self._announced = None, None, False
        self._last_arrival = None

    # ── gaps ──────────────────────────────────────────────────────────────────────────────────────────

    def _notice_stall(self, timestamp: int, arrived: int) -> None:
        last, self._last_arrival = self._last_arrival, (timestamp, arrived)
        if last is None or self._opened is None:
            return
        late = arrived - last[1] - (timestamp - last[0]) % (1 << 32)
        if LATE_MS < late < 60_000:
            self._stalled_ms += late
            self._last_stall = time.monotonic()
            self._gap(GapCause.STALL, self._anchor + self._packager.media_end // 90, late)

    def _gap(self, cause: GapCause, started: int, milliseconds: int) -> None:
        gap = Gap(new_id(), self.state.channel_id, self._run_id, cause, from_ms(started), milliseconds)
        self._host.rows.put(partial(service.save_gap, gap=gap))


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
