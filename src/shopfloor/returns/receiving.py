"""What arrived, and where it goes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor import orders
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.returns import queries
from shopfloor.returns.events import ReceivedLine, ReturnReceived
from shopfloor.returns.looking import get, today_at
from shopfloor.returns.models import (
    Arrived,
    Condition,
    NothingChosen,
    NotInOrder,
    Return,
    ReturnLine,
    State,
    TooManyUnits,
    WrongState,
    refund_due,
    terms_of,
)
from shopfloor.returns.refunding import no_refund_waits
from shopfloor.returns.steps import add_event, locked


async def receive(
    tx: Tx,
    *,
    shop_id: int,
    return_id: UUID,
    arrived: Sequence[Arrived],
    location_id: int | None,
    actor: str,
) -> Return:
    """These units are here.  What is sellable goes on the shelf of this location (None: of where it left); the rest on
    none, and is written off.

    Raises ReturnNotFound, WrongState, RefundWaits, NothingChosen, NotInOrder, TooManyUnits, stock.UnknownStock,
    purchases.BadPurchase.
    """
    found, view, _ = await locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is not State.APPROVED or found.keeps_goods:
        raise WrongState(state=found.state)
    await no_refund_waits(tx, found)
    if not arrived:
        raise NothingChosen
    lines = {line.line_id: line for line in found.lines}
    coming = {line.line_id: line.quantity - line.received for line in found.lines}
    for each in arrived:
        if each.line_id not in lines or each.quantity < 1:
            raise NotInOrder(line_id=each.line_id, quantity=each.quantity)
        if each.quantity > coming[each.line_id]:
            raise TooManyUnits(line_id=each.line_id, wanted=each.quantity, left=coming[each.line_id])
        coming[each.line_id] -= each.quantity
    at = now()
    for each in arrived:
        await _take_in(tx, view, found, lines[each.line_id], each, location_id, actor, at)
    received = dict.fromkeys(lines, 0)
    for each in arrived:
        received[each.line_id] += each.quantity
    await queries.add_units(tx, received=received)
    complete = not any(coming.values())
    today, _ = await today_at(tx, shop_id=shop_id)
    await queries.mark_received(
        tx,
        return_id=return_id,
        state=State.RECEIVED if complete else State.APPROVED,
        at=at,
        refund_due_on=refund_due(
            terms_of(view.order).law, found.journey, asked=found.asked_at.date(), received=today
        ),
    )
    await outbox.record(
        tx,
        ReturnReceived(
            shop_id=shop_id,
            return_id=return_id,
            number=found.number,
            order_id=found.order_id,
            buyer=found.buyer,
            show_id=found.show_id,
            journey=found.journey,
            reason=found.reason or None,
            complete=complete,
            lines=[
                ReceivedLine(
                    each.line_id,
                    lines[each.line_id].variant_id,
                    lines[each.line_id].product_id,
                    each.quantity,
                    each.condition,
                )
                for each in arrived
            ],
        ),
    )
    return await get(tx, shop_id=shop_id, return_id=return_id)


async def _take_in(
    tx: Tx,
    view: orders.OrderView,
    found: Return,
    line: ReturnLine,
    each: Arrived,
    location_id: int | None,
    actor: str,
    at: datetime,
) -> None:
    sellable = each.condition is Condition.SELLABLE
    shelf = location_id
    if sellable and shelf is None:
        shelf = await queries.left_from(tx, hold_id=view.order.hold_id, variant_id=line.variant_id)
    await orders.refund(
        tx,
        shop_id=found.shop_id,
        order_id=found.order_id,
        amount=Money(0, view.order.currency),
        refund_id=new_id(),
        note=found.number,
        actor=actor,
        put_back={each.line_id: each.quantity},
        location_id=shelf,
        resellable=sellable,
    )
    await queries.add_received(tx, return_id=found.id, line_id=each.line_id, quantity=each.quantity)
    await queries.insert_receipt(
        tx,
        shop_id=found.shop_id,
        return_id=found.id,
        line_id=each.line_id,
        variant_id=line.variant_id,
        quantity=each.quantity,
        condition=each.condition,
        location_id=shelf if sellable else None,
        actor=actor,
        at=at,
    )
    facts = {"line_id": each.line_id, "units": each.quantity, "condition": each.condition}
    await add_event(tx, found, "received", actor, facts)
