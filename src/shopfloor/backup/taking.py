"""Take a backup while the shop sells.

All of it is of one moment.  The database is read in one exported snapshot.  The lake's consumer is held for the blink
in which that snapshot, the lake's manifest and the ends of its logs are taken, so the lake has exactly the facts that
the snapshot says it was given; no buyer waits for that.  Recordings are those that had begun before; they only grow,
and their bytes are written before their rows.  Pictures and archived months never change and are written before the
rows that name them; so they are read afterwards.
"""

import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final, LiteralString, cast

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shopfloor import collector
from shopfloor.backup import sealed, shelf
from shopfloor.backup.shelf import Backup, BackupFailed, Kept, Key, Manifest, Progress
from shopfloor.kernel import backups, logs, postgres
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings

# Room that stays free on the disk, for what else writes there: perhaps the shop itself.
SPARE: Final = 256 << 20
_LOOK_EVERY: Final = 32 << 20
# Kept only where a passphrase seals them: private keys, which a shop can have made anew, and the key of its secrets,
# which can be entered again.
SEALED_FILES: Final = ("certificates", "secrets")
_CONSUMER: Final = "lake"

_log = logs.get("backup")


@dataclass(frozen=True, slots=True)
class Taken:
    """`fresh` bytes were written; the others are links to what an earlier backup has."""

    backup: Backup
    fresh: int
    seconds: float
    forgotten: list[str]


@dataclass(slots=True)
class _Work:
    """What one backup is made of."""

    target: Path
    before: Backup | None
    progress: Progress
    free: Callable[[Path], int]
    files: dict[str, Kept] = field(default_factory=dict[str, Kept])
    fresh: int = 0
    done: int = 0
    whole: int = 0
    _unlooked: int = _LOOK_EVERY

    def told(self, size: int) -> None:
        """Before so many bytes are written.  Raises OSError where the disk would be full."""
        self._unlooked += size
        if self._unlooked >= _LOOK_EVERY:
            self._unlooked = 0
            if self.free(self.target) < SPARE:
                raise OSError(errno.ENOSPC, "the disk is nearly full")
        self.fresh += size
        self.done += size

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        self.files[name] = shelf.written(self.target / name, pieces, self.told)

    def keep(self, name: str, source: Path, *, sha256: str | None = None) -> None:
        """A file that never changes, or one that grows: linked where the backup before has the same one."""
        self.progress("files", self.done, self.whole)
        found = source.stat()
        known = None if self.before is None else self.before.manifest.files.get(name)
        if (
            self.before is not None
            and known is not None
            and (known.bytes, known.mtime_ns) == (found.st_size, found.st_mtime_ns)
            and sha256 in {None, known.sha256}
            and shelf.linked(self.before.path / name, self.target / name, known.bytes)
        ):
            self.files[name] = known
            self.done += known.bytes
            return
        self.files[name] = kept = shelf.copied(source, self.target / name, self.told)
        if sha256 not in {None, kept.sha256}:
            raise BackupFailed(
                f"{source} is not the file that was sealed: it is damaged. Put back the one of an earlier backup, "
                "then take another. `shopfloor lake verify` names all that are damaged."
            )


def free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


def take(
    settings: Settings,
    dsn: str,
    place: Path,
    *,
    passphrase: str | None = None,
    keep: int = 0,
    progress: Progress = shelf.quietly,
    free: Callable[[Path], int] = free_bytes,
) -> Taken:
    """Make a backup in `place`, then forget all but the `keep` newest (0: none).  Any number of processes may sell.

    Raises BackupFailed; nothing is left then that looks like a backup.
    """
    began = time.monotonic()
    for part in ("postgres", "lake", "recordings", "pictures", "archive"):
        inside = (settings.data_dir / part).resolve()
        if inside == place.resolve() or inside in place.resolve().parents:
            raise BackupFailed(
                f"{place} lies in what is backed up. Choose another directory, best on another disk."
            )
    with _as_sentences(place), shelf.alone(place):
        with shelf.shelved(place, datetime.now(UTC)) as (begun, target):
            work = _Work(begun, shelf.newest(place), progress, free)
            manifest = _run(work, settings, dsn, passphrase, about=target.name.encode())
            raw = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            shelf.written(begun / shelf.MANIFEST, [raw], work.told)
            shelf.written(begun / shelf.SUMS, [shelf.sums(manifest.files, raw)], work.told)
        forgotten = shelf.forget_all_but(place, keep)
    taken = Taken(Backup(target, manifest), work.fresh, time.monotonic() - began, forgotten)
    with psycopg.connect(dsn) as connection:
        backups.record(
            connection, taken_at=manifest.taken_at, place=str(target), bytes=taken.backup.bytes, seconds=taken.seconds
        )  # fmt: skip
    _log.info("backup.taken", place=str(target), bytes=taken.backup.bytes, fresh=work.fresh)
    return taken


@contextmanager
def _as_sentences(place: Path) -> Generator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise BackupFailed(
                f"The disk of {place} is full; nothing of this backup was kept. Make room there, keep fewer backups, "
                "or choose another disk."
            ) from problem
        raise BackupFailed(f"The backup failed, and nothing of it was kept: {problem}") from problem
    except psycopg.Error as problem:
        raise BackupFailed(f"The database could not be read; nothing was kept: {problem}") from problem
    except collector.LakeDamaged as problem:
        raise BackupFailed(f"The lake is damaged; nothing was kept: {problem}") from problem


def _run(work: _Work, settings: Settings, dsn: str, passphrase: str | None, *, about: bytes) -> Manifest:
    recordings = shelf.kept_files(settings.recordings_dir)
    with psycopg.connect(dsn) as holder, psycopg.connect(dsn) as reader:
        work.progress("snapshot", 0, 0)
        holder.execute("SET LOCAL lock_timeout = '60s'")
        holder.execute("INSERT INTO kernel.consumer (name) VALUES (%s) ON CONFLICT DO NOTHING", (_CONSUMER,))
        # Whoever hands facts to the lake is done or has not begun: it has exactly those up to here.
        holder.execute("SELECT position FROM kernel.consumer WHERE name = %s FOR UPDATE", (_CONSUMER,))
        sealed_files = collector.begin_copy(
            settings.lake_dir, lambda name, data: work.write(f"lake/{name}", [data])
        )
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        (snapshot, taken_at, server, size) = _row(
            reader,
            """
            SELECT pg_export_snapshot(), now(), current_setting('server_version_num')::int,
                   pg_database_size(current_database())
            """,
        )
        holder.rollback()
        work.done, work.whole = 0, cast("int", size)
        work.write(shelf.DATABASE, _dump(work, dsn, cast("str", snapshot)))
        manifest = Manifest(
            format=shelf.FORMAT,
            release=metadata.version("shopfloor"),
            taken_at=cast("datetime", taken_at),
            migrations=[
                name
                for (name,) in reader.execute(
                    "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id"
                ).fetchall()
            ],
            server=cast("int", server),
            rows=counted(reader),
            keys=[
                Key(*row)
                for row in reader.execute(
                    "SELECT version, created_at, retired_at FROM accounts.secret ORDER BY version"
                ).fetchall()
            ],
            has_keys=passphrase is not None,
            sealed_for=about.decode(),
            files=work.files,
        )
        if passphrase is not None:
            secrets = reader.execute("SELECT version, value FROM accounts.secret ORDER BY version").fetchall()
            what = _secrets(settings, secrets)
            work.write(shelf.KEYS, [sealed.seal(what, passphrase, about=about)])
    _files(work, settings, recordings, [(file.path, file.sha256, file.bytes) for file in sealed_files])
    return manifest


def _files(
    work: _Work, settings: Settings, recordings: list[Path], of_lake: list[tuple[str, str, int]]
) -> None:
    others = [
        *recordings,
        *shelf.kept_files(settings.pictures_dir),
        *shelf.kept_files(settings.archive_dir),
    ]
    work.done = 0
    work.whole = sum(size for _, _, size in of_lake) + sum(path.stat().st_size for path in others)
    for name, sha256, _ in of_lake:
        work.keep(f"lake/{name}", settings.lake_dir / name, sha256=sha256)
    for path in others:
        work.keep(path.relative_to(settings.data_dir).as_posix(), path)
    work.progress("files", work.whole, work.whole)


def counted(connection: psycopg.Connection) -> dict[str, int]:
    """How many rows every table has, as this transaction sees them."""
    tables = connection.execute(
        """
        SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2
        """
    ).fetchall()
    return {
        f"{schema}.{name}": cast(
            "int",
            _row(
                connection, sql.SQL("SELECT count(*) FROM {table}").format(table=sql.Identifier(schema, name))
            )[0],
        )
        for schema, name in tables
    }


def _row(connection: psycopg.Connection, query: "LiteralString | sql.Composed") -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None, "it always has a row"
    return row


def _dump(work: _Work, dsn: str, snapshot: str) -> Iterator[bytes]:
    """The database as pg_dump writes it, of that snapshot; without the keys it signs with.

    Through a pipe: it ends when this process does, and the disk is written to in one place.
    """
    program, environment = client_program("pg_dump", dsn)
    command = [
        *program, "--format=custom", "--compress=1", "--no-owner", "--no-privileges", f"--snapshot={snapshot}",
        "--exclude-table-data=accounts.secret", f"--dbname={without_password(dsn)}",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
        try:
            assert process.stdout is not None
            while piece := process.stdout.read(shelf.PIECE):
                work.progress("database", work.done, work.whole)
                yield piece
            status = process.wait()
        finally:
            process.kill()
            process.wait()
        if status:
            said.seek(0)
            why = said.read().decode(errors="replace").strip()[-1500:]
            raise BackupFailed(f"The database could not be written to the backup; nothing was kept: {why}")


def client_program(name: str, dsn: str) -> tuple[list[str], dict[str, str]]:
    """How to start a program of PostgreSQL's on that database; a password never stands on its command line."""
    environment = dict(os.environ)
    password = conninfo_to_dict(dsn).get("password")
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return [str(postgres.program(name))], environment


def without_password(dsn: str) -> str:
    return make_conninfo(
        "", **{key: value for key, value in conninfo_to_dict(dsn).items() if key != "password"}
    )


class Secrets(msgspec.Struct, frozen=True):
    keys: dict[int, bytes]
    files: dict[str, bytes]


def _secrets(settings: Settings, keys: list[tuple[int, bytes]]) -> bytes:
    files = {
        path.relative_to(settings.data_dir).as_posix(): path.read_bytes()
        for name in SEALED_FILES
        for path in shelf.kept_files(settings.data_dir / name)
    }
    return msgspec.json.encode(Secrets({version: bytes(value) for version, value in keys}, files))
