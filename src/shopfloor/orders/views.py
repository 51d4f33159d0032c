"""Looking at orders: the merchant's list and one order with everything a page shows."""

import re
import unicodedata
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from hmac import compare_digest
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts, payments
from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now, whole_number
from shopfloor.orders import (
    checkout_queries,
    edit_queries,
    list_queries,
    money_queries,
    page_texts,
    queries,
    refund_shares,
    together,
)
from shopfloor.orders.models import Counts, Due, Granted, Order, OrderSummary, OrderView, Party, Status
from shopfloor.orders.refusals import OrderNotFound
from shopfloor.orders.statuses import due, is_late, may_cancel
from shopfloor.policies import shop_terms

CHANNEL_SHOW: Final = "show"
CHANNEL_SHOP: Final = "shop"
# What a search finds is counted so far.
MOST_FOUND: Final = 1000
# Digits of a whole telephone number, and those of a subscriber, that are the same with and without a country's code.
_TELEPHONE: Final = 7
_SUBSCRIBER: Final = 9
_SET_OUT: Final = re.compile(r"\+?[0-9 ().\-]+")


async def today(tx: Tx, *, shop_id: int) -> date:
    """The day it is where the shop is: the days it promises are its own."""
    zone = (await accounts.shop(tx, shop_id)).timezone
    return now().astimezone(ZoneInfo(zone)).date()


class Narrowed(TypedDict, total=False):
    """What a list of orders is narrowed down to; days are the shop's.

    `search`: a number, or part of a name, phone (however it is set out), e-mail, or of the title or SKU of a
    product.  `channel`: "show", or "shop" for what was sold outside of shows.
    """

    status: str | None
    payment_status: str | None
    fulfilment_status: str | None
    show_id: int | None
    channel: str | None
    since: date | None
    until: date | None
    search: str | None


async def _filters(
    tx: Tx, shop_id: int, narrowed: Narrowed, *, after: UUID | None = None, before: UUID | None = None
) -> list_queries.Filters:
    first_day, last_day = narrowed.get("since"), narrowed.get("until")
    since = until = None
    if first_day or last_day:
        zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
        since, until = _midnight(first_day, zone), _midnight(last_day and last_day + timedelta(days=1), zone)
    return list_queries.Filters(
        narrowed.get("status"),
        narrowed.get("payment_status"),
        narrowed.get("show_id"),
        after,
        before,
        narrowed.get("fulfilment_status"),
        since,
        until,
        {CHANNEL_SHOP: True, CHANNEL_SHOW: False}.get(narrowed.get("channel") or ""),
    )


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), zone)


async def _count_orders(
    tx: Tx, *, shop_id: int, before: UUID | None = None, **narrowed: Unpack[Narrowed]
) -> paging.Counted:
    filters = await _filters(tx, shop_id, narrowed, before=before)
    wanted = _wanted(narrowed.get("search"))
    if not wanted:
        return paging.capped(
            await list_queries.count(tx, shop_id=shop_id, filters=filters, most=paging.MOST_COUNTED)
        )
    variants = await list_queries.variants_named(tx, shop_id=shop_id, search=wanted)

    async def found(within: list_queries.Filters) -> int:
        return await list_queries.count_found(
            tx,
            shop_id=shop_id,
            wanted=_text(wanted),
            number=_number(wanted),
            variants=variants,
            filters=within,
            most=MOST_FOUND,
        )

    total = await found(replace(filters, before=None))
    if total > MOST_FOUND:
        # Where in so many a page stands would take reading them all.
        return paging.Counted(MOST_FOUND, or_more=True)
    return paging.Counted(total if before is None else await found(filters))


def _wanted(search: str | None) -> str:
    """In one line: between lines stand the borders of what is searched."""
    return " ".join((search or "").split("\n")).strip().lstrip("#＃")


def _text(wanted: str) -> str:
    """What is looked for in names, telephone numbers and addresses.

    A telephone number is found however it is set out: its digits alone are kept beside it.  One with a country's code
    may have been typed without, in a country or two with a zero instead: its last nine digits are whose it is.
    """
    narrow = unicodedata.normalize("NFKC", wanted)
    digits = "".join(filter(str.isdigit, narrow))
    if len(digits) < _TELEPHONE or not _SET_OUT.fullmatch(narrow):
        return wanted
    return digits[-_SUBSCRIBER:] if narrow.startswith(("+", "00")) else digits


def _number(wanted: str) -> int | None:
    """An order's number, in digits of any width; with zeros before it, it is the end of a telephone number."""
    narrow = unicodedata.normalize("NFKC", wanted)
    return None if narrow.startswith("0") else whole_number(narrow)


async def _look(
    tx: Tx,
    *,
    shop_id: int,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
    **narrowed: Unpack[Narrowed],
) -> paging.Look[OrderSummary] | None:
    """What a search finds, counted while it is read; a list without a search is counted apart."""
    wanted = _wanted(narrowed.get("search"))
    if not wanted:
        return None
    filters = await _filters(tx, shop_id, narrowed, after=after, before=before)
    variants = await list_queries.variants_named(tx, shop_id=shop_id, search=wanted)
    find = partial(
        _found, tx, shop_id=shop_id, wanted=wanted, variants=variants, filters=filters, limit=limit
    )
    found = await find()
    rows = await _listed(tx, shop_id=shop_id, ids=found.ids)
    total, places = found.total, found.places
    if found.of_newest:
        anywhere = replace(filters, after=None, before=None)
        total = await list_queries.count_found(
            tx,
            shop_id=shop_id,
            wanted=_text(wanted),
            number=_number(wanted),
            variants=variants,
            filters=anywhere,
            most=MOST_FOUND,
        )
        if total <= MOST_FOUND and filters != anywhere:
            places = (await find(everywhere=True)).places
    if total > MOST_FOUND:
        # Where in so many a page stands would take reading them all.
        return paging.Look(rows, paging.Counted(MOST_FOUND, or_more=True), ())
    return paging.Look(rows, paging.Counted(total), places)


@paging.counted_by(_count_orders, _look)
async def orders(
    tx: Tx,
    *,
    shop_id: int,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
    **narrowed: Unpack[Narrowed],
) -> list[OrderSummary]:
    """A shop's orders, newest first, a page of them (`kernel.paging`).  An order whose number is looked for comes
    before all others.
    """
    filters = await _filters(tx, shop_id, narrowed, after=after, before=before)
    limit = max(1, min(limit, 201))
    wanted = _wanted(narrowed.get("search"))
    if not wanted:
        ids = await list_queries.newest(tx, shop_id=shop_id, filters=filters, limit=limit)
    else:
        variants = await list_queries.variants_named(tx, shop_id=shop_id, search=wanted)
        found = await _found(
            tx, shop_id=shop_id, wanted=wanted, variants=variants, filters=filters, limit=limit
        )
        ids = found.ids
    return await _listed(tx, shop_id=shop_id, ids=ids)


async def _found(
    tx: Tx,
    *,
    shop_id: int,
    wanted: str,
    variants: list[int],
    filters: list_queries.Filters,
    limit: int,
    everywhere: bool = False,
) -> list_queries.Found:
    return await list_queries.search(
        tx,
        shop_id=shop_id,
        wanted=_text(wanted),
        number=_number(wanted),
        variants=variants,
        filters=filters,
        limit=max(1, min(limit, 201)),
        most=MOST_FOUND,
        everywhere=everywhere,
    )


async def _listed(tx: Tx, *, shop_id: int, ids: list[UUID]) -> list[OrderSummary]:
    """What a list shows of these, in this order."""
    if not ids:
        return []
    rows = await list_queries.summaries(tx, ids=ids, today=await today(tx, shop_id=shop_id))
    by_id = {row.id: row for row in rows}
    return [by_id[each] for each in ids]


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
    events = await payments.events_for(tx, subject_id=found.id)
    refunds: list[Granted] = []
    if found.refund_granted_minor:
        named = await money_queries.refund_shares(tx, order_id=found.id)
        refunds = refund_shares.granted(
            events,
            named,
            lines,
            shipping_minor=found.shipping_minor,
            apart=await edit_queries.refunds_of(tx, order_id=found.id),
        )
    open_order = found.status in {Status.PLACED, Status.PAID, Status.PARTLY_SHIPPED}
    return OrderView(
        order=found,
        lines=lines,
        payments=events,
        due=owed,
        buyer_may_cancel=may_cancel(found, lines, by=Party.BUYER, today=day),
        is_late=open_order and is_late(lines, today=day),
        page=await page_texts.take_out(tx, shop_id=found.shop_id, page=checkout.page),
        instructions=await _instructions(tx, found, owed),
        bundles=await queries.bundles(tx, order_id=found.id),
        together=await together.companions(tx, shop_id=found.shop_id, order_id=found.id),
        refunds=refunds,
    )


async def _instructions(tx: Tx, found: Order, owed: Due | None) -> dict[str, Any]:
    """How to bring the money: what the page prints."""
    rules = await shop_terms(tx, shop_id=found.shop_id)
    told: dict[str, Any] = {"pick_up_at": rules.pick_up_at} if found.delivery == "pick_up" else {}
    if owed is not None:
        told |= {"method": found.method, "label": str(found.number), "amount_minor": owed.amount.minor}
        told |= {"pay_to": rules.pay_to} if found.method == "transfer" else {}
    return told
