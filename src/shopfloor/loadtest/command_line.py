"""The command, and its report as people read it."""

import asyncio
import contextlib
import json
import resource
import sys
from dataclasses import asdict
from urllib.parse import urlsplit

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from shopfloor import audit
from shopfloor.kernel.database import Database
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database
from shopfloor.loadtest.driver import NotLive, NotThere, run
from shopfloor.loadtest.report import Options, Report


def show(report: Report, console: Console) -> None:
    """Tables for people."""
    console.print(f"{report.seconds:g} s of {report.options.mix}.")
    table = Table(box=SIMPLE_HEAD)
    for name in ("answers", "count", "per second", "p50 ms", "p95 ms", "p99 ms", "largest ms"):
        table.add_column(name, justify="left" if name == "answers" else "right")
    for kind, latency in report.latency.items():
        table.add_row(
            kind, f"{latency.count:,}", f"{latency.count / report.seconds:,.0f}", f"{latency.p50:g}", f"{latency.p95:g}",
            f"{latency.p99:g}", f"{latency.largest:g}",
        )  # fmt: skip
    if report.latency:
        console.print(table)
    for door, by_outcome in report.answers.items():
        outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in by_outcome.items())
        console.print(f"{door}: {report.per_second[door]:,.0f} answers a second: {outcomes}")
    if report.sold_out_after is not None:
        console.print(f"The first to hear “sold out” heard it after {report.sold_out_after:g} s.")
    console.print(f"{report.frames:,} frames received, {report.chat_sent:,} chat lines sent.")
    told_of_units = f", {report.granted:,} of {report.on_sale:,} units granted" if report.on_sale else ""
    console.print(
        f"Audit of the answers: {report.tapped_twice:,} tapped twice, {report.asked_again:,} asked again through the "
        f"other door{told_of_units}: {'[green]all fit[/green]' if report.passed else '[red]not all fit[/red]'}"
    )
    for problem, count in report.problems.items():
        console.print(f"[red]{count:,} × {problem}[/red]")


@click.command("loadtest")
@click.argument("base_url")
@click.argument("show_id", type=click.IntRange(1, 2**63 - 1))
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 3600),
    default=10.0,
    show_default=True,
    help="How long, an hour at most.",
)
@click.option(
    "--watchers",
    type=click.IntRange(0, 20_000),
    default=100,
    show_default=True,
    help="People on the room socket.",
)
@click.option(
    "--chat",
    type=click.FloatRange(0, 1_000),
    default=2.0,
    show_default=True,
    help="Chat lines per second, over all watchers.",
)
@click.option(
    "--buyers",
    type=click.IntRange(0, 5_000),
    default=20,
    show_default=True,
    help="Buyers over HTTP, each on a connection.",
)
@click.option(
    "--socket-buyers",
    type=click.IntRange(0, 5_000),
    default=20,
    show_default=True,
    help="Buyers over the room socket.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1_000_000),
    default=0.0,
    show_default=True,
    help="Purchases per second in all; 0: as fast as it goes.",
)
@click.option(
    "--carts",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of purchases over HTTP with several lines.",
)
@click.option(
    "--taps-twice",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of purchases that are sent twice.",
)
@click.option("--seed", default=7, show_default=True, help="The same seed draws the same wishes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.option(
    "--audit/--no-audit",
    "with_audit",
    default=None,
    help="Audit the ledger of these settings' database at the end; by default when it is there.",
)
@click.pass_obj
def command(
    settings: Settings,
    *,
    base_url: str,
    show_id: int,
    seconds: float,
    watchers: int,
    chat: float,
    buyers: int,
    socket_buyers: int,
    rate: float,
    carts: float,
    taps_twice: float,
    seed: int,
    as_json: bool,
    with_audit: bool | None,
) -> None:
    """Drive the show SHOW_ID of the shop at BASE_URL with a stated mix, say what it bore, and audit it.

    Makes real holds and chat lines.  Exit status 1 when connections broke, answers contradict each other, more was
    granted than was there, or the audit of the ledger fails.
    """
    if urlsplit(base_url).scheme not in {"http", "https"} or not urlsplit(base_url).hostname:
        raise click.BadParameter("an address begins with http:// or https://", param_hint="BASE_URL")
    if not watchers and not buyers and not socket_buyers:
        raise click.UsageError("With no watchers and no buyers there is nothing to do.")
    _raise_file_limit()
    options = Options(
        show_id=show_id,
        seconds=seconds,
        watchers=watchers,
        chat_per_second=chat,
        buyers=buyers,
        socket_buyers=socket_buyers,
        buys_per_second=rate,
        carts=carts,
        taps_twice=taps_twice,
        seed=seed,
    )
    try:
        with Console(stderr=True).status(f"{seconds:g} s of load on {base_url} …"):
            report = asyncio.run(run(base_url.rstrip("/"), options))
    except (NotLive, NotThere) as problem:
        raise click.ClickException(str(problem)) from problem
    findings = _audit(settings) if (_has_database(settings) if with_audit is None else with_audit) else []
    passed = report.passed and all(finding.passed for finding in findings)
    if as_json:
        result = asdict(report) | {"passed": passed, "audit": [finding.as_dict() for finding in findings]}
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        show(report, Console())
        if findings:
            audit.show(findings)
        else:
            click.echo(
                "The ledger was not audited: its database is not at hand. Run `shopfloor audit` where it is."
            )
    sys.exit(0 if passed else 1)


def _has_database(settings: Settings) -> bool:
    """Whether these settings name a database, or a running embedded one."""
    return settings.database_url is not None or (settings.data_dir / "postgres/data/postmaster.pid").exists()


def _raise_file_limit() -> None:
    """Every watcher and buyer is a connection: use what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _audit(settings: Settings) -> list[audit.Finding]:
    async def check(dsn: str) -> list[audit.Finding]:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            return await audit.run(db, settings)
        finally:
            await db.close()

    with prepared_database(settings, migrated=False) as dsn:
        return asyncio.run(check(dsn))
