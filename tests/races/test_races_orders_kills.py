"""The process that turns a purchase into an order is killed at one word after the other, and the books still fit.

Everything it sends to the database goes over a line of ours; at the n-th message it is killed with SIGKILL, and the
message, a COMMIT too, still arrives: where each transaction begins and ends, and at each fifth word in between, for
what is said there is rolled back together.  It is killed as well while the bank is asked: before and after the money is
taken.  Then another process sweeps up.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.orders.bank import Bank
from tests.orders.conftest import PRICE, MakeMarket, Market, form, make_market
from tests.races.test_races_stock_intake import Proxy
from tests.waiting import PATIENCE, soon

from shopfloor import orders, purchases, stock
from shopfloor.kernel.database import Database
from shopfloor.orders import Status

__all__ = ["make_market"]

# A process forked from this one would keep the lines of the dead open.
CLEAN = multiprocessing.get_context("forkserver")
CLEAN.set_forkserver_preload([__name__])
FORM = form(provider="bank", method="card")


@dataclass(frozen=True)
class Purchase:
    shop_id: int
    hold_id: UUID
    shopper: UUID


async def complete(db: Database, purchase: Purchase, bank: Bank) -> orders.Order:
    return await orders.complete(
        db, shop_id=purchase.shop_id, hold_id=purchase.hold_id, shopper=purchase.shopper, form=FORM,
        providers={"bank": bank},
    )  # fmt: skip


def completing(dsn: str, purchase: Purchase, bank: Bank) -> None:
    async def run() -> None:
        db = Database(dsn, 1)
        await db.open()
        await complete(db, purchase, bank)
        # Where it was to be killed later than its last word: it ends without a goodbye.
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run())


async def in_a_process_killed_at(number: int | None, line: Proxy, purchase: Purchase, bank: Bank) -> bool:
    """Whether it came so far.  None: it is not killed by us."""
    messages, cases = count(), count()
    begun = reached = False

    def cut(data: bytes) -> bool:
        nonlocal begun, reached
        begun = begun or b"BEGIN" in data
        if not begun:
            return False
        is_case = next(messages) % 5 == 4 or b"BEGIN" in data or b"COMMIT" in data
        if not is_case or next(cases) != number:
            return False
        reached = True
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        return True

    line.cut = cut
    process = CLEAN.Process(target=completing, args=(line.dsn, purchase, bank))
    process.start()
    await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    await soon("the line of the dead is closed", lambda: line.serving == 0)
    return reached


async def nobody_is_in_a_transaction(db: Database) -> None:
    """What the dead said last has been done, or given up: nothing is locked now."""

    async def over() -> bool:
        async with db.transaction() as tx:
            return await tx.value(
                """
                SELECT count(*) = 0 FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL
                   AND pid <> pg_backend_pid()
                """
            )

    await soon("its transaction is over", over)


async def sweep(db: Database, bank: Bank) -> None:
    """As a process does that knows nothing of the dead one: this one has only its ids."""
    await nobody_is_in_a_transaction(db)
    for _ in range(2):
        await orders.sweep(db, providers={"bank": bank}, abandoned=timedelta(0))


async def orders_of(market: Market) -> list[orders.Order]:
    async with market.db.transaction() as tx:
        found = await tx.connection.execute(
            "SELECT id FROM orders.orders WHERE shop_id = %s", (market.shop_id,)
        )
        return [
            (await orders.order(tx, shop_id=market.shop_id, order_id=order_id)).order
            for (order_id,) in await found.fetchall()
        ]


async def check_bought(market: Market, purchase: Purchase, bank: Bank) -> str:
    """After the sweep, and after the buyer has sent the form again: one order, paid once, units its own."""
    await sweep(market.db, bank)
    swept = await orders_of(market)
    assert bank.taken() == [PRICE] * len(swept)
    assert [order.status for order in swept] == [Status.PAID] * len(swept)

    again = await complete(market.db, purchase, bank)

    (order,) = await orders_of(market)
    assert (order.id, order.status, order.charged_minor) == (again.id, Status.PAID, PRICE)
    assert bank.taken() == [PRICE]
    assert await market.hold_state(purchase.hold_id) is stock.HoldState.ALLOCATED
    assert await market.left() == 0
    placed = [fact for fact in await market.facts("orders.order_placed") if fact["shop_id"] == market.shop_id]
    paid = [fact for fact in await market.facts("orders.order_paid") if fact["shop_id"] == market.shop_id]
    assert (len(placed), len(paid)) == (1, 1)
    return "swept" if swept else "asked again"


async def check_lost(market: Market, purchase: Purchase, bank: Bank) -> str:
    """The time of the hold was over, somebody else bought the unit: what was charged is owed back."""
    await nobody_is_in_a_transaction(market.db)
    async with market.db.transaction() as tx:
        allocated = (await stock.hold(tx, shop_id=market.shop_id, hold_id=purchase.hold_id)).state
    if allocated is stock.HoldState.ALLOCATED:
        return await check_bought(market, purchase, bank)
    await market.make_overdue(purchase.hold_id)
    await market.expire()
    other = uuid4()
    await market.complete((await market.hold(buyer=other))[0], other)

    await sweep(market.db, bank)

    mine = [order for order in await orders_of(market) if order.buyer == purchase.shopper]
    assert bank.taken() == [PRICE] * len(mine)
    for order in mine:
        assert (order.status, order.charged_minor, order.refund_owed_minor) == (
            Status.CANCELLED,
            PRICE,
            PRICE,
        )
        async with market.db.transaction() as tx:
            ((refund_id, _),) = (
                (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).refunds_owed
            ).items()
        for _ in range(2):
            await orders.send_refund(
                market.db, shop_id=market.shop_id, order_id=order.id, refund_id=refund_id, actor="shopfloor",
                providers={"bank": bank},
            )  # fmt: skip
        assert bank.sent_back() == [PRICE]
    if not mine:
        with pytest.raises(purchases.HoldExpired):
            await complete(market.db, purchase, bank)
        assert bank.taken() == []
    assert await market.hold_state(purchase.hold_id) is stock.HoldState.EXPIRED
    assert await market.left() == 0
    return "owed back" if mine else "never charged"


Check = Callable[[Market, Purchase, Bank], Awaitable[str]]


@pytest.mark.parametrize("check", [check_bought, check_lost])
async def test_killed_at_one_message_after_the_other(
    make_market: MakeMarket, dsn: str, tmp_path: Path, check: Check
) -> None:
    ends: list[str] = []
    async with Proxy(dsn, tmp_path) as line:
        line.moment = 0.02
        market = await make_market(1)
        for number in count():
            if number:
                market = await make_market(1)
            hold_id, shopper = await market.hold()
            purchase = Purchase(market.shop_id, hold_id, shopper)
            bank = Bank(tmp_path / f"bank-{number}")
            reached = await in_a_process_killed_at(number, line, purchase, bank)
            ends.append(await check(market, purchase, bank))
            if not reached:
                break
    # The audit reads the books of all these shops.
    await market.assert_sound()
    early, late = ("asked again", "swept") if check is check_bought else ("never charged", "owed back")
    assert {early, late} <= set(ends) <= {early, late, "swept"}
    assert (ends[0], ends[-1]) == (early, "swept")
    assert len(ends) > 5, "it has more to say than that"


@pytest.mark.parametrize("check", [check_bought, check_lost])
@pytest.mark.parametrize("dies", ["before", "after"])
async def test_killed_while_the_bank_is_asked(
    make_market: MakeMarket, dsn: str, tmp_path: Path, dies: str, check: Check
) -> None:
    market = await make_market(1)
    hold_id, shopper = await market.hold()
    purchase = Purchase(market.shop_id, hold_id, shopper)
    async with Proxy(dsn, tmp_path) as line:
        await in_a_process_killed_at(None, line, purchase, Bank(tmp_path / "bank", dies=dies))
    bank = Bank(tmp_path / "bank")
    assert bank.taken() == ([PRICE] if dies == "after" else [])

    assert await check(market, purchase, bank) == ("swept" if check is check_bought else "owed back")
    await market.assert_sound()
