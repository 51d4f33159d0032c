"""SQL of disputes.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.disputes.models import Dispute, Movement, Note
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


async def insert(tx: Tx, dispute: Dispute, *, look_at: datetime | None) -> bool:
    inserted = await tx.run(
        """
        INSERT INTO disputes.dispute (id, shop_id, connection_id, payment_id, provider, reference, charge, amount_minor,
                                      currency, reason, state, due_by, opened_at, ended_at, look_at)
        VALUES (%(id)s, %(shop_id)s, %(connection_id)s, %(payment_id)s, %(provider)s, %(reference)s, %(charge)s,
                %(amount)s, %(currency)s, %(reason)s, %(state)s, %(due_by)s, %(opened_at)s, %(ended_at)s, %(look_at)s)
        ON CONFLICT (connection_id, reference) DO NOTHING
        """,
        id=dispute.id,
        shop_id=dispute.shop_id,
        connection_id=dispute.connection_id,
        payment_id=dispute.payment_id,
        provider=dispute.provider,
        reference=dispute.reference,
        charge=dispute.charge,
        amount=dispute.amount_minor,
        currency=dispute.currency,
        reason=dispute.reason,
        state=dispute.state,
        due_by=dispute.due_by,
        opened_at=dispute.opened_at,
        ended_at=dispute.ended_at,
        look_at=look_at,
    )
    return inserted == 1


async def lock(tx: Tx, *, connection_id: int, reference: str) -> Dispute | None:
    """As it is, and nobody else changes it before this transaction ends."""
    return await tx.first(
        Dispute,
        """
        SELECT d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
               d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at, p.subject_id
          FROM disputes.dispute d LEFT JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE d.connection_id = %(connection_id)s AND d.reference = %(reference)s FOR UPDATE OF d
        """,
        connection_id=connection_id,
        reference=reference,
    )


async def save(tx: Tx, dispute: Dispute, *, look_at: datetime | None) -> None:
    await tx.run(
        """
        UPDATE disputes.dispute
           SET payment_id = %(payment_id)s, state = %(state)s, due_by = %(due_by)s, reason = %(reason)s,
               amount_minor = %(amount)s, ended_at = %(ended_at)s, look_at = %(look_at)s
         WHERE id = %(id)s
        """,
        payment_id=dispute.payment_id,
        state=dispute.state,
        due_by=dispute.due_by,
        reason=dispute.reason,
        amount=dispute.amount_minor,
        ended_at=dispute.ended_at,
        look_at=look_at,
        id=dispute.id,
    )


async def dispute(tx: Tx, *, shop_id: int, dispute_id: UUID) -> Dispute | None:
    return await tx.first(
        Dispute,
        """
        SELECT d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
               d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at, p.subject_id
          FROM disputes.dispute d LEFT JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE d.shop_id = %(shop_id)s AND d.id = %(id)s
        """,
        shop_id=shop_id,
        id=dispute_id,
    )


async def disputes(
    tx: Tx, *, shop_id: int, after: UUID | None, before: UUID | None, limit: int
) -> list[Dispute]:
    """The newest first; of a page that ends `before` one, the nearest first."""
    return await tx.every(
        Dispute,
        """
        SELECT d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
               d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at, p.subject_id
          FROM disputes.dispute d LEFT JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE d.shop_id = %(shop_id)s
           AND (%(after)s::uuid IS NULL OR (d.opened_at, d.id) <
                (SELECT opened_at, id FROM disputes.dispute WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (d.opened_at, d.id) >
                (SELECT opened_at, id FROM disputes.dispute WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN d.opened_at END,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN d.id END, d.opened_at DESC, d.id DESC
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


async def open_disputes(tx: Tx, *, shop_id: int, limit: int) -> list[Dispute]:
    """Those that are not over, the nearest deadline first."""
    return await tx.every(
        Dispute,
        """
        SELECT d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
               d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at, p.subject_id
          FROM disputes.dispute d LEFT JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE d.shop_id = %(shop_id)s AND d.ended_at IS NULL
         ORDER BY d.state <> 'needs_answer', d.due_by NULLS LAST, d.id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        limit=limit,
    )


async def of_subject(tx: Tx, *, subject_id: UUID) -> list[Dispute]:
    return await tx.every(
        Dispute,
        """
        SELECT d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
               d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at, p.subject_id
          FROM disputes.dispute d JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE p.subject_id = %(subject_id)s ORDER BY d.opened_at, d.id
        """,
        subject_id=subject_id,
    )


async def take_due(tx: Tx, *, at: datetime, next_at: datetime, limit: int) -> list[Dispute]:
    """Those whose providers are to be asked now; the next time is written before, for whoever dies on the way."""
    return await tx.every(
        Dispute,
        """
        UPDATE disputes.dispute d SET look_at = %(next_at)s
         WHERE d.id IN (SELECT id FROM disputes.dispute WHERE look_at <= %(at)s
                         ORDER BY look_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
                  d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at
        """,
        at=at,
        next_at=next_at,
        limit=limit,
    )


async def take_due_soon(tx: Tx, *, at: datetime, before: datetime, limit: int) -> list[Dispute]:
    """Those that nobody has answered and whose deadline is near; each once."""
    return await tx.every(
        Dispute,
        """
        UPDATE disputes.dispute d SET reminded_at = %(at)s
         WHERE d.id IN (SELECT o.id FROM disputes.dispute o
                         WHERE o.state = 'needs_answer' AND o.due_by <= %(before)s AND o.due_by > %(at)s
                           AND o.reminded_at IS NULL AND NOT EXISTS (SELECT FROM disputes.note n WHERE n.dispute_id = o.id)
                         ORDER BY o.due_by LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING d.id, d.shop_id, d.connection_id, d.payment_id, d.provider, d.reference, d.charge, d.amount_minor,
                  d.currency, d.reason, d.state, d.due_by, d.opened_at, d.ended_at
        """,
        at=at,
        before=before,
        limit=limit,
    )


async def insert_movement(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    dispute: Dispute,
    kind: str,
    amount_minor: int,
    currency: str,
    reference: str,
) -> bool:
    inserted = await tx.run(
        """
        INSERT INTO disputes.movement (id, shop_id, dispute_id, kind, amount_minor, currency, reference)
        VALUES (%(id)s, %(shop_id)s, %(dispute_id)s, %(kind)s, %(amount)s, %(currency)s, %(reference)s)
        ON CONFLICT (dispute_id, kind, reference) DO NOTHING
        """,
        id=id,
        shop_id=dispute.shop_id,
        dispute_id=dispute.id,
        kind=kind,
        amount=amount_minor,
        currency=currency,
        reference=reference,
    )
    return inserted == 1


async def movements(tx: Tx, *, dispute_ids: Sequence[UUID]) -> list[Movement]:
    return await tx.every(
        Movement,
        """
        SELECT dispute_id, kind, amount_minor, currency, reference, recorded_at FROM disputes.movement
         WHERE dispute_id = ANY(%(ids)s) ORDER BY recorded_at, id
        """,
        ids=list(dispute_ids),
    )


async def insert_note(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    dispute: Dispute,
    kind: str,
    note: str,
    person_id: int,
) -> None:
    await tx.run(
        """
        INSERT INTO disputes.note (id, shop_id, dispute_id, kind, note, person_id)
        VALUES (%(id)s, %(shop_id)s, %(dispute_id)s, %(kind)s, %(note)s, %(person_id)s)
        """,
        id=id,
        shop_id=dispute.shop_id,
        dispute_id=dispute.id,
        kind=kind,
        note=note,
        person_id=person_id,
    )


async def notes(tx: Tx, *, dispute_ids: Sequence[UUID]) -> list[Note]:
    """With the name that the person has now, '' for one who left."""
    return await tx.every(
        Note,
        """
        SELECT n.dispute_id, n.kind, n.note, n.person_id, coalesce(m.name, '') AS name, n.recorded_at
          FROM disputes.note n
          LEFT JOIN accounts.v_member m ON m.shop_id = n.shop_id AND m.person_id = n.person_id
         WHERE n.dispute_id = ANY(%(ids)s) ORDER BY n.recorded_at, n.id
        """,
        ids=list(dispute_ids),
    )


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    payment_id: UUID
    amount_minor: int


async def withdrawn(tx: Tx, *, subject_id: UUID) -> dict[UUID, int]:
    """By payment: what banks hold of it now."""
    found = await tx.every(
        _Withdrawn,
        "SELECT payment_id, amount_minor FROM disputes.v_withdrawn WHERE subject_id = %(subject_id)s",
        subject_id=subject_id,
    )
    return {each.payment_id: each.amount_minor for each in found}
