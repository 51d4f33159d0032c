"""The sitemap: an index, and parts with what is sold in order of its ids (https://www.sitemaps.org/protocol.html).

A part has the products of a range of ids, so that it is found without reading the others and stays as it is while
others come.  Each is made once for all who ask, kept for a while, and made anew when one of its products changes.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Final
from xml.sax.saxutils import escape

from fastapi import Path, Request
from starlette.responses import Response

from shopfloor import accounts, catalog
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.http import Db, public_link
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of

router = Router(include_in_schema=False)

# The protocol allows 50,000 addresses a file; of fewer, a page of the database and a megabyte are enough.
AT_ONCE: Final = 10_000
KEPT_SECONDS: Final = 600.0
MOST_KEPT: Final = 16
_NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_INDEX: Final = -1
_SHOPS: Final = -2


class Sitemaps:
    """What is kept of them in this process: at most MOST_KEPT files, the last asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        # One is made at a time, whoever asks.
        self._making = asyncio.Lock()

    def forget(self, product_id: int) -> None:
        """It changed."""
        self._kept.pop(product_id // AT_ONCE, None)
        self._kept.pop(_INDEX, None)

    async def get(self, part: int, make: Callable[[], Awaitable[bytes]]) -> bytes:
        async with self._making:
            kept = self._kept.get(part)
            if kept is not None and self._clock() - kept[0] < KEPT_SECONDS:
                self._kept.move_to_end(part)
                return kept[1]
            content = await make()
            self._kept[part] = self._clock(), content
            self._kept.move_to_end(part)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return content


def _file(kind: str, entry: str, places: Iterable[tuple[str, str]]) -> bytes:
    """`places`: each address with the day of its last change, or none."""
    entries = "".join(
        f"<{entry}><loc>{escape(place)}</loc>{f'<lastmod>{changed}</lastmod>' if changed else ''}</{entry}>"
        for place, changed in places
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} xmlns="{_NAMESPACE}">{entries}</{kind}>\n'.encode()
    )


async def _answer(request: Request, part: int, make: Callable[[], Awaitable[bytes]]) -> Response:
    body = await services_of(request).part(Sitemaps).get(part, make)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"cache-control": f"public, max-age={KEPT_SECONDS:.0f}", "etag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/xml", headers=headers)


@router.get("/sitemap.xml")
@public
async def index(request: Request, db: Db) -> Response:
    async def make() -> bytes:
        async with db.transaction() as tx:
            parts = await catalog.Published.parts(tx, size=AT_ONCE)
        places = [(public_link(request, "/sitemap-shops.xml"), "")]
        places += [
            (
                public_link(request, f"/sitemap-products-{each.part}.xml"),
                f"{each.changed_at:%Y-%m-%dT%H:%M:%SZ}",
            )
            for each in parts
        ]
        return _file("sitemapindex", "sitemap", places)

    return await _answer(request, _INDEX, make)


@router.get("/sitemap-shops.xml")
@public
async def shops(request: Request, db: Db) -> Response:
    async def make() -> bytes:
        async with db.transaction() as tx:
            found = await accounts.shops(tx)
        return _file("urlset", "url", [(public_link(request, f"/s/{shop.slug}"), "") for shop in found])

    return await _answer(request, _SHOPS, make)


@router.get("/sitemap-products-{part}.xml")
@public
async def products(request: Request, db: Db, part: Annotated[int, Path(ge=0, le=10**14)]) -> Response:
    async def make() -> bytes:
        async with db.transaction() as tx:
            found = await catalog.Published.among(tx, first=part * AT_ONCE, number=AT_ONCE)
        if not found:
            raise NotFound
        return _file(
            "urlset",
            "url",
            [
                (public_link(request, f"/s/{each.slug}/p/{each.id}"), f"{each.changed_at:%Y-%m-%dT%H:%M:%SZ}")
                for each in found
            ],
        )

    return await _answer(request, part, make)
