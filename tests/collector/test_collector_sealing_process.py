"""Seals are made in a process of its own, each exactly once, whenever that process ends."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.waiting import until

from shopfloor import collector
from shopfloor.collector import log
from shopfloor.collector.models import SegmentId
from shopfloor.collector.sealing_process import SealingProcess

Make = Callable[..., Awaitable[collector.Collector]]


@pytest.fixture
async def sealing() -> AsyncIterator[SealingProcess]:
    process = SealingProcess()
    yield process
    process.end()


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def ids(directory: Path) -> list[str]:
    return sorted(collector.lake.open(directory).table()["id"].to_pylist())


async def test_one_process_serves_many_rounds_and_ends_with_the_collector(
    make: Make, directory: Path, event: Callable[..., collector.Event], sealing: SealingProcess
) -> None:
    one = await make(sealing=sealing)
    assert await one.seal() == []
    assert sealing.pid is None, "nothing was to do"

    await one.append([event("a"), event("b")])
    [first] = await one.seal()
    child = sealing.pid
    await one.append([event("b"), event("c")])
    [second] = await one.seal()

    assert (first.received, first.accepted, first.duplicate) == (2, 2, 0)
    assert (second.received, second.accepted, second.duplicate) == (2, 1, 1)
    assert child is not None
    assert sealing.pid == child
    assert ids(directory) == ["a", "b", "c"]
    await one.close()
    assert is_gone(child)


async def test_a_process_that_was_killed_is_replaced_and_nothing_is_sealed_twice(
    make: Make, directory: Path, event: Callable[..., collector.Event], sealing: SealingProcess
) -> None:
    one = await make(sealing=sealing)
    await one.append([event("a")])
    await one.seal()
    child = sealing.pid
    assert child is not None
    os.kill(child, signal.SIGKILL)

    await one.append([event("b")])
    [sealed] = await one.seal()

    assert (sealed.received, sealed.accepted) == (1, 1)
    assert sealing.pid not in {None, child}
    assert ids(directory) == ["a", "b"]
    assert list(log.segments(directory)) == []
    assert [check.name for check in collector.audit(directory) if not check.passed] == []


async def test_it_ends_when_nothing_comes(
    make: Make, event: Callable[..., collector.Event], directory: Path
) -> None:
    soon = SealingProcess(idle=0.2)
    one = await make(sealing=soon)
    await one.append([event("a")])
    await one.seal()
    until("it ended by itself", lambda: soon.pid is None)
    await one.append([event("b")])
    await one.seal()
    assert ids(directory) == ["a", "b"]


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from shopfloor.collector.sealing_process import *\n"
        "process = SealingProcess(); process.seal(Path(sys.argv[1]), [SegmentId('none', 1)])\n"
        "print(process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "other")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
    until("it ended with its parent", lambda: is_gone(child))


def test_what_cannot_be_sealed_is_said_where_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("no directory")
    process = SealingProcess()
    try:
        with pytest.raises(OSError, match="lake"):
            process.seal(tmp_path / "lake", [SegmentId("one", 1)])
        assert process.pid is not None, "it serves the next round"
    finally:
        process.end()
