"""DuckDB, in memory, for the length of one report.

Ibis is the language of the expressions and compiles them; it never touches the connection.  So an upgrade of
Ibis or of its SQL generator can change texts, which golden tests see, and nothing else.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import duckdb
import ibis
import ibis.expr.operations as ops

from shopfloor.kernel.records import dataclass
from shopfloor.metrics.registry import GRAINS, Scope, derived_tables, metrics, tables

DIALECT: Final = "duckdb"
THREADS: Final = 2
MEMORY: Final = "1GB"
_TYPES: Final = {"int64": "BIGINT", "string": "VARCHAR"}

# Keys are whole numbers, or text: the codes of sources and channels.
Values = dict[tuple[Any, ...], tuple[int, int | None]]


@cache
def metric_sql(metric_id: str, grain: str) -> str:
    """The text a metric is computed by."""
    return str(ibis.to_sql(metrics()[metric_id].expression(grain), dialect=DIALECT))


@cache
def quotients() -> frozenset[str]:
    """The metrics of a show that are one number over another."""
    return frozenset(
        metric.id
        for metric in metrics().values()
        if "show" in metric.grains and "d" in metric.expression("show").columns
    )


@cache
def rows_sql(table: str, columns: tuple[str, ...]) -> str:
    """The text that reads a table whole, in the order of its columns."""
    expression = tables()[table].select(*columns).order_by(*columns)
    return str(ibis.to_sql(expression, dialect=DIALECT))


@cache
def derived_sql(scope: Scope = "show") -> tuple[tuple[str, str, str], ...]:
    """Name, columns and text of each derived table, in order."""
    return tuple(
        (
            table.name,
            ", ".join(
                f'"{column}" {_TYPES[str(kind)]}' for column, kind in table.expression.schema().items()
            ),
            str(ibis.to_sql(table.expression, dialect=DIALECT)),
        )
        for table in derived_tables(scope)
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A table on the way to a figure, and the statement that fills it."""

    name: str
    doc: str
    sql: str


@cache
def steps_of(metric_id: str) -> tuple[Step, ...]:
    """The tables that a figure is computed from, in order: without those that are loaded as they are."""
    every = {each.name: each for each in derived_tables()}
    wanted: set[str] = set()
    todo: list[Any] = [metrics()[metric_id].expression(metrics()[metric_id].grains[0])]
    while todo:
        for node in todo.pop().op().find(ops.UnboundTable):
            if node.name in every and node.name not in wanted:
                wanted.add(node.name)
                todo.append(every[node.name].expression)
    return tuple(
        Step(each.name, each.doc, str(ibis.to_sql(each.expression, dialect=DIALECT)))
        for each in every.values()
        if each.name in wanted
    )


class Engine:
    """Computes metrics over one loaded show."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def values(self, metric_id: str, grain: str) -> Values:
        """`n` and `d` by the keys of `grain` after the show; groups without a key are left out."""
        cursor = self._connection.execute(metric_sql(metric_id, grain))
        names = [column[0] for column in cursor.description or ()]
        keys = [names.index(key) for key in GRAINS[grain][1:]]
        n = names.index("n")
        d = names.index("d") if "d" in names else None
        return {
            tuple(row[key] for key in keys): (int(row[n] or 0), None if d is None else int(row[d] or 0))
            for row in cursor.fetchall()
            if all(row[key] is not None for key in keys)
        }

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """The rows of a derived table, in the order of `columns`."""
        return self._connection.execute(rows_sql(table, columns)).fetchall()


@contextmanager
def computing(tables: Mapping[str, Any], scope: Scope = "show") -> Generator[Engine]:
    """An engine over loaded input tables, with the shared tables computed."""
    with duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        for name, columns, text in derived_sql(scope):
            # Declared types, so that a sum too large for 64 bits is an error and not another type.
            connection.execute(f'CREATE TEMP TABLE "{name}" ({columns})')
            connection.execute(f'-- duckdb\nINSERT INTO "{name}" {text}')
        yield Engine(connection)
