"""The waitlist of one hot variant: what a join and a look at one's own place cost, by how many stand in line.

Joins come as they do from the intake, in batches of 200 within one transaction, committed (fsync is real), and one
by one as from a page.  A line that grows by a thousand times must not make either slower.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import click

from shopfloor import purchases
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.values import new_id
from shopfloor.purchases import waitlist

SHOP, VARIANT, BATCH = 1, 7, 200


async def fill(db: Database, count: int) -> None:
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO purchases.waiting (id, shop_id, variant_id, buyer, quantity, unit_price_minor, currency)
            SELECT gen_random_uuid(), %(shop)s, %(variant)s, gen_random_uuid(), 1, 100, 'EUR'
              FROM generate_series(1, %(count)s)
            """,
            shop=SHOP,
            variant=VARIANT,
            count=count,
        )
        await tx.run("ANALYZE purchases.waiting")
        await tx.run("ANALYZE purchases.waiting_count")


def place() -> dict[str, object]:
    return {
        "id": new_id(), "shop_id": SHOP, "variant_id": VARIANT, "offer_id": None, "show_id": None,
        "buyer": uuid4(), "quantity": 1, "unit_price_minor": 100, "currency": "EUR",
    }  # fmt: skip


async def measured(db: Database, rounds: int) -> dict[str, float]:
    """Medians: milliseconds for a batch, for one join by itself, for a look at one's place."""
    batch: list[float] = []
    alone: list[float] = []
    look: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        async with db.transaction() as tx:
            await waitlist.stand_in_line(tx, [place() for _ in range(BATCH)])
        batch.append(time.perf_counter() - began)
        own = place()
        began = time.perf_counter()
        async with db.transaction() as tx:
            await waitlist.stand_in_line(tx, [own])
        alone.append(time.perf_counter() - began)
        began = time.perf_counter()
        async with db.transaction() as tx:
            await purchases.places(tx, buyer=own["buyer"])  # pyright: ignore[reportArgumentType]
        look.append(time.perf_counter() - began)
    return {
        "batch_ms": 1000 * statistics.median(batch),
        "join_ms": 1000 * statistics.median(alone),
        "look_ms": 1000 * statistics.median(look),
    }


async def run(dsn: str, rounds: int) -> dict[int, dict[str, float]]:
    db = Database(dsn)
    await db.open()
    found: dict[int, dict[str, float]] = {}
    standing = 0
    for size in (100, 1_000, 20_000, 100_000):
        await fill(db, size - standing)
        await measured(db, 3)
        found[size] = await measured(db, rounds)
        async with db.transaction() as tx:
            standing = await tx.value("SELECT count(*) FROM purchases.waiting")
        click.echo(
            f"{size:>7} in line: " + "  ".join(f"{name} {value:.2f}" for name, value in found[size].items())
        )
    await db.close()
    return found


@click.command()
@click.option("--rounds", default=15)
def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="shopfloor-waitlist-") as directory:
        Path(directory).chmod(0o711)
        with EmbeddedPostgres(Path(directory)) as server:
            migrate(server.dsn)
            found = asyncio.run(run(server.dsn, rounds))
    longest, shortest = found[100_000], found[100]
    for name, value in longest.items():
        click.echo(f"{name}: {value / shortest[name]:.2f} times what it is with 100 in line")
    ratios = {f"{name}_ratio": round(value / shortest[name], 2) for name, value in longest.items()}
    rounded = {size: {name: round(value, 3) for name, value in each.items()} for size, each in found.items()}
    click.echo(json.dumps({"bench": "waitlist", "in_line": rounded} | ratios))


if __name__ == "__main__":
    main()
