"""Finding goods in a shop: search, and collections."""

from operator import attrgetter
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from shopfloor import accounts, catalog, collections
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import cleaned
from shopfloor.web.shop import PAGE, tiles
from shopfloor.web.templating import render

router = Router(include_in_schema=False)


@router.get("/s/{shop}/search")
@public
async def search(
    request: Request,
    shop: str,
    db: Db,
    q: Annotated[str, Query(max_length=200)] = "",
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    """Products on sale that have all of the words: titles in every language, pinyin, tags, options, SKUs."""
    wanted = " ".join(cleaned(q, one_line=True).split())
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        page = await paging.numbered(
            catalog.products,
            tx,
            shop_id=found.id,
            find=wanted,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        shown = await tiles(tx, found, page.items)
        listed = await collections.of_shop(tx, shop_id=found.id, shown=True)
    return render(
        request,
        "shop/search.html",
        shop=found,
        search=wanted,
        page=page,
        products=shown,
        collections=listed,
    )


@router.get("/s/{shop}/collections/{handle}")
@public
async def collection(
    request: Request, shop: str, handle: str, db: Db, after: Id | None = None, before: Id | None = None
) -> Response:
    """The products of a collection that are on sale, in its order; `after` and `before` are places in it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        shown = await collections.one(tx, shop_id=found.id, handle=cleaned(handle, one_line=True))
        page = await paging.numbered(
            collections.places,
            tx,
            shop_id=found.id,
            collection_id=shown.id,
            on_sale=True,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("position"),
        )
        ids = [each.product_id for each in page.items]
        products = await catalog.products_by_id(tx, shop_id=found.id, ids=ids)
        listed = await tiles(tx, found, [products[each] for each in ids])
        others = await collections.of_shop(tx, shop_id=found.id, shown=True)
    return render(
        request,
        "shop/collection.html",
        shop=found,
        collection=shown,
        page=page,
        products=listed,
        collections=others,
    )
