"""What a provider says of an attempt, applied: the one place, whoever brings it.

The page to which the buyer returns, a notification, and our own question all end here, under the locks of the order
and of the attempt.  Money is a fact in every state: what the order is due is taken, what comes for an order that fell
brings it back or is owed back, and what fits no order becomes a difference that a person closes.
"""

from uuid import UUID

from shopfloor import payment_providers, payments, policies
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money
from shopfloor.orders import charges, lifecycle
from shopfloor.orders.models import Order, OrderLine, Status
from shopfloor.orders.placing import finalise
from shopfloor.orders.statuses import unpaid
from shopfloor.payments import DifferenceKind


def label_of(order_id: UUID) -> str:
    """What the payer reads on the statement."""
    return order_id.hex[-8:].upper()


async def apply_report(
    tx: Tx,
    *,
    payment: payments.Payment,
    outcome: payment_providers.Outcome,
    actor: str | None = None,
    terms: policies.ShopTerms | None = None,
) -> Order:
    """Apply `outcome` to an attempt and its order.  The same report again changes nothing.

    `terms`: the shop's, where they have just been read.
    """
    order, lines = await lifecycle.lock(tx, shop_id=payment.shop_id, order_id=payment.subject_id)
    payment = await payments.attempts.lock(tx, payment_id=payment.id)
    if isinstance(outcome, payment_providers.Charged):
        return await _charged(tx, order, lines, payment, outcome, actor=actor or payment.provider)
    if order.status is Status.DRAFT:
        return await finalise(tx, payment, outcome, terms=terms, locked=(order, lines))
    if isinstance(outcome, payment_providers.Declined) and not payment.state.is_over:
        await payments.record(
            tx,
            payment,
            payments.PaymentEventKind.FAILED,
            payment.amount_minor,
            reference=str(payment.id),
            actor=actor or payment.provider,
            note=outcome.reason,
        )
        return order
    await payments.attempts.move(tx, payment, outcome)
    return order


async def _charged(
    tx: Tx,
    order: Order,
    lines: list[OrderLine],
    payment: payments.Payment,
    outcome: payment_providers.Charged,
    *,
    actor: str,
) -> Order:
    known = await payments.known_charge(
        tx, shop_id=order.shop_id, provider_name=payment.provider, reference=outcome.reference
    )
    if known is not None:
        return order
    kind, expected = _misfit(order, payment, outcome.amount)
    if kind is not None:
        await payments.differences.open_for(
            tx,
            payment,
            kind,
            reference=outcome.reference,
            amount=outcome.amount,
            expected_minor=expected,
        )
        # What came is kept apart, and this attempt has had its money.
        await payments.attempts.end(tx, payment, payments.State.CAPTURED, note=kind)
        if order.status is Status.DRAFT:
            return await finalise(tx, payment, payment_providers.Pending(), locked=(order, lines))
        return order
    if order.status is Status.DRAFT:
        return await finalise(tx, payment, outcome, locked=(order, lines))
    return await charges.take_charge(
        tx, order, payment, reference=outcome.reference, amount=outcome.amount, actor=actor, note=""
    )


def _misfit(
    order: Order, payment: payments.Payment, amount: Money
) -> tuple[DifferenceKind | None, int | None]:
    """Why the order cannot take this money, and what was expected."""
    if amount.currency != payment.currency:
        return DifferenceKind.CURRENCY, payment.amount_minor
    if amount.minor != payment.amount_minor:
        return DifferenceKind.AMOUNT, payment.amount_minor
    owed = unpaid(order)
    if order.status is Status.CANCELLED and (order.number is None or order.refund_granted_minor > 0):
        return DifferenceKind.LATE, 0
    if owed is None or owed.amount.minor != amount.minor:
        return DifferenceKind.TWICE, 0 if owed is None else owed.amount.minor
    return None, None
