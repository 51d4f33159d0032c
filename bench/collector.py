"""How many events a second one process makes durable, beside a bare append of the same bytes.

Workload: events like those of a room (a heartbeat with ten filled columns, some 150 bytes), appended in batches
of 1, 10, 100 and 1,000 by one caller, and one by one by 256 callers at once.  Baseline, in the same minute and
the same directory: write() of as many bytes to one file and fdatasync() after each batch, nothing else.
Then sealing: log to Parquet with deduplication, index and manifest; bytes on disk for each event.  Medians of
three rounds.  Last line: JSON.

    python bench/collector.py [directory]        a directory on the disk you mean; default: a temporary one
"""

import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from shopfloor import collector
from shopfloor.collector import log
from shopfloor.collector.intake import parse
from shopfloor.kernel.values import new_id, now

ROUNDS = 3
EVENTS = {1: 300, 10: 3_000, 100: 20_000, 1_000: 60_000}
CALLERS = 256
SEALED = 30_000


def made(count: int) -> list[collector.Event]:
    start = now()
    viewers = [str(new_id()) for _ in range(max(count // 20, 1))]
    return [
        collector.Event(
            id=str(new_id()),
            source="shopfloor/1/room",
            type="media.ping",
            event_time=start + timedelta(milliseconds=n),
            shop_id=1,
            show_id=7,
            session_id=f"w{n % len(viewers)}",
            viewer=viewers[n % len(viewers)],
            offer_id=n // 1000 % 9 + 1,
            seconds=5.0,
        )
        for n in range(count)
    ]


def bare(directory: Path, batch: int, count: int, size: int) -> float:
    """Events a second of write() and fdatasync() alone."""
    data = os.urandom(size * batch)
    handle = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        begin = time.perf_counter()
        for _ in range(count // batch):
            os.write(handle, data)
            os.fdatasync(handle)
        return count / (time.perf_counter() - begin)
    finally:
        os.close(handle)
        (directory / "bare").unlink()


async def appended(one: collector.Collector, events: list[collector.Event], batch: int) -> float:
    begin = time.perf_counter()
    for start in range(0, len(events), batch):
        await one.append(events[start : start + batch])
    return len(events) / (time.perf_counter() - begin)


async def together(one: collector.Collector, events: list[collector.Event]) -> float:
    async def caller(mine: list[collector.Event]) -> None:
        for event in mine:
            await one.append([event])

    begin = time.perf_counter()
    await asyncio.gather(*(caller(events[n::CALLERS]) for n in range(CALLERS)))
    return len(events) / (time.perf_counter() - begin)


def parsed(count: int) -> float:
    """Events a second from JSON of a browser to checked events, without the disk."""
    body = json.dumps(
        [
            {
                "id": str(new_id()),
                "type": "add_to_cart",
                "time": "2026-11-22T20:00:03Z",
                "sentat": "2026-11-22T20:00:05Z",
                "sessionid": "s1",
                "sequence": str(n),
                "data": {"shop_id": 1, "show_id": 7, "variant_id": 9, "quantity": 1, "price_minor": 12900},
            }
            for n in range(100)
        ]
    ).encode()
    begin = time.perf_counter()
    for _ in range(count // 100):
        parse(body, received=now(), viewer="v")
    return count / (time.perf_counter() - begin)


async def measure(home: Path) -> dict[str, Any]:
    one = collector.Collector(home / "lake", "bench", seal_every=3600)
    await one.start()
    size = len(log.encode(made(1_000))) // 1_000
    figures: dict[str, Any] = {"event_bytes": size}
    for batch, count in EVENTS.items():
        figures[f"bare_{batch}"] = bare(home, batch, count, size)
        figures[f"durable_{batch}"] = await appended(one, made(count), batch)
    figures["durable_together"] = await together(one, made(20_000))
    figures["parsed"] = parsed(20_000)
    await one.seal()

    await appended(one, made(SEALED), 1_000)
    before = stored(home / "lake")
    begin = time.perf_counter()
    (sealed,) = await one.seal()
    figures["sealed"] = sealed.accepted / (time.perf_counter() - begin)
    figures["lake_bytes"] = (stored(home / "lake") - before) / sealed.accepted
    await one.close()
    figures["passed"] = all(check.passed for check in collector.audit(home / "lake"))
    return figures


def stored(lake: Path) -> int:
    return sum(path.stat().st_size for path in lake.glob("events/*/*.parquet"))


def rounds(run: Callable[[], dict[str, Any]]) -> dict[str, float]:
    every = [run() for _ in range(ROUNDS)]
    return {name: statistics.median(one[name] for one in every) for name in every[0]}


def main() -> None:
    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as home:
            return asyncio.run(measure(Path(home)))

    figures = rounds(run)
    print(
        f"Python {platform.python_version()}, pyarrow {pa.__version__}, {os.cpu_count()} cores, median of {ROUNDS}"
    )
    print(f"{'batch':>8} {'durable/s':>12} {'bare/s':>12} {'ratio':>7}")
    for batch in EVENTS:
        durable, plain = figures[f"durable_{batch}"], figures[f"bare_{batch}"]
        print(f"{batch:>8} {durable:>12,.0f} {plain:>12,.0f} {durable / plain:>7.2f}")
    print(f"one by one from {CALLERS} callers: {figures['durable_together']:,.0f} durable/s")
    print(f"checked from a browser's JSON: {figures['parsed']:,.0f}/s")
    print(f"sealed: {figures['sealed']:,.0f}/s; {figures['lake_bytes']:.1f} bytes an event in the lake")
    print(f"in the log: {figures['event_bytes']:.0f} bytes an event")
    print(
        json.dumps(
            {
                "bench": "collector",
                "durable_per_second": {str(batch): round(figures[f"durable_{batch}"]) for batch in EVENTS},
                "bare_per_second": {str(batch): round(figures[f"bare_{batch}"]) for batch in EVENTS},
                "durable_per_second_together": round(figures["durable_together"]),
                "parsed_per_second": round(figures["parsed"]),
                "sealed_per_second": round(figures["sealed"]),
                "bytes_per_event_log": round(figures["event_bytes"]),
                "bytes_per_event_lake": round(figures["lake_bytes"], 1),
                "audit_passed": bool(figures["passed"]),
            }
        )
    )


if __name__ == "__main__":
    main()
