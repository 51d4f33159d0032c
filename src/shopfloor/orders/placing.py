"""From a draft to an order, as the provider's answer has it; every step may be repeated."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

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
    due = _due(order, payment, rules, soon if secured else None, at)
    placed = (await _mark_placed(tx, [(order, lines, due)], at=at, secured=secured))[order.id]
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


def _due(
    order: Order,
    payment: payments.Payment,
    rules: policies.ShopTerms,
    soon: datetime | None,
    at: datetime,
) -> datetime | None:
    deadline = payment_deadline(at, rules, method=order.method, online=is_online(payment))
    if soon is None:
        return deadline
    # Cash is paid with the goods in hand: it has the time that a transfer has.
    return payment_deadline(at, rules, method="transfer") if deadline is None else min(deadline, soon)


async def _mark_placed(
    tx: Tx,
    placing: Sequence[tuple[Order, Sequence[OrderLine], datetime | None]],
    *,
    at: datetime,
    secured: bool,
) -> dict[UUID, Order]:
    """Drafts with their lines and when their payment is due: they have a number now, and the world is told."""
    fresh = await queries.mark_placed(
        tx, {order.id: due for order, _, due in placing}, at=at, secured=secured
    )
    lines = {order.id: own for order, own, _ in placing}
    # Goods that were announced for later may have arrived since.
    later = [order for order, own, _ in placing if secured and not all(line.is_ready for line in own)]
    for order in later:
        await lifecycle.note_arrivals(tx, order, lines[order.id])
    if later:
        lines |= await queries.lines_of(tx, order_ids=[order.id for order in later])
    placed = await lifecycle.name_all(tx, fresh, lines)
    await outbox.record_all(tx, [_placed(placed[order.id], own) for order, own, _ in placing])
    await purchases.claimed(tx, *(order.hold_id for order, _, _ in placing))
    return placed


async def place_together(
    tx: Tx,
    reported: Sequence[tuple[payments.Payment, payment_providers.Outcome]],
    *,
    shop_id: int,
    terms: policies.ShopTerms,
) -> dict[UUID, Order]:
    """Make the drafts of these attempts orders, those that need no more than that: their units are held, and nobody has
    paid yet.  The others stay as they are.
    """
    found = await lifecycle.lock_all(
        tx, shop_id=shop_id, order_ids=[payment.subject_id for payment, _ in reported]
    )
    locked = await payments.attempts.lock(tx, *(payment.id for payment, _ in reported))
    at = now()
    ready = [
        (*found[payment.subject_id], locked[payment.id], outcome)
        for payment, outcome in reported
        if payment.subject_id in found
        and isinstance(
            outcome, payment_providers.Action | payment_providers.Pending | payment_providers.Awaiting
        )
    ]
    ready = [
        each
        for each in ready
        if each[0].status is Status.DRAFT and each[0].policy is not stock.HoldPolicy.FIRST_PAID
    ]
    if not ready:
        return {}
    hold_ids = [order.hold_id for order, *_ in ready]
    soon = await stock.unpaid_until(tx, shop_id=shop_id, hold_ids=hold_ids, at=at)
    firm = await stock.confirm(tx, hold_ids)
    ready = [each for each in ready if each[0].hold_id in firm]
    if not ready:
        return {}
    placed = await _mark_placed(
        tx,
        [
            (order, lines, _due(order, payment, terms, soon.get(order.hold_id), at))
            for order, lines, payment, _ in ready
        ],
        at=at,
        secured=True,
    )
    await payments.attempts.move(
        tx, *((payment, outcome) for _, _, payment, outcome in ready if is_online(payment))
    )
    return placed


def _same_amount(outcome: payment_providers.Charged, payment: payments.Payment) -> None:
    if outcome.amount != Money(payment.amount_minor, payment.currency):
        raise WrongAmount(
            due_minor=payment.amount_minor,
            given_minor=outcome.amount.minor,
            currency=outcome.amount.currency,
        )


def _placed(order: Order, lines: Sequence[OrderLine]) -> OrderPlaced:
    return OrderPlaced(
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
    )
