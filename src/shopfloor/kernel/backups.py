"""When the last backup was taken, and who should know."""

from datetime import datetime, timedelta
from typing import Final

import psycopg

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now

# Older than this, and somebody is told.
OLD: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Due:
    """The last backup is too old; `last` is None where there never was one."""

    last: datetime | None


def record(
    connection: psycopg.Connection,
    *,
    taken_at: datetime,
    place: str,
    bytes: int,  # noqa: A002 -- the column's name
    seconds: float,
) -> None:
    """By the process that took it.  A database of an earlier release, backed up before its upgrade, has no such table."""
    if connection.execute("SELECT to_regclass('kernel.backup') IS NULL").fetchone() == (True,):
        return
    connection.execute(
        "INSERT INTO kernel.backup (taken_at, place, bytes, seconds) VALUES (%s, %s, %s, %s)",
        (taken_at, place, bytes, seconds),
    )


async def last(tx: Tx) -> datetime | None:
    return await tx.value("SELECT max(taken_at) FROM kernel.backup")


async def due(tx: Tx, *, at: datetime | None = None) -> Due | None:
    """Whether the last backup is older than a day; with none, whether this database is."""
    at = now() if at is None else at
    taken = await last(tx)
    installed = await tx.value("SELECT min(applied_at_utc) AT TIME ZONE 'UTC' FROM _yoyo_migration")
    return Due(taken) if at - (taken or installed) > OLD else None
