"""Many small files of an hour become one; and what is no longer read is deleted.

A compaction writes the new files, reads them back, and makes one commit that puts them in the place of the old
ones: a reader sees the old files or the new ones, each event once.  The old files stay for a day, for those who
opened the lake before; then they are deleted.  Selling and sealing go on meanwhile.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shopfloor.collector import log, manifest
from shopfloor.collector.manifest_objects import Line, SealedFile
from shopfloor.collector.models import COMPACTION, LakeDamaged
from shopfloor.collector.sealer import write_table
from shopfloor.kernel import late, logs, storage
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import Missing, Storage
from shopfloor.kernel.values import now

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from shopfloor.collector import columns
else:
    pa = late.module("pyarrow")
    pq = late.module("pyarrow.parquet")
    columns = late.module("shopfloor.collector.columns")

# Its functions are made at import from what the library holds; no checker can see them.
compute: Any = late.module("pyarrow.compute")

COLD: Final = timedelta(hours=1)
GRACE: Final = timedelta(hours=24)
ROWS: Final = 1_000_000
FILES: Final = 8
_COMMITS_AT_ONCE: Final = manifest.PAGE
_CLEANED: Final = "manifest/cleaned.json"
_ORDER: Final = [(name, "ascending") for name in ("show_id", "event_time", "source", "id")]

_log = logs.get("collector")


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: files before and after, their rows and bytes, files deleted."""

    files_before: int
    files_after: int
    rows: int
    bytes_before: int
    bytes_after: int
    deleted: int


def compact(
    place: Path | Storage,
    *,
    cold: timedelta = COLD,
    grace: timedelta = GRACE,
    rows: int = ROWS,
    files: int = FILES,
    at: datetime | None = None,
) -> Compacted:
    """Merge the files of hours that ended `cold` ago and have at least `files`; at most `rows` in a new one.

    Then delete what was replaced `grace` ago.  One at a time in a lake; raises LakeDamaged when an old file is not
    what was sealed, and then changes nothing of it.
    """
    store = storage.of(place)
    moment = at or now()
    before: list[SealedFile] = []
    after: list[SealedFile] = []
    with manifest.sealing(store):
        # What the first release wrote is taken over.
        pass
    with store.exclusive("compact.lock"):
        for batch in _batches(manifest.load(store), moment - cold, rows=rows, files=files):
            merged = _merge(store, batch, rows)
            manifest.append(store, _commit(batch, merged))
            before += [file for commit in batch for file in commit.line.events]
            after += merged
        deleted = _clean(store, moment - grace)
        store.sweep()
    done = Compacted(
        files_before=len(before),
        files_after=len(after),
        rows=sum(file.rows for file in after),
        bytes_before=sum(file.bytes for file in before),
        bytes_after=sum(file.bytes for file in after),
        deleted=deleted,
    )
    _log.info("collector.compacted", **{name: getattr(done, name) for name in Compacted.__slots__})
    return done


def forget_writers(directory: Path) -> int:
    """Take away the empty logs of processes that ended an hour ago; how many."""
    return log.forget_writers(directory, now() - COLD)


def hour_of(file: SealedFile) -> datetime:
    """The hour in which its events were received."""
    text = file.path.partition("hour=")[2].partition("/")[0]
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _batches(
    snapshot: manifest.Snapshot, until: datetime, *, rows: int, files: int
) -> Iterator[list[manifest.Numbered]]:
    """Commits whose files are worth merging, so many together as fit into memory."""
    counts: Counter[datetime] = Counter()
    for commit in snapshot.live():
        counts.update(hour_of(file) for file in commit.line.events if file.rows < rows // 2)
    worth = {hour for hour, count in counts.items() if count >= files and hour + timedelta(hours=1) <= until}
    batch: list[manifest.Numbered] = []
    held = 0
    for commit in snapshot.live():
        line = commit.line
        size = sum(file.rows for file in line.events)
        if line.sealed_at > until or size >= rows // 2 or not any(hour_of(f) in worth for f in line.events):
            continue
        if batch and (held + size > rows or len(batch) == _COMMITS_AT_ONCE):
            yield from _gains(batch)
            batch, held = [], 0
        batch.append(commit)
        held += size
    yield from _gains(batch)


def _gains(batch: list[manifest.Numbered]) -> Iterator[list[manifest.Numbered]]:
    """`batch`, if there are fewer files after it."""
    found = [hour_of(file) for commit in batch for file in commit.line.events]
    if len(found) > len(set(found)):
        yield batch


def _merge(store: Storage, batch: Sequence[manifest.Numbered], rows: int) -> list[SealedFile]:
    parts: defaultdict[datetime, list[columns.ArrowTable]] = defaultdict(list)
    sources = hashlib.sha256()
    for commit in batch:
        for file in commit.line.events:
            data = _whole(store, file)
            sources.update(file.sha256.encode())
            parts[hour_of(file)].append(pq.read_table(pa.BufferReader(data)).cast(columns.SCHEMA))
    merged: list[SealedFile] = []
    for hour, tables in sorted(parts.items()):
        table = pa.concat_tables(tables).sort_by(_ORDER)
        # The same files give the same name, so what is tried again after a crash is written over.
        name = f"events/hour={hour:%Y-%m-%dT%H}/compacted-{sources.hexdigest()[:16]}.parquet"
        times = compute.min_max(table["event_time"])
        file = write_table(
            store,
            name,
            table,
            span=(times["min"].as_py(), times["max"].as_py()),
            shows=compute.unique(table["show_id"].drop_null()).to_pylist(),
        )
        if not _same(pq.read_table(pa.BufferReader(_whole(store, file))), table):
            raise LakeDamaged(f"{name} does not hold what was written to it")
        merged.append(file)
    return merged


def _same(first: columns.ArrowTable, other: columns.ArrowTable) -> bool:
    """Bit by bit, for what is not a number is not equal to itself."""
    bits = [each["seconds"].combine_chunks().view(pa.int64()) for each in (first, other)]
    return bits[0].equals(bits[1]) and first.drop_columns(["seconds"]).equals(other.drop_columns(["seconds"]))


def _whole(store: Storage, file: SealedFile) -> bytes:
    try:
        data = store.get(file.path)
    except Missing as problem:
        raise LakeDamaged(f"a file the manifest names is gone: {file.path}") from problem
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise LakeDamaged(f"a file is not the one that was sealed: {file.path}")
    return data


def _commit(batch: Sequence[manifest.Numbered], merged: list[SealedFile]) -> Line:
    return Line(
        writer=COMPACTION,
        segment=0,
        sealed_at=now(),
        log_bytes=0,
        torn_bytes=0,
        received=0,
        accepted=0,
        duplicate=0,
        bad=0,
        events=merged,
        bad_files=[],
        previous="",
        replaces=[commit.number for commit in batch],
        removes=[file.path for commit in batch for file in commit.line.events],
    )


class _Cleaned(msgspec.Struct, frozen=True):
    commits: int = 0


def _clean(store: Storage, until: datetime) -> int:
    """Delete the files that compactions up to then have replaced, and new files that never were committed."""
    snapshot = manifest.load(store)
    try:
        done = msgspec.json.decode(store.get(_CLEANED), type=_Cleaned).commits
    except (Missing, msgspec.MsgspecError):
        # It only saves work: what is deleted already is deleted again.
        done = 0
    deleted = 0
    through = done
    for commit in snapshot.compactions(since=done):
        if commit.line.sealed_at > until:
            break
        for number in commit.line.replaced:
            for file in snapshot.commit(number).line.events:
                if store.size(file.path) is not None:
                    store.delete(file.path)
                    deleted += 1
        through = commit.number + 1
    if through > done:
        store.put(_CLEANED, msgspec.json.encode(_Cleaned(through)))
    known = {file.path for file in snapshot.files()}
    for commit in snapshot.compactions(since=through):
        known |= {
            file.path for number in commit.line.replaced for file in snapshot.commit(number).line.events
        }
    for name in store.names("events/"):
        if "/compacted-" in name and name not in known:
            store.delete(name)
            deleted += 1
    return deleted
