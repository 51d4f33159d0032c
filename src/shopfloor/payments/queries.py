"""SQL of payments.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.payments.models import Payment, PaymentEvent, Step


async def insert_payment(tx: Tx, payment: Payment, *, who: Sequence[bytes] = ()) -> None:
    await tx.run(
        """
        INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency,
                                      connection_id, return_url, expires_at, look_at, who, capture_later)
        VALUES (%(id)s, %(shop_id)s, %(subject_id)s, %(purpose)s, %(provider)s, %(method)s, %(amount)s, %(currency)s,
                %(connection_id)s, %(return_url)s, %(expires_at)s, %(look_at)s, %(who)s, %(capture_later)s)
        """,
        id=payment.id,
        shop_id=payment.shop_id,
        subject_id=payment.subject_id,
        purpose=payment.purpose,
        provider=payment.provider,
        method=payment.method,
        amount=payment.amount_minor,
        currency=payment.currency,
        connection_id=payment.connection_id,
        return_url=payment.return_url,
        expires_at=payment.expires_at,
        look_at=payment.look_at,
        who=list(who) or None,
        capture_later=payment.capture_later,
    )


async def payments(tx: Tx, *, subject_id: UUID) -> list[Payment]:
    """Oldest first."""
    return await tx.every(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment WHERE subject_id = %(subject_id)s ORDER BY created_at, id
        """,
        subject_id=subject_id,
    )


async def payment(tx: Tx, *, id: UUID) -> Payment | None:  # noqa: A002 -- the column's name
    return await tx.first(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment WHERE id = %(id)s
        """,
        id=id,
    )


async def lock_payment(tx: Tx, *, id: UUID) -> Payment | None:  # noqa: A002 -- the column's name
    """As it is, and nobody else changes it before this transaction ends."""
    return await tx.first(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment WHERE id = %(id)s FOR UPDATE
        """,
        id=id,
    )


async def save_state(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    state: str,
    reference: str,
    action: dict[str, Any] | None,
    note: str,
    look_at: datetime | None,
) -> None:
    await tx.run(
        """
        UPDATE payments.payment
           SET state = %(state)s, reference = %(reference)s, action = %(action)s, note = %(note)s,
               look_at = %(look_at)s
         WHERE id = %(id)s
        """,
        id=id,
        state=state,
        reference=reference,
        action=None if action is None else Jsonb(action),
        note=note,
        look_at=look_at,
    )


async def put_off(tx: Tx, *, ids: Sequence[UUID], look_at: Sequence[datetime]) -> None:
    """They are looked at now; the next time is written before, for whoever dies on the way."""
    await tx.run(
        """
        UPDATE payments.payment p SET look_at = n.look_at, looks = looks + 1
          FROM unnest(%(ids)s::uuid[], %(look_at)s::timestamptz[]) AS n (id, look_at) WHERE p.id = n.id
        """,
        ids=list(ids),
        look_at=list(look_at),
    )


async def to_look_at(tx: Tx, *, at: datetime, limit: int) -> list[Payment]:
    return await tx.every(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment WHERE look_at <= %(at)s ORDER BY look_at LIMIT %(limit)s
           FOR UPDATE SKIP LOCKED
        """,
        at=at,
        limit=limit,
    )


async def insert_step(tx: Tx, *, id: UUID, shop_id: int, payment_id: UUID, kind: str, note: str) -> None:  # noqa: A002 -- the column's name
    await tx.run(
        """
        INSERT INTO payments.step (id, shop_id, payment_id, kind, note)
        VALUES (%(id)s, %(shop_id)s, %(payment_id)s, %(kind)s, %(note)s)
        """,
        id=id,
        shop_id=shop_id,
        payment_id=payment_id,
        kind=kind,
        note=note,
    )


async def steps(tx: Tx, *, payment_ids: Sequence[UUID]) -> list[Step]:
    return await tx.every(
        Step,
        """
        SELECT payment_id, kind, note, recorded_at FROM payments.step
         WHERE payment_id = ANY(%(ids)s) ORDER BY recorded_at, id
        """,
        ids=list(payment_ids),
    )


async def insert_event(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    payment_id: UUID,
    subject_id: UUID,
    kind: str,
    amount_minor: int,
    provider: str,
    reference: str,
    note: str,
    actor: str,
) -> bool:
    """False when the provider's message is known already."""
    inserted = await tx.run(
        """
        INSERT INTO payments.event (id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note, actor)
        VALUES (%(id)s, %(shop_id)s, %(payment_id)s, %(subject_id)s, %(kind)s, %(amount)s, %(provider)s, %(reference)s,
                %(note)s, %(actor)s)
        ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
        """,
        id=id,
        shop_id=shop_id,
        payment_id=payment_id,
        subject_id=subject_id,
        kind=kind,
        amount=amount_minor,
        provider=provider,
        reference=reference,
        note=note,
        actor=actor,
    )
    return inserted == 1


async def events(tx: Tx, *, subject_id: UUID) -> list[PaymentEvent]:
    return await tx.every(
        PaymentEvent,
        """
        SELECT e.id, e.payment_id, e.subject_id, e.kind, p.purpose, e.amount_minor, e.provider, e.reference, e.note,
               e.actor, e.recorded_at
          FROM payments.event e JOIN payments.payment p ON p.id = e.payment_id
         WHERE e.subject_id = %(subject_id)s ORDER BY e.recorded_at, e.id
        """,
        subject_id=subject_id,
    )


async def event_of(tx: Tx, *, shop_id: int, provider: str, kind: str, reference: str) -> PaymentEvent | None:
    return await tx.first(
        PaymentEvent,
        """
        SELECT e.id, e.payment_id, e.subject_id, e.kind, p.purpose, e.amount_minor, e.provider, e.reference, e.note,
               e.actor, e.recorded_at
          FROM payments.event e JOIN payments.payment p ON p.id = e.payment_id
         WHERE e.shop_id = %(shop_id)s AND e.provider = %(provider)s AND e.kind = %(kind)s AND e.reference = %(reference)s
        """,
        shop_id=shop_id,
        provider=provider,
        kind=kind,
        reference=reference,
    )


async def payment_of_charge(tx: Tx, *, shop_id: int, connection_id: int, reference: str) -> Payment | None:
    """The attempt that this money came by; also where it fitted no order."""
    return await tx.first(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment
         WHERE shop_id = %(shop_id)s AND connection_id = %(connection_id)s AND id IN (
           SELECT payment_id FROM payments.event
            WHERE shop_id = %(shop_id)s AND kind = 'charged' AND reference = %(reference)s
           UNION SELECT payment_id FROM payments.difference
            WHERE shop_id = %(shop_id)s AND reference = %(reference)s
              AND kind IN ('amount', 'currency', 'twice', 'late'))
         LIMIT 1
        """,
        shop_id=shop_id,
        connection_id=connection_id,
        reference=reference,
    )
