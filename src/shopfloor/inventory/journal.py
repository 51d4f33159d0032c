"""The journal month by month: a month that is closed is carried forward and kept in a file, never lost.

Its rows are written to `movements/<month>.csv.gz` below the archive; what they come to per level stands in the next
month as a movement of the kind `carried`, so the journal still sums to the levels; and `stock.closed_month` keeps the
hash of the file and of what was carried forward.  `Books.audit` reads the files again and compares all three.
"""

import asyncio
import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from shopfloor.kernel import partitions, storage
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.records import dataclass

CARRIED: Final = "carried"
COLUMNS: Final = ("id", "at", "level_id", "kind", "quantity", "held", "allocated", "shortfall", "reason")

# Of a level: quantity, held, allocated, shortfall.
Balance = tuple[int, int, int, int]
_NOTHING: Final = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    name: str
    until: datetime
    file: str
    sha256: str
    movements: int
    balances: str


@dataclass(frozen=True, slots=True)
class _Row:
    level_id: int
    quantity: int
    held: int
    allocated: int
    shortfall: int

    @property
    def balance(self) -> Balance:
        return self.quantity, self.held, self.allocated, self.shortfall


async def close_months(db: Database, *, before: datetime, archive: Path) -> list[str]:
    """Close every month that ended before that time, oldest first.  Returns their names."""
    closed: list[str] = []
    async with db.transaction() as tx:
        due = [
            month
            for month in await partitions.partitions(tx, schema="stock", table="movement")
            if month.until <= before
        ]
    for month in due:
        written = await asyncio.to_thread(write_month, db.dsn, month, archive)
        async with db.transaction() as tx:
            await _close(tx, month, written)
        closed.append(month.name)
    return closed


def write_month(dsn: str, month: partitions.Partition, archive: Path) -> ClosedMonth:
    """The month's rows as a file, complete or not there; written again it is the same file, byte for byte."""
    target = archive / "movements" / f"{month.name}.csv.gz"
    rows = sql.SQL("COPY (SELECT {} FROM stock.{} ORDER BY id) TO STDOUT (FORMAT csv, HEADER)").format(
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), sql.Identifier(month.name)
    )
    # Two processes may be at it; the bytes are the same, and a name changes at once.
    with (
        storage.written(target) as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        psycopg.connect(dsn) as connection,
    ):
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute("SET LOCAL timezone = 'UTC'")
        with connection.cursor().copy(rows) as copied:
            for piece in copied:
                packed.write(piece)
    movements, balances = _sums(target)
    written = ClosedMonth(
        month.name,
        month.until,
        f"movements/{target.name}",
        _sha256(target),
        movements,
        balances_hash(balances),
    )
    about = {
        "file": target.name, "sha256": written.sha256, "movements": written.movements, "balances": written.balances,
        "until": written.until.isoformat(),
    }  # fmt: skip
    storage.Directory(target.parent).put(f"{month.name}.json", json.dumps(about, indent=1).encode() + b"\n")
    return written


async def _close(tx: Tx, month: partitions.Partition, written: ClosedMonth) -> None:
    """Carry forward and drop, if the table still is what the file says.  Raises RuntimeError when it is not."""
    found = await month_balances(tx, since=month.since, until=month.until)
    movements = await count_movements(tx, since=month.since, until=month.until)
    if (movements, balances_hash(found)) != (written.movements, written.balances):
        raise RuntimeError(f"{month.name} is not what its file says")
    await carry_forward(tx, since=month.since, until=month.until)
    await insert_closed_month(tx, written)
    await partitions.drop(tx, schema="stock", table="movement", name=month.name)


def balances_hash(balances: Mapping[int, Balance]) -> str:
    """Of what is not nothing, in the order of levels."""
    digest = hashlib.sha256()
    for level_id, balance in sorted(balances.items()):
        if balance != _NOTHING:
            digest.update((",".join(map(str, (level_id, *balance))) + "\n").encode())
    return digest.hexdigest()


async def month_balances(tx: Tx, *, since: datetime | None, until: datetime) -> dict[int, Balance]:
    rows = await tx.every(
        _Row,
        """
        SELECT level_id, sum(quantity)::bigint AS quantity, sum(held)::bigint AS held,
               sum(allocated)::bigint AS allocated, sum(shortfall)::bigint AS shortfall
          FROM stock.movement
         WHERE at < %(until)s AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
         GROUP BY level_id
        """,
        since=since,
        until=until,
    )
    return {row.level_id: row.balance for row in rows}


async def count_movements(tx: Tx, *, since: datetime | None, until: datetime) -> int:
    return await tx.value(
        """
        SELECT count(*) FROM stock.movement
         WHERE at < %(until)s AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
        """,
        since=since,
        until=until,
    )


async def carry_forward(tx: Tx, *, since: datetime | None, until: datetime) -> int:
    """One movement per level that stands at something; under the id of the last one it sums up, so that lists by id
    stay lists by time.  What was short remains short for the reason it had.
    """
    return await tx.run(
        """
        INSERT INTO stock.movement (id, at, level_id, kind, quantity, held, allocated, shortfall, reason)
        OVERRIDING SYSTEM VALUE
        SELECT max(id), %(until)s, level_id, 'carried', sum(quantity), sum(held), sum(allocated), sum(shortfall),
               CASE WHEN sum(shortfall) > 0
                    THEN coalesce((array_agg(reason ORDER BY id DESC) FILTER (WHERE shortfall > 0))[1], '')
                    ELSE '' END
          FROM stock.movement
         WHERE at < %(until)s AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
         GROUP BY level_id
        HAVING sum(quantity) <> 0 OR sum(held) <> 0 OR sum(allocated) <> 0 OR sum(shortfall) <> 0
        """,
        since=since,
        until=until,
    )


async def insert_closed_month(tx: Tx, month: ClosedMonth) -> None:
    await tx.run(
        """
        INSERT INTO stock.closed_month (name, until, file, sha256, movements, balances)
        VALUES (%(name)s, %(until)s, %(file)s, %(sha256)s, %(movements)s, %(balances)s)
        """,
        name=month.name,
        until=month.until,
        file=month.file,
        sha256=month.sha256,
        movements=month.movements,
        balances=month.balances,
    )


async def closed_months(tx: Tx) -> list[ClosedMonth]:
    return await tx.every(
        ClosedMonth,
        "SELECT name, until, file, sha256, movements, balances FROM stock.closed_month ORDER BY until",
    )


async def carried(tx: Tx) -> dict[datetime, dict[int, Balance]]:
    """By the end of the month they come from, what stands in the months that are open."""

    @dataclass(frozen=True, slots=True)
    class Carried:
        at: datetime
        level_id: int
        quantity: int
        held: int
        allocated: int
        shortfall: int

    found: dict[datetime, dict[int, Balance]] = {}
    for row in await tx.every(
        Carried,
        "SELECT at, level_id, quantity, held, allocated, shortfall FROM stock.movement WHERE kind = 'carried'",
    ):
        found.setdefault(row.at, {})[row.level_id] = row.quantity, row.held, row.allocated, row.shortfall
    return found


@dataclass(frozen=True, slots=True)
class Books:
    """What the database says of closed months."""

    months: list[ClosedMonth]
    carried: dict[datetime, dict[int, Balance]]

    def audit(self, archive: Path) -> Invariant:
        """Every closed month is in its file, unchanged, and what it came to was carried forward, neither more nor less.

        Reads all files: with no transaction open, and not on the loop.
        """
        wrong = _wrong(self.months, self.carried, archive)
        return Invariant.counted(
            "closed months of the journal are whole", len(self.months), tuple(wrong[:100])
        )


async def books(tx: Tx) -> Books:
    return Books(await closed_months(tx), await carried(tx))


def _wrong(
    months: list[ClosedMonth], standing: Mapping[datetime, Mapping[int, Balance]], archive: Path
) -> list[str]:
    wrong: list[str] = []
    known = {month.file for month in months}
    carried_on = {at: dict(balances) for at, balances in standing.items()}
    sums: dict[str, dict[int, Balance]] = {}
    for month in months:
        path = archive / month.file
        if not path.is_file():
            wrong.append(f"{month.file} is not there")
            continue
        if _sha256(path) != month.sha256:
            wrong.append(f"{month.file} is not the file that was written")
            continue
        movements, balances = _sums(path, carried_on)
        if (movements, balances_hash(balances)) != (month.movements, month.balances):
            wrong.append(f"{month.file} does not come to what was carried forward")
        sums[month.name] = balances
    wrong += [
        f"{month.name} was not carried forward as it ended"
        for month in months
        if month.name in sums
        and balances_hash(carried_on.pop(month.until, {})) != balances_hash(sums[month.name])
    ]
    wrong += [
        f"balances of {at.isoformat()} come from no closed month"
        for at in carried_on
        if len(known) == len(sums)
    ]
    return wrong


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _sums(
    path: Path, carried_on: dict[datetime, dict[int, Balance]] | None = None
) -> tuple[int, dict[int, Balance]]:
    """How many rows a file has and what they come to; what it carries on from the month before is added there."""
    balances: dict[int, Balance] = {}
    movements = 0
    for row in _rows(path):
        movements += 1
        level_id = int(row["level_id"])
        change = _numbers(row[name] for name in ("quantity", "held", "allocated", "shortfall"))
        was = balances.get(level_id, _NOTHING)
        balances[level_id] = was[0] + change[0], was[1] + change[1], was[2] + change[2], was[3] + change[3]
        if carried_on is not None and row["kind"] == CARRIED:
            carried_on.setdefault(datetime.fromisoformat(row["at"]), {})[level_id] = change
    return movements, balances


def _numbers(texts: Iterable[str]) -> Balance:
    quantity, held, allocated, shortfall = map(int, texts)
    return quantity, held, allocated, shortfall


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def make_months(tx: Tx, *, at: datetime) -> list[str]:
    """The journal has its months ahead of time.  Returns the names of those made."""
    return await partitions.keep_ahead(tx, schema="stock", table="movement", at=at)
