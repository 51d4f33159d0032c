"""The key of the installation, for mail that goes through its own server and comes from its own address.

It is made when it is first asked for, and signs once its record was found in DNS, or somebody said so.
"""

from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import new_id
from shopfloor.mail_signing import dkim, queries
from shopfloor.mail_signing.dkim import Checked, Found, Key, LookUp, Purpose, look_up_txt
from shopfloor.mail_signing.service import Domain, domain_of


def _about(domain: str) -> str:
    return f"mail_signing.own_key {domain}"


async def get(tx: Tx, *, box: Box, host: str, sender: str) -> Domain:
    """Of the address that the installation's mail comes from, with the records to set; makes the key where there is none."""
    name = domain_of(sender)
    if await queries.own_key(tx, domain=name) is None:
        private, public = dkim.make_key()
        await queries.insert_own_key(
            tx,
            domain=name,
            selector=f"sf{new_id().hex[-12:]}",
            public_key=public,
            sealed=box.seal(private, about=_about(name)),
        )
    row = await queries.own_key(tx, domain=name)
    assert row is not None, "it was just made"
    wanted = dkim.records(name, row.selector, row.public_key, host=host, sender=sender)
    return Domain(name, row.selector, row.signs, row.made_at, wanted)


async def check(
    db: Database, *, box: Box, host: str, sender: str, look_up: LookUp = look_up_txt
) -> list[Checked]:
    """What DNS says.  Where it has the key, messages are signed from now on; where it has another or none, they are not."""
    async with db.transaction() as tx:
        known = await get(tx, box=box, host=host, sender=sender)
    found = await dkim.check(known.records, look_up)
    for each in found:
        if each.record.purpose is Purpose.DKIM and each.found is not Found.UNKNOWN:
            await set_signs(db, known, signs=each.found is Found.RIGHT)
    return found


async def set_signs(db: Database, known: Domain, *, signs: bool) -> None:
    async with db.transaction() as tx:
        await queries.set_own_signs(tx, domain=known.name, selector=known.selector, signs=signs)


async def renew(tx: Tx, *, box: Box, host: str, sender: str) -> Domain:
    """Another key in place of the one there is, under a name of its own: nothing is signed until its record was found."""
    await queries.delete_own_key(tx, domain=domain_of(sender))
    return await get(tx, box=box, host=host, sender=sender)


async def key(tx: Tx, *, box: Box, sender: str) -> Key | None:
    """What signs mail from this address; None where there is nothing yet, or it does not open."""
    row = await queries.own_key(tx, domain=domain_of(sender))
    if row is None or not row.signs:
        return None
    try:
        return Key(row.domain, row.selector, box.open(row.sealed, about=_about(row.domain)))
    except CannotOpen:
        return None
