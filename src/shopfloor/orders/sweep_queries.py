"""SQL of what was left half done or unpaid.  One function, one statement."""

from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    shop_id: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Draft:
    shop_id: int
    id: UUID
    provider: str


async def unfinished(tx: Tx, *, before: datetime, limit: int) -> list[Draft]:
    """The oldest, at most `limit` of each provider: those of one that is away do not stand before all others."""
    return await tx.every(
        Draft,
        """
        SELECT shop_id, id, provider
          FROM (SELECT shop_id, id, provider, created_at,
                       row_number() OVER (PARTITION BY provider ORDER BY created_at) AS turn
                  FROM orders.orders WHERE status = 'draft' AND created_at < %(before)s) AS draft
         WHERE turn <= %(limit)s ORDER BY created_at
        """,
        before=before,
        limit=limit,
    )


async def payment_overdue(tx: Tx, *, at: datetime, limit: int) -> list[Key]:
    return await tx.every(
        Key,
        """
        SELECT shop_id, id FROM orders.orders
         WHERE status = 'placed' AND payment_due_at < %(at)s AND charged_minor + authorised_minor < first_minor
         ORDER BY payment_due_at LIMIT %(limit)s
        """,
        at=at,
        limit=limit,
    )


async def balance_overdue(tx: Tx, *, at: datetime, limit: int) -> list[Key]:
    return await tx.every(
        Key,
        """
        SELECT shop_id, id FROM orders.orders
         WHERE status = 'placed' AND balance_due_at < %(at)s AND charged_minor + authorised_minor < total_minor
         ORDER BY balance_due_at LIMIT %(limit)s
        """,
        at=at,
        limit=limit,
    )


async def set_payment_due(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    await tx.run(
        "UPDATE orders.orders SET payment_due_at = %(at)s WHERE id = %(order_id)s", order_id=order_id, at=at
    )
