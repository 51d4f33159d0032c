"""Money that is reserved when an order is placed and taken when it ships.

Reserved money counts as nothing but a reason to keep the units and to pack them: no figure, no document and no refund
knows of it.  It is taken once, when the last of an order leaves, for as much as was not given up on the way; a card lets
a shop take once only, and lets the rest go.  Where it would end before all of an order has left, all of it is taken; where
nothing has, it ends, and the buyer is asked to pay.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from shopfloor import payment_authorisations, payment_providers, payments, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.orders import queries
from shopfloor.orders.cancellation import fall
from shopfloor.orders.charges import ask_for_rest, given_up
from shopfloor.orders.events import OrderAuthorised
from shopfloor.orders.lifecycle import lock, note_arrivals, number_of, secure, settle
from shopfloor.orders.models import Delivery, Order, Party, Status, Why
from shopfloor.orders.refusals import NothingAuthorised
from shopfloor.orders.statuses import due

_OURS: Final = "shopfloor"
# Between the day the goods are ready and the end of what is reserved: they must be packed and leave.
SPARE: Final = timedelta(days=1)
# Who lets go of what is over anyway.
EXPIRED: Final = "expired"


def may_wait(
    authorise: timedelta | None, *, delivery: Delivery, ready_on: Iterable[date | None], in_full: bool
) -> bool:
    """Whether money can be reserved now and taken when these goods ship: what is asked is all of it, and the provider
    keeps it reserved for longer than they take.  Else it is taken at once, and given back where they do not come.
    """
    if authorise is None or not in_full or delivery is not Delivery.SHIP:
        return False
    later = [day for day in ready_on if day is not None]
    if not later:
        return authorise > SPARE
    # The day is over everywhere half a day after it is in Greenwich.
    ready = datetime.combine(max(later) + timedelta(days=1), time(12), UTC)
    return ready + SPARE <= now() + authorise


async def take(
    tx: Tx, found: Order, payment: payments.Payment, outcome: payment_providers.Authorised
) -> Order:
    """Money was reserved for a locked order by a locked attempt.  What the order does not need is let go again."""
    first = await payment_authorisations.note(
        tx, payment, amount_minor=outcome.amount.minor, capture_before=outcome.capture_before
    )
    if not first:
        return found
    reserved = await payment_authorisations.of_payment(tx, payment_id=payment.id)
    assert reserved is not None, "it was just written"
    owed = due(found)
    fits = owed is not None and owed.amount == outcome.amount and not payment.state.is_over
    await payments.attempts.move(tx, (payment, outcome))
    if not fits or not await _units(tx, found):
        await payment_authorisations.ask_void(tx, reserved, actor=_OURS)
        if not fits:
            return await settle(tx, order_id=found.id)
        lines = await queries.lines(tx, order_id=found.id)
        return await fall(tx, found, lines, by=Party.SYSTEM, why=Why.SOLD_OUT, note="", actor=_OURS)
    # Its units count as unpaid no longer: what is reserved is as good while it lasts.
    await stock.paid(tx, shop_id=found.shop_id, hold_ids=[found.hold_id], buyers=[found.buyer])
    settled = await settle(tx, order_id=found.id)
    await outbox.record(
        tx,
        OrderAuthorised(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            buyer=found.buyer,
            currency=found.currency,
            amount_minor=outcome.amount.minor,
            capture_before=outcome.capture_before,
        ),
    )
    return settled


async def _units(tx: Tx, found: Order) -> bool:
    """Whoever pays first gets the units, and who has reserved the money has paid first."""
    if found.secured or found.policy is not stock.HoldPolicy.FIRST_PAID:
        return True
    lines = await queries.lines(tx, order_id=found.id)
    if not await secure(tx, found, lines):
        return False
    await queries.mark_secured(tx, order_id=found.id, secured=True)
    await note_arrivals(tx, found, lines)
    return True


async def lapse(tx: Tx, found: Order, payment: payments.Payment, *, reason: str) -> Order:
    """What was reserved by a locked attempt is so no longer, and was not taken.  Who still owes it is asked for it."""
    known = await payment_authorisations.of_payment(tx, payment_id=payment.id)
    await payments.attempts.move(tx, (payment, payment_providers.Closed(reason)))
    if known is None or known.ended is not None:
        return found
    meant = known.wanted == "void" and known.wanted_by != EXPIRED
    await payment_authorisations.end(tx, payment_id=payment.id, how="voided" if meant else "expired")
    return await ask_for_rest(tx, await settle(tx, order_id=found.id))


async def when_shipped(tx: Tx, found: Order, *, actor: str) -> None:
    """The last of a locked order has left, or nothing more is to come: what is reserved for it is taken."""
    if (
        found.authorised_minor
        and found.shipped_at is not None
        and found.status in {Status.SHIPPED, Status.DELIVERED}
    ):
        await ask_for(tx, found, actor=actor)


async def capture(tx: Tx, *, shop_id: int, order_id: UUID, actor: str) -> Order:
    """The merchant takes what is reserved before it ships.  Twice is once.  Raises OrderNotFound, NothingAuthorised."""
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    if not found.authorised_minor or found.status is Status.CANCELLED:
        raise NothingAuthorised(order_id=str(order_id))
    await ask_for(tx, found, actor=actor)
    return found


async def ask_for(tx: Tx, found: Order, *, actor: str) -> None:
    """Take what is reserved for a locked order, but for what was given up; what is left over is let go."""
    lines = await queries.lines(tx, order_id=found.id)
    wanted = found.total_minor - found.charged_minor
    if not found.charged_minor:
        wanted -= sum(given_up(lines))
    for reserved in await payment_authorisations.live(tx, subject_id=found.id):
        amount = min(wanted, reserved.amount_minor)
        if amount <= 0:
            await payment_authorisations.ask_void(tx, reserved, actor=actor)
            continue
        await payment_authorisations.ask_capture(tx, reserved, amount_minor=amount, actor=actor)
        wanted -= amount
