"""SQL of mail signing.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    shop_id: int
    domain: str
    selector: str
    public_key: str
    sealed: bytes
    signs: bool
    made_at: datetime


async def keys(tx: Tx, *, shop_ids: Sequence[int]) -> list[Kept]:
    return await tx.every(
        Kept,
        """
        SELECT shop_id, domain, selector, public_key, sealed, signs, made_at FROM mail_signing.key
         WHERE shop_id = ANY(%(shop_ids)s::bigint[]) ORDER BY shop_id, domain
        """,
        shop_ids=list(shop_ids),
    )


async def save_key(
    tx: Tx, *, shop_id: int, domain: str, selector: str, public_key: str, sealed: bytes
) -> None:
    await tx.run(
        """
        INSERT INTO mail_signing.key (shop_id, domain, selector, public_key, sealed)
        VALUES (%(shop_id)s, %(domain)s, %(selector)s, %(public_key)s, %(sealed)s)
        ON CONFLICT (shop_id, domain) DO UPDATE
          SET selector = excluded.selector, public_key = excluded.public_key, sealed = excluded.sealed, signs = false,
              made_at = now()
        """,
        shop_id=shop_id,
        domain=domain,
        selector=selector,
        public_key=public_key,
        sealed=sealed,
    )


async def set_signs(tx: Tx, *, shop_id: int, domain: str, signs: bool) -> int:
    return await tx.run(
        """
        UPDATE mail_signing.key SET signs = %(signs)s WHERE shop_id = %(shop_id)s AND domain = %(domain)s
        """,
        shop_id=shop_id,
        domain=domain,
        signs=signs,
    )


async def own_key(tx: Tx, *, domain: str) -> Kept | None:
    """The installation's; as that of shop 0."""
    return await tx.first(
        Kept,
        """
        SELECT 0::bigint AS shop_id, domain, selector, public_key, sealed, signs, made_at FROM mail_signing.own_key
         WHERE domain = %(domain)s
        """,
        domain=domain,
    )


async def insert_own_key(tx: Tx, *, domain: str, selector: str, public_key: str, sealed: bytes) -> None:
    """Whoever comes first."""
    await tx.run(
        """
        INSERT INTO mail_signing.own_key (domain, selector, public_key, sealed)
        VALUES (%(domain)s, %(selector)s, %(public_key)s, %(sealed)s) ON CONFLICT (domain) DO NOTHING
        """,
        domain=domain,
        selector=selector,
        public_key=public_key,
        sealed=sealed,
    )


async def delete_own_key(tx: Tx, *, domain: str) -> None:
    await tx.run("DELETE FROM mail_signing.own_key WHERE domain = %(domain)s", domain=domain)


async def set_own_signs(tx: Tx, *, domain: str, selector: str, signs: bool) -> None:
    await tx.run(
        "UPDATE mail_signing.own_key SET signs = %(signs)s WHERE domain = %(domain)s AND selector = %(selector)s",
        domain=domain,
        selector=selector,
        signs=signs,
    )
