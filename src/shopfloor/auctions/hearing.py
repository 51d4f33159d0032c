"""What auctions do when they hear of a fact: the order of a win is placed, paid or cancelled, and shows end."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from shopfloor.auctions import service, settling
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders import OrderPlaced
from shopfloor.run_of_show import ShowEnded


@dataclass(frozen=True, slots=True)
class OrderPaid:
    name: ClassVar[str] = "orders.order_paid"

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class OrderAuthorised:
    name: ClassVar[str] = "orders.order_authorised"

    shop_id: int
    order_id: UUID


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    name: ClassVar[str] = "orders.order_cancelled"

    shop_id: int
    order_id: UUID


async def _ordered(tx: Tx, fact: OrderPlaced | OrderPaid | OrderAuthorised | OrderCancelled) -> None:
    await settling.order_changed(tx, shop_id=fact.shop_id, order_id=fact.order_id)


async def _show_over(tx: Tx, fact: ShowEnded) -> None:
    await service.show_ended(tx, shop_id=fact.shop_id, show_id=fact.show_id)


HEARD: Final[Mapping[type[Any], Callable[[Tx, Any], Any]]] = {
    OrderPlaced: _ordered,
    OrderPaid: _ordered,
    OrderAuthorised: _ordered,
    OrderCancelled: _ordered,
    ShowEnded: _show_over,
}
