"""What stock tells the rest of the product.  One fact per batch on the purchase path."""

from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec

from shopfloor.kernel.records import dataclass


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
