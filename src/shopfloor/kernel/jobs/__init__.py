"""Work that takes long, done by worker processes: asked for in the caller's transaction, its result kept.

A job has a name and, for each thing it is about, a key.  Asked for while it waits, it waits once; asked for while it
runs, it runs once more; never twice at a time.  It runs at least once: a handler stores what it found and ends with
`run.done(tx, …)` in one transaction, which takes no effect when another worker has taken over meanwhile.

    REPORT = Job("metrics.report", asked=Show)

    async with db.transaction() as tx:
        ticket = await jobs.ask(tx, REPORT, Show(shop_id, show_id), key=…, shop_id=shop_id)

The queue is procrastinate's, in a PostgreSQL schema of its own; only worker processes load it (`runner`), all others
write one row.  `dispatcher` starts a worker process when there is something to do.
"""

from shopfloor.kernel.jobs.models import (
    Dead,
    Job,
    NotAsked,
    NotReadyYet,
    NotYet,
    Phase,
    Progress,
    Result,
    State,
    Superseded,
    Ticket,
)
from shopfloor.kernel.jobs.service import Run, answer, ask, dead, every, progress_of, result, retry, state

__all__ = [
    "Dead",
    "Job",
    "NotAsked",
    "NotReadyYet",
    "NotYet",
    "Phase",
    "Progress",
    "Result",
    "Run",
    "State",
    "Superseded",
    "Ticket",
    "answer",
    "ask",
    "dead",
    "every",
    "progress_of",
    "result",
    "retry",
    "state",
]
