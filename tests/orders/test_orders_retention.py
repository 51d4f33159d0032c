"""What is forgotten when, what stays, and that nothing forgotten is bought again.  The clock is given."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.conftest import NewDatabase
from tests.jobs import drain
from tests.orders.conftest import PRICE, MakeMarket, Market
from tests.waiting import PATIENCE

from shopfloor import (
    inventory,
    job_handlers,
    orders,
    payment_accounts,
    payment_providers,
    retention,
    rooms,
    stock,
    wiring,
    worker,
)
from shopfloor.collector import Collector
from shopfloor.inventory import journal
from shopfloor.kernel import jobs, outbox, partitions
from shopfloor.kernel.database import Database
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import made_at, new_id
from shopfloor.purchases import OfferTermsCache, PurchaseGateway, PurchaseRequest, WaitlistHook, loader
from shopfloor.purchases.messages import encode
from shopfloor.stock import Intake

DAY = timedelta(days=1)
NOBODY: list[str] = []
BUYER = UUID(int=5)


@pytest.fixture
def dsn(new_database: NewDatabase) -> Iterator[str]:
    """Months are made and dropped here: each test has a database of its own."""
    with new_database() as made:
        yield made


async def at(
    market: Market, days: float, archive: Path, consumers: list[str] | None = None
) -> retention.Done:
    return await retention.run(
        market.db, archive=archive, consumers=consumers or NOBODY, at=datetime.now(UTC) + days * DAY
    )


async def lapsed(market: Market, *, hold_id: UUID | None = None, checkout: bool = True) -> tuple[UUID, UUID]:
    """(hold, buyer) of a purchase that somebody began to pay for and left."""
    hold_id, shopper = await market.hold(hold_id=hold_id)
    if checkout:
        async with market.db.transaction() as tx:
            await orders.begin_checkout(tx, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper)
    await market.make_overdue(hold_id)
    await market.expire()
    assert await market.hold_state(hold_id) is stock.HoldState.EXPIRED
    return hold_id, shopper


async def count(db: Database, query: Any, **values: object) -> int:
    async with db.transaction() as tx:
        return await tx.value(query, **values)


async def known(market: Market, hold_id: UUID) -> tuple[int, int]:
    """(rows of the hold, checkouts)"""
    return (
        await count(market.db, "SELECT count(*) FROM stock.hold WHERE id = %(id)s", id=hold_id),
        await count(market.db, "SELECT count(*) FROM orders.checkout WHERE id = %(id)s", id=hold_id),
    )


async def test_purchases_without_an_order_are_forgotten_after_sixty_days(
    market: Market, tmp_path: Path
) -> None:
    old, _ = await lapsed(market, hold_id=new_id())
    placed, _ = await market.order()
    held, _ = await market.hold()
    cancelled, _ = await market.order()
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=cancelled.id, by=orders.Party.MERCHANT, actor="person:1"
        )

    early = await at(market, 59.9, tmp_path)
    assert (early.holds, early.checkouts) == (0, 0)
    assert await known(market, old) == (1, 1)

    done = await at(market, 60.1, tmp_path)

    assert (done.holds, done.checkouts) == (1, 1)
    assert await known(market, old) == (0, 0)
    assert await known(market, placed.hold_id) == (1, 1)
    assert await known(market, cancelled.hold_id) == (1, 1)
    assert (await known(market, held))[0] == 1
    await market.assert_sound()
    # Gone through once; a later round begins where this one ended.
    again = await at(market, 61, tmp_path)
    assert (again.holds, again.intents, again.checkouts) == (0, 0, 0)


async def test_an_unpaid_purchase_with_nothing_held_is_forgotten_too(
    make_market: MakeMarket, tmp_path: Path
) -> None:
    market = await make_market(policy="first_paid")
    intent = new_id()
    async with market.db.transaction() as tx:
        kept = new_id()
        for number, each in enumerate((intent, kept)):
            await tx.run(
                """
                INSERT INTO purchases.intent (id, shop_id, buyer, offer_id, show_id, pool_id, lines, hash)
                VALUES (%(id)s, %(shop)s, %(buyer)s, %(offer)s, %(show)s, %(pool)s, %(lines)s::text::jsonb, '')
                """,
                id=each, shop=market.shop_id, buyer=UUID(int=number), offer=market.offer_id, show=market.show_id,
                pool=market.pool_id,
                lines=json.dumps([{"variant_id": market.variants[0], "quantity": 1, "unit_price_minor": PRICE}]),
            )  # fmt: skip
    placed = await market.complete(kept, UUID(int=1))

    done = await at(market, 60.1, tmp_path)

    assert (done.intents, placed.number) == (1, 1001)
    assert await count(market.db, "SELECT count(*) FROM purchases.intent WHERE id = %(id)s", id=intent) == 0
    assert await count(market.db, "SELECT count(*) FROM purchases.intent WHERE id = %(id)s", id=kept) == 1


async def test_nothing_of_a_show_or_an_order_ever_goes(market: Market, tmp_path: Path) -> None:
    await market.paid()
    tables = (
        "orders.orders", "orders.line", "orders.checkout", "payments.event", "payments.payment", "live.show", "live.offer",
        "catalog.product", "catalog.price", "chat.line",
    )  # fmt: skip

    async def rows() -> list[int]:
        return [await count(market.db, f"SELECT count(*) FROM {table}") for table in tables]

    before = await rows()
    await at(market, 4000, tmp_path)

    assert await rows() == before
    await market.assert_sound()


# Ids.


@pytest.fixture
async def door(market: Market, dsn: str) -> AsyncIterator[Any]:
    terms = OfferTermsCache(loader(market.db))
    intake = Intake(dsn, on_refused=WaitlistHook(terms).join)
    await intake.open()
    made: list[PurchaseGateway] = []

    async def buy(
        purchase_id: UUID, *, after: timedelta = timedelta(0), frame: bool = False
    ) -> dict[str, Any]:
        """The outcome of a tap so long from now."""
        gateway = PurchaseGateway(
            db=market.db, intake=intake, terms=terms, clock=(datetime.now(UTC) + after).timestamp
        )
        made.append(gateway)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if frame:
            wish = rooms.Buy(
                id=purchase_id,
                offer_id=market.offer_id,
                variant_id=market.variants[0],
                quantity=1,
                price_minor=PRICE,
            )
            gateway.buy(wish, show_id=market.show_id, shopper=BUYER, answer=answer.set_result)
        else:
            wish = PurchaseRequest(
                id=purchase_id,
                offer_id=market.offer_id,
                variant_id=market.variants[0],
                quantity=1,
                price_minor=PRICE,
            )
            gateway.ask(wish, shopper=BUYER, reply=lambda reply: answer.set_result(encode(reply)))
        return json.loads(await asyncio.wait_for(answer, PATIENCE))

    yield buy
    for gateway in made:
        await gateway.close()
    await intake.close()


def id_made(ago: timedelta) -> UUID:
    number = new_id().int
    ms = (number >> 80) - int(ago.total_seconds() * 1000)
    return UUID(int=ms << 80 | number & ((1 << 80) - 1))


@pytest.mark.parametrize("frame", [False, True], ids=["post", "socket"])
async def test_an_old_id_buys_nothing(market: Market, door: Any, frame: bool) -> None:
    left = await market.left()

    old = await door(id_made(30 * DAY + timedelta(minutes=1)), frame=frame)
    young = await door(id_made(29 * DAY), frame=frame)

    assert (old["outcome"], old["code"], old["facts"]) == ("refused", "purchase.expired", {"days": 30})
    assert young["outcome"] == "held"
    assert await market.left() == left - 1


async def test_a_forgotten_purchase_is_never_bought_again(market: Market, door: Any, tmp_path: Path) -> None:
    """Whatever its id: one that says its time, one that says nothing, one that claims to come from next year."""
    ids = [new_id(), uuid4(), id_made(-365 * DAY)]
    for each in ids:
        assert (await door(each))["outcome"] == "held"
        await market.make_overdue(each)
    await market.expire()
    assert (await at(market, 60.1, tmp_path)).holds == 3
    left = await market.left()

    answers = [await door(each, after=61 * DAY) for each in ids]
    fresh = await door(uuid4(), after=61 * DAY)

    assert [answer.get("code") for answer in answers] == ["purchase.expired"] * 3
    assert fresh["outcome"] == "held"
    assert await market.left() == left - 1
    assert await count(market.db, "SELECT count(*) FROM purchases.spent") == 2


def test_an_id_says_when_it_was_made() -> None:
    made = made_at(id_made(3 * DAY))

    assert made is not None
    assert abs(datetime.now(UTC) - 3 * DAY - made) < timedelta(minutes=1)
    assert made_at(uuid4()) is None
    # The largest time of version 7 is beyond what a calendar holds.
    assert made_at(UUID(int=(2**48 - 1) << 80 | 7 << 76 | 0b10 << 62)) is None


# Facts.


async def test_facts_are_forgotten_when_everybody_has_them(market: Market, tmp_path: Path) -> None:
    seen: list[int] = []

    async def hear(_: object, batch: Any) -> None:
        seen.extend(fact.position for fact in batch)

    hearer = outbox.Consumer("hearer", hear)
    before = await count(market.db, "SELECT count(*) FROM kernel.outbox")
    # A fact of the month in which it is forgotten: positions are counted from it.
    later = datetime.now(UTC) + 120 * DAY
    await at(market, 100, tmp_path)
    async with market.db.transaction() as tx:
        await tx.run(
            "INSERT INTO kernel.outbox (fact_id, shop_id, name, body, recorded_at) VALUES (%(id)s, 1, 'x', '{}', %(at)s)",
            id=new_id(), at=later,
        )  # fmt: skip

    untaken = await at(market, 120, tmp_path, ["hearer"])
    await outbox.drain(market.db, [hearer])
    young = await at(market, 1, tmp_path, ["hearer"])
    taken = await at(market, 120, tmp_path, ["hearer"])

    assert (untaken.months_dropped, young.months_dropped) == ([], [])
    assert taken.months_dropped[0] == "outbox_first"
    assert before > 0
    assert await count(market.db, "SELECT count(*) FROM kernel.outbox") == 1
    async with market.db.transaction() as tx:
        assert await outbox.forgotten_until(tx) is not None
        await tx.run(
            "INSERT INTO kernel.outbox (fact_id, shop_id, name, body) VALUES (%(id)s, 1, 'y', '{}')",
            id=new_id(),
        )
    await outbox.drain(market.db, [hearer])
    assert seen == list(range(1, before + 3))


async def test_the_last_fact_stays(market: Market, tmp_path: Path) -> None:
    hearer = outbox.Consumer("hearer", _hear_nothing)
    await outbox.drain(market.db, [hearer])

    assert (await at(market, 400, tmp_path, ["hearer"])).months_dropped == []


async def _hear_nothing(_: object, batch: object) -> None:
    pass


def test_who_must_have_heard_is_who_listens(tmp_path: Path) -> None:
    assert [consumer.name for consumer in wiring.consumers(Collector(tmp_path, "w"))] == list(
        wiring.CONSUMERS
    )


# Months.


async def test_months_are_made_ahead_and_take_what_came_early(market: Market, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with market.db.transaction() as tx:
        await tx.run(
            "INSERT INTO stock.movement (level_id, kind, at) VALUES (1, 'x', %(at)s)", at=now + 200 * DAY
        )
    assert await count(market.db, "SELECT count(*) FROM stock.movement_rest") == 1

    made = (await at(market, 200, tmp_path)).months_made
    again = (await at(market, 200, tmp_path)).months_made

    async with market.db.transaction() as tx:
        months = await partitions.partitions(tx, schema="stock", table="movement")
        await tx.run("DELETE FROM stock.movement WHERE kind = 'x'")
    assert again == []
    assert len(made) == 2 * (len(months) - 1)
    assert all(a.until == b.since for a, b in pairwise(months))
    assert months[-1].until > now + 200 * DAY + 85 * DAY
    assert await count(market.db, "SELECT count(*) FROM stock.movement_rest") == 0


# The journal.


async def sums_of(market: Market) -> list[tuple[Any, ...]]:
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT level_id, sum(quantity), sum(held), sum(allocated), sum(shortfall) FROM stock.movement GROUP BY 1 "
            "HAVING sum(quantity) <> 0 OR sum(held) <> 0 OR sum(allocated) <> 0 OR sum(shortfall) <> 0 ORDER BY 1"
        )
        return await cursor.fetchall()


async def archived(market: Market, archive: Path) -> tuple[str, ...]:
    async with market.db.transaction() as tx:
        books = await inventory.books(tx)
    return books.audit(archive).offending


async def test_a_closed_month_is_carried_forward_and_kept_in_a_file(market: Market, tmp_path: Path) -> None:
    await market.paid(quantity=2)
    async with market.db.transaction() as tx:
        await inventory.adjust(
            tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=market.variants[1], by=-3,
            reason="damaged", pool_id=market.pool_id,
        )  # fmt: skip
    sums = await sums_of(market)
    rows = await count(market.db, "SELECT count(*) FROM stock.movement")

    done = await at(market, 500, tmp_path)

    assert done.months_closed[0] == "movement_first"
    assert await sums_of(market) == sums
    await market.assert_sound()
    assert await archived(market, tmp_path) == ()
    with gzip.open(tmp_path / "movements" / "movement_first.csv.gz", "rt") as file:
        assert len(file.readlines()) == rows + 1
    about = json.loads((tmp_path / "movements" / "movement_first.json").read_text())
    assert about["movements"] == rows
    # The chain goes on: what was carried is closed and carried again.
    assert await count(market.db, "SELECT count(*) FROM stock.movement WHERE kind <> 'carried'") == 0
    await at(market, 900, tmp_path)
    assert await sums_of(market) == sums
    assert await archived(market, tmp_path) == ()
    await market.assert_sound()


async def test_the_audit_finds_a_file_that_was_changed_and_a_balance_that_was(
    market: Market, tmp_path: Path
) -> None:
    await market.paid()
    await at(market, 500, tmp_path)
    file = tmp_path / "movements" / "movement_first.csv.gz"
    whole = file.read_bytes()

    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    changed = await archived(market, tmp_path)
    file.unlink()
    missing = await archived(market, tmp_path)
    file.write_bytes(whole)
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE stock.movement SET quantity = quantity + 1 WHERE kind = 'carried' AND quantity > 0 "
            "AND at = (SELECT max(at) FROM stock.movement)"
        )
    carried = await archived(market, tmp_path)

    assert changed[0] == "movements/movement_first.csv.gz is not the file that was written"
    assert missing[0] == "movements/movement_first.csv.gz is not there"
    assert len(carried) == 1
    assert carried[0].endswith("was not carried forward as it ended")


async def test_what_is_short_stays_short_for_the_reason_it_had(market: Market, tmp_path: Path) -> None:
    await market.paid(quantity=10)
    async with market.db.transaction() as tx:
        await inventory.adjust(
            tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=market.variants[0], by=-4,
            reason="lost in the flood", pool_id=market.pool_id,
        )  # fmt: skip
        before = await inventory.shortages(tx, shop_id=market.shop_id)

    await at(market, 500, tmp_path)

    async with market.db.transaction() as tx:
        after = await inventory.shortages(tx, shop_id=market.shop_id)
    assert [(short.level_id, short.missing, short.reason) for short in after] == [
        (short.level_id, short.missing, short.reason) for short in before
    ]
    assert [short.missing for short in before] == [4]


async def test_a_month_that_changed_while_it_was_written_is_not_closed(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.paid()
    real = journal.write_month

    def write(*given: Any) -> Any:
        written = real(*given)
        with psycopg.connect(market.db.dsn) as connection:
            connection.execute("INSERT INTO stock.movement (level_id, kind, quantity) VALUES (1, 'x', 7)")
        return written

    monkeypatch.setattr("shopfloor.inventory.journal.write_month", write)
    rows = await count(market.db, "SELECT count(*) FROM stock.movement")

    with pytest.raises(RuntimeError, match="movement_first is not what its file says"):
        await at(market, 500, tmp_path)

    assert await count(market.db, "SELECT count(*) FROM stock.movement") == rows + 1
    assert await count(market.db, "SELECT count(*) FROM stock.closed_month") == 0


async def test_a_round_is_a_job_that_is_asked_for_every_hour(
    market: Market, dsn: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=dsn)
    nothing = wiring.read_shows_on_air
    periodic = {each.name: each for each in job_handlers.periodic(nothing, nothing, nothing)}
    assert periodic["retention.round"].seconds == 3600
    async with market.db.transaction() as tx:
        await periodic["retention.round"].act(tx)

    await drain(dsn, market.db, job_handlers.handlers(settings))

    async with market.db.transaction() as tx:
        done = await jobs.result(tx, job_handlers.RETAIN, "", retention.Done)
    assert done is not None
    assert {name.rpartition("_20")[0] for name in done.value.months_made} == {"outbox", "movement"}
    assert await count(market.db, "SELECT count(*) FROM kernel.partition") >= 2 * partitions.AHEAD


async def test_the_worker_makes_the_months_to_come(market: Market, dsn: str, tmp_path: Path) -> None:
    """They are there ahead of time with nobody asking for it."""
    lake = Collector(tmp_path / "lake", "w")
    settings = Settings(data_dir=tmp_path, database_url=dsn)
    work: list[asyncio.Task[None]] = []

    async def unasked(shop_id: int) -> payment_providers.Providers:
        raise AssertionError(shop_id)

    for loop in worker.loops(market.db, lake, outbox.Arrivals(dsn), settings, unasked):
        if getattr(loop, "__name__", "") == "_every":
            work.append(asyncio.create_task(loop))
        else:
            # Delivery and jobs are others' tests.
            loop.close()
    try:
        async with asyncio.timeout(PATIENCE):
            while await count(market.db, "SELECT count(*) FROM kernel.partition") < 2 * partitions.AHEAD:
                await asyncio.sleep(0.02)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def test_what_payment_services_sent_is_emptied_half_a_year_after_it_was_worked_off(
    market: Market, tmp_path: Path
) -> None:
    async with market.db.transaction() as tx:
        account = await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed)
            VALUES (%(shop)s, 'stripe', 'live', '', '{}', '') RETURNING id
            """,
            shop=market.shop_id,
        )
        for key, done in (("old", 181), ("young", 179), ("open", None)):
            await tx.run(
                """
                INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at,
                                            done_at, said)
                VALUES (%(id)s, %(shop)s, %(account)s, %(key)s, 'POST', '/', '{"user-agent": "x"}', 'card of Mei',
                        now() - interval '200 days', now() - %(ago)s::interval, 'captured')
                """,
                id=new_id(),
                shop=market.shop_id,
                account=account,
                key=key,
                ago=None if done is None else done * DAY,
            )

    assert (await at(market, 0, tmp_path)).payment_messages == 1
    assert (await at(market, 0, tmp_path)).payment_messages == 0

    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT key, body, headers, said, emptied_at IS NULL FROM payments.inbox ORDER BY key"
        )
        left = await cursor.fetchall()
        # Nothing can be read again of what is empty.
        assert await payment_accounts.inbox.replay(tx, shop_id=market.shop_id) == 0
    assert left == [
        ("old", b"", {}, "captured", False),
        ("open", b"card of Mei", {"user-agent": "x"}, "captured", True),
        ("young", b"card of Mei", {"user-agent": "x"}, "captured", True),
    ]
