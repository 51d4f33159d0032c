"""The shop's answer, and the end of what does not come."""

from uuid import UUID

from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.returns import queries
from shopfloor.returns.events import ReturnApproved, ReturnClosed, ReturnRefused
from shopfloor.returns.keeping import drop, instead, keep
from shopfloor.returns.looking import get, send_to
from shopfloor.returns.models import AnswerNeeded, Return, State, WrongState
from shopfloor.returns.refunding import no_refund_waits
from shopfloor.returns.steps import LONGEST, add_event, end, fact_lines, locked


async def approve(
    tx: Tx, *, shop_id: int, return_id: UUID, actor: str, keeps_goods: bool = False, answer: str = ""
) -> Return:
    """The buyer may send it, and what they want instead is kept where it is there; with `keeps_goods` nobody wants it back, and the money can go.

    Twice is once.  Raises ReturnNotFound, WrongState, RefundWaits, UnusableText.
    """
    answer = text.prose(answer, field="answer", longest=LONGEST)
    found, _, _ = await locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.APPROVED and found.keeps_goods == keeps_goods:
        return found
    if found.state is not State.REQUESTED and not (
        keeps_goods and found.state is State.APPROVED and not found.received
    ):
        raise WrongState(state=found.state)
    await no_refund_waits(tx, found)
    await queries.decide(
        tx,
        return_id=return_id,
        state=State.APPROVED,
        answer=answer or found.answer,
        keeps_goods=keeps_goods,
        at=now(),
        ended=False,
    )
    await add_event(tx, found, "approved", actor, {"keeps_goods": keeps_goods, "answer": answer})
    changed = await get(tx, shop_id=shop_id, return_id=return_id)
    await keep(tx, changed)
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
            lines=fact_lines(changed),
            instead=await instead(tx, changed),
        ),
    )
    return changed


async def refuse(tx: Tx, *, shop_id: int, return_id: UUID, actor: str, answer: str) -> Return:
    """The shop says no, and why.  Twice is once.  Raises ReturnNotFound, AnswerNeeded, WrongState, UnusableText."""
    answer = text.prose(answer, field="answer", longest=LONGEST)
    if not answer:
        raise AnswerNeeded
    found, _, _ = await locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.REFUSED:
        return found
    if found.state is not State.REQUESTED:
        raise WrongState(state=found.state)
    await end(tx, found, State.REFUSED, answer, actor)
    await drop(tx, found, actor=actor)
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
            lines=fact_lines(found),
        ),
    )
    return await get(tx, shop_id=shop_id, return_id=return_id)


async def close(tx: Tx, *, shop_id: int, return_id: UUID, actor: str, answer: str = "") -> Return:
    """Nothing of it comes: its units can be asked for again.  Twice is once.

    Raises ReturnNotFound, WrongState once something of it has arrived, RefundWaits, UnusableText.
    """
    answer = text.prose(answer, field="answer", longest=LONGEST)
    found, _, _ = await locked(tx, shop_id=shop_id, return_id=return_id)
    if found.state is State.CLOSED:
        return found
    if found.state not in {State.REQUESTED, State.APPROVED} or found.received:
        raise WrongState(state=found.state)
    await no_refund_waits(tx, found)
    await end(tx, found, State.CLOSED, answer, actor)
    await drop(tx, found, actor=actor)
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
