"""What happened to the video, written to the database when the database is there.

Ingest never waits for it: jobs queue up in order, and while the database is away they stay queued.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from psycopg import OperationalError

from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway, Tx

Job = Callable[[Tx], Awaitable[None]]

BATCH: Final = 100
PAUSE: Final = 1.0

_log = logs.get("media")


class WriteBehind:
    """Jobs must bear repetition: one whose commit went unanswered runs again."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._jobs: deque[Job] = deque()
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    def put(self, job: Job) -> None:
        self._jobs.append(job)
        self._empty.clear()
        self._more.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="media write-behind")

    async def drained(self, seconds: float) -> bool:
        """Whether everything is written, after waiting for it at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), seconds)
        return self._empty.is_set()

    async def close(self, seconds: float = 5.0) -> None:
        """Write what can be written.  What cannot is in the files and is taken from there at the next start."""
        if not await self.drained(seconds):
            _log.error("media.rows_not_written", waiting=self.waiting)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        size = BATCH
        while True:
            if not self._jobs:
                self._more.clear()
                self._empty.set()
                await self._more.wait()
            batch = [self._jobs[i] for i in range(min(size, len(self._jobs)))]
            try:
                async with self._db.transaction() as tx:
                    for job in batch:
                        await job(tx)
            except (DatabaseAway, OperationalError, OSError) as problem:
                _log.warning("media.database_away", waiting=self.waiting, why=type(problem).__name__)
                await asyncio.sleep(PAUSE)
                continue
            except Exception as problem:  # noqa: BLE001 -- one row that cannot be written must not hold up the others
                if len(batch) > 1:
                    size = 1
                    continue
                _log.error("media.row_lost", exc_info=problem)
            size = BATCH if size > 1 or len(self._jobs) <= 1 else size
            for _ in batch:
                self._jobs.popleft()
