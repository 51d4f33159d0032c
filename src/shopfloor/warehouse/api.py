"""/v1/{shop}/parcels: what is to pick, what was packed, and what is on its way."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import fulfilment, orders
from shopfloor.accounts import Actor, Permission
from shopfloor.accounts.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.warehouse import service
from shopfloor.warehouse.queries import ParcelSummary

router = Router(prefix="/v1/{shop}/parcels", tags=["parcels"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]


class Tracked(BaseModel):
    """Empty: what the parcel has stays."""

    carrier: str = Field("", max_length=60)
    tracking: str = Field("", max_length=200)


@router.get("")
async def parcels(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: fulfilment.State | None = None,
    show_id: Id | None = None,
    location_id: Id | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ParcelSummary]:
    """Oldest first.  `search`: an order's or a parcel's number, or a tracking number, in all states.  The header `Link`
    leads to the next page.
    """
    async with db.transaction() as tx:
        found = await service.listing(
            tx,
            shop_id=actor.shop_id,
            state=None if state is None else state.value,
            show_id=show_id,
            location_id=location_id,
            search=search,
            after=after,
            before=before,
            limit=limit,
        )
    return with_links(request, response, found)


async def _told(db: Db, actor: Actor, parcel_id: UUID) -> dict[str, Any]:
    async with db.transaction() as tx:
        parcel = await fulfilment.parcel(tx, shop_id=actor.shop_id, parcel_id=parcel_id)
        [packed] = await service.packed(tx, shop_id=actor.shop_id, ids=[parcel_id])
        history = await fulfilment.history(tx, parcel_id=parcel_id)
    told: dict[str, Any] = msgspec.to_builtins(
        {"parcel": parcel, "recipient": packed.recipient, "items": packed.items, "history": history}
    )
    told["parcel"]["number"] = parcel.number
    told["grams"] = packed.grams
    return told


@router.get("/{parcel_id:uuid}", responses=refusals(fulfilment.ParcelNotFound))
async def parcel(parcel_id: UUID, actor: Viewer, db: Db) -> dict[str, Any]:
    """One parcel with where it goes, what is in it and what happened to it."""
    return await _told(db, actor, parcel_id)


@router.post(
    "/{parcel_id:uuid}/track",
    responses=refusals(fulfilment.ParcelNotFound, fulfilment.WrongStep, UnusableText),
)
async def track(parcel_id: UUID, body: Tracked, actor: Manager, db: Db) -> dict[str, Any]:
    """Its number at its carrier, before it leaves or after."""
    async with db.transaction() as tx:
        await orders.shipping.track_parcel(
            tx,
            shop_id=actor.shop_id,
            parcel_id=parcel_id,
            carrier=body.carrier,
            tracking=body.tracking,
            actor=f"person:{actor.person_id}",
        )
    return await _told(db, actor, parcel_id)
