"""Facts about a shop's policies."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShopTermsChanged:
    """A shop set its rules for payment, shipping and presale."""

    name: ClassVar[str] = "orders.shop_terms_changed"

    shop_id: int
