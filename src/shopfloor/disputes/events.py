"""What disputes tell the rest of the product."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class DisputeOpened:
    """A buyer asked the bank for the money.  `order_id` None: the payment is not known here."""

    name: ClassVar[str] = "disputes.opened"

    shop_id: int
    dispute_id: UUID
    order_id: UUID | None
    currency: str
    amount_minor: int
    reason: str
    due_by: datetime | None


@dataclass(frozen=True, slots=True)
class DisputeDue:
    """Its deadline is near, and nobody has said that it was answered."""

    name: ClassVar[str] = "disputes.due"

    shop_id: int
    dispute_id: UUID
    order_id: UUID | None
    currency: str
    amount_minor: int
    reason: str
    due_by: datetime | None


@dataclass(frozen=True, slots=True)
class DisputeEnded:
    """`state`: won, lost or closed."""

    name: ClassVar[str] = "disputes.ended"

    shop_id: int
    dispute_id: UUID
    order_id: UUID | None
    currency: str
    amount_minor: int
    state: str
