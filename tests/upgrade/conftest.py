"""A database and a data directory as the previous release left them."""

import gzip
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.upgrade.previous import RELEASE

KEPT = Path(__file__).parent / RELEASE
NAME = "left_by_the_previous_release"


@dataclass(frozen=True, slots=True)
class Left:
    """What an operator has before the upgrade."""

    dsn: str
    data_dir: Path


@pytest.fixture
def left(migrated: str) -> Iterator[Left]:
    """The shop that `fill.py` filled, in a database and a directory of its own."""
    place = Path(tempfile.mkdtemp(prefix="shopfloor-upgrade-"))
    name = sql.Identifier(f"{conninfo_to_dict(migrated)['dbname']}_{NAME}")
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    dsn = make_conninfo(migrated, dbname=name.as_string().strip('"'))
    with psycopg.connect(dsn) as connection:
        connection.execute(gzip.decompress((KEPT / "database.sql.gz").read_bytes()))
    with tarfile.open(KEPT / "files.tar.gz") as archive:
        archive.extractall(place, filter="data")
    yield Left(dsn, place)
    shutil.rmtree(place, ignore_errors=True)
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
