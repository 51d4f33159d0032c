"""What media is made of: channels, runs, segments, gaps, and the ways it says no.  No I/O here.

A *run* is one unbroken stream from one publisher with one set of codec parameters.  Times on the clock of the
video (PDT, programme date time) are the run's anchor plus media time, never "now".
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from shopfloor.kernel.records import dataclass


class ChannelUnknown(NotFound):
    """There is no such channel here."""

    code = "media.channel_unknown"


class RunUnknown(NotFound):
    """There is no such recording here."""

    code = "media.run_unknown"


class BadStream(Invalid):
    """What arrived is not RTMP as a publisher speaks it."""

    code = "media.bad_stream"


class BadMedia(Invalid):
    """The audio or video data cannot be read."""

    code = "media.bad_media"


class CodecRefused(Invalid):
    """The encoder sends a format that this shop does not take."""

    code = "media.codec_refused"


class KeyRefused(Forbidden):
    """No channel has this stream key."""

    code = "media.key_refused"


class ChannelBusy(Conflict):
    """Another encoder is publishing with this key; stop it first, or wait until it has been silent for 3 s."""

    code = "media.channel_busy"


class MomentReused(Conflict):
    """A moment may come again only to be given its end; everything else about it stays."""

    code = "media.moment_reused"


class RecordingsInUse(Unavailable):
    """Another process already records into this directory."""

    code = "media.recordings_in_use"


class EndCause(StrEnum):
    FINISHED = "finished"
    """The publisher said so."""
    LOST = "lost"
    """The connection ended or fell silent."""
    CHANGED = "changed"
    """Codec parameters or tracks changed, or the clock of the stream jumped: another run follows."""
    REPLACED = "replaced"
    """The same key took the channel over after a silence."""
    REVOKED = "revoked"
    """The stream key was changed."""
    STOPPED = "stopped"
    """The server was shut down."""
    CRASHED = "crashed"
    """The server stopped; the recording was completed from its file at the next start."""


class GapCause(StrEnum):
    RUN = "run"
    """Nothing was published between two runs of one broadcast."""
    STALL = "stall"
    """Frames arrived late; the media itself has no hole."""
    DISK = "disk"
    """The segment was shown but could not be recorded."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A camera position of a shop.  The stream key itself is shown once and never stored."""

    id: int
    shop_id: int
    name: str
    created_at: datetime
    key_changed_at: datetime


class DestinationUnknown(NotFound):
    """There is no such destination here."""

    code = "media.destination_unknown"


class DestinationState(StrEnum):
    IDLE = "idle"
    """No show runs, or the camera is silent."""
    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    """It failed, and is tried again by and by."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Another platform that the stream of a channel is passed on to.

    `code` stands in its link back to the room (`?from=`).  `why` says what is wrong while it waits: `away`, `refused`,
    `address` or `key`.  `dropped` frames were left out because it was too slow.
    """

    id: int
    shop_id: int
    channel_id: int
    name: str
    url: str
    sealed_key: bytes
    code: str
    is_on: bool
    version: int
    state: DestinationState
    why: str
    dropped: int
    state_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", DestinationState(self.state))

    @property
    def about(self) -> str:
        """What its key is sealed for."""
        return f"media.destination {self.shop_id}"


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom a stream key belongs to."""

    channel_id: int
    shop_id: int
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """`file` is relative to the recordings directory; `chain` is the hash over all rows so far."""

    id: UUID
    channel_id: int
    shop_id: int
    anchor: datetime
    ended_at: datetime | None
    end_cause: str | None
    codecs: str
    width: int
    height: int
    target_duration: int
    init_sha256: bytes
    init_length: int
    file: str
    chain: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A recorded segment.  `dts` and `duration` in 1/90,000 s; `position` and `length` in bytes of the file.

    `audio_end` is the number of audio samples since the run's first key frame, at the segment's end.
    """

    run_id: UUID
    msn: int
    pdt: datetime
    dts: int
    duration: int
    position: int
    length: int
    sha256: bytes
    chain: bytes
    independent: bool
    audio_end: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A piece of `milliseconds` on the clock of the video that is missing, or came late (`stall`)."""

    id: UUID
    channel_id: int
    run_id: UUID
    cause: GapCause
    started_at: datetime
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A product held up to the camera, from `start` to `end` on the clock of the video."""

    channel_id: int
    id: str
    sku: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a stretch of video is recorded.  `recorded + missing = total` where nothing is wrong."""

    total_ms: int
    recorded_ms: int
    missing_ms: int
    stalled_ms: int


@dataclass(frozen=True, slots=True)
class Status:
    """What the studio shows about a channel.

    `warnings` are stable codes: `gop_long`, `no_audio`, `no_video`, `picture_format`, `late`, `recording_stopped`, `rows_waiting`.
    `refused` is the sentence the last publisher was turned away with, until one is let in.
    """

    live: bool
    run_id: UUID | None
    since: datetime | None
    bitrate: int
    width: int
    height: int
    fps: float
    codecs: str
    gop_seconds: float
    dropped: int
    stalled_ms: int
    warnings: tuple[str, ...]
    refused: str | None


def playback_url(channel_id: int) -> str:
    """Where the live playlist of a channel is, from the root of the shop."""
    return f"/media/{channel_id}/live.m3u8"


def preview_url(channel_id: int) -> str:
    """Where staff see what the camera sends, show or not."""
    return f"/media/{channel_id}/preview.m3u8"


def replay_url(channel_id: int, show_id: int) -> str:
    """Where the recording of a show is."""
    return f"/media/{channel_id}/shows/{show_id}/replay.m3u8"


def clip_url(channel_id: int, show_id: int, moment_id: int) -> str:
    """Where the film of a moment of a show is."""
    return f"/media/{channel_id}/shows/{show_id}/clips/{moment_id}.mp4"


def link(
    chain: bytes,
    *,
    run_id: UUID,
    msn: int,
    pdt_ms: int,
    dts: int,
    duration: int,
    position: int,
    sha256: bytes,
) -> bytes:
    """The next hash of a run's chain: SHA-256 over the last one, the row, and the hash of the segment.

    The chain begins with the hash of the init section.
    """
    row = f"{run_id}|{msn}|{pdt_ms}|{dts}|{duration}|{position}|".encode()
    return hashlib.sha256(chain + row + sha256).digest()
