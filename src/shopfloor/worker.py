"""The background work: delivery of facts, expiry of holds, resuming orders.  Any number may run at once."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import uvloop

from shopfloor import accounts, catalog, collector, orders, wiring
from shopfloor.collector import Collector
from shopfloor.kernel import logs, outbox
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

EXPIRE_EVERY: Final = 0.5
SWEEP_EVERY: Final = 10.0
FETCH_EVERY: Final = 2.0
FORGET_EVERY: Final = 3600.0
COMPACT_EVERY: Final = 3600.0

_log = logs.get("worker")


def loops(
    db: Database, lake: Collector, arrivals: outbox.Arrivals, settings: Settings
) -> list[Coroutine[Any, Any, None]]:
    """Each runs until it is cancelled; `arrivals` listens meanwhile."""

    async def expire() -> None:
        async with db.transaction() as tx:
            await orders.expire(tx)

    async def sweep() -> None:
        await orders.sweep(db)

    async def forget() -> None:
        async with db.transaction() as tx:
            await accounts.forget_expired(tx)

    async def fetch_pictures() -> None:
        await catalog.fetch_pictures(db, settings.pictures_dir, allowed=settings.fetchable)

    async def tidy() -> None:
        await catalog.tidy(db, settings.pictures_dir)

    return [
        *(outbox.run(db, consumer, arrivals) for consumer in wiring.consumers(lake)),
        _every(EXPIRE_EVERY, "expire", expire),
        _every(SWEEP_EVERY, "sweep", sweep),
        _every(FETCH_EVERY, "fetch_pictures", fetch_pictures),
        _every(FORGET_EVERY, "forget", forget),
        _every(FORGET_EVERY, "tidy", tidy),
        _every(COMPACT_EVERY, "compact", lambda: compact(settings), first=COMPACT_EVERY),
    ]


async def compact(settings: Settings) -> None:
    """`shopfloor lake compact`, in a process of its own: it takes the memory of a million events for a moment."""
    # Started in no time; waiting for it is what takes long.
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "shopfloor", "lake", "compact"],
        env=os.environ | {"SHOPFLOOR_DATA_DIR": str(settings.data_dir)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        ended = await asyncio.to_thread(process.wait)
    except asyncio.CancelledError:
        # It may be killed at any point.
        process.kill()
        raise
    if ended:
        _log.error("worker.failed", work="compact", status=ended)


async def _every(
    seconds: float, name: str, act: Callable[[], Awaitable[None]], *, first: float = 0.0
) -> None:
    """Do it again and again; a failure is logged and tried again, for the next shopper is not its fault."""
    await asyncio.sleep(first)
    while True:
        try:
            await act()
        except DatabaseAway:
            _log.warning("worker.database_away", work=name)
        except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
            _log.error("worker.failed", work=name, exc_info=problem)
        await asyncio.sleep(seconds)


async def _work(settings: Settings, dsn: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database(dsn, settings.database_pool)
    await db.open()
    lake = collector.Collector(
        settings.lake_dir, f"worker-{socket.gethostname()}-{os.getpid()}", seal_every=settings.seal_seconds
    )
    await lake.start()
    arrivals = outbox.Arrivals(dsn)
    tasks = [asyncio.create_task(work) for work in (arrivals.listen(), *loops(db, lake, arrivals, settings))]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await lake.close()
    await db.close()


def run(settings: Settings) -> None:
    """`shopfloor worker`."""
    with prepared_database(settings) as dsn:
        uvloop.run(_work(settings, dsn))
