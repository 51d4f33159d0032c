"""What stock tells the rest of the product.  One fact per batch on the purchase path."""

from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec

from shopfloor.kernel.records import dataclass


class VariantLeft(msgspec.Struct, frozen=True, gc=False):
    """Absolute, as of the commit.  `ready_on` is the first day when nothing is left now; `later` by date.

    Without `later` the later lots were not looked at, and are as they were; an empty list says that there are none.
    """

    variant_id: int
    left: int
    ready_on: date | None
    later: list[tuple[date, int]] | msgspec.UnsetType = msgspec.UNSET


class GrantedHolds(msgspec.Struct, frozen=True, gc=False):
    """Holds of one variant that are alike: what they have in common once, their ids and buyers side by side.

    `quantity` is that of each.  `ready_on` None: on hand.
    """

    variant_id: int
    quantity: int
    offer_id: int | None
    ready_on: date | None
    ids: list[UUID]
    buyers: list[UUID]


class RefusedPurchases(msgspec.Struct, frozen=True, gc=False):
    """Purchases of one variant that were refused alike; `quantity` is that of each."""

    variant_id: int
    quantity: int
    code: str
    ids: list[UUID]
    buyers: list[UUID]


class ReleasedHold(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    buyer: UUID
    variant_id: int
    quantity: int
    offer_id: int | None


@dataclass(frozen=True, slots=True)
class StockChanged:
    """What is left of these variants in this pool, for every open page."""

    name: ClassVar[str] = "stock.stock_changed"

    shop_id: int
    pool_id: int
    show_id: int | None
    variants: list[VariantLeft]


@dataclass(frozen=True, slots=True)
class HoldsGranted:
    name: ClassVar[str] = "stock.holds_granted"

    shop_id: int
    pool_id: int
    show_id: int | None
    holds: list[GrantedHolds]


@dataclass(frozen=True, slots=True)
class PurchaseRefused:
    """Refusals are the best demand signal there is: they are kept."""

    name: ClassVar[str] = "stock.purchase_refused"

    shop_id: int
    show_id: int | None
    offer_id: int | None
    refusals: list[RefusedPurchases]


@dataclass(frozen=True, slots=True)
class HoldsReleased:
    """`reason`: expired, cancelled, replaced, or what the caller said."""

    name: ClassVar[str] = "stock.holds_released"

    shop_id: int
    pool_id: int
    show_id: int | None
    reason: str
    holds: list[ReleasedHold]


@dataclass(frozen=True, slots=True)
class UnitsArrived:
    """Units of these variants came into this pool: received, found, returned, moved, announced, or arrived."""

    name: ClassVar[str] = "stock.units_arrived"

    shop_id: int
    pool_id: int
    variants: list[int]


@dataclass(frozen=True, slots=True)
class LotDelayed:
    """An announced lot will be there later than was said.  Holds keep the date they were granted with."""

    name: ClassVar[str] = "stock.lot_delayed"

    shop_id: int
    variant_id: int
    source: str
    promised_on: date
    delayed_to: date


@dataclass(frozen=True, slots=True)
class ShortageRaised:
    """Facts have broken promises: somebody must decide who is told."""

    name: ClassVar[str] = "stock.shortage_raised"

    shop_id: int
    pool_id: int
    location_id: int
    variant_id: int
    missing: int
    reason: str
