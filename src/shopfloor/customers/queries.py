"""SQL of customers.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from shopfloor.customers.models import (
    Address,
    AddressForm,
    Bought,
    Consent,
    Customer,
    Listed,
    Note,
    Session,
    Spent,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

# Customers


async def customer(tx: Tx, *, shop_id: int, customer_id: UUID) -> Customer | None:
    return await tx.first(
        Customer,
        """
        SELECT id, shop_id, email, phone, name, locale, proven_at, created_at, proven_phone, phone_proven_at
          FROM customers.customer WHERE shop_id = %(shop_id)s AND id = %(customer_id)s
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def prove(tx: Tx, *, customer_id: UUID, shop_id: int, email: str, locale: str) -> Customer:
    """The customer with this address, who has just proved it."""
    return await tx.one(
        Customer,
        """
        INSERT INTO customers.customer AS c (id, shop_id, email, locale, proven_at)
        VALUES (%(customer_id)s, %(shop_id)s, %(email)s, %(locale)s, now())
        ON CONFLICT (shop_id, email) WHERE email <> '' DO UPDATE
           SET proven_at = coalesce(c.proven_at, now()), locale = excluded.locale
        RETURNING id, shop_id, email, phone, name, locale, proven_at, created_at, proven_phone, phone_proven_at
        """,
        customer_id=customer_id,
        shop_id=shop_id,
        email=email,
        locale=locale,
    )


async def note_by_email(
    tx: Tx, *, customer_id: UUID, shop_id: int, email: str, name: str, phone: str, locale: str
) -> UUID:
    """What an order says changes nobody who chose a name; a telephone number follows the last order."""
    return await tx.value(
        """
        INSERT INTO customers.customer AS c (id, shop_id, email, name, phone, locale)
        VALUES (%(customer_id)s, %(shop_id)s, %(email)s, %(name)s, %(phone)s, %(locale)s)
        ON CONFLICT (shop_id, email) WHERE email <> '' DO UPDATE
           SET name = CASE WHEN c.proven_at IS NULL OR c.name = '' THEN excluded.name ELSE c.name END,
               phone = CASE WHEN excluded.phone <> '' THEN excluded.phone ELSE c.phone END
        RETURNING id
        """,
        customer_id=customer_id,
        shop_id=shop_id,
        email=email,
        name=name,
        phone=phone,
        locale=locale,
    )


async def note_by_phone(
    tx: Tx, *, customer_id: UUID, shop_id: int, name: str, phone: str, locale: str
) -> UUID:
    return await tx.value(
        """
        INSERT INTO customers.customer AS c (id, shop_id, name, phone, locale)
        VALUES (%(customer_id)s, %(shop_id)s, %(name)s, %(phone)s, %(locale)s)
        ON CONFLICT (shop_id, phone) WHERE email = '' DO UPDATE SET name = excluded.name
        RETURNING id
        """,
        customer_id=customer_id,
        shop_id=shop_id,
        name=name,
        phone=phone,
        locale=locale,
    )


async def prove_phone(
    tx: Tx, *, customer_id: UUID, shop_id: int, phone: str, digits: str, locale: str
) -> Customer:
    """The customer with this number, who has just proved it: who has it already, else a guest who is known by no more."""
    return await tx.one(
        Customer,
        """
        WITH known AS (
            SELECT id FROM customers.customer
             WHERE shop_id = %(shop_id)s
               AND (proven_phone = %(phone)s OR (email = '' AND phone = %(digits)s AND proven_phone IS NULL))
             ORDER BY proven_phone IS NULL LIMIT 1)
        INSERT INTO customers.customer AS c (id, shop_id, phone, locale, proven_phone, phone_proven_at)
        VALUES (coalesce((SELECT id FROM known), %(customer_id)s), %(shop_id)s, %(digits)s, %(locale)s, %(phone)s, now())
        ON CONFLICT (id) DO UPDATE
           SET proven_phone = excluded.proven_phone, phone_proven_at = coalesce(c.phone_proven_at, now()),
               locale = excluded.locale
        RETURNING id, shop_id, email, phone, name, locale, proven_at, created_at, proven_phone, phone_proven_at
        """,
        customer_id=customer_id,
        shop_id=shop_id,
        phone=phone,
        digits=digits,
        locale=locale,
    )


async def with_email(tx: Tx, *, shop_id: int, email: str) -> Customer | None:
    return await tx.first(
        Customer,
        """
        SELECT id, shop_id, email, phone, name, locale, proven_at, created_at, proven_phone, phone_proven_at
          FROM customers.customer WHERE shop_id = %(shop_id)s AND email = %(email)s AND email <> ''
        """,
        shop_id=shop_id,
        email=email,
    )


async def with_phone(tx: Tx, *, shop_id: int, phone: str) -> Customer | None:
    """Who has proved this number."""
    return await tx.first(
        Customer,
        """
        SELECT id, shop_id, email, phone, name, locale, proven_at, created_at, proven_phone, phone_proven_at
          FROM customers.customer WHERE shop_id = %(shop_id)s AND proven_phone = %(phone)s
        """,
        shop_id=shop_id,
        phone=phone,
    )


async def set_contacts(
    tx: Tx, *, shop_id: int, customer_id: UUID, email: str, proven_at: datetime | None, phone: str | None, digits: str,
    phone_proven_at: datetime | None,
) -> None:  # fmt: skip
    await tx.run(
        """
        UPDATE customers.customer
           SET email = %(email)s, proven_at = %(proven_at)s, proven_phone = %(phone)s, phone = %(digits)s,
               phone_proven_at = %(phone_proven_at)s
         WHERE shop_id = %(shop_id)s AND id = %(customer_id)s
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        email=email,
        proven_at=proven_at,
        phone=phone,
        digits=digits,
        phone_proven_at=phone_proven_at,
    )


@dataclass(frozen=True, slots=True)
class ByPhone:
    """An order that nobody has proved to be theirs."""

    id: UUID
    contact_phone: str


async def unclaimed_by_phone(tx: Tx, *, shop_id: int, ending: str) -> list[ByPhone]:
    return await tx.every(
        ByPhone,
        """
        SELECT o.id, o.contact_phone FROM orders.v_by_phone o
         WHERE o.shop_id = %(shop_id)s AND o.ending = %(ending)s
           AND NOT EXISTS (SELECT FROM customers.order_of m JOIN customers.customer c ON c.id = m.customer_id
                            WHERE m.order_id = o.id
                              AND (m.why = 'signed_in' OR c.proven_at IS NOT NULL OR c.proven_phone IS NOT NULL))
           AND NOT EXISTS (SELECT FROM orders.v_erasing e WHERE e.shop_id = o.shop_id AND e.order_id = o.id)
         ORDER BY o.id LIMIT 1000
        """,
        shop_id=shop_id,
        ending=ending,
    )


async def claim_orders(tx: Tx, *, shop_id: int, customer_id: UUID, order_ids: Sequence[UUID]) -> int:
    return await tx.run(
        """
        INSERT INTO customers.order_of AS m (order_id, shop_id, customer_id, why)
        SELECT id, %(shop_id)s, %(customer_id)s, 'contact' FROM unnest(%(order_ids)s::uuid[]) AS o (id)
        ON CONFLICT (order_id) DO UPDATE SET customer_id = excluded.customer_id, why = 'contact', joined_at = now()
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        order_ids=list(order_ids),
    )


@dataclass(frozen=True, slots=True)
class _Guest:
    id: UUID


async def guests_by_phone(tx: Tx, *, shop_id: int, forms: Sequence[str], but: UUID) -> list[UUID]:
    """Who is known by this number alone, in whatever form it was written, and has proved nothing."""
    rows = await tx.every(
        _Guest,
        """
        SELECT id FROM customers.customer
         WHERE shop_id = %(shop_id)s AND email = '' AND phone = ANY(%(forms)s) AND proven_phone IS NULL AND id <> %(but)s
         ORDER BY id FOR UPDATE
        """,
        shop_id=shop_id,
        forms=list(forms),
        but=but,
    )
    return [row.id for row in rows]


async def move_orders(tx: Tx, *, shop_id: int, guests: Sequence[UUID], customer_id: UUID) -> None:
    await tx.run(
        """
        UPDATE customers.order_of SET customer_id = %(customer_id)s, joined_at = now()
         WHERE shop_id = %(shop_id)s AND customer_id = ANY(%(guests)s)
        """,
        shop_id=shop_id,
        guests=list(guests),
        customer_id=customer_id,
    )


async def move_notes(tx: Tx, *, shop_id: int, guests: Sequence[UUID], customer_id: UUID) -> None:
    await tx.run(
        """
        UPDATE customers.note SET customer_id = %(customer_id)s
         WHERE shop_id = %(shop_id)s AND customer_id = ANY(%(guests)s)
        """,
        shop_id=shop_id,
        guests=list(guests),
        customer_id=customer_id,
    )


async def delete_guests(tx: Tx, *, shop_id: int, guests: Sequence[UUID]) -> None:
    await tx.run(
        "DELETE FROM customers.customer WHERE shop_id = %(shop_id)s AND id = ANY(%(guests)s)",
        shop_id=shop_id,
        guests=list(guests),
    )


async def rename(tx: Tx, *, shop_id: int, customer_id: UUID, name: str) -> None:
    await tx.run(
        "UPDATE customers.customer SET name = %(name)s WHERE shop_id = %(shop_id)s AND id = %(customer_id)s",
        shop_id=shop_id,
        customer_id=customer_id,
        name=name,
    )


async def delete_customer(tx: Tx, *, shop_id: int, customer_id: UUID) -> None:
    """With sessions, addresses, consents and notes; orders stay, and are nobody's."""
    await tx.run(
        "DELETE FROM customers.customer WHERE shop_id = %(shop_id)s AND id = %(customer_id)s",
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def delete_nameless(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    """Customers of these browsers whose orders have all lost their contact, or will once they are over."""
    return await tx.run(
        """
        DELETE FROM customers.customer c
         WHERE c.shop_id = %(shop_id)s
           AND c.id IN (SELECT m.customer_id FROM orders.v_of_customer o JOIN customers.order_of m ON m.order_id = o.id
                         WHERE o.shop_id = %(shop_id)s AND o.buyer = ANY(%(buyers)s::uuid[]))
           AND NOT EXISTS (
                SELECT FROM customers.order_of m JOIN orders.v_of_customer o ON o.id = m.order_id
                 WHERE m.customer_id = c.id AND (o.contact_email <> '' OR o.contact_phone <> '')
                   AND NOT EXISTS (SELECT FROM orders.v_erasing e WHERE e.shop_id = o.shop_id AND e.order_id = o.id))
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


# Lists of the shop

_LISTED: Final = """
    SELECT c.id, c.name, c.email, c.phone, c.proven_at, c.created_at, coalesce(b.orders, 0) AS orders,
           coalesce(b.spent_minor, 0) AS spent_minor, b.last_order_at, c.phone_proven_at
      FROM customers.customer c
      LEFT JOIN LATERAL (
            SELECT count(*) AS orders, max(o.placed_at) AS last_order_at,
                   (sum(o.charged_minor - o.refunded_minor)
                    FILTER (WHERE o.currency = %(currency)s))::bigint AS spent_minor
              FROM customers.order_of m JOIN orders.v_of_customer o ON o.id = m.order_id
             WHERE m.customer_id = c.id) b ON true
    """


async def newest(
    tx: Tx, *, shop_id: int, currency: str, after: UUID | None, before: UUID | None, limit: int
) -> list[Listed]:
    return await tx.every(
        Listed,
        _LISTED  # noqa: S608 -- constants, both
        + """
         WHERE c.shop_id = %(shop_id)s
           AND (%(after)s::uuid IS NULL OR (c.created_at, c.id) <
                (SELECT created_at, id FROM customers.customer WHERE id = %(after)s AND shop_id = %(shop_id)s))
           AND (%(before)s::uuid IS NULL OR (c.created_at, c.id) >
                (SELECT created_at, id FROM customers.customer WHERE id = %(before)s AND shop_id = %(shop_id)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN c.created_at END DESC,
                  CASE WHEN %(before)s::uuid IS NULL THEN c.id END DESC, c.created_at, c.id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        currency=currency,
        after=after,
        before=before,
        limit=limit,
    )


async def found(
    tx: Tx, *, shop_id: int, currency: str, search: str, after: UUID | None, before: UUID | None, limit: int
) -> list[Listed]:
    """By part of a name or an address, or digits of a telephone number."""
    return await tx.every(
        Listed,
        _LISTED  # noqa: S608 -- constants, both
        + """
         WHERE c.shop_id = %(shop_id)s
           AND orders.search_pieces(c.shop_id, customers.search_text(c.name, c.email, c.phone))
               @> orders.search_keys(%(shop_id)s::bigint, %(search)s)
           AND strpos(customers.search_text(c.name, c.email, c.phone), lower(%(search)s)) > 0
           AND (%(after)s::uuid IS NULL OR (c.created_at, c.id) <
                (SELECT created_at, id FROM customers.customer WHERE id = %(after)s AND shop_id = %(shop_id)s))
           AND (%(before)s::uuid IS NULL OR (c.created_at, c.id) >
                (SELECT created_at, id FROM customers.customer WHERE id = %(before)s AND shop_id = %(shop_id)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN c.created_at END DESC,
                  CASE WHEN %(before)s::uuid IS NULL THEN c.id END DESC, c.created_at, c.id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        currency=currency,
        search=search,
        after=after,
        before=before,
        limit=limit,
    )


async def count(tx: Tx, *, shop_id: int, search: str, before: UUID | None, most: int) -> int:
    """How many there are, or are before one; one more than `most` at most."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM customers.customer c
             WHERE c.shop_id = %(shop_id)s
               AND (%(search)s::text = ''
                    OR strpos(customers.search_text(c.name, c.email, c.phone), lower(%(search)s)) > 0)
               AND (%(before)s::uuid IS NULL OR (c.created_at, c.id) >
                    (SELECT created_at, id FROM customers.customer WHERE id = %(before)s AND shop_id = %(shop_id)s))
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        search=search,
        before=before,
        most=most,
    )


async def customer_of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> UUID | None:
    return await tx.value(
        "SELECT customer_id FROM customers.order_of WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s",
        shop_id=shop_id,
        order_id=order_id,
    )


async def spent(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Spent]:
    return await tx.every(
        Spent,
        """
        SELECT o.currency, count(*) AS orders, sum(o.charged_minor)::bigint AS paid_minor,
               sum(o.refunded_minor)::bigint AS refunded_minor
          FROM customers.order_of m JOIN orders.v_of_customer o ON o.id = m.order_id
         WHERE m.shop_id = %(shop_id)s AND m.customer_id = %(customer_id)s
         GROUP BY o.currency ORDER BY o.currency
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


# Orders


@dataclass(frozen=True, slots=True)
class Placed:
    """An order's contact."""

    id: UUID
    shop_id: int
    buyer: UUID
    contact_name: str
    contact_email: str
    contact_phone: str
    locale: str
    address: dict[str, Any] | None


async def placed(tx: Tx, *, shop_id: int, order_id: UUID) -> Placed | None:
    return await tx.first(
        Placed,
        """
        SELECT id, shop_id, buyer, contact_name, contact_email, contact_phone, locale, address
          FROM orders.v_of_customer WHERE shop_id = %(shop_id)s AND id = %(order_id)s
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def newest_of_browser(tx: Tx, *, shop_id: int, shopper: UUID) -> Placed | None:
    """The last order of this browser whose contact is still there and that it is to remember."""
    return await tx.first(
        Placed,
        """
        SELECT id, shop_id, buyer, contact_name, contact_email, contact_phone, locale, address
          FROM orders.v_of_customer o
         WHERE o.shop_id = %(shop_id)s AND o.buyer = %(shopper)s AND o.contact_name <> ''
           AND o.placed_at > coalesce((SELECT at FROM customers.forgotten f
                                        WHERE f.shop_id = o.shop_id AND f.shopper = o.buyer), '-infinity')
           AND NOT EXISTS (SELECT FROM orders.v_erasing e WHERE e.shop_id = o.shop_id AND e.order_id = o.id)
         ORDER BY o.placed_at DESC LIMIT 1
        """,
        shop_id=shop_id,
        shopper=shopper,
    )


async def newest_of_customer(tx: Tx, *, shop_id: int, customer_id: UUID) -> Placed | None:
    return await tx.first(
        Placed,
        """
        SELECT o.id, o.shop_id, o.buyer, o.contact_name, o.contact_email, o.contact_phone, o.locale, o.address
          FROM customers.order_of m JOIN orders.v_of_customer o ON o.id = m.order_id
         WHERE m.shop_id = %(shop_id)s AND m.customer_id = %(customer_id)s AND o.contact_name <> ''
         ORDER BY o.placed_at DESC LIMIT 1
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def forget_browser(tx: Tx, *, shop_id: int, shopper: UUID) -> None:
    await tx.run(
        """
        INSERT INTO customers.forgotten (shop_id, shopper) VALUES (%(shop_id)s, %(shopper)s)
        ON CONFLICT (shop_id, shopper) DO UPDATE SET at = now()
        """,
        shop_id=shop_id,
        shopper=shopper,
    )


async def join(tx: Tx, *, shop_id: int, order_id: UUID, customer_id: UUID, why: str) -> None:
    await tx.run(
        """
        INSERT INTO customers.order_of (order_id, shop_id, customer_id, why)
        VALUES (%(order_id)s, %(shop_id)s, %(customer_id)s, %(why)s)
        ON CONFLICT (order_id) DO NOTHING
        """,
        shop_id=shop_id,
        order_id=order_id,
        customer_id=customer_id,
        why=why,
    )


async def bought(
    tx: Tx,
    *,
    shop_id: int,
    shopper: UUID,
    customer_id: UUID | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Bought]:
    """Orders of a customer and of this browser, newest first."""
    return await tx.every(
        Bought,
        """
        SELECT o.id, o.number, o.currency, o.total_minor, o.charged_minor, o.refunded_minor, o.status, o.payment_status,
               o.fulfilment_status, o.placed_at, o.key, m.order_id IS NOT NULL AS is_joined
          FROM orders.v_of_customer o
          LEFT JOIN customers.order_of m ON m.order_id = o.id AND m.customer_id = %(customer_id)s::uuid
         WHERE o.shop_id = %(shop_id)s
           AND o.id IN (SELECT order_id FROM customers.order_of
                         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s::uuid
                        UNION SELECT id FROM orders.v_of_customer
                               WHERE shop_id = %(shop_id)s AND buyer = %(shopper)s)
           AND (%(after)s::uuid IS NULL OR (o.placed_at, o.id) <
                (SELECT placed_at, id FROM orders.v_of_customer WHERE id = %(after)s AND shop_id = %(shop_id)s))
           AND (%(before)s::uuid IS NULL OR (o.placed_at, o.id) >
                (SELECT placed_at, id FROM orders.v_of_customer WHERE id = %(before)s AND shop_id = %(shop_id)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN o.placed_at END DESC,
                  CASE WHEN %(before)s::uuid IS NULL THEN o.id END DESC, o.placed_at, o.id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        shopper=shopper,
        customer_id=customer_id,
        after=after,
        before=before,
        limit=limit,
    )


async def bought_by(tx: Tx, *, shop_id: int, customer_id: UUID, limit: int) -> list[Bought]:
    return await tx.every(
        Bought,
        """
        SELECT o.id, o.number, o.currency, o.total_minor, o.charged_minor, o.refunded_minor, o.status, o.payment_status,
               o.fulfilment_status, o.placed_at, o.key, true AS is_joined
          FROM customers.order_of m JOIN orders.v_of_customer o ON o.id = m.order_id
         WHERE m.shop_id = %(shop_id)s AND m.customer_id = %(customer_id)s
         ORDER BY o.placed_at DESC, o.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Joined:
    order_id: UUID
    buyer: UUID
    number: int
    why: str
    joined_at: datetime


async def joined(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Joined]:
    """All orders of a customer, and since when and why they are theirs."""
    return await tx.every(
        Joined,
        """
        SELECT m.order_id, o.buyer, o.number, m.why, m.joined_at
          FROM customers.order_of m JOIN orders.v_of_customer o ON o.id = m.order_id
         WHERE m.shop_id = %(shop_id)s AND m.customer_id = %(customer_id)s ORDER BY o.placed_at DESC, o.id DESC
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


# Codes


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


# Addresses


async def addresses(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Address]:
    """The default first."""
    return await tx.every(
        Address,
        """
        SELECT id, name, phone, street, city, region, postcode, country, is_default, changed_at
          FROM customers.address WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s
         ORDER BY is_default DESC, id
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def lock_customer(tx: Tx, *, shop_id: int, customer_id: UUID) -> bool:
    return bool(
        await tx.value(
            "SELECT true FROM customers.customer WHERE shop_id = %(shop_id)s AND id = %(customer_id)s FOR UPDATE",
            shop_id=shop_id,
            customer_id=customer_id,
        )
    )


async def insert_address(
    tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID, form: AddressForm, is_default: bool
) -> None:
    await tx.run(
        """
        INSERT INTO customers.address
               (id, shop_id, customer_id, name, phone, street, city, region, postcode, country, is_default)
        VALUES (%(address_id)s, %(shop_id)s, %(customer_id)s, %(name)s, %(phone)s, %(street)s, %(city)s, %(region)s,
                %(postcode)s, %(country)s, %(is_default)s)
        """,
        address_id=address_id,
        shop_id=shop_id,
        customer_id=customer_id,
        name=form.name,
        phone=form.phone,
        street=form.street,
        city=form.city,
        region=form.region,
        postcode=form.postcode,
        country=form.country,
        is_default=is_default,
    )


async def update_address(
    tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID, form: AddressForm
) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE customers.address
               SET name = %(name)s, phone = %(phone)s, street = %(street)s, city = %(city)s, region = %(region)s,
                   postcode = %(postcode)s, country = %(country)s, changed_at = now()
             WHERE id = %(address_id)s AND shop_id = %(shop_id)s AND customer_id = %(customer_id)s
            """,
            address_id=address_id,
            shop_id=shop_id,
            customer_id=customer_id,
            name=form.name,
            phone=form.phone,
            street=form.street,
            city=form.city,
            region=form.region,
            postcode=form.postcode,
            country=form.country,
        )
    )


async def clear_default(tx: Tx, *, shop_id: int, customer_id: UUID) -> None:
    await tx.run(
        """
        UPDATE customers.address SET is_default = false
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s AND is_default
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def set_default(tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE customers.address SET is_default = true
             WHERE id = %(address_id)s AND shop_id = %(shop_id)s AND customer_id = %(customer_id)s
            """,
            address_id=address_id,
            shop_id=shop_id,
            customer_id=customer_id,
        )
    )


async def delete_address(tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID) -> bool | None:
    """Whether it was the default; None when there was none."""
    return await tx.value(
        """
        DELETE FROM customers.address
         WHERE id = %(address_id)s AND shop_id = %(shop_id)s AND customer_id = %(customer_id)s RETURNING is_default
        """,
        address_id=address_id,
        shop_id=shop_id,
        customer_id=customer_id,
    )


# Consents and notes


async def consents(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Consent]:
    """Newest first."""
    return await tx.every(
        Consent,
        """
        SELECT purpose, channel, granted, source, wording, at FROM customers.consent
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s ORDER BY id DESC
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def insert_consent(
    tx: Tx,
    *,
    consent_id: UUID,
    shop_id: int,
    customer_id: UUID,
    granted: bool,
    source: str,
    wording: str,
) -> None:
    await tx.run(
        """
        INSERT INTO customers.consent (id, shop_id, customer_id, purpose, channel, granted, source, wording)
        VALUES (%(consent_id)s, %(shop_id)s, %(customer_id)s, 'marketing', 'mail', %(granted)s, %(source)s, %(wording)s)
        """,
        consent_id=consent_id,
        shop_id=shop_id,
        customer_id=customer_id,
        granted=granted,
        source=source,
        wording=wording,
    )


async def notes(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Note]:
    return await tx.every(
        Note,
        """
        SELECT id, person_id, text, at FROM customers.note
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s ORDER BY id DESC
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def insert_note(
    tx: Tx, *, note_id: UUID, shop_id: int, customer_id: UUID, person_id: int, text: str
) -> None:
    await tx.run(
        """
        INSERT INTO customers.note (id, shop_id, customer_id, person_id, text)
        VALUES (%(note_id)s, %(shop_id)s, %(customer_id)s, %(person_id)s, %(text)s)
        """,
        note_id=note_id,
        shop_id=shop_id,
        customer_id=customer_id,
        person_id=person_id,
        text=text,
    )


# What other modules keep, for who asks what is kept


@dataclass(frozen=True, slots=True)
class Said:
    show_id: int
    name: str
    text: str
    at: datetime


async def said(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> list[Said]:
    return await tx.every(
        Said,
        """
        SELECT show_id, name, text, at FROM chat.v_line
         WHERE shop_id = %(shop_id)s AND shopper = ANY(%(shoppers)s::uuid[]) ORDER BY at
        """,
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


# Baskets that are paid after a show


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a browser is."""

    buyer: UUID
    name: str
    email: str
    locale: str


async def contacts(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> list[Contact]:
    """The account that is signed in with a browser, else the contact of its last order; none of who is to be forgotten."""
    return await tx.every(
        Contact,
        """
        SELECT b.buyer, coalesce(c.name, o.contact_name, '') AS name,
               coalesce(nullif(c.email, ''), o.contact_email, '') AS email, coalesce(c.locale, o.locale, '') AS locale
          FROM unnest(%(buyers)s::uuid[]) AS b (buyer)
          LEFT JOIN LATERAL (
                SELECT c.name, c.email, c.locale
                  FROM customers.session s
                  JOIN customers.customer c ON c.shop_id = s.shop_id AND c.id = s.customer_id
                 WHERE s.shop_id = %(shop_id)s AND s.shopper = b.buyer AND s.expires_at > now()
                 ORDER BY s.seen_at DESC LIMIT 1) AS c ON true
          LEFT JOIN LATERAL (
                SELECT o.contact_name, o.contact_email, o.locale
                  FROM orders.v_of_customer o
                 WHERE o.shop_id = %(shop_id)s AND o.buyer = b.buyer AND o.contact_name <> ''
                   AND NOT EXISTS (SELECT FROM orders.v_erasing e WHERE e.shop_id = o.shop_id AND e.order_id = o.id)
                 ORDER BY o.placed_at DESC LIMIT 1) AS o ON c.email IS NULL
         WHERE c.email IS NOT NULL OR o.contact_name IS NOT NULL
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def insert_basket(
    tx: Tx, *, shop_id: int, show_id: int, buyer: UUID, key: str, until: datetime
) -> bool:
    """False when its buyer was told already."""
    inserted = await tx.run(
        """
        INSERT INTO customers.basket (shop_id, show_id, buyer, key, until)
        VALUES (%(shop_id)s, %(show_id)s, %(buyer)s, %(key)s, %(until)s) ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        show_id=show_id,
        buyer=buyer,
        key=key,
        until=until,
    )
    return inserted == 1


async def open_basket(tx: Tx, *, shop_id: int, key: str, shopper: UUID) -> None:
    """The link is followed in this browser; in the one that bought, nothing changes."""
    await tx.run(
        """
        UPDATE customers.basket SET opened_by = %(shopper)s
         WHERE key = %(key)s AND shop_id = %(shop_id)s AND buyer <> %(shopper)s AND until > now()
        """,
        key=key,
        shop_id=shop_id,
        shopper=shopper,
    )


async def opened_baskets(tx: Tx, *, shop_id: int, shopper: UUID) -> list[UUID]:
    """Whose baskets are paid in this browser, by the link they were sent."""
    cursor = await tx.connection.execute(
        """
        SELECT DISTINCT buyer FROM customers.basket
         WHERE shop_id = %(shop_id)s AND opened_by = %(shopper)s AND until > now() ORDER BY buyer
        """,
        {"shop_id": shop_id, "shopper": shopper},
    )
    return [buyer for (buyer,) in await cursor.fetchall()]


async def delete_baskets(tx: Tx) -> None:
    """Links that have led nowhere for a month."""
    await tx.run("DELETE FROM customers.basket WHERE until < now() - interval '30 days'")
