"""SQL of purchase orders.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import (
    OrderState,
    PurchaseLine,
    PurchaseOrder,
)


@dataclass(frozen=True, slots=True)
class OrderHead:
    id: UUID
    serial: int
    shop_id: int
    supplier_id: int
    plan_id: int | None
    show_id: int | None
    location_id: int
    state: str
    currency: str
    setup_minor: int
    cost_minor: int
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    order_id: UUID
    product_id: int
    variant_id: int
    quantity: int
    unit_minor: int
    owed: int
    expected_on: date
    confirmed: int | None
    ready_on: date | None
    received: int


def purchase_order(head: OrderHead, lines: Sequence[OrderLine]) -> PurchaseOrder:
    return PurchaseOrder(
        id=head.id,
        shop_id=head.shop_id,
        supplier_id=head.supplier_id,
        plan_id=head.plan_id,
        show_id=head.show_id,
        location_id=head.location_id,
        number=f"PO-{head.serial:06d}",
        state=OrderState(head.state),
        currency=head.currency,
        setup_minor=head.setup_minor,
        cost_minor=head.cost_minor,
        created_at=head.created_at,
        sent_at=head.sent_at,
        answered_at=head.answered_at,
        received_at=head.received_at,
        lines=tuple(
            PurchaseLine(
                line.product_id, line.variant_id, line.quantity, line.unit_minor, line.owed, line.expected_on,
                line.confirmed, line.ready_on, line.received,
            )
            for line in lines
            if line.order_id == head.id
        ),
    )  # fmt: skip


async def insert_order(
    tx: Tx,
    *,
    order_id: UUID,
    shop_id: int,
    supplier_id: int,
    plan_id: int,
    show_id: int,
    location_id: int,
    currency: str,
    setup_minor: int,
    cost_minor: int,
    created_at: datetime,
) -> None:
    await tx.run(
        """
        INSERT INTO supply.purchase_order (id, shop_id, supplier_id, plan_id, show_id, location_id, state, currency,
                                           setup_minor, cost_minor, created_at)
        VALUES (%(order_id)s, %(shop_id)s, %(supplier_id)s, %(plan_id)s, %(show_id)s, %(location_id)s, 'draft',
                %(currency)s, %(setup_minor)s, %(cost_minor)s, %(created_at)s)
        """,
        order_id=order_id,
        shop_id=shop_id,
        supplier_id=supplier_id,
        plan_id=plan_id,
        show_id=show_id,
        location_id=location_id,
        currency=currency,
        setup_minor=setup_minor,
        cost_minor=cost_minor,
        created_at=created_at,
    )


async def insert_order_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO supply.purchase_line (order_id, position, product_id, variant_id, quantity, unit_minor, capacity_use,
                                          owed, expected_on)
        VALUES (%(order_id)s, %(position)s, %(product_id)s, %(variant_id)s, %(quantity)s, %(unit_minor)s,
                %(capacity_use)s, %(owed)s, %(expected_on)s)
        """,
        rows,
    )


async def send_order(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    await tx.run(
        """
        UPDATE supply.purchase_order SET state = 'sent', sent_at = %(at)s
         WHERE id = %(order_id)s AND state = 'draft'
        """,
        order_id=order_id,
        at=at,
    )


async def lock_order(tx: Tx, *, shop_id: int, order_id: UUID) -> OrderHead | None:
    return await tx.first(
        OrderHead,
        """
        SELECT id, serial, shop_id, supplier_id, plan_id, show_id, location_id, state, currency, setup_minor,
               cost_minor, created_at, sent_at, answered_at, received_at
          FROM supply.purchase_order WHERE id = %(order_id)s AND shop_id = %(shop_id)s FOR UPDATE
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


_LISTED: Final = """shop_id = %(shop_id)s
           AND (%(supplier_id)s::bigint IS NULL OR supplier_id = %(supplier_id)s)
           AND (%(plan_id)s::bigint IS NULL OR plan_id = %(plan_id)s)
           AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s::text[]))
           AND (%(before)s::uuid IS NULL OR (created_at, serial) >
                (SELECT created_at, serial FROM supply.purchase_order WHERE id = %(before)s))"""


async def count_orders(
    tx: Tx,
    *,
    shop_id: int,
    supplier_id: int | None = None,
    plan_id: int | None = None,
    states: Sequence[str] | None = None,
    before: UUID | None = None,
) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        "SELECT count(*) FROM (SELECT FROM supply.purchase_order WHERE {listed} LIMIT %(most)s + 1) AS counted".replace(
            "{listed}", _LISTED
        ),
        shop_id=shop_id,
        supplier_id=supplier_id,
        plan_id=plan_id,
        states=None if states is None else list(states),
        before=before,
        most=MOST_COUNTED,
    )


async def orders(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID | None = None,
    supplier_id: int | None = None,
    plan_id: int | None = None,
    states: Sequence[str] | None = None,
    sent_only: bool = False,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int | None = None,
) -> list[OrderHead]:
    """Newest first: all of them, or a page of at most `limit` (`kernel.paging`)."""
    return await tx.every(
        OrderHead,
        """
        SELECT id, serial, shop_id, supplier_id, plan_id, show_id, location_id, state, currency, setup_minor,
               cost_minor, created_at, sent_at, answered_at, received_at
          FROM supply.purchase_order
         WHERE {listed}
           AND (%(order_id)s::uuid IS NULL OR id = %(order_id)s)
           AND (NOT %(sent_only)s::boolean OR sent_at IS NOT NULL)
           AND (%(after)s::uuid IS NULL OR (created_at, serial) <
                (SELECT created_at, serial FROM supply.purchase_order WHERE id = %(after)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN created_at END DESC,
                  CASE WHEN %(before)s::uuid IS NULL THEN serial END DESC, created_at, serial
         LIMIT %(limit)s::bigint
        """.replace("{listed}", _LISTED),
        shop_id=shop_id,
        order_id=order_id,
        supplier_id=supplier_id,
        plan_id=plan_id,
        sent_only=sent_only,
        states=None if states is None else list(states),
        after=after,
        before=before,
        limit=limit,
    )


async def order_counts(tx: Tx, *, shop_id: int, states: Sequence[str]) -> dict[int, int]:
    """By supplier, how many purchase orders are in one of `states`."""
    cursor = await tx.connection.execute(
        """
        SELECT supplier_id, count(*) FROM supply.purchase_order
         WHERE shop_id = %(shop_id)s AND state = ANY (%(states)s::text[]) GROUP BY supplier_id
        """,
        {"shop_id": shop_id, "states": list(states)},
    )
    return dict(await cursor.fetchall())


async def order_lines(tx: Tx, *, order_ids: Sequence[UUID]) -> list[OrderLine]:
    return await tx.every(
        OrderLine,
        """
        SELECT order_id, product_id, variant_id, quantity, unit_minor, owed, expected_on, confirmed, ready_on, received
          FROM supply.purchase_line WHERE order_id = ANY (%(order_ids)s::uuid[]) ORDER BY order_id, position
        """,
        order_ids=list(order_ids),
    )


async def answer_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        UPDATE supply.purchase_line SET confirmed = %(confirmed)s, ready_on = %(ready_on)s
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s
        """,
        rows,
    )


async def receive_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        UPDATE supply.purchase_line SET received = %(received)s
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s
        """,
        rows,
    )


async def set_order_state(
    tx: Tx, *, order_id: UUID, state: str, answered_at: datetime | None, received_at: datetime | None
) -> None:
    await tx.run(
        """
        UPDATE supply.purchase_order
           SET state = %(state)s, answered_at = coalesce(%(answered_at)s, answered_at),
               received_at = coalesce(%(received_at)s, received_at)
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        state=state,
        answered_at=answered_at,
        received_at=received_at,
    )
