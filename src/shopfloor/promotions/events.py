"""Facts of promotions."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class DiscountChanged:
    """A discount was made, changed, paused, resumed or deleted (`change`)."""

    name: ClassVar[str] = "promotions.discount_changed"

    shop_id: int
    discount_id: int
    change: str


@dataclass(frozen=True, slots=True)
class CouponsClaimed:
    """Coupons were claimed by these buyers: one fact a batch."""

    name: ClassVar[str] = "promotions.coupons_claimed"

    shop_id: int
    discount_id: int
    buyers: list[UUID]
