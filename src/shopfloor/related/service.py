"""Products that go with one."""

from shopfloor import collections
from shopfloor.kernel.database import Tx
from shopfloor.related import queries


async def related(tx: Tx, *, shop_id: int, product_id: int, limit: int) -> list[int]:
    """Other products by id, each once: bought in the same orders, then of its collections, then of its shows.

    Some may not be on sale now.
    """
    found = [
        *await queries.bought_with(tx, shop_id=shop_id, product_id=product_id, limit=limit),
        *await collections.beside(tx, shop_id=shop_id, product_id=product_id, limit=limit),
        *await queries.shown_with(tx, shop_id=shop_id, product_id=product_id, limit=limit),
    ]
    return list(dict.fromkeys(found))
