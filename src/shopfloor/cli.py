"""The command line.  Each command's help is its reference; `docs/cli.md` is generated from here."""

from __future__ import annotations

import gc
import json
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from shopfloor.kernel import late

if TYPE_CHECKING:
    from shopfloor import access, app, audit, retention, status, wiring, worker
    from shopfloor.demo import show as demo_show
    from shopfloor.kernel import logs, migrations, postgres, startup
    from shopfloor.kernel import settings as kernel_settings
    from shopfloor.kernel.settings import Settings
else:
    access = late.module("shopfloor.access")
    app = late.module("shopfloor.app")
    audit = late.module("shopfloor.audit")
    retention = late.module("shopfloor.retention")
    status = late.module("shopfloor.status")
    wiring = late.module("shopfloor.wiring")
    worker = late.module("shopfloor.worker")
    demo_show = late.module("shopfloor.demo.show")
    logs = late.module("shopfloor.kernel.logs")
    migrations = late.module("shopfloor.kernel.migrations")
    postgres = late.module("shopfloor.kernel.postgres")
    startup = late.module("shopfloor.kernel.startup")
    kernel_settings = late.module("shopfloor.kernel.settings")

# Commands whose options stand with what they do: module, attribute, and the line in the list of commands.
ELSEWHERE: Final = {
    "backup": ("shopfloor.backup_commands", "command", "Back up database, lake, recordings, pictures and archive while the shop sells."),
    "restore": ("shopfloor.backup_commands", "restore", "Restore the backup at PATH (or the newest in it) into an empty data directory and database."),
    "jobs": ("shopfloor.job_commands", "command", "List what runs, waits or failed in the background, and try again what failed."),
    "lake": ("shopfloor.lake_commands", "command", "List, verify and compact the lake, and take bad events that are good by today's rules."),
    "messages": ("shopfloor.message_commands", "command", "Try the mail server; send what is due by hand."),
    "statements": ("shopfloor.statement_commands", "command", "Show and change the key that a shop signs its statements with."),
    "verify": ("shopfloor.verify_commands", "command", "Check a statement file offline, and say what it proves and what it does not."),
    "loadtest": ("shopfloor.loadtest.command_line", "command", "Drive the show SHOW_ID of the shop at BASE_URL with a stated mix, say what it bore, and audit it."),
}  # fmt: skip


class Sentences(click.Group):
    """Trouble an operator can mend is told in a sentence, without a traceback.

    A command of `ELSEWHERE` is loaded when it is asked for, not for the list.
    """

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as problem:
            if isinstance(problem, postgres.CannotRun):
                raise click.ClickException(str(problem)) from problem
            if isinstance(problem, kernel_settings.ValidationError):
                raise click.ClickException(kernel_settings.sentences(problem)) from problem
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, name, _ = ELSEWHERE[cmd_name]
        command: Any = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(name, room)) for name in names])

    def _line(self, name: str, room: int) -> str:
        if name in ELSEWHERE:
            return click.Command(name, help=ELSEWHERE[name][2]).get_short_help_str(room)
        return self.commands[name].get_short_help_str(room)


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shopfloor")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Live commerce that a merchant owns, from the camera to the factory."""
    settings = kernel_settings.Settings()
    logs.install(as_json=settings.log_format == "json", level=settings.log_level)
    ctx.obj = settings


def _serve(settings: Settings, *, background: bool = True) -> None:
    """The program is loaded while the database starts, which is a process of its own and mostly waited for.

    What is loaded stays: looking through it for rubbish takes an eighth of the time until the shop answers.
    `app.serve` has it looked for again.
    """
    gc.disable()
    prepared = startup.prepared_database(settings)
    loading = threading.Thread(target=import_module, args=("shopfloor.app",), name="loading")
    loading.start()
    try:
        with prepared as dsn:
            loading.join()
            app.run(settings, dsn, background=background)
    finally:
        loading.join()


@main.command()
@click.option(
    "--domain",
    multiple=True,
    metavar="NAME",
    help="Serve HTTPS for NAME, with a certificate obtained and renewed by ACME (Let's Encrypt). Again for further names.",
)
@click.option("--accept-terms", is_flag=True, help="You have read and accept the terms of the authority.")
@click.option(
    "--local-https",
    is_flag=True,
    help="Serve HTTPS on the local network, with an authority of the shop's own that devices are told to trust.",
)
@click.option("--behind-proxy", metavar="URL", help="A proxy serves HTTPS at URL and passes requests on.")
@click.pass_obj
def up(
    settings: Settings,
    *,
    domain: tuple[str, ...],
    accept_terms: bool,
    local_https: bool,
    behind_proxy: str | None,
) -> None:
    """Run the shop: pages, rooms, camera port and background work in one process."""
    if behind_proxy is not None and not behind_proxy.strip().lower().startswith("https://"):
        raise click.ClickException(
            f"--behind-proxy names the address at which the proxy serves HTTPS, as in https://shop.example; '{behind_proxy}' does not."
        )
    if behind_proxy is not None and (domain or local_https):
        raise click.ClickException(
            "HTTPS is served by the proxy or here, not both: leave out --behind-proxy or the other option."
        )
    given: dict[str, Any] = {
        "domain": ",".join(domain) or None, "acme_accept_terms": accept_terms or None, "local_https": local_https or None, "base_url": behind_proxy,
    }  # fmt: skip
    _serve(
        kernel_settings.Settings(**{name: value for name, value in given.items() if value is not None})
        if any(given.values())
        else settings
    )


@main.command()
@click.pass_obj
def web(settings: Settings) -> None:
    """Run pages, rooms and camera port only; start `worker` beside it.  Any number may share one database."""
    _serve(settings, background=False)


@main.command("worker")
@click.pass_obj
def run_worker(settings: Settings) -> None:
    """Run the background work only: delivery of facts, expiry of holds, resuming orders, sealing the lake.

    Reports, forecasts and plans are made by a process of its own, which ends when it is idle.
    """
    worker.run(settings)


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to this release and say what was applied."""
    with startup.prepared_database(settings, migrated=False) as dsn:
        names = migrations.migrate(dsn)
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
    findings = audit.of_installation(settings)
    if as_json:
        click.echo(audit.as_json(findings))
    else:
        audit.show(findings)
    sys.exit(0 if all(finding.passed for finding in findings) else 1)


@main.command("retention")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_obj
def run_retention(settings: Settings, *, as_json: bool) -> None:
    """Keep to the table of docs/retention.md now, as the worker does every hour; say what was dropped and archived."""
    done = retention.of_installation(settings, wiring.CONSUMERS).as_dict()
    if as_json:
        click.echo(json.dumps(done))
        return
    for name, what in done.items():
        said = ", ".join(what) or "none" if isinstance(what, list) else f"{what:,}"
        click.echo(f"{name.replace('_', ' ')}: {said}")


@main.command("password-reset")
@click.argument("email")
@click.pass_obj
def password_reset(settings: Settings, email: str) -> None:
    """Print a one-time link, good for two hours, with which the person of EMAIL sets a new password."""
    click.echo(access.password_link(settings, email))


@main.command("second-factor-off")
@click.argument("email")
@click.pass_obj
def second_factor_off(settings: Settings, email: str) -> None:
    """Switch off two-step sign-in for the person of EMAIL, who lost the device and the recovery codes."""
    access.second_factor_off(settings, email)
    click.echo(f"{email} signs in with the password alone.")


@main.command("rotate-secret")
@click.option(
    "--forget-old", is_flag=True, help="What was signed before is void at once: carts and known devices."
)
@click.pass_obj
def rotate_secret(settings: Settings, *, forget_old: bool) -> None:
    """Sign cookies with a new key from now on.  Restart the processes that run."""
    version = access.rotate_secret(settings, forget_old=forget_old)
    click.echo(f"Key {version} signs from now on. Restart the processes that run.")


@main.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_obj
def show_status(settings: Settings, *, as_json: bool) -> None:
    """Say how HTTPS stands: whose certificate, until when, and what kept it from being renewed.  Exit status 1 if it is not served."""
    found = status.of_installation(settings)
    click.echo(status.as_json(found) if as_json else "\n".join(status.lines(found)))
    sys.exit(0 if found.is_well else 1)


@main.command("settings")
@click.pass_obj
def show_settings(settings: Settings) -> None:
    """Print every setting with its value, its default and what it is for."""
    for name, field in kernel_settings.Settings.model_fields.items():
        value = getattr(settings, name)
        click.echo(f"SHOPFLOOR_{name.upper()}={'' if value is None else value}\n    {field.description}")
