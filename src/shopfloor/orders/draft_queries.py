"""SQL that writes orders and their parts, of as many as there are.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from shopfloor import pricing
from shopfloor.kernel.database import Tx
from shopfloor.orders.checkout_queries import CheckoutRow
from shopfloor.orders.models import Bundle, Order, OrderLine


def order_row(
    *,
    id: UUID,  # noqa: A002 -- the column's name
    checkout: CheckoutRow,
    contact_name: str,
    contact_phone: str,
    contact_email: str,
    delivery: str,
    address: Mapping[str, Any] | None,
    provider: str,
    method: str,
    note: str,
    locale: str,
    goods_minor: int,
    shipping_minor: int,
    total_minor: int,
    first_minor: int,
    form_hash: bytes,
    key: str,
    tax_minor: int,
    shipping_name: str,
    calculation: Mapping[str, Any] | None,
    return_terms: Mapping[str, Any] | None,
    joins_order_id: UUID | None = None,
    location_id: int | None = None,
) -> dict[str, object]:
    """A draft as `insert_orders` writes it."""
    return {
        "id": id,
        "shop_id": checkout.shop_id,
        "checkout_id": checkout.id,
        "hold_id": checkout.id,
        "buyer": checkout.buyer,
        "policy": checkout.policy,
        "offer_id": checkout.offer_id,
        "show_id": checkout.show_id,
        "pool_id": checkout.pool_id,
        "host_id": checkout.host_id,
        "host_name": checkout.host_name,
        "show_ms": checkout.show_ms,
        "contact_name": contact_name,
        "contact_phone": contact_phone,
        "contact_email": contact_email,
        "delivery": delivery,
        "address": address,
        "provider": provider,
        "method": method,
        "note": note,
        "locale": locale,
        "currency": checkout.currency,
        "goods_minor": goods_minor,
        "shipping_minor": shipping_minor,
        "total_minor": total_minor,
        "first_minor": first_minor,
        "form_hash": f"\\x{form_hash.hex()}",
        "key": key,
        "tax_minor": tax_minor,
        "shipping_name": shipping_name,
        "calculation": calculation,
        "joins_order_id": joins_order_id,
        "location_id": location_id,
        "return_terms": return_terms,
    }


async def insert_orders(tx: Tx, rows: Sequence[Mapping[str, object]]) -> list[Order]:
    """Drafts, as `order_row` makes them."""
    return await tx.every(
        Order,
        """
        INSERT INTO orders.orders (
          id, shop_id, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms,
          contact_name, contact_phone, contact_email, delivery, address, provider, method, note, locale, currency,
          goods_minor, shipping_minor, total_minor, first_minor, status, payment_status, fulfilment_status,
          form_hash, key, tax_minor, shipping_name, calculation, joins_order_id, return_terms, location_id)
        SELECT
          id, shop_id, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms,
          contact_name, contact_phone, contact_email, delivery, address, provider, method, note, locale, currency,
          goods_minor, shipping_minor, total_minor, first_minor, 'draft', 'unpaid', 'unsecured',
          form_hash, key, tax_minor, shipping_name, calculation, joins_order_id, return_terms, location_id
          FROM jsonb_populate_recordset(NULL::orders.orders, %(rows)s::jsonb)
        RETURNING id, shop_id, number, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name,
                  show_ms, contact_name, contact_phone, contact_email, delivery, address, provider, method, note,
                  locale, currency, goods_minor, shipping_minor, total_minor, first_minor, charged_minor,
                  refund_granted_minor, refunded_minor, status, payment_status, fulfilment_status, secured,
                  form_hash, key, tracking, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at,
                  created_at, placed_at, paid_at, shipped_at, delivered_at, cancelled_at, tax_minor,
                  shipping_name, calculation, joins_order_id, disputed_minor, authorised_minor, return_terms, edited_minor,
                  edit_owed_minor, waived_minor, edits
        """,
        rows=Json(rows, dumps=msgspec.json.encode),
    )


async def insert_tax_lines(tx: Tx, taxes: Mapping[UUID, Sequence[pricing.TaxLine]]) -> None:
    """Of each of these orders."""
    rows = [
        {
            "order_id": order_id,
            "position": position,
            "country": line.country,
            "region": line.region,
            "tax_class": line.tax_class,
            "name": line.name,
            "percent": line.rate,
            "net_minor": line.net,
            "tax_minor": line.tax,
        }
        for order_id, lines in taxes.items()
        for position, line in enumerate(lines)
    ]
    if rows:
        await tx.run(
            """
            INSERT INTO orders.tax_line (order_id, position, country, region, tax_class, name, percent, net_minor, tax_minor)
            SELECT order_id, position, country, region, tax_class, name, percent, net_minor, tax_minor
              FROM jsonb_populate_recordset(NULL::orders.tax_line, %(rows)s::jsonb)
            """,
            rows=Json(rows, dumps=msgspec.json.encode),
        )


async def insert_bundles(tx: Tx, bundles: Mapping[UUID, Sequence[Bundle]]) -> None:
    """Of each of these orders."""
    await tx.many(
        """
        INSERT INTO orders.bundle (order_id, bundle_id, variant_id, product_id, title, sku, options, picture_sha,
                                   quantity, unit_price_minor, amount_minor)
        VALUES (%(order_id)s, %(id)s, %(variant_id)s, %(product_id)s, %(title)s, %(sku)s, %(options)s,
                %(picture_sha)s, %(quantity)s, %(unit_price_minor)s, %(amount_minor)s)
        """,
        [{"order_id": order_id, **asdict(bundle)} for order_id, own in bundles.items() for bundle in own],
    )


async def insert_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> dict[UUID, list[OrderLine]]:
    """The new lines of each order, as they are written."""
    found = await tx.every(
        OrderLine,
        """
        INSERT INTO orders.line (order_id, position, variant_id, product_id, offer_id, title, sku, options, picture_sha,
                                 quantity, unit_price_minor, amount_minor, first_minor, ready_on, bundle_id,
                                 discount_minor, tax_minor, tax_included)
        SELECT order_id, position, variant_id, product_id, offer_id, title, sku, options, picture_sha, quantity,
               unit_price_minor, amount_minor, first_minor, ready_on, bundle_id, discount_minor, tax_minor, tax_included
          FROM jsonb_populate_recordset(NULL::orders.line, %(rows)s::jsonb)
        RETURNING id, order_id, position, variant_id, product_id, offer_id, title, sku, options, picture_sha, quantity,
                  unit_price_minor, amount_minor, first_minor, ready_on, ready_at, delayed_to, delay_accepted,
                  shipped_quantity, returned_quantity, bundle_id, discount_minor, tax_minor, tax_included,
                  cancelled_quantity
        """,
        rows=Json(rows, dumps=msgspec.json.encode),
    )
    by_order: dict[UUID, list[OrderLine]] = {}
    for each in sorted(found, key=lambda line: line.position):
        by_order.setdefault(each.order_id, []).append(each)
    return by_order
