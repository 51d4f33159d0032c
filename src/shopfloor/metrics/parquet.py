"""Rows of a report as Parquet, made in a process of its own: whoever serves pages carries no library of columns."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shopfloor.kernel import late
from shopfloor.metrics.sheets import COLUMNS, SheetRow

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
else:
    pa = late.module("pyarrow")
    pq = late.module("pyarrow.parquet")

_PATIENCE: Final = 60.0
_WHOLE: Final = frozenset(
    {"numerator", "denominator", "general_invalid", "sophisticated_invalid", "net_of_invalid"}
)


async def apart(rows: Iterable[SheetRow]) -> bytes:
    """A file of the columns of the spreadsheet; `value` is a number, and `text` what is none.

    Raises RuntimeError.
    """
    packed = msgspec.msgpack.encode([[getattr(row, name) for name in COLUMNS] for row in rows])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            file, said = await process.communicate(packed)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(said.decode(errors="replace")[-2000:])
    return file


def file_of(rows: list[list[Any]]) -> bytes:
    columns: dict[str, Any] = {}
    for at, name in enumerate(COLUMNS):
        values = [row[at] for row in rows]
        if name == "value":
            numbers = [float(each) if isinstance(each, int | float) else None for each in values]
            columns["value"] = pa.array(numbers, pa.float64())
            columns["text"] = pa.array(
                [each if isinstance(each, str) else None for each in values], pa.string()
            )
        else:
            columns[name] = pa.array(values, pa.int64() if name in _WHOLE else pa.string())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


if __name__ == "__main__":
    sys.stdout.buffer.write(file_of(msgspec.msgpack.decode(sys.stdin.buffer.read())))
