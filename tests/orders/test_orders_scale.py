"""Shapes that hold when there are very many orders and holds: which indexes serve what is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.conftest import NewDatabase
from tests.explained import read_whole, scans
from tests.orders.conftest import MakeMarket, Market, form
from tests.waiting import PATIENCE

from shopfloor import order_lists, orders, payment_providers, stock
from shopfloor.kernel import paging
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import Money
from shopfloor.order_lists import queries as list_queries
from shopfloor.order_lists.models import Counts
from shopfloor.orders import queries, sweep_queries, sweeper
from shopfloor.payment_providers import Charged, GivenBack

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = list_queries.Filters(None, None, None, None, None)
PAID = list_queries.Filters("paid", None, None, None, None)
READY = list_queries.Filters(None, None, None, None, None, fulfilment_status="ready")
REFUND_DUE = list_queries.Filters(None, "refund_due", None, None, None)


async def many_holds(db: Database, *, level_id: int, ahead_level_id: int) -> None:
    """200,000 from a shelf, and 200 of one lot that was sold ahead."""
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO stock.hold (id, part, state, lot_kind, ready_on, quantity, shop_id, pool_id, level_id,
                                    variant_id, unit_price, limited, buyer, granted_at, expires_at)
            SELECT gen_random_uuid(), 0, (CASE WHEN mod(n, 3) = 0 THEN 'allocated' ELSE 'expired' END)::stock.hold_state,
                   (CASE WHEN mod(n, 1000) = 0 THEN 'incoming' ELSE 'on_hand' END)::stock.lot_kind,
                   CASE WHEN mod(n, 1000) = 0 THEN date '2026-01-01' END, 1, 1, 1,
                   CASE WHEN mod(n, 1000) = 0 THEN %(ahead)s ELSE %(level)s END, 1, 100, false, gen_random_uuid(),
                   now() - n * interval '1 second', now()
              FROM generate_series(1, 200000) AS n
            """,
            ahead=ahead_level_id,
            level=level_id,
        )
    async with db.transaction() as tx:
        await tx.run("ANALYZE stock.hold")


async def test_whether_units_have_arrived_reads_no_more_than_their_lot(database: Database) -> None:
    async with database.transaction() as tx:
        place = await tx.value(
            "INSERT INTO stock.location (shop_id, name, kind) VALUES (1, 'w', 'warehouse') RETURNING id"
        )
        pool = await tx.value(
            "INSERT INTO stock.pool (shop_id, name, kind) VALUES (1, 'open', 'open') RETURNING id"
        )
        levels = [
            await tx.value(
                """
                INSERT INTO stock.level (shop_id, variant_id, location_id, pool_id, kind, source, quantity, allocated, shortfall)
                VALUES (1, 1, %(place)s, %(pool)s, 'on_hand', %(source)s, 50, 60, 10) RETURNING id
                """,
                place=place,
                pool=pool,
                source=source,
            )
            for source in ("", "a lot")
        ]
    await many_holds(database, level_id=levels[0], ahead_level_id=levels[1])
    async with database.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT id FROM stock.hold WHERE lot_kind <> 'on_hand' AND state = 'allocated' ORDER BY granted_at"
        )
        ahead = [row[0] for row in await cursor.fetchall()]
        assert len(ahead) == 66

        await tx.value("SELECT brin_summarize_new_values('stock.hold_by_age')")
        since = datetime.now(UTC) - timedelta(hours=2)
        aged = await scans(
            tx, lambda tx: stock.retention.lapsed_holds(tx, since=since, until=since + timedelta(hours=1))
        )
        found = await scans(tx, lambda tx: queries.arrived(tx, hold_ids=ahead[:5], variant_id=1))
        # 50 came of 66: those who bought first have them, whoever is asked about.
        assert await queries.arrived(tx, hold_ids=ahead, variant_id=1) == set(ahead[:50])
        assert await queries.arrived(tx, hold_ids=[ahead[49], ahead[50]], variant_id=1) == {ahead[49]}

    assert ("Bitmap Heap Scan", "hold") in aged
    assert read_whole(aged) == set()
    assert "hold" not in read_whole(found)
    assert ("Index Scan", "hold") in found or ("Bitmap Heap Scan", "hold") in found


async def many_orders(db: Database, *, number: int = 8_000) -> None:
    """Of the shops 7 and 8, half and half; 欧阳's is the first one of 7."""
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
            VALUES (7, 'seven', 'Seven', 'CNY', 'en', 'UTC'), (8, 'eight', 'Eight', 'CNY', 'en', 'UTC')
            """
        )
        await tx.run(
            "CREATE TEMP TABLE made ON COMMIT DROP AS SELECT n, 7 + mod(n, 2) AS shop_id, gen_random_uuid() AS id FROM generate_series(1, %(number)s) AS n",
            number=number,
        )
        await tx.run(
            """
            INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
            SELECT id, shop_id, gen_random_uuid(), true, 'timer', 1, 'CNY', '[]', '{}' FROM made
            """
        )
        await tx.run(
            """
            INSERT INTO orders.orders (
                id, shop_id, number, checkout_id, hold_id, buyer, policy, pool_id, contact_name, contact_phone,
                contact_email, delivery, provider, method, note, locale, currency, goods_minor, shipping_minor,
                total_minor, first_minor, status, payment_status, fulfilment_status, form_hash, key, placed_at)
            SELECT id, shop_id, 1000 + n, id, id, gen_random_uuid(), 'timer', 1,
                   CASE WHEN n = 2 THEN '欧阳 Ouyang' ELSE 'Li ' || md5(n::text) END,
                   '+86 139 ' || lpad(n::text, 8, '0'), md5('e' || n) || '@example.com', 'ship', 'manual', 'transfer',
                   '', 'en', 'CNY', 0, 0, 0, 0, CASE WHEN mod(n, 500) = 0 THEN 'paid' ELSE 'delivered' END, 'paid',
                   'delivered', '', md5('k' || n), timestamptz '2026-01-01' + n * interval '1 minute'
              FROM made
            """
        )
        # Of 7: all but the newest bought one thing, which has a variant of its own for every thousandth.
        await tx.run(
            """
            INSERT INTO catalog.product (id, shop_id, handle, title, titles, description, descriptions, kind, status,
                                         option_names)
            OVERRIDING SYSTEM VALUE
            VALUES (20, 7, 'kettle', 'Copper kettle', '{"zh-CN": "紫铜壶"}', '', '{}', 'sized', 'active', '{Size}')
            """
        )
        await tx.run(
            """
            INSERT INTO catalog.variant (id, shop_id, product_id, sku, options, currency, position) OVERRIDING SYSTEM VALUE
            VALUES (21, 7, 20, 'KET-S', '{S}', 'CNY', 1), (22, 7, 20, 'KET-XL', '{XL}', 'CNY', 2)
            """
        )
        await tx.run(
            """
            INSERT INTO orders.sold (shop_id, variant_id, placed_at, order_id)
            SELECT 7, CASE WHEN mod(number, 1000) = 0 THEN 22 ELSE 21 END, placed_at, id
              FROM orders.orders WHERE shop_id = 7 AND number < 9000
            """
        )
    async with db.transaction() as tx:
        await tx.run("ANALYZE orders.orders, orders.search, orders.sold")


@pytest.fixture(scope="module")
def filled(new_database: NewDatabase) -> Iterator[str]:
    """The tests that ask for it only read."""

    async def fill(dsn: str) -> None:
        database = Database(dsn)
        await database.open()
        await many_orders(database)
        await database.close()

    with new_database() as dsn:
        asyncio.run(fill(dsn))
        yield dsn


@pytest.fixture
async def full(filled: str) -> AsyncIterator[Database]:
    database = Database(filled)
    await database.open()
    yield database
    await database.close()


async def test_orders_are_found_by_indexes(full: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a shop with many more orders than are counted.
    monkeypatch.setattr(Counts, "up_to", 100)
    asked: dict[str, Callable[[Tx], Awaitable[object]]] = {
        "newest": lambda tx: list_queries.newest(tx, shop_id=7, filters=EVERYTHING, limit=50),
        "of one status": lambda tx: list_queries.newest(tx, shop_id=7, filters=PAID, limit=50),
        "found": lambda tx: list_queries.search(
            tx,
            shop_id=7,
            wanted="欧阳",
            number=1002,
            variants=[21, 22],
            filters=EVERYTHING,
            limit=50,
            most=1000,
        ),
        "found of one status": lambda tx: list_queries.search(
            tx, shop_id=7, wanted="欧阳", number=1002, variants=[21, 22], filters=PAID, limit=50, most=1000
        ),
        "ready": lambda tx: list_queries.newest(tx, shop_id=7, filters=READY, limit=50),
        "how many are ready": lambda tx: list_queries.count(tx, shop_id=7, filters=READY, most=1000),
        "how many get money back": lambda tx: list_queries.count(
            tx, shop_id=7, filters=REFUND_DUE, most=1000
        ),
        "how many are found": lambda tx: list_queries.count_found(
            tx, shop_id=7, wanted="欧阳", number=1002, variants=[22], filters=PAID, most=1000
        ),
        "counted": lambda tx: list_queries.count_by_status(tx, shop_id=7, statuses=["paid", "placed"]),
        "unfinished": lambda tx: sweep_queries.unfinished(tx, before=BEGINNING, limit=10),
    }
    async with full.transaction() as tx:
        whole = {name: read_whole(await scans(tx, call)) for name, call in asked.items()}
        anywhere = await scans(tx, asked["found"])

    assert {name: tables for name, tables in whole.items() if tables} == {}
    assert ("Bitmap Heap Scan", "search") in anywhere


async def test_any_part_of_what_a_buyer_wrote_finds_the_order(full: Database) -> None:
    asked = (
        "欧阳", "欧", "ouyang", "OUYANG", "uyan", " ouyang ", "+86 139 00000002", "13900000002", "00000002",
    )  # fmt: skip
    async with full.transaction() as tx:
        found = {search: await order_lists.orders(tx, shop_id=7, search=search) for search in asked}
        elsewhere = await order_lists.orders(tx, shop_id=8, search="欧阳")
        numbered = {
            search: await order_lists.orders(tx, shop_id=7, search=search) for search in ("#1002", "1002")
        }

    assert {search: [order.number for order in those] for search, those in found.items()} == {
        search: [1002] for search in asked
    }
    assert elsewhere == []
    # Digits are also part of others' telephone numbers and addresses; the order itself is among them.
    assert all(1002 in [order.number for order in those] for those in numbered.values())


async def test_what_nobody_wrote_finds_nothing(full: Database) -> None:
    asked = ("ouyang+", "g 139", "阳欧", "%", "_", "' OR 1=1", "@example.org", "9" * 40)
    async with full.transaction() as tx:
        assert {search: await order_lists.orders(tx, shop_id=7, search=search) for search in asked} == {
            search: [] for search in asked
        }


async def test_common_and_rare_are_both_found_newest_first(full: Database) -> None:
    async with full.transaction() as tx:
        first = await order_lists.orders(tx, shop_id=7, search="example.com", limit=3)
        second = await order_lists.orders(tx, shop_id=7, search="example.com", limit=3, after=first[-1].id)
        paid = await order_lists.orders(tx, shop_id=7, search="li ", status="paid", limit=200)

    assert [order.number for order in first + second] == [9000, 8998, 8996, 8994, 8992, 8990]
    assert [order.number for order in paid] == list(range(9000, 1000, -500))


async def test_what_was_bought_finds_the_order(full: Database) -> None:
    async with full.transaction() as tx:
        by_title = await order_lists.orders(tx, shop_id=7, search="copper KETTLE", limit=2)
        by_name_in_chinese = await order_lists.orders(
            tx, shop_id=7, search="铜壶", limit=2, after=by_title[-1].id
        )
        back = await order_lists.orders(tx, shop_id=7, search="铜壶", limit=1, before=by_title[-1].id)
        by_sku = await order_lists.orders(tx, shop_id=7, search="ket-xl")
        with_another = await order_lists.orders(tx, shop_id=7, search="ket", status="paid", limit=1)
        elsewhere = await order_lists.orders(tx, shop_id=8, search="kettle")

    assert [order.number for order in by_title + by_name_in_chinese] == [8998, 8996, 8994, 8992]
    assert [order.number for order in back] == [8998]
    assert [order.number for order in by_sku] == [8000, 7000, 6000, 5000, 4000, 3000, 2000]
    assert [order.number for order in with_another] == [8500]
    assert elsewhere == []


async def test_the_order_of_that_number_comes_first_and_once(full: Database) -> None:
    """Its number is part of the telephone number of one that was placed later, and of some addresses."""
    async with full.transaction() as tx:
        first = await order_lists.orders(tx, shop_id=7, search="#1002", limit=2)
        second = await order_lists.orders(tx, shop_id=7, search="#1002", limit=200, after=first[-1].id)
        count = await order_lists.orders.count(tx, shop_id=7, search="#1002")

    numbers = [order.number for order in first + second]
    assert numbers[0] == 1002
    assert numbers[1:] == sorted(set(numbers) - {1002}, reverse=True)
    assert 2002 in numbers
    assert count == paging.Counted(len(numbers))


async def test_a_count_says_how_many_are_found_and_stops_where_it_is_very_many(full: Database) -> None:
    async with full.transaction() as tx:
        count = order_lists.orders.count
        counted = {
            "all": await count(tx, shop_id=7),
            "one state": await count(tx, shop_id=7, status="paid"),
            "a name": await count(tx, shop_id=7, search="欧阳"),
            "a name in another state": await count(tx, shop_id=7, search="欧阳", status="paid"),
            "a SKU": await count(tx, shop_id=7, search="KET-XL"),
            "very many": await count(tx, shop_id=7, search="example.com"),
        }
        [eighth] = await order_lists.orders(tx, shop_id=7, search="8000", limit=1)
        before_it = await count(tx, shop_id=7, search="KET-XL", before=eighth.id)
        [fifth] = await order_lists.orders(tx, shop_id=7, search="5000", limit=1)
        before_the_fifth = await count(tx, shop_id=7, search="KET-XL", before=fifth.id)

    assert counted == {
        "all": paging.Counted(4000),
        "one state": paging.Counted(16),
        "a name": paging.Counted(1),
        "a name in another state": paging.Counted(0),
        "a SKU": paging.Counted(7),
        "very many": paging.Counted(1000, or_more=True),
    }
    assert (before_it, before_the_fifth) == (paging.Counted(0), paging.Counted(3))


async def test_a_list_is_narrowed_down_by_each_of_its_filters(full: Database) -> None:
    async with full.transaction() as tx:
        await tx.run(
            """
            UPDATE orders.orders
               SET fulfilment_status = 'ready', show_id = 5,
                   payment_status = CASE WHEN number = 5000 THEN 'unpaid' WHEN number = 5002 THEN 'refund_due' ELSE 'paid' END,
                   status = CASE number WHEN 5006 THEN 'cancelled' WHEN 5000 THEN 'placed' ELSE 'paid' END
             WHERE shop_id = 7 AND number BETWEEN 5000 AND 5006
            """
        )

        async def found(**filters: Any) -> list[int]:
            return [order.number for order in await order_lists.orders(tx, shop_id=7, limit=200, **filters)]

        assert await found(fulfilment_status="ready") == [5004, 5002]
        assert await found(fulfilment_status="on_hold") == [5000]
        assert await found(payment_status="refund_due") == [5002]
        assert await found(channel="show") == [5006, 5004, 5002, 5000]
        assert await found(channel="show", search="+86 139", status="paid") == [5004, 5002]
        assert await found(channel="shop", search="00004004") == []
        assert len(await found(channel="shop", search="00004008")) == 1
        # Number 5002 was placed 4002 minutes into the year: on the third of January.
        assert await found(since=date(2026, 1, 3), until=date(2026, 1, 3), channel="show") == [
            5006,
            5004,
            5002,
            5000,
        ]
        assert await found(since=date(2026, 1, 4), channel="show") == []
        assert await found(until=date(2026, 1, 2), channel="show") == []


# Numbers.


async def test_a_shop_with_one_order_at_a_time_counts_without_a_gap(market: Market) -> None:
    placed = [(await market.order())[0].number for _ in range(3)]

    assert placed == [1001, 1002, 1003]


async def test_no_order_waits_for_another_ones_number(database: Database) -> None:
    """Thirty-two transactions of one shop at once, none of them committed, and one of another shop."""
    db = Database(database.dsn, 40)
    await db.open()
    taken: list[int] = []
    all_have_one = asyncio.Event()

    async def take(shop_id: int) -> None:
        async with db.transaction() as tx:
            await tx.run("SET LOCAL lock_timeout = '20s'")
            taken.append(await tx.value("SELECT orders.next_number(%(shop)s)", shop=shop_id))
            if len(taken) == 33:
                all_have_one.set()
            await asyncio.wait_for(all_have_one.wait(), PATIENCE)

    try:
        async with db.transaction() as tx:
            # The first number of a shop makes its rows.
            first = await tx.value("SELECT orders.next_number(1)")
        await asyncio.gather(*(take(1) for _ in range(32)), take(2))
        async with db.transaction() as tx:
            made = await tx.value("SELECT count(*) FROM pg_sequences WHERE sequencename LIKE 'number_%%'")
            after = [await tx.value("SELECT orders.next_number(1)") for _ in range(3)]
    finally:
        await db.close()

    assert first == 1001
    # Every row gave one: the lowest numbers there are, none of them twice, but for what the first one's row gives next.
    assert sorted(taken) == sorted([1001, *range(1002, 1034)])
    assert after == [1034, 1035, 1036]
    assert made == 0


async def test_numbers_taken_at_once_are_never_the_same(database: Database) -> None:
    db = Database(database.dsn, 20)
    await db.open()

    async def take() -> list[int]:
        found: list[int] = []
        for _ in range(20):
            async with db.transaction() as tx:
                found.append(await tx.value("SELECT orders.next_number(5)"))
        return found

    try:
        numbers = [number for some in await asyncio.gather(*(take() for _ in range(20))) for number in some]
    finally:
        await db.close()

    assert len(set(numbers)) == 400
    assert min(numbers) == 1001


# The sweeper.


@dataclass
class Timed(payment_providers.Provider):
    """A provider that answers when it is let; counts how many ask it at once."""

    name: str
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asking: int = 0
    most: int = 0
    asked: int = 0

    async def start(self, attempt: payment_providers.Attempt) -> Charged:
        return Charged(f"psp/{attempt.id}", attempt.amount)

    async def look_up(self, attempt: payment_providers.Attempt) -> None:
        self.asked += 1
        self.asking += 1
        self.most = max(self.most, self.asking)
        try:
            await self.answers.wait()
        finally:
            self.asking -= 1

    async def give_back(
        self, attempt: payment_providers.Attempt, *, refund_id: UUID, amount: Money
    ) -> GivenBack:
        raise AssertionError("nobody asked for money back")


async def drafts(market: Market, provider: str, number: int) -> list[UUID]:
    """Of as many people: one alone would have to pay first."""
    made: list[UUID] = []
    for each in range(number):
        hold_id, shopper = await market.hold()
        async with market.db.transaction() as tx:
            prepared = await orders.prepare(
                tx,
                shop_id=market.shop_id,
                hold_id=hold_id,
                shopper=shopper,
                form=form(
                    provider=provider,
                    method="card",
                    email=f"{provider}{each}@example.com",
                    phone=f"+86 139 {len(provider):04} {each:04}",
                ),
            )
        made.append(prepared.order.id)
    return made


async def statuses(market: Market, ids: list[UUID]) -> list[str]:
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT status FROM orders.orders WHERE id = ANY(%s) ORDER BY array_position(%s, id)", (ids, ids)
        )
        return [row[0] for row in await cursor.fetchall()]


async def test_one_provider_that_hangs_holds_up_nobody(
    make_market: MakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its drafts are older and more than the sweeper takes at once."""
    monkeypatch.setattr("shopfloor.payments.service.DEADLINE", 1.0)
    market = await make_market(40)
    hanging, quick = Timed("hanging"), Timed("quick")
    quick.answers.set()
    stuck = await drafts(market, "hanging", sweeper.AT_ONCE + 4)
    finished = await drafts(market, "quick", 3)
    began = asyncio.get_running_loop().time()

    swept = await orders.sweep(
        market.db,
        providers={"hanging": hanging, "quick": quick},
        abandoned=timedelta(0),
        limit=sweeper.AT_ONCE + 4,
    )

    assert swept.resumed == 3
    assert await statuses(market, finished) == ["paid"] * 3
    assert await statuses(market, stuck) == ["draft"] * len(stuck)
    # Asked side by side, and left alone once the deadline had passed: one deadline, not one for each.
    assert (hanging.most, hanging.asked) == (sweeper.AT_ONCE, sweeper.AT_ONCE)
    assert asyncio.get_running_loop().time() - began < 10

    hanging.answers.set()
    again = await orders.sweep(
        market.db, providers={"hanging": hanging, "quick": quick}, abandoned=timedelta(0)
    )
    assert again.resumed == len(stuck)
    await market.assert_sound()


async def test_drafts_of_one_provider_do_not_stand_before_all_others(market: Market) -> None:
    await drafts(market, "hanging", 4)
    [other] = await drafts(market, "quick", 1)

    async with market.db.transaction() as tx:
        found = await sweep_queries.unfinished(tx, before=datetime.now(UTC) + timedelta(minutes=1), limit=2)

    assert [draft.provider for draft in found] == ["hanging", "hanging", "quick"]
    assert found[-1].id == other


async def test_a_provider_that_does_not_answer_counts_as_away(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopfloor.payments.service.DEADLINE", 0.05)

    class Silent(Timed):
        async def start(self, attempt: payment_providers.Attempt) -> Charged:
            await self.answers.wait()
            raise AssertionError("it never answers")

    hold_id, shopper = await market.hold()
    with pytest.raises(payment_providers.ProviderAway):
        await orders.complete(
            market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper,
            form=form(provider="silent", method="card"), providers={"silent": Silent("silent")},
        )  # fmt: skip

    async with market.db.transaction() as tx:
        assert (
            await tx.value("SELECT status FROM orders.orders WHERE hold_id = %(id)s", id=hold_id) == "draft"
        )
