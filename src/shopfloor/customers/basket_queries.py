"""Baskets that are paid after a show."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a browser is.  `customer_id`: the account it is signed in to."""

    buyer: UUID
    customer_id: UUID | None
    name: str
    email: str
    phone: str
    locale: str


async def contacts(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> list[Contact]:
    """The account that is signed in with a browser, else the contact of its last order; none of who is to be forgotten."""
    return await tx.every(
        Contact,
        """
        SELECT b.buyer, c.id AS customer_id, coalesce(nullif(c.name, ''), o.contact_name, '') AS name,
               coalesce(nullif(c.email, ''), o.contact_email, '') AS email,
               coalesce(nullif(c.phone, ''), o.contact_phone, '') AS phone, coalesce(c.locale, o.locale, '') AS locale
          FROM unnest(%(buyers)s::uuid[]) AS b (buyer)
          LEFT JOIN LATERAL (
                SELECT c.id, c.name, c.email, coalesce(nullif(c.proven_phone, ''), c.phone) AS phone, c.locale
                  FROM customers.session s
                  JOIN customers.customer c ON c.shop_id = s.shop_id AND c.id = s.customer_id
                 WHERE s.shop_id = %(shop_id)s AND s.shopper = b.buyer AND s.expires_at > now()
                 ORDER BY s.seen_at DESC LIMIT 1) AS c ON true
          LEFT JOIN LATERAL (
                SELECT o.contact_name, o.contact_email, o.contact_phone, o.locale
                  FROM orders.v_of_customer o
                 WHERE o.shop_id = %(shop_id)s AND o.buyer = b.buyer AND o.contact_name <> ''
                   AND NOT EXISTS (SELECT FROM orders.v_erasing e WHERE e.shop_id = o.shop_id AND e.order_id = o.id)
                 ORDER BY o.placed_at DESC LIMIT 1) AS o ON c.id IS NULL
         WHERE c.id IS NOT NULL OR o.contact_name IS NOT NULL
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
    """Whose baskets are paid in this browser, by the link they were sent or out of a frame."""
    cursor = await tx.connection.execute(
        """
        SELECT buyer FROM customers.basket
         WHERE shop_id = %(shop_id)s AND opened_by = %(shopper)s AND until > now()
         UNION
        (SELECT framed FROM embeds.v_framed
          WHERE shop_id = %(shop_id)s AND opened_by = %(shopper)s ORDER BY until DESC LIMIT 20)
         ORDER BY buyer
        """,
        {"shop_id": shop_id, "shopper": shopper},
    )
    return [buyer for (buyer,) in await cursor.fetchall()]


async def delete_baskets(tx: Tx) -> None:
    """Links that have led nowhere for a month."""
    await tx.run("DELETE FROM customers.basket WHERE until < now() - interval '30 days'")
