"""What media tells the rest of the product."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """A run of a channel began: its first key frame stands at `anchor` on the clock of the video."""

    name: ClassVar[str] = "media.started"

    shop_id: int
    channel_id: int
    run_id: UUID
    anchor: datetime


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """A run ended at `at` on the clock of the video; `cause` as in `EndCause`."""

    name: ClassVar[str] = "media.ended"

    shop_id: int
    channel_id: int
    run_id: UUID
    at: datetime
    cause: str
