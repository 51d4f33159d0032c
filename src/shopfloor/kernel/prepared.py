"""Statements that are sent prepared, both ways binary, and their rows made."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import LiteralString, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import args_row

from shopfloor.kernel.database import Tx

T = TypeVar("T")


@asynccontextmanager
async def together(tx: Tx) -> AsyncGenerator[None, None]:
    """Statements inside travel together.  Where the caller has a pipeline open already, they travel with his:
    a pipeline inside a pipeline would wait at both of its ends.
    """
    if tx.connection.pgconn.pipeline_status:
        yield
    else:
        async with tx.connection.pipeline():
            yield


async def ask(
    tx: Tx, make: Callable[..., T], sql: LiteralString, values: dict[str, object]
) -> AsyncCursor[T]:
    """Send a prepared statement whose rows will be made by `make`; both ways binary."""
    cursor = tx.connection.cursor(binary=True, row_factory=args_row(make))
    await cursor.execute(sql, values, prepare=True)
    return cursor


async def every(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> list[T]:
    return await (await ask(tx, make, sql, values)).fetchall()


async def first(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> T | None:
    return await (await ask(tx, make, sql, values)).fetchone()


async def one(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> T:
    row = await first(tx, make, sql, **values)
    if row is None:
        raise LookupError("no row where there must be one")
    return row


def nothing(*_: object) -> None:
    """For statements without rows."""
