"""Out of the house: shipped and delivered."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor import purchases, stock
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.orders import queries
from shopfloor.orders.events import OrderDelivered, OrderShipped
from shopfloor.orders.lifecycle import fact_lines, lock, number_of, settle
from shopfloor.orders.models import Order, OrderLine, Status
from shopfloor.orders.refusals import NotPaid, NotReady, NotShipped, OrderClosed
from shopfloor.orders.statuses import due


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
    tracking = text.line(tracking, field="tracking", longest=200)
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
    await queries.note_shipment(tx, order_id=order_id, at=now(), tracking=tracking)
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
        raise purchases.BadPurchase("No such line, or it has been shipped.", line_ids=list(line_ids))
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
