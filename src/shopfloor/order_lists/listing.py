"""The merchant's list of orders: narrowed down, searched, counted."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final, TypedDict, Unpack
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts
from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import whole_number
from shopfloor.order_lists import queries
from shopfloor.order_lists.models import Counts, OrderSummary
from shopfloor.orders import Status

CHANNEL_SHOW: Final = "show"
CHANNEL_SHOP: Final = "shop"
CHANNEL_TILL: Final = "till"
# What a search finds is counted so far.
MOST_FOUND: Final = 1000
# Digits of a whole telephone number, and those of a subscriber, that are the same with and without a country's code.
_TELEPHONE: Final = 7
_SUBSCRIBER: Final = 9
_SET_OUT: Final = re.compile(r"\+?[0-9 ().\-]+")


class Narrowed(TypedDict, total=False):
    """What a list of orders is narrowed down to; days are the shop's.

    `search`: a number, or part of a name, phone (however it is set out), e-mail, or of the title or SKU of a
    product.  `channel`: "show", "till", or "shop" for what was sold on the shop's pages.
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
) -> queries.Filters:
    first_day, last_day = narrowed.get("since"), narrowed.get("until")
    since = until = None
    if first_day or last_day:
        zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
        since, until = _midnight(first_day, zone), _midnight(last_day and last_day + timedelta(days=1), zone)
    return queries.Filters(
        narrowed.get("status"),
        narrowed.get("payment_status"),
        narrowed.get("show_id"),
        after,
        before,
        narrowed.get("fulfilment_status"),
        since,
        until,
        {CHANNEL_SHOP: True, CHANNEL_SHOW: False, CHANNEL_TILL: True}.get(narrowed.get("channel") or ""),
        {CHANNEL_SHOP: False, CHANNEL_TILL: True}.get(narrowed.get("channel") or ""),
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
            await queries.count(tx, shop_id=shop_id, filters=filters, most=paging.MOST_COUNTED)
        )
    variants = await queries.variants_named(tx, shop_id=shop_id, search=wanted)

    async def found(within: queries.Filters) -> int:
        return await queries.count_found(
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
    variants = await queries.variants_named(tx, shop_id=shop_id, search=wanted)
    find = partial(
        _found, tx, shop_id=shop_id, wanted=wanted, variants=variants, filters=filters, limit=limit
    )
    found = await find()
    rows = await _listed(tx, shop_id=shop_id, ids=found.ids)
    total, places = found.total, found.places
    if found.of_newest:
        anywhere = replace(filters, after=None, before=None)
        total = await queries.count_found(
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
        ids = await queries.newest(tx, shop_id=shop_id, filters=filters, limit=limit)
    else:
        variants = await queries.variants_named(tx, shop_id=shop_id, search=wanted)
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
    filters: queries.Filters,
    limit: int,
    everywhere: bool = False,
) -> queries.Found:
    return await queries.search(
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
    rows = await queries.summaries(tx, ids=ids, today=(await accounts.shop(tx, shop_id)).today)
    by_id = {row.id: row for row in rows}
    return [by_id[each] for each in ids]


async def count(tx: Tx, *, shop_id: int, **narrowed: Unpack[Narrowed]) -> paging.Counted:
    """How many orders such a list has, counted as far as its pages count them."""
    return await _count_orders(tx, shop_id=shop_id, **narrowed)


async def counts(tx: Tx, *, shop_id: int) -> Counts:
    """How many orders are in which status."""
    return await queries.count_by_status(tx, shop_id=shop_id, statuses=[status.value for status in Status])


async def numbers(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What people call these orders."""
    return await queries.numbers(tx, shop_id=shop_id, order_ids=order_ids)
