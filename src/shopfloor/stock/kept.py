"""SQL of units that are kept unpaid until some time after a show (`Request.keep_until`).  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from shopfloor.kernel.database import Tx

HOLDS_OF_A_TIMER: Final = 500


async def move(tx: Tx, *, pool_id: int, was: datetime, until: datetime) -> int:
    """What is held in this pool until exactly `was` is held until another time.  Returns how many holds.

    What has lapsed stays lapsed; what is paid for just now keeps the time that it was given for that.
    """
    return await tx.value(
        """
        WITH found AS MATERIALIZED (
            SELECT DISTINCT id FROM stock.hold
             WHERE pool_id = %(pool_id)s AND limited AND state = 'held' AND expires_at = %(was)s
               AND expires_at > clock_timestamp()
        ), moved AS (
            UPDATE stock.hold SET expires_at = %(until)s
             WHERE id IN (SELECT id FROM found) AND state = 'held' AND expires_at = %(was)s
            RETURNING id
        ), numbered AS (
            SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(most)s AS bunch FROM (SELECT DISTINCT id FROM moved) AS m
        ), timed AS (
            INSERT INTO stock.timer (due_at, hold_ids)
            SELECT %(until)s, array_agg(id) FROM numbered GROUP BY bunch
        )
        SELECT count(*) FROM numbered
        """,
        pool_id=pool_id,
        was=was,
        until=until,
        most=HOLDS_OF_A_TIMER,
    )


async def give(tx: Tx, *, hold_ids: Sequence[UUID], buyer: UUID) -> None:
    """These holds are another browser's of the same person from now on; where they are held still."""
    await tx.run(
        """
        UPDATE stock.hold SET buyer = %(buyer)s
         WHERE id = ANY(%(ids)s::uuid[]) AND state = 'held'
        """,
        ids=sorted(hold_ids),
        buyer=buyer,
    )
