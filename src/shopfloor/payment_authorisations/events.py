"""What is told of reserved money."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


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
