"""Tables that are cut by months: months are made ahead of time, and old ones are taken out whole.

The cutting itself is done by functions of the database (`kernel.add_partition`, `kernel.drop_partition`), which keep
`kernel.partition` true.
"""

from datetime import UTC, date, datetime
from typing import Final

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

# So many whole months are there before the first row of them.
AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Partition:
    """`since` None: everything before."""

    name: str
    since: datetime | None
    until: datetime


def month_after(day: date, months: int) -> date:
    """The first of the month that is so many months after the one of `day`."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


async def partitions(tx: Tx, *, schema: str, table: str) -> list[Partition]:
    """Oldest first; without what has no month yet."""
    return await tx.every(
        Partition,
        """
        SELECT name, since, until FROM kernel.partition
         WHERE parent = format('%%I.%%I', %(schema)s::text, %(table)s::text) ORDER BY until
        """,
        schema=schema,
        table=table,
    )


async def keep_ahead(tx: Tx, *, schema: str, table: str, at: datetime) -> list[str]:
    """Make every month that is missing, up to `AHEAD` months after that of `at`.  Returns the names of those made."""
    added: list[str] = []
    existing = await partitions(tx, schema=schema, table=table)
    if not existing:
        raise LookupError(f"{schema}.{table} is not cut by months")
    # Moving rows out of the rest waits for readers, and writers would wait behind it.
    await tx.run("SET LOCAL lock_timeout = '2s'")
    month = existing[-1].until.astimezone(UTC).date()
    while month <= month_after(at.astimezone(UTC).date(), AHEAD):
        name = await tx.value(
            "SELECT kernel.add_partition(%(schema)s::text, %(table)s::text, %(month)s::date)",
            schema=schema,
            table=table,
            month=month,
        )
        added += [] if name is None else [name]
        month = month_after(month, 1)
    return added


async def drop(tx: Tx, *, schema: str, table: str, name: str) -> None:
    """Waits for nobody long: who reads or writes the table goes first, and this is tried again later."""
    await tx.run("SET LOCAL lock_timeout = '2s'")
    await tx.value(
        "SELECT kernel.drop_partition(%(schema)s::text, %(table)s::text, %(name)s::text)",
        schema=schema,
        table=table,
        name=name,
    )
