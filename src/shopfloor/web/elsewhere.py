"""/e.js: the script with which other sites of the merchant report events.  The address stays, so it is not kept for ever."""

from hashlib import blake2b
from typing import Final

from fastapi import Request
from starlette.responses import Response

from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web.static import content_of

router = Router(include_in_schema=False)

_KEPT: Final = {
    "cache-control": "public, max-age=3600",
    # Pages that are isolated from others load it too.
    "cross-origin-resource-policy": "cross-origin",
}


@router.get("/e.js")
@public
async def script(request: Request) -> Response:
    content = content_of("events.js")
    tag = f'"{blake2b(content, digest_size=8).hexdigest()}"'
    headers = {**_KEPT, "etag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/javascript", headers=headers)
