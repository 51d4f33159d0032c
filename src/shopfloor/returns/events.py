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
class ExchangedLine:
    """`instead`: the variant that is sent for it."""

    line_id: int
    variant_id: int
    product_id: int
    quantity: int
    instead: int


@dataclass(frozen=True, slots=True)
class KeptInstead:
    """What is wanted instead of the money: asked for, kept until a moment, or sold out; its items in words."""

    state: str
    kept_until: datetime | None
    items: list[str]


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
    instead: KeptInstead | None = None


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
    instead: KeptInstead | None = None


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
class ReturnExchanged:
    """What is sent instead is an order of its own, paid for with what the goods had cost; `due_minor` is missing yet."""

    name: ClassVar[str] = "returns.return_exchanged"

    shop_id: int
    return_id: UUID
    number: str
    order_id: UUID
    buyer: UUID
    show_id: int | None
    journey: str
    reason: str | None
    new_order_id: UUID
    new_order_number: int
    currency: str
    amount_minor: int
    due_minor: int
    lines: list[ExchangedLine]


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
