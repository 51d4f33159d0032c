"""A change to a placed order, and what it comes to.  No I/O here."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from shopfloor import (
    payments,
    promotions,
    purchases,
)
from shopfloor.kernel.records import dataclass
from shopfloor.orders import (
    quoting,
)
from shopfloor.orders.models import Delivery, Item, Order, OrderLine
from shopfloor.orders.refusals import (
    EditBeingPacked,
    EditBundle,
    EditDelivery,
    EditEmpties,
    EditLimit,
    EditLine,
    EditNothing,
    EditOneParcel,
    EditRefunded,
    EditSoldOut,
    EditStale,
    EditVariant,
    FormRefused,
    OrderClosed,
    OrderNotFound,
)

MOST_LINES: Final = 100
REFUSALS: Final = (
    OrderNotFound, OrderClosed, EditStale, EditNothing, EditEmpties, EditLine, EditBundle, EditVariant, EditSoldOut, EditLimit,
    EditBeingPacked, EditDelivery, EditOneParcel, EditRefunded, FormRefused, promotions.DiscountGone,
    purchases.BadPurchase, payments.PaymentBusy,
)  # fmt: skip


class LineChange(Protocol):
    """Of a line: so many units that are not given up (None: as many as now), of another variant of the same product."""

    @property
    def line_id(self) -> int: ...
    @property
    def quantity(self) -> int | None: ...
    @property
    def variant_id(self) -> int | None: ...
    @property
    def unit_price_minor(self) -> int | None: ...


class Added(Protocol):
    """Units of a variant; without a price at today's."""

    @property
    def variant_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_price_minor(self) -> int | None: ...


class Change(Protocol):
    """Lines that are not named stay as they are.  `shipping_method`: one of the ways quoted, '' for the way it has."""

    @property
    def lines(self) -> Sequence[LineChange]: ...
    @property
    def added(self) -> Sequence[Added]: ...
    @property
    def address(self) -> Mapping[str, str] | None: ...
    @property
    def shipping_method(self) -> str: ...
    @property
    def waive(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class EditedWay:
    id: str
    name: str
    delivery: Delivery
    shipping_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class EditedLineQuote:
    """A line as it would be; `line_id` None for one that comes.  `was`: the units it has now, `left` those that have left."""

    line_id: int | None
    variant_id: int
    product_id: int
    title: str
    sku: str
    options: list[str]
    was: int
    quantity: int
    left: int
    in_bundle: bool
    unit_price_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Short:
    """Of a variant so many more units would come, and `left` are on the shelf."""

    variant_id: int
    wanted: int
    left: int


@dataclass(frozen=True, slots=True)
class EditQuote:
    """What an edit comes to.  `paid_minor` is what pays for the order, `version` the order that was looked at."""

    order: Order
    version: str
    lines: list[EditedLineQuote]
    ways: list[EditedWay]
    way: str
    calculation: dict[str, Any]
    before_minor: int
    after_minor: int
    goods_minor: int
    shipping_minor: int
    tax_minor: int
    waived_minor: int
    paid_minor: int
    refund_minor: int
    due_minor: int
    refund_id: UUID | None
    changes: list[dict[str, Any]]
    is_granted: bool = False
    """Nobody has to agree to what goes back."""
    short: Sequence[Short] = ()
    """What could not be reserved, as things stand when it is looked at."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it will be: of one that is there, or of none."""

    line: OrderLine | None
    item: Item


@dataclass(frozen=True, slots=True)
class Plan:
    found: Order
    lines: list[OrderLine]
    rows: list[Row]
    removed: list[OrderLine]
    way: quoting.Way
    quote: EditQuote
    first: list[int]
    address: dict[str, Any] | None
    bundles: list[Any]
    delivery_changes: bool


def version_of(found: Order, lines: Sequence[OrderLine]) -> str:
    """Another one after everything that decides what an edit comes to."""
    facts = [
        str(found.id), found.edits, found.status, found.total_minor, found.charged_minor, found.refund_granted_minor,
        found.disputed_minor, found.delivery, found.address,
        [(line.id, line.quantity, line.cancelled_quantity, line.shipped_quantity) for line in lines],
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()[:24]
