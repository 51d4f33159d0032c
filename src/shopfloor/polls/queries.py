"""SQL of polls.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.polls.models import Poll

_POLL: Final[LiteralString] = """
    SELECT p.id, p.shop_id, p.show_id, p.question, p.answers, p.counts, p.opened_at, p.closes_at, p.closed_at
      FROM polls.poll p
"""


async def insert(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    question: str,
    answers: Sequence[str],
    opened_at: datetime,
    closes_at: datetime,
    by: int | None,
) -> int:
    return await tx.value(
        """
        INSERT INTO polls.poll (shop_id, show_id, question, answers, counts, opened_at, closes_at, by_person)
        VALUES (%(shop_id)s, %(show_id)s, %(question)s, %(answers)s, array_fill(0, ARRAY[%(size)s::int]), %(opened_at)s,
                %(closes_at)s, %(by)s)
        RETURNING id
        """,
        shop_id=shop_id,
        show_id=show_id,
        question=question,
        answers=list(answers),
        size=len(answers),
        opened_at=opened_at,
        closes_at=closes_at,
        by=by,
    )


async def poll(tx: Tx, *, shop_id: int, poll_id: int) -> Poll | None:
    return await tx.first(
        Poll, _POLL + " WHERE p.shop_id = %(shop_id)s AND p.id = %(id)s", shop_id=shop_id, id=poll_id
    )


async def locked(tx: Tx, *, shop_id: int, poll_id: int) -> Poll | None:
    """Votes and the end of one poll come one after the other, whichever process takes them."""
    return await tx.first(
        Poll,
        _POLL + " WHERE p.shop_id = %(shop_id)s AND p.id = %(id)s FOR NO KEY UPDATE OF p",
        shop_id=shop_id,
        id=poll_id,
    )


async def of_show(tx: Tx, *, shop_id: int, show_id: int) -> list[Poll]:
    return await tx.every(
        Poll,
        _POLL + " WHERE p.shop_id = %(shop_id)s AND p.show_id = %(show_id)s ORDER BY p.id",
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Open:
    """`seconds` until its time is over, below zero where it is, or its show is."""

    shop_id: int
    poll_id: int
    seconds: float


async def running(tx: Tx) -> list[Open]:
    """Of all shops."""
    return await tx.every(
        Open,
        """
        SELECT p.shop_id, p.id AS poll_id,
               CASE WHEN s.status = 'live' THEN extract(epoch FROM p.closes_at - now())::float8 ELSE -1 END AS seconds
          FROM polls.poll p JOIN live.v_show s ON s.id = p.show_id
         WHERE p.closed_at IS NULL ORDER BY p.id
        """,
    )


async def said(tx: Tx, *, poll_id: int, shoppers: Sequence[UUID]) -> dict[UUID, int]:
    """The answers of those who have voted."""
    cursor = await tx.connection.execute(
        "SELECT shopper, answer FROM polls.vote WHERE poll_id = %(id)s AND shopper = ANY(%(shoppers)s::uuid[])",
        {"id": poll_id, "shoppers": list(shoppers)},
    )
    return dict(await cursor.fetchall())


async def insert_votes(
    tx: Tx, *, shop_id: int, poll_id: int, votes: Sequence[tuple[UUID, int]], counts: Sequence[int]
) -> None:
    """And what all of them come to now."""
    await tx.run(
        """
        WITH voted AS (
          INSERT INTO polls.vote (poll_id, shop_id, shopper, answer)
          SELECT %(id)s, %(shop_id)s, v.shopper, v.answer
            FROM unnest(%(shoppers)s::uuid[], %(chosen)s::smallint[]) AS v (shopper, answer))
        UPDATE polls.poll SET counts = %(counts)s::int[] WHERE id = %(id)s
        """,
        id=poll_id,
        shop_id=shop_id,
        shoppers=[shopper for shopper, _ in votes],
        chosen=[answer for _, answer in votes],
        counts=list(counts),
    )


async def set_closed(tx: Tx, *, poll_id: int, at: datetime) -> None:
    await tx.run("UPDATE polls.poll SET closed_at = %(at)s WHERE id = %(id)s", id=poll_id, at=at)
