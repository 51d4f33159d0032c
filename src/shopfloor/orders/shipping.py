"""Out of the house, and back where that was a mistake: parcels of orders, and orders whole."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal
from uuid import UUID, uuid5

from shopfloor import fulfilment, pricing, stock
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.orders import authorising, packing, passing_on, queries
from shopfloor.orders.cancellation import fall
from shopfloor.orders.events import OrderDelivered, OrderShipped
from shopfloor.orders.lifecycle import fact_lines, lock, number_of, settle
from shopfloor.orders.models import Order, OrderLine, Party, Status, Why
from shopfloor.orders.refunds import grant
from shopfloor.orders.refusals import NotPaid, NotShipped, OrderClosed

_HANDED_OVER = frozenset({fulfilment.State.DELIVERED, fulfilment.State.COLLECTED})


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
    if found.status not in packing.OPEN:
        raise OrderClosed(order_id=str(order_id), status=found.status)
    chosen = packing.chosen_lines(found, lines, line_ids)
    packing.check_may_leave(found, lines, chosen)
    leaving = await packing.parcels_with(tx, found, lines, chosen, actor=actor)
    locked = await fulfilment.lock(tx, shop_id=shop_id, parcel_ids=[each.id for each in leaving])
    for parcel in locked:
        tracked = await fulfilment.track(tx, parcel, carrier="", tracking=tracking, actor=actor)
        found = await _send(tx, found, lines, tracked, actor=actor)
        lines = await queries.lines(tx, order_id=order_id)
    return found


async def send_parcel(
    tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str, carrier: str = "", tracking: str = ""
) -> fulfilment.Parcel:
    """It leaves with the carrier, or with its buyer where it is picked up; with all that lies in its box.  Twice is once.

    Raises ParcelNotFound, WrongStep, NotPaid with what is due, NotReady, OrderClosed, stock.NotHere.
    """
    box = await fulfilment.boxes.members(tx, shop_id=shop_id, parcel_id=parcel_id)
    if len(box) > 1:
        # All orders before any parcel, in one order.
        for order_id in sorted({each.order_id for each in box}):
            await lock(tx, shop_id=shop_id, order_id=order_id)
    sent = await _send_one(
        tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor, carrier=carrier, tracking=tracking
    )
    for each in box:
        if each.id != parcel_id and each.state in fulfilment.HERE:
            await _send_one(
                tx,
                shop_id=shop_id,
                parcel_id=each.id,
                actor=actor,
                carrier=sent.carrier,
                tracking=sent.tracking,
            )
    return sent


async def _send_one(
    tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str, carrier: str, tracking: str
) -> fulfilment.Parcel:
    found, lines, parcel = await _locked(tx, shop_id=shop_id, parcel_id=parcel_id)
    if parcel.state in fulfilment.GONE:
        return parcel
    packing.check_may_leave(found, lines, {line.line_id for line in parcel.lines})
    parcel = await fulfilment.track(tx, parcel, carrier=carrier, tracking=tracking, actor=actor)
    await _send(tx, found, lines, parcel, actor=actor)
    return replace(parcel, state=fulfilment.LEAVES[parcel.delivery])


async def _locked(
    tx: Tx, *, shop_id: int, parcel_id: UUID
) -> tuple[Order, list[OrderLine], fulfilment.Parcel]:
    """The order first, the parcel after it."""
    order_id = await fulfilment.order_of(tx, shop_id=shop_id, parcel_id=parcel_id)
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    [parcel] = await fulfilment.lock(tx, shop_id=shop_id, parcel_ids=[parcel_id])
    return found, lines, parcel


async def _send(
    tx: Tx, found: Order, lines: Sequence[OrderLine], parcel: fulfilment.Parcel, *, actor: str
) -> Order:
    gone = await fulfilment.send(tx, parcel, actor=actor)
    units = {line.line_id: line.quantity for line in parcel.lines}
    await queries.add_shipped(tx, units=units)
    tracking = " ".join(filter(None, [found.tracking, parcel.tracking]))
    await queries.note_shipment(tx, order_id=found.id, at=now(), tracking=tracking)
    settled = await settle(tx, order_id=found.id)
    await authorising.when_shipped(tx, settled, actor=actor)
    leaving = [_part(line, units[line.id]) for line in lines if line.id in units]
    await outbox.record(
        tx,
        OrderShipped(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            buyer=found.buyer,
            show_id=found.show_id,
            complete=settled.status is Status.SHIPPED,
            tracking=parcel.tracking,
            lines=fact_lines(leaving),
            carrier=parcel.carrier,
            tracking_url=parcel.tracking_url,
        ),
    )
    return await _complete(tx, settled) if gone.state in _HANDED_OVER else settled


def _part(line: OrderLine, units: int) -> OrderLine:
    """These units of it, with their share of what it cost."""
    before = line.shipped_quantity
    worth = pricing.of_units(line.amount_minor, line.quantity, before + units) - pricing.of_units(
        line.amount_minor, line.quantity, before
    )
    return replace(line, quantity=units, amount_minor=worth)


async def _complete(tx: Tx, found: Order) -> Order:
    """An order of which nothing is missing or on its way is delivered."""
    if found.status is not Status.SHIPPED:
        return found
    parcels = await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id)
    if any(each.state is fulfilment.State.SHIPPED for each in parcels):
        return found
    return await _delivered(tx, found)


async def _delivered(tx: Tx, found: Order) -> Order:
    await queries.mark_delivered(tx, order_id=found.id, at=now())
    await outbox.record(
        tx,
        OrderDelivered(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            buyer=found.buyer,
            show_id=found.show_id,
        ),
    )
    return await settle(tx, order_id=found.id)


async def deliver(tx: Tx, *, shop_id: int, order_id: UUID, actor: str) -> Order:
    """The buyer has it.  Twice is once.  Raises NotShipped."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    if found.status is Status.DELIVERED:
        return found
    if found.status is not Status.SHIPPED:
        raise NotShipped(status=found.status)
    known = await fulfilment.of_order(tx, shop_id=shop_id, order_id=order_id)
    under_way = [each.id for each in known if each.state is fulfilment.State.SHIPPED]
    for parcel in await fulfilment.lock(tx, shop_id=shop_id, parcel_ids=under_way):
        await fulfilment.arrive(tx, parcel, actor=actor)
    return await _delivered(tx, found)


async def parcel_arrived(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> fulfilment.Parcel:
    """Its buyer has it; with the last one the order is delivered.  Twice is once.  Raises ParcelNotFound, WrongStep."""
    found, _, parcel = await _locked(tx, shop_id=shop_id, parcel_id=parcel_id)
    arrived = await fulfilment.arrive(tx, parcel, actor=actor)
    if arrived is not parcel:
        await _complete(tx, found)
    return arrived


async def undo_step(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> fulfilment.Parcel:
    """The last step was a mistake.  Units that had left are the order's on the shelf again, and not shipped.

    Raises ParcelNotFound, NothingToUndo, and OrderClosed where units of it came back meanwhile.
    """
    found, lines, parcel = await _locked(tx, shop_id=shop_id, parcel_id=parcel_id)
    inside = {line.line_id: line.quantity for line in parcel.lines}
    if parcel.state in fulfilment.GONE and any(line.returned_quantity for line in lines if line.id in inside):
        raise OrderClosed(order_id=str(found.id), status=found.fulfilment_status)
    undone = await fulfilment.undo(tx, parcel, actor=actor)
    if found.delivered_at is not None and parcel.state in _HANDED_OVER:
        await queries.mark_delivered(tx, order_id=found.id, at=None)
    if parcel.state in fulfilment.GONE and undone.state not in fulfilment.GONE:
        await queries.add_shipped(tx, units={line_id: -units for line_id, units in inside.items()})
        others = sum(line.shipped_quantity for line in lines) - sum(inside.values())
        await queries.note_shipment(
            tx,
            order_id=found.id,
            at=found.shipped_at if others else None,
            tracking=_without(found.tracking, parcel.tracking),
        )
    if parcel.state in fulfilment.GONE:
        await settle(tx, order_id=found.id)
    return undone


def _without(tracking: str, number: str) -> str:
    return " ".join(tracking.replace(number, "", 1).split()) if number else tracking


async def track_parcel(
    tx: Tx,
    *,
    shop_id: int,
    parcel_id: UUID,
    carrier: str,
    tracking: str,
    actor: str,
    replaces: bool = True,
) -> fulfilment.Parcel:
    """Its number at its carrier, before it leaves or after.  The same again changes nothing.

    Raises ParcelNotFound, WrongStep, and OtherTracking with `replaces` False.
    """
    found, _, parcel = await _locked(tx, shop_id=shop_id, parcel_id=parcel_id)
    tracked = await fulfilment.track(
        tx, parcel, carrier=carrier, tracking=tracking, actor=actor, replaces=replaces
    )
    if parcel.state in fulfilment.GONE and tracked.tracking != parcel.tracking:
        all_tracking = " ".join(filter(None, [_without(found.tracking, parcel.tracking), tracked.tracking]))
        await queries.note_shipment(tx, order_id=found.id, at=found.shipped_at, tracking=all_tracking)
    return tracked


async def short(
    tx: Tx,
    *,
    shop_id: int,
    parcel_id: UUID,
    line_id: int,
    quantity: int,
    then: Literal["refund", "wait"],
    actor: str,
) -> Order:
    """So many units are not on the shelf: they leave the books.  Either their money goes back, or they wait for the next.

    An order of which nothing is left is cancelled.  Raises ParcelNotFound, WrongStep, NotInParcel, stock.NotHere,
    NotPaid for a refund of what is not paid yet, OrderClosed.
    """
    found, lines, parcel = await _locked(tx, shop_id=shop_id, parcel_id=parcel_id)
    if found.status not in packing.OPEN:
        raise OrderClosed(order_id=str(found.id), status=found.status)
    line = next((each for each in lines if each.id == line_id), None)
    inside = next((each for each in parcel.lines if each.line_id == line_id), None)
    if line is None or inside is None or not 1 <= quantity <= inside.quantity:
        raise fulfilment.NotInParcel(line_id=line_id, quantity=quantity)
    reason = f"not found: {parcel.number}"
    promised = stock.Promised(tx, found.hold_id)
    await promised.miss(
        {line.variant_id: quantity}, wait=then == "wait", reason=reason, at=parcel.location_id
    )
    if then == "wait":
        if quantity < sum(each.quantity for each in parcel.lines):
            await fulfilment.split(
                tx, shop_id=shop_id, parcel_id=parcel_id, units={line_id: quantity}, actor=actor
            )
        return found
    await fulfilment.take_out(
        tx, shop_id=shop_id, parcel_id=parcel_id, line_id=line_id, quantity=quantity, actor=actor
    )
    if not packing.is_paid(found, line):
        raise NotPaid(currency=found.currency)
    nothing_left = sum(each.wanted_quantity for each in lines) == quantity
    await queries.add_cancelled(tx, line_id=line_id, quantity=quantity)
    if nothing_left:
        fresh = await queries.lines(tx, order_id=found.id)
        return await fall(tx, found, fresh, by=Party.MERCHANT, why=Why.SOLD_OUT, note=reason, actor=actor)
    gone = line.cancelled_quantity
    worth = pricing.of_units(line.amount_minor, line.quantity, gone + quantity) - pricing.of_units(
        line.amount_minor, line.quantity, gone
    )
    await grant(
        tx,
        found,
        min(worth, found.refundable_minor),
        refund_id=uuid5(parcel_id, f"short/{line_id}/{gone + quantity}"),
        note=reason,
        actor=actor,
    )
    settled = await settle(tx, order_id=found.id)
    await authorising.when_shipped(tx, settled, actor=actor)
    return await _complete(tx, settled)


@dataclass(frozen=True, slots=True)
class Unsent:
    """What of a parcel does not leave as it was planned, within a transaction."""

    tx: Tx
    shop_id: int
    parcel_id: UUID
    actor: str

    async def missing(self, line_id: int, quantity: int, *, then: Literal["refund", "wait"]) -> Order:
        """As `short`."""
        return await short(
            self.tx,
            shop_id=self.shop_id,
            parcel_id=self.parcel_id,
            line_id=line_id,
            quantity=quantity,
            then=then,
            actor=self.actor,
        )

    async def pass_on(
        self,
        *,
        trigger: str,
        note: str = "",
        units: Mapping[int, int] | None = None,
        missing: bool = False,
        unless_accepted: bool = False,
    ) -> passing_on.PassedOn:
        """As `passing_on.pass_on`."""
        return await passing_on.pass_on(
            self.tx,
            shop_id=self.shop_id,
            parcel_id=self.parcel_id,
            actor=self.actor,
            trigger=trigger,
            note=note,
            units=units,
            missing=missing,
            unless_accepted=unless_accepted,
        )
