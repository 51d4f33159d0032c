"""Facts about a shop's policies."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ShopTermsChanged:
    """A shop set its rules for payment, shipping and presale."""

    name: ClassVar[str] = "orders.shop_terms_changed"

    shop_id: int
