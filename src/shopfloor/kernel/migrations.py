"""Bring a database to the schema of this release.  Forward only; safe to call from several processes at once."""

from importlib import resources
from pathlib import Path

import psycopg
import yoyo
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

from shopfloor.kernel.jobs.schema import bring_up_to_date

MIGRATIONS = Path(str(resources.files("shopfloor") / "migrations"))
OLDEST_SERVER = 150_000
_LOCK = 0x5_40_9F_10_0F


def known() -> list[str]:
    """The names of the migrations of this release."""
    return [migration.id for migration in yoyo.read_migrations(str(MIGRATIONS))]


def migrate(dsn: str) -> list[str]:
    """Apply what is missing, in order, and return the names of what was applied.

    Processes queue on an advisory lock, which the server frees when a process dies; yoyo's own lock is a row
    that a killed process leaves behind, so under ours it is always stale and may be broken.

    Raises RuntimeError when the server is older than PostgreSQL 15.
    """
    with psycopg.connect(dsn, autocommit=True) as lock:
        if lock.info.server_version < OLDEST_SERVER:
            raise RuntimeError(
                f"Shopfloor needs PostgreSQL 15 or newer; this server is {lock.info.server_version // 10_000}."
            )
        lock.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        parts = conninfo_to_dict(dsn)
        uri = DatabaseURI(
            scheme="postgresql+psycopg",
            username=parts.pop("user", None),
            password=parts.pop("password", None),
            hostname=None,
            port=None,
            database=parts.pop("dbname", None),
            args={key: str(value) for key, value in parts.items()},
        )
        backend = PostgresqlPsycopgBackend(uri, "_yoyo_migration")
        try:
            backend.init_database()
            backend.break_lock()
            waiting = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
            names = [migration.id for migration in waiting]
            backend.execute("SET lock_timeout = '5s'")
            with backend.lock():
                backend.apply_migrations(waiting)
        finally:
            backend.connection.close()
        names += bring_up_to_date(lock)
    return names
