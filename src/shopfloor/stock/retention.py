"""Holds that never became an order's, and how long they are kept."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx


async def first_hold(tx: Tx) -> datetime | None:
    return await tx.value("SELECT min(granted_at) FROM stock.hold")


async def lapsed_holds(tx: Tx, *, since: datetime, until: datetime) -> list[UUID]:
    """Granted in that time, and released or expired since."""
    cursor = await tx.connection.execute(
        """
        SELECT DISTINCT id FROM stock.hold
         WHERE granted_at >= %(since)s AND granted_at < %(until)s AND state IN ('released', 'expired') ORDER BY id
        """,
        {"since": since, "until": until},
    )
    return [row[0] for row in await cursor.fetchall()]


async def forget_holds(tx: Tx, *, ids: Sequence[UUID]) -> int:
    """Those of them that hold nothing in any of their parts.  Returns how many holds that were."""
    return await tx.value(
        """
        WITH gone AS (
            DELETE FROM stock.hold AS h
             WHERE h.id = ANY(%(ids)s::uuid[])
               AND NOT EXISTS (SELECT FROM stock.hold AS o
                                WHERE o.id = h.id AND o.state NOT IN ('released', 'expired'))
            RETURNING h.id
        )
        SELECT count(DISTINCT id) FROM gone
        """,
        ids=list(ids),
    )
