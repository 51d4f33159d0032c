"""A location does not send what it was to send: the next one by the rules does, where one has it."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from shopfloor import fulfilment, inventory
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders import packing, routed
from shopfloor.orders.lifecycle import lock, number_of
from shopfloor.orders.models import Delivery


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Units that another location sends now, those that no other has, and the parcels they went into."""

    moved: int
    stayed: int
    parcels: list[UUID]


async def pass_on(
    tx: Tx,
    *,
    shop_id: int,
    parcel_id: UUID,
    actor: str,
    trigger: str,
    note: str = "",
    units: Mapping[int, int] | None = None,
    missing: bool = False,
    unless_accepted: bool = False,
) -> PassedOn:
    """These units {line id: so many} of a parcel to be shipped (None: all) leave from elsewhere, as far as others have them;
    the rest stays in it.  `missing`: they are not on the shelf, so what is passed on leaves its books.

    Raises fulfilment.ParcelNotFound, NotInParcel, and WrongStep where it does not leave from there any longer, or somebody
    took it on and `unless_accepted`.
    """
    order_id = await fulfilment.order_of(tx, shop_id=shop_id, parcel_id=parcel_id)
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    [parcel] = await fulfilment.lock(tx, shop_id=shop_id, parcel_ids=[parcel_id])
    may = (
        parcel.state in fulfilment.HERE and parcel.delivery is Delivery.SHIP and found.status in packing.OPEN
    )
    taken_on = parcel.accepted_at is not None or parcel.state is not fulfilment.State.TO_PICK
    if not may or (unless_accepted and taken_on):
        raise fulfilment.WrongStep(parcel=parcel.number, step="passed_on", state=parcel.state)
    inside = {line.line_id: line for line in parcel.lines}
    wanted = dict(units) if units is not None else {each.line_id: each.quantity for each in parcel.lines}
    for line_id, quantity in wanted.items():
        if line_id not in inside or not 1 <= quantity <= inside[line_id].quantity:
            raise fulfilment.NotInParcel(line_id=line_id, quantity=quantity)
    going = [
        fulfilment.Planned(line_id, inside[line_id].variant_id, quantity)
        for line_id, quantity in sorted(wanted.items())
    ]
    legs = await routed.route(
        tx,
        found,
        going,
        trigger=trigger,
        actor=actor,
        note=note,
        without=frozenset({parcel.location_id}),
        leaving=parcel,
    )
    left: dict[int, int] = {}
    for leg in legs:
        for variant_id, quantity in leg.units.items():
            left[variant_id] = left.get(variant_id, 0) + quantity
    gone: list[fulfilment.Planned] = []
    for each in going:
        quantity = min(each.quantity, left.get(each.variant_id, 0))
        if quantity:
            left[each.variant_id] -= quantity
            gone.append(replace(each, quantity=quantity))
    moved = sum(each.quantity for each in gone)
    planned: list[UUID] = []
    if gone:
        for each in gone:
            await fulfilment.take_out(
                tx,
                shop_id=shop_id,
                parcel_id=parcel_id,
                line_id=each.line_id,
                quantity=each.quantity,
                actor=actor,
                kind="passed_on",
                note=note,
            )
        planned = await fulfilment.plan(
            tx,
            shop_id=shop_id,
            order_id=found.id,
            order_number=number_of(found),
            hold_id=found.hold_id,
            show_id=found.show_id,
            delivery=found.delivery,
            lines=[
                replace(each, ready_on=line.ready_on)
                for each in gone
                for line in lines
                if line.id == each.line_id
            ],
        )
    if gone and missing:
        await _leave_the_books(tx, shop_id, parcel, gone)
    return PassedOn(moved, sum(wanted.values()) - moved, planned)


async def _leave_the_books(
    tx: Tx, shop_id: int, parcel: fulfilment.Parcel, gone: list[fulfilment.Planned]
) -> None:
    """What was not found there is free there now, and goes."""
    units: dict[int, int] = {}
    for each in gone:
        units[each.variant_id] = units.get(each.variant_id, 0) + each.quantity
    for variant_id, quantity in sorted(units.items()):
        await inventory.adjust(
            tx,
            shop_id=shop_id,
            location_id=parcel.location_id,
            variant_id=variant_id,
            by=-quantity,
            reason=f"not found: {parcel.number}",
        )
