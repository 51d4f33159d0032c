"""`shopfloor lake`, as an operator calls it, and the lake read with the files alone."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from tests.jobs import drain

from shopfloor import collector, job_handlers
from shopfloor.cli import main
from shopfloor.collector import Bad, Event, index, manifest, manifest_objects
from shopfloor.kernel.database import Database
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import now

DOCS = Path(__file__).parents[2] / "docs"
MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
Call = Callable[..., Result]


def event(identity: str, **values: Any) -> Event:
    return Event(id=identity, source="shopfloor/1", type="orders.order_paid", event_time=MOMENT, **values)


def share(identity: str) -> bytes:
    return json.dumps({"id": identity, "type": "share", "data": {"shop_id": 1}}).encode()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("SHOPFLOOR_DATA_DIR", str(tmp_path))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["lake", *arguments])

    return run


@pytest.fixture
async def lake(tmp_path: Path) -> Path:
    """Twelve seals of two events and a bad one: half of the bad are good by today's rules."""
    directory = tmp_path / "lake"
    one = collector.Collector(directory, "one", seal_every=3600, reserve=0)
    await one.start()
    for number in range(12):
        raw = share(f"late-{number}") if number % 2 else b"{"
        reason = "server_only" if number % 2 else "json"
        await one.append(
            [event(f"{number}-a", show_id=number % 2), event(f"{number}-b"), Bad("#1", reason, raw)]
        )
        await one.seal()
    await one.close()
    return directory


def ids(directory: Path) -> list[str]:
    return sorted(collector.lake.open(directory).table(names=["id"])["id"].to_pylist())


def answers(query: str) -> list[tuple[Any, ...]]:
    """What the statements of the documentation say, run where `lake/` is."""
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def documented() -> str:
    text = (DOCS / "lake.md").read_text()
    return text.partition("```sql\n")[2].partition("```")[0]


def test_list_names_the_files_that_hold_each_event_once(call: Call, lake: Path) -> None:
    paths = call("list", "--paths").stdout.split()
    assert len(paths) == 12
    assert answers(f"SELECT count(*), count(DISTINCT id) FROM read_parquet({paths})") == [(24, 24)]

    rows = [json.loads(each) for each in call("list", "--json").stdout.splitlines()]
    assert [row["rows"] for row in rows] == [2] * 12
    assert len(call("list", "--paths", "--show", "1").stdout.split()) == 6
    assert "12 files, 24 events" in call("list").stdout


def test_verify_says_which_file_is_not_what_was_sealed(call: Call, lake: Path) -> None:
    assert call("verify").exit_code == 0
    victim = collector.lake.open(lake).files[5]
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x00")

    found = call("verify", "--json")
    assert found.exit_code == 1
    (broken,) = [each for each in json.loads(found.stdout) if not each["passed"]]
    assert broken["offending"] == [str(victim.relative_to(lake))]


def test_compact_leaves_hours_under_way_alone(call: Call, lake: Path) -> None:
    done = call("compact")

    assert (done.exit_code, done.stdout) == (0, "0 files became 0 (0 events, 0 → 0 bytes); 0 deleted.\n")
    assert len(collector.lake.open(lake).files) == 12


def test_replay_takes_what_is_good_by_todays_rules_once_for_ever(
    call: Call, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ids(lake)
    assert call("replay", "--dry-run").stdout.splitlines()[0] == "6 events would be taken."
    assert call("replay", "--reason", "json").stdout.splitlines()[0] == "0 events taken."
    assert ids(lake) == before

    done = call("replay")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "6 events taken.")
    assert [line.split() for line in done.stdout.splitlines()[1:]] == [["6", "still", "bad:", "json"]]
    assert ids(lake) == sorted([*before, *(f"late-{number}" for number in range(1, 12, 2))])

    # A week later sources and ids are no longer compared; what was taken is known all the same.
    for path in (lake / "index").glob("*"):
        path.unlink()
    monkeypatch.setattr(index, "owners", lambda *_: {})
    assert call("replay").stdout.splitlines()[0] == "0 events taken."
    assert len(ids(lake)) == len(before) + 6
    assert call("verify").exit_code == 0


@pytest.mark.parametrize("stage", ["sealed", "compacted", "in pages"])
def test_the_documented_statement_reads_each_event_once_with_the_files_alone(
    lake: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lake.parent)
    if stage != "sealed":
        collector.compact(lake, at=now() + timedelta(hours=3))
    if stage == "in pages":
        monkeypatch.setattr(manifest, "FOLD", 1)
        line = manifest.read(lake)[0]
        manifest.append(lake, manifest_objects.Line("late", 1, line.sealed_at, 0, 0, 0, 0, 0, 0, [], [], ""))
        assert list(lake.glob("manifest/pages/*"))
    # The files that a compaction replaced are still there.
    assert len(list(lake.glob("events/*/*.parquet"))) >= 12

    assert answers(documented()) == [("orders.order_paid", 24)]


async def test_a_job_compacts_the_lake(lake: Path, dsn: str, database: Database) -> None:
    """A file of yesterday's that nobody committed is there before it, and gone after it."""
    stray = lake / "events/hour=2026-01-01T00/compacted-0123456789abcdef.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"")

    async with database.transaction() as tx:
        await job_handlers.ask_to_compact(tx)
    await drain(dsn, database, job_handlers.handlers(Settings(data_dir=lake.parent)))

    assert not stray.exists()
