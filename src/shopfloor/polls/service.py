"""What a host does with polls.  Whatever changes one locks it first, so it happens once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from psycopg.errors import UniqueViolation

from shopfloor import live, rooms
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import name
from shopfloor.kernel.values import now, video_ms
from shopfloor.polls import cards, queries
from shopfloor.polls.events import PollAsked, PollClosed
from shopfloor.polls.models import FEWEST, LONGEST, MOST, SHORTEST, Poll
from shopfloor.polls.refusals import AnotherPoll, BadPoll, UnknownPoll

_MOST_QUESTION: Final = 120
_MOST_ANSWER: Final = 40


async def ask(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    question: str,
    answers: Sequence[str],
    seconds: int,
    by: int | None = None,
) -> Poll:
    """Ask the room, for `seconds`.  The running poll, asked for once more alike, is that poll.

    Raises UnknownShow, WrongStatus, BadPoll, AnotherPoll, text.UnusableText.
    """
    parent = await live.locked(tx, shop_id, show_id)
    if parent.status != live.ShowStatus.LIVE:
        raise live.WrongStatus("Only a running show has a poll.", status=str(parent.status))
    question = name(question, field="question", longest=_MOST_QUESTION)
    wanted = [name(each, field="answers", longest=_MOST_ANSWER) for each in answers if each.strip()]
    if not FEWEST <= len(wanted) <= MOST or len({each.casefold() for each in wanted}) < len(wanted):
        raise BadPoll(field="answers", least=FEWEST, most=MOST)
    if not SHORTEST <= seconds <= LONGEST:
        raise BadPoll(field="seconds", least=SHORTEST, most=LONGEST)
    for each in await queries.of_show(tx, shop_id=shop_id, show_id=show_id):
        if each.closed_at is None:
            if (each.question, each.answers) == (question, wanted):
                return each
            raise AnotherPoll(poll_id=each.id)
    opened = now()
    closes = opened + timedelta(seconds=seconds)
    try:
        poll_id = await queries.insert(
            tx,
            shop_id=shop_id,
            show_id=show_id,
            question=question,
            answers=wanted,
            opened_at=opened,
            closes_at=closes,
            by=by,
        )
    except UniqueViolation:
        raise AnotherPoll(show_id=show_id) from None
    found = await poll(tx, shop_id=shop_id, poll_id=poll_id)
    await rooms.put_card(tx, shop_id=shop_id, show_id=show_id, card=cards.card_of(found))
    await outbox.record(tx, PollAsked(shop_id, show_id, poll_id, question, wanted, video_ms(closes)))
    return found


async def poll(tx: Tx, *, shop_id: int, poll_id: int) -> Poll:
    """Raises UnknownPoll."""
    found = await queries.poll(tx, shop_id=shop_id, poll_id=poll_id)
    if found is None:
        raise UnknownPoll(poll_id=poll_id)
    return found


async def polls(tx: Tx, *, shop_id: int, show_id: int) -> list[Poll]:
    """Of a show, oldest first.  Raises UnknownShow."""
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.of_show(tx, shop_id=shop_id, show_id=show_id)


async def close(tx: Tx, *, shop_id: int, poll_id: int) -> Poll:
    """Take no more votes; a second time it is closed already.  Raises UnknownPoll."""
    found = await queries.locked(tx, shop_id=shop_id, poll_id=poll_id)
    if found is None:
        raise UnknownPoll(poll_id=poll_id)
    if found.closed_at is not None:
        return found
    await queries.set_closed(tx, poll_id=poll_id, at=now())
    after = await poll(tx, shop_id=shop_id, poll_id=poll_id)
    await rooms.change_card(tx, shop_id=shop_id, show_id=found.show_id, card=cards.card_of(after))
    await outbox.record(tx, PollClosed(shop_id, found.show_id, poll_id, after.counts))
    return after


async def close_due(tx: Tx) -> float | None:
    """Close those whose time, or show, is over; seconds until the next, None while none runs."""
    running = await queries.running(tx)
    for each in running:
        if each.seconds <= 0:
            await close(tx, shop_id=each.shop_id, poll_id=each.poll_id)
    return min((each.seconds for each in running if each.seconds > 0), default=None)


async def take_off(tx: Tx, *, shop_id: int, poll_id: int) -> None:
    """Take its card out of the room, once it is closed.  Raises UnknownPoll, AnotherPoll."""
    found = await poll(tx, shop_id=shop_id, poll_id=poll_id)
    if found.closed_at is None:
        raise AnotherPoll(poll_id=poll_id)
    await rooms.take_card(tx, shop_id=shop_id, show_id=found.show_id, kind=cards.KIND, subject=poll_id)
