"""SQL of customers.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from shopfloor.customers.models import (
    Customer,
    Listed,
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
               @> orders.search_keys(%(shop_id)s::bigint, orders.search_folded(%(search)s))
           AND strpos(customers.search_text(c.name, c.email, c.phone), orders.search_folded(%(search)s)) > 0
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
                    OR strpos(customers.search_text(c.name, c.email, c.phone), orders.search_folded(%(search)s)) > 0)
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
