"""Where buyers claim a coupon: a page with one button, without JavaScript."""

from typing import Final

from fastapi import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts, promotions, purchases
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = Router(include_in_schema=False)

CLAIMED: Final = N_("It's yours. It's applied at checkout automatically.")


@router.get("/s/{shop}/coupons/{slug}")
@public
async def coupon(request: Request, shop: str, slug: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        page = await promotions.coupon(tx, shop_id=found.id, slug=slug, buyer=shopper)
    response = render(
        request,
        "shop/coupon.html",
        shop=found,
        coupon=page,
        discount=page.discount,
        money=lambda minor: Money(minor, page.discount.currency),
    )
    response.headers["cache-control"] = "private, no-store"
    return response


@router.post("/s/{shop}/coupons/{slug}")
@public
async def claim(request: Request, shop: str, slug: str, shopper: Shopper, db: Db) -> Response:
    """Claim it; claiming it again is the same claim.  A script that asks for JSON hears that it is theirs."""
    if getattr(request.state, "new_shopper", None) is not None:
        # It would be claimed for a browser that may refuse the cookie by which it could be used.
        again = purchases.asked_again(request.url.path, request.url.query)
        if again is None:
            raise purchases.CookieNeeded
        return RedirectResponse(again, status_code=307)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        page = await promotions.coupon(tx, shop_id=found.id, slug=slug, buyer=shopper)
    as_json = "application/json" in request.headers.get("accept", "")
    response: Response = RedirectResponse(f"/s/{found.slug}/coupons/{page.discount.slug}", status_code=303)
    try:
        await (
            services_of(request)
            .part(promotions.Claims)
            .claim(shop_id=found.id, discount_id=page.discount.id, buyer=shopper)
        )
    except Refusal as refusal:
        if as_json:
            raise
        flash(response, "bad", message_of(refusal, language_of(request, found.locale)))
    else:
        if as_json:
            return JSONResponse({"claimed": True}, headers={"cache-control": "no-store"})
        flash(response, "good", speak(request).gettext(CLAIMED))
    return response
