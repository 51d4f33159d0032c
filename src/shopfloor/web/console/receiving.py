"""Goods of a purchase order, received by scan."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import stock_control, supply
from shopfloor.accounts import Permission
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at
from shopfloor.web.forms import Tick

router = Router(prefix="/console/{shop}/purchase-orders", include_in_schema=False)


@router.post("/{order_id}/scan")
async def scan(
    desk: Annotated[Desk, at(Permission.STOCK_EDIT)],
    order_id: UUID,
    code: Annotated[str, Form(max_length=100)] = "",
    units: Annotated[str, Form(max_length=40)] = "1",
    damaged: Tick = False,
) -> Response:
    """So many more units of what was scanned came; damaged ones are there and can't be sold."""
    path = f"/purchase-orders/{order_id}"
    with desk.back_if_refused(path):
        more = desk.quantity(units or "1")
        async with desk.work() as tx:
            variant_id = await stock_control.transfers.variant_of(tx, shop_id=desk.shop.id, code=code)
            order = await supply.purchase_order(tx, shop_id=desk.shop.id, purchase_order_id=order_id)
            had = {line.variant_id: line.received for line in order.lines}
            await supply.receive(
                tx,
                actor=desk.actor,
                purchase_order_id=order_id,
                quantities={variant_id: had.get(variant_id, 0) + more},
                damaged={variant_id: more} if damaged else None,
            )
    return desk.back(path)
