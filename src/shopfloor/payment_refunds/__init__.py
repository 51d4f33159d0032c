"""Money out: what is owed to who paid, and its way to their providers.

Promise: no more is given back than came in; one refund asks for its money once, however often it is tried; what a
provider does not do is a person's to look at.
"""

from shopfloor.payment_refunds.service import (
    NotFailed,
    Open,
    OverRefund,
    Try,
    ask,
    ask_again,
    give_back,
    grant,
    granted_parts,
    look_up,
    mark_sent,
    note,
    of_refund,
    open_tries,
    take_due,
    tries,
)

__all__ = [
    "NotFailed",
    "Open",
    "OverRefund",
    "Try",
    "ask",
    "ask_again",
    "give_back",
    "grant",
    "granted_parts",
    "look_up",
    "mark_sent",
    "note",
    "of_refund",
    "open_tries",
    "take_due",
    "tries",
]
