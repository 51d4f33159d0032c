"""Where an order leaves from: what routing is asked when parcels are made."""

from collections.abc import Sequence

from shopfloor import fulfilment, routing
from shopfloor.kernel.database import Tx
from shopfloor.orders import together
from shopfloor.orders.models import Delivery, Order


async def route(
    tx: Tx,
    found: Order,
    missing: Sequence[fulfilment.Planned],
    *,
    trigger: str = "paid",
    actor: str = "",
    note: str = "",
    without: frozenset[int] = frozenset(),
    leaving: fulfilment.Parcel | None = None,
) -> list[routing.Leg]:
    """The units of a locked order that get parcels now are promised from where the rules say; none where there are no rules.

    What is collected is at its store, or where it was reserved.  `leaving`: the parcel that the units are still in.
    """
    if found.delivery is not Delivery.SHIP or found.collect_at is not None:
        return []
    if not without and not await routing.has_rules(tx, shop_id=found.shop_id):
        return []
    fixed: dict[tuple[int, int], int] = {}
    wanted: dict[int, int] = {}
    for parcel in await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id):
        if parcel.state in fulfilment.HERE:
            for variant_id, units in parcel.units.items():
                key = (parcel.location_id, variant_id)
                fixed[key] = fixed.get(key, 0) + units
    for line in missing:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
        if leaving is not None:
            fixed[leaving.location_id, line.variant_id] -= line.quantity
    wish = routing.Wish(wanted, routing.Spot.of(found.address), await _companion(tx, found))
    return await routing.route(
        tx,
        routing.Routed(found.shop_id, found.id, found.hold_id, found.pool_id, wish, fixed),
        trigger=trigger,
        actor=actor,
        note=note,
        without=without,
    )


async def _companion(tx: Tx, found: Order) -> int | None:
    """From where the parcel leaves in whose box it goes."""
    others = await together.companions(tx, shop_id=found.shop_id, order_id=found.id)
    if not others:
        return None
    parcels = await fulfilment.of_orders(tx, shop_id=found.shop_id, order_ids=[each.id for each in others])
    open_ones = [each for each in parcels if each.state in fulfilment.HERE]
    return open_ones[0].location_id if open_ones else None
