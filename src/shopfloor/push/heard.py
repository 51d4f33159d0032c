"""What notifications read of the facts of others: their names, and the fields that are told."""

from collections.abc import Mapping
from typing import ClassVar, Final
from uuid import UUID

from shopfloor.kernel.records import dataclass
from shopfloor.push.models import Kind


@dataclass(frozen=True, slots=True)
class ShowStarted:
    name: ClassVar[str] = "live.show_started"

    shop_id: int
    show_id: int


@dataclass(frozen=True, slots=True)
class OfOrder:
    """What all facts of an order have."""

    name: ClassVar[str]

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class Shipped(OfOrder):
    name: ClassVar[str] = "orders.order_shipped"


@dataclass(frozen=True, slots=True)
class ReadyToCollect(OfOrder):
    name: ClassVar[str] = "fulfilment.ready_to_collect"


@dataclass(frozen=True, slots=True)
class Delayed(OfOrder):
    name: ClassVar[str] = "orders.delivery_delayed"


@dataclass(frozen=True, slots=True)
class BalanceRequested(OfOrder):
    name: ClassVar[str] = "orders.balance_requested"


OF_ORDERS: Final[Mapping[type[OfOrder], Kind]] = {
    Shipped: Kind.SHIPPED,
    ReadyToCollect: Kind.READY_TO_COLLECT,
    Delayed: Kind.DATE_CHANGED,
    BalanceRequested: Kind.BALANCE_DUE,
}
