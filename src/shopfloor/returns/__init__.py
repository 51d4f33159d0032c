"""Goods that come back: withdrawals from the contract, claims for faults, goodwill.

Promise: what may be given back, and until when, is what was promised when the order was placed; never more comes back
than was sent; the money that goes is what was paid for just these units, and it goes once, whoever presses.
"""

from shopfloor.returns import exchanges, papers, reasons
from shopfloor.returns.asking import MOST_PICTURES, ask
from shopfloor.returns.audit import audit
from shopfloor.returns.deciding import approve, close, refuse
from shopfloor.returns.details import details
from shopfloor.returns.looking import counts, forget_buyers, get, listing, of_order, offer, send_to
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
from shopfloor.returns.receiving import receive
from shopfloor.returns.refunding import refund, refund_confirmed, refund_waiting

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
    "details",
    "exchanges",
    "forget_buyers",
    "get",
    "listing",
    "of_order",
    "offer",
    "papers",
    "reasons",
    "receive",
    "refund",
    "refund_confirmed",
    "refund_waiting",
    "refuse",
    "send_to",
]
