"""What pickups tell the rest of the product: orders that wait in stores, and who collected them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class PickupLine:
    line_id: int
    variant_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class PickupReady:
    """It waits for its buyer at this location, until `keep_until`."""

    name: ClassVar[str] = "pickups.pickup_ready"

    shop_id: int
    order_id: UUID
    parcel_id: UUID
    number: str
    location_id: int
    keep_until: datetime
    lines: list[PickupLine]


@dataclass(frozen=True, slots=True)
class PickupReminded:
    """Nobody came, and its time is nearly over."""

    name: ClassVar[str] = "pickups.pickup_reminded"

    shop_id: int
    order_id: UUID
    parcel_id: UUID
    number: str
    location_id: int
    keep_until: datetime
    lines: list[PickupLine]


@dataclass(frozen=True, slots=True)
class PickupHandedOver:
    """`proof`: code, name or none; `waited_seconds`: how long it was ready."""

    name: ClassVar[str] = "pickups.pickup_handed_over"

    shop_id: int
    order_id: UUID
    parcel_id: UUID
    number: str
    location_id: int
    proof: str
    actor: str
    waited_seconds: int
    lines: list[PickupLine]


@dataclass(frozen=True, slots=True)
class PickupReleased:
    """Nobody collected it in time: its units are free again."""

    name: ClassVar[str] = "pickups.pickup_released"

    shop_id: int
    order_id: UUID
    parcel_id: UUID
    number: str
    location_id: int
    lines: list[PickupLine]
