"""Where attempts to be paid stand, and when their provider is asked next.

An attempt is changed under the lock of its row, by whoever brings a report: the page of the buyer, a notification,
our own question.  `captured` is reached from every state and left by none.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_providers import Action, Attempt, Authorised, Closed, Declined, Outcome, Pending
from shopfloor.payments import guard, queries
from shopfloor.payments.models import Payment, PaymentEventKind, State, Step

FIRST_LOOK: Final = timedelta(seconds=20)
# Seconds between our questions where the provider says nothing by itself; then the last again and again.
_LOOKS: Final = (20, 40, 60, 120, 240, 480, 900, 1800, 3600)


async def lock(tx: Tx, *payment_ids: UUID) -> dict[UUID, Payment]:
    """Whoever owns the subjects has locked all of them before."""
    found = await queries.lock_payments(tx, ids=payment_ids)
    assert len(found) == len(set(payment_ids)), "attempts are never deleted"
    return found


@dataclass(frozen=True, slots=True)
class Payer:
    """Who is in front of the page: some providers have another way for each device.  `openid` inside WeChat."""

    locale: str = "en"
    device: str = "desktop"
    client_address: str = ""
    openid: str = ""


NOBODY: Final = Payer()


def asked(payment: Payment, *, label: str, payer: Payer = NOBODY, charge: str = "") -> Attempt:
    """An attempt as its provider is told of it."""
    return Attempt(
        id=payment.id,
        method=payment.method,
        amount=Money(payment.amount_minor, payment.currency),
        label=label,
        reference=payment.reference,
        charge=charge,
        return_url=payment.return_url,
        expires_at=payment.expires_at,
        locale=payer.locale,
        device=payer.device,
        client_address=payer.client_address,
        payer=payer.openid,
        capture_later=payment.capture_later,
    )


async def charge_of(tx: Tx, payment: Payment) -> str:
    """The provider's id of the money that came, '' where none has."""
    charged = [
        event.reference
        for event in await queries.events(tx, subject_id=payment.subject_id)
        if event.payment_id == payment.id and event.kind is PaymentEventKind.CHARGED
    ]
    return charged[0] if charged else ""


def action_of(payment: Payment) -> Action | None:
    """What the buyer has to do, while there is something."""
    if payment.action is None or payment.state is not State.ACTION_REQUIRED:
        return None
    return msgspec.convert(payment.action, Action)


@dataclass(frozen=True, slots=True)
class Move:
    """Where a locked attempt stands from now on."""

    payment: Payment
    state: State
    reference: str = ""
    action: dict[str, Any] | None = None
    note: str = ""


async def move(tx: Tx, *reported: tuple[Payment, Outcome]) -> None:
    """Write down where locked attempts stand, each named once.  Money is recorded as an event instead."""
    await save(tx, [each for payment, outcome in reported if (each := _move(payment, outcome)) is not None])


def _move(payment: Payment, outcome: Outcome) -> Move | None:
    match outcome:
        case Action():
            plain: dict[str, Any] = msgspec.to_builtins(asdict(outcome))
            return Move(payment, State.ACTION_REQUIRED, outcome.reference, plain, outcome.declined)
        case Pending():
            return Move(payment, State.PENDING, outcome.reference)
        case Authorised():
            return Move(payment, State.AUTHORISED, outcome.reference)
        case Declined():
            return Move(payment, State.DECLINED, note=outcome.reason)
        case Closed():
            return Move(payment, State.CLOSED, note=outcome.reason)
        case _:
            return None


async def end(tx: Tx, payment: Payment, state: State, *, note: str = "") -> None:
    """Nothing more is asked about it."""
    await save(tx, [Move(payment, state, note=note)])


async def save(tx: Tx, moves: Sequence[Move]) -> None:
    """Each attempt once.  A late word about what is over changes nothing, unless it is money."""
    news = [
        replace(each, note=each.note[:500])
        for each in moves
        if each.payment.state is not State.CAPTURED
        and (not each.payment.state.is_over or each.state is State.CAPTURED)
    ]
    if not news:
        return
    await queries.save_states(
        tx,
        [
            {
                "id": each.payment.id,
                "state": each.state,
                "reference": each.reference or each.payment.reference,
                "action": each.action,
                "note": each.note,
                "look_at": None if each.state.is_over else each.payment.look_at,
            }
            for each in news
        ],
    )
    steps = [
        each
        for each in news
        if each.payment.is_online and (each.payment.state, each.payment.note) != (each.state, each.note)
    ]
    if steps:
        await queries.insert_steps(
            tx,
            [
                {
                    "id": new_id(),
                    "shop_id": each.payment.shop_id,
                    "payment_id": each.payment.id,
                    "kind": each.state,
                    "note": each.note,
                }
                for each in steps
            ],
        )
    for each in steps:
        if each.state is State.DECLINED or (each.state is State.ACTION_REQUIRED and each.note):
            await guard.declined(tx, each.payment)


async def take_due(tx: Tx, *, at: datetime | None = None, limit: int = 50) -> list[Payment]:
    """Attempts whose providers are to be asked now; each is asked again later, whatever becomes of this process."""
    at = now() if at is None else at
    due = await queries.to_look_at(tx, at=at, limit=limit)
    if due:
        await queries.put_off(tx, ids=[each.id for each in due], look_at=[_next(each, at) for each in due])
    return due


def _next(payment: Payment, at: datetime) -> datetime:
    """Once more at its end, to close it."""
    pause = timedelta(seconds=_LOOKS[min(payment.looks, len(_LOOKS) - 1)])
    if payment.expires_at is not None and at < payment.expires_at:
        return min(at + pause, payment.expires_at)
    return at + max(pause, timedelta(seconds=60))


async def steps(tx: Tx, *, payments: Sequence[Payment]) -> list[Step]:
    return await queries.steps(tx, payment_ids=[each.id for each in payments])
