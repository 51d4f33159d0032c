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
    LEAST_PAY_AFTER_MINUTES: ClassVar[int] = 5
    MOST_PAY_AFTER_MINUTES: ClassVar[int] = 1440
    USUAL_PAY_AFTER_MINUTES: ClassVar[int] = 30
    MOST_UNPAID_UNITS: ClassVar[int] = 999

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
    pay_after_minutes: int | None = None
    """What buyers the shop knows take in a show is paid so long after it, up to `unpaid_units`; None: as they go.  For
    shows that start from now on."""
    unpaid_units: int = 10
