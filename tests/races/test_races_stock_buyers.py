"""Many real actors on a few units: real commits, several processes."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from shopfloor import inventory, stock
from shopfloor.kernel.database import Database
from shopfloor.stock import Intake

SHOP = 1
HANFU, SHOES = 101, 102
# So many versions of a row need more than one new page where no room is used again.
ROUND = 200


async def a_shop(db: Database, **units: int) -> int:
    """A shop with so many units of HANFU and SHOES; returns its open pool."""
    async with db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant_id, quantity in ((HANFU, units.get("hanfu", 0)), (SHOES, units.get("shoes", 0))):
            if quantity:
                await inventory.receive(
                    tx, shop_id=SHOP, location_id=place.id, variant_id=variant_id, quantity=quantity
                )
        return (await inventory.open_pool(tx, shop_id=SHOP)).id


def wish(pool: int, lines: dict[int, int], **more: Any) -> stock.Request:
    return stock.Request(
        id=more.pop("id", None) or uuid4(),
        shop_id=SHOP,
        pool_id=pool,
        buyer=more.pop("buyer", None) or uuid4(),
        lines=tuple(stock.Line(variant_id, quantity) for variant_id, quantity in lines.items()),
        hold_seconds=300,
        **more,
    )


def said(answer: stock.Answer) -> str:
    return "held" if isinstance(answer, stock.Held) else answer.code


async def broken(db: Database) -> list[str]:
    async with db.transaction() as tx:
        return [f"{check.name}: {key}" for check in await stock.audit(tx) for key in check.offending]


async def sold(db: Database, variant_id: int) -> int:
    async with db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=SHOP, variant_ids=[variant_id])
        return sum(level.held + level.allocated for level in levels)


async def a_process_of_buyers(dsn: str, pool: int, buyers: int, tap: str) -> dict[str, int]:
    """What one of the processes below does: `buyers` at once, or that many taps with the one id `tap`."""
    intake = Intake(dsn)
    await intake.open()
    if tap:
        requests = [wish(pool, {HANFU: 1}, id=UUID(tap), buyer=UUID(int=7)) for _ in range(buyers)]
    else:
        requests = [wish(pool, {HANFU: 1}) for _ in range(buyers)]
    answers = await asyncio.gather(*[intake.submit(request) for request in requests])
    await intake.close()
    return Counter(said(answer) for answer in answers)


def processes(number: int, dsn: str, pool: int, buyers: int, tap: str = "") -> Counter[str]:
    running = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__)), dsn, str(pool), str(buyers), tap], stdout=subprocess.PIPE
        )
        for _ in range(number)
    ]
    total: Counter[str] = Counter()
    for process in running:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        total += Counter(json.loads(output))
    return total


async def test_three_hundred_buyers_and_fifty_units_from_three_processes(
    database: Database, dsn: str
) -> None:
    pool = await a_shop(database, hanfu=50)

    outcomes = await asyncio.to_thread(processes, 3, dsn, pool, 100)

    assert outcomes == {"held": 50, "stock.sold_out": 250}
    assert await sold(database, HANFU) == 50
    assert await broken(database) == []


async def test_twenty_taps_with_one_key_from_two_processes_are_one_hold(database: Database, dsn: str) -> None:
    pool = await a_shop(database, hanfu=50)

    outcomes = await asyncio.to_thread(processes, 2, dsn, pool, 10, str(uuid4()))

    assert outcomes == {"held": 20}
    assert await sold(database, HANFU) == 1
    assert await broken(database) == []


async def test_buyers_without_an_intake_race_just_as_well(database: Database) -> None:
    pool = await a_shop(database, hanfu=5)

    async def buy() -> str:
        async with database.transaction() as tx:
            (answer,) = await stock.reserve(tx, [wish(pool, {HANFU: 1})])
        return said(answer)

    outcomes = Counter(await asyncio.gather(*[buy() for _ in range(40)]))

    assert outcomes == {"held": 5, "stock.sold_out": 35}
    assert await broken(database) == []


async def test_carts_in_opposite_order_do_not_deadlock(database: Database) -> None:
    pool = await a_shop(database, hanfu=200, shoes=200)

    async def buy(number: int) -> str:
        variants = (HANFU, SHOES) if number % 2 else (SHOES, HANFU)
        async with database.transaction() as tx:
            (answer,) = await stock.reserve(tx, [wish(pool, dict.fromkeys(variants, 1))])
        return said(answer)

    outcomes = Counter(await asyncio.gather(*[buy(number) for number in range(80)]))

    assert outcomes == {"held": 80}
    assert (await sold(database, HANFU), await sold(database, SHOES)) == (80, 80)


async def test_a_limit_holds_for_one_buyer_everywhere_at_once(database: Database) -> None:
    pool = await a_shop(database, hanfu=50, shoes=50)
    buyer = uuid4()

    async def buy(number: int) -> stock.Answer:
        request = wish(
            pool,
            {HANFU if number % 2 else SHOES: 1},
            buyer=buyer,
            offer_id=3,
            limit_per_buyer=2,
            show_id=5,
            limit_per_show=2,
        )
        async with database.transaction() as tx:
            (answer,) = await stock.reserve(tx, [request])
            if isinstance(answer, stock.Held):
                await stock.confirm(tx, [answer.id])
        return answer

    outcomes = Counter(said(answer) for answer in await asyncio.gather(*[buy(n) for n in range(20)]))

    assert outcomes == {"held": 2, "stock.limit": 18}
    assert await sold(database, HANFU) + await sold(database, SHOES) == 2
    assert await broken(database) == []


async def test_expiry_and_payment_race_for_the_same_holds(database: Database) -> None:
    pool = await a_shop(database, hanfu=60)
    requests = [wish(pool, {HANFU: 1}) for _ in range(60)]
    async with database.transaction() as tx:
        await stock.reserve(tx, requests)
    async with database.transaction() as tx:
        await tx.run("UPDATE stock.hold SET expires_at = clock_timestamp() - interval '1 s'")
        await tx.run("UPDATE stock.timer SET due_at = clock_timestamp() - interval '1 s'")

    async def pay(request: stock.Request) -> bool:
        async with database.transaction() as tx:
            return request.id in await stock.confirm(tx, [request.id])

    async def expire() -> set[UUID]:
        await asyncio.sleep(0.01)
        async with database.transaction() as tx:
            return {freed.hold_id for freed in await stock.expire(tx)}

    expiring = [asyncio.ensure_future(expire()) for _ in range(2)]
    paid = await asyncio.gather(*[pay(request) for request in requests])
    one, two = await asyncio.gather(*expiring)

    assert not one & two
    assert {request.id for request, done in zip(requests, paid, strict=True) if not done} == one | two
    async with database.transaction() as tx:
        (level,) = await inventory.levels(tx, shop_id=SHOP)
    assert (level.held, level.allocated) == (0, sum(paid))
    assert await broken(database) == []


async def test_a_pool_closes_while_buyers_reserve(database: Database) -> None:
    await a_shop(database, hanfu=100)
    async with database.transaction() as tx:
        pool = await inventory.open_show_pool(tx, shop_id=SHOP, show_id=9, quotas={HANFU: 90})

    async def buy() -> str:
        async with database.transaction() as tx:
            (answer,) = await stock.reserve(tx, [wish(pool.id, {HANFU: 1})])
        return said(answer)

    async def close() -> str:
        await asyncio.sleep(0.02)
        async with database.transaction() as tx:
            await stock.close_show_pool(tx, shop_id=SHOP, show_id=9)
        return "closed"

    outcomes = Counter(
        await asyncio.gather(*[buy() for _ in range(40)], close(), *[buy() for _ in range(40)])
    )

    assert set(outcomes) <= {"held", "closed", "stock.closed"}
    async with database.transaction() as tx:
        left = await stock.available(tx, shop_id=SHOP, variant_ids=[HANFU])
    assert left[HANFU].now == 100 - outcomes["held"]
    assert await broken(database) == []


async def test_a_count_and_a_delivery_race_with_buyers(database: Database) -> None:
    pool = await a_shop(database, hanfu=20)
    async with database.transaction() as tx:
        (place,) = await inventory.locations(tx, shop_id=SHOP)

    async def buy() -> str:
        async with database.transaction() as tx:
            (answer,) = await stock.reserve(tx, [wish(pool, {HANFU: 1})])
        return said(answer)

    async def receive() -> str:
        async with database.transaction() as tx:
            await inventory.receive(tx, shop_id=SHOP, location_id=place.id, variant_id=HANFU, quantity=5)
        return "received"

    async def count() -> str:
        try:
            async with database.transaction() as tx:
                await inventory.count(
                    tx, shop_id=SHOP, location_id=place.id, variant_id=HANFU, seen=20, counted=18
                )
        except inventory.CountStale:
            return "stale"
        return "counted"

    outcomes = Counter(
        await asyncio.gather(*[buy() for _ in range(15)], receive(), count(), *[buy() for _ in range(30)])
    )

    total = 25 - 2 * outcomes["counted"]
    assert outcomes["received"] == 1
    async with database.transaction() as tx:
        (level,) = await inventory.levels(tx, shop_id=SHOP)
    assert (level.quantity, level.held) == (total, outcomes["held"])
    assert level.shortfall == max(0, level.held - total)
    assert await broken(database) == []


async def test_a_long_transaction_beside_the_hot_row_disturbs_nobody(database: Database, dsn: str) -> None:
    pool = await a_shop(database, hanfu=2000)
    async with database.transaction() as old:
        await old.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await old.value("SELECT count(*) FROM stock.level")
        intake = Intake(dsn, largest_batch=2)
        await intake.open()
        answers = await asyncio.gather(*[intake.submit(wish(pool, {HANFU: 1})) for _ in range(600)])
        await intake.close()
        assert Counter(said(answer) for answer in answers) == {"held": 600}
        assert await old.value("SELECT sum(held) FROM stock.level") == 0
    assert await sold(database, HANFU) == 600
    assert await broken(database) == []


async def test_the_hot_row_takes_no_more_room_once_a_long_transaction_is_over(
    database: Database, dsn: str
) -> None:
    """While it lasts, every version of the row must be kept; afterwards their room is used again.

    Not at once where others share the server: which versions are dead is worked out anew only when the oldest
    transaction of all its databases has changed, so one with an id that runs elsewhere delays it until it is over.
    For the same reason there may be room already when the long one begins, and it is used up first.
    """
    pool = await a_shop(database, hanfu=1_000_000)

    async def buy(number: int) -> int:
        """So many batches of one; returns the bytes that the levels take then."""
        for _ in range(number):
            assert said(await intake.submit(wish(pool, {HANFU: 1}))) == "held"
        async with database.transaction() as tx:
            return await tx.value("SELECT pg_relation_size('stock.level')")

    intake = Intake(dsn)
    await intake.open()
    at_first = await buy(ROUND)
    async with database.transaction() as old:
        await old.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await old.value("SELECT count(*) FROM stock.level")
        sizes = [at_first, await buy(ROUND)]
        async with asyncio.timeout(60):
            while sizes[-1] <= at_first:
                sizes.append(await buy(ROUND))
    sizes.append(await buy(ROUND))
    async with asyncio.timeout(60):
        while sizes[-1] > sizes[-2]:
            sizes.append(await buy(ROUND))
    await intake.close()

    assert await sold(database, HANFU) == ROUND * len(sizes)
    assert await broken(database) == []


async def test_a_batch_takes_a_later_lot_from_where_another_stopped(database: Database) -> None:
    pool = await a_shop(database, hanfu=3)
    async with database.transaction() as tx:
        (place,) = await inventory.locations(tx, shop_id=SHOP)
        await inventory.announce_lot(
            tx,
            shop_id=SHOP,
            variant_id=HANFU,
            location_id=place.id,
            quantity=4,
            ready_on=date(2031, 1, 1),
            kind=inventory.LotKind.INCOMING,
            source="po-1",
        )

    async def buy() -> stock.Answer:
        async with database.transaction() as tx:
            (answer,) = await stock.reserve(tx, [wish(pool, {HANFU: 2})])
        return answer

    answers = await asyncio.gather(*[buy() for _ in range(6)])

    lots = [lot for answer in answers if isinstance(answer, stock.Held) for lot in answer.lots]
    assert sum(lot.quantity for lot in lots if lot.ready_on is None) == 3
    assert sum(lot.quantity for lot in lots if lot.ready_on is not None) == 3
    assert Counter(said(answer) for answer in answers) == {"held": 3, "stock.sold_out": 3}
    assert await broken(database) == []


if __name__ == "__main__":
    _, dsn_given, pool_given, buyers_given, tap_given = sys.argv
    done = asyncio.run(a_process_of_buyers(dsn_given, int(pool_given), int(buyers_given), tap_given))
    sys.stdout.write(json.dumps(done))
