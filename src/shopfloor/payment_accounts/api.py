"""Where providers tell us what happened, and a shop's accounts as JSON."""

from typing import Annotated

from fastapi import Depends, Path, Request, Response

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import now
from shopfloor.payment_accounts import connections, inbox
from shopfloor.payment_accounts.connections import Connections
from shopfloor.payment_accounts.models import ConnectionNotFound
from shopfloor.payment_providers import Message

router = Router(tags=["payments"])

Viewer = Annotated[Actor, Depends(allowed(Permission.MONEY_VIEW))]


@router.get("/v1/{shop}/payments/accounts")
async def accounts(actor: Viewer, db: Db) -> list[connections.Connection]:
    """The payment accounts of the shop; keys are never shown."""
    async with db.transaction() as tx:
        return await connections.connections_of(tx, shop_id=actor.shop_id)


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
