"""What the catalogue tells the rest of the product."""

from datetime import datetime
from typing import ClassVar

import msgspec

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ProductChanged:
    """Made, changed or deleted; the values are those after it.  `change` is 'created', 'updated' or 'deleted'."""

    name: ClassVar[str] = "catalog.product_changed"

    shop_id: int
    product_id: int
    change: str
    handle: str
    title: str
    kind: str
    status: str


@dataclass(frozen=True, slots=True)
class PriceChanged:
    """`valid_from` may lie ahead; `before_minor` is what was in force, None for the first price."""

    name: ClassVar[str] = "catalog.price_changed"

    shop_id: int
    product_id: int
    variant_id: int
    price_minor: int
    before_minor: int | None
    currency: str
    valid_from: datetime
    reason: str


class BundledUnits(msgspec.Struct, frozen=True, gc=False):
    """So many units of a variant in one bundle."""

    variant_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class BundleChanged:
    """What a variant consists of from now on; without `parts` it is no longer a bundle."""

    name: ClassVar[str] = "catalog.bundle_changed"

    shop_id: int
    product_id: int
    variant_id: int
    bundle_id: int | None
    parts: list[BundledUnits]
