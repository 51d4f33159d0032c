"""Video in, video out, and kept.

Publishers send RTMP with a stream key, or are pages of people who run shows; H.264 and AAC go, repackaged and never transcoded, to Low-Latency HLS
and to disk.  Promises: nobody publishes without the key; one clock (an anchor per run plus media time) dates
every frame, product moment and recording; neither a slow disk nor an absent database interrupts the picture;
every recorded segment has its hash, and every hole its row.
"""

from shopfloor.media.access import Airtime, Staff
from shopfloor.media.audit import audit
from shopfloor.media.camera import make_camera_protocol
from shopfloor.media.models import (
    Channel,
    ChannelUnknown,
    Gap,
    GapCause,
    MomentReused,
    RecordingsInUse,
    Run,
    RunUnknown,
    Segment,
    Status,
    playback_url,
    replay_url,
)
from shopfloor.media.server import MediaServer
from shopfloor.media.service import (
    BadChannelName,
    channel,
    channels,
    coverage,
    create_channel,
    gaps,
    is_recorded,
    latest_runs,
    rotate_key,
    run,
    runs,
    segments,
    shop_of,
)

__all__ = [
    "Airtime",
    "BadChannelName",
    "Channel",
    "ChannelUnknown",
    "Gap",
    "GapCause",
    "MediaServer",
    "MomentReused",
    "RecordingsInUse",
    "Run",
    "RunUnknown",
    "Segment",
    "Staff",
    "Status",
    "audit",
    "channel",
    "channels",
    "coverage",
    "create_channel",
    "gaps",
    "is_recorded",
    "latest_runs",
    "make_camera_protocol",
    "playback_url",
    "replay_url",
    "rotate_key",
    "run",
    "runs",
    "segments",
    "shop_of",
]
