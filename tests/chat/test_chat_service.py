"""Saying, holding, hiding and muting, on a real database."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shopfloor import accounts, chat, live
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal

SHOP = 1
ANN, BOB = UUID(int=1), UUID(int=2)


@pytest.fixture
async def show_id(database: Database) -> int:
    async with database.transaction() as tx:
        await tx.run(
            "INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE"
            " VALUES (%(id)s, 'tuan', 'Tuan Studio', 'EUR', 'en', 'Europe/Berlin')",
            id=SHOP,
        )
        return (await live.plan_show(tx, shop_id=SHOP, title="Autumn")).id


async def say(db: Database, show_id: int, text: str, who: UUID = ANN, **more: Any) -> chat.Line:
    async with db.transaction() as tx:
        return await chat.say(tx, shop_id=SHOP, show_id=show_id, shopper=who, text=text, **more)


async def later(db: Database, seconds: int) -> None:
    """As if everything had been said so long ago."""
    async with db.transaction() as tx:
        await tx.run("UPDATE chat.line SET at = at - %(seconds)s * interval '1 second'", seconds=seconds)


async def facts(db: Database, name: str) -> list[dict[str, Any]]:
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT body FROM kernel.outbox WHERE name = %s ORDER BY id", (name,)
        )
        return [row[0] for row in await cursor.fetchall()]


async def refused(db: Database, code: str, act: Any) -> Refusal:
    before = await rows(db)
    with pytest.raises(Refusal) as refusal:
        await act()
    assert refusal.value.code == code
    assert await rows(db) == before
    return refusal.value


async def rows(db: Database) -> list[Any]:
    async with db.transaction() as tx:
        return [
            await (await tx.connection.execute(statement)).fetchall()
            for statement in (
                "SELECT * FROM chat.line ORDER BY id",
                "SELECT * FROM chat.moderation ORDER BY id",
                "SELECT * FROM chat.mute ORDER BY id",
                "SELECT * FROM chat.blocked_word",
                "SELECT * FROM kernel.outbox ORDER BY id",
            )
        ]


async def test_a_line_is_kept_told_and_recalled(database: Database, show_id: int) -> None:
    words = chat.vocabulary([("Colour", "Indigo")])
    line = await say(database, show_id, "do you have M in indigo?", name="Ann", words=words)

    assert (line.state, line.role, line.name) == (chat.State.SHOWN, chat.Role.VIEWER, "Ann")
    (fact,) = await facts(database, "chat.chat_said")
    assert fact["asks"] == {"sizes": ["M"], "colours": ["Indigo"], "intents": ["colour", "size", "stock"]}
    assert (fact["author"], fact["text"], fact["shopper"]) == ("Ann", "do you have M in indigo?", str(ANN))
    async with database.transaction() as tx:
        assert await chat.recent(tx, show_id=show_id) == [line]
        assert await chat.recent_lines(tx, show_id) == [chat.room_line(line)]


async def test_guests_have_a_name_of_their_own(database: Database, show_id: int) -> None:
    assert (await say(database, show_id, "hi")).name == chat.name_of(ANN)
    host = await say(database, show_id, "hi", uuid4(), name="Host Ada", role=chat.Role.HOST)
    assert host.name == "Host Ada"


@pytest.mark.parametrize("name", ["客服", "Hоst", "\u3164", "x" * 25, "a\x00b", "\udcff"])
async def test_a_bad_name_costs_the_name_and_not_the_line(
    database: Database, show_id: int, name: str
) -> None:
    line = await say(database, show_id, "is there an M?", BOB, name=name)

    assert (line.name, line.text, line.state) == (chat.name_of(BOB), "is there an M?", chat.State.SHOWN)
    assert [fact["author"] for fact in await facts(database, "chat.chat_said")] == [chat.name_of(BOB)]


@pytest.mark.parametrize("name", ["Badminton Li", "Ghost", "Christophe", "می\u200cخواهم", "🩷"])
async def test_honest_names_are_kept(database: Database, show_id: int, name: str) -> None:
    assert (await say(database, show_id, "hi", BOB, name=name)).name == name


async def test_nobody_is_called_like_the_shop_or_its_host(database: Database, show_id: int) -> None:
    async with database.transaction() as tx:
        shop = await accounts.shop(tx, SHOP)
        person = await tx.value(
            "INSERT INTO accounts.person (email, name, password_hash) VALUES ('li@a.example', 'Li Wei', 'x')"
            " RETURNING id"
        )
        await tx.run(
            "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop)s, %(person)s, 'host')",
            shop=SHOP,
            person=person,
        )
        await tx.run("UPDATE live.show SET host_id = %(person)s WHERE id = %(id)s", person=person, id=show_id)

    for name in (shop.name, f"{shop.name.upper()} ✓", "Lі Wеі", "ＬＩ　ＷＥＩ"):
        assert (await say(database, show_id, f"I am {name}", uuid4(), name=name)).name.startswith("Guest ")
    assert (await say(database, show_id, "hi", uuid4(), name="Li Weiwei")).name == "Li Weiwei"


async def test_three_lines_at_once_then_slowly(database: Database, show_id: int) -> None:
    for text in ("one", "two", "three"):
        await say(database, show_id, text)
    refusal = await refused(database, "chat.too_fast", lambda: say(database, show_id, "four"))
    assert refusal.facts == {"wait_ms": 1500}
    await say(database, show_id, "four", BOB)
    for number in range(5):
        await say(database, show_id, f"host {number}", uuid4(), role=chat.Role.HOST)
    await later(database, 5)
    await say(database, show_id, "four")


async def test_the_same_again_is_refused_for_a_while(database: Database, show_id: int) -> None:
    await say(database, show_id, "Nice coat")
    await refused(database, "chat.repeated", lambda: say(database, show_id, "nice  COAT!!"))
    await say(database, show_id, "nice coat", BOB)
    await later(database, 31)
    await say(database, show_id, "Nice coat")


async def test_what_is_held_is_not_lost_and_can_be_approved(database: Database, show_id: int) -> None:
    line = await say(database, show_id, "black in M at http://x.example?")

    assert (line.state, line.reason) == (chat.State.HELD, "link")
    assert await facts(database, "chat.chat_said") == []
    assert [fact["reason"] for fact in await facts(database, "chat.chat_held")] == ["link"]
    async with database.transaction() as tx:
        assert await chat.recent(tx, show_id=show_id) == []
        assert await chat.held(tx, shop_id=SHOP) == [line]
        approved = await chat.approve(tx, shop_id=SHOP, line_id=line.id, by=7)
        assert await chat.held(tx, shop_id=SHOP) == []
        assert await chat.recent(tx, show_id=show_id) == [approved]
        log = await chat.moderations(tx, shop_id=SHOP)
    assert [(entry.action, entry.reason, entry.by_person) for entry in log] == [
        ("approve", "link", 7),
        ("hold", "link", None),
    ]
    assert (await facts(database, "chat.chat_said"))[0]["asks"]["colours"] == ["black"]


async def test_links_of_buyers_and_of_those_who_were_here_before_are_shown(
    database: Database, show_id: int
) -> None:
    async with database.transaction() as tx:
        await chat.mark_buyer(tx, show_id=show_id, shopper=ANN)
        await chat.mark_buyer(tx, show_id=show_id, shopper=ANN)
    line = await say(database, show_id, "see x.com")
    assert (line.state, line.role) == (chat.State.SHOWN, chat.Role.BUYER)
    await say(database, show_id, "hello", BOB)
    await later(database, 150)
    assert (await say(database, show_id, "see y.com", BOB)).state is chat.State.SHOWN


async def test_hiding_needs_a_known_reason_and_keeps_the_line(database: Database, show_id: int) -> None:
    line = await say(database, show_id, "you idiot")

    async def badly() -> None:
        async with database.transaction() as tx:
            await chat.hide(tx, shop_id=SHOP, line_id=line.id, reason="negative")  # pyright: ignore[reportArgumentType]

    await refused(database, "chat.no_reason", badly)
    async with database.transaction() as tx:
        hidden = await chat.hide(
            tx, shop_id=SHOP, line_id=line.id, reason=chat.Reason.INSULT, note="rude", by=7
        )
        await chat.hide(tx, shop_id=SHOP, line_id=line.id, reason=chat.Reason.SPAM)
        assert await chat.recent(tx, show_id=show_id) == []
        log = await chat.moderations(tx, shop_id=SHOP, show_id=show_id)

    assert (hidden.text, hidden.state, hidden.reason) == ("you idiot", chat.State.HIDDEN, "insult")
    assert [(entry.action, entry.reason, entry.note) for entry in log] == [("hide", "insult", "rude")]
    assert [fact["line_id"] for fact in await facts(database, "chat.chat_hidden")] == [str(line.id)]
    with pytest.raises(Exception, match="never changed"):
        async with database.transaction() as tx:
            await tx.run("DELETE FROM chat.line")
    with pytest.raises(Exception, match="never changed"):
        async with database.transaction() as tx:
            await tx.run("DELETE FROM chat.moderation")


async def test_another_shop_moderates_nothing_here(database: Database, show_id: int) -> None:
    line = await say(database, show_id, "hello")

    async def foreign(verb: Any, **more: Any) -> None:
        async with database.transaction() as tx:
            await verb(tx, shop_id=2, line_id=line.id, **more)

    await refused(database, "chat.unknown_line", lambda: foreign(chat.hide, reason=chat.Reason.SPAM))
    await refused(database, "chat.unknown_line", lambda: foreign(chat.approve))

    async def say_there() -> None:
        async with database.transaction() as tx:
            await chat.say(tx, shop_id=2, show_id=show_id, shopper=ANN, text="hi")

    await refused(database, "live.unknown_show", say_there)


async def test_the_muted_are_told_until_when_and_why(database: Database, show_id: int) -> None:
    async with database.transaction() as tx:
        mute = await chat.mute(
            tx, shop_id=SHOP, shopper=ANN, reason=chat.Reason.SPAM, minutes=5, show_id=show_id, by=7
        )
    refusal = await refused(database, "chat.muted", lambda: say(database, show_id, "hello"))
    assert refusal.facts == {"until": mute.until.isoformat(), "reason": "spam"}
    assert [fact["seconds"] for fact in await facts(database, "chat.shopper_muted")] == [300.0]
    async with database.transaction() as tx:
        await chat.unmute(tx, shop_id=SHOP, shopper=ANN, by=7)
    await say(database, show_id, "hello")


async def test_words_a_shop_blocks_hold_lines(database: Database, show_id: int) -> None:
    async with database.transaction() as tx:
        await chat.block_word(tx, shop_id=SHOP, word="Rivalshop", by=7)
        await chat.block_word(tx, shop_id=SHOP, word="rival shop", by=7)
        assert await chat.blocked_words(tx, shop_id=SHOP) == ["rivalshop"]
        assert await chat.blocked_words(tx, shop_id=2) == []
    assert (await say(database, show_id, "R i v a l shop is better")).reason == "blocked_word"

    async def protected() -> None:
        async with database.transaction() as tx:
            await chat.block_word(tx, shop_id=SHOP, word="退货")

    await refused(database, "chat.word_protected", protected)
    async with database.transaction() as tx:
        await chat.allow_word(tx, shop_id=SHOP, word="rivalshop", by=7)
        log = await chat.moderations(tx, shop_id=SHOP)
    assert [entry.action for entry in log] == ["allow_word", "hold", "block_word"]
    assert (await say(database, show_id, "rivalshop again", BOB)).state is chat.State.SHOWN


async def test_one_text_from_many_is_held_from_the_fourth_on(database: Database, show_id: int) -> None:
    states = [(await say(database, show_id, "come to my wonderful room", uuid4())).state for _ in range(5)]

    assert [str(state) for state in states] == ["shown", "shown", "shown", "held", "held"]


async def test_complaints_are_shown(database: Database, show_id: int) -> None:
    for number, text in enumerate(("质量差，差评", "I want a refund, this is a scam", "太贵了")):
        assert (await say(database, show_id, text, UUID(int=50 + number))).state is chat.State.SHOWN


async def test_nobody_writes_once_a_show_is_over(database: Database, show_id: int) -> None:
    async with database.transaction() as tx:
        await tx.run("UPDATE live.show SET status = 'ended', started_at = now(), ended_at = now()")
    await refused(database, "chat.closed", lambda: say(database, show_id, "hello"))
