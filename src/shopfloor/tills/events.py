"""What tills tell the rest of the product.  Amounts are minor units of `currency`; `at` is when it happened at the till."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class TillLine:
    variant_id: int
    product_id: int
    quantity: int
    unit_price_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class SaleTaken:
    """A sale of a till, once it is here; `amount_minor` is what was paid.  `state`: online or offline."""

    name: ClassVar[str] = "till.sale_taken"

    shop_id: int
    order_id: UUID
    receipt: str
    register_id: int
    location_id: int
    shift_id: UUID | None
    assistant_id: int | None
    at: datetime
    state: str
    currency: str
    amount_minor: int
    lines: list[TillLine]


@dataclass(frozen=True, slots=True)
class ReturnTaken:
    """Goods that came back at a till; `order_id` None where it is not known of which sale."""

    name: ClassVar[str] = "till.return_taken"

    shop_id: int
    order_id: UUID | None
    receipt: str
    register_id: int
    location_id: int
    shift_id: UUID | None
    assistant_id: int | None
    at: datetime
    state: str
    currency: str
    amount_minor: int
    units: int


@dataclass(frozen=True, slots=True)
class ShiftClosed:
    """`variance_minor`: what was counted less what should have been in the drawer."""

    name: ClassVar[str] = "till.shift_closed"

    shop_id: int
    register_id: int
    location_id: int
    shift_id: UUID
    z_number: int
    currency: str
    sales_minor: int
    refunds_minor: int
    variance_minor: int | None


@dataclass(frozen=True, slots=True)
class TaskOpened:
    """A promise that a till broke, or something it sent that a person must look at; `code` says which."""

    name: ClassVar[str] = "till.task_opened"

    shop_id: int
    task_id: int
    device_id: UUID
    code: str
    order_id: UUID | None


@dataclass(frozen=True, slots=True)
class DeviceLockedOut:
    name: ClassVar[str] = "till.device_locked_out"

    shop_id: int
    register_id: int
    device_id: UUID
