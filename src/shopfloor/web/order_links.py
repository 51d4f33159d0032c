"""An order as its buyer opens it, with the cookie that bought or the key of the link; and the ways to its pages."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query

from shopfloor import accounts, orders
from shopfloor.kernel.database import Tx

Key = Annotated[str | None, Query(max_length=200)]


async def open_order(
    tx: Tx, shop: str, order_id: UUID, *, shopper: UUID, key: str | None
) -> tuple[accounts.Shop, orders.OrderView]:
    """Raises UnknownShop, OrderNotFound, also for an order of somebody else."""
    found = await accounts.shop_by_slug(tx, shop)
    view = await orders.order_for_shopper(tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key)
    return found, view


def order_path(
    slug: str, order_id: UUID, key: str | None, page: str = "", *, place: str = "", **more: str
) -> str:
    """The address of a page of an order, for whoever came with this key."""
    asked = ({"key": key} if key else {}) | more
    return f"/s/{slug}/orders/{order_id}{page}{'?' + urlencode(asked) if asked else ''}{place}"
