"""Witnesses: those a shop shows its log, and the shop as a witness of others (C2SP tlog-witness).

As a witness it signs what it is shown only where that follows from what it saw last of the same log, and remembers it
before it answers.  So two pasts of one log never both get its signature.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from shopfloor import accounts
from shopfloor.kernel import merkle, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import now
from shopfloor.statements import notes, queries, witness_queries
from shopfloor.statements.witness_queries import Watched, Witness

MOST: Final = 20
MOST_PROOF: Final = 63
MOST_BYTES: Final = 32_000


class NotAKey(Invalid):
    """Enter a key as name+id+Base64."""

    code = "statements.not_a_key"


class OwnWitness(Invalid):
    """A shop can't be its own witness."""

    code = "statements.own_witness"


class NotAWitness(Invalid):
    """Enter the https address of a witness."""

    code = "statements.not_a_witness"


class AskedAlready(Conflict):
    """This witness is asked already."""

    code = "statements.asked_already"


class TooManyWitnesses(Invalid):
    """At most twenty, of either kind."""

    code = "statements.too_many"


class UnknownWitness(NotFound):
    """There is no such witness."""

    code = "statements.unknown_witness"


class UnknownLog(NotFound):
    """This shop is no witness of that log."""

    code = "statements.unknown_log"


class NotSigned(Forbidden):
    """No key that is known of this log signed the checkpoint."""

    code = "statements.not_signed"


class NotWellFormed(Invalid):
    """This is no checkpoint with its proof."""

    status = 400
    code = "statements.not_well_formed"


class SeenOtherwise(Conflict):
    """The last checkpoint seen of this log is another."""

    code = "statements.seen_otherwise"


class NotConsistent(Refusal):
    """The log was changed: what was seen last is not its beginning."""

    status = 422
    code = "statements.not_consistent"


async def witnesses(tx: Tx, *, shop_id: int) -> list[Witness]:
    """Those a shop shows its log."""
    return await witness_queries.witnesses(tx, shop_id=shop_id)


async def add_witness(tx: Tx, *, shop_id: int, key: str, url: str, plain_allowed: bool = False) -> int:
    """Raises NotAKey, OwnWitness, NotAWitness, AskedAlready, TooManyWitnesses."""
    read = _key(key, notes.WITNESS, field="key")
    address = text.line(url, field="url", longest=2000).strip()
    try:
        parts = urlsplit(address)
        usable = parts.port != 0 and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    else:
        usable = usable and parts.scheme in ({"http", "https"} if plain_allowed else {"https"})
        usable = usable and "@" not in parts.netloc and address.isascii() and " " not in address
    if not usable:
        raise NotAWitness(field="url")
    own = [each.public_key for each in await queries.keys(tx, shop_id=shop_id)]
    as_witness = await own_key(tx, shop_id=shop_id)
    if read.raw in own or (as_witness is not None and read.raw == as_witness.raw):
        raise OwnWitness(field="key")
    if len(await witness_queries.witnesses(tx, shop_id=shop_id)) >= MOST:
        raise TooManyWitnesses
    found = await witness_queries.insert_witness_once(tx, shop_id=shop_id, key=str(read), url=address)
    if found is None:
        raise AskedAlready(field="key")
    return found


async def remove_witness(tx: Tx, *, shop_id: int, witness_id: int) -> None:
    """What it signed stays.  Raises UnknownWitness."""
    if not await witness_queries.end_witness(tx, shop_id=shop_id, witness_id=witness_id):
        raise UnknownWitness


async def watched(tx: Tx, *, shop_id: int) -> list[Watched]:
    """The logs this shop is a witness of."""
    return await witness_queries.watched(tx, shop_id=shop_id)


async def watch(tx: Tx, *, box: Box, shop_id: int, keys: Sequence[str]) -> str:
    """Be a witness of the log of these keys; its origin.  Of one that is watched already, these are its keys now.
    With the first, the shop gets the key that it signs with as a witness.

    Raises NotAKey, OwnWitness, TooManyWitnesses.
    """
    read = [_key(each, notes.LOG, field="keys") for each in keys if each.strip()]
    origins = {each.name for each in read}
    if len(origins) != 1 or len(read) > MOST:
        raise NotAKey(field="keys")
    [origin] = origins
    own = {each.public_key for each in await queries.keys(tx, shop_id=shop_id)}
    if own & {each.raw for each in read}:
        raise OwnWitness(field="keys")
    known = await witness_queries.watched(tx, shop_id=shop_id)
    if len(known) >= MOST and all(each.origin != origin for each in known):
        raise TooManyWitnesses
    await _make_key_once(tx, box, shop_id)
    await witness_queries.put_watched(tx, shop_id=shop_id, origin=origin, keys=[str(each) for each in read])
    return origin


async def unwatch(tx: Tx, *, shop_id: int, watched_id: int) -> None:
    """Raises UnknownLog."""
    if not await witness_queries.delete_watched(tx, shop_id=shop_id, watched_id=watched_id):
        raise UnknownLog


def _key(given: str, algorithm: int, *, field: str) -> notes.PublicKey:
    try:
        key = notes.PublicKey.read(text.line(given, field=field, longest=300).strip())
    except notes.BadNote as problem:
        raise NotAKey(field=field) from problem
    if key.algorithm != algorithm:
        raise NotAKey(field=field)
    return key


async def own_key(tx: Tx, *, shop_id: int) -> notes.PublicKey | None:
    """The key this shop signs with as a witness; None while it is a witness of nobody."""
    found = await witness_queries.witness_key(tx, shop_id=shop_id)
    return None if found is None else notes.PublicKey(found.name, notes.WITNESS, found.public_key)


async def _make_key_once(tx: Tx, box: Box, shop_id: int) -> None:
    if await witness_queries.witness_key(tx, shop_id=shop_id) is not None:
        return
    shop = await accounts.shop(tx, shop_id)
    seed = os.urandom(32)
    public = notes.public_of(seed)
    await witness_queries.insert_witness_key_once(
        tx,
        shop_id=shop_id,
        name=f"shopfloor-witness/{shop.slug}/{hashlib.sha256(public).hexdigest()[:16]}",
        public_key=public,
        secret=box.seal(notes.b64(seed), about=_about(shop_id)),
    )


def _about(shop_id: int) -> str:
    return f"statements.witness_key {shop_id}"


async def add_checkpoint(tx: Tx, *, box: Box, shop_id: int, body: bytes) -> str:
    """Remember what another log shows, and the line that says so: to be sent once this transaction is committed.

    Raises NotWellFormed, UnknownLog, NotSigned, SeenOtherwise, NotConsistent, CannotOpen.
    """
    old, proof, note, checkpoint = _read(body)
    seen = await witness_queries.lock_watched(tx, shop_id=shop_id, origin=checkpoint.origin)
    if seen is None:
        raise UnknownLog
    _check_signed(note, seen.keys)
    if old > checkpoint.size:
        raise NotWellFormed
    if old != seen.size or (old == checkpoint.size and old > 0 and seen.root != checkpoint.root):
        raise SeenOtherwise(size=seen.size)
    try:
        merkle.check_consistency(old, checkpoint.size, proof, seen.root or merkle.EMPTY, checkpoint.root)
    except merkle.ProofFails as problem:
        raise NotConsistent from problem
    key = await witness_queries.witness_key(tx, shop_id=shop_id)
    assert key is not None, "who watches a log has one"
    signer = notes.Signer(
        key.name, notes.WITNESS, notes.unb64(box.open(key.secret, about=_about(shop_id)), 32)
    )
    await witness_queries.note_watched(
        tx, watched_id=seen.id, size=checkpoint.size, root=checkpoint.root, note=note.text
    )
    return notes.cosign(signer, note.body, time=int(now().timestamp()))


def _read(body: bytes) -> tuple[int, list[bytes], notes.Note, notes.Checkpoint]:
    try:
        head, mark, rest = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        size = first.removeprefix("old ")
        if not mark or first == size or not size.isascii() or not size.isdecimal() or len(size) > 18:
            raise NotWellFormed
        if str(int(size)) != size or len(lines) > MOST_PROOF:
            raise NotWellFormed
        note = notes.read_note(rest)
        return int(size), [notes.unb64(each, 32) for each in lines], note, notes.read_checkpoint(note)
    except (UnicodeDecodeError, notes.BadNote) as problem:
        raise NotWellFormed from problem


def _check_signed(note: notes.Note, keys: Sequence[str]) -> None:
    """Signatures of keys that are not known are not looked at."""
    for each in keys:
        key = notes.PublicKey.read(each)
        if note.by(key) is not None:
            try:
                notes.check_log_signature(note, key)
            except notes.BadSignature as problem:
                raise NotSigned from problem
            return
    raise NotSigned
