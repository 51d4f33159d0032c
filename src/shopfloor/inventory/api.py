"""/v1/{shop}/stock: levels, receipts and transfers, for the console's fellow programs."""

from dataclasses import asdict
from functools import partial
from operator import attrgetter
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import catalog
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.catalog import import_api
from shopfloor.inventory import imports, places, service
from shopfloor.inventory.models import (
    BadQuantity,
    CountStale,
    Level,
    Location,
    LocationKind,
    Movement,
    NotEnough,
    Pool,
    PoolClosed,
    PoolKind,
    Shortage,
    SignContradicts,
    UnknownStock,
    WrongState,
)
from shopfloor.kernel import paging
from shopfloor.kernel.amounts import DecimalSign
from shopfloor.kernel.border import IDS_AS_NAMES, Id
from shopfloor.kernel.database import Rollback, Tx
from shopfloor.kernel.http import FILE_AS_BODY, Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import MAX_QUANTITY

router = Router(prefix="/v1/{shop}/stock", tags=["stock"])

Viewer = Annotated[Actor, Depends(allowed(Permission.STOCK_VIEW))]
Editor = Annotated[Actor, Depends(allowed(Permission.STOCK_EDIT))]
CatalogEditor = Annotated[Actor, Depends(allowed(Permission.CATALOG_EDIT))]
Units = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


class LocationIn(BaseModel):
    name: str = Field(min_length=1, max_length=120)
    kind: LocationKind = LocationKind.WAREHOUSE


class Receipt(BaseModel):
    """Units that came in; `pool_id` None: for the open pool."""

    location_id: Id
    variant_id: Id
    quantity: Units
    pool_id: Id | None = None
    reason: str = Field("", max_length=200)


class Adjustment(BaseModel):
    """`by` units more (received, found) or, negative, fewer (damaged, lost); a sign that contradicts is refused."""

    location_id: Id
    variant_id: Id
    by: int = Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY)
    reason: str = Field(min_length=1, max_length=200)
    pool_id: Id | None = None


class Count(BaseModel):
    """`seen` is what the books said when counting began."""

    location_id: Id
    variant_id: Id
    seen: int = Field(ge=0, le=MAX_QUANTITY)
    counted: int = Field(ge=0, le=MAX_QUANTITY)


class PoolIn(BaseModel):
    """An escrow for a till or a channel; `quotas` by variant are taken from the open pool at that location."""

    name: str = Field(min_length=1, max_length=120)
    location_id: Id
    kind: Literal[PoolKind.TILL, PoolKind.CHANNEL] = PoolKind.TILL
    quotas: dict[int, Annotated[int, Field(ge=0, le=MAX_QUANTITY)]] = Field(
        default_factory=dict, max_length=1000, json_schema_extra=IDS_AS_NAMES
    )


class Transfer(BaseModel):
    variant_id: Id
    quantity: Units
    from_location: Id
    to_location: Id
    from_pool: Id | None = None
    to_pool: Id | None = None


class ImportedOut(import_api.ReportOut):
    """What `POST …/products/import` says, and how many variants had another number on hand before."""

    counted: int


@router.get("/locations")
async def locations(actor: Viewer, db: Db) -> list[Location]:
    async with db.transaction() as tx:
        return await places.locations(tx, shop_id=actor.shop_id)


@router.post("/locations", status_code=201)
async def add_location(body: LocationIn, actor: Editor, db: Db) -> Location:
    """A place where units are; the same name again is the same place."""
    async with db.transaction() as tx:
        return await places.add_location(tx, shop_id=actor.shop_id, name=body.name.strip(), kind=body.kind)


@router.get("/pools")
async def pools(actor: Viewer, db: Db) -> list[Pool]:
    async with db.transaction() as tx:
        return await places.pools(tx, shop_id=actor.shop_id)


@router.post("/pools", status_code=201, responses=refusals(UnknownStock, BadQuantity, PoolClosed))
async def open_till_pool(body: PoolIn, actor: Editor, db: Db) -> Pool:
    """Set units apart for a till or a channel that may be offline: nobody else sells them meanwhile."""
    async with db.transaction() as tx:
        for variant_id in body.quotas:
            await _own(tx, actor, variant_id)
        return await places.open_till_pool(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            name=body.name.strip(),
            quotas=body.quotas,
            kind=body.kind,
        )


@router.post("/pools/{pool_id}/close", responses=refusals(UnknownStock, WrongState))
async def close_pool(pool_id: Id, actor: Editor, db: Db) -> Pool:
    """Let the rest flow back to the open pool.  Twice is once; a show's pool closes with its show."""
    async with db.transaction() as tx:
        found = await places.pool(tx, shop_id=actor.shop_id, pool_id=pool_id)
        if found.kind is PoolKind.SHOW:
            raise WrongState(pool_id=pool_id)
        await places.close_pool(tx, shop_id=actor.shop_id, pool_id=pool_id)
        return await places.pool(tx, shop_id=actor.shop_id, pool_id=pool_id)


@router.get("/levels")
async def levels(actor: Viewer, db: Db, variant_id: Id | None = None) -> list[Level]:
    ids = None if variant_id is None else [variant_id]
    async with db.transaction() as tx:
        return await service.levels(tx, shop_id=actor.shop_id, variant_ids=ids)


@router.get("/movements/{variant_id}", responses=refusals(UnknownStock))
async def movements(
    variant_id: Id,
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> list[Movement]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        await _own(tx, actor, variant_id)
        found = await paging.page(
            partial(service.movements, tx, shop_id=actor.shop_id, variant_id=variant_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/shortages")
async def shortages(actor: Viewer, db: Db) -> list[Shortage]:
    """Promises that facts have broken and nothing has mended yet."""
    async with db.transaction() as tx:
        return await service.shortages(tx, shop_id=actor.shop_id)


@router.post("/receipts", status_code=201, responses=refusals(UnknownStock, BadQuantity, PoolClosed))
async def receive(body: Receipt, actor: Editor, db: Db) -> Level:
    async with db.transaction() as tx:
        await _own(tx, actor, body.variant_id)
        return await service.receive(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            variant_id=body.variant_id,
            quantity=body.quantity,
            pool_id=body.pool_id,
            reason=body.reason,
        )


@router.post(
    "/adjustments",
    status_code=201,
    responses=refusals(UnknownStock, BadQuantity, SignContradicts, NotEnough, PoolClosed),
)
async def adjust(body: Adjustment, actor: Editor, db: Db) -> Level:
    async with db.transaction() as tx:
        await _own(tx, actor, body.variant_id)
        return await service.adjust(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            variant_id=body.variant_id,
            by=body.by,
            reason=body.reason,
            pool_id=body.pool_id,
        )


@router.post("/counts", status_code=201, responses=refusals(UnknownStock, BadQuantity, CountStale))
async def count(body: Count, actor: Editor, db: Db) -> dict[str, int]:
    """Compare and set: refused when units came or left since counting began."""
    async with db.transaction() as tx:
        await _own(tx, actor, body.variant_id)
        books = await service.count(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            variant_id=body.variant_id,
            seen=body.seen,
            counted=body.counted,
        )
    return {"quantity": books}


@router.post(
    "/transfers", status_code=204, responses=refusals(UnknownStock, BadQuantity, NotEnough, PoolClosed)
)
async def transfer(body: Transfer, actor: Editor, db: Db) -> None:
    """Move free units on hand between locations and pools."""
    async with db.transaction() as tx:
        await _own(tx, actor, body.variant_id)
        await service.transfer(
            tx,
            shop_id=actor.shop_id,
            variant_id=body.variant_id,
            quantity=body.quantity,
            from_location=body.from_location,
            to_location=body.to_location,
            from_pool=body.from_pool,
            to_pool=body.to_pool,
        )


@router.post(
    "/import",
    responses=refusals(UnknownStock, BadQuantity, CountStale, *import_api.ReportOut.REFUSALS),
    openapi_extra=FILE_AS_BODY,
)
async def import_goods(
    request: Request,
    actor: Editor,
    _: CatalogEditor,
    db: Db,
    location_id: Id,
    new_status: catalog.Status = catalog.Status.DRAFT,
    decimal_sign: DecimalSign | None = None,
    check: bool = False,
) -> ImportedOut:
    """Take a file as `POST …/products/import` does, and set what is on hand at a location to what it says.

    Each number is a count: the same file again changes nothing, and what is reserved stays reserved.  Refused as a
    whole when units come or go meanwhile.  With `check` nothing is changed: the answer says what would be.
    """
    directory = services_of(request).given.pictures_dir
    async with (
        catalog.opened_import(request.stream(), None, directory) as found,
        db.transaction() as tx,
    ):
        report = await catalog.import_shopify_csv(
            tx,
            shop_id=actor.shop_id,
            stream=found.stream,
            actor=actor,
            archive=found.archive,
            stock_is_taken=True,
            is_trial=check,
            new_status=new_status,
            decimal_sign=decimal_sign,
        )
        counted = await imports.count_imported(
            tx, shop_id=actor.shop_id, location_id=location_id, units=report.units
        )
        if check:
            raise Rollback
    return ImportedOut.model_validate(asdict(report) | {"counted": counted})


async def _own(tx: Tx, actor: Actor, variant_id: int) -> None:
    """The books take any number for a variant; here it must be one of this shop."""
    if not await catalog.variants(tx, shop_id=actor.shop_id, ids=[variant_id]):
        raise UnknownStock(variant_id=variant_id)
