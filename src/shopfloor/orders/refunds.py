"""Money out: refunds decided, sent, and said to be sent."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from shopfloor import (
    approvals,
    disputes,
    payment_providers,
    payment_refunds,
    payments,
    purchases,
    reconciliation,
    stock,
)
from shopfloor.kernel import logs, outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import Money
from shopfloor.orders import edit_queries, money_queries, queries, refund_shares, views
from shopfloor.orders.events import OrderRefunded, RefundPaid
from shopfloor.orders.lifecycle import fact_lines, lock, number_of, settle
from shopfloor.orders.models import Granted, Order, OrderLine
from shopfloor.orders.refusals import KeyReused, RefundNotFound, WrongCurrency, ZeroRefund

# The method of an attempt that stands for what was reserved and not taken.
LET_GO: Final = "let_go"

_log = logs.get("orders")


async def refund(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    amount: Money,
    refund_id: UUID,
    note: str,
    actor: str,
    put_back: Mapping[int, int] | None = None,
    location_id: int | None = None,
    resellable: bool = True,
    parts: Sequence[int] | None = None,
) -> Order:
    """Decide to give money back, in part or all; sent by `mark_refunded` when it has left.

    `put_back` {line id: units} also takes shipped units back, also for an amount of zero: on the shelf of this
    location (None: of where they left), or, where they are not `resellable`, on none.  `parts`: what of each line it gives back,
    in their order, and of shipping as the last; without them it is of the order as a whole.  The same `refund_id`
    again is the same refund.  Where it needs a second person, it is asked for, and granted by `confirm`.  Raises ZeroRefund, payments.OverRefund with `refundable_minor`, WrongCurrency, KeyReused,
    purchases.BadPurchase, stock.UnknownStock.
    """
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    number_of(found)
    granted = await payment_refunds.granted_parts(tx, subject_id=order_id, refund_id=refund_id)
    asked = await approvals.known(tx, shop_id=shop_id, refund_id=refund_id, kind=approvals.Kind.REFUND)
    if granted or asked is not None:
        before = sum(minor for _, minor in granted) if granted or asked is None else asked.amount_minor
        if before != amount.minor or (asked is not None and asked.order_id != order_id):
            raise KeyReused(refund_id=str(refund_id))
        return found
    if amount.currency != found.currency:
        raise WrongCurrency(given=amount.currency, wanted=found.currency)
    if amount.minor <= 0 and not put_back:
        raise ZeroRefund(field="amount", given_minor=amount.minor)
    if not 0 <= amount.minor <= found.refundable_minor:
        raise payment_refunds.OverRefund(given_minor=amount.minor, refundable_minor=found.refundable_minor)
    await _put_back(tx, found, lines, put_back or {}, location_id=location_id, resellable=resellable)
    await grant(tx, found, amount.minor, refund_id=refund_id, note=note, actor=actor, parts=parts)
    return await settle(tx, order_id=order_id)


async def _put_back(
    tx: Tx,
    found: Order,
    lines: Sequence[OrderLine],
    units: Mapping[int, int],
    *,
    location_id: int | None,
    resellable: bool,
) -> None:
    by_id = {line.id: line for line in lines}
    for line_id, quantity in sorted(units.items()):
        line = by_id.get(line_id)
        if line is None or quantity < 1 or line.returned_quantity + quantity > line.shipped_quantity:
            raise purchases.BadPurchase(
                "More would come back than was shipped.", line_id=line_id, quantity=quantity
            )
        await stock.put_back(
            tx,
            hold_id=found.hold_id,
            variant_id=line.variant_id,
            quantity=quantity,
            location_id=location_id,
            resellable=resellable,
        )
        await queries.add_returned(tx, line_id=line_id, quantity=quantity)


async def grant(
    tx: Tx,
    found: Order,
    amount_minor: int,
    *,
    refund_id: UUID,
    note: str,
    actor: str,
    parts: Sequence[int] | None = None,
) -> None:
    """Owe `amount_minor` to the buyer, newest charge first, and say so.  Nothing for nothing.

    `parts`: what of each line, in their order, and of shipping as the last.  Where it needs a second person, that one
    is asked for instead.  Raises payments.OverRefund, also where parts are more than is left of one of them.
    """
    if amount_minor <= 0:
        return
    if parts is not None:
        await _name_parts(tx, found, amount_minor, parts, refund_id=refund_id)
    why = await approvals.needed(
        tx,
        shop_id=found.shop_id,
        order_id=found.id,
        contact_email=found.contact_email,
        kind=approvals.Kind.REFUND,
        amount_minor=amount_minor,
        granted_minor=found.refund_granted_minor + found.edited_minor,
        actor=actor,
    )
    if why is not None:
        await approvals.ask(
            tx,
            shop_id=found.shop_id,
            order_id=found.id,
            refund_id=refund_id,
            kind=approvals.Kind.REFUND,
            why=why,
            amount=Money(amount_minor, found.currency),
            note=note,
            actor=actor,
        )
        return
    await _grant(tx, found, amount_minor, refund_id=refund_id, note=note, actor=actor)


async def carry_over(
    tx: Tx, found: Order, parts: Sequence[int], *, refund_id: UUID, note: str, actor: str
) -> Order:
    """What was paid for these parts of a locked order pays for another of its buyer: owed and gone at once, and nobody
    sends anything.  `parts` as `grant` has them.  Raises payments.OverRefund.
    """
    amount = sum(parts)
    if not 0 < amount <= found.refundable_minor:
        raise payment_refunds.OverRefund(given_minor=amount, refundable_minor=found.refundable_minor)
    await _name_parts(tx, found, amount, parts, refund_id=refund_id)
    await _grant(tx, found, amount, refund_id=refund_id, note=note, actor=actor)
    granted = await payment_refunds.granted_parts(tx, subject_id=found.id, refund_id=refund_id)
    await payment_refunds.mark_sent(tx, granted, refund_id=refund_id, actor=actor, note=note)
    for payment, _ in granted:
        await payment_refunds.note(
            tx, refund_id=refund_id, payment_id=payment.id, outcome=payment_providers.GivenBack(None)
        )
    return await settle(tx, order_id=found.id)


async def let_go(tx: Tx, found: Order, parts: Sequence[int], *, refund_id: UUID, actor: str) -> Order:
    """These parts of a locked order were given up before they were charged: booked as come and gone, so that papers, sums
    and what can still be given back are those of an order whose units were refunded.  No money moves, and nobody is told.
    """
    amount = sum(parts)
    booked = await payments.open_payment(
        tx,
        shop_id=found.shop_id,
        subject_id=found.id,
        purpose=payments.Purpose.FULL,
        amount=Money(amount, found.currency),
        provider_name="manual",
        method=LET_GO,
    )
    await payments.record(
        tx,
        payments.Happened(
            booked, payments.PaymentEventKind.CHARGED, amount, reference=f"{LET_GO}/{refund_id}", actor=actor
        ),
    )
    fresh = await settle(tx, order_id=found.id)
    await _name_parts(tx, fresh, amount, parts, refund_id=refund_id)
    # The newest money is what was just booked.
    await payment_refunds.grant(
        tx,
        subject_id=found.id,
        amount_minor=amount,
        refund_id=refund_id,
        note="given up before it was charged",
        actor=actor,
    )
    granted = await payment_refunds.granted_parts(tx, subject_id=found.id, refund_id=refund_id)
    assert [payment.id for payment, _ in granted] == [booked.id], "no other money pays for it"
    await payment_refunds.mark_sent(tx, granted, refund_id=refund_id, actor=actor, note="")
    return await settle(tx, order_id=found.id)


async def _name_parts(
    tx: Tx, found: Order, amount_minor: int, parts: Sequence[int], *, refund_id: UUID
) -> None:
    lines = await queries.lines(tx, order_id=found.id)
    before = await granted_before(tx, found, lines)
    left = refund_shares.left(before, lines, shipping_minor=found.shipping_minor)
    if sum(parts) != amount_minor or not _fit(parts, left):
        raise payment_refunds.OverRefund(given_minor=amount_minor, refundable_minor=sum(left))
    await money_queries.insert_refund_share(tx, order_id=found.id, refund_id=refund_id, parts=parts)


def _fit(parts: Sequence[int], left: Sequence[int]) -> bool:
    return all(0 <= part <= most for part, most in zip(parts, left, strict=True))


async def confirm(
    tx: Tx, *, shop_id: int, request_id: UUID, person_id: int, order_id: UUID | None = None
) -> tuple[Order, UUID]:
    """Another member says yes to a refund that waits: the order, and the refund to be sent.

    Two who confirm at once are one: the other is refused.  Raises approvals.RequestNotFound, AlreadyDecided, OwnRequest,
    payments.OverRefund where less is left by now.
    """
    asked = await approvals.request(tx, shop_id=shop_id, request_id=request_id, order_id=order_id)
    found, _ = await lock(tx, shop_id=shop_id, order_id=asked.order_id)
    await approvals.confirm(tx, asked, contact_email=found.contact_email, person_id=person_id)
    actor = f"person:{person_id}"
    if asked.kind is approvals.Kind.BY_HAND:
        return await _mark(
            tx, shop_id=shop_id, order_id=found.id, refund_id=asked.refund, actor=actor, note=asked.note
        ), asked.refund
    of_edit = asked.refund in await edit_queries.refunds_of(tx, order_id=found.id)
    if not of_edit and asked.amount_minor > found.refundable_minor:
        raise payment_refunds.OverRefund(
            given_minor=asked.amount_minor, refundable_minor=found.refundable_minor
        )
    await _grant(tx, found, asked.amount_minor, refund_id=asked.refund, note=asked.note, actor=actor)
    return await settle(tx, order_id=found.id), asked.refund


async def _grant(tx: Tx, found: Order, amount_minor: int, *, refund_id: UUID, note: str, actor: str) -> None:
    """A refund of an edit is of goods that are in the order no longer: it is shared over none of its lines."""
    if refund_id in await edit_queries.refunds_of(tx, order_id=found.id):
        await _owe(tx, found, amount_minor, refund_id=refund_id, note=note, actor=actor)
        return
    lines = await queries.lines(tx, order_id=found.id)
    before = await granted_before(tx, found, lines)
    shares = (await money_queries.refund_shares(tx, order_id=found.id)).get(refund_id)
    if shares is None:
        shares = refund_shares.share(amount_minor, before, lines, shipping_minor=found.shipping_minor)
    elif not _fit(shares, refund_shares.left(before, lines, shipping_minor=found.shipping_minor)):
        raise payment_refunds.OverRefund(given_minor=amount_minor, refundable_minor=found.refundable_minor)
    await _owe(tx, found, amount_minor, refund_id=refund_id, note=note, actor=actor)
    await outbox.record(
        tx,
        OrderRefunded(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            refund_id=refund_id,
            buyer=found.buyer,
            show_id=found.show_id,
            currency=found.currency,
            amount_minor=amount_minor,
            shipping_minor=shares[-1],
            lines=fact_lines(lines, shares[:-1]),
        ),
    )


async def _owe(tx: Tx, found: Order, amount_minor: int, *, refund_id: UUID, note: str, actor: str) -> None:
    await payment_refunds.grant(
        tx,
        subject_id=found.id,
        amount_minor=amount_minor,
        refund_id=refund_id,
        note=note,
        actor=actor,
        withdrawn=await disputes.withdrawn(tx, subject_id=found.id),
    )


async def granted_before(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> list[Granted]:
    """The refunds of an order so far, in the order in which they were decided; those of edits aside."""
    return refund_shares.granted(
        await payments.events_for(tx, subject_id=found.id),
        await money_queries.refund_shares(tx, order_id=found.id),
        lines,
        shipping_minor=found.shipping_minor,
        apart=await edit_queries.refunds_of(tx, order_id=found.id),
    )


async def mark_refunded(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    actor: str,
    note: str = "",
    payment_id: UUID | None = None,
) -> Order:
    """Somebody says that the money has left; with `payment_id` the part of it that came from there.

    Saying it twice is saying it once.  Money that came online and is said to have gone another way needs a second person:
    then that one is asked for, and `confirm` marks it.  Raises OrderNotFound, RefundNotFound.
    """
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    sent = {
        event.payment_id
        for event in await payments.events_for(tx, subject_id=order_id)
        if event.kind is payments.PaymentEventKind.REFUNDED and event.reference.startswith(f"{refund_id}/")
    }
    online = sum(
        minor
        for payment, minor in await payment_refunds.granted_parts(
            tx, subject_id=order_id, refund_id=refund_id
        )
        if payment.is_online and payment.id not in sent and payment_id in {None, payment.id}
    )
    why = None
    if online:
        why = await approvals.needed(
            tx,
            shop_id=shop_id,
            order_id=order_id,
            contact_email=found.contact_email,
            kind=approvals.Kind.BY_HAND,
            amount_minor=online,
            granted_minor=0,
            actor=actor,
        )
    if why is None:
        return await _mark(
            tx, shop_id=shop_id, order_id=order_id, refund_id=refund_id, actor=actor, note=note,
            payment_id=payment_id,
        )  # fmt: skip
    await approvals.ask(
        tx,
        shop_id=shop_id,
        order_id=order_id,
        refund_id=refund_id,
        kind=approvals.Kind.BY_HAND,
        why=why,
        amount=Money(online, found.currency),
        note=note,
        actor=actor,
    )
    return found


async def _mark(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    actor: str,
    note: str = "",
    payment_id: UUID | None = None,
) -> Order:
    """The money has left."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    granted = [
        part
        for part in await payment_refunds.granted_parts(tx, subject_id=order_id, refund_id=refund_id)
        if payment_id is None or part[0].id == payment_id
    ]
    if not granted:
        raise RefundNotFound(refund_id=str(refund_id))
    sent = await payment_refunds.mark_sent(tx, granted, refund_id=refund_id, actor=actor, note=note)
    for payment, _ in granted:
        await payment_refunds.note(
            tx, refund_id=refund_id, payment_id=payment.id, outcome=payment_providers.GivenBack(None)
        )
    if sent:
        await outbox.record(
            tx,
            RefundPaid(
                shop_id=shop_id,
                order_id=order_id,
                refund_id=refund_id,
                currency=found.currency,
                amount_minor=sent,
            ),
        )
    return await settle(tx, order_id=order_id)


async def send_refund(
    db: Database,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    actor: str,
    providers: payment_providers.Providers | payment_providers.Source = payment_providers.MANUAL_ONLY,
) -> bool:
    """Ask the providers to send a granted refund.  True when all of it has left; False when some is on its way, has
    failed, or is for the merchant to send by hand and `mark_refunded`.

    A provider that is away is asked again by `send_due`.  Raises OrderNotFound, RefundNotFound.
    """
    async with db.transaction() as tx:
        view = await views.order(tx, shop_id=shop_id, order_id=order_id)
        parts = await payment_refunds.granted_parts(tx, subject_id=order_id, refund_id=refund_id)
        tries = {each.payment_id: each for each in await payment_refunds.tries(tx, refund_ids=[refund_id])}
    sent = {
        event.payment_id
        for event in view.payments
        if event.kind is payments.PaymentEventKind.REFUNDED and event.reference.startswith(f"{refund_id}/")
    }
    known = await payment_providers.of_shop(providers, shop_id)
    left = bool(parts)
    for payment, amount_minor in parts:
        if payment.id in sent:
            continue
        before = tries.get(payment.id)
        again = before is not None and (before.tries > 0 or before.state == "pending")
        left &= await _send_part(
            db, known, payment, amount_minor, refund_id=refund_id, actor=actor, again=again
        )
    return left


async def _send_part(
    db: Database,
    providers: payment_providers.Providers,
    payment: payments.Payment,
    amount_minor: int,
    *,
    refund_id: UUID,
    actor: str,
    again: bool,
) -> bool:
    """Whether it has left.  No transaction is open while the provider is asked."""
    if not payment.is_online:
        return False
    async with db.transaction() as tx:
        charge = await payments.attempts.charge_of(tx, payment)
    try:
        outcome = await payment_refunds.give_back(
            providers,
            payment,
            label=payment.subject_id.hex[-8:].upper(),
            charge=charge,
            refund_id=refund_id,
            amount=Money(amount_minor, payment.currency),
            again=again,
        )
    except payment_providers.ProviderAway:
        return False
    except payment_providers.ProviderUnknown:
        # The account was removed: the merchant sends it by hand.
        outcome = payment_providers.RefundFailed("account_removed")
    async with db.transaction() as tx:
        if isinstance(outcome, payment_providers.GivenBack) and outcome.reference is not None:
            await _mark(
                tx,
                shop_id=payment.shop_id,
                order_id=payment.subject_id,
                refund_id=refund_id,
                actor=actor,
                payment_id=payment.id,
            )
            return True
        await payment_refunds.note(tx, refund_id=refund_id, payment_id=payment.id, outcome=outcome)
    return False


async def send_due(
    db: Database, providers: payment_providers.Providers | payment_providers.Source, *, limit: int = 50
) -> int:
    """Send what is granted and was not sent yet, and ask about what was only accepted; returns how many were tried."""
    async with db.transaction() as tx:
        waiting = await payment_refunds.take_due(tx, limit=limit)
        found = await payments.payments_by_id(tx, *(each.payment_id for each in waiting))
    for due in waiting:
        payment = found[due.payment_id]
        try:
            await _send_part(
                db,
                await payment_providers.of_shop(providers, due.shop_id),
                payment,
                due.amount_minor,
                refund_id=due.refund,
                actor="shopfloor",
                again=due.tries > 0 or due.state == "pending",
            )
        except Exception as problem:  # noqa: BLE001 -- one that breaks must not keep others from theirs
            _log.error("orders.refund_not_sent", refund_id=str(due.refund), exc_info=problem)
    return len(waiting)


async def hear(
    db: Database,
    providers: payment_providers.Providers,
    shop_id: int,
    refund_id: UUID,
    outcome: payment_providers.RefundOutcome | None,
    *,
    payment_id: UUID | None = None,
) -> str:
    """What a provider says of a refund by itself, in a word of what was done; it is asked where it says nothing.

    `payment_id`: the attempt whose share it is, where the message says so.  Raises ProviderAway, ProviderUnknown.
    """
    async with db.transaction() as tx:
        known = [
            each
            for each in await payment_refunds.of_refund(tx, shop_id=shop_id, refund_id=refund_id)
            if payment_id is None or each.payment_id == payment_id
        ]
        found = await payments.payments_by_id(tx, *(each.payment_id for each in known))
    for each in known:
        payment = found[each.payment_id]
        reported = outcome or await _asked(db, providers, payment, each)
        if reported is not None:
            await _report(db, payment, each, reported, asked=outcome is None)
    return "refund" if known else "nothing_of_ours"


async def _asked(
    db: Database, providers: payment_providers.Providers, payment: payments.Payment, due: payment_refunds.Try
) -> payment_providers.RefundOutcome | None:
    async with db.transaction() as tx:
        charge = await payments.attempts.charge_of(tx, payment)
    return await payment_refunds.look_up(
        providers,
        payment,
        label=payment.subject_id.hex[-8:].upper(),
        charge=charge,
        refund_id=due.refund,
        amount=Money(due.amount_minor, payment.currency),
    )


async def _report(
    db: Database,
    payment: payments.Payment,
    before: payment_refunds.Try,
    outcome: payment_providers.RefundOutcome,
    *,
    asked: bool,
) -> None:
    """One that failed after it was done is a difference: the money is here again, and still the buyer's."""
    async with db.transaction() as tx:
        if isinstance(outcome, payment_providers.GivenBack):
            await _mark(
                tx,
                shop_id=payment.shop_id,
                order_id=payment.subject_id,
                refund_id=before.refund,
                actor=payment.provider,
                payment_id=payment.id,
            )
            return
        tries = await payment_refunds.of_refund(tx, shop_id=payment.shop_id, refund_id=before.refund)
        [due] = [each for each in tries if each.payment_id == payment.id]
        if asked and due.state != before.state:
            # The answer is older than what was done meanwhile.
            return
        if due.state == "done" and isinstance(outcome, payment_providers.RefundFailed):
            await reconciliation.differences.open_for(
                tx,
                payment,
                reconciliation.DifferenceKind.REFUND_FAILED,
                reference=f"{due.refund}/{payment.id}",
                amount=Money(due.amount_minor, payment.currency),
                expected_minor=0,
            )
        else:
            await payment_refunds.note(tx, refund_id=due.refund, payment_id=payment.id, outcome=outcome)
