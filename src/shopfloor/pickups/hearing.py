"""What pickups do when they hear of a fact: parcels are stepped on other pages too, and orders are cancelled."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from shopfloor import fulfilment
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.pickups import service


@dataclass(frozen=True, slots=True)
class ParcelReady:
    name: ClassVar[str] = "fulfilment.ready_to_collect"

    shop_id: int
    parcel_id: UUID


@dataclass(frozen=True, slots=True)
class ParcelCollected:
    name: ClassVar[str] = "fulfilment.parcel_collected"

    shop_id: int
    parcel_id: UUID


@dataclass(frozen=True, slots=True)
class ParcelUndone:
    name: ClassVar[str] = "fulfilment.step_undone"

    shop_id: int
    parcel_id: UUID


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    name: ClassVar[str] = "orders.order_cancelled"

    shop_id: int
    order_id: UUID


async def _ready(tx: Tx, fact: ParcelReady) -> None:
    parcel = await fulfilment.parcel(tx, shop_id=fact.shop_id, parcel_id=fact.parcel_id)
    await service.begin(tx, parcel)


async def _collected(tx: Tx, fact: ParcelCollected) -> None:
    parcel = await fulfilment.parcel(tx, shop_id=fact.shop_id, parcel_id=fact.parcel_id)
    # It may have been a mistake, and undone meanwhile.
    if parcel.state is fulfilment.State.COLLECTED:
        await service.collected_elsewhere(tx, shop_id=fact.shop_id, parcel_id=fact.parcel_id)


async def _undone(tx: Tx, fact: ParcelUndone) -> None:
    parcel = await fulfilment.parcel(tx, shop_id=fact.shop_id, parcel_id=fact.parcel_id)
    await service.undone(tx, parcel)


async def _cancelled(tx: Tx, fact: OrderCancelled) -> None:
    await service.withdraw(tx, shop_id=fact.shop_id, order_id=fact.order_id)


HEARD: Final[Mapping[type[Any], Callable[[Tx, Any], Any]]] = {
    ParcelReady: _ready,
    ParcelCollected: _collected,
    ParcelUndone: _undone,
    OrderCancelled: _cancelled,
}
