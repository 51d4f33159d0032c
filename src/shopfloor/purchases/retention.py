"""How long a purchase is remembered, and why none is bought twice after it was forgotten.

An id of version 7 says when it was made: older than `WINDOW` it is refused, whether it is known or not.  Other ids
say nothing, or something that cannot be true; when such a purchase is forgotten, its id alone is kept.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import made_at

WINDOW: Final = timedelta(days=30)
# Clocks of telephones are wrong by minutes, seldom by hours.
_AHEAD: Final = timedelta(days=1)

_WINDOW_MS: Final = int(WINDOW.total_seconds() * 1000)
_AHEAD_MS: Final = int(_AHEAD.total_seconds() * 1000)


class Age(Enum):
    YOUNG = "young"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


def age(id: UUID, at: float) -> Age:  # noqa: A002 -- what it is called
    """At that time, in seconds since 1970.  On the hot path: a few integers."""
    number = id.int
    if number >> 76 & 0xF != 7 or number >> 62 & 0b11 != 0b10:
        return Age.UNKNOWN
    older_by = int(at * 1000) - (number >> 80)
    if older_by > _WINDOW_MS:
        return Age.EXPIRED
    return Age.YOUNG if older_by >= -_AHEAD_MS else Age.UNKNOWN


async def is_spent(tx: Tx, *, id: UUID) -> bool:  # noqa: A002 -- the column's name
    return await tx.value("SELECT EXISTS (SELECT FROM purchases.spent WHERE id = %(id)s)", id=id)


async def mark_spent(tx: Tx, *, ids: Sequence[UUID], at: datetime) -> None:
    """Before they are forgotten: those that would still be taken for new ones at that time."""
    taken = [each for each in ids if (made_on := made_at(each)) is None or at - made_on <= WINDOW]
    await tx.run(
        """
        INSERT INTO purchases.spent (id, at) SELECT id, %(at)s FROM unnest(%(ids)s::uuid[]) AS i (id)
        ON CONFLICT DO NOTHING
        """,
        ids=taken,
        at=at,
    )


async def first_intent(tx: Tx) -> datetime | None:
    return await tx.value("SELECT min(created_at) FROM purchases.intent")


async def intents(tx: Tx, *, since: datetime, until: datetime) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT id FROM purchases.intent WHERE created_at >= %(since)s AND created_at < %(until)s ORDER BY id
        """,
        {"since": since, "until": until},
    )
    return [row[0] for row in await cursor.fetchall()]


async def forget_intents(tx: Tx, *, ids: Sequence[UUID]) -> int:
    return await tx.run("DELETE FROM purchases.intent WHERE id = ANY(%(ids)s::uuid[])", ids=list(ids))
