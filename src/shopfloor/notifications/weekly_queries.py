"""SQL of the mail about a shop's week.  One function, one statement."""

from datetime import date

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


async def take_week(tx: Tx, *, shop_id: int, week: date) -> bool:
    """False where somebody has told of it, or is about to: this waits for that one's end."""
    return (
        await tx.run(
            """
            INSERT INTO notifications.weekly (shop_id, week, readers) VALUES (%(shop_id)s, %(week)s, 0)
            ON CONFLICT (shop_id, week) DO NOTHING
            """,
            shop_id=shop_id,
            week=week,
        )
        == 1
    )


async def note_readers(tx: Tx, *, shop_id: int, week: date, readers: int) -> None:
    await tx.run(
        "UPDATE notifications.weekly SET readers = %(readers)s WHERE shop_id = %(shop_id)s AND week = %(week)s",
        shop_id=shop_id,
        week=week,
        readers=readers,
    )


@dataclass(frozen=True, slots=True)
class _Shop:
    shop_id: int


async def told_of(tx: Tx, *, week: date) -> set[int]:
    rows = await tx.every(_Shop, "SELECT shop_id FROM notifications.weekly WHERE week = %(week)s", week=week)
    return {row.shop_id for row in rows}


@dataclass(frozen=True, slots=True)
class _Person:
    person_id: int


async def off(tx: Tx, *, shop_id: int) -> set[int]:
    """Members who want none."""
    rows = await tx.every(
        _Person,
        "SELECT person_id FROM notifications.weekly_off WHERE shop_id = %(shop_id)s",
        shop_id=shop_id,
    )
    return {row.person_id for row in rows}


async def off_of(tx: Tx, *, person_id: int) -> set[int]:
    """Shops of which this person wants none."""
    rows = await tx.every(
        _Shop,
        "SELECT shop_id FROM notifications.weekly_off WHERE person_id = %(person_id)s",
        person_id=person_id,
    )
    return {row.shop_id for row in rows}


async def turn_off(tx: Tx, *, shop_id: int, person_id: int) -> None:
    await tx.run(
        """
        INSERT INTO notifications.weekly_off (shop_id, person_id) VALUES (%(shop_id)s, %(person_id)s)
        ON CONFLICT (shop_id, person_id) DO NOTHING
        """,
        shop_id=shop_id,
        person_id=person_id,
    )


async def turn_on(tx: Tx, *, shop_id: int, person_id: int) -> None:
    await tx.run(
        "DELETE FROM notifications.weekly_off WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )
