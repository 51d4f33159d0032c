"""What supply tells the rest of the product."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SupplierChanged:
    """A supplier was added or changed."""

    name: ClassVar[str] = "supply.supplier_changed"

    shop_id: int
    supplier_id: int


@dataclass(frozen=True, slots=True)
class QuoteAdded:
    name: ClassVar[str] = "supply.quote_added"

    shop_id: int
    quote_id: int
    supplier_id: int
    product_id: int


@dataclass(frozen=True, slots=True)
class QuoteWithdrawn:
    name: ClassVar[str] = "supply.quote_withdrawn"

    shop_id: int
    quote_id: int


@dataclass(frozen=True, slots=True)
class PlanProposed:
    """A plan was made.  Amounts are expectations in minor units; `digest` names the input."""

    name: ClassVar[str] = "supply.plan_proposed"

    shop_id: int
    show_id: int
    plan_id: int
    version: int
    cost_minor: int
    lower_bound_minor: int
    purchase_minor: int
    currency: str
    digest: str


@dataclass(frozen=True, slots=True)
class PlanAccepted:
    name: ClassVar[str] = "supply.plan_accepted"

    shop_id: int
    show_id: int
    plan_id: int
    person_id: int
    order_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class OrderedLine:
    variant_id: int
    quantity: int
    unit_minor: int


@dataclass(frozen=True, slots=True)
class PurchaseOrderSent:
    """The supplier's page shows this order from now on."""

    name: ClassVar[str] = "supply.purchase_order_sent"

    shop_id: int
    show_id: int | None
    purchase_order_id: UUID
    supplier_id: int
    number: str
    cost_minor: int
    currency: str
    lines: list[OrderedLine]


@dataclass(frozen=True, slots=True)
class PromisedLine:
    variant_id: int
    quantity: int
    ready_on: date | None


@dataclass(frozen=True, slots=True)
class PurchaseOrderConfirmed:
    """The supplier answered, or answered anew.  `lines` are those that changed, with their new promise."""

    name: ClassVar[str] = "supply.purchase_order_confirmed"

    shop_id: int
    show_id: int | None
    purchase_order_id: UUID
    supplier_id: int
    number: str
    state: str
    lines: list[PromisedLine]


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """`quantity` came now; `received` of the line in all."""

    variant_id: int
    quantity: int
    received: int


@dataclass(frozen=True, slots=True)
class PurchaseOrderReceived:
    name: ClassVar[str] = "supply.purchase_order_received"

    shop_id: int
    purchase_order_id: UUID
    supplier_id: int
    number: str
    complete: bool
    lines: list[ReceivedLine]


@dataclass(frozen=True, slots=True)
class CapacityAnnounced:
    """A supplier can make so many more of a variant by a day; they can be sold."""

    name: ClassVar[str] = "supply.capacity_announced"

    shop_id: int
    quote_id: int
    supplier_id: int
    variant_id: int
    quantity: int
    ready_on: date
