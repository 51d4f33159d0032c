"""What a dispute is, where it stands, and this module's refusals.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.errors import Conflict, NotFound
from shopfloor.kernel.records import dataclass


class DisputeNotFound(NotFound):
    """There is no such dispute."""

    code = "disputes.not_found"


class DisputeOver(Conflict):
    """This dispute is decided: nothing more can be said to it."""

    code = "disputes.over"


class State(StrEnum):
    NEEDS_ANSWER = "needs_answer"
    """Until its deadline; who does not answer loses it."""
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    """Ended without a decision: an inquiry that became no dispute, a charge that was refunded before."""

    @property
    def is_over(self) -> bool:
        return self in {State.WON, State.LOST, State.CLOSED}


class Answer(StrEnum):
    ACCEPTED = "accepted"
    EVIDENCE_SENT = "evidence_sent"


class MovementKind(StrEnum):
    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    FEE = "fee"
    FEE_RETURNED = "fee_returned"


@dataclass(frozen=True, slots=True)
class Dispute:
    """`reference` and `charge` are the provider's own; `payment_id` None: of no payment that is known here.

    `subject_id` is what was paid for.
    """

    id: UUID
    shop_id: int
    connection_id: int
    payment_id: UUID | None
    provider: str
    reference: str
    charge: str
    amount_minor: int
    currency: str
    reason: str
    state: State
    due_by: datetime | None
    opened_at: datetime
    ended_at: datetime | None
    subject_id: UUID | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))


@dataclass(frozen=True, slots=True)
class Movement:
    """Money of a dispute.  Fees are in the currency of the account."""

    dispute_id: UUID
    kind: MovementKind
    amount_minor: int
    currency: str
    reference: str
    recorded_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", MovementKind(self.kind))


@dataclass(frozen=True, slots=True)
class Note:
    """What a person said was done about it."""

    dispute_id: UUID
    kind: Answer
    note: str
    person_id: int
    name: str
    recorded_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Answer(self.kind))
