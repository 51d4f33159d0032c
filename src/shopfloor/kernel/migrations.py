"""Bring a database to the schema of this release.  Forward only; safe to call from several processes at once."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from shopfloor.kernel import late
from shopfloor.kernel.jobs.schema import bring_up_to_date

if TYPE_CHECKING:
    import yoyo
    from yoyo import connections as yoyo_connections
    from yoyo.backends.core import postgresql as yoyo_postgresql
else:
    yoyo = late.module("yoyo")
    yoyo_connections = late.module("yoyo.connections")
    yoyo_postgresql = late.module("yoyo.backends.core.postgresql")

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
        if _is_current(lock):
            return bring_up_to_date(lock)
        parts = conninfo_to_dict(dsn)
        uri = yoyo_connections.DatabaseURI(
            scheme="postgresql+psycopg",
            username=parts.pop("user", None),
            password=parts.pop("password", None),
            hostname=None,
            port=None,
            database=parts.pop("dbname", None),
            args={key: str(value) for key, value in parts.items()},
        )
        backend = yoyo_postgresql.PostgresqlPsycopgBackend(uri, "_yoyo_migration")
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


def _is_current(connection: psycopg.Connection) -> bool:
    """Whether nothing is missing, as at nearly every start; asked without the library that applies migrations."""
    if connection.execute("SELECT to_regclass('_yoyo_migration')").fetchone() == (None,):
        return False
    applied = {name for (name,) in connection.execute("SELECT migration_id FROM _yoyo_migration").fetchall()}
    return {path.stem for path in MIGRATIONS.glob("*.sql")} <= applied
