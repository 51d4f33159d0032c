"""What the catalogue tells the rest of the product."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ProductChanged:
    """Made or changed; the values are those after it.  `change` is 'created' or 'updated'."""

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
