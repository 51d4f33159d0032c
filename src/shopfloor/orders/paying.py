"""Paying an order that is there: start an attempt, look what became of it, close it before units are let go.

No transaction is open while a provider is asked, and what it says is applied by `reports.apply_report`.
"""

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import payment_accounts, payment_providers, payments, policies, reconciliation, stock
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now
from shopfloor.orders import authorising, capturing, disputed, letters, lifecycle, queries, refunds
from shopfloor.orders.checkout_form import PAY_ONLINE_WITHIN, contact_keys, payment_deadline
from shopfloor.orders.models import Due, Order, Status
from shopfloor.orders.refusals import AlreadyPaid, OrderNotFound
from shopfloor.orders.reports import apply_report, label_of
from shopfloor.orders.statuses import due

# Who tries out stolen cards tries many.
MOST_ATTEMPTS: Final = 10
BY_HAND: Final = "manual"

_log = logs.get("orders")


async def begin(
    db: Database,
    providers: payment_providers.Providers,
    *,
    shop_id: int,
    order_id: UUID,
    way: payments.Way,
    return_url: str,
    payer: payments.attempts.Payer = payments.attempts.NOBODY,
) -> payments.Payment:
    """Ask for what is due on an order, in this way; the attempt that is under way in it is the same attempt.

    An attempt in another way is closed before: nobody pays twice because he changed his mind.  A way that needs no
    provider gives the order the time that such an order has from the start.  Raises OrderNotFound,
    AlreadyPaid, PaymentBusy (the other attempt cannot be closed: its provider is at work on it), ProviderAway,
    payments.TooManyAttempts.
    """
    async with db.transaction() as tx:
        found, _ = await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
        owed = _owed(found)
        others = [
            each
            for each in await payments.payments_for(tx, subject_id=order_id)
            if each.is_payable
            and (each.connection_id, each.amount_minor) != (way.connection_id, owed.amount.minor)
        ]
    for other in others:
        if not await _close(db, providers, found, other):
            raise payments.PaymentBusy
    async with db.transaction() as tx:
        found, lines = await lifecycle.lock(tx, shop_id=shop_id, order_id=order_id)
        owed = _owed(found)
        known = await payments.payments_for(tx, subject_id=order_id)
        if way.provider == BY_HAND:
            return await _by_hand(tx, found, owed, method=way.method)
        if sum(each.state.is_over for each in known) >= MOST_ATTEMPTS:
            raise payments.TooManyAttempts(limit=MOST_ATTEMPTS)
        payment = await payments.open_payment(
            tx,
            shop_id=shop_id,
            subject_id=order_id,
            purpose=owed.purpose,
            amount=owed.amount,
            provider_name=way.provider,
            method=way.method,
            actor="buyer",
            among=providers,
            connection_id=way.connection_id,
            return_url=return_url,
            expires_at=_end(owed.by),
            contact=contact_keys(email=found.contact_email, phone=found.contact_phone),
            address=payer.client_address,
            capture_later=authorising.may_wait(
                way.authorise,
                delivery=found.delivery,
                ready_on=[line.ship_by for line in lines if not line.is_ready],
                in_full=owed.purpose is payments.Purpose.FULL,
            ),
        )
    outcome = await payments.start(providers, payment, label=label_of(found.id), payer=payer)
    async with db.transaction() as tx:
        await apply_report(tx, payment=payment, outcome=outcome)
        return (await payments.attempts.lock(tx, payment.id))[payment.id]


async def _by_hand(tx: Tx, found: Order, owed: Due, *, method: str) -> payments.Payment:
    """The buyer brings the money, or sends it: asked for so from now on."""
    if found.charged_minor == 0 and found.placed_at is not None:
        rules = await policies.shop_terms(tx, shop_id=found.shop_id)
        until = payment_deadline(found.placed_at, rules, method=method)
        if found.secured:
            soon = (
                await stock.unpaid_until(
                    tx, shop_id=found.shop_id, hold_ids=[found.hold_id], at=found.placed_at
                )
            ).get(found.hold_id)
            if soon is not None:
                # Cash is paid with the goods in hand: it has the time that a transfer has.
                until = (
                    payment_deadline(found.placed_at, rules, method="transfer")
                    if until is None
                    else min(until, soon)
                )
        if until is not None and owed.by is not None:
            # Changing one's mind shortens nothing, and lengthens it once.
            until = max(until, owed.by)
    else:
        until = found.payment_due_at
    await queries.pay_by(tx, order_id=found.id, provider=BY_HAND, method=method, payment_due_at=until)
    return await payments.open_payment(
        tx,
        shop_id=found.shop_id,
        subject_id=found.id,
        purpose=owed.purpose,
        amount=owed.amount,
        provider_name=BY_HAND,
        method=method,
        actor="buyer",
    )


def _owed(found: Order) -> Due:
    """Raises AlreadyPaid where nothing is to be paid now."""
    owed = due(found)
    if owed is None or (owed.by is not None and owed.by <= now()):
        raise AlreadyPaid(order_id=str(found.id), charged_minor=found.charged_minor)
    if owed.purpose is payments.Purpose.BALANCE and owed.by is None:
        # It is asked for when the goods are there.
        raise AlreadyPaid(order_id=str(found.id), charged_minor=found.charged_minor)
    return owed


def _end(by: datetime | None) -> datetime:
    """An attempt ends with the order's own time, at the latest."""
    end = now() + PAY_ONLINE_WITHIN
    return end if by is None else min(end, by)


async def look(
    db: Database, providers: payment_providers.Providers, *, payment: payments.Payment
) -> payments.Payment:
    """Ask what became of an attempt, and apply it; at its end, or for an order that is over, close it.

    Raises ProviderAway.
    """
    label = label_of(payment.subject_id)
    outcome = await payments.look_up(providers, payment, label=label)
    if not isinstance(
        outcome,
        payment_providers.Authorised
        | payment_providers.Charged
        | payment_providers.Declined
        | payment_providers.Closed,
    ):
        async with db.transaction() as tx:
            order = await queries.order(tx, order_id=payment.subject_id)
        if order is None:
            raise OrderNotFound(order_id=str(payment.subject_id))
        if outcome is None and payment.state is payments.State.CREATED and not _is_over(order, payment):
            # Our question never arrived, or its answer was lost: the same question again.
            outcome = await payments.start(providers, payment, label=label)
        elif _is_over(order, payment):
            outcome = await payments.close(providers, payment, label=label)
    async with db.transaction() as tx:
        if outcome is not None:
            await apply_report(tx, payment=payment, outcome=outcome)
        return (await payments.attempts.lock(tx, payment.id))[payment.id]


def _is_over(order: Order, payment: payments.Payment) -> bool:
    """Whether this should no longer be paid."""
    late = payment.expires_at is not None and payment.expires_at <= now()
    return late or order.status is Status.CANCELLED or due(order) is None


async def close_all(
    db: Database,
    providers: payment_providers.Providers | payment_providers.Source,
    *,
    shop_id: int,
    order_id: UUID,
) -> bool:
    """Close what could still be paid on an order; False where a provider did not say that it is closed."""
    async with db.transaction() as tx:
        open_ones = [each for each in await payments.payments_for(tx, subject_id=order_id) if each.is_payable]
        order = await queries.order(tx, order_id=order_id) if open_ones else None
    if order is None:
        return True
    known = await payment_providers.of_shop(providers, shop_id)
    for payment in open_ones:
        try:
            if not await _close(db, known, order, payment):
                return False
        except Refusal as refusal:
            # The units stay where they are until it is certain that nobody pays for them.
            _log.warning("orders.not_closed", order_id=str(order_id), code=refusal.code)
            return False
    return True


async def _close(
    db: Database, providers: payment_providers.Providers, order: Order, payment: payments.Payment
) -> bool:
    """Whether it is over now, one way or the other.  Raises ProviderAway, ProviderUnknown."""
    outcome = await payments.close(providers, payment, label=label_of(order.id))
    async with db.transaction() as tx:
        await apply_report(tx, payment=payment, outcome=outcome)
        return (await payments.attempts.lock(tx, payment.id))[payment.id].state.is_over


async def poll(
    db: Database, providers: payment_providers.Providers | payment_providers.Source, *, limit: int = 50
) -> int:
    """Ask about attempts of which nothing was heard; returns how many were asked about.

    One that cannot be asked now is asked later: its next time was written before.
    """
    async with db.transaction() as tx:
        waiting = await payments.attempts.take_due(tx, limit=limit)
    for payment in waiting:
        try:
            await look(db, await payment_providers.of_shop(providers, payment.shop_id), payment=payment)
        except Refusal as refusal:
            _log.warning("orders.not_looked_up", payment_id=str(payment.id), code=refusal.code)
        except Exception as problem:  # noqa: BLE001 -- one that breaks must not keep others from theirs
            _log.error("orders.not_looked_up", payment_id=str(payment.id), exc_info=problem)
    return len(waiting)


async def work(db: Database, providers: payment_providers.Source) -> None:
    """One round: what providers wrote, what they did not write, and what is to be taken, let go, and given back."""
    await work_inbox(db, providers)
    await poll(db, providers)
    await capturing.send_due(db, providers)
    await refunds.send_due(db, providers)


async def work_inbox(db: Database, providers: payment_providers.Source, *, limit: int = 100) -> int:
    """Apply what providers wrote, in the order in which it came; returns how many messages were looked at.

    What fails is tried again later and shown in the console; what was applied before changes nothing.
    """
    async with db.transaction() as tx:
        due = await payment_accounts.inbox.take_due(tx, limit=limit)
    by_shop: dict[int, list[payment_accounts.inbox.Letter]] = {}
    for letter in due:
        by_shop.setdefault(letter.shop_id, []).append(letter)
    for of_shop in by_shop.values():
        await letters.work_off(db, providers, of_shop, partial(_read, db))
    return len(due)


async def _read(
    db: Database, providers: payment_providers.Providers, letter: payment_accounts.inbox.Letter
) -> str:
    """What was done with it, in a word."""
    known = payment_providers.provider(providers, f"{letter.provider}/{letter.connection_id}")
    said: list[str] = []
    for report in known.receive(letter.message).reports:
        if report.dispute is not None:
            said.append(await disputed.hear(db, providers, letter, report.dispute))
        elif report.refund_id is not None:
            said.append(
                await refunds.hear(
                    db,
                    providers,
                    letter.shop_id,
                    report.refund_id,
                    report.refund,
                    payment_id=report.attempt_id,
                )
            )
        elif report.attempt_id is not None:
            said.append(await _about_attempt(db, providers, letter, report.attempt_id, report.outcome))
    return ", ".join(said) or "nothing_of_ours"


async def _about_attempt(
    db: Database,
    providers: payment_providers.Providers,
    letter: payment_accounts.inbox.Letter,
    attempt_id: UUID,
    outcome: payment_providers.Outcome | None,
) -> str:
    async with db.transaction() as tx:
        payment = (await payments.payments_by_id(tx, attempt_id)).get(attempt_id)
        if payment is None or not letters.is_about(letter, payment):
            if isinstance(outcome, payment_providers.Charged):
                account = await payment_accounts.connection(
                    tx, shop_id=letter.shop_id, connection_id=letter.connection_id
                )
                await reconciliation.differences.open_unknown(
                    tx, account, reference=outcome.reference, amount=outcome.amount
                )
                return "unknown"
            return "nothing_of_ours"
    if outcome is None:
        return (await look(db, providers, payment=payment)).state
    async with db.transaction() as tx:
        await apply_report(tx, payment=payment, outcome=outcome)
        return (await payments.attempts.lock(tx, payment.id))[payment.id].state
