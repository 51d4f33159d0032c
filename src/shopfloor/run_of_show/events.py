"""What is told of a show that runs, and of what it sells.  `at` is the clock of the video: milliseconds since 1970."""

from dataclasses import field
from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShowStarted:
    name: ClassVar[str] = "live.show_started"

    shop_id: int
    show_id: int
    pool_id: int
    channel_id: int | None
    host_id: int | None
    at: int


@dataclass(frozen=True, slots=True)
class ShowEnded:
    name: ClassVar[str] = "live.show_ended"

    shop_id: int
    show_id: int
    pool_id: int
    channel_id: int | None
    host_id: int | None
    at: int


@dataclass(frozen=True, slots=True)
class OfferAdded:
    """Something can be bought in this show, at these prices (minor units by variant)."""

    name: ClassVar[str] = "live.offer_added"

    shop_id: int
    show_id: int
    offer_id: int
    product_id: int
    policy: str
    currency: str
    prices: dict[int, int]
    quotas: dict[int, int] = field(default_factory=dict[int, int])


@dataclass(frozen=True, slots=True)
class OfferChanged:
    """Terms or quotas of an offer."""

    name: ClassVar[str] = "live.offer_changed"

    shop_id: int
    show_id: int
    offer_id: int
    product_id: int


@dataclass(frozen=True, slots=True)
class OfferFeatured:
    """From `at` on the host explains this offer; None: no offer."""

    name: ClassVar[str] = "live.offer_featured"

    shop_id: int
    show_id: int
    offer_id: int | None
    product_id: int | None
    at: int


@dataclass(frozen=True, slots=True)
class OfferPriceChanged:
    name: ClassVar[str] = "live.offer_price_changed"

    shop_id: int
    show_id: int
    offer_id: int
    product_id: int
    variant_id: int
    price_minor: int
    before_minor: int
    currency: str
    at: int


@dataclass(frozen=True, slots=True)
class FlashStarted:
    """An offer costs `price_minor` for so many units, until `ends_at` (ms since 1970) at the latest.

    `struck`: by variant, the lowest price of the last `days` days where this one is below it.
    """

    name: ClassVar[str] = "live.flash_started"

    shop_id: int
    show_id: int
    offer_id: int
    product_id: int
    flash_id: int
    price_minor: int
    currency: str
    units: int
    ends_at: int
    struck: dict[int, int]
    days: int
    at: int


@dataclass(frozen=True, slots=True)
class FlashEnded:
    """The price from before is back, and so are the units.  `why`: time, sold_out, stopped or show_ended."""

    name: ClassVar[str] = "live.flash_ended"

    shop_id: int
    show_id: int
    offer_id: int
    product_id: int
    flash_id: int
    why: str
    at: int
