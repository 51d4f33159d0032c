"""What a shop asks and promises."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShopTerms:
    """What a shop asks and promises.  Amounts in minor units of the shop's currency."""

    MOST_PAY_WITHIN_HOURS: ClassVar[int] = 8760
    MOST_BALANCE_WITHIN_DAYS: ClassVar[int] = 365
    MOST_CLAIM_SECONDS: ClassVar[int] = 86_400
    MOST_TOGETHER_HOURS: ClassVar[int] = 720

    shipping_minor: int = 0
    free_shipping_from_minor: int | None = None
    pay_within_hours: int = 48
    balance_within_days: int = 7
    keep_deposit: bool = True
    claim_seconds: int = 300
    pay_to: str = ""
    pick_up_at: str = ""
    together_hours: int = 24
    """So long after a show, or after an order without one, later orders join its parcel; 0: never."""
