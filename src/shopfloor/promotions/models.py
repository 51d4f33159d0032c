"""A discount as a shop sets it, and why it does not apply.  No I/O here."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shopfloor import pricing
from shopfloor.kernel.records import dataclass


class Method(StrEnum):
    """How a buyer gets it: without doing anything, with a code, or with a coupon claimed before."""

    AUTOMATIC = "automatic"
    CODE = "code"
    COUPON = "coupon"


class State(StrEnum):
    ACTIVE = "active"
    SCHEDULED = "scheduled"
    PAUSED = "paused"
    ENDED = "ended"
    USED_UP = "used_up"


class Why(StrEnum):
    """Why a code gives nothing, before the price function is asked, which has reasons of its own."""

    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    USED_UP = "used_up"
    ALREADY_USED = "already_used"
    OTHER_SHOW = "other_show"
    NOT_FIRST = "not_first"
    OTHER_CURRENCY = "other_currency"


@dataclass(frozen=True, slots=True)
class Discount:
    """`id` 0: not kept yet.  `every_minor`: `amount_minor` off for each full such sum; `steps`: from so much, so much.

    `level` `lines`: each line alone, an amount counts for each unit.  `product_ids` empty: all products.
    `combines`: applies beside others of the order that combine.  `code` is the first of its `codes`.
    """

    id: int
    title: str
    method: Method
    kind: pricing.DiscountKind
    currency: str
    level: pricing.DiscountLevel = pricing.DiscountLevel.ORDER
    percent: str = "0"
    amount_minor: int = 0
    every_minor: int | None = None
    steps: list[Any] = field(default_factory=list[Any])
    minimum_minor: int = 0
    minimum_quantity: int = 0
    cap_minor: int | None = None
    product_ids: list[int] = field(default_factory=list[int])
    show_id: int | None = None
    first_order: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    combines: bool = False
    paused: bool = False
    per_buyer: int | None = None
    slug: str | None = None
    most_uses: int | None = None
    uses: int = 0
    budget_minor: int | None = None
    spent_minor: int = 0
    most_claims: int | None = None
    claims: int = 0
    codes: int = 0
    code: str | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "method", Method(self.method))
        put(self, "kind", pricing.DiscountKind(self.kind))
        put(self, "level", pricing.DiscountLevel(self.level))

    @property
    def is_used_up(self) -> bool:
        return (self.most_uses is not None and self.uses >= self.most_uses) or (
            self.budget_minor is not None and self.spent_minor >= self.budget_minor
        )

    @property
    def left_minor(self) -> int | None:
        """What is left of the budget."""
        return None if self.budget_minor is None else self.budget_minor - self.spent_minor

    def state(self, at: datetime) -> State:
        if self.paused:
            return State.PAUSED
        if self.ends_at is not None and at >= self.ends_at:
            return State.ENDED
        if self.is_used_up:
            return State.USED_UP
        if self.starts_at is not None and at < self.starts_at:
            return State.SCHEDULED
        return State.ACTIVE


@dataclass(frozen=True, slots=True)
class Offered:
    """A discount that an order may have; `key` and `written` of the code that brings it, where one does."""

    discount: Discount
    key: str | None = None
    written: str | None = None

    @property
    def rule_id(self) -> str:
        """What the price function calls it: digits, so that ties go to the older one."""
        return f"{self.discount.id:019}"

    def rule(self, products: Mapping[str, int]) -> pricing.Discount:
        """As the price function takes it; `products`: what each line is a unit of."""
        own = self.discount
        wanted = set(own.product_ids)
        return pricing.Discount(
            id=self.rule_id,
            kind=own.kind,
            level=own.level,
            percent=own.percent,
            amount=own.amount_minor,
            every=own.every_minor,
            steps=[
                pricing.DiscountStep(from_amount=step["from_amount"], amount=step["amount"])
                for step in own.steps
            ],
            lines=[line for line, product in products.items() if product in wanted] if wanted else None,
            minimum=own.minimum_minor,
            minimum_quantity=own.minimum_quantity,
            cap=own.cap_minor,
            priority=own.priority,
            combines=own.combines,
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """`refused`: why a code that was given brings nothing, by its key."""

    offered: list[Offered]
    refused: dict[str, Why]

    @property
    def asks_history(self) -> bool:
        """Whether what somebody ordered before decides."""
        return any(each.discount.first_order or each.discount.per_buyer for each in self.offered)

    def without(self, ids: Mapping[int, Why]) -> "Candidates":
        kept: list[Offered] = []
        refused = dict(self.refused)
        for each in self.offered:
            why = ids.get(each.discount.id)
            if why is None:
                kept.append(each)
            elif each.key is not None:
                refused[each.key] = why
        return Candidates(kept, refused)


@dataclass(frozen=True, slots=True)
class Taken:
    """A discount that an order uses."""

    discount_id: int
    amount_minor: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Code:
    key: str
    written: str
    most_uses: int | None
    uses: int


@dataclass(frozen=True, slots=True)
class Use:
    order_id: UUID
    amount_minor: int
    code: str | None
    taken_at: datetime
    returned_at: datetime | None
