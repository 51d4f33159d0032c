"""Voting: many at once, each once."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shopfloor import rooms
from shopfloor.kernel import outbox
from shopfloor.kernel.batches import Batches
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now
from shopfloor.polls import cards, queries
from shopfloor.polls.events import PollVoted
from shopfloor.polls.refusals import PollOver, UnknownPoll

_LARGEST_BATCH: Final = 1_000

_Vote = tuple[UUID, int]


class Votes:
    """The votes that arrive at this process: whoever comes while a batch commits is in the next one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: Batches[tuple[int, int], _Vote, int | Refusal] = Batches(
            self._commit, most=_LARGEST_BATCH
        )

    async def vote(self, shopper: UUID, answer: int, *, shop_id: int, poll_id: int) -> int:
        """The place of the answer that counts: the first one given.  Raises UnknownPoll, PollOver, DatabaseAway."""
        found = await self._batches.ask((shop_id, poll_id), (shopper, answer))
        if isinstance(found, Refusal):
            raise found
        return found

    async def _commit(self, key: tuple[int, int], asking: Sequence[_Vote]) -> list[int | Refusal]:
        async with self._db.transaction() as tx:
            return await vote(tx, shop_id=key[0], poll_id=key[1], asking=asking)


async def vote(tx: Tx, *, shop_id: int, poll_id: int, asking: Sequence[_Vote]) -> list[int | Refusal]:
    """The answer of each that counts, or why there is none.  Raises UnknownPoll."""
    found = await queries.locked(tx, shop_id=shop_id, poll_id=poll_id)
    if found is None:
        raise UnknownPoll(poll_id=poll_id)
    said = await queries.said(tx, poll_id=poll_id, shoppers=[shopper for shopper, _ in asking])
    takes = found.closed_at is None and now() < found.closes_at
    counts = list(found.counts)
    fresh: list[_Vote] = []
    answers: list[int | Refusal] = []
    for shopper, answer in asking:
        if shopper in said:
            answers.append(said[shopper])
        elif not takes:
            answers.append(PollOver(poll_id=poll_id))
        elif not 0 <= answer < len(counts):
            answers.append(UnknownPoll(poll_id=poll_id, answer=answer))
        else:
            said[shopper] = answer
            counts[answer] += 1
            fresh.append((shopper, answer))
            answers.append(answer)
    if fresh:
        await queries.insert_votes(tx, shop_id=shop_id, poll_id=poll_id, votes=fresh, counts=counts)
        after = await queries.poll(tx, shop_id=shop_id, poll_id=poll_id)
        assert after is not None, "locked"
        await rooms.change_card(tx, shop_id=shop_id, show_id=found.show_id, card=cards.card_of(after))
        await outbox.record(
            tx,
            PollVoted(
                shop_id,
                found.show_id,
                poll_id,
                [shopper for shopper, _ in fresh],
                [answer for _, answer in fresh],
            ),
        )
    return answers
