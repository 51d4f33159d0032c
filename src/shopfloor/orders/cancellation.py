"""The end of an order that is not delivered."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from shopfloor import fulfilment, payment_authorisations, payments, promotions, purchases, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import now
from shopfloor.orders import queries
from shopfloor.orders.events import OrderCancelled
from shopfloor.orders.lifecycle import fact_lines, lock, number_of, settle
from shopfloor.orders.models import Order, OrderLine, Party, Status, Why
from shopfloor.orders.refunds import grant
from shopfloor.orders.refusals import CannotCancel
from shopfloor.orders.statuses import may_cancel, refund_on_cancel
from shopfloor.orders.views import today
from shopfloor.policies import shop_terms


async def cancel(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    by: Party,
    actor: str,
    note: str = "",
    why: Why | None = None,
    withdrawn: bool = False,
    uncollected: bool = False,
) -> Order:
    """Units go back (the waitlist first), money too.  Cancelling twice is cancelling once.

    Raises CannotCancel: a buyer after paying (unless a promised date was missed, or the buyer has the right to
    withdraw from the contract and does: `withdrawn`), anybody after shipping.  `uncollected`: nobody came for it in time.
    """
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    if found.status is Status.CANCELLED:
        return found
    number_of(found)
    asks = Party.MERCHANT if withdrawn else by
    if not may_cancel(found, lines, by=asks, today=await today(tx, shop_id=shop_id)):
        raise CannotCancel(status=found.status, charged_minor=found.charged_minor)
    if uncollected:
        why = Why.NOT_COLLECTED
    if why is None:
        # A buyer cancels what is paid because it is late, or else withdraws from the contract.
        is_late = by is Party.BUYER and not withdrawn and found.charged_minor > 0
        why = Why.LATE if is_late else Why.ASKED
    return await fall(tx, found, lines, by=by, why=why, note=note, actor=actor)


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
    """End a locked order: release, cancel, grant what is owed, hand the units to the waitlist."""
    await fulfilment.cancel_order(tx, shop_id=found.shop_id, order_id=found.id, actor=actor)
    freed = await stock.release(tx, [found.hold_id], "cancelled")
    await queries.mark_cancelled(
        tx, order_id=found.id, at=now(), by=by, why=why, note=cleaned(note, one_line=False)[:1000]
    )
    for reserved in await payment_authorisations.live(tx, subject_id=found.id):
        await payment_authorisations.ask_void(tx, reserved, actor=actor)
    await promotions.give_back(tx, shop_id=found.shop_id, order_id=found.id)
    back = refund_on_cancel(found, lines, why=why, terms=await shop_terms(tx, shop_id=found.shop_id))
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
    await purchases.hand_over(tx, freed)
    return settled


async def _keep_deposit(tx: Tx, found: Order, kept_minor: int, *, actor: str) -> None:
    payment = (await payments.payments_for(tx, subject_id=found.id))[0]
    await payments.record(
        tx,
        payments.Happened(
            payment,
            payments.PaymentEventKind.DEPOSIT_KEPT,
            kept_minor,
            reference=f"{found.id}/kept",
            actor=actor,
        ),
    )
