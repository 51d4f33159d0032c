"""Returns: who may give back what and until when, and what becomes of it.  No I/O here.

Three journeys: a withdrawal from the contract, for which nobody asks why; a claim for a fault; goodwill, which the shop
grants or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from shopfloor import orders, policies, pricing
from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass

Law = policies.return_rules.Law
_SATURDAY: Final = 5
_EU_REFUND: Final = timedelta(days=14)
_CN_REFUND: Final = timedelta(days=7)


class Journey(StrEnum):
    WITHDRAWAL = "withdrawal"
    CLAIM = "claim"
    GOODWILL = "goodwill"


class State(StrEnum):
    REQUESTED = "requested"
    """Waits for the shop's answer."""
    APPROVED = "approved"
    """The goods may be sent; or stay where they are, where nobody wants them back."""
    RECEIVED = "received"
    """All of them are here; the money is not sent yet."""
    REFUNDED = "refunded"
    REFUSED = "refused"
    CLOSED = "closed"
    """Given up by the buyer, or never sent."""


OPEN: Final = frozenset({State.REQUESTED, State.APPROVED, State.RECEIVED})


class Reason(StrEnum):
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    CHANGED_MIND = "changed_mind"
    ARRIVED_LATE = "arrived_late"
    NOT_AS_DESCRIBED = "not_as_described"
    DEFECTIVE = "defective"
    DAMAGED_IN_TRANSIT = "damaged_in_transit"
    WRONG_ITEM = "wrong_item"
    PARTS_MISSING = "parts_missing"
    OTHER = "other"


FAULTS: Final = (
    Reason.DEFECTIVE,
    Reason.DAMAGED_IN_TRANSIT,
    Reason.WRONG_ITEM,
    Reason.PARTS_MISSING,
    Reason.NOT_AS_DESCRIBED,
)
"""What one may claim for."""


class Condition(StrEnum):
    SELLABLE = "sellable"
    OPENED = "opened"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"


class ReturnNotFound(NotFound):
    """There is no such return here."""

    code = "returns.not_found"


class NothingChosen(Invalid):
    """Choose what goes back."""

    code = "returns.nothing_chosen"


class NotInOrder(Invalid):
    """That is not in this order, or not in this return."""

    code = "returns.not_in_order"


class TooManyUnits(Conflict):
    """More would come back than is left of this item."""

    code = "returns.too_many_units"


class PeriodOver(Conflict):
    """The time to give this back is over."""

    code = "returns.period_over"


class Excepted(Conflict):
    """This item can't be given back without a fault."""

    code = "returns.excepted"


class NotSentYet(Conflict):
    """This can be given back once it has been sent."""

    code = "returns.not_sent_yet"


class ReasonNeeded(Invalid):
    """Say what is wrong with it."""

    code = "returns.reason_needed"


class AnswerNeeded(Invalid):
    """Say why it is refused."""

    code = "returns.answer_needed"


class WrongState(Conflict):
    """This return is not at that point, or is over."""

    code = "returns.wrong_state"


class RefundWaits(Conflict):
    """A refund of this return waits for another member, who has to decide it first."""

    code = "returns.refund_waits"


class NothingReceived(Conflict):
    """Nothing of it has arrived yet."""

    code = "returns.nothing_received"


class TooMuchDeducted(Invalid):
    """More would be deducted than is to be refunded."""

    code = "returns.too_much_deducted"


class IdReused(Invalid):
    """The same id was sent before with other content; a new request needs a new id."""

    code = "returns.id_reused"


class OrderedLine(Protocol):
    """A line of an order, as far as returns care."""

    @property
    def id(self) -> int: ...
    @property
    def variant_id(self) -> int: ...
    @property
    def product_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def shipped_quantity(self) -> int: ...
    @property
    def returned_quantity(self) -> int: ...
    @property
    def cancelled_quantity(self) -> int: ...
    @property
    def wanted_quantity(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ReturnTerms:
    """What was promised when the order was placed.  `standard_minor`: the cheapest way to send it there."""

    law: Law
    withdrawal_days: int
    goodwill_days: int
    claim_days: int
    seller_pays: bool
    standard_minor: int
    note: str
    exceptions: Mapping[int, str]


def terms_of(order: orders.Order) -> ReturnTerms:
    """Orders from before terms were frozen have those of a shop that has set none, and the law of their country."""
    kept = order.return_terms
    if kept is None:
        rules = policies.return_rules.ReturnRules()
        law = policies.return_rules.law_of((order.address or {}).get("country", ""))
        days = max(rules.withdrawal_days, policies.return_rules.LEAST_DAYS[law])
        return ReturnTerms(law, days, 0, rules.claim_days, False, order.shipping_minor, "", {})
    law = policies.return_rules.law_of(kept["country"])
    return ReturnTerms(
        law,
        max(kept["withdrawal_days"], policies.return_rules.LEAST_DAYS[law]),
        kept["goodwill_days"],
        kept["claim_days"],
        kept["seller_pays"],
        kept["standard_minor"],
        kept["note"],
        {int(product_id): why for product_id, why in kept["exceptions"].items()},
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """Units {line id: so many} that left together.  `on`: the day they arrived, None while they are under way."""

    units: Mapping[int, int]
    on: date | None


@dataclass(frozen=True, slots=True)
class Busy:
    """Units of a line that are in returns already: asked for, received, refunded."""

    asked: int = 0
    received: int = 0
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of an order, and how many units of it may be given back now on each journey.

    `until`: the last day of the withdrawal; None while some of it has not arrived, or where there is none.
    """

    line_id: int
    variant_id: int
    product_id: int
    withdrawal: int
    claim: int
    goodwill: int
    left: int
    until: date | None
    excepted: str | None

    def of(self, journey: Journey) -> int:
        return {
            Journey.WITHDRAWAL: self.withdrawal,
            Journey.CLAIM: self.claim,
            Journey.GOODWILL: self.goodwill,
        }[journey]


def last_day(arrived: date, days: int, law: Law) -> date:
    """The day of arrival does not count.  In the EU a period does not end on a Saturday or Sunday."""
    end = arrived + timedelta(days=days)
    if law is Law.EU and end.weekday() >= _SATURDAY:
        end += timedelta(days=7 - end.weekday())
    return end


def standings(
    terms: ReturnTerms,
    lines: Sequence[OrderedLine],
    arrivals: Sequence[Arrival],
    busy: Mapping[int, Busy],
    today: date,
) -> list[Standing]:
    """`lines`: of the order.  What came back without a return of ours is no longer there to be given back."""
    wanted = sum(line.wanted_quantity for line in lines)
    arrived = sum(sum(each.units.values()) for each in arrivals if each.on is not None)
    last = max((each.on for each in arrivals if each.on is not None), default=None)
    complete = arrived >= wanted
    return [_standing(terms, line, arrivals, busy, today, last if complete else None) for line in lines]


def _standing(
    terms: ReturnTerms,
    line: OrderedLine,
    arrivals: Sequence[Arrival],
    busy: Mapping[int, Busy],
    today: date,
    last: date | None,
) -> Standing:
    known = busy.get(line.id, Busy())
    left = max(0, line.shipped_quantity - known.asked - max(0, line.returned_quantity - known.received))
    excepted = terms.exceptions.get(line.product_id)
    each_alone = terms.law is Law.CN
    came = [(each.units[line.id], each.on) for each in arrivals if each.units.get(line.id)]

    def open_units(days: int, *, alone: bool, law: Law) -> tuple[int, date | None]:
        """Units whose time is not over, and the last of their last days."""
        if days <= 0:
            return 0, None
        ends = [
            (units, None if day is None else last_day(day, days, law))
            for units, day in ((units, on if alone else last) for units, on in came)
        ]
        found = sum(units for units, end in ends if end is None or today <= end)
        known_ends = [end for _, end in ends if end is not None]
        return min(found, left), max(known_ends) if len(known_ends) == len(ends) and ends else None

    withdrawal, until = open_units(terms.withdrawal_days, alone=each_alone, law=terms.law)
    claim, _ = open_units(terms.claim_days, alone=True, law=Law.OWN)
    goodwill, _ = open_units(terms.goodwill_days, alone=True, law=Law.OWN)
    if excepted is not None:
        withdrawal, until = 0, None
    return Standing(
        line.id, line.variant_id, line.product_id, withdrawal, claim, max(0, goodwill - withdrawal), left, until, excepted
    )  # fmt: skip


def refund_due(law: Law, journey: Journey, *, asked: date, received: date | None) -> date | None:
    """The last day on which the money has to go; in the EU it may wait for the goods."""
    if law is Law.EU and journey is Journey.WITHDRAWAL:
        return asked + _EU_REFUND
    if law is Law.CN and journey is not Journey.GOODWILL and received is not None:
        return received + _CN_REFUND
    return None


def worth(line: OrderedLine, before: int, units: int) -> int:
    """What was paid for the next `units` of a line of which `before` were given back."""
    gone = min(line.cancelled_quantity + before, line.quantity)
    upto = min(gone + units, line.quantity)
    return pricing.of_units(line.amount_minor, line.quantity, upto) - pricing.of_units(
        line.amount_minor, line.quantity, gone
    )


@dataclass(frozen=True, slots=True)
class ReturnLine:
    line_id: int
    variant_id: int
    product_id: int
    quantity: int
    received: int


@dataclass(frozen=True, slots=True)
class Return:
    """`number` is what people read: of the order and which of its returns."""

    id: UUID
    shop_id: int
    order_id: UUID
    order_number: int
    position: int
    buyer: UUID
    show_id: int | None
    journey: Journey
    state: State
    reason: str
    note: str
    answer: str
    keeps_goods: bool
    unsent: bool
    asked_by: str
    refund_due_on: date | None
    refund: UUID | None
    refund_minor: int
    deduct_minor: int
    asked_at: datetime
    decided_at: datetime | None
    received_at: datetime | None
    ended_at: datetime | None
    lines: list[ReturnLine] = field(default_factory=list[ReturnLine])

    def __post_init__(self) -> None:
        object.__setattr__(self, "journey", Journey(self.journey))
        object.__setattr__(self, "state", State(self.state))

    @property
    def number(self) -> str:
        return return_number(self.order_number, self.position)

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def received(self) -> int:
        return sum(line.received for line in self.lines)


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund as it was asked for: what a second person says yes to.  `units` by line id."""

    refund: UUID
    refund_minor: int
    deduct_minor: int
    units: dict[int, int]
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReturnSummary:
    """A row of the merchant's list."""

    id: UUID
    order_id: UUID
    order_number: int
    position: int
    journey: str
    state: str
    reason: str
    units: int
    received: int
    titles: str
    contact_name: str
    currency: str
    refund_minor: int
    refund_due_on: date | None
    asked_at: datetime

    @property
    def number(self) -> str:
        return return_number(self.order_number, self.position)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Units that arrived, in which state; `location_id` of the shelf they went on, if they did."""

    line_id: int
    quantity: int
    condition: Condition
    restocked: bool
    location_id: int | None
    actor: str
    at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "condition", Condition(self.condition))


@dataclass(frozen=True, slots=True)
class ReturnEvent:
    at: datetime
    kind: str
    actor: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """So many units of a line are here, in this state."""

    line_id: int
    quantity: int
    condition: Condition


@dataclass(frozen=True, slots=True)
class Offer:
    """What the buyer of an order may do now.  `unsent`: all of it may be withdrawn from before it is sent."""

    terms: ReturnTerms
    lines: list[Standing]
    unsent: bool
    returns: list[Return]

    def may(self, journey: Journey) -> bool:
        return any(line.of(journey) for line in self.lines) or (self.unsent and journey == Journey.WITHDRAWAL)

    @property
    def until(self) -> date | None:
        """The last day of the withdrawal, over all lines that can be withdrawn from; None while it is not known."""
        ends = [line.until for line in self.lines if line.withdrawal]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None


@dataclass(frozen=True, slots=True)
class RefundDraft:
    """What a refund of a return would come to: of each line of the order, in order, and of shipping as the last."""

    parts: list[int]
    units: dict[int, int]

    @property
    def amount_minor(self) -> int:
        return sum(self.parts)


def return_number(order_number: int, position: int) -> str:
    return f"{order_number}-R{position}"
