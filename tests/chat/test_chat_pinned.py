"""A pinned line, a question that was answered, slow mode: in the database, and in every open room."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.live.goods import Goods, make_goods, plan

from shopfloor import chat, live, rooms, run_of_show
from shopfloor.chat.models import NotShown, SlowMode, UnknownLine
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.outbox import Follower
from shopfloor.kernel.values import video_ms


@dataclass(slots=True)
class Talk:
    db: Database
    goods: Goods
    show_id: int
    known: rooms.Rooms
    follower: Follower

    async def say(
        self, text: str, *, shopper: UUID | None = None, role: chat.Role = chat.Role.VIEWER
    ) -> chat.Line:
        async with self.db.transaction() as tx:
            return await chat.say(
                tx,
                shop_id=self.goods.shop_id,
                show_id=self.show_id,
                shopper=shopper or uuid4(),
                text=text,
                role=role,
            )

    async def caught_up(self) -> None:
        while await self.follower.step():
            pass
        while await self.known.settle():
            pass

    async def is_true(self) -> rooms.RoomState:
        """The open room, which is like a fresh look."""
        await self.caught_up()
        opened = await self.known.get(self.show_id)
        opened.room.tick(0)
        async with self.db.transaction() as tx:
            assert opened.room.state == await rooms.room_state(tx, self.show_id)
            assert opened.room.lines() == list(await chat.recent_lines(tx, self.show_id))
        return opened.room.state


@pytest.fixture
async def talk(database: Database) -> Talk:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    known = rooms.Rooms(database, recent=chat.recent_lines)
    heard = dict(known.handlers()) | {
        chat.ChatSaid: lambda fact: known.say(fact.show_id, chat.said_line(fact)),
        chat.ChatHidden: lambda fact: known.hide(fact.show_id, str(fact.line_id)),
        chat.LinePinned: lambda fact: known.pin(fact.show_id, chat.pinned_line(fact)),
        chat.LineAnswered: lambda fact: known.answer(fact.show_id, str(fact.line_id), fact.answered),
    }
    follower = Follower(database, heard)
    await follower.start()
    await known.get(show.id)
    return Talk(database, goods, show.id, known, follower)


async def test_one_line_stands_above_the_others_until_it_is_taken_down_or_hidden(talk: Talk) -> None:
    shop_id = talk.goods.shop_id
    first, second = await talk.say("Is it wool?"), await talk.say("Ships today", role=chat.Role.HOST)
    async with talk.db.transaction() as tx:
        await chat.pin(tx, shop_id=shop_id, line_id=first.id)
        await chat.pin(tx, shop_id=shop_id, line_id=second.id)
    shown = (await talk.is_true()).pinned
    assert shown == rooms.PinnedState(
        id=str(second.id), name=second.name, text="Ships today", role="host", at=video_ms(second.at)
    )
    async with talk.db.transaction() as tx:
        await chat.unpin(tx, shop_id=shop_id, show_id=talk.show_id)
    assert (await talk.is_true()).pinned is None

    async with talk.db.transaction() as tx:
        await chat.pin(tx, shop_id=shop_id, line_id=first.id)
        await chat.hide(tx, shop_id=shop_id, line_id=first.id, reason=chat.Reason.SPAM)
    assert (await talk.is_true()).pinned is None
    with pytest.raises(UnknownLine):
        async with talk.db.transaction() as tx:
            await chat.pin(tx, shop_id=shop_id, line_id=first.id)
    async with talk.db.transaction() as tx:
        assert await chat.hidden_for(tx, shop_id=shop_id, show_id=talk.show_id) == {"spam": 1}


async def test_who_is_erased_has_no_name_on_a_pinned_line(talk: Talk) -> None:
    shopper = uuid4()
    line = await talk.say("I love it", shopper=shopper)
    async with talk.db.transaction() as tx:
        await chat.pin(tx, shop_id=talk.goods.shop_id, line_id=line.id)
        await chat.erase_names(tx, shop_id=talk.goods.shop_id, shoppers=[shopper])
    await talk.caught_up()
    pinned = (await talk.known.get(talk.show_id)).room.state.pinned
    assert pinned is not None
    assert (pinned.name, pinned.text) == ("", "I love it")


async def test_a_question_is_answered_at_a_moment_of_the_video(talk: Talk) -> None:
    shop_id = talk.goods.shop_id
    asked, said = await talk.say("Do you have M in indigo?"), await talk.say("Lovely")
    await talk.say("Any left?", role=chat.Role.HOST)

    async def open_questions(tx: Tx) -> list[UUID]:
        return [line.id for line in await chat.questions(tx, shop_id=shop_id, show_id=talk.show_id)]

    async with talk.db.transaction() as tx:
        assert await open_questions(tx) == [asked.id]
        assert (await chat.answer(tx, shop_id=shop_id, line_id=asked.id, at=1_700)).answered == 1_700
        # The moment of the first answer stays.
        assert (await chat.answer(tx, shop_id=shop_id, line_id=asked.id, at=9_999)).answered == 1_700
        assert await open_questions(tx) == []
    await talk.is_true()
    shown = (await talk.known.get(talk.show_id)).room.lines()
    assert {line.id: line.answered for line in shown if line.role != "host"} == {
        str(asked.id): 1_700,
        str(said.id): None,
    }

    async with talk.db.transaction() as tx:
        await chat.take_answer_back(tx, shop_id=shop_id, line_id=asked.id)
        assert await open_questions(tx) == [asked.id]
    await talk.is_true()


async def test_a_line_of_another_show_is_none_of_this_one_and_a_hidden_one_is_not_answered(
    talk: Talk,
) -> None:
    shop_id = talk.goods.shop_id
    line = await talk.say("Do you have M?")
    for verb, more in (
        (chat.pin, {}), (chat.approve, {}), (chat.answer, {}), (chat.hide, {"reason": chat.Reason.SPAM}),
    ):  # fmt: skip
        with pytest.raises(UnknownLine):
            async with talk.db.transaction() as tx:
                await verb(tx, shop_id=shop_id, show_id=talk.show_id + 1, line_id=line.id, **more)  # type: ignore[operator]
    async with talk.db.transaction() as tx:
        assert [each.id for each in await chat.questions(tx, shop_id=shop_id, show_id=talk.show_id)] == [
            line.id
        ]
        await chat.hide(tx, shop_id=shop_id, show_id=talk.show_id, line_id=line.id, reason=chat.Reason.SPAM)
    with pytest.raises(NotShown):
        async with talk.db.transaction() as tx:
            await chat.answer(tx, shop_id=shop_id, show_id=talk.show_id, line_id=line.id)
    assert (await talk.is_true()).pinned is None


async def test_slow_mode_is_for_shoppers(talk: Talk) -> None:
    shop_id, shopper = talk.goods.shop_id, uuid4()
    async with talk.db.transaction() as tx:
        await live.set_slow_mode(tx, shop_id=shop_id, show_id=talk.show_id, seconds=30)
    assert (await talk.is_true()).show.slow_seconds == 30
    await talk.say("one", shopper=shopper)
    with pytest.raises(SlowMode) as refusal:
        await talk.say("two", shopper=shopper)
    assert refusal.value.facts["seconds"] == 30
    assert 0 < int(str(refusal.value.facts["wait_ms"])) <= 30_001
    await talk.say("three")
    await talk.say("four", shopper=shopper, role=chat.Role.HOST)
    async with talk.db.transaction() as tx:
        await tx.run(
            "UPDATE chat.line SET at = at - %(back)s::interval WHERE shopper = %(shopper)s",
            back=timedelta(seconds=31), shopper=shopper,
        )  # fmt: skip
    await talk.say("five", shopper=shopper)
    async with talk.db.transaction() as tx:
        await live.set_slow_mode(tx, shop_id=shop_id, show_id=talk.show_id, seconds=0)
    await talk.say("six", shopper=shopper)
    for seconds in (-1, 301):
        with pytest.raises(live.BadShow):
            async with talk.db.transaction() as tx:
                await live.set_slow_mode(tx, shop_id=shop_id, show_id=talk.show_id, seconds=seconds)
