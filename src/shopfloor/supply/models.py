"""Suppliers, quotes, plans and purchase orders: plain values, their rules, and this module's refusals.  No I/O.

Money is integer minor units throughout.  An *expected* amount is kept exactly, as the sum over equally likely
scenarios (`…_scaled`, with `scale` the number of scenarios), and only divided when it is shown.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY

MAX_TIERS: Final = 20
MAX_DAYS: Final = 730


class UnknownSupplier(NotFound):
    """There is no such supplier in this shop."""

    code = "supply.unknown_supplier"


class UnknownQuote(NotFound):
    """There is no such quote in this shop."""

    code = "supply.unknown_quote"


class NoPlan(Conflict):
    """There is no plan for this show yet."""

    code = "supply.no_plan"


class UnknownPlan(NotFound):
    """There is no such plan in this shop."""

    code = "supply.unknown_plan"


class UnknownPurchaseOrder(NotFound):
    """There is no such purchase order, or not for you."""

    code = "supply.unknown_purchase_order"


class SupplierNameTaken(Conflict):
    """The shop has a supplier of this name already."""

    code = "supply.name_taken"


class BadSupplier(Invalid):
    """A supplier needs a name, and a capacity that is a whole number of at least 1 where it has one."""

    code = "supply.bad_supplier"


class BadQuote(Invalid):
    """The quote contradicts itself or names a number out of bounds; `field` says where."""

    code = "supply.bad_quote"


class OtherCurrency(Invalid):
    """Quotes are in the currency of the shop."""

    code = "supply.other_currency"


class BadPlanRequest(Invalid):
    """The horizon, the budget or the time limit is out of bounds."""

    code = "supply.bad_plan_request"


class NoForecast(Conflict):
    """Forecast the demand of this show first."""

    code = "supply.no_forecast"


class NoQuotes(Conflict):
    """No valid quote can deliver any of these products in time; `why` counts what was left out."""

    code = "supply.no_quotes"


class Infeasible(Conflict):
    """What is promised already cannot be covered within capacity, budget and lead times."""

    code = "supply.infeasible"


class SolverFailed(Conflict):
    """No plan was found in the time allowed; allow more."""

    code = "supply.solver_failed"


class PlanStale(Conflict):
    """A newer plan of this show exists, or this one was answered already."""

    code = "supply.plan_stale"


class NothingToOrder(Conflict):
    """The plan orders nothing."""

    code = "supply.nothing_to_order"


class WrongState(Conflict):
    """The purchase order is not in a state that allows this."""

    code = "supply.wrong_state"


class UnknownLine(Invalid):
    """The purchase order has no such variant."""

    code = "supply.unknown_line"


class NotQuoted(Invalid):
    """The quote does not cover this variant."""

    code = "supply.not_quoted"


class TwiceTheSame(Invalid):
    """A variant is named twice."""

    code = "supply.twice_the_same"


class MoreThanOrdered(Invalid):
    """More than was ordered."""

    code = "supply.more_than_ordered"


class BadQuantity(Invalid):
    """A quantity must be a whole number, not negative."""

    code = "supply.bad_quantity"


class DateInThePast(Invalid):
    """The day is over already."""

    code = "supply.date_in_the_past"


class DateTooFar(Invalid):
    """The day is more than two years away, or missing."""

    code = "supply.date_too_far"


class OverCapacity(Invalid):
    """More than the supplier can make by that day."""

    code = "supply.over_capacity"


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who makes or sells to the shop.  `capacity_per_week` in units of work (see Quote); None: no limit known."""

    id: int
    shop_id: int
    name: str
    email: str
    locale: str
    capacity_per_week: int | None
    active: bool


@dataclass(frozen=True, slots=True)
class Tier:
    """From `minimum` units of the product in one order, all units cost `unit_minor` each."""

    minimum: int
    unit_minor: int


@dataclass(frozen=True, slots=True)
class QuoteTerms:
    """What a supplier asks for a product.

    The first tier's minimum is the least one can order of the product (all variants together).
    `colour_minimum` holds for each value of the option named `colour_option` that is ordered at all.
    Every variant comes in multiples of `lot`.  `lead_days` is the mean time to delivery, `late_days` what is
    added to be safe.  One unit takes `capacity_use` of the supplier's weekly capacity.
    `setup_minor` is paid once per order of the product (patterns, freight).
    """

    currency: str
    tiers: tuple[Tier, ...]
    lead_days: int
    late_days: int = 0
    lot: int = 1
    colour_minimum: int = 0
    colour_option: str = ""
    capacity_use: int = 1
    setup_minor: int = 0
    valid_from: date | None = None
    valid_until: date | None = None

    @property
    def minimum(self) -> int:
        return self.tiers[0].minimum

    def is_valid_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class Quote:
    id: int
    shop_id: int
    supplier_id: int
    product_id: int
    terms: QuoteTerms


def check_terms(terms: QuoteTerms) -> None:
    """Raises BadQuote with the `field` that is invalid."""

    def need(holds: bool, field: str, message: str) -> None:
        if not holds:
            raise BadQuote(message, field=field)

    need(0 < len(terms.tiers) <= MAX_TIERS, "tiers", f"A quote has 1 to {MAX_TIERS} price tiers.")
    for tier in terms.tiers:
        need(1 <= tier.minimum <= MAX_QUANTITY, "tiers", "A tier starts at 1 to 1,000,000 units.")
        need(1 <= tier.unit_minor <= MAX_MINOR, "tiers", "A price must be positive and not absurd.")
    starts = [tier.minimum for tier in terms.tiers]
    need(starts == sorted(set(starts)), "tiers", "Tiers must start at rising quantities.")
    need(1 <= terms.lot <= MAX_QUANTITY, "lot", "A lot is 1 to 1,000,000 units.")
    need(0 <= terms.lead_days <= MAX_DAYS, "lead_days", "A lead time is 0 to 730 days.")
    need(0 <= terms.late_days <= MAX_DAYS, "late_days", "Late days are 0 to 730.")
    need(0 <= terms.colour_minimum <= MAX_QUANTITY, "colour_minimum", "A minimum is 0 to 1,000,000 units.")
    need(
        terms.colour_minimum <= 1 or terms.colour_option != "",
        "colour_option",
        "A minimum per colour needs the name of the option that is the colour.",
    )
    need(
        1 <= terms.capacity_use <= MAX_QUANTITY,
        "capacity_use",
        "A unit takes 1 to 1,000,000 of the capacity.",
    )
    need(0 <= terms.setup_minor <= MAX_MINOR, "setup_minor", "A set-up cost must not be negative or absurd.")
    if terms.valid_from is not None and terms.valid_until is not None:
        need(terms.valid_from <= terms.valid_until, "valid_until", "A quote must not end before it begins.")


class PlanState(StrEnum):
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """Order `quantity` of a variant under a quote, at the price of the tier its product total reaches.

    `available` are units that are there or on their way already, `mean`/`low`/`high` the forecast, `hard` what
    is promised or waited for.
    """

    quote_id: int
    supplier_id: int
    product_id: int
    variant_id: int
    quantity: int
    unit_minor: int
    expected_on: date
    available: int
    hard: int
    mean: float
    low: int
    high: int
    identifiable: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What to order from whom, with what it is expected to cost and how far it can be from the best plan.

    `cost_scaled / scale` is the expected cost in minor units: purchases, sales lost for lack of goods at full
    price, penalties for promises not kept, less what left-over goods are still worth.  No plan whatsoever for
    the same input costs less than `bound_scaled / scale`.  `digest` names that input.
    """

    id: int
    shop_id: int
    show_id: int
    version: int
    state: PlanState
    as_of: datetime
    forecast_id: int
    location_id: int
    needed_by: date
    currency: str
    scale: int
    cost_scaled: int
    bound_scaled: int
    purchase_minor: int
    lost_scaled: int
    left_scaled: int
    revenue_scaled: int
    digest: str
    solver: str
    seconds: float
    remarks: Mapping[str, int]
    lines: tuple[PlanLine, ...]

    @property
    def cost_minor(self) -> int:
        """Expected cost, rounded up: never shown lower than it is."""
        return -(-self.cost_scaled // self.scale)

    @property
    def lower_bound_minor(self) -> int:
        """Rounded down: never shown higher than it is."""
        return self.bound_scaled // self.scale

    @property
    def gap(self) -> float:
        """(cost - bound) / |cost|: 0.01 says that no plan can be more than 1 % cheaper."""
        return (self.cost_scaled - self.bound_scaled) / max(1, abs(self.cost_scaled))


class OrderState(StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    CONFIRMED = "confirmed"
    PARTIALLY = "partially"
    DECLINED = "declined"
    RECEIVED = "received"


ANSWERABLE: Final = frozenset(
    {OrderState.SENT, OrderState.CONFIRMED, OrderState.PARTIALLY, OrderState.DECLINED}
)


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """`confirmed` and `ready_on` are the supplier's answer (None: none yet); `received` is what came.

    `owed` units of it are for buyers who bought them before they were ordered, as makeable.
    """

    product_id: int
    variant_id: int
    quantity: int
    unit_minor: int
    owed: int
    expected_on: date
    confirmed: int | None
    ready_on: date | None
    received: int


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """What a shop orders from one supplier.  `cost_minor` is the sum of its lines and set-up costs."""

    id: UUID
    shop_id: int
    supplier_id: int
    plan_id: int | None
    show_id: int | None
    location_id: int
    number: str
    state: OrderState
    currency: str
    setup_minor: int
    cost_minor: int
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    received_at: datetime | None
    lines: tuple[PurchaseLine, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """A supplier's answer for one variant: how many, ready when.  Zero declines it, and needs no date."""

    variant_id: int
    quantity: int
    ready_on: date | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A purchase order that went out, with the key of the supplier's page; the key is shown only now."""

    order: PurchaseOrder
    key: str


def check_promises(order: PurchaseOrder, promises: Sequence[Promise], *, today: date) -> None:
    """Raises UnknownLine, TwiceTheSame, BadQuantity, MoreThanOrdered, DateInThePast or DateTooFar.

    A day that was confirmed before may be repeated after it has passed: it is no new promise.
    """
    lines = {line.variant_id: line for line in order.lines}
    seen: set[int] = set()
    for promise in promises:
        line = lines.get(promise.variant_id)
        variant_id = promise.variant_id
        if line is None:
            raise UnknownLine(variant_id=variant_id)
        if promise.variant_id in seen:
            raise TwiceTheSame(variant_id=variant_id)
        seen.add(promise.variant_id)
        if promise.quantity < 0:
            raise BadQuantity(variant_id=variant_id)
        if promise.quantity > line.quantity:
            raise MoreThanOrdered(ordered=line.quantity, offered=promise.quantity, variant_id=variant_id)
        if promise.quantity == 0:
            continue
        if promise.ready_on is None or promise.ready_on > today + timedelta(days=MAX_DAYS):
            raise DateTooFar(variant_id=variant_id)
        if promise.ready_on < today and promise.ready_on != line.ready_on:
            raise DateInThePast(
                ready_on=promise.ready_on.isoformat(), today=today.isoformat(), variant_id=variant_id
            )


def state_after(lines: Sequence[PurchaseLine]) -> OrderState:
    """What the answers on its lines make of a purchase order that was sent."""
    answered = [line for line in lines if line.confirmed is not None]
    if not answered:
        return OrderState.SENT
    if sum(line.confirmed or 0 for line in answered) == 0 and len(answered) == len(lines):
        return OrderState.DECLINED
    if all(line.confirmed == line.quantity for line in lines):
        return OrderState.CONFIRMED
    return OrderState.PARTIALLY
