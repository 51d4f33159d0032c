"""What a provider says of an attempt, applied: the one place, whoever brings it.

The page to which the buyer returns, a notification, and our own question all end here, under the locks of the order
and of the attempt.  Money is a fact in every state: what the order is due is taken, what comes for an order that fell
brings it back or is owed back, and what fits no order becomes a difference that a person closes.
"""

from uuid import UUID

from shopfloor import payment_authorisations, payment_providers, payments, policies, reconciliation
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money
from shopfloor.orders import authorising, charges, lifecycle
from shopfloor.orders.models import Order, OrderLine, Status
from shopfloor.orders.placing import finalise
from shopfloor.orders.statuses import unpaid
from shopfloor.reconciliation import DifferenceKind


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
    payment = (await payments.attempts.lock(tx, payment.id))[payment.id]
    if isinstance(outcome, payment_providers.Charged):
        return await _charged(tx, order, lines, payment, outcome, actor=actor or payment.provider)
    if isinstance(outcome, payment_providers.Authorised):
        return await _authorised(tx, order, lines, payment, outcome, terms)
    if order.status is Status.DRAFT:
        return await finalise(tx, payment, outcome, terms=terms, locked=(order, lines))
    if only_reserves(payment):
        if isinstance(outcome, payment_providers.Closed):
            return await authorising.lapse(tx, order, payment, reason=outcome.reason)
        if payment.state is payments.State.AUTHORISED:
            # Only that it was taken, or is over, is news.
            return order
    if isinstance(outcome, payment_providers.Declined) and not payment.state.is_over:
        await payments.record(
            tx,
            payments.Happened(
                payment,
                payments.PaymentEventKind.FAILED,
                payment.amount_minor,
                reference=str(payment.id),
                actor=actor or payment.provider,
                note=outcome.reason,
            ),
        )
        return order
    await payments.attempts.move(tx, (payment, outcome))
    return order


def only_reserves(payment: payments.Payment) -> bool:
    """Its money is taken later, or not at all."""
    return payment.capture_later or payment.state is payments.State.AUTHORISED


async def _authorised(
    tx: Tx,
    order: Order,
    lines: list[OrderLine],
    payment: payments.Payment,
    outcome: payment_providers.Authorised,
    terms: policies.ShopTerms | None,
) -> Order:
    if order.status is Status.DRAFT:
        pending = payment_providers.Pending(outcome.reference)
        order = await finalise(tx, payment, pending, terms=terms, locked=(order, lines))
        payment = (await payments.attempts.lock(tx, payment.id))[payment.id]
    if payment.state is payments.State.CAPTURED:
        # Said before it was taken, and heard after it.
        return order
    return await authorising.take(tx, order, payment, outcome)


async def _charged(
    tx: Tx,
    order: Order,
    lines: list[OrderLine],
    payment: payments.Payment,
    outcome: payment_providers.Charged,
    *,
    actor: str,
) -> Order:
    known = await payments.known_charges(
        tx, shop_id=order.shop_id, provider_name=payment.provider, references=[outcome.reference]
    )
    if known:
        return order
    reserved = None
    if only_reserves(payment):
        reserved = await payment_authorisations.of_payment(tx, payment_id=payment.id)
    kind, expected = misfit(order, payment, outcome.amount, reserved)
    if kind is not None:
        await reconciliation.differences.open_for(
            tx,
            payment,
            kind,
            reference=outcome.reference,
            amount=outcome.amount,
            expected_minor=expected,
        )
        if reserved is not None:
            await payment_authorisations.end(tx, payment_id=payment.id, how="captured")
            order = await lifecycle.settle(tx, order_id=order.id)
        if order.status is Status.DRAFT:
            return await finalise(tx, payment, payment_providers.Pending(), locked=(order, lines))
        return order
    if order.status is Status.DRAFT:
        return await finalise(tx, payment, outcome, locked=(order, lines))
    if reserved is not None:
        return await charges.take_capture(
            tx, order, payment, reference=outcome.reference, amount=outcome.amount, actor=actor
        )
    return await charges.take_charge(
        tx, order, payment, reference=outcome.reference, amount=outcome.amount, actor=actor, note=""
    )


def misfit(
    order: Order,
    payment: payments.Payment,
    amount: Money,
    reserved: payment_authorisations.Authorisation | None,
) -> tuple[DifferenceKind | None, int | None]:
    """Why the order cannot take this money, and what was expected."""
    if amount.currency != payment.currency:
        return DifferenceKind.CURRENCY, payment.amount_minor
    if amount.minor != payment.amount_minor and (
        # Of what was reserved a part may be taken.
        reserved is None or amount.minor > reserved.amount_minor
    ):
        return DifferenceKind.AMOUNT, payment.amount_minor
    owed = unpaid(order)
    if order.status is Status.CANCELLED and (order.number is None or order.refund_granted_minor > 0):
        return DifferenceKind.LATE, 0
    fits = owed is not None and (
        amount.minor <= owed.amount.minor if reserved is not None else amount.minor == owed.amount.minor
    )
    if not fits:
        return DifferenceKind.TWICE, 0 if owed is None else owed.amount.minor
    return None, None
