"""Working off what providers wrote: in the order in which it came, and what only brings money for many orders in one
transaction.

Letters of a shop that follow one another and each bring the money of another order are booked together, under the
locks of all these orders; nothing is different from one by one but that the disk is asked once.  Whatever is more than
that (an order that fell, money that was reserved, a refund, a dispute, an amount that does not fit) and whatever fails
is worked off alone, in its turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from shopfloor import payment_accounts, payment_providers, payments
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.orders import charges, lifecycle
from shopfloor.orders.models import Status
from shopfloor.orders.reports import label_of, misfit, only_reserves

# So many questions to providers are under way at once.
ASKED_AT_ONCE: Final = 16

Alone = Callable[[payment_providers.Providers, payment_accounts.inbox.Letter], Awaitable[str]]
"""Works off one letter; what was done with it, in a word."""

_log = logs.get("orders")


@dataclass(frozen=True, slots=True)
class _News:
    """A letter that tells of an attempt; `charged` where it brings the money of one."""

    letter: payment_accounts.inbox.Letter
    payment: payments.Payment
    charged: payment_providers.Charged | None


async def work_off(
    db: Database,
    source: payment_providers.Source,
    letters: Sequence[payment_accounts.inbox.Letter],
    alone: Alone,
) -> None:
    """Letters of one shop, as they came.  What fails is written down with its letter.  Raises DatabaseAway."""
    shop_id = letters[0].shop_id
    rest = list(letters)
    while rest:
        try:
            providers = await source(shop_id)
            run = await _run(db, providers, rest)
        except DatabaseAway:
            raise
        except Exception as problem:  # noqa: BLE001 -- one that breaks must not keep others from theirs
            await _failed(db, rest.pop(0), problem)
            continue
        together: list[_News] = []
        for each in run:
            if each.charged is not None:
                together.append(each)
                continue
            await _book(db, providers, together, alone)
            together = []
            await _one(db, providers, each.letter, alone)
        await _book(db, providers, together, alone)
        rest = rest[len(run) :]
        if rest:
            await _one(db, providers, rest.pop(0), alone)


async def _run(
    db: Database, providers: payment_providers.Providers, letters: Sequence[payment_accounts.inbox.Letter]
) -> list[_News]:
    """The first letters, as far as each is about one attempt at its own provider, for different orders."""
    reported: list[tuple[payment_accounts.inbox.Letter, UUID, payment_providers.Outcome | None]] = []
    for letter in letters:
        about = _attempt(providers, letter)
        if about is None:
            break
        reported.append((letter, *about))
    async with db.transaction() as tx:
        known = await payments.payments_by_id(tx, *{attempt_id for _, attempt_id, _ in reported})
    run: list[tuple[payment_accounts.inbox.Letter, payments.Payment, payment_providers.Outcome | None]] = []
    subjects: set[UUID] = set()
    for letter, attempt_id, outcome in reported:
        payment = known.get(attempt_id)
        if payment is None or payment.subject_id in subjects or not is_about(letter, payment):
            break
        subjects.add(payment.subject_id)
        run.append((letter, payment, outcome))
    gate = asyncio.Semaphore(ASKED_AT_ONCE)

    async def news(
        letter: payment_accounts.inbox.Letter,
        payment: payments.Payment,
        outcome: payment_providers.Outcome | None,
    ) -> _News:
        if outcome is None:
            async with gate:
                outcome = await _asked(providers, payment)
        return _News(letter, payment, outcome if isinstance(outcome, payment_providers.Charged) else None)

    return list(await asyncio.gather(*(news(*each) for each in run)))


def is_about(letter: payment_accounts.inbox.Letter, payment: payments.Payment) -> bool:
    """Whether the account that wrote it is the one that the attempt was made with."""
    return (payment.shop_id, payment.connection_id) == (letter.shop_id, letter.connection_id)


def _attempt(
    providers: payment_providers.Providers, letter: payment_accounts.inbox.Letter
) -> tuple[UUID, payment_providers.Outcome | None] | None:
    """The attempt that a letter is about, where it is about nothing else."""
    try:
        known = payment_providers.provider(providers, f"{letter.provider}/{letter.connection_id}")
        [report] = known.receive(letter.message).reports
    except Exception:  # noqa: BLE001 -- what is wrong with it is said when it is worked off alone
        return None
    if report.dispute is not None or report.refund_id is not None or report.attempt_id is None:
        return None
    return report.attempt_id, report.outcome


async def _asked(
    providers: payment_providers.Providers, payment: payments.Payment
) -> payment_providers.Outcome | None:
    try:
        return await payments.look_up(providers, payment, label=label_of(payment.subject_id))
    except Exception:  # noqa: BLE001 -- it is asked again when its letter is worked off alone
        return None


async def _book(
    db: Database, providers: payment_providers.Providers, news: Sequence[_News], alone: Alone
) -> None:
    """All in one transaction, as far as they are ordinary; the others alone after it."""
    booked: set[UUID] = set()
    if len(news) > 1:
        try:
            async with db.transaction() as tx:
                booked = await _charge(tx, news)
                await payment_accounts.inbox.said(
                    tx,
                    {each.letter.id: payments.State.CAPTURED for each in news if each.letter.id in booked},
                    done=True,
                )
        except DatabaseAway:
            raise
        except Exception as problem:  # noqa: BLE001 -- which of them it is shows one by one
            _log.warning("orders.not_booked_together", letters=len(news), exc_info=problem)
            booked = set()
    for each in news:
        if each.letter.id not in booked:
            await _one(db, providers, each.letter, alone)


async def _charge(tx: Tx, news: Sequence[_News]) -> set[UUID]:
    """Take the charges of these letters on their orders; the letters of those that were taken."""
    shop_id = news[0].letter.shop_id
    found = await lifecycle.lock_all(
        tx, shop_id=shop_id, order_ids=[each.payment.subject_id for each in news]
    )
    locked = await payments.attempts.lock(tx, *(each.payment.id for each in news))
    known: set[tuple[str, str]] = set()
    for provider in sorted({each.payment.provider for each in news}):
        references = [
            each.charged.reference for each in news if each.charged and each.payment.provider == provider
        ]
        events = await payments.known_charges(
            tx, shop_id=shop_id, provider_name=provider, references=references
        )
        known |= {(provider, reference) for reference in events}
    taken: set[UUID] = set()
    charged: list[payments.Happened] = []
    for each in news:
        outcome, payment = each.charged, locked[each.payment.id]
        order, _ = found.get(payment.subject_id, (None, []))
        if order is None or outcome is None or (payment.provider, outcome.reference) in known:
            continue
        ordinary = (
            order.status is not Status.DRAFT
            and order.authorised_minor == 0
            and not only_reserves(payment)
            and charges.is_ordinary(order)
        )
        if not ordinary or misfit(order, payment, outcome.amount, None) != (None, None):
            continue
        known.add((payment.provider, outcome.reference))
        taken.add(each.letter.id)
        charged.append(
            payments.Happened(
                payment,
                payments.PaymentEventKind.CHARGED,
                outcome.amount.minor,
                reference=outcome.reference,
                actor=payment.provider,
            )
        )
    if charged:
        await charges.take_charges(tx, charged, shop_id=shop_id)
    return taken


async def _one(
    db: Database, providers: payment_providers.Providers, letter: payment_accounts.inbox.Letter, alone: Alone
) -> None:
    try:
        said = await alone(providers, letter)
        async with db.transaction() as tx:
            await payment_accounts.inbox.said(tx, {letter.id: said}, done=True)
    except Exception as problem:  # noqa: BLE001 -- one message that breaks must not keep others from theirs
        await _failed(db, letter, problem)


async def _failed(db: Database, letter: payment_accounts.inbox.Letter, problem: Exception) -> None:
    code = problem.code if isinstance(problem, Refusal) else type(problem).__name__
    _log.warning("orders.message_not_applied", letter_id=str(letter.id), code=code)
    async with db.transaction() as tx:
        await payment_accounts.inbox.said(tx, {letter.id: code}, done=False)
