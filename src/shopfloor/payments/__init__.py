"""Money in and out: attempts to be paid, what happened to them, and who asks too often.

Promise: events are appended and never changed; one attempt asks for its money once.  What is paid for is a subject known
by its id.
"""

from shopfloor.payments import attempts, guard
from shopfloor.payments.models import (
    Happened,
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
    Asked,
    capture,
    close,
    events_for,
    in_time,
    known_charges,
    look_up,
    newest_online,
    open_payment,
    opening,
    payments_by_id,
    payments_for,
    record,
    start,
    void,
)
from shopfloor.payments.ways import Way, ways

__all__ = [
    "Asked",
    "Happened",
    "Payment",
    "PaymentBusy",
    "PaymentDeclined",
    "PaymentEvent",
    "PaymentEventKind",
    "Purpose",
    "State",
    "TooManyAttempts",
    "Way",
    "attempts",
    "capture",
    "close",
    "events_for",
    "guard",
    "in_time",
    "known_charges",
    "look_up",
    "newest_online",
    "open_payment",
    "opening",
    "payments_by_id",
    "payments_for",
    "record",
    "start",
    "void",
    "ways",
]
