"""SQL of the run of show: slots, what is featured, notices.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.run_of_show.models import FeaturedInterval, Slot


async def insert_slot(
    tx: Tx, *, show_id: int, offer_id: int | None, minutes: int, role: str, title: str, script: str
) -> Slot:
    """At the end of the run of show."""
    return await tx.one(
        Slot,
        """
        INSERT INTO live.slot (show_id, offer_id, position, minutes, role, title, script)
        SELECT %(show_id)s, %(offer_id)s, coalesce(max(position), 0) + 1, %(minutes)s, %(role)s, %(title)s, %(script)s
          FROM live.slot WHERE show_id = %(show_id)s
        RETURNING id, show_id, offer_id, position, minutes, role, title, script
        """,
        show_id=show_id,
        offer_id=offer_id,
        minutes=minutes,
        role=role,
        title=title,
        script=script,
    )


async def update_slot(tx: Tx, *, slot_id: int, minutes: int, role: str, title: str, script: str) -> None:
    await tx.run(
        """
        UPDATE live.slot SET minutes = %(minutes)s, role = %(role)s, title = %(title)s, script = %(script)s
         WHERE id = %(slot_id)s
        """,
        slot_id=slot_id,
        minutes=minutes,
        role=role,
        title=title,
        script=script,
    )


async def delete_slot(tx: Tx, *, slot_id: int) -> None:
    await tx.run("DELETE FROM live.slot WHERE id = %(slot_id)s", slot_id=slot_id)


async def place_slots(tx: Tx, *, places: Sequence[Mapping[str, object]]) -> None:
    await tx.many("UPDATE live.slot SET position = %(position)s WHERE id = %(slot_id)s", places)


async def slots(tx: Tx, *, show_id: int) -> list[Slot]:
    return await tx.every(
        Slot,
        """
        SELECT id, show_id, offer_id, position, minutes, role, title, script
          FROM live.slot WHERE show_id = %(show_id)s ORDER BY position
        """,
        show_id=show_id,
    )


async def open_featured_interval(
    tx: Tx, *, show_id: int, offer_id: int, at: datetime, video: int, by: int | None
) -> None:
    await tx.run(
        """
        INSERT INTO live.explained (show_id, offer_id, began_at, began_video, by_person)
        VALUES (%(show_id)s, %(offer_id)s, %(at)s, %(video)s, %(by)s)
        """,
        show_id=show_id,
        offer_id=offer_id,
        at=at,
        video=video,
        by=by,
    )


async def close_featured_interval(tx: Tx, *, show_id: int, at: datetime, video: int) -> int | None:
    """The offer that was featured, or None."""
    return await tx.value(
        """
        UPDATE live.explained
           SET ended_at = greatest(%(at)s, began_at), ended_video = greatest(%(video)s, began_video)
         WHERE show_id = %(show_id)s AND ended_at IS NULL
        RETURNING offer_id
        """,
        show_id=show_id,
        at=at,
        video=video,
    )


async def featured_intervals(tx: Tx, *, show_id: int) -> list[FeaturedInterval]:
    return await tx.every(
        FeaturedInterval,
        """
        SELECT id, show_id, offer_id, began_at, began_video, ended_at, ended_video
          FROM live.explained WHERE show_id = %(show_id)s ORDER BY began_at, id
        """,
        show_id=show_id,
    )


async def featured_now(tx: Tx, *, show_id: int) -> FeaturedInterval | None:
    return await tx.first(
        FeaturedInterval,
        """
        SELECT id, show_id, offer_id, began_at, began_video, ended_at, ended_video
          FROM live.explained WHERE show_id = %(show_id)s AND ended_at IS NULL
        """,
        show_id=show_id,
    )
