"""What a shop says about itself: its pages of text, and the sheet with its colours."""

from fastapi import Request
from starlette.responses import Response

from shopfloor import accounts, brand
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web.brand import TITLES, shop_pages
from shopfloor.web.templating import render

router = Router(include_in_schema=False)


class UnknownPage(NotFound):
    """The shop has no such page."""

    code = "shop.unknown_page"


@router.get("/s/{shop}/pages/{kind}")
@public
async def text(request: Request, shop: str, kind: str, db: Db) -> Response:
    """A text of the shop.  Licences stand on the legal notice, the contact on what is about the shop."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        if kind not in dict(shop_pages(found)):
            raise UnknownPage(page=kind)
        texts = (await brand.texts(tx, shop_id=found.id)).get(kind, {})
    return render(
        request, "shop/text.html", shop=found, kind=kind, title=TITLES[kind], texts=texts, own=found.locale
    )


@router.get("/s/{shop}/accent.css")
@public
async def accent(shop: str, db: Db) -> Response:
    """Asked for with the colour in its address (`?of=…`), so that it can be kept."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    colour = found.brand.accent
    return Response(
        brand.accents.style(colour) if colour else "",
        media_type="text/css",
        headers={"cache-control": "public, max-age=86400"},
    )
