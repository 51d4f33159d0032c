"""SQL of sites that may frame a room, and of the ways out of those frames.  One function, one statement."""

from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx


async def lock(tx: Tx, *, shop_id: int) -> None:
    """Until the end of the transaction nobody else changes the sites of this shop."""
    await tx.run(
        "SELECT pg_advisory_xact_lock(hashtextextended('embeds.site', %(shop_id)s))", shop_id=shop_id
    )


async def sites(tx: Tx, *, shop_id: int) -> list[str]:
    cursor = await tx.connection.execute(
        "SELECT origin FROM embeds.site WHERE shop_id = %(shop_id)s ORDER BY created_at, origin",
        {"shop_id": shop_id},
    )
    return [origin for (origin,) in await cursor.fetchall()]


async def insert_site(tx: Tx, *, shop_id: int, origin: str) -> None:
    await tx.run(
        "INSERT INTO embeds.site (shop_id, origin) VALUES (%(shop_id)s, %(origin)s)",
        shop_id=shop_id,
        origin=origin,
    )


async def delete_site(tx: Tx, *, shop_id: int, origin: str) -> bool:
    """False when there was none."""
    deleted = await tx.run(
        "DELETE FROM embeds.site WHERE shop_id = %(shop_id)s AND origin = %(origin)s",
        shop_id=shop_id,
        origin=origin,
    )
    return deleted == 1


async def insert_framed(tx: Tx, *, shop_id: int, framed: UUID, opened_by: UUID, until: datetime) -> None:
    await tx.run(
        """
        INSERT INTO embeds.framed (shop_id, framed, opened_by, until)
        VALUES (%(shop_id)s, %(framed)s, %(opened_by)s, %(until)s)
        ON CONFLICT (shop_id, framed, opened_by) DO UPDATE SET until = excluded.until
        """,
        shop_id=shop_id,
        framed=framed,
        opened_by=opened_by,
        until=until,
    )


async def openers(tx: Tx, *, shop_id: int, framed: UUID) -> list[UUID]:
    """Who pays for what this shopper of a frame reserved, the latest first."""
    cursor = await tx.connection.execute(
        """
        SELECT opened_by FROM embeds.framed
         WHERE shop_id = %(shop_id)s AND framed = %(framed)s AND until > now() ORDER BY until DESC LIMIT 20
        """,
        {"shop_id": shop_id, "framed": framed},
    )
    return [opener for (opener,) in await cursor.fetchall()]


async def opened(tx: Tx, *, shop_id: int, opened_by: UUID) -> list[UUID]:
    """Who this shopper was in frames, the latest first."""
    cursor = await tx.connection.execute(
        """
        SELECT framed FROM embeds.framed
         WHERE shop_id = %(shop_id)s AND opened_by = %(opened_by)s AND until > now() ORDER BY until DESC LIMIT 20
        """,
        {"shop_id": shop_id, "opened_by": opened_by},
    )
    return [framed for (framed,) in await cursor.fetchall()]


async def delete_framed(tx: Tx) -> None:
    """Ways out of a frame that were over a month ago."""
    await tx.run("DELETE FROM embeds.framed WHERE until < now() - interval '30 days'")
