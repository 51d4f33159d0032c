"""Checkouts that nobody finished are forgotten with their purchase; whatever became an order stays."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.kernel.database import Tx


async def with_order(tx: Tx, *, ids: Sequence[UUID]) -> set[UUID]:
    """Of these purchases, those of which an order was ever written, a declined one too."""
    cursor = await tx.connection.execute(
        """
        SELECT c.id FROM orders.checkout AS c
         WHERE c.id = ANY(%(ids)s::uuid[])
           AND EXISTS (SELECT FROM orders.orders AS o WHERE o.checkout_id IN (c.id, c.joined_to))
        """,
        {"ids": list(ids)},
    )
    return {row[0] for row in await cursor.fetchall()}


async def forget_checkouts(tx: Tx, *, ids: Sequence[UUID]) -> int:
    return await tx.run(
        """
        DELETE FROM orders.checkout AS c
         WHERE c.id = ANY(%(ids)s::uuid[])
           AND NOT EXISTS (SELECT FROM orders.orders AS o WHERE o.checkout_id IN (c.id, c.joined_to))
        """,
        ids=list(ids),
    )
