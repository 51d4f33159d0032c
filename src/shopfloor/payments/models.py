"""Attempts to be paid and what happened to the money, and this module's refusals.  No I/O here.

What is paid for is a *subject*, known by its id alone: an order today.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shopfloor.kernel.errors import Conflict, TooMany, Unavailable
from shopfloor.kernel.records import dataclass


class PaymentDeclined(Conflict):
    """The payment was declined; nothing was charged."""

    code = "orders.payment_declined"


class PaymentBusy(Conflict):
    """Another payment for this order is not over yet."""

    code = "payments.busy"


class TooManyAttempts(TooMany):
    """Too many tries to pay this order."""

    code = "payments.too_many_attempts"


class PaymentsPaused(Unavailable):
    """Online payment is paused for a while; pay another way, or try again later."""

    code = "payments.paused"


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


class State(StrEnum):
    """Where an attempt stands.  `captured` is reached from every other: money is a fact."""

    CREATED = "created"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    CLOSED = "closed"

    @property
    def is_over(self) -> bool:
        return self in {State.CAPTURED, State.DECLINED, State.CLOSED}


@dataclass(frozen=True, slots=True)
class Payment:
    """An attempt to be paid.  `id` is the idempotency key at the provider.

    `action` is what the buyer has to do, as `providers.Action`; `note` why the last card was refused; `look_at` when
    the provider is asked next, after `looks` times.
    """

    id: UUID
    shop_id: int
    subject_id: UUID
    purpose: Purpose
    provider: str
    method: str
    amount_minor: int
    currency: str
    connection_id: int | None = None
    reference: str = ""
    state: State = State.CREATED
    action: dict[str, Any] | None = None
    note: str = ""
    return_url: str = ""
    expires_at: datetime | None = None
    look_at: datetime | None = None
    looks: int = 0
    capture_later: bool = False
    """The money is to be reserved, and taken when it ships."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "purpose", Purpose(self.purpose))
        object.__setattr__(self, "state", State(self.state))

    @property
    def is_online(self) -> bool:
        """A provider brings the money; else a person says when it is there."""
        return self.provider != "manual"

    @property
    def is_payable(self) -> bool:
        """Somebody could still pay it at its provider.  Where the money is reserved nobody has to pay."""
        return self.is_online and not self.state.is_over and self.state is not State.AUTHORISED

    @property
    def account(self) -> str:
        """The key of its provider among `Providers`."""
        return self.provider if self.connection_id is None else f"{self.provider}/{self.connection_id}"


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to the money of an attempt; `reference` names the message of its provider."""

    payment: Payment
    kind: PaymentEventKind
    amount_minor: int
    reference: str
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What an attempt went through, beside money."""

    payment_id: UUID
    kind: str
    note: str
    recorded_at: datetime
