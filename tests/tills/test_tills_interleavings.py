"""Two tills that go offline and come back, viewers who hold units, deliveries and returns, in any order: the books are
those of a plain model, nothing is lost and nothing counts twice.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from tests.tills.conftest import PRICE, Store, Till

from shopfloor import stock, tills

FLOAT = 100_000


@dataclass
class Model:
    """What is on the shelf, what was taken, and what is left of each sale; `promised` are units that viewers hold."""

    shelf: int
    promised: int = 0
    taken: int = 0
    sold: dict[UUID, int] = field(default_factory=dict[UUID, int])
    tasks: Counter[str] = field(default_factory=Counter[str])

    def apply(self, fact: dict[str, Any]) -> None:
        body = fact["body"]
        if fact["kind"] == "sale":
            units = sum(line["quantity"] for line in body["lines"])
            self.sold[UUID(body["id"])] = units
            self.taken += body["total"]
            free = max(0, self.shelf - self.promised)
            if min(units, self.shelf) > free:
                self.tasks["shortfall"] += 1
            if units > self.shelf:
                self.tasks["beyond_books"] += 1
            self.shelf = max(0, self.shelf - units)
        if fact["kind"] == "return":
            sale = UUID(body["of"]["order"])
            units = body["lines"][0]["quantity"]
            self.taken -= body["refund"][0]["amount"]
            if units > self.sold[sale]:
                self.tasks["returned_twice"] += 1
                self.tasks["refund_beyond"] += 1
            self.sold[sale] = max(0, self.sold[sale] - units)
            self.shelf += units


@pytest.mark.parametrize("seed", range(4))
async def test_any_interleaving_ends_as_the_model_does(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    model = Model(10)
    both = [await store.till("One"), await store.till("Two")]
    shift = both[0].open_shift(FLOAT)
    both[1].shift = shift
    arrived = [0, 0]
    sales: list[UUID] = []

    async def send(number: int) -> None:
        """As far as the journal goes, or cut somewhere, with some of what was sent before."""
        till = both[number]
        end = dice.randint(arrived[number], len(till.facts))
        begin = dice.randint(0, arrived[number])
        for fact in till.facts[arrived[number] : end]:
            model.apply(fact)
        assert (await till.send(till.facts[begin:end])).taken_to == end
        arrived[number] = end

    for _ in range(45):
        number = dice.randrange(2)
        till: Till = both[number]
        match dice.choice(["sell", "sell", "back", "send", "send", "hold", "receive"]):
            case "sell":
                sales.append(till.sell(*(dice.randint(1, 2) for _ in range(dice.randint(1, 2)))))
            case "back":
                # Of what has arrived: a till without a network takes back what is in its snapshot.
                if model.sold:
                    till.take_back(dice.choice(list(model.sold)))
            case "send":
                await send(number)
            case "hold":
                wanted = dice.randint(1, 2)
                granted = isinstance(await store.hold(wanted), stock.Held)
                assert granted == (model.promised + wanted <= model.shelf)
                model.promised += wanted if granted else 0
            case _:
                units = dice.randint(1, 3)
                await store.receive(units)
                model.shelf += units
        assert await store.here() == model.shelf
    both[0].close_shift(None)
    for number in (1, 0):
        for fact in both[number].facts[arrived[number] :]:
            model.apply(fact)
        await both[number].send()

    assert await store.here() == model.shelf
    assert await store.value("SELECT count(*) FROM orders.orders") == len(sales)
    assert await store.value("SELECT (z ->> 'drawer')::bigint FROM tills.shift") == FLOAT + model.taken
    assert Counter(await store.tasks()) == model.tasks
    assert await store.value("SELECT sum(charged_minor - refunded_minor) FROM orders.orders") == PRICE * sum(
        model.sold.values()
    )
    await store.assert_sound()


async def test_a_journal_sent_by_two_tabs_at_once_counts_once(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    for _ in range(5):
        till.sell(1)
    read = tills.reading.facts_of({"facts": till.facts})
    await asyncio.gather(*(tills.journal.take(store.db, till.device, read, told_at=None) for _ in range(3)))
    assert await store.here() == 5
    assert await store.value("SELECT count(*) FROM orders.orders") == 5
    assert await store.tasks() == []
    await store.assert_sound()


async def test_of_two_stores_one_takes_the_last_unit_back(store: Store) -> None:
    """One lock per order: both give money, one of them finds the unit returned."""
    first, second = await store.till("One"), await store.till("Two")
    first.open_shift()
    second.shift = first.shift
    sale = first.sell(1)
    await first.send()
    first.take_back(sale)
    second.take_back(sale)
    done = await asyncio.gather(first.send(), second.send())
    assert sorted(each.code for taken in done for each in taken.tasks) == ["refund_beyond", "returned_twice"]
    assert (await store.order(sale)).order.refunded_minor == PRICE
    await store.assert_sound()
