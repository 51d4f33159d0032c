"""`shopfloor jobs`: what runs, waits or failed in the background, and the worker process that does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from shopfloor import job_handlers, live
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.jobs import Job, State, queries, runner, service
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

_log = logs.get("jobs")

SHOWN = 200


@click.group("jobs")
def command() -> None:
    """List what runs, waits or failed in the background, and try again what failed."""


def _with_database(settings: Settings, act: Callable[[Database], Awaitable[Any]]) -> Any:
    async def open_and_act(dsn: str) -> Any:
        db = Database(dsn, 2)
        await db.open()
        try:
            return await act(db)
        finally:
            await db.close()

    with prepared_database(settings) as dsn:
        return asyncio.run(open_and_act(dsn))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_jobs(settings: Settings, *, as_json: bool) -> None:
    """Say what failed, runs and waits, then what ended last; exit status 1 if something failed for good."""

    async def read(db: Database) -> list[State]:
        async with db.transaction() as tx:
            return await queries.states(tx, limit=SHOWN)

    found: list[State] = _with_database(settings, read)
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
    else:
        table = Table(box=None, padding=(0, 2), header_style="bold")
        for column in ("job", "about", "state", "done", "since", "why"):
            table.add_column(column)
        for each in found:
            at = each.ended_at if not each.is_under_way and each.ended_at else each.asked_at
            why = "" if each.error is None else str(each.error["facts"].get("why", each.error["message"]))
            table.add_row(
                each.name, each.key, each.phase, f"{each.share:.0%}", f"{at:%Y-%m-%d %H:%M:%S}Z", why[:120]
            )
        Console(highlight=False, soft_wrap=True).print(table)
        click.echo(
            f"{sum(each.phase == 'failed' for each in found)} failed. `shopfloor jobs retry` tries again."
        )
    sys.exit(1 if any(each.phase == "failed" for each in found) else 0)


@command.command()
@click.argument("name", required=False)
@click.argument("key", required=False, default="")
@click.pass_obj
def retry(settings: Settings, name: str | None, key: str) -> None:
    """Try again the job NAME about KEY, or all that failed for good.  Safe to repeat: it waits once."""
    known: dict[str, Job[Any]] = {job.name: job for job in job_handlers.handlers(settings)}

    async def again(db: Database) -> list[tuple[str, str]]:
        async with db.transaction() as tx:
            wanted = (
                [(each.name, each.key) for each in await service.dead(tx)] if name is None else [(name, key)]
            )
            for each in wanted:
                if each[0] not in known:
                    raise click.ClickException(f"There is no job {each[0]}.")
                try:
                    await service.retry(tx, known[each[0]], each[1])
                except LookupError:
                    raise click.ClickException(f"{each[0]} was never asked for about {each[1]!r}.") from None
            return wanted

    for asked in _with_database(settings, again):
        click.echo(" ".join(asked))


@command.command(hidden=True)
@click.option("--parent", type=int, help="End with this process.")
@click.pass_obj
def work(settings: Settings, parent: int | None) -> None:
    """Do jobs until there are none for a while.  `worker` and `up` start this when something is to do."""
    # Who buys goes first.
    os.nice(10)
    if parent is None:
        with prepared_database(settings) as dsn:
            asyncio.run(_work(settings, dsn, None))
    else:
        assert settings.database_url is not None, "said by the parent"
        asyncio.run(_work(settings, settings.database_url, parent))


async def _a_show_is_on_air(tx: Tx) -> bool:
    """It is read every two minutes."""
    return bool(await live.on_air(tx))


async def _work(settings: Settings, dsn: str, parent: int | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database(dsn, runner.AT_ONCE + 1)
    await db.open()
    try:
        await runner.work(
            dsn, db, job_handlers.handlers(settings), parent=parent, stop=stop, more_to_come=_a_show_is_on_air
        )
    except DatabaseAway:
        # Another is started once there is a database to ask what is to do.
        _log.warning("jobs.database_away")
        stop.set()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(db.close(), 2.0)
    if stop.is_set():
        # A solver on a thread of its own would be waited for.
        sys.stderr.flush()
        os._exit(0)
