"""Objects in a directory: whole or not at all, published once, durable when the verb returns."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from shopfloor.kernel import storage
from shopfloor.kernel.storage import AlreadyThere, Directory, Missing


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_was_put_can_be_got_whole_or_in_part(tmp_path: Path) -> None:
    store = storage.of(tmp_path)
    store.put("a/b", b"first")
    store.put("a/b", b"second")

    assert (store.get("a/b"), store.get("a/b", 2), store.get("a/b", 1, 3)) == (b"second", b"cond", b"eco")
    assert (store.size("a/b"), store.size("a/c")) == (6, None)
    with pytest.raises(Missing):
        store.get("a/c")
    store.delete("a/b")
    store.delete("a/b")
    assert store.size("a/b") is None


def test_names_are_those_that_begin_so_in_order(tmp_path: Path) -> None:
    store = storage.of(tmp_path)
    for name in ("log/002", "log/001", "log/1/x", "logs/3", "other"):
        store.put(name, b"")
    (tmp_path / "log/003.1-2.tmp").write_bytes(b"half")

    assert store.names("log/") == ["log/001", "log/002", "log/1/x"]
    assert store.names("log/00") == ["log/001", "log/002"]
    assert store.names("log") == ["log/001", "log/002", "log/1/x", "logs/3"]
    assert store.names("nothing/") == []


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/", ".hidden", "a/.b", "a\0b"]
)
def test_names_cannot_leave_the_directory(tmp_path: Path, name: str) -> None:
    store = storage.of(tmp_path / "inside")
    for verb in (store.get, store.size, store.delete, lambda each: store.put(each, b"x"), lambda each: store.publish(each, b"x")):  # fmt: skip
        with pytest.raises(ValueError, match="name"):
            verb(name)
    assert everything(tmp_path) == {}


def test_of_many_that_publish_one_succeeds_and_its_bytes_stay(tmp_path: Path) -> None:
    store = storage.of(tmp_path)
    winners: list[int] = []
    together = threading.Barrier(16)

    def publish(number: int) -> None:
        together.wait()
        try:
            store.publish("manifest/1", b"%d" % number)
            winners.append(number)
        except AlreadyThere:
            pass

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = winners
    assert store.get("manifest/1") == b"%d" % winner
    assert store.names("manifest/") == ["manifest/1"]
    assert [name for name in everything(tmp_path) if name.endswith(".tmp")] == []


@pytest.mark.parametrize("verb", ["put", "publish"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Directory(tmp_path)
    store.put("a", b"old")
    before = everything(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            getattr(store, verb)("a" if verb == "put" else "b", b"new")
    assert everything(tmp_path) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from shopfloor.kernel import storage
left = int(sys.argv[3])
def deadly(function):
    def call(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call
os.fsync, Path.replace = deadly(os.fsync), deadly(Path.replace)
getattr(storage.of(Path(sys.argv[1])), sys.argv[2])("a/b", b"new " * 1000)
"""


@pytest.mark.parametrize("verb", ["put", "publish"])
def test_killed_at_any_step_there_is_all_of_it_or_nothing(tmp_path: Path, verb: str) -> None:
    steps = 0
    while True:
        steps += 1
        home = tmp_path / str(steps)
        home.mkdir()
        ended = subprocess.run([sys.executable, "-c", KILLED, str(home), verb, str(steps)], check=False)
        store = storage.of(home)
        assert store.names("") in ([], ["a/b"]) or verb == "publish"
        if store.size("a/b") is not None:
            assert store.get("a/b") == b"new " * 1000
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        # Nobody is kept waiting by a lock, and the next attempt succeeds.
        if store.size("a/b") is None:
            store.publish("a/b", b"again")
            assert store.get("a/b") == b"again"
    assert steps >= 4


def test_what_died_half_written_is_swept_after_a_day(tmp_path: Path) -> None:
    store = Directory(tmp_path)
    store.put("a/kept", b"")
    for name in ("a/old.1-1.tmp", "a/young.1-2.tmp"):
        (tmp_path / name).write_bytes(b"half")
    long_ago = time.time() - 25 * 3600
    os.utime(tmp_path / "a/old.1-1.tmp", (long_ago, long_ago))

    assert store.sweep() == 1
    assert sorted(everything(tmp_path)) == ["a/kept", "a/young.1-2.tmp"]
