"""The media server of a node: publishers in, live playlists out, recordings kept.

    media = MediaServer(db, settings.recordings_dir, settings.rtmp_host, settings.rtmp_port)
    port = await media.start(step_around=20)
    app.mount("/media", media.origin)

Disk and database may fail without the picture noticing: files are written by threads, rows by a queue.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id
from shopfloor.media import service
from shopfloor.media.access import Access, Airtime, Airtimes, Staff, never
from shopfloor.media.camera import CameraSocket, MayNotFilm, TooManyCameras
from shopfloor.media.leadership import Leadership
from shopfloor.media.models import (
    Admission,
    ChannelBusy,
    EndCause,
    KeyRefused,
    Moment,
    Run,
    Segment,
    Status,
)
from shopfloor.media.origin import Feed, Origin
from shopfloor.media.playlist import from_ms
from shopfloor.media.publishing import ChannelState, Publishing, PublishSession
from shopfloor.media.recorder import SPARE, Files, Ledger, Note, Recording, RunFile
from shopfloor.media.recovery import recover
from shopfloor.media.relay import RelayClient
from shopfloor.media.restreams import Restreams
from shopfloor.media.rtmp import ConnectionCount, Publisher, RtmpServer, StreamLimits
from shopfloor.media.write_behind import WriteBehind

Listener = Callable[[int, UUID, datetime], Awaitable[None]]

# How long a playlist waits for its publisher to come back before it says that the broadcast is over.
LINGER_SECONDS: Final = 300.0
ASK_SECONDS: Final = 3.0

_log = logs.get("media")


class MediaServer:
    """Owns the RTMP port and the recordings directory.  One per directory: a second that `start`s is refused,
    one that `join`s serves what the first records and takes its place when that one is gone.

    `on_started(channel_id, run_id, anchor)` is called when a run can be played, `on_ended(channel_id, run_id,
    at)` when it has ended; both times on the clock of the video.

    `box` opens the keys of other platforms that streams are passed on to, which may be in `allowed` private networks.

    `airtimes(channel_id)` says when shows had the channel on air: only that is for everybody.  `staff` knows who
    may see the rest.
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
        airtimes: Airtimes = never,
        staff: Staff | None = None,
        limits: StreamLimits | None = None,
        counter: ConnectionCount | None = None,
        linger: float = LINGER_SECONDS,
        spare: int = SPARE,
        box: Box | None = None,
        allowed: Sequence[Network] = (),
    ) -> None:
        self.db = db
        self.rows = WriteBehind(db)
        self.restreams = Restreams(db, self.rows, box, allowed)
        self.files = Files(recordings_dir)
        self.linger = linger
        # Runs with smaller ids are of an earlier process.
        self._born = new_id()
        self._host, self._port = host, port
        self._on_started, self._on_ended = on_started, on_ended
        self._spare = spare
        self._rtmp = RtmpServer(self._admit, limits=limits, counter=counter)
        self._channels: dict[int, ChannelState] = {}
        self.feeds: dict[int, Feed] = {}
        self._admissions: dict[int, Admission] = {}
        self._recordings: set[Recording] = set()
        self._cameras: set[CameraSocket] = set()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="recorder")
        self._calls: asyncio.Queue[tuple[Listener, int, UUID, datetime]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._port_taken = 0
        self._leadership = Leadership(
            recordings_dir, start=lambda around: self.start(step_around=around), status=self._told
        )
        self.access = Access(airtimes, staff or Staff())
        self._relay = RelayClient(self._leadership.watch, self.access.cookie)
        self.origin = Origin(
            self.feeds, self.files, self, self.access, airing=self._airing, elsewhere=self._elsewhere
        )

    async def start(self, *, step_around: int = 0) -> int:
        """Complete what a crash left, listen, and return the true port.

        Raises RecordingsInUse when another process records into the same directory, OSError when no port of
        those allowed is free.
        """
        self.files.directory.mkdir(parents=True, exist_ok=True)
        self._leadership.take()
        self._born = new_id()
        try:
            self.rows.put(partial(recover, files=self.files, before=self._born))
            self.rows.put(self._learn_keys)
            self.rows.start()
            await self.rows.drained(ASK_SECONDS)
            port = await self._rtmp.start(self._host, self._port, step_around=step_around)
        except BaseException:
            await self._end()
            raise
        self._tasks = [
            asyncio.create_task(self._call_listeners(), name="media listeners"),
            asyncio.create_task(self._recheck(), name="media keys and shows"),
        ]
        self._port_taken = port
        _log.info("media.listening", host=self._host, port=port)
        return port

    async def join(self, address: str, *, step_around: int = 0) -> None:
        """Record, or serve what another process on this directory records, until it is our turn.

        `address`: where other processes of this machine reach our pages.  Raises OSError when no port of those
        allowed is free.
        """
        await self._leadership.join(address, step_around)

    @property
    def records(self) -> bool:
        """Whether cameras can publish to this process."""
        return self._leadership.held and self._port_taken > 0

    @property
    def camera_port(self) -> int:
        """Where cameras publish, to us or to the process that records; 0 while nobody does."""
        if self.records:
            return self._port_taken
        record = self._leadership.watch.record()
        return 0 if record is None else record.camera_port

    def _told(self) -> tuple[int, dict[int, Status]]:
        return self._port_taken, {channel_id: self.status(channel_id) for channel_id in list(self._channels)}

    async def _elsewhere(
        self, scope: Mapping[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> bool:
        return not self.records and await self._relay(scope, send)

    async def close(self) -> None:
        """End all runs, flush the recordings, write the rows that can be written."""
        await self._leadership.leave()
        await self._relay.close()
        await self._end()

    async def _end(self) -> None:
        for camera in list(self._cameras):
            camera.stop(EndCause.STOPPED)
        await self._rtmp.close()
        await self.restreams.stop()
        for state in self._channels.values():
            state.feed.wake_all()
            if state.over is not None:
                state.over.cancel()
        if self._recordings:
            await asyncio.wait([recording.task for recording in self._recordings], timeout=10.0)
        await self.rows.close()
        if self._tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._calls.join(), 5.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False)
        self._leadership.release()

    # ── what others ask ───────────────────────────────────────────────────────────────────────────────

    def clock(self, channel_id: int) -> int | None:
        """The time of the newest frame on the clock of the video, in ms UTC; None while nothing is on."""
        state = self._channels.get(channel_id)
        return state.session.clock() if state is not None and state.session is not None else None

    def live(self, channel_id: int) -> bool:
        """Whether a run of this channel can be played just now."""
        state = self._channels.get(channel_id)
        return state is not None and state.feed.window.on_air and state.feed.window.published

    def status(self, channel_id: int) -> Status:
        if not self.records and (record := self._leadership.watch.record()) is not None:
            found = record.statuses.get(channel_id)
            if found is not None:
                return found
        state = self._channels.get(channel_id)
        if state is None or state.session is None:
            refused = state.refused if state is not None else None
            return Status(
                live=False, run_id=None, since=None, bitrate=0, width=0, height=0, fps=0.0, codecs="",
                gop_seconds=0.0, dropped=0, stalled_ms=0, warnings=(), refused=refused,
            )  # fmt: skip
        return state.session.status()

    def moment(self, channel_id: int, id: str, sku: str, start: int, end: int | None = None) -> None:  # noqa: A002
        """A product is held up to the camera from `start` to `end` (ms on the clock of the video).

        It may come again only to be given its end; anything else raises MomentReused.
        """
        moment = Moment(channel_id, id, sku, from_ms(start), None if end is None else from_ms(end))
        self._channel(channel_id).feed.window.moment(moment)
        self.rows.put(partial(service.save_moment, moment=moment))

    async def shows_changed(self, channel_id: int) -> None:
        """A show began or ended on this channel."""
        self.access.forget(channel_id)
        if channel_id in self._channels:
            self._airing(channel_id, await self.access.latest(channel_id))
            await self._restream()

    async def _restream(self) -> None:
        await self.restreams.follow([number for number, state in self._channels.items() if state.feed.since])

    def _airing(self, channel_id: int, airtime: Airtime | None) -> None:
        """Let begin or end what is for everybody.  It may be told the same again."""
        state = self._channels.get(channel_id)
        if state is None or airtime is None:
            return
        if airtime.end is None:
            if state.feed.since != airtime.start_ms:
                state.feed.begin(airtime.start_ms)
        elif state.feed.since is not None:
            self.finish(channel_id)
        if airtime.hidden and state.feed.over is not None:
            state.feed.forget(state.feed.over)

    def finish(self, channel_id: int) -> None:
        """The show is over: the recording of it ends here, and players are told.

        A publisher that goes on is for staff from its next key frame on.
        """
        state = self._channels.get(channel_id)
        if state is None:
            return
        if state.session is not None:
            state.session.finish_run()
        state.feed.finish()
        if state.feed.over is not None:
            asyncio.get_running_loop().call_later(self.linger, state.feed.forget, state.feed.over)
        _log.info("media.show_finished", channel=channel_id)

    def end_broadcast(self, state: ChannelState) -> None:
        if state.over is not None:
            state.over.cancel()
            state.over = None
        state.feed.over = None
        if not state.feed.window.ended:
            state.feed.window.end()
            state.feed.wake_all()

    async def of_run(
        self, channel_id: int, run_id: UUID
    ) -> tuple[list[tuple[Run, list[Segment]]], list[Moment]]:
        async with self.db.transaction() as tx:
            return await service.recording(tx, channel_id=channel_id, run_id=run_id)

    async def of_show(
        self, channel_id: int, airtime: Airtime
    ) -> tuple[list[tuple[Run, list[Segment]]], list[Moment]]:
        async with self.db.transaction() as tx:
            return await service.recordings_of_show(tx, channel_id=channel_id, airtime=airtime)

    # ── admission ─────────────────────────────────────────────────────────────────────────────────────

    async def _admit(self, key: str, publisher: Publisher) -> PublishSession:
        channel_id = service.channel_of_key(key)
        admission = await self._admission(channel_id) if channel_id is not None else None
        if admission is None or not service.opens(admission, key):
            _log.warning("media.key_refused", address=publisher.address)
            raise KeyRefused
        return self._let_in(admission, publisher)

    async def film(self, channel_id: int, camera: CameraSocket, *, take_over: bool) -> PublishSession:
        """Let a browser publish on a channel.  It takes its own place again at once, another's when it is told to,
        or when that has been silent.

        Raises MayNotFilm, TooManyCameras, ChannelBusy.
        """
        admission = await self._admission(channel_id)
        if admission is None or not await self.access.films(camera.cookie, channel_id):
            _log.warning("media.may_not_film", channel=channel_id, address=camera.address)
            raise MayNotFilm
        if len(self._cameras) >= self.limits.publishers:
            raise TooManyCameras
        session = self._channel(channel_id).session
        before = None if session is None else session.publisher
        own = isinstance(before, CameraSocket) and before.camera_id == camera.camera_id
        let_in = self._let_in(admission, camera, take_over=take_over or own)
        self._cameras.add(camera)
        return let_in

    def filmed(self, camera: CameraSocket) -> None:
        self._cameras.discard(camera)

    @property
    def limits(self) -> StreamLimits:
        return self._rtmp.limits

    def recorder_address(self) -> str | None:
        """Where the process that records is reached; None where there is none but us."""
        record = self._leadership.watch.record()
        return None if record is None else record.address

    def session_cookie(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        return self.access.cookie({"type": "http", "headers": list(headers)})

    def _let_in(
        self, admission: Admission, publisher: Publishing, *, take_over: bool = False
    ) -> PublishSession:
        """One publisher to a channel.  Raises ChannelBusy."""
        state = self._channel(admission.channel_id)
        if state.session is not None:
            silent = state.session.publisher.silent_for >= self._rtmp.limits.takeover_seconds
            if not silent and not take_over:
                raise ChannelBusy(channel_id=admission.channel_id)
            state.session.publisher.stop(EndCause.REPLACED)
        if state.over is not None:
            state.over.cancel()
            state.over = None
        state.refused = None
        self.restreams.begin_again(admission.channel_id)
        state.session = PublishSession(self, state, admission, publisher)
        _log.info("media.publishing", channel=admission.channel_id, address=publisher.address)
        return state.session

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

    async def _recheck(self) -> None:
        """A key that was changed while somebody publishes with it ends that stream; the end of a show, of which
        nobody told us, ends what is for everybody.
        """
        while True:
            await asyncio.sleep(self._rtmp.limits.recheck_seconds)
            for channel_id in list(self._channels):
                with suppress(DatabaseAway):
                    self._airing(channel_id, await self.access.latest(channel_id))
            await self._restream()
            sessions = {
                state.channel_id: state.session
                for state in self._channels.values()
                if state.session is not None
            }
            if not sessions:
                continue
            try:
                async with self.db.transaction() as tx:
                    found = await service.admissions(tx, channel_ids=list(sessions))
            except DatabaseAway:
                continue
            current = {admission.channel_id: admission.key_hash for admission in found}
            for channel_id, session in sessions.items():
                publisher = session.publisher
                if isinstance(publisher, CameraSocket):
                    with suppress(DatabaseAway):
                        if not await self.access.films(publisher.cookie, channel_id):
                            _log.warning("media.may_not_film", channel=channel_id, address=publisher.address)
                            publisher.stop(EndCause.REVOKED)
                elif current.get(channel_id) != session.admission.key_hash:
                    _log.warning("media.key_revoked", channel=channel_id)
                    publisher.stop(EndCause.REVOKED)

    def _channel(self, channel_id: int) -> ChannelState:
        state = self._channels.get(channel_id)
        if state is None:
            # Sequence numbers begin at the time, so that they are above those of an earlier process.
            feed = self.feeds[channel_id] = Feed(first_msn=int(time.time()))
            state = self._channels[channel_id] = ChannelState(channel_id, feed)
        return state

    # ── publishers report ─────────────────────────────────────────────────────────────────────────────

    def record(self, init: bytes, note: Note) -> Recording:
        file = RunFile(self.files.path(note.channel_id, note.run_id), spare=self._spare)
        ledger = Ledger(
            segment=lambda segment: self.rows.put(partial(service.add_segment, segment=segment)),
            gap=lambda gap: self.rows.put(partial(service.save_gap, gap=gap)),
            ended=lambda run_id, at, cause: self.rows.put(
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

    def gone(self, session: PublishSession) -> None:
        """The publisher of `session` has left; its playlist waits a while for another."""
        state = session.state
        if state.session is session:
            state.session = None
            state.over = asyncio.get_running_loop().call_later(self.linger, self.end_broadcast, state)

    async def _call_listeners(self) -> None:
        while True:
            listener, channel_id, run_id, at = await self._calls.get()
            try:
                await listener(channel_id, run_id, at)
            except Exception as problem:  # noqa: BLE001 -- what a listener does wrong must not end the video
                _log.error("media.listener_failed", channel=channel_id, exc_info=problem)
            finally:
                self._calls.task_done()
