"""SQL of shops, their members, invitations and keys.  One function, one statement."""

from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.accounts.models import Brand, Invitation, Member, Role, Shop
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class MembershipRow:
    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    role: str


@dataclass(frozen=True, slots=True)
class ShopRow:
    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    brand: dict[str, Any]
    is_first_day: bool = False


# Shops and members


async def insert_shop_once(
    tx: Tx, *, slug: str, name: str, currency: str, locale: str, timezone: str
) -> Shop | None:
    """None when another shop has this slug."""
    row = await tx.first(
        ShopRow,
        """
        INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
        VALUES (%(slug)s, %(name)s, %(currency)s, %(locale)s, %(timezone)s)
        ON CONFLICT (slug) DO NOTHING
        RETURNING id, slug, name, currency, locale, timezone, brand
        """,
        slug=slug,
        name=name,
        currency=currency,
        locale=locale,
        timezone=timezone,
    )
    return None if row is None else _shop(row)


async def update_shop(tx: Tx, *, shop: Shop) -> None:
    await tx.run(
        """
        UPDATE accounts.shop
           SET name = %(name)s, locale = %(locale)s, timezone = %(timezone)s, currency = %(currency)s,
               brand = %(brand)s
         WHERE id = %(shop_id)s
        """,
        shop_id=shop.id,
        name=shop.name,
        locale=shop.locale,
        timezone=shop.timezone,
        currency=shop.currency,
        brand=Jsonb(msgspec.to_builtins(shop.brand)),
    )


async def shop(tx: Tx, *, shop_id: int) -> Shop | None:
    row = await tx.first(
        ShopRow,
        """
        SELECT id, slug, name, currency, locale, timezone, brand, first_day_done_at IS NULL AS is_first_day
          FROM accounts.shop WHERE id = %(shop_id)s
        """,
        shop_id=shop_id,
    )
    return None if row is None else _shop(row)


async def shop_by_slug(tx: Tx, *, slug: str) -> Shop | None:
    row = await tx.first(
        ShopRow,
        "SELECT id, slug, name, currency, locale, timezone, brand FROM accounts.shop WHERE slug = %(slug)s",
        slug=slug,
    )
    return None if row is None else _shop(row)


async def shops(tx: Tx) -> list[Shop]:
    rows = await tx.every(
        ShopRow, "SELECT id, slug, name, currency, locale, timezone, brand FROM accounts.shop ORDER BY id"
    )
    return [_shop(row) for row in rows]


async def end_first_day(tx: Tx, *, shop_id: int) -> None:
    await tx.run(
        "UPDATE accounts.shop SET first_day_done_at = now() WHERE id = %(shop_id)s AND first_day_done_at IS NULL",
        shop_id=shop_id,
    )


def _shop(row: ShopRow) -> Shop:
    brand = msgspec.convert(row.brand, Brand)
    return Shop(row.id, row.slug, row.name, row.currency, row.locale, row.timezone, brand, row.is_first_day)


async def lock_shop(tx: Tx, *, shop_id: int) -> None:
    """Changes to who belongs to a shop happen one after the other."""
    await tx.run("SELECT 1 FROM accounts.shop WHERE id = %(shop_id)s FOR NO KEY UPDATE", shop_id=shop_id)


async def insert_member_once(tx: Tx, *, shop_id: int, person_id: int, role: Role) -> bool:
    return (
        await tx.run(
            """
        INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop_id)s, %(person_id)s, %(role)s)
        ON CONFLICT DO NOTHING
        """,
            shop_id=shop_id,
            person_id=person_id,
            role=role,
        )
        == 1
    )


async def set_role(tx: Tx, *, shop_id: int, person_id: int, role: Role) -> None:
    await tx.run(
        "UPDATE accounts.member SET role = %(role)s WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
        role=role,
    )


async def delete_member(tx: Tx, *, shop_id: int, person_id: int) -> None:
    await tx.run(
        "DELETE FROM accounts.member WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )


async def role_in(tx: Tx, *, shop_id: int, person_id: int) -> str | None:
    return await tx.value(
        "SELECT role FROM accounts.member WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )


async def owners(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        "SELECT count(*) FROM accounts.member WHERE shop_id = %(shop_id)s AND role = 'owner'", shop_id=shop_id
    )


async def members(tx: Tx, *, shop_id: int) -> list[Member]:
    return await tx.every(
        Member,
        """
        SELECT m.shop_id, m.person_id, p.email, p.name, m.role, m.joined_at
          FROM accounts.member m JOIN accounts.person p ON p.id = m.person_id
         WHERE m.shop_id = %(shop_id)s ORDER BY m.joined_at, m.person_id
        """,
        shop_id=shop_id,
    )


async def memberships(tx: Tx, *, person_id: int) -> list[MembershipRow]:
    return await tx.every(
        MembershipRow,
        """
        SELECT s.id, s.slug, s.name, s.currency, s.locale, s.timezone, m.role
          FROM accounts.member m JOIN accounts.shop s ON s.id = m.shop_id
         WHERE m.person_id = %(person_id)s ORDER BY s.id
        """,
        person_id=person_id,
    )


async def membership(tx: Tx, *, person_id: int, slug: str) -> MembershipRow | None:
    return await tx.first(
        MembershipRow,
        """
        SELECT s.id, s.slug, s.name, s.currency, s.locale, s.timezone, m.role
          FROM accounts.member m JOIN accounts.shop s ON s.id = m.shop_id
         WHERE m.person_id = %(person_id)s AND s.slug = %(slug)s
        """,
        person_id=person_id,
        slug=slug,
    )


# Invitations


async def insert_invitation(
    tx: Tx, *, shop_id: int, token_hash: bytes, role: Role, email: str | None, invited_by: int, days: int
) -> Invitation:
    return await tx.one(
        Invitation,
        """
        INSERT INTO accounts.invitation (shop_id, token_hash, role, email, invited_by, expires_at)
        VALUES (%(shop_id)s, %(token_hash)s, %(role)s, %(email)s, %(invited_by)s,
                now() + make_interval(days => %(days)s))
        RETURNING id, shop_id, role, email, expires_at
        """,
        shop_id=shop_id,
        token_hash=token_hash,
        role=role,
        email=email,
        invited_by=invited_by,
        days=days,
    )


async def invitation(tx: Tx, *, token_hash: bytes) -> Invitation | None:
    return await tx.first(
        Invitation,
        """
        SELECT id, shop_id, role, email, expires_at FROM accounts.invitation
         WHERE token_hash = %(token_hash)s AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
        """,
        token_hash=token_hash,
    )


async def invitations(tx: Tx, *, shop_id: int) -> list[Invitation]:
    return await tx.every(
        Invitation,
        """
        SELECT id, shop_id, role, email, expires_at FROM accounts.invitation
         WHERE shop_id = %(shop_id)s AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
         ORDER BY id
        """,
        shop_id=shop_id,
    )


async def accept_invitation(tx: Tx, *, invitation_id: int, person_id: int) -> bool:
    """False when it was used or withdrawn in a transaction that ran beside this one."""
    return (
        await tx.run(
            """
        UPDATE accounts.invitation SET accepted_at = now(), accepted_by = %(person_id)s
         WHERE id = %(invitation_id)s AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
        """,
            invitation_id=invitation_id,
            person_id=person_id,
        )
        == 1
    )


async def withdraw_invitation(tx: Tx, *, shop_id: int, invitation_id: int) -> bool:
    return (
        await tx.run(
            """
        UPDATE accounts.invitation SET withdrawn_at = now()
         WHERE id = %(invitation_id)s AND shop_id = %(shop_id)s AND accepted_at IS NULL AND withdrawn_at IS NULL
        """,
            shop_id=shop_id,
            invitation_id=invitation_id,
        )
        == 1
    )
