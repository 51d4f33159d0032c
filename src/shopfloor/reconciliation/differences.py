"""Money that fits no order: a row for each, until a person has closed it."""

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import payments
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_accounts import Connection
from shopfloor.payment_providers import NotAble, RefundFailed, Source
from shopfloor.payment_refunds import give_back
from shopfloor.payments import Payment, State
from shopfloor.reconciliation.events import DifferenceOpened
from shopfloor.reconciliation.models import Difference, DifferenceKind

SENT_BACK: Final = "sent_back"
SETTLED: Final = "settled"


class DifferenceClosed(NotAble):
    """Somebody closed this difference before."""

    code = "payments.difference_closed"


async def open_for(
    tx: Tx,
    payment: Payment,
    kind: DifferenceKind,
    *,
    reference: str,
    amount: Money,
    expected_minor: int | None,
) -> bool:
    """Money of a locked attempt that its order cannot take is kept apart, and the attempt has had its money.  False when
    it is known.
    """
    if kind is not DifferenceKind.REFUND_FAILED:
        await payments.attempts.end(tx, payment, State.CAPTURED, note=kind)
    if await _is_known(tx, payment, reference):
        return False
    inserted = await tx.run(
        """
        INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference,
                                         amount_minor, currency, expected_minor)
        VALUES (%(id)s, %(shop_id)s, %(payment_id)s, %(connection_id)s, %(kind)s, %(provider)s, %(reference)s,
                %(amount)s, %(currency)s, %(expected)s)
        ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
        """,
        id=new_id(),
        shop_id=payment.shop_id,
        payment_id=payment.id,
        connection_id=payment.connection_id,
        kind=kind,
        provider=payment.provider,
        reference=reference,
        amount=amount.minor,
        currency=amount.currency,
        expected=expected_minor,
    )
    if inserted:
        await say(tx, shop_id=payment.shop_id, kind=kind)
    return inserted == 1


async def open_unknown(tx: Tx, connection: Connection, *, reference: str, amount: Money) -> bool:
    """Money that a provider reports of no attempt of ours.  False when it is known."""
    inserted = await tx.run(
        """
        INSERT INTO payments.difference (id, shop_id, connection_id, kind, provider, reference, amount_minor, currency)
        VALUES (%(id)s, %(shop_id)s, %(connection_id)s, 'unknown', %(provider)s, %(reference)s, %(amount)s, %(currency)s)
        ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
        """,
        id=new_id(),
        shop_id=connection.shop_id,
        connection_id=connection.id,
        provider=connection.provider,
        reference=reference,
        amount=amount.minor,
        currency=amount.currency,
    )
    if inserted:
        await say(tx, shop_id=connection.shop_id, kind=DifferenceKind.UNKNOWN)
    return inserted == 1


async def say(tx: Tx, *, shop_id: int, kind: str, count: int = 1) -> None:
    """That somebody has to look."""
    await outbox.record(tx, DifferenceOpened(shop_id=shop_id, kind=kind, count=count))


async def _is_known(tx: Tx, payment: Payment, reference: str) -> bool:
    """The same charge is one difference, whatever kind it was when it came first."""
    found: bool = await tx.value(
        """
        SELECT EXISTS (SELECT FROM payments.difference
                        WHERE shop_id = %(shop_id)s AND provider = %(provider)s AND reference = %(reference)s
                          AND kind IN ('amount', 'currency', 'twice', 'late', 'unknown'))
        """,
        shop_id=payment.shop_id,
        provider=payment.provider,
        reference=reference,
    )
    return found


async def differences(
    tx: Tx,
    *,
    shop_id: int,
    closed: bool = False,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 200,
) -> list[Difference]:
    """Open ones, oldest first, of which a page begins `after` one, or ends `before` it and has the nearest first;
    `closed`: those that were closed last.
    """
    return await tx.every(
        Difference,
        """
        SELECT d.id, d.shop_id, d.payment_id, d.connection_id, d.kind, d.provider, d.reference, d.amount_minor, d.currency,
               d.expected_minor, d.opened_at, d.closed_at, d.closed_by, d.how, d.note, p.subject_id
          FROM payments.difference d LEFT JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE d.shop_id = %(shop_id)s AND (d.closed_at IS NOT NULL) = %(closed)s
           AND (%(after)s::uuid IS NULL OR (d.opened_at, d.id) >
                (SELECT opened_at, id FROM payments.difference WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (d.opened_at, d.id) <
                (SELECT opened_at, id FROM payments.difference WHERE id = %(before)s))
         ORDER BY CASE WHEN %(closed)s THEN d.closed_at END DESC,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN d.opened_at END DESC,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN d.id END DESC, d.opened_at, d.id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        closed=closed,
        after=after,
        before=before,
        limit=limit,
    )


async def page_of(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> paging.Page[Difference]:
    """A page of the open ones."""
    return await paging.page(
        partial(differences, tx, shop_id=shop_id),
        after=after,
        before=before,
        limit=limit,
        key=lambda each: each.id,
    )


async def lock(tx: Tx, *, shop_id: int, difference_id: UUID) -> Difference | None:
    """An open one, kept from everybody else until this transaction ends; None for one that is closed or not here."""
    return await tx.first(
        Difference,
        """
        SELECT d.id, d.shop_id, d.payment_id, d.connection_id, d.kind, d.provider, d.reference, d.amount_minor, d.currency,
               d.expected_minor, d.opened_at, d.closed_at, d.closed_by, d.how, d.note, p.subject_id
          FROM payments.difference d LEFT JOIN payments.v_payment p ON p.id = d.payment_id
         WHERE d.shop_id = %(shop_id)s AND d.id = %(id)s AND d.closed_at IS NULL FOR UPDATE OF d
        """,
        shop_id=shop_id,
        id=difference_id,
    )


async def close(
    tx: Tx,
    *,
    shop_id: int,
    difference_id: UUID,
    actor: str,
    note: str,
    sent_back: bool = False,
    at: datetime | None = None,
) -> None:
    """Say how it was settled.  Raises DifferenceClosed."""
    if await lock(tx, shop_id=shop_id, difference_id=difference_id) is None:
        raise DifferenceClosed
    await tx.run(
        """
        UPDATE payments.difference SET closed_at = %(at)s, closed_by = %(actor)s, how = %(how)s, note = %(note)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        at=now() if at is None else at,
        actor=actor,
        how=SENT_BACK if sent_back else SETTLED,
        note=cleaned(note, one_line=False)[:1000],
        shop_id=shop_id,
        id=difference_id,
    )


async def send_back(
    db: Database, providers: Source, *, shop_id: int, difference_id: UUID, actor: str
) -> bool:
    """Money that fits no order goes back to where it came from; False when its provider refuses.

    The difference is closed when the provider has accepted it; pressed twice, it is sent once.  Raises
    DifferenceClosed, ProviderAway, ProviderUnknown (the account was removed).
    """
    async with db.transaction() as tx:
        found = await lock(tx, shop_id=shop_id, difference_id=difference_id)
        payment = None if found is None else await payment_of(tx, found)
    if found is None or payment is None:
        raise DifferenceClosed
    outcome = await give_back(
        await providers(shop_id),
        payment,
        label=payment.subject_id.hex[-8:].upper(),
        charge=found.reference,
        refund_id=found.id,
        amount=Money(found.amount_minor, found.currency),
    )
    if isinstance(outcome, RefundFailed):
        return False
    async with db.transaction() as tx:
        await close(tx, shop_id=shop_id, difference_id=difference_id, sent_back=True, actor=actor, note="")
    return True


async def payment_of(tx: Tx, found: Difference) -> Payment | None:
    if found.payment_id is None:
        return None
    return (await payments.payments_by_id(tx, found.payment_id)).get(found.payment_id)


async def of_charge(tx: Tx, *, shop_id: int, connection_id: int, reference: str) -> Payment | None:
    """The attempt that a provider's charge belongs to; also where its money fitted no order."""
    found = await tx.first(
        _Found,
        """
        SELECT id FROM payments.v_payment
         WHERE shop_id = %(shop_id)s AND connection_id = %(connection_id)s AND id IN (
           SELECT payment_id FROM payments.v_event
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
    return None if found is None else (await payments.payments_by_id(tx, found.id)).get(found.id)


@dataclass(frozen=True, slots=True)
class _Found:
    id: UUID
