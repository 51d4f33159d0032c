"""One button for many orders: each in a transaction of its own, so that one that cannot keeps no other."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from shopfloor import order_lists, orders
from shopfloor.backoffice.refusals import NothingDue, PaidOnline
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal

AT_ONCE: Final = 500
"""So many orders are worked on by one press of a button."""
_PAGE: Final = 200
_BY_HAND: Final = "manual"


async def matching(tx: Tx, *, shop_id: int, **narrowed: Any) -> list[UUID]:
    """All of a list (`orders.orders`), at most AT_ONCE of them, newest first."""
    ids: list[UUID] = []
    while len(ids) < AT_ONCE:
        after = ids[-1] if ids else None
        page = await order_lists.orders(tx, shop_id=shop_id, after=after, limit=_PAGE, **narrowed)
        ids += [each.id for each in page]
        if len(page) < _PAGE:
            break
    return ids[:AT_ONCE]


async def pay(db: Database, *, shop_id: int, order_ids: Sequence[UUID], actor: str) -> dict[UUID, Refusal]:
    """What is due now has come in by hand.  Returns those that it is not said of, and why."""
    return await _each(db, order_ids, partial(_pay, shop_id=shop_id, actor=actor))


async def _pay(tx: Tx, order_id: UUID, *, shop_id: int, actor: str) -> None:
    """Raises OrderNotFound, PaidOnline, NothingDue."""
    view = await orders.order(tx, shop_id=shop_id, order_id=order_id)
    if view.order.provider != _BY_HAND:
        raise PaidOnline(provider=view.order.provider)
    if view.due is None or view.balance_later:
        raise NothingDue(order_id=str(order_id))
    await orders.mark_paid(tx, shop_id=shop_id, order_id=order_id, amount=view.due.amount, actor=actor)


async def ship(db: Database, *, shop_id: int, order_ids: Sequence[UUID], actor: str) -> dict[UUID, Refusal]:
    """All that is ready and paid leaves.  Returns those of which nothing leaves, and why."""
    return await _each(db, order_ids, partial(_ship, shop_id=shop_id, actor=actor))


async def _ship(tx: Tx, order_id: UUID, *, shop_id: int, actor: str) -> None:
    await orders.shipping.ship(tx, shop_id=shop_id, order_id=order_id, actor=actor)


async def _each(
    db: Database, order_ids: Sequence[UUID], do: Callable[[Tx, UUID], Awaitable[None]]
) -> dict[UUID, Refusal]:
    """Broken off, it is simply done again: what was done is refused then, and stays done."""
    stayed: dict[UUID, Refusal] = {}
    for order_id in dict.fromkeys(order_ids):
        try:
            async with db.transaction() as tx:
                await do(tx, order_id)
        except Refusal as refusal:
            stayed[order_id] = refusal
    return stayed
