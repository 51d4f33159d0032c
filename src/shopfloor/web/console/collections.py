"""Collections: goods put together by hand, in an order of their own."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, collections
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import id_of
from shopfloor.web.console.languages import other_language
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/collections", include_in_schema=False)

Viewer = Annotated[Desk, at_page("collections")]
Editor = Annotated[Desk, at(Permission.CATALOG_EDIT)]
Text = Annotated[str, Form(max_length=1000)]

PAGE = 60
# So many that a search found are offered to be added; it says so where there are more.
OFFERED = 40


@router.get("")
async def listing(desk: Viewer) -> Response:
    return await _list(desk, "", "", "", 200)


async def _list(desk: Desk, title: str, other_title: str, error: str, status: int) -> Response:
    async with desk.db.transaction() as tx:
        known = await collections.of_shop(tx, shop_id=desk.shop.id)
    return desk.page(
        "collections.html",
        active="products",
        collections=known,
        values={"title": title, "other_title": other_title},
        errors={"title": error} if error else {},
        other=other_language(desk),
        status=status,
    )


@router.post("")
async def create(desk: Editor, title: Text = "", other_title: Text = "") -> Response:
    try:
        async with desk.work() as tx:
            collection = await collections.create(
                tx, actor=desk.actor, title=title, titles={other_language(desk): other_title}
            )
    except Refusal as refusal:
        return await _list(desk, title, other_title, message_of(refusal, desk.language), refusal.status)
    return desk.back(f"/collections/{collection.id}", desk.say(N_("Collection created. Add products to it.")))


@router.post("/{collection_id}/move")
async def move(desk: Editor, collection_id: Id, way: Annotated[collections.Way, Form()]) -> Response:
    with desk.back_if_refused("/collections"):
        async with desk.work() as tx:
            await collections.move(tx, shop_id=desk.shop.id, collection_id=collection_id, way=way)
    return desk.back("/collections")


@router.get("/{collection_id}")
async def one(
    desk: Viewer,
    collection_id: Id,
    search: Annotated[str, Query(max_length=200)] = "",
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    """Its products in their order, and, where something is looked for, what can be added."""
    return await _one(desk, collection_id, search=search, after=after, before=before)


async def _one(
    desk: Desk,
    collection_id: int,
    *,
    search: str = "",
    after: int | None = None,
    before: int | None = None,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    async with desk.db.transaction() as tx:
        shop_id = desk.shop.id
        shown = await collections.one(tx, shop_id=shop_id, collection_id=collection_id)
        page = await paging.numbered(
            collections.places,
            tx,
            shop_id=shop_id,
            collection_id=collection_id,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("position"),
        )
        offered = await catalog.products(tx, shop_id=shop_id, search=search, limit=OFFERED + 1)
        members = set(
            await collections.among(
                tx, collection_id=collection_id, product_ids=[each.id for each in offered]
            )
        )
        ids = [each.product_id for each in page.items]
        products = await catalog.products_by_id(tx, shop_id=shop_id, ids=ids)
    return desk.page(
        "collection.html",
        active="products",
        collection=shown,
        page=page,
        members=[products[each] for each in ids],
        offered=[each for each in offered[:OFFERED] if each.id not in members],
        more=len(offered) > OFFERED,
        search=search,
        other=other_language(desk),
        values=typed
        or {
            "title": shown.title,
            "other_title": shown.titles.get(other_language(desk), ""),
            "is_shown": "yes" if shown.is_shown else "",
        },
        errors=errors or {},
        status=status,
    )


@router.post("/{collection_id}")
async def change(
    desk: Editor, collection_id: Id, title: Text = "", other_title: Text = "", is_shown: Tick = False
) -> Response:
    try:
        async with desk.work() as tx:
            before = await collections.one(tx, shop_id=desk.shop.id, collection_id=collection_id)
            await collections.change(
                tx,
                actor=desk.actor,
                collection_id=collection_id,
                title=title,
                titles={**before.titles, other_language(desk): other_title},
                is_shown=is_shown,
            )
    except Refusal as refusal:
        typed = {"title": title, "other_title": other_title, "is_shown": "yes" if is_shown else ""}
        field = "other_title" if refusal.facts.get("field") == "titles" else "title"
        return await _one(
            desk,
            collection_id,
            typed=typed,
            errors={field: message_of(refusal, desk.language)},
            status=refusal.status,
        )
    return desk.back(f"/collections/{collection_id}", desk.say(N_("Saved.")))


@router.post("/{collection_id}/delete")
async def delete(desk: Editor, collection_id: Id) -> Response:
    with desk.back_if_refused("/collections"):
        async with desk.work() as tx:
            await collections.delete(tx, shop_id=desk.shop.id, collection_id=collection_id)
    return desk.back("/collections", desk.say(N_("Collection deleted. Its products stay in the shop.")))


@router.post("/{collection_id}/products")
async def add(desk: Editor, collection_id: Id) -> Response:
    """Those that were chosen: all of them, or none."""
    back = f"/collections/{collection_id}"
    with desk.back_if_refused(back):
        chosen = [id_of(str(value)) for value in (await desk.request.form()).getlist("product_id")]
        async with desk.work() as tx:
            known = await collections.among(tx, collection_id=collection_id, product_ids=chosen)
            await collections.add(tx, shop_id=desk.shop.id, collection_id=collection_id, product_ids=chosen)
    if not chosen:
        return desk.back(back, desk.say(N_("Select products first.")))
    return desk.back(back, desk.say(N_("%(n)s added."), n=len(set(chosen) - set(known))))


@router.post("/{collection_id}/products/{product_id}/move")
async def move_product(
    desk: Editor, collection_id: Id, product_id: Id, way: Annotated[collections.Way, Form()]
) -> Response:
    back = f"/collections/{collection_id}#products"
    with desk.back_if_refused(back):
        async with desk.work() as tx:
            await collections.move_product(
                tx, shop_id=desk.shop.id, collection_id=collection_id, product_id=product_id, way=way
            )
    return desk.back(back)


@router.post("/{collection_id}/products/{product_id}/remove")
async def remove_product(desk: Editor, collection_id: Id, product_id: Id) -> Response:
    back = f"/collections/{collection_id}#products"
    with desk.back_if_refused(back):
        async with desk.work() as tx:
            await collections.remove(
                tx, shop_id=desk.shop.id, collection_id=collection_id, product_id=product_id
            )
    return desk.back(back, desk.say(N_("Removed from the collection.")))
