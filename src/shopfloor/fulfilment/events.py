"""What fulfilment tells the rest of the product: where parcels are."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class PackedLine:
    line_id: int
    variant_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ParcelShipped:
    """It left the house.  `number` is what people read; `tracking_url` is empty where the carrier has no such page."""

    name: ClassVar[str] = "fulfilment.parcel_shipped"

    shop_id: int
    parcel_id: UUID
    order_id: UUID
    number: str
    show_id: int | None
    carrier: str
    tracking: str
    tracking_url: str
    lines: list[PackedLine]


@dataclass(frozen=True, slots=True)
class ParcelTracked:
    """Its tracking number is this now; it left before."""

    name: ClassVar[str] = "fulfilment.parcel_tracked"

    shop_id: int
    parcel_id: UUID
    order_id: UUID
    number: str
    carrier: str
    tracking: str
    tracking_url: str


@dataclass(frozen=True, slots=True)
class ReadyToCollect:
    """It waits for its buyer where it is picked up."""

    name: ClassVar[str] = "fulfilment.ready_to_collect"

    shop_id: int
    parcel_id: UUID
    order_id: UUID
    number: str
    location_id: int
    lines: list[PackedLine]


@dataclass(frozen=True, slots=True)
class ParcelDelivered:
    name: ClassVar[str] = "fulfilment.parcel_delivered"

    shop_id: int
    parcel_id: UUID
    order_id: UUID
    number: str


@dataclass(frozen=True, slots=True)
class ParcelCollected:
    name: ClassVar[str] = "fulfilment.parcel_collected"

    shop_id: int
    parcel_id: UUID
    order_id: UUID
    number: str
    lines: list[PackedLine]


@dataclass(frozen=True, slots=True)
class StepUndone:
    """A step was a mistake: the parcel is at `state` again.  `was`: where it was said to be."""

    name: ClassVar[str] = "fulfilment.step_undone"

    shop_id: int
    parcel_id: UUID
    order_id: UUID
    number: str
    was: str
    state: str
