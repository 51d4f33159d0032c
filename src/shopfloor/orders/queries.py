"""SQL of orders.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders.models import Bundle, Order, OrderLine
from shopfloor.orders.statuses import Statuses

# ── orders ────────────────────────────────────────────────────────────────────────────────────────────────


async def bundles(tx: Tx, *, order_id: UUID) -> list[Bundle]:
    return await tx.every(
        Bundle,
        """
        SELECT bundle_id AS id, variant_id, product_id, title, sku, options, picture_sha, quantity, unit_price_minor,
               amount_minor
          FROM orders.bundle WHERE order_id = %(order_id)s ORDER BY bundle_id
        """,
        order_id=order_id,
    )


_ORDER: Final[LiteralString] = """
        SELECT id, shop_id, number, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name,
               show_ms, contact_name, contact_phone, contact_email, delivery, address, provider, method, note,
               locale, currency, goods_minor, shipping_minor, total_minor, first_minor, charged_minor,
               refund_granted_minor, refunded_minor, status, payment_status, fulfilment_status, secured,
               form_hash, key, tracking, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at,
               created_at, placed_at, paid_at, shipped_at, delivered_at, cancelled_at, tax_minor,
               shipping_name, calculation, joins_order_id, disputed_minor, authorised_minor, return_terms, edited_minor,
               edit_owed_minor, waived_minor, edits
          FROM orders.orders
"""


async def lock_orders(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Those of them that this shop has.  Whoever changes orders takes these locks first, stock after them."""
    found = await tx.every(
        Order,
        _ORDER
        + """
         WHERE id = ANY(%(order_ids)s::uuid[]) AND shop_id = %(shop_id)s ORDER BY id FOR UPDATE
        """,
        order_ids=list(order_ids),
        shop_id=shop_id,
    )
    return {each.id: each for each in found}


async def order(tx: Tx, *, order_id: UUID) -> Order | None:
    return await tx.first(
        Order,
        _ORDER
        + """
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
    )


async def lines(tx: Tx, *, order_id: UUID) -> list[OrderLine]:
    return (await lines_of(tx, order_ids=[order_id]))[order_id]


async def lines_of(tx: Tx, *, order_ids: Sequence[UUID]) -> dict[UUID, list[OrderLine]]:
    """Of each of these orders, those that were not taken out, as they are written."""
    found = await tx.every(
        OrderLine,
        """
        SELECT id, order_id, position, variant_id, product_id, offer_id, title, sku, options, picture_sha, quantity,
               unit_price_minor, amount_minor, first_minor, ready_on, ready_at, delayed_to, delay_accepted,
               shipped_quantity, returned_quantity, bundle_id, discount_minor, tax_minor, tax_included,
               cancelled_quantity
          FROM orders.line WHERE order_id = ANY(%(order_ids)s::uuid[]) AND removed_at IS NULL
         ORDER BY order_id, position
        """,
        order_ids=list(order_ids),
    )
    by_order: dict[UUID, list[OrderLine]] = {order_id: [] for order_id in order_ids}
    for each in found:
        by_order[each.order_id].append(each)
    return by_order


async def mark_placed(
    tx: Tx, due: Mapping[UUID, datetime | None], *, at: datetime, secured: bool
) -> list[Order]:
    """Locked orders, each with when its payment is due; they have their numbers from here on."""
    return await tx.every(
        Order,
        """
        UPDATE orders.orders AS o
           SET number = coalesce(number, orders.next_number(shop_id)), placed_at = coalesce(placed_at, %(at)s),
               payment_due_at = d.due_at, secured = %(secured)s
          FROM unnest(%(ids)s::uuid[], %(due)s::timestamptz[]) AS d (placed, due_at)
         WHERE o.id = d.placed
        RETURNING id, shop_id, number, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name,
                  show_ms, contact_name, contact_phone, contact_email, delivery, address, provider, method, note,
                  locale, currency, goods_minor, shipping_minor, total_minor, first_minor, charged_minor,
                  refund_granted_minor, refunded_minor, status, payment_status, fulfilment_status, secured,
                  form_hash, key, tracking, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at,
                  created_at, placed_at, paid_at, shipped_at, delivered_at, cancelled_at, tax_minor,
                  shipping_name, calculation, joins_order_id, disputed_minor, authorised_minor, return_terms, edited_minor,
                  edit_owed_minor, waived_minor, edits
        """,
        ids=list(due),
        due=list(due.values()),
        at=at,
        secured=secured,
    )


async def pay_by(
    tx: Tx, *, order_id: UUID, provider: str, method: str, payment_due_at: datetime | None
) -> None:
    await tx.run(
        """
        UPDATE orders.orders SET provider = %(provider)s, method = %(method)s, payment_due_at = %(payment_due_at)s
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        provider=provider,
        method=method,
        payment_due_at=payment_due_at,
    )


async def mark_secured(tx: Tx, *, order_id: UUID, secured: bool) -> None:
    await tx.run(
        "UPDATE orders.orders SET secured = %(secured)s WHERE id = %(order_id)s",
        order_id=order_id,
        secured=secured,
    )


async def mark_cancelled(tx: Tx, *, order_id: UUID, at: datetime, by: str, why: str, note: str) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET cancelled_at = %(at)s, cancelled_by = %(by)s, cancel_why = %(why)s, cancel_note = %(note)s,
               secured = false
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        at=at,
        by=by,
        why=why,
        note=note,
    )


async def unmark_cancelled(tx: Tx, *, order_id: UUID) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET cancelled_at = NULL, cancelled_by = NULL, cancel_why = NULL, cancel_note = '', secured = true
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
    )


async def add_shipped(tx: Tx, *, units: Mapping[int, int]) -> None:
    """So many more units of each line have left; fewer where it was a mistake to say so."""
    await tx.run(
        """
        UPDATE orders.line l SET shipped_quantity = l.shipped_quantity + u.units
          FROM unnest(%(line_ids)s::bigint[], %(units)s::int[]) AS u (line_id, units)
         WHERE l.id = u.line_id
        """,
        line_ids=list(units),
        units=list(units.values()),
    )


async def add_cancelled(tx: Tx, *, line_id: int, quantity: int) -> None:
    await tx.run(
        "UPDATE orders.line SET cancelled_quantity = cancelled_quantity + %(quantity)s WHERE id = %(line_id)s",
        line_id=line_id,
        quantity=quantity,
    )


async def note_shipment(tx: Tx, *, order_id: UUID, at: datetime | None, tracking: str) -> None:
    await tx.run(
        "UPDATE orders.orders SET shipped_at = %(at)s, tracking = %(tracking)s WHERE id = %(order_id)s",
        order_id=order_id,
        at=at,
        tracking=tracking,
    )


async def mark_delivered(tx: Tx, *, order_id: UUID, at: datetime | None) -> None:
    await tx.run(
        "UPDATE orders.orders SET delivered_at = %(at)s WHERE id = %(order_id)s", order_id=order_id, at=at
    )


async def mark_sold_at(tx: Tx, *, order_id: UUID, channel: str, location_id: int) -> None:
    await tx.run(
        "UPDATE orders.orders SET channel = %(channel)s, location_id = %(location_id)s WHERE id = %(order_id)s",
        order_id=order_id,
        channel=channel,
        location_id=location_id,
    )


async def add_returned(tx: Tx, *, line_id: int, quantity: int) -> None:
    await tx.run(
        "UPDATE orders.line SET returned_quantity = returned_quantity + %(quantity)s WHERE id = %(line_id)s",
        line_id=line_id,
        quantity=quantity,
    )


async def save_statuses(tx: Tx, named: Mapping[UUID, Statuses]) -> None:
    await tx.run(
        """
        UPDATE orders.orders AS o
           SET status = n.status, payment_status = n.payment, fulfilment_status = n.fulfilment
          FROM unnest(%(ids)s::uuid[], %(status)s::text[], %(payment)s::text[], %(fulfilment)s::text[])
               AS n (named, status, payment, fulfilment)
         WHERE o.id = n.named
        """,
        ids=list(named),
        status=[each.status for each in named.values()],
        payment=[each.payment for each in named.values()],
        fulfilment=[each.fulfilment for each in named.values()],
    )


# ── presale ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Awaiting:
    id: UUID
    hold_id: UUID


async def orders_awaiting(
    tx: Tx, *, shop_id: int, variant_id: int, ready_on: date | None, source: str | None = None
) -> list[Awaiting]:
    """Open orders with lines of this variant that have not arrived, in the order of buying.

    `ready_on` None: whatever date they have; `source` None: from whatever lot they come.
    """
    return await tx.every(
        Awaiting,
        """
        WITH waiting AS MATERIALIZED (
            SELECT DISTINCT l.order_id FROM orders.line l
             WHERE l.variant_id = %(variant_id)s AND l.ready_on IS NOT NULL AND l.ready_at IS NULL
               AND l.removed_at IS NULL
               AND (%(ready_on)s::date IS NULL OR l.ready_on = %(ready_on)s OR l.delayed_to = %(ready_on)s)
        )
        SELECT o.id, o.hold_id FROM waiting w JOIN orders.orders o ON o.id = w.order_id
         WHERE o.shop_id = %(shop_id)s AND o.status IN ('placed', 'paid', 'partly_shipped')
           AND (%(source)s::text IS NULL
                OR EXISTS (SELECT 1 FROM stock.v_hold h JOIN stock.v_level v ON v.id = h.level_id
                            WHERE h.id = o.hold_id AND h.variant_id = %(variant_id)s AND v.source = %(source)s))
         ORDER BY o.placed_at, o.id
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        ready_on=ready_on,
        source=source,
    )


async def arrived(tx: Tx, *, hold_ids: Sequence[UUID], variant_id: int) -> set[UUID]:
    """Of these holds, those whose units of this variant that were bought ahead all stand on a shelf by now.

    Where fewer came than were promised, those who bought first have them.  Units that were taken again from the
    shelf are there as long as it is not short.
    """
    cursor = await tx.connection.execute(
        """
        WITH part AS MATERIALIZED (
            SELECT h.id, h.level_id, h.state, h.lot_kind <> 'on_hand' AS ahead,
                   l.kind = 'on_hand' AS here, l.quantity, l.shortfall
              FROM stock.v_hold h JOIN stock.v_level l ON l.id = h.level_id
             WHERE h.id = ANY(%(hold_ids)s::uuid[]) AND h.variant_id = %(variant_id)s
        ), short AS MATERIALIZED (
            SELECT DISTINCT level_id FROM part WHERE ahead AND here AND shortfall > 0
        ), turn AS MATERIALIZED (
            SELECT h.level_id, h.id,
                   sum(sum(h.quantity)) OVER (PARTITION BY h.level_id ORDER BY h.granted_at, h.id) AS upto
              FROM short
              JOIN stock.v_hold h ON h.level_id = short.level_id AND h.lot_kind <> 'on_hand'
                                 AND h.state IN ('held', 'allocated')
             GROUP BY h.level_id, h.granted_at, h.id
        )
        SELECT part.id FROM part LEFT JOIN turn ON turn.level_id = part.level_id AND turn.id = part.id
         WHERE part.ahead OR NOT EXISTS (SELECT FROM part AS other WHERE other.id = part.id AND other.ahead)
         GROUP BY part.id
        HAVING bool_and(part.here AND (part.shortfall = 0 OR part.state IN ('shipped', 'returned')
                                       OR coalesce(part.ahead AND part.quantity >= turn.upto, false)))
        """,
        {"hold_ids": list(hold_ids), "variant_id": variant_id},
    )
    return {row[0] for row in await cursor.fetchall()}


async def mark_ready(tx: Tx, *, order_id: UUID, variant_id: int, at: datetime) -> int:
    return await tx.run(
        """
        UPDATE orders.line SET ready_at = %(at)s
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s AND ready_on IS NOT NULL AND ready_at IS NULL
        """,
        order_id=order_id,
        variant_id=variant_id,
        at=at,
    )


async def mark_delayed(tx: Tx, *, order_id: UUID, variant_id: int, to: date) -> int:
    return await tx.run(
        """
        UPDATE orders.line SET delayed_to = %(to)s, delay_accepted = false
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s AND ready_on IS NOT NULL AND ready_at IS NULL
           AND shipped_quantity < quantity AND %(to)s > ready_on AND delayed_to IS DISTINCT FROM %(to)s
        """,
        order_id=order_id,
        variant_id=variant_id,
        to=to,
    )


async def accept_delays(tx: Tx, *, order_id: UUID) -> int:
    return await tx.run(
        """
        UPDATE orders.line SET delay_accepted = true
         WHERE order_id = %(order_id)s AND delayed_to IS NOT NULL AND NOT delay_accepted
        """,
        order_id=order_id,
    )


async def set_balance_due(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    await tx.run(
        "UPDATE orders.orders SET balance_due_at = %(at)s WHERE id = %(order_id)s AND balance_due_at IS NULL",
        order_id=order_id,
        at=at,
    )


async def forget_contacts(tx: Tx, *, shop_id: int, ids: list[UUID]) -> int:
    """The hash of the form is of name and address too."""
    return await tx.run(
        """
        UPDATE orders.orders
           SET contact_name = '', contact_phone = '', contact_email = '', address = NULL, note = '', form_hash = ''
         WHERE id = ANY(%(ids)s::uuid[]) AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        ids=ids,
    )
