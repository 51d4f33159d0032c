"""Attempts to be paid and what happened to the money, and this module's refusals.  No I/O here.

What is paid for is a *subject*, known by its id alone: an order today.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, Unavailable


class ProviderUnknown(Invalid):
    """There is no such way to pay here."""

    code = "orders.provider_unknown"


class PaymentDeclined(Conflict):
    """The payment was declined; nothing was charged."""

    code = "orders.payment_declined"


class ProviderAway(Unavailable):
    """The payment provider does not answer; your purchase is kept, ask again with the same form."""

    code = "orders.provider_away"


class OverRefund(Conflict):
    """That is more than was paid and not yet given back."""

    code = "orders.over_refund"


class Purpose(StrEnum):
    FULL = "full"
    DEPOSIT = "deposit"
    BALANCE = "balance"


class PaymentEventKind(StrEnum):
    REQUESTED = "requested"
    CHARGED = "charged"
    FAILED = "failed"
    REFUND_GRANTED = "refund_granted"
    REFUNDED = "refunded"
    DEPOSIT_KEPT = "deposit_kept"


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    id: UUID
    payment_id: UUID
    subject_id: UUID
    kind: PaymentEventKind
    purpose: Purpose | None
    amount_minor: int
    provider: str
    reference: str
    note: str
    actor: str
    recorded_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", PaymentEventKind(self.kind))
        object.__setattr__(self, "purpose", Purpose(self.purpose) if self.purpose else None)


@dataclass(frozen=True, slots=True)
class Payment:
    """An attempt to be paid.  `id` is the idempotency key at the provider."""

    id: UUID
    shop_id: int
    subject_id: UUID
    purpose: Purpose
    provider: str
    method: str
    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "purpose", Purpose(self.purpose))
