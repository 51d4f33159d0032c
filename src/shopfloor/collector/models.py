"""What an event is, what the collector answers about it, and how it refuses."""

from datetime import datetime
from typing import Any, Final

import msgspec

from shopfloor.kernel.errors import Invalid, TooMany, Unavailable
from shopfloor.kernel.records import dataclass

MAX_BODY: Final = 1 << 20
MAX_EVENT: Final = 64 << 10
MAX_BATCH: Final = 1_000
DEDUP_DAYS: Final = 7
SERVER: Final = "shopfloor/"
# The type of the event that says how many requests came too fast to be read.
REFUSED: Final = "collector.refused"
# In the place of a writer; no writer can be called so.
COMPACTION: Final = "~compaction"


class Event(msgspec.Struct, frozen=True, array_like=True, tag="event", tag_field="kind"):
    """One thing that happened, in the columns of the lake.

    `source` and `id` together are its identity: the same pair, sent again within seven days, is one event.
    `event_time` is when it happened (UTC); when it was received is written by the log.  Amounts are integer
    minor units.  Whatever has no column of its own is in `extra`.
    """

    id: str
    source: str
    type: str
    event_time: datetime
    shop_id: int | None = None
    show_id: int | None = None
    session_id: str | None = None
    viewer: str | None = None
    actor_kind: str | None = None
    product_id: int | None = None
    variant_id: int | None = None
    offer_id: int | None = None
    order_id: str | None = None
    hold_id: str | None = None
    quantity: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    code: str | None = None
    seconds: float | None = None
    text: str | None = None
    sequence: int | None = None
    extra: dict[str, Any] | None = None


class Bad(msgspec.Struct, frozen=True, array_like=True, tag="bad", tag_field="kind"):
    """Something that came in and is no event: why, and what it was, so that it can be tried again."""

    id: str
    reason: str
    raw: bytes
    viewer: str | None = None
    site: str | None = None


Entry = Event | Bad


class Result(msgspec.Struct, frozen=True):
    """What became of one event: `ok`, `dup`, `shed` (not kept, the disk is nearly full) or `bad:<reason>`."""

    id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SegmentId:
    """A log segment: which writer, and its how-manieth."""

    writer: str
    number: int

    def __str__(self) -> str:
        return f"{self.writer}/{self.number:08d}"

    @classmethod
    def read(cls, text: str) -> "SegmentId":
        """What `str` wrote."""
        writer, _, number = text.rpartition("/")
        return cls(writer, int(number))

    @property
    def stem(self) -> str:
        return f"{self.writer}-{self.number:08d}"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one seal counted; received = accepted + duplicate + bad, always."""

    segment: SegmentId
    received: int
    accepted: int
    duplicate: int
    bad: int
    torn_bytes: int


class NotDurable(Unavailable):
    """The events could not be made durable; nothing is promised, send them again with the same ids."""

    code = "collector.not_durable"


class Busy(Unavailable):
    """Too much is waiting for the disk; send the same events again in a moment."""

    code = "collector.busy"


class Closing(Unavailable):
    """The process is shutting down; send the same events again."""

    code = "collector.closing"


class TooFast(TooMany):
    """Too many events for now; send the same events again, with the same ids."""

    code = "collector.too_fast"

    def __init__(self, seconds: int) -> None:
        super().__init__(wait_seconds=seconds)
        self.seconds = seconds


class TooLarge(Invalid):
    """The body is larger than the collector takes in one request."""

    status = 413
    code = "collector.too_large"


class Malformed(Invalid):
    """The body is no JSON batch of events."""

    status = 400
    code = "collector.malformed"


class UnsupportedMedia(Invalid):
    """Events come as JSON or as a plain text beacon holding JSON."""

    status = 415
    code = "collector.unsupported_media"


class WriterTaken(RuntimeError):
    """Another live process writes under this name; every process needs its own."""


class LakeDamaged(RuntimeError):
    """The manifest names a file that is missing or differs; nothing is guessed, an operator must look."""
