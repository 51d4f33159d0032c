"""/v1/{shop}/pickups: what is collected in stores.  The code of an order is its buyer's: nothing here tells it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import fulfilment
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.pickups import service
from shopfloor.pickups.models import NotWaiting, ProofNeeded, TooManyTries, UnknownPickup, WrongCode
from shopfloor.pickups.queries import Waiting

router = Router(prefix="/v1/{shop}/pickups", tags=["pickups"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Assistant = Annotated[Actor, Depends(allowed(Permission.TILL_SELL))]


class HandOverIn(BaseModel):
    """`code`: what the buyer shows; without one `reason`, once name and order number were checked."""

    code: str = Field("", max_length=200)
    reason: str = Field("", max_length=400)


@router.get("")
async def listing(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    tab: Literal["prepare", "ready", "done"] = "prepare",
    location_id: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Waiting]:
    """What is to be prepared, what waits for its buyers, oldest first; or what was handed over, newest first."""
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


@router.get("/{parcel_id:uuid}", responses=refusals(UnknownPickup))
async def one(parcel_id: UUID, actor: Viewer, db: Db) -> Waiting:
    """One parcel that is collected."""
    async with db.transaction() as tx:
        return await service.waiting(tx, shop_id=actor.shop_id, parcel_id=parcel_id)


@router.post("/{parcel_id:uuid}/accept", responses=refusals(UnknownPickup, fulfilment.WrongStep))
async def accept(parcel_id: UUID, actor: Assistant, db: Db) -> Waiting:
    """Somebody prepares it, and others see who."""
    async with db.transaction() as tx:
        await service.accept(
            tx, shop_id=actor.shop_id, parcel_id=parcel_id, actor=f"person:{actor.person_id}"
        )
        return await service.waiting(tx, shop_id=actor.shop_id, parcel_id=parcel_id)


@router.post("/{parcel_id:uuid}/ready", responses=refusals(UnknownPickup, fulfilment.WrongStep))
async def ready(parcel_id: UUID, actor: Assistant, db: Db) -> Waiting:
    """Its goods were found: its buyer is told, with the code."""
    async with db.transaction() as tx:
        await service.make_ready(
            tx, shop_id=actor.shop_id, parcel_id=parcel_id, actor=f"person:{actor.person_id}"
        )
        return await service.waiting(tx, shop_id=actor.shop_id, parcel_id=parcel_id)


@router.post(
    "/{parcel_id:uuid}/hand-over",
    responses=refusals(UnknownPickup, ProofNeeded, WrongCode, TooManyTries, NotWaiting, UnusableText),
)
async def hand_over(parcel_id: UUID, body: HandOverIn, actor: Assistant, db: Db) -> list[Waiting]:
    """All of its order that waits in that store goes to whoever came.  Once: a second one hears who did it."""
    done = await service.hand_over(
        db,
        shop_id=actor.shop_id,
        parcel_id=parcel_id,
        code=body.code,
        reason=body.reason,
        actor=f"person:{actor.person_id}",
    )
    async with db.transaction() as tx:
        return [await service.waiting(tx, shop_id=actor.shop_id, parcel_id=each.parcel_id) for each in done]
