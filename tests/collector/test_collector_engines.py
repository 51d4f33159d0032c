"""The lake read by other engines with its files alone, as docs/lake.md says it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from shopfloor import collector
from shopfloor.collector import Event
from shopfloor.kernel.values import now

DOCS = (Path(__file__).parents[2] / "docs/lake.md").read_text()
PYTHON = os.environ.get("SHOPFLOOR_ENGINES", sys.executable)
MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
# What each engine needs before its line, and how its answer becomes [[type, count], …].
ENGINES = {
    "Polars": ("polars", "import polars", "found"),
    "Spark": (
        "pyspark",
        (
            "from pyspark.sql import SparkSession; "
            "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').getOrCreate()"
        ),
        "[(row['type'], row['count']) for row in found]",
    ),
    "ClickHouse (chDB)": ("chdb", "import chdb", "[(kind, int(n)) for kind, n in json.loads(str(found))['data']]"),
    "DuckDB": ("duckdb", "import duckdb", "found"),
}  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seals, merged, and two more: the files that were replaced are still there."""
    directory = tmp_path_factory.mktemp("engines") / "lake"
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, filled(directory)).result()
    return directory


async def filled(directory: Path) -> None:
    one = collector.Collector(directory, "one", seal_every=3600, reserve=0)
    await one.start()
    for number in range(12):
        kinds = ("share", "view_item") if number % 3 else ("share",)
        await one.append(
            [Event(f"{number}-{kind}", "browser/page", kind, MOMENT, show_id=7) for kind in kinds]
        )
        await one.seal()
        if number == 9:
            assert collector.compact(directory, at=now() + timedelta(hours=3)).files_after == 1
    await one.close()


@pytest.mark.timeout(600)  # a virtual machine starts for Spark
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_counts_each_event_once(lake: Path, engine: str) -> None:
    library, before, answer = ENGINES[engine]
    known = f"import sys, importlib.util as u; sys.exit(u.find_spec({library!r}) is None)"
    if subprocess.run([PYTHON, "-c", known], check=False).returncode:
        pytest.skip(f"{library} is not here; SHOPFLOOR_ENGINES names a Python that has it")
    files = DOCS.partition("```python\n")[2].partition("```")[0]
    [line] = re.findall(rf"^\| {re.escape(engine)} \| `(.*)` \|$", DOCS, re.MULTILINE)
    program = f"{files}\n{before}\nfound = {line}\nprint('found', json.dumps(sorted({answer})))"

    ran = subprocess.run(
        [PYTHON, "-c", program], cwd=lake.parent, capture_output=True, text=True, check=False
    )

    assert len(list(lake.glob("events/*/*.parquet"))) == 13
    assert ran.stdout.rpartition("found ")[2].strip() == json.dumps([["share", 12], ["view_item", 8]]), (
        ran.stderr
    )


def test_an_export_is_all_files_of_a_directory(lake: Path, tmp_path: Path) -> None:
    done = collector.export(lake, tmp_path / "out/all", collector.Wanted(show_id=7))
    assert (done.files, done.rows) == (1, 20)
    query = f"SELECT type, count(*) FROM '{tmp_path}/out/all/*/*.parquet' GROUP BY ALL ORDER BY ALL"
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchall() == [("share", 12), ("view_item", 8)]
    assert collector.export(lake, tmp_path / "none", collector.Wanted(show_id=8)).rows == 0
    with pytest.raises(FileExistsError):
        collector.export(lake, tmp_path / "out/all", collector.Wanted())


def test_half_an_export_is_never_there(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = next(iter(collector.lake.open(lake).files))
    kept = victim.read_bytes()
    victim.unlink()
    try:
        with pytest.raises(collector.LakeDamaged):
            collector.export(lake, tmp_path / "out", collector.Wanted())
    finally:
        victim.write_bytes(kept)
    assert list(tmp_path.iterdir()) == []


async def test_an_export_takes_what_is_not_sealed_and_keeps_to_its_period(tmp_path: Path) -> None:
    one = collector.Collector(tmp_path / "lake", "one", seal_every=3600, reserve=0)
    await one.start()
    await one.append([Event("a", "shopfloor/1", "share", MOMENT, text='say "hi", 衣\n', extra={"n": 1})])
    await one.seal()
    await one.append([Event("b", "shopfloor/1", "share", MOMENT)])
    between = collector.lake.open(tmp_path / "lake").tail["received_at"].to_pylist()[0]

    for name, wanted, ids in (
        ("all", collector.Wanted(), ["a", "b"]),
        ("early", collector.Wanted(until=between), ["a"]),
        ("late", collector.Wanted(since=between), ["b"]),
        ("other", collector.Wanted(shop_id=2), []),
    ):
        done = collector.export(tmp_path / "lake", tmp_path / name, wanted, "csv")
        text = "".join(path.read_text() for path in (tmp_path / name).rglob("*.csv"))
        assert done.rows == len(ids)
        assert [each for each in ("a", "b") if f'"{each}","shopfloor/1"' in text] == ids
    assert '"say ""hi"", 衣\n"' in (tmp_path / "early").rglob("*.csv").__next__().read_text()
    await one.close(seal=False)
