"""What a list of orders shows.  No I/O here."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass
from shopfloor.orders import Order


class Counts(dict[str, int]):
    """Orders by status.  Nobody needs to know how many were ever delivered to the last one: `up_to` stands for so
    many or more.
    """

    up_to: ClassVar[int] = 10_000


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """A row of the merchant's list."""

    id: UUID
    number: int
    contact_name: str
    delivery: str
    currency: str
    total_minor: int
    charged_minor: int
    refund_owed_minor: int
    status: str
    payment_status: str
    fulfilment_status: str
    show_id: int | None
    units: int
    titles: str
    late: bool
    placed_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "fulfilment_status",
            str(Order.named_fulfilment(self.fulfilment_status, self.status, self.payment_status)),
        )
