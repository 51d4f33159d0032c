"""SQL of orders that are changed after they were placed.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.orders.models import Bundle, Item


async def refunds_of(tx: Tx, *, order_id: UUID) -> set[UUID]:
    """What edits of this order gave back."""
    cursor = await tx.connection.execute(
        "SELECT refund FROM orders.edit_refund WHERE order_id = %(order_id)s", {"order_id": order_id}
    )
    return {row[0] for row in await cursor.fetchall()}


async def declined_minor(tx: Tx, *, order_id: UUID) -> int:
    """Of what edits were to give back, what a second person said no to."""
    found: int = await tx.value(
        """
        SELECT coalesce(sum(e.amount_minor), 0)::bigint
          FROM orders.edit_refund e JOIN approvals.v_request r ON r.refund = e.refund AND r.kind = 'refund'
         WHERE e.order_id = %(order_id)s AND r.decision = 'declined'
        """,
        order_id=order_id,
    )
    return found


async def drop_declined(tx: Tx, *, order_id: UUID) -> None:
    """What was not given back is here, and pays for what is ordered."""
    await tx.run(
        """
        DELETE FROM orders.edit_refund e USING approvals.v_request r
         WHERE e.order_id = %(order_id)s AND r.refund = e.refund AND r.kind = 'refund' AND r.decision = 'declined'
        """,
        order_id=order_id,
    )


async def insert_refund(tx: Tx, *, order_id: UUID, refund_id: UUID, amount_minor: int) -> None:
    await tx.run(
        """
        INSERT INTO orders.edit_refund (refund, order_id, amount_minor)
        VALUES (%(refund)s, %(order_id)s, %(amount)s)
        """,
        refund=refund_id,
        order_id=order_id,
        amount=amount_minor,
    )


async def last_position(tx: Tx, *, order_id: UUID) -> int:
    """Of all lines that the order ever had."""
    found: int = await tx.value(
        "SELECT coalesce(max(position), -1) FROM orders.line WHERE order_id = %(order_id)s", order_id=order_id
    )
    return found


async def remove_lines(tx: Tx, *, line_ids: Sequence[int], at: datetime) -> None:
    """They stay for the parcels and papers that named them, with nothing."""
    await tx.run(
        """
        UPDATE orders.line
           SET removed_at = %(at)s, cancelled_quantity = quantity, unit_price_minor = 0, amount_minor = 0, first_minor = 0,
               discount_minor = 0, tax_minor = 0
         WHERE id = ANY(%(ids)s::bigint[])
        """,
        ids=list(line_ids),
        at=at,
    )


async def change_line(tx: Tx, *, line_id: int, item: Item, first_minor: int) -> None:
    await tx.run(
        """
        UPDATE orders.line
           SET quantity = %(quantity)s, amount_minor = %(amount)s, first_minor = %(first)s, discount_minor = %(discount)s,
               tax_minor = %(tax)s, tax_included = %(included)s
         WHERE id = %(line_id)s
        """,
        line_id=line_id,
        quantity=item.quantity,
        amount=item.amount_minor,
        first=first_minor,
        discount=item.discount_minor,
        tax=item.tax_minor,
        included=item.tax_included,
    )


async def change_bundles(tx: Tx, *, order_id: UUID, bundles: Sequence[Bundle]) -> None:
    await tx.many(
        """
        UPDATE orders.bundle SET amount_minor = %(amount)s WHERE order_id = %(order_id)s AND bundle_id = %(id)s
        """,
        [{"order_id": order_id, "id": each.id, "amount": each.amount_minor} for each in bundles],
    )


async def drop_tax_lines(tx: Tx, *, order_id: UUID) -> None:
    await tx.run("DELETE FROM orders.tax_line WHERE order_id = %(order_id)s", order_id=order_id)


async def keep_sold(tx: Tx, *, order_id: UUID) -> None:
    """The order is found by what it has now."""
    await tx.run(
        """
        WITH gone AS (
            DELETE FROM orders.sold s
             WHERE s.order_id = %(order_id)s
               AND NOT EXISTS (SELECT FROM orders.line l WHERE l.order_id = s.order_id AND l.variant_id = s.variant_id
                                                          AND l.removed_at IS NULL)
               AND NOT EXISTS (SELECT FROM orders.bundle b WHERE b.order_id = s.order_id AND b.variant_id = s.variant_id))
        INSERT INTO orders.sold (shop_id, variant_id, placed_at, order_id)
        SELECT DISTINCT o.shop_id, l.variant_id, o.placed_at, o.id
          FROM orders.orders o JOIN orders.line l ON l.order_id = o.id AND l.removed_at IS NULL
         WHERE o.id = %(order_id)s AND o.placed_at IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
        order_id=order_id,
    )


async def change_order(
    tx: Tx,
    *,
    order_id: UUID,
    delivery: str,
    location_id: int | None,
    address: Mapping[str, Any] | None,
    goods_minor: int,
    shipping_minor: int,
    first_minor: int,
    tax_minor: int,
    waived_minor: int,
    shipping_name: str,
    calculation: Mapping[str, Any],
    return_terms: Mapping[str, Any] | None,
    payment_due_at: datetime | None,
) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET delivery = %(delivery)s, address = %(address)s, goods_minor = %(goods)s, shipping_minor = %(shipping)s,
               total_minor = %(goods)s::bigint + %(shipping)s::bigint, first_minor = %(first)s, tax_minor = %(tax)s,
               waived_minor = %(waived)s, shipping_name = %(shipping_name)s, calculation = %(calculation)s,
               return_terms = %(return_terms)s, payment_due_at = %(payment_due_at)s, edits = edits + 1,
               location_id = %(location_id)s
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        delivery=delivery,
        location_id=location_id,
        address=None if address is None else Jsonb(dict(address)),
        goods=goods_minor,
        shipping=shipping_minor,
        first=first_minor,
        tax=tax_minor,
        waived=waived_minor,
        shipping_name=shipping_name,
        calculation=Jsonb(dict(calculation)),
        return_terms=None if return_terms is None else Jsonb(dict(return_terms)),
        payment_due_at=payment_due_at,
    )


async def set_refund_share(tx: Tx, *, refund_id: UUID, order_id: UUID, parts: Sequence[int]) -> None:
    """The same shares of the same lines, where these stand elsewhere now."""
    await tx.run(
        """
        UPDATE orders.refund_share SET parts = %(parts)s::bigint[]
         WHERE order_id = %(order_id)s AND refund = %(refund)s
        """,
        order_id=order_id,
        refund=refund_id,
        parts=list(parts),
    )
