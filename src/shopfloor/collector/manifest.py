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
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.collector.manifest_objects import (
    CHECKPOINTS,
    COMMITS,
    PAGES,
    Checkpoint,
    Line,
    Page,
    SealedFile,
    add_number,
    checkpoint_name,
    commit_name,
    decoded,
    holds_number,
    number_of,
    page_lines,
    page_name,
    read_checkpoint,
)
from shopfloor.collector.models import COMPACTION, LakeDamaged, SegmentId
from shopfloor.kernel import logs, storage
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import AlreadyThere, Missing, Storage

PAGE: Final = 2_048
FOLD: Final = 64
FIRST_RELEASE: Final = "manifest.jsonl"
MOST_SHOWS_LISTED: Final = 64
_TRIES: Final = 100
_CHUNK: Final = 1 << 20

_log = logs.get("collector")


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
        return segment in self._sealed or holds_number(self.checkpoint.writers.get(segment.writer, ()), segment.number)  # fmt: skip

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
        raw = page_lines(self.store, number, page.commits)
        commits = [Numbered(first + place, decoded(each), each) for place, each in enumerate(raw)]
        # Who asks for one commit of a page asks for the next one too.
        object.__setattr__(self, "_kept", (number, commits))
        return commits


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
        listed = [number_of(name) for name in store.names(COMMITS)]
        names = store.names(CHECKPOINTS)
        try:
            checkpoint = read_checkpoint(store.get(names[-1])) if names else Checkpoint()
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
        name = page_name(number, page.commits)
        try:
            data = store.get(name)
        except Missing:
            lines = page_lines(store, number, page.commits)
            data = gzip.compress(b"".join(raw + b"\n" for raw in lines), 6, mtime=0)
        yield name, data
    if checkpoint.commits:
        yield checkpoint_name(checkpoint.commits), msgspec.json.encode(checkpoint)
    for commit in snapshot.tail:
        yield commit_name(commit.number), commit.raw


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
            store.publish(commit_name(now.commits), raw)
        except AlreadyThere:
            now = _load(store)
            continue
        if (checked := _overtaken(store, now.commits)) is not None:
            # Whoever slept through two checkpoints finds the number free again that another had.
            if checked.commit(now.commits).raw == raw:
                return checked
            store.delete(commit_name(now.commits))
            now = checked
            continue
        committed = Numbered(now.commits, chained, raw)
        after = Snapshot(store, now.checkpoint, (*now.tail, committed), now.foreign)
        return _folded(after) if len(after.tail) >= FOLD else after
    raise LakeDamaged("others commit faster than this process can")


def _overtaken(store: Storage, number: int) -> Snapshot | None:
    """The manifest, when there is a checkpoint beyond commit `number` already."""
    names = store.names(CHECKPOINTS)
    return _load(store) if names and number_of(names[-1]) > number else None


def verify_chain(place: Path | Storage) -> list[str]:
    """The commits that do not follow from the one before them, and pages that are not what was written."""
    snapshot = load(place)
    broken: list[str] = []
    previous = ""
    for number, page in enumerate(snapshot.checkpoint.pages):
        name = page_name(number, page.commits)
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
        store.publish(checkpoint_name(after.commits), msgspec.json.encode(after))
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
        raws = [*(page_lines(store, number, held) if held else ()), *(raw for _, raw in added)]
        data = gzip.compress(b"".join(raw + b"\n" for raw in raws), 6, mtime=0)
        store.put(page_name(number, len(raws)), data)
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
            add_number(writers.setdefault(line.writer, []), line.segment)
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
    lines = page_lines(store, number, page.commits)
    bits = int(page.dead or "0", 16)
    rows, live = page.rows, page.live
    for place in sorted({each - number * PAGE for each in dead}):
        if bits >> place & 1:
            continue
        bits |= 1 << place
        line = decoded(lines[place])
        rows -= sum(file.rows for file in line.events)
        live -= bool(line.events)
    return msgspec.structs.replace(page, dead=f"{bits:x}", rows=rows, live=live)


def _drop_replaced(store: Storage, before: Checkpoint) -> None:
    """Delete what only checkpoints older than `before` refer to: a reader that just read `before` still reads on.

    Never anything newer, so a process that was asleep for an hour does no harm.
    """
    for name in store.names(CHECKPOINTS):
        if number_of(name) < before.commits:
            store.delete(name)
    for name in store.names(COMMITS):
        if number_of(name) < before.commits:
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
            store.publish(checkpoint_name(converted.commits), msgspec.json.encode(converted))
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
            yield [(decoded(raw), raw) for raw in data[:whole].splitlines()], start
        elif len(data) == size:
            # A line longer than what was read.
            size *= 2
        if len(data) < size:
            return


def _commit(store: Storage, number: int) -> Numbered:
    raw = store.get(commit_name(number))
    return Numbered(number, decoded(raw), raw)
