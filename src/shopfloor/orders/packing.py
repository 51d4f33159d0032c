"""Which units of an order may leave, and the parcels they go into."""

from collections.abc import Collection, Sequence
from uuid import UUID

from shopfloor import fulfilment, purchases
from shopfloor.kernel.database import Tx
from shopfloor.orders import queries, routed, together
from shopfloor.orders.lifecycle import lock, to_its_store
from shopfloor.orders.models import Delivery, Order, OrderLine, Status
from shopfloor.orders.refusals import NotPaid, NotReady, OrderClosed
from shopfloor.orders.statuses import due

OPEN = frozenset({Status.PLACED, Status.PAID, Status.PARTLY_SHIPPED})


async def plan_order(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """Money or goods came: what may leave now is to be picked.  Once or often."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    await plan(tx, found)


async def plan(tx: Tx, found: Order) -> None:
    """Put what may leave of a locked order into parcels, and nothing twice."""
    if found.status not in OPEN or not found.secured:
        return
    if found.collect_at is not None:
        await _fetch(tx, found)
    lines = await queries.lines(tx, order_id=found.id)
    await _plan_lines(tx, found, [line for line in lines if line.id in leavable(found, lines)])


async def _fetch(tx: Tx, found: Order) -> None:
    """What an edit brought may be elsewhere, and is promised from the store where it can be.  What lies in a parcel of
    another location stays that location's.
    """
    parcels = await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id)
    if all(each.location_id == found.collect_at for each in parcels if each.state in fulfilment.HERE):
        await to_its_store(tx, found)


def leavable(found: Order, lines: Sequence[OrderLine]) -> set[int]:
    """The lines that are there and paid for, or to be paid in cash when they are handed over.

    Lines of one variant leave when all of them are there: whose units came first nobody can tell.
    """
    rest = [line for line in lines if line.shipped_quantity < line.wanted_quantity]
    awaited = {line.variant_id for line in rest if not line.is_ready}
    at_the_counter = found.method == "cash"
    return {
        line.id
        for line in rest
        if line.variant_id not in awaited and (at_the_counter or is_paid(found, line))
    }


def is_paid(found: Order, line: OrderLine) -> bool:
    """Once deposits are in, what was paid in full with them may leave before the balance of the rest is paid."""
    return due(found) is None or (
        found.charged_minor + found.authorised_minor >= found.first_minor
        and line.first_minor == line.amount_minor
    )


async def _plan_lines(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> None:
    if not lines or found.number is None:
        return
    packed: dict[int, int] = {}
    for parcel in await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id):
        if parcel.state in fulfilment.HERE:
            for line in parcel.lines:
                packed[line.line_id] = packed.get(line.line_id, 0) + line.quantity
    wanted = [
        fulfilment.Planned(
            line.id,
            line.variant_id,
            line.wanted_quantity - line.shipped_quantity - packed.get(line.id, 0),
            line.ready_on,
        )
        for line in lines
    ]
    missing = [each for each in wanted if each.quantity > 0]
    if missing:
        await routed.route(tx, found, missing)
        await fulfilment.plan(
            tx,
            shop_id=found.shop_id,
            order_id=found.id,
            order_number=found.number,
            hold_id=found.hold_id,
            show_id=found.show_id,
            delivery=found.delivery,
            lines=missing,
        )
        await _put_together(tx, found)


async def _put_together(tx: Tx, found: Order) -> None:
    """What leaves in the parcel of another order goes into one box with it."""
    if found.delivery is not Delivery.SHIP:
        return
    others = await together.companions(tx, shop_id=found.shop_id, order_id=found.id)
    if not others:
        return
    own = await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id)
    theirs = await fulfilment.of_orders(tx, shop_id=found.shop_id, order_ids=[each.id for each in others])
    for parcel in own:
        into = next((each for each in theirs if fulfilment.boxes.fits(parcel, each)), None)
        if into is not None and parcel.box_id is None:
            await fulfilment.boxes.put_together(
                tx, shop_id=found.shop_id, parcel_id=parcel.id, with_parcel_id=into.id, actor="shopfloor"
            )


async def parcels_with(
    tx: Tx, found: Order, lines: Sequence[OrderLine], line_ids: Collection[int], *, actor: str
) -> list[fulfilment.Parcel]:
    """Parcels of a locked order that hold all that is left of these lines and nothing else."""
    await _plan_lines(tx, found, [line for line in lines if line.id in line_ids])
    chosen: list[fulfilment.Parcel] = []
    for parcel in await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id):
        own = {line.line_id: line.quantity for line in parcel.lines if line.line_id in line_ids}
        if parcel.state not in fulfilment.HERE or not own:
            continue
        if len(own) == len(parcel.lines):
            chosen.append(parcel)
        else:
            chosen.append(
                await fulfilment.split(tx, shop_id=found.shop_id, parcel_id=parcel.id, units=own, actor=actor)
            )
    return chosen


def check_may_leave(found: Order, lines: Sequence[OrderLine], line_ids: Collection[int]) -> None:
    """Raises OrderClosed, NotPaid with what is due, NotReady."""
    if found.status not in OPEN:
        raise OrderClosed(order_id=str(found.id), status=found.status)
    leaving = [line for line in lines if line.id in line_ids]
    owed = due(found)
    if owed is not None and not all(is_paid(found, line) for line in leaving):
        raise NotPaid(due_minor=owed.amount.minor, currency=found.currency, purpose=owed.purpose)
    variants = {line.variant_id for line in leaving}
    awaited = [line.id for line in lines if line.variant_id in variants and not line.is_ready]
    if awaited:
        raise NotReady(line_ids=awaited)


def chosen_lines(found: Order, lines: Sequence[OrderLine], line_ids: Sequence[int] | None) -> set[int]:
    """The lines that `ship` sends: those named with all of the same variants, or all that are ready and paid.

    Raises purchases.BadPurchase, NotPaid, NotReady.
    """
    owed = due(found)
    rest = [line for line in lines if line.shipped_quantity < line.wanted_quantity]
    chosen = rest if line_ids is None else [line for line in rest if line.id in line_ids]
    if line_ids is not None and len(chosen) != len(set(line_ids)):
        raise purchases.BadPurchase("No such line, or it has been shipped.", line_ids=list(line_ids))
    paid = [line for line in chosen if is_paid(found, line)]
    if owed is not None and (not paid or (line_ids is not None and len(paid) < len(chosen))):
        raise NotPaid(due_minor=owed.amount.minor, currency=found.currency, purpose=owed.purpose)
    if line_ids is None:
        waiting = {line.variant_id for line in rest if not line.is_ready}
        paid = [line for line in paid if line.variant_id not in waiting]
    if not paid:
        raise NotReady(line_ids=[line.id for line in rest if not line.is_ready])
    variants = {line.variant_id for line in paid}
    return {line.id for line in rest if line.variant_id in variants}
