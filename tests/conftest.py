"""Real PostgreSQL for every test that wants one.

Without SHOPFLOOR_DATABASE_URL each session, a worker of `pytest -n` too, starts an embedded server of its own; with
it, the session makes a database of its own on that server and drops it at the end.  Each test finds all tables empty.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

EMPTY_EVERYTHING = """
DO $$
DECLARE t regclass; filled boolean; names text := '';
BEGIN
  FOR t IN SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND NOT c.relispartition AND n.nspname NOT IN ('public', 'pg_catalog', 'information_schema')
              AND n.nspname NOT LIKE 'pg_%'
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', t) INTO filled;
    IF filled THEN names := names || ', ' || t::text; END IF;
  END LOOP;
  IF names <> '' THEN EXECUTE 'TRUNCATE ' || substr(names, 3) || ' RESTART IDENTITY CASCADE'; END IF;
END $$
"""


# Files that take a minute or so: first, so that no worker is left with one of them at the end.
LONG = (
    "tests/browser",
    "tests/races/test_races_orders_kills.py",
    "tests/races/test_races_stock_kills.py",
    "tests/properties/test_properties_ledger.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a fixture stays in one worker: a file, and all that is seen in the browser."""

    def rank(item: pytest.Item) -> int:
        return next((place for place, long in enumerate(LONG) if item.nodeid.startswith(long)), len(LONG))

    items.sort(key=rank)
    for item in items:
        file = item.nodeid.split("::", 1)[0]
        item.add_marker(pytest.mark.xdist_group("browser" if file.startswith("tests/browser/") else file))


def hurry(dsn: str) -> None:
    """No test pulls the plug of this server: those about what a disk keeps start a server of their own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def reachable_directory() -> Iterator[Path]:
    """A directory that the embedded server's user can enter, also when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="shopfloor-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(reachable_directory: Path) -> Iterator[str]:
    """Connection string of a migrated database that belongs to this session."""
    given = os.environ.get("SHOPFLOOR_DATABASE_URL")
    if given is None:
        with EmbeddedPostgres(reachable_directory) as server:
            hurry(server.dsn)
            migrate(server.dsn)
            yield server.dsn
        return
    name = f"shopfloor_test_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn = make_conninfo(given, dbname=name)
    migrate(dsn)
    yield dsn
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def dsn(migrated: str) -> str:
    """Connection string of the test database, all tables empty."""
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute(EMPTY_EVERYTHING)
    return migrated


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The test database through the product's own pool."""
    db = Database(dsn)
    await db.open()
    yield db
    await db.close()
