"""Parcels and the steps they go through, and this module's refusals.  No I/O here.

A parcel is of one order, at one location.  Whose it is and where it goes the order knows.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass


class Delivery(StrEnum):
    SHIP = "ship"
    PICK_UP = "pick_up"


class State(StrEnum):
    TO_PICK = "to_pick"
    PICKED = "picked"
    PACKED = "packed"
    READY_TO_COLLECT = "ready_to_collect"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COLLECTED = "collected"
    CANCELLED = "cancelled"


COURSES: Final[Mapping[Delivery, tuple[State, ...]]] = MappingProxyType(
    {
        Delivery.SHIP: (State.TO_PICK, State.PICKED, State.PACKED, State.SHIPPED, State.DELIVERED),
        Delivery.PICK_UP: (State.TO_PICK, State.PICKED, State.READY_TO_COLLECT, State.COLLECTED),
    }
)
"""Steps in order.  Forward over several at once is allowed, back is one at a time."""

HERE: Final = frozenset({State.TO_PICK, State.PICKED, State.PACKED, State.READY_TO_COLLECT})
"""The units stand in the house."""
GONE: Final = frozenset({State.SHIPPED, State.DELIVERED, State.COLLECTED})
"""The units have left it."""
LEAVES: Final[Mapping[Delivery, State]] = MappingProxyType(
    {Delivery.SHIP: State.SHIPPED, Delivery.PICK_UP: State.COLLECTED}
)


class ParcelNotFound(NotFound):
    """There is no such parcel here."""

    code = "fulfilment.parcel_not_found"


class WrongStep(Conflict):
    """This parcel cannot take that step now."""

    code = "fulfilment.wrong_step"


class NothingToUndo(Conflict):
    """There is no step to undo: the parcel is at its first, or cancelled."""

    code = "fulfilment.nothing_to_undo"


class NotTogether(Conflict):
    """These parcels cannot go in one box: only shipped ones from one location to one address can."""

    code = "fulfilment.not_together"


class NotInParcel(Invalid):
    """That is not in this parcel, or not so many of it."""

    code = "fulfilment.not_in_parcel"


class WrongItem(Conflict):
    """That item does not belong in this parcel."""

    code = "fulfilment.wrong_item"


class AllPicked(Conflict):
    """All units of that item are picked already."""

    code = "fulfilment.all_picked"


class BadTrackingLink(Invalid):
    """A tracking link starts with https:// and has {number} where the tracking number goes."""

    code = "fulfilment.tracking_link"


class CarrierExists(Conflict):
    """There is a carrier of that name already."""

    code = "fulfilment.carrier_exists"


class CarrierNotFound(NotFound):
    """There is no such carrier here."""

    code = "fulfilment.carrier_not_found"


class SheetUnreadable(Invalid):
    """The file is not a list of tracking numbers that can be read."""

    code = "fulfilment.sheet_unreadable"


class OtherTracking(Conflict):
    """The parcel has another tracking number already."""

    code = "fulfilment.other_tracking"


class AmbiguousParcel(Conflict):
    """The order has several parcels; the list must name the parcel."""

    code = "fulfilment.ambiguous_parcel"


@dataclass(frozen=True, slots=True)
class Planned:
    """Units of an order line that may leave."""

    line_id: int
    variant_id: int
    quantity: int
    ready_on: date | None = None


@dataclass(frozen=True, slots=True)
class ParcelLine:
    line_id: int
    variant_id: int
    quantity: int
    picked: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """`number` is what people read: of the order and which of its parcels.  `tracking_url` leads to where it is."""

    id: UUID
    shop_id: int
    order_id: UUID
    order_number: int
    position: int
    hold_id: UUID
    location_id: int
    show_id: int | None
    delivery: Delivery
    state: State
    ready_on: date | None
    carrier: str
    tracking: str
    tracking_url: str
    created_at: datetime
    left_at: datetime | None
    arrived_at: datetime | None
    box_id: UUID | None = None
    """The parcel in whose box it lies; None in its own."""
    accepted_at: datetime | None = None
    accepted_by: str = ""
    """Who said that they do it."""
    lines: list[ParcelLine] = field(default_factory=list[ParcelLine])

    def __post_init__(self) -> None:
        object.__setattr__(self, "delivery", Delivery(self.delivery))
        object.__setattr__(self, "state", State(self.state))

    @property
    def number(self) -> str:
        return parcel_number(self.order_number, self.position)

    @property
    def units(self) -> dict[int, int]:
        """So many of each variant."""
        found: dict[int, int] = {}
        for line in self.lines:
            found[line.variant_id] = found.get(line.variant_id, 0) + line.quantity
        return found


@dataclass(frozen=True, slots=True)
class ParcelEvent:
    at: datetime
    kind: str
    actor: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who brings parcels.  `tracking_url` has {number} where the tracking number goes; empty: there is no such page."""

    name: str
    tracking_url: str
    id: int | None = None


def parcel_number(order_number: int, position: int) -> str:
    return f"{order_number}-P{position}"


def place_of(delivery: Delivery, state: State) -> int:
    """Which step of its course a parcel is at.  Raises WrongStep for a step that this course has not."""
    course = COURSES[delivery]
    if state not in course:
        raise WrongStep(step=state, course=list(course))
    return course.index(state)


def before(delivery: Delivery, state: State) -> State:
    """The step that undoing leads back to.  Raises NothingToUndo."""
    course = COURSES[delivery]
    if state not in course or state is course[0]:
        raise NothingToUndo(state=state)
    return course[course.index(state) - 1]
