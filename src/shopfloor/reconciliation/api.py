"""Money that fits no order, as JSON."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.reconciliation import differences
from shopfloor.reconciliation.models import Difference

router = Router(tags=["payments"])

Viewer = Annotated[Actor, Depends(allowed(Permission.MONEY_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.MONEY_MANAGE))]


class Settled(BaseModel):
    """`note`: how it was settled."""

    note: str = Field(min_length=1, max_length=1000)


@router.get("/v1/{shop}/payments/differences")
async def open_differences(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Difference]:
    """Money that fits no order and that nobody has closed, the oldest first.  The header `Link` leads on."""
    async with db.transaction() as tx:
        found = await differences.page_of(tx, shop_id=actor.shop_id, after=after, before=before, limit=limit)
    return with_links(request, response, found)


@router.post(
    "/v1/{shop}/payments/differences/{difference_id}/settle",
    status_code=204,
    responses=refusals(differences.DifferenceClosed),
)
async def settle(difference_id: UUID, body: Settled, actor: Manager, db: Db) -> Response:
    """Close it: it was settled by hand."""
    async with db.transaction() as tx:
        await differences.close(
            tx,
            shop_id=actor.shop_id,
            difference_id=difference_id,
            actor=f"person:{actor.person_id}",
            note=body.note,
        )
    return Response(status_code=204)
