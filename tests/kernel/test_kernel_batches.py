"""Questions that come while others are worked off are answered together."""

import asyncio
from collections.abc import Sequence

import pytest

from shopfloor.kernel.batches import Batches


class Desk:
    """Doubles numbers, when it is let; remembers what came together."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[int]]] = []
        self.open = asyncio.Event()

    async def work(self, key: str, numbers: Sequence[int]) -> list[int]:
        self.seen.append((key, list(numbers)))
        await self.open.wait()
        if 13 in numbers:
            raise ValueError("thirteen")
        return [2 * number for number in numbers]


async def test_who_comes_meanwhile_is_answered_together_and_keys_do_not_wait_for_each_other() -> None:
    desk = Desk()
    batches: Batches[str, int, int] = Batches(desk.work, most=3)
    first = asyncio.create_task(batches.ask("a", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(batches.ask("a", number)) for number in (2, 3, 4, 5)]
    elsewhere = asyncio.create_task(batches.ask("b", 6))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert desk.seen == [("a", [1]), ("b", [6])]
    desk.open.set()
    assert await asyncio.gather(first, *others, elsewhere) == [2, 4, 6, 8, 10, 12]
    assert desk.seen == [("a", [1]), ("b", [6]), ("a", [2, 3, 4]), ("a", [5])]


async def test_a_batch_that_fails_fails_for_all_in_it_and_for_nobody_behind() -> None:
    desk = Desk()
    batches: Batches[str, int, int] = Batches(desk.work, most=2)
    asked = [asyncio.create_task(batches.ask("a", number)) for number in (13, 1, 2)]
    desk.open.set()

    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [str(each) for each in answers] == ["thirteen", "thirteen", "4"]
    assert await batches.ask("a", 7) == 14


async def test_who_goes_away_takes_no_other_along() -> None:
    desk = Desk()
    batches: Batches[str, int, int] = Batches(desk.work, most=8)
    gone, stays = asyncio.create_task(batches.ask("a", 1)), asyncio.create_task(batches.ask("a", 2))
    await asyncio.sleep(0)
    gone.cancel()
    desk.open.set()

    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
