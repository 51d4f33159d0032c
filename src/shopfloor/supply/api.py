"""Suppliers, quotes, plans and purchase orders as JSON, for the console and for other programs."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from shopfloor import catalog, inventory, live, supply
from shopfloor.access_keys import Key, UnknownKey
from shopfloor.access_keys.api import keyed
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import jobs, paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Csv, Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.supply.bodies import (
    ChangedSupplier,
    DeskOut,
    Makeable,
    MakeableOut,
    NewQuote,
    NewSupplier,
    PlanOut,
    PlanRequest,
    Promises,
    PurchaseOrderOut,
    QuoteOut,
    ReceivedLines,
    SentOut,
    SupplierOut,
    order_out,
    plan_out,
    quote_out,
    supplier_out,
)
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
    SolverFailed,
    SupplierNameTaken,
    TwiceTheSame,
    UnknownLine,
    UnknownQuote,
    WrongState,
)

router = Router(prefix="/v1", tags=["supply"])

PlanViewer = Annotated[Actor, Depends(allowed(Permission.PLAN_VIEW))]
PlanAcceptor = Annotated[Actor, Depends(allowed(Permission.PLAN_ACCEPT))]
SuppliersViewer = Annotated[Actor, Depends(allowed(Permission.SUPPLIERS_VIEW))]
SuppliersEditor = Annotated[Actor, Depends(allowed(Permission.SUPPLIERS_EDIT))]
Receiver = Annotated[Actor, Depends(allowed(Permission.STOCK_EDIT))]


# Suppliers and quotes


@router.get("/{shop}/suppliers")
async def list_suppliers(actor: SuppliersViewer, db: Db) -> list[SupplierOut]:
    async with db.transaction() as tx:
        return [supplier_out(each) for each in await supply.suppliers(tx, shop_id=actor.shop_id)]


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
    return supplier_out(added)


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
    return supplier_out(changed)


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
    return [quote_out(quote) for quote in found]


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
    return quote_out(added)


@router.delete("/{shop}/quotes/{quote_id}", status_code=204, responses=refusals(UnknownQuote))
async def withdraw_quote(quote_id: Id, actor: SuppliersEditor, db: Db) -> None:
    async with db.transaction() as tx:
        await supply.withdraw_quote(tx, shop_id=actor.shop_id, quote_id=quote_id)


@router.put(
    "/{shop}/quotes/{quote_id}/makeable",
    responses=refusals(UnknownQuote, NotQuoted, BadQuantity, OverCapacity, inventory.UnknownStock),
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
        return plan_out(plan, await supply.outlook(tx, shop_id=actor.shop_id, plan_id=plan.id))


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
        return plan_out(plan, await supply.outlook(tx, shop_id=actor.shop_id, plan_id=plan.id))


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
    return [SentOut(order=order_out(each.order), key=each.key) for each in sent]


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
    return [order_out(order) for order in with_links(request, response, found)]


@router.get("/{shop}/purchase-orders/{purchase_order_id}", responses=refusals(supply.UnknownPurchaseOrder))
async def one_order(purchase_order_id: UUID, actor: SuppliersViewer, db: Db) -> PurchaseOrderOut:
    async with db.transaction() as tx:
        return order_out(
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
    return order_out(order)


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
    return DeskOut(supplier=found.supplier.name, orders=[order_out(order) for order in found.orders])


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
    return order_out(order)
