"""Locations as buyers know them, and this module's refusals.  No I/O here."""

from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from shopfloor.kernel.errors import Invalid, NotFound
from shopfloor.kernel.records import dataclass

MOST_READY_MINUTES: Final = 7 * 24 * 60
MOST_KEEP_DAYS: Final = 90
MOST_CLOSED: Final = 200
METHOD: Final = "store-"
"""What the ways of delivery of stores are called: this and the number of the location."""


class AfterKeeping(StrEnum):
    """What becomes of an order that nobody collected: it is cancelled and refunded, or people are asked."""

    RELEASE = "release"
    ASK = "ask"


class UnknownStore(NotFound):
    """There is no such location in this shop, or buyers know nothing of it."""

    code = "stores.unknown"


class BadHours(Invalid):
    """Opening hours are written like 10:00-13:00, 14:00-19:00, each later than the one before."""

    code = "stores.bad_hours"


class BadStore(Invalid):
    """Part of what was said of this store can't be used."""

    code = "stores.bad_store"


class NoAddress(Invalid):
    """A store where orders are collected needs a street, a city and opening hours."""

    code = "stores.no_address"


@dataclass(frozen=True, slots=True)
class Store:
    """`hours`: for each day, Monday first, [opens, closes] in minutes of the day; none: closed."""

    location_id: int
    shop_id: int
    name: str
    street: str
    city: str
    postcode: str
    region: str
    country: str
    phone: str
    note: str
    timezone: str
    hours: list[list[list[int]]]
    closed_on: list[date]
    collects: bool
    ready_minutes: int
    keep_days: int
    after_keeping: AfterKeeping

    def __post_init__(self) -> None:
        object.__setattr__(self, "after_keeping", AfterKeeping(self.after_keeping))

    @property
    def method(self) -> str:
        return f"{METHOD}{self.location_id}"


@dataclass(frozen=True, slots=True)
class Missing:
    """Units that a store hasn't got: `wanted` of which `here` are there."""

    variant_id: int
    wanted: int
    here: int


@dataclass(frozen=True, slots=True)
class Offered:
    """A store at which a purchase can be collected, with when it would be ready; or what it lacks for that."""

    store: Store
    ready_at: datetime | None
    missing: list[Missing] = field(default_factory=list[Missing])

    @property
    def is_there(self) -> bool:
        return not self.missing and self.ready_at is not None
