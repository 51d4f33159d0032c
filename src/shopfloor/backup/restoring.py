"""From a backup to an installation, in an empty place.

Every byte is checked before anything is written.  What is restored is the shop as it was at one moment, as after a
power cut: what was under way is taken up again by the processes that start.
"""

import errno
import os
import secrets
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from shopfloor import collector
from shopfloor.backup import sealed, shelf
from shopfloor.backup.shelf import Backup, BackupDamaged, Progress
from shopfloor.backup.taking import Secrets, client_program, counted, without_password
from shopfloor.kernel import logs, migrations, storage
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import RESTORING, prepared_database

_PARTS: Final = ("lake", "recordings", "pictures", "archive")
# What pg_restore says to every server, and those before version 17 do not know.
_UNKNOWN_THERE: Final = 'unrecognized configuration parameter "transaction_timeout"'

_log = logs.get("backup")


class RestoreFailed(CannotRun):
    """Nothing was restored, or not all of it; the message says what to do."""


def restore(
    settings: Settings, backup: Backup, *, passphrase: str | None = None, progress: Progress = shelf.quietly
) -> list[str]:
    """Bring a backup into the data directory and the database of `settings`, and to this release.

    Returns the migrations it took.  Without `passphrase` new keys are made in place of those that were sealed.
    Raises BackupDamaged, WrongPassphrase and RestoreFailed; the first two before anything is written.
    """
    manifest = backup.manifest
    newer = sorted(set(manifest.migrations) - set(migrations.known()))
    if newer:
        raise RestoreFailed(
            f"This backup was made by Shopfloor {manifest.release}, which is newer than this one: it knows "
            f"{newer[0]}. Restore it with that release or a newer one."
        )
    _refuse_what_is_there(settings, backup)
    wrong = shelf.verify(backup, progress)
    if wrong:
        raise BackupDamaged(backup.path, wrong)
    kept = _opened(backup, passphrase)
    with _as_sentences(settings), prepared_database(settings, migrated=False) as dsn:
        _refuse_tables(settings, dsn)
        mark = settings.data_dir / RESTORING
        with storage.written(mark) as file:
            file.write(f"{backup.path}\n".encode())
        _database(dsn, backup, kept, progress)
        _files(settings, backup, kept, progress)
        progress("lake", 0, 0)
        _lake(settings, dsn)
        _compare(dsn, backup)
        progress("migrations", 0, 0)
        applied = migrations.migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ANALYZE")
        mark.unlink()
        storage.sync_directory(settings.data_dir)
    _log.info("backup.restored", place=str(backup.path), migrations=len(applied))
    return applied


def _refuse_what_is_there(settings: Settings, backup: Backup) -> None:
    home = settings.data_dir
    if (home / RESTORING).exists():
        raise RestoreFailed(
            f"An earlier restore did not finish in {home}. Remove that directory"
            + (" and the tables of the database" if settings.database_url else "")
            + ", then restore again."
        )
    full = _in_the_way(home, backup)
    if full:
        more = f" and {len(full) - 10} more" if len(full) > 10 else ""
        raise RestoreFailed(
            f"{home} is not empty: it has {', '.join(full[:10])}{more}. A backup is restored into an empty directory only; "
            "name another one with SHOPFLOOR_DATA_DIR."
        )


def _in_the_way(home: Path, backup: Backup) -> list[str]:
    """What a restore would mix with, the parts of a shop first.

    Not the database (its tables are looked at when it is up), an empty directory, what a file system puts at its
    root, or the place where the backup itself is.
    """
    if not home.exists():
        return []
    try:
        lies = backup.path.resolve()
        full = [
            each.name
            for each in home.iterdir()
            if each.name not in {"postgres", "lost+found"}
            and not (each.is_dir() and not any(each.iterdir()))
            and not lies.is_relative_to(each.resolve())
        ]
    except OSError as problem:
        raise RestoreFailed(f"Shopfloor cannot read {home}: {problem.strerror}.") from problem
    return sorted(
        full, key=lambda name: (name not in _PARTS, _PARTS.index(name) if name in _PARTS else 0, name)
    )


def _refuse_tables(settings: Settings, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        tables = sorted(counted(connection))
    if tables:
        raise RestoreFailed(
            f"The database is not empty: it has {tables[0]}. A backup is restored into an empty database only; "
            + ("name another one with SHOPFLOOR_DATABASE_URL." if settings.database_url else "name another SHOPFLOOR_DATA_DIR.")
        )  # fmt: skip


@contextmanager
def _as_sentences(settings: Settings) -> Generator[None]:
    again = f"Remove {settings.data_dir}" + (
        " and the tables of the database" if settings.database_url else ""
    )
    try:
        yield
    except OSError as problem:
        why = "the disk is full" if problem.errno in {errno.ENOSPC, errno.EDQUOT} else str(problem)
        raise RestoreFailed(f"The restore did not finish: {why}. {again}, then restore again.") from problem
    except (psycopg.Error, collector.LakeDamaged) as problem:
        raise RestoreFailed(
            f"The restore did not finish: {problem}. {again}, then restore again."
        ) from problem


def _opened(backup: Backup, passphrase: str | None) -> Secrets | None:
    """What was sealed, where there is a key to it.  Raises WrongPassphrase."""
    if passphrase is None:
        return None
    if not backup.manifest.has_keys:
        raise RestoreFailed(
            "This backup was made without a passphrase: it has no keys. Restore it without one."
        )
    raw = sealed.unseal(
        (backup.path / shelf.KEYS).read_bytes(), passphrase, about=backup.manifest.sealed_for.encode()
    )
    return msgspec.json.decode(raw, type=Secrets)


def _database(dsn: str, backup: Backup, kept: Secrets | None, progress: Progress) -> None:
    _pg_restore(dsn, backup, "pre-data", progress)
    _pg_restore(dsn, backup, "data", progress)
    # Rows refer to the keys, so there are some before that is checked; what others sealed, these do not open.
    with psycopg.connect(dsn) as connection:
        for key in backup.manifest.keys:
            value = kept.keys[key.version] if kept is not None else secrets.token_bytes(32)
            connection.execute(
                "INSERT INTO accounts.secret (version, value, created_at, retired_at) VALUES (%s, %s, %s, %s)",
                (key.version, value, key.created_at, key.retired_at),
            )
    _pg_restore(dsn, backup, "post-data", progress)


def _pg_restore(dsn: str, backup: Backup, section: str, progress: Progress) -> None:
    program, environment = client_program("pg_restore", dsn)
    command = [
        *program, f"--section={section}", "--no-owner", "--no-privileges", f"--dbname={without_password(dsn)}",
    ]  # fmt: skip
    size = backup.manifest.files[shelf.DATABASE].bytes
    with (backup.path / shelf.DATABASE).open("rb") as dump, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        )
        assert process.stdin is not None
        try:
            done = 0
            while piece := dump.read(shelf.PIECE):
                process.stdin.write(piece)
                done += len(piece)
                if section == "data":
                    progress("database", done, size)
            process.stdin.close()
        except BrokenPipeError:
            # It has said why.
            pass
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        said.seek(0)
        errors = list(_errors(said.read().decode(errors="replace")))
        if errors or (status and status != 1):
            raise RestoreFailed(
                "The database could not be restored: "
                + ("; ".join(errors)[:1500] or f"pg_restore ended with {status}")
            )


def _errors(said: str) -> Iterator[str]:
    for line in said.splitlines():
        if "error:" in line and _UNKNOWN_THERE not in line:
            yield line.strip()


def _files(settings: Settings, backup: Backup, kept: Secrets | None, progress: Progress) -> None:
    wanted = {name: file for name, file in backup.manifest.files.items() if name.split("/")[0] in _PARTS}
    done, whole = 0, sum(file.bytes for file in wanted.values())
    for name, file in sorted(wanted.items()):
        progress("files", done, whole)
        done += file.bytes
        target = settings.data_dir / name
        copied = shelf.copied(backup.path / name, target, lambda _: None)
        if copied.sha256 != file.sha256:
            raise RestoreFailed(f"{backup.path / name} changed while it was read. Check that disk.")
        os.utime(target, ns=(file.mtime_ns, file.mtime_ns))
    progress("files", whole, whole)
    for part in _PARTS:
        for directory, _, _ in os.walk(settings.data_dir / part):
            storage.sync_directory(Path(directory))
    for name, data in (kept.files if kept is not None else {}).items():
        storage.Directory(settings.data_dir).put(name, data)


def _lake(settings: Settings, dsn: str) -> None:
    """The index anew, and the consumer behind exactly what the lake has.

    A process that was killed between writing to the lake and saying so had been behind what it had written.
    """
    collector.rebuild_index(settings.lake_dir)
    with psycopg.connect(dsn) as connection:
        waiting = connection.execute(
            """
            SELECT o.position, o.fact_id FROM kernel.outbox AS o JOIN kernel.consumer AS c ON c.name = 'lake'
             WHERE o.position > c.position ORDER BY o.position LIMIT 10000
            """
        ).fetchall()
        if not waiting:
            return
        there = collector.facts_in(settings.lake_dir, {fact_id for _, fact_id in waiting})
        for position, fact_id in waiting:
            if fact_id not in there:
                break
            connection.execute("UPDATE kernel.consumer SET position = %s WHERE name = 'lake'", (position,))


def _compare(dsn: str, backup: Backup) -> None:
    with psycopg.connect(dsn) as connection:
        found = counted(connection)
    wrong = [
        f"{name} has {found.get(name, 0):,} rows, not {count:,}"
        for name, count in backup.manifest.rows.items()
        if found.get(name) != count
    ]
    if wrong:
        raise RestoreFailed("The database is not what the backup has: " + "; ".join(wrong[:10]))
