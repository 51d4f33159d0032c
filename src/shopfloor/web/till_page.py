"""The till's page: a shell that a device keeps, with a worker of its own.  What it says to the server is `tills`."""

import hashlib
import json
from typing import Any, Final

from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web.languages import LANGUAGES, N_, Language, fitting
from shopfloor.web.static import asset, content_of
from shopfloor.web.templating import page_text
from shopfloor.web.till_words import till_words

router = Router(include_in_schema=False)

_NEVER_KEPT: Final = {"cache-control": "no-cache"}
_TITLE: Final = N_("Till")
_KINDS: Final = {"till": _TITLE, "till-display": N_("Customer display")}
_SHELL: Final = ("till.css", "icons.svg", "mark.svg", "till-192.png", "till-512.png")


@router.get("/till/{shop}")
@public
async def front(shop: str, db: Db) -> Response:
    """Under `/till/{shop}/` lies all that the worker of this till may answer, and no other shop's."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    return RedirectResponse(f"/till/{found.slug}/sell", status_code=303)


@router.get("/till/{shop}/sell")
@public
async def sell(shop: str, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    return Response(_page(found, "till"), media_type="text/html", headers=_NEVER_KEPT)


@router.get("/till/{shop}/display")
@public
async def display(shop: str, db: Db) -> Response:
    """A second window, for the customer: told by the first one."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    return Response(_page(found, "till-display"), media_type="text/html", headers=_NEVER_KEPT)


@router.get("/till/{shop}/worker.js")
@public
async def worker(shop: str, db: Db) -> Response:
    """With the list of what it keeps, so that it changes whenever one of them does."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    return Response(_worker(found), media_type="text/javascript", headers=_NEVER_KEPT)


@router.get("/till/{shop}/manifest.webmanifest")
@public
async def manifest(shop: str, db: Db) -> Response:
    """What a device needs to install the page."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    title = _language(found).words.gettext(_TITLE)
    icons: list[dict[str, Any]] = [
        {"src": asset(f"till-{size}.png").url, "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    fields = {
        "id": f"/till/{found.slug}/sell",
        "name": f"{found.name} · {title}",
        "short_name": title,
        "start_url": f"/till/{found.slug}/sell",
        "scope": f"/till/{found.slug}/",
        "display": "standalone",
        "background_color": "#f6f3ec",
        "theme_color": "#f6f3ec",
        "icons": icons,
    }
    return JSONResponse(fields, media_type="application/manifest+json", headers=_NEVER_KEPT)


def _language(shop: accounts.Shop) -> Language:
    """The shell is kept on the device: its language is the shop's, its words are all of them."""
    return fitting(shop.locale) or LANGUAGES[0]


def _page(shop: accounts.Shop, kind: str) -> str:
    language = _language(shop)
    return page_text(
        "till/page.html",
        language=language,
        path=f"/till/{shop.slug}/sell",
        shop=shop,
        kind=kind,
        title=language.words.gettext(_KINDS[kind]),
        words=till_words(),
    )


def _worker(shop: accounts.Shop) -> str:
    files: set[str] = {asset(name).url for name in _SHELL}
    pages: list[str] = []
    for kind, path in (("till", "sell"), ("till-display", "display")):
        script = asset(f"{kind}.js")
        files |= {script.url, *script.imports}
        pages.append(f"/till/{shop.slug}/{path}")
    text = content_of("till-worker.js").decode()
    parts = [*sorted(files), *(_page(shop, kind) for kind in _KINDS), text]
    version = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    shell = {"slug": shop.slug, "version": version, "pages": pages, "files": sorted(files)}
    return f"const SHELL = {json.dumps(shell)};\n{text}"
