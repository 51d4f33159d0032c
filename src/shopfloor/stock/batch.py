"""What a batch is decided over and what comes of it: shelves, pools, stored rows, and the decision.  No I/O here."""

from dataclasses import field
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from shopfloor.inventory import LotKind
from shopfloor.kernel.records import dataclass
from shopfloor.stock.events import GrantedHolds, HoldsGranted, PurchaseRefused, RefusedPurchases
from shopfloor.stock.models import Answer, HoldState, Part


@dataclass(slots=True)
class Shelf:
    """A locked level while it is being decided over.

    `free` is quantity − held − allocated, below zero where facts broke promises.  `taken` is what the batch
    takes of it less what gives way; `granted` is what it takes.
    """

    id: int
    pool_id: int
    variant_id: int
    location_id: int
    kind: LotKind
    ready_on: date | None
    free: int
    shortfall: int = 0
    taken: int = 0
    granted: int = 0
    size: int = 0
    """What there is of it: free, held and promised."""


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as its buyers meet it."""

    id: int
    shop_id: int
    show_id: int | None
    location_id: int | None
    lender_id: int | None
    is_open: bool
    is_the_open_pool: bool


class Row(msgspec.Struct, frozen=True, gc=False):
    """A stored part of a hold, as far as the decision needs it."""

    id: UUID
    part: int
    shop_id: int
    pool_id: int
    buyer: UUID
    offer_id: int | None
    show_id: int | None
    level_id: int
    variant_id: int
    quantity: int
    returned: int
    unit_price: int
    limited: bool
    ready_on: date | None
    lot_kind: LotKind
    state: HoldState
    granted_at: datetime
    expires_at: datetime
    bundle_id: int | None


COUNTED: Final = frozenset({HoldState.HELD, HoldState.ALLOCATED, HoldState.SHIPPED})


# part, shop, pool, level, variant, quantity, unit price, offer, show, ready on, kind, limited, expires, bundle
Group = tuple[
    int, int, int, int, int, int, int, int | None, int | None, date | None, LotKind, bool, datetime, int | None
]  # fmt: skip


# variant, quantity, unit price, bundle
Wanted = tuple[int, int, int, int | None]


# shelf, units, unit price, bundle
Allocation = tuple[Shelf, int, int, int | None]


@dataclass(slots=True)
class Granted:
    """The rows of one group, by their ids and buyers side by side, and what their buyers are told."""

    lots: tuple[Part, ...]
    expires_at: datetime
    ids: list[UUID] = field(default_factory=list)
    buyers: list[UUID] = field(default_factory=list)
    networks: list[int] = field(default_factory=list)
    """0 where it is not counted."""


@dataclass(slots=True)
class Decision:
    """What is to be answered and what is to be written; the two belong together."""

    answers: list[Answer | None]
    """None: to be decided again after this is written, because the buyer's own hold in this batch is in the way."""
    granted: dict[Group, Granted] = field(default_factory=dict)
    """The rows to insert."""
    refused: dict[tuple[int, int | None, int | None], dict[tuple[int, int, str], RefusedPurchases]] = field(
        default_factory=dict
    )
    """By shop, show and offer; then by variant, quantity and code."""
    replaced: dict[UUID, list[Row]] = field(default_factory=dict)
    """Earlier holds of a buyer that give way to a new one."""
    deferred: bool = False
    """Some answers are None."""
    short: bool = False
    """Something was refused that the lender's later units, or the buyer's own earlier hold, might have saved."""


def told(decision: Decision) -> list[HoldsGranted | PurchaseRefused]:
    """The facts of a decision."""
    holds: dict[tuple[int, int, int | None], list[GrantedHolds]] = {}
    for group, rows in decision.granted.items():
        _, shop_id, pool_id, _, variant_id, quantity, _, offer_id, show_id, ready_on, *_ = group
        same = GrantedHolds(variant_id, quantity, offer_id, ready_on, rows.ids, rows.buyers)
        holds.setdefault((shop_id, pool_id, show_id), []).append(same)
    facts: list[HoldsGranted | PurchaseRefused] = [HoldsGranted(*key, found) for key, found in holds.items()]
    facts += [PurchaseRefused(*key, list(found.values())) for key, found in decision.refused.items()]
    return facts
