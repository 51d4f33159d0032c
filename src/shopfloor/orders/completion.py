"""The three phases put together, and the sweeper that finishes what a crash left.

No transaction is open while a provider is asked.  A process that dies after `prepare` leaves a draft; the
sweeper asks the provider what became of the attempt and finalises it.  Money that was taken is never given
back because of a failure of ours on the way: the order is finished instead.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money, now
from shopfloor.orders import queries, service
from shopfloor.orders.checkout import finalise, prepare
from shopfloor.orders.models import (
    Form,
    HoldExpired,
    Order,
    Party,
    Payment,
    PaymentDeclined,
    Status,
    Why,
)
from shopfloor.orders.payments import MANUAL_ONLY, Attempt, Awaiting, Providers, provider

# A draft younger than this is being worked on by the request that made it.
ABANDONED: Final = timedelta(seconds=30)

_log = logs.get("orders")


@dataclass(frozen=True, slots=True)
class Swept:
    resumed: int
    unpaid: int
    balances: int


async def complete(
    db: Database,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    form: Form,
    providers: Providers = MANUAL_ONLY,
) -> Order:
    """A purchase and a form become an order; the same form again gives the same order.

    Raises what `prepare` raises, and PaymentDeclined, ProviderAway (the draft stays and is finished later, or
    by the same form again), HoldExpired, ProviderUnknown.
    """
    provider(providers, form.provider)
    async with db.transaction() as tx:
        prepared = await prepare(tx, shop_id=shop_id, hold_id=hold_id, shopper=shopper, form=form)
    if prepared.order.status is not Status.DRAFT:
        return _told(prepared.order)
    return _told(await _pay_and_finish(db, providers, prepared.order, prepared.payment))


def _told(order: Order) -> Order:
    """An order that never came to be is a refusal; one that fell after it was paid is shown as what it is."""
    if order.number is None and order.cancel_why is Why.DECLINED:
        raise PaymentDeclined(reason=order.cancel_note)
    if order.number is None and order.cancel_why is Why.SOLD_OUT:
        raise HoldExpired(hold_id=str(order.hold_id), show_id=order.show_id)
    return order


async def _pay_and_finish(db: Database, providers: Providers, order: Order, payment: Payment) -> Order:
    """Phases two and three.  `start` with the same attempt asks for the money once, however often we come."""
    if payment.amount_minor == 0:
        outcome = Awaiting()
    else:
        outcome = await provider(providers, payment.provider).start(
            Attempt(
                id=payment.id,
                method=payment.method,
                amount=Money(payment.amount_minor, payment.currency),
                label=order.id.hex[-8:].upper(),
            )
        )
    async with db.transaction() as tx:
        return await finalise(tx, shop_id=order.shop_id, payment_id=payment.id, outcome=outcome)


async def sweep(
    db: Database, *, providers: Providers = MANUAL_ONLY, limit: int = 200, abandoned: timedelta = ABANDONED
) -> Swept:
    """Finish drafts that a crash left, and let orders fall whose payment or balance never came.

    Safe to run anywhere and at once: each order is handled under its own lock in its own transaction.
    """
    at = now()
    async with db.transaction() as tx:
        drafts = await queries.unfinished(tx, before=at - abandoned, limit=limit)
        unpaid = await queries.payment_overdue(tx, at=at, limit=limit)
        balances = await queries.balance_overdue(tx, at=at, limit=limit)
    resumed = 0
    for key in drafts:
        resumed += await _resume(db, providers, key)
    return Swept(
        resumed=resumed,
        unpaid=await _let_fall(db, unpaid, Why.UNPAID),
        balances=await _let_fall(db, balances, Why.BALANCE_UNPAID),
    )


async def _resume(db: Database, providers: Providers, key: queries.Key) -> bool:
    async with db.transaction() as tx:
        order = await queries.order(tx, order_id=key.id)
        payments = await queries.payments(tx, order_id=key.id)
    if order is None or order.status is not Status.DRAFT or not payments:
        return False
    payment = payments[0]
    try:
        known = None
        if payment.amount_minor:
            known = await provider(providers, payment.provider).look_up(payment.id)
        if known is None:
            await _pay_and_finish(db, providers, order, payment)
        else:
            async with db.transaction() as tx:
                await finalise(tx, shop_id=order.shop_id, payment_id=payment.id, outcome=known)
    except Refusal as refusal:
        # The provider is away, or its answer does not fit: the draft stays for the next round and for people.
        _log.warning("orders.not_resumed", order_id=str(key.id), code=refusal.code)
        return False
    _log.info("orders.resumed", order_id=str(key.id))
    return True


async def _let_fall(db: Database, keys: list[queries.Key], why: Why) -> int:
    fallen = 0
    for key in keys:
        async with db.transaction() as tx:
            fallen += await _fall_if_overdue(tx, key, why)
    return fallen


async def _fall_if_overdue(tx: Tx, key: queries.Key, why: Why) -> bool:
    """Looked at again under the lock: the money may have come between."""
    order, lines = await service.lock(tx, shop_id=key.shop_id, order_id=key.id)
    if why is Why.UNPAID:
        over = order.payment_due_at is not None and order.payment_due_at < now()
        over = over and order.charged_minor < order.first_minor
    else:
        over = order.balance_due_at is not None and order.balance_due_at < now()
        over = over and order.charged_minor < order.total_minor
    if not over or order.status is not Status.PLACED:
        return False
    await service.fall(tx, order, lines, by=Party.SYSTEM, why=why, note="", actor="shopfloor")
    return True


async def send_refund(
    db: Database,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    actor: str,
    providers: Providers = MANUAL_ONLY,
) -> bool:
    """Ask the providers to send a granted refund.  True when it has left; False when it is for the merchant to
    send by hand and `mark_refunded`.
    """
    async with db.transaction() as tx:
        view = await service.order(tx, shop_id=shop_id, order_id=order_id)
        parts = await service.parts_of_refund(tx, order_id=order_id, refund_id=refund_id)
    sent = True
    for payment, amount in parts:
        answer = await provider(providers, payment.provider).give_back(
            payment.id, refund_id=refund_id, amount=Money(amount, view.order.currency)
        )
        sent = sent and answer.reference is not None
    if sent and parts:
        async with db.transaction() as tx:
            await service.mark_refunded(
                tx, shop_id=shop_id, order_id=order_id, refund_id=refund_id, actor=actor
            )
    return sent and bool(parts)
