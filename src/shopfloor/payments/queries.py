"""SQL of payments.  One function, one statement; rows come back as the dataclass they fill."""

from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.payments.models import Payment, PaymentEvent


async def insert_payment(tx: Tx, payment: Payment) -> None:
    await tx.run(
        """
        INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency)
        VALUES (%(id)s, %(shop_id)s, %(subject_id)s, %(purpose)s, %(provider)s, %(method)s, %(amount)s, %(currency)s)
        """,
        id=payment.id,
        shop_id=payment.shop_id,
        subject_id=payment.subject_id,
        purpose=payment.purpose,
        provider=payment.provider,
        method=payment.method,
        amount=payment.amount_minor,
        currency=payment.currency,
    )


async def payments(tx: Tx, *, subject_id: UUID) -> list[Payment]:
    """Oldest first."""
    return await tx.every(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency
          FROM payments.payment WHERE subject_id = %(subject_id)s ORDER BY created_at, id
        """,
        subject_id=subject_id,
    )


async def payment(tx: Tx, *, id: UUID) -> Payment | None:  # noqa: A002 -- the column's name
    return await tx.first(
        Payment,
        """
        SELECT id, shop_id, subject_id, purpose, provider, method, amount_minor, currency
          FROM payments.payment WHERE id = %(id)s
        """,
        id=id,
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
