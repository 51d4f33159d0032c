"""The verbs of fapiao: ask, change, withdraw; say that it was issued; ask for a red one when money goes back.

Nothing here stands in the way of an order or a refund: both happened before anything here is told of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shopfloor import accounts, orders
from shopfloor.fapiao import queries
from shopfloor.fapiao.events import FapiaoRecorded, FapiaoRedRequested, FapiaoRequested
from shopfloor.fapiao.looking import get, is_offered, of_order
from shopfloor.fapiao.models import (
    LONGEST_NOTE,
    LONGEST_TITLE,
    MOST_FILES,
    AlreadyIssued,
    BadDate,
    BadFile,
    FormRefused,
    IssuedAnew,
    NothingToInvoice,
    NotIssuedYet,
    NotOffered,
    NotPaidYet,
    NotRequested,
    NumberTaken,
    Paper,
    PaperKind,
    Request,
    State,
    TitleKind,
    Via,
    Wanted,
    Why,
    Withdrawn,
    WrongAmount,
    checked_number,
    format_of,
    tidied_tax_id,
    wrong_in,
)
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id, now

# Asking


def tidied(wanted: Wanted) -> Wanted:
    """As it is kept.  Raises FormRefused with what is wrong by field, and UnusableText."""
    clean = replace(
        wanted,
        title=text.line(wanted.title, field="title", longest=LONGEST_TITLE * 4),
        tax_id=tidied_tax_id(wanted.tax_id) if wanted.kind is TitleKind.COMPANY else "",
        email=wanted.email.strip(),
        note=text.line(wanted.note, field="note", longest=LONGEST_NOTE * 4),
    )
    wrong = wrong_in(clean)
    if wrong:
        raise FormRefused(fields=wrong)
    return clean


async def ask(tx: Tx, *, shop_id: int, order_id: UUID, wanted: Wanted, via: Via, locale: str = "") -> Request:
    """One for each order; asked for again it says something else, until it was issued.

    Raises NotOffered, unless staff asks, OrderNotFound, FormRefused, UnusableText, AlreadyIssued, NothingToInvoice.
    """
    if via is not Via.STAFF and not await is_offered(tx, shop_id=shop_id):
        raise NotOffered
    clean = tidied(wanted)
    await queries.lock(tx, order_id=order_id)
    found = (await orders.order(tx, shop_id=shop_id, order_id=order_id)).order
    known = await of_order(tx, shop_id=shop_id, order_id=order_id)
    if known is not None and not known.may_change:
        if _same(known, clean):
            return known
        raise AlreadyIssued(order=found.number)
    if (
        found.number is None
        or found.cancelled_at is not None
        or found.refund_granted_minor >= found.total_minor
    ):
        raise NothingToInvoice(order=found.number)
    await queries.save_request(
        tx,
        id=new_id(),
        shop_id=shop_id,
        order_id=order_id,
        order_number=found.number,
        buyer=found.buyer,
        wanted=clean,
        via=via,
        locale=locale or found.locale,
    )
    request = await of_order(tx, shop_id=shop_id, order_id=order_id)
    assert request is not None, "it was just made"
    if request.papers:
        request = await _settle(tx, request)
    if known is None or known.state is State.WITHDRAWN:
        fact = FapiaoRequested(shop_id, request.id, order_id, found.number, request.kind)
        await outbox.record(tx, fact)
    return request


def _same(known: Request, wanted: Wanted) -> bool:
    return (known.kind, known.title, known.tax_id) == (wanted.kind, wanted.title, wanted.tax_id)


async def withdraw(tx: Tx, *, shop_id: int, order_id: UUID, why: Why, answer: str = "") -> Request:
    """Nobody issues it.  Twice is once.  Raises NotRequested, AlreadyIssued, UnusableText."""
    answer = text.line(answer, field="answer", longest=LONGEST_NOTE)
    await queries.lock(tx, order_id=order_id)
    known = await of_order(tx, shop_id=shop_id, order_id=order_id)
    if known is None:
        raise NotRequested(order_id=str(order_id))
    if known.papers:
        raise AlreadyIssued(order=known.order_number)
    if known.state is not State.WITHDRAWN:
        await queries.set_state(tx, request_id=known.id, state=State.WITHDRAWN, why=why, answer=answer)
    return await get(tx, shop_id=shop_id, request_id=known.id)


# Looking


# Issued elsewhere, recorded here


async def issue(
    tx: Tx,
    *,
    shop_id: int,
    request_id: UUID,
    number: str,
    issued_on: date,
    amount_minor: int | None = None,
    files: Sequence[bytes] = (),
    actor: str,
) -> Request:
    """It was issued on the tax authority's platform with this number.  The same again changes nothing but adds files.

    `amount_minor`: what stands on it, where refunds were decided since; for those a red one is wanted at once.

    Raises NotRequested, Withdrawn, AlreadyIssued under another number, NotPaidYet, BadNumber, NumberTaken, BadDate,
    WrongAmount, BadFile.
    """
    number = checked_number(number)
    found = await _locked(tx, shop_id=shop_id, request_id=request_id)
    earlier = next((paper for paper in found.papers if paper.number == number), None)
    if earlier is not None and earlier.kind is PaperKind.BLUE:
        return await _add_files(tx, found, earlier, files)
    if found.blue is not None:
        raise AlreadyIssued(order=found.order_number, number=found.blue.number)
    if found.state is State.WITHDRAWN:
        raise Withdrawn(order=found.order_number)
    view = await orders.order(tx, shop_id=shop_id, order_id=found.order_id)
    if not found.is_paid or view.due is not None:
        raise NotPaidYet(order=found.order_number)
    amount, deducted = _amount(view, amount_minor)
    await _check_date(tx, view, issued_on)
    await _take_number(tx, shop_id=shop_id, number=number)
    paper_id = new_id()
    await queries.insert_paper(
        tx,
        id=paper_id,
        shop_id=shop_id,
        request_id=request_id,
        edition=found.edition,
        kind=PaperKind.BLUE,
        source=found.order_id,
        currency=found.currency,
        amount_minor=amount,
        number=number,
        issued_on=issued_on,
        actor=actor,
    )
    await queries.set_state(tx, request_id=request_id, state=State.ISSUED, deducted=deducted)
    added = await _keep_files(tx, shop_id=shop_id, paper_id=paper_id, known=0, files=files)
    request = await _settle(tx, await get(tx, shop_id=shop_id, request_id=request_id))
    assert request.blue is not None, "it was just made"
    await _tell_recorded(tx, request, request.blue, added)
    await _follow(tx, request, view)
    return await get(tx, shop_id=shop_id, request_id=request_id)


def _amount(view: orders.OrderView, stated: int | None) -> tuple[int, list[UUID]]:
    """What a fapiao is of, and the refunds it is without: all of them, or as many of the first as make `stated` true."""
    total = view.order.total_minor
    left, gone = total, list[UUID]()
    possible = [(left, list(gone))]
    for refund in view.refunds:
        left -= refund.amount_minor
        gone.append(refund.refund_id)
        possible.append((left, list(gone)))
    chosen = possible[-1] if stated is None else next((each for each in possible if each[0] == stated), None)
    if chosen is None or chosen[0] <= 0:
        raise WrongAmount(expected_minor=max(0, possible[-1][0]), currency=view.order.currency)
    return chosen


async def _check_date(tx: Tx, view: orders.OrderView, issued_on: date) -> None:
    zone = ZoneInfo((await accounts.shop(tx, view.order.shop_id)).timezone)
    today = now().astimezone(zone).date()
    placed = view.order.placed_at
    # A day is lost or won between the shop's clock and the platform's.
    if issued_on > today or (placed is not None and (placed.date() - issued_on).days > 1):
        raise BadDate(issued_on=issued_on.isoformat(), today=today.isoformat())


async def _take_number(tx: Tx, *, shop_id: int, number: str) -> None:
    await queries.lock_numbers(tx, shop_id=shop_id)
    if await queries.paper_with(tx, shop_id=shop_id, number=number) is not None:
        raise NumberTaken(number=number)


async def issue_red(
    tx: Tx,
    *,
    shop_id: int,
    paper_id: UUID,
    number: str,
    issued_on: date,
    files: Sequence[bytes] = (),
    actor: str,
) -> Request:
    """The red one that was wanted has this number.  The same again changes nothing but adds files.

    Raises NotRequested, AlreadyIssued under another number, BadNumber, NumberTaken, BadDate, BadFile.
    """
    number = checked_number(number)
    found, paper = await _paper(tx, shop_id=shop_id, paper_id=paper_id)
    if paper.number is not None:
        if paper.number != number:
            raise AlreadyIssued(order=found.order_number, number=paper.number)
        return await _add_files(tx, found, paper, files)
    view = await orders.order(tx, shop_id=shop_id, order_id=found.order_id)
    await _check_date(tx, view, issued_on)
    await _take_number(tx, shop_id=shop_id, number=number)
    await queries.record_red(tx, paper_id=paper_id, number=number, issued_on=issued_on, actor=actor)
    added = await _keep_files(tx, shop_id=shop_id, paper_id=paper_id, known=len(paper.files), files=files)
    request = await _settle(tx, await get(tx, shop_id=shop_id, request_id=found.id))
    await _tell_recorded(tx, request, next(each for each in request.papers if each.id == paper_id), added)
    return request


async def _settle(tx: Tx, found: Request) -> Request:
    """Its state follows from its papers."""
    if found.state is not found.next_state:
        await queries.set_state(tx, request_id=found.id, state=found.next_state)
    return await get(tx, shop_id=found.shop_id, request_id=found.id)


async def reissue(
    tx: Tx, *, shop_id: int, request_id: UUID, wanted: Wanted | None = None, edition: int | None = None
) -> Request:
    """It is issued anew, of what the order comes to now: a red one takes back all that is left of it, and its number is
    wanted again.  `wanted`: other words on it.  Asked again before that changes only the words.  `edition`: which one is
    to be taken back; a page that still shows an earlier one takes back nothing.

    Raises NotRequested, NotIssuedYet, IssuedAnew, NothingToInvoice, FormRefused, UnusableText.
    """
    clean = None if wanted is None else tidied(wanted)
    found = await _locked(tx, shop_id=shop_id, request_id=request_id)
    view = await orders.order(tx, shop_id=shop_id, order_id=found.order_id)
    order = view.order
    if order.cancelled_at is not None or order.refund_granted_minor >= order.total_minor:
        raise NothingToInvoice(order=found.order_number)
    if found.blue is None and found.edition == 1:
        raise NotIssuedYet(order=found.order_number)
    if found.blue is not None and edition not in {None, found.edition}:
        raise IssuedAnew(edition=found.edition)
    request = found if found.blue is None else await _reissue(tx, found)
    if clean is not None:
        request = await ask(
            tx, shop_id=shop_id, order_id=found.order_id, wanted=clean, via=Via.STAFF, locale=found.locale
        )
    return request


async def _reissue(tx: Tx, found: Request) -> Request:
    if found.left_minor:
        await _want_red(tx, found, uuid5(found.id, f"reissue {found.edition}"), found.left_minor)
    await queries.set_edition(tx, request_id=found.id, edition=found.edition + 1)
    return await _settle(tx, await get(tx, shop_id=found.shop_id, request_id=found.id))


async def add_files(tx: Tx, *, shop_id: int, paper_id: UUID, files: Sequence[bytes]) -> Request:
    """Files of a fapiao whose number is known; one that is there already is no second.

    Raises NotRequested, NotIssuedYet, BadFile.
    """
    found, paper = await _paper(tx, shop_id=shop_id, paper_id=paper_id)
    return await _add_files(tx, found, paper, files)


async def _add_files(tx: Tx, found: Request, paper: Paper, files: Sequence[bytes]) -> Request:
    if paper.number is None:
        raise NotIssuedYet(paper_id=str(paper.id))
    known = len(paper.files)
    added = await _keep_files(tx, shop_id=found.shop_id, paper_id=paper.id, known=known, files=files)
    if added:
        await _tell_recorded(tx, found, paper, added)
    return await get(tx, shop_id=found.shop_id, request_id=found.id)


async def _keep_files(tx: Tx, *, shop_id: int, paper_id: UUID, known: int, files: Sequence[bytes]) -> int:
    """Returns how many are new."""
    formats = [format_of(content) for content in files]
    added = 0
    for content, kind in zip(files, formats, strict=True):
        added += await queries.insert_file(
            tx, id=new_id(), shop_id=shop_id, paper_id=paper_id, format=kind, content=content
        )
    if known + added > MOST_FILES:
        raise BadFile(why="too_many")
    return added


async def _locked(tx: Tx, *, shop_id: int, request_id: UUID) -> Request:
    order_id = await queries.order_of(tx, shop_id=shop_id, request_id=request_id)
    if order_id is None:
        raise NotRequested(request_id=str(request_id))
    await queries.lock(tx, order_id=order_id)
    return await get(tx, shop_id=shop_id, request_id=request_id)


async def _paper(tx: Tx, *, shop_id: int, paper_id: UUID) -> tuple[Request, Paper]:
    request_id = await queries.request_of_paper(tx, shop_id=shop_id, paper_id=paper_id)
    if request_id is None:
        raise NotRequested(paper_id=str(paper_id))
    found = await _locked(tx, shop_id=shop_id, request_id=request_id)
    return found, next(each for each in found.papers if each.id == paper_id)


async def _tell_recorded(tx: Tx, found: Request, paper: Paper, files: int) -> None:
    assert paper.number is not None, "it was recorded"
    await outbox.record(
        tx,
        FapiaoRecorded(
            shop_id=found.shop_id,
            request_id=found.id,
            paper_id=paper.id,
            order_id=found.order_id,
            number=found.order_number,
            kind=paper.kind,
            fapiao=paper.number,
            currency=paper.currency,
            amount_minor=paper.amount_minor,
            files=files,
        ),
    )


# Refunds and cancellations


async def follow(tx: Tx, *, shop_id: int, order_id: UUID, less: tuple[UUID, int] | None = None) -> None:
    """After a refund or a cancellation: what was issued needs a red one, what was not is of less, or of nothing.  After
    a payment: an order that was changed and costs more gets another one instead of what was issued.

    `less`: the order was changed, under this id, and costs so much less than before.
    """
    await queries.lock(tx, order_id=order_id)
    known = await of_order(tx, shop_id=shop_id, order_id=order_id)
    if known is not None and known.state is not State.WITHDRAWN:
        await _follow(tx, known, await orders.order(tx, shop_id=shop_id, order_id=order_id), less)


async def _follow(
    tx: Tx, known: Request, view: orders.OrderView, less: tuple[UUID, int] | None = None
) -> None:
    found = view.order
    is_cancelled, is_refunded = (
        found.cancelled_at is not None,
        found.refund_granted_minor >= found.total_minor,
    )
    if known.blue is None:
        if not (is_cancelled or is_refunded):
            return
        if known.edition > 1:
            # None is issued instead of what was taken back.
            await queries.set_edition(tx, request_id=known.id, edition=known.edition - 1)
            await _settle(tx, await get(tx, shop_id=known.shop_id, request_id=known.id))
        else:
            why = Why.CANCELLED if is_cancelled else Why.REFUNDED
            await queries.set_state(tx, request_id=known.id, state=State.WITHDRAWN, why=why)
        return
    left = known.left_minor
    done = {*known.deducted, *(each.source for each in known.reds)}
    for refund in view.refunds:
        amount = min(refund.amount_minor, left)
        if refund.refund_id not in done and amount > 0:
            left -= amount
            await _want_red(tx, known, refund.refund_id, amount)
    is_of = max(0, found.total_minor - found.refund_granted_minor)
    if less is not None:
        source, minor = less
        # What an earlier edit added may have been forgiven or taken out before a fapiao was issued of it.
        amount = min(minor, left - is_of)
        if source not in done and amount > 0:
            left -= amount
            await _want_red(tx, known, source, amount)
    elif left < is_of and not is_cancelled and view.due is None:
        # The order was changed and costs more, and that was paid.
        await _reissue(tx, await get(tx, shop_id=known.shop_id, request_id=known.id))


async def _want_red(tx: Tx, known: Request, source: UUID, minor: int) -> None:
    paper_id = new_id()
    await queries.insert_paper(
        tx,
        id=paper_id,
        shop_id=known.shop_id,
        request_id=known.id,
        edition=known.edition,
        kind=PaperKind.RED,
        source=source,
        currency=known.currency,
        amount_minor=minor,
    )
    await queries.set_state(tx, request_id=known.id, state=State.RED_REQUESTED)
    await outbox.record(
        tx,
        FapiaoRedRequested(
            known.shop_id, known.id, paper_id, known.order_id, known.order_number, known.currency, minor
        ),
    )
