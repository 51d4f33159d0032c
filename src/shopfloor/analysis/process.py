"""The process that answers one question: it loads the rows of one shop, gives up all it could reach, and computes.

It is told what to do as one MessagePack document on its standard input, writes one byte when the rows are loaded, and
then the answer as another.  What holds a question in, from the outside to the inside: the parent ends it when its time
is over; the kernel lets it open nothing (no descriptor is left), write no file, and have so much memory and CPU; the
engine reads no file, loads no extension and changes no setting; `guard` lets one SELECT through.  It never holds a row
of another shop.
"""

import json
import math
import os
import re
import resource
import sys
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from shopfloor import collector
from shopfloor.analysis import guard
from shopfloor.analysis.tables import TABLES, Asked, Columns, Found

# Its functions are made at import from what the library holds; no checker can see them.
pc: Any = pyarrow.compute

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH: Final = 2_048
_LINE: Final = re.compile(r"\n\nLINE (\d+): (.*)\n( *)\^", re.DOTALL)
_NAME: Final = re.compile(
    r"(?:column|table|name|function) \"?([\w.]+)\"?(?: does not exist| not found)", re.IGNORECASE
)
# What the engine, its threads and the columns of an answer take beside what it may keep.
_BESIDE_MB: Final = 1_536


class TooManyEvents(Exception):
    pass


def main() -> None:
    # Who buys goes first, and where memory runs short, this goes before anything else.
    os.nice(max(0, 10 - os.nice(0)))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    # What a library prints is no answer.
    os.dup2(2, 1)
    asked = msgspec.msgpack.decode(orders.read(), type=Asked)
    try:
        connection, events = loaded(asked)
    except TooManyEvents:
        answers.write(b"L" + msgspec.msgpack.encode(Found("events", str(asked.most_events))))
        return
    shut(asked)
    answers.write(b"L")
    answers.write(msgspec.msgpack.encode(answered(connection, asked, events)))


def loaded(asked: Asked) -> tuple[duckdb.DuckDBPyConnection, int]:
    """An engine that has the rows and is locked, and how many events there are.  Raises TooManyEvents."""
    connection = duckdb.connect(
        ":memory:", config={"threads": 2, "memory_limit": f"{asked.memory_mb}MB", "temp_directory": ""}
    )
    # It would be written between the answers.
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET TimeZone = '{ZoneInfo(asked.timezone).key}'")
    events = _load_events(connection, asked)
    for name, columns in TABLES.items():
        _load(connection, name, columns, asked.tables.get(name, []))
    connection.execute(
        "CREATE MACRO figure(of_figure, of_show) AS (SELECT any_value(f.value) FROM figures f"
        " WHERE f.section = 'show' AND f.figure = of_figure AND f.show_id = of_show)"
    )
    for name in asked.figures:
        # Ids of the registry: lower-case words, digits and underscores.
        connection.execute(f"CREATE MACRO \"{name}\"(of_show) AS figure('{name}', of_show)")
    for setting in (
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    # What is loaded late by a first answer is loaded now, while files can still be opened.
    _rows_of(connection, asked, "FROM (VALUES (now(), 1.5::DECIMAL(9, 2), [1], 'x'))")
    return connection, events


def _load_events(connection: duckdb.DuckDBPyConnection, asked: Asked) -> int:
    view = collector.lake.open(Path(asked.lake))
    since = _EPOCH + timedelta(microseconds=asked.since)
    files = [file for file in view.snapshot.files() if collector.hour_of(file) + timedelta(hours=1) > since]
    connection.register("piece", collector.SCHEMA.empty_table())
    connection.execute("CREATE TABLE events AS SELECT * FROM piece")
    count = 0
    for batch in _batches(view, files):
        rows = batch.filter(_of_shop(batch, asked, since))
        if not rows.num_rows:
            continue
        count += rows.num_rows
        if count > asked.most_events:
            raise TooManyEvents
        connection.register("piece", rows)
        connection.execute("INSERT INTO events SELECT * FROM piece")
    connection.unregister("piece")
    return count


def _batches(view: collector.Lake, files: list[Any]) -> Any:
    yield from view.batches_of(files, collector.SCHEMA.names)
    yield view.tail


def _of_shop(rows: Any, asked: Asked, since: datetime) -> Any:
    """Events of the shop, and of pages that name one of its shows and no shop."""
    ours = pc.fill_null(pc.equal(rows["shop_id"], asked.shop_id), fill_value=False)
    shows = pc.is_in(rows["show_id"], pa.array(asked.show_ids, pa.int64()))
    of_page = pc.and_(pc.is_null(rows["shop_id"]), shows)
    recent = pc.greater_equal(rows["received_at"], pa.scalar(since, pa.timestamp("us", tz="UTC")))
    return pc.and_(pc.or_(ours, of_page), recent)


def _load(connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: list[list[Any]]) -> None:
    connection.execute(
        f"CREATE TABLE {name} ({', '.join(f'{each} {kind}' for each, kind in columns.items())})"
    )
    if rows:
        texts = pa.table(
            {
                each: pa.array([None if row[at] is None else str(row[at]) for row in rows], pa.string())
                for at, each in enumerate(columns)
            }
        )
        connection.register("piece", texts)
        casts = ", ".join(f"{each}::{kind}" for each, kind in columns.items())
        # Names and types of `tables`.
        connection.execute(f"INSERT INTO {name} SELECT {casts} FROM piece")  # noqa: S608
        connection.unregister("piece")


def shut(asked: Asked) -> None:
    """Give up what this process could reach, for good: files, connections, memory without end."""
    sys.stdin.close()
    seconds = int(asked.seconds * 2) + 5
    used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = _address_space() + (asked.memory_mb + _BESIDE_MB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    # Nothing more is opened: no file, no socket, no pipe.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _address_space() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def answered(connection: duckdb.DuckDBPyConnection, asked: Asked, events: int) -> Found:
    try:
        [[parsed]] = connection.execute("SELECT json_serialize_sql(?)", [asked.sql]).fetchall()
        refused = guard.look_at(parsed)
        if refused is not None:
            line, col = guard.line_and_column(asked.sql, refused.at)
            return Found(refused.kind, refused.message, line, col, events=events)
        return _rows_of(connection, asked, asked.sql, events)
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
        return Found("memory", events=events)
    except duckdb.Error as problem:
        return _problem(str(problem), asked.sql, events)
    except (RecursionError, ArithmeticError, pa.ArrowException, ValueError) as problem:
        return Found("sql", f"{type(problem).__name__}: {problem}"[:500], events=events)


def _problem(said: str, sql: str, events: int) -> Found:
    """The engine's message, without the text it repeats, and the place that its arrow points at, or else where the name
    stands that it names.
    """
    found = _LINE.search(said)
    if found is None:
        named = _NAME.search(said)
        word = named and re.search(rf"(?<!\w){re.escape(named[1])}(?!\w)", sql, re.IGNORECASE)
        line, col = guard.line_and_column(sql, len(sql[: word.start()].encode()) if word else None)
        return Found("sql", said[:1_000], line, col, events=events)
    shown = f"LINE {found[1]}: "
    col = max(1, len(found[3]) - len(shown) + 1)
    # A long line is cut at its beginning, and then nobody can count.
    return Found(
        "sql",
        said[: found.start()][:1_000],
        int(found[1]),
        0 if found[2].startswith("...") else col,
        events=events,
    )


def _rows_of(connection: duckdb.DuckDBPyConnection, asked: Asked, sql: str, events: int = 0) -> Found:
    # None of what is no query, which the library does not say.
    relation: Any = connection.sql(sql)
    if relation is None:
        return Found("statement", events=events)
    columns = [[name, str(kind)] for name, kind in zip(relation.columns, relation.types, strict=True)]
    kept: list[bytes] = []
    batches: list[Any] = []
    size = 0
    truncated = False
    reader = (
        relation.to_arrow_reader(_BATCH)
        if hasattr(relation, "to_arrow_reader")
        else relation.fetch_arrow_reader(_BATCH)
    )
    for batch in reader:
        for at, values in enumerate(zip(*(column.to_pylist() for column in batch.columns), strict=True)):
            row = msgspec.json.encode([_cell(value) for value in values])
            if len(kept) >= asked.most_rows or size + len(row) > asked.most_bytes:
                truncated = True
                batches.append(batch.slice(0, at))
                break
            kept.append(row)
            size += len(row)
        else:
            batches.append(batch)
            continue
        break
    content = b'{"columns":' + msgspec.json.encode(columns) + b',"rows":[' + b",".join(kept) + b"]}"
    table = pa.Table.from_batches(batches, reader.schema)
    return Found("", "", 0, 0, len(kept), truncated, events, zlib.compress(content), _parquet(table))


def _cell(value: Any) -> Any:
    """As JSON has it: what is no number, truth or nothing is a text."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) < 2**53 else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds" if not value.microsecond else "microseconds")
        case bytes():
            return value.hex()
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


def _parquet(table: Any) -> bytes:
    """What this format has no type for is a text."""
    sink = pa.BufferOutputStream()
    try:
        pq.write_table(table, sink, compression="zstd")
    except (pa.ArrowException, ValueError):
        # Also columns that share a name.
        names = [
            f"{name}_{at}" if table.column_names.count(name) > 1 else name
            for at, name in enumerate(table.column_names)
        ]
        texts = [
            pa.array(
                [None if value is None else str(_cell(value)) for value in column.to_pylist()], pa.string()
            )
            for column in table.columns
        ]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(texts, names=names), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


if __name__ == "__main__":
    main()
