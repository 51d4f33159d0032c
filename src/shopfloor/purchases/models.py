"""What a purchase may be refused for, and a place on the waitlist.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound, TooMany
from shopfloor.kernel.records import dataclass

MAX_PER_LINE: Final = 999
CLAIM_SECONDS: Final = 300
"""How long an offered place on the waitlist can be claimed, where the shop does not say."""


class OfferUnknown(NotFound):
    """There is no such offer, or it is no longer on sale."""

    code = "orders.offer_unknown"


class OfferClosed(Conflict):
    """The offer is not on sale just now."""

    code = "orders.offer_closed"


class PriceChanged(Conflict):
    """The price has changed since you saw it."""

    code = "orders.price_changed"


class HoldExpired(Conflict):
    """The time to complete this purchase has run out and the units are gone."""

    code = "orders.hold_expired"


class PurchaseExpired(Conflict):
    """This purchase was begun too long ago: begin a new one."""

    code = "purchase.expired"


class BadPurchase(Invalid):
    """We couldn't read this purchase."""

    code = "orders.bad_purchase"


class CookieNeeded(Invalid):
    """Your browser does not send our cookie back, so nothing can be reserved for you."""

    code = "orders.cookie_needed"


class TooFast(TooMany):
    """Too many requests; wait a moment."""

    code = "orders.too_fast"


class TooLarge(Invalid):
    """The request is larger than a purchase can be."""

    status = 413
    code = "orders.too_large"


class WaitingNotFound(NotFound):
    """There is no such place in the line."""

    code = "orders.waiting_not_found"


class WaitingNotNeeded(Conflict):
    """It is not sold out: buy it instead of waiting."""

    code = "orders.waiting_not_needed"


class WaitingState(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    CLAIMED = "claimed"
    LAPSED = "lapsed"
    LEFT = "left"


_ASKED: Final = "cookie=asked"


def asked_again(path: str, query: str) -> str | None:
    """Where a request without the shopper's cookie is sent again, now that it has one; None where that was in vain.

    Nothing is kept for a shopper before the cookie came back: it could not be reached.
    """
    if _ASKED in query.split("&"):
        return None
    return f"{path}?{query}&{_ASKED}" if query else f"{path}?{_ASKED}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the line for a variant.  `position` counts from 1; 0 when not waiting.

    `turn`: the order of joining over all lines, and the `network` it was joined from, where they were asked for.
    """

    id: UUID
    shop_id: int
    variant_id: int
    offer_id: int | None
    show_id: int | None
    buyer: UUID
    quantity: int
    unit_price_minor: int
    currency: str
    state: WaitingState
    hold_id: UUID | None
    claim_until: datetime | None
    joined_at: datetime
    position: int
    turn: int = 0
    network: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", WaitingState(self.state))
