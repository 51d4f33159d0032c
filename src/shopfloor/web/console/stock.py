"""Stock: what is where, what is promised, and what people do to it."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Annotated, Final

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, inventory, stock
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY, whole_number
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import NotAName
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/stock", include_in_schema=False)

Viewer = Annotated[Desk, at_page("stock")]
Editor = Annotated[Desk, at(Permission.STOCK_EDIT)]
Text = Annotated[str, Form(max_length=200)]

PAGE: Final = 40
MOVEMENTS: Final = 100


@router.get("")
async def levels(
    desk: Viewer,
    search: Annotated[str, Query(max_length=200)] = "",
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    shop_id = desk.shop.id
    async with desk.work() as tx:
        page = await paging.numbered(
            catalog.products,
            tx,
            shop_id=shop_id,
            search=search,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        products = page.items
        found = await inventory.levels(tx, shop_id=shop_id)
        locations = await inventory.locations(tx, shop_id=shop_id)
        pools = {pool.id: pool for pool in await inventory.pools(tx, shop_id=shop_id)}
        shortages = await inventory.shortages(tx, shop_id=shop_id)
        variants = {
            variant.id: variant
            for variant in await catalog.variants(
                tx,
                shop_id=shop_id,
                ids=sorted({level.variant_id for level in found} | {short.variant_id for short in shortages}),
            )
        }
        ids = [product.id for product in products]
        kinds = await catalog.variants(tx, shop_id=shop_id, product_ids=ids)
        pictures = await catalog.pictures(tx, shop_id=shop_id, product_ids=ids)
        bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=[kind.id for kind in kinds])
        together = await stock.available(tx, shop_id=shop_id, variant_ids=list(bundles))
    known = [(product, [kind for kind in kinds if kind.product_id == product.id]) for product in products]
    faces = {picture.product_id: picture.sha256 for picture in reversed(pictures)}
    by_variant: dict[int, list[inventory.Level]] = {}
    for level in found:
        if level.quantity or level.held or level.allocated or level.shortfall:
            by_variant.setdefault(level.variant_id, []).append(level)
    return desk.page(
        "stock.html",
        active="stock",
        products=known,
        page=page,
        faces=faces,
        levels=by_variant,
        bundles=bundles,
        together=together,
        locations=locations,
        pools=pools,
        shortages=shortages,
        variants=variants,
        apart=_apart(found, pools.values()),
        spots=_spots(locations, pools.values()),
        search=search,
    )


def _apart(
    levels: list[inventory.Level], pools: Iterable[inventory.Pool]
) -> list[tuple[inventory.Pool, int, int]]:
    """Open pools beside the open stock, each with its units and how many of them are free."""
    return [
        (
            pool,
            sum(level.quantity for level in levels if level.pool_id == pool.id),
            sum(level.free for level in levels if level.pool_id == pool.id),
        )
        for pool in pools
        if pool.is_open and pool.kind is not inventory.PoolKind.OPEN and pool.purpose is None
    ]


def _spots(
    locations: list[inventory.Location], pools: Iterable[inventory.Pool]
) -> list[tuple[inventory.Location, inventory.Pool]]:
    """Where units can be moved from and to: a place, and whom they are for there."""
    return [
        (location, pool)
        for location in locations
        for pool in pools
        if pool.is_open and pool.purpose is None and pool.location_id in {None, location.id}
    ]


@router.post("/locations")
async def add_location(desk: Editor, name: Text = "", kind: Text = "warehouse") -> Response:
    if not name.strip() or kind not in set(inventory.LocationKind):
        return desk.refused("/stock", NotAName())
    async with desk.work() as tx:
        await inventory.add_location(
            tx, shop_id=desk.shop.id, name=name.strip(), kind=inventory.LocationKind(kind)
        )
    return desk.back("/stock", desk.say(N_("Location added.")))


@router.post("/change")
async def change(
    desk: Editor,
    variant_id: Annotated[Id, Form()],
    location_id: Annotated[Id, Form()],
    by: Text = "",
    reason: Text = "received",
) -> Response:
    """Units came in (`received`), were `found`, or are gone (`damaged`, `lost`): then they are taken off."""
    try:
        given = desk.quantity(by, least=-MAX_QUANTITY)
        if not given or reason not in inventory.WAYS:
            raise inventory.BadQuantity(quantity=given)
        # Without a sign the reason says which way; with one, both must say the same.
        signed = given < 0 or by.strip().startswith(("+", "\N{FULLWIDTH PLUS SIGN}"))
        if signed:
            inventory.check_sign(given, reason)
        units = abs(given)
        async with desk.work() as tx:
            if not await catalog.variants(tx, shop_id=desk.shop.id, ids=[variant_id]):
                raise catalog.UnknownVariant(variant_id=variant_id)
            if reason == "received":
                await inventory.receive(
                    tx,
                    shop_id=desk.shop.id,
                    location_id=location_id,
                    variant_id=variant_id,
                    quantity=units,
                    reason=reason,
                )
            else:
                await inventory.adjust(
                    tx,
                    shop_id=desk.shop.id,
                    location_id=location_id,
                    variant_id=variant_id,
                    by=units * inventory.WAYS[reason],
                    reason=reason,
                )
    except inventory.SignContradicts as refusal:
        return _which_way(desk, refusal, variant_id, location_id, reason)
    except Refusal as refusal:
        return desk.refused("/stock", refusal)
    return desk.back("/stock", desk.say(N_("Stock updated.")))


def _which_way(
    desk: Desk, refusal: inventory.SignContradicts, variant_id: int, location_id: int, reason: str
) -> Response:
    """Both readings as buttons: what the reason says, and what the sign says.  Nothing has changed."""
    return desk.page(
        "stock_sign.html",
        active="stock",
        status=refusal.status,
        units=refusal.facts["units"],
        refused=message_of(refusal, desk.language),
        readings=[reason, "found" if inventory.WAYS[reason] < 0 else "lost"],
        variant_id=variant_id,
        location_id=location_id,
    )


@router.post("/move")
async def move(
    desk: Editor,
    variant_id: Annotated[Id, Form()],
    source: Text = "",
    target: Text = "",
    units: Text = "",
) -> Response:
    """Units from one place and purpose to another; each is named as "<location>:<pool>"."""
    with desk.back_if_refused("/stock"):
        quantity = desk.quantity(units)
        (from_location, from_pool), (to_location, to_pool) = _spot(source), _spot(target)
        async with desk.work() as tx:
            if not await catalog.variants(tx, shop_id=desk.shop.id, ids=[variant_id]):
                raise catalog.UnknownVariant(variant_id=variant_id)
            await inventory.transfer(
                tx,
                shop_id=desk.shop.id,
                variant_id=variant_id,
                quantity=quantity,
                from_location=from_location,
                to_location=to_location,
                from_pool=from_pool,
                to_pool=to_pool,
            )
    return desk.back("/stock", desk.say(N_("Units moved.")))


def _spot(typed: str) -> tuple[int, int]:
    place, _, shelf = typed.partition(":")
    location, pool = whole_number(place), whole_number(shelf)
    if location is None or pool is None:
        raise inventory.UnknownStock(spot=typed[:40])
    return location, pool


@router.post("/pools")
async def open_pool(
    desk: Editor, location_id: Annotated[Id, Form()], name: Text = "", kind: Text = "till"
) -> Response:
    """Something that sells on its own, perhaps offline, and needs units nobody else sells."""
    if not name.strip() or kind not in {inventory.PoolKind.TILL, inventory.PoolKind.CHANNEL}:
        return desk.refused("/stock#apart", NotAName())
    with desk.back_if_refused("/stock#apart"):
        async with desk.work() as tx:
            await inventory.TillPool.open(
                tx,
                shop_id=desk.shop.id,
                location_id=location_id,
                name=name.strip(),
                kind=inventory.PoolKind(kind),
            )
    return desk.back("/stock#apart", desk.say(N_("Created. Move units to it.")))


@router.post("/pools/{pool_id}/close")
async def close_pool(desk: Editor, pool_id: Id) -> Response:
    """What is free flows back to the open stock; what is promised stays promised."""
    with desk.back_if_refused("/stock#apart"):
        async with desk.work() as tx:
            known = {pool.id: pool for pool in await inventory.pools(tx, shop_id=desk.shop.id)}
            if pool_id in known and known[pool_id].kind is inventory.PoolKind.SHOW:
                raise inventory.WrongState(pool_id=pool_id)
            await inventory.close_pool(tx, shop_id=desk.shop.id, pool_id=pool_id)
    return desk.back("/stock#apart", desk.say(N_("Closed. Available units returned to open stock.")))


@router.get("/{variant_id}")
async def journal(
    desk: Viewer, variant_id: Id, after: Id | None = None, before: Id | None = None
) -> Response:
    """Every movement of one variant, newest first."""
    async with desk.work() as tx:
        found = await catalog.variants(tx, shop_id=desk.shop.id, ids=[variant_id])
        if not found:
            raise catalog.UnknownVariant
        [variant] = found
        product = await catalog.product(tx, shop_id=desk.shop.id, product_id=variant.product_id)
        moved = await paging.numbered(
            inventory.movements,
            tx,
            shop_id=desk.shop.id,
            variant_id=variant_id,
            after=after,
            before=before,
            limit=MOVEMENTS,
            key=attrgetter("id"),
        )
        levels_now = {
            level.id: level
            for level in await inventory.levels(tx, shop_id=desk.shop.id, variant_ids=[variant_id])
        }
        pools = {pool.id: pool for pool in await inventory.pools(tx, shop_id=desk.shop.id)}
        locations = await inventory.locations(tx, shop_id=desk.shop.id)
    return desk.page(
        "journal.html",
        stands=[(each.id, each.name) for each in locations],
        active="stock",
        variant=variant,
        product=product,
        movements=moved.items,
        page=moved,
        levels=levels_now,
        pools=pools,
    )
