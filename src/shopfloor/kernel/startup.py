"""What every process does first: find its database, and keep an embedded one running."""

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg

from shopfloor.kernel import logs
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import CannotRun, EmbeddedPostgres
from shopfloor.kernel.settings import Settings

LOOK_EVERY: Final = 1.0
# A file of the data directory that is there while a backup is restored into it.
RESTORING: Final = "restore-unfinished"

_log = logs.get("startup")


@contextmanager
def prepared_database(settings: Settings, *, migrated: bool = True) -> Generator[str]:
    """The connection string of a database that is up and (unless told otherwise) at this release's schema.

    Raises CannotRun when the embedded server cannot work here or a pool stands before a given one, RuntimeError
    when a given one is too old.
    """
    if (settings.data_dir / RESTORING).exists():
        raise CannotRun(
            f"A backup was being restored into {settings.data_dir} and that did not finish: what is there is not "
            "whole. Remove that directory and restore again."
        )
    with _closed_to_others(settings):
        if settings.database_url is None:
            with EmbeddedPostgres(settings.data_dir) as server:
                if migrated:
                    migrate(server.dsn)
                with _kept_running(server):
                    yield server.dsn
            return
        _refuse_a_pool_between(settings.database_url)
        if migrated:
            migrate(settings.database_url)
        yield settings.database_url


@contextmanager
def _closed_to_others(settings: Settings) -> Generator[None]:
    """Recordings, events and pictures are nobody else's to read on this machine.

    The embedded server, which may run as a user of its own, passes through the data directory to its own.
    """
    try:
        if not settings.data_dir.exists():
            settings.data_dir.mkdir(parents=True)
            settings.data_dir.chmod(0o711)
        for directory in (
            settings.lake_dir,
            settings.recordings_dir,
            settings.pictures_dir,
            settings.archive_dir,
        ):
            if directory.is_dir() and directory.stat().st_uid == os.geteuid():
                directory.chmod(directory.stat().st_mode & 0o7700)
    except OSError as problem:
        raise CannotRun(f"Shopfloor cannot write to {settings.data_dir}: {problem.strerror}.") from problem
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _refuse_a_pool_between(url: str) -> None:
    """Prepared statements, time limits and locks belong to a session, which a pool of sessions does not keep.

    PgBouncer is known by what it does with settings of a session: it refuses them or forgets them.
    """
    try:
        with psycopg.connect(url, options="-c lock_timeout=3000") as connection:
            kept = connection.execute("SHOW lock_timeout").fetchone() == ("3s",)
    except psycopg.OperationalError as problem:
        if "startup parameter" not in str(problem):
            raise
        kept = False
    if not kept:
        raise CannotRun(
            "SHOPFLOOR_DATABASE_URL leads to a pool of connections (such as PgBouncer) that does not keep the "
            "settings of a session. Name PostgreSQL itself; Shopfloor keeps few connections and shares them."
        )


@contextmanager
def _kept_running(server: EmbeddedPostgres) -> Generator[None]:
    """Start the embedded server again when it died; who uses it finds it again by itself."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY):
            if _is_there(server):
                continue
            _log.error("startup.database_died")
            try:
                server.start()
            except (CannotRun, psycopg.Error, OSError) as problem:
                # A full disk, a server that ends while it recovers: the next look may find it better.
                _log.error("startup.database_not_started", why=str(problem))
            else:
                _log.warning("startup.database_started_again")

    watcher = threading.Thread(target=watch, name="embedded-postgres", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _is_there(server: EmbeddedPostgres) -> bool:
    try:
        os.kill(server.pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
