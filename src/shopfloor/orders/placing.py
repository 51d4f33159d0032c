"""From a draft to an order, as the provider's answer has it; every step may be repeated."""

from collections.abc import Sequence

from shopfloor import payment_providers, payments, policies, promotions, purchases, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, now
from shopfloor.orders import cancellation, charges, lifecycle, queries
from shopfloor.orders.checkout_form import payment_deadline
from shopfloor.orders.events import OrderPlaced
from shopfloor.orders.models import Order, OrderLine, Party, Status, Why
from shopfloor.orders.refusals import WrongAmount

_OURS = "shopfloor"


def is_online(payment: payments.Payment) -> bool:
    """A provider brings the money; else a person says when it is there."""
    return payment.provider != "manual"


async def finalise(
    tx: Tx,
    payment: payments.Payment,
    outcome: payment_providers.Outcome,
    *,
    terms: policies.ShopTerms | None = None,
    locked: tuple[Order, list[OrderLine]] | None = None,
) -> Order:
    """Make the draft an order, as the provider's answer has it.  A second call finds it done.

    Units that are gone: the order falls, and what was charged is owed back.  `terms`: the shop's, where
    they have just been read; `locked`: the order and its lines, where they are.
    """
    order, lines = locked or await lifecycle.lock(tx, shop_id=payment.shop_id, order_id=payment.subject_id)
    if order.status is not Status.DRAFT:
        return order
    if isinstance(outcome, payment_providers.Closed):
        outcome = payment_providers.Declined(outcome.reason)
    if isinstance(outcome, payment_providers.Declined):
        await payments.record(
            tx,
            payments.Happened(
                payment,
                payments.PaymentEventKind.FAILED,
                payment.amount_minor,
                reference=str(payment.id),
                actor=payment.provider,
                note=outcome.reason,
            ),
        )
        await queries.mark_cancelled(
            tx, order_id=order.id, at=now(), by=Party.SYSTEM, why=Why.DECLINED, note=outcome.reason[:1000]
        )
        await promotions.give_back(tx, shop_id=order.shop_id, order_id=order.id)
        return await lifecycle.settle(tx, order_id=order.id)
    return await _place(tx, order, lines, payment, outcome, terms)


async def _place(
    tx: Tx,
    order: Order,
    lines: Sequence[OrderLine],
    payment: payments.Payment,
    outcome: payment_providers.Outcome,
    terms: policies.ShopTerms | None,
) -> Order:
    is_charged = isinstance(outcome, payment_providers.Charged)
    at = now()
    # All that need not be asked while others wait for the same units.
    rules = terms or await policies.shop_terms(tx, shop_id=order.shop_id)
    soon = None
    if not is_charged:
        soon = (await stock.unpaid_until(tx, shop_id=order.shop_id, hold_ids=[order.hold_id], at=at)).get(
            order.hold_id
        )
    needs_units = order.policy is not stock.HoldPolicy.FIRST_PAID or is_charged
    secured = needs_units and await lifecycle.secure(tx, order, lines)
    if needs_units and not secured and not is_charged:
        await payments.attempts.move(tx, (payment, outcome))
        await queries.mark_cancelled(
            tx, order_id=order.id, at=now(), by=Party.SYSTEM, why=Why.SOLD_OUT, note=""
        )
        await promotions.give_back(tx, shop_id=order.shop_id, order_id=order.id)
        return await lifecycle.settle(tx, order_id=order.id)
    deadline = payment_deadline(at, rules, method=order.method, online=is_online(payment))
    if secured and soon is not None:
        # Cash is paid with the goods in hand: it has the time that a transfer has.
        deadline = payment_deadline(at, rules, method="transfer") if deadline is None else min(deadline, soon)
    await queries.mark_placed(tx, order_id=order.id, at=at, payment_due_at=deadline, secured=secured)
    if secured:
        await lifecycle.note_arrivals(tx, order, lines)
    placed = await lifecycle.settle(tx, order_id=order.id)
    await _tell_placed(tx, placed, lines)
    await purchases.claimed(tx, order.hold_id)
    if is_online(payment) and not is_charged:
        await payments.attempts.move(tx, (payment, outcome))
    if isinstance(outcome, payment_providers.Charged):
        _same_amount(outcome, payment)
        await payments.record(
            tx,
            payments.Happened(
                payment,
                payments.PaymentEventKind.CHARGED,
                outcome.amount.minor,
                reference=outcome.reference,
                actor=payment.provider,
            ),
        )
        placed = await lifecycle.settle(tx, order_id=order.id)
        await charges.tell_paid(tx, placed, lines, purpose=payment.purpose, amount_minor=payment.amount_minor)
        if not secured:
            return await cancellation.fall(
                tx, placed, lines, by=Party.SYSTEM, why=Why.SOLD_OUT, note="", actor=_OURS
            )
    return placed


def _same_amount(outcome: payment_providers.Charged, payment: payments.Payment) -> None:
    if outcome.amount != Money(payment.amount_minor, payment.currency):
        raise WrongAmount(
            due_minor=payment.amount_minor,
            given_minor=outcome.amount.minor,
            currency=outcome.amount.currency,
        )


async def _tell_placed(tx: Tx, order: Order, lines: Sequence[OrderLine]) -> None:
    await outbox.record(
        tx,
        OrderPlaced(
            shop_id=order.shop_id,
            order_id=order.id,
            number=lifecycle.number_of(order),
            hold_id=order.hold_id,
            buyer=order.buyer,
            show_id=order.show_id,
            host_id=order.host_id,
            show_ms=order.show_ms,
            currency=order.currency,
            goods_minor=order.goods_minor,
            shipping_minor=order.shipping_minor,
            amount_minor=order.total_minor,
            lines=lifecycle.fact_lines(lines),
        ),
    )
