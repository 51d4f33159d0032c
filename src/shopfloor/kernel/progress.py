"""How far in time a work that goes through a table bit by bit has come."""

from datetime import datetime

from shopfloor.kernel.database import Tx


async def reached(tx: Tx, work: str) -> datetime | None:
    return await tx.value("SELECT upto FROM kernel.progress WHERE work = %(work)s", work=work)


async def reach(tx: Tx, work: str, upto: datetime) -> None:
    await tx.run(
        """
        INSERT INTO kernel.progress (work, upto) VALUES (%(work)s, %(upto)s)
        ON CONFLICT (work) DO UPDATE SET upto = excluded.upto
        """,
        work=work,
        upto=upto,
    )
