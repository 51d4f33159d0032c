"""Where providers tell us what happened, and a shop's accounts and money that fits no order as JSON."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import now
from shopfloor.payment_providers import Message
from shopfloor.payments import connections, differences, inbox
from shopfloor.payments.connections import Connections
from shopfloor.payments.models import ConnectionNotFound, Difference

router = Router(tags=["payments"])

Viewer = Annotated[Actor, Depends(allowed(Permission.MONEY_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.MONEY_MANAGE))]


class Settled(BaseModel):
    """`note`: how it was settled."""

    note: str = Field(min_length=1, max_length=1000)


@router.get("/v1/{shop}/payments/accounts")
async def accounts(actor: Viewer, db: Db) -> list[connections.Connection]:
    """The payment accounts of the shop; keys are never shown."""
    async with db.transaction() as tx:
        return await connections.connections(tx, shop_id=actor.shop_id)


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


@router.post("/payments/{provider}/{connection}/notify", include_in_schema=False)
@public
async def notify(request: Request, provider: Annotated[str, Path(max_length=40)], connection: Id) -> Response:
    """Verified, kept once, and answered at once with what this provider wants to hear; what follows comes after."""
    known = services_of(request).find(Connections)
    if known is None:
        raise ConnectionNotFound
    account, built = await known.one(provider=provider, connection_id=connection)
    message = Message(
        method=request.method,
        path=request.url.path,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        received_at=now(),
    )
    received = built.receive(message)
    await known.postbox.keep(inbox.Arrived(account, message, received.key))
    answer = received.acknowledgement
    return Response(answer.body, answer.status, media_type=answer.content_type)
