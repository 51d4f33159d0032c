"""Which events were accepted lately: one SQLite file per day, keyed by a hash of source and id.

Each key says which segment owns it, so sealing a segment again after a crash finds its own claims and makes
the same decisions.  The index is a convenience: it can be rebuilt from the sealed files at any time.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Final

from shopfloor.collector.models import COMPACTION, DEDUP_DAYS, SegmentId

# The mark in front keeps these apart from the statements for PostgreSQL, which a test prepares there.
_TABLES: Final = """-- sqlite
    CREATE TABLE IF NOT EXISTS segment (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY, segment INTEGER NOT NULL) WITHOUT ROWID;
"""
_ADD_SEGMENT: Final = "-- sqlite\nINSERT OR IGNORE INTO segment (name) VALUES (?)"
_SEGMENT: Final = "-- sqlite\nSELECT id FROM segment WHERE name = ?"
_CLAIM: Final = "-- sqlite\nINSERT OR IGNORE INTO seen (key, segment) VALUES (?, ?)"
_READY: Final = "-- sqlite\nSELECT 1 FROM sqlite_master WHERE name = 'seen'"
_CHUNK: Final = 500
_OWNERS: Final = (
    "-- sqlite\nSELECT seen.key, segment.name FROM seen JOIN segment ON segment.id = seen.segment"
    f" WHERE seen.key IN ({', '.join('?' * _CHUNK)})"
)


def key(source: str, identity: str) -> bytes:
    """Sixteen bytes that stand for an event; two different events share them with odds of 2^-64 at 2^32."""
    return blake2b(f"{source}\0{identity}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def compacted(commit: int) -> SegmentId:
    """Who owns the events of a compacted file, when the index was made anew after the compaction."""
    return SegmentId(COMPACTION, commit)


def owners(directory: Path, keys: Sequence[bytes], since: date) -> dict[bytes, str]:
    """Who owns those of `keys` that were claimed on `since` or later (or up to a week before it)."""
    found: dict[bytes, str] = {}
    for day, path in _days(directory):
        if day < since - timedelta(days=DEDUP_DAYS):
            continue
        # Not read-only: the first to open it after a crash takes back what was half written.
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=30)) as connection:
            if not connection.execute(_READY).fetchone():
                continue
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                # The statement has a fixed number of places; the last key fills those left over.
                padded = [*chunk, *[chunk[-1]] * (_CHUNK - len(chunk))]
                for found_key, owner in connection.execute(_OWNERS, padded):
                    found.setdefault(found_key, owner)
    return found


def claim(directory: Path, day: date, segment: SegmentId, keys: Sequence[bytes]) -> None:
    """Make `segment` the owner of `keys`, those that have none yet, durably."""
    home = directory / "index"
    home.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(home / f"{day}.sqlite", timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLES)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_ADD_SEGMENT, (str(segment),))
        (number,) = connection.execute(_SEGMENT, (str(segment),)).fetchone()
        connection.executemany(_CLAIM, ((each, number) for each in keys))
        connection.execute("COMMIT")


def forget(directory: Path, before: date) -> None:
    """Drop the days that no decision can need."""
    for day, path in _days(directory):
        if day < before:
            path.unlink(missing_ok=True)


def days(directory: Path) -> list[date]:
    return [day for day, _ in _days(directory)]


def rebuild(directory: Path, claims: Mapping[date, Mapping[SegmentId, Sequence[bytes]]]) -> None:
    """Start over with exactly `claims`."""
    for _, path in _days(directory):
        path.unlink()
    for day, by_segment in claims.items():
        for segment, keys in by_segment.items():
            claim(directory, day, segment, keys)


def _days(directory: Path) -> Iterator[tuple[date, Path]]:
    for path in sorted((directory / "index").glob("*.sqlite")):
        yield date.fromisoformat(path.stem), path
