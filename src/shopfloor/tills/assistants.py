"""Who sells, and the PINs by which a till knows them without a network."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.tills import queries
from shopfloor.tills.models import Assistant, BadPin, Right, UnknownRegister

# A tenth of a second in a browser.  Four digits stay four digits: what keeps a PIN is that five wrong ones lock the page.
ITERATIONS: Final = 210_000


def _checked(pin: str) -> str:
    plain = text.narrow(pin).strip()
    if not (4 <= len(plain) <= 8 and plain.isascii() and plain.isdigit()) or len(set(plain)) == 1:
        raise BadPin
    return plain


async def hashed(pin: str, salt: bytes, iterations: int) -> bytes:
    return await asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", pin.encode("ascii"), salt, iterations)


async def add(
    tx: Tx, *, shop_id: int, name: str, pin: str, rights: Sequence[Right], is_manager: bool = False
) -> int:
    """The id of a new assistant.  Raises BadPin, UnusableText."""
    plain, salt = _checked(pin), secrets.token_bytes(16)
    return await queries.insert_assistant(
        tx,
        shop_id=shop_id,
        name=text.name(name, field="name", longest=60),
        rights=_rights(rights, is_manager),
        is_manager=is_manager,
        salt=salt,
        pin_hash=await hashed(plain, salt, ITERATIONS),
        iterations=ITERATIONS,
    )


def _rights(rights: Sequence[Right], is_manager: bool) -> list[str]:
    return [each.value for each in Right if is_manager or each in rights]


async def change(
    tx: Tx,
    *,
    shop_id: int,
    assistant_id: int,
    name: str,
    rights: Sequence[Right],
    is_manager: bool,
    pin: str = "",
) -> None:
    """`pin` empty: as it was.  Raises BadPin, UnusableText, UnknownRegister."""
    changed = await queries.update_assistant(
        tx,
        shop_id=shop_id,
        assistant_id=assistant_id,
        name=text.name(name, field="name", longest=60),
        rights=_rights(rights, is_manager),
        is_manager=is_manager,
    )
    if not changed:
        raise UnknownRegister
    if pin.strip():
        plain, salt = _checked(pin), secrets.token_bytes(16)
        await queries.set_pin(
            tx,
            shop_id=shop_id,
            assistant_id=assistant_id,
            salt=salt,
            pin_hash=await hashed(plain, salt, ITERATIONS),
            iterations=ITERATIONS,
        )


async def end(tx: Tx, *, shop_id: int, assistant_id: int) -> None:
    """Sells no longer; what was sold stays with the name.  Raises UnknownRegister."""
    if not await queries.end_assistant(tx, shop_id=shop_id, assistant_id=assistant_id, at=now()):
        raise UnknownRegister


async def all_of(tx: Tx, *, shop_id: int, gone: bool = False) -> list[Assistant]:
    return await queries.assistants(tx, shop_id=shop_id, gone=gone)
