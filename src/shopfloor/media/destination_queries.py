"""SQL of destinations.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.kernel.database import Tx
from shopfloor.media.models import Destination


async def insert(
    tx: Tx, *, shop_id: int, channel_id: int, name: str, url: str, sealed_key: bytes, code: str
) -> int:
    return await tx.value(
        """
        INSERT INTO media.destination (shop_id, channel_id, name, url, sealed_key, code)
        VALUES (%(shop_id)s, %(channel_id)s, %(name)s, %(url)s, %(sealed_key)s, %(code)s)
        RETURNING id
        """,
        shop_id=shop_id,
        channel_id=channel_id,
        name=name,
        url=url,
        sealed_key=sealed_key,
        code=code,
    )


async def of_shop(tx: Tx, *, shop_id: int) -> list[Destination]:
    return await tx.every(
        Destination,
        """
        SELECT id, shop_id, channel_id, name, url, sealed_key, code, is_on, version, state, why, dropped, state_at
          FROM media.destination WHERE shop_id = %(shop_id)s ORDER BY id
        """,
        shop_id=shop_id,
    )


async def in_use(tx: Tx, *, channel_ids: Sequence[int]) -> list[Destination]:
    """Those of these channels that are switched on."""
    return await tx.every(
        Destination,
        """
        SELECT id, shop_id, channel_id, name, url, sealed_key, code, is_on, version, state, why, dropped, state_at
          FROM media.destination WHERE channel_id = ANY (%(channel_ids)s) AND is_on ORDER BY id
        """,
        channel_ids=list(channel_ids),
    )


async def lock_channel(tx: Tx, *, channel_id: int) -> None:
    """Of those who add to one channel at once, one is after the other."""
    await tx.value("SELECT id FROM media.channel WHERE id = %(channel_id)s FOR UPDATE", channel_id=channel_id)


async def count_of_channel(tx: Tx, *, channel_id: int) -> int:
    return await tx.value(
        "SELECT count(*) FROM media.destination WHERE channel_id = %(channel_id)s", channel_id=channel_id
    )


async def set_key(tx: Tx, *, shop_id: int, destination_id: int, sealed_key: bytes) -> int:
    return await tx.run(
        """
        UPDATE media.destination SET sealed_key = %(sealed_key)s, version = version + 1
         WHERE id = %(destination_id)s AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        destination_id=destination_id,
        sealed_key=sealed_key,
    )


async def switch(tx: Tx, *, shop_id: int, destination_id: int, is_on: bool) -> int:
    return await tx.run(
        """
        UPDATE media.destination SET is_on = %(is_on)s
         WHERE id = %(destination_id)s AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        destination_id=destination_id,
        is_on=is_on,
    )


async def remove(tx: Tx, *, shop_id: int, destination_id: int) -> int:
    return await tx.run(
        "DELETE FROM media.destination WHERE id = %(destination_id)s AND shop_id = %(shop_id)s",
        shop_id=shop_id,
        destination_id=destination_id,
    )


async def set_state(tx: Tx, *, destination_id: int, state: str, why: str, dropped: int) -> None:
    await tx.run(
        """
        UPDATE media.destination SET state = %(state)s, why = %(why)s, dropped = %(dropped)s, state_at = now()
         WHERE id = %(destination_id)s
        """,
        destination_id=destination_id,
        state=state,
        why=why,
        dropped=dropped,
    )
