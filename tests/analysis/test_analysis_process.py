"""What holds a question in: each wall attacked on its own, in the process as it runs, also with `guard` taken away."""

import io
import json
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest

from shopfloor import collector
from shopfloor.analysis import guard, models
from shopfloor.analysis.tables import TABLES, Asked, Found

MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
# Loads, shuts itself in, and answers texts from its standard input, `bare` ones without asking `guard`.
PROGRAM = """
import json, sys
from dataclasses import replace
import msgspec
from shopfloor.analysis import process
from shopfloor.analysis.tables import Asked
asked = msgspec.json.decode(sys.stdin.readline(), type=Asked)
texts = json.loads(sys.stdin.readline())
connection, events = process.loaded(asked)
process.shut(asked)
for mode, text in texts:
    if mode == "python":
        try:
            exec(text)
            said = ["done", ""]
        except OSError as problem:
            said = [type(problem).__name__, str(problem.errno)]
    elif mode == "bare":
        try:
            found = process._rows_of(connection, asked, text)
            said = ["", ""]
        except Exception as problem:
            said = [type(problem).__name__, str(problem)]
    else:
        found = process.answered(connection, replace(asked, sql=text), events)
        said = [found.problem, found.message]
    print(json.dumps(said), flush=True)
"""


def asked(lake: Path, sql: str = "", **more: Any) -> Asked:
    fields: dict[str, Any] = {
        "lake": str(lake),
        "shop_id": 1,
        "show_ids": [7],
        "since": 0,
        "timezone": "Asia/Shanghai",
        "tables": {
            "shows": [[7, "衬衫", "ended", "2026-11-22T12:00:00+00:00", None]],
            "figures": [
                ["show", "7", 7, "gmv_paid", "gmv_paid@1", 1234, "minor", "final", "t", 1234, None, 1200]
            ],
        },
        "figures": ["gmv_paid", "attach", "density"],
        "sql": sql,
        "most_events": 1000,
        "most_rows": 100,
        "most_bytes": 100_000,
        "memory_mb": 256,
        "seconds": 60.0,
    }
    return Asked(**(fields | more))


def answered(wanted: Asked) -> Found:
    """By the process as it is, with nothing of our environment."""
    done = subprocess.run(
        [sys.executable, "-m", "shopfloor.analysis.process"],
        input=msgspec.msgpack.encode(wanted),
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert done.stdout[:1] == b"L"
    return msgspec.msgpack.decode(done.stdout[1:], type=Found)


def rows(found: Found) -> list[list[Any]]:
    return json.loads(zlib.decompress(found.content))["rows"]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What became of each text of ATTACKS, SLOW_ONES and WAYS_OUT, in one process."""
    texts = [(mode, text) for _, text, _, _ in ATTACKS for mode in ("guarded", "bare")]
    texts += [("guarded", text) for text in TOO_MUCH] + [("python", text) for text in WAYS_OUT]
    lake = tmp_path_factory.mktemp("lake")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=msgspec.json.encode(asked(lake)).decode() + "\n" + json.dumps(texts) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    return dict(zip(map(tuple, texts), map(json.loads, done.stdout.splitlines()), strict=True))


# What is tried, why `guard` refuses it, and what the locked engine says where `guard` is taken away ("": it is harmless
# there, and changes at most the memory of a process that ends).
ATTACKS = [
    ("writes a file", "COPY (SELECT 1) TO '/tmp/stolen.csv'", "statement", "file system operations are disabled"),
    ("reads a file", "SELECT * FROM read_csv('/etc/passwd')", "function", "file system operations are disabled"),
    ("reads a text", "SELECT * FROM read_text('/etc/passwd')", "function", "file system operations are disabled"),
    ("reads bytes", "SELECT * FROM read_blob('/proc/self/environ')", "function", "file system operations are disabled"),
    ("reads by name", "SELECT * FROM '/etc/passwd.csv'", "sql", "file system operations are disabled"),
    ("reads another shop's files", "SELECT * FROM read_parquet('lake/events/*/*.parquet')", "function", "file system operations are disabled"),
    ("in a subquery", "SELECT (SELECT count(*) FROM read_csv('/etc/passwd'))", "function", "file system operations are disabled"),
    ("in a CTE", "WITH x AS MATERIALIZED (FROM read_json('/etc/passwd')) SELECT * FROM x", "function", "file system operations are disabled"),
    ("sideways", "SELECT * FROM shows, LATERAL (FROM glob('/' || title))", "function", "Table function"),
    ("lists files", "SELECT * FROM glob('/*')", "function", "file system operations are disabled"),
    ("attaches", "ATTACH '/tmp/other.db'", "statement", "file system operations are disabled"),
    ("exports", "EXPORT DATABASE '/tmp/all'", "statement", "file system operations are disabled"),
    ("installs", "INSTALL httpfs", "statement", "disabled"),
    ("loads", "LOAD '/tmp/evil.duckdb_extension'", "statement", "disabled"),
    ("asks the network", "SELECT * FROM 'https://example.com/x.parquet'", "sql", "disabled"),
    ("unlocks", "SET enable_external_access = true", "statement", "configuration"),
    ("takes memory", "SET memory_limit = '100GB'", "statement", "the configuration has been locked"),
    ("unlocks the lock", "SET lock_configuration = false", "statement", "configuration"),
    ("by a pragma", "PRAGMA memory_limit = '100GB'", "statement", "the configuration has been locked"),
    ("resets", "RESET memory_limit", "statement", "the configuration has been locked"),
    ("runs a text", "SELECT * FROM query('SELECT 1')", "function", ""),
    ("runs a tree", "SELECT * FROM json_execute_serialized_sql('{}')", "function", "Error"),
    ("asks for the environment", "SELECT getenv('PATH')", "function", "getenv does not exist"),
    ("asks for settings", "SELECT current_setting('secret_directory')", "function", ""),
    ("lists settings", "SELECT * FROM duckdb_settings()", "function", ""),
    ("lists secrets", "SELECT * FROM duckdb_secrets()", "function", ""),
    ("reads our memory", "SELECT * FROM arrow_scan()", "function", "ArrowScanFactory"),
    ("reads our variables", "SELECT * FROM asked", "sql", "asked does not exist"),
    ("waits", "SELECT sleep_ms(10)", "function", ""),
    ("two statements", "SELECT 1; DROP TABLE products", "statement", ""),
    ("behind a comment", "SELECT 1 /* ; */ ; -- \n ATTACH '/tmp/x.db'", "statement", "file system operations are disabled"),
    ("prepares", "PREPARE p AS SELECT 1", "statement", ""),
    ("executes", "EXECUTE p", "statement", ""),
    ("a place for a value", "SELECT $1", "sql", "Values were not provided"),
    ("changes rows", "DELETE FROM variants", "statement", ""),
    ("adds a table", "CREATE TABLE mine AS SELECT 1", "statement", ""),
    ("calls", "CALL pragma_version()", "statement", ""),
    ("explains", "EXPLAIN ANALYZE SELECT 1", "statement", ""),
    ("nothing", "-- nothing", "statement", ""),
]  # fmt: skip
TOO_MUCH = [
    "SELECT repeat('x', 3000000000)",
    "SELECT list(range) FROM range(100000000)",
    "SELECT * FROM range(20000000) a ORDER BY hash(a.range), a.range",
]
WAYS_OUT = [
    "open('/etc/passwd')",
    "open('/tmp/stolen', 'w')",
    "import socket; socket.socket()",
    "import os; os.pipe()",
]


@pytest.mark.parametrize(("does", "text", "refused", "engine"), ATTACKS)
def test_what_is_no_question_is_refused_and_does_nothing_where_it_is_not(
    tried: Any, does: str, text: str, refused: str, engine: str
) -> None:
    assert tried["guarded", text][0] == refused, does
    assert engine in " ".join(tried["bare", text]), does
    assert engine == "" or tried["bare", text][0], "the engine did it"


@pytest.mark.parametrize("text", TOO_MUCH)
def test_what_needs_too_much_memory_ends_and_says_so(tried: Any, text: str) -> None:
    assert tried["guarded", text] == ["memory", ""]


@pytest.mark.parametrize("text", WAYS_OUT)
def test_nothing_is_opened_any_more(tried: Any, text: str) -> None:
    """EMFILE: no descriptor is left."""
    assert tried["python", text] == ["OSError", "24"]


def test_every_function_of_this_engine_that_makes_a_table_is_refused_but_those_that_compute() -> None:
    said = duckdb.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')"
    )
    names = {name for [name] in said.fetchall()}

    def seen(name: str) -> guard.Refused | None:
        node = {"type": "TABLE_FUNCTION", "function": {"function_name": name}}
        return guard.look_at(json.dumps({"error": False, "statements": [{"node": node}]}))

    assert {name for name in names if seen(name) is None} <= {
        "generate_series", "range", "unnest", "json_each", "json_tree", "repeat", "histogram", "histogram_values",
    }  # fmt: skip
    assert "read_csv" in names


@cache
def of_two_shops() -> list[collector.Event]:
    def event(identity: str, **values: Any) -> collector.Event:
        fields: dict[str, Any] = {"source": "shopfloor/1", "type": "page_view", "event_time": MOMENT}
        return collector.Event(id=identity, **(fields | values))

    return [
        event("ours", shop_id=1, show_id=7, text="一件"),
        event("theirs", shop_id=2, show_id=8, text="secret"),
        event("of our show, of no shop", show_id=7),
        event("of their show, of no shop", show_id=8),
        event("of nobody"),
    ]


@pytest.fixture(params=["sealed", "unsealed"])
async def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    writer = collector.Collector(tmp_path / "lake", "one", seal_every=3600, reserve=0)
    await writer.start()
    await writer.append(of_two_shops())
    await writer.close(seal=request.param == "sealed")
    return tmp_path / "lake"


def test_a_shop_finds_its_own_events_and_those_of_nobody_else(lake: Path) -> None:
    found = answered(asked(lake, "SELECT id, text FROM events ORDER BY id"))

    assert (found.problem, found.events) == ("", 2)
    assert rows(found) == [["of our show, of no shop", None], ["ours", "一件"]]


def test_the_events_of_another_period_are_not_loaded(lake: Path) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    since = int(later.timestamp() * 1_000_000)
    found = answered(asked(lake, "SELECT count(*) FROM events", since=since))

    assert (rows(found), found.events) == ([[0]], 0)


def test_more_events_than_fit_are_refused_before_anything_is_computed(lake: Path) -> None:
    found = answered(asked(lake, "SELECT 1", most_events=1))

    assert (found.problem, found.message, found.content) == ("events", "1", b"")


def test_figures_are_functions_of_the_show_and_columns_are_those_that_the_page_names(tmp_path: Path) -> None:
    found = answered(
        asked(
            tmp_path,
            "SELECT title, gmv_paid(show_id), figure('gmv_paid', show_id), attach(show_id), density(8), started_at FROM shows",
        )
    )
    named = answered(asked(tmp_path, "SELECT table_name, column_name FROM information_schema.columns"))

    assert rows(found) == [["衬衫", 1234.0, 1234.0, None, None, "2026-11-22 20:00:00+08:00"]]
    assert {(table, column) for table, columns in TABLES.items() for column in columns} | {
        ("events", column) for column in collector.SCHEMA.names
    } == {tuple(row) for row in rows(named)}


def test_an_answer_ends_at_its_limits_and_says_so(tmp_path: Path) -> None:
    many = answered(asked(tmp_path, "SELECT range AS n FROM range(101)"))
    whole = answered(asked(tmp_path, "SELECT range AS n FROM range(100)"))
    wide = answered(asked(tmp_path, "SELECT repeat('x', 40000) AS w FROM range(10)"))

    assert (many.rows, many.truncated) == (100, True)
    assert (whole.rows, whole.truncated, rows(whole)[-1]) == (100, False, [99])
    assert (wide.rows, wide.truncated) == (2, True)


def test_values_of_every_kind_come_back(tmp_path: Path) -> None:
    found = answered(
        asked(
            tmp_path,
            "SELECT 9007199254740993 AS big, 1.50::DECIMAL(9,2) AS d, 'nan'::DOUBLE AS f, true AS t, NULL AS n,"
            " [1, 2] AS l, {'a': '甲'} AS s, INTERVAL 3 DAY AS i, 'ab'::BLOB AS b, 1 AS x, 2 AS x",
        )
    )
    table = pq.read_table(io.BytesIO(found.parquet))

    [row] = rows(found)
    assert row[:7] == ["9007199254740993", "1.50", "nan", True, None, "[1, 2]", '{"a": "甲"}']
    assert row[8:] == ["6162", 1, 2]
    assert (table.num_rows, table.num_columns) == (1, 11)


@pytest.mark.parametrize(
    ("sql", "line", "col", "said"),
    [
        ("SELECT id\n fro events", 2, 6, 'syntax error at or near "events"'),
        ("SELECT '中文',\n  nope FROM events", 2, 3, 'Referenced column "nope" not found'),
        ("SELECT *\nFROM orders", 2, 6, "Table with name orders does not exist"),
    ],
)
def test_an_error_says_where_it_is(tmp_path: Path, sql: str, line: int, col: int, said: str) -> None:
    found = answered(asked(tmp_path, sql))

    assert (found.problem, found.line, found.col) == ("sql", line, col)
    assert said in found.message


def test_the_limits_are_those_that_the_page_names() -> None:
    assert (models.SECONDS, models.MEMORY_MB, models.MOST_ROWS, models.MOST_BYTES, models.MOST_EVENTS) == (
        20.0, 512, 10_000, 8 << 20, 3_000_000,
    )  # fmt: skip
