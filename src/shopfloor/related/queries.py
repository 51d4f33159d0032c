"""SQL of what goes together.  One function, one statement."""

from typing import Final

from shopfloor.kernel.database import Tx

# How many of the latest orders and shows of a shop are looked through.
ORDERS: Final = 200
SHOWS: Final = 12


async def bought_with(tx: Tx, *, shop_id: int, product_id: int, limit: int) -> list[int]:
    """The most often bought first."""
    cursor = await tx.connection.execute(
        """
        SELECT other.product_id
          FROM (SELECT id FROM orders.v_order WHERE shop_id = %(shop_id)s ORDER BY placed_at DESC LIMIT %(orders)s) latest
          JOIN orders.v_line own ON own.order_id = latest.id AND own.product_id = %(product_id)s
          JOIN orders.v_line other ON other.order_id = latest.id AND other.product_id <> own.product_id
         GROUP BY other.product_id ORDER BY count(DISTINCT other.order_id) DESC, other.product_id LIMIT %(limit)s
        """,
        {"shop_id": shop_id, "product_id": product_id, "orders": ORDERS, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def shown_with(tx: Tx, *, shop_id: int, product_id: int, limit: int) -> list[int]:
    """Those of the latest shows first."""
    cursor = await tx.connection.execute(
        """
        SELECT other.product_id
          FROM (SELECT id FROM live.v_show WHERE shop_id = %(shop_id)s ORDER BY id DESC LIMIT %(shows)s) latest
          JOIN live.v_offer_line own ON own.show_id = latest.id AND own.product_id = %(product_id)s
          JOIN live.v_offer_line other ON other.show_id = latest.id AND other.product_id <> own.product_id
         GROUP BY other.product_id ORDER BY max(other.show_id) DESC, other.product_id LIMIT %(limit)s
        """,
        {"shop_id": shop_id, "product_id": product_id, "shows": SHOWS, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]
