"""The command line.  Each command's help is its reference; `docs/cli.md` is generated from here."""

import asyncio
import json
import sys
from pathlib import Path

import click

from shopfloor import app, audit, loadtest, worker
from shopfloor.demo import show as demo_show
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate as apply_migrations
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database


class Sentences(click.Group):
    """Trouble an operator can mend is told in a sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CannotRun as problem:
            raise click.ClickException(str(problem)) from problem


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shopfloor")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Live commerce that a merchant owns, from the camera to the factory."""
    settings = Settings()
    logs.install(as_json=settings.log_format == "json", level=settings.log_level)
    ctx.obj = settings


@main.command()
@click.pass_obj
def up(settings: Settings) -> None:
    """Run the shop: pages, rooms, camera port and background work in one process."""
    app.run(settings)


@main.command()
@click.pass_obj
def web(settings: Settings) -> None:
    """Run pages, rooms and camera port only; start `worker` beside it.  Any number may share one database."""
    app.run(settings, background=False)


@main.command("worker")
@click.pass_obj
def run_worker(settings: Settings) -> None:
    """Run the background work only: delivery of facts, expiry of holds, resuming orders, sealing the lake."""
    worker.run(settings)


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to this release and say what was applied."""
    with prepared_database(settings, migrated=False) as dsn:
        names = apply_migrations(dsn)
    for name in names:
        click.echo(name)
    click.echo(f"{len(names)} migrations applied.")


@main.command("demo")
@click.option("--once", is_flag=True, help="End after the shows with an audit and its exit status.")
@click.option("--shoppers", default=240, show_default=True, help="Size of the simulated audience.")
@click.option("--seed", default=7, show_default=True, help="The same seed draws the same audience.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the demo keeps its data.")
@click.pass_obj
def run_demo(settings: Settings, *, once: bool, shoppers: int, seed: int, data_dir: Path | None) -> None:
    """Set up a demo shop and run a real show in it, with camera, audience and supplier; then stay up."""
    sys.exit(demo_show.run(settings, once=once, shoppers=shoppers, seed=seed, data_dir=data_dir))


@main.command("audit")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_obj
def run_audit(settings: Settings, *, as_json: bool) -> None:
    """Check the invariants of the whole installation; exit status 1 and the offending keys if one fails."""

    async def check(dsn: str) -> list[audit.Finding]:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            return await audit.run(db, settings)
        finally:
            await db.close()

    with prepared_database(settings) as dsn:
        findings = asyncio.run(check(dsn))
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings], ensure_ascii=False))
    else:
        audit.show(findings)
    sys.exit(0 if all(finding.passed for finding in findings) else 1)


@main.command("settings")
@click.pass_obj
def show_settings(settings: Settings) -> None:
    """Print every setting with its value, its default and what it is for."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        click.echo(f"SHOPFLOOR_{name.upper()}={'' if value is None else value}\n    {field.description}")


main.add_command(loadtest.command)
