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
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from psycopg import sql
from psycopg.conninfo import make_conninfo

from shopfloor.accounts import passwords
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

# Emptying a table makes new files for it, its TOAST and each of its indexes: twenty times the work of deleting the
# few rows of a test.  Without foreign keys and triggers, which only a superuser may leave out, the order is no matter.
EMPTY_EVERYTHING = """
DO $$
DECLARE t regclass; s record; names text := '';
BEGIN
  SET LOCAL client_min_messages = warning;
  IF current_setting('is_superuser')::boolean THEN SET LOCAL session_replication_role = replica; END IF;
  FOR t IN SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid <> 'kernel.partition'::regclass
              AND n.nspname NOT IN ('public', 'pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_%'
  LOOP
    IF current_setting('is_superuser')::boolean
       AND (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(t)) <= 262144
    THEN EXECUTE 'DELETE FROM ' || t::text;
    ELSE names := names || ', ' || t::text;
    END IF;
  END LOOP;
  IF names <> '' THEN EXECUTE 'TRUNCATE ' || substr(names, 3) || ' CASCADE'; END IF;
  FOR s IN SELECT schemaname, sequencename, start_value FROM pg_sequences
            WHERE last_value IS NOT NULL AND schemaname <> 'public'
  LOOP
    PERFORM setval(format('%I.%I', s.schemaname, s.sequencename), s.start_value, false);
  END LOOP;
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
    """The longest files first."""

    def rank(item: pytest.Item) -> int:
        return next((place for place, long in enumerate(LONG) if item.nodeid.startswith(long)), len(LONG))

    items.sort(key=rank)


def hurry(dsn: str) -> None:
    """No test pulls the plug of this server: those about what a disk keeps start a server of their own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session", autouse=True)
def real_hasher() -> Iterator[PasswordHasher]:
    """A password costs a tenth of a second on purpose, and half of the tests sign somebody in: made cheap for them.

    Returns what the product uses.
    """
    real = passwords.HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher.from_parameters(CHEAPEST))
        yield real


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
        connection.execute(EMPTY_EVERYTHING)
    return migrated


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The test database through the product's own pool."""
    db = Database(dsn)
    await db.open()
    yield db
    await db.close()
