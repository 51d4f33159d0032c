"""What the figures of a show were made from, so that anybody who has the lake can tell whether it is still the same.

The files of the lake are merged by and by, so their hashes alone would soon say nothing.  So the events themselves are
hashed, column by column, in an order that no file decides: by source and id, which no two events share.

    digest of a column = SHA-256(type ‖ number of events ‖ which of them have a value ‖ the values)

Values are little-endian integers or doubles (0 where there is none), or the lengths of the texts and then the texts in
UTF-8.  A column whose digest changed says *what* was changed; who may erase a column of a person leaves the others.
"""

import hashlib
import struct
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopfloor import collector
from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute
else:
    np = late.module("numpy")
    pa = late.module("pyarrow")
    pc = late.module("pyarrow.compute")

# Whoever received an event has it on the disk, and in sight of every reader, long before.
SETTLED: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class File:
    """A sealed file that can have events of the show, as it was."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """`commits`: how many commits the lake's manifest had; `columns`: the digest of each column, in hexadecimal."""

    events: int
    commits: int
    columns: dict[str, str]
    files: tuple[File, ...]


def inputs_of(lake: collector.Lake, *, shop_id: int, show_id: int) -> Inputs:
    """Raises LakeDamaged."""
    rows = events_of(lake, shop_id=shop_id, show_id=show_id)
    return Inputs(
        events=rows.num_rows,
        commits=lake.snapshot.commits,
        columns=digests(rows),
        files=tuple(File(file.path, file.sha256, file.rows) for file in lake.snapshot.files(show_id=show_id)),
    )


def events_of(lake: collector.Lake, *, shop_id: int, show_id: int) -> Any:
    """As reports read them: of the show, and of no other shop."""
    rows = lake.table(show_id=show_id)
    return rows.filter(pc.fill_null(pc.equal(rows["shop_id"], shop_id), fill_value=True))


def digests(rows: Any) -> dict[str, str]:
    """The digest of every column, whatever order the rows are in."""
    ordered = rows.sort_by([("source", "ascending"), ("id", "ascending")]).combine_chunks()
    return {name: digest(ordered[name]) for name in ordered.schema.names}


def digest(column: Any) -> str:
    found = hashlib.sha256(f"{column.type}\n".encode() + struct.pack("<Q", len(column)))
    found.update(_plain(pc.cast(column.is_valid(), pa.uint8()), "u1"))
    if pa.types.is_string(column.type):
        texts = pc.fill_null(column, "")
        found.update(_plain(pc.cast(pc.binary_length(texts), pa.int64()), "<i8"))
        for chunk in pc.cast(texts, pa.large_binary()).chunks:
            _, offsets, data = chunk.buffers()
            if data is not None:
                ends = np.frombuffer(offsets, "<i8", len(chunk) + 1, chunk.offset * 8)
                found.update(memoryview(data)[int(ends[0]) : int(ends[-1])])
    elif pa.types.is_floating(column.type):
        found.update(_plain(pc.fill_null(column, 0.0), "<f8"))
    else:
        whole = column if pa.types.is_integer(column.type) else pc.cast(column, pa.int64())
        found.update(_plain(pc.fill_null(whole, 0), "<i8"))
    return found.hexdigest()


def _plain(column: Any, kind: str) -> bytes:
    return column.to_numpy().astype(kind, copy=False).tobytes()


def changed_files(lake: Path, files: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Of the files a statement names: those that are there and are not what they were, and how many are gone."""
    changed: list[str] = []
    gone = 0
    for file in files:
        path = (lake / str(file["path"])).resolve()
        if not path.is_relative_to(lake.resolve()) or not path.is_file():
            gone += 1
            continue
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != file["sha256"]:
            changed.append(str(file["path"]))
    return changed, gone
