"""Does jobs inside a test, with the worker of the product."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shopfloor.kernel.database import Database
from shopfloor.kernel.jobs import runner
from shopfloor.kernel.jobs.service import Handlers

# How long a slow machine with much else to do may take.
PATIENCE = 150.0


@asynccontextmanager
async def working(
    dsn: str, db: Database, handlers: Handlers, *, heartbeat: float = 5.0, silent: float = 20.0
) -> AsyncGenerator[None]:
    """A worker beside the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(
        runner.work(dsn, db, handlers, idle=3600.0, heartbeat=heartbeat, silent=silent, stop=stop)
    )
    try:
        yield
    finally:
        stop.set()
        await task


async def drain(dsn: str, db: Database, handlers: Handlers) -> None:
    """Do all that is due, and what it brings with it."""
    async with working(dsn, db, handlers):
        await until_quiet(db)


async def until_quiet(db: Database) -> None:
    end = asyncio.get_running_loop().time() + PATIENCE
    while True:
        async with db.transaction() as tx:
            left = await tx.value(
                """
                SELECT count(*) FROM procrastinate.procrastinate_jobs
                 WHERE status = 'doing' OR (status = 'todo' AND coalesce(scheduled_at, now()) <= now())
                """
            )
        if not left:
            return
        assert asyncio.get_running_loop().time() < end, f"{left} jobs are not done"
        await asyncio.sleep(0.02)
