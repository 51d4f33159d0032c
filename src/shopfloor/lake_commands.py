"""`shopfloor lake`: what is in the lake, whether it is whole, and the work on its files.

None of these needs the database or a stopped shop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from shopfloor import audit, collector

if TYPE_CHECKING:
    from shopfloor.kernel.settings import Settings


@click.group("lake")
def command() -> None:
    """List, verify, export and compact the lake, and take bad events that are good by today's rules."""


@command.command("list")
@click.option("--show", "show_id", type=int, help="Only the files that can have events of this show.")
@click.option("--paths", is_flag=True, help="Only the paths, one a line, for other programs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_files(settings: Settings, *, show_id: int | None, paths: bool, as_json: bool) -> None:
    """Say which files hold the events; read these and no others, each event is in them once."""
    view = collector.lake.open(settings.lake_dir)
    count = rows = size = 0
    for file in view.snapshot.files(show_id=show_id):
        count, rows, size = count + 1, rows + file.rows, size + file.bytes
        if paths:
            click.echo(view.snapshot.store.location(file.path))
        elif as_json:
            click.echo(msgspec.json.encode(file))
        else:
            click.echo(f"{file.rows:>10,} {file.bytes:>12,}  {file.path}")
    if not (paths or as_json):
        click.echo(
            f"{count:,} files, {rows:,} events, {size:,} bytes; {view.as_of.seals:,} seals;"
            f" {view.as_of.unsealed_events:,} events not sealed yet"
        )


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_obj
def verify(settings: Settings, *, as_json: bool) -> None:
    """Check every file and every commit against its hash and its counts; exit status 1 if one is wrong."""
    findings = audit.of_area("lake", collector.audit(settings.lake_dir))
    if as_json:
        click.echo(audit.as_json(findings))
    else:
        audit.show(findings)
    sys.exit(0 if all(finding.passed for finding in findings) else 1)


@command.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.option("--shop", "shop_id", type=int, help="Only events of this shop.")
@click.option("--show", "show_id", type=int, help="Only events of this show.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Received from then on (UTC)."
)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Received before then (UTC)."
)
@click.option("--format", "form", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.pass_obj
def export(
    settings: Settings,
    *,
    target: Path,
    shop_id: int | None,
    show_id: int | None,
    since: datetime | None,
    until: datetime | None,
    form: str,
) -> None:
    """Write events into the new directory TARGET, a folder for each day, where every file counts for any program.

    Each event is there once, sealed or not.  Half an export is never there.
    """
    wanted = collector.Wanted(shop_id, show_id, _utc(since), _utc(until))
    try:
        done = collector.export(settings.lake_dir, target, wanted, form)
    except FileExistsError as problem:
        raise click.ClickException(f"{target} is there already; name a new directory.") from problem
    click.echo(f"{done.rows:,} events in {done.files:,} files below {target}")


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


@command.command("rebuild")
@click.pass_obj
def rebuild(settings: Settings) -> None:
    """Make the index of the last week's ids anew from the sealed files; nothing else is derived in the lake."""
    click.echo(f"{collector.rebuild_index(settings.lake_dir):,} ids.")


@command.command()
@click.pass_obj
def compact(settings: Settings) -> None:
    """Merge the small files of past hours, and delete what was replaced a day ago.  The shop runs on."""
    done = collector.compact(settings.lake_dir)
    collector.forget_writers(settings.lake_dir)
    click.echo(
        f"{done.files_before:,} files became {done.files_after:,} ({done.rows:,} events,"
        f" {done.bytes_before:,} → {done.bytes_after:,} bytes); {done.deleted:,} deleted."
    )


@command.command()
@click.option(
    "--reason", "reasons", multiple=True, help="Only events refused for this reason; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and take nothing.")
@click.pass_obj
def replay(settings: Settings, *, reasons: tuple[str, ...], dry_run: bool) -> None:
    """Judge the events in `bad/` by today's rules and take those that are good now, each once.

    An event taken late has the time it happened and, as the time it was received, now.
    """
    wanted = reasons or None
    good = 0
    still: Counter[str] = Counter()
    for judged in collector.judge(settings.lake_dir, wanted):
        good += len(judged.good)
        still.update(bad.reason for bad in judged.bad)
    if dry_run:
        click.echo(f"{good:,} events would be taken.")
    else:
        taken = asyncio.run(_replay(settings, wanted)) if good else 0
        click.echo(f"{taken:,} events taken.")
    for reason, count in sorted(still.items()):
        click.echo(f"{count:>10,} still bad: {reason}")


async def _replay(settings: Settings, reasons: tuple[str, ...] | None) -> int:
    lake = collector.Collector(settings.lake_dir, f"replay-{socket.gethostname()}-{os.getpid()}")
    await lake.start()
    try:
        taken, _ = await lake.replay(reasons)
    finally:
        await lake.close()
    return taken
