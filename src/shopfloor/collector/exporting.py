"""Events of the lake as plain files for other programs: in the directory that is made, every file counts.

    <target>/date=2026-11-22/events.parquet        (or events.csv), by the day in which they were received (UTC)

Sealed or not, each event is there once.  What is held in memory is bounded, however many there are.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopfloor.collector import lake
from shopfloor.collector.compaction import hour_of
from shopfloor.collector.manifest_objects import SealedFile
from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import csv

    from shopfloor.collector import columns
else:
    pa = late.module("pyarrow")
    pc = late.module("pyarrow.compute")
    csv = late.module("pyarrow.csv")
    pq = late.module("pyarrow.parquet")
    columns = late.module("shopfloor.collector.columns")

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of a shop, of a show, received from `since` on and before `until`; None: all."""

    shop_id: int | None = None
    show_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    files: int
    rows: int


def export(directory: Path, target: Path, wanted: Wanted, form: str = "parquet") -> Exported:
    """Write the events into `target`, which must not exist: it is there when all of them are.  `form`: parquet or csv.

    Raises FileExistsError, LakeDamaged.
    """
    if target.exists():
        raise FileExistsError(target)
    view = lake.open(directory)
    days: defaultdict[str, list[SealedFile]] = defaultdict(list)
    for file in view.snapshot.files(show_id=wanted.show_id):
        begin = hour_of(file)
        if (wanted.since is None or begin + _HOUR > wanted.since) and (
            wanted.until is None or begin < wanted.until
        ):
            days[f"{begin:%Y-%m-%d}"].append(file)
    for moment in _received(view.tail):
        # Not sealed yet, so perhaps the only events of that day.
        _ = days[f"{moment:%Y-%m-%d}"]
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / f".{target.name}-{new_id()}"
    fresh.mkdir()
    files = rows = 0
    try:
        for day in sorted(days):
            found = _write(fresh / f"date={day}", _of_day(view, days[day], day), wanted, form)
            files, rows = files + (found > 0), rows + found
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return Exported(files, rows)


def _of_day(view: lake.Lake, files: list[SealedFile], day: str) -> Iterator[columns.ArrowTable]:
    yield from view.batches_of(files, columns.SCHEMA.names)
    of_day = [f"{moment:%Y-%m-%d}" == day for moment in _received(view.tail)]
    yield view.tail.filter(pa.array(of_day, pa.bool_()))


def _received(rows: columns.ArrowTable) -> list[datetime]:
    return rows["received_at"].to_pylist()


def _write(folder: Path, parts: Iterator[columns.ArrowTable], wanted: Wanted, form: str) -> int:
    """How many of these rows were wanted; without any there is no file."""
    condition = _condition(wanted)
    writer: Any = None
    count = 0
    try:
        for part in parts:
            rows = part if condition is None else part.filter(condition)
            if not rows.num_rows:
                continue
            if writer is None:
                folder.mkdir()
                path = folder / f"events.{form}"
                writer = (
                    pq.ParquetWriter(path, columns.SCHEMA, compression="zstd")
                    if form == "parquet"
                    else csv.CSVWriter(path, columns.SCHEMA)
                )
            writer.write_table(rows.cast(columns.SCHEMA))
            count += rows.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _condition(wanted: Wanted) -> Any:
    conditions = [
        pc.field(name) == value
        for name, value in (("shop_id", wanted.shop_id), ("show_id", wanted.show_id))
        if value is not None
    ]
    if wanted.since is not None:
        conditions.append(pc.field("received_at") >= wanted.since)
    if wanted.until is not None:
        conditions.append(pc.field("received_at") < wanted.until)
    return reduce(and_, conditions) if conditions else None
