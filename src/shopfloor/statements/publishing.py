"""A checkpoint leaves the database: into files of the data directory, and to witnesses.

To a witness by C2SP's tlog-witness: it is told the size it saw last, a proof that nothing before has changed, and the
signed checkpoint; it answers with a line that says it saw that.  Whoever is away is told the next time.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shopfloor.kernel import storage
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database
from shopfloor.kernel.outbound import AddressRefused, Outbound, Posted, Unreachable
from shopfloor.kernel.records import dataclass
from shopfloor.statements import log, notes, queries, witness_queries
from shopfloor.statements.models import Signed
from shopfloor.statements.witness_queries import Witness

SECONDS: Final = 15.0
# What the console says: refused by its address, no answer, not its answer, its status.
MOST_SAID: Final = 200


async def keep(db: Database, *, shop_id: int, directory: Path) -> None:
    """`<directory>/<shop>/checkpoint` is the newest; beside it each under its size."""
    async with db.transaction() as tx:
        newest = await queries.newest_checkpoint(tx, shop_id=shop_id)
    if newest is None:
        return
    text = newest.text.encode()

    def write() -> None:
        store = storage.of(directory)
        store.put(f"{shop_id}/checkpoints/{newest.size:012d}", text)
        store.put(f"{shop_id}/checkpoint", text)

    await asyncio.to_thread(write)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a witness is told."""

    old: int
    proof: list[bytes]
    checkpoint: Signed

    @property
    def body(self) -> bytes:
        lines = [f"old {self.old}", *(notes.b64(each) for each in self.proof), "", self.checkpoint.note]
        return "\n".join(lines).encode()


async def show_witnesses(db: Database, *, shop_id: int, allowed: Sequence[Network] = ()) -> int:
    """The newest checkpoint to each witness that has not signed it.  How many did not."""
    async with db.transaction() as tx:
        newest = await queries.newest_checkpoint(tx, shop_id=shop_id)
        asked = await witness_queries.witnesses(tx, shop_id=shop_id)
    if newest is None:
        return 0
    behind = [each for each in asked if each.seen < newest.size]
    client = Outbound(allowed=allowed)
    try:
        return sum(await asyncio.gather(*(_show(db, client, shop_id, witness, newest) for witness in behind)))
    finally:
        await client.close()


async def _show(db: Database, client: Outbound, shop_id: int, witness: Witness, newest: Signed) -> bool:
    """Whether it did not sign."""
    try:
        line = await _cosigned(db, client, shop_id, witness, newest)
    except _Declined as problem:
        async with db.transaction() as tx:
            await witness_queries.note_problem(tx, witness_id=witness.id, problem=str(problem)[:MOST_SAID])
        return True
    async with db.transaction() as tx:
        await witness_queries.keep_cosignature(
            tx, shop_id=shop_id, size=newest.size, witness_id=witness.id, line=line
        )
        await witness_queries.note_seen(tx, witness_id=witness.id, size=newest.size)
    return False


class _Declined(Exception):
    """In words."""


async def _cosigned(db: Database, client: Outbound, shop_id: int, witness: Witness, newest: Signed) -> str:
    """The line of the witness.  Raises _Declined."""
    answer = await _tell(db, client, shop_id, witness, newest, witness.seen)
    said = answer.text.strip()
    if answer.status == 409 and said.isascii() and said.isdecimal() and len(said) < 19:
        # It remembers better than we do, after a restore above all.
        if int(said) > newest.size:
            raise _Declined(f"It has seen {said} entries, and this log has {newest.size}.")
        answer = await _tell(db, client, shop_id, witness, newest, int(said))
    if answer.status != 200:
        raise _Declined(f"It answered {answer.status}: {answer.text.strip()}")
    key = notes.PublicKey.read(witness.key)
    body = notes.read_note(newest.note).body
    try:
        for each in notes.read_signatures(answer.text):
            if each.name == key.name and each.key_id == key.id:
                notes.check_cosignature(each, body, key)
                return each.line
    except (notes.BadNote, notes.BadSignature) as problem:
        raise _Declined(f"It answered with no signature: {problem}") from problem
    raise _Declined("It answered with the signature of another key.")


async def _tell(
    db: Database, client: Outbound, shop_id: int, witness: Witness, newest: Signed, old: int
) -> Posted:
    async with db.transaction() as tx:
        found = await log.log_of(tx, shop_id=shop_id)
        proof = await log.consistency_proof(tx, found, old=old, new=newest.size)
    try:
        return await client.post(
            f"{witness.url.rstrip('/')}/add-checkpoint",
            body=_Told(old, proof, newest).body,
            headers={"content-type": "text/plain; charset=utf-8", "user-agent": "Shopfloor (statements)"},
            seconds=SECONDS,
        )
    except (AddressRefused, Unreachable) as refusal:
        raise _Declined(refusal.message) from refusal
