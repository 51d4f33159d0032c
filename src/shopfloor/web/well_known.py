"""What browsers and search engines ask every site for: robots.txt and favicon.ico."""

from typing import Final

from fastapi import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from shopfloor.kernel.http import public_link
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
