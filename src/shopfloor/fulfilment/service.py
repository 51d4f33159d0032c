"""The verbs of fulfilment.  Whoever sends parcels has locked their order before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal
from uuid import UUID

from shopfloor import stock
from shopfloor.fulfilment import carriers, queries
from shopfloor.fulfilment.events import (
    PackedLine,
    ParcelCollected,
    ParcelDelivered,
    ParcelShipped,
    ParcelTracked,
    ReadyToCollect,
    StepUndone,
)
from shopfloor.fulfilment.models import (
    GONE,
    HERE,
    LEAVES,
    AllPicked,
    Delivery,
    NotInParcel,
    OtherTracking,
    Parcel,
    ParcelLine,
    ParcelNotFound,
    Planned,
    State,
    WrongItem,
    WrongStep,
    before,
    place_of,
)
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id, now


async def parcels(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[Parcel]:
    """With their lines, in the order of orders; those of other shops are left out."""
    found = await queries.parcels(tx, shop_id=shop_id, ids=ids)
    inside = await queries.lines(tx, ids=[parcel.id for parcel in found])
    return [replace(parcel, lines=inside.get(parcel.id, [])) for parcel in found]


async def parcel(tx: Tx, *, shop_id: int, parcel_id: UUID) -> Parcel:
    """Raises ParcelNotFound."""
    found = await parcels(tx, shop_id=shop_id, ids=[parcel_id])
    if not found:
        raise ParcelNotFound(parcel_id=str(parcel_id))
    return found[0]


async def order_of(tx: Tx, *, shop_id: int, parcel_id: UUID) -> UUID:
    """Whose it is.  Raises ParcelNotFound."""
    order_id = await queries.order_of(tx, shop_id=shop_id, parcel_id=parcel_id)
    if order_id is None:
        raise ParcelNotFound(parcel_id=str(parcel_id))
    return order_id


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Parcel]:
    """All of them in order, cancelled ones too."""
    return await of_orders(tx, shop_id=shop_id, order_ids=[order_id])


async def of_orders(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> list[Parcel]:
    ids = await queries.ids_of_orders(tx, shop_id=shop_id, order_ids=order_ids)
    return await parcels(tx, shop_id=shop_id, ids=ids) if ids else []


async def lock(tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID]) -> list[Parcel]:
    """As they are, and nobody else changes them before this transaction ends.  Raises ParcelNotFound for any."""
    wanted = list(dict.fromkeys(parcel_ids))
    found = await queries.lock(tx, shop_id=shop_id, ids=wanted)
    if len(found) < len(wanted):
        known = {each.id for each in found}
        raise ParcelNotFound(parcel_id=str(next(each for each in wanted if each not in known)))
    inside = await queries.lines(tx, ids=wanted)
    locked = [replace(each, lines=inside.get(each.id, [])) for each in found]
    return sorted(locked, key=lambda each: (each.order_number, each.position))


async def plan(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    order_number: int,
    hold_id: UUID,
    show_id: int | None,
    delivery: Delivery,
    lines: Sequence[Planned],
) -> list[UUID]:
    """Put these units of a locked order into parcels, one for each location; into one that nobody began to pick, where
    there is such a one.  Returns the parcels; units that the ledger has not promised are left out.
    """
    free = {
        (stand.variant_id, stand.location_id): stand.units
        for stand in await queries.stands(tx, order_id=order_id, hold_id=hold_id)
    }
    groups: dict[int, list[Planned]] = {}
    for line in lines:
        missing = line.quantity
        for variant_id, location_id in list(free):
            units = min(missing, free[variant_id, location_id]) if variant_id == line.variant_id else 0
            if units > 0:
                groups.setdefault(location_id, []).append(replace(line, quantity=units))
                free[variant_id, location_id] -= units
                missing -= units
    if not groups:
        return []
    known = await of_order(tx, shop_id=shop_id, order_id=order_id)
    await queries.lock(tx, shop_id=shop_id, ids=[each.id for each in known])
    known = await of_order(tx, shop_id=shop_id, order_id=order_id)
    planned: list[UUID] = []
    for location_id, units in sorted(groups.items()):
        ready_on = max((line.ready_on for line in units if line.ready_on), default=None)
        open_ones = [
            each for each in known if each.location_id == location_id and each.state is State.TO_PICK
        ]
        if open_ones and not any(line.picked for line in open_ones[0].lines):
            parcel_id = open_ones[0].id
            await queries.set_ready(tx, parcel_id=parcel_id, ready_on=ready_on)
        else:
            parcel_id = await _new_parcel(
                tx, shop_id, order_id, order_number, hold_id, location_id, show_id, delivery, ready_on
            )
            await queries.note(
                tx, shop_id=shop_id, parcel_ids=[parcel_id], kind="made", actor="shopfloor", facts={}
            )
        await queries.add_lines(
            tx,
            parcel_id=parcel_id,
            lines=[ParcelLine(line.line_id, line.variant_id, line.quantity, 0) for line in units],
        )
        planned.append(parcel_id)
    return planned


async def _new_parcel(
    tx: Tx,
    shop_id: int,
    order_id: UUID,
    order_number: int,
    hold_id: UUID,
    location_id: int,
    show_id: int | None,
    delivery: Delivery,
    ready_on: date | None,
) -> UUID:
    parcel_id = new_id()
    await queries.insert_parcel(
        tx,
        id=parcel_id,
        shop_id=shop_id,
        order_id=order_id,
        order_number=order_number,
        hold_id=hold_id,
        location_id=location_id,
        show_id=show_id,
        delivery=delivery,
        ready_on=ready_on,
    )
    return parcel_id


async def split(tx: Tx, *, shop_id: int, parcel_id: UUID, units: Mapping[int, int], actor: str) -> Parcel:
    """These units {line id: so many} go into a parcel of their own, which comes later or sooner.

    Raises ParcelNotFound, WrongStep once it is gone, NotInParcel, also where nothing would be left.
    """
    [found] = await lock(tx, shop_id=shop_id, parcel_ids=[parcel_id])
    if found.state not in HERE:
        raise WrongStep(step="split", state=found.state)
    inside = {line.line_id: line for line in found.lines}
    for line_id, quantity in units.items():
        if line_id not in inside or not 1 <= quantity <= inside[line_id].quantity:
            raise NotInParcel(line_id=line_id, quantity=quantity)
    if not units or sum(units.values()) >= sum(line.quantity for line in found.lines):
        raise NotInParcel(units=sum(units.values()))
    other = await _new_parcel(
        tx,
        shop_id,
        found.order_id,
        found.order_number,
        found.hold_id,
        found.location_id,
        found.show_id,
        found.delivery,
        found.ready_on,
    )
    for line_id, quantity in sorted(units.items()):
        await queries.take_from_line(tx, parcel_id=parcel_id, line_id=line_id, quantity=quantity)
    await queries.add_lines(
        tx,
        parcel_id=other,
        lines=[ParcelLine(line_id, inside[line_id].variant_id, n, 0) for line_id, n in sorted(units.items())],
    )
    new_parcel = await parcel(tx, shop_id=shop_id, parcel_id=other)
    facts = {"units": sum(units.values()), "from": found.number, "to": new_parcel.number}
    await queries.note(
        tx, shop_id=shop_id, parcel_ids=[parcel_id, other], kind="split", actor=actor, facts=facts
    )
    return new_parcel


async def take_out(
    tx: Tx,
    *,
    shop_id: int,
    parcel_id: UUID,
    line_id: int,
    quantity: int,
    actor: str,
    kind: Literal["short", "passed_on"] = "short",
    note: str = "",
) -> Parcel:
    """So many units leave the parcel: they are not there, or another location sends them.  A parcel of nothing is cancelled.

    Raises ParcelNotFound, WrongStep, NotInParcel.
    """
    [found] = await lock(tx, shop_id=shop_id, parcel_ids=[parcel_id])
    if found.state not in HERE:
        raise WrongStep(step="short", state=found.state)
    line = next((each for each in found.lines if each.line_id == line_id), None)
    if line is None or not 1 <= quantity <= line.quantity:
        raise NotInParcel(line_id=line_id, quantity=quantity)
    await queries.take_from_line(tx, parcel_id=parcel_id, line_id=line_id, quantity=quantity)
    await queries.note(
        tx,
        shop_id=shop_id,
        parcel_ids=[parcel_id],
        kind=kind,
        actor=actor,
        facts={"line_id": line_id, "units": quantity} | ({"note": note} if note else {}),
    )
    if quantity == sum(each.quantity for each in found.lines):
        await _put(tx, shop_id, [parcel_id], State.CANCELLED, actor)
    return await parcel(tx, shop_id=shop_id, parcel_id=parcel_id)


async def cancel_order(tx: Tx, *, shop_id: int, order_id: UUID, actor: str) -> None:
    """Its order fell: what has not left will not leave."""
    known = await queries.ids_of_orders(tx, shop_id=shop_id, order_ids=[order_id])
    if known:
        locked = await lock(tx, shop_id=shop_id, parcel_ids=known)
        await _put(tx, shop_id, [each.id for each in locked if each.state in HERE], State.CANCELLED, actor)


async def _put(tx: Tx, shop_id: int, ids: Sequence[UUID], state: State, actor: str) -> None:
    if ids:
        await queries.set_state(tx, ids=ids, state=state, at=now())
        if state is State.CANCELLED:
            await queries.leave_boxes(tx, ids=ids)
        await queries.note(tx, shop_id=shop_id, parcel_ids=ids, kind=state, actor=actor, facts={})


async def step(tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID], to: State, actor: str) -> list[Parcel]:
    """Parcels that are not that far take this step; those that are stay.  Returns those that moved.

    For steps in the house: `send` and `arrive` are for those out of it.  Raises ParcelNotFound, and WrongStep for a step
    that one of them cannot take: then none does.
    """
    moved, stayed = await step_able(tx, shop_id=shop_id, parcel_ids=parcel_ids, to=to, actor=actor)
    for refusal in stayed.values():
        raise refusal
    return moved


async def step_able(
    tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID], to: State, actor: str
) -> tuple[list[Parcel], dict[UUID, WrongStep]]:
    """As `step`, of a list in which not each can take it: also those that can't, and why.

    Raises ParcelNotFound, and WrongStep for what is no step in the house.
    """
    if to not in HERE:
        raise WrongStep(step=to)
    if to is State.PACKED:
        # A box is closed with all that lies in it.
        parcel_ids = await queries.with_their_boxes(tx, shop_id=shop_id, ids=parcel_ids)
    moving: list[Parcel] = []
    stayed: dict[UUID, WrongStep] = {}
    for each in await lock(tx, shop_id=shop_id, parcel_ids=parcel_ids):
        try:
            if _moves(each, to):
                moving.append(each)
        except WrongStep as refusal:
            stayed[each.id] = refusal
    ids = [each.id for each in moving]
    await _put(tx, shop_id, ids, to, actor)
    if ids and to is not State.TO_PICK:
        await queries.set_all_picked(tx, parcel_ids=ids, picked=True)
    if to is State.READY_TO_COLLECT:
        await outbox.record_all(
            tx,
            [
                ReadyToCollect(shop_id, each.id, each.order_id, each.number, each.location_id, _packed(each))
                for each in moving
            ],
        )
    return moving, stayed


async def accept(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> Parcel:
    """Somebody does it, and others see who; the first stays.  Raises ParcelNotFound, WrongStep once it is picked."""
    [found] = await lock(tx, shop_id=shop_id, parcel_ids=[parcel_id])
    if found.accepted_at is not None:
        return found
    if found.state is not State.TO_PICK:
        raise WrongStep(parcel=found.number, step="accept", state=found.state)
    at = now()
    await queries.set_accepted(tx, parcel_id=found.id, at=at, by=actor)
    await queries.note(tx, shop_id=shop_id, parcel_ids=[found.id], kind="accepted", actor=actor, facts={})
    return replace(found, accepted_at=at, accepted_by=actor)


def _moves(found: Parcel, to: State) -> bool:
    """Raises WrongStep."""
    if found.state is State.CANCELLED:
        raise WrongStep(parcel=found.number, step=to, state=found.state)
    try:
        return place_of(found.delivery, found.state) < place_of(found.delivery, to)
    except WrongStep as refusal:
        raise WrongStep(
            parcel=found.number, step=to, state=found.state, field=str(found.delivery)
        ) from refusal


def _packed(found: Parcel) -> list[PackedLine]:
    return [PackedLine(line.line_id, line.variant_id, line.quantity) for line in found.lines]


async def pick(tx: Tx, *, shop_id: int, parcel_id: UUID, line_ids: Sequence[int], actor: str) -> Parcel:
    """One unit of the first of these lines that still lacks one is in somebody's hands (a scan); with the last unit the
    parcel is picked.

    Raises ParcelNotFound, WrongStep, WrongItem where it has none of these lines, AllPicked.
    """
    [found] = await lock(tx, shop_id=shop_id, parcel_ids=[parcel_id])
    fitting = [line for line in found.lines if line.line_id in line_ids]
    if not fitting:
        raise WrongItem(parcel=found.number)
    lacking = next((line for line in fitting if line.picked < line.quantity), None)
    if lacking is None:
        raise AllPicked(parcel=found.number)
    if found.state is not State.TO_PICK:
        raise WrongStep(parcel=found.number, step=State.PICKED, state=found.state)
    await queries.set_picked(tx, parcel_id=parcel_id, line_id=lacking.line_id, picked=lacking.picked + 1)
    if sum(line.picked for line in found.lines) + 1 == sum(line.quantity for line in found.lines):
        await _put(tx, shop_id, [parcel_id], State.PICKED, actor)
    return await parcel(tx, shop_id=shop_id, parcel_id=parcel_id)


async def send(tx: Tx, found: Parcel, *, actor: str) -> Parcel:
    """A locked parcel of a locked order leaves the house, and its units the books.  Raises WrongStep, stock.NotHere."""
    leaves = LEAVES[found.delivery]
    if found.state not in HERE:
        raise WrongStep(parcel=found.number, step=leaves, state=found.state)
    await stock.ship(tx, hold_id=found.hold_id, units=found.units, at=found.location_id)
    if any(line.picked < line.quantity for line in found.lines):
        await queries.set_all_picked(tx, parcel_ids=[found.id], picked=True)
    await _put(tx, found.shop_id, [found.id], leaves, actor)
    fact = (
        ParcelCollected(found.shop_id, found.id, found.order_id, found.number, _packed(found))
        if leaves is State.COLLECTED
        else ParcelShipped(
            found.shop_id,
            found.id,
            found.order_id,
            found.number,
            found.show_id,
            found.carrier,
            found.tracking,
            found.tracking_url,
            _packed(found),
        )
    )
    await outbox.record(tx, fact)
    return replace(found, state=leaves)


async def arrive(tx: Tx, found: Parcel, *, actor: str) -> Parcel:
    """A locked parcel that was shipped is with its buyer.  Twice is once.  Raises WrongStep."""
    if found.state in {State.DELIVERED, State.COLLECTED}:
        return found
    if found.state is not State.SHIPPED:
        raise WrongStep(parcel=found.number, step=State.DELIVERED, state=found.state)
    await _put(tx, found.shop_id, [found.id], State.DELIVERED, actor)
    await outbox.record(tx, ParcelDelivered(found.shop_id, found.id, found.order_id, found.number))
    return replace(found, state=State.DELIVERED)


async def undo(tx: Tx, found: Parcel, *, actor: str) -> Parcel:
    """The last step of a locked parcel was a mistake: one step back; units that had left the books are in them again.

    Raises NothingToUndo.
    """
    was, back = found.state, before(found.delivery, found.state)
    if was in GONE and back not in GONE:
        await stock.Promised(tx, found.hold_id).take_back(found.units, at=found.location_id)
    await queries.set_state(tx, ids=[found.id], state=back, at=now())
    if back is State.TO_PICK:
        await queries.set_all_picked(tx, parcel_ids=[found.id], picked=False)
    await queries.note(
        tx,
        shop_id=found.shop_id,
        parcel_ids=[found.id],
        kind="undone",
        actor=actor,
        facts={"was": was, "state": back},
    )
    await outbox.record(tx, StepUndone(found.shop_id, found.id, found.order_id, found.number, was, back))
    return replace(found, state=back)


async def track(
    tx: Tx, found: Parcel, *, carrier: str, tracking: str, actor: str, replaces: bool = True
) -> Parcel:
    """A locked parcel has this number at this carrier.  The same again changes nothing.

    `replaces` False: raises OtherTracking where it has another.  Raises WrongStep for one that is cancelled,
    UnusableText.
    """
    carrier = text.line(carrier, field="carrier", longest=60)
    tracking = text.line(text.looked_for(tracking), field="tracking", longest=200)
    if (carrier or found.carrier, tracking) == (found.carrier, found.tracking) or not (carrier or tracking):
        return found
    if found.state is State.CANCELLED:
        raise WrongStep(parcel=found.number, step="track", state=found.state)
    if not replaces and found.tracking and found.tracking != tracking:
        raise OtherTracking(parcel=found.number, tracking=found.tracking)
    carrier = carrier or found.carrier
    url = (
        await carriers.tracking_url(tx, shop_id=found.shop_id, carrier=carrier, tracking=tracking)
        if tracking
        else ""
    )
    await queries.set_tracking(tx, parcel_id=found.id, carrier=carrier, tracking=tracking, tracking_url=url)
    await queries.note(
        tx,
        shop_id=found.shop_id,
        parcel_ids=[found.id],
        kind="tracked",
        actor=actor,
        facts={"carrier": carrier, "tracking": tracking},
    )
    if found.state in GONE:
        await outbox.record(
            tx, ParcelTracked(found.shop_id, found.id, found.order_id, found.number, carrier, tracking, url)
        )
    return replace(found, carrier=carrier, tracking=tracking, tracking_url=url)
