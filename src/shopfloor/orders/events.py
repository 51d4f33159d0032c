"""What orders tell the rest of the product.  Amounts are minor units of `currency`; dates ISO.

A line in a fact carries its share of the fact's amount, so that figures per product add up to the order.
"""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class FactLine:
    line_id: int
    variant_id: int
    product_id: int
    offer_id: int | None
    quantity: int
    unit_price_minor: int
    amount_minor: int
    ready_on: date | None


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """`amount_minor` is goods plus shipping; `show_ms` the time of the tap on the clock of the show."""

    name: ClassVar[str] = "orders.order_placed"

    shop_id: int
    order_id: UUID
    number: int
    hold_id: UUID
    buyer: UUID
    show_id: int | None
    host_id: int | None
    show_ms: int | None
    currency: str
    goods_minor: int
    shipping_minor: int
    amount_minor: int
    lines: list[FactLine]


@dataclass(frozen=True, slots=True)
class OrderPaid:
    """A charge arrived: all of it, a deposit or a balance.  `paid_in_full` once nothing is left to pay."""

    name: ClassVar[str] = "orders.order_paid"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    show_id: int | None
    host_id: int | None
    purpose: str
    paid_in_full: bool
    currency: str
    amount_minor: int
    shipping_minor: int
    lines: list[FactLine]


@dataclass(frozen=True, slots=True)
class OrderAuthorised:
    """The money is reserved and not taken: it is charged when the order ships, and before `capture_before`."""

    name: ClassVar[str] = "orders.order_authorised"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    currency: str
    amount_minor: int
    capture_before: datetime


@dataclass(frozen=True, slots=True)
class PaymentLapsed:
    """What was reserved is so no longer, and was not taken: the buyer is asked for it until `due_at`."""

    name: ClassVar[str] = "orders.payment_lapsed"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    currency: str
    amount_minor: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """`why` is one of orders.Why, `by` buyer, merchant or system; `amount_minor` what the order was worth."""

    name: ClassVar[str] = "orders.order_cancelled"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    show_id: int | None
    by: str
    why: str
    currency: str
    amount_minor: int
    lines: list[FactLine]


@dataclass(frozen=True, slots=True)
class OrderReinstated:
    """A cancelled order whose late payment arrived while the units could be had again."""

    name: ClassVar[str] = "orders.order_reinstated"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    show_id: int | None
    currency: str
    amount_minor: int
    lines: list[FactLine]


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """A refund was decided; the money itself moves when `RefundPaid` follows."""

    name: ClassVar[str] = "orders.order_refunded"

    shop_id: int
    order_id: UUID
    number: int
    refund_id: UUID
    buyer: UUID
    show_id: int | None
    currency: str
    amount_minor: int
    shipping_minor: int
    lines: list[FactLine]


@dataclass(frozen=True, slots=True)
class RefundPaid:
    name: ClassVar[str] = "orders.refund_paid"

    shop_id: int
    order_id: UUID
    refund_id: UUID
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class EditedLine:
    """What became more (or less, below zero) of a line: units, what they cost, and what has been paid for them."""

    line_id: int
    variant_id: int
    product_id: int
    offer_id: int | None
    quantity: int
    unit_price_minor: int
    amount_minor: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class OrderEdited:
    """The merchant changed an order: it cost `before_minor` and costs `after_minor`.  `refund_minor` goes back to the
    buyer, or `due_minor` is to be paid; `tell`: the buyer gets a message.  `lines`: what is different; `delivery_changed`:
    where it goes, or how.
    """

    name: ClassVar[str] = "orders.order_edited"

    shop_id: int
    order_id: UUID
    number: int
    edit_id: UUID
    buyer: UUID
    show_id: int | None
    currency: str
    before_minor: int
    after_minor: int
    shipping_change_minor: int
    refund_minor: int
    due_minor: int
    paid_in_full: bool
    delivery_changed: bool
    tell: bool
    lines: list[EditedLine]


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """These lines left the house in one parcel; `complete` when nothing is left to ship.

    `tracking_url` is empty where the carrier has no such page.
    """

    name: ClassVar[str] = "orders.order_shipped"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    show_id: int | None
    complete: bool
    tracking: str
    lines: list[FactLine]
    # A fact of an older release has neither.
    carrier: str = ""
    tracking_url: str = ""


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    name: ClassVar[str] = "orders.order_delivered"

    shop_id: int
    order_id: UUID
    number: int
    buyer: UUID
    show_id: int | None


@dataclass(frozen=True, slots=True)
class BalanceRequested:
    """The presale lines are ready: the rest is due."""

    name: ClassVar[str] = "orders.balance_requested"

    shop_id: int
    order_id: UUID
    buyer: UUID
    currency: str
    amount_minor: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryDelayed:
    name: ClassVar[str] = "orders.delivery_delayed"

    shop_id: int
    order_id: UUID
    buyer: UUID
    variant_id: int
    promised_on: date
    delayed_to: date
