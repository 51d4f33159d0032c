"""What is told of refunds."""

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
