"""The shops of this node, a shop, a product."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Annotated, Any, Final

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, catalog, collections, live, policies, related, replays, stock
from shopfloor.accounts import Shop
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.http import Db, is_secure
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.rooms import RoomState, room_state
from shopfloor.shoppers.api import Shopper
from shopfloor.web import languages
from shopfloor.web.in_shows import in_shows
from shopfloor.web.languages import Language
from shopfloor.web.parts import EXCEPTED, Choice, Content, grouped, option_words, seller_facts
from shopfloor.web.replays import shot
from shopfloor.web.shared_pages import Frame, Reader, Slot, Sources, own_page, reader_of
from shopfloor.web.templating import page_text, render
from shopfloor.web.waitlist import why_refused

router = Router(include_in_schema=False)

_PAST_SHOWS: Final = 6
# How many products and replays one page shows.
PAGE: Final = 60
# Other goods on the page of one.
RELATED: Final = 6
_LANGUAGE_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class Tile:
    """A product among others: the lowest price, and whether that is all there is."""

    product: catalog.Product
    price: Money | None
    has_more_prices: bool
    left: stock.Availability
    show: live.Show | None = None
    """Where none is left but in a show: that show."""


@dataclass(frozen=True, slots=True)
class Programme:
    """A shop's shows as its visitors care for them."""

    on_air: list[live.Show]
    coming: list[live.Show]
    past: list[live.Show]
    has_more_past: bool

    @property
    def first(self) -> live.Show | None:
        """What a visitor finds first while nothing is on air: the next show that has a time, else the latest that was."""
        coming = next((show for show in self.coming if show.starts_at is not None), None)
        return coming or next(iter(self.past), None)


@router.get("/")
@public
async def front(request: Request, db: Db) -> Response:
    """The shops of this node; where there is one, that one."""
    async with db.transaction() as tx:
        shops = await accounts.shops(tx)
        programmes = {shop.id: await programme(tx, shop) for shop in shops}
    if len(shops) == 1:
        return RedirectResponse(f"/s/{shops[0].slug}", status_code=303)
    return render(request, "shop/front.html", shops=shops, programmes=programmes)


@router.get("/s/{shop}")
@public
async def storefront(
    request: Request, shop: str, shopper: Shopper, after: Id | None = None, before: Id | None = None
) -> Response:
    reader = replace(reader_of(request), after=after, before=before)
    return await own_page(request, shopper, make_storefront, reader, shop)


async def make_storefront(sources: Sources, reader: Reader, shop: str, _: int = 0) -> Frame:
    """Nothing of it is a shopper's own."""
    facts = await sources.pages.shop(sources.db, shop)
    found = facts.shop
    async with sources.db.transaction() as tx:
        shows = await programme(tx, found)
        listed = await paging.numbered(
            catalog.products,
            tx,
            shop_id=found.id,
            status=catalog.Status.ACTIVE,
            after=reader.after,
            before=reader.before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        products = await tiles(tx, found, listed.items)
        first = shows.first
        faced = shows.on_air or ([] if first is None else [first])
        rooms = {show.id: await _room_state(tx, sources, show) for show in faced}
        collected = await collections.of_shop(tx, shop_id=found.id, shown=True)
    language = reader.speaks(found)
    html = page_text(
        "shop/storefront.html",
        origin=sources.origin,
        language=language,
        path=reader.path,
        flashes=reader.flashes,
        shop=found,
        programme=shows,
        first=first,
        collections=collected,
        products=products,
        page=listed,
        covers={show_id: next(iter(state.pictures), None) for show_id, state in rooms.items()},
        viewers={show_id: state.viewers for show_id, state in rooms.items()},
        seller=seller_facts(found.name, pick_up_at=facts.terms.pick_up_at, language=language),
        events=[("page_view", {"shop_id": found.id})],
    )
    return Frame(found.id, html, language, cache_control="private, no-cache")


@router.get("/s/{shop}/replays")
@public
async def past_shows(
    request: Request, shop: str, db: Db, after: Id | None = None, before: Id | None = None
) -> Response:
    """Every show that ended and may be seen again, the latest first."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        page = await paging.numbered(
            live.shows,
            tx,
            shop_id=found.id,
            status=live.ShowStatus.ENDED,
            without=await replays.hidden_in(tx, shop_id=found.id),
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    return render(request, "shop/replays.html", shop=found, page=page)


@router.get("/s/{shop}/p/{product_id}")
@public
async def product_page(request: Request, shop: str, product_id: Id, shopper: Shopper) -> Response:
    reader = reader_of(request, why_refused(request, shopper))
    return await own_page(request, shopper, make_product_page, reader, shop, product_id)


async def make_product_page(sources: Sources, reader: Reader, shop: str, product_id: int) -> Frame:
    facts = await sources.pages.shop(sources.db, shop)
    found = facts.shop
    language = reader.speaks(found)
    async with sources.db.transaction() as tx:
        product = await catalog.product(tx, shop_id=found.id, product_id=product_id)
        if product.status != catalog.Status.ACTIVE:
            raise catalog.UnknownProduct(product_id=product_id)
        every = await catalog.variants(tx, shop_id=found.id, product_ids=[product.id])
        variants = [variant for variant in every if not variant.is_archived]
        ids = [variant.id for variant in variants]
        left = await lefts(tx, found, ids)
        shown_in = await in_shows(tx, found, [each for each in ids if not left[each].total])
        contents = await contents_of(tx, found, ids, language)
        reference = await _reference(tx, found, variants)
        pictures = await catalog.pictures(tx, shop_id=found.id, product_ids=[product.id])
        selling = [
            show
            for show in await _on_air(tx, found)
            if (await _room_state(tx, sources, show)).sells(product.id)
        ]
        others = await _related(tx, found, product.id)
        clip = await replays.newest_clip(tx, shop_id=found.id, product_id=product.id)
        excepted = await policies.return_rules.exceptions(tx, shop_id=found.id, product_ids=[product.id])
        refused = None if reader.refused is None else await reader.refused(tx, found, language)
    words = language.words_of(product.option_texts)
    own = {each.id: shown for each in variants if (shown := each.picture_of(pictures))}
    slides = {each.id: f"picture-{n}" for n, each in enumerate(pictures, 1)}
    choices = [
        Choice(
            variant.id,
            option_words(variant.options, words),
            variant.price,
            left[variant.id],
            contents.get(variant.id, ()),
            [words.get(option, option) for option in variant.options],
            shown_in.get(variant.id),
            slides[own[variant.id].id] if variant.id in own else "",
            own[variant.id].sha256 if variant.id in own else "",
        )
        for variant in variants
    ]
    ids_of = {"shop_id": found.id, "product_id": product.id}
    html = page_text(
        "shop/product.html",
        origin=sources.origin,
        language=language,
        path=reader.path,
        flashes=reader.flashes,
        shop=found,
        product=product,
        option_names=[words.get(name, name) for name in product.option_names],
        description=language.localised(product.plains, product.plain),
        pictures=pictures,
        choices=choices,
        groups=grouped(choices),
        wish_id=Slot.WISH_ID.mark,
        left=sum((choice.left for choice in choices), stock.Availability()),
        in_show=next((choice.show for choice in choices if choice.show), None),
        reference=reference,
        policy=facts.terms,
        shipping_at_checkout=facts.shipping_at_checkout,
        no_return=EXCEPTED[excepted[product.id]] if product.id in excepted else None,
        selling=selling,
        related=others,
        clip=None if clip is None else shot(found, clip),
        clip_picture=f"/pictures/{pictures[0].sha256}/960.webp" if pictures else None,
        refused=refused,
        events=[("page_view", ids_of), ("view_item", ids_of)],
    )
    # The form carries an id of its own: going back must bring a fresh one.
    return Frame(found.id, html, language, cache_control="private, no-store")


@router.post("/language")
@public
async def choose_language(
    request: Request,
    language: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 -- the name of the field
) -> Response:
    """Remember the language a reader chose, and go back to where they were."""
    response = RedirectResponse(languages.own_path(next), status_code=303)
    chosen = languages.by_tag(language)
    if chosen is not None:
        response.set_cookie(
            languages.COOKIE,
            chosen.tag,
            max_age=_LANGUAGE_DAYS * 86_400,
            path="/",
            samesite="lax",
            secure=is_secure(request),
        )
    return response


async def programme(tx: Tx, shop: Shop) -> Programme:
    """Live now, then what comes (soonest first), then the last few that were."""
    status = live.ShowStatus
    coming = await live.shows(tx, shop_id=shop.id, status=status.PLANNED)
    hidden = await replays.hidden_in(tx, shop_id=shop.id)
    past = await live.shows(tx, shop_id=shop.id, status=status.ENDED, without=hidden, limit=_PAST_SHOWS + 1)
    return Programme(
        on_air=await _on_air(tx, shop),
        coming=sorted(coming, key=_begins),
        past=past[:_PAST_SHOWS],
        has_more_past=len(past) > _PAST_SHOWS,
    )


def _begins(show: live.Show) -> tuple[bool, float]:
    return (show.starts_at is None, show.starts_at.timestamp() if show.starts_at else 0.0)


async def _related(tx: Tx, shop: Shop, product_id: int) -> list[Tile]:
    """Other goods on sale: bought together with it, in one of its collections, shown in the same show."""
    ids = await related.related(tx, shop_id=shop.id, product_id=product_id, limit=2 * RELATED)
    found = await catalog.products_by_id(tx, shop_id=shop.id, ids=ids)
    on_sale = [found[each] for each in ids if each in found and found[each].status == catalog.Status.ACTIVE]
    return await tiles(tx, shop, on_sale[:RELATED])


async def tiles(tx: Tx, shop: Shop, products: Sequence[catalog.Product]) -> list[Tile]:
    """Each with its lowest price and what is left."""
    found: list[Tile] = []
    variants: dict[int, list[catalog.Variant]] = {product.id: [] for product in products}
    for variant in await catalog.variants(tx, shop_id=shop.id, product_ids=list(variants)):
        if not variant.is_archived:
            variants[variant.product_id].append(variant)
    left = await lefts(tx, shop, [variant.id for group in variants.values() for variant in group])
    lots = {
        product_id: sum((left[variant.id] for variant in group), stock.Availability())
        for product_id, group in variants.items()
    }
    gone = [each.id for product_id, group in variants.items() for each in group if not lots[product_id].total]
    shown_in = await in_shows(tx, shop, gone)
    for product in products:
        prices = sorted(variant.price.minor for variant in variants[product.id])
        found.append(
            Tile(
                product=product,
                price=Money(prices[0], shop.currency) if prices else None,
                has_more_prices=len(set(prices)) > 1,
                left=lots[product.id],
                show=next((shown_in[each.id] for each in variants[product.id] if each.id in shown_in), None),
            )
        )
    return found


async def lefts(tx: Tx, shop: Shop, variant_ids: list[int]) -> dict[int, stock.Availability]:
    """What the open shop has left of each variant."""
    return await stock.available(tx, shop_id=shop.id, variant_ids=variant_ids)


async def contents_of(
    tx: Tx, shop: Shop, variant_ids: list[int], language: Language
) -> dict[int, list[Content]]:
    """By variant, what one of those that are bundles contains."""
    bundles = await catalog.bundles(tx, shop_id=shop.id, variant_ids=variant_ids)
    ids = sorted({part.product_id for bundle in bundles.values() for part in bundle.parts})
    products = await catalog.products_by_id(tx, shop_id=shop.id, ids=ids)
    return {
        variant_id: [
            Content(
                part.quantity,
                part.title,
                part.titles,
                option_words(part.options, language.words_of(products[part.product_id].option_texts)),
                part.product_id if products[part.product_id].status == catalog.Status.ACTIVE else None,
            )
            for part in bundle.parts
        ]
        for variant_id, bundle in bundles.items()
    }


async def _on_air(tx: Tx, shop: Shop) -> list[live.Show]:
    return await live.shows(tx, shop_id=shop.id, status=live.ShowStatus.LIVE)


async def _room_state(tx: Tx, sources: Sources, show: live.Show) -> RoomState:
    """From memory where the room is open."""
    opened = sources.rooms.opened(show.id)
    return await room_state(tx, show.id) if opened is None else opened.room.state


async def _reference(tx: Tx, shop: Shop, variants: Sequence[catalog.Variant]) -> Any:
    """What the price of the cheapest variant is shown against; None where it is no reduction of it."""
    if not variants:
        return None
    cheapest = min(variants, key=lambda variant: variant.price_minor)
    found = (await catalog.reference_prices(tx, shop_id=shop.id, variants=[cheapest])).get(cheapest.id)
    return found if found is not None and found.is_higher else None
