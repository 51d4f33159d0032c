"""The log of a shop: it only grows, whoever appends, and its root is signed.

Promise: leaves are numbered from 0 without gaps, in the order of their commits; what a checkpoint covers is never
changed; a checkpoint is signed after the leaves it covers are committed, and at most one root is signed for a size.
"""

import hashlib
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shopfloor import accounts
from shopfloor.kernel import canonical, merkle, outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import now
from shopfloor.statements import notes, queries
from shopfloor.statements.events import CheckpointSigned, KeyRotated
from shopfloor.statements.models import KEY, SIGNED, Log, NoLog, NotInLog, Signed, SigningKey, instant


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that this transaction alone appends to, with the key that signs for it."""

    log: Log
    signer: notes.Signer


def _about(shop_id: int, number: int) -> str:
    return f"statements.key {shop_id} {number}"


async def opened(tx: Tx, *, box: Box, shop_id: int) -> Opened:
    """The log of the shop, begun where there is none.  Raises CannotOpen: rotate the key."""
    found = await queries.lock_log(tx, shop_id=shop_id) or await _begun(tx, box, shop_id)
    return Opened(found, await _signer(tx, box, found))


async def _begun(tx: Tx, box: Box, shop_id: int) -> Log:
    shop = await accounts.shop(tx, shop_id)
    seed = os.urandom(32)
    public = notes.public_of(seed)
    origin = f"shopfloor/{shop.slug}/{hashlib.sha256(public).hexdigest()[:16]}"
    if await queries.insert_log_once(tx, shop_id=shop_id, origin=origin):
        await _add_key(tx, box, Log(shop_id, origin, 0), seed, ())
    found = await queries.lock_log(tx, shop_id=shop_id)
    assert found is not None, "it was begun"
    return found


async def _signer(tx: Tx, box: Box, log: Log) -> notes.Signer:
    key = (await queries.keys(tx, shop_id=log.shop_id))[-1]
    return _opened_key(box, log, key)


def _opened_key(box: Box, log: Log, key: SigningKey) -> notes.Signer:
    seed = notes.unb64(box.open(key.secret, about=_about(log.shop_id, key.number)), 32)
    return notes.Signer(log.origin, notes.LOG, seed)


async def append(tx: Tx, log: Log, kind: str, document: Any) -> Log:
    """Log a signed document; the log as it is then.  `log` is locked."""
    body = canonical.encode(document)
    known = await queries.nodes(tx, shop_id=log.shop_id, wanted=merkle.needed_to_append(log.size))
    fresh = list(merkle.appended(log.size, merkle.leaf_hash(body), known))
    await queries.insert_leaf(tx, shop_id=log.shop_id, position=log.size, kind=kind, body=body)
    await queries.insert_nodes(tx, shop_id=log.shop_id, nodes=fresh)
    await queries.set_size(tx, shop_id=log.shop_id, size=log.size + 1)
    return Log(log.shop_id, log.origin, log.size + 1)


def signed(signer: notes.Signer, document: dict[str, Any]) -> dict[str, Any]:
    """`document` with its signature, as it is logged."""
    message = SIGNED[document["type"]] + canonical.encode(document)
    return {"document": document, "signature": notes.b64(signer.sign(message))}


async def rotate(tx: Tx, *, box: Box, shop_id: int) -> bool:
    """Sign with a new key from now on; what was signed before stays good.

    The key before signs the new one; False where it cannot be opened, which the log then says.
    """
    log = await queries.lock_log(tx, shop_id=shop_id) or await _begun(tx, box, shop_id)
    before = await queries.keys(tx, shop_id=shop_id)
    try:
        vouches = _opened_key(box, log, before[-1])
    except CannotOpen:
        vouches = None
    await queries.retire_keys(tx, shop_id=shop_id)
    seed = os.urandom(32)
    await _add_key(tx, box, log, seed, before, vouches)
    public = notes.Signer(log.origin, notes.LOG, seed).public
    await outbox.record(tx, KeyRotated(shop_id, str(public), vouches is not None))
    return vouches is not None


async def _add_key(
    tx: Tx, box: Box, log: Log, seed: bytes, before: Sequence[SigningKey], vouches: notes.Signer | None = None
) -> None:
    number = len(before) + 1
    signer = notes.Signer(log.origin, notes.LOG, seed)
    await queries.insert_key(
        tx,
        shop_id=log.shop_id,
        number=number,
        public_key=signer.public.raw,
        secret=box.seal(notes.b64(seed), about=_about(log.shop_id, number)),
    )
    document = {
        "type": KEY,
        "log": log.origin,
        "number": number,
        "key": str(signer.public),
        "previous": str(notes.PublicKey(log.origin, notes.LOG, before[-1].public_key)) if before else None,
        "made_at": instant(now()),
    }
    message = SIGNED[KEY] + canonical.encode(document)
    await append(
        tx,
        log,
        "key",
        {
            **signed(signer, document),
            "previous_signature": None if vouches is None else notes.b64(vouches.sign(message)),
        },
    )


async def log_of(tx: Tx, *, shop_id: int) -> Log:
    """Raises NoLog."""
    found = await queries.log(tx, shop_id=shop_id)
    if found is None:
        raise NoLog
    return found


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A public key as text, and until when it signed."""

    text: str
    retired_at: datetime | None


async def public_keys(tx: Tx, *, shop_id: int) -> list[ShownKey]:
    """The newest first; none before the first statement."""
    found = await queries.log(tx, shop_id=shop_id)
    if found is None:
        return []
    return [
        ShownKey(str(notes.PublicKey(found.origin, notes.LOG, key.public_key)), key.retired_at)
        for key in (await queries.keys(tx, shop_id=shop_id))[::-1]
    ]


async def key_chain(tx: Tx, *, shop_id: int, until: int) -> list[dict[str, Any]]:
    """The keys that were announced before leaf `until`, as they are logged."""
    return [
        canonical.decode(leaf.body) for leaf in await queries.key_leaves(tx, shop_id=shop_id, until=until)
    ]


async def sign_checkpoint(tx: Tx, *, box: Box, shop_id: int) -> Signed | None:
    """Sign the log as it is; None where that was done.  Raises CannotOpen."""
    log = await queries.lock_log(tx, shop_id=shop_id)
    newest = await queries.newest_checkpoint(tx, shop_id=shop_id)
    if log is None or (newest is not None and newest.size >= log.size):
        return None
    root = await root_of(tx, log, log.size)
    checkpoint = notes.Checkpoint(log.origin, log.size, root)
    note = checkpoint.signed(await _checkpoint_signers(tx, box, log))
    await queries.insert_checkpoint(tx, shop_id=shop_id, size=log.size, root=root, note=note)
    await outbox.record(tx, CheckpointSigned(shop_id, log.origin, log.size, note))
    return await queries.newest_checkpoint(tx, shop_id=shop_id)


async def _checkpoint_signers(tx: Tx, box: Box, log: Log) -> list[notes.Signer]:
    """The key of now, and the one before: who was told of that one alone still knows the log."""
    current, *before = (await queries.keys(tx, shop_id=log.shop_id))[::-1]
    signers = [_opened_key(box, log, current)]
    for key in before[:1]:
        try:
            signers.append(_opened_key(box, log, key))
        except CannotOpen:
            continue
    return signers


async def root_of(tx: Tx, log: Log, size: int) -> bytes:
    """Raises NotInLog."""
    if not 0 <= size <= log.size:
        raise NotInLog(size=log.size)
    return merkle.root(size, await queries.nodes(tx, shop_id=log.shop_id, wanted=merkle.peaks(0, size)))


async def inclusion_proof(tx: Tx, log: Log, *, position: int, size: int) -> list[bytes]:
    """Raises NotInLog."""
    if not 0 <= position < size <= log.size:
        raise NotInLog(
            f"The log has {log.size} entries: size is at most that, and position from 0 to size - 1.",
            size=log.size,
        )
    return await _proof(tx, log, merkle.inclusion_path(position, size))


async def consistency_proof(tx: Tx, log: Log, *, old: int, new: int) -> list[bytes]:
    """Raises NotInLog."""
    if not 0 <= old <= new <= log.size:
        raise NotInLog(
            f"The log has {log.size} entries: new is at most that, and old from 0 to new.", size=log.size
        )
    return await _proof(tx, log, merkle.consistency_path(old, new))


async def _proof(tx: Tx, log: Log, path: list[tuple[int, int]]) -> list[bytes]:
    return merkle.proof(path, await queries.nodes(tx, shop_id=log.shop_id, wanted=merkle.needed_for(path)))
