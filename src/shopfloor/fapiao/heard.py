"""What fapiao reads of the facts of orders; a fact of this name has more fields."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Cancelled:
    name: ClassVar[str] = "orders.order_cancelled"

    shop_id: int
    order_id: UUID
