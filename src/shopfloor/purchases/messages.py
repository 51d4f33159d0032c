"""What is said at the door: a purchase as it is asked for, and the answer."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

import msgspec

from shopfloor import stock
from shopfloor.kernel.strict_json import RowId
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.purchases.models import MAX_PER_LINE

Quantity = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER_LINE)]
Price = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)]


class PurchaseLine(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    variant_id: RowId
    quantity: Quantity
    price_minor: Price


class PurchaseRequest(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A purchase as it is asked for: one variant, or `lines` of a small cart (all or nothing).

    `price_minor` is the unit price the buyer saw.  Without `offer_id` the shop's own price counts.
    `latest_ready` refuses units that are ready later than that day.  A field with another name is refused: who mistypes
    `quantity` does not get one unit.
    """

    id: UUID
    offer_id: RowId | None = None
    variant_id: RowId | None = None
    quantity: Quantity = 1
    price_minor: Price | None = None
    lines: tuple[PurchaseLine, ...] = ()
    latest_ready: date | None = None


class SinglePurchase(Protocol):
    """The frame of the room socket (`live.Buy`), or anything shaped like it."""

    @property
    def id(self) -> UUID: ...
    @property
    def offer_id(self) -> int: ...
    @property
    def variant_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def price_minor(self) -> int: ...
    @property
    def latest_ready(self) -> date | None: ...


class HoldOut(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    expires_at: datetime
    parts: tuple[stock.Part, ...]


class PurchaseReply(msgspec.Struct, frozen=True, gc=False, tag_field="t", tag="answer", omit_defaults=True):
    """What every door says.  `outcome`:

    held: the units are the buyer's until `hold.expires_at`; open: nothing is held, whoever pays first gets
    them; queued: sold out, the buyer stands in line at `facts.position`; refused: `code` says why.
    """

    id: UUID | str
    outcome: str
    code: str | None = None
    message: str | None = None
    facts: dict[str, Any] | None = None
    hold: HoldOut | None = None
    url: str | None = None


encode: Final = msgspec.json.Encoder().encode

OnReply = Callable[[PurchaseReply], None]
