"""SQL of jobs.  Our row says what is asked and found; procrastinate's is the place in its queue.

Whoever changes both locks ours first: so a job is asked for, started, retried and found dead one after another.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.jobs.models import Dead, State
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Placed:
    asked: int
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Begun:
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    as_of: datetime
    result: Any


@dataclass(frozen=True, slots=True)
class Stalled:
    id: int
    name: str
    key: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a job could be started now, and whether one is held by a worker that gives no sign of life."""

    due: bool
    stalled: bool


def _json(value: object) -> Jsonb:
    return Jsonb(value, dumps=msgspec.json.encode)


async def place(
    tx: Tx, *, name: str, key: str, shop_id: int | None, payload: dict[str, Any], as_before: bool
) -> Placed:
    return await tx.one(
        Placed,
        """
        INSERT INTO kernel.job (name, key, shop_id, payload)
        VALUES (%(name)s, %(key)s, %(shop_id)s, %(payload)s)
        ON CONFLICT (name, key) DO UPDATE
           SET asked = job.asked + 1, asked_at = now(),
               payload = CASE WHEN %(as_before)s THEN job.payload ELSE excluded.payload END,
               phase = CASE WHEN job.phase = 'running' THEN 'running' ELSE 'waiting' END,
               share = CASE WHEN job.phase = 'running' THEN job.share ELSE 0 END,
               step = CASE WHEN job.phase = 'running' THEN job.step ELSE '' END
        RETURNING asked, job_id
        """,
        name=name,
        key=key,
        shop_id=shop_id,
        payload=_json(payload),
        as_before=as_before,
    )


async def enqueue(tx: Tx, *, name: str, key: str, queue: str, lock: str, urgent: bool) -> int:
    """The id of the job that waits: a new one, or the one that waits already."""
    return await tx.value(
        """
        INSERT INTO procrastinate.procrastinate_jobs
               (queue_name, task_name, priority, lock, queueing_lock, args)
        VALUES (%(queue)s, %(name)s, %(priority)s, %(lock)s, %(lock)s, jsonb_build_object('key', %(key)s::text))
        ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE
           SET priority = greatest(procrastinate_jobs.priority, excluded.priority),
               scheduled_at = CASE WHEN excluded.priority > 0 THEN NULL ELSE procrastinate_jobs.scheduled_at END
        RETURNING id
        """,
        name=name,
        key=key,
        queue=queue,
        lock=lock,
        priority=10 if urgent else 0,
    )


async def replace(tx: Tx, *, name: str, key: str, job_id: int, before: int | None) -> None:
    """The queue forgets a job that ended without success: this one stands for it."""
    if before is not None and before != job_id:
        await tx.run(
            """
            DELETE FROM procrastinate.procrastinate_jobs
             WHERE id = %(before)s AND status NOT IN ('todo', 'doing')
            """,
            before=before,
        )
    await tx.run(
        "UPDATE kernel.job SET job_id = %(job_id)s WHERE name = %(name)s AND key = %(key)s",
        name=name,
        key=key,
        job_id=job_id,
    )


async def begin(tx: Tx, *, name: str, key: str, run: UUID, attempt: int) -> Begun | None:
    """What to do; None where everything is answered: a worker was killed after the result was kept."""
    return await tx.first(
        Begun,
        """
        UPDATE kernel.job
           SET phase = 'running', run = %(run)s, taken = asked, started_at = clock_timestamp(), ended_at = NULL,
               share = 0, step = '', facts = '{}', attempt = %(attempt)s
         WHERE name = %(name)s AND key = %(key)s AND asked > answered
        RETURNING payload
        """,
        name=name,
        key=key,
        run=run,
        attempt=attempt,
    )


async def report_progress(
    tx: Tx, *, name: str, key: str, run: UUID, share: float, step: str, facts: dict[str, Any]
) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE kernel.job SET share = %(share)s, step = %(step)s, facts = %(facts)s
             WHERE name = %(name)s AND key = %(key)s AND run = %(run)s
            """,
            name=name,
            key=key,
            run=run,
            share=share,
            step=step,
            facts=_json(facts),
        )
    )


async def finish(
    tx: Tx,
    *,
    name: str,
    key: str,
    run: UUID,
    phase: str,
    error: dict[str, Any] | None = None,
    as_of: datetime | None = None,
    result: object = None,
) -> bool:
    """What was asked for meanwhile waits on.  A result replaces the one before, an error leaves it."""
    return bool(
        await tx.run(
            """
            UPDATE kernel.job
               SET phase = CASE WHEN asked > taken THEN 'waiting' ELSE %(phase)s END,
                   answered = taken, run = NULL, ended_at = clock_timestamp(), error = %(error)s,
                   share = CASE WHEN asked > taken THEN 0 ELSE 1 END, step = '', facts = '{}',
                   as_of = coalesce(%(as_of)s, as_of),
                   result = CASE WHEN %(as_of)s::timestamptz IS NULL THEN result ELSE %(result)s END
             WHERE name = %(name)s AND key = %(key)s AND run = %(run)s
            """,
            name=name,
            key=key,
            run=run,
            phase=phase,
            error=None if error is None else _json(error),
            as_of=as_of,
            result=_json(result),
        )
    )


async def let_go(tx: Tx, *, name: str, key: str, run: UUID, error: dict[str, Any] | None) -> None:
    """It is tried again: nothing is answered yet."""
    await tx.run(
        """
        UPDATE kernel.job
           SET phase = 'waiting', run = NULL, share = 0, step = '', facts = '{}', error = coalesce(%(error)s, error)
         WHERE name = %(name)s AND key = %(key)s AND run = %(run)s
        """,
        name=name,
        key=key,
        run=run,
        error=None if error is None else _json(error),
    )


async def lock(tx: Tx, *, name: str, key: str) -> UUID | None:
    """Nobody asks for it, starts it or ends it meanwhile.  Returns the run that holds it."""
    return await tx.value(
        "SELECT run FROM kernel.job WHERE name = %(name)s AND key = %(key)s FOR UPDATE", name=name, key=key
    )


async def waits(tx: Tx, *, lock: str) -> bool:
    """Whether another one stands in the queue for the same thing."""
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM procrastinate.procrastinate_jobs
                        WHERE queueing_lock = %(lock)s AND status = 'todo')
        """,
        lock=lock,
    )


async def state(tx: Tx, *, name: str, key: str) -> State | None:
    return await tx.first(
        State,
        """
        SELECT name, key, shop_id, phase, asked, answered, asked_at, started_at, ended_at, attempt, share, step,
               facts, error, as_of
          FROM kernel.job WHERE name = %(name)s AND key = %(key)s
        """,
        name=name,
        key=key,
    )


async def states(tx: Tx, *, limit: int) -> list[State]:
    """What runs, waits or failed, then what ended last."""
    return await tx.every(
        State,
        """
        SELECT name, key, shop_id, phase, asked, answered, asked_at, started_at, ended_at, attempt, share, step,
               facts, error, as_of
          FROM kernel.job
         ORDER BY array_position(ARRAY['failed', 'running', 'waiting'], phase) NULLS LAST,
                  coalesce(ended_at, asked_at) DESC, name, key
         LIMIT %(limit)s
        """,
        limit=limit,
    )


async def result(tx: Tx, *, name: str, key: str) -> Stored | None:
    return await tx.first(
        Stored,
        """
        SELECT as_of, result FROM kernel.job
         WHERE name = %(name)s AND key = %(key)s AND as_of IS NOT NULL
        """,
        name=name,
        key=key,
    )


async def dead(tx: Tx) -> list[Dead]:
    return await tx.every(
        Dead,
        """
        SELECT name, key, shop_id, attempt, ended_at, coalesce(error, '{}') AS error
          FROM kernel.job WHERE phase = 'failed' ORDER BY ended_at, name, key
        """,
    )


@dataclass(frozen=True, slots=True)
class Counted:
    phase: str
    jobs: int


async def counts(tx: Tx) -> list[Counted]:
    return await tx.every(
        Counted, "SELECT phase, count(*) AS jobs FROM kernel.job GROUP BY phase ORDER BY phase"
    )


async def look(tx: Tx, *, silent: float) -> Look:
    return await tx.one(
        Look,
        """
        SELECT EXISTS (SELECT FROM procrastinate.procrastinate_jobs
                        WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())) AS due,
               EXISTS (SELECT FROM procrastinate.procrastinate_jobs AS job
                         LEFT JOIN procrastinate.procrastinate_workers AS worker ON worker.id = job.worker_id
                        WHERE job.status = 'doing'
                          AND (worker.id IS NULL
                               OR worker.last_heartbeat < now() - make_interval(secs => %(silent)s))) AS stalled
        """,
        silent=silent,
    )


async def stalled(tx: Tx, *, silent: float) -> list[Stalled]:
    return await tx.every(
        Stalled,
        """
        SELECT job.id, job.task_name AS name, job.args ->> 'key' AS key, job.attempts
          FROM procrastinate.procrastinate_jobs AS job
          LEFT JOIN procrastinate.procrastinate_workers AS worker ON worker.id = job.worker_id
         WHERE job.status = 'doing'
           AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(silent)s))
         ORDER BY job.id
        """,
        silent=silent,
    )


async def is_still_stalled(tx: Tx, *, job_id: int, silent: float) -> bool:
    """Asked again under the lock: another process may have seen to it."""
    found = await tx.value(
        """
        SELECT job.id
          FROM procrastinate.procrastinate_jobs AS job
         WHERE job.id = %(job_id)s AND job.status = 'doing'
           AND NOT EXISTS (SELECT FROM procrastinate.procrastinate_workers AS worker
                            WHERE worker.id = job.worker_id
                              AND worker.last_heartbeat >= now() - make_interval(secs => %(silent)s))
           FOR UPDATE OF job SKIP LOCKED
        """,
        job_id=job_id,
        silent=silent,
    )
    return found is not None


async def back_in_the_queue(tx: Tx, *, job_id: int) -> None:
    await tx.value(
        "SELECT procrastinate.procrastinate_retry_job_v2(%(job_id)s, now(), NULL, NULL, NULL)", job_id=job_id
    )


async def out_of_the_queue(tx: Tx, *, job_id: int, keep: bool) -> None:
    await tx.value(
        "SELECT procrastinate.procrastinate_finish_job_v1(%(job_id)s, 'failed', %(drop)s)",
        job_id=job_id,
        drop=not keep,
    )


async def held(tx: Tx, *, worker_id: int) -> list[int]:
    """What a worker has taken and not given back."""
    rows = await tx.every(
        _Id,
        """
        SELECT id FROM procrastinate.procrastinate_jobs
         WHERE worker_id = %(worker_id)s AND status = 'doing' ORDER BY id
        """,
        worker_id=worker_id,
    )
    return [row.id for row in rows]


@dataclass(frozen=True, slots=True)
class _Id:
    id: int


async def clock(tx: Tx) -> datetime:
    return await tx.value("SELECT now()")


async def strike(tx: Tx, *, name: str, every: float) -> bool:
    """Whether it is time: once every so many seconds, whichever process asks, by the clock of the database.

    A time that lies ahead comes from a clock that was wrong and has been put right.
    """
    await tx.run(
        "INSERT INTO kernel.job_clock (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING", name=name
    )
    return bool(
        await tx.run(
            """
            UPDATE kernel.job_clock SET struck_at = now()
             WHERE name = %(name)s
               AND (struck_at <= now() - make_interval(secs => %(every)s)
                    OR struck_at > now() + interval '1 minute')
            """,
            name=name,
            every=every,
        )
    )


async def is_time(tx: Tx, *, name: str, every: float) -> bool:
    """`strike`, without writing."""
    return await tx.value(
        """
        SELECT NOT EXISTS (SELECT FROM kernel.job_clock
                            WHERE name = %(name)s AND struck_at > now() - make_interval(secs => %(every)s)
                              AND struck_at <= now() + interval '1 minute')
        """,
        name=name,
        every=every,
    )
