"""How PostgreSQL means to execute what a function asks it: which tables it would read from end to end."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from psycopg import AsyncCursor
from psycopg.sql import SQL

from shopfloor.kernel.database import Tx


async def scans(tx: Tx, call: Callable[[Tx], Awaitable[object]]) -> set[tuple[str, str]]:
    """(node, table) of every statement that `call` executes, such as ("Seq Scan", "hold")."""
    asked: list[tuple[Any, Any]] = []

    class Noting(AsyncCursor[Any]):
        async def execute(self, query: Any, params: Any = None, **how: Any) -> "Noting":  # pyright: ignore[reportIncompatibleMethodOverride]
            asked.append((query, params))
            return await super().execute(query, params, **how)

    was = tx.connection.cursor_factory
    tx.connection.cursor_factory = Noting
    try:
        await call(tx)
    finally:
        tx.connection.cursor_factory = was
    assert asked, "nothing was asked"
    found: set[tuple[str, str]] = set()
    for query, params in asked:
        cursor = await tx.connection.execute(SQL("EXPLAIN (FORMAT JSON) " + query), params)
        [[plan]] = await cursor.fetchall()
        whole = json.loads(plan) if isinstance(plan, str) else plan
        found |= set(_nodes(whole[0]["Plan"]))
    return found


def _nodes(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "Relation Name" in plan:
        yield plan["Node Type"], plan["Relation Name"]
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def read_whole(found: set[tuple[str, str]]) -> set[str]:
    return {table for node, table in found if node == "Seq Scan"}
