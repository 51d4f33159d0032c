"""Registers, the devices that are paired with them, and the units that are set apart for those."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from shopfloor import catalog, inventory
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.tokens import hash_token, new_token
from shopfloor.kernel.values import new_id, now
from shopfloor.tills import escrow_queries, queries
from shopfloor.tills.events import DeviceLockedOut
from shopfloor.tills.models import (
    FIRST_HASH,
    PAIRING_MINUTES,
    BadCode,
    BadPattern,
    BadRegister,
    CodeTaken,
    Device,
    NotSetApart,
    Register,
    Settings,
    UnknownDevice,
    UnknownRegister,
    UnknownStore,
)

# Without signs that are taken for others.
_SIGNS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_CODE: Final = re.compile(r"[A-Z0-9]{1,4}")
OPEN_AMOUNT: Final = "Open amount"


async def add_register(tx: Tx, *, shop_id: int, location_id: int, code: str, name: str) -> Register:
    """Raises BadRegister, CodeTaken, UnknownStore, UnusableText.

    With the first one the shop has a product, a draft, under which amounts without goods are booked.
    """
    code = text.narrow(code).strip().upper()
    name = text.name(name, field="name", longest=60)
    if _CODE.fullmatch(code) is None:
        raise BadRegister(field="code")
    if location_id not in {each.id for each in await inventory.locations(tx, shop_id=shop_id)}:
        raise UnknownStore(location_id=location_id)
    register_id = await queries.insert_register(
        tx, shop_id=shop_id, location_id=location_id, code=code, name=name
    )
    if register_id is None:
        raise CodeTaken(code_taken=code)
    await open_amount(tx, shop_id=shop_id)
    return await register(tx, shop_id=shop_id, register_id=register_id)


async def open_amount(tx: Tx, *, shop_id: int) -> int:
    """The variant under which amounts without goods are booked, made when there is none."""
    known = await queries.settings(tx, shop_id=shop_id)
    if known.open_amount is not None:
        return known.open_amount
    product = await catalog.create_product(
        tx,
        shop_id=shop_id,
        title=OPEN_AMOUNT,
        handle=f"open-amount-{secrets.token_hex(3)}",
    )
    variant = await catalog.add_variant(
        tx, shop_id=shop_id, product_id=product.id, variant=catalog.NewVariant(price_minor=0)
    )
    await queries.save_settings(tx, shop_id=shop_id, wanted=replace(known, open_amount=variant.id))
    return variant.id


async def register(tx: Tx, *, shop_id: int, register_id: int) -> Register:
    """Raises UnknownRegister."""
    found = await queries.register(tx, shop_id=shop_id, register_id=register_id)
    if found is None:
        raise UnknownRegister
    return found


async def new_code(tx: Tx, *, shop_id: int, register_id: int, person_id: int) -> str:
    """A code with which one device is paired within ten minutes.  Raises UnknownRegister."""
    await register(tx, shop_id=shop_id, register_id=register_id)
    code = "".join(secrets.choice(_SIGNS) for _ in range(8))
    await queries.insert_pairing(
        tx,
        shop_id=shop_id,
        register_id=register_id,
        code_hash=_code_hash(shop_id, code),
        expires_at=now() + timedelta(minutes=PAIRING_MINUTES),
        person_id=person_id,
    )
    return code


def _code_hash(shop_id: int, code: str) -> bytes:
    return hash_token(f"{shop_id}/{code}")


@dataclass(frozen=True, slots=True)
class Paired:
    """A device and its secret, which is shown once."""

    device: Device
    secret: str


async def pair(tx: Tx, *, shop_id: int, code: str, name: str) -> Paired:
    """Raises BadCode, UnusableText."""
    name = text.name(name, field="name", longest=60)
    plain = "".join(each for each in text.narrow(code).upper() if each in _SIGNS)
    register_id = await queries.use_pairing(
        tx, shop_id=shop_id, code_hash=_code_hash(shop_id, plain), at=now()
    )
    if register_id is None:
        raise BadCode
    found = await register(tx, shop_id=shop_id, register_id=register_id)
    series = f"{found.code}{await queries.next_device(tx, register_id=register_id)}"
    pool = await inventory.TillPool.open(
        tx, shop_id=shop_id, location_id=found.location_id, name=f"{found.name} {series}"
    )
    device_id, secret = new_id(), new_token()
    await queries.insert_device(
        tx,
        device_id=device_id,
        shop_id=shop_id,
        register_id=register_id,
        pool_id=pool.pool_id,
        name=name,
        series=series,
        secret_hash=hash_token(secret),
        last_hash=FIRST_HASH,
    )
    return Paired(await device(tx, shop_id=shop_id, device_id=device_id), secret)


async def device(tx: Tx, *, shop_id: int, device_id: UUID, lock: bool = False) -> Device:
    """Raises UnknownRegister."""
    found = await queries.device(tx, shop_id=shop_id, device_id=device_id, lock=lock)
    if found is None:
        raise UnknownRegister
    return found


async def known_device(tx: Tx, *, shop_id: int, device_id: UUID, secret: str) -> Device:
    """Also one that is locked out.  Raises UnknownDevice."""
    found = await queries.device_with(
        tx, shop_id=shop_id, device_id=device_id, secret_hash=hash_token(secret)
    )
    if found is None:
        raise UnknownDevice
    return found


async def lock_out(tx: Tx, *, shop_id: int, device_id: UUID, person_id: int) -> Device:
    """A device is lost: its key sells nothing any longer, and what was set apart for it is on sale again.  Twice is once.

    Raises UnknownRegister.
    """
    found = await device(tx, shop_id=shop_id, device_id=device_id, lock=True)
    if found.locked_at is not None:
        return found
    await escrow_queries.drop_baskets(tx, device_id=device_id)
    await escrow_queries.drop_escrow(tx, device_id=device_id)
    await inventory.close_pool(tx, shop_id=shop_id, pool_id=found.pool_id)
    await queries.lock_out(tx, device_id=device_id, at=now(), person_id=person_id)
    await outbox.record(tx, DeviceLockedOut(shop_id, found.register_id, device_id))
    return await device(tx, shop_id=shop_id, device_id=device_id)


async def settings(tx: Tx, *, shop_id: int) -> Settings:
    return await queries.settings(tx, shop_id=shop_id)


_PATTERN: Final = re.compile(r"(2[0-9]|02) ([3-6]) ([4-6]) (weight|price) ([0-4])")


async def save_settings(
    tx: Tx, *, shop_id: int, offline_cash_return: int, discount_percent: int, patterns: str
) -> None:
    """`patterns`: one a line, as `Settings.patterns_text` has them.  Raises BadPattern."""
    known = await queries.settings(tx, shop_id=shop_id)
    read: list[dict[str, Any]] = []
    for line in text.narrow(patterns).splitlines():
        pattern = " ".join(line.lower().split())
        if not pattern:
            continue
        found = _PATTERN.fullmatch(pattern)
        # A prefix, the item, the value and a check digit are the thirteen of an EAN.
        if found is None or int(found[2]) + int(found[3]) != 10:
            raise BadPattern(line=pattern[:40])
        read.append(
            {
                "prefix": found[1],
                "item_digits": int(found[2]),
                "value_digits": int(found[3]),
                "value": found[4],
                "decimals": int(found[5]),
            }
        )
    await queries.save_settings(
        tx,
        shop_id=shop_id,
        wanted=replace(
            known,
            offline_cash_return=offline_cash_return,
            discount_percent=discount_percent,
            barcode_patterns=read[:20],
        ),
    )


# ── units that are set apart ──────────────────────────────────────────────────────────────────────────────


async def set_escrow(tx: Tx, *, shop_id: int, device_id: UUID, variant_id: int, quantity: int) -> int:
    """So many units of a variant are kept for this device, also without a network; 0: none.  Returns how many there are.

    Units beyond what the shelf has free are set apart when a shift is opened next.  Raises UnknownRegister, NotSetApart
    for a device that is locked out, inventory.BadQuantity, catalog.UnknownVariant.
    """
    found = await device(tx, shop_id=shop_id, device_id=device_id, lock=True)
    if found.locked_at is not None:
        raise NotSetApart
    if not 0 <= quantity <= 1_000_000:
        raise inventory.BadQuantity(quantity=quantity)
    if not await catalog.variants(tx, shop_id=shop_id, ids=[variant_id]):
        raise catalog.UnknownVariant(variant_id=variant_id)
    await escrow_queries.save_escrow(
        tx, shop_id=shop_id, device_id=device_id, variant_id=variant_id, quantity=quantity
    )
    pool = await _pool(tx, found)
    has = (await pool.free(tx)).get(variant_id, 0)
    kept = (await escrow_queries.in_baskets(tx, device_id=device_id)).get(variant_id, 0)
    missing = quantity + kept - has
    if missing < 0:
        await pool.give_back(tx, {variant_id: -missing})
    else:
        await pool.take(tx, {variant_id: missing})
    return (await pool.free(tx)).get(variant_id, 0)


async def _pool(tx: Tx, found: Device) -> inventory.TillPool:
    home = (await register(tx, shop_id=found.shop_id, register_id=found.register_id)).location_id
    return inventory.TillPool(found.shop_id, found.pool_id, home)


async def fill(tx: Tx, device: Device) -> None:
    """A shift begins: what is to be set apart for it is."""
    if device.locked_at is not None:
        return
    wanted = await escrow_queries.escrow(tx, device_id=device.id)
    if not wanted:
        return
    pool = await _pool(tx, device)
    has = await pool.free(tx)
    missing = {variant_id: units - has.get(variant_id, 0) for variant_id, units in wanted.items()}
    await pool.take(tx, {variant_id: units for variant_id, units in missing.items() if units > 0})


async def empty(tx: Tx, device: Device) -> None:
    """A shift ends: all that was set apart for it is on sale again."""
    await escrow_queries.drop_baskets(tx, device_id=device.id)
    pool = await _pool(tx, device)
    await pool.give_back(tx, await pool.free(tx))


BASKET_SECONDS: Final = 600


def basket_until() -> datetime:
    """When a basket that is kept now lapses."""
    return now() + timedelta(seconds=BASKET_SECONDS)


async def keep_basket(
    tx: Tx, *, shop_id: int, device_id: UUID, basket_id: UUID, units: Mapping[int, int]
) -> dict[int, int]:
    """Keep these units for a buyer at the till: all of them, or none, and then `left` of each that is short is returned.

    Of a walk-in and a viewer who want the last unit exactly one gets it: it is taken off the shelf under the lock under
    which purchases are decided.  The same basket again is the same.  Raises UnknownRegister.
    """
    found = await device(tx, shop_id=shop_id, device_id=device_id, lock=True)
    until = basket_until()
    # Another device's basket is none of this one's, whatever is in it.
    known = await escrow_queries.basket(tx, shop_id=shop_id, device_id=device_id, basket_id=basket_id)
    if known is not None:
        if known != dict(units):
            return dict.fromkeys(units, 0)
        await escrow_queries.extend_basket(tx, basket_id=basket_id, until=until)
        return {}
    pool = await _pool(tx, found)
    has = await pool.free(tx)
    kept = await escrow_queries.in_baskets(tx, device_id=device_id)
    own = {each: max(0, has.get(each, 0) - kept.get(each, 0)) for each in units}
    missing = {each: quantity - own[each] for each, quantity in units.items() if quantity > own[each]}
    moved = await pool.take(tx, missing)
    short = {each: own[each] + moved.get(each, 0) for each in missing if moved.get(each, 0) < missing[each]}
    if short:
        await pool.give_back(tx, moved)
        return short
    await escrow_queries.insert_basket(
        tx, shop_id=shop_id, device_id=device_id, basket_id=basket_id, units=units, until=until
    )
    return {}


async def drop_basket(tx: Tx, *, shop_id: int, device_id: UUID, basket_id: UUID) -> None:
    """Its units are on sale again, but for those that are set apart for the device anyway."""
    found = await device(tx, shop_id=shop_id, device_id=device_id, lock=True)
    units = await escrow_queries.drop_basket(tx, device_id=device_id, basket_id=basket_id)
    if units:
        await _give_back(tx, found, units)


async def drop_lapsed(tx: Tx) -> int:
    """Baskets whose time is over, of all tills; returns how many."""
    lapsed = await escrow_queries.lapsed(tx, at=now(), limit=100)
    for shop_id, device_id, basket_id in lapsed:
        await drop_basket(tx, shop_id=shop_id, device_id=device_id, basket_id=basket_id)
    return len(lapsed)


async def _give_back(tx: Tx, found: Device, units: Mapping[int, int]) -> None:
    pool = await _pool(tx, found)
    has = await pool.free(tx)
    keeps = await escrow_queries.escrow(tx, device_id=found.id)
    others = await escrow_queries.in_baskets(tx, device_id=found.id)
    spare = {
        each: min(quantity, max(0, has.get(each, 0) - keeps.get(each, 0) - others.get(each, 0)))
        for each, quantity in units.items()
    }
    await pool.give_back(tx, spare)
