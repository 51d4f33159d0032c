"""Auctions with several processes: bids in the last millisecond, bids against the end, and a process killed at the end."""

import asyncio
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path
from uuid import UUID

from tests.auctions.hall import Person, later, now_of, opened, placed, sound, wins_of
from tests.orders.conftest import MakeMarket, make_market
from tests.races.test_races_orders_kills import nobody_is_in_a_transaction
from tests.races.test_races_stock_intake import Proxy
from tests.waiting import PATIENCE, soon

from shopfloor import auctions, orders
from shopfloor.auctions import refusals, settling
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal

__all__ = ["make_market"]

# A process forked from this one would keep the lines of the dead open.
CLEAN = multiprocessing.get_context("forkserver")
CLEAN.set_forkserver_preload([__name__])

Told = list[tuple[str, bool, int]]
"""Key of each bid that was taken, whether it led, and its number."""


def bids_until_over(dsn: str, shop_id: int, auction_id: int) -> Told:
    """Many people bid what is asked, again and again, until it is over; then this process closes it, too."""

    async def run() -> Told:
        db = Database(dsn, 4)
        await db.open()
        door = auctions.Bids(db)
        told: Told = []

        async def bid(who: Person) -> None:
            asked = 1_000
            while True:
                sent = who.bids(asked)
                try:
                    taken = await door.bid(sent, shop_id=shop_id, auction_id=auction_id)
                except refusals.AuctionOver:
                    return
                except refusals.BidTooFast:
                    await asyncio.sleep(0)
                    who = Person()
                except (refusals.BidTooLow, refusals.AlreadyLeading) as refusal:
                    asked = int(str(refusal.facts.get("asked_minor", asked + 100)))
                else:
                    told.append((str(sent.key), taken.leads, taken.paddle))
                    asked = taken.asked_minor

        await asyncio.gather(*(bid(Person()) for _ in range(6)))
        await auctions.work(db)
        await db.close()
        return told

    return asyncio.run(run())


async def test_two_processes_bid_until_the_last_millisecond(make_market: MakeMarket, dsn: str) -> None:
    market = await make_market(units=1)
    found = await opened(market, extend_seconds=0, steps=((0, 1),))
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=CLEAN) as pool:
        both = [loop.run_in_executor(pool, bids_until_over, dsn, market.shop_id, found.id) for _ in range(2)]

        async def both_bid() -> bool:
            return (await now_of(market.db, found)).bids > 50

        await soon("they bid", both_bid)
        async with market.db.transaction() as tx:
            await tx.run(
                """
                UPDATE auctions.auction SET ends_at = clock_timestamp() + interval '1 second',
                       latest_end = clock_timestamp() + interval '1 second' WHERE id = %(id)s
                """,
                id=found.id,
            )
        told = [each for process in both for each in await process]

    over = await now_of(market.db, found)
    assert over.state == "sold"
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT b.key::text, b.seq, b.at < a.ends_at FROM auctions.bid b JOIN auctions.auction a ON a.id = b.auction_id ORDER BY seq"
        )
        rows = await cursor.fetchall()
        late = await auctions.refused_bids(tx, shop_id=market.shop_id, auction_id=found.id)
    # Who was told that a bid stands finds it in the ledger, and nobody else is there; none is after the end.
    assert sorted(key for key, *_ in rows) == sorted(key for key, *_ in told)
    assert [seq for _, seq, _ in rows] == list(range(1, over.bids + 1))
    assert all(in_time for *_, in_time in rows)
    assert {each.reason: each.bids > 0 for each in late}["over"]
    [win] = await wins_of(market.db, found)
    assert (win.paddle, win.price_minor) == (over.leader, over.price_minor)
    assert len(await market.facts("auctions.closed")) == 1
    await sound(market)


async def test_two_equal_bids_at_once_and_the_earlier_leads(make_market: MakeMarket) -> None:
    market = await make_market(units=1)
    found = await opened(market)
    for _ in range(10):
        amount = (await now_of(market.db, found)).asked_minor
        answers = await asyncio.gather(
            *(placed(market.db, found, Person().bids(amount)) for _ in range(4)), return_exceptions=False
        )
        taken = [each for (each,) in answers if not isinstance(each, Refusal)]
        assert [each.leads for each in taken] == [True]
        assert {each.code for (each,) in answers if isinstance(each, Refusal)} == {"auctions.too_low"}
    assert (await now_of(market.db, found)).bids == 10
    await sound(market)


async def test_a_bid_that_waits_while_it_is_closed_is_too_late(make_market: MakeMarket) -> None:
    """The lock is with whoever closes; the bid came before, and was not the first to have it."""
    market = await make_market(units=1)
    found = await opened(market)
    await placed(market.db, found, Person().bids(1_000))
    await later(market.db, found, 60)
    async with market.db.transaction() as tx:
        await settling.close(tx, shop_id=market.shop_id, auction_id=found.id)
        waiting = asyncio.ensure_future(placed(market.db, found, Person().bids(9_000)))

        async def waits() -> bool:
            return await tx.value("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

        await soon("the bid waits for the lock", waits)
    [answer] = await waiting
    assert isinstance(answer, refusals.AuctionOver)
    assert [each.price_minor for each in await wins_of(market.db, found)] == [1_000]
    await sound(market)


async def test_a_win_is_taken_back_or_ordered_and_never_both(make_market: MakeMarket) -> None:
    """The deadline and the form of the winner at the same moment."""
    ends: set[str] = set()
    for _ in range(8):
        market = await make_market(units=1)
        found = await opened(market)
        lin, ada = Person(), Person()
        await placed(market.db, found, ada.bids(2_000), lin.bids(3_000))
        await later(market.db, found, 60)
        await auctions.work(market.db)
        [win] = await wins_of(market.db, found)
        await later(market.db, found, 1_801)
        done = await asyncio.gather(
            market.complete(win.hold_id, lin.shopper), auctions.work(market.db), return_exceptions=True
        )
        states = [each.state.value for each in await wins_of(market.db, found)]
        ordered = not isinstance(done[0], BaseException)
        if ordered and states != ["asked"]:
            # The order was prepared first, and lost its units to the next bidder before it was placed.
            assert states == ["lapsed", "asked"]
            assert isinstance(done[0], orders.Order)
            assert done[0].status == "cancelled"
        else:
            assert states == (["asked"] if ordered else ["lapsed", "asked"])
        ends.add("ordered" if ordered else "lapsed")
        await sound(market)
    assert ends <= {"ordered", "lapsed"}


def closing(dsn: str) -> None:
    async def run() -> None:
        db = Database(dsn, 1)
        await db.open()
        await auctions.work(db)
        # Where it was to be killed later than its last word: it ends without a goodbye.
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run())


async def in_a_process_killed_at(number: int, line: Proxy) -> bool:
    """Whether it came so far: it is killed at this word of closing, which still arrives."""
    messages = count()
    reached = False

    def cut(data: bytes) -> bool:
        nonlocal reached
        if b"auctions." not in data and b"COMMIT" not in data and b"stock." not in data:
            return False
        if next(messages) != number:
            return False
        reached = True
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        return True

    line.cut = cut
    process = CLEAN.Process(target=closing, args=(line.dsn,))
    process.start()
    await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    await soon("the line of the dead is closed", lambda: line.serving == 0)
    return reached


async def test_killed_at_the_end_at_one_word_after_the_other(
    make_market: MakeMarket, dsn: str, tmp_path: Path
) -> None:
    wins: list[UUID] = []
    market = await make_market(units=1)
    async with Proxy(dsn, tmp_path) as line:
        line.moment = 0.02
        for number in count():
            market = market if number == 0 else await make_market(units=1)
            found = await opened(market)
            lin, ada = Person(), Person()
            await placed(market.db, found, ada.bids(2_000), lin.bids(3_000))
            await later(market.db, found, 60)
            reached = await in_a_process_killed_at(number, line)
            await nobody_is_in_a_transaction(market.db)
            # Another process goes on where it stands.
            await auctions.work(market.db)
            [win] = await wins_of(market.db, found)
            assert (win.paddle, win.price_minor, win.state) == (2, 2_100, "asked")
            wins.append(win.hold_id)
            assert await market.left() == 0
            if not reached:
                break
    assert len(set(wins)) == len(wins) > 8
    closed = await market.facts("auctions.closed")
    assert len(closed) == len(wins)
    await sound(market)
