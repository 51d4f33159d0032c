"""From closed log segments to files of the lake, each step safe to repeat after a crash at any point.

    decide     first copy of (source, id) within seven days wins; the decision is claimed in the index
    write      whole or not at all; same segment, same names, same bytes
    name       one commit in the manifest; only now do readers see the files
    drop       the segment

A crash before the commit leaves files that no reader looks at and that the next attempt overwrites; a crash
after it leaves a segment that is dropped unread.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from shopfloor.collector import index, log, manifest
from shopfloor.collector.manifest_objects import COMMITS, Line, SealedFile
from shopfloor.collector.models import DEDUP_DAYS, Bad, Event, Sealed, SegmentId
from shopfloor.kernel import late, logs, storage
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import Storage
from shopfloor.kernel.values import now

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from shopfloor.collector import columns
else:
    pa = late.module("pyarrow")
    pq = late.module("pyarrow.parquet")
    columns = late.module("shopfloor.collector.columns")

Row = TypeVar("Row")

_ROW_GROUP: Final = 131_072
_log = logs.get("collector")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A bad event as it is kept: `raw` is text, or Base64 where the bytes are no UTF-8."""

    received_at: datetime
    id: str
    reason: str
    viewer: str | None
    raw: str
    encoding: str
    site: str | None = None


def seal(directory: Path, wanted: Sequence[SegmentId]) -> list[Sealed]:
    """Seal those of `wanted` that are not sealed yet; the caller owns them and nobody else appends."""
    sealed: list[Sealed] = []
    with manifest.sealing(directory) as found:
        known = found
        for segment in wanted:
            path = log.segment_path(directory, segment)
            if known.is_sealed(segment):
                # Whoever sealed it may have died before that was durable.
                known.store.settle(COMMITS)
            elif path.exists():
                result, known = _seal_one(directory, segment, path, known)
                sealed.append(result)
            path.unlink(missing_ok=True)
    return sealed


def orphans(directory: Path, *, except_writer: str) -> list[SegmentId]:
    """Segments left by processes that are gone (their lock is free)."""
    found: list[SegmentId] = []
    for writer, group in groupby(log.segments(directory), key=lambda item: item[0].writer):
        if writer == except_writer:
            continue
        try:
            lock = log.lock_writer(directory, writer)
        except log.WriterTaken:
            continue
        # A process that starts under this name from now on begins a new segment and leaves these alone.
        lock.close()
        found.extend(segment for segment, _ in group)
    return found


def seal_everything(directory: Path) -> list[Sealed]:
    """Seal what processes that are gone have left; for tools that run beside no collector."""
    return seal(directory, orphans(directory, except_writer=""))


def next_number(directory: Path, writer: str) -> int:
    """The first segment number that `writer` never used."""
    used = [segment.number for segment, _ in log.segments(directory) if segment.writer == writer]
    return max([*used, manifest.load(directory).last_number(writer)]) + 1


def _seal_one(
    directory: Path, segment: SegmentId, path: Path, known: manifest.Snapshot
) -> tuple[Sealed, manifest.Snapshot]:
    store = known.store
    contents = log.read(path)
    arrived = [(frame.received, entry) for frame in contents.frames for entry in frame.entries]
    bad = [(received, entry) for received, entry in arrived if isinstance(entry, Bad)]
    events = [(received, entry) for received, entry in arrived if isinstance(entry, Event)]
    day = arrived[0][0].date() if arrived else now().date()
    accepted = _decide(directory, segment, day, events)

    event_files = [_write_events(store, segment, hour, rows) for hour, rows in _by_hour(accepted)]
    bad_files = [_write_bad(store, segment, hour, rows) for hour, rows in _by_hour(bad)]
    if contents.torn:
        _log.warning("collector.torn_segment", segment=str(segment), bytes=len(contents.torn))
        store.put(f"torn/{segment.stem}.bin", contents.torn)

    result = Sealed(
        segment=segment,
        received=len(arrived),
        accepted=len(accepted),
        duplicate=len(events) - len(accepted),
        bad=len(bad),
        torn_bytes=len(contents.torn),
    )
    after = manifest.append(
        store,
        Line(
            writer=segment.writer,
            segment=segment.number,
            sealed_at=now(),
            log_bytes=contents.size,
            torn_bytes=result.torn_bytes,
            received=result.received,
            accepted=result.accepted,
            duplicate=result.duplicate,
            bad=result.bad,
            events=event_files,
            bad_files=bad_files,
            previous="",
        ),
        known,
    )
    return result, after


def _decide(
    directory: Path, segment: SegmentId, day: date, events: list[tuple[datetime, Event]]
) -> list[tuple[datetime, Event]]:
    """The events that are no duplicates; each of them is this segment's in the index from now on."""
    if not events:
        return []
    keys = [index.key(event.source, event.id) for _, event in events]
    taken = index.owners(directory, keys, day)
    name = str(segment)
    accepted: dict[bytes, tuple[datetime, Event]] = {}
    for key, arrived in zip(keys, events, strict=True):
        if taken.get(key, name) == name:
            accepted.setdefault(key, arrived)
    index.claim(directory, day, segment, list(accepted))
    index.forget(directory, min(day, now().date()) - timedelta(days=DEDUP_DAYS + 1))
    return list(accepted.values())


def _by_hour(rows: Iterable[tuple[datetime, Row]]) -> Iterable[tuple[str, list[tuple[datetime, Row]]]]:
    hours: defaultdict[str, list[tuple[datetime, Row]]] = defaultdict(list)
    for received, row in rows:
        hours[received.strftime("%Y-%m-%dT%H")].append((received, row))
    return sorted(hours.items())


def _write_events(
    store: Storage, segment: SegmentId, hour: str, rows: list[tuple[datetime, Event]]
) -> SealedFile:
    rows.sort(key=lambda row: (row[1].show_id or 0, row[1].event_time, row[1].source, row[1].id))
    times = [event.event_time for _, event in rows]
    return write_table(
        store,
        f"events/hour={hour}/{segment.stem}.parquet",
        columns.table(rows),
        span=(min(times), max(times)),
        shows={event.show_id for _, event in rows if event.show_id is not None},
    )


def write_table(
    store: Storage,
    name: str,
    rows: columns.ArrowTable,
    *,
    span: tuple[datetime, datetime],
    shows: Collection[int],
) -> SealedFile:
    """Events as a file of the lake, and what the manifest says of it.  The same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP)
    data = sink.getvalue().to_pybytes()
    store.put(name, data)
    first, last = span
    return SealedFile(
        path=name,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        rows=rows.num_rows,
        first=first,
        last=last,
        shows=sorted(shows) if len(shows) <= manifest.MOST_SHOWS_LISTED else None,
    )


def _write_bad(store: Storage, segment: SegmentId, hour: str, rows: list[tuple[datetime, Bad]]) -> SealedFile:
    data = b"".join(msgspec.json.encode(_bad_line(received, bad)) + b"\n" for received, bad in rows)
    relative = f"bad/hour={hour}/{segment.stem}.jsonl"
    store.put(relative, data)
    return SealedFile(path=relative, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), rows=len(rows))


def _bad_line(received: datetime, bad: Bad) -> BadLine:
    try:
        raw, encoding = bad.raw.decode(), "utf-8"
    except UnicodeDecodeError:
        raw, encoding = base64.b64encode(bad.raw).decode(), "base64"
    return BadLine(received, bad.id, bad.reason, bad.viewer, raw, encoding, bad.site)


def read_bad(place: Path | Storage, line: Line) -> list[tuple[BadLine, bytes]]:
    """The bad events of one seal, with their bytes as they came."""
    store = storage.of(place)
    found: list[tuple[BadLine, bytes]] = []
    for file in line.bad_files:
        for raw in store.get(file.path).splitlines():
            bad = msgspec.json.decode(raw, type=BadLine)
            data: Any = base64.b64decode(bad.raw) if bad.encoding == "base64" else bad.raw.encode()
            found.append((bad, data))
    return found


def rebuild_index(directory: Path) -> int:
    """Make the index anew from the sealed files of the last week; return how many ids it holds."""
    with manifest.sealing(directory) as known:
        since = now() - timedelta(days=DEDUP_DAYS + 1)
        claims: defaultdict[date, dict[SegmentId, list[bytes]]] = defaultdict(dict)
        for commit in known.live(since=since):
            owner = commit.line.id if commit.line.is_seal else index.compacted(commit.number)
            for file in commit.line.events:
                day = date.fromisoformat(file.path.partition("hour=")[2][:10])
                if day < since.date():
                    continue
                rows = pq.read_table(known.store.location(file.path), columns=["source", "id"])
                claims[day].setdefault(owner, []).extend(
                    index.key(source, identity)
                    for source, identity in zip(
                        rows["source"].to_pylist(), rows["id"].to_pylist(), strict=True
                    )
                )
        index.rebuild(directory, claims)
        return sum(len(keys) for day in claims.values() for keys in day.values())
