"""Discounts: who may have which, how often, and what is left of their limits.

Promise: a limit holds however many order at once; what an order used is given back at most once; what a discount comes
to is worked out in `pricing`, and what an order got is what was counted.
"""

from shopfloor.promotions import cards, service
from shopfloor.promotions.audit import audit
from shopfloor.promotions.claims import Claims, claim, coupon, give_claims
from shopfloor.promotions.codes import CodeGuard, apart, key
from shopfloor.promotions.models import (
    Candidates,
    Discount,
    Method,
    State,
    Taken,
    Why,
)
from shopfloor.promotions.refusals import (
    DiscountGone,
    DiscountIncomplete,
    NotThere,
    TooManyTries,
    UnknownDiscount,
)
from shopfloor.promotions.using import (
    Use,
    candidates,
    give_back,
    of_order,
    of_person,
    offers,
    take,
    take_again,
    take_instead,
)

__all__ = [
    "Candidates",
    "Claims",
    "CodeGuard",
    "Discount",
    "DiscountGone",
    "DiscountIncomplete",
    "Method",
    "NotThere",
    "State",
    "Taken",
    "TooManyTries",
    "UnknownDiscount",
    "Use",
    "Why",
    "apart",
    "audit",
    "candidates",
    "cards",
    "claim",
    "coupon",
    "give_back",
    "give_claims",
    "key",
    "of_order",
    "of_person",
    "offers",
    "service",
    "take",
    "take_again",
    "take_instead",
]
