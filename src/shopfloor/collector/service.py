"""The collector of one process: many callers append, one commit makes all of them durable, then they hear."""

import asyncio
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Final, TypeVar

from shopfloor.collector import index, log, manifest, replay, sealer
from shopfloor.collector.models import (
    REFUSED,
    SERVER,
    Bad,
    Busy,
    Closing,
    Entry,
    Event,
    LakeDamaged,
    NotDurable,
    Result,
    Sealed,
    SegmentId,
)
from shopfloor.collector.sealing_process import SealingProcess
from shopfloor.collector.vocabulary import SHEDDING_ORDER, shedding_class
from shopfloor.kernel import logs
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, now

Answer = TypeVar("Answer")

SEGMENT_EVENTS: Final = 32_768
SEGMENT_BYTES: Final = 32 << 20
WAITING_BYTES: Final = 32 << 20
_RECENT: Final = 65_536
_COMMIT_BYTES: Final = 8 << 20

_log = logs.get("collector")


@dataclass(slots=True)
class Counters:
    """What this process did since it started, in events; `refused` in requests that came too fast to be read."""

    received: int = 0
    duplicate: int = 0
    bad: int = 0
    shed: int = 0
    refused: int = 0
    commits: int = 0
    failures: int = 0
    sealed: int = 0


@dataclass(slots=True)
class _Waiting:
    payload: bytes
    keys: set[bytes]
    events: int
    done: asyncio.Future[None]


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


class Collector:
    """Takes events into the log of this process and seals the log into the lake.

    `writer` names this process in the lake; two live processes never share one.  `reserve` is the free space
    below which browsers' events are given up, class by class; facts of the server are taken as long as the
    disk takes them.  `sealing`: what seals, here or in a process of its own; it is ended with the collector.  `sync`
    and `free` reach the operating system and are given only by tests.
    """

    def __init__(
        self,
        directory: Path,
        writer: str,
        *,
        seal_every: float = 10.0,
        reserve: int = 256 << 20,
        sealing: SealingProcess | None = None,
        sync: Callable[[int], None] = os.fdatasync,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", writer):
            raise ValueError(f"not a writer's name: {writer!r}")
        self.directory = directory
        self.writer = writer
        self.counters = Counters()
        self._seal_every = seal_every
        self._reserve = reserve
        self._sealing = sealing
        self._sync = sync
        self._free = free
        self._segment: log.Segment | None = None
        self._number = 0
        self._lock: IO[bytes] | None = None
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._running = False
        self._tasks: list[asyncio.Task[None]] = []
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="collector")
        self._seals = asyncio.Lock()
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        self._shedding = 0
        self._shed_since: datetime | None = None
        self._refused_said = 0

    async def start(self) -> None:
        """Claim the writer's name, seal what an earlier run left, take events from now on.

        Raises WriterTaken when another live process has the name.
        """
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="collector")
        await self._on_disk(self._open)
        self._running = True
        self.measure_disk()
        self._tasks = [
            asyncio.create_task(self._commit_forever(), name="collector-commit"),
            asyncio.create_task(self._seal_forever(), name="collector-seal"),
        ]

    async def close(self, *, seal: bool = True) -> None:
        """Make durable and seal what was taken, then let go of the name.  Later events are refused."""
        if not self._running:
            return
        self._running = False
        self._wake.set()
        committing, sealing = self._tasks
        await committing
        sealing.cancel()
        with suppress(asyncio.CancelledError):
            await sealing
        try:
            if seal:
                await self.seal()
        finally:
            if self._lock is not None:
                self._lock.close()
                self._lock = None
            self._disk.shutdown()
            if self._sealing is not None:
                await asyncio.to_thread(self._sealing.end)

    async def append(self, events: Sequence[Entry]) -> list[Result]:
        """Keep `events`; one result for each, in order.  When it returns, they are on the disk.

        Raises NotDurable, Busy or Closing (all 503) when that cannot be said: send them again with the same
        ids.  A caller that is cancelled does not undo the append.
        """
        if not self._running:
            raise Closing
        if self._waiting_bytes > WAITING_BYTES:
            raise Busy
        results: list[Result] = []
        kept: list[Entry] = []
        fresh: set[bytes] = set()
        bad = duplicate = shed = 0
        for event in events:
            if isinstance(event, Bad):
                kept.append(event)
                bad += 1
                results.append(Result(event.id, f"bad:{event.reason}"))
                continue
            if event.event_time.tzinfo is None:
                raise ValueError(f"event_time of {event.id} has no time zone")
            if self._shedding and self._gives_up(event):
                shed += 1
                results.append(Result(event.id, "shed"))
                continue
            kept.append(event)
            key = index.key(event.source, event.id)
            if key in self._recent or key in fresh:
                duplicate += 1
                results.append(Result(event.id, "dup"))
            else:
                fresh.add(key)
                results.append(Result(event.id, "ok"))
        if kept:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = _Waiting(log.encode(kept), fresh, len(kept), done)
            self._waiting.append(waiting)
            self._waiting_bytes += len(waiting.payload)
            self._wake.set()
            await asyncio.shield(waiting.done)
        self.counters.received += len(kept)
        self.counters.duplicate += duplicate
        self.counters.bad += bad
        self.counters.shed += shed
        return results

    async def seal(self) -> list[Sealed]:
        """Turn everything durable so far into files of the lake, also what dead processes left."""
        async with self._seals:
            closed = await self._on_disk(self._rotate)
            # What is opened from here on has a higher number and stays untouched.
            sealed = await asyncio.to_thread(self._seal_through, closed)
        self.counters.sealed += sum(each.accepted for each in sealed)
        return sealed

    async def replay(self, reasons: Sequence[str] | None = None) -> tuple[int, int]:
        """Judge the bad events again by today's rules and take those that are good now, each once for ever.

        Returns how many were taken and how many are still bad.
        """
        taken = still_bad = 0
        for judged in await asyncio.to_thread(lambda: list(replay.judge(self.directory, reasons))):
            still_bad += len(judged.bad)
            if judged.good:
                results = await self.append(list(judged.good.values()))
                taken += sum(result.outcome == "ok" for result in results)
                # What was given up for want of room was not taken.
                kept = [place for place, result in zip(judged.good, results, strict=True) if result.outcome != "shed"]  # fmt: skip
                await asyncio.to_thread(replay.remember, self.directory, judged.file, kept)
        return taken, still_bad

    @property
    def shedding(self) -> tuple[str, ...]:
        """The classes of browsers' events that are given up just now."""
        return SHEDDING_ORDER[: self._shedding]

    def _gives_up(self, event: Event) -> bool:
        return not event.source.startswith(SERVER) and shedding_class(event.type) in self.shedding

    def measure_disk(self) -> bool:
        """Decide what to give up: all classes at the reserve, none at four times of it, evenly between."""
        free = self._free(self.directory)
        missing = min(max(4 * self._reserve - free, 0), 3 * self._reserve)
        steps = len(SHEDDING_ORDER)
        level = -(-missing * steps // (3 * self._reserve)) if self._reserve else 0
        changed = level != self._shedding
        self._shedding = level
        if changed:
            _log.warning("collector.shedding", free_bytes=free, classes=self.shedding)
        return changed

    async def _commit_forever(self) -> None:
        while self._running or self._waiting:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._commit_once()

    async def _commit_once(self) -> None:
        """Everything that waits, up to a bound, in one write and one sync."""
        batch: list[_Waiting] = []
        size = 0
        for waiting in self._waiting:
            if batch and size + len(waiting.payload) > _COMMIT_BYTES:
                break
            batch.append(waiting)
            size += len(waiting.payload)
        del self._waiting[: len(batch)]
        received = now()
        frames = b"".join(log.frame(waiting.payload, received) for waiting in batch)
        events = sum(waiting.events for waiting in batch)
        try:
            await self._on_disk(self._write, frames, events)
        except OSError as problem:
            self.counters.failures += 1
            _log.error("collector.not_durable", events=events, problem=str(problem))
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(NotDurable(cause=os.strerror(problem.errno or 0)))
                    # Nobody may be listening by now; that is no reason for a warning.
                    waiting.done.exception()
        else:
            self.counters.commits += 1
            if self._segment is None:
                self._full.set()
            for waiting in batch:
                for key in waiting.keys:
                    self._recent[key] = None
                if not waiting.done.done():
                    waiting.done.set_result(None)
            while len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
        finally:
            self._waiting_bytes -= size
            for waiting in batch:
                # Whatever else went wrong: nobody waits for ever.
                if not waiting.done.done():
                    waiting.done.set_exception(NotDurable())

    async def _seal_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self._seal_every)
            self._full.clear()
            try:
                if self.measure_disk():
                    await self._say_shedding()
                if self.counters.refused > self._refused_said:
                    await self._say_refused()
                await self.seal()
            except (OSError, NotDurable, LakeDamaged) as problem:
                # The log keeps everything; the next round tries again.
                _log.error("collector.seal_failed", problem=str(problem))

    async def _say_shedding(self) -> None:
        await self.append(
            [
                Event(
                    id=str(new_id()),
                    source=f"{SERVER}collector/{self.writer}",
                    type="collector.shedding",
                    event_time=now(),
                    actor_kind="system",
                    quantity=self.counters.shed,
                    extra={"classes": list(self.shedding)},
                )
            ]
        )

    async def _say_refused(self) -> None:
        """Leave in the lake how many requests were turned away since it was said last: figures lack what was in them
        and did not come again.
        """
        refused = self.counters.refused
        await self.append(
            [
                Event(
                    id=str(new_id()),
                    source=f"{SERVER}collector/{self.writer}",
                    type=REFUSED,
                    event_time=now(),
                    actor_kind="system",
                    quantity=refused - self._refused_said,
                )
            ]
        )
        self._refused_said = refused

    # The functions below run on the collector's own disk thread, one at a time.

    async def _on_disk(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *arguments)

    def _open(self) -> None:
        self._lock = log.lock_writer(self.directory, self.writer)
        self._number = sealer.next_number(self.directory, self.writer) - 1
        if not index.days(self.directory) and manifest.load(self.directory).seals:
            sealer.rebuild_index(self.directory)

    def _write(self, frames: bytes, events: int) -> None:
        if self._segment is None:
            self._number += 1
            path = log.segment_path(self.directory, SegmentId(self.writer, self._number))
            try:
                self._segment = log.Segment(path, self._number, self._sync)
            except OSError:
                path.unlink(missing_ok=True)
                raise
        try:
            self._segment.append(frames, events)
        except OSError:
            # Poisoned: never written to again.  What of it is valid is sealed, and deduplicated with what
            # its callers send again.  If nothing in it was ever acknowledged, it only takes up a full disk.
            empty = self._segment.path if not self._segment.events else None
            self._rotate()
            if empty is not None:
                empty.unlink(missing_ok=True)
            raise
        if self._segment.events >= SEGMENT_EVENTS or self._segment.size >= SEGMENT_BYTES:
            self._rotate()

    def _rotate(self) -> int:
        """Close the open segment; every segment up to the number returned is closed for good.

        The number is taken here: back in the event loop the next segment may be open already.
        """
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        return self._number

    def _seal_through(self, number: int) -> list[Sealed]:
        of_this_writer = [
            segment
            for segment, _ in log.segments(self.directory)
            if segment.writer == self.writer and segment.number <= number
        ]
        seal = sealer.seal if self._sealing is None else self._sealing.seal
        return seal(
            self.directory, [*of_this_writer, *sealer.orphans(self.directory, except_writer=self.writer)]
        )
