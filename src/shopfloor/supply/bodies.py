"""What requests about supply say, and what answers have."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from shopfloor import supply
from shopfloor.kernel.border import IDS_AS_NAMES, Day, Id
from shopfloor.supply.models import PlanState
from shopfloor.supply.solver.outlook import Outlook


class NewSupplier(BaseModel):
    name: str
    email: str = ""
    locale: str = "en"
    capacity_per_week: int | None = None


class ChangedSupplier(NewSupplier):
    active: bool = True


class SupplierOut(ChangedSupplier):
    id: int


class TierBody(BaseModel):
    minimum: int
    unit_minor: int


class NewQuote(BaseModel):
    product_id: Id
    currency: str
    tiers: list[TierBody]
    lead_days: int
    late_days: int = 0
    lot: int = 1
    colour_minimum: int = 0
    colour_option: str = ""
    capacity_use: int = 1
    setup_minor: int = 0
    valid_from: Day | None = None
    valid_until: Day | None = None


class QuoteOut(NewQuote):
    id: int
    supplier_id: int


class Makeable(BaseModel):
    """What a supplier can make of a variant by a day; without a day, within the lead time of the quote."""

    variant_id: Id
    quantity: int
    location_id: Id
    ready_on: Day | None = None


class MakeableOut(BaseModel):
    variant_id: int
    location_id: int
    quantity: int
    ready_on: date | None


class PlanRequest(BaseModel):
    horizon_days: int = 21
    budget_minor: int | None = None
    must_cover_hard: bool = False
    location_id: Id | None = None
    seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


class PlanLineOut(BaseModel):
    quote_id: Id
    supplier_id: Id
    product_id: Id
    variant_id: Id
    quantity: int
    unit_minor: int
    expected_on: date
    available: int
    hard: int
    mean: float
    low: int
    high: int
    identifiable: bool


class PlanOut(BaseModel):
    """Amounts are minor units: the cost rounded up, the bound down.

    `brings_minor` and `profit_minor` are what the order adds to ordering nothing; `enough` is the probability that
    a variant does not run out, averaged by expected demand; `expected_left` counts units of the order only.
    """

    id: int
    show_id: Id
    version: int
    state: PlanState
    as_of: datetime
    needed_by: date
    currency: str
    purchase_minor: int
    cost_minor: int
    lower_bound_minor: int
    gap: float
    brings_minor: int
    profit_minor: int
    enough: float
    expected_lost: float
    expected_left: float
    gap_minor: int
    digest: str
    solver: str
    seconds: float
    remarks: dict[str, int]
    lines: list[PlanLineOut]


class PurchaseLineOut(BaseModel):
    product_id: Id
    variant_id: Id
    quantity: int
    unit_minor: int
    expected_on: date
    confirmed: int | None
    ready_on: date | None
    received: int


class PurchaseOrderOut(BaseModel):
    id: UUID
    number: str
    supplier_id: Id
    plan_id: Id | None
    state: supply.OrderState
    currency: str
    setup_minor: int
    cost_minor: int
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    received_at: datetime | None
    lines: list[PurchaseLineOut]


class SentOut(BaseModel):
    """`key` opens the supplier's page and is in this answer only."""

    order: PurchaseOrderOut
    key: str


class ReceivedLines(BaseModel):
    """Per variant how many units have come in all so far."""

    received: dict[int, int] = Field(json_schema_extra=IDS_AS_NAMES)


class PromiseBody(BaseModel):
    variant_id: Id
    quantity: int
    ready_on: Day | None = None


class Promises(BaseModel):
    lines: Annotated[list[PromiseBody], Field(max_length=2000)]


class DeskOut(BaseModel):
    supplier: str
    orders: list[PurchaseOrderOut]


def supplier_out(supplier: supply.Supplier) -> SupplierOut:
    return SupplierOut(
        id=supplier.id,
        name=supplier.name,
        email=supplier.email,
        locale=supplier.locale,
        capacity_per_week=supplier.capacity_per_week,
        active=supplier.active,
    )


def quote_out(quote: supply.Quote) -> QuoteOut:
    terms = quote.terms
    return QuoteOut(
        id=quote.id,
        supplier_id=quote.supplier_id,
        product_id=quote.product_id,
        currency=terms.currency,
        tiers=[TierBody(minimum=tier.minimum, unit_minor=tier.unit_minor) for tier in terms.tiers],
        lead_days=terms.lead_days,
        late_days=terms.late_days,
        lot=terms.lot,
        colour_minimum=terms.colour_minimum,
        colour_option=terms.colour_option,
        capacity_use=terms.capacity_use,
        setup_minor=terms.setup_minor,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
    )


def plan_out(plan: supply.Plan, outlook: Outlook) -> PlanOut:
    return PlanOut(
        id=plan.id,
        show_id=plan.show_id,
        version=plan.version,
        state=plan.state,
        as_of=plan.as_of,
        needed_by=plan.needed_by,
        currency=plan.currency,
        purchase_minor=plan.purchase_minor,
        cost_minor=plan.cost_minor,
        lower_bound_minor=plan.lower_bound_minor,
        gap=plan.gap,
        brings_minor=outlook.brings_minor,
        profit_minor=outlook.profit_minor,
        enough=outlook.enough,
        expected_lost=outlook.lost_units,
        expected_left=outlook.left_units,
        gap_minor=outlook.gap_minor,
        digest=plan.digest,
        solver=plan.solver,
        seconds=plan.seconds,
        remarks=dict(plan.remarks),
        lines=[PlanLineOut.model_validate(line, from_attributes=True) for line in plan.lines],
    )


def order_out(order: supply.PurchaseOrder) -> PurchaseOrderOut:
    return PurchaseOrderOut.model_validate(order, from_attributes=True)
