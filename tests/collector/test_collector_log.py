"""Acknowledge when durable, and never before."""

import asyncio
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shopfloor import collector
from shopfloor.collector import Bad, Event, log
from shopfloor.kernel.values import now

Make = Callable[..., Awaitable[collector.Collector]]


def ids(directory: Path) -> list[str]:
    return sorted(collector.lake.open(directory).table(names=["id"])["id"].to_pylist())


async def test_what_was_answered_is_on_the_disk(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()

    results = await one.append([event("a"), event("b"), event("a"), Bad("c", "type", b"{}")])

    assert [(result.id, result.outcome) for result in results] == [
        ("a", "ok"),
        ("b", "ok"),
        ("a", "dup"),
        ("c", "bad:type"),
    ]
    assert ids(directory) == ["a", "b"]


async def test_nothing_is_answered_before_the_sync(make: Make, event: Callable[..., Event]) -> None:
    order: list[str] = []

    def sync(handle: int) -> None:
        os.fdatasync(handle)
        order.append("sync")

    one = await make(sync=sync)
    await one.append([event("a")])
    order.append("answer")

    assert order == ["sync", "answer"]


async def test_many_callers_share_a_commit(make: Make, directory: Path, event: Callable[..., Event]) -> None:
    one = await make()

    await asyncio.gather(*(one.append([event(f"e{n:03}")]) for n in range(200)))

    assert len(ids(directory)) == 200
    assert one.counters.commits < 20


async def test_one_sync_error_poisons_the_segment(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    failures = iter([None, OSError(errno.EIO, "I/O error"), None, None])

    def sync(handle: int) -> None:
        problem = next(failures)
        if problem is not None:
            raise problem
        os.fdatasync(handle)

    one = await make(sync=sync)
    await one.append([event("a")])
    with pytest.raises(collector.NotDurable) as refusal:
        await one.append([event("b")])
    await one.append([event("c")])

    assert (refusal.value.status, refusal.value.code) == (503, "collector.not_durable")
    assert [segment.number for segment, _ in log.segments(directory)] == [1, 2]
    # The caller of b was told to send it again, and does: it is there once.
    (result,) = await one.append([event("b")])
    await one.seal()
    assert result.outcome == "ok"
    assert ids(directory) == ["a", "b", "c"]


async def test_a_cancelled_caller_does_not_undo_the_append(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    task = asyncio.create_task(one.append([event("a")]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await one.append([event("b")])

    assert ids(directory) == ["a", "b"]


async def test_a_closed_collector_refuses(make: Make, event: Callable[..., Event]) -> None:
    one = await make()
    await one.close()

    with pytest.raises(collector.Closing):
        await one.append([event("a")])


async def test_close_keeps_what_was_taken(make: Make, directory: Path, event: Callable[..., Event]) -> None:
    one = await make()
    waiting = [asyncio.create_task(one.append([event(str(n))])) for n in range(50)]
    await asyncio.sleep(0)
    await one.close()

    assert all(result.outcome == "ok" for results in await asyncio.gather(*waiting) for result in results)
    assert len(collector.lake.open(directory).files) == 1
    assert len(ids(directory)) == 50


async def test_two_processes_never_share_a_name(make: Make) -> None:
    await make("one")

    with pytest.raises(collector.WriterTaken):
        await make("one")
    await make("two")


async def test_a_time_without_zone_is_a_bug_of_the_caller(make: Make, event: Callable[..., Event]) -> None:
    one = await make()

    with pytest.raises(ValueError, match="time zone"):
        await one.append([event("a", event_time=now().replace(tzinfo=None))])


@pytest.mark.parametrize("cut", range(1, 40, 3))
async def test_a_torn_last_record_is_dropped_and_the_rest_kept(
    make: Make, directory: Path, event: Callable[..., Event], cut: int
) -> None:
    one = await make()
    await one.append([event("a")])
    await one.append([event("b")])
    await one.close(seal=False)
    ((_, path),) = log.segments(directory)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])

    two = await make("two")
    (sealed,) = await two.seal()

    assert ids(directory) == ["a"]
    assert (sealed.received, sealed.accepted) == (1, 1)
    assert sealed.torn_bytes > 0


async def test_a_flipped_bit_is_not_read_as_an_event(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append([event("a")])
    await one.close(seal=False)
    ((_, path),) = log.segments(directory)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))

    assert ids(directory) == []
    assert log.read(path).torn == bytes(data[8:])


async def test_zeros_at_the_end_are_no_events(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append([event("a")])
    ((_, path),) = log.segments(directory)
    with path.open("ab") as file:
        file.write(bytes(4096))

    assert ids(directory) == ["a"]


FULL_DISK = """
import asyncio, sys
from datetime import datetime, UTC
from pathlib import Path
from shopfloor import collector

async def main():
    one = collector.Collector(Path(sys.argv[1]), "full", seal_every=3600, reserve=0)
    await one.start()
    taken = refused = 0
    for n in range(40):
        event = collector.Event(id=str(n), source="shopfloor/1", type="orders.order_paid",
                                event_time=datetime.now(UTC), text="x" * (3000 if n % 2 else 30))
        try:
            await one.append([event])
        except collector.NotDurable as refusal:
            refused += 1
        else:
            taken += 1
            print("ack", n)
    assert refused > 0 and taken > 0, (taken, refused)
    await one.close(seal=False)

asyncio.run(main())
"""


def test_a_write_that_the_system_refuses_is_told_and_the_rest_survives(directory: Path) -> None:
    """A file size limit stands for a full disk: the write is cut short, then fails."""
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(directory)],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    acknowledged = sorted(line[4:] for line in ran.stdout.splitlines() if line.startswith("ack "))
    collector.seal_everything(directory)

    assert ids(directory) == acknowledged
    assert all(check.passed for check in collector.audit(directory))


async def test_when_the_disk_fills_classes_are_given_up_in_order_and_facts_never(
    make: Make, event: Callable[..., Event]
) -> None:
    space = 10_000
    one = await make(free=lambda _: space, reserve=1_000)
    sent = [
        event("fact"),
        event("beat", source="browser/v", type="media.ping"),
        event("media", source="browser/v", type="media.play"),
        event("page", source="browser/v", type="page_view"),
        event("click", source="browser/v", type="add_to_cart"),
    ]
    kept: list[list[str]] = []
    for space in (4_000, 3_999, 3_250, 3_249, 2_500, 2_499, 1_750, 1_749, 0):  # noqa: B007 -- read by `free`
        one.measure_disk()
        results = await one.append(sent)
        kept.append([result.id for result in results if result.outcome != "shed"])

    every = [one.id for one in sent]
    assert kept == [
        every,
        ["fact", "media", "page", "click"],
        ["fact", "media", "page", "click"],
        ["fact", "page", "click"],
        ["fact", "page", "click"],
        ["fact", "click"],
        ["fact", "click"],
        ["fact"],
        ["fact"],
    ]
