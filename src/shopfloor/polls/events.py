"""Facts of polls."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class PollAsked:
    """`closes_at` in milliseconds since 1970."""

    name: ClassVar[str] = "polls.asked"

    shop_id: int
    show_id: int
    poll_id: int
    question: str
    answers: list[str]
    closes_at: int


@dataclass(frozen=True, slots=True)
class PollVoted:
    """These shoppers voted: one fact a batch.  `chosen`: the place of each one's answer, from 0."""

    name: ClassVar[str] = "polls.voted"

    shop_id: int
    show_id: int
    poll_id: int
    shoppers: list[UUID]
    chosen: list[int]


@dataclass(frozen=True, slots=True)
class PollClosed:
    """`counts`: the votes for each answer."""

    name: ClassVar[str] = "polls.closed"

    shop_id: int
    show_id: int
    poll_id: int
    counts: list[int]
