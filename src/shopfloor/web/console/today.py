"""What waits for somebody in a shop today: how many of what, and the way there.  The words are in `console/today.html`.

What is counted here is what the page behind the link lists.  Each line is for those who may open that page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import Final

from shopfloor import (
    approvals,
    catalog,
    chat,
    disputes,
    fapiao,
    inventory,
    live,
    order_lists,
    reconciliation,
    returns,
    stock,
    stock_control,
    tills,
)
from shopfloor.accounts import Permission
from shopfloor.kernel import backups
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.web.console.desk import Desk
from shopfloor.web.console.places import PLACES
from shopfloor.web.parts import option_words

# So many of what waits for somebody are counted; then it says "100+".
COUNTED: Final = 100
# Shows on air at once whose questions are counted.
_SHOWS: Final = 3
# What sold as often in these days as there are units left runs out in as many more.
RUNS_OUT_IN: Final = timedelta(days=7)
# Variants named in the line about stock.
_NAMED: Final = 2
_URGENCY: Final = {"bad": 0, "wait": 1, "": 2}


@dataclass(frozen=True, slots=True)
class Task:
    """`what` is known by its words in the template; `kind` is bad, wait or nothing; `path` is below the console's address,
    None where no page does it.
    """

    what: str
    kind: str
    icon: str
    path: str | None
    rows: int = 1
    or_more: bool = False
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


async def tasks(tx: Tx, desk: Desk, on_air: Sequence[live.Show]) -> list[Task]:
    """What is urgent first.  A bounded number of statements, whatever a shop has."""
    may = desk.actor.may
    found: list[Task] = []
    if may(Permission.MONEY_VIEW):
        found += await _money(tx, desk)
    if may(Permission.STOCK_VIEW):
        short = await inventory.shortages(tx, shop_id=desk.shop.id)
        found.append(Task("short", "bad", "shelf", "/stock#short", len(short)))
    if may(PLACES["studio"].permission):
        found += await _questions(tx, desk, on_air)
    if may(Permission.ORDERS_MANAGE):
        waiting = await approvals.waiting(tx, shop_id=desk.shop.id, limit=COUNTED)
        asked = [each for each in waiting if each.asked_by != desk.actor.person_id]
        path = f"/orders/{asked[0].order_id}" if asked else None
        found.append(
            Task("refund_asked", "wait", "return", path, len(asked), or_more=len(waiting) == COUNTED)
        )
    if may(PLACES["orders"].permission):
        found += await _orders(tx, desk)
    if may(PLACES["till_tasks"].permission):
        open_tasks = await tills.service.open_tasks(tx, shop_id=desk.shop.id)
        found.append(Task("till_tasks", "wait", "store", "/tills/tasks", open_tasks))
    if may(Permission.STOCK_VIEW):
        low = await stock_control.low.low_stock(tx, shop_id=desk.shop.id)
        found.append(Task("low", "wait", "shelf", "/stock/low", low.rows, or_more=low.or_more))
        found += await _running_out(tx, desk)
    if may(Permission.MEMBERS_MANAGE):
        due = await backups.due(tx)
        facts = {"last": due.last} if due else {}
        found.append(Task("backup", "wait", "shield", None, int(due is not None), facts=facts))
    return sorted((task for task in found if task.rows), key=lambda task: _URGENCY[task.kind])


async def _money(tx: Tx, desk: Desk) -> list[Task]:
    contested = await disputes.waiting(tx, shop_id=desk.shop.id, limit=COUNTED)
    to_answer = [each for each in contested if each.state == "needs_answer"]
    alone = len(to_answer) == 1 and desk.actor.may(Permission.ORDERS_VIEW)
    trouble = await reconciliation.trouble(tx, shop_id=desk.shop.id)

    def counted(what: str, kind: str, rows: int, place: str) -> Task:
        more = rows >= trouble.MOST
        return Task(what, kind, "money", f"/payments#{place}", rows, or_more=more)

    return [
        Task(
            "disputed",
            "bad",
            "alert",
            f"/payments/disputes/{to_answer[0].id}" if alone else "/payments#disputes",
            len(to_answer),
            or_more=len(contested) == COUNTED,
            facts={"due": to_answer[0].due_by if to_answer else None},
        ),
        Task(
            "paused",
            "bad",
            "money",
            "/payments",
            int(trouble.paused_until is not None),
            facts={"until": trouble.paused_until},
        ),
        counted("refunds_failed", "bad", trouble.refunds_failed, "refunds"),
        counted("authorised", "wait", trouble.authorised, "authorised"),
        counted("differences", "wait", trouble.differences, "differences"),
        *(
            Task("silent", "wait", "money", "/payments#accounts", facts={"provider": provider})
            for provider in trouble.silent
        ),
    ]


async def _questions(tx: Tx, desk: Desk, on_air: Sequence[live.Show]) -> list[Task]:
    found: list[Task] = []
    for show in on_air[:_SHOWS]:
        asked = await chat.questions(tx, shop_id=desk.shop.id, show_id=show.id, limit=COUNTED)
        title = desk.language.localised(show.titles, show.title)
        path = f"/shows/{show.id}/studio"
        more = len(asked) == COUNTED
        found.append(
            Task("questions", "wait", "chat", path, len(asked), or_more=more, facts={"title": title})
        )
    return found


async def _orders(tx: Tx, desk: Desk) -> list[Task]:
    shop_id = desk.shop.id
    ready = await order_lists.count(tx, shop_id=shop_id, fulfilment_status="ready")
    unpaid = await order_lists.count(tx, shop_id=shop_id, status="placed", payment_status="unpaid")
    owed = await order_lists.count(tx, shop_id=shop_id, payment_status="refund_due")
    back = await returns.counts(tx, shop_id=shop_id)
    papers = await fapiao.counts(tx, shop_id=shop_id)
    return [
        Task("to_ship", "", "box", "/orders?fulfilment=ready", ready.rows, or_more=ready.or_more),
        Task(
            "unpaid", "", "money", "/orders?status=placed&payment=unpaid", unpaid.rows, or_more=unpaid.or_more
        ),
        Task("refund_due", "", "return", "/orders?payment=refund_due", owed.rows, or_more=owed.or_more),
        Task("returns_asked", "", "return", "/returns?state=requested", back.get("requested", 0)),
        Task("returns_here", "", "return", "/returns?state=received", back.get("received", 0)),
        Task(
            "fapiao", "", "receipt", "/fapiao", papers.get("open", 0) + papers.get("red_requested", 0)
        ),
    ]  # fmt: skip


async def _running_out(tx: Tx, desk: Desk) -> list[Task]:
    """What sold at least as often in a week as there are units left, and is still on sale; what is gone comes first."""
    shop_id = desk.shop.id
    sold = await order_lists.takings.sold_since(tx, shop_id=shop_id, since=now() - RUNS_OUT_IN)
    if not sold:
        return []
    lefts = await stock.available(tx, shop_id=shop_id, variant_ids=list(sold))
    scarce = [variant_id for variant_id, units in sold.items() if lefts[variant_id].total <= units]
    found = {
        each.id: each
        for each in await catalog.variants(tx, shop_id=shop_id, ids=scarce)
        if not each.is_archived
    }
    products = await catalog.products_by_id(
        tx, shop_id=shop_id, ids=sorted({each.product_id for each in found.values()})
    )
    short = [
        variant
        for variant in map(found.get, sorted(scarce, key=lambda each: lefts[each].total))
        if variant is not None and products[variant.product_id].status == catalog.Status.ACTIVE
    ]
    names = [
        " · ".join(
            filter(
                None,
                [
                    desk.language.localised(product.titles, product.title),
                    option_words(variant.options, desk.language.words_of(product.option_texts)),
                ],
            )
        )
        for variant in short[:_NAMED]
        for product in [products[variant.product_id]]
    ]
    gone = sum(not lefts[each.id].total for each in short)
    facts = {"names": names, "more": len(short) > _NAMED, "gone": gone}
    return [Task("running_out", "wait" if gone else "", "shelf", "/stock/grid", len(short), facts=facts)]
