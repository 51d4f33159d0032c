"""What customers bought, and how orders and guests become theirs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor.customers.models import (
    Bought,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


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
