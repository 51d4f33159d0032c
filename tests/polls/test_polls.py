"""Polls: one vote per browser however often it taps, bars that are the votes, an end by itself."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.live.goods import Goods, make_goods, plan
from tests.live.test_live_rooms import Process, fresh
from tests.waiting import PATIENCE

from shopfloor import accounts, live, polls, run_of_show
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.polls import voting


@pytest.fixture
async def goods(database: Database) -> Goods:
    return await make_goods(database)


@pytest.fixture
async def show(database: Database, goods: Goods) -> live.Show:
    async with database.transaction() as tx:
        planned, _ = await plan(tx, goods)
        return await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=planned.id)


async def asked(db: Database, show: live.Show, **more: Any) -> polls.Poll:
    given: dict[str, Any] = {"question": "Which colour?", "answers": ["Indigo", "Oat"], "seconds": 60} | more
    async with db.transaction() as tx:
        return await polls.ask(tx, shop_id=show.shop_id, show_id=show.id, **given)


async def voted(db: Database, found: polls.Poll, *asking: tuple[UUID, int]) -> list[int | Refusal]:
    async with db.transaction() as tx:
        return await voting.vote(tx, shop_id=found.shop_id, poll_id=found.id, asking=asking)


async def now_of(db: Database, found: polls.Poll) -> polls.Poll:
    async with db.transaction() as tx:
        return await polls.poll(tx, shop_id=found.shop_id, poll_id=found.id)


async def test_a_browser_votes_once_and_the_bars_are_the_votes(database: Database, show: live.Show) -> None:
    found = await asked(database, show)
    me, other = uuid4(), uuid4()
    assert await voted(database, found, (me, 1), (me, 0), (other, 0)) == [1, 1, 0]
    # Later it is the same vote; an answer that there is not counts nothing.
    again, beyond = await voted(database, found, (me, 0), (uuid4(), 2))
    assert again == 1
    assert isinstance(beyond, polls.UnknownPoll)
    assert (await now_of(database, found)).counts == [1, 1]
    async with database.transaction() as tx:
        assert all(each.passed for each in await polls.audit(tx))
        await tx.run("UPDATE polls.poll SET counts = '{2,1}'")
        assert [each.passed for each in await polls.audit(tx)] == [False]
        await tx.run("UPDATE polls.poll SET counts = '{1,1}'")


async def test_two_processes_count_every_vote_once(database: Database, dsn: str, show: live.Show) -> None:
    found = await asked(database, show, answers=["A", "B", "C"])
    other = Database(dsn, 4, patience=PATIENCE)
    await other.open()
    both = [polls.Votes(database), polls.Votes(other)]
    voters = [uuid4() for _ in range(30)]
    try:
        # Everybody taps at both at once, and says something else there.
        answers = await asyncio.gather(
            *(
                each.vote(voter, (place + turn) % 3, shop_id=found.shop_id, poll_id=found.id)
                for place, voter in enumerate(voters)
                for turn, each in enumerate(both)
            )
        )
    finally:
        await other.close()
    assert answers[::2] == answers[1::2]
    after = await now_of(database, found)
    assert after.votes == 30
    assert after.counts == [answers[::2].count(place) for place in range(3)]


async def test_it_ends_by_itself_and_its_result_stays(database: Database, show: live.Show) -> None:
    found = await asked(database, show)
    await voted(database, found, (uuid4(), 0))
    async with database.transaction() as tx:
        left = await polls.close_due(tx)
        assert left is not None
        assert 0 < left <= 60
        await tx.run(
            "UPDATE polls.poll SET opened_at = opened_at - interval '1 hour', closes_at = now() - interval '1 second'"
        )
    # Over, though nothing has closed it yet.
    [late] = await voted(database, found, (uuid4(), 0))
    assert isinstance(late, polls.PollOver)
    async with database.transaction() as tx:
        await polls.close_due(tx)
        assert await polls.close_due(tx) is None
        [kept] = await polls.polls(tx, shop_id=show.shop_id, show_id=show.id)
    assert kept.closed_at is not None
    assert kept.counts == [1, 0]
    card = (await fresh(database, show.id)).poll
    assert card is not None
    assert (card.closed, card.counts) == (True, (1, 0))


async def test_one_at_a_time_and_over_with_the_show(database: Database, show: live.Show) -> None:
    found = await asked(database, show)
    assert (await asked(database, show)).id == found.id
    with pytest.raises(polls.AnotherPoll):
        await asked(database, show, question="Which size?")
    with pytest.raises(polls.AnotherPoll):
        async with database.transaction() as tx:
            await polls.take_off(tx, shop_id=show.shop_id, poll_id=found.id)
    async with database.transaction() as tx:
        await run_of_show.end_show(tx, shop_id=show.shop_id, show_id=show.id)
        await polls.close_due(tx)
    assert (await now_of(database, found)).closed_at is not None
    with pytest.raises(live.WrongStatus):
        await asked(database, show)


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": ["Indigo"]},
        {"answers": ["A", "B", "C", "D", "E"]},
        {"answers": ["Oat", "oat"]},
        {"seconds": 9},
        {"seconds": 3_601},
    ],
)
async def test_what_is_no_poll_is_refused(database: Database, show: live.Show, wrong: dict[str, Any]) -> None:
    with pytest.raises(polls.BadPoll):
        await asked(database, show, **wrong)
    assert (await fresh(database, show.id)).poll is None


async def test_a_room_that_follows_shows_what_a_fresh_look_shows(database: Database, show: live.Show) -> None:
    process = Process(database)
    await process.follower.start()
    room = (await process.rooms.get(show.id)).room
    found = await asked(database, show)
    await voted(database, found, (uuid4(), 0), (uuid4(), 1), (uuid4(), 1))
    await process.catch_up()
    assert room.state == await fresh(database, show.id)
    assert room.state.poll is not None
    assert room.state.poll.counts == (1, 2)
    async with database.transaction() as tx:
        await polls.close(tx, shop_id=show.shop_id, poll_id=found.id)
        await polls.take_off(tx, shop_id=show.shop_id, poll_id=found.id)
        other = await accounts.create_shop(tx, owner_id=1, name="Other", slug="other", currency="EUR")
        with pytest.raises(polls.UnknownPoll):
            await polls.close(tx, shop_id=other.id, poll_id=found.id)
    await process.catch_up()
    assert room.state == await fresh(database, show.id)
    assert room.state.poll is None
