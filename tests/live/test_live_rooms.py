"""Rooms built from followed facts are what a fresh look into the database shows, in every process."""

import asyncio
import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.live.goods import Goods, make_goods, plan
from tests.waiting import PATIENCE

from shopfloor import inventory, live, run_of_show, stock
from shopfloor.kernel.database import Database
from shopfloor.kernel.outbox import Follower
from shopfloor.rooms import ChatLine, Gateway, Rooms, RoomState, counters, post_notice, room_state
from shopfloor.rooms.room import difference


@pytest.fixture
async def goods(database: Database) -> Goods:
    return await make_goods(database)


class Process:
    """What one web process has of it: rooms and a follower."""

    def __init__(self, db: Database, *, reading: Database | None = None) -> None:
        """`reading`: the database that rooms are read from, if not by the same connections."""
        self.rooms = Rooms(reading or db)
        self.follower = Follower(db, self.rooms.handlers())

    async def catch_up(self) -> None:
        while await self.follower.step():
            pass
        while await self.rooms.settle():
            pass


async def fresh(db: Database, show_id: int) -> RoomState:
    async with db.transaction() as tx:
        return await room_state(tx, show_id)


async def test_an_unknown_room(database: Database, goods: Goods) -> None:
    with pytest.raises(live.UnknownShow):
        await Rooms(database).get(4711)


async def test_two_processes_show_the_same_true_counters(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    one, two = Process(database), Process(database)
    for process in (one, two):
        await process.follower.start()
    await one.rooms.get(show.id)
    async with database.transaction() as tx:
        await buy(tx, goods, show.id, goods.coats[0], 3)
    await two.rooms.get(show.id)
    async with database.transaction() as tx:
        await buy(tx, goods, show.id, goods.coats[0], 1)
        await counters.count_order(tx, shop_id=goods.shop_id, show_id=show.id)
    for process in (one, two):
        await process.catch_up()
    await one.rooms.share(viewers={show.id: 5}, likes={show.id: 2})
    await two.rooms.share(viewers={show.id: 4}, likes={show.id: 1})
    await one.rooms.share(viewers={show.id: 5}, likes={})

    expected = await fresh(database, show.id)
    assert expected.viewers == 9
    assert expected.likes == 3
    for process in (one, two):
        assert (await process.rooms.get(show.id)).room.state == expected


async def test_the_open_pool_reaches_rooms_that_borrow_from_it(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, offer = await plan(tx, goods, quota=0)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    process = Process(database)
    await process.follower.start()
    opened = await process.rooms.get(show.id)
    async with database.transaction() as tx:
        await inventory.announce_lot(
            tx, shop_id=goods.shop_id, variant_id=goods.coats[0], location_id=goods.location_id, quantity=40,
            ready_on=date(2027, 1, 9), kind=inventory.LotKind.INCOMING, source="po-1",
        )  # fmt: skip
    await process.catch_up()

    line = opened.room.state.offers[str(offer.id)].lines[str(goods.coats[0])]
    assert (line.left, line.ready_on, line.later) == (0, date(2027, 1, 9), ((date(2027, 1, 9), 40),))
    assert opened.room.state == await fresh(database, show.id)


async def test_current_room_has_been_read_where_facts_say_that_it_must_be(
    database: Database, dsn: str, goods: Goods
) -> None:
    """Without waiting for the reading that follows by itself."""
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
    one_connection = Database(dsn, 1, patience=PATIENCE)
    await one_connection.open()
    process = Process(database, reading=one_connection)
    await process.follower.start()
    opened = await process.rooms.current(show.id, shop_id=goods.shop_id)
    async with database.transaction() as tx:
        await inventory.announce_lot(
            tx, shop_id=goods.shop_id, variant_id=goods.coats[0], location_id=goods.location_id, quantity=40,
            ready_on=date(2027, 1, 9), kind=inventory.LotKind.INCOMING, source="po-1",
        )  # fmt: skip
    before = opened.room.state
    # While somebody else has the only connection, what follows by itself does not come before us.
    async with one_connection.transaction():
        while await process.follower.step():
            pass
        assert opened.is_behind
        assert opened.room.state is before
    both = await asyncio.gather(
        process.rooms.current(show.id, shop_id=goods.shop_id),
        process.rooms.current(show.id, shop_id=goods.shop_id),
    )
    assert [each.room.state for each in both] == [await fresh(database, show.id)] * 2
    assert opened.room.state != before
    async with database.transaction() as tx:
        await live.change_show(tx, shop_id=goods.shop_id, show_id=show.id, title="Another")
    while await process.follower.step():
        pass
    assert (await process.rooms.current(show.id, shop_id=goods.shop_id)).show.title == "Another"
    assert not opened.is_behind
    with pytest.raises(live.UnknownShow):
        await process.rooms.current(show.id, shop_id=goods.shop_id + 1)
    await one_connection.close()


async def test_room_that_only_a_page_opened_gets_ticks_and_is_forgotten(
    database: Database, goods: Goods, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
    rooms = Rooms(database)
    opened = await rooms.get(show.id)
    opened.room.say(ChatLine("1", "Ann", "hello", "viewer", 1))
    assert [line.text for line in opened.room.lines()] == ["hello"]
    opened.room.say(ChatLine("2", "Ann", "rude", "viewer", 2))
    opened.room.hide("2")
    assert [line.text for line in opened.room.lines()] == ["hello"]
    gateway = Gateway(rooms, read_shopper=lambda _: None)
    running = asyncio.create_task(gateway.run())
    async with asyncio.timeout(PATIENCE):
        while not opened.room.recent:
            await asyncio.sleep(0.05)
        opened.room.hide("1")
        assert opened.room.lines() == []
        assert rooms.opened(show.id) is opened
        monkeypatch.setattr("shopfloor.rooms.gateway.IDLE_ROOM", 0.0)
        while rooms.opened(show.id) is not None:
            await asyncio.sleep(0.05)
    assert gateway.channels == {}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_facts_that_come_while_a_room_is_read_are_not_lost(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, offer = await plan(tx, goods)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    process = Process(database)
    await process.follower.start()
    opened = await process.rooms.get(show.id)
    handlers = process.rooms.handlers()
    with opened.reading():
        async with database.transaction() as tx:
            old = await room_state(tx, show.id)
        fact = run_of_show.OfferPriceChanged(
            goods.shop_id, show.id, offer.id, 1, goods.coats[0], 5, 9_900, "EUR", 1
        )
        handlers[run_of_show.OfferPriceChanged](fact)
        opened.room.replace(old)

    assert opened.room.state.offers[str(offer.id)].lines[str(goods.coats[0])].price_minor == 5


async def buy(tx: Any, goods: Goods, show_id: int, variant_id: int, quantity: int) -> list[UUID]:
    show = await live.show(tx, shop_id=goods.shop_id, show_id=show_id)
    pool_id = show.pool_id
    if pool_id is None or show.status != live.ShowStatus.LIVE:
        pool_id = (await inventory.open_pool(tx, shop_id=goods.shop_id)).id
    request = stock.Request(
        id=uuid4(), shop_id=goods.shop_id, pool_id=pool_id, buyer=uuid4(),
        lines=(stock.Line(variant_id, quantity),), hold_seconds=60, show_id=show_id, unit_prices=(9_900,),
    )  # fmt: skip
    answers = await stock.reserve(tx, [request])
    return [answer.id for answer in answers if isinstance(answer, stock.Held)]


@pytest.mark.parametrize("seed", range(8))
async def test_any_sequence_of_verbs(database: Database, goods: Goods, seed: int) -> None:
    """Random verbs; every few of them a look: the rooms of two processes, one opened late, and the database agree."""
    dice = random.Random(seed)
    async with database.transaction() as tx:
        show, coat = await plan(tx, goods, quota=dice.choice([None, 2, 4]))
        if seed % 2:
            await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    ours: dict[str, Any] = {"shop_id": goods.shop_id, "show_id": show.id}
    early, late = Process(database), Process(database)
    for process in (early, late):
        await process.follower.start()
    await early.rooms.get(show.id)
    holds: list[UUID] = []
    offers = [coat.id]

    async def act(tx: Any) -> None:
        variant = dice.choice([*goods.coats, *goods.bowls])
        match dice.randrange(15):
            case 0:
                await run_of_show.start_show(tx, **ours)
            case 1:
                await run_of_show.feature(tx, **ours, offer_id=dice.choice([None, *offers]))
            case 2:
                await run_of_show.set_offer_price(
                    tx,
                    **ours,
                    offer_id=coat.id,
                    variant_id=dice.choice(goods.coats),
                    confirmed=True,
                    price_minor=dice.randrange(9),
                )
            case 3:
                added = await run_of_show.add_offer(
                    tx, **ours, product_id=goods.bowl.id,
                    lines=[run_of_show.OfferLine(goods.bowls[0], 100, dice.choice([None, 3]))],
                )  # fmt: skip
                offers.append(added.id)
            case 4 | 5 | 6:
                holds.extend(await buy(tx, goods, show.id, variant, dice.randrange(1, 4)))
            case 7:
                if holds:
                    await stock.release(tx, [holds.pop(dice.randrange(len(holds)))], "test")
            case 8:
                await inventory.receive(
                    tx, shop_id=goods.shop_id, location_id=goods.location_id, variant_id=variant,
                    quantity=dice.randrange(1, 5),
                )  # fmt: skip
            case 9:
                await inventory.announce_lot(
                    tx, shop_id=goods.shop_id, variant_id=variant, location_id=goods.location_id,
                    quantity=dice.randrange(1, 9), ready_on=date(2027, 1, 1) + timedelta(days=dice.randrange(3)),
                    kind=dice.choice([inventory.LotKind.INCOMING, inventory.LotKind.MAKEABLE]),
                    source=f"s{dice.randrange(3)}-{variant}",
                )  # fmt: skip
            case 10:
                await run_of_show.change_offer(
                    tx, **ours, offer_id=coat.id, quotas={dice.choice(goods.coats): dice.randrange(6)}
                )
            case 11:
                await post_notice(tx, **ours, text=f"note {dice.randrange(3)}")
            case 12:
                await counters.count_order(tx, **ours)
                await counters.count_waiting(tx, **ours, variant_id=variant, units=dice.randrange(4))
            case 13:
                slots = [slot.id for slot in await run_of_show.slots(tx, **ours)]
                dice.shuffle(slots)
                await run_of_show.order_slots(tx, **ours, slot_ids=slots)
            case _:
                if dice.random() < 0.1:
                    await run_of_show.end_show(tx, **ours)

    for turn in range(60):
        try:
            async with database.transaction() as tx:
                await act(tx)
        except (live.WrongStatus, run_of_show.OfferedAlready):
            pass
        if turn == 20:
            await late.rooms.get(show.id)
        if turn % 5 == 4:
            expected = await fresh(database, show.id)
            for process in (early, late):
                await process.catch_up()
                opened = process.rooms.opened(show.id)
                assert opened is None or difference(opened.room.state, expected) == {}, (
                    turn,
                    opened.room.state,
                )
