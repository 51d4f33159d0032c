"""An order that a store sends, and this module's refusals.  No I/O here."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shopfloor.fulfilment import State
from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass

TABS: Final = {
    "new": (State.TO_PICK,),
    "doing": (State.TO_PICK, State.PICKED, State.PACKED),
    "sent": (State.SHIPPED, State.DELIVERED),
}
"""What nobody took on; what somebody did and is not sent yet; what is sent."""
REASONS: Final = ("not_found", "damaged", "no_time", "closed", "other")


class UnknownTask(NotFound):
    """There is no such order to be sent from a store here."""

    code = "dispatch.unknown"


class NotHere(Conflict):
    """This order is no longer sent from here: it was passed on, sent or cancelled."""

    code = "dispatch.not_here"


class ReasonNeeded(Invalid):
    """Say why."""

    code = "dispatch.reason_needed"


@dataclass(frozen=True, slots=True)
class Task:
    """A parcel that a store is to send, as its list has it.  `stuck`: no other location has what it passed on."""

    parcel_id: UUID
    order_id: UUID
    order_number: int
    position: int
    location_id: int
    state: str
    accepted_by: str
    accepted_at: datetime | None
    created_at: datetime
    contact_name: str
    city: str
    paid: bool
    money_back: str
    units: int
    titles: str
    pictures: list[str]
    accept_hours: int | None
    stuck: str | None
    stuck_note: str | None

    @property
    def number(self) -> str:
        return f"{self.order_number}-P{self.position}"

    @property
    def accept_by(self) -> datetime | None:
        """Until when somebody has to take it on; None where there is no such time, or somebody did."""
        if self.accept_hours is None or self.accepted_at is not None or self.state != State.TO_PICK:
            return None
        return self.created_at + timedelta(hours=self.accept_hours)


@dataclass(frozen=True, slots=True)
class Passed:
    """Units that another location sends now, and those that no other has."""

    moved: int
    stayed: int
