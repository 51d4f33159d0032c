"""Real PostgreSQL for every test that wants one.

Without SHOPFLOOR_DATABASE_URL each session, a worker of `pytest -n` too, starts an embedded server of its own; with
it, the session makes a database of its own on that server and drops it at the end.  Each test finds all tables empty.
"""

import os
import secrets
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import certifi
import psycopg
import pytest
import structlog
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.cluster import copy_cluster
from tests.connections import kept_connections
from tests.emptying import Emptying

from shopfloor.auth import passwords
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

# Files that take half a minute or more: first, so that no worker is left with one of them at the end.
LONG = (
    "tests/browser",
    "tests/conformance",
    "tests/app/test_app_currencies.py",
    "tests/races/test_races_orders_kills.py",
    "tests/app/test_app_inputs.py",
    "tests/app/test_app_process.py",
    "tests/races/test_races_disk.py",
    "tests/races/test_races_stock_kills.py",
    "tests/properties/test_properties_ledger.py",
    "tests/app/test_app_lists.py",
    "tests/certificates",
    "tests/app",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""

    def rank(item: pytest.Item) -> int:
        return next((place for place, long in enumerate(LONG) if item.nodeid.startswith(long)), len(LONG))

    items.sort(key=rank)


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """What the product logs in a test, as it prints it: structlog's own way draws each traceback for half a second."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session", autouse=True)
def real_hasher() -> Iterator[PasswordHasher]:
    """A password costs a tenth of a second on purpose, and half of the tests sign somebody in: made cheap for them.

    Returns what the product uses.
    """
    real = passwords.HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher.from_parameters(CHEAPEST))
        yield real


@pytest.fixture(scope="session", autouse=True)
def authorities_read_once() -> Iterator[None]:
    """Each client of httpx reads all authorities of the world, which takes it longer than what it asks."""
    real = ssl.create_default_context
    usual = os.environ.get("SSL_CERT_FILE") or certifi.where()
    kept = real(cafile=usual)

    def create(*arguments: Any, **options: Any) -> ssl.SSLContext:
        return kept if not arguments and options == {"cafile": usual} else real(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", create)
        yield


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
        copy_cluster(reachable_directory)
        with EmbeddedPostgres(reachable_directory) as server, _kept_new(server.dsn):
            yield server.dsn
        return
    name = f"shopfloor_test_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn = make_conninfo(given, dbname=name)
    migrate(dsn)
    with _kept_new(dsn):
        yield dsn
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(name: str) -> str:
    return f"{name}_new"


def _name(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])


@contextmanager
def _kept_new(dsn: str) -> Generator[None]:
    """A copy of this database, before anything is in it, for `new_database`."""
    with another_database(dsn, name=_copy(_name(dsn)), template=_name(dsn)):
        yield


@contextmanager
def another_database(dsn: str, *, name: str, template: str) -> Generator[str]:
    """A database of this name on the server of `dsn`, made of a template, while it is needed."""
    made = sql.Identifier(name)
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(made))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, sql.Identifier(template)))
    try:
        yield make_conninfo(dsn, dbname=name)
    finally:
        with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(made))


NewDatabase = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def new_database(migrated: str) -> NewDatabase:
    """Makes migrated databases with nothing in them: a tenth of the work of a server of one's own."""
    name = _name(migrated)
    return lambda: another_database(migrated, name=f"{name}_{secrets.token_hex(3)}", template=_copy(name))


@pytest.fixture(scope="session")
def emptying(migrated: str) -> Iterator[Emptying]:
    empty = Emptying(migrated)
    yield empty
    empty.close()


@pytest.fixture
def dsn(migrated: str, emptying: Emptying) -> str:
    """Connection string of the test database, all tables empty."""
    emptying()
    return migrated


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The test database through the product's own pool."""
    with kept_connections():
        db = Database(dsn)
    await db.open()
    yield db
    await db.close()
