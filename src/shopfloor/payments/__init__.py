"""Money in and out: providers, attempts to be paid, what happened to them, refunds.

Promise: events are appended and never changed; a provider's message is one event however often it comes; one
attempt asks for its money once; no more is given back than came in.  What is paid for is a subject known by its id.
"""

from shopfloor.payments import (
    attempts,
    authorisations,
    connections,
    differences,
    guard,
    inbox,
    refunds,
    statements,
)
from shopfloor.payments.audit import audit
from shopfloor.payments.models import (
    ConnectionNotFound,
    DifferenceKind,
    OverRefund,
    Payment,
    PaymentBusy,
    PaymentDeclined,
    PaymentEvent,
    PaymentEventKind,
    Purpose,
    State,
    TooManyAttempts,
)
from shopfloor.payments.service import (
    capture,
    close,
    events_for,
    give_back,
    grant_refund,
    granted_parts,
    known_charge,
    look_up,
    look_up_refund,
    mark_refund_sent,
    open_payment,
    payment,
    payments_for,
    record,
    start,
    void,
)
from shopfloor.payments.silence import notice_silence
from shopfloor.payments.troubles import desk, forget, trouble

__all__ = [
    "ConnectionNotFound",
    "DifferenceKind",
    "OverRefund",
    "Payment",
    "PaymentBusy",
    "PaymentDeclined",
    "PaymentEvent",
    "PaymentEventKind",
    "Purpose",
    "State",
    "TooManyAttempts",
    "attempts",
    "audit",
    "authorisations",
    "capture",
    "close",
    "connections",
    "desk",
    "differences",
    "events_for",
    "forget",
    "give_back",
    "grant_refund",
    "granted_parts",
    "guard",
    "inbox",
    "known_charge",
    "look_up",
    "look_up_refund",
    "mark_refund_sent",
    "notice_silence",
    "open_payment",
    "payment",
    "payments_for",
    "record",
    "refunds",
    "start",
    "statements",
    "trouble",
    "void",
]
