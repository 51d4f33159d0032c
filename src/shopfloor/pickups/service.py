"""The verbs of pickups: made ready in the store, handed over against a proof, released when nobody comes.

Locks are taken in the one order of the house: the order, its parcels, the ledger, and the pickup after them.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import fulfilment, orders, stores
from shopfloor.fulfilment import Delivery, Parcel
from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now, whole_number
from shopfloor.pickups import queries
from shopfloor.pickups.events import (
    PickupHandedOver,
    PickupLine,
    PickupReady,
    PickupReleased,
    PickupReminded,
)
from shopfloor.pickups.models import (
    MOST_TRIES,
    REMIND_BEFORE,
    NotWaiting,
    Pickup,
    Proof,
    ProofNeeded,
    State,
    TooManyTries,
    UnknownPickup,
    WrongCode,
    new_code,
    read_code,
)
from shopfloor.pickups.queries import Waiting

FOUND_AT_ONCE: Final = 20
_AT_ONCE: Final = 200
_OURS: Final = "shopfloor"
TABS: Final = {
    "prepare": (fulfilment.State.TO_PICK, fulfilment.State.PICKED),
    "ready": (fulfilment.State.READY_TO_COLLECT,),
    "done": (fulfilment.State.COLLECTED,),
}


async def listing(
    tx: Tx,
    *,
    shop_id: int,
    tab: str,
    location_id: int | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[Waiting]:
    """`tab`: prepare and ready, oldest first, or done, newest first."""
    return await paging.page(
        partial(_rows, tx, shop_id, location_id, tab),
        after=after,
        before=before,
        limit=limit,
        key=lambda row: row.parcel_id,
    )


async def _rows(
    tx: Tx,
    shop_id: int,
    location_id: int | None,
    tab: str,
    *,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Waiting]:
    ids = await queries.page(
        tx,
        shop_id=shop_id,
        location_id=location_id,
        states=[each.value for each in TABS[tab]],
        newest=tab == "done",
        after=after,
        before=before,
        limit=limit,
    )
    return await queries.waiting(tx, ids=ids)


async def find(tx: Tx, *, shop_id: int, typed: str) -> list[Waiting]:
    """By the code, the number of the order or part of the name; the code first.  FOUND_AT_ONCE at most."""
    wanted = text.looked_for(typed)
    if not wanted:
        return []
    ids = [
        each.parcel_id for each in await queries.by_code(tx, shop_id=shop_id, code=read_code(wanted))
    ] or await queries.by_number_or_name(
        tx,
        shop_id=shop_id,
        number=whole_number(wanted.removeprefix("#").upper().partition("-P")[0]),
        name=wanted if len(wanted) > 1 and not wanted.isdigit() else "",
        limit=FOUND_AT_ONCE,
    )
    return await queries.waiting(tx, ids=ids[:FOUND_AT_ONCE])


async def waiting(tx: Tx, *, shop_id: int, parcel_id: UUID) -> Waiting:
    """Raises UnknownPickup."""
    parcel = await _parcel(tx, shop_id, parcel_id)
    [found] = await queries.waiting(tx, ids=[parcel.id])
    return found


async def ready_among(tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these parcels wait in a store, to be handed over to who proves that they are theirs."""
    return set(await queries.ready_among(tx, shop_id=shop_id, parcel_ids=parcel_ids))


async def _parcel(tx: Tx, shop_id: int, parcel_id: UUID) -> Parcel:
    try:
        parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
    except fulfilment.ParcelNotFound:
        raise UnknownPickup(parcel_id=str(parcel_id)) from None
    if parcel.delivery is not Delivery.PICK_UP:
        raise UnknownPickup(parcel_id=str(parcel_id))
    return parcel


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Pickup]:
    return await queries.pickups(tx, shop_id=shop_id, order_id=order_id)


async def counts(tx: Tx, *, shop_id: int, location_id: int | None = None) -> dict[str, int]:
    """How many are at each step of a parcel before they are handed over, counted up to paging.MOST_COUNTED."""
    return await queries.counts(tx, shop_id=shop_id, location_id=location_id, most=paging.MOST_COUNTED)


async def accept(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> Parcel:
    """Somebody prepares it.  Raises UnknownPickup, fulfilment.WrongStep."""
    await _parcel(tx, shop_id, parcel_id)
    return await fulfilment.accept(tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor)


async def make_ready(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> Parcel:
    """Its goods are found and lie ready: its buyer is told.  Twice is once.  Raises UnknownPickup, fulfilment.WrongStep."""
    await _parcel(tx, shop_id, parcel_id)
    _, stayed = await fulfilment.step_able(
        tx, shop_id=shop_id, parcel_ids=[parcel_id], to=fulfilment.State.READY_TO_COLLECT, actor=actor
    )
    for refusal in stayed.values():
        raise refusal
    parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
    await begin(tx, parcel)
    return parcel


async def begin(tx: Tx, parcel: Parcel) -> None:
    """A parcel that is ready waits at its store, as long as that store keeps it.  Once or often."""
    if parcel.state is not fulfilment.State.READY_TO_COLLECT or parcel.delivery is not Delivery.PICK_UP:
        return
    store = await stores.find(tx, shop_id=parcel.shop_id, location_id=parcel.location_id)
    if store is None:
        return
    at = now()
    keep_until = stores.hours.keep_until(store, at)
    known = await queries.pickups(tx, shop_id=parcel.shop_id, order_id=parcel.order_id)
    code = known[0].code if known else await _fresh_code(tx, parcel.shop_id)
    began = await queries.begin(
        tx,
        parcel_id=parcel.id,
        shop_id=parcel.shop_id,
        order_id=parcel.order_id,
        location_id=parcel.location_id,
        code=code,
        at=at,
        keep_until=keep_until,
    )
    if began:
        await outbox.record(
            tx,
            PickupReady(
                parcel.shop_id,
                parcel.order_id,
                parcel.id,
                parcel.number,
                parcel.location_id,
                keep_until,
                _lines(parcel),
            ),
        )


async def _fresh_code(tx: Tx, shop_id: int) -> str:
    """One that waits for nobody else of this shop."""
    while True:
        code = new_code()
        if not await queries.by_code(tx, shop_id=shop_id, code=code):
            return code


def _lines(parcel: Parcel) -> list[PickupLine]:
    return [PickupLine(line.line_id, line.variant_id, line.quantity) for line in parcel.lines]


async def hand_over(
    db: Database, *, shop_id: int, parcel_id: UUID, code: str = "", reason: str = "", actor: str
) -> list[Pickup]:
    """All of its order that waits there goes to whoever came: against the code, or, where there is none, after name and
    order number were checked, with the reason.  Returns what was handed over.

    A wrong code counts, whatever else fails.  Raises UnknownPickup, ProofNeeded, WrongCode, TooManyTries, NotWaiting with
    who handed it over and when, and what `orders.shipping.send_parcel` raises.
    """
    note = text.line(reason, field="reason", longest=200)
    async with db.transaction() as tx:
        proof = await _proof(tx, shop_id, parcel_id, code, note)
    if proof is None:
        raise WrongCode(parcel_id=str(parcel_id), most=MOST_TRIES)
    async with db.transaction() as tx:
        found = await queries.pickup(tx, shop_id=shop_id, parcel_id=parcel_id)
        assert found is not None, "it was there"
        together = [
            each
            for each in await queries.pickups(tx, shop_id=shop_id, order_id=found.order_id)
            if each.parcel_id == parcel_id
            or (each.state is State.READY and each.location_id == found.location_id)
        ]
        return [
            await _hand_over_one(tx, each, proof=proof, note=note, actor=actor)
            for each in sorted(together, key=lambda each: each.parcel_id)
        ]


async def _proof(tx: Tx, shop_id: int, parcel_id: UUID, code: str, note: str) -> Proof | None:
    """What shows that it may be given; None for a wrong code, which is counted."""
    found = await queries.pickup(tx, shop_id=shop_id, parcel_id=parcel_id)
    if found is None:
        raise UnknownPickup(parcel_id=str(parcel_id))
    found = await queries.lock(tx, parcel_id=parcel_id) or found
    if found.state is not State.READY:
        raise _over(found)
    if code.strip():
        if found.tries >= MOST_TRIES:
            raise TooManyTries(parcel_id=str(parcel_id), most=MOST_TRIES)
        if read_code(code) != found.code:
            await queries.count_try(tx, parcel_id=parcel_id)
            return None
        return Proof.CODE
    if not note:
        raise ProofNeeded(parcel_id=str(parcel_id), field="reason")
    return Proof.NAME


def _over(found: Pickup) -> NotWaiting:
    return NotWaiting(
        parcel_id=str(found.parcel_id),
        state=found.state.value,
        by=found.ended_by,
        at=None if found.ended_at is None else found.ended_at.isoformat(),
    )


async def _hand_over_one(tx: Tx, each: Pickup, *, proof: Proof, note: str, actor: str) -> Pickup:
    at = now()
    await orders.shipping.send_parcel(tx, shop_id=each.shop_id, parcel_id=each.parcel_id, actor=actor)
    ended = await queries.end(
        tx,
        parcel_id=each.parcel_id,
        state=State.HANDED_OVER.value,
        at=at,
        by=actor,
        proof=proof.value,
        note=note if proof is Proof.NAME else "",
    )
    fresh = await queries.lock(tx, parcel_id=each.parcel_id) or each
    if not ended:
        raise _over(fresh)
    parcel = await fulfilment.parcel(tx, shop_id=each.shop_id, parcel_id=each.parcel_id)
    await _tell_handed_over(tx, parcel, fresh)
    return fresh


async def _tell_handed_over(tx: Tx, parcel: Parcel, pickup: Pickup) -> None:
    assert pickup.ended_at is not None, "it ended"
    await outbox.record(
        tx,
        PickupHandedOver(
            parcel.shop_id,
            parcel.order_id,
            parcel.id,
            parcel.number,
            parcel.location_id,
            (pickup.proof or Proof.NONE).value,
            pickup.ended_by,
            max(0, round((pickup.ended_at - pickup.ready_at).total_seconds())),
            _lines(parcel),
        ),
    )


async def collected_elsewhere(tx: Tx, *, shop_id: int, parcel_id: UUID) -> None:
    """It was handed over on another page, where nobody asked for a proof: that is written down."""
    ended = await queries.end(
        tx, parcel_id=parcel_id, state=State.HANDED_OVER.value, at=now(), by="", proof=Proof.NONE.value
    )
    if ended:
        fresh = await queries.lock(tx, parcel_id=parcel_id)
        assert fresh is not None, "it was just changed"
        parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
        await _tell_handed_over(tx, parcel, fresh)


async def undone(tx: Tx, parcel: Parcel) -> None:
    """A step of it was a mistake: it waits again, a day at least, or it wasn't ready after all.

    What counts is where it stands now: several steps may have been undone before this is heard.
    """
    if parcel.state is fulfilment.State.READY_TO_COLLECT:
        await queries.wait_again(tx, parcel_id=parcel.id, at_least_until=now() + timedelta(days=1))
    elif parcel.state in fulfilment.HERE:
        await queries.withdraw_parcel(tx, parcel_id=parcel.id, at=now())


async def withdraw(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """Its order was cancelled: nothing of it waits any longer."""
    await queries.withdraw_order(tx, shop_id=shop_id, order_id=order_id, at=now())


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    """What assistants noted of them."""
    return await queries.forget_notes(tx, shop_id=shop_id, buyers=buyers)


async def remind(tx: Tx) -> int:
    """Tell buyers whose time is nearly over, each once."""
    at = now()
    due = await queries.to_remind(tx, at=at, before=at + REMIND_BEFORE, limit=_AT_ONCE)
    for each in due:
        parcel = await fulfilment.parcel(tx, shop_id=each.shop_id, parcel_id=each.parcel_id)
        if parcel.state is fulfilment.State.READY_TO_COLLECT:
            fact = PickupReminded(
                each.shop_id,
                each.order_id,
                each.parcel_id,
                parcel.number,
                each.location_id,
                each.keep_until,
                _lines(parcel),
            )
            await outbox.record(tx, fact)
    await queries.mark_reminded(tx, parcel_ids=[each.parcel_id for each in due], at=at)
    return len(due)


async def release(db: Database) -> int:
    """What nobody collected in time: by the store's rule the order is cancelled and refunded, or people are asked.

    Each in a transaction of its own; what somebody hands over meanwhile stays handed over.  Returns how many orders fell.
    """
    async with db.transaction() as tx:
        due = await queries.overdue(tx, at=now(), limit=_AT_ONCE)
    released = 0
    for each in due:
        try:
            async with db.transaction() as tx:
                released += await _release_one(tx, each)
        except Refusal:
            # It was handed over, or something else became of its order; people see it where it isn't over.
            async with db.transaction() as tx:
                await queries.mark_overdue(tx, parcel_id=each.parcel_id, at=now())
    return released


async def _release_one(tx: Tx, found: Pickup) -> bool:
    store = await stores.find(tx, shop_id=found.shop_id, location_id=found.location_id)
    parcels = await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.order_id)
    own = next(each for each in parcels if each.id == found.parcel_id)
    view = await orders.order(tx, shop_id=found.shop_id, order_id=found.order_id)
    cancelled = view.order.status is orders.Status.CANCELLED
    if own.state is fulfilment.State.COLLECTED:
        # Handed over on another page; who did it is heard of in a moment.
        return False
    if cancelled or own.state is not fulfilment.State.READY_TO_COLLECT:
        await queries.end(tx, parcel_id=found.parcel_id, state=State.WITHDRAWN.value, at=now(), by="")
        return False
    all_of_it = sum(line.wanted_quantity for line in view.lines) == sum(own.units.values())
    if store is None or store.after_keeping is not stores.AfterKeeping.RELEASE or not all_of_it:
        await queries.mark_overdue(tx, parcel_id=found.parcel_id, at=now())
        return False
    await orders.cancel(
        tx,
        shop_id=found.shop_id,
        order_id=found.order_id,
        by=orders.Party.SYSTEM,
        uncollected=True,
        actor=_OURS,
    )
    if not await queries.end(tx, parcel_id=found.parcel_id, state=State.RELEASED.value, at=now(), by=_OURS):
        raise _over(found)
    fact = PickupReleased(
        found.shop_id, found.order_id, found.parcel_id, own.number, found.location_id, _lines(own)
    )
    await outbox.record(tx, fact)
    return True
