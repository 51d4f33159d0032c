"""Disputes as JSON."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.disputes import service
from shopfloor.disputes.models import Answer, Dispute, DisputeNotFound, DisputeOver
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}/disputes", tags=["payments"])

Viewer = Annotated[Actor, Depends(allowed(Permission.MONEY_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.MONEY_MANAGE))]


class Answered(BaseModel):
    """What was done about it at the payment service."""

    kind: Answer
    note: str = Field("", max_length=1000)


@router.get("")
async def disputes(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Dispute]:
    """All of the shop, the newest first.  The header `Link` leads on.  `subject_id` is the order."""
    async with db.transaction() as tx:
        found = await service.page_of(tx, shop_id=actor.shop_id, after=after, before=before, limit=limit)
    return with_links(request, response, found)


@router.get("/{dispute_id:uuid}", responses=refusals(DisputeNotFound))
async def dispute(dispute_id: UUID, actor: Viewer, db: Db) -> service.Case:
    """One, with the money that moved and what members noted."""
    async with db.transaction() as tx:
        return await service.case(tx, shop_id=actor.shop_id, dispute_id=dispute_id)


@router.post("/{dispute_id:uuid}/answers", status_code=204, responses=refusals(DisputeNotFound, DisputeOver))
async def answer(dispute_id: UUID, body: Answered, actor: Manager, db: Db) -> Response:
    """Note that it was accepted, or that the evidence was sent; by whom and when is kept."""
    async with db.transaction() as tx:
        await service.answer(
            tx,
            shop_id=actor.shop_id,
            dispute_id=dispute_id,
            kind=body.kind,
            note=body.note,
            person_id=actor.person_id,
        )
    return Response(status_code=204)
