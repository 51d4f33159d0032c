"""The manifest: every commit once and in order, at a cost that does not grow, whoever dies or writes beside it."""

import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from shopfloor import collector
from shopfloor.collector import Event, compaction, log, manifest, manifest_objects
from shopfloor.collector.manifest_objects import Line, SealedFile
from shopfloor.collector.models import LakeDamaged, SegmentId
from shopfloor.kernel import storage

Make = Callable[..., Awaitable[collector.Collector]]
MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def line(number: int, *, writer: str = "one", show: int | None = None) -> Line:
    file = SealedFile(f"events/hour=2026-11-22T20/{writer}-{number:08d}.parquet", "ab" * 32, 100, 3, MOMENT, MOMENT, [show or number // 10])  # fmt: skip
    return Line(writer, number, MOMENT, 10, 0, 4, 3, 1, 0, [file], [], "")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints and pages often, so that a test has many of them."""
    monkeypatch.setattr(manifest, "FOLD", 4)
    monkeypatch.setattr(manifest, "PAGE", 16)


class Counting(storage.Directory):
    """A directory that counts what is asked of it."""

    asked: list[tuple[str, int]]

    def get(self, name: str, start: int = 0, length: int = -1) -> bytes:
        data = super().get(name, start, length)
        self.asked.append((name.rpartition("/")[0], len(data)))
        return data


@pytest.mark.usefixtures("small")
def test_every_commit_is_there_once_in_order_and_follows_from_the_one_before(directory: Path) -> None:
    chance = random.Random(3)
    wanted: list[str] = []
    numbers = {"one": 0, "two": 0, "three": 0}
    for _ in range(150):
        writer = chance.choice(sorted(numbers))
        # Gaps: the number of a log that took nothing is not used again.
        numbers[writer] += chance.choice((1, 1, 1, 2))
        manifest.append(directory, line(numbers[writer], writer=writer))
        wanted.append(f"{writer}/{numbers[writer]:08d}")
    snapshot = manifest.load(directory)

    assert [str(each.id) for each in manifest.read(directory)] == wanted
    assert (snapshot.commits, snapshot.seals, snapshot.accepted) == (150, 150, 450)
    assert {writer: snapshot.last_number(writer) for writer in (*numbers, "new")} == {**numbers, "new": 0}
    for writer, last in numbers.items():
        for number in range(1, last + 2):
            segment = SegmentId(writer, number)
            assert snapshot.is_sealed(segment) == (str(segment) in wanted)
    assert manifest.verify_chain(directory) == []
    # What checkpoints replaced is gone: two checkpoints, the last commits, and each page once or twice.
    store = storage.of(directory)
    assert len(store.names(manifest_objects.CHECKPOINTS)) == 2
    assert len(store.names(manifest_objects.COMMITS)) <= 2 * manifest.FOLD
    assert len(store.names(manifest_objects.PAGES)) <= 150 // manifest.PAGE + 2


@pytest.mark.usefixtures("small")
def test_only_pages_that_can_have_the_show_are_read(directory: Path) -> None:
    for number in range(1, 200):
        manifest.append(directory, line(number))
    store = Counting(directory)
    store_asked: list[tuple[str, int]] = []
    object.__setattr__(store, "asked", store_asked)

    found = [file.path[-12:-8] for file in manifest.load(store).files(show_id=7)]
    pages = [name for name, _ in store_asked if name == "manifest/pages"]

    assert found == [f"{number:04d}" for number in range(70, 80)]
    # Commits 69 to 78 are on pages 4 and, with 16 commits each, on no other.
    assert len(pages) == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shows", [3, 16, 40])
def test_no_page_that_has_the_show_is_passed_over(
    directory: Path, shows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the shows of a page are too many to list, or are not listed at all."""
    monkeypatch.setattr(manifest, "MOST_SHOWS_LISTED", 4)
    chance = random.Random(shows)
    wanted: dict[int, list[str]] = {}
    for number in range(1, 150):
        each = line(number, show=chance.randrange(1, shows) * 7)
        if number % 50 == 0:
            (file,) = each.events
            each = msgspec.structs.replace(each, events=[msgspec.structs.replace(file, shows=None)])
            for show in range(7, shows * 7, 7):
                wanted.setdefault(show, []).append(file.path)
        else:
            show = (each.events[0].shows or [])[0]
            wanted.setdefault(show, []).append(each.events[0].path)
        manifest.append(directory, each)
    snapshot = manifest.load(directory)

    assert {show: [file.path for file in snapshot.files(show_id=show)] for show in wanted} == wanted


@pytest.mark.usefixtures("small")
def test_a_segment_is_committed_once(directory: Path) -> None:
    for number in (1, 2, 3, 4, 5):
        manifest.append(directory, line(number))
    for number in (1, 5):
        with pytest.raises(LakeDamaged, match="sealed already"):
            manifest.append(directory, line(number))
    assert len(manifest.read(directory)) == 5


def test_a_commit_reads_and_writes_the_same_after_ten_and_after_ten_thousand(directory: Path) -> None:
    """Counted, not timed: objects and bytes that one commit asks for."""

    def asked(seals: int) -> tuple[int, int]:
        home = directory / str(seals)
        first_release(home, [line(number) for number in range(1, seals + 1)])
        store = Counting(home)
        object.__setattr__(store, "asked", [])
        with manifest.sealing(store):
            pass
        most_objects = most_bytes = 0
        for number in range(2 * manifest.FOLD):
            store.asked.clear()
            with manifest.sealing(store) as known:
                manifest.append(store, line(number + 1, writer="new"), known)
            reads = [size for folder, size in store.asked if folder != "manifest/pages"]
            most_objects, most_bytes = max(most_objects, len(reads)), max(most_bytes, sum(reads))
        return most_objects, most_bytes

    few_objects, few_bytes = asked(10)
    many_objects, many_bytes = asked(10_000)

    assert few_objects == many_objects <= manifest.FOLD + 1
    # A page more in the checkpoint for each 2,048 commits, some hundred bytes.
    assert many_bytes - few_bytes < 3_000


def first_release(home: Path, lines: list[Line]) -> bytes:
    """A manifest as the first release wrote it; its bytes."""
    home.mkdir(parents=True, exist_ok=True)
    previous, written = "", b""
    for each in lines:
        raw = msgspec.json.encode(msgspec.structs.replace(each, previous=previous))
        previous = hashlib.sha256(raw).hexdigest()
        written += raw + b"\n"
    (home / manifest.FIRST_RELEASE).write_bytes(written)
    return written


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100])
@pytest.mark.usefixtures("small")
def test_a_lake_of_the_first_release_is_converted_byte_by_byte(directory: Path, count: int) -> None:
    written = first_release(directory, [line(number) for number in range(1, count + 1)])
    before = manifest.load(directory)
    assert (before.commits, before.seals, before.accepted) == (0, count, 3 * count)
    assert len(list(before.files())) == count

    with manifest.sealing(directory):
        pass
    after = manifest.load(directory)

    assert b"".join(commit.raw + b"\n" for commit in after.history()) == written
    assert (after.commits, after.seals, after.accepted, after.previous) == (
        count, count, 3 * count, hashlib.sha256(written.splitlines()[-1]).hexdigest(),
    )  # fmt: skip
    assert list(after.files()) == list(before.files())
    assert manifest.verify_chain(directory) == []
    # Each page once: a conversion leaves nothing behind it.
    assert len(storage.of(directory).names(manifest_objects.PAGES)) == -(-count // manifest.PAGE)


@pytest.mark.usefixtures("small")
def test_what_the_first_release_adds_beside_us_is_taken_over_once(directory: Path) -> None:
    """Both releases run for a while during an upgrade, and each seals into its own manifest."""
    theirs = [line(number, writer="old") for number in range(1, 6)]
    first_release(directory, theirs[:3])
    manifest_of_ours = [line(number, writer="new") for number in range(1, 8)]
    with manifest.sealing(directory) as known:
        for each in manifest_of_ours[:3]:
            known = manifest.append(directory, each, known)  # noqa: PLW2901
    first_release(directory, [*theirs, manifest_of_ours[0]])
    # A reader sees it at once; the next that seals takes it over.
    seen = manifest.load(directory)
    assert (seen.commits, seen.seals) == (6, 8)
    with manifest.sealing(directory) as known:
        for each in manifest_of_ours[3:]:
            known = manifest.append(directory, each, known)  # noqa: PLW2901
    with manifest.sealing(directory):
        pass

    everything = [str(each.id) for each in manifest.read(directory)]
    assert sorted(everything) == sorted(str(each.id) for each in (*theirs, *manifest_of_ours))
    assert manifest.load(directory).adopted == (directory / manifest.FIRST_RELEASE).stat().st_size
    assert manifest.verify_chain(directory) == []


@pytest.mark.usefixtures("small")
def test_a_half_line_of_the_first_release_is_no_line(directory: Path) -> None:
    first_release(directory, [line(1), line(2)])
    with (directory / manifest.FIRST_RELEASE).open("ab") as file:
        file.write(b'{"writer":"one","segm')

    assert manifest.load(directory).seals == 2
    with manifest.sealing(directory) as known:
        manifest.append(directory, line(3), known)
    assert [each.segment for each in manifest.read(directory)] == [1, 2, 3]


def test_the_filled_lake_of_the_first_release_has_the_same_events_after_it(tmp_path: Path) -> None:
    """Files that release really wrote: the same rows before it is converted, after it, and compacted."""
    with tarfile.open(Path(__file__).parents[1] / "upgrade/v0.1.0/files.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    directory = tmp_path / "lake"
    before = collector.lake.open(directory)
    rows = sorted(before.table(names=["source", "id", "type", "extra"]).to_pylist(), key=str)
    assert rows
    assert before.snapshot.commits == 0
    hashes = sorted(file.sha256 for file in before.snapshot.files())

    collector.seal_everything(directory)
    after = collector.lake.open(directory)

    assert after.as_of.seals == after.snapshot.commits >= before.as_of.seals
    assert set(hashes) <= {file.sha256 for file in after.snapshot.files()}
    assert sorted(after.table(names=["source", "id", "type", "extra"]).to_pylist(), key=str) == rows
    assert [check.offending for check in collector.audit(directory) if not check.passed] == []
    collector.compact(directory, files=2)
    assert sorted(collector.lake.open(directory).table(names=["source", "id", "type", "extra"]).to_pylist(), key=str) == rows  # fmt: skip
    assert [check.offending for check in collector.audit(directory) if not check.passed] == []


COMMITTER = """
import sys
from pathlib import Path
from shopfloor.collector import manifest
from tests.collector.test_collector_manifest import line
manifest.FOLD, manifest.PAGE = 4, 16
snapshot = None
for number in range(1, 61):
    # Without the lock of `sealing`: what may not happen twice rests on publishing alone.
    snapshot = manifest.append(Path(sys.argv[1]), line(number, writer=sys.argv[2]), snapshot)
"""


@pytest.mark.usefixtures("small")
def test_processes_that_commit_at_once_lose_and_double_nothing(directory: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", COMMITTER, str(directory), writer]) for writer in ("a", "b", "c")
    ]  # fmt: skip
    # A reader beside them sees a manifest that only grows.
    seen: list[int] = []
    while any(process.poll() is None for process in processes):
        lines = manifest.read(directory)
        assert len({str(each.id) for each in lines}) == len(lines)
        seen.append(len(lines))
    assert [process.returncode for process in processes] == [0, 0, 0]

    assert seen == sorted(seen)
    lines = [str(each.id) for each in manifest.read(directory)]
    assert sorted(lines) == sorted(f"{writer}/{number:08d}" for writer in "abc" for number in range(1, 61))
    assert manifest.verify_chain(directory) == []


@pytest.mark.usefixtures("small")
def test_who_slept_through_checkpoints_does_not_take_a_number_twice(directory: Path) -> None:
    """The object of its commit is deleted by then, so publishing it succeeds."""
    old = manifest.append(directory, line(1, writer="asleep"))
    for number in range(1, 30):
        manifest.append(directory, line(number, writer="awake"))
    assert f"{manifest_objects.COMMITS}{old.commits:012d}.json" not in storage.of(directory).names(
        manifest_objects.COMMITS
    )

    after = manifest.append(directory, line(2, writer="asleep"), old)

    assert after.commits == 31
    assert [each.segment for each in manifest.read(directory) if each.writer == "asleep"] == [1, 2]
    assert len(manifest.read(directory)) == 31
    assert manifest.verify_chain(directory) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from shopfloor.collector import manifest
from tests.collector.test_collector_manifest import line
manifest.FOLD, manifest.PAGE = 4, 16

def deadly(function):
    def call(*arguments, **named):
        global fatal
        fatal -= 1
        if fatal == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call

os.fsync, Path.replace, Path.unlink = deadly(os.fsync), deadly(Path.replace), deadly(Path.unlink)
for wanted in sys.stdin:
    first, fatal = map(int, wanted.split())
    child = os.fork()
    if child == 0:
        # What is logged is no answer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        with manifest.sealing(Path(sys.argv[1])) as known:
            for number in range(first, first + 5):
                known = manifest.append(Path(sys.argv[1]), line(number), known)
                # What was acknowledged is said at once.
                os.write(2, f"{number}\\n".encode())
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def kills(directory: Path) -> Iterator[tuple[int, int, set[int]]]:
    """Five commits, killed at step 1, 2, …, until they come through: first number, status, acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(directory)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(directory.parent / "said").open("wb"), text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    first, step, status = 1, 0, signal.SIGKILL.value
    while status:
        step += 1
        before = (directory.parent / "said").stat().st_size
        process.stdin.write(f"{first} {step}\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        said = (directory.parent / "said").read_bytes()[before:]
        yield first, status, {int(each) for each in said.split()}
        first += 5
    process.stdin.close()
    process.wait()


@pytest.mark.usefixtures("small")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("old", [0, 21])
def test_kill_9_at_every_step_of_commits_and_checkpoints(directory: Path, old: int) -> None:
    """With a lake that grows all the while, so the steps of pages and checkpoints move; and of a conversion."""
    directory.mkdir()
    if old:
        first_release(directory, [line(number, writer="old") for number in range(1, old + 1)])
    acknowledged: set[int] = set()
    rounds = 0
    for first, status, said in kills(directory):
        assert status in {0, signal.SIGKILL}
        rounds += 1
        acknowledged |= said
        lines = [each for each in manifest.read(directory) if each.writer == "one"]
        found = [each.segment for each in lines]
        assert len(found) == len(set(found))
        assert acknowledged <= set(found)
        # Committed and not acknowledged is the one that was under way.
        assert len(set(found) - acknowledged - set(range(1, first))) <= 1
        assert manifest.verify_chain(directory) == []
        assert manifest.load(directory).seals == len(found) + old
    # Each of five commits writes, syncs, renames and syncs; a checkpoint does so twice and deletes.
    assert rounds > 20


@pytest.mark.usefixtures("small")
def test_a_full_disk_fails_the_commit_or_only_its_checkpoint(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync
    acknowledged: list[int] = []
    for number in range(1, 60):
        left = number % 6

        def full(handle: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(handle)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            try:
                manifest.append(directory, line(number))
            except OSError:
                # It may stand all the same: the name could not be made durable.
                continue
        acknowledged.append(number)
    manifest.append(directory, line(100))

    found = [each.segment for each in manifest.read(directory)]
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
    assert found[-1] == 100
    assert manifest.verify_chain(directory) == []
    assert manifest.load(directory).checkpoint.commits > 40


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wrong", ["changed", "removed", "swapped"])
def test_a_commit_or_page_that_was_changed_is_noticed(directory: Path, wrong: str) -> None:
    for number in range(1, 40):
        manifest.append(directory, line(number))
    store = storage.of(directory)
    assert manifest.verify_chain(directory) == []
    pages = store.names(manifest_objects.PAGES)
    first, second = (next(name for name in pages if f"{number:08d}-0016" in name) for number in (0, 1))
    if wrong == "changed":
        data = store.get(first)
        store.put(first, data[:-1] + bytes([data[-1] ^ 1]))
    elif wrong == "removed":
        store.delete(first)
    else:
        both = store.get(first), store.get(second)
        store.put(first, both[1])
        store.put(second, both[0])

    assert first in manifest.verify_chain(directory)
    if wrong != "swapped":
        with pytest.raises(LakeDamaged):
            list(manifest.load(directory).history())


@pytest.mark.usefixtures("small")
def test_a_missing_commit_is_said_and_not_skipped(directory: Path) -> None:
    for number in range(1, 8):
        manifest.append(directory, line(number))
    storage.of(directory).delete(f"{manifest_objects.COMMITS}{4:012d}.json")

    with pytest.raises(LakeDamaged, match="lacks"):
        manifest.load(directory)


@pytest.mark.usefixtures("small")
async def test_a_view_stays_what_it_was_while_the_lake_grows(
    make: Make, directory: Path, event: Callable[..., Event]
) -> None:
    one = await make()
    for number in range(10):
        await one.append([event(f"a{number}")])
        await one.seal()
    view = collector.lake.open(directory)
    for number in range(60):
        await one.append([event(f"b{number}")])
        await one.seal()

    # Its last page has become another object since.
    assert sorted(view.table(names=["id"])["id"].to_pylist()) == [f"a{number}" for number in range(10)]
    assert collector.lake.open(directory).count() == 70


@pytest.mark.usefixtures("small")
def test_readers_beside_checkpoints_miss_nothing_that_was_there_before(directory: Path) -> None:
    committed = 0
    stop = threading.Event()
    wrong: list[tuple[int, int]] = []

    def read() -> None:
        while not stop.is_set():
            before = committed
            found = manifest.load(directory).seals
            if found < before:
                wrong.append((before, found))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    snapshot: manifest.Snapshot | None = None
    for number in range(1, 200):
        snapshot = manifest.append(directory, line(number), snapshot)
        committed = number
    stop.set()
    for reader in readers:
        reader.join()

    assert wrong == []


def test_the_directory_of_a_writer_that_is_gone_is_cleared_and_its_numbers_stay(tmp_path: Path) -> None:
    directory = tmp_path / "lake"
    for number in (1, 2, 3):
        manifest.append(directory, line(number, writer="gone"))
    for writer in ("gone", "alive", "young"):
        log.lock_writer(directory, writer).close()
    alive = log.lock_writer(directory, "alive")
    for writer in ("gone", "alive"):
        os.utime(directory / "log" / writer, (0, 0))

    assert compaction.forget_writers(directory) == 1
    assert sorted(path.name for path in (directory / "log").iterdir()) == ["alive", "young"]
    alive.close()
    assert manifest.load(directory).last_number("gone") == 3
    log.lock_writer(directory, "gone").close()
    shutil.rmtree(directory)
