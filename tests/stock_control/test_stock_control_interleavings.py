"""Transfers, counts, viewers, tills that go offline and come back, returns, theft: in any order the books end as a plain
model of what is really on the shelves, but for what was stolen or found after the last count that was posted.
"""

import asyncio
import random
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from tests.stock_control.conftest import Stores
from tests.tills.conftest import Till

from shopfloor import inventory, stock_control
from shopfloor.kernel.values import now


@dataclass
class Scanned:
    """A count: where it is, and how many unexplained changes there had been there when it was scanned."""

    id: int
    place: int
    unexplained: int


@dataclass
class World:
    """`shelf`: what is really there, by place; `unexplained`: units that came or went without a word, in order."""

    stores: Stores
    dice: random.Random
    shelf: dict[int, int]
    transit: dict[int, int] = field(default_factory=dict[int, int])
    unexplained: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    known: dict[int, int] = field(default_factory=dict[int, int])
    transfers: list[stock_control.transfers.Transfer] = field(
        default_factory=list[stock_control.transfers.Transfer]
    )
    counts: list[Scanned] = field(default_factory=list[Scanned])
    sold: list[UUID] = field(default_factory=list[UUID])

    async def send(self) -> None:
        to_store = self.dice.random() < 0.6
        source = self.stores.shop.other if to_store else self.stores.shop.location_id
        units = self.dice.randint(1, 4)
        if units > self.shelf[source]:
            return
        draft = await self.stores.draft(units, to_store=to_store)
        key = uuid4()
        try:
            for _ in range(self.dice.randint(1, 2)):
                await self.stores.do("send", draft, key=key)
        except inventory.NotEnough:
            # Viewers hold them.
            return
        self.shelf[source] -= units
        self.transit[draft.id] = units
        self.transfers.append(draft)

    async def finish(self) -> None:
        under_way = [each for each in self.transfers if self.transit[each.id]]
        if not under_way:
            return
        one = self.dice.choice(under_way)
        units, key = self.dice.randint(1, self.transit[one.id]), uuid4()
        kind = self.dice.choice(["receive", "receive", "receive", "lost", "damaged", "miscounted"])
        for _ in range(self.dice.randint(1, 2)):
            if kind == "receive":
                await self.stores.do("receive", one, key=key, units={self.stores.tea: units})
            else:
                reason = stock_control.Difference(kind)
                await self.stores.do("explain", one, key=key, reason=reason, units={self.stores.tea: units})
        self.transit[one.id] -= units
        if kind == "receive":
            self.shelf[one.target_id] += units
        if kind == "miscounted":
            self.shelf[one.source_id] += units

    def steal(self) -> None:
        place = self.dice.choice(list(self.shelf))
        by = self.dice.choice([-1, 1])
        self.shelf[place] += by
        self.unexplained.setdefault(place, []).append(by)

    async def count(self) -> None:
        place = self.dice.choice(list(self.shelf))
        made = Scanned(await self.stores.count(place), place, len(self.unexplained.get(place, [])))
        await self.stores.scan(made.id, self.shelf[place], verb=self.dice.choice(["scan", "enter"]))
        self.counts.append(made)

    async def post(self) -> None:
        if not self.counts:
            return
        one = self.counts.pop(self.dice.randrange(len(self.counts)))
        await self.stores.post(one.id)
        self.known[one.place] = max(self.known.get(one.place, 0), one.unexplained)

    def books(self, place: int) -> int:
        """What the books must say once everything has been heard of."""
        return self.shelf[place] - sum(self.unexplained.get(place, [])[self.known.get(place, 0) :])


async def tick() -> None:
    """Facts of tills have milliseconds: what is done one after the other is not in one of them."""
    before = int(now().timestamp() * 1000)
    while int(now().timestamp() * 1000) == before:
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(4))
async def test_any_interleaving_ends_with_what_is_on_the_shelves(stores: Stores, seed: int) -> None:
    shop = stores.shop
    for location in (shop.location_id, shop.other):
        await shop.receive(60, location=location)
    world = World(stores, random.Random(seed), {shop.location_id: 80, shop.other: 80})
    both: list[Till] = [await shop.till("One"), await shop.till("Two")]
    shift = both[0].open_shift()
    both[1].shift = shift
    sent = [0, 0]
    for _ in range(55):
        await tick()
        number = world.dice.randrange(2)
        till = both[number]
        match world.dice.choice(
            [
                "transfer",
                "finish",
                "finish",
                "sell",
                "sell",
                "back",
                "sync",
                "hold",
                "steal",
                "count",
                "count",
                "post",
            ]
        ):
            case "transfer":
                await world.send()
            case "finish":
                await world.finish()
            case "sell":
                units = world.dice.randint(1, 2)
                world.sold.append(till.sell(units))
                world.shelf[shop.location_id] -= units
            case "back":
                arrived = [each for each in world.sold if await _has_arrived(stores, each)]
                if arrived:
                    order = world.dice.choice(arrived)
                    world.sold.remove(order)
                    till.take_back(order)
                    world.shelf[shop.location_id] += 1
            case "sync":
                await till.send(till.facts[: world.dice.randint(sent[number], len(till.facts))])
                sent[number] = till.device.last_sequence
            case "hold":
                await shop.hold(1)
            case "steal":
                world.steal()
            case "count":
                await world.count()
            case _:
                await world.post()
    for till in both:
        await till.send()
    while world.counts:
        await world.post()
    for place in world.shelf:
        async with stores.db.transaction() as tx:
            books = await inventory.Shelf(shop.shop_id, place).counted(tx, variant_ids=[stores.tea])
        assert books[stores.tea] == world.books(place), place
    total = await shop.value("SELECT sum(units)::int FROM (SELECT quantity AS units FROM stock.level l JOIN stock.pool p ON p.id = l.pool_id WHERE purpose = 'transit') AS t")  # fmt: skip
    assert (total or 0) == sum(world.transit.values())
    await stores.assert_sound()


async def _has_arrived(stores: Stores, order: UUID) -> bool:
    return bool(
        await stores.shop.value(
            "SELECT count(*) FROM orders.orders WHERE id = %(id)s AND status <> 'returned'", id=order
        )
    )
