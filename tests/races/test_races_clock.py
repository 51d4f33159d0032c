"""Clocks that jump while holds are open: the database's, back and forward, and that of a process beside it.

The jump is real: the server (or the process) runs with libfaketime, which adds what a file says to every clock it
reads.  What a hold lasts is decided by the database's clock alone.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from tests.emptying import Emptying
from tests.orders.bank import Bank
from tests.orders.conftest import PRICE, MakeMarket, Market, form, make_market

from shopfloor import inventory, orders, stock
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.orders import Status
from shopfloor.payment_providers import Attempt, Charged
from shopfloor.stock import Intake

__all__ = ["make_market"]

HOUR: Final = 3600
HOLD: Final = 300
SetClock = Callable[[int], None]


def library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return os.environ.get("SHOPFLOOR_FAKETIME") or next(map(str, found), "")


pytestmark = pytest.mark.skipif(not library(), reason="libfaketime is not here (Debian's package faketime)")


def with_a_clock_that(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is as far off as `file` says, in seconds."""
    return {
        "LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


@pytest.fixture(scope="module")
def clocked(reachable_directory: Path) -> Iterator[tuple[str, Path]]:
    """A migrated server of its own, and the file that says how far off its clock is."""
    clock = reachable_directory / "clock"
    clock.write_text("+0\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in with_a_clock_that(clock).items():
            patch.setenv(name, value)
        server = EmbeddedPostgres(reachable_directory / "clocked")
        server.start()
    migrate(server.dsn)
    yield server.dsn, clock
    server.stop()


@pytest.fixture
def dsn(clocked: tuple[str, Path]) -> str:
    given, clock = clocked
    clock.write_text("+0\n")
    with closing(Emptying(given)) as empty:
        empty()
    return given


@pytest.fixture
def set_clock(dsn: str, clocked: tuple[str, Path]) -> SetClock:
    def set_clock(seconds: int) -> None:
        clocked[1].write_text(f"{seconds:+d}\n")
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        off = row[0] - datetime.now(UTC)
        assert abs(off - timedelta(seconds=seconds)) < timedelta(seconds=30), (
            "the server's clock did not jump"
        )

    return set_clock


def wish(market: Market) -> stock.Request:
    return stock.Request(
        uuid4(), market.shop_id, market.pool_id, uuid4(), (stock.Line(market.variants[0], 1),), HOLD,
        offer_id=market.offer_id, show_id=market.show_id, unit_prices=(PRICE,),
    )  # fmt: skip


async def buy(intake: Intake, market: Market, number: int) -> list[stock.Held]:
    answers = await asyncio.gather(*[intake.submit(wish(market)) for _ in range(number)])
    return [answer for answer in answers if isinstance(answer, stock.Held)]


async def expire(db: Database) -> set[UUID]:
    """Two workers at once; what both free is freed once."""

    async def one() -> list[stock.Freed]:
        async with db.transaction() as tx:
            return await stock.expire(tx)

    freed = [each.hold_id for worker in await asyncio.gather(one(), one()) for each in worker]
    assert len(freed) == len(set(freed))
    return set(freed)


async def held(market: Market) -> int:
    async with market.db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=market.shop_id, variant_ids=[market.variants[0]])
    return sum(level.held for level in levels)


async def test_set_back_an_hour(make_market: MakeMarket, dsn: str, set_clock: SetClock) -> None:
    market = await make_market(400)
    intake = Intake(dsn, largest_batch=8, ahead=1)
    await intake.open()
    before = await buy(intake, market, 40)
    assert (len(before), intake.figures.mistaken) == (40, 0)
    assert intake.figures.ahead > 0

    buying = asyncio.ensure_future(buy(intake, market, 120))
    set_clock(-HOUR)
    during = await buying
    after = await buy(intake, market, 40)

    # What was decided ahead by the old clock was noticed, and decided again.
    assert (len(during), len(after)) == (120, 40)
    assert (intake.figures.mistaken >= 1, intake.figures.poisoned) == (True, 0)
    assert await expire(market.db) == set()
    assert await held(market) == 200
    again = await intake.submit(wish_again := wish(market))
    assert isinstance(again, stock.Held)
    assert await intake.submit(wish_again) == replace(again, replayed=True)
    for hold in after:
        assert abs(hold.expires_at - (datetime.now(UTC) - timedelta(seconds=HOUR - HOLD))) < timedelta(
            seconds=60
        )
    await market.assert_sound()

    # Set right again: what was granted by the wrong clock is over, once; all else stands.
    set_clock(0)
    over = {hold.id for hold in [*before, *during, *after, again] if hold.expires_at < datetime.now(UTC)}
    assert {hold.id for hold in after} | {again.id} <= over
    assert {hold.id for hold in before}.isdisjoint(over)
    assert await expire(market.db) == over
    assert await expire(market.db) == set()
    assert await held(market) == 201 - len(over)
    assert len(await buy(intake, market, 10)) == 10
    await intake.close()
    await market.assert_sound()


async def test_set_forward_past_the_time_of_all_holds(
    make_market: MakeMarket, dsn: str, set_clock: SetClock
) -> None:
    market = await make_market(100)
    intake = Intake(dsn, largest_batch=8, ahead=1)
    await intake.open()
    before = await buy(intake, market, 60)
    assert len(before) == 60

    set_clock(2 * HOUR)
    after = await buy(intake, market, 40)
    assert len(after) == 40
    assert len(await buy(intake, market, 1)) == 0

    assert await expire(market.db) == {hold.id for hold in before}
    assert await expire(market.db) == set()
    assert await held(market) == 40
    assert len(await buy(intake, market, 61)) == 60
    assert await held(market) == 100
    await intake.close()
    await market.assert_sound()


class WhileItThinks(Bank):
    """A bank during whose answer the clock jumps and the worker expires what is over."""

    def __init__(self, path: Path, market: Market, set_clock: SetClock, *, rival: bool) -> None:
        super().__init__(path)
        self._market, self._set_clock, self._rival = market, set_clock, rival

    async def start(self, attempt: Attempt) -> Charged:
        await asyncio.to_thread(self._set_clock, 2 * HOUR)
        assert len(await expire(self._market.db)) == 1
        if self._rival:
            await self._market.hold()
        return await super().start(attempt)


@pytest.mark.parametrize("rival", [False, True])
async def test_set_forward_while_the_bank_thinks(
    make_market: MakeMarket, set_clock: SetClock, tmp_path: Path, rival: bool
) -> None:
    """The hold is over when the money comes: its units are taken again, or the money is owed back."""
    market = await make_market(1)
    hold_id, shopper = await market.hold()
    bank = WhileItThinks(tmp_path / "bank", market, set_clock, rival=rival)

    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper,
        form=form(provider="bank", method="card"), providers={"bank": bank},
    )  # fmt: skip

    assert bank.taken() == [PRICE]
    assert order.charged_minor == PRICE
    if rival:
        assert (order.status, order.refund_owed_minor) == (Status.CANCELLED, PRICE)
        assert await market.hold_state(hold_id) is stock.HoldState.EXPIRED
    else:
        assert (order.status, order.refund_owed_minor) == (Status.PAID, 0)
        assert await market.hold_state(hold_id) is stock.HoldState.ALLOCATED
    assert await market.left() == 0
    await market.assert_sound()


async def elsewhere(
    dsn: str, wishes: list[dict[str, Any]], shop_id: int, pool_id: int, variant: int
) -> dict[str, Any]:
    """What the process with the wrong clock does: buy, some batches of it ahead, and send a form."""
    intake = Intake(dsn, largest_batch=4, ahead=1)
    await intake.open()
    requests = [
        stock.Request(
            UUID(each["id"]), shop_id, pool_id, UUID(each["buyer"]), (stock.Line(variant, 1),), HOLD,
            offer_id=each["offer"], show_id=each["show"], unit_prices=(PRICE,),
        )
        for each in wishes
    ]  # fmt: skip
    answers = await asyncio.gather(*[intake.submit(request) for request in requests])
    figures = intake.figures
    await intake.close()
    db = Database(dsn, 2)
    await db.open()
    async with db.transaction() as tx:
        await orders.prepare(
            tx, shop_id=shop_id, hold_id=requests[0].id, shopper=requests[0].buyer, form=form(),
        )  # fmt: skip
    await db.close()
    return {
        "clock": datetime.now(UTC).isoformat(),
        "held": sum(isinstance(answer, stock.Held) for answer in answers),
        "ahead": figures.ahead,
        "mistaken": figures.mistaken,
    }


@pytest.mark.parametrize("off", [-HOUR, HOUR])
async def test_a_process_whose_clock_is_wrong(
    make_market: MakeMarket, dsn: str, tmp_path: Path, off: int
) -> None:
    """It decides ahead, grants and prepares as the others do: every time in the books is the database's."""
    market = await make_market(40)
    wishes = [
        {"id": str(uuid4()), "buyer": str(uuid4()), "offer": market.offer_id, "show": market.show_id}
        for _ in range(20)
    ]
    clock = tmp_path / "clock"
    clock.write_text(f"{off:+d}\n")
    arguments = json.dumps([dsn, wishes, market.shop_id, market.pool_id, market.variants[0]])
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.races.test_races_clock", arguments],
        check=False, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2],
        env={**os.environ, **with_a_clock_that(clock)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])

    assert abs(
        datetime.fromisoformat(told["clock"]) - datetime.now(UTC) - timedelta(seconds=off)
    ) < timedelta(seconds=60)
    assert (told["held"], told["mistaken"]) == (20, 0)
    assert told["ahead"] > 0
    async with market.db.transaction() as tx:
        rows = await (
            await tx.connection.execute(
                "SELECT expires_at - granted_at, abs(extract(epoch FROM granted_at - clock_timestamp())) FROM stock.hold"
            )
        ).fetchall()
    assert {lasts for lasts, _ in rows} == {timedelta(seconds=HOLD)}
    assert all(ago < 60 for _, ago in rows)
    assert await expire(market.db) == set()
    assert await held(market) == 20
    await market.assert_sound()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(elsewhere(*json.loads(sys.argv[1])))))
