"""Counting what the facts say, and reading what was counted."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from shopfloor.collector import Event
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.live_counters import queries
from shopfloor.live_counters.models import HELD, OF_ORDERS, PLANNED, Line, Order, Totals

_FIGURES: Final = (
    "orders_placed", "orders_paid", "buyers", "units_held", "units_paid", "gmv_placed", "gmv_paid", "gmv_net", "deposits",
)  # fmt: skip

# A show and one of its orders.
_Key = tuple[int, UUID]


@dataclass(slots=True)
class _Of:
    """What a batch says of one show."""

    shop_id: int
    position: int
    as_of: datetime
    added: Counter[str]


async def totals(tx: Tx, *, shop_id: int, show_id: int) -> Totals | None:
    """None for a show that was planned before anything was counted: its totals would lack what came before."""
    return await queries.totals(tx, shop_id=shop_id, show_id=show_id)


async def count(tx: Tx, facts: Sequence[tuple[int, Sequence[Event]]]) -> None:
    """Take facts in their order, each with its position and the events it is in the lake.

    In the transaction that moves the cursor of who calls it: a fact is counted exactly once.
    """
    shows: dict[int, _Of] = {}
    events: dict[_Key, list[Event]] = defaultdict(list)
    for position, of_fact in facts:
        for event in of_fact:
            if event.show_id is None or event.shop_id is None:
                continue
            if event.type == PLANNED:
                await queries.begin(
                    tx,
                    shop_id=event.shop_id,
                    show_id=event.show_id,
                    position=position,
                    as_of=event.event_time,
                )
                continue
            is_of_order = event.type in OF_ORDERS and event.order_id is not None
            if not is_of_order and event.type != HELD:
                continue
            show = shows.setdefault(event.show_id, _Of(event.shop_id, position, event.event_time, Counter()))
            show.position, show.as_of = position, event.event_time
            if event.order_id is not None and is_of_order:
                events[event.show_id, UUID(event.order_id)].append(event)
            else:
                show.added["units_held"] += event.quantity or 0
    if not shows:
        return
    followed = {row.show_id for row in await queries.followed(tx, shows=sorted(shows))}
    events = {key: each for key, each in events.items() if key[0] in followed}
    if events:
        await _count_orders(tx, shows, events)
    for show_id in sorted(followed):
        show = shows[show_id]
        figures = {name: show.added[name] for name in _FIGURES}
        await queries.add(tx, queries.Change(show_id, show.position, show.as_of, figures))


async def _count_orders(tx: Tx, shows: dict[int, _Of], events: dict[_Key, list[Event]]) -> None:
    show_ids = sorted({show_id for show_id, _ in events})
    order_ids = sorted({order_id for _, order_id in events})
    known = await _known(tx, show_ids, order_ids)
    paid_before = {(key[0], order.buyer) for key, order in known.items() if order.is_paid}
    for key, of_order in events.items():
        order = known.setdefault(key, Order())
        before = order.figures()
        added = shows[key[0]].added
        for event in of_order:
            added["gmv_placed"] += order.take(event)
        for name, value in order.figures().items():
            added[name] += value - before[name]
    paid_now = {(key[0], order.buyer) for key, order in known.items() if order.is_paid}
    changed = {(show_id, buyer) for show_id, buyer in paid_before ^ paid_now if buyer is not None}
    otherwise = {
        (row.show_id, row.buyer)
        for row in await queries.buyers_otherwise(
            tx, shows=show_ids, buyers=sorted({buyer for _, buyer in changed}), orders=order_ids
        )
    }
    for pair in changed - otherwise:
        shows[pair[0]].added["buyers"] += 1 if pair in paid_now else -1
    written = [key for key in known if key in events]
    await queries.put_orders(
        tx,
        shop_ids=[shows[show_id].shop_id for show_id, _ in written],
        rows=[
            queries.OrderRow(*key, known[key].buyer, known[key].is_placed, known[key].is_paid)
            for key in written
        ],
    )
    await queries.put_lines(
        tx,
        rows=[
            queries.LineRow(*key, *things, line.units, line.charged, line.cancelled, line.refunded)
            for key in written
            for things, line in known[key].lines.items()
        ],
    )


async def _known(tx: Tx, shows: Sequence[int], orders: Sequence[UUID]) -> dict[_Key, Order]:
    found = {
        (row.show_id, row.order_id): Order(row.buyer, row.is_placed, row.is_paid)
        for row in await queries.orders(tx, shows=shows, orders=orders)
    }
    for row in await queries.lines(tx, shows=shows, orders=orders):
        found[row.show_id, row.order_id].lines[row.product_id, row.variant_id] = Line(
            row.units, row.charged, row.cancelled, row.refunded
        )
    return found
