"""Counts while sales run: what was sold between the scan and the posting stays sold, and nothing counts twice."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.stock_control.conftest import Stores
from tests.tills.conftest import Till

from shopfloor import inventory, stock_control
from shopfloor.kernel.database import Rollback
from shopfloor.kernel.values import now
from shopfloor.stock_control.models import NothingCounted, WrongState


async def _open_till(stores: Stores) -> Till:
    till = await stores.shop.till()
    till.open_shift()
    await till.send()
    return till


async def test_what_is_sold_between_scan_and_posting_stays_sold(stores: Stores) -> None:
    till = await _open_till(stores)
    count = await stores.count()
    # The books say 20; 18 are there.
    line = await stores.scan(count, 18)
    assert (line.seen, line.counted, line.difference) == (20, 18, -2)
    till.sell(3)
    await till.send(till.facts[-1:])
    await stores.post(count)
    assert await stores.shop.here() == 15
    assert await stores.shop.value("SELECT state FROM stock_control.count") == "posted"
    assert await stores.shop.value(
        "SELECT reason FROM stock.movement WHERE kind = 'counted' AND quantity = -2"
    ) == "C1 Monthly count"  # fmt: skip
    await stores.assert_sound()


@pytest.mark.parametrize("posted_first", [False, True])
async def test_what_was_sold_offline_before_the_scan_leaves_once(stores: Stores, posted_first: bool) -> None:
    till = await _open_till(stores)
    till.sell(3, at=now() - timedelta(minutes=5))
    count = await stores.count()
    assert (await stores.scan(count, 17)).difference == -3
    if posted_first:
        await stores.post(count)
        assert await stores.shop.here() == 17
    await till.send()
    if not posted_first:
        await stores.post(count)
    assert await stores.shop.here() == 17
    await stores.assert_sound()


async def test_two_counts_of_one_shelf_change_it_once(stores: Stores) -> None:
    till = await _open_till(stores)
    till.sell(1, at=now() - timedelta(minutes=5))
    first, second = await stores.count(), await stores.count()
    await stores.scan(first, 17)
    await stores.scan(second, 17)
    await stores.post(second)
    assert await stores.shop.here() == 17
    await stores.post(first)
    assert await stores.shop.here() == 17
    await till.send()
    assert await stores.shop.here() == 17
    await stores.assert_sound()


async def test_a_line_that_moved_while_it_was_scanned_is_counted_again(stores: Stores) -> None:
    count = await stores.count()
    await stores.scan(count, 10)
    async with stores.db.transaction() as tx:
        await inventory.adjust(
            tx, shop_id=stores.shop.shop_id, location_id=stores.shop.location_id, variant_id=stores.tea, by=-1,
            reason="damaged",
        )  # fmt: skip
    assert (await stores.scan(count, 8)).moved
    with pytest.raises(stock_control.MovedMeanwhile):
        await stores.decide(count)
    again = await stores.scan(count, 18, verb="enter")
    assert (again.round, again.seen, again.counted, again.moved) == (2, 19, 18, False)
    await stores.post(count)
    assert await stores.shop.here() == 18
    await stores.assert_sound()


async def test_two_people_scan_one_count_and_a_repeated_scan_counts_once(stores: Stores) -> None:
    count, keys = await stores.count(), [uuid4() for _ in range(12)]
    await asyncio.gather(*(stores.scan(count, key=key) for key in keys for _ in range(2)))
    [line] = await _lines(stores, count, "scanned")
    assert line.counted == 12
    await stores.scan(count, -1)
    [line] = await _lines(stores, count, "scanned")
    assert line.counted == 11
    with pytest.raises(inventory.BadQuantity):
        await stores.scan(count, -12)


async def _lines(stores: Stores, count: int, show: str) -> list[stock_control.counts.CountLine]:
    async with stores.db.transaction() as tx:
        return await stock_control.counts.lines(
            tx, shop_id=stores.shop.shop_id, count_id=count, show=show, limit=50
        )


async def test_lines_nobody_counted_stay_and_differing_ones_are_counted_again(stores: Stores) -> None:
    count = await stores.count()
    with pytest.raises(NothingCounted):
        await stores.decide(count)
    [_, other] = stores.shop.variants
    await stores.scan(count, 19)
    await stores.scan(count, 20, variant_id=other)
    assert [line.variant_id for line in await _lines(stores, count, "differing")] == [stores.tea]
    async with stores.db.transaction() as tx:
        told = await stock_control.counts.variance(tx, shop_id=stores.shop.shop_id, count_id=count)
        assert (told.lines, told.counted, told.differing, told.fewer, told.fewer_minor) == (2, 2, 1, 1, 1990)
        assert await stock_control.counts.recount(tx, shop_id=stores.shop.shop_id, count_id=count) == 1
    assert [line.variant_id for line in await _lines(stores, count, "open")] == [stores.tea]
    await stores.post(count)
    assert (await stores.shop.here(), await stores.shop.here(1)) == (20, 20)
    with pytest.raises(WrongState):
        await stores.scan(count, 1)
    await stores.assert_sound()


async def test_a_posting_that_was_cut_is_finished_once(stores: Stores) -> None:
    count = await stores.count()
    [_, other] = stores.shop.variants
    await stores.scan(count, 19)
    await stores.scan(count, 25, variant_id=other)
    await stores.decide(count)
    async with stores.db.transaction() as tx:
        await stock_control.counts.post_some(tx, shop_id=stores.shop.shop_id, count_id=count)
        raise Rollback
    assert await stores.shop.here() == 20
    for begun in (1, 1, 0):
        async with stores.db.transaction() as tx:
            assert await stock_control.counts.resume(tx) == begun
    assert (await stores.shop.here(), await stores.shop.here(1)) == (19, 25)
    await stores.assert_sound()


async def test_what_is_promised_is_short_when_it_is_not_there(stores: Stores) -> None:
    await stores.shop.hold(40)
    count = await stores.count()
    await stores.scan(count, 18)
    await stores.post(count)
    assert await stores.shop.value("SELECT sum(shortfall)::int FROM stock.level") == 2
    again = await stores.count()
    await stores.scan(again, 20)
    await stores.post(again)
    assert await stores.shop.value("SELECT sum(shortfall)::int FROM stock.level") == 0
    await stores.assert_sound()


async def test_a_scan_that_waited_is_set_against_the_books_of_its_moment(stores: Stores) -> None:
    till = await _open_till(stores)
    count = await stores.count()
    scanned_at = now()
    till.sell(4)
    await till.send(till.facts[-1:])
    line = await stores.scan(count, 20, ago=now() - scanned_at)
    assert (line.seen, line.difference) == (20, 0)
    await stores.post(count)
    assert await stores.shop.here() == 16
    await stores.assert_sound()
