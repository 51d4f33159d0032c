"""A giveaway, its entries and its winners.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.records import dataclass

RULES: Final = "shopfloor.giveaway/1"
CLOSING: Final = "shopfloor.draw-list/1"
FILE: Final = "shopfloor.draw-file/1"

MOST_WINNERS: Final = 20
MOST_ENTRIES: Final = 200_000
SHORTEST: Final = 10
LONGEST: Final = 86_400
"""Seconds in which entries are taken."""
MOST_CLAIM_HOURS: Final = 336
CLAIM_HOURS: Final = 48
PER_NETWORK: Final = 5
"""So many entries without an account are taken from one network."""
CLOSING_TAKES: Final = 20
"""At least so many seconds lie between the end of entries and the round of the beacon."""
REVEAL_WITHIN: Final = 3600
"""Seconds after that round within which the draw is revealed, or void."""
PRIZE_LIMITS: Final = {"CN": (5_000_000, "CNY")}
"""By the country of the shop, the most that one prize may be worth, in minor units: 规范促销行为暂行规定, article 17."""


class State(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    DRAWN = "drawn"
    VOID = "void"


class Why(StrEnum):
    """Why a draw is void."""

    CALLED_OFF = "called_off"
    NO_ENTRIES = "no_entries"
    CLOSED_LATE = "closed_late"
    NOT_REVEALED = "not_revealed"


class Place(StrEnum):
    """What became of who was drawn."""

    ASKED = "asked"
    CLAIMED = "claimed"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Giveaway:
    """`round` of the beacon that the draw waits for, at `round_at`; `problem`: why its value is not there yet."""

    id: int
    shop_id: int
    show_id: int
    prize: str
    value_minor: int
    currency: str
    winners: int
    proven_only: bool
    claim_hours: int
    opened_at: datetime
    closes_at: datetime
    round: int
    round_at: datetime
    reveal_by: datetime
    rules: dict[str, Any]
    state: State
    why: Why | None
    entries: int
    closing: dict[str, Any] | None
    closed_at: datetime | None
    drawn_at: datetime | None
    problem: str | None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "state", State(self.state))
        put(self, "why", None if self.why is None else Why(self.why))


@dataclass(frozen=True, slots=True)
class Entry:
    """`number` is all that others see of it."""

    number: str
    shopper: UUID
    customer: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class Winner:
    """`place` in the draw, from 1; `recipient`: where the prize goes."""

    place: int
    number: str
    name: str
    shopper: UUID
    customer: UUID | None
    state: Place
    asked_at: datetime
    deadline: datetime
    claimed_at: datetime | None
    recipient: str
    sent_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", Place(self.state))
