"""Backups of a shop that sells, restored elsewhere: everything of one moment, and the audit passes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from tests.backup.conftest import Place
from tests.orders.conftest import Market
from tests.upgrade.conftest import Left, left
from tests.waiting import PATIENCE

from shopfloor import audit, backup, orders, stock, wiring, worker
from shopfloor.backup import shelf
from shopfloor.backup.taking import counted
from shopfloor.cli import main
from shopfloor.collector import Collector
from shopfloor.kernel import backups, outbox
from shopfloor.kernel.database import Database
from shopfloor.kernel.settings import Settings

__all__ = ["left"]


async def take(settings: Settings, place: Path, **options: Any) -> backup.Taken:
    assert settings.database_url is not None
    return await asyncio.to_thread(backup.take, settings, settings.database_url, place, **options)


async def restore(settings: Settings, found: backup.Backup, **options: Any) -> list[str]:
    return await asyncio.to_thread(backup.restore, settings, found, **options)


async def failed(settings: Settings) -> list[tuple[str, Sequence[str]]]:
    """The invariants that do not hold."""
    assert settings.database_url is not None
    db = Database(settings.database_url, 2)
    await db.open()
    try:
        findings = await audit.run(db, settings)
    finally:
        await db.close()
    return [(finding.name, finding.offending) for finding in findings if not finding.passed]


async def deliver(settings: Settings) -> int:
    """What a worker that starts there does with what waits.  Returns how many facts the lake has then."""
    assert settings.database_url is not None
    db = Database(settings.database_url, 2)
    await db.open()
    lake = Collector(settings.lake_dir, "restored", seal_every=3600, reserve=0)
    await lake.start()
    try:
        await outbox.drain(db, wiring.consumers(lake))
    finally:
        await lake.close()
        await db.close()
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute("SELECT position FROM kernel.consumer WHERE name = 'lake'").fetchone()
    assert row is not None
    return row[0]


def rows(settings: Settings) -> dict[str, int]:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        return counted(connection)


def files(settings: Settings) -> dict[str, bytes]:
    return {
        path.relative_to(settings.data_dir).as_posix(): path.read_bytes()
        for part in ("recordings", "pictures", "archive")
        for path in sorted((settings.data_dir / part).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


async def test_what_is_restored_is_the_shop_of_that_moment(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    before = rows(settings)
    taken = await take(settings, tmp_path / "backups")
    await shop.paid()
    there = elsewhere()

    applied = await restore(there, taken.backup)

    assert applied == []
    assert rows(there) == before
    assert rows(settings)["orders.orders"] == before["orders.orders"] + 1
    assert files(there) == files(settings)
    assert len(files(there)) == 4
    assert await failed(there) == []
    # What had not come to the lake comes once; what had, not again.
    assert await deliver(there) == before["kernel.outbox"]
    assert await failed(there) == []
    assert (await asyncio.to_thread(backup.verify, taken.backup)) == []


async def test_a_backup_amid_sales_is_of_one_moment(
    shop: Market, settings: Settings, lake: Collector, elsewhere: Place, make_market: Any, tmp_path: Path
) -> None:
    busy = await make_market(units=4000)
    over = asyncio.Event()
    sold = 0

    async def sell() -> None:
        nonlocal sold
        while not over.is_set():
            await busy.paid()
            sold += 1

    async def deliver_and_seal() -> None:
        while not over.is_set():
            await outbox.drain(busy.db, wiring.consumers(lake))
            await lake.seal()

    work = [asyncio.create_task(sell()) for _ in range(3)] + [asyncio.create_task(deliver_and_seal())]
    taken: list[tuple[int, backup.Taken, int]] = []
    try:
        for _ in range(2):
            first = sold
            async with asyncio.timeout(60):
                while sold < first + 10:
                    await asyncio.sleep(0.01)
            first = sold
            taken.append((first, await take(settings, tmp_path / "backups"), sold))
    finally:
        over.set()
        await asyncio.gather(*work)

    # They went on selling meanwhile.
    assert any(after > first for first, _, after in taken)
    for first, done, after in taken:
        there = elsewhere()
        await restore(there, done.backup)
        assert await failed(there) == []
        # The two of the fixture, and those that were sold by then.
        assert first <= rows(there)["orders.orders"] - 2 <= after + 3
        assert rows(there) == done.backup.manifest.rows
        # Every one of them, and those that others wrote down when they heard of them.
        assert (
            await deliver(there) == rows(there)["kernel.outbox"] >= done.backup.manifest.rows["kernel.outbox"]
        )
        assert await failed(there) == []


async def test_a_worker_that_was_killed_after_it_wrote_to_the_lake_writes_nothing_twice(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE kernel.consumer SET position = position - 3 WHERE name = 'lake'")
    taken = await take(settings, tmp_path / "backups")
    there = elsewhere()

    await restore(there, taken.backup)

    assert there.database_url is not None
    with psycopg.connect(there.database_url) as connection:
        moved = connection.execute("SELECT position FROM kernel.consumer WHERE name = 'lake'").fetchone()
    with psycopg.connect(settings.database_url) as connection:
        was = connection.execute("SELECT position FROM kernel.consumer WHERE name = 'lake'").fetchone()
    assert moved is not None
    assert was is not None
    assert moved[0] == was[0] + 3
    await deliver(there)
    assert await failed(there) == []


async def test_what_the_previous_release_left_is_backed_up_as_it_is_and_restored_into_this_one(
    left: Left, elsewhere: Place, tmp_path: Path
) -> None:
    """Before the upgrade, with the software after it: real orders, shows, recordings and lake."""
    old = Settings(data_dir=left.data_dir, database_url=left.dsn)
    taken = await take(old, tmp_path / "backups")
    there = elsewhere()

    applied = await restore(there, taken.backup)

    assert len(applied) > 20
    assert await failed(there) == []
    assert rows(there)["orders.orders"] == 7
    assert files(there) == files(old)
    assert sum(name.endswith(".mp4") for name in files(there)) > 0


async def test_killed_in_the_middle_it_leaves_nothing_that_looks_whole(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    environment = os.environ | {
        "SHOPFLOOR_DATA_DIR": str(settings.data_dir), "SHOPFLOOR_DATABASE_URL": str(settings.database_url),
    }  # fmt: skip
    # A film that takes a while.
    film = settings.data_dir / "recordings/1/long.mp4"
    with film.open("wb") as file:
        file.truncate(3 << 30)

    def kill_while_it_copies() -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "shopfloor", "backup", "--to", str(place)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        end = time.monotonic() + 90
        try:
            while not list(place.glob("*.unfinished/recordings/1/long.mp4")):
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < end, "nothing was copied"
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
            if process.stderr is not None:
                process.stderr.close()

    await asyncio.to_thread(kill_while_it_copies)
    (left_over,) = place.glob("*.unfinished")
    film.unlink()

    assert backup.finished(place) == []
    for path in (left_over, place):
        with pytest.raises(Exception, match=r"never finished|There is no backup"):
            backup.opened(path)
    taken = await take(settings, place)
    assert not left_over.exists()
    assert await asyncio.to_thread(backup.verify, taken.backup) == []
    there = elsewhere()
    await restore(there, taken.backup)
    assert await failed(there) == []


async def test_by_the_command_line(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "passphrase"
    key.write_text("correct horse battery\n")

    async def call(where: Settings, *arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("SHOPFLOOR_DATA_DIR", str(where.data_dir))
        monkeypatch.setenv("SHOPFLOOR_DATABASE_URL", str(where.database_url))
        done = await asyncio.to_thread(CliRunner().invoke, main, list(arguments))
        return done.exit_code, done.output

    place = tmp_path / "backups"
    assert (await call(settings, "backup"))[0] == 2
    status, said = await call(settings, "backup", "--to", str(place), "--passphrase-file", str(key))
    assert status == 0, said
    status, said = await call(settings, "backup", "verify", str(place))
    assert (status, "is whole" in said) == (0, True)
    status, said = await call(settings, "backup", "list", "--in", str(place))
    assert (status, "with keys" in said) == (0, True)
    there = elsewhere()
    status, said = await call(there, "restore", str(place), "--passphrase-file", str(key))
    assert (status, "all hold" in said) == (0, True), said
    status, said = await call(there, "restore", str(place), "--passphrase-file", str(key))
    assert (status, "is not empty" in said) == (1, True)

    (path,) = backup.finished(place)
    (path / shelf.DATABASE).write_bytes(b"")
    status, said = await call(settings, "backup", "verify", str(place))
    assert (status, "database.dump has another size" in said) == (1, True)


async def test_the_worker_takes_one_when_it_is_time(shop: Market, settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    timed = settings.model_copy(update={"backup_dir": place, "backup_hours": 24.0})

    await worker.take_backup(shop.db, settings)
    assert backup.finished(place) == []
    await worker.take_backup(shop.db, timed)
    assert len(backup.finished(place)) == 1
    await worker.take_backup(shop.db, timed)
    assert len(backup.finished(place)) == 1

    async with shop.db.transaction() as tx:
        assert await backups.due(tx) is None
        await tx.run("UPDATE kernel.backup SET taken_at = now() - interval '25 hours'")
        due = await backups.due(tx)
    assert due is not None
    assert due.last is not None
    await worker.take_backup(shop.db, timed)
    assert len(backup.finished(place)) == 2


async def test_orders_of_the_restored_shop_go_on(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    """Positions, numbers and ids go on where they were."""
    taken = await take(settings, tmp_path / "backups")
    there = elsewhere()
    await restore(there, taken.backup)
    assert there.database_url is not None
    db = Database(there.database_url, 2)
    await db.open()
    try:
        moved = Market(
            db, shop.shop_id, shop.product_id, shop.variants, shop.location_id, shop.show_id, shop.offer_id, shop.pool_id
        )  # fmt: skip
        placed, _ = await moved.paid()
        async with db.transaction() as tx:
            checks = [*await orders.audit(tx), *await stock.audit(tx)]
    finally:
        await db.close()
    assert placed.number == 1003
    assert [check for check in checks if not check.passed] == []
