"""From the log to the lake: counted, deduplicated, once, whatever dies on the way."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.waiting import soon

from shopfloor import collector
from shopfloor.collector import Bad, Event, index, log, manifest, sealer
from shopfloor.collector.models import SegmentId

Make = Callable[..., Awaitable[collector.Collector]]
MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def ids(directory: Path) -> list[str]:
    return sorted(collector.lake.open(directory).table(names=["id"])["id"].to_pylist())


def sound(directory: Path) -> bool:
    return all(check.passed for check in collector.audit(directory))


async def test_received_is_accepted_and_duplicate_and_bad(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append([event("a", show_id=2), event("b", show_id=1), event("a"), Bad("#3", "json", b"\xff{")])
    (first,) = await one.seal()
    await one.append([event("b"), event("c")])
    (second,) = await one.seal()

    assert (first.received, first.accepted, first.duplicate, first.bad) == (4, 2, 1, 1)
    assert (second.received, second.accepted, second.duplicate, second.bad) == (2, 1, 1, 0)
    assert ids(directory) == ["a", "b", "c"]
    assert sound(directory)
    assert log.segments(directory) == []


async def test_files_are_named_by_hour_writer_and_segment_and_sorted(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append(
        [
            event("a", show_id=2),
            event("b", show_id=1),
            event("c", show_id=2, event_time=MOMENT - timedelta(1)),
        ]
    )
    await one.seal()
    (line,) = manifest.read(directory)
    (file,) = line.events
    table = pq.ParquetFile(directory / file.path).read()

    assert file.path.endswith("/one-00000001.parquet")
    assert file.path.startswith("events/hour=20")
    assert table.schema.equals(collector.SCHEMA)
    assert table["id"].to_pylist() == ["b", "c", "a"]
    assert (file.rows, file.shows) == (3, [1, 2])


async def test_the_same_source_and_id_is_one_event_across_processes(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one, two = await make("one"), await make("two")
    await asyncio.gather(
        one.append([event("a"), event("b")]), two.append([event("a"), event("b", source="other")])
    )
    assert ids(directory) == ["a", "b", "b"]
    await two.seal()
    assert ids(directory) == ["a", "b", "b"]
    await one.seal()

    assert ids(directory) == ["a", "b", "b"]
    assert sum(line.duplicate for line in manifest.read(directory)) == 1
    assert sound(directory)


async def test_an_event_of_more_than_a_week_ago_is_a_new_one(directory: Path) -> None:
    key = index.key("s", "a")
    today = date(2026, 11, 22)
    index.claim(directory, today - timedelta(days=7), SegmentId("one", 1), [key])

    assert index.owners(directory, [key], today) == {key: "one/00000001"}
    assert index.owners(directory, [key], today + timedelta(days=1)) == {}
    # A clock that was ahead: days to come are asked as well.
    assert index.owners(directory, [key], today - timedelta(days=9)) == {key: "one/00000001"}


async def test_a_segment_is_sealed_once_by_two_sealers(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append([event(str(n)) for n in range(500)])
    await one.close(seal=False)
    results: list[list[collector.Sealed]] = []
    threads = [
        threading.Thread(target=lambda: results.append(collector.seal_everything(directory)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(len(result) for result in results) == [0, 0, 0, 1]
    assert len(manifest.read(directory)) == 1
    assert len(ids(directory)) == 500


async def test_a_sealer_leaves_the_open_segments_of_living_processes_alone(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one, two = await make("one"), await make("two")
    await one.append([event("a")])
    assert await two.seal() == []
    await one.append([event("b")])

    assert ids(directory) == ["a", "b"]


async def test_numbers_are_never_used_again(make: Make, directory: Path, event: Callable[..., Event]) -> None:
    for identity in ("a", "b", "c"):
        one = await make()
        await one.append([event(identity)])
        await one.close()

    assert [line.segment for line in manifest.read(directory)] == [1, 2, 3]
    assert ids(directory) == ["a", "b", "c"]


CRASH = """
import os, signal, sys
from pathlib import Path
from shopfloor import collector

def deadly(function):
    def call(*arguments, **named):
        global fatal
        fatal -= 1
        if fatal == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call

# Loaded once, for all children; its threads begin with the first use.
import pyarrow.parquet
os.fsync, os.replace = deadly(os.fsync), deadly(os.replace)
Path.replace, Path.unlink = deadly(Path.replace), deadly(Path.unlink)
for line in sys.stdin:
    fatal = int(line)
    child = os.fork()
    if child == 0:
        collector.seal_everything(Path(sys.argv[1]))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.mark.timeout(600)
async def test_kill_9_at_every_step_of_a_seal_loses_and_doubles_nothing(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    """Killed before each step that changes the disk or makes it durable, and so after each as well."""
    sealer_process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, str(directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sealer_process.stdin is not None
    assert sealer_process.stdout is not None
    steps, status = 0, signal.SIGKILL.value
    while status != 0:
        assert status == signal.SIGKILL
        steps += 1
        one = await make()
        await one.append([event(f"{steps}-new"), event(f"{steps - 1}-new"), Bad("#1", "json", b"?")])
        await one.close(seal=False)
        seen = ids(directory)

        sealer_process.stdin.write(f"{steps}\n".encode())
        status = int(await sealer_process.stdout.readline())
        assert ids(directory) == seen

        collector.seal_everything(directory)
        assert ids(directory) == seen == sorted(f"{n}-new" for n in range(steps + 1))
        assert sound(directory)
    sealer_process.stdin.close()
    await sealer_process.wait()
    # Log, index aside: two files made durable, renamed and their directories synced; manifest; the segment.
    assert steps > 8


async def test_a_crash_between_rename_and_manifest_leaves_a_file_nobody_reads(
    make: Make, directory: Path, event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await make()
    await one.append([event("a")])
    await one.close(seal=False)

    def crash(*_: object) -> None:
        raise OSError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "append", crash)
        with pytest.raises(OSError, match="power"):
            collector.seal_everything(directory)
    stray = next(directory.glob("events/*/*.parquet"))
    before = stray.read_bytes()
    assert collector.lake.open(directory).files == ()
    assert ids(directory) == ["a"]

    collector.seal_everything(directory)
    # Named by segment, the second attempt wrote the same bytes to the same place.
    assert stray.read_bytes() == before
    assert collector.lake.open(directory).files == (stray,)
    assert ids(directory) == ["a"]


WRITER = """
import asyncio, sys
from datetime import datetime, UTC
from pathlib import Path
from shopfloor import collector

async def main():
    one = collector.Collector(Path(sys.argv[1]), "killed", seal_every=0.05, reserve=0)
    await one.start()
    async def client(c):
        n = 0
        while True:
            ids = [f"{sys.argv[2]}-{c}-{n}-{k}" for k in range(3)]
            await one.append([collector.Event(id=i, source="shopfloor/1", type="orders.order_paid",
                                              event_time=datetime.now(UTC)) for i in ids])
            print(*ids, sep="\\n", flush=True)
            n += 1
    await asyncio.gather(*(client(c) for c in range(8)))

asyncio.run(main())
"""


def test_kill_9_of_a_writer_under_load_loses_no_acknowledged_event(directory: Path) -> None:
    chance = random.Random(5)
    acknowledged: set[str] = set()
    for life in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(life)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        timer = threading.Timer(chance.uniform(0.02, 0.3), process.kill)
        timer.start()
        output = first + process.stdout.read()
        process.wait()
        timer.cancel()
        acknowledged |= set(output.split("\n")[:-1])
    found = ids(directory)

    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    collector.seal_everything(directory)
    assert ids(directory) == found
    assert sound(directory)


async def test_a_half_written_manifest_line_is_no_line(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append([event("a")])
    await one.seal()
    with (directory / "manifest.jsonl").open("ab") as file:
        file.write(b'{"writer":"one","segm')
    assert ids(directory) == ["a"]
    await one.append([event("b")])
    await one.seal()

    assert [line.segment for line in manifest.read(directory)] == [1, 2]
    assert ids(directory) == ["a", "b"]
    assert sound(directory)


async def test_bad_events_are_kept_with_reason_and_bytes_and_can_be_replayed(
    make: Make, directory: Path, event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = json.dumps({"id": "later", "type": "share", "data": {"shop_id": 1}}).encode()
    one = await make()
    partner = "https://blog.example"
    await one.append([Bad("later", "server_only", raw, "v", partner), Bad("#1", "json", b"\xff\x00", None)])
    await one.seal()
    (line,) = manifest.read(directory)

    kept = [(bad.id, bad.reason, bad.viewer, data) for bad, data in sealer.read_bad(directory, line)]
    assert kept == [("later", "server_only", "v", raw), ("#1", "json", None, b"\xff\x00")]

    assert await one.replay() == (1, 1)
    assert await one.replay(["server_only"]) == (0, 0)
    await one.seal()
    assert ids(directory) == ["later"]
    (extra,) = collector.lake.open(directory).table(names=["extra"])["extra"].to_pylist()
    assert json.loads(extra) == {"site": partner}
    assert sound(directory)


async def test_the_index_can_be_thrown_away(make: Make, directory: Path, event: Callable[..., Event]) -> None:
    one = await make()
    await one.append([event("a"), event("b")])
    await one.close()
    for path in (directory / "index").glob("*"):
        path.unlink()
    two = await make("two")
    await two.append([event("a"), event("c")])
    await two.seal()

    assert ids(directory) == ["a", "b", "c"]
    assert collector.rebuild_index(directory) == 3
    assert sound(directory)


async def test_a_process_that_runs_full_seals_by_itself(directory: Path, event: Callable[..., Event]) -> None:
    one = collector.Collector(directory, "one", seal_every=3600, reserve=0)
    await one.start()
    await one.append([event(str(n)) for n in range(40_000)])
    lines = await soon("it seals", lambda: manifest.read(directory), every=0.05)
    await one.close()

    assert [line.accepted for line in lines] == [40_000]


def test_names_of_writers_cannot_leave_the_directory(directory: Path) -> None:
    for name in ("../up", "", "a/b", ".hidden", "x" * 65):
        with pytest.raises(ValueError, match="writer"):
            collector.Collector(directory, name)


async def test_readers_beside_sealers_see_each_event_once(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    counts: list[tuple[int, int, int]] = []
    stop = threading.Event()
    written = 0

    def read() -> None:
        while not stop.is_set():
            before = written
            found = ids(directory)
            counts.append((before, len(found), len(set(found))))

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(30):
        await one.append([event(f"{round_}-{n}") for n in range(20)])
        written += 20
        await one.append([event(f"{round_}-{n}") for n in range(20)])
        if round_ % 3 == 0:
            await one.seal()
    stop.set()
    reader.join()

    assert all(found == distinct >= before for before, found, distinct in counts)
    assert len(ids(directory)) == 600


async def test_the_audit_names_what_was_tampered_with(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    for identity in ("a", "b"):
        await one.append([event(identity)])
        await one.seal()
    first, _ = collector.lake.open(directory).files
    original = first.read_bytes()

    first.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    failed = [check for check in collector.audit(directory) if not check.passed]
    assert [check.offending for check in failed] == [(str(first.relative_to(directory)),)]
    first.write_bytes(original)
    assert sound(directory)

    path = directory / "manifest/commits/000000000000.json"
    path.write_bytes(path.read_bytes().replace(b'"sealed_at":"2', b'"sealed_at":"3', 1))
    failed = [check for check in collector.audit(directory) if not check.passed]
    assert [(check.name, check.offending) for check in failed] == [
        ("no line of the manifest was changed, moved or removed", ("one/00000002",))
    ]


async def test_a_missing_file_is_said_and_not_skipped(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    await one.append([event("a")])
    await one.seal()
    (path,) = collector.lake.open(directory).files
    path.unlink()

    with pytest.raises(collector.LakeDamaged):
        collector.lake.open(directory).table()
