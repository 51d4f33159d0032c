"""An auction, its bidders, bids and wins.  No I/O here.  Amounts are in minor units, for the whole lot."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shopfloor.auctions.bidding import Rules, Standing, Steps
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.records import dataclass
from shopfloor.orders import Party, Status

MOST_UNITS: Final = 1_000
SHORTEST: Final = 10
LONGEST: Final = 3_600
"""Seconds that an auction lasts where nobody bids at its end."""
MOST_EXTENDS: Final = 120
EXTENDS: Final = 10
"""A bid in so many last seconds moves the end to so many seconds from then."""
MOST_EXTENSION: Final = 600
"""All of these together move it by so many seconds at most."""
PAY_MINUTES: Final = 30
LEAST_PAY: Final = 5
MOST_PAY: Final = 4_320
MOST_STEPS: Final = 20
STRIKES: Final = 2
"""So many unpaid wins within STRIKE_DAYS bar somebody from bidding, until BARRED_DAYS after the last of them."""
STRIKE_DAYS: Final = 180
BARRED_DAYS: Final = 30
GRACE_SECONDS: Final = 45
"""The units of a win are held so much longer than its deadline, so that nobody else is faster than the next bidder."""
LOOK_AGAIN: Final = 10
"""Seconds between two looks at a payment that is under way at the deadline."""
REFUSED_KEPT: Final = 20
"""Of one bidder in one auction."""


class State(StrEnum):
    OPEN = "open"
    SOLD = "sold"
    UNSOLD = "unsold"
    CANCELLED = "cancelled"


class Why(StrEnum):
    """Why a lot was not sold, or why the auction was called off."""

    NO_BIDS = "no_bids"
    RESERVE = "reserve"
    UNPAID = "unpaid"
    NO_UNITS = "no_units"
    SHOW_ENDED = "show_ended"
    MISTAKE = "mistake"
    DAMAGED = "damaged"
    NOT_AVAILABLE = "not_available"
    TECHNICAL = "technical"
    BY_SHOP = "by_shop"
    """The shop cancelled the winner's order."""


CALLED_OFF: Final = (Why.MISTAKE, Why.DAMAGED, Why.NOT_AVAILABLE, Why.TECHNICAL)
"""What a shop may say when it calls one off."""


class WinState(StrEnum):
    ASKED = "asked"
    ORDERED = "ordered"
    PAID = "paid"
    LAPSED = "lapsed"
    CALLED_OFF = "called_off"


STANDING: Final = frozenset({WinState.ASKED, WinState.ORDERED, WinState.PAID})


def usual_steps(currency: str) -> Steps:
    """By how much a price rises where nobody says: 0.50 below 10, 1 below 100, then 5, 10, 50 and 100."""
    unit = 10 ** DECIMALS.get(currency, 2)
    if unit == 1:
        unit = 100
    return (
        (0, max(1, unit // 2)), (10 * unit, unit), (100 * unit, 5 * unit), (500 * unit, 10 * unit),
        (1_000 * unit, 50 * unit), (5_000 * unit, 100 * unit),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Auction:
    """`leader`: the number of who leads, `price_minor` what they would pay; both None without bids.  `latest_end`: bids
    move the end no further.  `one_network`: how many bidders shared a network with another one.
    """

    id: int
    shop_id: int
    show_id: int
    offer_id: int
    variant_id: int
    title: str
    titles: dict[str, str]
    options: list[str]
    picture: str | None
    quantity: int
    currency: str
    start_minor: int
    reserve_minor: int | None
    steps: list[Any]
    seconds: int
    extend_seconds: int
    pay_minutes: int
    opened_at: datetime
    ends_at: datetime
    latest_end: datetime
    state: State
    why: Why | None
    bids: int
    price_minor: int | None
    leader: int | None
    one_network: int
    closed_at: datetime | None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "state", State(self.state))
        put(self, "why", None if self.why is None else Why(self.why))

    @property
    def rules(self) -> Rules:
        return Rules(self.start_minor, self.reserve_minor, tuple((low, step) for low, step in self.steps))

    @property
    def reserve_met(self) -> bool:
        """Whether it would be sold as it stands; always without a reserve."""
        return self.reserve_minor is None or (self.price_minor or 0) >= self.reserve_minor

    @property
    def asked_minor(self) -> int:
        """The least that a bid must be."""
        return self.rules.asked(None if self.price_minor is None else self.price_minor)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What only the service knows of a locked auction."""

    house: UUID
    hold_id: UUID
    leader_max_minor: int | None

    def standing(self, found: Auction) -> Standing | None:
        if found.leader is None or found.price_minor is None or self.leader_max_minor is None:
            return None
        return Standing(found.price_minor, found.leader, self.leader_max_minor)


@dataclass(frozen=True, slots=True)
class Bidder:
    """`paddle`: the number that everybody sees."""

    paddle: int
    customer: UUID | None
    shopper: UUID
    name: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Bid:
    """A bid that was taken: the price, the leader and the end that it led to.  `max_minor` is sealed while it runs."""

    seq: int
    paddle: int
    name: str
    max_minor: int
    price_minor: int
    leader: int
    at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Win:
    """Who may have the lot: `place` 1 is the winner, 2 the bidder who is asked next, at their own last bid."""

    auction_id: int
    place: int
    paddle: int
    name: str
    price_minor: int
    hold_id: UUID
    state: WinState
    asked_at: datetime
    deadline: datetime
    order_id: UUID | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", WinState(self.state))


@dataclass(frozen=True, slots=True)
class Purchase:
    """What became of a win's purchase.  `root`: the one with which it is checked out, itself where it is alone.  Without an
    order: nobody has sent its form, or the payment was declined.
    """

    root: UUID
    order_id: UUID | None
    status: Status | None
    cancelled_by: Party | None
    is_paid: bool

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "status", None if self.status is None else Status(self.status))
        put(self, "cancelled_by", None if self.cancelled_by is None else Party(self.cancelled_by))


@dataclass(frozen=True, slots=True)
class Strike:
    id: int
    auction_id: int
    at: datetime
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many bids were not taken, by reason."""

    reason: str
    bids: int


@dataclass(frozen=True, slots=True)
class Mine:
    """An auction as one bidder sees it.  `max_minor`: the most they bid."""

    paddle: int
    max_minor: int
    win: Win | None


def shares(price_minor: int, quantity: int) -> Sequence[tuple[int, int]]:
    """A price of a lot as (units, unit price), which add up to it exactly; the dearer units last."""
    low, dearer = divmod(price_minor, quantity)
    return [(units, price) for units, price in ((quantity - dearer, low), (dearer, low + 1)) if units]
