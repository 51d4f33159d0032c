"""A basket: purchases of one shopper that are checked out together, each kept by its own clock until then.

A basket is not stored.  It is what its shopper holds when the page is opened; the form names the purchases that the
page showed, and ordering makes one of them.  The first, or the first of a show, has the goods of all from then on, and
the others lead to it: a form that is sent again from any of them finds the same order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import msgspec

from shopfloor import inventory, purchases, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.orders import basket_queries, checkout_queries, keeping, page_texts
from shopfloor.orders.checkout_queries import CheckoutRow
from shopfloor.orders.checkout_snapshot import from_hold, from_intent, plain
from shopfloor.orders.models import Bundle, Item
from shopfloor.orders.presentation import Shown, shown
from shopfloor.orders.refusals import BasketChanged, CheckoutNotFound

MOST: Final = 20
"""Purchases that are checked out together."""


@dataclass(frozen=True, slots=True)
class BasketLine:
    """A purchase in a basket.  `is_over`: it is kept for its shopper no longer and is not in the sums."""

    id: UUID
    offer_id: int | None
    shown: Sequence[Shown[Item]]
    expires_at: datetime | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A purchase, and its hold where there is one."""

    row: CheckoutRow
    hold: stock.Hold | None

    @property
    def is_kept(self) -> bool:
        return (
            self.hold is not None and self.hold.state is stock.HoldState.HELD and self.hold.expires_at > now()
        )

    def line(self, *, is_over: bool = False) -> BasketLine:
        items, bundles = goods_of([self.row])
        return BasketLine(
            id=self.row.id,
            offer_id=self.row.offer_id,
            shown=shown(items, bundles),
            expires_at=None if self.hold is None or not self.row.held else self.hold.expires_at,
            is_over=is_over,
        )


@dataclass(frozen=True, slots=True)
class Basket:
    """`row` has the items of all lines that are not over; `order_id` where they have been ordered already."""

    row: CheckoutRow
    hold: stock.Hold | None
    lines: list[BasketLine]
    order_id: UUID | None


async def begin(
    tx: Tx,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    others: Sequence[UUID] = (),
    known: stock.Hold | None = None,
) -> Begun:
    """The purchase as its buyer saw it, frozen by the first look; or the one with which it was ordered.

    `others`: the same person's other browsers.  `known`: its hold, where it has just been read.  Raises CheckoutNotFound,
    also for another buyer's.
    """
    row = await checkout_queries.checkout(tx, id=hold_id)
    if row is not None and row.joined_to is not None and row.joined_to != hold_id:
        return await begin(tx, shop_id=shop_id, hold_id=row.joined_to, shopper=shopper, others=others)
    hold = known
    if hold is None and (row is None or row.held):
        hold = await _hold(tx, shop_id=shop_id, hold_id=hold_id)
    if row is None:
        fresh = await _fresh(tx, hold_id, hold)
        if fresh is None or not is_of(fresh, shop_id, shopper, others):
            raise CheckoutNotFound(hold_id=str(hold_id))
        await _keep(tx, shop_id, [fresh])
        row = await checkout_queries.checkout(tx, id=hold_id)
    if row is None or not is_of(row, shop_id, shopper, others):
        raise CheckoutNotFound(hold_id=str(hold_id))
    return Begun(row, hold)


async def _fresh(tx: Tx, hold_id: UUID, hold: stock.Hold | None) -> CheckoutRow | None:
    return await (from_intent(tx, hold_id=hold_id) if hold is None else from_hold(tx, hold))


async def _keep(tx: Tx, shop_id: int, rows: Sequence[CheckoutRow]) -> None:
    """What was seen of purchases is written down, in the order of texts and ids: two pages of one shopper open at once
    and name the same purchases in another order.
    """
    rows = sorted(rows, key=lambda each: each.id)
    pages = await page_texts.put_away(tx, shop_id=shop_id, pages=[each.page for each in rows])
    for row, page in zip(rows, pages, strict=True):
        await checkout_queries.insert_checkout(tx, replace(row, page=page))


async def _begin_all(
    tx: Tx,
    *,
    shop_id: int,
    hold_ids: Iterable[UUID],
    shopper: UUID,
    others: Sequence[UUID],
    known: Mapping[UUID, stock.Hold] = MappingProxyType({}),
) -> None:
    """Those of these purchases that nobody has looked at; `begin` reads them then, and refuses what is another's."""
    wanted = list(dict.fromkeys(hold_ids))
    if len(wanted) < 2:
        return
    seen = await basket_queries.known(tx, ids=wanted)
    fresh: list[CheckoutRow] = []
    for each in wanted:
        if each in seen:
            continue
        hold = known.get(each) or await _hold(tx, shop_id=shop_id, hold_id=each)
        row = await _fresh(tx, each, hold)
        if row is not None and is_of(row, shop_id, shopper, others):
            fresh.append(row)
    await _keep(tx, shop_id, fresh)


async def _hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> stock.Hold | None:
    try:
        return await stock.hold(tx, shop_id=shop_id, hold_id=hold_id)
    except inventory.UnknownStock:
        return None


def is_of(row: CheckoutRow, shop_id: int, shopper: UUID, others: Sequence[UUID] = ()) -> bool:
    return row.shop_id == shop_id and (row.buyer == shopper or row.buyer in others)


async def look(
    tx: Tx,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    others: Sequence[UUID] = (),
    also: Sequence[UUID] | None = (),
) -> Basket:
    """A purchase with what is checked out with it: those named, or with None all that its shopper holds, also in their
    other browsers (`others`).

    What is over is told apart where something else is kept; a purchase that is alone stays in its basket, for sending
    the form tries to get the same units again.  Raises CheckoutNotFound.
    """
    holds: dict[UUID, stock.Hold] = {}
    looking = also is None
    if also is None:
        hold = await _hold(tx, shop_id=shop_id, hold_id=hold_id)
        if hold is not None:
            held = await stock.held_by(
                tx, shop_id=shop_id, buyer=shopper, others=others, pool_id=hold.pool_id
            )
            holds = {each.id: each for each in [*held, hold]}
        also = list(holds)
    await _begin_all(
        tx,
        shop_id=shop_id,
        hold_ids=[hold_id, *[each for each in also if each != hold_id][: MOST - 1]],
        shopper=shopper,
        others=others,
        known=holds,
    )
    begun_by = partial(begin, tx, shop_id=shop_id, shopper=shopper, others=others)
    first = await begun_by(hold_id=hold_id, known=holds.get(hold_id))
    known = {first.row.id: first}
    if first.row.held:
        for each in [each for each in also if each != hold_id][: MOST - 1]:
            begun = await begun_by(hold_id=each, known=holds.get(each))
            known.setdefault(begun.row.id, begun)
    orders = await basket_queries.ordered(tx, ids=list(known))
    open_ones = [each for each in known.values() if each.row.id not in orders]
    if not open_ones or (looking and first not in open_ones):
        # An old address of what has been ordered leads to the order.
        return Basket(first.row, first.hold, [first.line()], orders[first.row.id])
    kept = [each for each in open_ones if each.is_kept]
    base = first if first in kept or (first in open_ones and not kept) else (kept or open_ones)[0]
    inside = [base] if base not in kept else _fitting(base, kept)
    over = [each for each in open_ones if each not in kept and each is not base]
    # As `gather` does it: the order is the show's where one of them is.
    root = next((each for each in inside if each.row.show_id is not None), base)
    inside = [root, *(each for each in inside if each is not root)]
    items, bundles = goods_of([each.row for each in inside])
    lines = [each.line() for each in inside] + [each.line(is_over=True) for each in over]
    row = replace(root.row, items=plain(items), bundles=plain(bundles))
    return Basket(row, root.hold, lines, None)


def _fitting(base: Begun, others: Iterable[Begun]) -> list[Begun]:
    """Those that make one order with the first, it included."""
    inside = [base]
    for each in others:
        if each is not base and fit([*(packed.row for packed in inside), each.row]):
            inside.append(each)
    return inside


def fit(rows: Sequence[CheckoutRow]) -> bool:
    """Whether purchases make one order: held, in one currency, of one show at most, and a bundle at one price."""
    shows = {row.show_id for row in rows if row.show_id is not None}
    prices: dict[int, set[int]] = {}
    for row in rows:
        for bundle in msgspec.convert(row.bundles, list[Bundle]):
            prices.setdefault(bundle.id, set()).add(bundle.unit_price_minor)
    return (
        all(row.held for row in rows)
        and len({row.currency for row in rows}) == 1
        and len(shows) <= 1
        and all(len(each) == 1 for each in prices.values())
    )


def goods_of(rows: Sequence[CheckoutRow]) -> tuple[list[Item], list[Bundle]]:
    """Items of several purchases in their order; of a bundle that was bought more than once all together."""
    items = [item for row in rows for item in msgspec.convert(row.items, list[Item])]
    bundles: dict[int, Bundle] = {}
    for row in rows:
        for bundle in msgspec.convert(row.bundles, list[Bundle]):
            known = bundles.get(bundle.id)
            bundles[bundle.id] = (
                bundle
                if known is None
                else replace(
                    known,
                    quantity=known.quantity + bundle.quantity,
                    amount_minor=known.amount_minor + bundle.amount_minor,
                )
            )
    return items, list(bundles.values())


async def adopt(
    tx: Tx, *, shop_id: int, shopper: UUID, others: Sequence[UUID], hold_ids: Sequence[UUID]
) -> None:
    """Purchases that the same person made in another browser (`others`) are this one's from now on; what has been
    ordered stays as it is.  Raises CheckoutNotFound.
    """
    wanted: list[UUID] = []
    await _begin_all(tx, shop_id=shop_id, hold_ids=hold_ids, shopper=shopper, others=others)
    for each in hold_ids:
        begun = await begin(tx, shop_id=shop_id, hold_id=each, shopper=shopper, others=others)
        if begun.row.buyer != shopper:
            wanted.append(begun.row.id)
    if not wanted:
        return
    rows = await basket_queries.lock_with_roots(tx, ids=wanted)
    orders = await basket_queries.ordered(tx, ids=list(rows))
    held_ids = [row.id for row in rows.values() if row.held and row.id not in orders and row.buyer in others]
    await basket_queries.give(tx, ids=held_ids, buyer=shopper)
    await stock.extend(tx, held_ids, hold_seconds=0, buyer=shopper)


async def gather(
    tx: Tx,
    *,
    shop_id: int,
    shopper: UUID,
    hold_ids: Sequence[UUID],
    network: int | None,
    others: Sequence[UUID] = (),
) -> CheckoutRow:
    """These purchases as one, locked: its units are kept, and it is the one that has all of their items.

    Where they were made one before, that one.  Raises CheckoutNotFound, BasketChanged where some have been ordered or
    cannot be ordered together, purchases.HoldExpired for the first that can no longer be had.
    """
    wanted = list(dict.fromkeys(hold_ids))
    if len(wanted) > MOST:
        raise BasketChanged(most=MOST)
    await _begin_all(tx, shop_id=shop_id, hold_ids=wanted, shopper=shopper, others=others)
    for each in wanted:
        await begin(tx, shop_id=shop_id, hold_id=each, shopper=shopper, others=others)
    rows = await basket_queries.lock_with_roots(tx, ids=wanted)
    while missing := [row.joined_to for row in rows.values() if row.joined_to and row.joined_to not in rows]:
        # Somebody made one of them while this waited.
        rows |= await basket_queries.lock_with_roots(tx, ids=[*wanted, *missing])
    roots = list(dict.fromkeys(rows[each].joined_to or each for each in wanted))
    if len(roots) == 1:
        return rows[roots[0]]
    orders = await basket_queries.ordered(tx, ids=roots)
    if orders or not fit([rows[each] for each in roots]):
        raise BasketChanged(orders=sorted(str(each) for each in orders.values()))
    kept = {each: await keeping.keep_units(tx, rows[each], network) for each in sorted(roots)}
    for row in kept.values():
        if not row.held:
            raise keeping.gone(row, stock.Code.NETWORK_LIMIT)
    root = next((each for each in roots if kept[each].show_id is not None), roots[0])
    others = [each for each in roots if each != root]
    await stock.extend(tx, roots, hold_seconds=keeping.PAYMENT_SECONDS, into=root)
    for each in others:
        await purchases.claimed(tx, each)
    in_order = [kept[root], *(kept[each] for each in others)]
    items, bundles = goods_of(in_order)
    await basket_queries.join(
        tx,
        into=root,
        ids=others,
        items=plain(items),
        bundles=plain(bundles),
        page=_page_of(in_order),
    )
    return await keeping.reload(tx, kept[root])


def _page_of(rows: Sequence[CheckoutRow]) -> dict[str, Any]:
    """What was seen of each, as one: the first with the items, bundles and products of all."""
    page = dict(rows[0].page)
    for name in ("items", "bundles", "product_hashes"):
        page[name] = [each for row in rows for each in row.page.get(name, [])]
    page["product_hashes"] = list(dict.fromkeys(page["product_hashes"]))
    page["purchases"] = [
        {"id": str(row.id), "seen_at": row.page.get("seen_at"), "offer": row.page.get("offer")}
        for row in rows
    ]
    return page
