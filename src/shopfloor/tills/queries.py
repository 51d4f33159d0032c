"""SQL of registers, devices, assistants and shifts.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.tills.models import Assistant, Device, Register, Settings, Shift


async def insert_register(tx: Tx, *, shop_id: int, location_id: int, code: str, name: str) -> int | None:
    """None where another register has the code."""
    return await tx.value(
        """
        INSERT INTO tills.register (shop_id, location_id, code, name)
        VALUES (%(shop_id)s, %(location_id)s, %(code)s, %(name)s)
        ON CONFLICT (shop_id, code) DO NOTHING RETURNING id
        """,
        shop_id=shop_id,
        location_id=location_id,
        code=code,
        name=name,
    )


async def registers(tx: Tx, *, shop_id: int) -> list[Register]:
    return await tx.every(
        Register,
        """
        SELECT r.id, r.shop_id, r.location_id, l.name AS location, r.code, r.name, r.devices, r.shifts, r.last_z, r.closed_at
          FROM tills.register r JOIN stock.v_location l ON l.id = r.location_id
         WHERE r.shop_id = %(shop_id)s ORDER BY r.closed_at IS NOT NULL, r.id
        """,
        shop_id=shop_id,
    )


async def register(tx: Tx, *, shop_id: int, register_id: int) -> Register | None:
    return await tx.first(
        Register,
        """
        SELECT r.id, r.shop_id, r.location_id, l.name AS location, r.code, r.name, r.devices, r.shifts, r.last_z, r.closed_at
          FROM tills.register r JOIN stock.v_location l ON l.id = r.location_id
         WHERE r.shop_id = %(shop_id)s AND r.id = %(register_id)s
        """,
        shop_id=shop_id,
        register_id=register_id,
    )


async def lock_register(tx: Tx, *, register_id: int) -> tuple[int, int, str]:
    """Its count of shifts, its last Z and that one's hash; nobody else makes either meanwhile."""
    cursor = await tx.connection.execute(
        "SELECT shifts, last_z, last_hash FROM tills.register WHERE id = %(id)s FOR NO KEY UPDATE",
        {"id": register_id},
    )
    row = await cursor.fetchone()
    assert row is not None, "named by a key"
    return row[0], row[1], row[2]


async def insert_pairing(
    tx: Tx, *, shop_id: int, register_id: int, code_hash: bytes, expires_at: datetime, person_id: int
) -> None:
    """Also forgets codes that are over."""
    await tx.run("DELETE FROM tills.pairing WHERE expires_at < now()")
    await tx.run(
        """
        INSERT INTO tills.pairing (code_hash, shop_id, register_id, expires_at, person_id)
        VALUES (%(code_hash)s, %(shop_id)s, %(register_id)s, %(expires_at)s, %(person_id)s)
        """,
        code_hash=code_hash,
        shop_id=shop_id,
        register_id=register_id,
        expires_at=expires_at,
        person_id=person_id,
    )


async def use_pairing(tx: Tx, *, shop_id: int, code_hash: bytes, at: datetime) -> int | None:
    """The register of a code, which is used up."""
    return await tx.value(
        """
        DELETE FROM tills.pairing
         WHERE shop_id = %(shop_id)s AND code_hash = %(code_hash)s AND expires_at > %(at)s RETURNING register_id
        """,
        shop_id=shop_id,
        code_hash=code_hash,
        at=at,
    )


async def next_device(tx: Tx, *, register_id: int) -> int:
    return await tx.value(
        "UPDATE tills.register SET devices = devices + 1 WHERE id = %(id)s RETURNING devices", id=register_id
    )


async def insert_device(
    tx: Tx,
    *,
    device_id: UUID,
    shop_id: int,
    register_id: int,
    pool_id: int,
    name: str,
    series: str,
    secret_hash: bytes,
    last_hash: str,
) -> None:
    await tx.run(
        """
        INSERT INTO tills.device (id, shop_id, register_id, pool_id, name, series, secret_hash, last_hash)
        VALUES (%(id)s, %(shop_id)s, %(register_id)s, %(pool_id)s, %(name)s, %(series)s, %(secret_hash)s, %(last_hash)s)
        """,
        id=device_id,
        shop_id=shop_id,
        register_id=register_id,
        pool_id=pool_id,
        name=name,
        series=series,
        secret_hash=secret_hash,
        last_hash=last_hash,
    )


async def device_with(tx: Tx, *, shop_id: int, device_id: UUID, secret_hash: bytes) -> Device | None:
    return await tx.first(
        Device,
        """
        SELECT id, shop_id, register_id, pool_id, name, series, last_sequence, last_hash, last_number, skew_ms, paired_at,
               seen_at, locked_at
          FROM tills.device WHERE shop_id = %(shop_id)s AND id = %(id)s AND secret_hash = %(secret_hash)s
        """,
        shop_id=shop_id,
        id=device_id,
        secret_hash=secret_hash,
    )


async def device(tx: Tx, *, shop_id: int, device_id: UUID, lock: bool = False) -> Device | None:
    if lock:
        await tx.run(
            "SELECT FROM tills.device WHERE shop_id = %(shop_id)s AND id = %(id)s FOR NO KEY UPDATE",
            shop_id=shop_id,
            id=device_id,
        )
    return await tx.first(
        Device,
        """
        SELECT id, shop_id, register_id, pool_id, name, series, last_sequence, last_hash, last_number, skew_ms, paired_at,
               seen_at, locked_at
          FROM tills.device WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        id=device_id,
    )


async def devices(tx: Tx, *, shop_id: int, register_id: int | None = None) -> list[Device]:
    return await tx.every(
        Device,
        """
        SELECT id, shop_id, register_id, pool_id, name, series, last_sequence, last_hash, last_number, skew_ms, paired_at,
               seen_at, locked_at
          FROM tills.device
         WHERE shop_id = %(shop_id)s AND (%(register_id)s::bigint IS NULL OR register_id = %(register_id)s)
         ORDER BY locked_at IS NOT NULL, paired_at, id
        """,
        shop_id=shop_id,
        register_id=register_id,
    )


async def note_seen(tx: Tx, *, device_id: UUID, at: datetime, skew_ms: int | None) -> None:
    await tx.run(
        "UPDATE tills.device SET seen_at = %(at)s, skew_ms = coalesce(%(skew)s::bigint, skew_ms) WHERE id = %(id)s",
        id=device_id,
        at=at,
        skew=skew_ms,
    )


async def move_on(tx: Tx, *, device_id: UUID, sequence: int, last_hash: str, number: int | None) -> None:
    """Its journal is here up to this fact."""
    await tx.run(
        """
        UPDATE tills.device
           SET last_sequence = %(sequence)s, last_hash = %(last_hash)s,
               last_number = greatest(last_number, coalesce(%(number)s::bigint, 0))
         WHERE id = %(id)s
        """,
        id=device_id,
        sequence=sequence,
        last_hash=last_hash,
        number=number,
    )


async def lock_out(tx: Tx, *, device_id: UUID, at: datetime, person_id: int) -> None:
    await tx.run(
        "UPDATE tills.device SET locked_at = %(at)s, person_id = %(person_id)s WHERE id = %(id)s",
        id=device_id,
        at=at,
        person_id=person_id,
    )


async def settings(tx: Tx, *, shop_id: int) -> Settings:
    found = await tx.first(
        Settings,
        """
        SELECT offline_cash_return, discount_percent, barcode_patterns, variant_id AS open_amount
          FROM tills.settings WHERE shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )
    return found or Settings()


async def save_settings(tx: Tx, *, shop_id: int, wanted: Settings) -> None:
    await tx.run(
        """
        INSERT INTO tills.settings (shop_id, offline_cash_return, discount_percent, barcode_patterns, variant_id)
        VALUES (%(shop_id)s, %(cash)s, %(percent)s, %(patterns)s, %(open_amount)s)
        ON CONFLICT (shop_id) DO UPDATE
           SET offline_cash_return = excluded.offline_cash_return, discount_percent = excluded.discount_percent,
               barcode_patterns = excluded.barcode_patterns,
               variant_id = coalesce(tills.settings.variant_id, excluded.variant_id)
        """,
        shop_id=shop_id,
        cash=wanted.offline_cash_return,
        percent=wanted.discount_percent,
        patterns=Jsonb(wanted.barcode_patterns),
        open_amount=wanted.open_amount,
    )


async def insert_assistant(
    tx: Tx,
    *,
    shop_id: int,
    name: str,
    rights: Sequence[str],
    is_manager: bool,
    salt: bytes,
    pin_hash: bytes,
    iterations: int,
) -> int:
    return await tx.value(
        """
        INSERT INTO tills.assistant (shop_id, name, rights, is_manager, pin_salt, pin_hash, iterations)
        VALUES (%(shop_id)s, %(name)s, %(rights)s, %(is_manager)s, %(salt)s, %(pin_hash)s, %(iterations)s) RETURNING id
        """,
        shop_id=shop_id,
        name=name,
        rights=list(rights),
        is_manager=is_manager,
        salt=salt,
        pin_hash=pin_hash,
        iterations=iterations,
    )


async def update_assistant(
    tx: Tx, *, shop_id: int, assistant_id: int, name: str, rights: Sequence[str], is_manager: bool
) -> int:
    return await tx.run(
        """
        UPDATE tills.assistant SET name = %(name)s, rights = %(rights)s, is_manager = %(is_manager)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s AND left_at IS NULL
        """,
        shop_id=shop_id,
        id=assistant_id,
        name=name,
        rights=list(rights),
        is_manager=is_manager,
    )


async def set_pin(
    tx: Tx, *, shop_id: int, assistant_id: int, salt: bytes, pin_hash: bytes, iterations: int
) -> int:
    return await tx.run(
        """
        UPDATE tills.assistant SET pin_salt = %(salt)s, pin_hash = %(pin_hash)s, iterations = %(iterations)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s AND left_at IS NULL
        """,
        shop_id=shop_id,
        id=assistant_id,
        salt=salt,
        pin_hash=pin_hash,
        iterations=iterations,
    )


async def end_assistant(tx: Tx, *, shop_id: int, assistant_id: int, at: datetime) -> int:
    return await tx.run(
        """
        UPDATE tills.assistant SET left_at = coalesce(left_at, %(at)s) WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        id=assistant_id,
        at=at,
    )


async def assistants(tx: Tx, *, shop_id: int, gone: bool = False) -> list[Assistant]:
    return await tx.every(
        Assistant,
        """
        SELECT id, shop_id, name, rights, is_manager, pin_salt, pin_hash, iterations, left_at
          FROM tills.assistant WHERE shop_id = %(shop_id)s AND (left_at IS NULL OR %(gone)s) ORDER BY name, id
        """,
        shop_id=shop_id,
        gone=gone,
    )


# ── shifts ────────────────────────────────────────────────────────────────────────────────────────────────


async def shift(tx: Tx, *, shift_id: UUID) -> Shift | None:
    return await tx.first(
        Shift,
        """
        SELECT id, shop_id, register_id, number, assistant_id, opened_at, float_minor, closed_at, counted_minor, z_number,
               z, z_previous, z_hash, late
          FROM tills.shift WHERE id = %(id)s
        """,
        id=shift_id,
    )


async def open_shifts(tx: Tx, *, register_id: int) -> list[Shift]:
    """The newest first."""
    return await tx.every(
        Shift,
        """
        SELECT id, shop_id, register_id, number, assistant_id, opened_at, float_minor, closed_at, counted_minor, z_number,
               z, z_previous, z_hash, late
          FROM tills.shift WHERE register_id = %(register_id)s AND closed_at IS NULL ORDER BY number DESC
        """,
        register_id=register_id,
    )


async def insert_shift(tx: Tx, *, shift_id: UUID, shop_id: int, register_id: int, number: int) -> None:
    await tx.run(
        "UPDATE tills.register SET shifts = %(number)s WHERE id = %(id)s", id=register_id, number=number
    )
    await tx.run(
        """
        INSERT INTO tills.shift (id, shop_id, register_id, number)
        VALUES (%(id)s, %(shop_id)s, %(register_id)s, %(number)s)
        """,
        id=shift_id,
        shop_id=shop_id,
        register_id=register_id,
        number=number,
    )


async def note_opened(
    tx: Tx, *, shift_id: UUID, assistant_id: int | None, at: datetime, float_minor: int
) -> int:
    """Once: the first word counts."""
    return await tx.run(
        """
        UPDATE tills.shift SET opened_at = %(at)s, assistant_id = %(assistant_id)s, float_minor = %(float_minor)s
         WHERE id = %(id)s AND opened_at IS NULL
        """,
        id=shift_id,
        at=at,
        assistant_id=assistant_id,
        float_minor=float_minor,
    )


async def note_closed(
    tx: Tx,
    *,
    shift: Shift,
    at: datetime,
    counted_minor: int | None,
    z_number: int,
    z: dict[str, Any],
    z_previous: str,
    z_hash: str,
) -> None:
    await tx.run(
        """
        UPDATE tills.shift
           SET closed_at = %(at)s, counted_minor = %(counted)s, z_number = %(z_number)s, z = %(z)s,
               z_previous = %(z_previous)s, z_hash = %(z_hash)s
         WHERE id = %(id)s
        """,
        id=shift.id,
        at=at,
        counted=counted_minor,
        z_number=z_number,
        z=Jsonb(z),
        z_previous=z_previous,
        z_hash=z_hash,
    )
    await tx.run(
        "UPDATE tills.register SET last_z = %(z_number)s, last_hash = %(z_hash)s WHERE id = %(id)s",
        id=shift.register_id,
        z_number=z_number,
        z_hash=z_hash,
    )


async def count_late(tx: Tx, *, shift_id: UUID) -> None:
    await tx.run("UPDATE tills.shift SET late = late + 1 WHERE id = %(id)s", id=shift_id)
