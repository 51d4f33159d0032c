"""`shopfloor backup` and `shopfloor restore`: options, progress, and what they say."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from shopfloor import audit, backup
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.startup import prepared_database

if TYPE_CHECKING:
    from collections.abc import Generator

    from shopfloor.kernel.settings import Settings

_WORDS: Final = {
    "snapshot": "Holding the moment",
    "database": "Database",
    "files": "Recordings, lake, pictures, archive",
    "checking": "Checking every file",
    "lake": "Making the lake's index",
    "migrations": "Bringing the database to this release",
}
_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the passphrase of the sealed keys [SHOPFLOOR_BACKUP_PASSPHRASE_FILE].",
)


class _Shown:
    """A bar on a terminal, a line for each step elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn(),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._step: tuple[str, TaskID] | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, whole: int) -> None:
        if self._step is None or self._step[0] != what:
            if self._step is not None:
                self._bars.update(self._step[1], total=1, completed=1)
            self._step = what, self._bars.add_task(_WORDS[what], total=None, said="")
            if not self._console.is_terminal:
                click.echo(_WORDS[what], err=True)
        said = f"{size(done)} of {size(whole)}" if whole else ""
        # A dump is smaller than the database it is of.
        self._bars.update(self._step[1], total=max(whole, done) or None, completed=done, said=said)


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def _passphrase(settings: Settings, given: Path | None) -> str | None:
    file = given or settings.backup_passphrase_file
    if file is None:
        return None
    try:
        text = file.read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise CannotRun(f"The passphrase cannot be read from {file}: {problem}.") from problem
    if not text.strip():
        raise CannotRun(f"{file} has no passphrase.")
    return text


@click.group("backup", invoke_without_command=True)
@click.option(
    "--to", "place", type=click.Path(file_okay=False, path_type=Path), help="Where backups are kept [SHOPFLOOR_BACKUP_DIR]."
)  # fmt: skip
@click.option("--keep", type=click.IntRange(min=0), help="Forget all but so many; 0 keeps all [SHOPFLOOR_BACKUP_KEEP].")  # fmt: skip
@_PASSPHRASE
@click.pass_context
def command(
    ctx: click.Context, *, place: Path | None, keep: int | None, passphrase_file: Path | None
) -> None:
    """Back up database, lake, recordings, pictures and archive while the shop sells."""
    if ctx.invoked_subcommand is not None:
        return
    settings: Settings = ctx.obj
    place = place or settings.backup_dir
    if place is None:
        raise click.UsageError("Say where: --to DIRECTORY, or set SHOPFLOOR_BACKUP_DIR.")
    passphrase = _passphrase(settings, passphrase_file)
    with prepared_database(settings, migrated=False) as dsn, _Shown() as shown:
        taken = backup.take(
            settings, dsn, place,
            passphrase=passphrase, keep=settings.backup_keep if keep is None else keep, progress=shown,
        )  # fmt: skip
    click.echo(
        f"{taken.backup.path}: {size(taken.backup.bytes)}, {size(taken.fresh)} of it new, in {taken.seconds:,.1f} s."
    )
    if passphrase is None:
        click.echo(
            "Signing keys and certificates are not in it: no passphrase is set. After a restore, two-step sign-in has to "
            "be set up again and browsers are not recognised.",
            err=True,
        )
    for name in taken.forgotten:
        click.echo(f"Forgotten: {name}")


@command.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
def verify(path: Path) -> None:
    """Read every byte of the backup at PATH (or of the newest in it); exit status 1 if one is wrong."""
    found = backup.opened(path)
    with _Shown() as shown:
        wrong = backup.verify(found, shown)
    for problem in wrong:
        click.echo(problem)
    if wrong:
        click.echo(f"{found.path} is damaged.")
        sys.exit(1)
    click.echo(f"{found.path} is whole: {len(found.manifest.files):,} files, {size(found.bytes)}.")


@command.command("list")
@click.option("--in", "place", type=click.Path(path_type=Path), help="Where backups are kept [SHOPFLOOR_BACKUP_DIR].")  # fmt: skip
@click.pass_obj
def list_backups(settings: Settings, *, place: Path | None) -> None:
    """Say which backups there are, oldest first; exit status 1 if one cannot be read."""
    place = place or settings.backup_dir
    if place is None:
        raise click.UsageError("Say where: --in DIRECTORY, or set SHOPFLOOR_BACKUP_DIR.")
    try:
        there = backup.named(place)
    except OSError as problem:
        raise CannotRun(f"The backups in {place} cannot be listed: {problem.strerror}.") from problem
    if not there:
        click.echo(f"There is no backup in {place}.", err=True)
    unreadable = False
    for path in there:
        try:
            found = backup.opened(path)
        except backup.BackupDamaged as damaged:
            unreadable = True
            click.echo(f"{path}  damaged: {'; '.join(damaged.problems)}")
            continue
        except CannotRun as problem:
            unreadable = True
            click.echo(f"{path}  cannot be read: {problem}")
            continue
        keys = "with keys" if found.manifest.has_keys else "without keys"
        click.echo(f"{path}  {size(found.bytes):>12}  release {found.manifest.release}  {keys}")
    if unreadable:
        sys.exit(1)


@contextmanager
def _nothing_restored() -> Generator[None]:
    """Every byte of a backup is checked before the first is written."""
    try:
        yield
    except backup.BackupDamaged as damaged:
        raise CannotRun(f"Nothing was restored. {damaged}") from damaged


@click.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@_PASSPHRASE
@click.option("--no-audit", is_flag=True, help="Do not check the invariants afterwards.")
@click.pass_obj
def restore(settings: Settings, *, path: Path, passphrase_file: Path | None, no_audit: bool) -> None:
    """Restore the backup at PATH (or the newest in it) into an empty data directory and database."""
    with _nothing_restored():
        found = backup.opened(path)
    # One that was named is meant; the one of the settings may be newer than this backup.
    wanted = passphrase_file is not None or found.manifest.has_keys
    passphrase = _passphrase(settings, passphrase_file) if wanted else None
    with _nothing_restored(), _Shown() as shown:
        applied = backup.restore(settings, found, passphrase=passphrase, progress=shown)
    taken = found.manifest.taken_at
    click.echo(f"{settings.data_dir} is the shop of {taken:%Y-%m-%d %H:%M:%S} UTC, from {found.path}.")
    if applied:
        click.echo(f"{len(applied)} migrations brought it from release {found.manifest.release} to this one.")
    if passphrase is None:
        click.echo(
            "New signing keys were made, as those of the backup were not opened: people sign in with a recovery code "
            "where they had two-step sign-in, and browsers are not recognised. Nothing else is lost.",
            err=True,
        )
    if no_audit:
        return
    findings = audit.of_installation(settings)
    audit.show(findings)
    sys.exit(0 if all(finding.passed for finding in findings) else 1)
