"""What dispatch tells the rest of the product: what stores took on, and what they passed on."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """Somebody in the store sends it."""

    name: ClassVar[str] = "dispatch.order_accepted"

    shop_id: int
    order_id: UUID
    parcel_id: UUID
    location_id: int
    waited_seconds: int


@dataclass(frozen=True, slots=True)
class OrderPassedOn:
    """The store does not send so many `units` of it: other locations do, or, of `stuck` ones, none has any.

    `why`: passed_on, short (not found there) or not_accepted; `reason`: not_found, damaged, no_time, closed, other, or empty.
    """

    name: ClassVar[str] = "dispatch.order_passed_on"

    shop_id: int
    order_id: UUID
    parcel_id: UUID
    location_id: int
    why: str
    reason: str
    units: int
    stuck: int
