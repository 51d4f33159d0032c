"""A browser allows notifications, or takes it back; and the worker that shows them."""

from time import monotonic
from typing import Annotated, Final

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from shopfloor import accounts, push
from shopfloor.kernel import secrets
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import TooMany
from shopfloor.kernel.http import Db, client_address
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import language_of
from shopfloor.web.static import content_of

router = Router(include_in_schema=False)

# Of one address: a campus allows it now and then, a flood fills no table.
_ALLOWED: Final = Gcra(every=6.0, burst=60)


class TooManySubscriptions(TooMany):
    """Too many browsers ask for notifications from here. Try again later."""

    code = "push.too_many"


class SubscriptionIn(BaseModel):
    """What `PushManager.subscribe` gives, flat; `show_id` of a show whose start is wanted."""

    endpoint: Annotated[str, Field(max_length=1000)]
    p256dh: Annotated[str, Field(max_length=120)]
    auth: Annotated[str, Field(max_length=40)]
    show_id: Id | None = None


class EndpointIn(BaseModel):
    endpoint: Annotated[str, Field(max_length=1000)]


@router.get("/push-worker.js")
@public
async def worker() -> Response:
    """At an address that stays: browsers ask it for news of itself."""
    return Response(
        content_of("push-worker.js"), media_type="text/javascript", headers={"cache-control": "no-cache"}
    )


@router.get("/s/{shop}/push")
@public
async def key(request: Request, shop: str, db: Db) -> Response:
    async with db.transaction() as tx:
        await accounts.shop_by_slug(tx, shop)
        point = await push.public_key(tx, box=secrets.box(services_of(request).given))
    return JSONResponse({"key": point}, headers={"cache-control": "no-store"})


@router.post("/s/{shop}/push")
@public
async def allow(request: Request, shop: str, shopper: Shopper, db: Db, body: SubscriptionIn) -> Response:
    wait = _ALLOWED.wait(client_address(request), monotonic())
    if wait:
        raise TooManySubscriptions(again_in=int(wait) + 1)
    given = push.subscription(
        body.endpoint,
        body.p256dh,
        body.auth,
        private_allowed=bool(services_of(request).given.fetchable),
    )
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await push.subscribe(
            tx,
            given,
            shop_id=found.id,
            shopper=shopper,
            locale=language_of(request, found.locale).tag,
            show_id=body.show_id,
        )
    return Response(status_code=204)


@router.post("/s/{shop}/push/remove")
@public
async def take_back(shop: str, shopper: Shopper, db: Db, body: EndpointIn) -> Response:
    """Also where it was never allowed: what is wanted is true then."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await push.unsubscribe(tx, shop_id=found.id, shopper=shopper, endpoint=body.endpoint)
    return Response(status_code=204)
