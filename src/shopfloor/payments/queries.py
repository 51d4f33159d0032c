"""SQL of payments.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.payments.models import Payment, PaymentEvent, Step


async def insert_payments(tx: Tx, opened: Sequence[tuple[Payment, Sequence[bytes]]]) -> None:
    """New attempts, and who asks for each."""
    rows = [
        {
            "id": payment.id,
            "shop_id": payment.shop_id,
            "subject_id": payment.subject_id,
            "purpose": payment.purpose,
            "provider": payment.provider,
            "method": payment.method,
            "amount_minor": payment.amount_minor,
            "currency": payment.currency,
            "connection_id": payment.connection_id,
            "return_url": payment.return_url,
            "expires_at": payment.expires_at,
            "look_at": payment.look_at,
            "who": [f"\\x{each.hex()}" for each in who] or None,
            "capture_later": payment.capture_later,
        }
        for payment, who in opened
    ]
    await tx.run(
        """
        INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency,
                                      connection_id, return_url, expires_at, look_at, who, capture_later)
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, return_url,
               expires_at, look_at, who, capture_later
          FROM jsonb_populate_recordset(NULL::payments.payment, %(rows)s::jsonb)
        """,
        rows=Json(rows, dumps=msgspec.json.encode),
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


async def payments_by_id(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Payment]:
    found = await tx.every(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment WHERE id = ANY(%(ids)s::uuid[])
        """,
        ids=list(ids),
    )
    return {each.id: each for each in found}


async def lock_payments(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """As they are, and nobody else changes them before this transaction ends."""
    found = await tx.every(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency, connection_id, reference,
               state, action, note, return_url, expires_at, look_at, looks, capture_later
          FROM payments.payment WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE
        """,
        ids=list(ids),
    )
    return {each.id: each for each in found}


async def save_states(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    """Of locked attempts: `id`, `state`, `reference`, `action`, `note`, `look_at`."""
    await tx.run(
        """
        UPDATE payments.payment AS p
           SET state = n.state, reference = n.reference, action = n.action, note = n.note, look_at = n.look_at
          FROM jsonb_to_recordset(%(rows)s::jsonb)
               AS n (id uuid, state text, reference text, action jsonb, note text, look_at timestamptz)
         WHERE p.id = n.id
        """,
        rows=Json(rows, dumps=msgspec.json.encode),
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


async def insert_steps(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    """`id`, `shop_id`, `payment_id`, `kind`, `note`."""
    await tx.run(
        """
        INSERT INTO payments.step (id, shop_id, payment_id, kind, note)
        SELECT id, shop_id, payment_id, kind, note
          FROM jsonb_to_recordset(%(rows)s::jsonb)
               AS n (id uuid, shop_id bigint, payment_id uuid, kind text, note text)
        """,
        rows=Json(rows, dumps=msgspec.json.encode),
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


async def insert_events(tx: Tx, rows: Sequence[Mapping[str, object]]) -> set[UUID]:
    """The ids of those that were not known already as messages of their provider."""
    cursor = await tx.connection.execute(
        """
        INSERT INTO payments.event (id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note, actor)
        SELECT id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note, actor
          FROM jsonb_to_recordset(%(rows)s::jsonb)
               AS n (id uuid, shop_id bigint, payment_id uuid, subject_id uuid, kind text, amount_minor bigint,
                     provider text, reference text, note text, actor text)
            ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
        RETURNING id
        """,
        {"rows": Json(rows, dumps=msgspec.json.encode)},
    )
    return {row[0] for row in await cursor.fetchall()}


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


async def events_named(
    tx: Tx, *, shop_id: int, provider: str, kind: str, references: Sequence[str]
) -> list[PaymentEvent]:
    return await tx.every(
        PaymentEvent,
        """
        SELECT e.id, e.payment_id, e.subject_id, e.kind, p.purpose, e.amount_minor, e.provider, e.reference, e.note,
               e.actor, e.recorded_at
          FROM payments.event e JOIN payments.payment p ON p.id = e.payment_id
         WHERE e.shop_id = %(shop_id)s AND e.provider = %(provider)s AND e.kind = %(kind)s
           AND e.reference = ANY(%(references)s::text[])
        """,
        shop_id=shop_id,
        provider=provider,
        kind=kind,
        references=list(references),
    )
