"""The manifest: what is in the lake, commit by commit.  It alone says so; a file that no commit names is not there.

Objects that are published once and never changed:

    manifest/commits/<number>.json            one commit: a seal, or a compaction
    manifest/pages/<page>-<count>.jsonl.gz    2,048 commits each, one line a commit; the last page may have fewer
    manifest/checkpoints/<commits>.json       so many commits are in pages: their counts, shows, which still count,
                                              and the segments that every writer has sealed

A commit is the object of the next number, and publishing refuses a number that is taken, so two that commit at
once cannot both have it.  Every 64 commits go into pages and a checkpoint follows; then what they replace is
deleted, one checkpoint later.  A seal therefore reads the newest checkpoint and at most some 64 commits, however
many there were.  Each commit carries the SHA-256 of the one before it, so one that is changed, removed or moved is
noticed.

Lakes of the first release have one file `manifest.jsonl` instead.  Its lines are taken over as they are, byte by
byte, by the first that seals; what a process of that release still adds to it is taken over as well.
"""

import gzip
import hashlib
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.collector.models import COMPACTION, LakeDamaged, SegmentId
from shopfloor.kernel import logs, storage
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import AlreadyThere, Missing, Storage

PAGE: Final = 2_048
FOLD: Final = 64
FIRST_RELEASE: Final = "manifest.jsonl"
COMMITS: Final = "manifest/commits/"
PAGES: Final = "manifest/pages/"
CHECKPOINTS: Final = "manifest/checkpoints/"
MOST_SHOWS_LISTED: Final = 64
_TRIES: Final = 100
_CHUNK: Final = 1 << 20

_log = logs.get("collector")


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


@dataclass(frozen=True, slots=True)
class Numbered:
    """A commit, its number, and the bytes it stands in."""

    number: int
    line: Line
    raw: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def label(self) -> str:
        """What people are told it is called."""
        return str(self.line.id) if self.line.is_seal else f"{COMPACTION}/{self.number:08d}"


@dataclass(frozen=True)
class Snapshot:
    """The manifest at one moment.  It does not change when more is committed."""

    store: Storage
    checkpoint: Checkpoint
    tail: tuple[Numbered, ...]
    foreign: tuple[Line, ...] = ()
    """Seals of a process of the first release, not taken over yet."""
    seen: int = 0
    """How far that release's manifest has nothing new, when no commit says so yet."""
    _sealed: frozenset[SegmentId] = field(init=False)
    _dead: frozenset[int] = field(init=False)
    _kept: tuple[int, Sequence[Numbered]] | None = field(init=False, default=None, compare=False)

    def __post_init__(self) -> None:
        lines = [commit.line for commit in self.tail]
        sealed = frozenset(line.id for line in (*lines, *self.foreign) if line.is_seal)
        object.__setattr__(self, "_sealed", sealed)
        object.__setattr__(self, "_dead", frozenset(number for line in lines for number in line.replaced))

    @property
    def commits(self) -> int:
        return self.checkpoint.commits + len(self.tail)

    @property
    def previous(self) -> str:
        return self.tail[-1].sha256 if self.tail else self.checkpoint.previous

    @property
    def adopted(self) -> int:
        return max([self.checkpoint.adopted, *(commit.line.adopted or 0 for commit in self.tail)])

    @property
    def seals(self) -> int:
        in_tail = sum(commit.line.is_seal for commit in self.tail)
        return sum(page.commits - page.compactions for page in self.checkpoint.pages) + in_tail + len(self.foreign)  # fmt: skip

    @property
    def accepted(self) -> int:
        lines = (*(commit.line for commit in self.tail), *self.foreign)
        return sum(page.accepted for page in self.checkpoint.pages) + sum(line.accepted for line in lines)

    def is_sealed(self, segment: SegmentId) -> bool:
        return segment in self._sealed or _holds(self.checkpoint.writers.get(segment.writer, ()), segment.number)  # fmt: skip

    def holds(self, owner: SegmentId) -> bool:
        """Whether what the index says `owner` has is in this manifest."""
        return owner.number < self.commits if owner.writer == COMPACTION else self.is_sealed(owner)

    def last_number(self, writer: str) -> int:
        """The highest segment that `writer` has sealed; 0 when none."""
        runs = self.checkpoint.writers.get(writer, ())
        return max([*runs[-1:], *(segment.number for segment in self._sealed if segment.writer == writer), 0])

    def history(self) -> Iterator[Numbered]:
        """Every commit there was, page by page."""
        for number in range(len(self.checkpoint.pages)):
            yield from self.page(number)
        yield from self.tail
        for offset, line in enumerate(self.foreign):
            yield Numbered(self.commits + offset, line, b"")

    def with_bad(self) -> Iterator[Numbered]:
        """The commits that kept bad events."""
        for number, page in enumerate(self.checkpoint.pages):
            if page.bad:
                yield from (commit for commit in self.page(number) if commit.line.bad_files)
        yield from (commit for commit in self.tail if commit.line.bad_files)
        for offset, line in enumerate(self.foreign):
            if line.bad_files:
                yield Numbered(self.commits + offset, line, b"")

    def live(self, *, show_id: int | None = None, since: datetime | None = None) -> Iterator[Numbered]:
        """The commits whose event files count; of pages that can hold the show, and were written to since then."""
        for number, page in enumerate(self.checkpoint.pages):
            if not page.may_have(show_id) or (since is not None and page.until < since):
                continue
            for place, commit in enumerate(self.page(number)):
                if not page.is_dead(place) and commit.number not in self._dead:
                    yield commit
        yield from (commit for commit in self.tail if commit.number not in self._dead)
        for offset, line in enumerate(self.foreign):
            yield Numbered(self.commits + offset, line, b"")

    def files(self, *, show_id: int | None = None) -> Iterator[SealedFile]:
        """The event files that count, those that can have events of the show, in the order of their commits."""
        for commit in self.live(show_id=show_id):
            for file in commit.line.events:
                if show_id is None or file.shows is None or show_id in file.shows:
                    yield file

    def compactions(self, *, since: int = 0) -> Iterator[Numbered]:
        """The compactions from commit `since` on."""
        for number, page in enumerate(self.checkpoint.pages):
            if page.compactions and (number + 1) * PAGE > since:
                yield from (each for each in self.page(number) if each.line.replaced and each.number >= since)
        yield from (each for each in self.tail if each.line.replaced and each.number >= since)

    def commit(self, number: int) -> Numbered:
        """One commit by its number."""
        if number >= self.checkpoint.commits:
            return self.tail[number - self.checkpoint.commits]
        return self.page(number // PAGE)[number % PAGE]

    def page(self, number: int) -> Sequence[Numbered]:
        """The commits of a page.  Raises LakeDamaged."""
        if self._kept and self._kept[0] == number:
            return self._kept[1]
        page = self.checkpoint.pages[number]
        first = number * PAGE
        raw = _page_lines(self.store, number, page.commits)
        commits = [Numbered(first + place, _decoded(each), each) for place, each in enumerate(raw)]
        # Who asks for one commit of a page asks for the next one too.
        object.__setattr__(self, "_kept", (number, commits))
        return commits


_line = msgspec.json.Decoder(Line)
_checkpoint = msgspec.json.Decoder(Checkpoint)


@contextmanager
def sealing(place: Path | Storage) -> Generator[Snapshot]:
    """One sealer at a time of this machine in this lake; the manifest as it finds it."""
    store = storage.of(place)
    with store.exclusive("seal.lock"):
        yield _adopt(store, _load(store))


def load(place: Path | Storage) -> Snapshot:
    """The manifest as of now: everything that was committed before this is called, and perhaps a little more."""
    return _with_foreign(_load(storage.of(place)))


def _load(store: Storage) -> Snapshot:
    for _ in range(_TRIES):
        # Commits before checkpoints: what is in pages by then is not missed among the commits.
        listed = [_number(name) for name in store.names(COMMITS)]
        names = store.names(CHECKPOINTS)
        try:
            checkpoint = _read_checkpoint(store.get(names[-1])) if names else Checkpoint()
            wanted = [number for number in listed if number >= checkpoint.commits]
            # A listing is not made in one moment, so that one in the middle can be missing from it.
            if wanted == list(range(checkpoint.commits, checkpoint.commits + len(wanted))):
                return Snapshot(store, checkpoint, tuple(_commit(store, number) for number in wanted))
        except Missing:
            # Two checkpoints later it was deleted.
            continue
    raise LakeDamaged("the manifest lacks a commit, or cannot be read while it is written")


def read(place: Path | Storage) -> list[Line]:
    """Every seal there was, in order."""
    return [commit.line for commit in load(place).history() if commit.line.is_seal]


def objects(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """The objects that make exactly this manifest in an empty storage."""
    store, checkpoint = snapshot.store, snapshot.checkpoint
    for number, page in enumerate(checkpoint.pages):
        name = _page_name(number, page.commits)
        try:
            data = store.get(name)
        except Missing:
            lines = _page_lines(store, number, page.commits)
            data = gzip.compress(b"".join(raw + b"\n" for raw in lines), 6, mtime=0)
        yield name, data
    if checkpoint.commits:
        yield _checkpoint_name(checkpoint.commits), msgspec.json.encode(checkpoint)
    for commit in snapshot.tail:
        yield _commit_name(commit.number), commit.raw


def append(place: Path | Storage, line: Line, snapshot: Snapshot | None = None) -> Snapshot:
    """Commit `line`, durably, and return the manifest with it.

    Raises LakeDamaged when its segment is sealed already.  `snapshot` is what the caller has read; if another was
    faster meanwhile, it is read again.
    """
    store = storage.of(place)
    now = snapshot or load(store)
    for _ in range(_TRIES):
        if line.is_seal and now.is_sealed(line.id):
            raise LakeDamaged(f"segment {line.id} is sealed already")
        chained = msgspec.structs.replace(line, previous=now.previous)
        if now.seen > now.adopted:
            chained = msgspec.structs.replace(chained, adopted=now.seen)
        raw = msgspec.json.encode(chained)
        try:
            store.publish(_commit_name(now.commits), raw)
        except AlreadyThere:
            now = _load(store)
            continue
        if (checked := _overtaken(store, now.commits)) is not None:
            # Whoever slept through two checkpoints finds the number free again that another had.
            if checked.commit(now.commits).raw == raw:
                return checked
            store.delete(_commit_name(now.commits))
            now = checked
            continue
        committed = Numbered(now.commits, chained, raw)
        after = Snapshot(store, now.checkpoint, (*now.tail, committed), now.foreign)
        return _folded(after) if len(after.tail) >= FOLD else after
    raise LakeDamaged("others commit faster than this process can")


def _overtaken(store: Storage, number: int) -> Snapshot | None:
    """The manifest, when there is a checkpoint beyond commit `number` already."""
    names = store.names(CHECKPOINTS)
    return _load(store) if names and _number(names[-1]) > number else None


def verify_chain(place: Path | Storage) -> list[str]:
    """The commits that do not follow from the one before them, and pages that are not what was written."""
    snapshot = load(place)
    broken: list[str] = []
    previous = ""
    for number, page in enumerate(snapshot.checkpoint.pages):
        name = _page_name(number, page.commits)
        # Deleted when the page has grown meanwhile; what it held is in the larger one.
        with suppress(Missing):
            if hashlib.sha256(snapshot.store.get(name)).hexdigest() != page.sha256:
                broken.append(name)
        try:
            commits = snapshot.page(number)
        except LakeDamaged:
            broken.append(name)
            continue
        for commit in commits:
            if commit.line.previous != previous:
                broken.append(commit.label)
            previous = commit.sha256
    for commit in snapshot.tail:
        if commit.line.previous != previous:
            broken.append(commit.label)
        previous = commit.sha256
    return broken


def _folded(snapshot: Snapshot) -> Snapshot:
    """With the tail in pages.  The commit stands already, so what fails here is tried again by the next one."""
    try:
        return _fold(snapshot)
    except OSError as problem:
        _log.warning("collector.checkpoint_failed", commits=snapshot.commits, problem=str(problem))
        return snapshot


def _fold(snapshot: Snapshot) -> Snapshot:
    store, before = snapshot.store, snapshot.checkpoint
    after = _paged(store, before, [(commit.line, commit.raw) for commit in snapshot.tail], snapshot.adopted)
    # Another process may have folded the same commits: the same pages, the same checkpoint.
    with suppress(AlreadyThere):
        store.publish(_checkpoint_name(after.commits), msgspec.json.encode(after))
    _drop_replaced(store, before)
    return Snapshot(store, after, (), snapshot.foreign)


def _paged(
    store: Storage, before: Checkpoint, commits: Sequence[tuple[Line, bytes]], adopted: int
) -> Checkpoint:
    pages = list(before.pages)
    for number in range(before.commits // PAGE, -(-(before.commits + len(commits)) // PAGE)):
        old = pages[number] if number < len(pages) else None
        held = old.commits if old is not None else 0
        start = number * PAGE + held - before.commits
        added = commits[start : start + PAGE - held]
        raws = [*(_page_lines(store, number, held) if held else ()), *(raw for _, raw in added)]
        data = gzip.compress(b"".join(raw + b"\n" for raw in raws), 6, mtime=0)
        store.put(_page_name(number, len(raws)), data)
        page = _counted(old, [line for line, _ in added], hashlib.sha256(data).hexdigest())
        pages[number : number + 1] = [page]
    replaced: dict[int, list[int]] = {}
    for line, _ in commits:
        for number in line.replaced:
            replaced.setdefault(number // PAGE, []).append(number)
    for number, dead in replaced.items():
        pages[number] = _buried(store, pages[number], number, dead)
    writers = {writer: list(runs) for writer, runs in before.writers.items()}
    for line, _ in commits:
        if line.is_seal:
            _add(writers.setdefault(line.writer, []), line.segment)
    return Checkpoint(
        commits=before.commits + len(commits),
        previous=hashlib.sha256(commits[-1][1]).hexdigest() if commits else before.previous,
        adopted=adopted,
        pages=pages,
        writers=writers,
    )


def _counted(old: Page | None, lines: Sequence[Line], sha256: str) -> Page:
    lists = [line.shows for line in lines]
    unlisted = any(shows is None for shows in lists) or (old is not None and old.shows is None and old.between is None)  # fmt: skip
    shows = {show for each in lists for show in each or ()}
    if old is not None:
        shows.update(old.shows if old.shows is not None else old.between or ())
    return Page(
        commits=(old.commits if old else 0) + len(lines),
        sha256=sha256,
        until=max([*([old.until] if old else ()), *(line.sealed_at for line in lines)]),
        received=(old.received if old else 0) + sum(line.received for line in lines),
        accepted=(old.accepted if old else 0) + sum(line.accepted for line in lines),
        duplicate=(old.duplicate if old else 0) + sum(line.duplicate for line in lines),
        bad=(old.bad if old else 0) + sum(line.bad for line in lines),
        torn_bytes=(old.torn_bytes if old else 0) + sum(line.torn_bytes for line in lines),
        rows=(old.rows if old else 0) + sum(file.rows for line in lines for file in line.events),
        live=(old.live if old else 0) + sum(bool(line.events) for line in lines),
        shows=None
        if unlisted or len(shows) > MOST_SHOWS_LISTED or (old and old.shows is None)
        else sorted(shows),
        between=None if unlisted or not shows else (min(shows), max(shows)),
        compactions=(old.compactions if old else 0) + sum(not line.is_seal for line in lines),
        dead=old.dead if old else "",
    )


def _buried(store: Storage, page: Page, number: int, dead: Sequence[int]) -> Page:
    """`page` after a compaction stands for its commits `dead`."""
    lines = _page_lines(store, number, page.commits)
    bits = int(page.dead or "0", 16)
    rows, live = page.rows, page.live
    for place in sorted({each - number * PAGE for each in dead}):
        if bits >> place & 1:
            continue
        bits |= 1 << place
        line = _decoded(lines[place])
        rows -= sum(file.rows for file in line.events)
        live -= bool(line.events)
    return msgspec.structs.replace(page, dead=f"{bits:x}", rows=rows, live=live)


def _drop_replaced(store: Storage, before: Checkpoint) -> None:
    """Delete what only checkpoints older than `before` refer to: a reader that just read `before` still reads on.

    Never anything newer, so a process that was asleep for an hour does no harm.
    """
    for name in store.names(CHECKPOINTS):
        if _number(name) < before.commits:
            store.delete(name)
    for name in store.names(COMMITS):
        if _number(name) < before.commits:
            store.delete(name)
    # A page grows only at the end of the manifest.
    for number in range(max(len(before.pages) - 2, 0), len(before.pages)):
        for name in store.names(f"{PAGES}{number:08d}-"):
            if int(name.rpartition("-")[2].partition(".")[0]) < before.pages[number].commits:
                store.delete(name)


def _adopt(store: Storage, snapshot: Snapshot) -> Snapshot:
    """With what the first release wrote into its own manifest and is not in this one yet."""
    if store.size(FIRST_RELEASE) in (None, snapshot.adopted):
        return snapshot
    if not snapshot.commits:
        # All at once, with the bytes they have, so that each still follows from the one before it.
        converted, pending, whole = Checkpoint(), list[tuple[Line, bytes]](), 0
        for lines, end in _foreign(store, 0):
            pending += lines
            whole = end
            while len(pending) >= PAGE:
                converted = _paged(store, converted, pending[:PAGE], 0)
                del pending[:PAGE]
        converted = _paged(store, converted, pending, whole)
        if converted.commits:
            store.publish(_checkpoint_name(converted.commits), msgspec.json.encode(converted))
            _log.info("collector.manifest_converted", seals=converted.commits)
        return _load(store)
    snapshot = Snapshot(store, snapshot.checkpoint, snapshot.tail)
    for lines, end in _foreign(store, snapshot.adopted):
        fresh = [line for line, _ in lines if not snapshot.is_sealed(line.id)]
        for place, line in enumerate(fresh):
            # The last one says how far the other manifest is taken over; until then its lines are looked at again.
            more = {"adopted": end} if place == len(fresh) - 1 else {}
            snapshot = append(store, msgspec.structs.replace(line, **more), snapshot)
        if not fresh:
            snapshot = Snapshot(store, snapshot.checkpoint, snapshot.tail, seen=end)
    return snapshot


def _with_foreign(snapshot: Snapshot) -> Snapshot:
    if snapshot.store.size(FIRST_RELEASE) in (None, snapshot.adopted):
        return snapshot
    fresh = tuple(
        line
        for lines, _ in _foreign(snapshot.store, snapshot.adopted)
        for line, _ in lines
        if not snapshot.is_sealed(line.id)
    )
    return Snapshot(snapshot.store, snapshot.checkpoint, snapshot.tail, fresh) if fresh else snapshot


def _foreign(store: Storage, start: int) -> Iterator[tuple[list[tuple[Line, bytes]], int]]:
    """The whole lines of the first release's manifest from there on, some at a time, and where they end."""
    size = _CHUNK
    while True:
        data = store.get(FIRST_RELEASE, start, size)
        whole = data.rfind(b"\n") + 1
        if whole:
            start += whole
            yield [(_decoded(raw), raw) for raw in data[:whole].splitlines()], start
        elif len(data) == size:
            # A line longer than what was read.
            size *= 2
        if len(data) < size:
            return


def _page_lines(store: Storage, number: int, count: int) -> list[bytes]:
    """The first `count` lines of a page, from whichever object of it there is: a page only grows."""
    data: bytes | None = None
    try:
        data = store.get(_page_name(number, count))
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


def _commit(store: Storage, number: int) -> Numbered:
    raw = store.get(_commit_name(number))
    return Numbered(number, _decoded(raw), raw)


def _decoded(raw: bytes) -> Line:
    try:
        return _line.decode(raw)
    except msgspec.MsgspecError as problem:
        raise LakeDamaged(f"the manifest cannot be read: {problem}") from problem


def _read_checkpoint(raw: bytes) -> Checkpoint:
    try:
        return _checkpoint.decode(raw)
    except msgspec.MsgspecError as problem:
        raise LakeDamaged(f"the manifest cannot be read: {problem}") from problem


def _holds(runs: Sequence[int], number: int) -> bool:
    return any(first <= number <= last for first, last in _pairs(runs))


def _pairs(runs: Sequence[int]) -> Iterable[tuple[int, int]]:
    return zip(runs[::2], runs[1::2], strict=True)


def _add(runs: list[int], number: int) -> None:
    """Add `number` to the runs that a writer has sealed."""
    if runs and runs[-1] == number - 1:
        runs[-1] = number
        return
    if not runs or runs[-1] < number:
        runs += [number, number]
        return
    if _holds(runs, number):
        return
    numbers = sorted([*_pairs(runs), (number, number)])
    joined: list[int] = []
    for first, last in numbers:
        if joined and joined[-1] == first - 1:
            joined[-1] = last
        else:
            joined += [first, last]
    runs[:] = joined


def _number(name: str) -> int:
    return int(name.rpartition("/")[2].partition(".")[0])


def _commit_name(number: int) -> str:
    return f"{COMMITS}{number:012d}.json"


def _checkpoint_name(commits: int) -> str:
    return f"{CHECKPOINTS}{commits:012d}.json"


def _page_name(number: int, count: int) -> str:
    return f"{PAGES}{number:08d}-{count:04d}.jsonl.gz"
