"""What a message says of an order."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    id: UUID
    shop_id: int
    number: int
    buyer: UUID
    contact_name: str
    contact_email: str
    contact_phone: str
    delivery: str
    address: dict[str, Any] | None
    method: str
    locale: str
    currency: str
    goods_minor: int
    shipping_minor: int
    shipping_name: str
    tax_minor: int
    total_minor: int
    first_minor: int
    charged_minor: int
    key: str
    tracking: str
    status: str
    payment_status: str
    cancel_why: str | None
    cancel_note: str
    payment_due_at: datetime | None
    balance_due_at: datetime | None
    authorised_minor: int = 0


@dataclass(frozen=True, slots=True)
class ToldLine:
    id: int
    order_id: UUID
    position: int
    product_id: int
    variant_id: int
    title: str
    options: list[str]
    quantity: int
    listed_minor: int
    ready_on: date | None
    delayed_to: date | None
    bundle_id: int | None


@dataclass(frozen=True, slots=True)
class ToldBundle:
    bundle_id: int
    order_id: UUID
    product_id: int
    title: str
    options: list[str]
    quantity: int
    amount_minor: int


TOLD: Final[LiteralString] = """
    SELECT id, shop_id, number, buyer, contact_name, contact_email, contact_phone, delivery, address, method, locale,
           currency, goods_minor, shipping_minor, shipping_name, tax_minor, total_minor, first_minor, charged_minor, key,
           tracking, status, payment_status, cancel_why, cancel_note, payment_due_at, balance_due_at, authorised_minor
      FROM orders.v_told
    """


async def told(tx: Tx, *, ids: Sequence[UUID]) -> list[Told]:
    return await tx.every(Told, TOLD + "WHERE id = ANY(%(ids)s)", ids=list(ids))


async def told_lines(tx: Tx, *, ids: Sequence[UUID]) -> list[ToldLine]:
    return await tx.every(
        ToldLine,
        """
        SELECT id, order_id, position, product_id, variant_id, title, options, quantity, listed_minor, ready_on, delayed_to,
               bundle_id
          FROM orders.v_told_line WHERE order_id = ANY(%(ids)s) ORDER BY order_id, position
        """,
        ids=list(ids),
    )


async def told_bundles(tx: Tx, *, ids: Sequence[UUID]) -> list[ToldBundle]:
    return await tx.every(
        ToldBundle,
        """
        SELECT bundle_id, order_id, product_id, title, options, quantity, amount_minor
          FROM orders.v_told_bundle WHERE order_id = ANY(%(ids)s) ORDER BY bundle_id
        """,
        ids=list(ids),
    )


async def newest_told_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> Told | None:
    return await tx.first(
        Told,
        TOLD
        + """
         WHERE buyer = %(buyer)s AND shop_id = %(shop_id)s AND contact_email <> '' ORDER BY placed_at DESC LIMIT 1
        """,
        shop_id=shop_id,
        buyer=buyer,
    )
