"""Small files become few large ones while everybody reads and seals on; each event stays there once."""

import asyncio
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shopfloor import collector
from shopfloor.collector import Bad, Event, LakeDamaged, compaction, manifest, manifest_objects
from shopfloor.kernel.values import now

Make = Callable[..., Awaitable[collector.Collector]]
AHEAD = timedelta(hours=3)


def rows(directory: Path) -> list[dict[str, Any]]:
    found = collector.lake.open(directory).table().to_pylist()
    return sorted(found, key=lambda row: (row["source"], row["id"]))


def sound(directory: Path) -> list[str]:
    return [check.name for check in collector.audit(directory) if not check.passed]


async def filled(make: Make, event: Callable[..., Event], seals: int = 12) -> collector.Collector:
    one = await make()
    for number in range(seals):
        await one.append(
            [
                event(f"{number}-a", show_id=number % 3, seconds=float("nan") if number == 4 else number / 7),
                event(f"{number}-b", text="好 \U0001faea", extra={"n": number}),
                event("again"),
                Bad("#1", "json", b"?"),
            ]
        )
        await one.seal()
    return one


async def test_the_files_of_an_hour_become_one_with_the_same_rows(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    await filled(make, event)
    before, hours = rows(directory), {path.parent for path in collector.lake.open(directory).files}

    done = collector.compact(directory, at=now() + AHEAD)
    view = collector.lake.open(directory)

    assert (done.files_before, done.files_after, done.rows, done.deleted) == (12, len(hours), 25, 0)
    assert str(rows(directory)) == str(before)
    assert len(view.files) == len(hours)
    assert (view.as_of.seals, view.count()) == (12, 25)
    assert sorted(view.table(show_id=2, names=["id"])["id"].to_pylist()) == ["11-a", "2-a", "5-a", "8-a"]
    assert sound(directory) == []
    # Done once, there is nothing left to do.
    assert collector.compact(directory, at=now() + AHEAD).files_before == 0


async def test_hours_under_way_and_hours_with_few_files_are_left_alone(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    await filled(make, event, seals=5)

    assert collector.compact(directory, files=2).files_before == 0
    assert collector.compact(directory, files=20, at=now() + AHEAD).files_before == 0
    assert collector.compact(directory, files=2, at=now() + AHEAD).files_before == 5


async def test_what_was_replaced_is_read_for_a_day_and_then_deleted(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    await filled(make, event)
    view = collector.lake.open(directory)
    expected = view.table(names=["id"]).num_rows
    collector.compact(directory, at=now() + AHEAD)
    old = view.files

    assert collector.compact(directory, at=now() + AHEAD, grace=timedelta(hours=24)).deleted == 0
    assert view.table(names=["id"]).num_rows == expected
    assert collector.compact(directory, at=now() + timedelta(hours=25)).deleted == 12
    assert [path for path in old if path.exists()] == []
    assert len(rows(directory)) == expected
    assert sound(directory) == []
    # The lake that was opened before is not half read; it says so.
    with pytest.raises(LakeDamaged):
        view.table(names=["id"])


async def test_a_new_file_that_was_never_committed_is_deleted(
    make: Make, directory: Path, event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(make, event)

    def crash(*_: object) -> None:
        raise OSError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "append", crash)
        with pytest.raises(OSError, match="power"):
            collector.compact(directory, at=now() + AHEAD)
    (stray,) = directory.glob("events/*/compacted-*")
    assert stray not in collector.lake.open(directory).files
    # Nothing to merge this time, so nothing writes over it.
    collector.compact(directory)

    assert not stray.exists()
    assert len(rows(directory)) == 25


async def test_no_more_rows_than_asked_go_into_a_file(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    await filled(make, event)
    before = rows(directory)

    done = collector.compact(directory, rows=10, files=2, at=now() + AHEAD)

    assert done.files_after < done.files_before
    assert max(file.rows for file in manifest.load(directory).files()) <= 10
    assert str(rows(directory)) == str(before)


async def test_a_damaged_file_is_said_and_nothing_is_changed(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    await filled(make, event)
    path = collector.lake.open(directory).files[3]
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    before = manifest.load(directory).commits

    with pytest.raises(LakeDamaged, match=path.name):
        collector.compact(directory, at=now() + AHEAD)
    assert manifest.load(directory).commits == before


async def test_the_index_made_anew_after_a_compaction_knows_every_event(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await filled(make, event)
    collector.compact(directory, at=now() + AHEAD)
    assert collector.rebuild_index(directory) == 25

    await one.append([event("3-a"), event("fresh")])
    assert len(rows(directory)) == 26
    (sealed,) = await one.seal()
    assert (sealed.accepted, sealed.duplicate) == (1, 1)
    assert sound(directory) == []


async def test_readers_and_sealers_beside_compactions_see_each_event_once(
    make: Make, directory: Path, event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "FOLD", 4)
    monkeypatch.setattr(manifest, "PAGE", 16)
    one = await make()
    written = 0
    stop = threading.Event()
    counts: list[tuple[int, int, int]] = []
    failed: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            before = written
            found = [row["id"] for row in rows(directory)]
            counts.append((before, len(found), len(set(found))))

    def compact() -> None:
        while not stop.is_set():
            collector.compact(directory, files=3, rows=200, at=now() + AHEAD)

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as problem:  # noqa: BLE001 -- told by the test
                failed.append(problem)

        return run

    beside = [threading.Thread(target=guarded(work)) for work in (read, compact)]
    for thread in beside:
        thread.start()
    for number in range(60):
        await one.append([event(f"{number}-{n}") for n in range(5)])
        written += 5
        await one.seal()
        await asyncio.sleep(0)
    stop.set()
    for thread in beside:
        await asyncio.to_thread(thread.join)

    assert failed == []
    assert all(found == distinct >= before for before, found, distinct in counts)
    assert len(rows(directory)) == 300
    assert manifest.load(directory).seals == 60
    assert sound(directory) == []


KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from shopfloor import collector
from shopfloor.collector import manifest
from shopfloor.kernel.values import now

def deadly(function):
    def call(*arguments, **named):
        global fatal
        fatal -= 1
        if fatal == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call

# Loaded once, for all children; its threads begin with the first use.
import pyarrow.compute, pyarrow.parquet
os.fsync, Path.replace, Path.unlink = deadly(os.fsync), deadly(Path.replace), deadly(Path.unlink)
for wanted in sys.stdin:
    fatal = int(wanted)
    child = os.fork()
    if child == 0:
        # What is logged is no answer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        collector.compact(Path(sys.argv[1]) / str(fatal), files=2, grace=timedelta(), at=now() + timedelta(hours=3))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.mark.timeout(600)
async def test_kill_9_at_every_step_of_a_compaction_keeps_every_event_once(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(directory.parent), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    one = await make()
    for number in range(4):
        await one.append([event(f"{number}")])
        await one.seal()
    steps, status, copy = 0, signal.SIGKILL.value, directory
    while status:
        steps += 1
        copy = directory.parent / str(steps)
        shutil.copytree(directory, copy)
        process.stdin.write(f"{steps}\n".encode())
        status = int(await process.stdout.readline())
        assert status in {0, signal.SIGKILL}
        assert [row["id"] for row in rows(copy)] == ["0", "1", "2", "3"]
        # The next one finishes what was begun and leaves nothing lying about.
        collector.compact(copy, grace=timedelta(), at=now() + AHEAD, files=2)
        assert [row["id"] for row in rows(copy)] == ["0", "1", "2", "3"]
        assert manifest.verify_chain(copy) == []
        assert set(copy.glob("events/*/*.parquet")) == set(collector.lake.open(copy).files)
    assert sound(copy) == []
    process.stdin.close()
    await process.wait()
    # Files, commit and mark are each written, synced, named and synced; four files are deleted.
    assert steps > 12


def test_an_hour_is_read_from_the_name_of_its_folder() -> None:
    file = manifest_objects.SealedFile("events/hour=2026-11-22T20/one-00000001.parquet", "", 0, 0)

    assert compaction.hour_of(file).isoformat() == "2026-11-22T20:00:00+00:00"
