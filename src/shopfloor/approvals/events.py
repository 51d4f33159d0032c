"""What approvals tell the rest of the product."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund waits for a second person.  `why`: limit, own_order or other_instrument."""

    name: ClassVar[str] = "approvals.refund_asked"

    shop_id: int
    request_id: UUID
    order_id: UUID
    currency: str
    amount_minor: int
    why: str
    asked_by: int
    asked_by_name: str
