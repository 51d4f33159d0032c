"""Money in: a charge on an order and what follows from it."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from shopfloor import payment_authorisations, payments, policies, pricing, promotions, purchases, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, now
from shopfloor.orders import queries, sweep_queries
from shopfloor.orders.cancellation import fall
from shopfloor.orders.checkout_form import payment_deadline
from shopfloor.orders.events import OrderPaid, OrderReinstated, PaymentLapsed
from shopfloor.orders.lifecycle import fact_lines, lock, note_arrivals, number_of, secure, settle, settle_all
from shopfloor.orders.models import Due, Order, OrderLine, Party, Status, Why
from shopfloor.orders.refunds import grant, let_go
from shopfloor.orders.refusals import AlreadyPaid, KeyReused, WrongAmount, WrongCurrency
from shopfloor.orders.statuses import allot, due, unpaid

_OURS = "shopfloor"
BY_HAND = "manual"


async def mark_paid(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    amount: Money,
    actor: str,
    note: str = "",
    key: str | None = None,
) -> Order:
    """The merchant has the money.  Exactly what is due: all of it, the deposit, or the balance.

    With the same `key` again it is the same payment.  Money that arrives for an order that fell for lack of it
    brings the order back when the units can be had again, else a refund is due; for an order that somebody
    cancelled, a refund is due.  Raises WrongAmount with `due_minor`, AlreadyPaid, WrongCurrency, KeyReused.
    """
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    if key is not None:
        charges = await payments.known_charges(tx, shop_id=shop_id, provider_name=BY_HAND, references=[key])
        if key in charges:
            known = charges[key]
            if known.subject_id != order_id or known.amount_minor != amount.minor:
                raise KeyReused(key=key)
            return found
    number_of(found)
    owed = unpaid(found)
    if owed is None:
        raise AlreadyPaid(order_id=str(order_id), charged_minor=found.charged_minor)
    payment = await open_payment(tx, found, owed)
    return await take_charge(
        tx, found, payment, reference=key or str(payment.id), amount=amount, actor=actor, note=note
    )


async def open_payment(tx: Tx, found: Order, owed: Due) -> payments.Payment:
    """The attempt under way for what is owed by hand, or a new one: of a provider's money the provider tells."""
    return await payments.open_payment(
        tx,
        shop_id=found.shop_id,
        subject_id=found.id,
        purpose=owed.purpose,
        amount=owed.amount,
        provider_name=BY_HAND,
        method=found.method if found.provider == BY_HAND else "transfer",
    )


async def take_charge(
    tx: Tx, found: Order, payment: payments.Payment, *, reference: str, amount: Money, actor: str, note: str
) -> Order:
    """Book a charge on a locked order and draw the consequences."""
    if amount.currency != found.currency:
        raise WrongCurrency(given=amount.currency, wanted=found.currency)
    owed = unpaid(found)
    wanted = 0 if owed is None else owed.amount.minor
    if amount.minor != wanted or amount.minor <= 0:
        raise WrongAmount(
            f"Due is {wanted}, given {amount.minor} (minor units of {found.currency}).",
            due_minor=wanted,
            given_minor=amount.minor,
            currency=found.currency,
        )
    charge = payments.Happened(
        payment,
        payments.PaymentEventKind.CHARGED,
        amount.minor,
        reference=reference,
        actor=actor,
        note=note,
    )
    [fresh] = await take_charges(tx, [charge], shop_id=found.shop_id)
    if fresh.authorised_minor and unpaid(fresh) is None:
        # What is reserved beside money that has come pays for nothing.
        for reserved in await payment_authorisations.live(tx, subject_id=found.id):
            await payment_authorisations.ask_void(tx, reserved, actor=_OURS)
    if is_ordinary(found):
        return fresh
    lines = await queries.lines(tx, order_id=found.id)
    if found.status is Status.CANCELLED:
        return await _paid_late(tx, fresh, lines)
    return await _first_paid(tx, fresh, lines)


def is_ordinary(found: Order) -> bool:
    """It stands and has its units: money for it has no consequences but that it is paid."""
    takes_units = not found.secured and found.policy is stock.HoldPolicy.FIRST_PAID
    return found.status is not Status.CANCELLED and not takes_units


async def take_charges(tx: Tx, charges: Sequence[payments.Happened], *, shop_id: int) -> list[Order]:
    """Book charges on locked orders, one each, that they are due, and tell of them."""
    await payments.record(tx, *charges)
    order_ids = [each.payment.subject_id for each in charges]
    fresh = await settle_all(tx, order_ids=order_ids)
    lines = await queries.lines_of(tx, order_ids=order_ids)
    await tell_all_paid(
        tx,
        [
            (
                fresh[each.payment.subject_id],
                lines[each.payment.subject_id],
                each.payment.purpose,
                each.amount_minor,
            )
            for each in charges
        ],
        shop_id=shop_id,
    )
    return [fresh[each] for each in order_ids]


async def take_capture(
    tx: Tx, found: Order, payment: payments.Payment, *, reference: str, amount: Money, actor: str
) -> Order:
    """Reserved money of a locked order was taken, all of it or a part: what the units cost that were given up meanwhile is
    let go and asked of nobody.  What was taken for them all the same goes back; what was not taken is still due.
    """
    await payment_authorisations.end(tx, payment_id=payment.id, how="captured")
    await payments.record(
        tx,
        payments.Happened(
            payment, payments.PaymentEventKind.CHARGED, amount.minor, reference=reference, actor=actor
        ),
    )
    fresh = await settle(tx, order_id=found.id)
    lines = await queries.lines(tx, order_id=found.id)
    if found.status is Status.CANCELLED:
        await tell_paid(tx, fresh, lines, purpose=payment.purpose, amount_minor=amount.minor)
        return await _paid_late(tx, fresh, lines)
    parts = given_up(lines) if not found.charged_minor else [0]
    missing = fresh.total_minor - fresh.charged_minor
    if 0 < missing == sum(parts):
        fresh = await let_go(tx, fresh, parts, refund_id=uuid5(payment.id, "given-up"), actor=actor)
    await tell_paid(tx, fresh, lines, purpose=payment.purpose, amount_minor=amount.minor)
    if missing == 0 and sum(parts):
        await grant(
            tx, fresh, sum(parts), refund_id=uuid5(payment.id, "given-up"), note="given up before it was charged",
            actor=_OURS, parts=parts,
        )  # fmt: skip
        fresh = await settle(tx, order_id=found.id)
    return await ask_for_rest(tx, fresh)


async def ask_for_rest(tx: Tx, found: Order) -> Order:
    """What was reserved for a locked order is so no longer: its buyer has the time of a transfer for what is due now."""
    owed = due(found)
    if owed is None:
        return found
    rules = await policies.shop_terms(tx, shop_id=found.shop_id)
    until = payment_deadline(now(), rules, method="transfer")
    assert until is not None, "only cash has none"
    await sweep_queries.set_payment_due(tx, order_id=found.id, at=until)
    await outbox.record(
        tx,
        PaymentLapsed(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            buyer=found.buyer,
            currency=found.currency,
            amount_minor=owed.amount.minor,
            due_at=until,
        ),
    )
    return await settle(tx, order_id=found.id)


def given_up(lines: Sequence[OrderLine]) -> list[int]:
    """What the units of each line cost that will not come, and of shipping as the last: nothing."""
    return [pricing.of_units(each.amount_minor, each.quantity, each.cancelled_quantity) for each in lines] + [
        0
    ]


async def tell_paid(
    tx: Tx, found: Order, lines: Sequence[OrderLine], *, purpose: str, amount_minor: int
) -> None:
    await tell_all_paid(tx, [(found, lines, purpose, amount_minor)], shop_id=found.shop_id)


async def tell_all_paid(
    tx: Tx, paid: Sequence[tuple[Order, Sequence[OrderLine], str, int]], *, shop_id: int
) -> None:
    """Orders with their lines, what was paid for, and how much."""
    await stock.paid(
        tx,
        shop_id=shop_id,
        hold_ids=[found.hold_id for found, *_ in paid],
        buyers=[found.buyer for found, *_ in paid],
    )
    await outbox.record_all(tx, [_paid(*each) for each in paid])


def _paid(found: Order, lines: Sequence[OrderLine], purpose: str, amount_minor: int) -> OrderPaid:
    shares, shipping = allot(amount_minor, lines, shipping_minor=found.shipping_minor)
    return OrderPaid(
        shop_id=found.shop_id,
        order_id=found.id,
        number=number_of(found),
        buyer=found.buyer,
        show_id=found.show_id,
        host_id=found.host_id,
        purpose=purpose,
        paid_in_full=found.charged_minor >= found.total_minor,
        currency=found.currency,
        amount_minor=amount_minor,
        shipping_minor=shipping,
        lines=fact_lines(lines, shares),
    )


async def _paid_late(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> Order:
    """The order had fallen.  Bring it back, with its units and its discounts, or owe the money."""
    fell_by_itself = found.cancel_why in {Why.UNPAID, Why.SOLD_OUT}
    if not fell_by_itself or not await _stands_again(tx, found, lines):
        await grant(
            tx, found, found.refundable_minor, refund_id=uuid5(found.id, f"late-{found.charged_minor}"),
            note="paid after the order was cancelled", actor=_OURS,
        )  # fmt: skip
        return await settle(tx, order_id=found.id)
    await queries.unmark_cancelled(tx, order_id=found.id)
    await outbox.record(
        tx,
        OrderReinstated(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            buyer=found.buyer,
            show_id=found.show_id,
            currency=found.currency,
            amount_minor=found.total_minor,
            lines=fact_lines(lines),
        ),
    )
    return await settle(tx, order_id=found.id)


async def _stands_again(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> bool:
    """Units first, then discounts, as whoever orders locks them."""
    if not await secure(tx, found, lines):
        return False
    if await promotions.take_again(tx, shop_id=found.shop_id, order_id=found.id):
        return True
    await purchases.hand_over(tx, await stock.release(tx, [found.hold_id], "cancelled"))
    return False


async def _first_paid(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> Order:
    """Whoever pays first gets the units: take them now, or owe the money."""
    if await secure(tx, found, lines):
        await queries.mark_secured(tx, order_id=found.id, secured=True)
        await note_arrivals(tx, found, lines)
        return await settle(tx, order_id=found.id)
    return await fall(tx, found, lines, by=Party.SYSTEM, why=Why.SOLD_OUT, note="", actor=_OURS)
