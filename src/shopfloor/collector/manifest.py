"""The manifest: one line for each sealed segment, appended and synced.  It alone says what is in the lake.

Each line carries the SHA-256 of the line before it, so a line that is changed, removed or moved is noticed.
"""

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.collector.log import make_directory, sync_directory
from shopfloor.collector.models import LakeDamaged, SegmentId

NAME: Final = "manifest.jsonl"


class SealedFile(msgspec.Struct, frozen=True):
    """A file of the lake: relative path, hash, size, rows, what it spans."""

    path: str
    sha256: str
    bytes: int
    rows: int
    first: datetime | None = None
    last: datetime | None = None
    shows: list[int] | None = None
    """The shows it has events of, or None when there are too many to list."""


class Line(msgspec.Struct, frozen=True):
    """One seal: which stretch of which log, what was counted, which files it became."""

    writer: str
    segment: int
    sealed_at: datetime
    log_bytes: int
    torn_bytes: int
    received: int
    accepted: int
    duplicate: int
    bad: int
    events: list[SealedFile]
    bad_files: list[SealedFile]
    previous: str

    @property
    def id(self) -> SegmentId:
        return SegmentId(self.writer, self.segment)


_line = msgspec.json.Decoder(Line)


@contextmanager
def sealing(directory: Path) -> Generator[None]:
    """One sealer at a time in this lake, of whatever process."""
    make_directory(directory)
    with (directory / "seal.lock").open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def read(directory: Path) -> list[Line]:
    """All whole lines; what follows the last line break was never acknowledged."""
    lines, _, _ = _read(directory)
    return lines


def verify_chain(directory: Path) -> list[str]:
    """The segments whose line does not follow from the line before it."""
    lines, hashes, _ = _read(directory)
    expected = ["", *hashes][: len(lines)]
    return [str(line.id) for line, previous in zip(lines, expected, strict=True) if line.previous != previous]


def append(directory: Path, line: Line) -> None:
    """Add `line`, durably; only while `sealing` is held."""
    path = directory / NAME
    lines, hashes, whole = _read(directory)
    if any(earlier.id == line.id for earlier in lines):
        raise LakeDamaged(f"segment {line.id} is sealed already")
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        # A line that a crash left half written is not one; the next stands in its place.
        os.ftruncate(handle, whole)
        os.lseek(handle, whole, os.SEEK_SET)
        chained = msgspec.structs.replace(line, previous=hashes[-1] if hashes else "")
        data = memoryview(msgspec.json.encode(chained) + b"\n")
        while data:
            data = data[os.write(handle, data) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        sync_directory(directory)


def _read(directory: Path) -> tuple[list[Line], list[str], int]:
    try:
        data = (directory / NAME).read_bytes()
    except FileNotFoundError:
        return [], [], 0
    whole = data.rfind(b"\n") + 1
    raw = data[:whole].splitlines()
    try:
        lines = [_line.decode(one) for one in raw]
    except msgspec.MsgspecError as problem:
        raise LakeDamaged(f"the manifest cannot be read: {problem}") from problem
    return lines, [hashlib.sha256(one).hexdigest() for one in raw], whole
