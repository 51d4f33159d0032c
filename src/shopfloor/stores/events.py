"""What stores tell the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """What buyers are told of a location was changed; `collects`: whether orders are collected there from now on."""

    name: ClassVar[str] = "stores.store_changed"

    shop_id: int
    location_id: int
    collects: bool
