"""Goods that come back: withdrawals from the contract, claims for faults, goodwill.

Promise: what may be given back, and until when, is what was promised when the order was placed; never more comes back
than was sent; the money that goes is what was paid for just these units, and it goes once, whoever presses.
"""

from shopfloor.returns import papers
from shopfloor.returns.audit import audit
from shopfloor.returns.models import (
    FAULTS,
    Arrived,
    Condition,
    Journey,
    NothingChosen,
    NotInOrder,
    Offer,
    Reason,
    ReasonNeeded,
    Return,
    ReturnNotFound,
    Standing,
    State,
    TooManyUnits,
    WrongState,
)
from shopfloor.returns.queries import history, pictures, receipts
from shopfloor.returns.service import (
    MOST_PICTURES,
    approve,
    ask,
    close,
    counts,
    forget_buyers,
    get,
    listing,
    of_order,
    offer,
    receive,
    refund,
    refund_draft,
    refuse,
    send_to,
)

__all__ = [
    "FAULTS",
    "MOST_PICTURES",
    "Arrived",
    "Condition",
    "Journey",
    "NotInOrder",
    "NothingChosen",
    "Offer",
    "Reason",
    "ReasonNeeded",
    "Return",
    "ReturnNotFound",
    "Standing",
    "State",
    "TooManyUnits",
    "WrongState",
    "approve",
    "ask",
    "audit",
    "close",
    "counts",
    "forget_buyers",
    "get",
    "history",
    "listing",
    "of_order",
    "offer",
    "papers",
    "pictures",
    "receipts",
    "receive",
    "refund",
    "refund_draft",
    "refuse",
    "send_to",
]
