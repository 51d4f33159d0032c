"""After a crash: the rows of runs that nobody ended, completed from their files."""

import asyncio
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.database import Tx
from shopfloor.media import queries, service
from shopfloor.media.models import EndCause, Run, Segment
from shopfloor.media.playlist import from_ms
from shopfloor.media.recorder import Files, Note, recovered, run_of

_log = logs.get("media")


async def recover(tx: Tx, *, files: Files, before: UUID) -> None:
    """Complete the rows of runs with an id below `before` that have not ended, from their files."""
    waiting = {run.id: run for run in await queries.open_runs(tx) if run.id < before}
    notes = {note.run_id: note for note in await asyncio.to_thread(files.notes)}
    known = set(await queries.known_runs(tx, ids=list(notes)))
    channels = {admission.channel_id for admission in await service.admissions(tx)}
    for note in notes.values():
        if note.run_id < before and note.run_id not in known and note.channel_id in channels:
            waiting[note.run_id] = run_of(note, files)
            await service.open_run(tx, run=waiting[note.run_id])
    for run in waiting.values():
        await _complete(tx, run, notes.get(run.id), files=files)


async def _complete(tx: Tx, run: Run, note: Note | None, *, files: Files) -> None:
    known = await queries.segments(tx, run_id=run.id)
    path = files.directory / run.file
    rows: list[Segment] = []
    end_ms = max(
        [round(run.anchor.timestamp() * 1000)]
        + [round(row.pdt.timestamp() * 1000) + row.duration // 90 for row in known]
    )
    if note is not None and path.is_file():
        chain = known[-1].chain if known else run.init_sha256
        rows, end_ms = await asyncio.to_thread(recovered, note, path, known, chain)
    for row in rows:
        await service.add_segment(tx, segment=row)
    await service.end_run(tx, run_id=run.id, at=from_ms(end_ms), cause=str(EndCause.CRASHED))
    _log.warning("media.run_recovered", run=str(run.id), channel=run.channel_id, segments_added=len(rows))
