"""The verbs of returns.  Whoever changes one locks the units of its order's lines first, then the order, then stock."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from shopfloor import accounts, approvals, documents, fulfilment, orders, policies, pricing
from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.returns import queries
from shopfloor.returns.events import (
    ReceivedLine,
    ReturnApproved,
    ReturnAsked,
    ReturnClosed,
    ReturnedLine,
    ReturnReceived,
    ReturnRefunded,
    ReturnRefused,
)
from shopfloor.returns.models import (
    FAULTS,
    AnswerNeeded,
    Arrival,
    Arrived,
    Busy,
    Condition,
    Excepted,
    IdReused,
    Journey,
    Law,
    NothingChosen,
    NothingReceived,
    NotInOrder,
    NotSentYet,
    Offer,
    OrderedLine,
    PeriodOver,
    Reason,
    ReasonNeeded,
    RefundAsked,
    RefundDraft,
    RefundWaits,
    Return,
    ReturnLine,
    ReturnNotFound,
    ReturnSummary,
    Standing,
    State,
    Terms,
    TooManyUnits,
    TooMuchDeducted,
    WrongState,
    refund_due,
    standings,
    terms_of,
    worth,
)

BUYER: Final = "buyer"
_OURS: Final = "shopfloor"
LONGEST: Final = 2000
MOST_PICTURES: Final = 4
_LONGEST_NUMBER: Final = 18
_UNSENT: Final = frozenset({orders.Status.PLACED, orders.Status.PAID})


# Looking


async def offer(tx: Tx, view: orders.OrderView) -> Offer:
    """What the buyer of this order may do now, and the returns there are."""
    found = view.order
    terms = terms_of(found)
    busy = await queries.units(tx, order_id=found.id)
    today, zone = await _today(tx, shop_id=found.shop_id)
    lines = standings(terms, view.lines, await _arrivals(tx, view, zone), busy, today)
    known = await of_order(tx, shop_id=found.shop_id, order_id=found.id)
    return Offer(terms, lines, _may_withdraw_unsent(view, terms), known)


async def _today(tx: Tx, *, shop_id: int) -> tuple[date, ZoneInfo]:
    zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
    return now().astimezone(zone).date(), zone


async def _arrivals(tx: Tx, view: orders.OrderView, zone: ZoneInfo) -> list[Arrival]:
    """Parcels that left, and what left without one: that was before there were parcels."""
    known = await fulfilment.of_order(tx, shop_id=view.order.shop_id, order_id=view.order.id)

    def day(at: datetime | None) -> date | None:
        return None if at is None else at.astimezone(zone).date()

    found = [
        Arrival({line.line_id: line.quantity for line in each.lines}, day(each.arrived_at))
        for each in known
        if each.state in fulfilment.GONE
    ]
    rest = {
        line.id: line.shipped_quantity - sum(each.units.get(line.id, 0) for each in found)
        for line in view.lines
    }
    if any(units > 0 for units in rest.values()):
        without = {line_id: units for line_id, units in rest.items() if units > 0}
        found.append(Arrival(without, day(view.order.delivered_at)))
    return found


def _may_withdraw_unsent(view: orders.OrderView, terms: Terms) -> bool:
    """Before anything was sent the whole contract can be withdrawn from, where the law gives that right."""
    found = view.order
    return (
        terms.law is Law.EU
        and found.status in _UNSENT
        and found.charged_minor > 0
        and not any(line.shipped_quantity for line in view.lines)
        and not any(line.product_id in terms.exceptions for line in view.lines)
    )


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Return]:
    """Oldest first."""
    ids = await queries.ids_of_order(tx, shop_id=shop_id, order_id=order_id)
    return await queries.returns(tx, shop_id=shop_id, ids=ids) if ids else []


async def get(tx: Tx, *, shop_id: int, return_id: UUID) -> Return:
    """Raises ReturnNotFound."""
    found = await queries.returns(tx, shop_id=shop_id, ids=[return_id])
    if not found:
        raise ReturnNotFound(return_id=str(return_id))
    return found[0]


def _filters(state: str | None, search: str | None) -> queries.Filters:
    wanted = (search or "").strip().removeprefix("#").upper().partition("-R")[0]
    if not (search or "").strip():
        return queries.Filters(state)
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) <= _LONGEST_NUMBER
    return queries.Filters(None, int(wanted) if is_number else -1)


async def _count(
    tx: Tx, *, shop_id: int, state: str | None = None, search: str | None = None, before: UUID | None = None
) -> paging.Counted:
    return await queries.count(tx, shop_id=shop_id, filters=replace(_filters(state, search), before=before))


@paging.counted_by(_count)
async def listing(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    search: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[ReturnSummary]:
    """Newest first, a page of them (`kernel.paging`).  `search`: the number of an order or return, in all states."""
    filters = replace(_filters(state, search), after=after, before=before)
    return await queries.page(tx, shop_id=shop_id, filters=filters, limit=max(1, min(limit, 201)))


async def counts(tx: Tx, *, shop_id: int) -> dict[str, int]:
    """How many are at which point, counted up to 10,000."""
    return await queries.counts(tx, shop_id=shop_id, states=[state.value for state in State], most=10_000)


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    """What was written about them goes; what came back and was paid stays."""
    await queries.forget_words(tx, shop_id=shop_id, buyers=buyers)
    await queries.forget_words_of_events(tx, shop_id=shop_id, buyers=buyers)
    await queries.forget_pictures(tx, shop_id=shop_id, buyers=buyers)


# Asking


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
) -> Return:
    """Give back these units {line id: so many}.  The same `return_id` again is the same return.

    A withdrawal needs nobody's consent; a claim and goodwill wait for the shop.  Before anything was sent a withdrawal
    is of the whole order, which is cancelled, and all of the money owed back.  `pictures`: hashes of stored pictures.

    Raises OrderNotFound, NothingChosen, NotInOrder, ReasonNeeded, TooManyUnits, PeriodOver, Excepted, NotSentYet,
    IdReused, UnusableText.
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
    today, zone = await _today(tx, shop_id=shop_id)
    if journey is Journey.WITHDRAWAL and actor == BUYER and _may_withdraw_unsent(view, terms):
        return await _withdraw_unsent(tx, view, return_id, why, note, actor, today)
    lines = standings(terms, view.lines, await _arrivals(tx, view, zone), busy, today)
    _check(view, lines, journey, units, by_shop=actor != BUYER)
    made = await _open(tx, view, terms, lines, return_id, journey, units, why, note, actor, today)
    await queries.insert_pictures(
        tx, shop_id=shop_id, return_id=return_id, pictures=list(dict.fromkeys(pictures))[:MOST_PICTURES]
    )
    return made


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
    terms: Terms,
    lines: Sequence[Standing],
    return_id: UUID,
    journey: Journey,
    units: Mapping[int, int],
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
    made = await _insert(tx, wanted)
    await queries.add_units(tx, asked=units)
    await _tell_asked(tx, made)
    return made


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
    made = replace(wanted, position=await queries.insert_return(tx, wanted))
    await queries.insert_lines(tx, return_id=made.id, lines=made.lines)
    await _note(tx, made, "asked", made.asked_by, {"journey": made.journey, "reason": made.reason})
    return made


async def _note(tx: Tx, found: Return, kind: str, actor: str, facts: Mapping[str, object]) -> None:
    await queries.note(tx, shop_id=found.shop_id, return_id=found.id, kind=kind, actor=actor, facts=facts)


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
    made = await _insert(tx, wanted)
    await orders.cancel(
        tx,
        shop_id=found.shop_id,
        order_id=found.id,
        by=orders.Party.BUYER,
        actor=actor,
        note=note,
        withdrawn=True,
    )
    await _tell_asked(tx, made)
    return made


async def send_to(tx: Tx, *, shop_id: int) -> str:
    """Where goods are sent back to: what the shop has set, else where its invoices come from, else its own name."""
    rules = await policies.return_rules.of_shop(tx, shop_id=shop_id)
    if rules.address:
        return rules.address
    seller = await documents.seller(tx, shop_id=shop_id)
    if seller.address:
        return "\n".join(filter(None, (seller.name, seller.address)))
    return (await accounts.shop(tx, shop_id)).name


async def _tell_asked(tx: Tx, made: Return) -> None:
    await outbox.record(
        tx,
        ReturnAsked(
            shop_id=made.shop_id,
            return_id=made.id,
            number=made.number,
            order_id=made.order_id,
            buyer=made.buyer,
            show_id=made.show_id,
            journey=made.journey,
            reason=made.reason or None,
            approved=made.state is not State.REQUESTED,
            unsent=made.unsent,
            asked_at=made.asked_at,
            send_to=await send_to(tx, shop_id=made.shop_id),
            lines=_fact_lines(made),
        ),
    )


def _fact_lines(found: Return) -> list[ReturnedLine]:
    return [
        ReturnedLine(line.line_id, line.variant_id, line.product_id, line.quantity) for line in found.lines
    ]


# Deciding


async def _locked(
    tx: Tx, *, shop_id: int, return_id: UUID
) -> tuple[Return, orders.OrderView, dict[int, Busy]]:
    """Raises ReturnNotFound."""
    order_id = await queries.order_of(tx, shop_id=shop_id, return_id=return_id)
    if order_id is None:
        raise ReturnNotFound(return_id=str(return_id))
    view = await orders.order(tx, shop_id=shop_id, order_id=order_id)
    busy = await queries.lock_units(
        tx, shop_id=shop_id, order_id=order_id, line_ids=[line.id for line in view.lines]
    )
    found = await get(tx, shop_id=shop_id, return_id=return_id)
    return found, await orders.order(tx, shop_id=shop_id, order_id=order_id), busy


async def approve(
    tx: Tx, *, shop_id: int, return_id: UUID, actor: str, keeps_goods: bool = False, answer: str = ""
) -> Return:
    """The buyer may send it; with `keeps_goods` nobody wants it back, and the money can go.

    Twice is once.  Raises ReturnNotFound, WrongState, RefundWaits, UnusableText.
    """
    answer = text.prose(answer, field="answer", longest=LONGEST)
    found, _, _ = await _locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.APPROVED and found.keeps_goods == keeps_goods:
        return found
    if found.state is not State.REQUESTED and not (
        keeps_goods and found.state is State.APPROVED and not found.received
    ):
        raise WrongState(state=found.state)
    await _no_refund_waits(tx, found)
    await queries.decide(
        tx,
        return_id=return_id,
        state=State.APPROVED,
        answer=answer or found.answer,
        keeps_goods=keeps_goods,
        at=now(),
        ended=False,
    )
    await _note(tx, found, "approved", actor, {"keeps_goods": keeps_goods, "answer": answer})
    changed = await get(tx, shop_id=shop_id, return_id=return_id)
    await outbox.record(
        tx,
        ReturnApproved(
            shop_id=shop_id,
            return_id=return_id,
            number=changed.number,
            order_id=changed.order_id,
            buyer=changed.buyer,
            show_id=changed.show_id,
            journey=changed.journey,
            reason=changed.reason or None,
            keeps_goods=keeps_goods,
            answer=answer,
            send_to=await send_to(tx, shop_id=shop_id),
            lines=_fact_lines(changed),
        ),
    )
    return changed


async def refuse(tx: Tx, *, shop_id: int, return_id: UUID, actor: str, answer: str) -> Return:
    """The shop says no, and why.  Twice is once.  Raises ReturnNotFound, AnswerNeeded, WrongState, UnusableText."""
    answer = text.prose(answer, field="answer", longest=LONGEST)
    if not answer:
        raise AnswerNeeded
    found, _, _ = await _locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.REFUSED:
        return found
    if found.state is not State.REQUESTED:
        raise WrongState(state=found.state)
    await _end(tx, found, State.REFUSED, answer, actor)
    await outbox.record(
        tx,
        ReturnRefused(
            shop_id=shop_id,
            return_id=return_id,
            number=found.number,
            order_id=found.order_id,
            buyer=found.buyer,
            show_id=found.show_id,
            journey=found.journey,
            reason=found.reason or None,
            answer=answer,
            lines=_fact_lines(found),
        ),
    )
    return await get(tx, shop_id=shop_id, return_id=return_id)


async def close(tx: Tx, *, shop_id: int, return_id: UUID, actor: str, answer: str = "") -> Return:
    """Nothing of it comes: its units can be asked for again.  Twice is once.

    Raises ReturnNotFound, WrongState once something of it has arrived, RefundWaits, UnusableText.
    """
    answer = text.prose(answer, field="answer", longest=LONGEST)
    found, _, _ = await _locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.CLOSED:
        return found
    if found.state not in {State.REQUESTED, State.APPROVED} or found.received:
        raise WrongState(state=found.state)
    await _no_refund_waits(tx, found)
    await _end(tx, found, State.CLOSED, answer, actor)
    await outbox.record(
        tx,
        ReturnClosed(
            shop_id=shop_id,
            return_id=return_id,
            number=found.number,
            order_id=found.order_id,
            buyer=found.buyer,
            show_id=found.show_id,
            journey=found.journey,
            reason=found.reason or None,
            answer=answer,
        ),
    )
    return await get(tx, shop_id=shop_id, return_id=return_id)


async def _end(tx: Tx, found: Return, state: State, answer: str, actor: str) -> None:
    await queries.decide(
        tx,
        return_id=found.id,
        state=state,
        answer=answer,
        keeps_goods=found.keeps_goods,
        at=now(),
        ended=True,
    )
    await queries.add_units(tx, asked={line.line_id: -line.quantity for line in found.lines})
    await _note(tx, found, state, actor, {"answer": answer})


# Receiving


async def receive(
    tx: Tx,
    *,
    shop_id: int,
    return_id: UUID,
    arrived: Sequence[Arrived],
    location_id: int | None,
    actor: str,
) -> Return:
    """These units are here.  What is sellable goes on the shelf of this location (None: of where it left); the rest on
    none, and is written off.

    Raises ReturnNotFound, WrongState, RefundWaits, NothingChosen, NotInOrder, TooManyUnits, stock.UnknownStock,
    purchases.BadPurchase.
    """
    found, view, _ = await _locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is not State.APPROVED or found.keeps_goods:
        raise WrongState(state=found.state)
    await _no_refund_waits(tx, found)
    if not arrived:
        raise NothingChosen
    lines = {line.line_id: line for line in found.lines}
    coming = {line.line_id: line.quantity - line.received for line in found.lines}
    for each in arrived:
        if each.line_id not in lines or each.quantity < 1:
            raise NotInOrder(line_id=each.line_id, quantity=each.quantity)
        if each.quantity > coming[each.line_id]:
            raise TooManyUnits(line_id=each.line_id, wanted=each.quantity, left=coming[each.line_id])
        coming[each.line_id] -= each.quantity
    at = now()
    for each in arrived:
        await _take_in(tx, view, found, lines[each.line_id], each, location_id, actor, at)
    received = dict.fromkeys(lines, 0)
    for each in arrived:
        received[each.line_id] += each.quantity
    await queries.add_units(tx, received=received)
    complete = not any(coming.values())
    today, _ = await _today(tx, shop_id=shop_id)
    await queries.mark_received(
        tx,
        return_id=return_id,
        state=State.RECEIVED if complete else State.APPROVED,
        at=at,
        refund_due_on=refund_due(
            terms_of(view.order).law, found.journey, asked=found.asked_at.date(), received=today
        ),
    )
    await outbox.record(
        tx,
        ReturnReceived(
            shop_id=shop_id,
            return_id=return_id,
            number=found.number,
            order_id=found.order_id,
            buyer=found.buyer,
            show_id=found.show_id,
            journey=found.journey,
            reason=found.reason or None,
            complete=complete,
            lines=[
                ReceivedLine(
                    each.line_id,
                    lines[each.line_id].variant_id,
                    lines[each.line_id].product_id,
                    each.quantity,
                    each.condition,
                )
                for each in arrived
            ],
        ),
    )
    return await get(tx, shop_id=shop_id, return_id=return_id)


async def _take_in(
    tx: Tx,
    view: orders.OrderView,
    found: Return,
    line: ReturnLine,
    each: Arrived,
    location_id: int | None,
    actor: str,
    at: datetime,
) -> None:
    sellable = each.condition is Condition.SELLABLE
    shelf = location_id
    if sellable and shelf is None:
        shelf = await queries.left_from(tx, hold_id=view.order.hold_id, variant_id=line.variant_id)
    await orders.refund(
        tx,
        shop_id=found.shop_id,
        order_id=found.order_id,
        amount=Money(0, view.order.currency),
        refund_id=new_id(),
        note=found.number,
        actor=actor,
        put_back={each.line_id: each.quantity},
        location_id=shelf,
        resellable=sellable,
    )
    await queries.add_received(tx, return_id=found.id, line_id=each.line_id, quantity=each.quantity)
    await queries.insert_receipt(
        tx,
        shop_id=found.shop_id,
        return_id=found.id,
        line_id=each.line_id,
        variant_id=line.variant_id,
        quantity=each.quantity,
        condition=each.condition,
        location_id=shelf if sellable else None,
        actor=actor,
        at=at,
    )
    facts = {"line_id": each.line_id, "units": each.quantity, "condition": each.condition}
    await _note(tx, found, "received", actor, facts)


# The money


def draft(found: Return, view: orders.OrderView, busy: Mapping[int, Busy]) -> RefundDraft:
    """What was paid for the units that came (all of them, where nobody wants them back), as far as earlier refunds
    have left it.  The way there is paid back with the last unit: for a withdrawal in the EU what the cheapest way
    costs, for a claim all of it.
    """
    units = {
        line.line_id: line.quantity if found.keeps_goods else line.received
        for line in found.lines
        if found.keeps_goods or line.received
    }
    left = _left(view)
    parts = [
        min(_worth(line, busy, units.get(line.id, 0)), left[place]) for place, line in enumerate(view.lines)
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
    """Give the money back for what came, less what its use has cost (`deduct_minor`, and `note` says why), and end the
    return: what of it has not come can be asked for again.  However often and by whomever it is pressed, the money
    goes once.

    Where it needs a second person, the return stays as it is until that one has said yes (`refund_confirmed`); after a
    no it can be pressed again.

    Raises ReturnNotFound, WrongState, NothingReceived, TooMuchDeducted, UnusableText.
    """
    note = text.prose(note, field="note", longest=LONGEST)
    found, view, busy = await _locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.REFUNDED:
        return found
    if found.state not in {State.APPROVED, State.RECEIVED}:
        raise WrongState(state=found.state)
    if not found.keeps_goods and not found.received:
        raise NothingReceived
    decision, asked = await _asked(tx, found)
    if asked is not None and decision != "declined":
        return found if decision is None else await _refunded(tx, found, view.order.currency, asked, actor)
    drafted = draft(found, view, busy)
    amount = drafted.amount_minor - deduct_minor
    if deduct_minor < 0 or amount < 0:
        raise TooMuchDeducted(deduct_minor=deduct_minor, refund_minor=drafted.amount_minor)
    wanted = RefundAsked(new_id(), amount, deduct_minor, dict(drafted.units), note)
    if amount:
        parts = pricing.refund_parts(drafted.parts, [0] * len(drafted.parts), amount)
        await orders.refund(
            tx,
            shop_id=shop_id,
            order_id=found.order_id,
            amount=Money(amount, view.order.currency),
            refund_id=wanted.refund,
            note=" · ".join(filter(None, (found.number, note))),
            actor=actor,
            parts=parts,
        )
        request = await approvals.known(
            tx, shop_id=shop_id, refund_id=wanted.refund, kind=approvals.Kind.REFUND
        )
        if request is not None:
            await _note(tx, found, "refund_asked", actor, asdict(wanted) | {"refund": str(wanted.refund)})
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


async def _no_refund_waits(tx: Tx, found: Return) -> None:
    """Raises RefundWaits: what a second person looks at must not change under their eyes."""
    if await refund_waiting(tx, found) is not None:
        raise RefundWaits(return_id=str(found.id))


async def refund_confirmed(tx: Tx, *, shop_id: int, order_id: UUID, refund_id: UUID) -> None:
    """A second person said yes to a refund of this order: the return that it is of has ended.  Twice is once."""
    for return_id in await queries.unrefunded_of_order(tx, shop_id=shop_id, order_id=order_id):
        found, view, _ = await _locked(tx, shop_id=shop_id, return_id=return_id)
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
    await _note(tx, found, "refunded", actor, facts)
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
