"""/v1/{shop}/routing, what concerns orders: from where one leaves and why, and a week as other rules would have it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from shopfloor import orders, routing
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.dispatch import replay
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}/routing", tags=["routing"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]


@dataclass(frozen=True, slots=True)
class Decisions:
    decisions: list[routing.Decision]


@router.get("/orders/{order_id}", responses=refusals(orders.OrderNotFound))
async def of_order(order_id: UUID, actor: Viewer, db: Db) -> Decisions:
    """What the rules decided for it, first to last.  None where it left from where it was reserved."""
    async with db.transaction() as tx:
        await orders.order(tx, shop_id=actor.shop_id, order_id=order_id)
        return Decisions(await routing.decisions(tx, shop_id=actor.shop_id, order_id=order_id))


@router.get("/week")
async def week(actor: Viewer, db: Db) -> replay.Week:
    """The shipped orders of the last seven days by location: from where they left, and from where they would by the rules
    and the stock of now.
    """
    async with db.transaction() as tx:
        return await replay.week(tx, shop_id=actor.shop_id)
