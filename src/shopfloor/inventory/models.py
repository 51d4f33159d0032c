"""What stock is made of: locations, pools and levels, and this module's refusals.  No I/O here.

A *level* is how many units of one lot stand in one pool at one location.  Three counters: `quantity` (units
that are here, or expected for a lot that is not here yet), `held` (reserved with a timer) and `allocated`
(promised for good, not yet shipped).  Free is what remains.  `shortfall` says by how many units facts
(a count, a late delivery, an offline sale) have broken promises; promises themselves never can.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass


class LocationKind(StrEnum):
    WAREHOUSE = "warehouse"
    STORE = "store"
    VIRTUAL = "virtual"


class PoolKind(StrEnum):
    OPEN = "open"
    SHOW = "show"
    TILL = "till"
    CHANNEL = "channel"


class LotKind(StrEnum):
    """In the order in which lots of the same day are sold."""

    ON_HAND = "on_hand"
    INCOMING = "incoming"
    MAKEABLE = "makeable"


@dataclass(frozen=True, slots=True)
class Location:
    id: int
    shop_id: int
    name: str
    kind: LocationKind


@dataclass(frozen=True, slots=True)
class Pool:
    """Whom units are for.  A show pool belongs to one show; every shop has one open pool.

    `purpose`: of a pool whose units are not for sale now, at whatever location they are (`shelves.Shelf`).
    """

    id: int
    shop_id: int
    name: str
    kind: PoolKind
    show_id: int | None
    location_id: int | None
    borrows_future: bool
    is_open: bool
    purpose: str | None = None

    @property
    def is_set_aside(self) -> bool:
        """Whether it keeps units of a show that nobody buys for a while (`set_aside_beyond`)."""
        return self.kind is PoolKind.CHANNEL and self.borrows_future


@dataclass(frozen=True, slots=True)
class Level:
    """One lot in one pool at one location.  `source` is '' for the plain shelf."""

    id: int
    shop_id: int
    variant_id: int
    location_id: int
    pool_id: int
    kind: LotKind
    ready_on: date | None
    source: str
    quantity: int
    held: int
    allocated: int
    shortfall: int

    @property
    def free(self) -> int:
        return max(0, self.quantity - self.held - self.allocated)


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of one level, signed, as it was committed."""

    id: int
    level_id: int
    at: datetime
    kind: str
    quantity: int
    held: int
    allocated: int
    shortfall: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """A task for people: facts have broken promises on this level.  Gone when units have mended it."""

    shop_id: int
    level_id: int
    variant_id: int
    location_id: int
    pool_id: int
    missing: int
    reason: str
    raised_at: datetime


class UnknownStock(NotFound):
    """There is no such location, pool, level or hold in this shop."""

    code = "stock.unknown"


class NotEnough(Conflict):
    """There are not that many free units."""

    code = "stock.not_enough"


class WrongState(Conflict):
    """The hold or the pool is not in a state that allows this."""

    code = "stock.wrong_state"


class PoolClosed(Conflict):
    """The pool is closed."""

    code = "stock.closed"


class CountStale(Conflict):
    """Stock moved since the count was begun; count again."""

    code = "stock.count_stale"


class BadQuantity(Invalid):
    """A quantity must be a whole number from 1 to 1,000,000."""

    code = "stock.bad_quantity"


class SignContradicts(Invalid):
    """The sign of the quantity contradicts the reason: units are received or found, damaged or lost."""

    code = "stock.sign_contradicts"


# Which way units go for a reason that says so; any other reason goes either way.
WAYS: Final[Mapping[str, int]] = MappingProxyType({"received": 1, "found": 1, "damaged": -1, "lost": -1})


def check_sign(by: int, reason: str) -> None:
    """Raises SignContradicts, with both readings in its facts."""
    way = WAYS.get(reason.strip().casefold(), 0)
    if way * by < 0:
        raise SignContradicts(by=by, reason=reason[:40], units=abs(by))


LOTS = {kind.value: kind for kind in LotKind}
