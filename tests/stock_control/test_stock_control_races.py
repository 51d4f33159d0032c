"""Papers of stock beside sales: nobody loses a unit, and nobody waits for one who waits for him."""

import asyncio
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest
from tests.stock_control.conftest import Stores
from tests.tills.conftest import PRICE
from tests.waiting import soon

from shopfloor import orders, stock_control
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import new_id, now


async def somebody_waits(db: Database) -> None:
    async def waits() -> bool:
        async with db.transaction() as tx:
            return await tx.value(
                """
                SELECT count(*) > 0 FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            )

    await soon("somebody waits for a lock", waits)


async def hold_open_books(tx: Tx, variant_id: int) -> None:
    """As a sale of what is open to all does."""
    await tx.run(
        """
        SELECT FROM stock.level AS l JOIN stock.pool AS p ON p.id = l.pool_id
         WHERE l.variant_id = %(variant_id)s AND p.kind = 'open' ORDER BY l.id FOR NO KEY UPDATE OF l
        """,
        variant_id=variant_id,
    )


class Back(NamedTuple):
    position: int
    quantity: int = 1
    amount_minor: int = PRICE
    resellable: bool = True


async def is_locked(stores: Stores, variant_id: int) -> bool:
    async with stores.db.transaction() as tx:
        free = await tx.value(
            """
            SELECT count(*) FROM (SELECT FROM stock.level WHERE variant_id = %(variant_id)s
                                     FOR NO KEY UPDATE SKIP LOCKED) AS free
            """,
            variant_id=variant_id,
        )
        return free < await tx.value(
            "SELECT count(*) FROM stock.level WHERE variant_id = %(variant_id)s", variant_id=variant_id
        )


@pytest.mark.parametrize("listed", [True, False])
async def test_a_sale_heard_of_while_its_goods_are_scanned_leaves_once(stores: Stores, listed: bool) -> None:
    till = await stores.shop.till()
    till.open_shift()
    await till.send()
    till.sell(3, at=now() - timedelta(minutes=5))
    count = await stores.count()
    if not listed:
        async with stores.db.transaction() as tx:
            await tx.run("DELETE FROM stock_control.count_line")
    async with stores.db.transaction() as tx:
        line = await stock_control.counts.scan(
            tx, shop_id=stores.shop.shop_id, count_id=count, variant_id=stores.tea, key=uuid4(), units=17
        )
        assert (line.seen, line.counted) == (20, 17)
        sending = asyncio.create_task(till.send())
        await somebody_waits(stores.db)
    await sending
    await stores.post(count)
    assert await stores.shop.here() == 17
    await stores.assert_sound()


async def test_what_came_beyond_what_was_sent_locks_its_books_in_the_one_order(stores: Stores) -> None:
    first, last = sorted(stores.shop.variants[:2])
    sent = await stores.sent({last: 2})
    async with stores.db.transaction() as tx:
        await hold_open_books(tx, last)
        receiving = asyncio.create_task(stores.do("receive", sent, units={first: 1, last: 2}, more=True))
        await somebody_waits(stores.db)
        assert await is_locked(stores, first)
    await receiving
    assert [await stores.units(stores.shop.location_id, variant=each) for each in (first, last)] == [21, 22]
    await stores.assert_sound()


async def test_two_who_add_to_one_draft_both_have_added(stores: Stores) -> None:
    first, last = sorted(stores.shop.variants[:2])
    draft = await stores.draft({first: 1})

    async def add(variant_id: int, quantity: int) -> None:
        async with stores.db.transaction() as tx:
            await stock_control.transfers.change(
                tx,
                shop_id=stores.shop.shop_id,
                transfer_id=draft.id,
                units={variant_id: quantity},
                how="more",
            )

    async with stores.db.transaction() as tx:
        await stock_control.transfers.change(
            tx, shop_id=stores.shop.shop_id, transfer_id=draft.id, units={first: 2}, how="more"
        )
        others = [asyncio.create_task(add(first, 4)), asyncio.create_task(add(last, 8))]
        await somebody_waits(stores.db)
    await asyncio.gather(*others)
    assert {line.variant_id: line.asked for line in (await stores.read(draft)).lines} == {first: 7, last: 8}
    async with stores.db.transaction() as tx:
        await stock_control.transfers.change(
            tx, shop_id=stores.shop.shop_id, transfer_id=draft.id, units={first: 0}, how="some"
        )
    assert {line.variant_id: line.asked for line in (await stores.read(draft)).lines} == {last: 8}


async def test_variants_that_come_back_over_the_counter_lock_their_books_in_the_one_order(
    stores: Stores,
) -> None:
    first, last = sorted(stores.shop.variants[:2])
    till = await stores.shop.till()
    till.open_shift()
    till.sell(1)
    lines = [
        till.facts[-1]["body"]["lines"][0] | {"line": place, "variant": variant_id}
        for place, variant_id in enumerate((first, last), start=1)
    ]
    tender = {"kind": "cash", "amount": 2 * PRICE}
    del till.facts[-1]
    till.number -= 1
    sale = till.sell(1, 1, lines=lines, tenders=[tender], change=0)
    await till.send()
    counter = orders.Counter(stores.shop.shop_id, stores.shop.location_id, "till")
    back = [Back(1), Back(0)]

    async def take_back() -> None:
        async with stores.db.transaction() as tx:
            await counter.take_back(tx, order_id=sale, refund_id=new_id(), back=back, note="too small")

    async with stores.db.transaction() as tx:
        await hold_open_books(tx, last)
        taking = asyncio.create_task(take_back())
        await somebody_waits(stores.db)
        assert await is_locked(stores, first)
    await taking
    assert [await stores.units(stores.shop.location_id, variant=each) for each in (first, last)] == [20, 20]


async def test_of_two_who_set_when_to_warn_one_waits(stores: Stores) -> None:
    async def warn(*variant_ids: int) -> None:
        async with stores.db.transaction() as tx:
            for variant_id in variant_ids:
                await stock_control.low.warn_at(
                    tx, shop_id=stores.shop.shop_id, location_id=stores.shop.location_id,
                    variant_id=variant_id, units=30,
                )  # fmt: skip

    first, last = sorted(stores.shop.variants[:2])
    await warn(first)
    async with stores.db.transaction() as tx:
        await stock_control.low.warn_at(
            tx, shop_id=stores.shop.shop_id, location_id=stores.shop.location_id, variant_id=first, units=5
        )
        other = asyncio.create_task(warn(last, first))
        await somebody_waits(stores.db)
        # The one that waits holds nothing that we need.
        await stock_control.low.warn_at(
            tx, shop_id=stores.shop.shop_id, location_id=stores.shop.location_id, variant_id=last, units=5
        )
    await other
    told = "SELECT count(*) FROM kernel.outbox WHERE name = 'stock_control.low_stock'"
    assert await stores.shop.value(told) == 3


async def test_a_posting_that_fails_keeps_no_other_from_being_finished(stores: Stores) -> None:
    [_, other] = stores.shop.variants[:2]
    broken, sound = await stores.count(), await stores.count()
    await stores.scan(broken, 19)
    await stores.scan(sound, 25, variant_id=other)
    for count in (broken, sound):
        await stores.decide(count)
    async with stores.db.transaction() as tx:
        # Somebody works at the first and takes long.
        await tx.run("SELECT FROM stock_control.count WHERE id = %(id)s FOR UPDATE", id=broken)
        for expected in (1, 1, 0):
            async with stores.db.transaction() as mine:
                assert await stock_control.counts.resume(mine) == expected
    assert (await stores.shop.here(), await stores.shop.here(1)) == (20, 25)
    await stock_control.counts.post(stores.db, shop_id=stores.shop.shop_id, count_id=broken)
    assert await stores.shop.here() == 19
    await stores.assert_sound()
