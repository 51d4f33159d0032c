"""What orders do when they hear of a fact, by the name of who hears it.

After the fact and never in its transaction: a sale, a receipt or a late supplier waits for none of this.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shopfloor import inventory
from shopfloor.kernel.database import Tx
from shopfloor.orders import packing, presale
from shopfloor.orders.events import OrderAuthorised, OrderPaid, OrderPlaced, OrderReinstated


async def _ready(tx: Tx, fact: inventory.UnitsArrived) -> None:
    """What was sold before it was there may be there now; the ledger knows whose units they are."""
    for variant_id in fact.variants:
        await presale.lot_ready(tx, shop_id=fact.shop_id, variant_id=variant_id)


async def _delayed(tx: Tx, fact: inventory.LotDelayed) -> None:
    await presale.lot_delayed(
        tx,
        shop_id=fact.shop_id,
        variant_id=fact.variant_id,
        promised_on=fact.promised_on,
        delayed_to=fact.delayed_to,
        source=fact.source,
    )


async def _plan_order(tx: Tx, fact: OrderPlaced | OrderAuthorised | OrderPaid | OrderReinstated) -> None:
    """What is there and paid for, or is paid in cash at the counter, goes on the to-do list."""
    await packing.plan_order(tx, shop_id=fact.shop_id, order_id=fact.order_id)


HEARD: Final[Mapping[str, Mapping[type[Any], Callable[[Tx, Any], Any]]]] = {
    "presales": {inventory.UnitsArrived: _ready, inventory.LotDelayed: _delayed},
    "parcels": {
        OrderPlaced: _plan_order,
        OrderAuthorised: _plan_order,
        OrderPaid: _plan_order,
        OrderReinstated: _plan_order,
    },
}
