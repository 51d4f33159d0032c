"""Recordings: one append-only file per run, holding exactly the bytes that were served.

    recordings/<channel>/<run>.mp4     init section, then segment after segment
    recordings/<channel>/<run>.json    what the run is, for the day the database does not know it

A segment is written, flushed to the disk, hashed, and only then becomes a row: a row promises its bytes.  All
of it happens in a thread, so a slow disk slows nothing else.  What cannot be written becomes a gap; the live
picture goes on, and recording resumes when there is room again.
"""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from shopfloor.kernel import logs
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, whole_number
from shopfloor.media.boxes import AUDIO_TRACK, KEY_FRAME, VIDEO_SCALE, VIDEO_TRACK
from shopfloor.media.models import EndCause, Gap, GapCause, Run, Segment, link
from shopfloor.media.playlist import from_ms, in_ms

# Bytes that may wait for the disk, per run; then segments are left out.
BACKLOG: Final = 64 << 20
# Room left on the disk for the database, which usually lives on the same one.
SPARE: Final = 256 << 20

_log = logs.get("media")


@dataclass(frozen=True, slots=True)
class Note:
    """The sidecar of a recording."""

    run_id: UUID
    channel_id: int
    shop_id: int
    anchor_ms: int
    codecs: str
    width: int
    height: int
    target_duration: int
    init_length: int
    init_sha256: str
    audio_rate: int
    first_msn: int


@dataclass(frozen=True, slots=True)
class Written:
    position: int
    length: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A segment found in a file: `dts` and `duration` in 1/90,000 s."""

    dts: int
    duration: int
    position: int
    length: int
    sha256: bytes
    independent: bool
    audio_end: int


class Files:
    """Where recordings are."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def name(self, channel_id: int, run_id: UUID) -> str:
        return f"{channel_id}/{run_id}.mp4"

    def path(self, channel_id: int, run_id: UUID) -> Path:
        return self.directory / self.name(channel_id, run_id)

    def find(self, channel: str, run_id: UUID) -> Path | None:
        number = whole_number(channel)
        if number is None:
            return None
        path = self.path(number, run_id)
        return path if path.is_file() else None

    def notes(self) -> list[Note]:
        """All sidecars that can be read, oldest run first."""
        found: list[Note] = []
        for path in sorted(self.directory.glob("*/*.json"), key=lambda path: path.name):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Note))
            except (msgspec.DecodeError, OSError) as problem:
                _log.warning("media.note_unreadable", file=path.name, why=str(problem))
        return found


class RunFile:
    """One recording, written in a thread.  After an error the file ends where its last good segment did."""

    def __init__(self, path: Path, *, spare: int) -> None:
        self._path = path
        self._spare = spare
        self._fd: int | None = None
        self.end = 0

    def begin(self, init: bytes, note: Note) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._room(len(init))
        sidecar = self._path.with_suffix(".json")
        temporary = sidecar.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(note))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(sidecar)
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            _write_all(fd, (init,), 0)
            os.fsync(fd)
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError:
            os.close(fd)
            raise
        self._fd, self.end = fd, len(init)

    @property
    def begun(self) -> bool:
        return self._fd is not None

    def append(self, pieces: Sequence[bytes]) -> Written:
        """Durable when it returns.  Raises OSError and leaves the file as it was."""
        assert self._fd is not None
        length = sum(map(len, pieces))
        self._room(length)
        try:
            _write_all(self._fd, pieces, self.end)
            os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self.end)
            raise
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        written = Written(self.end, length, digest.digest())
        self.end += length
        return written

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _room(self, length: int) -> None:
        if shutil.disk_usage(self._path.parent).free < length + self._spare:
            raise OSError(errno.ENOSPC, "the disk is nearly full")


def _write_all(fd: int, pieces: Sequence[bytes], at: int) -> None:
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = os.pwrite(fd, view, at)
            view = view[written:]
            at += written


@dataclass(frozen=True, slots=True)
class _Job:
    pieces: tuple[bytes, ...]
    msn: int
    pdt_ms: int
    dts: int
    duration: int
    independent: bool
    audio_end: int


@dataclass(frozen=True, slots=True)
class _Close:
    end_ms: int
    cause: EndCause


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who is told of rows, in order: a segment that is durable, a gap that began or grew, the end of the run."""

    segment: Callable[[Segment], None]
    gap: Callable[[Gap], None]
    ended: Callable[[UUID, int, EndCause], None]


class Recording:
    """The recording of one run.  `failing` says why nothing is written just now."""

    def __init__(
        self, file: RunFile, init: bytes, note: Note, ledger: Ledger, threads: ThreadPoolExecutor
    ) -> None:
        self._file = file
        self._init = init
        self._note = note
        self._ledger = ledger
        self._threads = threads
        self._chain = hashlib.sha256(init).digest()
        self._jobs: asyncio.Queue[_Job | _Close] = asyncio.Queue()
        self._backlog = 0
        self._gap: Gap | None = None
        self.failing: str | None = None
        self.task = asyncio.create_task(self._run(), name=f"recording {note.run_id}")

    def append(
        self,
        pieces: tuple[bytes, ...],
        *,
        msn: int,
        pdt_ms: int,
        dts: int,
        duration: int,
        independent: bool,
        audio_end: int,
    ) -> None:
        size = sum(map(len, pieces))
        if self._backlog + size > BACKLOG:
            # Too slow a disk: the place in the queue stays, the bytes go.
            pieces, size = (), 0
        self._backlog += size
        self._jobs.put_nowait(_Job(pieces, msn, pdt_ms, dts, duration, independent, audio_end))

    def close(self, end_ms: int, cause: EndCause) -> None:
        self._jobs.put_nowait(_Close(end_ms, cause))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while isinstance(job := await self._jobs.get(), _Job):
            try:
                if not job.pieces:
                    raise OSError(errno.EAGAIN, "the disk is too slow")
                written = await loop.run_in_executor(self._threads, self._write, job.pieces)
            except OSError as problem:
                self._missed(job, problem)
            else:
                self._kept(job, written)
            self._backlog -= sum(map(len, job.pieces))
        await loop.run_in_executor(self._threads, self._file.close)
        self._ledger.ended(self._note.run_id, job.end_ms, job.cause)

    def _write(self, pieces: tuple[bytes, ...]) -> Written:
        if not self._file.begun:
            self._file.begin(self._init, self._note)
        return self._file.append(pieces)

    def _kept(self, job: _Job, written: Written) -> None:
        if self.failing is not None:
            _log.info("media.recording_resumed", run=str(self._note.run_id))
        self.failing, self._gap = None, None
        self._chain = link(
            self._chain,
            run_id=self._note.run_id,
            msn=job.msn,
            pdt_ms=job.pdt_ms,
            dts=job.dts,
            duration=job.duration,
            position=written.position,
            sha256=written.sha256,
        )
        self._ledger.segment(
            Segment(
                run_id=self._note.run_id,
                msn=job.msn,
                pdt=from_ms(job.pdt_ms),
                dts=job.dts,
                duration=job.duration,
                position=written.position,
                length=written.length,
                sha256=written.sha256,
                chain=self._chain,
                independent=job.independent,
                audio_end=job.audio_end,
            )
        )

    def _missed(self, job: _Job, problem: OSError) -> None:
        if self.failing is None:
            _log.error("media.recording_stopped", run=str(self._note.run_id), why=str(problem))
        self.failing = problem.strerror or str(problem)
        started = self._gap.started_at if self._gap is not None else from_ms(job.pdt_ms)
        self._gap = Gap(
            id=self._gap.id if self._gap is not None else new_id(),
            channel_id=self._note.channel_id,
            run_id=self._note.run_id,
            cause=GapCause.DISK,
            started_at=started,
            milliseconds=job.pdt_ms + job.duration // 90 - in_ms(started),
        )
        self._ledger.gap(self._gap)


# ── after a crash ─────────────────────────────────────────────────────────────────────────────────────────


def complete(path: Path, *, begin: int, audio_rate: int) -> list[Found]:
    """What stands whole in the file from byte `begin` on, as segments; anything after that is cut off.

    A segment begins with a fragment whose first frame is a key frame.
    """
    found: list[Found] = []
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        at = begin
        fragments: list[_Fragment] = []
        while (fragment := _fragment_at(file.fileno(), at, size, audio_rate)) is not None:
            if fragment.independent and fragments:
                found.append(_joined(file.fileno(), fragments))
                fragments = []
            fragments.append(fragment)
            at = fragment.end
        if fragments:
            found.append(_joined(file.fileno(), fragments))
        if at < size and size > begin:
            file.truncate(max(at, begin))
            os.fsync(file.fileno())
    return found


@dataclass(frozen=True, slots=True)
class _Fragment:
    begin: int
    end: int
    dts: int
    duration: int
    independent: bool
    audio_end: int


def _fragment_at(fd: int, at: int, size: int, audio_rate: int) -> _Fragment | None:
    """The moof and mdat at `at`, if both are there as a whole and make sense."""
    head = os.pread(fd, 8, at)
    moof_size = int.from_bytes(head[:4])
    if head[4:] != b"moof" or not 8 < moof_size <= 1 << 20 or at + moof_size + 8 > size:
        return None
    moof = os.pread(fd, moof_size, at)
    head = os.pread(fd, 8, at + moof_size)
    end = at + moof_size + int.from_bytes(head[:4])
    if head[4:] != b"mdat" or end > size or end < at + moof_size + 8:
        return None
    times = list(_times(moof))
    if not times:
        return None
    video = [time for time in times if time[0] == VIDEO_TRACK]
    audio = [time for time in times if time[0] == AUDIO_TRACK]
    audio_end = audio[-1][1] + audio[-1][2] if audio else 0
    if video:
        return _Fragment(at, end, video[0][1], video[0][2], video[0][3], audio_end)
    rate = audio_rate or VIDEO_SCALE
    dts = audio[0][1] * VIDEO_SCALE // rate
    return _Fragment(at, end, dts, audio_end * VIDEO_SCALE // rate - dts, False, audio_end)


def _times(moof: bytes) -> list[tuple[int, int, int, bool]]:
    """Track, decode time, duration and whether it begins with a key frame, of each traf as we write them."""
    found: list[tuple[int, int, int, bool]] = []
    at = 24
    while at + 64 <= len(moof) and moof[at + 4 : at + 8] == b"traf":
        size = int.from_bytes(moof[at : at + 4])
        track = int.from_bytes(moof[at + 20 : at + 24])
        dts = int.from_bytes(moof[at + 36 : at + 44])
        count = int.from_bytes(moof[at + 56 : at + 60])
        if size != 64 + 16 * count or at + size > len(moof) or not count:
            return []
        table = moof[at + 64 : at + size]
        duration = sum(int.from_bytes(table[i : i + 4]) for i in range(0, len(table), 16))
        found.append((track, dts, duration, table[8:12] == KEY_FRAME.to_bytes(4)))
        at += size
    return found


def _joined(fd: int, fragments: list[_Fragment]) -> Found:
    first, last = fragments[0], fragments[-1]
    length = last.end - first.begin
    return Found(
        dts=first.dts,
        duration=last.dts + last.duration - first.dts,
        position=first.begin,
        length=length,
        sha256=hash_of(fd, first.begin, length),
        independent=first.independent,
        audio_end=max(fragment.audio_end for fragment in fragments),
    )


def hash_of(fd: int, position: int, length: int) -> bytes:
    """SHA-256 of a stretch of a file; of what there is, if it is shorter."""
    digest = hashlib.sha256()
    while length > 0 and (piece := os.pread(fd, min(length, 1 << 20), position)):
        digest.update(piece)
        position += len(piece)
        length -= len(piece)
    return digest.digest()


def recovered(note: Note, path: Path, known: Sequence[Segment], chain: bytes) -> tuple[list[Segment], int]:
    """Complete a recording from its file: the segments without a row, and the end of the run in ms UTC.

    `known` are the rows there are, in order, and `chain` the hash after the last of them.
    """
    begin = known[-1].position + known[-1].length if known else note.init_length
    msn = known[-1].msn + 1 if known else note.first_msn
    rows: list[Segment] = []
    for found in complete(path, begin=begin, audio_rate=note.audio_rate):
        pdt_ms = note.anchor_ms + found.dts // 90
        chain = link(
            chain,
            run_id=note.run_id,
            msn=msn,
            pdt_ms=pdt_ms,
            dts=found.dts,
            duration=found.duration,
            position=found.position,
            sha256=found.sha256,
        )
        rows.append(
            Segment(
                run_id=note.run_id,
                msn=msn,
                pdt=from_ms(pdt_ms),
                dts=found.dts,
                duration=found.duration,
                position=found.position,
                length=found.length,
                sha256=found.sha256,
                chain=chain,
                independent=found.independent,
                audio_end=found.audio_end,
            )
        )
        msn += 1
    last = (rows or known or [None])[-1]
    return rows, note.anchor_ms if last is None else note.anchor_ms + (last.dts + last.duration) // 90


def run_of(note: Note, files: Files) -> Run:
    """The row a sidecar stands for."""
    sha256 = bytes.fromhex(note.init_sha256)
    return Run(
        id=note.run_id,
        channel_id=note.channel_id,
        shop_id=note.shop_id,
        anchor=from_ms(note.anchor_ms),
        ended_at=None,
        end_cause=None,
        codecs=note.codecs,
        width=note.width,
        height=note.height,
        target_duration=note.target_duration,
        init_sha256=sha256,
        init_length=note.init_length,
        file=files.name(note.channel_id, note.run_id),
        chain=sha256,
    )
