"""The media server of a node: publishers in, live playlists out, recordings kept.

    media = MediaServer(db, settings.recordings_dir, settings.rtmp_host, settings.rtmp_port)
    port = await media.start(step_around=20)
    app.mount("/media", media.origin)

Disk and database may fail without the picture noticing: files are written by threads, rows by the book.
"""

import asyncio
import fcntl
import hashlib
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.values import new_id
from shopfloor.media import queries, service
from shopfloor.media.book import Book
from shopfloor.media.models import (
    Admission,
    BadMedia,
    ChannelBusy,
    CodecRefused,
    EndCause,
    Gap,
    GapCause,
    KeyRefused,
    Moment,
    RecordingsInUse,
    Run,
    Segment,
    Status,
)
from shopfloor.media.neighbours import TOLD_EVERY, HandOn, Neighbour, Notice, leave, withdraw
from shopfloor.media.origin import Feed, Origin
from shopfloor.media.packager import Cadence, Event, Packager, PartReady, RunClosed, RunOpened, SegmentClosed
from shopfloor.media.playlist import from_ms
from shopfloor.media.recorder import SPARE, Files, Ledger, Note, Recording, RunFile, recovered, run_of
from shopfloor.media.rtmp import Limits, Publisher, RtmpServer

Listener = Callable[[int, UUID, datetime], Awaitable[None]]

# How long a playlist waits for its publisher to come back before it says that the broadcast is over.
LINGER_SECONDS: Final = 300.0
LATE_MS: Final = 500
LATE_SHOWN_SECONDS: Final = 30.0
LONG_GOP_SECONDS: Final = 4.0
ASK_SECONDS: Final = 3.0
# How often a process that does not record looks whether it is its turn.
TURN_SECONDS: Final = 1.0

_log = logs.get("media")


class _Air:
    """A channel while the server knows it: its feed, who publishes, what the studio is told."""

    def __init__(self, channel_id: int, feed: Feed) -> None:
        self.channel_id = channel_id
        self.feed = feed
        self.take: Take | None = None
        self.refused: str | None = None
        self.over: asyncio.TimerHandle | None = None


class MediaServer:
    """Owns the RTMP port and the recordings directory.  One per directory: a second that `start`s is refused,
    one that `join`s serves what the first records and takes its place when that one is gone.

    `on_started(channel_id, run_id, anchor)` is called when a run can be played, `on_ended(channel_id, run_id,
    at)` when it has ended; both times on the clock of the video.
    """

    def __init__(
        self,
        db: Database,
        recordings_dir: Path,
        host: str,
        port: int,
        *,
        on_started: Listener | None = None,
        on_ended: Listener | None = None,
        limits: Limits | None = None,
        linger: float = LINGER_SECONDS,
        spare: int = SPARE,
    ) -> None:
        self.db = db
        self.book = Book(db)
        self.files = Files(recordings_dir)
        self.linger = linger
        # Runs with smaller ids are of an earlier process.
        self._born = new_id()
        self._host, self._port = host, port
        self._on_started, self._on_ended = on_started, on_ended
        self._spare = spare
        self._rtmp = RtmpServer(self._admit, limits=limits)
        self._airs: dict[int, _Air] = {}
        self._feeds: dict[int, Feed] = {}
        self._admissions: dict[int, Admission] = {}
        self._recordings: set[Recording] = set()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="recorder")
        self._calls: asyncio.Queue[tuple[Listener, int, UUID, datetime]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._lock: int | None = None
        self._turn: asyncio.Task[None] | None = None
        self._port_taken = 0
        self._neighbour = Neighbour(recordings_dir)
        self._hand_on = HandOn(self._neighbour)
        self.origin = Origin(self._feeds, self.files, self._library, self._elsewhere)

    async def start(self, *, step_around: int = 0) -> int:
        """Complete what a crash left, listen, and return the true port.

        Raises RecordingsInUse when another process records into the same directory, OSError when no port of
        those allowed is free.
        """
        self.files.directory.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        self._born = new_id()
        try:
            self.book.put(self._recover)
            self.book.put(self._learn_keys)
            self.book.start()
            await self.book.drained(ASK_SECONDS)
            port = await self._rtmp.start(self._host, self._port, step_around=step_around)
        except BaseException:
            await self._end()
            raise
        self._tasks = [
            asyncio.create_task(self._call_listeners(), name="media listeners"),
            asyncio.create_task(self._recheck_keys(), name="media keys"),
        ]
        self._port_taken = port
        _log.info("media.listening", host=self._host, port=port)
        return port

    async def join(self, address: str, *, step_around: int = 0) -> None:
        """Record, or serve what another process on this directory records, until it is our turn.

        `address`: where other processes of this machine reach our pages.  Raises OSError when no port of those
        allowed is free.
        """
        try:
            await self.start(step_around=step_around)
        except RecordingsInUse:
            self._turn = asyncio.create_task(self._wait_for_turn(address, step_around), name="media turn")
        else:
            self._leave_notice(address)
            self._turn = asyncio.create_task(self._tell_others(address), name="media notice")

    @property
    def records(self) -> bool:
        """Whether cameras publish to this process."""
        return self._lock is not None

    @property
    def camera_port(self) -> int:
        """Where cameras publish, to us or to the process that records; 0 while nobody does."""
        if self.records:
            return self._port_taken
        notice = self._neighbour.notice()
        return 0 if notice is None else notice.camera_port

    async def _wait_for_turn(self, address: str, step_around: int) -> None:
        while True:
            await asyncio.sleep(TURN_SECONDS)
            try:
                await self.start(step_around=step_around)
            except RecordingsInUse:
                continue
            except OSError as problem:
                _log.error("media.no_camera_port", why=str(problem))
                return
            _log.warning("media.took_over", port=self._port_taken)
            await self._tell_others(address)

    async def _tell_others(self, address: str) -> None:
        while True:
            try:
                await asyncio.to_thread(self._leave_notice, address)
            except OSError as problem:
                _log.warning("media.notice_not_written", why=str(problem))
            await asyncio.sleep(TOLD_EVERY)

    def _leave_notice(self, address: str) -> None:
        statuses = {channel_id: self.status(channel_id) for channel_id in list(self._airs)}
        leave(self.files.directory, Notice(address, self._port_taken, time.time(), statuses))

    async def _elsewhere(
        self, scope: Mapping[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> bool:
        return not self.records and await self._hand_on(scope, send)

    async def close(self) -> None:
        """End all runs, flush the recordings, write the rows that can be written."""
        if self._turn is not None:
            self._turn.cancel()
            with suppress(asyncio.CancelledError):
                await self._turn
        if self.records and self._turn is not None:
            withdraw(self.files.directory)
        await self._hand_on.close()
        await self._end()

    async def _end(self) -> None:
        await self._rtmp.close()
        for air in self._airs.values():
            air.feed.wake_all()
            if air.over is not None:
                air.over.cancel()
        if self._recordings:
            await asyncio.wait([recording.task for recording in self._recordings], timeout=10.0)
        await self.book.close()
        if self._tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._calls.join(), 5.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # ── what others ask ───────────────────────────────────────────────────────────────────────────────

    def clock(self, channel_id: int) -> int | None:
        """The time of the newest frame on the clock of the video, in ms UTC; None while nothing is on."""
        air = self._airs.get(channel_id)
        return air.take.clock() if air is not None and air.take is not None else None

    def live(self, channel_id: int) -> bool:
        """Whether a run of this channel can be played just now."""
        air = self._airs.get(channel_id)
        return air is not None and air.feed.window.on_air and air.feed.window.published

    def status(self, channel_id: int) -> Status:
        if not self.records and (notice := self._neighbour.notice()) is not None:
            found = notice.statuses.get(channel_id)
            if found is not None:
                return found
        air = self._airs.get(channel_id)
        if air is None or air.take is None:
            refused = air.refused if air is not None else None
            return Status(
                live=False, run_id=None, since=None, bitrate=0, width=0, height=0, fps=0.0, codecs="",
                gop_seconds=0.0, dropped=0, stalled_ms=0, warnings=(), refused=refused,
            )  # fmt: skip
        return air.take.status()

    def moment(self, channel_id: int, id: str, sku: str, start: int, end: int | None = None) -> None:  # noqa: A002
        """A product is held up to the camera from `start` to `end` (ms on the clock of the video).

        It may come again only to be given its end; anything else raises MomentReused.
        """
        moment = Moment(channel_id, id, sku, from_ms(start), None if end is None else from_ms(end))
        self._air(channel_id).feed.window.moment(moment)
        self.book.put(partial(service.save_moment, moment=moment))

    def finish(self, channel_id: int) -> None:
        """The show is over: players are told.  A publisher that goes on begins a new broadcast."""
        air = self._airs.get(channel_id)
        if air is not None:
            if air.take is not None:
                air.take.finish_broadcast()
            self.end_broadcast(air)

    def end_broadcast(self, air: _Air) -> None:
        if air.over is not None:
            air.over.cancel()
            air.over = None
        if not air.feed.window.ended:
            air.feed.window.end()
            air.feed.wake_all()

    async def _library(
        self, channel_id: int, ids: tuple[UUID, ...]
    ) -> tuple[list[tuple[Run, list[Segment]]], list[Moment]]:
        async with self.db.transaction() as tx:
            return await service.recordings(tx, channel_id=channel_id, ids=ids)

    # ── admission ─────────────────────────────────────────────────────────────────────────────────────

    async def _admit(self, key: str, publisher: Publisher) -> "Take":
        channel_id = service.channel_of_key(key)
        admission = await self._admission(channel_id) if channel_id is not None else None
        if admission is None or not service.opens(admission, key):
            _log.warning("media.key_refused", address=publisher.address)
            raise KeyRefused
        air = self._air(admission.channel_id)
        if air.take is not None:
            if air.take.publisher.silent_for < self._rtmp.limits.takeover_seconds:
                raise ChannelBusy(channel_id=admission.channel_id)
            air.take.publisher.stop(EndCause.REPLACED)
        if air.over is not None:
            air.over.cancel()
            air.over = None
        air.refused = None
        air.take = Take(self, air, admission, publisher)
        _log.info("media.publishing", channel=admission.channel_id, address=publisher.address)
        return air.take

    async def _admission(self, channel_id: int) -> Admission | None:
        """From the database; from memory while that is away, so that a camera can reconnect."""
        try:
            async with asyncio.timeout(ASK_SECONDS), self.db.transaction() as tx:
                found = await service.admissions(tx, channel_ids=[channel_id])
        except (DatabaseAway, TimeoutError):
            return self._admissions.get(channel_id)
        for admission in found:
            self._admissions[admission.channel_id] = admission
        if not found:
            self._admissions.pop(channel_id, None)
        return found[0] if found else None

    async def _learn_keys(self, tx: Tx) -> None:
        self._admissions = {admission.channel_id: admission for admission in await service.admissions(tx)}

    async def _recheck_keys(self) -> None:
        """A key that was changed while somebody publishes with it ends that stream."""
        while True:
            await asyncio.sleep(self._rtmp.limits.recheck_seconds)
            takes = {air.channel_id: air.take for air in self._airs.values() if air.take is not None}
            if not takes:
                continue
            try:
                async with self.db.transaction() as tx:
                    found = await service.admissions(tx, channel_ids=list(takes))
            except DatabaseAway:
                continue
            current = {admission.channel_id: admission.key_hash for admission in found}
            for channel_id, take in takes.items():
                if current.get(channel_id) != take.admission.key_hash:
                    _log.warning("media.key_revoked", channel=channel_id)
                    take.publisher.stop(EndCause.REVOKED)

    def _air(self, channel_id: int) -> _Air:
        air = self._airs.get(channel_id)
        if air is None:
            # Sequence numbers begin at the time, so that they are above those of an earlier process.
            feed = self._feeds[channel_id] = Feed(first_msn=int(time.time()))
            air = self._airs[channel_id] = _Air(channel_id, feed)
        return air

    # ── takes report ──────────────────────────────────────────────────────────────────────────────────

    def record(self, init: bytes, note: Note) -> Recording:
        file = RunFile(self.files.path(note.channel_id, note.run_id), spare=self._spare)
        ledger = Ledger(
            segment=lambda segment: self.book.put(partial(service.add_segment, segment=segment)),
            gap=lambda gap: self.book.put(partial(service.save_gap, gap=gap)),
            ended=lambda run_id, at, cause: self.book.put(
                partial(service.end_run, run_id=run_id, at=from_ms(at), cause=str(cause))
            ),
        )
        recording = Recording(file, init, note, ledger, self._threads)
        self._recordings.add(recording)
        recording.task.add_done_callback(lambda _: self._recordings.discard(recording))
        return recording

    def started(self, channel_id: int, run_id: UUID, anchor_ms: int) -> None:
        if self._on_started is not None:
            self._calls.put_nowait((self._on_started, channel_id, run_id, from_ms(anchor_ms)))

    def ended(self, channel_id: int, run_id: UUID, at_ms: int) -> None:
        if self._on_ended is not None:
            self._calls.put_nowait((self._on_ended, channel_id, run_id, from_ms(at_ms)))

    def gone(self, take: "Take") -> None:
        """The publisher of `take` has left; its playlist waits a while for another."""
        air = take.air
        if air.take is take:
            air.take = None
            air.over = asyncio.get_running_loop().call_later(self.linger, self.end_broadcast, air)

    async def _call_listeners(self) -> None:
        while True:
            listener, channel_id, run_id, at = await self._calls.get()
            try:
                await listener(channel_id, run_id, at)
            except Exception as problem:  # noqa: BLE001 -- what a listener does wrong must not end the video
                _log.error("media.listener_failed", channel=channel_id, exc_info=problem)
            finally:
                self._calls.task_done()

    # ── after a crash ─────────────────────────────────────────────────────────────────────────────────

    def _take_lock(self) -> None:
        lock = os.open(self.files.directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise RecordingsInUse(directory=str(self.files.directory)) from None
        self._lock = lock

    async def _recover(self, tx: Tx) -> None:
        """Complete the rows of runs that have not ended, from their files."""
        waiting = {run.id: run for run in await queries.open_runs(tx) if run.id < self._born}
        notes = {note.run_id: note for note in await asyncio.to_thread(self.files.notes)}
        known = set(await queries.known_runs(tx, ids=list(notes)))
        channels = {admission.channel_id for admission in await service.admissions(tx)}
        for note in notes.values():
            if note.run_id < self._born and note.run_id not in known and note.channel_id in channels:
                waiting[note.run_id] = run_of(note, self.files)
                await service.open_run(tx, run=waiting[note.run_id])
        for run in waiting.values():
            await self._complete(tx, run, notes.get(run.id))

    async def _complete(self, tx: Tx, run: Run, note: Note | None) -> None:
        known = await queries.segments(tx, run_id=run.id)
        path = self.files.directory / run.file
        rows: list[Segment] = []
        end_ms = max(
            [round(run.anchor.timestamp() * 1000)]
            + [round(row.pdt.timestamp() * 1000) + row.duration // 90 for row in known]
        )
        if note is not None and path.is_file():
            chain = known[-1].chain if known else run.init_sha256
            rows, end_ms = await asyncio.to_thread(recovered, note, path, known, chain)
        for row in rows:
            await service.add_segment(tx, segment=row)
        await service.end_run(tx, run_id=run.id, at=from_ms(end_ms), cause=str(EndCause.CRASHED))
        _log.warning("media.run_recovered", run=str(run.id), channel=run.channel_id, segments_added=len(rows))


class Take:
    """One publisher on one channel: a sink of the RTMP server."""

    def __init__(self, server: MediaServer, air: _Air, admission: Admission, publisher: Publisher) -> None:
        self.air = air
        self.admission = admission
        self.publisher = publisher
        self._server = server
        self._packager = Packager(self._declared())
        self._opened: RunOpened | None = None
        self._run_id = new_id()
        self._anchor = 0
        self._recording: Recording | None = None
        self._parts: list[bytes] = []
        self._announced = False
        self._rates: deque[tuple[int, int]] = deque(maxlen=8)
        self._last_arrival: tuple[int, int] | None = None
        self._stalled_ms = 0
        self._last_stall = float("-inf")

    def _declared(self) -> Cadence | None:
        window = self.air.feed.window
        return None if window.ended else window.cadence

    # ── the RTMP side ─────────────────────────────────────────────────────────────────────────────────

    def video(self, timestamp: int, payload: bytes) -> None:
        arrived = _monotonic_ms()
        self._notice_stall(timestamp, arrived)
        self._guard(lambda: self._packager.video(timestamp, payload, arrived))

    def audio(self, timestamp: int, payload: bytes) -> None:
        self._guard(lambda: self._packager.audio(timestamp, payload, _monotonic_ms()))

    def ended(self, cause: EndCause) -> None:
        self._handle(self._packager.close(cause))
        self._server.gone(self)
        _log.info("media.publisher_left", channel=self.air.channel_id, cause=str(cause))

    def lead(self) -> float:
        """Media may not run ahead of the clock: measured from the run's first key frame."""
        if self._opened is None:
            return 0.0
        return self._packager.media_end / 90_000 - (_monotonic_ms() - self._opened.arrived) / 1000

    def _guard(self, step: Callable[[], list[Event]]) -> None:
        try:
            events = step()
        except (CodecRefused, BadMedia) as refusal:
            self.air.refused = refusal.message
            _log.warning("media.refused", channel=self.air.channel_id, why=refusal.message)
            raise
        if events:
            self._handle(events)

    # ── what others ask ───────────────────────────────────────────────────────────────────────────────

    def clock(self) -> int | None:
        return None if self._opened is None else self._anchor + self._packager.media_end // 90

    def finish_broadcast(self) -> None:
        self._handle(self._packager.close(EndCause.FINISHED))
        self._packager.cadence = None

    def status(self) -> Status:
        opened, packager = self._opened, self._packager
        gop = packager.gop / 90_000
        span = sum(duration for _, duration in self._rates)
        warnings = [
            code
            for code, holds in (
                ("gop_long", gop > LONG_GOP_SECONDS),
                ("no_audio", opened is not None and not opened.has_audio),
                ("no_video", opened is not None and not opened.has_video),
                ("late", time.monotonic() - self._last_stall < LATE_SHOWN_SECONDS),
                ("recording_stopped", self._recording is not None and self._recording.failing is not None),
                ("rows_waiting", self._server.book.waiting > 20),
            )
            if holds
        ]
        return Status(
            live=self._announced,
            run_id=self._run_id if opened is not None else None,
            since=from_ms(self._anchor) if opened is not None else None,
            bitrate=sum(size for size, _ in self._rates) * 8 * 90_000 // span if span else 0,
            width=opened.width if opened else 0,
            height=opened.height if opened else 0,
            fps=opened.fps if opened else 0.0,
            codecs=opened.codecs if opened else "",
            gop_seconds=round(gop, 2),
            dropped=packager.dropped,
            stalled_ms=self._stalled_ms,
            warnings=tuple(warnings),
            refused=None,
        )

    # ── what the packager says ────────────────────────────────────────────────────────────────────────

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case RunOpened():
                    self._open(event)
                case PartReady():
                    self._part(event)
                case SegmentClosed():
                    self._segment(event)
                case RunClosed():
                    self._close(event)

    def _open(self, opened: RunOpened) -> None:
        feed = self.air.feed
        before = feed.window
        window = feed.open_run()
        wall = time.time_ns() // 1_000_000 - (_monotonic_ms() - opened.arrived)
        # The clock of the video never goes back, whatever the wall clock does.
        self._anchor = max(wall, before.end_pdt)
        self._run_id = new_id()
        self._opened, self._announced, self._parts = opened, False, []
        self._rates.clear()
        window.open_run(
            tag=self._run_id.hex[-6:],
            anchor=self._anchor,
            init_name=opened.init_name,
            init=opened.init,
            cadence=opened.cadence,
        )
        note = Note(
            run_id=self._run_id,
            channel_id=self.air.channel_id,
            shop_id=self.admission.shop_id,
            anchor_ms=self._anchor,
            codecs=opened.codecs,
            width=opened.width,
            height=opened.height,
            target_duration=opened.cadence.target_duration,
            init_length=len(opened.init),
            init_sha256=hashlib.sha256(opened.init).hexdigest(),
            audio_rate=opened.audio_rate,
            first_msn=window.next_msn,
        )
        server = self._server
        server.book.put(partial(service.open_run, run=run_of(note, server.files)))
        if window is before and before.end_pdt and self._anchor > before.end_pdt:
            self._gap(GapCause.RUN, before.end_pdt, self._anchor - before.end_pdt)
        self._recording = server.record(opened.init, note)
        _log.info(
            "media.run_opened",
            channel=self.air.channel_id,
            run=str(self._run_id),
            codecs=opened.codecs,
            size=f"{opened.width}x{opened.height}",
            fps=opened.fps,
        )

    def _part(self, part: PartReady) -> None:
        name = self.air.feed.window.add_part(
            part.data, dts=part.dts, duration=part.duration, independent=part.independent
        )
        self._parts.append(part.data)
        self.air.feed.part_ready(name)

    def _segment(self, closed: SegmentClosed) -> None:
        feed, recording = self.air.feed, self._recording
        assert recording is not None
        piece = feed.window.close_segment()
        feed.segment_closed(piece)
        pieces, self._parts = tuple(self._parts), []
        self._rates.append((sum(map(len, pieces)), closed.duration))
        recording.append(
            pieces,
            msn=piece.msn,
            pdt_ms=piece.pdt,
            dts=closed.dts,
            duration=closed.duration,
            independent=closed.independent,
            audio_end=closed.audio_end,
        )
        if not self._announced:
            self._announced = True
            self._server.started(self.air.channel_id, self._run_id, self._anchor)

    def _close(self, closed: RunClosed) -> None:
        assert self._recording is not None
        assert self._opened is not None
        feed = self.air.feed
        feed.window.close_run()
        feed.run_closed()
        end = self._anchor + closed.end // 90
        self._recording.close(end, closed.cause)
        drift = _monotonic_ms() - self._opened.arrived - closed.end // 90
        _log.info(
            "media.run_closed",
            channel=self.air.channel_id,
            run=str(self._run_id),
            cause=str(closed.cause),
            seconds=closed.end // 90_000,
            behind_ms=drift,
        )
        if self._announced:
            self._server.ended(self.air.channel_id, self._run_id, end)
        self._opened, self._recording, self._announced = None, None, False
        self._last_arrival = None

    # ── gaps ──────────────────────────────────────────────────────────────────────────────────────────

    def _notice_stall(self, timestamp: int, arrived: int) -> None:
        last, self._last_arrival = self._last_arrival, (timestamp, arrived)
        if last is None or self._opened is None:
            return
        late = arrived - last[1] - (timestamp - last[0]) % (1 << 32)
        if LATE_MS < late < 60_000:
            self._stalled_ms += late
            self._last_stall = time.monotonic()
            self._gap(GapCause.STALL, self._anchor + self._packager.media_end // 90, late)

    def _gap(self, cause: GapCause, started: int, milliseconds: int) -> None:
        gap = Gap(new_id(), self.air.channel_id, self._run_id, cause, from_ms(started), milliseconds)
        self._server.book.put(partial(service.save_gap, gap=gap))


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
