"""SQL of questions.  One function, one statement."""

from datetime import datetime
from uuid import UUID

from shopfloor.analysis.models import Question
from shopfloor.kernel.database import Tx


async def insert(tx: Tx, *, question_id: UUID, shop_id: int, person_id: int, sql: str, days: int) -> bool:
    """False where this person has one open."""
    return (
        await tx.run(
            """
            INSERT INTO analysis.question (id, shop_id, person_id, sql, days)
            VALUES (%(id)s, %(shop_id)s, %(person_id)s, %(asked)s, %(days)s)
            ON CONFLICT (shop_id, person_id) WHERE state IN ('waiting', 'running') DO NOTHING
            """,
            id=question_id,
            shop_id=shop_id,
            person_id=person_id,
            asked=sql,
            days=days,
        )
        == 1
    )


async def question(tx: Tx, *, shop_id: int, question_id: UUID) -> Question | None:
    return await tx.first(
        Question,
        """
        SELECT id, shop_id, person_id, sql, days, state, problem, message, line, col, rows, truncated, events, asked_at,
               started_at, ended_at
          FROM analysis.question WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        id=question_id,
    )


async def questions(
    tx: Tx, *, shop_id: int, after: UUID | None, before: UUID | None, limit: int
) -> list[Question]:
    """The newest first; with `before`, the ones nearest to it first."""
    if before is not None:
        return await tx.every(
            Question,
            """
            SELECT q.id, q.shop_id, q.person_id, q.sql, q.days, q.state, q.problem, q.message, q.line, q.col, q.rows,
                   q.truncated, q.events, q.asked_at, q.started_at, q.ended_at
              FROM analysis.question q, analysis.question mark
             WHERE mark.shop_id = %(shop_id)s AND mark.id = %(before)s AND q.shop_id = %(shop_id)s
               AND (q.asked_at, q.id) > (mark.asked_at, mark.id)
             ORDER BY q.asked_at, q.id LIMIT %(limit)s
            """,
            shop_id=shop_id,
            before=before,
            limit=limit,
        )
    return await tx.every(
        Question,
        """
        SELECT q.id, q.shop_id, q.person_id, q.sql, q.days, q.state, q.problem, q.message, q.line, q.col, q.rows,
               q.truncated, q.events, q.asked_at, q.started_at, q.ended_at
          FROM analysis.question q
          LEFT JOIN analysis.question mark ON mark.shop_id = %(shop_id)s AND mark.id = %(after)s
         WHERE q.shop_id = %(shop_id)s
           AND (%(after)s::uuid IS NULL OR (q.asked_at, q.id) < (mark.asked_at, mark.id))
         ORDER BY q.asked_at DESC, q.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        limit=limit,
    )


async def next_waiting(tx: Tx, *, shop_id: int) -> Question | None:
    """The one that waits longest, which runs from now on."""
    return await tx.first(
        Question,
        """
        UPDATE analysis.question SET state = 'running', started_at = now()
         WHERE id = (SELECT id FROM analysis.question WHERE shop_id = %(shop_id)s AND state = 'waiting'
                      ORDER BY asked_at, id LIMIT 1)
           AND state = 'waiting'
        RETURNING id, shop_id, person_id, sql, days, state, problem, message, line, col, rows, truncated, events, asked_at,
                  started_at, ended_at
        """,
        shop_id=shop_id,
    )


async def is_running(tx: Tx, *, question_id: UUID) -> bool:
    return bool(
        await tx.value(
            "SELECT EXISTS (SELECT FROM analysis.question WHERE id = %(id)s AND state = 'running')",
            id=question_id,
        )
    )


async def any_waits(tx: Tx, *, shop_id: int) -> bool:
    return bool(
        await tx.value(
            "SELECT EXISTS (SELECT FROM analysis.question WHERE shop_id = %(shop_id)s AND state = 'waiting')",
            shop_id=shop_id,
        )
    )


async def wait_again(tx: Tx, *, shop_id: int) -> int:
    """Those that a worker had begun which is gone."""
    return await tx.run(
        """
        UPDATE analysis.question SET state = 'waiting', started_at = NULL
         WHERE shop_id = %(shop_id)s AND state = 'running'
        """,
        shop_id=shop_id,
    )


async def finish(
    tx: Tx,
    *,
    question_id: UUID,
    state: str,
    problem: str = "",
    message: str = "",
    line: int = 0,
    col: int = 0,
    rows: int = 0,
    truncated: bool = False,
    events: int = 0,
) -> bool:
    """False where it was cancelled meanwhile."""
    return (
        await tx.run(
            """
            UPDATE analysis.question
               SET state = %(state)s, problem = %(problem)s, message = %(message)s, line = %(line)s, col = %(col)s,
                   rows = %(rows)s, truncated = %(truncated)s, events = %(events)s, ended_at = now()
             WHERE id = %(id)s AND state = 'running'
            """,
            id=question_id,
            state=state,
            problem=problem,
            message=message,
            line=line,
            col=col,
            rows=rows,
            truncated=truncated,
            events=events,
        )
        == 1
    )


async def keep_answer(tx: Tx, *, question_id: UUID, shop_id: int, content: bytes, parquet: bytes) -> None:
    await tx.run(
        """
        INSERT INTO analysis.answer (question_id, shop_id, content, parquet)
        VALUES (%(question_id)s, %(shop_id)s, %(content)s, %(parquet)s)
        """,
        question_id=question_id,
        shop_id=shop_id,
        content=content,
        parquet=parquet,
    )


async def cancel(tx: Tx, *, shop_id: int, question_id: UUID) -> bool:
    return (
        await tx.run(
            """
            UPDATE analysis.question SET state = 'cancelled', ended_at = now()
             WHERE shop_id = %(shop_id)s AND id = %(id)s AND state IN ('waiting', 'running')
            """,
            shop_id=shop_id,
            id=question_id,
        )
        == 1
    )


async def content(tx: Tx, *, shop_id: int, question_id: UUID) -> bytes | None:
    return await tx.value(
        "SELECT content FROM analysis.answer WHERE shop_id = %(shop_id)s AND question_id = %(id)s",
        shop_id=shop_id,
        id=question_id,
    )


async def parquet(tx: Tx, *, shop_id: int, question_id: UUID) -> bytes | None:
    return await tx.value(
        "SELECT parquet FROM analysis.answer WHERE shop_id = %(shop_id)s AND question_id = %(id)s",
        shop_id=shop_id,
        id=question_id,
    )


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    return await tx.run(
        """
        DELETE FROM analysis.answer WHERE question_id IN (
          SELECT question_id FROM analysis.answer WHERE made_at < %(before)s ORDER BY made_at LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )
