"""The totals of a show that runs are what the lake's figures say, at every position of the outbox."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from tests.live.goods import make_goods

from shopfloor import collector, live, live_counters
from shopfloor.collector.columns import table
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.outbox import deliver, read
from shopfloor.metrics.engine import computing
from shopfloor.metrics.loader import load
from shopfloor.wiring import consumers

FIGURES = (
    "orders_placed", "orders_paid", "buyers", "units_held", "units_paid", "gmv_placed", "gmv_paid", "gmv_net", "deposits",
)  # fmt: skip
START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
PRODUCTS = {1001: 101, 1002: 101, 1003: 102}

Counted = list[tuple[int, Sequence[collector.Event]]]


@dataclass(frozen=True)
class Sealed:
    """A lake of these events and no others."""

    events: Sequence[collector.Event]

    def table(self, *, show_id: int) -> Any:
        return table([(event.event_time, event) for event in self.events if event.show_id == show_id])


def of_the_lake(facts: Counted, shop_id: int, show_id: int) -> dict[str, int]:
    events = [event for _, of_fact in facts for event in of_fact]
    sealed = cast("collector.Lake", Sealed(events))
    loaded = load(sealed, shop_id=shop_id, show_id=show_id, at=START + timedelta(hours=2))
    with computing(loaded.tables) as engine:
        return {name: engine.values(name, "show").get((), (0, None))[0] for name in FIGURES}


def figures(totals: live_counters.Totals | None) -> dict[str, int]:
    assert totals is not None
    return {name: value for name, value in asdict(totals).items() if name in FIGURES}


class Facts:
    """Orders of three buyers that are placed, paid in parts, edited, cancelled, brought back and refunded at random."""

    def __init__(self, shop_id: int, show_id: int, seed: int) -> None:
        self.facts: Counted = []
        self._shop_id, self._show_id = shop_id, show_id
        self._random = random.Random(seed)
        self._buyers = [uuid4() for _ in range(3)]
        self._orders: list[tuple[UUID, UUID, list[dict[str, Any]]]] = []
        self.tell("live.show_planned", title="Friday")
        self.tell("live.show_started", pool_id=1, channel_id=None, host_id=None, at=0)

    def tell(self, kind: str, **body: Any) -> None:
        position = len(self.facts) + 1
        at = START + timedelta(seconds=position)
        whole = {"shop_id": self._shop_id, "show_id": self._show_id, **body}
        self.facts.append((position, collector.from_fact(kind, whole, uuid4(), self._shop_id, at)))

    def _lines(self, most: int = 3) -> list[dict[str, Any]]:
        chosen = self._random.sample(sorted(PRODUCTS), self._random.randint(1, most))
        return [self._line(variant, self._random.randint(1, 4)) for variant in chosen]

    def _line(self, variant: int, quantity: int, **more: Any) -> dict[str, Any]:
        return {
            "line_id": variant, "variant_id": variant, "product_id": PRODUCTS[variant], "offer_id": 11,
            "quantity": quantity, "unit_price_minor": 1_250, "amount_minor": 1_250 * quantity, "ready_on": None, **more,
        }  # fmt: skip

    def next(self) -> None:
        if not self._orders or self._random.random() < 0.3:
            return self._place()
        order_id, buyer, lines = self._random.choice(self._orders)
        of_order: dict[str, Any] = {
            "order_id": order_id, "number": 7, "buyer": buyer, "currency": "EUR",
            "amount_minor": sum(line["amount_minor"] for line in lines), "shipping_minor": 490,
        }  # fmt: skip
        match self._random.choice(
            ["paid", "part", "edited", "cancelled", "reinstated", "refunded", "shipping"]
        ):
            case "paid":
                self.tell("orders.order_paid", **of_order, purpose="full", paid_in_full=True, lines=lines)
            case "part":
                some = [line | {"amount_minor": line["amount_minor"] // 5} for line in lines]
                self.tell("orders.order_paid", **of_order, purpose="deposit", paid_in_full=False, lines=some)
            case "edited":
                units = self._random.choice([-1, 1, 2])
                line = self._line(
                    self._random.choice(sorted(PRODUCTS)), units, paid_minor=self._random.choice([0, 700])
                )
                full = self._random.random() < 0.5
                self.tell("orders.order_edited", **of_order, paid_in_full=full, lines=[line])
            case "cancelled":
                self.tell("orders.order_cancelled", **of_order, by="buyer", why="changed_mind", lines=lines)
            case "reinstated":
                self.tell("orders.order_reinstated", **of_order, lines=lines)
            case "refunded":
                self.tell("orders.order_refunded", **of_order, refund_id=uuid4(), lines=lines[:1])
            case _:
                self.tell(
                    "orders.order_refunded", **of_order | {"amount_minor": 490}, refund_id=uuid4(), lines=[]
                )
        return None

    def _place(self) -> None:
        buyer, order_id, lines = self._random.choice(self._buyers), uuid4(), self._lines()
        self.tell(
            "stock.holds_granted",
            pool_id=1,
            holds=[
                {"variant_id": line["variant_id"], "quantity": line["quantity"], "offer_id": 11, "ready_on": None,
                 "ids": [uuid4()], "buyers": [buyer]}
                for line in lines
            ],
        )  # fmt: skip
        goods = sum(line["amount_minor"] for line in lines)
        self.tell(
            "orders.order_placed", order_id=order_id, number=7, hold_id=uuid4(), buyer=buyer, host_id=None,
            show_ms=None, currency="EUR", goods_minor=goods, shipping_minor=490, amount_minor=goods + 490, lines=lines,
        )  # fmt: skip
        self._orders.append((order_id, buyer, lines))


async def planned(tx: Tx, shop_id: int) -> live.Show:
    return await live.plan_show(tx, shop_id=shop_id, title="Friday")


@pytest.mark.parametrize("seed", [1, 20261201])
async def test_at_every_position_the_totals_are_the_figures_of_the_lake(
    database: Database, seed: int
) -> None:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        show = await planned(tx, goods.shop_id)
    told = Facts(goods.shop_id, show.id, seed)
    while len(told.facts) < 120:
        told.next()
    chance = random.Random(seed)
    taken = 0
    while taken < len(told.facts):
        until = min(len(told.facts), taken + chance.randint(1, 20))
        async with database.transaction() as tx:
            await live_counters.count(tx, told.facts[taken:until])
        taken = until
        async with database.transaction() as tx:
            counted = await live_counters.totals(tx, shop_id=goods.shop_id, show_id=show.id)
        if taken > 2:
            assert figures(counted) == of_the_lake(told.facts[:taken], goods.shop_id, show.id)
    async with database.transaction() as tx:
        counted = await live_counters.totals(tx, shop_id=goods.shop_id, show_id=show.id)
        assert counted is not None
        assert counted.gmv_paid > counted.gmv_net > 0
        assert [each.passed for each in await live_counters.audit(tx)] == [True]
        await tx.run("UPDATE live_counters.counted_line SET charged = charged + 1 WHERE charged > 0")
        found = await live_counters.audit(tx)
    assert (found[0].passed, found[0].offending) == (False, (str(show.id),))


async def counted_in_vain(database: Database, facts: Counted) -> None:
    async with database.transaction() as tx:
        await live_counters.count(tx, facts)
        raise ZeroDivisionError


async def test_what_failed_half_way_is_counted_once(database: Database) -> None:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        show = await planned(tx, goods.shop_id)
    told = Facts(goods.shop_id, show.id, 3)
    while len(told.facts) < 30:
        told.next()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await counted_in_vain(database, told.facts)
    async with database.transaction() as tx:
        await live_counters.count(tx, told.facts)
    async with database.transaction() as tx:
        counted = await live_counters.totals(tx, shop_id=goods.shop_id, show_id=show.id)
    assert figures(counted) == of_the_lake(told.facts, goods.shop_id, show.id)


async def test_a_show_that_was_planned_before_anything_was_counted_has_no_totals(database: Database) -> None:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        show = await planned(tx, goods.shop_id)
    told = Facts(goods.shop_id, show.id, 4)
    while len(told.facts) < 30:
        told.next()
    async with database.transaction() as tx:
        await live_counters.count(tx, told.facts[1:])
        assert await live_counters.totals(tx, shop_id=goods.shop_id, show_id=show.id) is None
        assert await tx.value("SELECT count(*) FROM live_counters.counted_order") == 0


async def test_another_shop_reads_nothing(database: Database) -> None:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        show = await planned(tx, goods.shop_id)
        await live_counters.count(tx, Facts(goods.shop_id, show.id, 5).facts)
        assert await live_counters.totals(tx, shop_id=goods.shop_id, show_id=show.id) is not None
        assert await live_counters.totals(tx, shop_id=goods.shop_id + 1, show_id=show.id) is None


async def test_the_reader_of_the_lake_counts(database: Database, tmp_path: Path) -> None:
    """The position is that of the outbox, and no second reader is behind it."""
    goods = await make_goods(database)
    async with database.transaction() as tx:
        show = await planned(tx, goods.shop_id)
    lake = collector.Collector(tmp_path / "lake", "test")
    await lake.start()
    (reader,) = (each for each in consumers(lake) if each.name == "lake")
    while await deliver(database, reader):
        pass
    await lake.close(seal=False)
    async with database.transaction() as tx:
        counted = await live_counters.totals(tx, shop_id=goods.shop_id, show_id=show.id)
        (fact,) = (each for each in await read(tx, after=0, limit=500) if each.name == "live.show_planned")
    assert counted is not None
    assert (counted.position, counted.orders_placed) == (fact.position, 0)
