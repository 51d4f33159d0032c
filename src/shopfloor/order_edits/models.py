"""What is changed on an order, and what is kept of it.  No I/O here."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass

LONGEST_REASON: Final = 500


class ReasonNeeded(Invalid):
    """Say why the order is changed."""

    code = "order_edits.reason_needed"


class IdReused(Invalid):
    """The same id was sent before with other content; a new edit needs a new id."""

    code = "order_edits.id_reused"


@dataclass(frozen=True, slots=True)
class LineChange:
    """Of a line that is there: so many units (0: none), of another variant of the same product, at another price then.
    None: as it is.
    """

    line_id: int
    quantity: int | None = None
    variant_id: int | None = None
    unit_price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """Units of a variant that come, at today's price where none is named."""

    variant_id: int
    quantity: int
    unit_price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; what is not named stays.  `waive`: what would be due is forgiven."""

    lines: tuple[LineChange, ...] = ()
    added: tuple[Added, ...] = ()
    address: Mapping[str, str] | None = None
    shipping_method: str = ""
    waive: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """An edit as it is saved.  `id` is made by who saves, so that saving twice is once; `version`: of the order that was
    looked at, None for whatever it is.
    """

    id: UUID
    order_id: UUID
    change: Change
    reason: str
    tell: bool
    version: str | None = None

    def hash(self) -> bytes:
        kept = {
            "order": str(self.order_id),
            "change": asdict(self.change),
            "reason": self.reason,
            "tell": self.tell,
        }
        return hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).digest()


@dataclass(frozen=True, slots=True)
class Edit:
    """What was changed: the order cost `before_minor` and cost `after_minor` then.  `number` counts those of an order."""

    id: UUID
    shop_id: int
    order_id: UUID
    number: int
    actor: str
    reason: str
    told: bool
    currency: str
    before_minor: int
    after_minor: int
    refund: UUID | None
    refund_minor: int
    due_minor: int
    waived_minor: int
    changes: list[dict[str, Any]]
    at: datetime

    @property
    def difference_minor(self) -> int:
        return self.after_minor - self.before_minor
