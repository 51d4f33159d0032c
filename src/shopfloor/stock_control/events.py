"""What transfers and counts tell the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class TransferUnits:
    variant_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class TransferSent:
    """Units left a location for another one; they are in transit."""

    name: ClassVar[str] = "stock_control.transfer_sent"

    shop_id: int
    transfer_id: int
    source_id: int
    target_id: int
    lines: list[TransferUnits]


@dataclass(frozen=True, slots=True)
class TransferReceived:
    """Units of a transfer are on the shelf."""

    name: ClassVar[str] = "stock_control.transfer_received"

    shop_id: int
    transfer_id: int
    target_id: int
    lines: list[TransferUnits]


@dataclass(frozen=True, slots=True)
class TransferDiffered:
    """Units that were sent and not received; `reason`: lost, damaged or miscounted."""

    name: ClassVar[str] = "stock_control.transfer_differed"

    shop_id: int
    transfer_id: int
    reason: str
    lines: list[TransferUnits]


@dataclass(frozen=True, slots=True)
class CountedVariant:
    """`quantity`: how many units more, or fewer, the books have after the count."""

    variant_id: int
    quantity: int
    counted: int


@dataclass(frozen=True, slots=True)
class CountPosted:
    """Lines of a count were set in the books; a long count is several of these."""

    name: ClassVar[str] = "stock_control.count_posted"

    shop_id: int
    count_id: int
    location_id: int
    reason: str
    lines: list[CountedVariant]


@dataclass(frozen=True, slots=True)
class ConditionChanged:
    """Units of a location are in another condition: for_sale, damaged, display, repair or gone."""

    name: ClassVar[str] = "stock_control.condition_changed"

    shop_id: int
    location_id: int
    variant_id: int
    quantity: int
    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class LowStock:
    """A variant has come down to `threshold` units or fewer at a location; told once, until it is above again."""

    name: ClassVar[str] = "stock_control.low_stock"

    shop_id: int
    location_id: int
    variant_id: int
    left: int
    threshold: int
