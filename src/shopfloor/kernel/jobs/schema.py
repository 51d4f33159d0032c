"""The queue's own schema, made and brought up to date from the SQL files that procrastinate comes with.

The library says which files there are and leaves it to its user which have run: a new schema has all of them, a later
release of the library brings some.  Their names are kept beside those of our own migrations.  Everything stands in a PostgreSQL schema of its own, and its functions look for
their tables there, whatever the connection they are called on looks through.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

SCHEMA: Final = "procrastinate"


def sql_files() -> Path:
    """Found without loading the library."""
    spec = find_spec("procrastinate")
    assert spec is not None, "a dependency"
    assert spec.submodule_search_locations is not None, "a package"
    return Path(spec.submodule_search_locations[0]) / "sql"


def bring_up_to_date(connection: psycopg.Connection) -> list[str]:
    """Apply what is missing, all or nothing, and return the names of what was applied."""
    files = sql_files()
    known = [path.stem for path in sorted((files / "migrations").glob("*.sql"))]
    with connection.transaction():
        connection.execute(
            "CREATE TABLE IF NOT EXISTS _procrastinate_migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL)"
        )
        applied = {
            name for (name,) in connection.execute("SELECT name FROM _procrastinate_migration").fetchall()
        }
        missing = [name for name in known if name not in applied]
        if not missing:
            return []
        connection.cursor().executemany(
            "INSERT INTO _procrastinate_migration (name, applied_at) VALUES (%s, now())",
            [(name,) for name in missing],
        )
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(SCHEMA)))
        scripts = (
            [files / "migrations" / f"{name}.sql" for name in missing] if applied else [files / "schema.sql"]
        )
        for script in scripts:
            connection.execute(script.read_bytes())
        _bind_functions(connection)
    return [f"{SCHEMA}.{name}" for name in (missing if applied else ["schema"])]


def _bind_functions(connection: psycopg.Connection) -> None:
    """Triggers fire, and functions are called, on connections that know nothing of this schema."""
    rows = connection.execute(
        """
        SELECT f.oid::regprocedure::text FROM pg_proc AS f
          JOIN pg_namespace AS n ON n.oid = f.pronamespace WHERE n.nspname = %s
        """,
        (SCHEMA,),
    ).fetchall()
    for (signature,) in rows:
        connection.execute(
            sql.SQL("ALTER FUNCTION {} SET search_path = {}, pg_temp").format(
                # As PostgreSQL itself wrote it: name and types, quoted where they must be.
                sql.SQL(signature),
                sql.Identifier(SCHEMA),
            )
        )
