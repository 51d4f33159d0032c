"""The money for what came back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final
from uuid import UUID

import msgspec

from shopfloor import approvals, orders, pricing
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.returns import queries
from shopfloor.returns.events import ReturnedLine, ReturnRefunded
from shopfloor.returns.keeping import drop, paid_with
from shopfloor.returns.looking import get
from shopfloor.returns.models import (
    Busy,
    Journey,
    Law,
    NothingReceived,
    OrderedLine,
    RefundAsked,
    RefundDraft,
    RefundWaits,
    Return,
    State,
    TooMuchDeducted,
    WrongState,
    terms_of,
    worth,
)
from shopfloor.returns.steps import LONGEST, add_event, locked

_OURS: Final = "shopfloor"


def draft(found: Return, view: orders.OrderView, busy: Mapping[int, Busy]) -> RefundDraft:
    """What was paid for the units that came (all of them, where nobody wants them back), as far as earlier refunds
    have left it.  The way there is paid back with the last unit: for a withdrawal in the EU what the cheapest way
    costs, for a claim all of it.  What has paid for an exchange is given back no second time.
    """
    units = {
        line.line_id: line.quantity if found.keeps_goods else line.received
        for line in found.lines
        if found.keeps_goods or line.received
    }
    left = _left(view)
    gone = next((each.lines for each in view.refunds if each.refund_id == paid_with(found.id)), None)
    parts = [
        min(max(0, _worth(line, busy, units.get(line.id, 0)) - (gone[place] if gone else 0)), left[place])
        for place, line in enumerate(view.lines)
    ]
    everything = all(
        busy.get(line.id, Busy()).refunded + units.get(line.id, 0) >= line.wanted_quantity
        for line in view.lines
    )
    shipping = _shipping_back(found, view.order, left[-1]) if everything else 0
    drafted = [*parts, shipping]
    most = max(0, view.order.refundable_minor)
    if sum(drafted) > most:
        drafted = pricing.refund_parts(drafted, [0] * len(drafted), most)
    return RefundDraft(drafted, units)


def _worth(line: OrderedLine, busy: Mapping[int, Busy], units: int) -> int:
    return worth(line, busy.get(line.id, Busy()).refunded, units) if units else 0


def _shipping_back(found: Return, order: orders.Order, left: int) -> int:
    terms = terms_of(order)
    if found.journey is Journey.CLAIM:
        return min(order.shipping_minor, left)
    if found.journey is Journey.WITHDRAWAL and terms.law is Law.EU:
        return min(terms.standard_minor, order.shipping_minor, left)
    return 0


def _left(view: orders.OrderView) -> list[int]:
    """What earlier refunds left of each line, and of shipping as the last."""
    left = [*(line.amount_minor for line in view.lines), view.order.shipping_minor]
    for each in view.refunds:
        parts = [*each.lines, each.shipping_minor]
        left = [most - part for most, part in zip(left, parts, strict=True)]
    return left


async def refund_draft(tx: Tx, found: Return) -> RefundDraft:
    """What a press of the button would give back now."""
    view = await orders.order(tx, shop_id=found.shop_id, order_id=found.order_id)
    return draft(found, view, await queries.units(tx, order_id=found.order_id))


async def refund(
    tx: Tx, *, shop_id: int, return_id: UUID, actor: str, deduct_minor: int = 0, note: str = ""
) -> Return:
    """Give the money back for what came (also where something else was to be sent instead, which is not sent then), less what its use has cost (`deduct_minor`, and `note` says why), and end the
    return: what of it has not come can be asked for again.  However often and by whomever it is pressed, the money
    goes once.

    Where it needs a second person, the return stays as it is until that one has said yes (`refund_confirmed`); after a
    no it can be pressed again.

    Raises ReturnNotFound, WrongState, NothingReceived, TooMuchDeducted, UnusableText.
    """
    note = text.prose(note, field="note", longest=LONGEST)
    found, view, busy = await locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.REFUNDED:
        return found
    if found.state not in {State.APPROVED, State.RECEIVED}:
        raise WrongState(state=found.state)
    if not found.keeps_goods and not found.received:
        raise NothingReceived
    decision, asked = await _asked(tx, found)
    if asked is not None and decision != "declined":
        return found if decision is None else await _refunded(tx, found, view.order.currency, asked, actor)
    await drop(tx, found, actor=actor)
    return await _give_back(tx, found, view, draft(found, view, busy), actor, deduct_minor, note)


async def give_rest_back(tx: Tx, *, shop_id: int, return_id: UUID, actor: str) -> Return:
    """What an exchange leaves over, and the end of its return; it may wait for a second person as any refund does."""
    found, view, busy = await locked(tx, shop_id=shop_id, return_id=return_id)
    return await _give_back(tx, found, view, draft(found, view, busy), actor, 0, "")


async def _give_back(
    tx: Tx,
    found: Return,
    view: orders.OrderView,
    drafted: RefundDraft,
    actor: str,
    deduct_minor: int,
    note: str,
) -> Return:
    amount = drafted.amount_minor - deduct_minor
    if deduct_minor < 0 or amount < 0:
        raise TooMuchDeducted(deduct_minor=deduct_minor, refund_minor=drafted.amount_minor)
    wanted = RefundAsked(new_id(), amount, deduct_minor, dict(drafted.units), note)
    if amount:
        parts = pricing.refund_parts(drafted.parts, [0] * len(drafted.parts), amount)
        await orders.refund(
            tx,
            shop_id=found.shop_id,
            order_id=found.order_id,
            amount=Money(amount, view.order.currency),
            refund_id=wanted.refund,
            note=" · ".join(filter(None, (found.number, note))),
            actor=actor,
            parts=parts,
        )
        request = await approvals.known(
            tx, shop_id=found.shop_id, refund_id=wanted.refund, kind=approvals.Kind.REFUND
        )
        if request is not None:
            await add_event(tx, found, "refund_asked", actor, asdict(wanted) | {"refund": str(wanted.refund)})
            return found
    return await _refunded(tx, found, view.order.currency, wanted, actor)


async def refund_waiting(tx: Tx, found: Return) -> RefundAsked | None:
    """The refund that waits for a second person; None where none does."""
    decision, asked = await _asked(tx, found)
    return asked if decision is None else None


async def _asked(tx: Tx, found: Return) -> tuple[str | None, RefundAsked | None]:
    """What became of the refund that was asked for last, and that refund; (None, None) where none was."""
    facts = await queries.newest_asked(tx, return_id=found.id)
    if facts is None:
        return None, None
    asked = msgspec.convert(facts, RefundAsked, strict=False)
    request = await approvals.known(
        tx, shop_id=found.shop_id, refund_id=asked.refund, kind=approvals.Kind.REFUND
    )
    assert request is not None, "it was asked for in the same transaction"
    return request.decision, asked


async def no_refund_waits(tx: Tx, found: Return) -> None:
    """Raises RefundWaits: what a second person looks at must not change under their eyes."""
    if await refund_waiting(tx, found) is not None:
        raise RefundWaits(return_id=str(found.id))


async def refund_confirmed(tx: Tx, *, shop_id: int, order_id: UUID, refund_id: UUID) -> None:
    """A second person said yes to a refund of this order: the return that it is of has ended.  Twice is once."""
    for return_id in await queries.unrefunded_of_order(tx, shop_id=shop_id, order_id=order_id):
        found, view, _ = await locked(tx, shop_id=shop_id, return_id=return_id)
        decision, asked = await _asked(tx, found)
        if (
            asked is None
            or asked.refund != refund_id
            or decision != "confirmed"
            or found.ended_at is not None
        ):
            continue
        await _refunded(tx, found, view.order.currency, asked, _OURS)


async def _refunded(tx: Tx, found: Return, currency: str, done: RefundAsked, actor: str) -> Return:
    """The money goes: what of the return has not come can be asked for again."""
    await queries.add_units(
        tx,
        asked={line.line_id: done.units.get(line.line_id, 0) - line.quantity for line in found.lines},
        refunded=done.units,
    )
    await queries.mark_refunded(
        tx,
        return_id=found.id,
        refund_id=done.refund,
        refund_minor=done.refund_minor,
        deduct_minor=done.deduct_minor,
        at=now(),
    )
    facts = {"refund_minor": done.refund_minor, "deduct_minor": done.deduct_minor, "note": done.note}
    await add_event(tx, found, "refunded", actor, facts)
    await outbox.record(
        tx,
        ReturnRefunded(
            shop_id=found.shop_id,
            return_id=found.id,
            number=found.number,
            order_id=found.order_id,
            buyer=found.buyer,
            show_id=found.show_id,
            journey=found.journey,
            reason=found.reason or None,
            refund_id=done.refund,
            currency=currency,
            refund_minor=done.refund_minor,
            lines=[
                ReturnedLine(line.line_id, line.variant_id, line.product_id, done.units[line.line_id])
                for line in found.lines
                if line.line_id in done.units
            ],
        ),
    )
    return await get(tx, shop_id=found.shop_id, return_id=found.id)
