"""Money out: refunds decided, sent, and said to be sent."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from shopfloor import payments, purchases, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import Money
from shopfloor.orders import queries, views
from shopfloor.orders.events import OrderRefunded, RefundPaid
from shopfloor.orders.lifecycle import fact_lines, lock, number_of, settle
from shopfloor.orders.models import Order, OrderLine
from shopfloor.orders.refusals import KeyReused, RefundNotFound, WrongAmount, WrongCurrency
from shopfloor.orders.statuses import give_back


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
    same refund.  Raises payments.OverRefund with `refundable_minor`, WrongCurrency, KeyReused, purchases.BadPurchase.
    """
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    number_of(found)
    granted = await payments.granted_parts(tx, subject_id=order_id, refund_id=refund_id)
    if granted:
        if sum(minor for _, minor in granted) != amount.minor:
            raise KeyReused(refund_id=str(refund_id))
        return found
    if amount.currency != found.currency:
        raise WrongCurrency(given=amount.currency, wanted=found.currency)
    if amount.minor <= 0 and not put_back:
        raise WrongAmount(given_minor=amount.minor)
    if not 0 <= amount.minor <= found.refundable_minor:
        raise payments.OverRefund(given_minor=amount.minor, refundable_minor=found.refundable_minor)
    await _put_back(tx, found, lines, put_back or {})
    await grant(tx, found, amount.minor, refund_id=refund_id, note=note, actor=actor)
    return await settle(tx, order_id=order_id)


async def _put_back(tx: Tx, found: Order, lines: Sequence[OrderLine], units: Mapping[int, int]) -> None:
    by_id = {line.id: line for line in lines}
    for line_id, quantity in sorted(units.items()):
        line = by_id.get(line_id)
        if line is None or quantity < 1 or line.returned_quantity + quantity > line.shipped_quantity:
            raise purchases.BadPurchase(
                "More would come back than was shipped.", line_id=line_id, quantity=quantity
            )
        await stock.put_back(tx, hold_id=found.hold_id, variant_id=line.variant_id, quantity=quantity)
        await queries.add_returned(tx, line_id=line_id, quantity=quantity)


async def grant(tx: Tx, found: Order, amount_minor: int, *, refund_id: UUID, note: str, actor: str) -> None:
    """Owe `amount_minor` to the buyer, newest charge first, and say so.  Nothing for nothing."""
    if amount_minor <= 0:
        return
    before = await _granted_before(tx, found)
    await payments.grant_refund(
        tx, subject_id=found.id, amount_minor=amount_minor, refund_id=refund_id, note=note, actor=actor
    )
    lines = await queries.lines(tx, order_id=found.id)
    shares, shipping = give_back(amount_minor, before, lines, shipping_minor=found.shipping_minor)
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


async def _granted_before(tx: Tx, found: Order) -> list[int]:
    """The refunds of an order so far, in the order in which they were decided."""
    by_refund: dict[str, int] = {}
    for event in await payments.events_for(tx, subject_id=found.id):
        if event.kind is payments.PaymentEventKind.REFUND_GRANTED:
            refund = event.reference.split("/")[0]
            by_refund[refund] = by_refund.get(refund, 0) + event.amount_minor
    return list(by_refund.values())


async def refunds_owed(tx: Tx, *, shop_id: int, order_id: UUID) -> dict[UUID, Money]:
    """Refunds decided and not sent yet, by refund id."""
    view = await views.order(tx, shop_id=shop_id, order_id=order_id)
    sent = {event.reference for event in view.payments if event.kind is payments.PaymentEventKind.REFUNDED}
    owed: dict[UUID, int] = {}
    for event in view.payments:
        if event.kind is payments.PaymentEventKind.REFUND_GRANTED and event.reference not in sent:
            refund_id = UUID(event.reference.split("/")[0])
            owed[refund_id] = owed.get(refund_id, 0) + event.amount_minor
    return {refund_id: Money(minor, view.order.currency) for refund_id, minor in owed.items()}


async def mark_refunded(
    tx: Tx, *, shop_id: int, order_id: UUID, refund_id: UUID, actor: str, note: str = ""
) -> Order:
    """The money has left.  Saying it twice is saying it once.  Raises OrderNotFound, RefundNotFound."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    granted = await payments.granted_parts(tx, subject_id=order_id, refund_id=refund_id)
    if not granted:
        raise RefundNotFound(refund_id=str(refund_id))
    sent = await payments.mark_refund_sent(tx, granted, refund_id=refund_id, actor=actor, note=note)
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


async def send_refund(
    db: Database,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    actor: str,
    providers: payments.Providers = payments.MANUAL_ONLY,
) -> bool:
    """Ask the providers to send a granted refund.  True when it has left; False when it is for the merchant to
    send by hand and `mark_refunded`.
    """
    async with db.transaction() as tx:
        await views.order(tx, shop_id=shop_id, order_id=order_id)
        parts = await payments.granted_parts(tx, subject_id=order_id, refund_id=refund_id)
    sent = await payments.send_refund(providers, parts, refund_id=refund_id)
    if sent:
        async with db.transaction() as tx:
            await mark_refunded(tx, shop_id=shop_id, order_id=order_id, refund_id=refund_id, actor=actor)
    return sent
