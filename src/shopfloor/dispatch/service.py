"""The verbs of dispatch: taken on, passed on, not found, and what happens when nobody takes it on.

Locks are taken in the one order of the house: the order, its parcels, the ledger.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import fulfilment, orders
from shopfloor.dispatch import queries
from shopfloor.dispatch.events import OrderAccepted, OrderPassedOn
from shopfloor.dispatch.models import REASONS, TABS, NotHere, Passed, ReasonNeeded, Task, UnknownTask
from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now

_OURS: Final = "shopfloor"
_AT_ONCE: Final = 100


async def listing(
    tx: Tx,
    *,
    shop_id: int,
    tab: str,
    location_id: int | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[Task]:
    """`tab`: new and doing, oldest first, or sent, newest first."""
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
) -> list[Task]:
    ids = await queries.page(
        tx,
        shop_id=shop_id,
        location_id=location_id,
        states=[each.value for each in TABS[tab]],
        accepted={"new": False, "doing": True}.get(tab),
        newest=tab == "sent",
        after=after,
        before=before,
        limit=limit,
    )
    return await queries.tasks(tx, ids=ids)


async def task(tx: Tx, *, shop_id: int, parcel_id: UUID) -> Task:
    """Raises UnknownTask."""
    return (await _known(tx, shop_id, parcel_id))[0]


async def _known(tx: Tx, shop_id: int, parcel_id: UUID) -> tuple[Task, fulfilment.Parcel]:
    try:
        parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
    except fulfilment.ParcelNotFound:
        raise UnknownTask(parcel_id=str(parcel_id)) from None
    found = await queries.tasks(tx, ids=[parcel_id])
    if not found:
        raise UnknownTask(parcel_id=str(parcel_id))
    return found[0], parcel


async def counts(tx: Tx, *, shop_id: int, location_id: int | None = None) -> tuple[int, int]:
    """(not taken on, taken on and not sent), counted up to paging.MOST_COUNTED."""
    return await queries.counts(tx, shop_id=shop_id, location_id=location_id, most=paging.MOST_COUNTED)


async def accept(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> Task:
    """Somebody in the store sends it; the first who says so does.  Raises UnknownTask, NotHere."""
    before, _ = await _known(tx, shop_id, parcel_id)
    order_id = await fulfilment.order_of(tx, shop_id=shop_id, parcel_id=parcel_id)
    try:
        parcel = await fulfilment.accept(tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor)
    except fulfilment.WrongStep as refusal:
        raise NotHere(parcel=before.number) from refusal
    if parcel.state not in fulfilment.HERE:
        raise NotHere(parcel=before.number)
    if parcel.accepted_by == actor and before.accepted_at is None:
        await outbox.record(
            tx,
            OrderAccepted(
                shop_id,
                order_id,
                parcel_id,
                parcel.location_id,
                int((now() - parcel.created_at).total_seconds()),
            ),
        )
    return await task(tx, shop_id=shop_id, parcel_id=parcel_id)


async def pass_on(
    tx: Tx,
    *,
    shop_id: int,
    parcel_id: UUID,
    actor: str,
    reason: str,
    note: str = "",
    units: Mapping[int, int] | None = None,
) -> Passed:
    """The store doesn't send it (`units` {line: so many}; None: all of it): the next location by the rules does.

    `not_found` and `damaged` units leave what the store has for sale.  What no other location has stays in the parcel, and is
    marked as stuck.  Raises UnknownTask, NotHere, ReasonNeeded, fulfilment.NotInParcel, UnusableText.
    """
    if reason not in REASONS:
        raise ReasonNeeded(field="reason")
    note = text.line(note, field="note", longest=200)
    if reason == "other" and not note:
        raise ReasonNeeded(field="note")
    await _known(tx, shop_id, parcel_id)
    missing = reason in {"not_found", "damaged"}
    return await _pass_on(
        tx,
        shop_id,
        parcel_id,
        actor=actor,
        why="short" if missing else "passed_on",
        reason=reason,
        note=note,
        units=units,
        missing=missing,
    )


async def _pass_on(
    tx: Tx,
    shop_id: int,
    parcel_id: UUID,
    *,
    actor: str,
    why: str,
    reason: str,
    note: str,
    units: Mapping[int, int] | None = None,
    missing: bool = False,
    unless_accepted: bool = False,
) -> Passed:
    try:
        done = await orders.shipping.Unsent(tx, shop_id, parcel_id, actor).pass_on(
            trigger=why, note=note, units=units, missing=missing, unless_accepted=unless_accepted
        )
    except fulfilment.WrongStep as refusal:
        raise NotHere(parcel_id=str(parcel_id)) from refusal
    parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
    if done.stayed:
        await queries.mark_stuck(
            tx,
            parcel_id=parcel_id,
            shop_id=shop_id,
            order_id=parcel.order_id,
            location_id=parcel.location_id,
            why=why,
            note=note,
        )
    else:
        await queries.unstick(tx, parcel_id=parcel_id)
    await outbox.record(
        tx,
        OrderPassedOn(
            shop_id,
            parcel.order_id,
            parcel_id,
            parcel.location_id,
            why,
            reason,
            done.moved,
            done.stayed,
        ),
    )
    return Passed(done.moved, done.stayed)


async def step(tx: Tx, *, shop_id: int, parcel_id: UUID, to: fulfilment.State, actor: str) -> None:
    """Found (picked) or packed.  Twice is once.  Raises UnknownTask, NotHere."""
    await _known(tx, shop_id, parcel_id)
    await accept_quietly(tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor)
    _, stayed = await fulfilment.step_able(tx, shop_id=shop_id, parcel_ids=[parcel_id], to=to, actor=actor)
    for refusal in stayed.values():
        raise NotHere(parcel_id=str(parcel_id)) from refusal
    await queries.unstick(tx, parcel_id=parcel_id)


async def accept_quietly(tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str) -> None:
    """Whoever picks it has taken it on."""
    parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
    if parcel.state is fulfilment.State.TO_PICK and parcel.accepted_at is None:
        await accept(tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor)


async def send(
    tx: Tx, *, shop_id: int, parcel_id: UUID, actor: str, carrier: str = "", tracking: str = ""
) -> None:
    """It leaves with the carrier.  Twice is once.  Raises UnknownTask, NotHere, and as `orders.shipping.send_parcel`."""
    await _known(tx, shop_id, parcel_id)
    try:
        await orders.shipping.send_parcel(
            tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor, carrier=carrier, tracking=tracking
        )
    except fulfilment.WrongStep as refusal:
        raise NotHere(parcel_id=str(parcel_id)) from refusal
    await queries.unstick(tx, parcel_id=parcel_id)


async def escalate(db: Database) -> int:
    """What nobody took on in time goes to the next location, one transaction each; what no other has is marked.  Returns how
    many.
    """
    async with db.transaction() as tx:
        late = await queries.overdue(tx, limit=_AT_ONCE)
    done = 0
    for shop_id, parcel_id in late:
        try:
            async with db.transaction() as tx:
                await _pass_on(
                    tx,
                    shop_id,
                    parcel_id,
                    actor=_OURS,
                    why="not_accepted",
                    reason="",
                    note="",
                    unless_accepted=True,
                )
        except Refusal:
            # Somebody was faster: it is sent, cancelled or passed on.
            continue
        done += 1
    return done
