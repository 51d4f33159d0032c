"""What is due on an order and the states that follow from what happened to it.  No I/O here.

Statuses are never set by hand: `derive` reads what happened (times, amounts, units) and names it.
"""

from collections.abc import Sequence
from datetime import date

from shopfloor import payments
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money, split_minor
from shopfloor.orders.models import Due, FulfilmentStatus, Order, OrderLine, Party, PaymentStatus, Status, Why
from shopfloor.policies import ShopTerms


def due(order: Order) -> Due | None:
    """What the buyer owes next.  The balance of a presale has a day (`by`) once it has been asked for.  Nobody is asked
    for what is reserved.
    """
    if order.status in {Status.DRAFT, Status.CANCELLED}:
        return None
    return _next(order, order.charged_minor + order.authorised_minor)


def unpaid(order: Order) -> Due | None:
    """The next amount of the order that has not been charged, whatever state the order is in."""
    return _next(order, order.charged_minor)


def _next(order: Order, had_minor: int) -> Due | None:
    if had_minor < order.first_minor:
        purpose = (
            payments.Purpose.FULL if order.first_minor == order.total_minor else payments.Purpose.DEPOSIT
        )
        amount = order.first_minor - had_minor
        return Due(purpose, Money(amount, order.currency), order.payment_due_at)
    if had_minor < order.total_minor:
        amount = order.total_minor - had_minor
        return Due(payments.Purpose.BALANCE, Money(amount, order.currency), order.balance_due_at)
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
    if order.refund_granted_minor > order.refunded_minor or order.edit_owed_minor:
        return PaymentStatus.REFUND_DUE
    if order.refunded_minor and order.refunded_minor >= order.charged_minor:
        return PaymentStatus.REFUNDED
    if order.refunded_minor:
        return PaymentStatus.PARTLY_REFUNDED
    if order.charged_minor >= order.total_minor:
        return PaymentStatus.PAID
    if order.authorised_minor and order.charged_minor + order.authorised_minor >= order.total_minor:
        return PaymentStatus.AUTHORISED
    return PaymentStatus.DEPOSIT_PAID if order.charged_minor else PaymentStatus.UNPAID


def _fulfilment_status(order: Order, lines: Sequence[OrderLine]) -> FulfilmentStatus:
    wanted = sum(line.wanted_quantity for line in lines)
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
    if line.ship_by is None or line.shipped_quantity >= line.wanted_quantity:
        return False
    announced = line.delayed_to is not None and not line.delay_accepted
    return announced or (line.ready_at is None and today > line.ship_by)


def may_cancel(order: Order, lines: Sequence[OrderLine], *, by: Party, today: date) -> bool:
    """The merchant: until something was shipped.  The buyer: until the first payment, or when a date is missed."""
    if order.status not in {Status.PLACED, Status.PAID} or any(line.shipped_quantity for line in lines):
        return False
    return by is not Party.BUYER or order.charged_minor == 0 or is_late(lines, today=today)


def refund_on_cancel(order: Order, lines: Sequence[OrderLine], *, why: Why, terms: ShopTerms) -> int:
    """Minor units to give back: everything paid.  Only the deposits of presale lines stay with a shop that keeps
    deposits, when the buyer left the balance unpaid.
    """
    if why is Why.BALANCE_UNPAID and terms.keep_deposit:
        deposits = sum(line.first_minor for line in lines if line.first_minor < line.amount_minor)
        return max(0, order.refundable_minor - deposits)
    return order.refundable_minor


def allot(amount_minor: int, lines: Sequence[OrderLine], *, shipping_minor: int) -> tuple[list[int], int]:
    """Split an amount over the lines by what they cost, and the rest over shipping; the parts sum exactly."""
    parts = split_minor(amount_minor, [*(line.amount_minor for line in lines), shipping_minor])
    return parts[:-1], parts[-1]
