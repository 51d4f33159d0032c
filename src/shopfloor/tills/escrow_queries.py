"""SQL of units that are set apart for devices and baskets.  One function, one statement."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx


async def save_escrow(tx: Tx, *, shop_id: int, device_id: UUID, variant_id: int, quantity: int) -> None:
    """0: none."""
    await tx.run(
        "DELETE FROM tills.escrow WHERE device_id = %(device_id)s AND variant_id = %(variant_id)s",
        device_id=device_id,
        variant_id=variant_id,
    )
    if quantity:
        await tx.run(
            """
            INSERT INTO tills.escrow (device_id, variant_id, shop_id, quantity)
            VALUES (%(device_id)s, %(variant_id)s, %(shop_id)s, %(quantity)s)
            """,
            device_id=device_id,
            variant_id=variant_id,
            shop_id=shop_id,
            quantity=quantity,
        )


async def escrow(tx: Tx, *, device_id: UUID) -> dict[int, int]:
    cursor = await tx.connection.execute(
        "SELECT variant_id, quantity FROM tills.escrow WHERE device_id = %(id)s ORDER BY variant_id",
        {"id": device_id},
    )
    return dict(await cursor.fetchall())


async def drop_escrow(tx: Tx, *, device_id: UUID) -> None:
    await tx.run("DELETE FROM tills.escrow WHERE device_id = %(id)s", id=device_id)


async def insert_basket(
    tx: Tx, *, shop_id: int, device_id: UUID, basket_id: UUID, units: Mapping[int, int], until: datetime
) -> None:
    await tx.run(
        """
        INSERT INTO tills.basket (id, shop_id, device_id, lines, expires_at)
        VALUES (%(id)s, %(shop_id)s, %(device_id)s, %(lines)s, %(until)s)
        """,
        id=basket_id,
        shop_id=shop_id,
        device_id=device_id,
        lines=Jsonb({str(variant_id): quantity for variant_id, quantity in units.items()}),
        until=until,
    )


async def basket(tx: Tx, *, shop_id: int, device_id: UUID, basket_id: UUID) -> dict[int, int] | None:
    """What it keeps; nothing where it is another device's, None where there is none."""
    lines = await tx.value(
        """
        SELECT CASE WHEN shop_id = %(shop_id)s AND device_id = %(device_id)s THEN lines ELSE '{}' END
          FROM tills.basket WHERE id = %(id)s
        """,
        shop_id=shop_id,
        device_id=device_id,
        id=basket_id,
    )
    return None if lines is None else _units(lines)


def _units(lines: Mapping[str, int]) -> dict[int, int]:
    return {int(variant_id): quantity for variant_id, quantity in lines.items()}


async def extend_basket(tx: Tx, *, basket_id: UUID, until: datetime) -> None:
    await tx.run(
        "UPDATE tills.basket SET expires_at = %(until)s WHERE id = %(id)s", id=basket_id, until=until
    )


async def in_baskets(tx: Tx, *, device_id: UUID) -> dict[int, int]:
    """Units that its baskets keep, by variant."""
    cursor = await tx.connection.execute(
        "SELECT lines FROM tills.basket WHERE device_id = %(id)s", {"id": device_id}
    )
    found: dict[int, int] = {}
    for (lines,) in await cursor.fetchall():
        for variant_id, quantity in _units(lines).items():
            found[variant_id] = found.get(variant_id, 0) + quantity
    return found


async def drop_basket(tx: Tx, *, device_id: UUID, basket_id: UUID) -> dict[int, int]:
    """What it kept; nothing where there is none."""
    lines = await tx.value(
        "DELETE FROM tills.basket WHERE device_id = %(device_id)s AND id = %(id)s RETURNING lines",
        device_id=device_id,
        id=basket_id,
    )
    return _units(lines or {})


async def drop_baskets(tx: Tx, *, device_id: UUID) -> None:
    await tx.run("DELETE FROM tills.basket WHERE device_id = %(id)s", id=device_id)


async def lapsed(tx: Tx, *, at: datetime, limit: int) -> list[tuple[int, UUID, UUID]]:
    """(shop, device, basket), in the order in which devices are locked."""
    cursor = await tx.connection.execute(
        """
        SELECT shop_id, device_id, id FROM tills.basket WHERE expires_at <= %(at)s
         ORDER BY device_id, id LIMIT %(limit)s
        """,
        {"at": at, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]
