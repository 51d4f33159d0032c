"""Pay at the end: what buyers the shop knows take in a show is kept, up to so many units, until it is over."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.stock.conftest import SHOP, Ledger

from shopfloor import stock
from shopfloor.stock import kept as kept_sql
from shopfloor.stock.speculation import Speculation, SpeculativeBatch, answers_of, carry_out

HANFU, SCARF = 101, 102
SHOW = 5
SOON = timedelta(seconds=305)
END = datetime.now(UTC).replace(microsecond=123_457) + timedelta(hours=12)


class Evening:
    """A show with 100 of one thing and 10 of another, whose buyers pay at the end, and a buyer it knows."""

    def __init__(self, ledger: Ledger, pool: int) -> None:
        self.ledger, self.pool = ledger, pool
        self.known = uuid4()

    def want(self, units: int = 1, *, buyer: UUID | None = None, **more: Any) -> stock.Request:
        plain: dict[str, Any] = {
            "network": 77, "keep_until": END, "keep_most": 4, "default_limit": 50, "offer_id": 7, "show_id": SHOW,
        }  # fmt: skip
        return self.ledger.want({HANFU: units}, pool=self.pool, buyer=buyer or self.known, **(plain | more))

    async def buy(self, *requests: stock.Request) -> list[bool]:
        """Whether each is kept to the end; the others have the time of their offer."""
        return [kept(answer) for answer in await self.ledger.reserve(*requests)]

    async def until(self, hold_id: UUID) -> datetime:
        return (await self.ledger.hold(hold_id)).expires_at

    async def sound(self) -> None:
        async with self.ledger.db.transaction() as tx:
            assert [check for check in await stock.audit(tx) if not check.passed] == []


def kept(answer: stock.Answer) -> bool:
    assert isinstance(answer, stock.Held), answer
    if answer.expires_at == END:
        return True
    assert answer.expires_at < datetime.now(UTC) + SOON
    return False


@pytest.fixture
async def evening(ledger: Ledger) -> Evening:
    await ledger.receive(HANFU, 100)
    made = Evening(ledger, await ledger.show(SHOW, {HANFU: 100}))
    async with ledger.db.transaction() as tx:
        await stock.paid(tx, shop_id=SHOP, hold_ids=[], buyers=[made.known])
    return made


async def test_only_a_buyer_the_shop_knows_pays_at_the_end(evening: Evening) -> None:
    other = await evening.buy(evening.want(buyer=uuid4()))
    mine = await evening.buy(evening.want())
    # Where networks are not counted, as on the machine of a trial.
    uncounted = await evening.buy(
        evening.want(network=None), evening.want(buyer=uuid4(), network=None), evening.want(network=None)
    )
    memory = Speculation()
    async with evening.ledger.db.transaction() as tx:
        await stock.reserve(tx, [evening.want(buyer=uuid4())], speculation=memory)

    assert (other, mine, uncounted) == ([False], [True], [True, False, True])
    assert memory.plan([evening.want(network=None)], now=monotonic()) is None
    await evening.sound()


async def test_beyond_the_ceiling_a_line_is_to_be_paid_now(evening: Evening) -> None:
    assert await evening.buy(evening.want(3)) == [True]
    assert await evening.buy(evening.want(2)) == [False]
    # Now five units are held: what was beyond the ceiling counts as well, until it is paid.
    assert await evening.buy(evening.want(1)) == [False]


async def test_the_ceiling_holds_within_one_batch_too(evening: Evening) -> None:
    assert await evening.buy(*[evening.want(1) for _ in range(6)]) == [True] * 4 + [False] * 2
    await evening.sound()


@pytest.fixture
async def family(evening: Evening) -> tuple[UUID, UUID]:
    """Two browsers of one account."""
    account, phone, desk = uuid4(), uuid4(), uuid4()
    async with evening.ledger.db.transaction() as tx:
        for buyer in (phone, desk):
            await stock.paid(tx, shop_id=SHOP, hold_ids=[], buyers=[buyer], account=account)
        # An order that is paid says nothing of the account.
        await stock.paid(tx, shop_id=SHOP, hold_ids=[], buyers=[desk])
    return phone, desk


async def test_the_ceiling_is_one_for_all_browsers_of_an_account(
    evening: Evening, family: tuple[UUID, UUID]
) -> None:
    phone, desk = family
    assert await evening.buy(evening.want(3, buyer=phone)) == [True]
    assert await evening.buy(evening.want(2, buyer=desk)) == [False]
    # Five are held by now; somebody else's ceiling is untouched.
    assert await evening.buy(evening.want(1, buyer=phone), evening.want(4)) == [False, True]
    await evening.sound()


async def test_the_ceiling_of_an_account_holds_within_one_batch(
    evening: Evening, family: tuple[UUID, UUID]
) -> None:
    wishes = [evening.want(1, buyer=family[number % 2]) for number in range(6)]
    assert await evening.buy(*wishes) == [True] * 4 + [False] * 2


async def test_decided_ahead_the_ceiling_is_that_of_the_account(
    evening: Evening, family: tuple[UUID, UUID]
) -> None:
    phone, desk = family
    memory = Speculation()
    async with evening.ledger.db.transaction() as tx:
        await stock.reserve(tx, [evening.want(buyer=uuid4())], speculation=memory)

    answers = await carried_out(
        evening, memory.plan([evening.want(2, buyer=phone), evening.want(2, buyer=desk)], now=monotonic())
    )
    assert [kept(answer) for answer in answers] == [True, True]
    for over in ([evening.want(1, buyer=phone)], [evening.want(1, buyer=desk)]):
        with pytest.raises(Exception, match="expect"):
            await carried_out(evening, memory.plan(over, now=monotonic()))
    # Somebody else signs in with one of them: they are two customers.
    async with evening.ledger.db.transaction() as tx:
        await stock.paid(tx, shop_id=SHOP, hold_ids=[], buyers=[desk], account=uuid4())
    answers = await carried_out(evening, memory.plan([evening.want(2, buyer=desk)], now=monotonic()))
    assert [kept(answer) for answer in answers] == [True]


async def test_what_was_ordered_leaves_room(evening: Evening) -> None:
    first = evening.want(4)
    await evening.buy(first)
    async with evening.ledger.db.transaction() as tx:
        await stock.confirm(tx, [first.id])

    assert await evening.buy(evening.want(4)) == [True]


async def test_an_offer_with_a_longer_time_keeps_it(evening: Evening) -> None:
    request = evening.want(1, keep_until=datetime.now(UTC) + timedelta(seconds=60))
    [answer] = await evening.ledger.reserve(request)

    assert isinstance(answer, stock.Held)
    assert answer.expires_at > datetime.now(UTC) + timedelta(seconds=200)


async def test_decided_ahead_it_is_the_same(evening: Evening) -> None:
    """Known and unknown buyers in one batch; a batch with a buyer over the ceiling is decided under the lock."""
    memory = Speculation()
    async with evening.ledger.db.transaction() as tx:
        await stock.reserve(tx, [evening.want(buyer=uuid4())], speculation=memory)

    requests = [evening.want(2), evening.want(buyer=uuid4())]
    plan = memory.plan(requests, now=monotonic())
    answers = await carried_out(evening, plan)

    assert [kept(answer) for answer in answers] == [True, False]
    assert await evening.until(requests[0].id) == END
    over = memory.plan([evening.want(3)], now=monotonic())
    with pytest.raises(Exception, match="expect"):
        await carried_out(evening, over)
    await evening.sound()


async def carried_out(evening: Evening, plan: SpeculativeBatch | None) -> list[stock.Answer]:
    assert plan is not None
    async with evening.ledger.db.transaction() as tx:
        payers = await carry_out(tx, plan)
    return await answers_of(plan, payers)


async def test_at_the_end_what_is_kept_knows_its_time_and_lapses_then(evening: Evening) -> None:
    """The others keep their own; what has been ordered meanwhile is none of it; moving twice is moving once."""
    mine, late, ordered = evening.want(1), evening.want(1, buyer=uuid4()), evening.want(1)
    await evening.buy(mine, late, ordered)
    before = await evening.until(late.id)
    until = datetime.now(UTC) + timedelta(minutes=30)
    async with evening.ledger.db.transaction() as tx:
        await stock.confirm(tx, [ordered.id])
        moved = await kept_sql.move(tx, pool_id=evening.pool, was=END, until=until)
        again = await kept_sql.move(tx, pool_id=evening.pool, was=END, until=until)

    assert (moved, again) == (1, 0)
    assert (await evening.until(mine.id), await evening.until(late.id)) == (until, before)
    async with evening.ledger.db.transaction() as tx:
        unpaid = await stock.held_by(tx, shop_id=SHOP, buyer=None, pool_id=evening.pool)
        timers = await tx.value(
            "SELECT count(*) FROM stock.timer WHERE due_at = %(at)s AND hold_ids = ARRAY[%(id)s::uuid]",
            at=until,
            id=mine.id,
        )
        await tx.run(
            "UPDATE stock.hold SET expires_at = now() - interval '1 second' WHERE id = %(id)s", id=mine.id
        )
        await tx.run("UPDATE stock.timer SET due_at = now() - interval '1 second'")
    assert {(each.buyer, each.expires_at) for each in unpaid} == {
        (late.buyer, before),
        (evening.known, until),
    }
    assert timers == 1
    async with evening.ledger.db.transaction() as tx:
        freed = await stock.expire(tx)
    assert [each.hold_id for each in freed] == [mine.id]
    await evening.sound()


async def test_what_is_kept_is_found_however_many_shows_the_shop_has_run_since(evening: Evening) -> None:
    mine = evening.want(2)
    await evening.buy(mine)
    async with evening.ledger.db.transaction() as tx:
        await tx.run("UPDATE stock.pool SET is_open = false WHERE id = %(pool)s", pool=evening.pool)
        await tx.run(
            """
            INSERT INTO stock.pool (shop_id, name, kind, show_id, is_open)
            SELECT %(shop)s, 'later ' || n, 'show', 1000 + n, false FROM generate_series(1, 40) AS n
            """,
            shop=SHOP,
        )
        held = await stock.held_by(tx, shop_id=SHOP, buyer=evening.known)

    assert [each.id for each in held] == [mine.id]
