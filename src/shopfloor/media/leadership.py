"""Which of the processes on one recordings directory records: the one that holds its lock.

It says so, once a second, in a record beside the lock; the others serve what it records and look whether it is
their turn.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from shopfloor.kernel import logs
from shopfloor.media.models import RecordingsInUse, Status
from shopfloor.media.relay import TOLD_EVERY, LeaderRecord, LeaderWatch, publish_record, withdraw_record

# How often a process that does not record looks whether it is its turn.
TURN_SECONDS: Final = 1.0

_log = logs.get("media")


class Leadership:
    """`start` makes this process the one that records; it raises RecordingsInUse while another does.

    `status` is what the others are told: the camera port, and what each camera sends.
    """

    def __init__(
        self,
        directory: Path,
        *,
        start: Callable[[int], Awaitable[int]],
        status: Callable[[], tuple[int, Mapping[int, Status]]],
    ) -> None:
        self.watch = LeaderWatch(directory)
        self._directory = directory
        self._start, self._status = start, status
        self._lock: int | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        return self._lock is not None

    def take(self) -> None:
        """Raises RecordingsInUse when another process has it."""
        lock = os.open(self._directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise RecordingsInUse(directory=str(self._directory)) from None
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def join(self, address: str, step_around: int) -> None:
        """Record, or wait in the background for our turn."""
        try:
            await self._start(step_around)
        except RecordingsInUse:
            self._task = asyncio.create_task(self._wait_for_turn(address, step_around), name="media turn")
        else:
            self._publish(address)
            self._task = asyncio.create_task(self._tell_others(address), name="media leader record")

    async def leave(self) -> None:
        """No longer wait for our turn, nor say that it is ours."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self.held and self._task is not None:
            withdraw_record(self._directory)

    async def _wait_for_turn(self, address: str, step_around: int) -> None:
        while True:
            await asyncio.sleep(TURN_SECONDS)
            try:
                port = await self._start(step_around)
            except RecordingsInUse:
                continue
            except OSError as problem:
                _log.error("media.no_camera_port", why=str(problem))
                return
            _log.warning("media.took_over", port=port)
            await self._tell_others(address)

    async def _tell_others(self, address: str) -> None:
        while True:
            try:
                await asyncio.to_thread(self._publish, address)
            except OSError as problem:
                _log.warning("media.leader_record_not_written", why=str(problem))
            await asyncio.sleep(TOLD_EVERY)

    def _publish(self, address: str) -> None:
        port, statuses = self._status()
        publish_record(self._directory, LeaderRecord(address, port, time.time(), dict(statuses)))
