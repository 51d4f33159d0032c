"""The first page of the console: what is on air, what waits to be done."""

from typing import Annotated, Final

from starlette.responses import Response

from shopfloor import approvals, disputes, inventory, live, order_lists, policies, reconciliation
from shopfloor.accounts import Permission
from shopfloor.kernel import backups
from shopfloor.kernel.routes import Router
from shopfloor.web import https
from shopfloor.web.console.desk import Desk, at_page
from shopfloor.web.console.networks import crowds
from shopfloor.web.console.payments import NAMES

router = Router(prefix="/console/{shop}", include_in_schema=False)

# How many of each the page names; their own pages have the rest.
NEXT: Final = 5
# So many of what waits for somebody are counted; then it says "100+".
COUNTED: Final = 100


@router.get("")
async def overview(desk: Annotated[Desk, at_page("overview")]) -> Response:
    """Counts of what waits for somebody, for the permissions that person has."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        on_air: list[live.Show] = []
        planned: list[live.Show] = []
        ended: list[live.Show] = []
        if desk.actor.may(Permission.SHOW_VIEW):
            on_air = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.LIVE)
            planned = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.PLANNED)
            ended = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.ENDED, limit=NEXT + 1)
        counts = await order_lists.counts(tx, shop_id=shop_id)
        shortages = (
            await inventory.shortages(tx, shop_id=shop_id) if desk.actor.may(Permission.STOCK_VIEW) else []
        )
        bank_changes = await policies.bank_details.unseen(tx, actor=desk.actor)
        crowded = await crowds(tx, desk)
        backup_due = await backups.due(tx) if desk.actor.may(Permission.MEMBERS_MANAGE) else None
        unpaid = await order_lists.orders(tx, shop_id=shop_id, status="placed", limit=NEXT)
        asked = []
        if desk.actor.may(Permission.ORDERS_MANAGE):
            asked = await approvals.waiting(tx, shop_id=shop_id, limit=COUNTED)
        sees_money = desk.actor.may(Permission.MONEY_VIEW)
        contested = await disputes.waiting(tx, shop_id=shop_id, limit=COUNTED) if sees_money else []
        money_trouble = await reconciliation.trouble(tx, shop_id=shop_id) if sees_money else None
    return desk.page(
        "overview.html",
        active="overview",
        on_air=on_air,
        planned=sorted(planned, key=lambda show: (show.starts_at is None, show.starts_at))[:NEXT],
        ended=ended[:NEXT],
        more_shows=len(planned) > NEXT or len(ended) > NEXT,
        counts=counts,
        bank_changes=bank_changes,
        shortages=shortages,
        crowds=crowded,
        unpaid=unpaid,
        backup_due=backup_due,
        contested=[each for each in contested if each.state == "needs_answer"],
        money_trouble=money_trouble,
        more_asked=len(asked) == COUNTED,
        more_contested=len(contested) == COUNTED,
        asked=[each for each in asked if each.asked_by != desk.actor.person_id],
        provider_names=NAMES,
        certificate=https.trouble(desk.request, desk.actor),
        https_off=https.why_off(desk.request),
    )
