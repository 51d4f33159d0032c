"""What the manifest is made of: its objects, what they are called, and how they are read.  `manifest` says how they change."""

import gzip
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from shopfloor.collector.models import LakeDamaged, SegmentId
from shopfloor.kernel.storage import Missing, Storage

COMMITS: Final = "manifest/commits/"
PAGES: Final = "manifest/pages/"
CHECKPOINTS: Final = "manifest/checkpoints/"


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
    """One commit.  A seal: which stretch of which log, what was counted, which files it became.  A compaction: the
    numbers of the commits whose event files `events` stand for from now on; it counts nothing.
    """

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
    replaces: list[int] | msgspec.UnsetType = msgspec.UNSET
    removes: list[str] | msgspec.UnsetType = msgspec.UNSET
    """The paths of those event files, for who reads the manifest with other programs."""
    adopted: int | msgspec.UnsetType = msgspec.UNSET
    """How many bytes of the first release's manifest are taken over with this commit."""

    @property
    def id(self) -> SegmentId:
        return SegmentId(self.writer, self.segment)

    @property
    def replaced(self) -> Sequence[int]:
        return self.replaces or ()

    @property
    def is_seal(self) -> bool:
        return self.replaces is msgspec.UNSET

    @property
    def shows(self) -> list[int] | None:
        """The shows it has events of, or None when they are too many to list."""
        found: set[int] = set()
        for file in self.events:
            if file.shows is None:
                return None
            found.update(file.shows)
        return sorted(found)


class Page(msgspec.Struct, frozen=True):
    """What a checkpoint says of a page: enough to know whether it must be read."""

    commits: int
    sha256: str
    until: datetime
    """When its last commit was made."""
    received: int
    accepted: int
    duplicate: int
    bad: int
    torn_bytes: int
    rows: int
    """In the files that still count."""
    live: int
    """Commits that have such files."""
    shows: list[int] | None
    """Those it has events of; when they are many, the lowest and the highest are between[0] and between[1]."""
    between: tuple[int, int] | None
    """None: it may have events of any show, unless `shows` says none."""
    compactions: int
    dead: str = ""
    """The commits that a later one replaced: bit n of this hexadecimal number is the n-th of the page."""

    def is_dead(self, place: int) -> bool:
        return bool(self.dead) and bool(int(self.dead, 16) >> place & 1)

    def may_have(self, show_id: int | None) -> bool:
        if not self.live or show_id is None:
            return bool(self.live)
        if self.shows is not None:
            return show_id in self.shows
        return self.between is None or self.between[0] <= show_id <= self.between[1]


class Checkpoint(msgspec.Struct, frozen=True):
    """The first `commits` commits, in pages."""

    commits: int = 0
    previous: str = ""
    """SHA-256 of the last of them."""
    adopted: int = 0
    pages: list[Page] = []
    writers: dict[str, list[int]] = {}
    """The segments that each writer has sealed: first and last of every run of them, one after the other."""


_line = msgspec.json.Decoder(Line)
_checkpoint = msgspec.json.Decoder(Checkpoint)


def page_lines(store: Storage, number: int, count: int) -> list[bytes]:
    """The first `count` lines of a page, from whichever object of it there is: a page only grows."""
    data: bytes | None = None
    try:
        data = store.get(page_name(number, count))
    except Missing:
        for name in reversed(store.names(f"{PAGES}{number:08d}-")):
            if int(name.rpartition("-")[2].partition(".")[0]) > count:
                data = store.get(name)
                break
    if data is None:
        raise LakeDamaged(f"page {number} of the manifest is gone")
    try:
        lines = gzip.decompress(data).splitlines()
    except (OSError, EOFError, zlib.error) as problem:
        raise LakeDamaged(f"page {number} of the manifest cannot be read: {problem}") from problem
    if len(lines) < count:
        raise LakeDamaged(f"page {number} of the manifest has {len(lines)} lines, not {count}")
    return lines[:count]


def decoded(raw: bytes) -> Line:
    try:
        return _line.decode(raw)
    except msgspec.MsgspecError as problem:
        raise LakeDamaged(f"the manifest cannot be read: {problem}") from problem


def read_checkpoint(raw: bytes) -> Checkpoint:
    try:
        return _checkpoint.decode(raw)
    except msgspec.MsgspecError as problem:
        raise LakeDamaged(f"the manifest cannot be read: {problem}") from problem


def holds_number(runs: Sequence[int], number: int) -> bool:
    return any(first <= number <= last for first, last in _pairs(runs))


def _pairs(runs: Sequence[int]) -> Iterable[tuple[int, int]]:
    return zip(runs[::2], runs[1::2], strict=True)


def add_number(runs: list[int], number: int) -> None:
    """Add `number` to the runs that a writer has sealed."""
    if runs and runs[-1] == number - 1:
        runs[-1] = number
        return
    if not runs or runs[-1] < number:
        runs += [number, number]
        return
    if holds_number(runs, number):
        return
    numbers = sorted([*_pairs(runs), (number, number)])
    joined: list[int] = []
    for first, last in numbers:
        if joined and joined[-1] == first - 1:
            joined[-1] = last
        else:
            joined += [first, last]
    runs[:] = joined


def number_of(name: str) -> int:
    return int(name.rpartition("/")[2].partition(".")[0])


def commit_name(number: int) -> str:
    return f"{COMMITS}{number:012d}.json"


def checkpoint_name(commits: int) -> str:
    return f"{CHECKPOINTS}{commits:012d}.json"


def page_name(number: int, count: int) -> str:
    return f"{PAGES}{number:08d}-{count:04d}.jsonl.gz"
