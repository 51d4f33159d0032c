"""The write-ahead log: append-only segments, one open segment per process.

A segment is eight bytes of format mark, then frames:

    length (u32) | checksum (u32) | received (i64, microseconds) | payload

little-endian; the payload is the MessagePack array of what came in together, the checksum is the CRC-32 of
`received` and payload.  A frame is valid only whole, so the end of a segment that a crash left half written
is recognised and was never acknowledged.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import msgspec

from shopfloor.collector.models import Entry, SegmentId, WriterTaken
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import make_directory, sync_directory

MARK: Final = b"SFLOG01\n"
_HEAD: Final = struct.Struct("<IIq")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Entry]).decode

Sync = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """What was appended together, and when it was received."""

    received: datetime
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Contents:
    """The valid frames of a segment, and the bytes after them that are none."""

    frames: list[Frame]
    torn: bytes
    size: int


def encode(entries: Sequence[Entry]) -> bytes:
    return _encode(entries)


def frame(payload: bytes, received: datetime) -> bytes:
    micros = (received - _EPOCH) // _MICROSECOND
    stamp = micros.to_bytes(8, "little", signed=True)
    return _HEAD.pack(len(payload), zlib.crc32(payload, zlib.crc32(stamp)), micros) + payload


def read(path: Path) -> Contents:
    """Everything valid in the segment at `path`; raises FileNotFoundError when it was sealed meanwhile."""
    data = path.read_bytes()
    frames: list[Frame] = []
    at = len(MARK)
    if data[:at] != MARK:
        return Contents([], data, len(data))
    for received, payload, end in _frames(memoryview(data), at):
        frames.append(Frame(_EPOCH + timedelta(microseconds=received), _decode(payload)))
        at = end
    return Contents(frames, data[at:], len(data))


def _frames(data: memoryview, at: int) -> Iterator[tuple[int, memoryview, int]]:
    while at + _HEAD.size <= len(data):
        length, checksum, received = _HEAD.unpack_from(data, at)
        start, end = at + _HEAD.size, at + _HEAD.size + length
        if end > len(data) or zlib.crc32(data[start:end], zlib.crc32(data[at + 8 : start])) != checksum:
            return
        yield received, data[start:end], end
        at = end


class Segment:
    """The open end of a log.  After one failed write or sync it is poisoned and takes nothing more.

    The kernel may drop the pages of a failed sync and report success for the next one, so trying again on
    the same file would acknowledge what is not there.
    """

    def __init__(self, path: Path, number: int, sync: Sync) -> None:
        self.path = path
        self.number = number
        self.events = 0
        self.size = 0
        self._sync = sync
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        try:
            self._write(MARK)
            # The name itself must survive a crash, not only the bytes behind it.
            sync_directory(path.parent)
        except OSError:
            self.close()
            raise

    def append(self, frames: bytes, events: int) -> None:
        """Write and sync; durable when it returns, unknown when it raises OSError."""
        self._write(frames)
        self._sync(self._file)
        self.events += events

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._file)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            view = view[written:]
            self.size += written


def writer_directory(directory: Path, writer: str) -> Path:
    return directory / "log" / writer


def segment_path(directory: Path, segment: SegmentId) -> Path:
    return writer_directory(directory, segment.writer) / f"{segment.number:08d}.log"


def segments(directory: Path) -> list[tuple[SegmentId, Path]]:
    """Every segment that lies in the log, in a fixed order."""
    found = [
        (SegmentId(path.parent.name, int(path.stem)), path) for path in (directory / "log").glob("*/*.log")
    ]
    return sorted(found, key=lambda item: (item[0].writer, item[0].number))


def lock_writer(directory: Path, writer: str) -> IO[bytes]:
    """Claim the name `writer` for this process until the returned file is closed; refuse when it is taken."""
    home = writer_directory(directory, writer)
    while True:
        try:
            make_directory(home)
            handle = (home / "lock").open("ab")
        except FileNotFoundError:
            # Cleared away this moment.
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            raise WriterTaken(f"another process writes to the log as {writer!r}") from None
        # Whoever cleared the writer's directory away in between has left a lock that guards nothing.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle.fileno()), (home / "lock").stat()):
                return handle
        handle.close()


def forget_writers(directory: Path, before: datetime) -> int:
    """Take away the directories of writers that are gone and have left nothing since `before`; how many."""
    forgotten = 0
    for home in sorted((directory / "log").glob("*/")):
        if home.stat().st_mtime >= before.timestamp() or any(home.glob("*.log")):
            continue
        try:
            lock = lock_writer(directory, home.name)
        except WriterTaken:
            continue
        with lock:
            # Nobody begins under this name meanwhile: the lock is ours, and whoever waits for it sees it go.
            if not any(home.glob("*.log")):
                (home / "lock").unlink()
                home.rmdir()
                forgotten += 1
    return forgotten
