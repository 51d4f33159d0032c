"""Empties the database between two tests, at the price of what the last one wrote."""

from collections.abc import Sequence
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import UndefinedFunction, UndefinedTable

# What holds rows: tables and partitions.  The list of partitions itself stays, as they do.
_TABLES: LiteralString = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.oid <> 'kernel.partition'::regclass
   AND n.nspname NOT IN ('public', 'pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
 ORDER BY c.oid
"""
_SEQUENCES: LiteralString = """
SELECT n.nspname, c.relname, s.seqstart FROM pg_sequence s
  JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname <> 'public' ORDER BY c.oid
"""

# Emptying a table makes new files for it, its TOAST and each of its indexes: twenty times the work of deleting the
# few rows of a test.  Only what has grown is emptied so.  Without foreign keys and triggers, which only a superuser
# may leave out, the order of the deletions is no matter.
_EACH: LiteralString = """
  PERFORM 1 FROM ONLY {table} LIMIT 1;
  IF FOUND THEN
    IF super AND pg_relation_size({name}::regclass) <= 524288 THEN DELETE FROM ONLY {table};
    ELSE grown := grown || {name}::text;
    END IF;
  END IF;
"""
_BACK: LiteralString = (
    "  IF (SELECT is_called FROM {sequence}) THEN PERFORM setval({name}::regclass, {start}, false); END IF;\n"
)
_FUNCTION: LiteralString = """
CREATE OR REPLACE FUNCTION pg_temp.empty_everything() RETURNS void LANGUAGE plpgsql AS $empty$
DECLARE grown text[] := '{{}}'; super boolean := current_setting('is_superuser')::boolean;
BEGIN
  SET LOCAL client_min_messages = warning;
  IF super THEN SET LOCAL session_replication_role = replica; END IF;
{each}
  IF grown <> '{{}}' THEN EXECUTE 'TRUNCATE ' || array_to_string(grown, ', ') || ' CASCADE'; END IF;
{back}
END $empty$
"""

Row = tuple[str, ...]


class Emptying:
    """Keeps a connection and a function with a plan for each table: looking which has rows costs some milliseconds."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection | None = None
        self._known: tuple[Sequence[Row], Sequence[Row]] | None = None

    def __call__(self) -> None:
        """All tables are empty and all sequences at their start."""
        try:
            self._empty()
        except (psycopg.OperationalError, UndefinedFunction, UndefinedTable):
            # A test may have ended every connection, or the server; or dropped a partition while we looked.
            self.close()
            self._empty()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._known = None

    def _empty(self) -> None:
        if self._connection is None:
            self._connection = psycopg.connect(self._dsn, autocommit=True)
        connection = self._connection
        found = connection.execute(_TABLES).fetchall(), connection.execute(_SEQUENCES).fetchall()
        if found != self._known:
            connection.execute(_function(*found))
            self._known = found
        connection.execute("SELECT pg_temp.empty_everything()")


def _function(tables: Sequence[Row], sequences: Sequence[Row]) -> sql.Composed:
    each = [
        sql.SQL(_EACH).format(table=table, name=sql.Literal(table.as_string()))
        for table in (sql.Identifier(*row) for row in tables)
    ]
    back = [
        sql.SQL(_BACK).format(sequence=name, name=sql.Literal(name.as_string()), start=sql.Literal(start))
        for name, start in ((sql.Identifier(*row[:2]), row[2]) for row in sequences)
    ]
    return sql.SQL(_FUNCTION).format(each=sql.SQL("").join(each), back=sql.SQL("").join(back))
