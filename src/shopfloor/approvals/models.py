"""What needs a second person, and this module's refusals.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.errors import Conflict, NotFound
from shopfloor.kernel.records import dataclass


class RequestNotFound(NotFound):
    """There is no such request."""

    code = "approvals.not_found"


class AlreadyDecided(Conflict):
    """Somebody decided this before you."""

    code = "approvals.already_decided"


class OwnRequest(Conflict):
    """Another member has to confirm this: not who asked for it, and not whose order it is."""

    code = "approvals.own_request"


class Kind(StrEnum):
    REFUND = "refund"
    """Money is to be given back."""
    BY_HAND = "by_hand"
    """A refund of money that came online is said to have been sent another way."""


class Why(StrEnum):
    LIMIT = "limit"
    OWN_ORDER = "own_order"
    OTHER_INSTRUMENT = "other_instrument"


@dataclass(frozen=True, slots=True)
class Request:
    """`refund`: the id the refund has, or will have.  `decision` None: it waits."""

    id: UUID
    shop_id: int
    order_id: UUID
    refund: UUID
    kind: Kind
    why: Why
    amount_minor: int
    currency: str
    note: str
    asked_by: int
    asked_at: datetime
    decision: str | None
    decided_by: int | None
    decided_at: datetime | None
    asked_by_name: str = ""
    """'' for somebody who is no member any longer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "why", Why(self.why))


@dataclass(frozen=True, slots=True)
class Member:
    person_id: int
    role: str
    email: str
