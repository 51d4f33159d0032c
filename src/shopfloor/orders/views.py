"""Looking at orders: the merchant's list and one order with everything a page shows."""

from datetime import date
from hmac import compare_digest
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts, payments
from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.orders import checkout_queries, list_queries, page_texts, queries
from shopfloor.orders.models import Counts, Due, Order, OrderSummary, OrderView, Party, Status
from shopfloor.orders.refusals import OrderNotFound
from shopfloor.orders.statuses import due, is_late, may_cancel
from shopfloor.policies import shop_terms

# Numbers that a bigint holds for certain.
_LONGEST_NUMBER: Final = 18


async def today(tx: Tx, *, shop_id: int) -> date:
    """The day it is where the shop is: the days it promises are its own."""
    zone = (await accounts.shop(tx, shop_id)).timezone
    return now().astimezone(ZoneInfo(zone)).date()


async def _count_orders(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None = None,
    payment_status: str | None = None,
    show_id: int | None = None,
    search: str | None = None,
    before: UUID | None = None,
) -> paging.Counted:
    wanted = _wanted(search)
    found, more = await list_queries.count(
        tx,
        shop_id=shop_id,
        search=wanted,
        number=_number(wanted),
        filters=list_queries.Filters(status, payment_status, show_id, None, before),
        most=paging.MOST_COUNTED,
    )
    return paging.Counted(found, or_more=more)


def _wanted(search: str | None) -> str:
    return search.strip().removeprefix("#") if search else ""


def _number(wanted: str) -> int | None:
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) <= _LONGEST_NUMBER
    return int(wanted) if is_number else None


@paging.counted_by(_count_orders)
async def orders(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None = None,
    payment_status: str | None = None,
    show_id: int | None = None,
    search: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[OrderSummary]:
    """A shop's orders, newest first, a page of them (`kernel.paging`).

    `search`: a number, or part of a name, phone (as written, or its digits) or e-mail.
    """
    filters = list_queries.Filters(status, payment_status, show_id, after, before)
    limit = max(1, min(limit, 201))
    wanted = _wanted(search)
    if wanted:
        ids = await _found(tx, shop_id=shop_id, wanted=wanted, filters=filters, limit=limit)
    else:
        ids = await list_queries.newest(tx, shop_id=shop_id, filters=filters, limit=limit)
    listed = await list_queries.summaries(tx, ids=ids, today=await today(tx, shop_id=shop_id))
    return listed[:limit] if before is None else listed[::-1][:limit]


async def _found(
    tx: Tx, *, shop_id: int, wanted: str, filters: list_queries.Filters, limit: int
) -> list[UUID]:
    """By number, and by part of a name, phone or e-mail: first where most searches end, then everywhere."""
    ids: list[UUID] = []
    number = _number(wanted)
    if number is not None:
        ids = await list_queries.found_by_number(tx, shop_id=shop_id, number=number, filters=filters)
    near = await list_queries.found_among_newest(
        tx, shop_id=shop_id, search=wanted, filters=filters, limit=limit
    )
    if len(near) < limit:
        near = await list_queries.found(tx, shop_id=shop_id, search=wanted, filters=filters, limit=limit)
    return [*ids, *near]


async def counts(tx: Tx, *, shop_id: int) -> Counts:
    """How many orders are in which status."""
    return await list_queries.count_by_status(
        tx, shop_id=shop_id, statuses=[status.value for status in Status]
    )


async def order(tx: Tx, *, shop_id: int, order_id: UUID) -> OrderView:
    """For the merchant.  Raises OrderNotFound."""
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    return await _view(tx, found)


async def order_for_shopper(
    tx: Tx, *, shop_id: int, order_id: UUID, shopper: UUID | None = None, key: str | None = None
) -> OrderView:
    """For the buyer: with the cookie that bought, or the key from the confirmation.  Raises OrderNotFound."""
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    has_key = key is not None and compare_digest(found.key.encode(), key.encode())
    if found.buyer != shopper and not has_key:
        raise OrderNotFound(order_id=str(order_id))
    return await _view(tx, found)


async def orders_of_shopper(tx: Tx, *, shop_id: int, shopper: UUID) -> list[OrderView]:
    ids = await list_queries.ids_of_buyer(tx, shop_id=shop_id, buyer=shopper)
    return [await order(tx, shop_id=shop_id, order_id=order_id) for order_id in ids]


async def _view(tx: Tx, found: Order) -> OrderView:
    lines = await queries.lines(tx, order_id=found.id)
    checkout = await checkout_queries.checkout(tx, id=found.checkout_id)
    assert checkout is not None, "an order has a checkout by foreign key"
    owed = due(found)
    day = await today(tx, shop_id=found.shop_id)
    open_order = found.status in {Status.PLACED, Status.PAID, Status.PARTLY_SHIPPED}
    return OrderView(
        order=found,
        lines=lines,
        payments=await payments.events_for(tx, subject_id=found.id),
        due=owed,
        buyer_may_cancel=may_cancel(found, lines, by=Party.BUYER, today=day),
        is_late=open_order and is_late(lines, today=day),
        page=await page_texts.take_out(tx, shop_id=found.shop_id, page=checkout.page),
        instructions=await _instructions(tx, found, owed),
        bundles=await queries.bundles(tx, order_id=found.id),
    )


async def _instructions(tx: Tx, found: Order, owed: Due | None) -> dict[str, Any]:
    """How to bring the money: what the page prints."""
    rules = await shop_terms(tx, shop_id=found.shop_id)
    told: dict[str, Any] = {"pick_up_at": rules.pick_up_at} if found.delivery == "pick_up" else {}
    if owed is not None:
        told |= {"method": found.method, "label": str(found.number), "amount_minor": owed.amount.minor}
        told |= {"pay_to": rules.pay_to} if found.method == "transfer" else {}
    return told
