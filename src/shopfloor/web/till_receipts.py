"""The receipt of a till in the web: whoever has its code sees what was sold."""

from fastapi import Request
from starlette.responses import Response

from shopfloor import accounts, tills
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.web.templating import render

router = Router(include_in_schema=False)


@router.get("/s/{shop}/receipts/{token}")
@public
async def receipt(request: Request, shop: str, token: str, db: Db) -> Response:
    """Raises UnknownShop, tills.UnknownReceipt: also until the till has sent it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        shown = await tills.service.receipt(tx, shop_id=found.id, token=token[:64])
    response = render(
        request,
        "shop/till_receipt.html",
        shop=found,
        shown=shown,
        receipt=shown.receipt,
        money=lambda minor: Money(minor, found.currency),
    )
    response.headers["x-robots-tag"] = "noindex"
    return response
