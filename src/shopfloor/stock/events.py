"""What stock tells the rest of the product.  One fact per batch on the purchase path."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec


class VariantLeft(msgspec.Struct, frozen=True, gc=False):
    """Absolute, as of the commit.  `ready_on` is the first day when nothing is left now; `later` by date."""

    variant_id: int
    left: int
    ready_on: date | None
    later: list[tuple[date, int]]


class GrantedHold(msgspec.Struct, frozen=True, gc=False):
    """One variant of one hold.  `ready_on` None: on hand."""

    id: UUID
    buyer: UUID
    variant_id: int
    quantity: int
    offer_id: int | None
    ready_on: date | None


class RefusedPurchase(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    buyer: UUID
    variant_id: int
    quantity: int
    code: str


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
    holds: list[GrantedHold]


@dataclass(frozen=True, slots=True)
class PurchaseRefused:
    """Refusals are the best demand signal there is: they are kept."""

    name: ClassVar[str] = "stock.purchase_refused"

    shop_id: int
    show_id: int | None
    offer_id: int | None
    refusals: list[RefusedPurchase]


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
class ShortageRaised:
    """Facts have broken promises: somebody must decide who is told."""

    name: ClassVar[str] = "stock.shortage_raised"

    shop_id: int
    pool_id: int
    location_id: int
    variant_id: int
    missing: int
    reason: str
