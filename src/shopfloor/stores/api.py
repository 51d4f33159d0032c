"""/v1/{shop}/stores: what buyers are told of locations, and whether orders are collected there."""

from datetime import date
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from shopfloor import accounts
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.stores import queries, service
from shopfloor.stores.models import AfterKeeping, BadHours, BadStore, NoAddress, Store, UnknownStore

router = Router(prefix="/v1/{shop}/stores", tags=["stores"])

Viewer = Annotated[Actor, Depends(allowed(Permission.STOCK_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.TILL_MANAGE))]
Span = Annotated[list[int], Field(min_length=2, max_length=2)]
Day = Annotated[list[Span], Field(max_length=10)]


class StoreIn(BaseModel):
    """`hours`: seven lists, Monday first, of [opens, closes] in minutes of the day; `timezone` as in Asia/Shanghai,
    without it the shop's.  `ready_minutes`: of being open, until an order can be collected; `keep_days`: so long it waits.
    """

    street: str = Field("", max_length=400)
    city: str = Field("", max_length=400)
    postcode: str = Field("", max_length=400)
    region: str = Field("", max_length=400)
    country: str = Field("", max_length=2)
    phone: str = Field("", max_length=400)
    note: str = Field("", max_length=4000)
    timezone: str = Field("", max_length=100)
    hours: list[Day] = Field(min_length=7, max_length=7)
    closed_on: list[date] = Field(default_factory=list[date], max_length=400)
    collects: bool = False
    ready_minutes: int = Field(120, ge=0, le=10_080)
    keep_days: int = Field(7, ge=1, le=90)
    after_keeping: AfterKeeping = AfterKeeping.RELEASE


@router.get("")
async def all_stores(actor: Viewer, db: Db) -> list[Store]:
    """Those of which buyers know something, by name."""
    async with db.transaction() as tx:
        return await queries.stores(tx, shop_id=actor.shop_id)


@router.get("/{location_id}", responses=refusals(UnknownStore))
async def one_store(location_id: Id, actor: Viewer, db: Db) -> Store:
    """What is set for a location, or what holds until something is."""
    async with db.transaction() as tx:
        shop = await accounts.shop(tx, actor.shop_id)
        return await service.store(tx, shop_id=actor.shop_id, location_id=location_id, timezone=shop.timezone)


@router.put("/{location_id}", responses=refusals(UnknownStore, NoAddress, BadHours, BadStore, UnusableText))
async def save_store(location_id: Id, body: StoreIn, actor: Manager, db: Db) -> Store:
    """Checkouts that are open keep what they showed; orders that wait keep their time."""
    async with db.transaction() as tx:
        shop = await accounts.shop(tx, actor.shop_id)
        wanted = Store(
            location_id=location_id,
            shop_id=actor.shop_id,
            name="",
            **body.model_dump(exclude={"timezone"}),
            timezone=body.timezone or shop.timezone,
        )
        return await service.save(tx, wanted)
