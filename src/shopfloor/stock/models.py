"""What buyers are promised: requests and answers, holds, and this module's refusals.  No I/O here."""

from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from shopfloor.inventory import LotKind
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass


class HoldPolicy(StrEnum):
    """What a tap on "buy" gets: units for a while, nothing before payment, or units or a place on the waitlist."""

    TIMER = "timer"
    FIRST_PAID = "first_paid"
    QUEUE = "queue"


class HoldState(StrEnum):
    HELD = "held"
    ALLOCATED = "allocated"
    SHIPPED = "shipped"
    RETURNED = "returned"
    RELEASED = "released"
    EXPIRED = "expired"


LIVE_STATES = frozenset({HoldState.HELD, HoldState.ALLOCATED, HoldState.SHIPPED})


# Requests and answers are made by the ten thousand in a second: msgspec structs cost a tenth of a dataclass.


class Line(msgspec.Struct, frozen=True, gc=False):
    """`bundle_id`: the bundle these units are sold in, carried to the hold."""

    variant_id: int
    quantity: int
    bundle_id: int | None = None


class Request(msgspec.Struct, frozen=True, gc=False):
    """One wish to buy.  `id` is made by the buyer's client; the same id always gets the same hold.

    `lines` may name a variant several times, at several prices: units are summed before they are looked for.
    `latest_ready` None accepts any date; a date refuses lots that are ready later.  `unit_prices`, one per line in
    minor units, is carried to the hold.
    """

    id: UUID
    shop_id: int
    pool_id: int
    buyer: UUID
    lines: tuple[Line, ...]
    hold_seconds: int
    latest_ready: date | None = None
    offer_id: int | None = None
    limit_per_buyer: int | None = None
    show_id: int | None = None
    limit_per_show: int | None = None
    unit_prices: tuple[int, ...] = ()
    network: int | None = None
    """Where it was asked from (`kernel.network`); None is not counted."""
    default_limit: int | None = None
    """What a buyer may have where the merchant set no limit: of an offer; without an offer, of a variant at a time."""
    keep_until: datetime | None = None
    """Until when it is kept for a buyer who has paid here or proved a contact, where that is longer, as
    long as what they hold in the pool (in all browsers of their account) does not come to more than `keep_most` units
    with it."""
    keep_most: int = 0


class Part(msgspec.Struct, frozen=True, gc=False):
    """Units of one lot within a hold.  `ready_on` None: on hand when it was granted."""

    variant_id: int
    quantity: int
    ready_on: date | None
    lot_kind: LotKind


class Held(msgspec.Struct, frozen=True, gc=False):
    """Granted.  `state` is what became of the hold by now, when the answer is a replay."""

    id: UUID
    expires_at: datetime
    lots: tuple[Part, ...]
    state: HoldState = HoldState.HELD
    replayed: bool = False
    replaced: tuple[UUID, ...] = ()


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Not granted.  `code` is stable; `facts` are JSON-able (`variant_id`, `wanted`, `left`…)."""

    id: UUID
    code: str
    facts: dict[str, object]


Answer = Held | Refused


class Code:
    """Why a purchase is not granted, as `Refused.code` says it."""

    SOLD_OUT: Final = "stock.sold_out"
    LIMIT: Final = "stock.limit"
    NETWORK_LIMIT: Final = "stock.network_limit"
    UNKNOWN: Final = "stock.unknown"
    TOO_LATE: Final = "stock.too_late"
    MISMATCH: Final = "stock.mismatch"
    CLOSED: Final = "stock.closed"
    INVALID: Final = "stock.invalid"

    MEANINGS: Final = MappingProxyType({
        SOLD_OUT: "Fewer units are left than were asked for; `facts` says how many, and when more come.",
        LIMIT: "The buyer has, or would have, more units of it than one may.",
        NETWORK_LIMIT: "Buyers on the same network, none of them known, keep as many unpaid units as a network may.",
        UNKNOWN: "There is no such offer or variant for sale here.",
        TOO_LATE: "Nothing is left that is ready by the date that was shown.",
        MISMATCH: "This purchase id was used for another purchase.",
        CLOSED: "The sale has ended.",
        INVALID: "It cannot be read, or asks for a quantity that is none.",
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnpaidOfNetwork:
    """Units of a variant that several buyers behind one network hold and nobody has paid for, of `size`.

    `held` checkouts and `ordered` orders.
    """

    network: int
    pool_id: int
    variant_id: int
    units: int
    buyers: int
    held: int
    ordered: int
    size: int


@dataclass(frozen=True, slots=True)
class HoldPart:
    """A row of a hold: units of one level."""

    part: int
    level_id: int
    variant_id: int
    quantity: int
    unit_price: int
    ready_on: date | None
    lot_kind: LotKind
    returned: int
    state: HoldState
    bundle_id: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """What a buyer was granted, with what became of it."""

    id: UUID
    shop_id: int
    pool_id: int
    buyer: UUID
    offer_id: int | None
    show_id: int | None
    state: HoldState
    granted_at: datetime
    expires_at: datetime
    parts: tuple[HoldPart, ...]

    @property
    def ready_on(self) -> date | None:
        """The day all of it is ready; None when all was on hand."""
        return max((part.ready_on for part in self.parts if part.ready_on is not None), default=None)


@dataclass(frozen=True, slots=True)
class Freed:
    """Units that a release or an expiry gave back; the caller may offer them to the waitlist before committing."""

    hold_id: UUID
    shop_id: int
    pool_id: int
    show_id: int | None
    offer_id: int | None
    buyer: UUID
    variant_id: int
    quantity: int


class TooMuchReturned(Conflict):
    """More would come back than was shipped."""

    code = "stock.too_much_returned"


class NotHere(Conflict):
    """The units have not arrived yet, so they cannot leave."""

    code = "stock.not_here"
