"""Disputes as providers tell of them, and what the merchant does about each.

Whoever owns what was paid for holds its lock; what a bank has withdrawn is kept from being refunded by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import payment_providers
from shopfloor.disputes import queries
from shopfloor.disputes.events import DisputeDue, DisputeEnded, DisputeOpened
from shopfloor.disputes.models import (
    Answer,
    Dispute,
    DisputeNotFound,
    DisputeOver,
    Movement,
    MovementKind,
    Note,
    State,
)
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import new_id, now

# How often a provider is asked about one that is not over: its messages get lost too.
LOOK_EVERY: Final = timedelta(hours=6)
# Before its deadline.
REMIND_BEFORE: Final = timedelta(hours=48)


async def hear(
    tx: Tx,
    *,
    shop_id: int,
    connection_id: int,
    provider_name: str,
    payment_id: UUID | None,
    reported: payment_providers.Dispute,
) -> Dispute:
    """What a provider says of a dispute.  The same again changes nothing, and an older word does not reopen it."""
    at = now()
    state = State(reported.state)
    dispute = Dispute(
        id=new_id(),
        shop_id=shop_id,
        connection_id=connection_id,
        payment_id=payment_id,
        provider=provider_name,
        reference=reported.reference[:255],
        charge=reported.charge[:255],
        amount_minor=reported.amount.minor,
        currency=reported.amount.currency,
        reason=cleaned(reported.reason, one_line=True)[:200],
        state=state,
        due_by=reported.due_by,
        opened_at=reported.opened_at or at,
        ended_at=at if state.is_over else None,
    )
    is_new = await queries.insert(tx, dispute, look_at=_next_look(dispute, at))
    found = await queries.lock(tx, connection_id=connection_id, reference=dispute.reference)
    assert found is not None, "it was just made, or was there"
    if not is_new:
        reopens = found.state.is_over and not state.is_over
        fresh = replace(
            found,
            payment_id=found.payment_id or payment_id,
            amount_minor=dispute.amount_minor,
            reason=dispute.reason or found.reason,
            due_by=dispute.due_by or found.due_by,
            state=found.state if reopens else state,
            ended_at=found.ended_at or dispute.ended_at,
        )
        if fresh != found:
            await queries.save(tx, fresh, look_at=_next_look(fresh, at))
        if fresh.state.is_over and not found.state.is_over:
            await _tell_end(tx, fresh)
        found = fresh
    elif state.is_over:
        await _tell_end(tx, found)
    else:
        await outbox.record(
            tx,
            DisputeOpened(
                shop_id=shop_id,
                dispute_id=found.id,
                order_id=found.subject_id,
                currency=found.currency,
                amount_minor=found.amount_minor,
                reason=found.reason,
                due_by=found.due_by,
            ),
        )
    for each in reported.movements:
        if each.amount.minor > 0:
            await queries.insert_movement(
                tx,
                id=new_id(),
                dispute=found,
                kind=MovementKind(each.kind),
                amount_minor=each.amount.minor,
                currency=each.amount.currency,
                reference=each.reference[:255],
            )
    return found


def _next_look(found: Dispute, at: datetime) -> datetime | None:
    return None if found.state.is_over else at + LOOK_EVERY


async def _tell_end(tx: Tx, found: Dispute) -> None:
    await outbox.record(
        tx,
        DisputeEnded(
            shop_id=found.shop_id,
            dispute_id=found.id,
            order_id=found.subject_id,
            currency=found.currency,
            amount_minor=found.amount_minor,
            state=found.state,
        ),
    )


async def take_due(tx: Tx, *, limit: int = 50) -> list[Dispute]:
    """Those about which providers are to be asked now."""
    at = now()
    return await queries.take_due(tx, at=at, next_at=at + LOOK_EVERY, limit=limit)


async def remind(tx: Tx, *, limit: int = 100) -> int:
    """Say which deadlines are near that nobody has answered; each once."""
    at = now()
    near = await queries.take_due_soon(tx, at=at, before=at + REMIND_BEFORE, limit=limit)
    for each in near:
        known = await queries.dispute(tx, shop_id=each.shop_id, dispute_id=each.id)
        await outbox.record(
            tx,
            DisputeDue(
                shop_id=each.shop_id,
                dispute_id=each.id,
                order_id=None if known is None else known.subject_id,
                currency=each.currency,
                amount_minor=each.amount_minor,
                reason=each.reason,
                due_by=each.due_by,
            ),
        )
    return len(near)


async def withdrawn(tx: Tx, *, subject_id: UUID) -> Mapping[UUID, int]:
    """What banks hold now, by payment."""
    return await queries.withdrawn(tx, subject_id=subject_id)


# ── the merchant's desk ───────────────────────────────────────────────────────────────────────────────────


async def page_of(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> paging.Page[Dispute]:
    """All of a shop, the newest first."""
    return await paging.page(
        partial(queries.disputes, tx, shop_id=shop_id),
        after=after,
        before=before,
        limit=limit,
        key=lambda each: each.id,
    )


async def waiting(tx: Tx, *, shop_id: int, limit: int = 100) -> list[Dispute]:
    """Those that are not over, the nearest deadline first."""
    return await queries.open_disputes(tx, shop_id=shop_id, limit=limit)


async def of_subject(tx: Tx, *, subject_id: UUID) -> list[Dispute]:
    """Oldest first."""
    return await queries.of_subject(tx, subject_id=subject_id)


@dataclass(frozen=True, slots=True)
class Case:
    """One dispute with all that is kept of it."""

    dispute: Dispute
    movements: Sequence[Movement]
    notes: Sequence[Note]

    @property
    def withdrawn_minor(self) -> int:
        """What the bank holds now."""
        signs = {MovementKind.WITHDRAWN: 1, MovementKind.REINSTATED: -1}
        return sum(signs.get(each.kind, 0) * each.amount_minor for each in self.movements)


async def case(tx: Tx, *, shop_id: int, dispute_id: UUID) -> Case:
    """Raises DisputeNotFound."""
    found = await queries.dispute(tx, shop_id=shop_id, dispute_id=dispute_id)
    if found is None:
        raise DisputeNotFound(dispute_id=str(dispute_id))
    return Case(
        found,
        await queries.movements(tx, dispute_ids=[dispute_id]),
        await queries.notes(tx, dispute_ids=[dispute_id]),
    )


async def answer(
    tx: Tx, *, shop_id: int, dispute_id: UUID, kind: Answer, note: str, person_id: int
) -> Dispute:
    """Note what a person did about it at the provider.  Raises DisputeNotFound, DisputeOver."""
    found = await queries.dispute(tx, shop_id=shop_id, dispute_id=dispute_id)
    if found is None:
        raise DisputeNotFound(dispute_id=str(dispute_id))
    locked = await queries.lock(tx, connection_id=found.connection_id, reference=found.reference)
    assert locked is not None, "disputes are never deleted"
    if locked.state.is_over:
        raise DisputeOver(dispute_id=str(dispute_id), state=locked.state)
    await queries.insert_note(
        tx,
        id=new_id(),
        dispute=locked,
        kind=kind,
        note=cleaned(note, one_line=False)[:1000],
        person_id=person_id,
    )
    return locked
