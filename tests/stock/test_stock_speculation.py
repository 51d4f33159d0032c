"""Deciding ahead: what is remembered may be wrong, and then nothing of it is written."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import SerializationFailure, UniqueViolation
from tests.stock.conftest import SHOP, Ledger
from tests.waiting import PATIENCE

from shopfloor import inventory, stock
from shopfloor.stock.speculation import Speculation, SpeculativeBatch, answers_of, carry_out, warm_up

HANFU, SCARF = 101, 102
SHOW = 5


@dataclass
class Ahead:
    """A show with 100 of one thing and 10 of another, and a process that has seen both."""

    ledger: Ledger
    pool: int
    memory: Speculation

    def want(self, lines: Any, **more: Any) -> stock.Request:
        return self.ledger.want(lines, pool=self.pool, show_id=SHOW, offer_id=7, **more)

    def plan(self, *requests: stock.Request, seconds: float = 0.0) -> SpeculativeBatch | None:
        return self.memory.plan(requests, now=monotonic() + seconds)

    async def carry_out(self, plan: SpeculativeBatch | None) -> None:
        assert plan is not None
        async with self.ledger.db.transaction() as tx:
            await carry_out(tx, plan)

    async def state(self) -> dict[int, tuple[int, int]]:
        """Held units and rows of holds by variant; the audit must have nothing to say."""
        async with self.ledger.db.transaction() as tx:
            assert [check for check in await stock.audit(tx) if not check.passed] == []
            levels = await inventory.levels(tx, shop_id=SHOP)
            return {
                variant_id: (
                    sum(level.held for level in levels if level.variant_id == variant_id),
                    await tx.value(
                        "SELECT count(*) FROM stock.hold WHERE variant_id = %(variant_id)s",
                        variant_id=variant_id,
                    ),
                )
                for variant_id in (HANFU, SCARF)
            }

    async def facts(self) -> list[tuple[str, dict[str, Any]]]:
        async with self.ledger.db.transaction() as tx:
            cursor = await tx.connection.execute("SELECT name, body FROM kernel.outbox ORDER BY id")
            return list(await cursor.fetchall())


@pytest.fixture
async def ahead(ledger: Ledger) -> Ahead:
    await ledger.receive(HANFU, 100)
    await ledger.receive(SCARF, 10)
    async with ledger.db.transaction() as tx:
        pool = await inventory.open_show_pool(tx, shop_id=SHOP, show_id=SHOW, quotas={HANFU: 100, SCARF: 10})
    memory = Speculation()
    found = Ahead(ledger, pool.id, memory)
    async with ledger.db.transaction() as tx:
        await stock.reserve(tx, [found.want({HANFU: 1, SCARF: 1})], speculation=memory)
    return found


def without_ids(facts: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            name,
            {
                **body,
                "holds": [
                    {**each, "ids": len(each["ids"]), "buyers": len(each["buyers"])}
                    for each in body.get("holds", [])
                ],
            },
        )
        for name, body in facts
    ]


async def test_it_writes_and_tells_what_the_ordinary_way_does(ahead: Ahead) -> None:
    before = len(await ahead.facts())
    requests = [ahead.want({SCARF: 2, HANFU: 1}), ahead.want({HANFU: 3}, unit_prices=(12900,))]
    plan = ahead.plan(*requests)
    await ahead.carry_out(plan)
    async with ahead.ledger.db.transaction() as tx:
        await stock.reserve(
            tx, [ahead.want({SCARF: 2, HANFU: 1}), ahead.want({HANFU: 3}, unit_prices=(12900,))]
        )
    told = await ahead.facts()
    first, second = told[before : before + 2], told[before + 2 :]
    assert [name for name, _ in first] == ["stock.holds_granted", "stock.stock_changed"]
    assert without_ids(first)[0] == without_ids(second)[0]
    assert first[1][1] == {
        "shop_id": SHOP,
        "pool_id": ahead.pool,
        "show_id": SHOW,
        "variants": [
            {"variant_id": HANFU, "left": 95, "ready_on": None},
            {"variant_id": SCARF, "left": 7, "ready_on": None},
        ],
    }
    assert sorted(second[1][1]["variants"], key=lambda row: row["variant_id"]) == [
        {"variant_id": HANFU, "left": 91, "ready_on": None},
        {"variant_id": SCARF, "left": 5, "ready_on": None},
    ]
    assert await ahead.state() == {HANFU: (9, 5), SCARF: (5, 3)}
    assert plan is not None
    async with ahead.ledger.db.transaction() as tx:
        for request, answer in zip(requests, plan.answers, strict=True):
            assert isinstance(answer, stock.Held)
            hold = await stock.hold(tx, shop_id=SHOP, hold_id=request.id)
            assert [(part.variant_id, part.quantity) for part in hold.parts] == [
                (lot.variant_id, lot.quantity) for lot in answer.lots
            ]
            assert abs(hold.expires_at - answer.expires_at) < timedelta(milliseconds=1)


async def test_plans_made_one_after_the_other_count_what_the_first_takes(ahead: Ahead) -> None:
    first = ahead.plan(ahead.want({SCARF: 6}))
    assert ahead.plan(ahead.want({SCARF: 4})) is None  # 9 were left, 3 are
    second = ahead.plan(ahead.want({SCARF: 3}))
    await ahead.carry_out(first)
    await ahead.carry_out(second)
    assert await ahead.state() == {HANFU: (1, 1), SCARF: (10, 3)}
    plan = ahead.plan(ahead.want({SCARF: 1}))
    assert plan is not None
    assert plan.refuses


@pytest.mark.parametrize("variants", [(HANFU,), (HANFU, SCARF)], ids=["one is hot", "two are"])
async def test_alike_or_not_the_same_rows_are_written(ahead: Ahead, variants: tuple[int, ...]) -> None:
    """Whatever the statement, a hold planned ahead is stored as one decided under the lock, clock apart."""

    def wants() -> list[stock.Request]:
        return [ahead.want({variant: 2}, unit_prices=(12900,)) for variant in variants for _ in range(2)]

    planned, decided = wants(), wants()
    await ahead.carry_out(ahead.plan(*planned))
    await ahead.ledger.reserve(*decided)
    rows: list[list[Any]] = []
    async with ahead.ledger.db.transaction() as tx:
        for requests in (planned, decided):
            cursor = await tx.connection.execute(
                """
                SELECT part, state, lot_kind, ready_on, quantity, returned, shop_id, pool_id, level_id, variant_id,
                       unit_price, offer_id, show_id, limited, expires_at - granted_at
                  FROM stock.hold WHERE id = ANY(%s) ORDER BY variant_id, id
                """,
                ([request.id for request in requests],),
            )
            rows.append(await cursor.fetchall())
        cursor = await tx.connection.execute(
            """
            SELECT t.due_at = min(h.expires_at), cardinality(t.hold_ids)
              FROM stock.timer AS t JOIN stock.hold AS h ON h.id = ANY(t.hold_ids)
             WHERE NOT h.id = ANY(SELECT unnest(hold_ids) FROM stock.timer ORDER BY id LIMIT 1)
             GROUP BY t.id ORDER BY t.id
            """
        )
        timers = await cursor.fetchall()
    assert rows[0] == rows[1]
    assert len(rows[0]) == len(planned)
    assert timers[-2:] == [(True, len(planned)), (True, len(planned))]
    assert await ahead.state() == {
        HANFU: (9, 5),
        SCARF: (9, 5) if SCARF in variants else (1, 1),
    }


async def sold_out(ahead: Ahead) -> None:
    async with ahead.ledger.db.transaction() as tx:
        await stock.reserve(tx, [ahead.want({SCARF: 9})], speculation=ahead.memory)


async def test_refusing_ahead_tells_what_the_ordinary_way_does(ahead: Ahead) -> None:
    await sold_out(ahead)
    wants = [ahead.want({SCARF: 1}), ahead.want({SCARF: 2})]
    before = len(await ahead.facts())
    plan = ahead.plan(*wants)
    assert plan is not None
    await ahead.carry_out(plan)
    assert plan.answers == await ahead.ledger.reserve(*wants)
    assert plan.answers == [
        stock.Refused(want.id, stock.Code.SOLD_OUT, {"variant_id": SCARF, "wanted": units, "left": 0})
        for want, units in zip(wants, (1, 2), strict=True)
    ]
    first, second = (await ahead.facts())[before:]
    assert first == second
    assert first == (
        "stock.purchase_refused",
        {
            "shop_id": SHOP, "show_id": SHOW, "offer_id": 7,
            "refusals": [
                {
                    "variant_id": SCARF, "quantity": units, "code": "stock.sold_out",
                    "ids": [str(want.id)], "buyers": [str(want.buyer)],
                }
                for want, units in zip(wants, (1, 2), strict=True)
            ],
        },
    )  # fmt: skip
    assert await ahead.state() == {HANFU: (1, 1), SCARF: (10, 2)}


@pytest.mark.parametrize(
    "change", ["a hold is released", "a lot can be borrowed", "an id was granted", "closed"]
)
async def test_refusing_ahead_is_noticed_where_it_is_wrong(ahead: Ahead, change: str) -> None:
    await sold_out(ahead)
    bought = ahead.want({HANFU: 1})
    await ahead.ledger.reserve(bought)
    tap = ahead.want({SCARF: 1})
    plan = ahead.plan(tap, ahead.want({SCARF: 1}))
    if change == "a hold is released":
        async with ahead.ledger.db.transaction() as tx:
            row = await tx.value("SELECT id FROM stock.hold WHERE variant_id = %(v)s LIMIT 1", v=SCARF)
            await stock.release(tx, [row], "gave up")
    elif change == "a lot can be borrowed":
        await ahead.ledger.announce(SCARF, 5, date(2030, 1, 5), "po-1")
    elif change == "an id was granted":
        async with ahead.ledger.db.transaction() as tx:
            await tx.run("UPDATE stock.hold SET id = %(new)s WHERE id = %(old)s", new=tap.id, old=bought.id)
            await tx.run(
                "UPDATE stock.timer SET hold_ids = array_replace(hold_ids, %(old)s, %(new)s)",
                new=tap.id,
                old=bought.id,
            )
    else:
        async with ahead.ledger.db.transaction() as tx:
            await stock.close_show_pool(tx, shop_id=SHOP, show_id=SHOW)
    before = await ahead.facts()
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(plan)
    assert await ahead.facts() == before


async def test_what_can_be_borrowed_is_not_refused_ahead(ahead: Ahead) -> None:
    """The shelf of the show is empty and supply is on its way: each batch is decided under the lock."""
    await ahead.ledger.announce(SCARF, 50, date(2030, 1, 5), "po-1")
    await sold_out(ahead)
    async with ahead.ledger.db.transaction() as tx:
        (answer,) = await stock.reserve(tx, [ahead.want({SCARF: 2})], speculation=ahead.memory)
    assert isinstance(answer, stock.Held)
    assert answer.lots[0].ready_on == date(2030, 1, 5)
    assert ahead.plan(ahead.want({SCARF: 1})) is None


async def test_warming_up_writes_nothing(ahead: Ahead) -> None:
    async def everything() -> list[Any]:
        async with ahead.ledger.db.transaction() as tx:
            rows = [await tx.value(f"SELECT count(*) FROM stock.{table}") for table in ("movement", "timer")]  # pyright: ignore[reportArgumentType]
        return [*rows, await ahead.facts(), await ahead.state()]

    before = await everything()
    async with ahead.ledger.db.transaction() as tx:
        await warm_up(tx)
    assert await everything() == before


async def test_what_another_process_took_meanwhile_is_noticed(ahead: Ahead) -> None:
    plan = ahead.plan(ahead.want({HANFU: 1}), ahead.want({SCARF: 5}))
    await ahead.ledger.reserve(ahead.want({SCARF: 5}))
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(plan)
    assert await ahead.state() == {HANFU: (1, 1), SCARF: (6, 2)}


async def test_enough_is_enough_however_much_others_took(ahead: Ahead) -> None:
    plan = ahead.plan(ahead.want({SCARF: 5}))
    await ahead.ledger.reserve(ahead.want({SCARF: 4}))
    await ahead.carry_out(plan)
    assert await ahead.state() == {HANFU: (1, 1), SCARF: (10, 3)}


async def test_a_pool_closed_meanwhile_sells_nothing(ahead: Ahead) -> None:
    plan = ahead.plan(ahead.want({HANFU: 1}))
    async with ahead.ledger.db.transaction() as tx:
        await stock.close_show_pool(tx, shop_id=SHOP, show_id=SHOW)
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(plan)
    assert await ahead.state() == {HANFU: (1, 1), SCARF: (1, 1)}


async def test_a_second_shelf_ends_it(ahead: Ahead) -> None:
    """Which of two shelves comes first, and what is left on both, is decided under the lock."""
    plan = ahead.plan(ahead.want({HANFU: 1}))
    await ahead.ledger.receive(HANFU, 5, location=ahead.ledger.store)
    async with ahead.ledger.db.transaction() as tx:
        await inventory.transfer(
            tx,
            shop_id=SHOP,
            variant_id=HANFU,
            quantity=5,
            from_location=ahead.ledger.store,
            to_location=ahead.ledger.store,
            from_pool=ahead.ledger.open_pool,
            to_pool=ahead.pool,
        )
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(plan)
    async with ahead.ledger.db.transaction() as tx:
        await stock.reserve(tx, [ahead.want({HANFU: 1})], speculation=ahead.memory)
    assert ahead.plan(ahead.want({HANFU: 1})) is None
    assert await ahead.state() == {HANFU: (2, 2), SCARF: (1, 1)}


async def test_an_id_that_was_granted_before_is_not_granted_again(ahead: Ahead) -> None:
    request = ahead.want({HANFU: 1})
    await ahead.ledger.reserve(request)
    with pytest.raises(UniqueViolation):
        await ahead.carry_out(ahead.plan(ahead.want({SCARF: 1}), request))
    assert await ahead.state() == {HANFU: (2, 2), SCARF: (1, 1)}


async def test_a_clock_that_jumped_is_noticed(ahead: Ahead) -> None:
    """The database's clock is not where it was believed to be: set forward, set back."""
    for seconds in (-3.0, 3.0):
        with pytest.raises(SerializationFailure):
            await ahead.carry_out(ahead.plan(ahead.want({HANFU: 1}), seconds=seconds))
    assert await ahead.state() == {HANFU: (1, 1), SCARF: (1, 1)}


async def test_old_memories_are_not_trusted(ahead: Ahead) -> None:
    assert ahead.plan(ahead.want({HANFU: 1}), seconds=11) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"lines": {HANFU: 100}},
        {"lines": {HANFU: 0}},
        {"lines": {999: 1}},
        {"lines": {HANFU: 1}, "limit_per_buyer": 2},
        {"lines": {HANFU: 1}, "limit_per_show": 2},
        {"lines": {HANFU: 1}, "shop_id": 2},
    ],
    ids=["more than is left", "nonsense", "unknown", "limit of the offer", "limit of the show", "other shop"],
)
async def test_one_odd_request_sends_the_whole_batch_the_ordinary_way(
    ahead: Ahead, odd: dict[str, Any]
) -> None:
    plain = ahead.want({SCARF: 9})
    lines = odd.pop("lines")
    assert ahead.plan(plain, ahead.want(lines, **odd)) is None
    assert ahead.plan(plain) is not None  # nothing of the refused plan counts as taken


async def test_one_id_twice_is_one_hold_and_with_other_content_no_plan(ahead: Ahead) -> None:
    tap = ahead.want({HANFU: 1})
    other = ahead.want({HANFU: 2}, id=tap.id, buyer=tap.buyer)
    assert ahead.plan(tap, other) is None
    plan = ahead.plan(tap, tap)
    assert plan is not None
    assert [answer.id for answer in plan.answers] == [tap.id, tap.id]
    await ahead.carry_out(plan)
    assert await ahead.state() == {HANFU: (2, 2), SCARF: (1, 1)}


async def test_units_that_come_later_are_not_promised_from_memory(ledger: Ledger) -> None:
    await ledger.announce(HANFU, 50, date(2027, 1, 5), "po-1")
    memory = Speculation()
    request = ledger.want({HANFU: 1})
    async with ledger.db.transaction() as tx:
        (answer,) = await stock.reserve(tx, [request], speculation=memory)
    assert isinstance(answer, stock.Held)
    assert memory.plan([ledger.want({HANFU: 1})], now=monotonic()) is None


def test_nothing_is_known_at_first() -> None:
    memory = Speculation()
    request = stock.Request(uuid4(), SHOP, 1, UUID(int=1), (stock.Line(HANFU, 1),), 300)
    assert memory.plan([request], now=0.0) is None


async def last_told(ahead: Ahead, variant_id: int) -> dict[str, Any]:
    told = [body for name, body in await ahead.facts() if name == "stock.stock_changed"]
    return next(row for body in reversed(told) for row in body["variants"] if row["variant_id"] == variant_id)


@pytest.mark.parametrize("decided", ["ahead", "under the lock"])
async def test_a_sale_of_the_last_on_hand_says_nothing_of_later_lots(ahead: Ahead, decided: str) -> None:
    """It has not looked at what the show may borrow: what is missing was not looked up, an empty list says none."""
    await ahead.ledger.announce(SCARF, 50, date(2030, 1, 5), "po-1")
    async with ahead.ledger.db.transaction() as tx:
        await stock.reserve(tx, [ahead.want({SCARF: 1})], speculation=ahead.memory)
    last = ahead.want({SCARF: 8})
    if decided == "ahead":
        plan = ahead.plan(last)
        assert plan is not None
        await ahead.carry_out(plan)
    else:
        async with ahead.ledger.db.transaction() as tx:
            await stock.reserve(tx, [last])

    assert await last_told(ahead, SCARF) == {"variant_id": SCARF, "left": 0, "ready_on": None}

    async with ahead.ledger.db.transaction() as tx:
        (answer,) = await stock.reserve(tx, [ahead.want({SCARF: 20})])
    assert isinstance(answer, stock.Held)
    assert await last_told(ahead, SCARF) == {
        "variant_id": SCARF,
        "left": 0,
        "ready_on": "2030-01-05",
        "later": [["2030-01-05", 30]],
    }


# Under limits and shares: decided as if nobody had bought before, and asked about under the locks.

CAMPUS, HOME = 901, 902
DEFAULT = {"default_limit": 3}
OF_OFFER = {"limit_per_buyer": 3}
OF_SHOW = {"limit_per_show": 3}
OF_VARIANT = {"default_limit": 3, "offer_id": None}


def of_the_shop(ahead: Ahead, lines: Any, **more: Any) -> stock.Request:
    offer: dict[str, Any] = {"offer_id": 7} | more
    return ahead.ledger.want(lines, pool=ahead.pool, show_id=SHOW, **offer)


async def stored(ahead: Ahead, requests: Sequence[stock.Request]) -> list[tuple[Any, ...]]:
    async with ahead.ledger.db.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT variant_id, quantity, limited, network, extract(epoch FROM expires_at - granted_at)::int
              FROM stock.hold WHERE id = ANY(%s) ORDER BY array_position(%s, id), part
            """,
            ([request.id for request in requests], [request.id for request in requests]),
        )
        return list(await cursor.fetchall())


@pytest.mark.parametrize("variants", [(HANFU,), (HANFU, SCARF)], ids=["one is hot", "two are"])
async def test_under_limits_and_shares_the_same_rows_are_written(
    ahead: Ahead, variants: tuple[int, ...]
) -> None:
    """Also for who has paid here before: no network, and all the time the offer gives."""
    payer = uuid4()
    async with ahead.ledger.db.transaction() as tx:
        await tx.run("INSERT INTO stock.proven VALUES (%(shop)s, %(buyer)s)", shop=SHOP, buyer=payer)

    def wants() -> list[stock.Request]:
        return [
            of_the_shop(ahead, {variant: 1}, network=CAMPUS, hold_seconds=900, buyer=buyer, default_limit=9)
            for variant in variants
            for buyer in (uuid4(), payer)
        ]

    planned, decided = wants(), wants()
    plan = ahead.plan(*planned)
    assert plan is not None
    async with ahead.ledger.db.transaction() as tx:
        payers = await carry_out(tx, plan)
    answers = await answers_of(plan, payers)
    as_usual = await ahead.ledger.reserve(*decided)

    assert await stored(ahead, planned) == await stored(ahead, decided)
    assert await stored(ahead, planned) == [
        (variant, 1, True, network, seconds)
        for variant in variants
        for network, seconds in ((CAMPUS, 600), (None, 900))
    ]
    for request, answer, other in zip(planned, answers, as_usual, strict=True):
        assert isinstance(answer, stock.Held)
        assert isinstance(other, stock.Held)
        assert abs(answer.expires_at - other.expires_at) < timedelta(seconds=30)
        assert (await ahead.ledger.hold(request.id)).expires_at == answer.expires_at


@pytest.mark.parametrize("limit", [DEFAULT, OF_OFFER, OF_SHOW, OF_VARIANT], ids=str)
async def test_nobody_gets_over_a_limit_ahead(ahead: Ahead, limit: dict[str, Any]) -> None:
    buyer = uuid4()
    await ahead.ledger.reserve(of_the_shop(ahead, {HANFU: 1}, buyer=buyer, **limit))
    # What somebody else has does not count, nor what this buyer has of what the limit is not about.
    await ahead.ledger.reserve(of_the_shop(ahead, {HANFU: 3}, **limit))
    aside = {"offer_id": 8, "limit_per_buyer": 3}
    if limit in (DEFAULT, OF_OFFER):
        await ahead.ledger.reserve(of_the_shop(ahead, {HANFU: 1}, buyer=buyer, **aside))
    before = await ahead.state()

    over = ahead.plan(
        of_the_shop(ahead, {HANFU: 3}, buyer=buyer, **limit), of_the_shop(ahead, {HANFU: 1}, **limit)
    )
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(over)
    assert await ahead.state() == before

    within = ahead.plan(
        *[of_the_shop(ahead, {HANFU: 1}, buyer=buyer, **limit) for _ in range(2)],
        of_the_shop(ahead, {HANFU: 3}, **limit),
    )
    await ahead.carry_out(within)
    one_more = ahead.plan(of_the_shop(ahead, {HANFU: 1}, buyer=buyer, **limit))
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(one_more)
    assert (await ahead.state())[HANFU] == (before[HANFU][0] + 5, before[HANFU][1] + 3)


async def test_more_than_a_limit_in_one_batch_is_no_plan(ahead: Ahead) -> None:
    buyer = uuid4()
    assert ahead.plan(*[of_the_shop(ahead, {HANFU: 2}, buyer=buyer, **DEFAULT) for _ in range(2)]) is None


async def test_what_came_back_counts_no_longer_ahead_either(ahead: Ahead) -> None:
    first = of_the_shop(ahead, {HANFU: 3}, **DEFAULT)
    await ahead.ledger.reserve(first)
    again = ahead.plan(of_the_shop(ahead, {HANFU: 3}, buyer=first.buyer, **DEFAULT))
    async with ahead.ledger.db.transaction() as tx:
        await stock.release(tx, [first.id], "gave up")
    await ahead.carry_out(again)
    assert (await ahead.state())[HANFU] == (4, 3)


async def test_a_network_gets_its_share_ahead_and_no_unit_more(ahead: Ahead) -> None:
    """A tenth of a hundred: what the network has unpaid by now, from whichever process, and what is asked for."""
    await ahead.ledger.reserve(*[of_the_shop(ahead, {HANFU: 1}, network=CAMPUS) for _ in range(7)])
    over = ahead.plan(*[of_the_shop(ahead, {HANFU: 2}, network=CAMPUS) for _ in range(2)])
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(over)
    whole = ahead.plan(
        *[of_the_shop(ahead, {HANFU: 1}, network=CAMPUS) for _ in range(3)],
        *[of_the_shop(ahead, {HANFU: 5}, network=HOME) for _ in range(2)],
    )
    await ahead.carry_out(whole)
    for network in (CAMPUS, HOME):
        with pytest.raises(SerializationFailure):
            await ahead.carry_out(ahead.plan(of_the_shop(ahead, {HANFU: 1}, network=network)))
    assert (await ahead.state())[HANFU] == (21, 13)


async def test_who_has_paid_takes_nothing_of_the_share_ahead(ahead: Ahead) -> None:
    buyers = [uuid4() for _ in range(12)]
    async with ahead.ledger.db.transaction() as tx:
        await tx.run(
            "INSERT INTO stock.proven SELECT %(shop)s, unnest(%(buyers)s::uuid[])", shop=SHOP, buyers=buyers
        )
    wants = [of_the_shop(ahead, {HANFU: 1}, network=CAMPUS, buyer=buyer) for buyer in buyers]
    await ahead.carry_out(
        ahead.plan(*wants, *[of_the_shop(ahead, {HANFU: 5}, network=CAMPUS) for _ in range(2)])
    )
    assert (await ahead.state())[HANFU] == (23, 15)


async def test_the_last_tenth_is_not_given_ahead(ahead: Ahead) -> None:
    """Ninety of a hundred at most for who has never paid: 99 are left, so 89 may go without looking."""

    def of_many(units: int) -> list[stock.Request]:
        return [of_the_shop(ahead, {HANFU: 1}, network=number) for number in range(1, units + 1)]

    assert ahead.plan(*of_many(90)) is None
    plan = ahead.plan(*of_many(89))
    await ahead.ledger.reserve(of_the_shop(ahead, {HANFU: 1}))
    with pytest.raises(SerializationFailure):
        await ahead.carry_out(plan)
    assert (await ahead.state())[HANFU] == (2, 2)
    # Who is not counted may have it.
    await ahead.carry_out(ahead.plan(of_the_shop(ahead, {HANFU: 5})))


async def test_after_a_refusal_batches_under_limits_are_decided_under_the_lock_for_a_moment(
    ahead: Ahead,
) -> None:
    buyer = uuid4()
    async with ahead.ledger.db.transaction() as tx:
        wants = [of_the_shop(ahead, {HANFU: 2}, buyer=buyer, **DEFAULT) for _ in range(2)]
        answers = await stock.reserve(tx, wants, speculation=ahead.memory)
    assert [type(answer) for answer in answers] == [stock.Held, stock.Refused]
    # However long the machine took for that.
    assert ahead.plan(of_the_shop(ahead, {HANFU: 1}, **DEFAULT), seconds=-5) is None
    assert ahead.plan(of_the_shop(ahead, {HANFU: 1}), seconds=-5) is not None
    assert ahead.plan(of_the_shop(ahead, {HANFU: 1}, **DEFAULT), seconds=0.6) is not None


async def test_what_is_sold_out_is_refused_ahead_beside_what_is_not(ahead: Ahead) -> None:
    await sold_out(ahead)
    plan = ahead.plan(*[of_the_shop(ahead, {SCARF: 1}, network=CAMPUS, **DEFAULT) for _ in range(2)])
    assert plan is not None
    assert plan.refuses
    assert (
        ahead.plan(of_the_shop(ahead, {SCARF: 1}, **DEFAULT), of_the_shop(ahead, {HANFU: 1}, **DEFAULT))
        is None
    )


@pytest.mark.parametrize(
    "more",
    [{"default_limit": 3}, {"network": CAMPUS}, {"network": CAMPUS, "default_limit": 3}],
    ids=["limit", "share", "both"],
)
async def test_two_at_the_same_moment_count_together(ahead: Ahead, more: dict[str, Any]) -> None:
    """The second is under way before the first is committed: it waits, and sees what the first has written."""
    buyer = uuid4()
    units = 3 if "default_limit" in more else 9
    plans = [ahead.plan(of_the_shop(ahead, {HANFU: units}, buyer=buyer, **more)) for _ in range(2)]
    first, second = plans
    assert first is not None
    async with ahead.ledger.db.transaction() as tx:
        await carry_out(tx, first)
        waiting = asyncio.create_task(ahead.carry_out(second))
        async with ahead.ledger.db.transaction() as other:
            async with asyncio.timeout(PATIENCE):
                while not await other.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ):
                    await asyncio.sleep(0.01)
                    await other.run("SELECT pg_stat_clear_snapshot()")
    with pytest.raises(SerializationFailure):
        await waiting
    assert (await ahead.state())[HANFU] == (1 + units, 2)
