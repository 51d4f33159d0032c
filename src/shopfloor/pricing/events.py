"""Facts of pricing."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class TaxesChanged:
    """A shop changed how it taxes: its settings, classes or rates."""

    name: ClassVar[str] = "pricing.taxes_changed"

    shop_id: int


@dataclass(frozen=True, slots=True)
class DeliveryChanged:
    """A shop changed its zones or ways of delivery."""

    name: ClassVar[str] = "pricing.delivery_changed"

    shop_id: int
