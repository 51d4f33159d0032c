"""The way of refunds to providers: asked, accepted, done or failed; each share of a charge on its own.

What is owed stands in the payment events; here stands who is asked, how often, and what came of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from shopfloor import payment_accounts, payments
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money, now
from shopfloor.payment_providers import (
    GivenBack,
    Providers,
    RefundFailed,
    RefundOutcome,
    RefundPending,
    provider,
)
from shopfloor.payment_refunds.events import RefundFailed as RefundFailedFact
from shopfloor.payments import Happened, Payment, PaymentEventKind

# Seconds until a provider is asked again: whether it is done, or because it did not answer.
_PAUSES: Final = (15, 60, 120, 300, 600, 1800, 3600)


# The reason of a refund whose money waits between the provider and the buyer.
STUCK: Final = "stuck"


class NotFailed(Conflict):
    """This refund has not failed, so there is nothing to send again."""

    code = "payments.refund_not_failed"


@dataclass(frozen=True, slots=True)
class Try:
    """`state`: waiting (not accepted yet), pending (accepted), done, failed.  `refund` is the refund's id."""

    refund: UUID
    payment_id: UUID
    shop_id: int
    amount_minor: int
    state: str
    reference: str
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class Open:
    """A refund on its way, for who looks after it.  `subject_id` names what was paid for."""

    refund: UUID
    payment_id: UUID
    subject_id: UUID
    provider: str
    amount_minor: int
    currency: str
    state: str
    reason: str
    tries: int

    @property
    def mark(self) -> str:
        """What names it in the address of a page."""
        return f"{self.refund}.{self.payment_id}"


async def ask(tx: Tx, payment: Payment, *, refund_id: UUID, amount_minor: int) -> None:
    """It is to be sent; `take_due` has it from now on."""
    await tx.run(
        """
        INSERT INTO payments.refund_try (refund, payment_id, shop_id, amount_minor, state, next_at)
        VALUES (%(refund)s, %(payment_id)s, %(shop_id)s, %(amount)s, 'waiting', %(at)s)
        ON CONFLICT DO NOTHING
        """,
        refund=refund_id,
        payment_id=payment.id,
        shop_id=payment.shop_id,
        amount=amount_minor,
        at=now(),
    )
    await payment_accounts.inbox.ring(tx)


async def ask_again(tx: Tx, *, shop_id: int, refund_id: UUID) -> None:
    """After it failed: try what is not done once more, at once.  Raises NotFailed."""
    asked = await tx.run(
        """
        UPDATE payments.refund_try SET state = 'waiting', reason = '', tries = 0, next_at = %(at)s
         WHERE shop_id = %(shop_id)s AND refund = %(refund)s AND state = 'failed'
        """,
        at=now(),
        shop_id=shop_id,
        refund=refund_id,
    )
    if not asked:
        raise NotFailed
    await payment_accounts.inbox.ring(tx)


async def take_due(tx: Tx, *, at: datetime | None = None, limit: int = 50) -> list[Try]:
    """What is to be sent or asked about now; each comes again later, whatever becomes of this process."""
    at = now() if at is None else at
    due = await tx.every(
        Try,
        """
        SELECT refund, payment_id, shop_id, amount_minor, state, reference, reason, tries
          FROM payments.refund_try WHERE next_at <= %(at)s ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        at=at,
        limit=limit,
    )
    await tx.many(
        """
        UPDATE payments.refund_try SET tries = tries + 1, next_at = %(next_at)s
         WHERE refund = %(refund)s AND payment_id = %(payment_id)s
        """,
        [
            {
                "refund": each.refund,
                "payment_id": each.payment_id,
                "next_at": at + timedelta(seconds=_PAUSES[min(each.tries, len(_PAUSES) - 1)]),
            }
            for each in due
        ],
    )
    return due


async def tries(tx: Tx, *, refund_ids: Sequence[UUID]) -> list[Try]:
    return await tx.every(
        Try,
        """
        SELECT refund, payment_id, shop_id, amount_minor, state, reference, reason, tries
          FROM payments.refund_try WHERE refund = ANY(%(refunds)s) ORDER BY refund, payment_id
        """,
        refunds=list(refund_ids),
    )


async def of_refund(tx: Tx, *, shop_id: int, refund_id: UUID) -> list[Try]:
    return [each for each in await tries(tx, refund_ids=[refund_id]) if each.shop_id == shop_id]


def _marked(mark: str) -> tuple[UUID, UUID] | tuple[None, None]:
    refund, _, payment = mark.partition(".")
    try:
        return UUID(refund), UUID(payment)
    except ValueError:
        return None, None


async def open_tries(
    tx: Tx, *, shop_id: int, after: str | None = None, before: str | None = None, limit: int = 100
) -> list[Open]:
    """What a shop owes through providers and has not left yet, for `kernel.paging`; what failed first."""
    refund, payment_id = _marked(after or before or "")
    return await tx.every(
        Open,
        """
        SELECT r.refund, r.payment_id, p.subject_id, p.provider, r.amount_minor, p.currency, r.state, r.reason, r.tries
          FROM payments.refund_try r JOIN payments.v_payment p ON p.id = r.payment_id
         CROSS JOIN LATERAL (SELECT r.state <> 'failed' AND r.reason <> 'stuck' AS calm) AS s
         WHERE r.shop_id = %(shop_id)s AND r.state <> 'done'
           AND (NOT %(on)s OR (s.calm, r.refund, r.payment_id) >
                (SELECT m.state <> 'failed' AND m.reason <> 'stuck', m.refund, m.payment_id
                   FROM payments.refund_try m WHERE m.refund = %(refund)s::uuid AND m.payment_id = %(payment_id)s::uuid))
           AND (NOT %(back)s OR (s.calm, r.refund, r.payment_id) <
                (SELECT m.state <> 'failed' AND m.reason <> 'stuck', m.refund, m.payment_id
                   FROM payments.refund_try m WHERE m.refund = %(refund)s::uuid AND m.payment_id = %(payment_id)s::uuid))
         ORDER BY CASE WHEN %(back)s THEN s.calm END DESC, CASE WHEN %(back)s THEN r.refund END DESC,
                  CASE WHEN %(back)s THEN r.payment_id END DESC, s.calm, r.refund, r.payment_id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        on=after is not None,
        back=before is not None,
        refund=refund,
        payment_id=payment_id,
        limit=limit,
    )


async def note(tx: Tx, *, refund_id: UUID, payment_id: UUID, outcome: RefundOutcome) -> None:
    """What the provider said.  What is done stays done."""
    match outcome:
        case GivenBack():
            state, reference, reason = "done", outcome.reference or "", ""
        case RefundPending():
            state, reference, reason = "pending", outcome.reference, STUCK if outcome.stuck else ""
        case RefundFailed():
            state, reference, reason = "failed", "", outcome.reason
    changed = await tx.first(
        _Changed,
        """
        WITH before AS (SELECT state, reason FROM payments.refund_try
                         WHERE refund = %(refund)s AND payment_id = %(payment_id)s FOR UPDATE)
        UPDATE payments.refund_try r
           SET state = %(state)s, reference = coalesce(nullif(%(reference)s, ''), r.reference), reason = %(reason)s,
               next_at = CASE WHEN %(state)s IN ('done', 'failed') THEN NULL ELSE r.next_at END
          FROM before, payments.v_payment p
         WHERE r.refund = %(refund)s AND r.payment_id = %(payment_id)s AND r.state <> 'done' AND p.id = r.payment_id
        RETURNING before.state AS before, before.reason AS said, r.shop_id, p.subject_id, p.currency, r.amount_minor
        """,
        state=state,
        reference=reference,
        reason=reason[:500],
        refund=refund_id,
        payment_id=payment_id,
    )
    if changed is None:
        return
    fails = state == "failed" and changed.before != "failed"
    sticks = reason == STUCK and changed.said != STUCK
    if fails or sticks:
        await outbox.record(
            tx,
            RefundFailedFact(
                shop_id=changed.shop_id,
                refund_id=refund_id,
                order_id=changed.subject_id,
                currency=changed.currency,
                amount_minor=changed.amount_minor,
                reason=reason[:500],
            ),
        )


@dataclass(frozen=True, slots=True)
class _Changed:
    before: str
    said: str
    shop_id: int
    subject_id: UUID
    currency: str
    amount_minor: int


class OverRefund(Conflict):
    """That is more than was paid and not yet given back."""

    code = "orders.over_refund"


async def give_back(
    providers: Providers,
    payment: Payment,
    *,
    label: str,
    charge: str,
    refund_id: UUID,
    amount: Money,
    again: bool = False,
) -> RefundOutcome:
    """Have money of a charge sent back; `again`: it was asked for before, so look first.  No transaction is open."""
    asked = payments.attempts.asked(payment, label=label, charge=charge)
    known = provider(providers, payment.account)
    if again:
        found = await look_up(
            providers, payment, label=label, charge=charge, refund_id=refund_id, amount=amount
        )
        if found is not None:
            return found
    return await payments.in_time(known.give_back(asked, refund_id=refund_id, amount=amount))


async def look_up(
    providers: Providers, payment: Payment, *, label: str, charge: str, refund_id: UUID, amount: Money
) -> RefundOutcome | None:
    """What became of a refund; None when the provider never heard of it.  No transaction is open."""
    asked = payments.attempts.asked(payment, label=label, charge=charge)
    known = provider(providers, payment.account)
    return await payments.in_time(known.look_up_refund(asked, refund_id=refund_id, amount=amount))


async def grant(
    tx: Tx,
    *,
    subject_id: UUID,
    amount_minor: int,
    refund_id: UUID,
    note: str,
    actor: str,
    withdrawn: Mapping[UUID, int] = MappingProxyType({}),
) -> None:
    """Owe `amount_minor` to whoever paid, newest charge first.  `withdrawn`: what banks hold of payments.

    Raises OverRefund.
    """
    left = amount_minor
    events = await payments.events_for(tx, subject_id=subject_id)
    for charged in reversed(await payments.payments_for(tx, subject_id=subject_id)):
        sums = {
            kind: sum(e.amount_minor for e in events if e.payment_id == charged.id and e.kind is kind)
            for kind in (PaymentEventKind.CHARGED, PaymentEventKind.REFUND_GRANTED)
        }
        held = withdrawn.get(charged.id, 0)
        part = min(left, sums[PaymentEventKind.CHARGED] - sums[PaymentEventKind.REFUND_GRANTED] - held)
        if part > 0:
            await payments.record(
                tx,
                Happened(
                    charged,
                    PaymentEventKind.REFUND_GRANTED,
                    part,
                    reference=f"{refund_id}/{charged.id}",
                    actor=actor,
                    note=note,
                ),
            )
            if charged.is_online:
                await ask(tx, charged, refund_id=refund_id, amount_minor=part)
            left -= part
    if left:
        raise OverRefund(given_minor=amount_minor, refundable_minor=amount_minor - left)


async def granted_parts(tx: Tx, *, subject_id: UUID, refund_id: UUID) -> list[tuple[Payment, int]]:
    """The charges a refund comes from, with its share of each."""
    granted = {
        event.payment_id: event.amount_minor
        for event in await payments.events_for(tx, subject_id=subject_id)
        if event.kind is PaymentEventKind.REFUND_GRANTED and event.reference.startswith(f"{refund_id}/")
    }
    charged = await payments.payments_for(tx, subject_id=subject_id)
    return [(payment, granted[payment.id]) for payment in charged if payment.id in granted]


async def mark_sent(
    tx: Tx, parts: Sequence[tuple[Payment, int]], *, refund_id: UUID, actor: str, note: str
) -> int:
    """The money has left.  Returns how much of it was not said before, in minor units."""
    events = [
        Happened(
            payment,
            PaymentEventKind.REFUNDED,
            amount_minor,
            reference=f"{refund_id}/{payment.id}",
            actor=actor,
            note=note,
        )
        for payment, amount_minor in parts
    ]
    news = await payments.record(tx, *events)
    return sum(each.amount_minor for each, is_new in zip(events, news, strict=True) if is_new)
