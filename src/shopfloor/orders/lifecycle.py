"""One lock, one settlement, and the units of an order.

Every verb locks the order first and the ledger after it, and ends in `settle`, the one function that writes
sums and statuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from shopfloor import inventory, purchases, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.orders import money_queries, queries
from shopfloor.orders.events import FactLine
from shopfloor.orders.models import Order, OrderLine
from shopfloor.orders.refusals import OrderClosed, OrderNotFound
from shopfloor.orders.statuses import Statuses, derive

_REHOLD_SECONDS = 120


Locked = tuple[Order, list[OrderLine]]


async def lock(tx: Tx, *, shop_id: int, order_id: UUID) -> Locked:
    """The order as it is, and nobody else changes it before this transaction ends.  Raises OrderNotFound."""
    found = await lock_all(tx, shop_id=shop_id, order_ids=[order_id])
    if order_id not in found:
        raise OrderNotFound(order_id=str(order_id))
    return found[order_id]


async def lock_all(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> dict[UUID, Locked]:
    """Those of these orders that the shop has, as `lock` gives them."""
    found = await queries.lock_orders(tx, shop_id=shop_id, order_ids=order_ids)
    if not found:
        return {}
    # A statement of their own: whoever had the lock before may have changed them.
    lines = await queries.lines_of(tx, order_ids=list(found))
    return {order_id: (each, lines[order_id]) for order_id, each in found.items()}


async def settle(tx: Tx, *, order_id: UUID) -> Order:
    """Sums from payment events, statuses from `derive`; the only writer of both."""
    return (await settle_all(tx, order_ids=[order_id]))[order_id]


async def settle_all(tx: Tx, *, order_ids: Sequence[UUID]) -> dict[UUID, Order]:
    """`settle`, of several locked orders."""
    fresh = await money_queries.recompute_money(tx, order_ids=order_ids, at=now())
    return await name_all(tx, fresh, await queries.lines_of(tx, order_ids=order_ids))


async def name_all(
    tx: Tx, fresh: Sequence[Order], lines: Mapping[UUID, Sequence[OrderLine]]
) -> dict[UUID, Order]:
    """Write the statuses of locked orders whose sums are right, where they are others than before."""
    settled: dict[UUID, Order] = {}
    changed: dict[UUID, Statuses] = {}
    for each in fresh:
        named = derive(each, lines[each.id])
        now_named = replace(
            each, status=named.status, payment_status=named.payment, fulfilment_status=named.fulfilment
        )
        if now_named != each:
            changed[each.id] = named
        settled[each.id] = now_named
    if changed:
        await queries.save_statuses(tx, changed)
    return settled


def fact_lines(lines: Sequence[OrderLine], amounts: Sequence[int] | None = None) -> list[FactLine]:
    """Lines for a fact, with their own amounts or with given shares of another."""
    return [
        FactLine(
            line_id=line.id,
            variant_id=line.variant_id,
            product_id=line.product_id,
            offer_id=line.offer_id,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=amount,
            ready_on=line.ready_on,
        )
        for line, amount in zip(lines, amounts or [line.amount_minor for line in lines], strict=True)
    ]


def number_of(found: Order) -> int:
    """Raises OrderClosed for a purchase that is not an order yet."""
    if found.number is None:
        raise OrderClosed(order_id=str(found.id), status=found.status)
    return found.number


async def secure(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> bool:
    """Make the units of this order its own for good: the hold if it still stands, the same units again if it
    lapsed, or newly taken where nothing was held before.  False when they cannot be had.
    """
    # Before some of the levels are locked that moving locks in order.
    if not await to_its_store(tx, found):
        return False
    if found.hold_id in await stock.confirm(tx, [found.hold_id]):
        return True
    if await _has_hold(tx, found):
        [answer] = await stock.rehold(tx, [found.hold_id], hold_seconds=_REHOLD_SECONDS)
    else:
        [answer] = await stock.reserve(tx, [await _request(tx, found, lines)])
    if isinstance(answer, stock.Refused):
        return False
    if not await to_its_store(tx, found):
        # Taken anew a moment ago, elsewhere: it is not kept.
        await purchases.hand_over(tx, await stock.release(tx, [found.hold_id], "cancelled"))
        return False
    return found.hold_id in await stock.confirm(tx, [found.hold_id])


async def to_its_store(tx: Tx, found: Order) -> bool:
    """Where it is collected in a store, its units are that store's.  False when they cannot be had there."""
    if found.collect_at is None:
        return True
    promised = stock.Promised(tx, found.hold_id)
    return await promised.to_location(found.collect_at, reason=f"to be collected: {found.id}")


async def note_arrivals(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> None:
    """Goods that were announced for later when they were bought, and have arrived since, are ready.

    `lines`: those of the locked order.
    """
    waiting = {line.variant_id for line in lines if not line.is_ready}
    for variant_id in sorted(waiting):
        if await queries.arrived(tx, hold_ids=[found.hold_id], variant_id=variant_id):
            await queries.mark_ready(tx, order_id=found.id, variant_id=variant_id, at=now())


async def _has_hold(tx: Tx, found: Order) -> bool:
    try:
        await stock.hold(tx, shop_id=found.shop_id, hold_id=found.hold_id)
    except inventory.UnknownStock:
        return False
    return True


async def _request(tx: Tx, found: Order, lines: Sequence[OrderLine]) -> stock.Request:
    """Within the limits of the offer, and not later than the page said: a line without a date is on the shelf today."""
    offered = await purchases.offer_lines(tx, offer_id=found.offer_id) if found.offer_id is not None else []
    latest = max((line.ready_on or date.min for line in lines), default=date.min)
    return stock.Request(
        id=found.hold_id,
        shop_id=found.shop_id,
        pool_id=found.pool_id,
        buyer=found.buyer,
        lines=tuple(stock.Line(line.variant_id, line.quantity, line.bundle_id) for line in lines),
        hold_seconds=_REHOLD_SECONDS,
        latest_ready=latest,
        offer_id=found.offer_id,
        limit_per_buyer=offered[0].limit_per_buyer if offered else None,
        show_id=found.show_id,
        limit_per_show=offered[0].limit_per_show if offered else None,
        unit_prices=tuple(line.unit_price_minor for line in lines),
    )
