"""The domain that a shop's mail comes from: a key to sign with, and the DNS records by which others believe it.

The key is sealed, and bound to shop and domain: nobody signs with it who names that domain as the own sender.
"""

from collections.abc import Mapping
from datetime import datetime

from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import new_id
from shopfloor.notifications import dkim, queries
from shopfloor.notifications.dkim import Checked, Found, Key, LookUp, Purpose, Record, look_up_txt
from shopfloor.notifications.models import MailServer


class NoDomain(Conflict):
    """Set up your own mail server first: its sender address names the domain."""

    code = "notifications.no_domain"


@dataclass(frozen=True, slots=True)
class Domain:
    """`signs`: whether messages are signed.  `made_at` None: there is no key yet."""

    name: str
    selector: str
    signs: bool
    made_at: datetime | None
    records: list[Record]


def _of(sender: str) -> str:
    """As it stands in DNS."""
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _about(shop_id: int, domain: str) -> str:
    return f"notifications.dkim_key {shop_id} {domain}"


async def get(tx: Tx, *, shop_id: int) -> Domain:
    """Raises NoDomain."""
    rows = await queries.servers(tx, shop_ids=[shop_id])
    if not rows:
        raise NoDomain
    name = _of(rows[0].sender)
    for row in await queries.dkim_keys(tx, shop_ids=[shop_id]):
        if row.domain == name:
            wanted = dkim.records(
                name, row.selector, row.public_key, host=rows[0].host, sender=rows[0].sender
            )
            return Domain(name, row.selector, row.signs, row.made_at, wanted)
    return Domain(name, "", False, None, [])


async def make_key(tx: Tx, *, shop_id: int, box: Box) -> Domain:
    """A key for the domain of the sender; where there is one, another in its place, under a name of its own.

    Messages are not signed with it until its record was found.  Raises NoDomain.
    """
    known = await get(tx, shop_id=shop_id)
    private, public = dkim.make_key()
    # The record of the key before may stay for what is still on its way.
    selector = f"sf{new_id().hex[-12:]}"
    await queries.save_dkim_key(
        tx,
        shop_id=shop_id,
        domain=known.name,
        selector=selector,
        public_key=public,
        sealed=box.seal(private, about=_about(shop_id, known.name)),
    )
    return await get(tx, shop_id=shop_id)


async def set_signs(tx: Tx, *, shop_id: int, signs: bool) -> Domain:
    """Raises NoDomain, also where there is no key."""
    known = await get(tx, shop_id=shop_id)
    if known.made_at is None:
        raise NoDomain
    await queries.set_dkim_signs(tx, shop_id=shop_id, domain=known.name, signs=signs)
    return await get(tx, shop_id=shop_id)


async def check(db: Database, *, shop_id: int, look_up: LookUp = look_up_txt) -> list[Checked]:
    """What DNS says.  Where it has the key, messages are signed from now on.  Raises NoDomain."""
    async with db.transaction() as tx:
        known = await get(tx, shop_id=shop_id)
    if known.made_at is None:
        raise NoDomain
    found = await dkim.check(known.records, look_up)
    if any(each.record.purpose is Purpose.DKIM and each.found is Found.RIGHT for each in found):
        async with db.transaction() as tx:
            still = await get(tx, shop_id=shop_id)
            if still.selector == known.selector:
                await queries.set_dkim_signs(tx, shop_id=shop_id, domain=known.name, signs=True)
    return found


async def keys(tx: Tx, *, box: Box, servers: Mapping[int, MailServer]) -> dict[int, Key]:
    """By shop, what signs the mail that goes through these servers; a key that does not open signs nothing."""
    found: dict[int, Key] = {}
    for row in await queries.dkim_keys(tx, shop_ids=sorted(servers)):
        server = servers[row.shop_id]
        # The server of the installation sends from a domain that is none of the shop's.
        if not row.signs or not server.guarded or _of(server.sender) != row.domain:
            continue
        try:
            private = box.open(row.sealed, about=_about(row.shop_id, row.domain))
        except CannotOpen:
            continue
        found[row.shop_id] = Key(row.domain, row.selector, private)
    return found


__all__ = [
    "Checked",
    "Domain",
    "Found",
    "NoDomain",
    "Purpose",
    "check",
    "get",
    "keys",
    "make_key",
    "set_signs",
]
