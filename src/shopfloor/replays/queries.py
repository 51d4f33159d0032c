"""SQL of replays.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.replays.models import Clip


async def hide(tx: Tx, *, shop_id: int, show_id: int, by: int | None) -> int:
    """Insert, unless it is there: then 0."""
    return await tx.run(
        """
        INSERT INTO replays.hidden (show_id, shop_id, by_person) VALUES (%(show_id)s, %(shop_id)s, %(by)s)
        ON CONFLICT (show_id) DO NOTHING
        """,
        shop_id=shop_id,
        show_id=show_id,
        by=by,
    )


async def unhide(tx: Tx, *, shop_id: int, show_id: int) -> int:
    return await tx.run(
        "DELETE FROM replays.hidden WHERE show_id = %(show_id)s AND shop_id = %(shop_id)s",
        shop_id=shop_id,
        show_id=show_id,
    )


async def hidden_since(tx: Tx, *, show_id: int) -> datetime | None:
    return await tx.value(
        "SELECT (SELECT hidden_at FROM replays.hidden WHERE show_id = %(show_id)s)", show_id=show_id
    )


async def hidden_of(tx: Tx, *, show_ids: Sequence[int]) -> list[int]:
    return await tx.value(
        "SELECT coalesce(array_agg(show_id), '{}') FROM replays.hidden WHERE show_id = ANY (%(show_ids)s)",
        show_ids=list(show_ids),
    )


async def hidden_in(tx: Tx, *, shop_id: int) -> list[int]:
    return await tx.value(
        "SELECT coalesce(array_agg(show_id), '{}') FROM replays.hidden WHERE shop_id = %(shop_id)s",
        shop_id=shop_id,
    )


async def save_clip(tx: Tx, clip: Clip) -> None:
    """Insert, or let a film that was cut anew take the place of the one before."""
    await tx.run(
        """
        INSERT INTO replays.clip (id, shop_id, show_id, channel_id, offer_id, product_id, began_video, milliseconds, size,
                                  sha256, has_picture)
        VALUES (%(id)s, %(shop_id)s, %(show_id)s, %(channel_id)s, %(offer_id)s, %(product_id)s, %(began_video)s,
                %(milliseconds)s, %(size)s, %(sha256)s, %(has_picture)s)
        ON CONFLICT (id) DO UPDATE
           SET began_video = excluded.began_video, milliseconds = excluded.milliseconds, size = excluded.size,
               sha256 = excluded.sha256, has_picture = excluded.has_picture
        """,
        id=clip.id,
        shop_id=clip.shop_id,
        show_id=clip.show_id,
        channel_id=clip.channel_id,
        offer_id=clip.offer_id,
        product_id=clip.product_id,
        began_video=clip.began_video,
        milliseconds=clip.milliseconds,
        size=clip.size,
        sha256=clip.sha256,
        has_picture=clip.has_picture,
    )


async def clips(tx: Tx, *, shop_id: int, show_id: int) -> list[Clip]:
    return await tx.every(
        Clip,
        """
        SELECT id, shop_id, show_id, channel_id, offer_id, product_id, began_video, milliseconds, size, sha256,
               has_picture
          FROM replays.clip WHERE show_id = %(show_id)s AND shop_id = %(shop_id)s ORDER BY began_video, id
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def newest_clip(tx: Tx, *, shop_id: int, product_id: int) -> Clip | None:
    return await tx.first(
        Clip,
        """
        SELECT id, shop_id, show_id, channel_id, offer_id, product_id, began_video, milliseconds, size, sha256,
               has_picture
          FROM replays.clip
         WHERE shop_id = %(shop_id)s AND product_id = %(product_id)s
           AND NOT EXISTS (SELECT FROM replays.hidden WHERE hidden.show_id = clip.show_id)
         ORDER BY began_video DESC, id DESC LIMIT 1
        """,
        shop_id=shop_id,
        product_id=product_id,
    )
