"""The pool and the transaction.

A service never opens a transaction and never commits: its caller does, in plain sight.

    async with db.transaction() as tx:
        order = await orders.place(tx, ...)

The block ends before the answer is sent, so a "yes" is only ever said after the commit, and a stream that
stays open for an hour holds no connection.
"""

import select
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection, DataError, InterfaceError, OperationalError
from psycopg.rows import class_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from shopfloor.kernel import logs
from shopfloor.kernel.errors import Invalid, Unavailable

Row = TypeVar("Row")

# Facts of whole batches come back as one JSON document: the fast decoder keeps rooms and lake from lagging.
set_json_loads(msgspec.json.decode)


_log = logs.get("database")


class DatabaseAway(Unavailable):
    """The database cannot be reached just now; ask again."""

    code = "database.away"


class Unstorable(Invalid):
    """Something in the request is no text or no number that can be kept."""

    code = "database.unstorable"


class Rollback(psycopg.Rollback):
    """Raised in a transaction that was only a trial: it goes no further than the block, and nothing is kept."""


class Tx:
    """An open transaction.  Rows come back as the dataclass you name; its fields are the columns."""

    __slots__ = ("connection",)

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection

    async def first(self, shape: type[Row], sql: LiteralString, **values: object) -> Row | None:
        async with self.connection.cursor(row_factory=class_row(shape)) as cursor:
            await cursor.execute(sql, values)
            return await cursor.fetchone()

    async def one(self, shape: type[Row], sql: LiteralString, **values: object) -> Row:
        """The row of a statement that always has one.  Raises LookupError when it has not."""
        row = await self.first(shape, sql, **values)
        if row is None:
            raise LookupError(f"no {shape.__name__} where there must be one")
        return row

    async def every(self, shape: type[Row], sql: LiteralString, **values: object) -> list[Row]:
        async with self.connection.cursor(row_factory=class_row(shape)) as cursor:
            await cursor.execute(sql, values)
            return await cursor.fetchall()

    async def value(self, sql: LiteralString, **values: object) -> Any:
        """The first column of the first row, or None."""
        cursor = await self.connection.execute(sql, values)
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def run(self, sql: LiteralString, **values: object) -> int:
        """Execute, and say how many rows it touched."""
        cursor = await self.connection.execute(sql, values)
        return cursor.rowcount

    async def many(self, sql: LiteralString, rows: Sequence[Mapping[str, object]]) -> None:
        """The same statement for each of `rows`, in one pipeline."""
        if rows:
            async with self.connection.cursor() as cursor:
                await cursor.executemany(sql, rows)


async def _check(connection: AsyncConnection[Any]) -> None:
    """Whether a connection that lay idle is still good.  Nobody speaks on one but to say goodbye: only then is it asked,
    for a question would cost every transaction a round trip.
    """
    heard = select.poll()
    heard.register(connection.pgconn.socket, select.POLLIN)
    if heard.poll(0):
        await AsyncConnectionPool.check_connection(connection)


class Database:
    """A pool of connections to one PostgreSQL.  It may go away and return: who asks meanwhile is refused
    with `database.away`, nobody waits longer than `patience` seconds.
    """

    def __init__(self, dsn: str, size: int = 8, *, patience: float = 5.0) -> None:
        self.dsn = dsn
        self._pool = AsyncConnectionPool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            open=False,
            timeout=patience,
            reconnect_timeout=60.0,
            check=_check,
            kwargs={
                "application_name": "shopfloor",
                "options": "-c idle_in_transaction_session_timeout=60000",
            },
        )

    async def open(self) -> None:
        await self._pool.open(wait=True, timeout=30.0)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises DatabaseAway when no connection can be had or the server goes away inside the block.
        """
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield Tx(connection)
        except PoolTimeout as problem:
            raise DatabaseAway from problem
        except (OperationalError, InterfaceError) as problem:
            if _is_gone(problem):
                raise DatabaseAway from problem
            raise
        except (DataError, UnicodeEncodeError) as problem:
            if not _is_unstorable(problem):
                raise
            # The border should have refused it: whoever reads the log finds the place that let it through.
            _log.error("database.unstorable", exc_info=problem)
            raise Unstorable from problem


def _is_unstorable(problem: DataError | UnicodeEncodeError) -> bool:
    """NUL, half a surrogate pair, a number or a time beyond what its column holds."""
    if isinstance(problem, UnicodeEncodeError) or problem.sqlstate is None:
        return True
    return problem.sqlstate in {"22003", "22008", "22021", "22P05"}


def _is_gone(problem: OperationalError | InterfaceError) -> bool:
    """Lost connections, shutdowns, a full disk (SQLSTATE class 08, 57P0x, 53), not lock or statement timeouts."""
    state = getattr(problem, "sqlstate", None)
    return state is None or state.startswith(("08", "57P", "53"))
