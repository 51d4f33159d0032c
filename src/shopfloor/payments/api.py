"""Where providers tell us what happened: POST /payments/{provider}/{connection}/notify."""

from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from shopfloor.accounts.api import public
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import now
from shopfloor.payments import inbox
from shopfloor.payments.connections import Connections
from shopfloor.payments.models import ConnectionNotFound
from shopfloor.payments.providers import Message

router = Router(include_in_schema=False)


@router.post("/payments/{provider}/{connection}/notify")
@public
async def notify(
    request: Request, provider: Annotated[str, Path(max_length=40)], connection: Id, db: Db
) -> Response:
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
    async with db.transaction() as tx:
        await inbox.keep(tx, account, message, key=received.key)
    answer = received.acknowledgement
    return Response(answer.body, answer.status, media_type=answer.content_type)
