"""Totals of a show, and the orders they are added up from.  No I/O."""

from dataclasses import field
from datetime import datetime
from typing import Final

from shopfloor.collector import Event
from shopfloor.kernel.records import dataclass

PLACED: Final = "orders.order_placed"
PAID: Final = "orders.order_paid"
CANCELLED: Final = "orders.order_cancelled"
REINSTATED: Final = "orders.order_reinstated"
REFUNDED: Final = "orders.order_refunded"
EDITED: Final = "orders.order_edited"
OF_ORDERS: Final = frozenset({PLACED, PAID, CANCELLED, REINSTATED, REFUNDED, EDITED})
HELD: Final = "stock.holds_granted"
PLANNED: Final = "live.show_planned"


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of a show, by the names and definitions of docs/metrics.md; amounts in minor units.

    `position` is that of the last fact that counts, `as_of` when it was recorded.
    """

    position: int
    as_of: datetime
    orders_placed: int
    orders_paid: int
    buyers: int
    units_held: int
    units_paid: int
    gmv_placed: int
    gmv_paid: int
    gmv_net: int
    deposits: int


@dataclass(slots=True)
class Line:
    """What happened to the units of one variant in an order."""

    units: int = 0
    charged: int = 0
    cancelled: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        """What was cancelled and refunded lost its money once, and never more than was charged."""
        return self.charged - min(self.charged, max(self.refunded, self.cancelled, 0))


@dataclass(slots=True)
class Order:
    """An order as its facts have told so far.  `lines` by product and variant; 0 where a fact names none."""

    buyer: str | None = None
    is_placed: bool = False
    is_paid: bool = False
    lines: dict[tuple[int, int], Line] = field(default_factory=dict)

    def take(self, event: Event) -> int:
        """Count one event of the order; what it adds to the value of created orders."""
        if event.viewer is not None:
            self.buyer = event.viewer if self.buyer is None else max(self.buyer, event.viewer)
        line = self.lines.setdefault((event.product_id or 0, event.variant_id or 0), Line())
        amount, units, extra = event.amount_minor or 0, event.quantity or 0, event.extra or {}
        match event.type:
            case "orders.order_placed":
                self.is_placed = True
                line.units += units
                return amount
            case "orders.order_paid":
                line.charged += amount
            case "orders.order_edited":
                line.units += units
                line.charged += extra.get("paid_minor") or 0
            case "orders.order_cancelled":
                line.cancelled += amount
            case "orders.order_reinstated":
                line.cancelled -= amount
            case _:
                line.refunded += amount
        if event.type in {PAID, EDITED} and extra.get("paid_in_full", True):
            self.is_paid = True
        return 0

    def figures(self) -> dict[str, int]:
        """What this order is of the totals of its show, but for `buyers` and `gmv_placed`."""
        charged = sum(line.charged for line in self.lines.values())
        return {
            "orders_placed": int(self.is_placed),
            "orders_paid": int(self.is_paid),
            "units_paid": sum(line.units for line in self.lines.values()) if self.is_paid else 0,
            "gmv_paid": charged if self.is_paid else 0,
            "gmv_net": sum(line.net for line in self.lines.values()) if self.is_paid else 0,
            "deposits": 0 if self.is_paid else charged,
        }
