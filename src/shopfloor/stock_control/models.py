"""Transfers between locations and counts: values, states, refusals.  No I/O here."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass

# A person can check so many; a truck with more goes in two.
MOST_LINES: Final = 500


class UnknownPaper(NotFound):
    """There is no such transfer or count in this shop."""

    code = "stock_control.unknown"


class WrongState(Conflict):
    """The transfer or count is not in a state that allows this."""

    code = "stock_control.wrong_state"


class KeyReused(Conflict):
    """This key was used for something else."""

    code = "stock_control.key_reused"


class NothingListed(Invalid):
    """There is no line."""

    code = "stock_control.nothing_listed"


class TooManyLines(Invalid):
    """More lines than one transfer takes."""

    code = "stock_control.too_many_lines"


class SamePlace(Invalid):
    """Units are transferred from one location to another one."""

    code = "stock_control.same_place"


class NotInTransit(Conflict):
    """Fewer units than this are in transit."""

    code = "stock_control.not_in_transit"


class MovedMeanwhile(Conflict):
    """Units were sold or moved while some lines were counted: count these again, or leave them out."""

    code = "stock_control.moved_meanwhile"


class NothingCounted(Conflict):
    """No line was counted."""

    code = "stock_control.nothing_counted"


class SameCondition(Invalid):
    """Units are moved from one condition into another one."""

    code = "stock_control.same_condition"


class UnknownCode(NotFound):
    """No variant of this shop has this barcode or SKU, or several have."""

    code = "stock_control.unknown_code"


class TransferState(StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    PARTLY_RECEIVED = "partly_received"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Difference(StrEnum):
    """Why units that were sent were not received: they are gone, came in pieces, or never left the source."""

    LOST = "lost"
    DAMAGED = "damaged"
    MISCOUNTED = "miscounted"


class CountState(StrEnum):
    OPEN = "open"
    POSTING = "posting"
    POSTED = "posted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Transfer:
    id: int
    shop_id: int
    number: int
    source_id: int
    target_id: int
    state: str
    expected_on: date | None
    note: str
    person_id: int | None
    created_at: datetime
    sent_at: datetime | None
    closed_at: datetime | None

    @property
    def name(self) -> str:
        return f"T{self.number}"

    @property
    def lot(self) -> str:
        """The source of its lot in transit."""
        return f"transfer:{self.id}"

    @property
    def is_under_way(self) -> bool:
        return self.state in {TransferState.SENT, TransferState.PARTLY_RECEIVED}


@dataclass(frozen=True, slots=True)
class TransferLine:
    transfer_id: int
    variant_id: int
    asked: int
    sent: int
    received: int
    lost: int
    damaged: int
    miscounted: int
    found: int

    @property
    def in_transit(self) -> int:
        return self.sent - self.received - self.lost - self.damaged - self.miscounted


@dataclass(frozen=True, slots=True)
class Listed:
    """A transfer of a list with how many units it is about."""

    id: int
    number: int
    source_id: int
    target_id: int
    state: str
    expected_on: date | None
    created_at: datetime
    sent_at: datetime | None
    lines: int
    asked: int
    sent: int
    in_transit: int

    @property
    def name(self) -> str:
        return f"T{self.number}"


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did to a transfer; `content` holds units by variant."""

    key: UUID
    transfer_id: int
    kind: str
    content: dict[str, int]
    person_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    id: int
    shop_id: int
    number: int
    location_id: int
    name: str
    is_blind: bool
    state: str
    reason: str
    person_id: int | None
    created_at: datetime
    posted_at: datetime | None

    @property
    def label(self) -> str:
        return f"C{self.number}"


@dataclass(frozen=True, slots=True)
class CountLine:
    """`difference`: what the count says the books lack (or, negative, have too many)."""

    count_id: int
    variant_id: int
    round: int
    seen: int | None
    counted: int | None
    late: int
    first_at: datetime | None
    last_at: datetime | None
    moved: bool
    left_out: bool
    applied: int | None
    person_id: int | None

    @property
    def difference(self) -> int | None:
        return None if self.counted is None or self.seen is None else self.counted - self.seen + self.late


@dataclass(frozen=True, slots=True)
class CountListed:
    """A count of a list: its lines, how many of them were counted and how many of those differ."""

    id: int
    number: int
    location_id: int
    name: str
    is_blind: bool
    state: str
    created_at: datetime
    posted_at: datetime | None
    lines: int
    counted: int
    differing: int

    @property
    def label(self) -> str:
        return f"C{self.number}"


@dataclass(frozen=True, slots=True)
class Variance:
    """What a count comes to: lines by what was found, and the difference in units and at the price in minor units."""

    lines: int
    counted: int
    differing: int
    moved: int
    more: int
    fewer: int
    more_minor: int
    fewer_minor: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """`has`: what could be sold when it was looked at last; `mark`: its place in the list."""

    shop_id: int
    location_id: int
    variant_id: int
    units: int
    has: int
    low_since: datetime | None
    mark: str


@dataclass(frozen=True, slots=True)
class Safety:
    """So many `units` of a variant that are not sold online at a location, of which so many are `kept` now; `mark`: its place
    in the list.
    """

    location_id: int
    variant_id: int
    units: int
    kept: int
    mark: str
