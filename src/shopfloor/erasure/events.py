"""What erasures tell the rest of the product."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class BuyerErased:
    """A person asked to be forgotten: who bought with these cookies.  Says nothing else about them."""

    name: ClassVar[str] = "orders.buyer_erased"

    shop_id: int
    erasure_id: UUID
    shoppers: list[UUID]
    orders: int
