"""Units that are sold before they are there: the date, the balance, and what happens when a side fails.

* The goods arrive: the lines are ready, the balance is due within the days the shop gives.
* The buyer does not pay it: the order falls; the deposit is kept or given back, as the shop's rules say.
* The merchant will be late, or is: the buyer may take the new date, or everything back.
"""

from datetime import date, timedelta
from uuid import UUID

from shopfloor import payments, policies, purchases
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, now
from shopfloor.orders import cancellation, lifecycle, packing, queries, views
from shopfloor.orders.events import BalanceRequested, DeliveryDelayed
from shopfloor.orders.models import Order, OrderLine, Party, Why
from shopfloor.orders.refusals import AlreadyPaid, NoDelay, NotReady
from shopfloor.orders.statuses import due, is_late


async def lot_ready(tx: Tx, *, shop_id: int, variant_id: int, ready_on: date | None = None) -> int:
    """Units of this variant have arrived (of the lot of that day, or of any).  Returns how many orders moved.

    The ledger knows whose units they are: a line is ready when all units of its hold are on hand.
    """
    moved = 0
    awaiting = await queries.orders_awaiting(tx, shop_id=shop_id, variant_id=variant_id, ready_on=ready_on)
    # Asked once for all of them: each would look at all that were bought before it.
    arrived = await queries.arrived(tx, hold_ids=[each.hold_id for each in awaiting], variant_id=variant_id)
    for order_id in [each.id for each in awaiting if each.hold_id in arrived]:
        await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
        if await queries.mark_ready(tx, order_id=order_id, variant_id=variant_id, at=now()):
            moved += 1
            settled = await lifecycle.settle(tx, order_id=order_id)
            await _ask_for_balance(tx, settled)
            await packing.plan(tx, settled)
    return moved


async def mark_ready(tx: Tx, *, shop_id: int, order_id: UUID, actor: str) -> Order:
    """The merchant says that all of this order is there; asks for the balance if one is owed."""
    order, lines = await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
    lifecycle.number_of(order)
    for variant_id in {line.variant_id for line in lines if not line.is_ready}:
        await queries.mark_ready(tx, order_id=order_id, variant_id=variant_id, at=now())
    settled = await lifecycle.settle(tx, order_id=order_id)
    await _ask_for_balance(tx, settled)
    await packing.plan(tx, settled)
    return await lifecycle.settle(tx, order_id=order_id)


async def _ask_for_balance(tx: Tx, order: Order) -> None:
    owed = due(order)
    lines = await queries.lines(tx, order_id=order.id)
    asked = order.balance_due_at is not None
    if (
        asked
        or owed is None
        or owed.purpose is not payments.Purpose.BALANCE
        or not all(line.is_ready for line in lines)
    ):
        return
    rules = await policies.shop_terms(tx, shop_id=order.shop_id)
    by = None if order.method == "cash" else now() + timedelta(days=rules.balance_within_days)
    if by is not None:
        await queries.set_balance_due(tx, order_id=order.id, at=by)
    await outbox.record(
        tx,
        BalanceRequested(
            shop_id=order.shop_id,
            order_id=order.id,
            buyer=order.buyer,
            currency=order.currency,
            amount_minor=owed.amount.minor,
            due_at=by,
        ),
    )


async def lot_delayed(
    tx: Tx, *, shop_id: int, variant_id: int, promised_on: date, delayed_to: date, source: str | None = None
) -> int:
    """The lot of that day will come later.  Every order waiting for it may choose.  Returns how many.

    `source` names the lot in the ledger; None means every lot of that day.
    """
    if delayed_to <= promised_on:
        raise purchases.BadPurchase("A delay is later than the promise.", delayed_to=delayed_to.isoformat())
    moved = 0
    for each in await queries.orders_awaiting(
        tx, shop_id=shop_id, variant_id=variant_id, ready_on=promised_on, source=source
    ):
        moved += await _delay(tx, shop_id, each.id, variant_id, delayed_to)
    return moved


async def delay(tx: Tx, *, shop_id: int, order_id: UUID, delayed_to: date, actor: str) -> Order:
    """The merchant says that this order will come later than promised.  Raises NoDelay when it is not late."""
    _, lines = await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
    late = {line.variant_id for line in lines if _can_be_late(line, delayed_to)}
    if not late:
        raise NoDelay(delayed_to=delayed_to.isoformat())
    for variant_id in sorted(late):
        await _delay(tx, shop_id, order_id, variant_id, delayed_to)
    return await lifecycle.settle(tx, order_id=order_id)


def _can_be_late(line: OrderLine, delayed_to: date) -> bool:
    return line.ready_on is not None and line.ready_at is None and delayed_to > line.ready_on


async def _delay(tx: Tx, shop_id: int, order_id: UUID, variant_id: int, to: date) -> int:
    order, lines = await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
    if not await queries.mark_delayed(tx, order_id=order_id, variant_id=variant_id, to=to):
        return 0
    promised = min(line.ready_on for line in lines if line.variant_id == variant_id and line.ready_on)
    await outbox.record(
        tx,
        DeliveryDelayed(
            shop_id=shop_id,
            order_id=order_id,
            buyer=order.buyer,
            variant_id=variant_id,
            promised_on=promised,
            delayed_to=to,
        ),
    )
    return 1


async def answer_delay(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    accept: bool,
    shopper: UUID | None = None,
    key: str | None = None,
) -> Order:
    """The buyer takes the new date, or cancels with everything back.  Raises NoDelay, OrderNotFound."""
    await views.order_for_shopper(tx, shop_id=shop_id, order_id=order_id, shopper=shopper, key=key)
    _, lines = await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
    if not is_late(lines, today=await views.today(tx, shop_id=shop_id)):
        raise NoDelay
    if not accept:
        return await cancellation.cancel(
            tx, shop_id=shop_id, order_id=order_id, by=Party.BUYER, actor="buyer", why=Why.LATE
        )
    if not await queries.accept_delays(tx, order_id=order_id):
        raise NoDelay
    return await lifecycle.settle(tx, order_id=order_id)


async def balance(tx: Tx, *, shop_id: int, order_id: UUID) -> Money:
    """What is left to pay on a presale.  Raises AlreadyPaid, NotReady (the deposit is not in yet)."""
    view = await views.order(tx, shop_id=shop_id, order_id=order_id)
    if view.due is None:
        raise AlreadyPaid(order_id=str(order_id))
    if view.due.purpose is not payments.Purpose.BALANCE:
        raise NotReady(due_minor=view.due.amount.minor)
    return view.due.amount
