"""What may be given back, and the returns there are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts, documents, fulfilment, orders, policies
from shopfloor.kernel import paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now, whole_number
from shopfloor.returns import queries
from shopfloor.returns.models import (
    Arrival,
    Law,
    Offer,
    Return,
    ReturnNotFound,
    ReturnSummary,
    ReturnTerms,
    State,
    standings,
    terms_of,
)

_UNSENT: Final = frozenset({orders.Status.PLACED, orders.Status.PAID})


async def offer(tx: Tx, view: orders.OrderView) -> Offer:
    """What the buyer of this order may do now, and the returns there are."""
    found = view.order
    terms = terms_of(found)
    busy = await queries.units(tx, order_id=found.id)
    today, zone = await today_at(tx, shop_id=found.shop_id)
    lines = standings(terms, view.lines, await arrivals(tx, view, zone), busy, today)
    known = await of_order(tx, shop_id=found.shop_id, order_id=found.id)
    return Offer(terms, lines, may_withdraw_unsent(view, terms), known)


async def today_at(tx: Tx, *, shop_id: int) -> tuple[date, ZoneInfo]:
    zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
    return now().astimezone(zone).date(), zone


async def arrivals(tx: Tx, view: orders.OrderView, zone: ZoneInfo) -> list[Arrival]:
    """Parcels that left, and what left without one: that was before there were parcels."""
    known = await fulfilment.of_order(tx, shop_id=view.order.shop_id, order_id=view.order.id)

    def day(at: datetime | None) -> date | None:
        return None if at is None else at.astimezone(zone).date()

    found = [
        Arrival({line.line_id: line.quantity for line in each.lines}, day(each.arrived_at))
        for each in known
        if each.state in fulfilment.GONE
    ]
    rest = {
        line.id: line.shipped_quantity - sum(each.units.get(line.id, 0) for each in found)
        for line in view.lines
    }
    if any(units > 0 for units in rest.values()):
        without = {line_id: units for line_id, units in rest.items() if units > 0}
        found.append(Arrival(without, day(view.order.delivered_at)))
    return found


def may_withdraw_unsent(view: orders.OrderView, terms: ReturnTerms) -> bool:
    """Before anything was sent the whole contract can be withdrawn from, where the law gives that right."""
    found = view.order
    return (
        terms.law is Law.EU
        and found.status in _UNSENT
        and found.charged_minor > 0
        and not any(line.shipped_quantity for line in view.lines)
        and not any(line.product_id in terms.exceptions for line in view.lines)
    )


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Return]:
    """Oldest first."""
    ids = await queries.ids_of_order(tx, shop_id=shop_id, order_id=order_id)
    return await queries.returns(tx, shop_id=shop_id, ids=ids) if ids else []


async def get(tx: Tx, *, shop_id: int, return_id: UUID) -> Return:
    """Raises ReturnNotFound."""
    found = await queries.returns(tx, shop_id=shop_id, ids=[return_id])
    if not found:
        raise ReturnNotFound(return_id=str(return_id))
    return found[0]


def _filters(state: str | None, search: str | None) -> queries.Filters:
    wanted = text.looked_for(search or "")
    if not wanted:
        return queries.Filters(state)
    number = whole_number(wanted.removeprefix("#").upper().partition("-R")[0])
    return queries.Filters(None, -1 if number is None else number)


async def _count(
    tx: Tx, *, shop_id: int, state: str | None = None, search: str | None = None, before: UUID | None = None
) -> paging.Counted:
    return await queries.count(tx, shop_id=shop_id, filters=replace(_filters(state, search), before=before))


@paging.counted_by(_count)
async def listing(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    search: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[ReturnSummary]:
    """Newest first, a page of them (`kernel.paging`).  `search`: the number of an order or return, in all states."""
    filters = replace(_filters(state, search), after=after, before=before)
    return await queries.page(tx, shop_id=shop_id, filters=filters, limit=max(1, min(limit, 201)))


async def counts(tx: Tx, *, shop_id: int) -> dict[str, int]:
    """How many are at which point, counted up to 10,000."""
    return await queries.counts(tx, shop_id=shop_id, states=[state.value for state in State], most=10_000)


async def send_to(tx: Tx, *, shop_id: int) -> str:
    """Where goods are sent back to: what the shop has set, else where its invoices come from, else its own name."""
    rules = await policies.return_rules.of_shop(tx, shop_id=shop_id)
    if rules.address:
        return rules.address
    seller = await documents.seller(tx, shop_id=shop_id)
    if seller.address:
        return "\n".join(filter(None, (seller.name, seller.address)))
    return (await accounts.shop(tx, shop_id)).name


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    """What was written about them goes; what came back and was paid stays."""
    await queries.forget_words(tx, shop_id=shop_id, buyers=buyers)
    await queries.forget_words_of_events(tx, shop_id=shop_id, buyers=buyers)
    await queries.forget_pictures(tx, shop_id=shop_id, buyers=buyers)
