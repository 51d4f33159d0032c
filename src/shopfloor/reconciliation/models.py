"""Money that fits no order.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.records import dataclass


class DifferenceKind(StrEnum):
    AMOUNT = "amount"
    """Too much or too little."""
    CURRENCY = "currency"
    TWICE = "twice"
    """Nothing was due by then."""
    LATE = "late"
    """The order is over, and was settled before."""
    UNKNOWN = "unknown"
    """Of no attempt of ours."""
    REFUND_FAILED = "refund_failed"
    """What was given back has come back."""
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Difference:
    """Money that fits no order, until somebody closes it."""

    id: UUID
    shop_id: int
    payment_id: UUID | None
    connection_id: int | None
    kind: DifferenceKind
    provider: str
    reference: str
    amount_minor: int
    currency: str
    expected_minor: int | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str
    how: str | None
    note: str
    subject_id: UUID | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", DifferenceKind(self.kind))
