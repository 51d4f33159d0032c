"""Attempts to be paid for a subject, what providers say about them, and refunds.

Whoever owns the subject holds its lock; nothing here decides what is due.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_providers import (
    Closed,
    Outcome,
    ProviderAway,
    Providers,
    ProviderUnknown,
    provider,
)
from shopfloor.payment_providers import start as ask
from shopfloor.payments import attempts, guard, queries
from shopfloor.payments.models import Happened, Payment, PaymentEvent, PaymentEventKind, Purpose, State

_OURS = "shopfloor"
_ENDS: Final = {PaymentEventKind.CHARGED: State.CAPTURED, PaymentEventKind.FAILED: State.DECLINED}

# A provider that has not answered by then counts as away; asking again with the same id is always safe.
DEADLINE: Final = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """The first attempt of a subject, at one of the providers `among` these, and who asks: contacts and network.

    `capture_later`: it only reserves the money.
    """

    subject_id: UUID
    purpose: Purpose
    amount: Money
    provider_name: str
    method: str
    connection_id: int | None = None
    return_url: str = ""
    expires_at: datetime | None = None
    capture_later: bool = False
    among: Providers | None = None
    contact: Sequence[str] = ()
    address: str = ""

    def made(self, shop_id: int) -> Payment:
        """Not kept yet."""
        by_hand = self.provider_name == "manual"
        return Payment(
            id=new_id(),
            shop_id=shop_id,
            subject_id=self.subject_id,
            purpose=self.purpose,
            provider=self.provider_name,
            method=self.method,
            amount_minor=self.amount.minor,
            currency=self.amount.currency,
            connection_id=self.connection_id,
            return_url=self.return_url,
            expires_at=self.expires_at,
            look_at=None if by_hand else now() + attempts.FIRST_LOOK,
            capture_later=self.capture_later,
        )


async def in_time(answer: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(DEADLINE):
            return await answer
    except TimeoutError as problem:
        raise ProviderAway from problem


async def open_payment(
    tx: Tx,
    *,
    shop_id: int,
    subject_id: UUID,
    purpose: Purpose,
    amount: Money,
    provider_name: str,
    method: str,
    actor: str = _OURS,
    among: Providers | None = None,
    connection_id: int | None = None,
    return_url: str = "",
    expires_at: datetime | None = None,
    contact: Sequence[str] = (),
    address: str = "",
    capture_later: bool = False,
) -> Payment:
    """The attempt under way for this amount in this way, or a new one; `capture_later`: a new one only reserves it.

    `contact` and `address`: who asks, for whom too many declines are counted.  Raises ProviderUnknown for a way that is
    not `among`, and for a new attempt at a provider PaymentsPaused and TooManyAttempts.  A way other than that of an attempt under way is a new
    attempt; whoever opens it sees to it that the other one is closed.
    """
    asked = Asked(
        subject_id=subject_id,
        purpose=purpose,
        amount=amount,
        provider_name=provider_name,
        method=method,
        connection_id=connection_id,
        return_url=return_url,
        expires_at=expires_at,
        capture_later=capture_later,
        among=among,
        contact=contact,
        address=address,
    )
    payment = asked.made(shop_id)
    _check_known(payment, among)
    known = await _under_way(tx, payment)
    if known is not None:
        return known
    opened = await opening(tx, [asked], shop_id=shop_id, actor=actor, keep=True)
    [refused] = opened.refused
    if refused is not None:
        raise refused
    return opened.payments[0]


@dataclass(frozen=True, slots=True)
class Opening:
    """New attempts, and for each None, or why it may not be."""

    payments: Sequence[Payment]
    refused: Sequence[Refusal | None]
    who: Sequence[Sequence[bytes]]
    actor: str

    async def keep(self, tx: Tx, which: Sequence[int]) -> None:
        """Write down those that are named by their place; none of them is refused."""
        if not which:
            return
        await queries.insert_payments(tx, [(self.payments[number], self.who[number]) for number in which])
        kept = [self.payments[number] for number in which]
        await record(
            tx,
            *(
                Happened(each, PaymentEventKind.REQUESTED, each.amount_minor, str(each.id), self.actor)
                for each in kept
            ),
        )


async def opening(tx: Tx, wanted: Sequence[Asked], *, shop_id: int, actor: str, keep: bool) -> Opening:
    """Whether these attempts may be made now; with `keep` those that may are written down at once.

    Refused are ProviderUnknown, PaymentsPaused, TooManyAttempts.
    """
    new_payments = [each.made(shop_id) for each in wanted]
    who = [
        guard.who_of(shop_id, contact=each.contact, address=each.address) if payment.is_online else []
        for each, payment in zip(wanted, new_payments, strict=True)
    ]
    stopped = guard.NOTHING
    if any(payment.is_online for payment in new_payments):
        stopped = await guard.stopped(tx, shop_id=shop_id, who=who)
    refused: list[Refusal | None] = []
    for each, payment, own in zip(wanted, new_payments, who, strict=True):
        try:
            _check_known(payment, each.among)
            if payment.is_online:
                stopped.check(own)
        except Refusal as refusal:
            refused.append(refusal)
        else:
            refused.append(None)
    opened = Opening(new_payments, refused, who, actor)
    if keep:
        await opened.keep(tx, [number for number, why in enumerate(refused) if why is None])
    return opened


def _check_known(payment: Payment, among: Providers | None) -> None:
    if among is not None and payment.account not in among:
        raise ProviderUnknown(provider=payment.account, known=sorted(among))


async def _under_way(tx: Tx, wanted: Payment) -> Payment | None:
    over = {
        event.payment_id
        for event in await queries.events(tx, subject_id=wanted.subject_id)
        if event.kind in {PaymentEventKind.CHARGED, PaymentEventKind.FAILED}
    }
    for known in await queries.payments(tx, subject_id=wanted.subject_id):
        same = (known.purpose, known.amount_minor, known.account, known.method) == (
            wanted.purpose, wanted.amount_minor, wanted.account, wanted.method,
        )  # fmt: skip
        if same and known.id not in over and not known.state.is_over:
            return known
    return None


async def record(tx: Tx, *events: Happened) -> list[bool]:
    """Append what happened to the money of attempts; for each False when this message is known."""
    await attempts.save(
        tx,
        [
            attempts.Move(each.payment, _ENDS[each.kind], note=each.note)
            for each in events
            if each.kind in _ENDS
        ],
    )
    ids = [new_id() for _ in events]
    added = await queries.insert_events(
        tx,
        [
            {
                "id": event_id,
                "shop_id": each.payment.shop_id,
                "payment_id": each.payment.id,
                "subject_id": each.payment.subject_id,
                "kind": each.kind,
                "amount_minor": each.amount_minor,
                "provider": each.payment.provider,
                "reference": each.reference,
                "note": cleaned(each.note, one_line=False)[:1000],
                "actor": each.actor,
            }
            for event_id, each in zip(ids, events, strict=True)
        ],
    )
    return [each in added for each in ids]


async def payments_by_id(tx: Tx, *payment_ids: UUID) -> dict[UUID, Payment]:
    """Those of them that there are."""
    return await queries.payments_by_id(tx, ids=payment_ids)


async def payments_for(tx: Tx, *, subject_id: UUID) -> list[Payment]:
    """Oldest first."""
    return await queries.payments(tx, subject_id=subject_id)


async def events_for(tx: Tx, *, subject_id: UUID) -> list[PaymentEvent]:
    return await queries.events(tx, subject_id=subject_id)


async def known_charges(
    tx: Tx, *, shop_id: int, provider_name: str, references: Sequence[str]
) -> dict[str, PaymentEvent]:
    """The charges that these references named before in this shop."""
    found = await queries.events_named(
        tx, shop_id=shop_id, provider=provider_name, kind=PaymentEventKind.CHARGED, references=references
    )
    return {each.reference: each for each in found}


async def start(
    providers: Providers, payment: Payment, *, label: str, payer: attempts.Payer = attempts.NOBODY
) -> Outcome:
    """Ask for the money; with the same attempt again it is asked for once.  No transaction is open."""
    asked = attempts.asked(payment, label=label, payer=payer)
    return await in_time(ask(providers, payment.account, asked))


async def look_up(providers: Providers, payment: Payment, *, label: str) -> Outcome | None:
    """What became of an attempt; None when the provider never heard of it.  No transaction is open."""
    asked = attempts.asked(payment, label=label)
    return await in_time(provider(providers, payment.account).look_up(asked))


async def close(providers: Providers, payment: Payment, *, label: str) -> Outcome:
    """End an attempt, so that nobody pays it later: Closed, or what was faster.  No transaction is open."""
    asked = attempts.asked(payment, label=label)
    return await in_time(provider(providers, payment.account).close(asked)) or Closed()


async def capture(
    providers: Providers, payment: Payment, *, label: str, capture_id: UUID, amount: Money
) -> Outcome:
    """Take what is reserved, or this part of it.  No transaction is open."""
    asked = attempts.asked(payment, label=label)
    known = provider(providers, payment.account)
    return await in_time(known.capture(asked, capture_id=capture_id, amount=amount))


async def void(providers: Providers, payment: Payment, *, label: str) -> Outcome:
    """Let go of what is reserved.  No transaction is open."""
    asked = attempts.asked(payment, label=label)
    return await in_time(provider(providers, payment.account).void(asked))


# ── money out ─────────────────────────────────────────────────────────────────────────────────────────────


async def newest_online(tx: Tx, *, subject_id: UUID) -> Payment | None:
    """The newest attempt at a provider."""
    known = [each for each in await payments_for(tx, subject_id=subject_id) if each.is_online]
    return known[-1] if known else None
