"""What buyers behind one network hold without having paid, given back at the merchant's word."""

from shopfloor import purchases, stock
from shopfloor.kernel.database import Database
from shopfloor.orders import cancellation, checkout_queries
from shopfloor.orders.lifecycle import lock
from shopfloor.orders.models import Party, Status, Why


async def release_network(db: Database, *, shop_id: int, network: int, actor: str) -> tuple[int, int]:
    """Release its checkouts and cancel its unpaid orders; returns how many of each.

    Each order under its own lock in its own transaction: what was paid meanwhile stays.
    """
    async with db.transaction() as tx:
        held, ordered = await stock.unpaid_of_network(tx, shop_id=shop_id, network=network)
        freed = await stock.release(tx, held, "network")
        await purchases.hand_over(tx, freed)
    cancelled = 0
    for hold_id in ordered:
        async with db.transaction() as tx:
            order_id = await checkout_queries.order_of_hold(tx, shop_id=shop_id, hold_id=hold_id)
            if order_id is None:
                continue
            found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
            if found.status is Status.PLACED and found.charged_minor + found.authorised_minor == 0:
                await cancellation.fall(
                    tx, found, lines, by=Party.MERCHANT, why=Why.UNPAID, note="", actor=actor
                )
                cancelled += 1
    return len({unit.hold_id for unit in freed}), cancelled
