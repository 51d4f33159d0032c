"""Units cannot be taken off sale for free: what a network holds without paying, over the intake, on real commits."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from shopfloor import inventory, stock
from shopfloor.kernel.database import Database
from shopfloor.kernel.network import network_key
from shopfloor.stock import Intake

SHOP = 1
LAMP = 301
SALT = b"salt"


def key(address: str) -> int:
    return network_key(address, salt=SALT)


CAMPUS = key("203.0.113.7")


async def a_lamp(db: Database, units: int) -> int:
    async with db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        await inventory.receive(tx, shop_id=SHOP, location_id=place.id, variant_id=LAMP, quantity=units)
        return (await inventory.open_pool(tx, shop_id=SHOP)).id


def tap(pool: int, network: int | None = CAMPUS, **more: Any) -> stock.Request:
    return stock.Request(
        id=uuid4(),
        shop_id=SHOP,
        pool_id=pool,
        buyer=more.pop("buyer", None) or uuid4(),
        lines=(stock.Line(LAMP, more.pop("quantity", 1)),),
        hold_seconds=more.pop("hold_seconds", 900),
        unit_prices=(100,),
        network=network,
        **more,
    )


@asynccontextmanager
async def an_intake(dsn: str) -> AsyncGenerator[Intake]:
    intake = Intake(dsn)
    await intake.open()
    try:
        yield intake
    finally:
        await intake.close()


def held(answers: Sequence[stock.Answer]) -> list[stock.Held]:
    return [answer for answer in answers if isinstance(answer, stock.Held)]


def codes(answers: Sequence[stock.Answer]) -> set[str]:
    return {answer.code for answer in answers if isinstance(answer, stock.Refused)}


async def unpaid(db: Database) -> int:
    async with db.transaction() as tx:
        return await tx.value(
            "SELECT coalesce(sum(quantity), 0)::int FROM stock.hold WHERE state IN ('held', 'allocated') AND network IS NOT NULL"
        )


async def free(db: Database) -> int:
    async with db.transaction() as tx:
        return (await stock.available(tx, shop_id=SHOP, variant_ids=[LAMP]))[LAMP].total


async def pay(db: Database, request: stock.Request) -> bool:
    """What an order does once its money is there: the hold, or the same units again, or newly taken."""
    async with db.transaction() as tx:
        got = request.id in await stock.confirm(tx, [request.id])
        if not got:
            known = await tx.value("SELECT count(*) FROM stock.hold WHERE id = %(id)s", id=request.id)
            if known:
                [answer] = await stock.rehold(tx, [request.id], hold_seconds=120)
            else:
                plain = stock.Request(
                    request.id, SHOP, request.pool_id, request.buyer, request.lines, 120, unit_prices=(100,)
                )
                [answer] = await stock.reserve(tx, [plain])
            got = isinstance(answer, stock.Held) and request.id in await stock.confirm(tx, [request.id])
        if got:
            await stock.paid(tx, shop_id=SHOP, hold_ids=[request.id], buyers=[request.buyer])
        return got


async def broken(db: Database) -> list[str]:
    async with db.transaction() as tx:
        return [f"{check.name}: {key}" for check in await stock.audit(tx) for key in check.offending]


async def test_three_hundred_shoppers_behind_one_address_are_served(database: Database, dsn: str) -> None:
    """60 seconds in 60 steps of five, each of whom pays four steps later."""
    pool = await a_lamp(database, 400)
    most = 0
    async with an_intake(dsn) as intake:
        steps = [[tap(pool) for _ in range(5)] for _ in range(60)]
        served = 0
        for number in range(64):
            if number < 60:
                await asyncio.gather(*(intake.submit(each) for each in steps[number]))
            if number >= 4:
                served += sum([await pay(database, request) for request in steps[number - 4]])
            most = max(most, await unpaid(database))

    assert served == 300
    assert most == 20
    assert await broken(database) == []


async def test_three_hundred_of_one_moment_are_served_when_they_pay(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 400)
    taps = [tap(pool) for _ in range(300)]
    async with an_intake(dsn) as intake:
        answers = await asyncio.gather(*(intake.submit(each) for each in taps))
        assert (len(held(answers)), codes(answers)) == (40, {stock.Code.NETWORK_LIMIT})
        assert sum([await pay(database, request) for request in taps]) == 300


async def test_a_thousand_cookies_hold_a_tenth_for_ten_minutes(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 400)
    async with an_intake(dsn) as intake:
        answers = await asyncio.gather(*(intake.submit(tap(pool)) for _ in range(500)))
        for _ in range(125):
            answers += await asyncio.gather(*(intake.submit(tap(pool)) for _ in range(4)))

    assert len(held(answers)) == 40
    assert codes(answers) == {stock.Code.NETWORK_LIMIT}
    assert await unpaid(database) == 40
    assert await free(database) == 360
    refused = next(answer for answer in answers if isinstance(answer, stock.Refused))
    assert refused.facts == {
        "variant_id": LAMP, "wanted": 1, "unpaid": 40, "most": 40, "of": "network", "helps": ["pay", "wait"]
    }  # fmt: skip
    for answer in held(answers):
        async with database.transaction() as tx:
            hold = await stock.hold(tx, shop_id=SHOP, hold_id=answer.id)
        assert hold.expires_at - hold.granted_at == timedelta(minutes=10)
        assert hold.expires_at == answer.expires_at
    async with an_intake(dsn) as intake:
        elsewhere = await asyncio.gather(
            *(intake.submit(tap(pool, key(f"198.51.100.{n}"))) for n in range(200))
        )
    assert len(held(elsewhere)) == 200
    assert await broken(database) == []


async def test_two_processes_count_together(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 400)
    async with an_intake(dsn) as one, an_intake(dsn) as other:
        answers = await asyncio.gather(
            *((one if n % 2 else other).submit(tap(pool)) for n in range(400)),
        )

    assert len(held(answers)) == 40
    assert await unpaid(database) == 40


async def test_a_prefix_of_addresses_is_one_network(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 200)
    taps = [tap(pool, key(f"2001:db8:5:{n:x}::{n:x}")) for n in range(256)]
    async with an_intake(dsn) as intake:
        await asyncio.gather(*(intake.submit(each) for each in taps))

    assert await unpaid(database) == 20
    assert await free(database) == 180


async def test_who_pays_is_served_beside_a_thousand_cookies(database: Database, dsn: str) -> None:
    """60 seconds in 100 steps: three honest shoppers and ten cookies in each; who is honest pays two steps later."""
    pool = await a_lamp(database, 400)
    most = 0
    served = 0
    async with an_intake(dsn) as intake:
        steps = [[tap(pool) for _ in range(3)] for _ in range(100)]
        for before, honest in pairwise([[], [], *steps]):
            cookies = [tap(pool) for _ in range(10)]
            await asyncio.gather(*(intake.submit(each) for each in [*honest, *cookies]))
            served += sum([await pay(database, request) for request in before])
        served += sum([await pay(database, request) for request in steps[-1]])
        most = await unpaid(database)

    assert served == 300
    assert most <= 40
    assert await broken(database) == []


async def test_who_is_alone_behind_an_address_is_bound_by_the_limit_per_buyer(
    database: Database, dsn: str
) -> None:
    pool = await a_lamp(database, 20)
    buyer = uuid4()
    async with an_intake(dsn) as intake:
        first = await intake.submit(tap(pool, buyer=buyer, quantity=4, default_limit=10))
        second = await intake.submit(tap(pool, buyer=buyer, quantity=5, default_limit=10))
        third = await intake.submit(tap(pool, buyer=buyer, quantity=2, default_limit=10))
        neighbour = await intake.submit(tap(pool, default_limit=10))

    assert [type(answer) for answer in (first, second)] == [stock.Held, stock.Held]
    assert third == stock.Refused(
        third.id, stock.Code.LIMIT, {"variant_id": LAMP, "limit": 10, "already": 9, "wanted": 2}
    )
    assert codes([neighbour]) == {stock.Code.NETWORK_LIMIT}
    assert await free(database) == 11


async def test_the_last_tenth_is_for_who_pays(database: Database, dsn: str) -> None:
    """Whatever the number of networks."""
    pool = await a_lamp(database, 100)
    taps = [tap(pool, key(f"198.51.{n // 200}.{n % 200}")) for n in range(300)]
    async with an_intake(dsn) as intake:
        answers = await asyncio.gather(*(intake.submit(each) for each in taps))

    assert len(held(answers)) == 90
    refused = next(answer for answer in answers if isinstance(answer, stock.Refused))
    assert refused.facts == {
        "variant_id": LAMP, "wanted": 1, "unpaid": 90, "most": 90, "of": "everybody", "helps": ["pay", "wait"]
    }  # fmt: skip
    assert sum([await pay(database, request) for request in taps[90:110]]) == 10
    assert await free(database) == 0


async def test_who_has_paid_is_not_bound(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 100)
    buyer = uuid4()
    first = tap(pool, buyer=buyer)
    async with an_intake(dsn) as intake:
        await intake.submit(first)
        assert await pay(database, first)
        assert await unpaid(database) == 0
        second = await intake.submit(tap(pool, buyer=buyer, quantity=90))

    assert isinstance(second, stock.Held)


async def test_where_plenty_is_left_nobody_is_bound(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 10_000)
    async with an_intake(dsn) as intake:
        answers = await asyncio.gather(*(intake.submit(tap(pool)) for _ in range(1_000)))

    assert len(held(answers)) == 1_000


async def test_what_was_granted_is_never_taken_back(database: Database, dsn: str) -> None:
    """The offer becomes short after a network got its units: they stay until the time that was told."""
    pool = await a_lamp(database, 1_000)
    async with an_intake(dsn) as intake:
        first = await asyncio.gather(*(intake.submit(tap(pool)) for _ in range(100)))
        await asyncio.gather(*(intake.submit(tap(pool, None)) for _ in range(880)))
        async with database.transaction() as tx:
            place = (await inventory.locations(tx, shop_id=SHOP))[0]
            await inventory.adjust(
                tx, shop_id=SHOP, location_id=place.id, variant_id=LAMP, by=-20, reason="damaged"
            )
        late = await asyncio.gather(*(intake.submit(tap(pool, key("198.51.100.9"))) for _ in range(10)))

    assert codes(late) == {stock.Code.SOLD_OUT}
    for answer in held(first):
        async with database.transaction() as tx:
            hold = await stock.hold(tx, shop_id=SHOP, hold_id=answer.id)
        assert (hold.state, hold.expires_at) == (stock.HoldState.HELD, answer.expires_at)
    assert len(held(first)) == 100


async def test_a_limit_that_nobody_set_counts_an_offer_and_a_variant_at_a_time(
    database: Database, dsn: str
) -> None:
    pool = await a_lamp(database, 100)
    buyer = uuid4()
    in_offer = {"buyer": buyer, "default_limit": 10, "offer_id": 7, "show_id": 3}
    on_page = {"buyer": buyer, "default_limit": 10}
    async with an_intake(dsn) as intake:
        requests = [tap(pool, None, quantity=6, **in_offer), tap(pool, None, quantity=5, **in_offer)]
        answers = [await intake.submit(each) for each in requests]
        page = [tap(pool, None, quantity=4, **on_page), tap(pool, None, quantity=1, **on_page)]
        answers += [await intake.submit(each) for each in page]
        together = await asyncio.gather(
            *(
                intake.submit(tap(pool, None, buyer=UUID(int=5), quantity=3, default_limit=10))
                for _ in range(5)
            )
        )

    assert [type(answer) for answer in answers] == [stock.Held, stock.Refused, stock.Held, stock.Refused]
    assert answers[1] == stock.Refused(
        requests[1].id, stock.Code.LIMIT, {"offer_id": 7, "limit": 10, "already": 6, "wanted": 5}
    )
    assert answers[3] == stock.Refused(
        page[1].id, stock.Code.LIMIT, {"variant_id": LAMP, "limit": 10, "already": 10, "wanted": 1}
    )
    assert len(held(together)) == 3
    assert await free(database) == 100 - 6 - 4 - 9
    assert await broken(database) == []


async def test_the_network_is_forgotten_with_the_hold(database: Database, dsn: str) -> None:
    pool = await a_lamp(database, 10)
    request = tap(pool)
    async with an_intake(dsn) as intake:
        await intake.submit(request)
    assert await unpaid(database) == 1
    async with database.transaction() as tx:
        await stock.release(tx, [request.id])

    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM stock.hold WHERE network IS NOT NULL") == 0
