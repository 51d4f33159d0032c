"""SQL of parcels together with their orders.  One function, one statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from shopfloor import fulfilment
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Filters:
    """None: any.  A search by `number` of the order or by `tracking` looks in all states."""

    state: str | None = None
    show_id: int | None = None
    location_id: int | None = None
    number: int | None = None
    tracking: str | None = None
    after: UUID | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class ParcelSummary:
    """A row of the to-do list."""

    id: UUID
    order_id: UUID
    order_number: int
    position: int
    state: str
    delivery: str
    location_id: int
    show_id: int | None
    ready_on: date | None
    carrier: str
    tracking: str
    tracking_url: str
    created_at: datetime
    contact_name: str
    city: str
    country: str
    paid: bool
    units: int
    titles: str
    box_number: str | None = None
    """The parcel in whose box it lies."""
    money_back: str = ""
    """`refunded`: all that was paid has been given back; `disputed`: the buyer asked the bank for it."""

    @property
    def number(self) -> str:
        return fulfilment.parcel_number(self.order_number, self.position)


async def page(tx: Tx, *, shop_id: int, filters: Filters, limit: int) -> list[UUID]:
    """The parcels of a page, oldest first; those before another the nearest first."""
    cursor = await tx.connection.execute(
        """
        WITH wanted AS (
          SELECT id FROM fulfilment.v_parcel
           WHERE shop_id = %(shop_id)s AND (%(state)s::text IS NULL OR state = %(state)s)
             AND (%(show_id)s::bigint IS NULL OR show_id = %(show_id)s)
             AND (%(location_id)s::bigint IS NULL OR location_id = %(location_id)s)
             AND ((%(number)s::bigint IS NULL AND %(tracking)s::text IS NULL)
                  OR order_number = %(number)s OR tracking = %(tracking)s)
        )
        (SELECT id FROM wanted WHERE %(before)s::uuid IS NULL AND (%(after)s::uuid IS NULL OR id > %(after)s)
          ORDER BY id LIMIT %(limit)s)
        UNION ALL
        (SELECT id FROM wanted WHERE %(before)s::uuid IS NOT NULL AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s)
        """,
        {
            "shop_id": shop_id,
            "state": filters.state,
            "show_id": filters.show_id,
            "location_id": filters.location_id,
            "number": filters.number,
            "tracking": filters.tracking,
            "after": filters.after,
            "before": filters.before,
            "limit": limit,
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def summaries(tx: Tx, *, ids: Sequence[UUID]) -> list[ParcelSummary]:
    """What a row of the list shows, in the order of the ids given."""
    return await tx.every(
        ParcelSummary,
        """
        SELECT p.id, p.order_id, p.order_number, p.position, p.state, p.delivery, p.location_id, p.show_id, p.ready_on,
               p.carrier, p.tracking, p.tracking_url, p.created_at, o.contact_name,
               coalesce(o.address ->> 'city', '') AS city, coalesce(o.address ->> 'country', '') AS country,
               o.paid, o.money_back, n.units, n.titles, b.order_number || '-P' || b.position AS box_number
          FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS w (id, at)
          JOIN fulfilment.v_parcel p ON p.id = w.id
          JOIN orders.v_recipient o ON o.order_id = p.order_id
          LEFT JOIN fulfilment.v_parcel b ON b.id = p.box_id
         CROSS JOIN LATERAL (
               SELECT coalesce(sum(i.quantity), 0)::int AS units,
                      coalesce(string_agg(i.quantity || ' × ' || concat_ws(' · ', t.title,
                                 nullif(array_to_string(array_remove(t.options, 'Default Title'), ' · '), '')),
                               ', ' ORDER BY t.position), '') AS titles
                 FROM fulfilment.v_parcel_line i JOIN orders.v_goods t ON t.line_id = i.line_id
                WHERE i.parcel_id = p.id) n
         ORDER BY w.at
        """,
        ids=list(ids),
    )


async def counts(
    tx: Tx, *, shop_id: int, show_id: int | None, location_id: int | None, states: Sequence[str], most: int
) -> dict[str, int]:
    """How many parcels are in each of these states, counted up to `most`."""
    cursor = await tx.connection.execute(
        """
        SELECT s.state, n.found
          FROM unnest(%(states)s::text[]) AS s (state)
         CROSS JOIN LATERAL (
               SELECT count(*)::int AS found FROM (
                 SELECT FROM fulfilment.v_parcel p
                  WHERE p.shop_id = %(shop_id)s AND p.state = s.state
                    AND (%(show_id)s::bigint IS NULL OR p.show_id = %(show_id)s)
                    AND (%(location_id)s::bigint IS NULL OR p.location_id = %(location_id)s)
                  LIMIT %(most)s) seen) n
        """,
        {
            "shop_id": shop_id,
            "show_id": show_id,
            "location_id": location_id,
            "states": list(states),
            "most": most,
        },
    )
    return dict(await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class ShowToPack:
    show_id: int
    parcels: int
    title: str


async def shows(tx: Tx, *, shop_id: int) -> list[ShowToPack]:
    """The shows with parcels in the house, the newest first."""
    return await tx.every(
        ShowToPack,
        """
        SELECT s.id AS show_id, p.parcels, s.title
          FROM (SELECT show_id, count(*)::int AS parcels FROM fulfilment.v_parcel
                 WHERE shop_id = %(shop_id)s AND show_id IS NOT NULL
                   AND state IN ('to_pick', 'picked', 'packed', 'ready_to_collect')
                 GROUP BY show_id) p
          JOIN live.v_show s ON s.id = p.show_id AND s.shop_id = %(shop_id)s
         ORDER BY s.id DESC
        """,
        shop_id=shop_id,
    )


@dataclass(frozen=True, slots=True)
class PackedItem:
    """A line of a parcel as the order froze it."""

    parcel_id: UUID
    line_id: int
    variant_id: int
    product_id: int
    quantity: int
    picked: int
    title: str
    sku: str
    options: list[str]
    picture_sha: str | None


async def items(tx: Tx, *, parcel_ids: Sequence[UUID]) -> list[PackedItem]:
    return await tx.every(
        PackedItem,
        """
        SELECT i.parcel_id, i.line_id, i.variant_id, t.product_id, i.quantity, i.picked, t.title, t.sku, t.options,
               t.picture_sha
          FROM fulfilment.v_parcel_line i
          JOIN orders.v_goods t ON t.line_id = i.line_id
         WHERE i.parcel_id = ANY(%(ids)s::uuid[])
         ORDER BY i.parcel_id, t.position
        """,
        ids=list(parcel_ids),
    )


@dataclass(frozen=True, slots=True)
class Recipient:
    order_id: UUID
    contact_name: str
    contact_phone: str
    contact_email: str
    address: dict[str, Any] | None
    note: str
    locale: str
    delivery: str
    shipping_name: str
    money_back: str
    """As of a `ParcelSummary`."""


async def recipients(tx: Tx, *, order_ids: Sequence[UUID]) -> list[Recipient]:
    return await tx.every(
        Recipient,
        """
        SELECT order_id, contact_name, contact_phone, contact_email, address, note, locale, delivery, shipping_name,
               money_back
          FROM orders.v_recipient WHERE order_id = ANY(%(ids)s::uuid[])
        """,
        ids=list(order_ids),
    )


async def of_same_person(tx: Tx, *, shop_id: int, order_id: UUID, most: int = 200) -> list[UUID]:
    """Parcels that are not packed, of whoever gave the mail address or phone of this order."""
    cursor = await tx.connection.execute(
        """
        SELECT p.id FROM fulfilment.v_parcel p
          JOIN orders.v_recipient o ON o.order_id = p.order_id
          JOIN orders.v_recipient mine ON mine.order_id = %(order_id)s
         WHERE p.shop_id = %(shop_id)s AND p.state IN ('to_pick', 'picked') AND p.delivery = 'ship'
           AND ((o.contact_email <> '' AND o.contact_email = mine.contact_email)
                OR (o.contact_phone <> '' AND o.contact_phone = mine.contact_phone))
         ORDER BY p.id LIMIT %(most)s
        """,
        {"shop_id": shop_id, "order_id": order_id, "most": most},
    )
    return [row[0] for row in await cursor.fetchall()]
