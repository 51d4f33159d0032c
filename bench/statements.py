"""Entries of the log of statements: appended one by one, each committed; and proofs out of a log of 10⁵.

Beside it stands a bare INSERT of the same bytes into a table with the same key, each committed, on the same server and
in turns.  The appended log is checked: its root is computed again from the entries, and each proof is verified.

    python bench/statements.py --size 100000 --count 400 --rounds 3
"""

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from shopfloor import statements
from shopfloor.kernel import canonical, merkle
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.secrets import Box
from shopfloor.statements import queries

BOX = Box((bytes(32),))
# About what a statement of a show of two hours takes.
DOCUMENT = {
    "document": {"minutes": [{"viewers": place, "starts_at": "2026-11-22T20:00:00Z"} for place in range(400)]}
}


async def grown(db: Database, size: int) -> None:
    """A log of so many entries, some thousand to a transaction."""
    async with db.transaction() as tx:
        await tx.run(
            "INSERT INTO accounts.shop (slug, name, currency, locale, timezone) VALUES ('a', 'A', 'EUR', 'en', 'UTC')"
        )
        log = (await statements.log.opened(tx, box=BOX, shop_id=1)).log
        # As `append` would, without asking the database for what is known: only to have a large log.
        nodes: dict[merkle.Node, bytes] = await queries.nodes(tx, shop_id=1, wanted=merkle.peaks(0, log.size))
        fresh: list[tuple[merkle.Node, bytes]] = []
        bodies: list[bytes] = []
        for position in range(log.size, size):
            bodies.append(canonical.encode({"document": position}))
            added = list(merkle.appended(position, merkle.leaf_hash(bodies[-1]), nodes))
            nodes.update(added)
            fresh += added
        await tx.run(
            """
            INSERT INTO statements.leaf (shop_id, position, kind, body)
            SELECT 1, %(first)s + place - 1, 'statement', body FROM unnest(%(bodies)s::bytea[]) WITH ORDINALITY each (body, place)
            """,
            first=log.size,
            bodies=bodies,
        )
        await queries.insert_nodes(tx, shop_id=1, nodes=fresh)
        await queries.set_size(tx, shop_id=1, size=size)
        await tx.run(
            "CREATE TABLE public.bare (shop_id bigint, position bigint, body bytea, PRIMARY KEY (shop_id, position))"
        )
    async with db.transaction() as tx:
        await tx.run("ANALYZE statements.leaf, statements.node")


async def appended(db: Database, count: int) -> float:
    """Seconds each."""
    begin = time.perf_counter()
    for _ in range(count):
        async with db.transaction() as tx:
            opened = await statements.log.opened(tx, box=BOX, shop_id=1)
            await statements.log.append(
                tx,
                opened.log,
                "statement",
                statements.log.signed(opened.signer, {"type": "shopfloor.statement/1", **DOCUMENT}),
            )
    return (time.perf_counter() - begin) / count


async def bare(db: Database, count: int, first: int) -> float:
    body = canonical.encode(DOCUMENT)
    begin = time.perf_counter()
    for place in range(first, first + count):
        async with db.transaction() as tx:
            await tx.run("INSERT INTO public.bare VALUES (1, %(place)s, %(body)s)", place=place, body=body)
    return (time.perf_counter() - begin) / count


async def proven(db: Database, count: int, drawn: random.Random) -> float:
    """An inclusion and a consistency proof, both verified; seconds for the two."""
    async with db.transaction() as tx:
        log = await statements.log.log_of(tx, shop_id=1)
        root = await statements.log.root_of(tx, log, log.size)
    took = 0.0
    for _ in range(count):
        position, old = drawn.randrange(log.size), drawn.randrange(1, log.size)
        begin = time.perf_counter()
        async with db.transaction() as tx:
            path = await statements.log.inclusion_proof(tx, log, position=position, size=log.size)
            steps = await statements.log.consistency_proof(tx, log, old=old, new=log.size)
        took += time.perf_counter() - begin
        async with db.transaction() as tx:
            leaf = await queries.leaf(tx, shop_id=1, position=position)
            before = await statements.log.root_of(tx, log, old)
        assert leaf is not None
        merkle.check_inclusion(merkle.leaf_hash(leaf.body), position, log.size, path, root)
        merkle.check_consistency(old, log.size, steps, before, root)
    return took / count


async def measure(dsn: str, size: int, count: int, rounds: int) -> dict[str, Any]:
    db = Database(dsn, 2)
    await db.open()
    drawn = random.Random(7)
    try:
        await grown(db, size)
        appends: list[float] = []
        inserts: list[float] = []
        proofs: list[float] = []
        for each in range(rounds):
            inserts.append(await bare(db, count, each * count))
            appends.append(await appended(db, count))
            proofs.append(await proven(db, count, drawn))
            print(
                f"append {appends[-1] * 1e3:.2f} ms, bare insert {inserts[-1] * 1e3:.2f} ms, two proofs {proofs[-1] * 1e3:.2f} ms"
            )
        async with db.transaction() as tx:
            await statements.log.sign_checkpoint(tx, box=BOX, shop_id=1)
            begin = time.perf_counter()
            checks = {each.name: each.passed for each in await statements.audit(tx)}
            audit_seconds = time.perf_counter() - begin
        assert checks["statements: every checkpoint is the root of what is logged"]
        assert checks["statements: a log has no gaps and ends where it says"]
    finally:
        await db.close()
    return {
        "bench": "statements",
        "leaves": size,
        "append_ms": round(statistics.median(appends) * 1e3, 3),
        "bare_insert_ms": round(statistics.median(inserts) * 1e3, 3),
        "append_to_bare_insert": round(statistics.median(appends) / statistics.median(inserts), 2),
        "two_proofs_ms": round(statistics.median(proofs) * 1e3, 3),
        "audit_seconds": round(audit_seconds, 2),
        "load": round(os.getloadavg()[0], 1),
    }


@click.command()
@click.option("--size", default=100_000, show_default=True, help="Entries in the log.")
@click.option("--count", default=400, show_default=True, help="Appends, inserts and proofs in a round.")
@click.option("--rounds", default=3, show_default=True)
def main(size: int, count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            print(json.dumps(asyncio.run(measure(server.dsn, size, count, rounds))))


if __name__ == "__main__":
    main()
