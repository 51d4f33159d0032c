"""Notices on top of a room, and its counters.  No I/O here."""

from datetime import datetime
from enum import StrEnum

from shopfloor.kernel.records import dataclass


class NoticeKind(StrEnum):
    NOTICE = "notice"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Notice:
    id: int
    show_id: int
    kind: NoticeKind
    text: str
    texts: dict[str, str]
    offer_id: int | None
    at: datetime
    video: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", NoticeKind(self.kind))


@dataclass(frozen=True, slots=True)
class Watching:
    """The true counters of a show over all processes."""

    show_id: int
    viewers: int
    likes: int
