"""What returns tell the rest of the product.  `number` is what people read; amounts are minor units of `currency`."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    line_id: int
    variant_id: int
    product_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """`condition`: sellable, opened, damaged or wrong_item; only the first goes back on sale."""

    line_id: int
    variant_id: int
    product_id: int
    quantity: int
    condition: str


@dataclass(frozen=True, slots=True)
class ReturnAsked:
    """Somebody wants to give goods back.  `journey`: withdrawal, claim or goodwill.

    `approved`: nobody has to agree.  `unsent`: nothing of it had left.  `send_to`: where the goods are sent to.
    """

    name: ClassVar[str] = "returns.return_asked"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    approved: bool
    unsent: bool
    asked_at: datetime
    send_to: str
    lines: list[ReturnedLine]


@dataclass(frozen=True, slots=True)
class ReturnApproved:
    """The goods may be sent back; with `keeps_goods` they stay where they are."""

    name: ClassVar[str] = "returns.return_approved"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    keeps_goods: bool
    answer: str
    send_to: str
    lines: list[ReturnedLine]


@dataclass(frozen=True, slots=True)
class ReturnRefused:
    name: ClassVar[str] = "returns.return_refused"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    answer: str
    lines: list[ReturnedLine]


@dataclass(frozen=True, slots=True)
class ReturnReceived:
    """These units arrived; `complete` when nothing is missing."""

    name: ClassVar[str] = "returns.return_received"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    complete: bool
    lines: list[ReceivedLine]


@dataclass(frozen=True, slots=True)
class ReturnRefunded:
    """The refund was decided; the money itself is told by orders.order_refunded and orders.refund_paid."""

    name: ClassVar[str] = "returns.return_refunded"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    refund_id: UUID
    currency: str
    refund_minor: int
    lines: list[ReturnedLine]


@dataclass(frozen=True, slots=True)
class ReturnClosed:
    """Given up: the goods stay with their buyer."""

    name: ClassVar[str] = "returns.return_closed"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    answer: str
