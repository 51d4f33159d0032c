"""Wanting to give something back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID, uuid5

from shopfloor import orders
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.returns import queries
from shopfloor.returns.events import ReturnAsked
from shopfloor.returns.exchanges import begin
from shopfloor.returns.keeping import instead
from shopfloor.returns.looking import arrivals, may_withdraw_unsent, send_to, today_at
from shopfloor.returns.models import (
    FAULTS,
    Excepted,
    IdReused,
    Journey,
    Law,
    NothingChosen,
    NotInOrder,
    NotSentYet,
    PeriodOver,
    Reason,
    ReasonNeeded,
    Return,
    ReturnLine,
    ReturnTerms,
    Standing,
    State,
    TooManyUnits,
    refund_due,
    standings,
    terms_of,
)
from shopfloor.returns.steps import LONGEST, add_event, fact_lines

BUYER: Final = "buyer"
_NO_SWAPS: Final[Mapping[int, int]] = MappingProxyType({})
MOST_PICTURES: Final = 4


async def ask(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    return_id: UUID,
    journey: Journey,
    units: Mapping[int, int],
    reason: str = "",
    note: str = "",
    actor: str = BUYER,
    pictures: Sequence[str] = (),
    swaps: Mapping[int, int] = _NO_SWAPS,
) -> Return:
    """Give back these units {line id: so many}.  The same `return_id` again is the same return.

    A withdrawal needs nobody's consent; a claim and goodwill wait for the shop.  Before anything was sent a withdrawal
    is of the whole order, which is cancelled, and all of the money owed back.  `pictures`: hashes of stored pictures.
    `swaps` {line id: variant id}: what is wanted instead of the money, for all units of the line.

    Raises OrderNotFound, NothingChosen, NotInOrder, ReasonNeeded, TooManyUnits, PeriodOver, Excepted, NotSentYet,
    IdReused, UnusableText, NotExchangeable, ExchangeSoldOut.
    """
    note = text.prose(note, field="note", longest=LONGEST)
    why = Reason(reason).value if reason in set(Reason) else ""
    view = await orders.order(tx, shop_id=shop_id, order_id=order_id)
    line_ids = [line.id for line in view.lines]
    busy = await queries.lock_units(tx, shop_id=shop_id, order_id=order_id, line_ids=line_ids)
    known = await queries.returns(tx, shop_id=shop_id, ids=[return_id])
    if known:
        asked = {line.line_id: line.quantity for line in known[0].lines}
        if (known[0].order_id, known[0].journey) != (order_id, journey) or (
            asked != dict(units) and not known[0].unsent
        ):
            raise IdReused(return_id=str(return_id))
        return known[0]
    # As it is now that nobody else changes its returns.
    view = await orders.order(tx, shop_id=shop_id, order_id=order_id)
    if journey is Journey.CLAIM and why not in set(FAULTS):
        raise ReasonNeeded
    terms = terms_of(view.order)
    today, zone = await today_at(tx, shop_id=shop_id)
    if journey is Journey.WITHDRAWAL and actor == BUYER and may_withdraw_unsent(view, terms):
        return await _withdraw_unsent(tx, view, return_id, why, note, actor, today)
    lines = standings(terms, view.lines, await arrivals(tx, view, zone), busy, today)
    _check(view, lines, journey, units, by_shop=actor != BUYER)
    new_return = await _open(
        tx, view, terms, lines, return_id, journey, units, swaps, why, note, actor, today
    )
    await queries.insert_pictures(
        tx, shop_id=shop_id, return_id=return_id, pictures=list(dict.fromkeys(pictures))[:MOST_PICTURES]
    )
    return new_return


def _check(
    view: orders.OrderView,
    lines: Sequence[Standing],
    journey: Journey,
    units: Mapping[int, int],
    *,
    by_shop: bool,
) -> None:
    """The shop itself may take back what is left, whenever it likes."""
    if not units:
        raise NothingChosen
    by_id = {line.line_id: line for line in lines}
    sent = {line.id: line.shipped_quantity for line in view.lines}
    for line_id, quantity in units.items():
        line = by_id.get(line_id)
        if line is None or quantity < 1:
            raise NotInOrder(line_id=line_id, quantity=quantity)
        if quantity > line.left:
            if not sent[line_id]:
                raise NotSentYet(line_id=line_id)
            raise TooManyUnits(line_id=line_id, wanted=quantity, left=line.left)
        if by_shop or quantity <= line.of(journey):
            continue
        if journey is Journey.WITHDRAWAL and line.excepted is not None:
            raise Excepted(line_id=line_id, why=line.excepted)
        raise PeriodOver(
            line_id=line_id,
            wanted=quantity,
            left=line.of(journey),
            until=None if line.until is None else line.until.isoformat(),
        )


async def _open(
    tx: Tx,
    view: orders.OrderView,
    terms: ReturnTerms,
    lines: Sequence[Standing],
    return_id: UUID,
    journey: Journey,
    units: Mapping[int, int],
    swaps: Mapping[int, int],
    reason: str,
    note: str,
    actor: str,
    today: date,
) -> Return:
    approved = journey is Journey.WITHDRAWAL or actor != BUYER
    at = now()
    wanted = _new(view, return_id, journey, reason, note, actor, at)
    wanted = replace(
        wanted,
        state=State.APPROVED if approved else State.REQUESTED,
        decided_at=at if approved else None,
        refund_due_on=refund_due(terms.law, journey, asked=today, received=None),
        lines=[
            ReturnLine(line.line_id, line.variant_id, line.product_id, units[line.line_id], 0)
            for line in lines
            if line.line_id in units
        ],
    )
    asked = await _insert(tx, wanted)
    await queries.add_units(tx, asked=units)
    if swaps:
        await begin(tx, view, asked, swaps)
    await _tell_asked(tx, asked)
    return asked


def _new(
    view: orders.OrderView,
    return_id: UUID,
    journey: Journey,
    reason: str,
    note: str,
    actor: str,
    at: datetime,
) -> Return:
    found = view.order
    assert found.number is not None, "it is placed"
    return Return(
        id=return_id,
        shop_id=found.shop_id,
        order_id=found.id,
        order_number=found.number,
        position=1,
        buyer=found.buyer,
        show_id=found.show_id,
        journey=journey,
        state=State.REQUESTED,
        reason=reason,
        note=note,
        answer="",
        keeps_goods=False,
        unsent=False,
        asked_by=actor,
        refund_due_on=None,
        refund=None,
        refund_minor=0,
        deduct_minor=0,
        asked_at=at,
        decided_at=None,
        received_at=None,
        ended_at=None,
    )


async def _insert(tx: Tx, wanted: Return) -> Return:
    inserted = replace(wanted, position=await queries.insert_return(tx, wanted))
    await queries.insert_lines(tx, return_id=inserted.id, lines=inserted.lines)
    await add_event(
        tx, inserted, "asked", inserted.asked_by, {"journey": inserted.journey, "reason": inserted.reason}
    )
    return inserted


async def _withdraw_unsent(
    tx: Tx, view: orders.OrderView, return_id: UUID, reason: str, note: str, actor: str, today: date
) -> Return:
    found = view.order
    at = now()
    wanted = replace(
        _new(view, return_id, Journey.WITHDRAWAL, reason, note, actor, at),
        state=State.REFUNDED,
        unsent=True,
        decided_at=at,
        ended_at=at,
        refund_due_on=refund_due(Law.EU, Journey.WITHDRAWAL, asked=today, received=None),
        # As orders name the refund of what was cancelled.
        refund=uuid5(found.id, "cancelled"),
        refund_minor=found.refundable_minor,
        lines=[
            ReturnLine(line.id, line.variant_id, line.product_id, line.wanted_quantity, 0)
            for line in view.lines
            if line.wanted_quantity
        ],
    )
    withdrawn = await _insert(tx, wanted)
    await orders.cancel(
        tx,
        shop_id=found.shop_id,
        order_id=found.id,
        by=orders.Party.BUYER,
        actor=actor,
        note=note,
        withdrawn=True,
    )
    await _tell_asked(tx, withdrawn)
    return withdrawn


async def _tell_asked(tx: Tx, asked: Return) -> None:
    await outbox.record(
        tx,
        ReturnAsked(
            shop_id=asked.shop_id,
            return_id=asked.id,
            number=asked.number,
            order_id=asked.order_id,
            buyer=asked.buyer,
            show_id=asked.show_id,
            journey=asked.journey,
            reason=asked.reason or None,
            approved=asked.state is not State.REQUESTED,
            unsent=asked.unsent,
            asked_at=asked.asked_at,
            send_to=await send_to(tx, shop_id=asked.shop_id),
            lines=fact_lines(asked),
            instead=await instead(tx, asked),
        ),
    )
