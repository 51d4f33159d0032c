"""Do the recordings say what their rows promise?"""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Final

from shopfloor.kernel.database import Database
from shopfloor.kernel.invariants import Invariant
from shopfloor.media import queries
from shopfloor.media.models import Gap, GapCause, Run, Segment, link
from shopfloor.media.playlist import in_ms
from shopfloor.media.recorder import hash_of

MOST: Final = 100


async def audit(db: Database, recordings_dir: Path) -> list[Invariant]:
    """Re-hash every recorded segment against its row, follow every chain, account for every second."""
    runs = segments = size = 0
    flipped: list[str] = []
    broken: list[str] = []
    unaccounted: list[str] = []
    async with db.transaction() as tx:
        listed = await queries.all_runs(tx)
    for run in listed:
        async with db.transaction() as tx:
            rows = await queries.segments(tx, run_id=run.id)
            gaps = await queries.gaps(tx, run_id=run.id)
        runs += 1
        segments += len(rows)
        size += sum(row.length for row in rows)
        flipped += await asyncio.to_thread(flipped_segments, recordings_dir / run.file, run, rows)
        broken += broken_links(run, rows)
        if run.ended_at is not None and not accounted(run, rows, gaps):
            unaccounted.append(str(run.id))
    return [
        Invariant(
            "every recorded segment matches its hash",
            not flipped,
            {"runs": runs, "segments": segments, "bytes": size, "wrong": len(flipped)},
            tuple(flipped[:MOST]),
        ),
        Invariant(
            "every recording is an unbroken chain",
            not broken,
            {"runs": runs, "links": segments, "broken": len(broken)},
            tuple(broken[:MOST]),
        ),
        Invariant(
            "every second is recorded or named as a gap",
            not unaccounted,
            {"runs": runs, "wrong": len(unaccounted)},
            tuple(unaccounted[:MOST]),
        ),
    ]


def flipped_segments(path: Path, run: Run, rows: list[Segment]) -> list[str]:
    """The segments, and the init, whose bytes are not those their hash was made of."""
    if not rows:
        return []
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return [f"{run.id}/{row.msn}" for row in rows]
    try:
        wrong = [f"{run.id}/{row.msn}" for row in rows if hash_of(fd, row.position, row.length) != row.sha256]
        if hash_of(fd, 0, run.init_length) != run.init_sha256:
            wrong.insert(0, f"{run.id}/init")
        return wrong
    finally:
        os.close(fd)


def broken_links(run: Run, rows: list[Segment]) -> list[str]:
    """The rows that do not follow from the row before."""
    chain = run.init_sha256
    wrong: list[str] = []
    for row in rows:
        chain = link(
            chain,
            run_id=run.id,
            msn=row.msn,
            pdt_ms=in_ms(row.pdt),
            dts=row.dts,
            duration=row.duration,
            position=row.position,
            sha256=row.sha256,
        )
        if chain != row.chain:
            wrong.append(f"{run.id}/{row.msn}")
            chain = row.chain
    if chain != run.chain:
        wrong.append(f"{run.id}/last")
    return wrong


def accounted(run: Run, rows: list[Segment], gaps: list[Gap]) -> bool:
    """Whether what is recorded and what is known to be missing make the whole, to a millisecond a piece."""
    assert run.ended_at is not None
    missing = [gap for gap in gaps if gap.cause == GapCause.DISK]
    there = sum(row.duration for row in rows) / 90 + sum(gap.milliseconds for gap in missing)
    whole = (run.ended_at - run.anchor) / timedelta(milliseconds=1)
    return abs(whole - there) <= 1 + len(rows) + len(missing)
