"""kill -9, again and again: nothing acknowledged is lost, nothing is granted twice.

Two processes buy through the intake as fast as they can, each holding a few hundred buyers; beside them holds
are confirmed, released and expired, and a show's pool closes and opens.  At a random moment one of the
processes, or the database server with all its processes, is killed with SIGKILL.  The server is started again
and recovers; processes that were not killed go on by themselves and resolve what they do not know.  Then the
books are audited and every acknowledgement a buyer ever got is looked up.

    tools/soak.py [--kills 200] [--seed 1]

Prints what it counted; the last line is JSON.  Exit status 1 when anything was lost, doubled or unbalanced.
"""

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import psycopg
from rich.progress import Progress

from shopfloor import stock
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import CannotRun, EmbeddedPostgres
from shopfloor.kernel.values import new_id
from shopfloor.orders.intake import Intake

SHOP = 1
SHOW = 1
VARIANTS = tuple(range(1, 9))
UNITS = 2_000_000
BUYERS = 150
FORK = multiprocessing.get_context("fork")


# What the processes do --------------------------------------------------------------------------------------


class Acknowledged:
    """What buyers were told, written with one system call each: it survives a SIGKILL of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, request: stock.Request, outcome: str) -> None:
        os.write(
            self._file, f"{request.id} {outcome} {sum(line.quantity for line in request.lines)}\n".encode()
        )


async def buy_for_ever(dsn: str, pools: list[int], path: Path, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged = Acknowledged(path)
    intake = Intake(dsn, patience=20.0)
    stopping = asyncio.Event()
    parent = os.getppid()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            await intake.open()
            break
        await asyncio.sleep(0.1)
    held: list[UUID] = []
    earlier: list[stock.Request] = []

    async def buyer(number: int) -> None:
        me = UUID(int=seed << 32 | number)
        while not stopping.is_set():
            if earlier and chance.random() < 0.1:
                request = chance.choice(earlier)
            else:
                lines = tuple(
                    stock.Line(chance.choice(VARIANTS), chance.randint(1, 2))
                    for _ in range(chance.choice((1, 1, 1, 3)))
                )
                limit = 50 if chance.random() < 0.3 else None
                request = stock.Request(
                    new_id(), SHOP, chance.choice(pools), me, lines, chance.choice((1, 600)), None, 7, limit
                )
            try:
                answer = await intake.submit(request)
            except Refusal as refusal:
                acknowledged.note(request, "poison" if intake.figures.poisoned else refusal.code)
                await asyncio.sleep(0.05)
                continue
            acknowledged.note(request, "held" if isinstance(answer, stock.Held) else answer.code)
            if isinstance(answer, stock.Held) and len(held) < 5000:
                held.append(request.id)
                earlier.append(request)
                if len(earlier) > 200:
                    earlier.pop(0)

    async def clerk() -> None:
        db = Database(dsn, size=2, patience=1.0)
        await db.open()
        while not stopping.is_set():
            await asyncio.sleep(0.02)
            if os.getppid() != parent:
                stopping.set()  # nobody is left who would stop us
            ids = [held.pop() for _ in range(min(len(held), 20))]
            with contextlib.suppress(DatabaseAway, psycopg.errors.DeadlockDetected):
                async with db.transaction() as tx:
                    await work(tx, chance.choice(("confirm", "release", "expire", "close", "open")), ids)
        await db.close()

    await asyncio.gather(*[buyer(number) for number in range(BUYERS)], clerk())
    await intake.close()


async def work(tx: Tx, what: str, ids: list[UUID]) -> None:
    if what == "confirm":
        await stock.confirm(tx, ids)
    elif what == "release":
        await stock.release(tx, ids, "changed mind")
    elif what == "expire":
        await stock.expire(tx, limit=200)
    elif what == "close":
        await stock.close_show_pool(tx, shop_id=SHOP, show_id=SHOW)
    else:
        await stock.open_show_pool(
            tx, shop_id=SHOP, show_id=SHOW, quotas=dict.fromkeys(VARIANTS, UNITS // 20)
        )


def process_of_buyers(dsn: str, pools: list[int], path: Path, seed: int) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(buy_for_ever(dsn, pools, path, seed))


# What the soak does -----------------------------------------------------------------------------------------


@dataclass
class Figures:
    kills_of_a_process: int = 0
    kills_of_the_database: int = 0
    audits: int = 0
    answers: int = 0
    holds_acknowledged: int = 0
    holds_in_the_ledger: int = 0
    told_to_ask_again: int = 0
    lost: int = 0
    doubled: int = 0
    offences: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def found_shop(dsn: str) -> list[int]:
    db = Database(dsn, size=2)
    await db.open()
    async with db.transaction() as tx:
        place = await stock.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=stock.LocationKind.WAREHOUSE
        )
        for variant_id in VARIANTS:
            for _ in range(2):
                await stock.receive(
                    tx, shop_id=SHOP, location_id=place.id, variant_id=variant_id, quantity=UNITS // 2
                )
        show = await stock.open_show_pool(
            tx, shop_id=SHOP, show_id=SHOW, quotas=dict.fromkeys(VARIANTS, UNITS // 20)
        )
        open_pool = await stock.open_pool(tx, shop_id=SHOP)
    await db.close()
    return [open_pool.id, show.id]


async def audit(dsn: str) -> list[str]:
    db = Database(dsn, size=2, patience=30.0)
    await db.open()
    async with db.transaction() as tx:
        checks = await stock.audit(tx)
    await db.close()
    return [f"{check.name}: {key}" for check in checks for key in check.offending]


def look_up(dsn: str, directory: Path, figures: Figures, seen: dict[Path, int]) -> None:
    """Each id that somebody was told is held must be in the ledger, once, with the quantity asked for."""
    told: dict[UUID, int] = {}
    for path in sorted(directory.glob("*.acknowledged")):
        with path.open("rb") as file:
            file.seek(seen.get(path, 0))
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        seen[path] = seen.get(path, 0) + len(complete)
        for line in complete.decode().splitlines():
            hold_id, outcome, quantity = line.split()
            figures.answers += 1
            if outcome == "held":
                told[UUID(hold_id)] = int(quantity)
            elif outcome.startswith("intake."):
                figures.told_to_ask_again += 1
            elif outcome == "poison":
                figures.offences.append("a request failed all by itself")
    figures.holds_acknowledged += len(told)
    with psycopg.connect(dsn) as connection:
        stored: dict[UUID, int] = dict(
            connection.execute(
                "SELECT id, sum(quantity)::int FROM stock.hold WHERE id = ANY(%s) GROUP BY id", (list(told),)
            ).fetchall()
        )
        row = connection.execute("SELECT count(DISTINCT id) FROM stock.hold").fetchone()
    figures.holds_in_the_ledger = row[0] if row else 0
    figures.lost += sum(hold_id not in stored for hold_id in told)
    figures.doubled += sum(stored.get(hold_id, quantity) != quantity for hold_id, quantity in told.items())


def kill_database(server: EmbeddedPostgres) -> None:
    """The postmaster and every process of it, at once."""
    postmaster = server.pid
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_database(server: EmbeddedPostgres) -> None:
    for attempt in range(50):
        try:
            server.start()
            return
        except (CannotRun, psycopg.OperationalError):
            if attempt == 49:
                raise
            time.sleep(0.2)


def start_buyers(dsn: str, pools: list[int], directory: Path, seed: int) -> Any:
    process = FORK.Process(
        target=process_of_buyers, args=(dsn, pools, directory / f"{seed}.acknowledged", seed), daemon=True
    )
    process.start()
    return process


def soak(kills: int, seed: int, directory: Path) -> Figures:
    chance = random.Random(seed)
    figures = Figures()
    begun = time.monotonic()
    server = EmbeddedPostgres(directory)
    start_database(server)
    try:
        migrate(server.dsn)
        pools = asyncio.run(found_shop(server.dsn))
        numbers = iter(range(seed * 1_000_000 + 1, seed * 1_000_000 + 1_000_000))
        processes = [start_buyers(server.dsn, pools, directory, next(numbers)) for _ in range(2)]
        seen: dict[Path, int] = {}
        with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("kill -9", total=kills)
            for _ in range(kills):
                time.sleep(chance.uniform(0.05, 0.6))
                if chance.random() < 0.5:
                    victim = chance.randrange(len(processes))
                    os.kill(processes[victim].pid, signal.SIGKILL)
                    processes[victim].join()
                    processes[victim] = start_buyers(server.dsn, pools, directory, next(numbers))
                    figures.kills_of_a_process += 1
                else:
                    kill_database(server)
                    start_database(server)
                    figures.kills_of_the_database += 1
                for number, process in enumerate(processes):
                    if not process.is_alive():
                        figures.offences.append(f"a process of buyers ended by itself ({process.exitcode})")
                        processes[number] = start_buyers(server.dsn, pools, directory, next(numbers))
                figures.offences += asyncio.run(audit(server.dsn))
                look_up(server.dsn, directory, figures, seen)
                figures.audits += 1
                progress.advance(task)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(30)
            if process.exitcode != 0:
                figures.offences.append(f"a process did not drain ({process.exitcode})")
        figures.offences += asyncio.run(audit(server.dsn))
        look_up(server.dsn, directory, figures, seen)
        figures.audits += 1
    finally:
        server.stop()
    figures.seconds = round(time.monotonic() - begun, 1)
    return figures


@click.command(help=__doc__)
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(kills: int, seed: int) -> None:
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # lost connections are the point of the exercise
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    directory = Path(tempfile.mkdtemp(prefix="shopfloor-soak-"))
    directory.chmod(0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        figures = soak(kills, seed, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, value in asdict(figures).items():
        click.echo(f"{name.replace('_', ' '):24} {value if not isinstance(value, list) else len(value)}")
    for offence, times in Counter(figures.offences).most_common(20):
        click.echo(f"  {times} × {offence}")
    good = not figures.offences and not figures.lost and not figures.doubled
    click.echo(json.dumps({**asdict(figures), "offences": len(figures.offences), "passed": good}))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
