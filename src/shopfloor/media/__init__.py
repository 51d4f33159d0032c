"""Video in, video out, and kept.

Publishers send RTMP with a stream key, or are pages of people who run shows; H.264 and AAC go, repackaged and never transcoded, to Low-Latency HLS
and to disk.  Promises: nobody publishes without the key; one clock (an anchor per run plus media time) dates
every frame, product moment and recording; neither a slow disk nor an absent database interrupts the picture;
every recorded segment has its hash, and every hole its row.
"""

from shopfloor.media import destinations
from shopfloor.media.access import Airtime, Staff
from shopfloor.media.audit import audit
from shopfloor.media.camera import make_camera_protocol
from shopfloor.media.films import clip_name, pieces_of, within
from shopfloor.media.films import write as write_film
from shopfloor.media.models import (
    Channel,
    ChannelUnknown,
    Destination,
    DestinationUnknown,
    Gap,
    GapCause,
    MomentReused,
    RecordingsInUse,
    Run,
    RunUnknown,
    Segment,
    Status,
    clip_url,
    playback_url,
    replay_url,
)
from shopfloor.media.pictures import take_picture
from shopfloor.media.playlist import in_ms
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
    recordings_of_show,
    rotate_key,
    run,
    runs,
    segments,
    shop_of,
    stretches,
)
from shopfloor.media.stretches import Stretch, replay_ms

__all__ = [
    "Airtime",
    "BadChannelName",
    "Channel",
    "ChannelUnknown",
    "Destination",
    "DestinationUnknown",
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
    "Stretch",
    "audit",
    "channel",
    "channels",
    "clip_name",
    "clip_url",
    "coverage",
    "create_channel",
    "destinations",
    "gaps",
    "in_ms",
    "is_recorded",
    "latest_runs",
    "make_camera_protocol",
    "pieces_of",
    "playback_url",
    "recordings_of_show",
    "replay_ms",
    "replay_url",
    "rotate_key",
    "run",
    "runs",
    "segments",
    "shop_of",
    "stretches",
    "take_picture",
    "within",
    "write_film",
]
