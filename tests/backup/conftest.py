"""A shop with orders, a show, a recording, a picture, a lake and an archive, and an empty place beside it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.orders.conftest import MakeMarket, Market, make_market

from shopfloor import wiring
from shopfloor.collector import Collector
from shopfloor.kernel import outbox
from shopfloor.kernel.settings import Settings

__all__ = ["make_market"]

Place = Callable[[], Settings]


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", database_url=dsn)


@pytest.fixture
def elsewhere(migrated: str, tmp_path: Path) -> Iterator[Place]:
    """A data directory and a database with nothing in them."""
    names: list[str] = []

    def make() -> Settings:
        name = f"{conninfo_to_dict(migrated)['dbname']}_elsewhere_{secrets.token_hex(3)}"
        with psycopg.connect(migrated, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        names.append(name)
        return Settings(data_dir=tmp_path / name, database_url=make_conninfo(migrated, dbname=name))

    yield make
    with psycopg.connect(migrated, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def lake(settings: Settings) -> AsyncIterator[Collector]:
    collector = Collector(settings.lake_dir, "one", seal_every=3600, reserve=0)
    await collector.start()
    yield collector
    await collector.close()


@pytest.fixture
async def shop(make_market: MakeMarket, settings: Settings, lake: Collector) -> Market:
    """Sold, sealed and half delivered."""
    market = await make_market()
    await market.paid()
    await outbox.drain(market.db, wiring.consumers(lake))
    await lake.seal()
    await market.order(quantity=2)
    await outbox.drain(market.db, wiring.consumers(lake))
    # In the database only.
    await market.hold()
    for path, text in (
        ("recordings/1/one.mp4", b"film " * 100_000),
        ("recordings/1/one.json", b"{}"),
        ("pictures/abc/640.webp", b"picture " * 1000),
        ("archive/movements/movement_first.csv.gz", b"archived"),
    ):
        await asyncio.to_thread(_put, settings.data_dir / path, text)
    return market


def _put(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
