"""SQL of cards.  One function, one statement."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class CardRow:
    kind: str
    state: dict[str, Any]


async def put(tx: Tx, *, show_id: int, kind: str, subject: int, state: Mapping[str, Any]) -> None:
    await tx.run(
        """
        INSERT INTO live.card (show_id, kind, subject, state)
        VALUES (%(show_id)s, %(kind)s, %(subject)s, %(state)s)
        ON CONFLICT (show_id, kind) DO UPDATE SET subject = excluded.subject, state = excluded.state
        """,
        show_id=show_id,
        kind=kind,
        subject=subject,
        state=Jsonb(dict(state)),
    )


async def change(tx: Tx, *, show_id: int, kind: str, subject: int, state: Mapping[str, Any]) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE live.card SET state = %(state)s
             WHERE show_id = %(show_id)s AND kind = %(kind)s AND subject = %(subject)s
            """,
            show_id=show_id,
            kind=kind,
            subject=subject,
            state=Jsonb(dict(state)),
        )
    )


async def take(tx: Tx, *, show_id: int, kind: str, subject: int) -> bool:
    return bool(
        await tx.run(
            "DELETE FROM live.card WHERE show_id = %(show_id)s AND kind = %(kind)s AND subject = %(subject)s",
            show_id=show_id,
            kind=kind,
            subject=subject,
        )
    )


async def shown_in(tx: Tx, *, kind: str, subject: int) -> list[int]:
    cursor = await tx.connection.execute(
        "SELECT show_id FROM live.card WHERE kind = %(kind)s AND subject = %(subject)s ORDER BY show_id",
        {"kind": kind, "subject": subject},
    )
    return [row[0] for row in await cursor.fetchall()]


async def cards(tx: Tx, *, show_id: int) -> list[CardRow]:
    return await tx.every(
        CardRow, "SELECT kind, state FROM live.card WHERE show_id = %(show_id)s", show_id=show_id
    )
