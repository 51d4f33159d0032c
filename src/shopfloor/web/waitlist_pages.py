"""Joining the waitlist, the place in it, and leaving it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import (
    accounts,
    catalog,
    embeds,
    notices,
    purchases,
    sms,
)
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.shoppers.api import Shopper
from shopfloor.web.checkout import elsewhere, network_of
from shopfloor.web.languages import language_of
from shopfloor.web.parts import option_words, texts_now
from shopfloor.web.templating import render
from shopfloor.web.waitlist import MOST_HOLDS, in_basket, in_line, kept_for, settled

router = Router(include_in_schema=False)


@router.post("/s/{shop}/waitlist")
@public
async def join_waitlist(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    variant_id: Annotated[Id, Form(ge=1, lt=2**63)],
    offer_id: Annotated[int | None, Form(ge=1, lt=2**63)] = None,
    quantity: Annotated[int, Form(ge=1, le=999)] = 1,
) -> Response:
    """Stand in line; standing there already is the same place.  JSON for a script, else on to the places."""
    if getattr(request.state, "new_shopper", None) is not None:
        # Units would be reserved for a browser that may refuse the cookie by which it could claim them.
        again = purchases.asked_again(request.url.path, request.url.query)
        if again is None:
            raise purchases.CookieNeeded
        return RedirectResponse(again, status_code=307)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        place = await purchases.join(
            tx,
            shop_id=found.id,
            variant_id=variant_id,
            buyer=shopper,
            quantity=quantity,
            offer_id=offer_id,
            network=network_of(request),
        )
    url = f"/s/{found.slug}/waitlist"
    if "application/json" in request.headers.get("accept", ""):
        body: dict[str, Any] = {
            "id": str(place.id),
            "position": place.position,
            "state": str(place.state),
            "url": url,
        }
        return JSONResponse(body)
    return RedirectResponse(url, status_code=303)


@router.get("/s/{shop}/waitlist")
@public
async def waitlist(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    holds: Annotated[str, Query(max_length=MOST_HOLDS * 74, pattern="^[0-9a-f,-]*$")] = "",
    show: Id | None = None,
) -> Response:
    """The places, which move while the page is open; for a script as JSON, with what became of its `holds`, and what is
    reserved in a `show`.
    """
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        if "application/json" in request.headers.get("accept", ""):
            state = await in_line(tx, found, shopper, language_of(request, found.locale))
            others = await elsewhere(tx, request, found, shopper)
            if holds:
                paid_by = await embeds.openers(tx, shop_id=found.id, framed=shopper)
                state |= await settled(tx, found, shopper, holds.split(","), [*others, *paid_by])
            if show is not None:
                state |= await in_basket(tx, found, show, shopper, others, language_of(request, found.locale))
            return JSONResponse(state, headers={"cache-control": "no-store"})
        places = await purchases.places(tx, buyer=shopper, shop_id=found.id)
        variants = {
            variant.id: variant
            for variant in await catalog.variants(
                tx, shop_id=found.id, ids=[place.variant_id for place in places]
            )
        }
        products = {
            variant.product_id: await catalog.product(tx, shop_id=found.id, product_id=variant.product_id)
            for variant in variants.values()
        }
        days = {place.id: await kept_for(tx, place) for place in places}
        by_sms = await sms.sends(tx, shop_id=found.id, kind=notices.Kind.PLACE_OFFERED)
    response = render(
        request,
        "shop/waitlist.html",
        shop=found,
        places=places,
        by_sms=by_sms is not None,
        days=days,
        variants=variants,
        products=products,
        texts=texts_now(products.values(), language_of(request, found.locale)),
        option_words=option_words,
        server_ms=int(now().timestamp() * 1000),
    )
    response.headers["cache-control"] = "private, no-store"
    return response


@router.post("/s/{shop}/waitlist/{waiting_id}/leave")
@public
async def leave_waitlist(request: Request, shop: str, waiting_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await purchases.leave(tx, shop_id=found.id, waiting_id=waiting_id, buyer=shopper)
    return RedirectResponse(f"/s/{found.slug}/waitlist", status_code=303)
