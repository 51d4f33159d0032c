"""Codes that were sent, and sessions of customers."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shopfloor.customers.models import (
    Session,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """How many codes were sent lately, and how many today."""

    to_lately: int
    to_today: int
    from_lately: int
    from_today: int
    by_shop: int


async def lock_sending(tx: Tx, *, keys: Sequence[int]) -> None:
    """One at a time for an address and for a network, so that limits hold; keys sorted."""
    await tx.run(
        "SELECT pg_advisory_xact_lock(key) FROM unnest(%(keys)s::bigint[]) WITH ORDINALITY AS k (key, place) ORDER BY place",
        keys=list(keys),
    )


async def sent(
    tx: Tx, *, shop_id: int, email: str, network: int | None, lately: timedelta, most: int
) -> Sent:
    return await tx.one(
        Sent,
        """
        SELECT count(*) FILTER (WHERE asked_at > now() - %(lately)s::interval) AS to_lately, count(*) AS to_today,
               (SELECT count(*) FROM customers.code
                 WHERE network = %(network)s AND asked_at > now() - %(lately)s::interval) AS from_lately,
               (SELECT count(*) FROM customers.code
                 WHERE network = %(network)s AND asked_at > now() - interval '1 day') AS from_today,
               (SELECT count(*) FROM (SELECT FROM customers.code
                 WHERE shop_id = %(shop_id)s AND asked_at > now() - interval '1 day' LIMIT %(most)s) AS today) AS by_shop
          FROM customers.code
         WHERE shop_id = %(shop_id)s AND email = %(email)s AND asked_at > now() - interval '1 day'
        """,
        shop_id=shop_id,
        email=email,
        network=network,
        lately=lately,
        most=most,
    )


async def insert_code(
    tx: Tx,
    *,
    code_id: UUID,
    shop_id: int,
    email: str,
    network: int | None,
    device: bytes,
    secret: bytes,
    lasts: timedelta,
) -> None:
    await tx.run(
        """
        INSERT INTO customers.code (id, shop_id, email, network, device, secret, expires_at)
        VALUES (%(code_id)s, %(shop_id)s, %(email)s, %(network)s, %(device)s, %(secret)s, now() + %(lasts)s::interval)
        """,
        code_id=code_id,
        shop_id=shop_id,
        email=email,
        network=network,
        device=device,
        secret=secret,
        lasts=lasts,
    )


@dataclass(frozen=True, slots=True)
class CodeRow:
    """`email`: where it went, also a number in full.  `changes`: whose contact it is to become; None to sign in."""

    id: UUID
    email: str
    secret: bytes
    tries: int
    is_over: bool
    changes: UUID | None


async def lock_code(tx: Tx, *, shop_id: int, devices: Sequence[bytes]) -> CodeRow | None:
    return await tx.first(
        CodeRow,
        """
        SELECT id, email, secret, tries, used_at IS NOT NULL OR expires_at <= now() AS is_over,
               (SELECT customer_id FROM customers.contact_change c WHERE c.code_id = code.id) AS changes
          FROM customers.code WHERE device = ANY(%(devices)s) AND shop_id = %(shop_id)s FOR UPDATE
        """,
        shop_id=shop_id,
        devices=list(devices),
    )


async def code_email(tx: Tx, *, shop_id: int, devices: Sequence[bytes], changes: UUID | None) -> str | None:
    """Where the code that this browser waits for was sent; None when it waits for none."""
    return await tx.value(
        """
        SELECT email FROM customers.code
         WHERE device = ANY(%(devices)s) AND shop_id = %(shop_id)s AND used_at IS NULL AND expires_at > now()
           AND (SELECT customer_id FROM customers.contact_change c WHERE c.code_id = code.id)
               IS NOT DISTINCT FROM %(changes)s::uuid
        """,
        shop_id=shop_id,
        devices=list(devices),
        changes=changes,
    )


async def insert_change(tx: Tx, *, code_id: UUID, shop_id: int, customer_id: UUID) -> None:
    await tx.run(
        """
        INSERT INTO customers.contact_change (code_id, shop_id, customer_id)
        VALUES (%(code_id)s, %(shop_id)s, %(customer_id)s)
        """,
        code_id=code_id,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def count_try(tx: Tx, *, code_id: UUID) -> None:
    await tx.run("UPDATE customers.code SET tries = tries + 1 WHERE id = %(code_id)s", code_id=code_id)


async def use_code(tx: Tx, *, code_id: UUID) -> None:
    await tx.run("UPDATE customers.code SET used_at = now() WHERE id = %(code_id)s", code_id=code_id)


async def forget_codes(tx: Tx) -> int:
    """Codes that no limit counts."""
    return await tx.run("DELETE FROM customers.code WHERE asked_at < now() - interval '2 days'")


async def forget_codes_to(tx: Tx, *, shop_id: int, email: str) -> None:
    await tx.run(
        "DELETE FROM customers.code WHERE shop_id = %(shop_id)s AND email = %(email)s AND used_at IS NOT NULL",
        shop_id=shop_id,
        email=email,
    )


# Sessions


async def insert_session(
    tx: Tx, *, token: bytes, shop_id: int, customer_id: UUID, shopper: UUID, device: str, lasts: timedelta
) -> None:
    await tx.run(
        """
        INSERT INTO customers.session (token, shop_id, customer_id, shopper, device, expires_at)
        VALUES (%(token)s, %(shop_id)s, %(customer_id)s, %(shopper)s, %(device)s, now() + %(lasts)s::interval)
        """,
        token=token,
        shop_id=shop_id,
        customer_id=customer_id,
        shopper=shopper,
        device=device,
        lasts=lasts,
    )


async def insert_browser(tx: Tx, *, shop_id: int, customer_id: UUID, shopper: UUID) -> None:
    await tx.run(
        """
        INSERT INTO customers.browser (shop_id, customer_id, shopper)
        VALUES (%(shop_id)s, %(customer_id)s, %(shopper)s) ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        shopper=shopper,
    )


@dataclass(frozen=True, slots=True)
class SessionRow:
    customer_id: UUID
    shopper: UUID
    stale: bool


async def session(tx: Tx, *, shop_id: int, token: bytes) -> SessionRow | None:
    return await tx.first(
        SessionRow,
        """
        SELECT customer_id, shopper, seen_at < now() - interval '1 hour' AS stale
          FROM customers.session WHERE token = %(token)s AND shop_id = %(shop_id)s AND expires_at > now()
        """,
        shop_id=shop_id,
        token=token,
    )


async def move_session_on(tx: Tx, *, token: bytes, shopper: UUID, lasts: timedelta) -> None:
    await tx.run(
        """
        UPDATE customers.session SET seen_at = now(), shopper = %(shopper)s, expires_at = now() + %(lasts)s::interval
         WHERE token = %(token)s
        """,
        token=token,
        shopper=shopper,
        lasts=lasts,
    )


async def signed_in_with(tx: Tx, *, shop_id: int, shopper: UUID) -> UUID | None:
    """Who is signed in with this browser."""
    return await tx.value(
        """
        SELECT customer_id FROM customers.session
         WHERE shop_id = %(shop_id)s AND shopper = %(shopper)s AND expires_at > now()
         ORDER BY seen_at DESC LIMIT 1
        """,
        shop_id=shop_id,
        shopper=shopper,
    )


async def shoppers_of_session(tx: Tx, *, shop_id: int, token: bytes) -> list[UUID]:
    """The browsers that are signed in to the account of this session."""
    cursor = await tx.connection.execute(
        """
        SELECT DISTINCT o.shopper
          FROM customers.session s
          JOIN customers.session o ON o.shop_id = s.shop_id AND o.customer_id = s.customer_id
         WHERE s.token = %(token)s AND s.shop_id = %(shop_id)s AND s.expires_at > now() AND o.expires_at > now()
         ORDER BY o.shopper
        """,
        {"token": token, "shop_id": shop_id},
    )
    return [shopper for (shopper,) in await cursor.fetchall()]


async def sessions(tx: Tx, *, shop_id: int, customer_id: UUID, token: bytes) -> list[Session]:
    return await tx.every(
        Session,
        """
        SELECT device, started_at, seen_at, token = %(token)s AS is_this FROM customers.session
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s AND expires_at > now() ORDER BY seen_at DESC
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        token=token,
    )


async def delete_session(tx: Tx, *, shop_id: int, token: bytes) -> None:
    await tx.run(
        "DELETE FROM customers.session WHERE token = %(token)s AND shop_id = %(shop_id)s",
        shop_id=shop_id,
        token=token,
    )


async def delete_sessions_of_browser(tx: Tx, *, shop_id: int, shopper: UUID) -> None:
    await tx.run(
        "DELETE FROM customers.session WHERE shop_id = %(shop_id)s AND shopper = %(shopper)s",
        shop_id=shop_id,
        shopper=shopper,
    )


async def delete_other_sessions(tx: Tx, *, shop_id: int, customer_id: UUID, token: bytes) -> int:
    return await tx.run(
        """
        DELETE FROM customers.session
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s AND token <> %(token)s
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        token=token,
    )


async def delete_sessions(tx: Tx, *, shop_id: int, customer_id: UUID) -> int:
    return await tx.run(
        "DELETE FROM customers.session WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s",
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def delete_expired_sessions(tx: Tx) -> int:
    return await tx.run("DELETE FROM customers.session WHERE expires_at <= now()")


@dataclass(frozen=True, slots=True)
class _Browser:
    shopper: UUID


async def browsers(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[UUID]:
    rows = await tx.every(
        _Browser,
        "SELECT shopper FROM customers.browser WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s ORDER BY shopper",
        shop_id=shop_id,
        customer_id=customer_id,
    )
    return [row.shopper for row in rows]
