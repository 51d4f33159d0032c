"""The domain that a shop's mail comes from: a key to sign with, and the DNS records by which others believe it.

The key is sealed, and bound to shop and domain: nobody signs with it who names that domain as the own sender.
"""

from collections.abc import Collection
from datetime import datetime

from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import new_id
from shopfloor.mail_signing import dkim, queries
from shopfloor.mail_signing.dkim import Checked, Found, Key, LookUp, Purpose, Record, look_up_txt


class NoKey(Conflict):
    """Make a key for this domain first."""

    code = "mail_signing.no_key"


@dataclass(frozen=True, slots=True)
class Domain:
    """`signs`: whether messages are signed.  `made_at` None: there is no key yet."""

    name: str
    selector: str
    signs: bool
    made_at: datetime | None
    records: list[Record]


def domain_of(sender: str) -> str:
    """As it stands in DNS."""
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _about(shop_id: int, domain: str) -> str:
    return f"mail_signing.key {shop_id} {domain}"


async def get(tx: Tx, *, shop_id: int, host: str, sender: str) -> Domain:
    """Of the address that mail comes from; `host`: the server that sends it."""
    name = domain_of(sender)
    for row in await queries.keys(tx, shop_ids=[shop_id]):
        if row.domain == name:
            wanted = dkim.records(name, row.selector, row.public_key, host=host, sender=sender)
            return Domain(name, row.selector, row.signs, row.made_at, wanted)
    return Domain(name, "", False, None, [])


async def make_key(tx: Tx, *, shop_id: int, box: Box, sender: str) -> None:
    """A key for the domain of the sender; where there is one, another in its place, under a name of its own.

    Messages are not signed with it until its record was found.
    """
    domain = domain_of(sender)
    private, public = dkim.make_key()
    # The record of the key before may stay for what is still on its way.
    selector = f"sf{new_id().hex[-12:]}"
    await queries.save_key(
        tx,
        shop_id=shop_id,
        domain=domain,
        selector=selector,
        public_key=public,
        sealed=box.seal(private, about=_about(shop_id, domain)),
    )


async def set_signs(tx: Tx, *, shop_id: int, sender: str, signs: bool) -> None:
    """Raises NoKey."""
    if not await queries.set_signs(tx, shop_id=shop_id, domain=domain_of(sender), signs=signs):
        raise NoKey


async def check(
    db: Database, *, shop_id: int, host: str, sender: str, look_up: LookUp = look_up_txt
) -> list[Checked]:
    """What DNS says.  Where it has the key, messages are signed from now on.  Raises NoKey."""
    async with db.transaction() as tx:
        known = await get(tx, shop_id=shop_id, host=host, sender=sender)
    if known.made_at is None:
        raise NoKey
    found = await dkim.check(known.records, look_up)
    if any(each.record.purpose is Purpose.DKIM and each.found is Found.RIGHT for each in found):
        async with db.transaction() as tx:
            still = await get(tx, shop_id=shop_id, host=host, sender=sender)
            if still.selector == known.selector:
                await set_signs(tx, shop_id=shop_id, sender=sender, signs=True)
    return found


async def keys(tx: Tx, *, box: Box, sender: str, shop_ids: Collection[int]) -> dict[int, Key]:
    """By shop, what signs its mail from this address; a key that does not open signs nothing."""
    found: dict[int, Key] = {}
    for row in await queries.keys(tx, shop_ids=sorted(shop_ids)):
        if not row.signs or domain_of(sender) != row.domain:
            continue
        try:
            private = box.open(row.sealed, about=_about(row.shop_id, row.domain))
        except CannotOpen:
            continue
        found[row.shop_id] = Key(row.domain, row.selector, private)
    return found
