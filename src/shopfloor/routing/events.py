"""What routing tells the rest of the product: from where orders leave, and why."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class RoutedLeg:
    """`why`: rule, only, reserved, first, together or nothing_fits; `rule`: which kind decided, else empty."""

    location_id: int
    units: int
    why: str
    rule: str


@dataclass(frozen=True, slots=True)
class OrderRouted:
    """`trigger`: paid, or why it was decided again."""

    name: ClassVar[str] = "routing.order_routed"

    shop_id: int
    order_id: UUID
    trigger: str
    legs: list[RoutedLeg]
