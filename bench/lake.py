"""What a seal costs in a lake of 10, 1,000, 100,000 and 1,000,000 seals, beside Delta Lake with as many files.

For each size a lake of the first release is written with so many synthetic lines, and converted by opening it.
Then one process appends and seals 192 times (three checkpoints), 50 events each, into all of them by turns, and says
what a seal took, how long a reader needs to open the lake and read one show, and the most memory it held.  Baseline,
in the same minute and directory: the same rows as one Parquet file, written and synced, nothing else.

With `deltalake` (PyPI) on the path the same is asked of a Delta table whose checkpoint names as many files: the
same rows appended with an application transaction, the table opened anew each time as a worker that was idle does
(`kept`: one handle brought up to date).  It does not sync: see docs/decisions/0801.

    python bench/lake.py [largest size] [directory]

The last line is JSON.
"""

import asyncio
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SIZES = (10, 1_000, 100_000, 1_000_000)
SEALS = 192
EVENTS = 50
DELTA_COMMITS = 10
WRITERS = 200
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def first_release(home: Path, seals: int) -> None:
    """The manifest of a lake of the first release; the files it names are not there, and nobody asks for them."""
    home.mkdir(parents=True)
    previous = ""
    digest = hashlib.sha256(b"file").hexdigest()
    with (home / "manifest.jsonl").open("wb") as file:
        for number in range(seals):
            at = MOMENT + timedelta(seconds=10 * number)
            writer, segment = f"worker-shop-{number % WRITERS}", number // WRITERS + 1
            line = json.dumps(
                {
                    "writer": writer, "segment": segment, "sealed_at": at.isoformat(), "log_bytes": 9_000, "torn_bytes": 0,
                    "received": 50, "accepted": 50, "duplicate": 0, "bad": 0,
                    "events": [
                        {
                            "path": f"events/hour={at:%Y-%m-%dT%H}/{writer}-{segment:08d}.parquet", "sha256": digest,
                            "bytes": 7_000, "rows": 50, "first": at.isoformat(), "last": at.isoformat(),
                            "shows": [number // 720 + 1],
                        }
                    ],
                    "bad_files": [], "previous": previous,
                },
                separators=(",", ":"),
            ).encode()  # fmt: skip
            file.write(line + b"\n")
            previous = hashlib.sha256(line).hexdigest()


def peak() -> float:
    """The most memory this process ever held, in MB."""
    line = next(
        each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


async def own(homes: list[Path]) -> list[dict[str, Any]]:
    """Seals into all these lakes by turns, so that what else the machine does falls on all of them."""
    from shopfloor import collector
    from shopfloor.collector import manifest

    found: list[dict[str, Any]] = []
    writers: list[collector.Collector] = []
    for home in homes:
        begin = time.perf_counter()
        with manifest.sealing(home):
            pass
        found.append({"convert_s": time.perf_counter() - begin})
        writers.append(collector.Collector(home, "bench", seal_every=3600, reserve=0))
        await writers[-1].start()
    times: list[list[float]] = [[] for _ in homes]
    for number in range(SEALS + 1):
        for one, took in zip(writers, times, strict=True):
            at = datetime.now(UTC)
            await one.append(
                [
                    collector.Event(
                        id=f"{number}-{n}", source="shopfloor/1", type="media.ping", event_time=at,
                        show_id=10**9, viewer=f"v{n}", seconds=5.0,
                    )
                    for n in range(EVENTS)
                ]
            )  # fmt: skip
            begin = time.perf_counter()
            await one.seal()
            # The first loads the library that writes Parquet.
            if number:
                took.append(time.perf_counter() - begin)
    held = peak()
    for home, one, took, figures in zip(homes, writers, times, found, strict=True):
        collector.lake.open(home).table(show_id=10**9)
        begin = time.perf_counter()
        rows = collector.lake.open(home).table(show_id=10**9).num_rows
        read = time.perf_counter() - begin
        assert rows == (SEALS + 1) * EVENTS, rows
        await one.close()
        figures |= {
            "seal_ms": statistics.median(took) * 1e3, "seal_mean_ms": statistics.mean(took) * 1e3,
            "seal_worst_ms": max(took) * 1e3, "read_show_ms": read * 1e3, "mb": held, "bare_ms": bare(home),
        }  # fmt: skip
    return found


def bare(home: Path) -> float:
    """The same rows as one Parquet file, written and synced."""
    from shopfloor import collector
    from shopfloor.collector import columns, sealer

    at = datetime.now(UTC)
    times: list[float] = []
    for number in range(40):
        events = [
            (at, collector.Event(id=f"{number}-{n}", source="shopfloor/1", type="media.ping", event_time=at, show_id=7, viewer=f"v{n}", seconds=5.0))
            for n in range(EVENTS)
        ]  # fmt: skip
        begin = time.perf_counter()
        table = columns.table(events)
        sink = sealer.pa.BufferOutputStream()
        sealer.pq.write_table(table, sink, compression="zstd")
        with (home / "bare").open("wb") as file:
            file.write(sink.getvalue())
            file.flush()
            os.fsync(file.fileno())
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3


def delta(home: Path, files: int) -> None:
    """A Delta table whose log names so many files, and a checkpoint of it."""
    import pyarrow as pa

    lib: Any = importlib.import_module("deltalake")
    home.mkdir(parents=True)
    lib.write_deltalake(str(home), rows_of(pa, 0))
    log = home / "_delta_log"
    actions = [json.loads(line) for line in (log / f"{0:020d}.json").read_text().splitlines()]
    add = next(action["add"] for action in actions if "add" in action)
    with (log / f"{1:020d}.json").open("w") as file:
        for number in range(files):
            file.write(json.dumps({"add": {**add, "path": f"worker-{number:08d}.parquet"}}) + "\n")
        file.write(json.dumps({"commitInfo": {"timestamp": 0, "operation": "WRITE"}}) + "\n")
    lib.DeltaTable(str(home)).create_checkpoint()


def rows_of(pa: Any, number: int) -> Any:
    return pa.table(
        {
            "id": [f"{number}-{n}" for n in range(EVENTS)], "source": ["shopfloor/1"] * EVENTS,
            "type": ["media.ping"] * EVENTS, "event_time": pa.array([datetime.now(UTC)] * EVENTS, pa.timestamp("us", "UTC")),
            "show_id": pa.array([10**9] * EVENTS, pa.int64()), "viewer": [f"v{n}" for n in range(EVENTS)],
            "seconds": [5.0] * EVENTS,
        }
    )  # fmt: skip


def foreign(home: Path) -> dict[str, Any]:
    import pyarrow as pa

    lib: Any = importlib.import_module("deltalake")

    # The first write of a process sets its engine up, whatever the size.
    with tempfile.TemporaryDirectory() as elsewhere:
        lib.write_deltalake(elsewhere, rows_of(pa, 0))
    anew: list[float] = []
    kept: list[float] = []
    table = lib.DeltaTable(str(home))
    for number in range(2 * DELTA_COMMITS):
        once = lib.CommitProperties(app_transactions=[lib.Transaction("bench", number)])
        begin = time.perf_counter()
        if number < DELTA_COMMITS:
            opened = lib.DeltaTable(str(home))
            opened.transaction_version("bench")
            lib.write_deltalake(opened, rows_of(pa, number), mode="append", commit_properties=once)
            anew.append(time.perf_counter() - begin)
        else:
            table.update_incremental()
            lib.write_deltalake(table, rows_of(pa, number), mode="append", commit_properties=once)
            kept.append(time.perf_counter() - begin)
    return {
        "commit_ms": statistics.median(anew) * 1e3,
        "kept_ms": statistics.median(kept) * 1e3,
        "mb": peak(),
    }


def asked(what: str, *homes: Path) -> Any:
    said = subprocess.run(
        [sys.executable, __file__, what, *map(str, homes)], check=True, capture_output=True, text=True
    )
    return json.loads(said.stdout.splitlines()[-1])


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] in {"own", "delta"}:
        homes = [Path(each) for each in sys.argv[2:]]
        print(json.dumps(asyncio.run(own(homes)) if sys.argv[1] == "own" else foreign(homes[0])))
        return
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    sizes = [each for each in SIZES if each <= largest]
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as place:
        homes = [Path(place) / str(size) for size in sizes]
        for size, home in zip(sizes, homes, strict=True):
            first_release(home, size)
        for size, found in zip(sizes, asked("own", *homes), strict=True):
            figures[str(size)] = {"own": found, "delta": {}}
        if importlib.util.find_spec("deltalake") is not None:
            for size in sizes:
                delta(Path(place) / "delta" / str(size), size)
                figures[str(size)]["delta"] = asked("delta", Path(place) / "delta" / str(size))
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores; ms a seal (median of {SEALS}), MB at most"
    )
    print(f"{'seals':>10} {'seal':>7} {'mean':>7} {'worst':>7} {'bare':>7} {'read':>7} {'convert':>9} {'MB':>5}   {'delta':>9} {'kept':>9} {'MB':>6}")  # fmt: skip
    for size in sizes:
        found, other = figures[str(size)]["own"], figures[str(size)]["delta"]
        line = f"{size:>10,} {found['seal_ms']:>7.1f} {found['seal_mean_ms']:>7.1f} {found['seal_worst_ms']:>7.1f} {found['bare_ms']:>7.1f} {found['read_show_ms']:>7.1f} {found['convert_s']:>8.2f}s {found['mb']:>5.0f}"  # fmt: skip
        if other:
            line += f"   {other['commit_ms']:>9.1f} {other['kept_ms']:>9.1f} {other['mb']:>6.0f}"
        print(line)
    smallest, biggest = (figures[str(size)]["own"] for size in (sizes[0], sizes[-1]))
    print(
        json.dumps(
            {
                "bench": "lake",
                "sizes": {
                    size: {which: {name: round(value, 2) for name, value in found.items()} for which, found in both.items()}
                    for size, both in figures.items()
                },
                "seal_at_largest_to_smallest": round(biggest["seal_ms"] / smallest["seal_ms"], 2),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
