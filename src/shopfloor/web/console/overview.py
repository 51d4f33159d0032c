"""The first page of the console: what is on air, what waits to be done."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from shopfloor import live, orders, stock
from shopfloor.accounts import Permission
from shopfloor.web.console.desk import Desk, at_page

router = APIRouter(prefix="/console/{shop}", include_in_schema=False)


@router.get("")
async def overview(desk: Annotated[Desk, at_page("overview")]) -> Response:
    """Counts of what waits for somebody, for the permissions that person has."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        shows = (
            await live.shows(tx, shop_id=shop_id, limit=20) if desk.actor.may(Permission.SHOW_VIEW) else []
        )
        counts = await orders.counts(tx, shop_id=shop_id)
        shortages = (
            await stock.shortages(tx, shop_id=shop_id) if desk.actor.may(Permission.STOCK_VIEW) else []
        )
        bank_changes = await orders.bank_details.unseen(tx, actor=desk.actor)
        unpaid = await orders.orders(tx, shop_id=shop_id, payment_status="unpaid", limit=5)
    return desk.page(
        "overview.html",
        active="overview",
        on_air=[show for show in shows if show.status == live.ShowStatus.LIVE],
        planned=sorted(
            (show for show in shows if show.status == live.ShowStatus.PLANNED),
            key=lambda show: (show.starts_at is None, show.starts_at),
        )[:5],
        ended=[show for show in shows if show.status == live.ShowStatus.ENDED][:5],
        counts=counts,
        bank_changes=bank_changes,
        shortages=shortages,
        unpaid=[order for order in unpaid if order.status != "cancelled"],
    )
