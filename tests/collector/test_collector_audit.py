"""The audit finds what is missing and what is there twice, and never has more than a part of it in memory."""

import tracemalloc
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shopfloor import collector
from shopfloor.collector import Event, facts
from shopfloor.collector.spill import FactIds, Spill
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.values import new_id

Make = Callable[..., Awaitable[collector.Collector]]
FACTS = 20_000
COMPLETE = "every outbox fact is in the lake exactly once"
ONCE = "no event is in the lake twice"


def check(directory: Path, ids: Iterable[UUID], name: str) -> Invariant:
    return next(each for each in collector.audit(directory, ids) if each.name == name)


async def test_a_missing_a_doubled_a_half_and_an_unknown_fact_are_found_among_many(
    make: Make, directory: Path, event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [new_id() for _ in range(FACTS)]
    missing, half, unknown = new_id(), new_id(), new_id()
    one = await make()
    for start in range(0, FACTS, 1_000):
        await one.append([event(str(each)) for each in ids[start : start + 1_000]])
    await one.append([event(f"{half}:0/2"), event(str(unknown)), event(f"{unknown}:0/1")])
    await one.seal()
    # Without the index the second copy is not known for one.
    for path in (directory / "index").glob("*"):
        path.unlink()
    await one.append([event(str(ids[7_000]))])
    await one.seal()

    most: list[int] = []

    def counted(wanted: Iterable[UUID], there: Iterable[str], *, since: datetime | None) -> Invariant:
        both = list(wanted), list(there)
        most.append(max(map(len, both)))
        return compare(*both, since=since)

    compare = facts.compare
    monkeypatch.setattr(facts, "compare", counted)
    with FactIds(directory) as stored:
        stored.add([*ids, missing, half])
        assert len(stored) == FACTS + 2
        found = check(directory, stored, COMPLETE)

    assert found.figures == {
        "facts": FACTS + 2, "missing": 1, "incomplete_or_repeated": 2, "without_a_fact": 1,
    }  # fmt: skip
    assert set(found.offending) == {str(each) for each in (missing, half, ids[7_000], unknown)}
    # A 256th of them at a time.
    assert max(most) < FACTS / 128
    twice = check(directory, ids, ONCE)
    assert (twice.passed, twice.figures["repeated"]) == (False, 1)
    assert twice.offending == (f"shopfloor/1 {ids[7_000]}",)


async def test_all_facts_once_pass(make: Make, directory: Path, event: Callable[..., Event]) -> None:
    ids = [new_id() for _ in range(500)]
    one = await make()
    await one.append([event(f"{each}:{n}/2") for each in ids for n in range(2)])
    await one.seal()

    found = check(directory, iter(ids), COMPLETE)
    assert (found.passed, found.figures["facts"], found.offending) == (True, 500, ())


def test_the_memory_of_many_ids_is_that_of_a_part_of_them(tmp_path: Path) -> None:
    count = 200_000

    def ids() -> Iterable[UUID]:
        return (UUID(int=n) for n in range(count))

    tracemalloc.start()
    try:
        with FactIds(tmp_path) as stored, Spill(tmp_path) as spill:
            stored.add(ids())
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for each in stored:
                spill.add(each.bytes, each.bytes)
            seen = sum(len(part) for part in spill.parts())
            peak = tracemalloc.get_traced_memory()[1] - before
            tracemalloc.reset_peak()
            at_once: list[Any] = list(ids())
            everything = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    assert seen == count == len(at_once)
    assert peak < everything / 4


def test_rows_of_a_key_are_in_one_part_in_the_order_they_came(tmp_path: Path) -> None:
    with Spill(tmp_path) as spill:
        for n in range(5_000):
            spill.add(b"%d" % (n % 50), b"%d:%d" % (n % 50, n))
        parts = [part for part in spill.parts() if part]
        again = [part for part in spill.parts() if part]

    assert again == parts
    homes: dict[bytes, int] = {}
    for number, part in enumerate(parts):
        last: dict[bytes, int] = {}
        for row in part:
            key, _, n = row.partition(b":")
            assert homes.setdefault(key, number) == number
            assert int(n) > last.get(key, -1)
            last[key] = int(n)
    assert sum(map(len, parts)) == 5_000
    assert list(tmp_path.iterdir()) == []
