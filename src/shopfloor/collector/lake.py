"""Reading the lake: exactly the files the manifest names, and the end of the logs that is not sealed yet.

Never a glob over files: a file that no manifest line names is not there.  A reader needs no lock and sees
each event once, also while sealers work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopfloor.collector import index, log, manifest
from shopfloor.collector.manifest_objects import SealedFile
from shopfloor.collector.models import Bad, Event, LakeDamaged, SegmentId
from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import Missing
from shopfloor.kernel.values import now

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    from shopfloor.collector import columns
else:
    pa = late.module("pyarrow")
    pc = late.module("pyarrow.compute")
    ds = late.module("pyarrow.dataset")
    pq = late.module("pyarrow.parquet")
    columns = late.module("shopfloor.collector.columns")

_BATCH: Final = 65_536


@dataclass(frozen=True, slots=True)
class AsOf:
    """What a figure was computed from: so many seals, so many events not sealed yet, and when it was read."""

    at: datetime
    seals: int
    unsealed_events: int


class Lake:
    """A view of the lake at one moment; it does not change when more events arrive."""

    def __init__(
        self,
        directory: Path,
        snapshot: manifest.Snapshot,
        tail: Sequence[tuple[datetime, Event]],
        bad_tail: Sequence[tuple[datetime, Bad]] = (),
        *,
        until: datetime | None = None,
    ) -> None:
        self.directory = directory
        self._until = until
        self.snapshot = snapshot
        self._tail = tuple(tail)
        self.bad_tail = tuple(bad_tail)
        self.as_of = AsOf(now(), snapshot.seals, len(self._tail))

    def until(self, moment: datetime) -> Lake:
        """The same, without the events that were received later: of them `table` knows nothing."""
        return Lake(self.directory, self.snapshot, self._tail, self.bad_tail, until=moment)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the sealed events, in the order of their commits."""
        return tuple(Path(self._location(file)) for file in self.snapshot.files())

    @cached_property
    def tail(self) -> columns.ArrowTable:
        """The events that are durable and not sealed yet."""
        return columns.table(self._tail)

    def table(
        self,
        *,
        shop_id: int | None = None,
        show_id: int | None = None,
        types: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
    ) -> columns.ArrowTable:
        """Every event once, narrowed to a shop, a show, some types; `names` are the columns wanted.

        Raises LakeDamaged when a file the manifest names is gone.
        """
        wanted = list(names or columns.SCHEMA.names)
        condition = _condition(shop_id=shop_id, show_id=show_id, types=types, until=self._until)
        paths = [self._location(file) for file in self.snapshot.files(show_id=show_id)]
        parts: list[columns.ArrowTable] = []
        with _told():
            if paths:
                sealed = ds.dataset(paths, schema=columns.SCHEMA, format="parquet")
                parts.append(sealed.to_table(columns=wanted, filter=condition))
        tail = self.tail if condition is None else self.tail.filter(condition)
        parts.append(tail.select(wanted))
        return pa.concat_tables(parts)

    def batches(self, names: Sequence[str]) -> Iterator[columns.ArrowTable]:
        """Every event once, some columns, in pieces that fit into memory however large the lake is.

        Raises LakeDamaged when a file the manifest names is gone.
        """
        yield from self.batches_of(self.snapshot.files(), names)
        for start in range(0, len(self._tail), _BATCH):
            yield columns.table(self._tail[start : start + _BATCH]).select(list(names))

    def batches_of(self, files: Iterable[SealedFile], names: Sequence[str]) -> Iterator[columns.ArrowTable]:
        """The same of these sealed files alone.  Raises LakeDamaged."""
        for file in files:
            with _told(), pq.ParquetFile(self._location(file)) as opened:
                for batch in opened.iter_batches(_BATCH, columns=list(names)):
                    yield pa.Table.from_batches([batch]).select(list(names))

    def count(self) -> int:
        return self.snapshot.accepted + len(self._tail)

    def _location(self, file: SealedFile) -> str:
        return self.snapshot.store.location(file.path)


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except (FileNotFoundError, pa.ArrowInvalid) as problem:
        raise LakeDamaged(f"a file the manifest names cannot be read: {problem}") from problem


def open(directory: Path) -> Lake:  # noqa: A001 -- read as `lake.open`, as one opens a file
    """The lake as of now: sealed files and durable tail, each event once."""
    # Logs before manifest: a segment sealed in between is in both, and then the sealed files count.
    tail: list[tuple[SegmentId, log.Contents]] = []
    for segment, path in log.segments(directory):
        try:
            tail.append((segment, log.read(path)))
        except FileNotFoundError:
            continue
    snapshot = manifest.load(directory)
    bad = [
        (frame.received, entry)
        for segment, contents in tail
        if not snapshot.is_sealed(segment)
        for frame in contents.frames
        for entry in frame.entries
        if isinstance(entry, Bad)
    ]
    return Lake(directory, snapshot, _first_copies(directory, snapshot, tail), bad)


def _first_copies(
    directory: Path, snapshot: manifest.Snapshot, tail: Sequence[tuple[SegmentId, log.Contents]]
) -> list[tuple[datetime, Event]]:
    """The unsealed events that no sealed file has and that did not come twice in the tail."""
    open_segments = [(segment, contents) for segment, contents in tail if not snapshot.is_sealed(segment)]
    arrived = [
        (str(segment), frame.received, entry, index.key(entry.source, entry.id))
        for segment, contents in open_segments
        for frame in contents.frames
        for entry in frame.entries
        if isinstance(entry, Event)
    ]
    if not arrived:
        return []
    visible = {str(segment) for segment, _ in open_segments}
    keys = [key for _, _, _, key in arrived]
    owners = {
        key: owner
        for key, owner in index.owners(directory, keys, arrived[0][1].date()).items()
        # A claim by a segment this view does not see must not hide the copy it does see.
        if owner in visible or snapshot.holds(SegmentId.read(owner))
    }
    first: dict[bytes, tuple[datetime, Event]] = {}
    for segment, received, event, key in arrived:
        if owners.get(key, segment) == segment:
            first.setdefault(key, (received, event))
    return list(first.values())


def _condition(
    *, shop_id: int | None, show_id: int | None, types: Sequence[str] | None, until: datetime | None
) -> Any:
    conditions = [
        pc.field(name) == value
        for name, value in (("shop_id", shop_id), ("show_id", show_id))
        if value is not None
    ]
    if types is not None:
        conditions.append(pc.field("type").isin(list(types)))
    if until is not None:
        conditions.append(pc.field("received_at") <= until)
    if not conditions:
        return None
    whole = conditions[0]
    for condition in conditions[1:]:
        whole &= condition
    return whole


def damaged_files(snapshot: manifest.Snapshot) -> tuple[list[str], int]:
    """The files whose bytes are not those that were sealed, and how many there are in all."""
    wrong: list[str] = []
    count = 0
    for file in _every_file(snapshot):
        count += 1
        try:
            data = snapshot.store.get(file.path)
        except Missing:
            wrong.append(file.path)
            continue
        if hashlib.sha256(data).hexdigest() != file.sha256:
            wrong.append(file.path)
    return wrong, count


def _every_file(snapshot: manifest.Snapshot) -> Iterator[SealedFile]:
    """The event files that count, and all bad events."""
    yield from snapshot.files()
    for commit in snapshot.with_bad():
        yield from commit.line.bad_files
