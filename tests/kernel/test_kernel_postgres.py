"""The embedded server: found again, shared, killed, and refused where it cannot work."""

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest
from tests.waiting import PATIENCE

from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import CannotRun, EmbeddedPostgres, cannot_enter
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import LOOK_EVERY, prepared_database


def test_data_survives_a_stop_and_a_kill(reachable_directory: Path) -> None:
    place = reachable_directory / "survives"
    with EmbeddedPostgres(place) as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    with EmbeddedPostgres(place) as server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_the_last_user_stops_the_server(reachable_directory: Path) -> None:
    place = reachable_directory / "shared"
    first, second = EmbeddedPostgres(place), EmbeddedPostgres(place)
    first.start()
    second.start()
    first.stop()
    with psycopg.connect(second.dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(second.dsn)


def test_a_server_that_cannot_be_started_again_yet_is_tried_again(reachable_directory: Path) -> None:
    place = reachable_directory / "tried-again"
    with prepared_database(Settings(data_dir=place, database_url=None), migrated=False) as dsn:
        starting = place / "postgres/starting"
        starting.unlink()
        starting.mkdir()  # what starts the server opens it first, and fails
        os.kill(EmbeddedPostgres(place).pid, signal.SIGKILL)
        time.sleep(2.5 * LOOK_EVERY)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn)
        starting.rmdir()
        end = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(dsn).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < end
                time.sleep(0.1)


def test_a_home_that_others_may_not_enter_is_named_and_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    below = home / "data"
    below.mkdir()

    assert cannot_enter(below, os.geteuid(), os.getegid()) is None
    stranger = cannot_enter(below, 54_321, 54_321)
    assert stranger is not None
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run the server as somebody else")
def test_started_by_root_where_its_user_cannot_go_it_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)

    with pytest.raises(CannotRun, match=r"who may not enter .* SHOPFLOOR_DATA_DIR"):
        EmbeddedPostgres(home).start()
    assert home.stat().st_mode & 0o777 == 0o700


def test_migrating_twice_does_nothing_the_second_time(dsn: str) -> None:
    assert migrate(dsn) == []
