"""Suppliers, quotes, plans and purchase orders as JSON, for the console and for other programs."""

from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import catalog, live, stock, supply
from shopfloor.access_keys import Key, UnknownKey
from shopfloor.access_keys.api import keyed
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import jobs, paging
from shopfloor.kernel.border import IDS_AS_NAMES, Day, Id
from shopfloor.kernel.http import Csv, Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.supply.jobs import PATIENCE
from shopfloor.supply.models import (
    BadPlanRequest,
    BadQuantity,
    BadSupplier,
    DateInThePast,
    DateTooFar,
    Infeasible,
    MoreThanOrdered,
    NoForecast,
    NoQuotes,
    NothingToOrder,
    NotQuoted,
    OtherCurrency,
    OverCapacity,
    PlanStale,
    PlanState,
    SolverFailed,
    SupplierNameTaken,
    TwiceTheSame,
    UnknownLine,
    UnknownQuote,
    WrongState,
)
from shopfloor.supply.solver.outlook import Outlook

router = Router(prefix="/v1", tags=["supply"])

PlanViewer = Annotated[Actor, Depends(allowed(Permission.PLAN_VIEW))]
PlanAcceptor = Annotated[Actor, Depends(allowed(Permission.PLAN_ACCEPT))]
SuppliersViewer = Annotated[Actor, Depends(allowed(Permission.SUPPLIERS_VIEW))]
SuppliersEditor = Annotated[Actor, Depends(allowed(Permission.SUPPLIERS_EDIT))]
Receiver = Annotated[Actor, Depends(allowed(Permission.STOCK_EDIT))]


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


def _supplier_out(one: supply.Supplier) -> SupplierOut:
    return SupplierOut(
        id=one.id,
        name=one.name,
        email=one.email,
        locale=one.locale,
        capacity_per_week=one.capacity_per_week,
        active=one.active,
    )


def _quote_out(quote: supply.Quote) -> QuoteOut:
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


def _plan_out(plan: supply.Plan, outlook: Outlook) -> PlanOut:
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


def _order_out(order: supply.PurchaseOrder) -> PurchaseOrderOut:
    return PurchaseOrderOut.model_validate(order, from_attributes=True)


# Suppliers and quotes


@router.get("/{shop}/suppliers")
async def list_suppliers(actor: SuppliersViewer, db: Db) -> list[SupplierOut]:
    async with db.transaction() as tx:
        return [_supplier_out(one) for one in await supply.suppliers(tx, shop_id=actor.shop_id)]


@router.post("/{shop}/suppliers", status_code=201, responses=refusals(BadSupplier, SupplierNameTaken))
async def add_supplier(body: NewSupplier, actor: SuppliersEditor, db: Db) -> SupplierOut:
    async with db.transaction() as tx:
        added = await supply.add_supplier(
            tx,
            shop_id=actor.shop_id,
            name=body.name,
            email=body.email,
            locale=body.locale,
            capacity_per_week=body.capacity_per_week,
        )
    return _supplier_out(added)


@router.put(
    "/{shop}/suppliers/{supplier_id}",
    responses=refusals(supply.UnknownSupplier, BadSupplier, SupplierNameTaken),
)
async def change_supplier(
    supplier_id: Id, body: ChangedSupplier, actor: SuppliersEditor, db: Db
) -> SupplierOut:
    async with db.transaction() as tx:
        changed = await supply.update_supplier(
            tx,
            shop_id=actor.shop_id,
            supplier_id=supplier_id,
            name=body.name,
            email=body.email,
            locale=body.locale,
            capacity_per_week=body.capacity_per_week,
            active=body.active,
        )
    return _supplier_out(changed)


@router.post(
    "/{shop}/suppliers/{supplier_id}/key", status_code=201, responses=refusals(supply.UnknownSupplier)
)
async def new_key(supplier_id: Id, actor: SuppliersEditor, db: Db) -> dict[str, str]:
    """A new key of the supplier's page; it is in this answer only."""
    async with db.transaction() as tx:
        return {"key": await supply.supplier_key(tx, shop_id=actor.shop_id, supplier_id=supplier_id)}


@router.get("/{shop}/quotes")
async def list_quotes(actor: SuppliersViewer, db: Db, supplier_id: Id | None = None) -> list[QuoteOut]:
    """Those in force."""
    async with db.transaction() as tx:
        found = await supply.quotes(tx, shop_id=actor.shop_id, supplier_id=supplier_id)
    return [_quote_out(quote) for quote in found]


@router.post(
    "/{shop}/suppliers/{supplier_id}/quotes",
    status_code=201,
    responses=refusals(supply.UnknownSupplier, supply.BadQuote, OtherCurrency, catalog.UnknownProduct),
)
async def add_quote(supplier_id: Id, body: NewQuote, actor: SuppliersEditor, db: Db) -> QuoteOut:
    terms = supply.QuoteTerms(
        currency=body.currency,
        tiers=tuple(supply.Tier(tier.minimum, tier.unit_minor) for tier in body.tiers),
        lead_days=body.lead_days,
        late_days=body.late_days,
        lot=body.lot,
        colour_minimum=body.colour_minimum,
        colour_option=body.colour_option,
        capacity_use=body.capacity_use,
        setup_minor=body.setup_minor,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
    )
    async with db.transaction() as tx:
        added = await supply.add_quote(
            tx, shop_id=actor.shop_id, supplier_id=supplier_id, product_id=body.product_id, terms=terms
        )
    return _quote_out(added)


@router.delete("/{shop}/quotes/{quote_id}", status_code=204, responses=refusals(UnknownQuote))
async def withdraw_quote(quote_id: Id, actor: SuppliersEditor, db: Db) -> None:
    async with db.transaction() as tx:
        await supply.withdraw_quote(tx, shop_id=actor.shop_id, quote_id=quote_id)


@router.put(
    "/{shop}/quotes/{quote_id}/makeable",
    responses=refusals(UnknownQuote, NotQuoted, BadQuantity, OverCapacity, stock.UnknownStock),
)
async def announce_makeable(quote_id: Id, body: Makeable, actor: SuppliersEditor, db: Db) -> MakeableOut:
    """Sell a variant made to order, against what its supplier can make by a day.

    The same quote, variant and day again changes the quantity; 0 ends it.
    """
    async with db.transaction() as tx:
        level = await supply.announce_makeable(
            tx,
            shop_id=actor.shop_id,
            quote_id=quote_id,
            variant_id=body.variant_id,
            quantity=body.quantity,
            ready_on=body.ready_on,
            location_id=body.location_id,
        )
    return MakeableOut(
        variant_id=level.variant_id,
        location_id=level.location_id,
        quantity=level.quantity,
        ready_on=level.ready_on,
    )


# Plans


@router.get("/{shop}/shows/{show_id}/plan", responses=refusals(live.UnknownShow, supply.NoPlan))
async def newest_plan(show_id: Id, actor: PlanViewer, db: Db) -> PlanOut:
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        plan = await supply.plan(tx, shop_id=actor.shop_id, show_id=show_id)
        return _plan_out(plan, await supply.outlook(tx, shop_id=actor.shop_id, plan_id=plan.id))


@router.post(
    "/{shop}/shows/{show_id}/plan",
    status_code=201,
    responses=refusals(
        NoForecast,
        NoQuotes,
        Infeasible,
        BadPlanRequest,
        SolverFailed,
        jobs.NotReadyYet,
    ),
)
async def make_plan(show_id: Id, body: PlanRequest, actor: PlanAcceptor, db: Db) -> PlanOut:
    """Plan against the show's newest forecast; takes up to `seconds`.  Later plans of the show ask for the same."""
    wanted = supply.Wanted(
        shop_id=actor.shop_id,
        show_id=show_id,
        horizon_days=body.horizon_days,
        budget_minor=body.budget_minor,
        must_cover_hard=body.must_cover_hard,
        location_id=body.location_id,
        seconds=body.seconds,
    )
    async with db.transaction() as tx:
        ticket = await supply.ask_plan(tx, wanted)
    await jobs.answer(db, ticket, patience=PATIENCE)
    async with db.transaction() as tx:
        plan = await supply.plan(tx, shop_id=actor.shop_id, show_id=show_id)
        return _plan_out(plan, await supply.outlook(tx, shop_id=actor.shop_id, plan_id=plan.id))


@router.get("/{shop}/shows/{show_id}/plan/progress", responses=refusals(live.UnknownShow, jobs.NotAsked))
async def plan_progress(show_id: Id, actor: PlanViewer, db: Db) -> jobs.Progress:
    """How far the newest plan is that was asked for, by a new forecast or by somebody."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return jobs.progress_of(await supply.plan_state(tx, shop_id=actor.shop_id, show_id=show_id))


@router.post(
    "/{shop}/plans/{plan_id}/accept",
    status_code=201,
    responses=refusals(supply.UnknownPlan, PlanStale, NothingToOrder),
)
async def accept(plan_id: Id, actor: PlanAcceptor, db: Db) -> list[SentOut]:
    """One purchase order per supplier goes out."""
    async with db.transaction() as tx:
        sent = await supply.accept(tx, actor=actor, plan_id=plan_id)
    return [SentOut(order=_order_out(one.order), key=one.key) for one in sent]


# Purchase orders


@router.get("/{shop}/purchase-orders")
async def list_orders(
    request: Request,
    response: Response,
    actor: SuppliersViewer,
    db: Db,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[PurchaseOrderOut]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(supply.purchase_orders, tx, shop_id=actor.shop_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return [_order_out(order) for order in with_links(request, response, found)]


@router.get("/{shop}/purchase-orders/{purchase_order_id}", responses=refusals(supply.UnknownPurchaseOrder))
async def one_order(purchase_order_id: UUID, actor: SuppliersViewer, db: Db) -> PurchaseOrderOut:
    async with db.transaction() as tx:
        return _order_out(
            await supply.purchase_order(tx, shop_id=actor.shop_id, purchase_order_id=purchase_order_id)
        )


@router.get(
    "/{shop}/purchase-orders/{purchase_order_id}/csv",
    response_class=Csv,
    responses=refusals(supply.UnknownPurchaseOrder),
)
async def order_csv(purchase_order_id: UUID, actor: SuppliersViewer, db: Db) -> Response:
    """The order as a spreadsheet."""
    async with db.transaction() as tx:
        sheet = await supply.export_csv(tx, shop_id=actor.shop_id, purchase_order_id=purchase_order_id)
    # The mark at the start tells spreadsheet programs that the text is UTF-8.
    return Response(
        "\N{ZERO WIDTH NO-BREAK SPACE}" + sheet,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{purchase_order_id}.csv"'},
    )


@router.post(
    "/{shop}/purchase-orders/{purchase_order_id}/received",
    responses=refusals(supply.UnknownPurchaseOrder, WrongState, UnknownLine, supply.BadQuantity),
)
async def receive(purchase_order_id: UUID, body: ReceivedLines, actor: Receiver, db: Db) -> PurchaseOrderOut:
    async with db.transaction() as tx:
        order = await supply.receive(
            tx, actor=actor, purchase_order_id=purchase_order_id, quantities=body.received
        )
    return _order_out(order)


# The supplier's side, with the key of the page


SupplierKey = Annotated[Key, Depends(keyed("supplier"))]


@router.get("/-/supplier/{key}", responses=refusals(UnknownKey))
async def supplier_desk(
    key: str,
    request: Request,
    response: Response,
    _: SupplierKey,
    db: Db,
    after: UUID | None = None,
    before: UUID | None = None,
) -> DeskOut:
    """Every order that waits for an answer, then a page of the others; the header `Link` leads to the next."""
    async with db.transaction() as tx:
        found = await supply.desk(tx, key=key, after=after, before=before)
    with_links(request, response, found.page)
    return DeskOut(supplier=found.supplier.name, orders=[_order_out(order) for order in found.orders])


@router.post(
    "/-/supplier/{key}/orders/{purchase_order_id}",
    responses=refusals(
        UnknownKey,
        supply.UnknownPurchaseOrder,
        WrongState,
        UnknownLine,
        TwiceTheSame,
        supply.BadQuantity,
        MoreThanOrdered,
        DateInThePast,
        DateTooFar,
    ),
)
async def confirm(
    key: str, purchase_order_id: UUID, body: Promises, _: SupplierKey, db: Db
) -> PurchaseOrderOut:
    """How many of which variant, ready when; the same answer again changes nothing."""
    async with db.transaction() as tx:
        order = await supply.confirm(
            tx,
            key=key,
            purchase_order_id=purchase_order_id,
            lines=[supply.Promise(line.variant_id, line.quantity, line.ready_on) for line in body.lines],
        )
    return _order_out(order)
