"""What papers read of the facts of orders; facts of these names have more fields."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Paid:
    name: ClassVar[str] = "orders.order_paid"

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class GivenBack:
    name: ClassVar[str] = "orders.order_refunded"

    shop_id: int
    order_id: UUID
    refund_id: UUID
