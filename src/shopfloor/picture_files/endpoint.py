"""The files of pictures over HTTP."""

import re
from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from shopfloor.picture_files.processing import PICTURE_SIZES

_PATH: Final = re.compile(r"/([0-9a-f]{64})/([0-9]{2,4})\.webp\Z")


class PictureFiles:
    """ASGI app for /pictures: {sha}/{size}.webp, to be kept for ever by whoever fetched it."""

    is_public = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._response(scope)(scope, receive, send)

    def _response(self, scope: Scope) -> Response:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={"allow": "GET, HEAD"})
        found = _PATH.search(scope["path"])
        if found is None or int(found[2]) not in PICTURE_SIZES:
            return Response(status_code=404)
        path = self._directory / found[1] / f"{int(found[2])}.webp"
        if not path.is_file():
            return Response(status_code=404)
        return FileResponse(
            path,
            media_type="image/webp",
            headers={
                "cache-control": "public, max-age=31536000, immutable",
                "x-content-type-options": "nosniff",
                "content-security-policy": "default-src 'none'",
            },
        )
