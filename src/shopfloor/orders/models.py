"""An order, its lines, and what they cost.  No I/O here."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shopfloor import payments, purchases, stock
from shopfloor.fulfilment import Delivery
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR, Money, split_minor
from shopfloor.orders.collecting import location_of


class Status(StrEnum):
    DRAFT = "draft"
    PLACED = "placed"
    PAID = "paid"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    UNPAID = "unpaid"
    AUTHORISED = "authorised"
    """The money is reserved, and is taken when the order ships."""
    DEPOSIT_PAID = "deposit_paid"
    PAID = "paid"
    REFUND_DUE = "refund_due"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


class FulfilmentStatus(StrEnum):
    UNSECURED = "unsecured"
    WAITING = "waiting"
    ON_HOLD = "on_hold"
    """The goods are there, the money is not."""
    READY = "ready"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RETURNED = "returned"


def fulfilment_for(stored: str, status: str, payment_status: str) -> FulfilmentStatus:
    """The database says of goods that they are ready; an order that is not paid in full is on hold, and never ready, also
    where something of what was paid went back before.
    """
    is_owed = status == Status.PLACED and payment_status != PaymentStatus.AUTHORISED
    if stored == FulfilmentStatus.READY and (
        is_owed or payment_status in {PaymentStatus.UNPAID, PaymentStatus.DEPOSIT_PAID}
    ):
        return FulfilmentStatus.ON_HOLD
    return FulfilmentStatus(stored)


class Party(StrEnum):
    BUYER = "buyer"
    MERCHANT = "merchant"
    SYSTEM = "system"


class Why(StrEnum):
    """Why an order was cancelled; the merchant's and the buyer's own words stand beside it."""

    ASKED = "asked"
    UNPAID = "unpaid"
    BALANCE_UNPAID = "balance_unpaid"
    LATE = "late"
    SOLD_OUT = "sold_out"
    DECLINED = "declined"
    NOT_COLLECTED = "not_collected"


@dataclass(frozen=True, slots=True)
class Item:
    """A line as the buyer saw it; once it is priced, `amount_minor` is what is paid for it, with tax and less
    discounts.  `ready_on` is None for units on the shelf, else the day they are ready.

    `bundle_id`: the bundle it is a part of; the price is its share of the bundle's.
    """

    variant_id: int
    product_id: int
    offer_id: int | None
    title: str
    sku: str
    options: list[str]
    picture_sha: str | None
    quantity: int
    unit_price_minor: int
    amount_minor: int
    ready_on: date | None = None
    deposit_percent: int | None = None
    bundle_id: int | None = None
    discount_minor: int = 0
    tax_minor: int = 0
    tax_included: bool = True

    @property
    def listed_minor(self) -> int:
        """The amount as prices are written: without the tax that is added to them."""
        return self.amount_minor if self.tax_included else self.amount_minor - self.tax_minor

    @property
    def first_minor(self) -> int:
        """What is asked now for this line: all of it, or the deposit of a presale line."""
        if self.ready_on is None or self.deposit_percent is None:
            return self.amount_minor
        return split_minor(self.amount_minor, [self.deposit_percent, 100 - self.deposit_percent])[0]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as the buyer saw it: one name, one price.  `id` names what it consists of; its units are the lines
    with this `bundle_id`, whose amounts sum to its own.
    """

    id: int
    variant_id: int
    product_id: int
    title: str
    sku: str
    options: list[str]
    picture_sha: str | None
    quantity: int
    unit_price_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Totals:
    """`total` = `goods` + `shipping`; `first` is due now and `balance` when the presale lines are ready."""

    goods: Money
    shipping: Money
    total: Money
    first: Money
    balance: Money


@dataclass(frozen=True, slots=True)
class Order:
    """`charged`, `authorised`, `refund_granted` and `refunded` are sums of payment events, never typed in.

    `first_minor` is due at once (all of it, or deposits plus what is on the shelf), the rest when
    `balance_due_at` is set.  `key` opens the order page without the buyer's cookie.
    """

    id: UUID
    shop_id: int
    number: int | None
    checkout_id: UUID
    hold_id: UUID
    buyer: UUID
    policy: stock.HoldPolicy
    offer_id: int | None
    show_id: int | None
    pool_id: int
    host_id: int | None
    host_name: str | None
    show_ms: int | None
    contact_name: str
    contact_phone: str
    contact_email: str
    delivery: Delivery
    address: dict[str, Any] | None
    provider: str
    method: str
    note: str
    locale: str
    currency: str
    goods_minor: int
    shipping_minor: int
    total_minor: int
    first_minor: int
    charged_minor: int
    refund_granted_minor: int
    refunded_minor: int
    status: Status
    payment_status: PaymentStatus
    fulfilment_status: FulfilmentStatus
    secured: bool
    form_hash: bytes
    key: str
    tracking: str
    cancelled_by: Party | None
    cancel_why: Why | None
    cancel_note: str
    payment_due_at: datetime | None
    balance_due_at: datetime | None
    created_at: datetime
    placed_at: datetime | None
    paid_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    cancelled_at: datetime | None
    tax_minor: int = 0
    """Of the total."""
    shipping_name: str = ""
    calculation: dict[str, Any] | None = None
    """The answer of the price function that the buyer ordered for; None for orders from before there was one."""
    joins_order_id: UUID | None = None
    """The order in whose parcel it leaves."""
    disputed_minor: int = 0
    """What banks have taken back and not returned."""
    authorised_minor: int = 0
    """What is reserved and not charged; it is not paid."""
    return_terms: dict[str, Any] | None = None
    """What may be given back and until when, as it was promised; None for older orders."""
    edited_minor: int = 0
    """What edits gave back of what was paid; `charged_minor` is without it."""
    edit_owed_minor: int = 0
    """Of that, what has not left yet."""
    waived_minor: int = 0
    """What the merchant forgave of the price; the total is without it."""
    edits: int = 0
    """How often it was changed."""

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "policy", stock.HoldPolicy(self.policy))
        put(self, "delivery", Delivery(self.delivery))
        put(self, "status", Status(self.status))
        put(self, "payment_status", PaymentStatus(self.payment_status))
        put(
            self,
            "fulfilment_status",
            fulfilment_for(self.fulfilment_status, self.status, self.payment_status),
        )
        put(self, "cancelled_by", Party(self.cancelled_by) if self.cancelled_by else None)
        put(self, "cancel_why", Why(self.cancel_why) if self.cancel_why else None)

    @staticmethod
    def named_fulfilment(stored: str, status: str, payment_status: str) -> FulfilmentStatus:
        """As `fulfilment_for`, for who reads orders in lists."""
        return fulfilment_for(stored, status, payment_status)

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def collect_at(self) -> int | None:
        """The store where its buyer collects it, as chosen at checkout."""
        shipping = (self.calculation or {}).get("shipping") or {}
        return location_of(str(shipping.get("method") or ""))

    @property
    def refund_owed_minor(self) -> int:
        """Granted, and not yet given back."""
        return self.refund_granted_minor - self.refunded_minor

    @property
    def refundable_minor(self) -> int:
        """What a bank has taken back is not ours to give a second time."""
        return max(0, self.charged_minor - self.refund_granted_minor - self.disputed_minor)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A frozen line.  `ready_on` is the ship-by date promised at purchase; `delayed_to` a later one that the
    merchant announced, `delay_accepted` what the buyer said to it; `ready_at` when the goods arrived.
    """

    id: int
    order_id: UUID
    position: int
    variant_id: int
    product_id: int
    offer_id: int | None
    title: str
    sku: str
    options: list[str]
    picture_sha: str | None
    quantity: int
    unit_price_minor: int
    amount_minor: int
    first_minor: int
    ready_on: date | None
    ready_at: datetime | None
    delayed_to: date | None
    delay_accepted: bool
    shipped_quantity: int
    returned_quantity: int
    bundle_id: int | None = None
    discount_minor: int = 0
    tax_minor: int = 0
    tax_included: bool = True
    cancelled_quantity: int = 0
    """Units that could not be found and were given up."""

    @property
    def listed_minor(self) -> int:
        """The amount as prices are written: without the tax that is added to them."""
        return self.amount_minor if self.tax_included else self.amount_minor - self.tax_minor

    @property
    def wanted_quantity(self) -> int:
        return self.quantity - self.cancelled_quantity

    @property
    def is_ready(self) -> bool:
        return self.ready_on is None or self.ready_at is not None

    @property
    def put_off_to(self) -> date | None:
        """A later date that waits for the buyer's answer."""
        return None if self.delay_accepted or self.ready_at is not None else self.delayed_to

    @property
    def ship_by(self) -> date | None:
        """The date that binds the merchant: the first one, until the buyer accepts a later."""
        return self.delayed_to if self.delayed_to and self.delay_accepted else self.ready_on


@dataclass(frozen=True, slots=True)
class Companion:
    """Another order that leaves in the same parcel."""

    id: UUID
    number: int
    status: str


@dataclass(frozen=True, slots=True)
class Granted:
    """A refund that was decided, and what of each line, in order, and of shipping it gives back."""

    refund_id: UUID
    amount_minor: int
    lines: list[int]
    shipping_minor: int


@dataclass(frozen=True, slots=True)
class Due:
    purpose: payments.Purpose
    amount: Money
    by: datetime | None


def totals(items: Sequence[Item], *, currency: str, shipping_minor: int) -> Totals:
    """Of lines that are priced.  Raises purchases.BadPurchase when the sum is beyond what the product accepts."""
    goods = sum(item.amount_minor for item in items)
    if goods + shipping_minor > MAX_MINOR:
        raise purchases.BadPurchase("The total is larger than an order can be.", largest_minor=MAX_MINOR)
    first = sum(item.first_minor for item in items) + shipping_minor
    return Totals(
        goods=Money(goods, currency),
        shipping=Money(shipping_minor, currency),
        total=Money(goods + shipping_minor, currency),
        first=Money(first, currency),
        balance=Money(goods + shipping_minor - first, currency),
    )
