"""Money that is reserved and not taken yet.

Promise: what was authorised is captured, voided or expired, each once; a decision is written down before a provider is
asked; whoever sells hears of an end before it comes.
"""

from shopfloor.payment_authorisations.service import (
    GRACE,
    WARN,
    Authorisation,
    CaptureNotFailed,
    ask_capture,
    ask_void,
    end,
    ending,
    fail,
    live,
    needs_somebody,
    note,
    of_payment,
    open_ones,
    take_due,
    try_again,
    warn,
)

__all__ = [
    "GRACE",
    "WARN",
    "Authorisation",
    "CaptureNotFailed",
    "ask_capture",
    "ask_void",
    "end",
    "ending",
    "fail",
    "live",
    "needs_somebody",
    "note",
    "of_payment",
    "open_ones",
    "take_due",
    "try_again",
    "warn",
]
