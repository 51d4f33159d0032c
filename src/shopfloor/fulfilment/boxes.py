"""Parcels of several orders in one box: picked each by itself, packed, labelled and sent together.

A box is known by the parcel that was in it first.  Until it is packed, parcels are put in and taken out.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shopfloor.fulfilment import queries, service
from shopfloor.fulfilment.models import Delivery, NotTogether, Parcel, State, WrongStep
from shopfloor.kernel.database import Tx

_OPEN: Final = frozenset({State.TO_PICK, State.PICKED})


async def members(tx: Tx, *, shop_id: int, parcel_id: UUID) -> list[Parcel]:
    """All that lies in the box of a parcel, itself included, in the order of orders; not what was cancelled."""
    ids = await queries.ids_in_box(tx, shop_id=shop_id, parcel_id=parcel_id)
    found = await service.parcels(tx, shop_id=shop_id, ids=ids)
    return [each for each in found if each.state is not State.CANCELLED or each.id == parcel_id]


async def with_members(tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID]) -> list[UUID]:
    """These parcels of the shop, and what lies in a box with one of them."""
    return await queries.with_their_boxes(tx, shop_id=shop_id, ids=parcel_ids)


def fits(parcel: Parcel, other: Parcel) -> bool:
    """Whether two parcels could lie in one box: sent, not yet packed, from one location."""
    return (
        parcel.location_id == other.location_id
        and {parcel.delivery, other.delivery} == {Delivery.SHIP}
        and parcel.state in _OPEN
        and other.state in _OPEN
    )


async def put_together(
    tx: Tx, *, shop_id: int, parcel_id: UUID, with_parcel_id: UUID, actor: str
) -> list[Parcel]:
    """The first goes into the box of the second, with all that lay in its own.  Twice is once.

    Whoever asks knows that both go to one address.  Raises ParcelNotFound, NotTogether, WrongStep once one is packed.
    """
    ours = await queries.ids_in_box(tx, shop_id=shop_id, parcel_id=parcel_id)
    theirs = await queries.ids_in_box(tx, shop_id=shop_id, parcel_id=with_parcel_id)
    locked = {
        each.id: each
        for each in await service.lock(
            tx, shop_id=shop_id, parcel_ids=[parcel_id, with_parcel_id, *ours, *theirs]
        )
    }
    moved, into = locked[parcel_id], locked[with_parcel_id]
    box_id = into.box_id or into.id
    if (moved.box_id or moved.id) == box_id:
        return await members(tx, shop_id=shop_id, parcel_id=parcel_id)
    for each in (moved, into):
        if each.state not in _OPEN:
            raise WrongStep(parcel=each.number, step="put_together", state=each.state)
    if not fits(moved, into):
        raise NotTogether(parcel=moved.number, other=into.number)
    going = [each for each in ours if each != box_id] or [parcel_id]
    await queries.set_box(tx, ids=going, box_id=box_id)
    await queries.note(
        tx,
        shop_id=shop_id,
        parcel_ids=going,
        kind="put_together",
        actor=actor,
        facts={"from": moved.number, "to": locked[box_id].number if box_id in locked else into.number},
    )
    return await members(tx, shop_id=shop_id, parcel_id=parcel_id)


async def take_apart(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> None:
    """A parcel leaves the box it lies in and gets one of its own; the box of others is theirs.  Once or often.

    Raises ParcelNotFound, WrongStep once it is packed.
    """
    ids = await queries.ids_in_box(tx, shop_id=shop_id, parcel_id=parcel_id)
    locked = await service.lock(tx, shop_id=shop_id, parcel_ids=[parcel_id, *ids])
    found = next(each for each in locked if each.id == parcel_id)
    if len(locked) == 1:
        return
    if found.state not in _OPEN:
        raise WrongStep(parcel=found.number, step="take_apart", state=found.state)
    await queries.leave_boxes(tx, ids=[parcel_id])
    await queries.note(tx, shop_id=shop_id, parcel_ids=[parcel_id], kind="taken_apart", actor=actor, facts={})
