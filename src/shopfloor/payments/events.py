"""What payments tell the rest of the product: money that needs somebody."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """A provider did not send a refund, or it came back; the money is still owed.  `order_id`: what was paid for."""

    name: ClassVar[str] = "payments.refund_failed"

    shop_id: int
    refund_id: UUID
    order_id: UUID
    currency: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class DifferenceOpened:
    """Money fits no order: as the kind of difference says, or `statement` for what the provider's books say."""

    name: ClassVar[str] = "payments.difference_opened"

    shop_id: int
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class ProviderSilent:
    """Money came through this account, and no message about it for an hour."""

    name: ClassVar[str] = "payments.provider_silent"

    shop_id: int
    connection_id: int
    provider: str
    since: datetime


@dataclass(frozen=True, slots=True)
class PaymentsPaused:
    """Far more cards were declined than people mistype: online payment stops until then."""

    name: ClassVar[str] = "payments.paused"

    shop_id: int
    declines: int
    until: datetime


@dataclass(frozen=True, slots=True)
class CaptureFailed:
    """A provider does not let reserved money be taken; the goods may have left.  `order_id`: what it was reserved for."""

    name: ClassVar[str] = "payments.capture_failed"

    shop_id: int
    payment_id: UUID
    order_id: UUID
    currency: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class AuthorisationEnding:
    """Money that is reserved for an order is let go at that moment, unless it is charged before."""

    name: ClassVar[str] = "payments.authorisation_ending"

    shop_id: int
    payment_id: UUID
    order_id: UUID
    currency: str
    amount_minor: int
    capture_before: datetime
