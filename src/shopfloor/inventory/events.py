"""What the books tell the rest of the product."""

from datetime import date
from typing import ClassVar

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


@dataclass(frozen=True, slots=True)
class StockChanged:
    """What is left of these variants in this pool, for every open page."""

    name: ClassVar[str] = "stock.stock_changed"

    shop_id: int
    pool_id: int
    show_id: int | None
    variants: list[VariantLeft]


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
