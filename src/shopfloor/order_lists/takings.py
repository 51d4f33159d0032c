"""What a shop took on a day, beside the same weekday a week before.

The figures are those of a show's report, by their names there, for all orders of the shop: `gmv_placed` by the time of
ordering, `gmv_paid` by the time at which nothing was left to pay, `gmv_net` as `gmv_paid` less what is cancelled or
refunded by now.  Goods only: shipping is in none of them.  An order that was edited counts as it is now.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shopfloor import pricing
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.order_lists import takings_queries as queries

_WEEK: Final = timedelta(days=7)
_HOURS: Final = 24
# Units sold are counted among so many of the newest orders, for so many variants.
_NEWEST: Final = 2_000
_VARIANTS: Final = 200


@dataclass(frozen=True, slots=True)
class Takings:
    """Minor units of the shop's currency.  `hours`: what was paid until the end of each hour of the day."""

    placed_orders: int
    paid_orders: int
    placed_minor: int
    paid_minor: int
    net_minor: int
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """`before` is the whole day a week earlier, `before_so_far` that day until the same time on the clock."""

    today: Takings
    before: Takings
    before_so_far: Takings
    compared: date
    hour: int
    """The hour it is."""


async def day(tx: Tx, *, shop_id: int, zone: str, at: datetime) -> Day:
    """Two statements, whatever a shop sells."""
    local = at.astimezone(ZoneInfo(zone))
    compared = local.date() - _WEEK
    then = datetime.combine(compared, local.time(), ZoneInfo(zone))
    since = [_midnight(local.date(), zone), _midnight(compared, zone), _midnight(compared, zone)]
    until = [at, _midnight(compared + timedelta(days=1), zone), then]
    rows = await queries.hours(tx, shop_id=shop_id, zone=zone, since=since, until=until)
    parts = await queries.refunded_in_part(
        tx, shop_id=shop_id, since=[since[0], since[1]], until=[until[0], until[1]]
    )
    kept = [(each.paid_at, _kept(each)) for each in parts]
    today, before, so_far = (
        _takings(
            [row for row in rows if row.window == n],
            sum(net for paid_at, net in kept if since[n] <= paid_at < until[n]),
        )
        for n in range(3)
    )
    return Day(today, before, so_far, compared, local.hour)


async def sold_since(tx: Tx, *, shop_id: int, since: datetime) -> dict[int, int]:
    """Units ordered since then by variant, those of which most were first; of a busy shop, of its newest orders."""
    found = await queries.sold_since(tx, shop_id=shop_id, since=since, newest=_NEWEST, most=_VARIANTS)
    return {each.variant_id: each.units for each in found}


def _midnight(on: date, zone: str) -> datetime:
    return datetime.combine(on, time(), ZoneInfo(zone))


def _takings(rows: Sequence[queries.HourRow], partly_kept: int) -> Takings:
    placed = [row for row in rows if row.kind == "placed"]
    paid = [row for row in rows if row.kind == "paid"]
    by_hour: Mapping[int, int] = {row.hour: row.minor for row in paid}
    reached = 0
    hours: list[int] = []
    for hour in range(_HOURS):
        reached += by_hour.get(hour, 0)
        hours.append(reached)
    return Takings(
        sum(row.orders for row in placed),
        sum(row.orders for row in paid),
        sum(row.minor for row in placed),
        sum(row.minor for row in paid),
        sum(row.net_minor for row in paid) + partly_kept,
        tuple(hours),
    )


def _kept(order: queries.PartlyRefunded) -> int:
    """What is left of the goods of an order of which a part was refunded, as its facts told it line by line."""
    costs = [*order.amounts, order.shipping_minor]
    amounts: dict[str, int] = {}
    for refund, minor in order.grants:
        if refund not in order.apart:
            amounts[refund] = amounts.get(refund, 0) + minor
    gone = [0] * len(costs)
    for refund, minor in amounts.items():
        parts = order.named.get(refund) or pricing.refund_parts(costs, gone, minor)
        gone = [so_far + part for so_far, part in zip(gone, parts, strict=True)]
    return order.charged_minor - order.shipping_minor - sum(gone[:-1])
