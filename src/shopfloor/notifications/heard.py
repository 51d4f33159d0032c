"""What messages read of the facts of orders, parcels and purchases: their names, and the fields that are told.

A fact of this name may have more fields; those here are in each of them, which a test holds.
"""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Placed:
    name: ClassVar[str] = "orders.order_placed"

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class Paid:
    name: ClassVar[str] = "orders.order_paid"

    shop_id: int
    order_id: UUID
    purpose: str
    paid_in_full: bool
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Edited:
    name: ClassVar[str] = "orders.order_edited"

    shop_id: int
    order_id: UUID
    refund_minor: int
    due_minor: int
    tell: bool


@dataclass(frozen=True, slots=True)
class BalanceRequested:
    name: ClassVar[str] = "orders.balance_requested"

    shop_id: int
    order_id: UUID
    amount_minor: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delayed:
    name: ClassVar[str] = "orders.delivery_delayed"

    shop_id: int
    order_id: UUID
    variant_id: int
    promised_on: date
    delayed_to: date


@dataclass(frozen=True, slots=True)
class Line:
    line_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipped:
    name: ClassVar[str] = "orders.order_shipped"

    shop_id: int
    order_id: UUID
    complete: bool
    tracking: str
    lines: list[Line]
    carrier: str = ""
    tracking_url: str = ""


@dataclass(frozen=True, slots=True)
class Tracked:
    name: ClassVar[str] = "fulfilment.parcel_tracked"

    shop_id: int
    order_id: UUID
    carrier: str
    tracking: str
    tracking_url: str


@dataclass(frozen=True, slots=True)
class Delivered:
    name: ClassVar[str] = "orders.order_delivered"

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class RefundPaid:
    name: ClassVar[str] = "orders.refund_paid"

    shop_id: int
    order_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class KeptInstead:
    state: str
    kept_until: datetime | None
    items: list[str]


@dataclass(frozen=True, slots=True)
class ReturnAsked:
    name: ClassVar[str] = "returns.return_asked"

    shop_id: int
    order_id: UUID
    number: str
    journey: str
    approved: bool
    unsent: bool
    asked_at: datetime
    send_to: str
    lines: list[Line]
    instead: KeptInstead | None = None


@dataclass(frozen=True, slots=True)
class ReturnApproved:
    name: ClassVar[str] = "returns.return_approved"

    shop_id: int
    order_id: UUID
    number: str
    keeps_goods: bool
    answer: str
    send_to: str
    lines: list[Line]
    instead: KeptInstead | None = None


@dataclass(frozen=True, slots=True)
class ReturnRefused:
    name: ClassVar[str] = "returns.return_refused"

    shop_id: int
    order_id: UUID
    number: str
    answer: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class ReturnReceived:
    name: ClassVar[str] = "returns.return_received"

    shop_id: int
    order_id: UUID
    number: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class ReturnExchanged:
    name: ClassVar[str] = "returns.return_exchanged"

    shop_id: int
    new_order_id: UUID
    number: str
    due_minor: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    name: ClassVar[str] = "orders.order_cancelled"

    shop_id: int
    order_id: UUID
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Reinstated:
    name: ClassVar[str] = "orders.order_reinstated"

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class ReadyToCollect:
    name: ClassVar[str] = "fulfilment.ready_to_collect"

    shop_id: int
    order_id: UUID
    location_id: int
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class PickupReady:
    name: ClassVar[str] = "pickups.pickup_ready"

    shop_id: int
    order_id: UUID
    location_id: int
    keep_until: datetime
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class PickupReminded:
    name: ClassVar[str] = "pickups.pickup_reminded"

    shop_id: int
    order_id: UUID
    location_id: int
    keep_until: datetime
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class PurchaseOrderSent:
    name: ClassVar[str] = "supply.purchase_order_sent"

    shop_id: int
    purchase_order_id: UUID
    supplier_id: int
    number: str


@dataclass(frozen=True, slots=True)
class DisputeOpened:
    name: ClassVar[str] = "disputes.opened"

    shop_id: int
    dispute_id: UUID
    order_id: UUID | None
    currency: str
    amount_minor: int
    reason: str
    due_by: datetime | None


@dataclass(frozen=True, slots=True)
class DisputeDue:
    name: ClassVar[str] = "disputes.due"

    shop_id: int
    dispute_id: UUID
    order_id: UUID | None
    currency: str
    amount_minor: int
    reason: str
    due_by: datetime | None


@dataclass(frozen=True, slots=True)
class DisputeEnded:
    name: ClassVar[str] = "disputes.ended"

    shop_id: int
    dispute_id: UUID
    order_id: UUID | None
    currency: str
    amount_minor: int
    state: str


@dataclass(frozen=True, slots=True)
class RefundFailed:
    name: ClassVar[str] = "payments.refund_failed"

    shop_id: int
    refund_id: UUID
    order_id: UUID
    currency: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureFailed:
    name: ClassVar[str] = "payments.capture_failed"

    shop_id: int
    order_id: UUID
    currency: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class AuthorisationEnding:
    name: ClassVar[str] = "payments.authorisation_ending"

    shop_id: int
    order_id: UUID
    currency: str
    amount_minor: int
    capture_before: datetime


@dataclass(frozen=True, slots=True)
class PaymentLapsed:
    name: ClassVar[str] = "orders.payment_lapsed"

    shop_id: int
    order_id: UUID
    amount_minor: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class DifferenceOpened:
    name: ClassVar[str] = "payments.difference_opened"

    shop_id: int


@dataclass(frozen=True, slots=True)
class ProviderSilent:
    name: ClassVar[str] = "payments.provider_silent"

    shop_id: int
    connection_id: int
    provider: str


@dataclass(frozen=True, slots=True)
class RefundAsked:
    name: ClassVar[str] = "approvals.refund_asked"

    shop_id: int
    order_id: UUID
    currency: str
    amount_minor: int
    asked_by: int
    asked_by_name: str


@dataclass(frozen=True, slots=True)
class PaymentsPaused:
    name: ClassVar[str] = "payments.paused"

    shop_id: int
    declines: int
    until: datetime
