"""A collector is killed at random steps of its work on the disk, again and again: what it acknowledged is there once.

Each life takes events, some of them twice and some that are none, seals them and merges files.  It ends by SIGKILL
before a random call that changes the disk or makes it durable, or at a random moment; or the disk is full from a
random write on, and then it is killed.  Now and then the log is left with half a record at its end.  After each
death another process seals what was left and reads the lake; every twenty deaths the whole lake is audited.

    tools/soak_lake.py [--points 1000] [--seed 1]

The last line is JSON.  Exit status 1 when an acknowledged event was lost, one was there twice, or books did not balance.
"""

import argparse
import asyncio
import errno
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from shopfloor import collector
from shopfloor.collector import Bad, Event, NotDurable
from shopfloor.kernel.values import now

# Loaded once, for all children; their threads begin with the first use.
for library in ("pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet"):
    import_module(library)

DEATHS = ("step", "moment", "full")
AUDIT_EVERY = 20
LIVES_OF_A_LAKE = 100


def _die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _counted(function: Callable[..., Any], at: Callable[[], None]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        at()
        return function(*arguments, **named)

    return call


def live(directory: Path, life: int, death: str, chance: random.Random, acknowledged: int) -> None:
    """One life, in a process of its own: the ids of what was acknowledged go to the pipe, a line each."""
    left = chance.randint(1, 60)

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            _die()

    def full() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            if left < -chance.randint(2, 30):
                _die()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sync = os.fdatasync
    if death == "moment":
        threading.Timer(chance.uniform(0.01, 0.2), _die).start()
    elif death == "step":
        for owner, name in ((os, "fsync"), (os, "fdatasync"), (os, "replace"), (os, "link"), (Path, "replace"), (Path, "unlink")):  # fmt: skip
            setattr(owner, name, _counted(getattr(owner, name), step))
        sync = os.fdatasync
    else:
        os.write = _counted(os.write, full)
    say = os.fdopen(acknowledged, "wb", buffering=0)

    async def work() -> None:
        one = collector.Collector(directory, "soak", seal_every=0.02, reserve=0, sync=sync)
        await one.start()

        async def client(name: int) -> None:
            for number in range(200):
                ids = [f"{life}-{name}-{number}-{k}" for k in range(3)]
                events = [Event(i, "shopfloor/1", "orders.order_paid", datetime.now(UTC)) for i in ids]
                try:
                    results = await one.append([*events, events[0], Bad("#3", "json", b"{")])
                except NotDurable:
                    await asyncio.sleep(0.001)
                    continue
                assert [each.outcome for each in results][3:] == ["dup", "bad:json"]
                say.write("".join(f"{i}\n" for i in ids).encode())

        async def merge() -> None:
            while True:
                await asyncio.sleep(0.03)
                await asyncio.to_thread(
                    collector.compact, directory, at=now() + timedelta(hours=3), grace=timedelta(hours=4)
                )

        await asyncio.gather(merge(), *(client(name) for name in range(4)))

    try:
        asyncio.run(work())
    finally:
        # Whatever else ended it: nothing is tidied up.
        _die()


def look(directory: Path, whole: bool, answer: int) -> None:
    """Say what is in the lake once the dead one's log is sealed, and what does not hold."""
    collector.seal_everything(directory)
    ids = collector.lake.open(directory).table(names=["id"])["id"].to_pylist()
    failed = [found.name for found in collector.audit(directory) if not found.passed] if whole else []
    with os.fdopen(answer, "wb") as said:
        said.write(json.dumps([ids, failed]).encode())


def in_child(function: Callable[[int], object]) -> str:
    """What a forked process says before it ends or is killed; its standard error is not ours."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        try:
            function(write)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        text = said.read().decode()
    os.waitpid(child, 0)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    started = time.monotonic()
    counts = dict.fromkeys(("acknowledged", "lost", "doubled", "torn", "audits", "failed"), 0)
    deaths = dict.fromkeys(DEATHS, 0)
    point = 0
    while point < given.points:
        with tempfile.TemporaryDirectory() as place:
            directory = Path(place) / "lake"
            acknowledged: set[str] = set()
            for life in range(min(LIVES_OF_A_LAKE, given.points - point)):
                point += 1
                death = DEATHS[chance.randrange(len(DEATHS))]
                deaths[death] += 1
                own = random.Random(chance.random())
                text = in_child(partial(live, directory, life, death, own))
                # A line that was not written whole acknowledges nothing.
                acknowledged |= set(text.split("\n")[:-1])
                logs = sorted(directory.glob("log/*/*.log"))
                if logs and chance.random() < 0.3:
                    counts["torn"] += 1
                    with logs[-1].open("ab") as log:
                        log.write(chance.randbytes(chance.randint(1, 200)))
                whole = point % AUDIT_EVERY == 0 or point == given.points
                counts["audits"] += whole
                said = in_child(partial(look, directory, whole))
                found, failed = json.loads(said or '[[], ["the lake cannot be read"]]')
                counts["lost"] += len(acknowledged - set(found))
                counts["doubled"] += len(found) - len(set(found))
                counts["failed"] += len(failed)
                if failed:
                    print(f"point {point}, {death}: {failed}")
            counts["acknowledged"] += len(acknowledged)
    good = not (counts["lost"] or counts["doubled"] or counts["failed"]) and counts["acknowledged"] > 0
    seconds = round(time.monotonic() - started)
    print(
        json.dumps(
            {"soak": "lake", "points": point, "deaths": deaths, **counts, "seconds": seconds, "good": good}
        )
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
