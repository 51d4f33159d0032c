"""What browsers and search engines ask every site for: robots.txt, favicon.ico, sitemap.xml."""

from typing import Final
from xml.sax.saxutils import escape

from fastapi import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from shopfloor import accounts, catalog
from shopfloor.kernel.http import Db, public_link
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web.static import asset

router = Router(include_in_schema=False)

_PRIVATE: Final = (
    "/console/",
    "/v1/",
    "/sign-in",
    "/claim/",
    "/join/",
    "/supplier/",
    "/s/*/cart",
    "/s/*/checkout/",
    "/s/*/orders/",
)
# What one sitemap may list.
_MOST: Final = 50_000


@router.get("/robots.txt")
@public
async def robots(request: Request) -> Response:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _PRIVATE)]
    lines.append(f"Sitemap: {public_link(request, '/sitemap.xml')}")
    return PlainTextResponse("\n".join([*lines, ""]), headers={"cache-control": "public, max-age=3600"})


@router.get("/favicon.ico")
@public
async def favicon() -> Response:
    """The mark of the pages; its own address changes with its content."""
    return RedirectResponse(
        asset("mark.svg").url, status_code=302, headers={"cache-control": "public, max-age=3600"}
    )


@router.get("/sitemap.xml")
@public
async def sitemap(request: Request, db: Db) -> Response:
    """The shops and what they sell."""
    paths: list[str] = []
    async with db.transaction() as tx:
        for shop in await accounts.shops(tx):
            paths.append(f"/s/{shop.slug}")
            products = await catalog.products(tx, shop_id=shop.id, status=catalog.Status.ACTIVE, limit=None)
            paths += [f"/s/{shop.slug}/p/{product.id}" for product in products]
    entries = "".join(f"<url><loc>{escape(public_link(request, path))}</loc></url>" for path in paths[:_MOST])
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>\n'
    )
    return Response(text, media_type="application/xml", headers={"cache-control": "public, max-age=300"})
