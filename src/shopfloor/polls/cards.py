"""The card of a poll in the room, always as the poll stands."""

from typing import Final

from shopfloor import rooms
from shopfloor.kernel.values import video_ms
from shopfloor.polls.models import Poll

KIND: Final = "poll"


def card_of(found: Poll) -> rooms.PollState:
    return rooms.PollState(
        id=found.id,
        question=found.question,
        answers=tuple(found.answers),
        counts=tuple(found.counts),
        closes_at=video_ms(found.closed_at or found.closes_at),
        closed=found.closed_at is not None,
    )
