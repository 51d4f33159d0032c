"""What happens to an order once it is placed: paid, shipped, delivered, cancelled, refunded.

Every verb locks the order first and the ledger after it, and ends in `settle`, the one function that writes
sums and statuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from hmac import compare_digest
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shopfloor import accounts, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.orders import queries, waitlist
from shopfloor.orders.events import (
    FactLine,
    OrderCancelled,
    OrderDelivered,
    OrderPaid,
    OrderRefunded,
    OrderReinstated,
    OrderShipped,
    RefundPaid,
)
from shopfloor.orders.models import (
    AlreadyPaid,
    BadPurchase,
    CannotCancel,
    Due,
    HoldPolicy,
    KeyReused,
    NotPaid,
    NotReady,
    NotShipped,
    Order,
    OrderClosed,
    OrderLine,
    OrderNotFound,
    OrderSummary,
    OrderView,
    OverRefund,
    Party,
    Payment,
    PaymentEventKind,
    Policy,
    Status,
    Why,
    WrongAmount,
    WrongCurrency,
    allot,
    derive,
    due,
    is_late,
    may_cancel,
    refund_on_cancel,
    unpaid,
)

_REHOLD_SECONDS = 120
_OURS = "shopfloor"


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────


async def policy(tx: Tx, *, shop_id: int) -> Policy:
    """The shop's rules for payment, shipping and presale; defaults until it has set some."""
    return await queries.policy(tx, shop_id=shop_id) or Policy()


async def today(tx: Tx, *, shop_id: int) -> date:
    """The day it is where the shop is: the days it promises are its own."""
    zone = (await accounts.shop(tx, shop_id)).timezone
    return now().astimezone(ZoneInfo(zone)).date()


async def set_policy(tx: Tx, *, shop_id: int, policy: Policy) -> None:
    await queries.save_policy(tx, shop_id=shop_id, policy=policy)


async def orders(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None = None,
    payment_status: str | None = None,
    show_id: int | None = None,
    search: str | None = None,
    before: datetime | None = None,
    limit: int = 50,
) -> list[OrderSummary]:
    """A shop's orders, newest first; go on with `before` = the last one's `placed_at`."""
    return await queries.summaries(
        tx,
        shop_id=shop_id,
        status=status,
        payment_status=payment_status,
        show_id=show_id,
        search=search.strip().removeprefix("#") or None if search else None,
        before=before,
        today=await today(tx, shop_id=shop_id),
        limit=max(1, min(limit, 200)),
    )


async def counts(tx: Tx, *, shop_id: int) -> dict[str, int]:
    """How many orders are in which status."""
    return await queries.count_by_status(tx, shop_id=shop_id)


async def order(tx: Tx, *, shop_id: int, order_id: UUID) -> OrderView:
    """For the merchant.  Raises OrderNotFound."""
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    return await _view(tx, found)


async def order_for_shopper(
    tx: Tx, *, shop_id: int, order_id: UUID, shopper: UUID | None = None, key: str | None = None
) -> OrderView:
    """For the buyer: with the cookie that bought, or the key from the confirmation.  Raises OrderNotFound."""
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    has_key = key is not None and compare_digest(found.key.encode(), key.encode())
    if found.buyer != shopper and not has_key:
        raise OrderNotFound(order_id=str(order_id))
    return await _view(tx, found)


async def orders_of_shopper(tx: Tx, *, shop_id: int, shopper: UUID) -> list[OrderView]:
    ids = await queries.ids_of_buyer(tx, shop_id=shop_id, buyer=shopper)
    return [await order(tx, shop_id=shop_id, order_id=order_id) for order_id in ids]


async def _view(tx: Tx, found: Order) -> OrderView:
    lines = await queries.lines(tx, order_id=found.id)
    checkout = await queries.checkout(tx, id=found.checkout_id)
    assert checkout is not None, "an order has a checkout by foreign key"
    owed = due(found)
    day = await today(tx, shop_id=found.shop_id)
    open_order = found.status in {Status.PLACED, Status.PAID, Status.PARTLY_SHIPPED}
    return OrderView(
        order=found,
        lines=lines,
        payments=await queries.payment_events(tx, order_id=found.id),
        due=owed,
        buyer_may_cancel=may_cancel(found, lines, by=Party.BUYER, today=day),
        is_late=open_order and is_late(lines, today=day),
        page=checkout.page,
        instructions=await _instructions(tx, found, owed),
        bundles=await queries.bundles(tx, order_id=found.id),
    )


async def _instructions(tx: Tx, found: Order, owed: Due | None) -> dict[str, Any]:
    """How to bring the money: what the page prints."""
    rules = await policy(tx, shop_id=found.shop_id)
    told: dict[str, Any] = {"pick_up_at": rules.pick_up_at} if found.delivery == "pick_up" else {}
    if owed is not None:
        told |= {"method": found.method, "label": str(found.number), "amount_minor": owed.amount.minor}
        told |= {"pay_to": rules.pay_to} if found.method == "transfer" else {}
    return told


# ── one lock, one settlement ──────────────────────────────────────────────────────────────────────────────


async def lock(tx: Tx, *, shop_id: int, order_id: UUID) -> tuple[Order, list[OrderLine]]:
    """The order as it is, and nobody else changes it before this transaction ends.  Raises OrderNotFound."""
    if not await queries.lock_order(tx, shop_id=shop_id, order_id=order_id):
        raise OrderNotFound(order_id=str(order_id))
    return await _reload(tx, order_id), await queries.lines(tx, order_id=order_id)


async def settle(tx: Tx, *, order_id: UUID) -> Order:
    """Sums from payment events, statuses from `derive`; the only writer of both."""
    await queries.recompute_money(tx, order_id=order_id, at=now())
    fresh = await _reload(tx, order_id)
    named = derive(fresh, await queries.lines(tx, order_id=order_id))
    await queries.save_statuses(
        tx, order_id=order_id, status=named.status, payment=named.payment, fulfilment=named.fulfilment
    )
    return replace(
        fresh, status=named.status, payment_status=named.payment, fulfilment_status=named.fulfilment
    )


async def _reload(tx: Tx, order_id: UUID) -> Order:
    found = await queries.order(tx, order_id=order_id)
    assert found is not None, "it is locked"
    return found


def fact_lines(lines: Sequence[OrderLine], amounts: Sequence[int] | None = None) -> list[FactLine]:
    """Lines for a fact, with their own amounts or with given shares of another."""
    return [
        FactLine(
            line_id=line.id,
            variant_id=line.variant_id,
            product_id=line.product_id,
            offer_id=line.offer_id,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=amount,
            ready_on=line.ready_on,
        )
        for line, amount in zip(lines, amounts or [line.amount_minor for line in lines], strict=True)
    ]


def number_of(found: Order) -> int:
    """Raises OrderClosed for a purchase that is not an order yet."""
    if found.number is None:
        raise OrderClosed(order_id=str(found.id), status=found.status)
    return found.number


# ── securing the units ────────────────────────────────────────────────────────────────────────────────────


async def secure(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> bool:
    """Make the units of this order its own for good: the hold if it still stands, the same units again if it
    lapsed, or newly taken where nothing was held before.  False when they cannot be had.
    """
    if found.hold_id in await stock.confirm(tx, [found.hold_id]):
        return True
    if await _has_hold(tx, found):
        [answer] = await stock.rehold(tx, [found.hold_id], hold_seconds=_REHOLD_SECONDS)
    else:
        [answer] = await stock.reserve(tx, [await _request(tx, found, lines)])
    if isinstance(answer, stock.Refused):
        return False
    return found.hold_id in await stock.confirm(tx, [found.hold_id])


async def note_arrivals(tx: Tx, found: Order) -> None:
    """Goods that were announced for later when they were bought, and have arrived since, are ready."""
    waiting = {line.variant_id for line in await queries.lines(tx, order_id=found.id) if not line.is_ready}
    for variant_id in sorted(waiting):
        if await queries.has_arrived(tx, hold_id=found.hold_id, variant_id=variant_id):
            await queries.mark_ready(tx, order_id=found.id, variant_id=variant_id, at=now())


async def _has_hold(tx: Tx, found: Order) -> bool:
    try:
        await stock.hold(tx, shop_id=found.shop_id, hold_id=found.hold_id)
    except stock.UnknownStock:
        return False
    return True


async def _request(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> stock.Request:
    """Within the limits of the offer, and not later than the page said: a line without a date is on the shelf today."""
    offered = await queries.offer_lines(tx, offer_id=found.offer_id) if found.offer_id is not None else []
    latest = max((line.ready_on or date.min for line in lines), default=date.min)
    return stock.Request(
        id=found.hold_id,
        shop_id=found.shop_id,
        pool_id=found.pool_id,
        buyer=found.buyer,
        lines=tuple(stock.Line(line.variant_id, line.quantity, line.bundle_id) for line in lines),
        hold_seconds=_REHOLD_SECONDS,
        latest_ready=latest,
        offer_id=found.offer_id,
        limit_per_buyer=offered[0].limit_per_buyer if offered else None,
        show_id=found.show_id,
        limit_per_show=offered[0].limit_per_show if offered else None,
        unit_prices=tuple(line.unit_price_minor for line in lines),
    )


# ── money in ──────────────────────────────────────────────────────────────────────────────────────────────


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
        known = await queries.payment_event_of(
            tx, provider=found.provider, kind=PaymentEventKind.CHARGED, reference=key
        )
        if known is not None:
            if known.order_id != order_id or known.amount_minor != amount.minor:
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


async def open_payment(tx: Tx, found: Order, owed: Due) -> Payment:
    """The attempt under way for what is owed, or a new one."""
    events = await queries.payment_events(tx, order_id=found.id)
    over = {
        event.payment_id
        for event in events
        if event.kind in {PaymentEventKind.CHARGED, PaymentEventKind.FAILED}
    }
    for payment in await queries.payments(tx, order_id=found.id):
        if payment.id not in over and (payment.purpose, payment.amount_minor) == (
            owed.purpose,
            owed.amount.minor,
        ):
            return payment
    payment = Payment(
        id=new_id(),
        order_id=found.id,
        purpose=owed.purpose,
        provider=found.provider,
        method=found.method,
        amount_minor=owed.amount.minor,
        currency=found.currency,
    )
    await queries.insert_payment(tx, payment)
    await add_event(
        tx, payment, PaymentEventKind.REQUESTED, owed.amount.minor, reference=str(payment.id), actor=_OURS
    )
    return payment


async def add_event(
    tx: Tx,
    payment: Payment,
    kind: PaymentEventKind,
    amount_minor: int,
    *,
    reference: str,
    actor: str,
    note: str = "",
) -> bool:
    """Append what happened to the money; False when this message is known."""
    return await queries.insert_payment_event(
        tx,
        id=new_id(),
        payment_id=payment.id,
        order_id=payment.order_id,
        kind=kind,
        amount_minor=amount_minor,
        provider=payment.provider,
        reference=reference,
        note=note[:1000],
        actor=actor,
    )


async def take_charge(
    tx: Tx, found: Order, payment: Payment, *, reference: str, amount: Money, actor: str, note: str
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
    await add_event(
        tx, payment, PaymentEventKind.CHARGED, amount.minor, reference=reference, actor=actor, note=note
    )
    fresh = await settle(tx, order_id=found.id)
    lines = await queries.lines(tx, order_id=found.id)
    await tell_paid(tx, fresh, lines, purpose=payment.purpose, amount_minor=amount.minor)
    if found.status is Status.CANCELLED:
        return await _paid_late(tx, fresh, lines)
    if not found.secured and found.policy is HoldPolicy.FIRST_PAID:
        return await _first_paid(tx, fresh, lines)
    return fresh


async def tell_paid(
    tx: Tx, found: Order, lines: Sequence[OrderLine], *, purpose: str, amount_minor: int
) -> None:
    shares, shipping = allot(amount_minor, lines, shipping_minor=found.shipping_minor)
    await outbox.record(
        tx,
        OrderPaid(
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
        ),
    )


async def _paid_late(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> Order:
    """The order had fallen.  Bring it back, or owe the money."""
    fell_by_itself = found.cancel_why in {Why.UNPAID, Why.SOLD_OUT}
    if not fell_by_itself or not await secure(tx, found, lines):
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


async def _first_paid(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> Order:
    """Whoever pays first gets the units: take them now, or owe the money."""
    if await secure(tx, found, lines):
        await queries.mark_secured(tx, order_id=found.id, secured=True)
        await note_arrivals(tx, found)
        return await settle(tx, order_id=found.id)
    return await fall(tx, found, lines, by=Party.SYSTEM, why=Why.SOLD_OUT, note="", actor=_OURS)


# ── money out ─────────────────────────────────────────────────────────────────────────────────────────────


async def refund(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    amount: Money,
    refund_id: UUID,
    note: str,
    actor: str,
    put_back: Mapping[int, int] | None = None,
) -> Order:
    """Decide to give money back, in part or all; sent by `mark_refunded` when it has left.

    `put_back` {line id: units} also takes shipped units back on the shelf.  The same `refund_id` again is the
    same refund.  Raises OverRefund with `refundable_minor`, WrongCurrency, KeyReused, BadPurchase.
    """
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    number_of(found)
    granted = await _granted(tx, order_id=order_id, refund_id=refund_id)
    if granted:
        if sum(granted.values()) != amount.minor:
            raise KeyReused(refund_id=str(refund_id))
        return found
    if amount.currency != found.currency:
        raise WrongCurrency(given=amount.currency, wanted=found.currency)
    if amount.minor <= 0 and not put_back:
        raise WrongAmount(given_minor=amount.minor)
    if not 0 <= amount.minor <= found.refundable_minor:
        raise OverRefund(given_minor=amount.minor, refundable_minor=found.refundable_minor)
    await _put_back(tx, found, lines, put_back or {})
    await grant(tx, found, amount.minor, refund_id=refund_id, note=note, actor=actor)
    return await settle(tx, order_id=order_id)


async def _put_back(tx: Tx, found: Order, lines: Sequence[OrderLine], units: Mapping[int, int]) -> None:
    by_id = {line.id: line for line in lines}
    for line_id, quantity in sorted(units.items()):
        line = by_id.get(line_id)
        if line is None or quantity < 1 or line.returned_quantity + quantity > line.shipped_quantity:
            raise BadPurchase("More would come back than was shipped.", line_id=line_id, quantity=quantity)
        await stock.put_back(tx, hold_id=found.hold_id, variant_id=line.variant_id, quantity=quantity)
        await queries.add_returned(tx, line_id=line_id, quantity=quantity)


async def grant(tx: Tx, found: Order, amount_minor: int, *, refund_id: UUID, note: str, actor: str) -> None:
    """Owe `amount_minor` to the buyer, newest charge first, and say so.  Nothing for nothing."""
    if amount_minor <= 0:
        return
    left = amount_minor
    events = await queries.payment_events(tx, order_id=found.id)
    for payment in reversed(await queries.payments(tx, order_id=found.id)):
        sums = {
            kind: sum(e.amount_minor for e in events if e.payment_id == payment.id and e.kind is kind)
            for kind in (PaymentEventKind.CHARGED, PaymentEventKind.REFUND_GRANTED)
        }
        part = min(left, sums[PaymentEventKind.CHARGED] - sums[PaymentEventKind.REFUND_GRANTED])
        if part > 0:
            await add_event(
                tx,
                payment,
                PaymentEventKind.REFUND_GRANTED,
                part,
                reference=f"{refund_id}/{payment.id}",
                actor=actor,
                note=note,
            )
            left -= part
    if left:
        raise OverRefund(given_minor=amount_minor, refundable_minor=amount_minor - left)
    lines = await queries.lines(tx, order_id=found.id)
    shares, shipping = allot(amount_minor, lines, shipping_minor=found.shipping_minor)
    await outbox.record(
        tx,
        OrderRefunded(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            refund_id=refund_id,
            buyer=found.buyer,
            show_id=found.show_id,
            currency=found.currency,
            amount_minor=amount_minor,
            shipping_minor=shipping,
            lines=fact_lines(lines, shares),
        ),
    )


async def _granted(tx: Tx, *, order_id: UUID, refund_id: UUID) -> dict[UUID, int]:
    """What this refund owes, by the payment it comes from."""
    return {
        event.payment_id: event.amount_minor
        for event in await queries.payment_events(tx, order_id=order_id)
        if event.kind is PaymentEventKind.REFUND_GRANTED and event.reference.startswith(f"{refund_id}/")
    }


async def parts_of_refund(tx: Tx, *, order_id: UUID, refund_id: UUID) -> list[tuple[Payment, int]]:
    """The charges a refund comes from, with its share of each."""
    granted = await _granted(tx, order_id=order_id, refund_id=refund_id)
    payments = await queries.payments(tx, order_id=order_id)
    return [(payment, granted[payment.id]) for payment in payments if payment.id in granted]


async def refunds_owed(tx: Tx, *, shop_id: int, order_id: UUID) -> dict[UUID, Money]:
    """Refunds decided and not sent yet, by refund id."""
    view = await order(tx, shop_id=shop_id, order_id=order_id)
    sent = {event.reference for event in view.payments if event.kind is PaymentEventKind.REFUNDED}
    owed: dict[UUID, int] = {}
    for event in view.payments:
        if event.kind is PaymentEventKind.REFUND_GRANTED and event.reference not in sent:
            refund_id = UUID(event.reference.split("/")[0])
            owed[refund_id] = owed.get(refund_id, 0) + event.amount_minor
    return {refund_id: Money(minor, view.order.currency) for refund_id, minor in owed.items()}


async def mark_refunded(
    tx: Tx, *, shop_id: int, order_id: UUID, refund_id: UUID, actor: str, note: str = ""
) -> Order:
    """The money has left.  Saying it twice is saying it once.  Raises OrderNotFound for an unknown refund."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    granted = await _granted(tx, order_id=order_id, refund_id=refund_id)
    if not granted:
        raise OrderNotFound(refund_id=str(refund_id))
    sent = 0
    for payment in await queries.payments(tx, order_id=order_id):
        if payment.id in granted and await add_event(
            tx,
            payment,
            PaymentEventKind.REFUNDED,
            granted[payment.id],
            reference=f"{refund_id}/{payment.id}",
            actor=actor,
            note=note,
        ):
            sent += granted[payment.id]
    if sent:
        await outbox.record(
            tx,
            RefundPaid(
                shop_id=shop_id,
                order_id=order_id,
                refund_id=refund_id,
                currency=found.currency,
                amount_minor=sent,
            ),
        )
    return await settle(tx, order_id=order_id)


# ── ending it ─────────────────────────────────────────────────────────────────────────────────────────────


async def cancel(
    tx: Tx, *, shop_id: int, order_id: UUID, by: Party, actor: str, note: str = "", why: Why = Why.ASKED
) -> Order:
    """Units go back (first to who waits for them), money too.  Cancelling twice is cancelling once.

    Raises CannotCancel: a buyer after paying (unless a promised date was missed), anybody after shipping.
    """
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    if found.status is Status.CANCELLED:
        return found
    number_of(found)
    if not may_cancel(found, lines, by=by, today=await today(tx, shop_id=shop_id)):
        raise CannotCancel(status=found.status, charged_minor=found.charged_minor)
    return await fall(tx, found, lines, by=by, why=why, note=note, actor=actor)


async def cancel_for_shopper(
    tx: Tx, *, shop_id: int, order_id: UUID, shopper: UUID | None, key: str | None = None, note: str = ""
) -> Order:
    """The buyer's own cancelling; a stranger finds no such order."""
    view = await order_for_shopper(tx, shop_id=shop_id, order_id=order_id, shopper=shopper, key=key)
    why = Why.ASKED if view.order.charged_minor == 0 else Why.LATE
    return await cancel(
        tx, shop_id=shop_id, order_id=order_id, by=Party.BUYER, actor="buyer", note=note, why=why
    )


async def fall(
    tx: Tx,
    found: Order,
    lines: Sequence[OrderLine],
    *,
    by: Party,
    why: Why,
    note: str,
    actor: str,
) -> Order:
    """End a locked order: release, cancel, grant what is owed, hand the units to who waits."""
    freed = await stock.release(tx, [found.hold_id], "cancelled")
    await queries.mark_cancelled(tx, order_id=found.id, at=now(), by=by, why=why, note=note[:1000])
    back = refund_on_cancel(found, lines, why=why, policy=await policy(tx, shop_id=found.shop_id))
    if found.number is not None:
        await outbox.record(
            tx,
            OrderCancelled(
                shop_id=found.shop_id,
                order_id=found.id,
                number=found.number,
                buyer=found.buyer,
                show_id=found.show_id,
                by=by,
                why=why,
                currency=found.currency,
                amount_minor=found.total_minor,
                lines=fact_lines(lines),
            ),
        )
    await grant(tx, found, back, refund_id=uuid5(found.id, "cancelled"), note=why, actor=actor)
    kept = found.refundable_minor - back
    if kept > 0:
        await _keep_deposit(tx, found, kept, actor=actor)
    settled = await settle(tx, order_id=found.id)
    await waitlist.hand_over(tx, freed)
    return settled


async def _keep_deposit(tx: Tx, found: Order, kept_minor: int, *, actor: str) -> None:
    payment = (await queries.payments(tx, order_id=found.id))[0]
    await add_event(
        tx, payment, PaymentEventKind.DEPOSIT_KEPT, kept_minor, reference=f"{found.id}/kept", actor=actor
    )


# ── out of the house ──────────────────────────────────────────────────────────────────────────────────────


async def ship(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    actor: str,
    line_ids: Sequence[int] | None = None,
    tracking: str = "",
) -> Order:
    """These lines leave the house; without `line_ids` all that are ready and paid.

    Lines of one variant leave together.  Raises NotPaid with what is due, NotReady, OrderClosed.
    """
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    if found.status not in {Status.PLACED, Status.PAID, Status.PARTLY_SHIPPED}:
        raise OrderClosed(order_id=str(order_id), status=found.status)
    leaving = _leaving(found, lines, line_ids)
    variant_ids = sorted({line.variant_id for line in leaving})
    together = [line for line in lines if line.variant_id in variant_ids and line.shipped_quantity == 0]
    awaited = [line.id for line in together if not line.is_ready]
    if awaited:
        raise NotReady(line_ids=awaited)
    await stock.ship(tx, hold_id=found.hold_id, variant_ids=variant_ids)
    await queries.mark_shipped(tx, line_ids=[line.id for line in together])
    await queries.note_shipment(tx, order_id=order_id, at=now(), tracking=tracking.strip()[:200])
    settled = await settle(tx, order_id=order_id)
    await outbox.record(
        tx,
        OrderShipped(
            shop_id=shop_id,
            order_id=order_id,
            number=number_of(found),
            buyer=found.buyer,
            show_id=found.show_id,
            complete=settled.status is Status.SHIPPED,
            tracking=tracking,
            lines=fact_lines(together),
        ),
    )
    return settled


def _leaving(found: Order, lines: Sequence[OrderLine], line_ids: Sequence[int] | None) -> list[OrderLine]:
    owed = due(found)
    rest = [line for line in lines if line.shipped_quantity < line.quantity]
    chosen = rest if line_ids is None else [line for line in rest if line.id in line_ids]
    if line_ids is not None and len(chosen) != len(set(line_ids)):
        raise BadPurchase("No such line, or it has been shipped.", line_ids=list(line_ids))
    # Once deposits are in, what was paid in full with them may leave before the balance of the rest is paid.
    paid = [
        line
        for line in chosen
        if owed is None
        or (found.charged_minor >= found.first_minor and line.first_minor == line.amount_minor)
    ]
    if owed is not None and (not paid or (line_ids is not None and len(paid) < len(chosen))):
        raise NotPaid(due_minor=owed.amount.minor, currency=found.currency, purpose=owed.purpose)
    if line_ids is None:
        waiting = {line.variant_id for line in rest if not line.is_ready}
        paid = [line for line in paid if line.variant_id not in waiting]
    if not paid:
        raise NotReady(line_ids=[line.id for line in rest if not line.is_ready])
    return paid


async def deliver(tx: Tx, *, shop_id: int, order_id: UUID, actor: str) -> Order:
    """The buyer has it.  Twice is once.  Raises NotShipped."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    if found.status is Status.DELIVERED:
        return found
    if found.status is not Status.SHIPPED:
        raise NotShipped(status=found.status)
    await queries.mark_delivered(tx, order_id=order_id, at=now())
    await outbox.record(
        tx,
        OrderDelivered(
            shop_id=shop_id,
            order_id=order_id,
            number=number_of(found),
            buyer=found.buyer,
            show_id=found.show_id,
        ),
    )
    return await settle(tx, order_id=order_id)


async def expire(tx: Tx, *, limit: int = 1000) -> int:
    """Release holds whose time is over and offer their units to who waits; returns how many lines were freed.

    The worker's one call: both happen in one transaction, so nobody slips in between.
    """
    freed = await stock.expire(tx, limit=limit)
    await waitlist.hand_over(tx, freed)
    await waitlist.forget_lapsed(tx, limit=limit)
    return len(freed)


async def audit(tx: Tx) -> list[stock.Check]:
    """The invariants of orders over all shops."""
    checks = (
        ("orders: lines add up to the order", queries.audit_line_sums),
        ("orders: the lines of a bundle add up to it", queries.audit_bundle_sums),
        ("orders: sums are those of the payment events", queries.audit_payment_sums),
        ("orders: nobody paid more than the order", queries.audit_overpaid),
        ("orders: promised units are allocated in the ledger", queries.audit_secured),
        ("orders: allocated units belong to an order", queries.audit_allocated),
    )
    found: list[stock.Check] = []
    for name, look in checks:
        row = await look(tx)
        found.append(stock.Check(name, row.looked_at, tuple(row.offending)))
    return found
