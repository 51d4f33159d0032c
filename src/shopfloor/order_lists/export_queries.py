"""SQL of the orders that are exported.  One function, one statement; of many orders at once."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders import Order


@dataclass(frozen=True, slots=True)
class ExportedOrder:
    id: UUID
    number: int
    contact_name: str
    contact_phone: str
    contact_email: str
    delivery: str
    address: dict[str, Any] | None
    method: str
    note: str
    currency: str
    shipping_minor: int
    total_minor: int
    tax_minor: int
    charged_minor: int
    refunded_minor: int
    shipping_name: str
    status: str
    payment_status: str
    fulfilment_status: str
    tracking: str
    show_id: int | None
    placed_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    cancelled_at: datetime | None

    def __post_init__(self) -> None:
        shown = Order.named_fulfilment(self.fulfilment_status, self.status, self.payment_status)
        object.__setattr__(self, "fulfilment_status", str(shown))


@dataclass(frozen=True, slots=True)
class ExportedLine:
    """`bundle` is the name of the bundle that the units are part of."""

    order_id: UUID
    title: str
    sku: str
    options: list[str]
    quantity: int
    unit_price_minor: int
    amount_minor: int
    discount_minor: int
    tax_minor: int
    tax_included: bool
    ready_on: date | None
    shipped_quantity: int
    returned_quantity: int
    bundle: str | None

    @property
    def listed_minor(self) -> int:
        """The amount as prices are written: without the tax that is added to them."""
        return self.amount_minor if self.tax_included else self.amount_minor - self.tax_minor


async def orders(tx: Tx, *, ids: Sequence[UUID]) -> list[ExportedOrder]:
    """Newest first."""
    return await tx.every(
        ExportedOrder,
        """
        SELECT id, number, contact_name, contact_phone, contact_email, delivery, address, method, note, currency,
               shipping_minor, total_minor, tax_minor, charged_minor, refunded_minor, shipping_name, status, payment_status,
               fulfilment_status, tracking, show_id, placed_at, paid_at, shipped_at, cancelled_at
          FROM orders.v_listed WHERE id = ANY(%(ids)s::uuid[])
         ORDER BY placed_at DESC, id DESC
        """,
        ids=list(ids),
    )


async def lines(tx: Tx, *, ids: Sequence[UUID]) -> list[ExportedLine]:
    """Of each order in the order of its lines."""
    return await tx.every(
        ExportedLine,
        """
        SELECT l.order_id, l.title, l.sku, l.options, l.quantity, l.unit_price_minor, l.amount_minor, l.discount_minor,
               l.tax_minor, l.tax_included, l.ready_on, l.shipped_quantity, l.returned_quantity, b.title AS bundle
          FROM orders.v_listed_line l LEFT JOIN orders.v_listed_bundle b ON b.order_id = l.order_id AND b.bundle_id = l.bundle_id
         WHERE l.order_id = ANY(%(ids)s::uuid[])
         ORDER BY l.order_id, l.position
        """,
        ids=list(ids),
    )
