"""What other rules would have done with the orders of a week."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from shopfloor import inventory, routing
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now

_WEEK: Final = timedelta(days=7)
MOST_REPLAYED: Final = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """Orders of a week by location: how many left or leave from there, and how many would by the rules of now."""

    location_id: int
    did: int
    would: int


@dataclass(frozen=True, slots=True)
class Week:
    """`orders`: how many were looked at; `nowhere`: those of which nothing is anywhere now."""

    orders: int
    nowhere: int
    places: list[Replayed]


@dataclass(frozen=True, slots=True)
class _Past:
    id: UUID
    address: dict[str, Any] | None
    variant_ids: list[int]
    units: list[int]
    locations: list[int]


async def week(tx: Tx, *, shop_id: int) -> Week:
    """The shipped orders of the last seven days (the newest MOST_REPLAYED), each as if it came now: by the rules, limits and
    stock of now, with its own units back where they left from.
    """
    past = await tx.every(
        _Past,
        """
        WITH newest AS (
            SELECT o.id, o.address FROM orders.v_listed o
             WHERE o.shop_id = %(shop_id)s AND o.placed_at >= %(since)s AND o.delivery = 'ship' AND o.channel IS DISTINCT FROM 'till'
               AND EXISTS (SELECT FROM fulfilment.v_parcel p WHERE p.order_id = o.id AND p.state <> 'cancelled')
             ORDER BY o.placed_at DESC LIMIT %(most)s
        )
        SELECT w.id, w.address, array_agg(n.variant_id ORDER BY p.id, n.line_id) AS variant_ids,
               array_agg(n.quantity ORDER BY p.id, n.line_id) AS units,
               array_agg(p.location_id ORDER BY p.id, n.line_id) AS locations
          FROM newest w
          JOIN fulfilment.v_parcel p ON p.order_id = w.id AND p.state <> 'cancelled'
          JOIN fulfilment.v_parcel_line n ON n.parcel_id = p.id
         GROUP BY w.id, w.address
        """,
        shop_id=shop_id,
        since=now() - _WEEK,
        most=MOST_REPLAYED,
    )
    variants = sorted({variant_id for each in past for variant_id in each.variant_ids})
    open_pool = await inventory.open_pool(tx, shop_id=shop_id)
    free = await routing.on_hand(tx, shop_id=shop_id, pool_id=open_pool.id, variant_ids=variants)
    known = await routing.rules(tx, shop_id=shop_id)
    places = await routing.places(tx, shop_id=shop_id)
    did: dict[int, int] = {}
    would: dict[int, int] = {}
    nowhere = 0
    for each in past:
        for location_id in set(each.locations):
            did[location_id] = did.get(location_id, 0) + 1
        own: dict[tuple[int, int], int] = {}
        wanted: dict[int, int] = {}
        for variant_id, units, location_id in zip(each.variant_ids, each.units, each.locations, strict=True):
            own[location_id, variant_id] = own.get((location_id, variant_id), 0) + units
            wanted[variant_id] = wanted.get(variant_id, 0) + units
        there = {key: units for key, units in free.items() if key[1] in wanted}
        for key, units in own.items():
            there[key] = there.get(key, 0) + units
        legs = routing.choose(
            known.rules, places, there, routing.Wish(wanted, routing.Spot.of(each.address)), reserved=own
        )
        nowhere += not legs
        for location_id in {leg.location_id for leg in legs}:
            would[location_id] = would.get(location_id, 0) + 1
    return Week(
        len(past),
        nowhere,
        [Replayed(each, did.get(each, 0), would.get(each, 0)) for each in sorted(did.keys() | would.keys())],
    )
