"""The files of a server with all migrations and nothing in it, made once for all workers of a run.

To copy them takes a tenth of making them.  The plug of no machine is pulled in the tests that get one: those about
what a disk keeps start a server from nothing.  So it does not wait for the disk.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

# What the workers are told; no setting of the product.
PLACE: Final = "TESTS_CLUSTER"


def make_place() -> Callable[[], None]:
    """For this process and those it starts; what is returned takes it away again."""
    home = tempfile.mkdtemp(prefix="shopfloor-cluster-")
    Path(home).chmod(0o711)
    os.environ[PLACE] = home
    return lambda: shutil.rmtree(home, ignore_errors=True)


@cache
def _migrated() -> Path:
    if PLACE not in os.environ:
        # A program that is no test.
        atexit.register(make_place())
    home = Path(os.environ[PLACE])
    made = home / "made"
    with (home / "making").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not made.exists():
            with EmbeddedPostgres(home) as server:
                migrate(server.dsn)
                with psycopg.connect(server.dsn, autocommit=True) as connection:
                    for setting in ("fsync", "full_page_writes"):
                        connection.execute(
                            sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting))
                        )
            made.touch()
    return home / "postgres/data"


def copy_cluster(data_dir: Path) -> None:
    """Where an embedded server with this data directory finds it, unless there is one already."""
    home = data_dir / "postgres"
    if home.exists():
        return
    home.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", str(_migrated()), str(home / "data")], check=True)
