"""An order, what it costs, what is owed on it, and the states that follow from that.  No I/O here.

Statuses are never set by hand: `derive` reads what happened (times, amounts, units) and names it.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from shopfloor.kernel.errors import Conflict, Invalid, NotFound, TooMany, Unavailable
from shopfloor.kernel.values import MAX_MINOR, Money, split_minor

MAX_LINES: Final = 20
MAX_PER_LINE: Final = 999


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────


class OrderNotFound(NotFound):
    """There is no such order here."""

    code = "orders.not_found"


class CheckoutNotFound(NotFound):
    """There is no such purchase here, or it is somebody else's."""

    code = "orders.checkout_not_found"


class OfferUnknown(NotFound):
    """There is no such offer, or it is no longer on sale."""

    code = "orders.offer_unknown"


class OfferClosed(Conflict):
    """The offer is not on sale just now."""

    code = "orders.offer_closed"


class PriceChanged(Conflict):
    """The price has changed since you saw it."""

    code = "orders.price_changed"


class TotalChanged(Conflict):
    """The total has changed since you saw it; look again before you order."""

    code = "orders.total_changed"


class HoldExpired(Conflict):
    """The time to complete this purchase has run out and the units are gone."""

    code = "orders.hold_expired"


class FormRefused(Invalid):
    """Something in the form is missing or cannot be right."""

    code = "orders.form"


class KeyReused(Invalid):
    """The same id was sent before with other content; a new request needs a new id."""

    code = "orders.key_reused"


class BadPurchase(Invalid):
    """The purchase makes no sense."""

    code = "orders.bad_purchase"


class TooFast(TooMany):
    """Too many requests; wait a moment."""

    code = "orders.too_fast"


class TooLarge(Invalid):
    """The request is larger than a purchase can be."""

    status = 413
    code = "orders.too_large"


class ProviderUnknown(Invalid):
    """There is no such way to pay here."""

    code = "orders.provider_unknown"


class PaymentDeclined(Conflict):
    """The payment was declined; nothing was charged."""

    code = "orders.payment_declined"


class ProviderAway(Unavailable):
    """The payment provider does not answer; your purchase is kept, ask again with the same form."""

    code = "orders.provider_away"


class WrongAmount(Conflict):
    """The amount is not what is due."""

    code = "orders.wrong_amount"


class WrongCurrency(Conflict):
    """The payment is in another currency than the order."""

    code = "orders.wrong_currency"


class AlreadyPaid(Conflict):
    """Nothing is due on this order."""

    code = "orders.already_paid"


class NotPaid(Conflict):
    """The order is not paid in full yet."""

    code = "orders.not_paid"


class NotReady(Conflict):
    """Some of these units have not arrived yet."""

    code = "orders.not_ready"


class NotShipped(Conflict):
    """The order has not been shipped in full yet."""

    code = "orders.not_shipped"


class CannotCancel(Conflict):
    """The order can no longer be cancelled."""

    code = "orders.cannot_cancel"


class OrderClosed(Conflict):
    """The order is cancelled, or not placed yet."""

    code = "orders.closed"


class OverRefund(Conflict):
    """That is more than was paid and not yet given back."""

    code = "orders.over_refund"


class NoDelay(Conflict):
    """There is no new date to answer."""

    code = "orders.no_delay"


class WaitingNotFound(NotFound):
    """There is no such place in the line."""

    code = "orders.waiting_not_found"


class WaitingNotNeeded(Conflict):
    """It is not sold out: buy it instead of waiting."""

    code = "orders.waiting_not_needed"


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────


class HoldPolicy(StrEnum):
    TIMER = "timer"
    FIRST_PAID = "first_paid"
    QUEUE = "queue"


class Delivery(StrEnum):
    SHIP = "ship"
    PICK_UP = "pick_up"


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
    DEPOSIT_PAID = "deposit_paid"
    PAID = "paid"
    REFUND_DUE = "refund_due"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


class FulfilmentStatus(StrEnum):
    UNSECURED = "unsecured"
    WAITING = "waiting"
    READY = "ready"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RETURNED = "returned"


class Purpose(StrEnum):
    FULL = "full"
    DEPOSIT = "deposit"
    BALANCE = "balance"


class PaymentEventKind(StrEnum):
    REQUESTED = "requested"
    CHARGED = "charged"
    FAILED = "failed"
    REFUND_GRANTED = "refund_granted"
    REFUNDED = "refunded"
    DEPOSIT_KEPT = "deposit_kept"


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


class WaitingState(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    CLAIMED = "claimed"
    LAPSED = "lapsed"
    LEFT = "left"


# ── a shop's rules ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Policy:
    """What a shop asks and promises.  Amounts in minor units of the shop's currency."""

    shipping_minor: int = 0
    free_shipping_from_minor: int | None = None
    pay_within_hours: int = 48
    balance_within_days: int = 7
    keep_deposit: bool = True
    claim_seconds: int = 300
    pay_to: str = ""
    pick_up_at: str = ""


# ── what is bought ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Item:
    """A line as the buyer saw it.  `ready_on` is None for units on the shelf, else the day they are ready.

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
class Checkout:
    """A purchase on its way to an order, frozen as the buyer saw it.

    `id` is the id the buyer's page made; `hold_id` the hold behind it now (another one after a re-hold, None
    where nothing is held before payment).  `show_ms` is the time of the tap on the clock of the show.
    """

    id: UUID
    shop_id: int
    buyer: UUID
    hold_id: UUID | None
    policy: HoldPolicy
    offer_id: int | None
    show_id: int | None
    pool_id: int
    host_id: int | None
    host_name: str | None
    show_ms: int | None
    currency: str
    items: list[Item]
    bundles: list[Bundle]
    page: dict[str, Any]
    expires_at: datetime | None
    renewals: int
    order_id: UUID | None
    shop_terms: Policy

    def totals(self, delivery: Delivery) -> Totals:
        return totals(self.items, currency=self.currency, delivery=delivery, policy=self.shop_terms)


@dataclass(frozen=True, slots=True)
class Address:
    street: str
    city: str
    postcode: str = ""
    region: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What the buyer fills in.  `expected_total_minor` is the total the page showed, when it showed one."""

    name: str
    delivery: Delivery
    phone: str = ""
    email: str = ""
    address: Address | None = None
    provider: str = "manual"
    method: str = "transfer"
    note: str = ""
    locale: str = "en"
    expected_total_minor: int | None = None


# ── the order ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Order:
    """`charged`, `refund_granted` and `refunded` are sums of payment events, never typed in.

    `first_minor` is due at once (all of it, or deposits plus what is on the shelf), the rest when
    `balance_due_at` is set.  `key` opens the order page without the buyer's cookie.
    """

    id: UUID
    shop_id: int
    number: int | None
    checkout_id: UUID
    hold_id: UUID
    buyer: UUID
    policy: HoldPolicy
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

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "policy", HoldPolicy(self.policy))
        put(self, "delivery", Delivery(self.delivery))
        put(self, "status", Status(self.status))
        put(self, "payment_status", PaymentStatus(self.payment_status))
        put(self, "fulfilment_status", FulfilmentStatus(self.fulfilment_status))
        put(self, "cancelled_by", Party(self.cancelled_by) if self.cancelled_by else None)
        put(self, "cancel_why", Why(self.cancel_why) if self.cancel_why else None)

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def refund_owed_minor(self) -> int:
        """Granted, and not yet given back."""
        return self.refund_granted_minor - self.refunded_minor

    @property
    def refundable_minor(self) -> int:
        return self.charged_minor - self.refund_granted_minor


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
class PaymentEvent:
    id: UUID
    payment_id: UUID
    order_id: UUID
    kind: PaymentEventKind
    purpose: Purpose | None
    amount_minor: int
    provider: str
    reference: str
    note: str
    actor: str
    recorded_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", PaymentEventKind(self.kind))
        object.__setattr__(self, "purpose", Purpose(self.purpose) if self.purpose else None)


@dataclass(frozen=True, slots=True)
class Payment:
    """An attempt to be paid.  `id` is the idempotency key at the provider."""

    id: UUID
    order_id: UUID
    purpose: Purpose
    provider: str
    method: str
    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "purpose", Purpose(self.purpose))


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order with everything a page shows."""

    order: Order
    lines: list[OrderLine]
    payments: list[PaymentEvent]
    due: "Due | None"
    buyer_may_cancel: bool
    is_late: bool
    """A date that the buyer was promised was missed, or is announced to be."""
    page: dict[str, Any]
    """Products, prices and terms as the buyer saw them, frozen when the checkout was opened first."""
    instructions: dict[str, Any] = field(default_factory=dict[str, Any])
    bundles: list[Bundle] = field(default_factory=list[Bundle])

    @property
    def awaits_goods(self) -> bool:
        """Some of it was sold before it was there, and is not there yet."""
        return any(not line.is_ready for line in self.lines)

    @property
    def balance_later(self) -> bool:
        """The deposit is in; the rest is asked for when the goods are ready."""
        return self.due is not None and self.due.purpose is Purpose.BALANCE and self.awaits_goods


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


@dataclass(frozen=True, slots=True)
class Due:
    purpose: Purpose
    amount: Money
    by: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the line for a variant.  `position` counts from 1; 0 when not waiting (any more).

    `turn`: the order of joining over all lines, where it was asked for.
    """

    id: UUID
    shop_id: int
    variant_id: int
    offer_id: int | None
    show_id: int | None
    buyer: UUID
    quantity: int
    unit_price_minor: int
    currency: str
    state: WaitingState
    hold_id: UUID | None
    claim_until: datetime | None
    joined_at: datetime
    position: int
    turn: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", WaitingState(self.state))


L = TypeVar("L", Item, OrderLine)


@dataclass(frozen=True, slots=True)
class Shown(Generic[L]):
    """What people read as one: a line, or a bundle with the lines it consists of."""

    bundle: Bundle | None
    lines: list[L]

    @property
    def ready_on(self) -> date | None:
        """The day all of it is ready; None when all is on the shelf."""
        return max((line.ready_on for line in self.lines if line.ready_on is not None), default=None)

    @property
    def contents(self) -> list["Contained[L]"]:
        """What is in it; lines that differ by nothing but a minor unit of their share of the price are one."""
        alike: dict[tuple[int, date | None], list[L]] = {}
        for line in self.lines:
            alike.setdefault((line.variant_id, line.ready_on), []).append(line)
        return [
            Contained(
                lines[0], sum(line.quantity for line in lines), sum(line.amount_minor for line in lines)
            )
            for lines in alike.values()
        ]


@dataclass(frozen=True, slots=True)
class Contained(Generic[L]):
    """Units of a variant within a bundle, with their share of its price."""

    line: L
    quantity: int
    amount_minor: int


def shown(lines: Sequence[L], bundles: Sequence[Bundle]) -> list[Shown[L]]:
    """The lines of a purchase as people read them, a bundle where the first of its lines stands."""
    by_id: dict[int, Shown[L]] = {bundle.id: Shown(bundle, []) for bundle in bundles}
    found: list[Shown[L]] = []
    for line in lines:
        whole = by_id.get(line.bundle_id) if line.bundle_id is not None else None
        if whole is None:
            found.append(Shown(None, [line]))
            continue
        if not whole.lines:
            found.append(whole)
        whole.lines.append(line)
    return found


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────


def totals(items: Sequence[Item], *, currency: str, delivery: Delivery, policy: Policy) -> Totals:
    """Raises BadPurchase when the sum is beyond what the product accepts."""
    goods = sum(item.amount_minor for item in items)
    shipping = shipping_minor(goods, delivery=delivery, policy=policy)
    if goods + shipping > MAX_MINOR:
        raise BadPurchase("The total is larger than an order can be.", largest_minor=MAX_MINOR)
    first = sum(item.first_minor for item in items) + shipping
    return Totals(
        goods=Money(goods, currency),
        shipping=Money(shipping, currency),
        total=Money(goods + shipping, currency),
        first=Money(first, currency),
        balance=Money(goods + shipping - first, currency),
    )


def shipping_minor(goods_minor: int, *, delivery: Delivery, policy: Policy) -> int:
    free_from = policy.free_shipping_from_minor
    if delivery is Delivery.PICK_UP or (free_from is not None and goods_minor >= free_from):
        return 0
    return policy.shipping_minor


def due(order: Order) -> Due | None:
    """What the buyer owes next.  The balance of a presale has a day (`by`) once it has been asked for."""
    if order.status in {Status.DRAFT, Status.CANCELLED}:
        return None
    return unpaid(order)


def unpaid(order: Order) -> Due | None:
    """The next amount of the order that has not been charged, whatever state the order is in."""
    if order.charged_minor < order.first_minor:
        purpose = Purpose.FULL if order.first_minor == order.total_minor else Purpose.DEPOSIT
        amount = order.first_minor - order.charged_minor
        return Due(purpose, Money(amount, order.currency), order.payment_due_at)
    if order.charged_minor < order.total_minor:
        amount = order.total_minor - order.charged_minor
        return Due(Purpose.BALANCE, Money(amount, order.currency), order.balance_due_at)
    return None


@dataclass(frozen=True, slots=True)
class Statuses:
    status: Status
    payment: PaymentStatus
    fulfilment: FulfilmentStatus


def derive(order: Order, lines: Sequence[OrderLine]) -> Statuses:
    """The only place where statuses come from."""
    payment = _payment_status(order)
    fulfilment = _fulfilment_status(order, lines)
    if order.cancelled_at is not None:
        status = Status.CANCELLED
    elif order.placed_at is None:
        status = Status.DRAFT
    elif order.delivered_at is not None:
        status = Status.DELIVERED
    elif fulfilment is FulfilmentStatus.SHIPPED or fulfilment is FulfilmentStatus.RETURNED:
        status = Status.SHIPPED
    elif fulfilment is FulfilmentStatus.PARTLY_SHIPPED:
        status = Status.PARTLY_SHIPPED
    else:
        status = Status.PAID if order.charged_minor >= order.total_minor else Status.PLACED
    return Statuses(status, payment, fulfilment)


def _payment_status(order: Order) -> PaymentStatus:
    if order.refund_granted_minor > order.refunded_minor:
        return PaymentStatus.REFUND_DUE
    if order.refunded_minor and order.refunded_minor >= order.charged_minor:
        return PaymentStatus.REFUNDED
    if order.refunded_minor:
        return PaymentStatus.PARTLY_REFUNDED
    if order.charged_minor >= order.total_minor:
        return PaymentStatus.PAID
    return PaymentStatus.DEPOSIT_PAID if order.charged_minor else PaymentStatus.UNPAID


def _fulfilment_status(order: Order, lines: Sequence[OrderLine]) -> FulfilmentStatus:
    wanted = sum(line.quantity for line in lines)
    shipped = sum(line.shipped_quantity for line in lines)
    if shipped and sum(line.returned_quantity for line in lines) >= wanted:
        return FulfilmentStatus.RETURNED
    if order.delivered_at is not None:
        return FulfilmentStatus.DELIVERED
    if shipped >= wanted > 0:
        return FulfilmentStatus.SHIPPED
    if shipped:
        return FulfilmentStatus.PARTLY_SHIPPED
    if not order.secured:
        return FulfilmentStatus.UNSECURED
    return FulfilmentStatus.READY if all(line.is_ready for line in lines) else FulfilmentStatus.WAITING


def is_late(lines: Sequence[OrderLine], *, today: date) -> bool:
    """The merchant has missed, or has announced to miss, a date that the buyer was promised."""
    return any(_is_late(line, today) for line in lines)


def _is_late(line: OrderLine, today: date) -> bool:
    if line.ship_by is None or line.shipped_quantity >= line.quantity:
        return False
    announced = line.delayed_to is not None and not line.delay_accepted
    return announced or (line.ready_at is None and today > line.ship_by)


def may_cancel(order: Order, lines: Sequence[OrderLine], *, by: Party, today: date) -> bool:
    """The merchant: until something was shipped.  The buyer: until the first payment, or when a date is missed."""
    if order.status not in {Status.PLACED, Status.PAID} or any(line.shipped_quantity for line in lines):
        return False
    return by is not Party.BUYER or order.charged_minor == 0 or is_late(lines, today=today)


def refund_on_cancel(order: Order, lines: Sequence[OrderLine], *, why: Why, policy: Policy) -> int:
    """Minor units to give back: everything paid.  Only the deposits of presale lines stay with a shop that keeps
    deposits, when the buyer left the balance unpaid.
    """
    if why is Why.BALANCE_UNPAID and policy.keep_deposit:
        deposits = sum(line.first_minor for line in lines if line.first_minor < line.amount_minor)
        return max(0, order.refundable_minor - deposits)
    return order.refundable_minor


def allot(amount_minor: int, lines: Sequence[OrderLine], *, shipping_minor: int) -> tuple[list[int], int]:
    """Split an amount over the lines by what they cost, and the rest over shipping; the parts sum exactly."""
    parts = split_minor(amount_minor, [*(line.amount_minor for line in lines), shipping_minor])
    return parts[:-1], parts[-1]


# ── the form ──────────────────────────────────────────────────────────────────────────────────────────────

METHODS: Final[Mapping[Delivery, frozenset[str]]] = {
    Delivery.SHIP: frozenset({"transfer"}),
    Delivery.PICK_UP: frozenset({"transfer", "cash"}),
}
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().\-/]{3,28}[0-9]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def tidy(form: Form) -> Form:
    """The form with stray spaces and control characters gone.

    Raises FormRefused with `fields`: {field: what is wrong}, all of them at once.
    """
    address = form.address
    clean = replace(
        form,
        name=_line(form.name),
        phone=_line(form.phone),
        email=_line(form.email),
        note=_CONTROL.sub(" ", form.note).strip(),
        address=None
        if address is None or form.delivery is Delivery.PICK_UP
        else Address(
            street=_line(address.street),
            city=_line(address.city),
            postcode=_line(address.postcode),
            region=_line(address.region),
            country=_line(address.country),
        ),
    )
    wrong = _wrong_fields(clean)
    if wrong:
        raise FormRefused(fields=wrong)
    return clean


def _wrong_fields(form: Form) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if not 1 <= len(form.name) <= 120:
        wrong["name"] = "missing" if not form.name else "too_long"
    if not form.phone and not form.email:
        wrong["phone"] = "phone_or_email"
    if form.phone and not _PHONE.fullmatch(form.phone):
        wrong["phone"] = "not_a_phone_number"
    if form.email and (len(form.email) > 254 or not _EMAIL.fullmatch(form.email)):
        wrong["email"] = "not_an_address"
    if len(form.note) > 1000:
        wrong["note"] = "too_long"
    if len(form.locale) > 16:
        wrong["locale"] = "too_long"
    if form.delivery is Delivery.SHIP:
        parts = form.address or Address("", "")
        for name, value, needed in (
            ("street", parts.street, True),
            ("city", parts.city, True),
            ("postcode", parts.postcode, False),
            ("region", parts.region, False),
            ("country", parts.country, False),
        ):
            if needed and not value:
                wrong[name] = "missing"
            elif len(value) > 200:
                wrong[name] = "too_long"
    if form.provider == "manual" and form.method not in METHODS[form.delivery]:
        wrong["method"] = "not_for_this_delivery"
    return wrong


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def form_hash(form: Form) -> bytes:
    """Equal for a repeated form, different when anything the order keeps is different.  The total the page
    showed and the language of the page are not part of what was ordered.
    """
    kept = replace(form, expected_total_minor=None, locale="")
    return hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).digest()


def payment_deadline(at: datetime, policy: Policy, *, method: str) -> datetime | None:
    """When an unpaid order falls; cash is paid when the goods are handed over, so it has no deadline."""
    return None if method == "cash" else at + timedelta(hours=policy.pay_within_hours)
