"""A pool of connections before the database is refused in a sentence, before anything is done."""

import os
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from tests.waiting import PATIENCE

from shopfloor.kernel.postgres import CannotRun, EmbeddedPostgres, server_user
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

PGBOUNCER = Path(os.environ.get("SHOPFLOOR_PGBOUNCER", "/usr/sbin/pgbouncer"))

pytestmark = pytest.mark.skipif(
    not PGBOUNCER.exists(), reason="PgBouncer is not here (Debian's package pgbouncer)"
)


@contextmanager
def bouncer(place: Path, socket_of_server: str, **settings: str) -> Generator[str]:
    """PgBouncer before the server that listens in this directory; it listens in `place`."""
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    told = {
        "listen_addr": "", "unix_socket_dir": str(place), "listen_port": "6432", "auth_type": "any",
        "logfile": str(place / "log"), **settings,
    }  # fmt: skip
    lines = "\n".join(f"{name} = {value}" for name, value in told.items())
    (place / "ini").write_text(
        f"[databases]\npostgres = host={socket_of_server} user=postgres dbname=postgres\n[pgbouncer]\n{lines}\n"
    )
    user = server_user() if os.geteuid() == 0 else None
    process = subprocess.Popen(
        [PGBOUNCER, "-q", place / "ini"], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        user=None if user is None else user.pw_uid, group=None if user is None else user.pw_gid,
        extra_groups=None if user is None else [],
    )  # fmt: skip
    url = f"host={place} port=6432 user=postgres dbname=postgres"
    try:
        end = time.monotonic() + PATIENCE
        while not (place / ".s.PGSQL.6432").exists():
            assert time.monotonic() < end, (
                (place / "log").read_text() if (place / "log").exists() else "no log"
            )
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("ignored", ["", "options"], ids=["plain", "settings ignored"])
def test_a_pool_between_is_refused(reachable_directory: Path, mode: str, ignored: str) -> None:
    settings = {"pool_mode": mode} | ({"ignore_startup_parameters": ignored} if ignored else {})
    place = reachable_directory / f"bouncer-{mode}-{ignored}"
    with EmbeddedPostgres(reachable_directory / "behind") as server:
        direct = server.dsn.replace("dbname=shopfloor", "dbname=postgres")
        with bouncer(place, str(reachable_directory / "behind/postgres/run"), **settings) as url:
            with psycopg.connect(url, prepare_threshold=None) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            with (
                pytest.raises(CannotRun, match="Name PostgreSQL itself"),
                prepared_database(Settings(database_url=url)),
            ):
                pass
        with psycopg.connect(direct) as connection:
            assert connection.execute(
                "SELECT count(*) FROM pg_namespace WHERE nspname = 'stock'"
            ).fetchone() == (0,)
        with prepared_database(Settings(database_url=direct), migrated=False) as dsn:
            assert dsn == direct
