"""A shop in which nothing happens leaves the disk and the processor alone."""

import contextlib
import os
import time
from collections.abc import Generator
from pathlib import Path

import psycopg
from tests.app.running import Owner, Running
from tests.waiting import until

SECONDS = 4.0
# On a busy machine the same work takes more time.
TRIES = 8
# What a loop of five million turns takes on the cores that the two percent are meant for; a core that is slowed by
# its neighbours takes longer for everything.
LOOP_SECONDS = 0.06


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slowness() -> float:
    began = time.process_time()
    sum(range(5_000_000))
    return max(1.0, (time.process_time() - began) / LOOP_SECONDS)


@contextlib.contextmanager
def no_tidying(connection: psycopg.Connection) -> Generator[None]:
    """The server tidies up after the tests before this one, and writes what it finds into this database too."""
    connection.execute("ALTER SYSTEM SET autovacuum = off")
    connection.execute("SELECT pg_reload_conf()")
    workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
    try:
        until("nobody tidies up", lambda: connection.execute(workers).fetchone() == (0,))
        yield
    finally:
        connection.execute("ALTER SYSTEM RESET autovacuum")
        connection.execute("SELECT pg_reload_conf()")


def test_an_idle_shop_writes_at_most_once_a_second_and_needs_two_percent_of_a_core(
    node: Running, owner: Owner
) -> None:
    """With goods and a show on air that nobody watches.  A transaction that writes a row waits for the disk once."""
    product = owner.product("Linen shirt", {"M": 5})
    show = owner.show("Evening")
    owner.offer(show, product, {"M": 5})
    owner.shop("POST", f"/shows/{show}/start")
    url = node.environment.get("SHOPFLOOR_DATABASE_URL")
    if url is None:
        socket = (node.data_dir / "postgres/data/postmaster.pid").read_text().split("\n")[4]
        url = f"host={socket} user=postgres dbname=shopfloor"
    with psycopg.connect(url, autocommit=True) as connection, no_tidying(connection):

        def written() -> int:
            """Rows of this database: other shops of this run may be open on the same server."""
            row = connection.execute(
                """
                SELECT (tup_inserted + tup_updated + tup_deleted)::text
                  FROM pg_stat_database WHERE datname = current_database()
                """
            ).fetchone()
            assert row is not None
            return int(row[0])

        seen: list[tuple[float, float]] = []
        for _ in range(TRIES):
            began, used, wrote = time.monotonic(), processor_seconds(node.process.pid), written()
            time.sleep(SECONDS)
            spent = time.monotonic() - began
            seen.append(
                (
                    (written() - wrote) / spent,
                    (processor_seconds(node.process.pid) - used) / spent,
                )
            )
            # What disturbs the one does not disturb the other.
            if min(wrote for wrote, _ in seen) <= 1 and min(used for _, used in seen) <= 0.02 * slowness():
                return
    raise AssertionError(f"writes a second and share of a core, in turn: {seen}")
