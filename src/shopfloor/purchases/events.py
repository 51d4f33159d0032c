"""What purchases tell the rest of the product: who joined the waitlist, was offered units, or left it."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the line for one variant.  `position` counts from 1 at joining; `hold_id` and `claim_until`
    once units are offered.
    """

    waiting_id: UUID
    buyer: UUID
    variant_id: int
    quantity: int
    offer_id: int | None
    position: int
    hold_id: UUID | None
    claim_until: datetime | None


@dataclass(frozen=True, slots=True)
class UnitsWaiting:
    """Units wanted in the line of this variant, by those who joined in this show, absolute."""

    variant_id: int
    units: int


@dataclass(frozen=True, slots=True)
class WaitlistJoined:
    """They want what is sold out: the plainest sign of demand there is.  One fact per batch and show."""

    name: ClassVar[str] = "orders.waitlist_joined"

    shop_id: int
    show_id: int | None
    places: list[Place]
    waiting: list[UnitsWaiting]


@dataclass(frozen=True, slots=True)
class WaitlistOffered:
    name: ClassVar[str] = "orders.waitlist_offered"

    shop_id: int
    show_id: int | None
    places: list[Place]
    waiting: list[UnitsWaiting]


@dataclass(frozen=True, slots=True)
class WaitlistEnded:
    """`state`: claimed, lapsed or left."""

    name: ClassVar[str] = "orders.waitlist_ended"

    shop_id: int
    show_id: int | None
    state: str
    places: list[Place]
    waiting: list[UnitsWaiting]
