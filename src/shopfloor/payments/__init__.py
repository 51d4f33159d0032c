"""Money in and out: providers, attempts to be paid, what happened to them, refunds.

Promise: events are appended and never changed; a provider's message is one event however often it comes; one
attempt asks for its money once; no more is given back than came in.  What is paid for is a subject known by its id.
"""

from shopfloor.payments.models import (
    OverRefund,
    Payment,
    PaymentDeclined,
    PaymentEvent,
    PaymentEventKind,
    ProviderAway,
    ProviderUnknown,
    Purpose,
)
from shopfloor.payments.providers import (
    MANUAL_ONLY,
    Attempt,
    Awaiting,
    Charged,
    Declined,
    GivenBack,
    Manual,
    Outcome,
    Provider,
    Providers,
    provider,
)
from shopfloor.payments.service import (
    events_for,
    grant_refund,
    granted_parts,
    known_charge,
    look_up,
    mark_refund_sent,
    open_payment,
    payment,
    payments_for,
    record,
    send_refund,
    start,
)

__all__ = [
    "MANUAL_ONLY",
    "Attempt",
    "Awaiting",
    "Charged",
    "Declined",
    "GivenBack",
    "Manual",
    "Outcome",
    "OverRefund",
    "Payment",
    "PaymentDeclined",
    "PaymentEvent",
    "PaymentEventKind",
    "Provider",
    "ProviderAway",
    "ProviderUnknown",
    "Providers",
    "Purpose",
    "events_for",
    "grant_refund",
    "granted_parts",
    "known_charge",
    "look_up",
    "mark_refund_sent",
    "open_payment",
    "payment",
    "payments_for",
    "provider",
    "record",
    "send_refund",
    "start",
]
