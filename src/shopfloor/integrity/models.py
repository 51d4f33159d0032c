"""Cases, rulings, and figures from gross to net.  No I/O here."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass


class CaseNotFound(NotFound):
    """There is no such case."""

    code = "integrity.case_not_found"


class NotJudged(NotFound):
    """Nobody has looked at this show yet: it has not begun, or began a moment ago."""

    code = "integrity.not_judged"


class CaseMoved(Conflict):
    """Somebody ruled on this case since the page was opened."""

    code = "integrity.case_moved"


class NoteMissing(Invalid):
    """A ruling, or an appeal, needs a note that says why."""

    code = "integrity.note_missing"


class NothingToAppeal(Conflict):
    """Only what was tagged or ruled invalid can be appealed."""

    code = "integrity.nothing_to_appeal"


class Reason(StrEnum):
    """What was noticed."""

    CONCENTRATION = "concentration"
    SHARED = "shared"
    UNDONE = "undone"
    SAME_NIGHT = "same_night"
    BASKET = "basket"
    CADENCE = "cadence"
    UNWATCHED = "unwatched"
    HOST = "host"
    KNOWN = "known"
    # Of viewers.
    MACHINE = "machine"
    NO_VIDEO = "no_video"
    LOCKSTEP = "lockstep"


class Class(StrEnum):
    """As the MRC has it: found by a rule about one of them alone, or only by looking at many things together."""

    GENERAL = "general"
    SOPHISTICATED = "sophisticated"


_GENERAL: Final = frozenset({Reason.MACHINE, Reason.CADENCE})


def class_of(reasons: tuple[Reason, ...]) -> Class:
    return Class.GENERAL if _GENERAL & set(reasons) else Class.SOPHISTICATED


class Subject(StrEnum):
    ORDERS = "orders"
    VIEWERS = "viewers"


class State(StrEnum):
    OPEN = "open"
    """Nobody has decided.  What is tagged counts as invalid meanwhile; what is only raised counts as real."""
    LIFTED = "lifted"
    """What had been noticed is no longer there: buyers kept what they bought."""
    INVALID = "invalid"
    GENUINE = "genuine"


class Ruling(StrEnum):
    """What a person decides; `open` takes a ruling back."""

    INVALID = "invalid"
    GENUINE = "genuine"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Case:
    """`facts` are the numbers that were noticed; `size` how many orders, or viewers, it is about.

    `held_back`: the money of its orders should wait.
    """

    id: UUID
    shop_id: int
    show_id: int
    subject: Subject
    class_: Class
    reasons: list[Reason]
    facts: dict[str, float]
    state: State
    tagged: bool
    policy: str
    raised_at: datetime
    looked_at: datetime
    ruled_at: datetime | None
    appealed_at: datetime | None
    size: int

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "subject", Subject(self.subject))
        put(self, "class_", Class(self.class_))
        put(self, "state", State(self.state))
        put(self, "reasons", [Reason(each) for each in self.reasons])

    @property
    def counts_as_invalid(self) -> bool:
        return self.state is State.INVALID or (self.state is State.OPEN and self.tagged)

    @property
    def held_back(self) -> bool:
        return self.subject is Subject.ORDERS and self.state in {State.OPEN, State.INVALID}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened in a case; by whom is None where no person did it."""

    id: UUID
    kind: str
    note: str
    person_id: int | None
    name: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseOrder:
    """An order of a case, with what became of it.  `amount_minor` is its total."""

    order_id: UUID
    number: int
    placed_at: datetime
    amount_minor: int
    currency: str
    status: str
    payment_status: str


@dataclass(frozen=True, slots=True)
class Net:
    """One figure of a show: what was counted, what of it is invalid, and what is left."""

    id: str
    gross: int
    general: int
    sophisticated: int

    @property
    def net(self) -> int:
        return self.gross - self.general - self.sophisticated


@dataclass(frozen=True, slots=True)
class Summary:
    """A show's figures from gross to net.  Amounts are minor units of `currency`.

    `review_orders`: orders in cases that nobody has decided and that count as real meanwhile.
    """

    shop_id: int
    show_id: int
    version: int
    policy: str
    as_of: datetime
    currency: str | None
    figures: Mapping[str, Net]
    cases: int
    open_cases: int
    review_orders: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A show's figures from gross to net, as they were judged last."""

    show_id: int
    version: int
    policy: str
    as_of: datetime
    figures: Mapping[str, Net]


FIGURES: Final = ("orders_placed", "orders_paid", "gmv_placed", "gmv_paid", "gmv_net", "uv", "likes")
"""What is told from gross to net.  All but the likes are figures of `metrics`, computed again without what is invalid."""
