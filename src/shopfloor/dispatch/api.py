"""/v1/{shop}/dispatch: orders that stores send."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import fulfilment
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.dispatch import service
from shopfloor.dispatch.models import NotHere, ReasonNeeded, Task, UnknownTask
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_QUANTITY

router = Router(prefix="/v1/{shop}/dispatch", tags=["dispatch"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Assistant = Annotated[Actor, Depends(allowed(Permission.TILL_SELL))]


class UnitsIn(BaseModel):
    line_id: Id
    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class PassOnIn(BaseModel):
    """`reason`: not_found and damaged units leave what the store has for sale; `other` needs a note.  Without `lines` all of it."""

    reason: Literal["not_found", "damaged", "no_time", "closed", "other"]
    note: str = Field("", max_length=400)
    lines: list[UnitsIn] = Field(default_factory=list[UnitsIn], max_length=200)


@router.get("")
async def listing(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    tab: Literal["new", "doing", "sent"] = "new",
    location_id: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Task]:
    """What nobody took on, what somebody did, oldest first; or what is sent, newest first."""
    async with db.transaction() as tx:
        found = await service.listing(
            tx,
            shop_id=actor.shop_id,
            tab=tab,
            location_id=location_id,
            after=after,
            before=before,
            limit=limit,
        )
    return with_links(request, response, found)


@router.get("/{parcel_id:uuid}", responses=refusals(UnknownTask))
async def one_task(parcel_id: UUID, actor: Viewer, db: Db) -> Task:
    """One parcel that a store sends."""
    async with db.transaction() as tx:
        return await service.task(tx, shop_id=actor.shop_id, parcel_id=parcel_id)


@router.post("/{parcel_id:uuid}/accept", responses=refusals(UnknownTask, NotHere))
async def accept_task(parcel_id: UUID, actor: Assistant, db: Db) -> Task:
    """Somebody sends it; the first stays."""
    async with db.transaction() as tx:
        return await service.accept(
            tx, shop_id=actor.shop_id, parcel_id=parcel_id, actor=f"person:{actor.person_id}"
        )


@router.post(
    "/{parcel_id:uuid}/pass-on",
    responses=refusals(UnknownTask, NotHere, ReasonNeeded, fulfilment.NotInParcel, UnusableText),
)
async def pass_on_task(parcel_id: UUID, body: PassOnIn, actor: Assistant, db: Db) -> Task:
    """The next location by the rules sends it; what no other has stays, and is stuck."""
    units: dict[int, int] = {}
    for each in body.lines:
        units[each.line_id] = min(MAX_QUANTITY, units.get(each.line_id, 0) + each.quantity)
    async with db.transaction() as tx:
        await service.pass_on(
            tx,
            shop_id=actor.shop_id,
            parcel_id=parcel_id,
            actor=f"person:{actor.person_id}",
            reason=body.reason,
            note=body.note,
            units=units or None,
        )
        return await service.task(tx, shop_id=actor.shop_id, parcel_id=parcel_id)
