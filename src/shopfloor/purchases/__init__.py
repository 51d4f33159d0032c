"""From a tap to units that are the buyer's for a while, or to a place on the waitlist.

Promise: a repeated tap gets the first answer; nobody pays another price than the one seen; an answer is given
after it is on disk; the waitlist is served in the order of joining.
"""

from shopfloor.purchases import retention
from shopfloor.purchases.endpoint import HELD_COOKIE, PurchaseEndpoint
from shopfloor.purchases.events import Place, UnitsWaiting, WaitlistEnded, WaitlistJoined, WaitlistOffered
from shopfloor.purchases.gateway import (
    PurchaseGateway,
    WaitlistHook,
)
from shopfloor.purchases.http_protocol import make_http_protocol
from shopfloor.purchases.intents import intent
from shopfloor.purchases.messages import PurchaseLine, PurchaseReply, PurchaseRequest
from shopfloor.purchases.models import (
    BadPurchase,
    CookieNeeded,
    HoldExpired,
    OfferClosed,
    OfferUnknown,
    PriceChanged,
    TooFast,
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
from shopfloor.purchases.queries import OfferLineRow, offer_lines
from shopfloor.purchases.waitlist import (
    claim_seconds,
    claimed,
    forget_lapsed,
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
    "BadPurchase",
    "CookieNeeded",
    "HoldExpired",
    "OfferClosed",
    "OfferLineRow",
    "OfferTerms",
    "OfferTermsCache",
    "OfferUnknown",
    "Place",
    "PriceChanged",
    "PurchaseEndpoint",
    "PurchaseGateway",
    "PurchaseLine",
    "PurchaseReply",
    "PurchaseRequest",
    "TooFast",
    "UnitsWaiting",
    "Waiting",
    "WaitingNotFound",
    "WaitingNotNeeded",
    "WaitingState",
    "WaitlistEnded",
    "WaitlistHook",
    "WaitlistJoined",
    "WaitlistOffered",
    "asked_again",
    "claim_seconds",
    "claimed",
    "forget_lapsed",
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
