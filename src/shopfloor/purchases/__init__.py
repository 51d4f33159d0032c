"""From a tap to units that are the buyer's for a while, or to a place on the waitlist.

Promise: a repeated tap gets the first answer; nobody pays another price than the one seen; an answer is given
after it is on disk; the waitlist is served in the order of joining.
"""

from shopfloor.purchases import retention
from shopfloor.purchases.endpoint import HELD_COOKIE, PurchaseEndpoint
from shopfloor.purchases.events import WaitlistEnded, WaitlistJoined, WaitlistOffered
from shopfloor.purchases.gateway import (
    PurchaseGateway,
    WaitlistHook,
)
from shopfloor.purchases.http_protocol import make_http_protocol
from shopfloor.purchases.intents import intent
from shopfloor.purchases.messages import PurchaseLine, PurchaseReply, PurchaseRequest
from shopfloor.purchases.models import (
    MAX_PER_LINE,
    BadPurchase,
    CookieNeeded,
    HoldExpired,
    OfferClosed,
    Waiting,
    WaitingNotFound,
    WaitingNotNeeded,
    WaitingState,
    asked_again,
)
from shopfloor.purchases.offer_terms import (
    OfferTerms,
    OfferTermsCache,
    loader,
    most_per_buyer,
    set_most_per_buyer,
)
from shopfloor.purchases.queries import offer_lines
from shopfloor.purchases.waitlist import (
    claimed,
    expire,
    hand_over,
    join,
    leave,
    places,
    serve,
    serve_again,
    set_claim_seconds,
    who_waits,
)

__all__ = [
    "HELD_COOKIE",
    "MAX_PER_LINE",
    "BadPurchase",
    "CookieNeeded",
    "HoldExpired",
    "OfferClosed",
    "OfferTerms",
    "OfferTermsCache",
    "PurchaseEndpoint",
    "PurchaseGateway",
    "PurchaseLine",
    "PurchaseReply",
    "PurchaseRequest",
    "Waiting",
    "WaitingNotFound",
    "WaitingNotNeeded",
    "WaitingState",
    "WaitlistEnded",
    "WaitlistHook",
    "WaitlistJoined",
    "WaitlistOffered",
    "asked_again",
    "claimed",
    "expire",
    "hand_over",
    "intent",
    "join",
    "leave",
    "loader",
    "make_http_protocol",
    "most_per_buyer",
    "offer_lines",
    "places",
    "retention",
    "serve",
    "serve_again",
    "set_claim_seconds",
    "set_most_per_buyer",
    "who_waits",
]
