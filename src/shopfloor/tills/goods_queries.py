"""SQL of what tills read of goods and orders.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


async def products_of(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[int, int]:
    """The products of these variants, of those that the shop has and that are no bundles."""
    cursor = await tx.connection.execute(
        """
        SELECT v.id, v.product_id FROM catalog.v_named v
         WHERE v.shop_id = %(shop_id)s AND v.id = ANY(%(ids)s::bigint[])
           AND NOT EXISTS (SELECT FROM catalog.v_bundle_part b WHERE b.bundle_variant_id = v.id AND b.in_force)
        """,
        {"shop_id": shop_id, "ids": list(variant_ids)},
    )
    return dict(await cursor.fetchall())


async def order_of(tx: Tx, *, shop_id: int, order_id: UUID | None, receipt: str) -> UUID | None:
    """The order that a return names, by its id or by the receipt of its sale."""
    series, _, number = receipt.rpartition("-")
    return await tx.value(
        """
        SELECT order_id FROM orders.v_at_counter WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s::uuid
        UNION ALL
        SELECT order_id FROM tills.receipt
         WHERE shop_id = %(shop_id)s AND series = %(series)s AND number = %(number)s::bigint AND kind = 'sale'
           AND order_id IS NOT NULL
        LIMIT 1
        """,
        shop_id=shop_id,
        order_id=order_id,
        series=series,
        number=int(number) if number.isascii() and number.isdigit() and len(number) < 16 else None,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """A variant as a till shows it; `scarce` are units that are set apart for the device."""

    id: int
    product_id: int
    title: str
    titles: dict[str, str]
    kind: str
    option_names: list[str]
    options: list[str]
    sku: str
    barcode: str
    price_minor: int
    tax_class: str
    picture_sha: str | None
    available: int
    escrow: int
    scarce: bool


async def shown(tx: Tx, *, shop_id: int, location_id: int, device_id: UUID, pool_id: int) -> list[Shown]:
    """All that can be sold at a location: what is active and no bundle, with what its shelf has free."""
    return await tx.every(
        Shown,
        """
        WITH here AS MATERIALIZED (
            SELECT variant_id, sum(free) FILTER (WHERE kind = 'open' OR purpose = 'safety')::int AS available,
                   sum(free) FILTER (WHERE pool_id = %(pool_id)s)::int AS escrow
              FROM (SELECT l.variant_id, l.pool_id, p.kind, p.purpose,
                           greatest(0, l.quantity - l.held - l.allocated) AS free
                      FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id
                     WHERE l.shop_id = %(shop_id)s AND l.location_id = %(location_id)s AND l.kind = 'on_hand') f
             GROUP BY variant_id
        )
        SELECT v.id, v.product_id, v.title, v.titles, v.kind, v.option_names, v.options, v.sku, b.barcode, v.price_minor,
               g.tax_class, v.picture_sha, coalesce(here.available, 0) AS available, coalesce(here.escrow, 0) AS escrow,
               e.variant_id IS NOT NULL AS scarce
          FROM catalog.v_variant v
          JOIN catalog.v_goods g ON g.id = v.id
          JOIN catalog.v_barcode b ON b.id = v.id
          LEFT JOIN here ON here.variant_id = v.id
          LEFT JOIN tills.escrow e ON e.device_id = %(device_id)s AND e.variant_id = v.id
         WHERE v.shop_id = %(shop_id)s AND v.status = 'active'
           AND NOT EXISTS (SELECT FROM catalog.v_bundle_part p WHERE p.bundle_variant_id = v.id AND p.in_force)
         ORDER BY v.product_id, v.position, v.id
        """,
        shop_id=shop_id,
        location_id=location_id,
        device_id=device_id,
        pool_id=pool_id,
    )


@dataclass(frozen=True, slots=True)
class FoundSale:
    order_id: UUID
    number: int
    receipt: str
    token: str | None
    channel: str
    at: datetime
    currency: str
    total_minor: int
    charged_minor: int
    refunded_minor: int
    contact_name: str


@dataclass(frozen=True, slots=True)
class FoundLine:
    order_id: UUID
    position: int
    variant_id: int
    title: str
    options: list[str]
    quantity: int
    shipped_quantity: int
    returned_quantity: int
    amount_minor: int


async def lines_of(tx: Tx, *, order_ids: Sequence[UUID]) -> list[FoundLine]:
    return await tx.every(
        FoundLine,
        """
        SELECT l.order_id, l.position, l.variant_id, g.title, g.options, l.quantity, l.shipped_quantity,
               l.returned_quantity, l.amount_minor
          FROM orders.v_at_counter_line l JOIN orders.v_goods g ON g.line_id = l.line_id
         WHERE l.order_id = ANY(%(ids)s::uuid[]) ORDER BY l.order_id, l.position
        """,
        ids=list(order_ids),
    )


async def sales(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> list[FoundSale]:
    """These orders, the newest first; `receipt` empty for what was not sold at a till."""
    return await tx.every(
        FoundSale,
        """
        SELECT o.order_id, o.number,
               coalesce(r.series || '-' || lpad(r.number::text, greatest(6, length(r.number::text)), '0'), '') AS receipt,
               r.token, coalesce(o.channel, CASE WHEN o.show_id IS NULL THEN 'web' ELSE 'show' END) AS channel,
               o.placed_at AS at, o.currency, o.total_minor, o.charged_minor, o.refunded_minor,
               o.contact_name
          FROM orders.v_at_counter o
          LEFT JOIN tills.receipt r ON r.order_id = o.order_id AND r.kind = 'sale'
         WHERE o.shop_id = %(shop_id)s AND o.order_id = ANY(%(ids)s::uuid[])
         ORDER BY o.placed_at DESC, o.order_id
        """,
        shop_id=shop_id,
        ids=list(order_ids),
    )


async def find(
    tx: Tx,
    *,
    shop_id: int,
    series: str,
    receipt_number: int | None,
    token: str,
    order_number: int | None,
    phone: str,
) -> list[UUID]:
    """Orders by the receipt or token of their sale, their number, or the end of their telephone number; at most 20."""
    cursor = await tx.connection.execute(
        """
        SELECT order_id FROM (
            (SELECT r.order_id, o.placed_at FROM tills.receipt r JOIN orders.v_at_counter o ON o.order_id = r.order_id
              WHERE r.shop_id = %(shop_id)s AND r.kind = 'sale'
                AND (r.series = %(series)s AND r.number = %(receipt)s OR r.token = %(token)s))
            UNION
            (SELECT order_id, placed_at FROM orders.v_at_counter
              WHERE shop_id = %(shop_id)s AND number = %(number)s)
            UNION
            (SELECT o.order_id, o.placed_at
               FROM orders.v_by_phone p JOIN orders.v_at_counter o ON o.order_id = p.id
              WHERE p.shop_id = %(shop_id)s AND %(phone)s <> '' AND p.ending = %(phone)s
              ORDER BY o.placed_at DESC LIMIT 20)) f
         ORDER BY placed_at DESC LIMIT 20
        """,
        {
            "shop_id": shop_id,
            "series": series,
            "receipt": receipt_number,
            "token": token,
            "number": order_number,
            "phone": phone,
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def in_collections(tx: Tx, *, shop_id: int) -> dict[int, list[int]]:
    """The collections of each product that is in one."""
    cursor = await tx.connection.execute(
        """
        SELECT product_id, array_agg(collection_id ORDER BY collection_id)
          FROM collections.v_member WHERE shop_id = %(shop_id)s GROUP BY product_id
        """,
        {"shop_id": shop_id},
    )
    return dict(await cursor.fetchall())


async def available(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], location_id: int, pool_id: int
) -> list[tuple[int, str, int, int]]:
    """(variant, location, free in the open pool there or kept from online, set apart for the device there), this location
    first.
    """
    cursor = await tx.connection.execute(
        """
        SELECT l.variant_id, n.name,
               coalesce(sum(greatest(0, l.quantity - l.held - l.allocated)) FILTER (WHERE p.kind = 'open' OR p.purpose = 'safety'),
                        0)::int,
               coalesce(sum(greatest(0, l.quantity - l.held - l.allocated)) FILTER (WHERE p.id = %(pool_id)s), 0)::int
          FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id JOIN stock.v_location n ON n.id = l.location_id
         WHERE l.shop_id = %(shop_id)s AND l.variant_id = ANY(%(ids)s::bigint[]) AND l.kind = 'on_hand'
         GROUP BY l.variant_id, l.location_id, n.name ORDER BY l.variant_id, l.location_id <> %(location_id)s, n.name
        """,
        {"shop_id": shop_id, "ids": list(variant_ids), "location_id": location_id, "pool_id": pool_id},
    )
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Kept:
    """Units of a variant that are to be kept for a device."""

    device_id: UUID
    variant_id: int
    quantity: int
    title: str


async def escrow(tx: Tx, *, shop_id: int) -> list[Kept]:
    return await tx.every(
        Kept,
        """
        SELECT e.device_id, e.variant_id, e.quantity, concat_ws(' ', v.title, array_to_string(v.options, ' ')) AS title
          FROM tills.escrow e JOIN catalog.v_named v ON v.id = e.variant_id
         WHERE e.shop_id = %(shop_id)s ORDER BY e.device_id, title, e.variant_id
        """,
        shop_id=shop_id,
    )


async def variant_of(tx: Tx, *, shop_id: int, code: str) -> int | None:
    """By its SKU or barcode, where one variant alone has it."""
    cursor = await tx.connection.execute(
        """
        SELECT v.id FROM catalog.v_named v JOIN catalog.v_barcode b ON b.id = v.id
         WHERE v.shop_id = %(shop_id)s AND %(code)s <> '' AND (v.sku = %(code)s OR b.barcode = %(code)s) LIMIT 2
        """,
        {"shop_id": shop_id, "code": code},
    )
    found = await cursor.fetchall()
    return found[0][0] if len(found) == 1 else None


async def names_of(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[int, str]:
    cursor = await tx.connection.execute(
        """
        SELECT id, concat_ws(' ', title, array_to_string(options, ' '))
          FROM catalog.v_named WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::bigint[])
        """,
        {"shop_id": shop_id, "ids": list(variant_ids)},
    )
    return dict(await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Raw:
    """A fact as it came."""

    device_id: UUID
    sequence: int
    raw: bytes


async def raw_of(tx: Tx, *, shop_id: int, device_ids: Sequence[UUID], sequences: Sequence[int]) -> list[Raw]:
    return await tx.every(
        Raw,
        """
        SELECT f.device_id, f.sequence, f.raw
          FROM unnest(%(devices)s::uuid[], %(sequences)s::bigint[]) AS w (device_id, sequence)
          JOIN tills.fact f USING (device_id, sequence)
         WHERE f.shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        devices=list(device_ids),
        sequences=list(sequences),
    )
