"""The recordings of shows that are over: a page that plays at once, with the products, prices and chat of the moment."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final, Protocol
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from shopfloor import accounts, catalog, chat, live, media, replays, run_of_show, stock
from shopfloor.accounts import Shop
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.http import Db, public_link
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY, Money, now, video_ms, whole_number
from shopfloor.web.in_shows import in_shows
from shopfloor.web.languages import N_, Language
from shopfloor.web.parts import seller_facts
from shopfloor.web.shared_pages import Frame, Reader, ShopFacts, Slot, Sources
from shopfloor.web.templating import language_of, page_text, render

router = Router(include_in_schema=False)

# What was in view for less is a slip of the hand, no chapter.
SHORTEST_MS: Final = replays.SHORTEST_MS
CHAT_PAGE: Final = 200
CHAT_LINES: Final = 100

WORDS: Final = {
    "guest": N_("Guest"),
    "no_video": N_("This browser can't play the video. Everything else works."),
    "role.buyer": N_("bought"),
    "role.host": N_("host"),
    "role.moderator": N_("shop"),
    "waiting": N_("Video is loading"),
}


class Interval(Protocol):
    """A featured interval (`run_of_show.featured_intervals`)."""

    @property
    def offer_id(self) -> int: ...

    @property
    def began_at(self) -> datetime: ...

    @property
    def ended_at(self) -> datetime | None: ...

    @property
    def began_video(self) -> int: ...

    @property
    def ended_video(self) -> int | None: ...


class Priced(Protocol):
    """An entry of the price history (`run_of_show.prices`)."""

    @property
    def offer_id(self) -> int: ...

    @property
    def variant_id(self) -> int: ...

    @property
    def price_minor(self) -> int: ...

    @property
    def currency(self) -> str: ...

    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Goods:
    """A product of the show as it is sold today; `price` None: it no longer is."""

    product_id: int
    title: str
    picture: str | None
    price: Money | None
    has_more_prices: bool
    left: stock.Availability
    show: live.Show | None = None
    """Where none is left but in a show: that show."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A product while it was in view, from `at` to `end` ms of the replay.

    `prices`: the lowest price of it then, and each that took its place while it was in view.
    """

    number: int
    goods: Goods
    offer_id: int
    at: int
    end: int
    prices: tuple[Money, ...]
    has_more_prices: bool

    @property
    def seconds(self) -> int:
        return self.at // 1000


def seconds_of(text: str) -> int:
    """`?t=` of an address; what is no number of seconds is the beginning."""
    found = whole_number(text)
    return found if found is not None and 0 < found <= MAX_QUANTITY else 0


def airtime(show: live.Show) -> media.Airtime | None:
    """When an ended show was on air; None before, or without a camera."""
    if show.status != live.ShowStatus.ENDED or show.channel_id is None or show.started_at is None:
        return None
    return media.Airtime(show.id, show.shop_id, show.started_at, show.ended_at or now())


async def is_recorded(tx: Tx, show: live.Show) -> bool:
    """Whether there is a recording of an ended show, hidden or not."""
    span = airtime(show)
    if span is None or show.channel_id is None:
        return False
    return await media.is_recorded(tx, channel_id=show.channel_id, airtime=span)


async def replay_url(tx: Tx, show: live.Show) -> str | None:
    """The recording of an ended show as one playlist; None while it runs, when nothing was recorded, or when the shop
    has hidden it.
    """
    if show.channel_id is None or not await is_recorded(tx, show):
        return None
    if await replays.hidden_since(tx, show_id=show.id) is not None:
        return None
    return media.replay_url(show.channel_id, show.id)


async def stretches(tx: Tx, show: live.Show) -> tuple[media.Stretch, ...]:
    span = airtime(show)
    if span is None or show.channel_id is None:
        return ()
    return await media.stretches(tx, channel_id=show.channel_id, airtime=span)


async def goods_of(
    tx: Tx, shop: Shop, offers: Sequence[run_of_show.Offer], language: Language
) -> dict[int, Goods]:
    """By offer: its product as the shop sells it today."""
    ids = [offer.product_id for offer in offers]
    products = await catalog.products_by_id(tx, shop_id=shop.id, ids=ids)
    variants: dict[int, list[catalog.Variant]] = {product_id: [] for product_id in ids}
    for variant in await catalog.variants(tx, shop_id=shop.id, product_ids=ids):
        if not variant.is_archived:
            variants[variant.product_id].append(variant)
    open_pools = await stock.available(
        tx, shop_id=shop.id, variant_ids=[each.id for group in variants.values() for each in group]
    )
    shown_in = await in_shows(tx, shop, [each for each, left in open_pools.items() if not left.total])
    found: dict[int, Goods] = {}
    for offer in offers:
        product = products[offer.product_id]
        on_sale = variants[product.id] if product.status == catalog.Status.ACTIVE else []
        prices = sorted(each.price.minor for each in on_sale)
        found[offer.id] = Goods(
            product.id,
            language.localised(product.titles, product.title),
            product.picture_sha,
            Money(prices[0], shop.currency) if prices else None,
            len(set(prices)) > 1,
            sum((open_pools.get(each.id, stock.Availability()) for each in on_sale), stock.Availability()),
            next((shown_in[each.id] for each in on_sale if each.id in shown_in), None),
        )
    return found


def chapters_of(
    intervals: Sequence[Interval],
    history: Sequence[Priced],
    goods: dict[int, Goods],
    pieces: Sequence[media.Stretch],
) -> list[Chapter]:
    """The replay cut by what was in view, in order.  Pure."""
    length = pieces[-1].at + pieces[-1].duration if pieces else 0
    found: list[Chapter] = []
    for interval in intervals:
        if interval.offer_id not in goods:
            continue
        at = media.replay_ms(pieces, interval.began_video)
        ended = pieces[-1].end if interval.ended_video is None and pieces else interval.ended_video or 0
        end = media.replay_ms(pieces, ended)
        if at is None:
            continue
        end = length if end is None else end
        if end - at < SHORTEST_MS:
            continue
        prices, more = _prices(history, interval.offer_id, interval.began_video, ended)
        found.append(
            Chapter(len(found) + 1, goods[interval.offer_id], interval.offer_id, at, end, tuple(prices), more)
        )
    return found


def _prices(history: Sequence[Priced], offer_id: int, begin: int, end: int) -> tuple[list[Money], bool]:
    """The lowest price of an offer at `begin`, and each other it had until `end`; whether variants cost more at last."""
    now_at: dict[int, int] = {}
    currency = ""
    lowest: list[int] = []
    entries = sorted(
        (each for each in history if each.offer_id == offer_id), key=lambda each: (each.at, each.variant_id)
    )
    moments: dict[datetime, None] = dict.fromkeys(each.at for each in entries)
    for moment in moments:
        ms = video_ms(moment)
        if ms >= end and lowest:
            break
        for each in entries:
            if each.at == moment:
                now_at[each.variant_id] = each.price_minor
                currency = each.currency
        low = min(now_at.values())
        if ms <= begin:
            lowest = [low]
        elif not lowest or lowest[-1] != low:
            lowest.append(low)
    return [Money(minor, currency) for minor in lowest], len(set(now_at.values())) > 1


async def make_replay(
    sources: Sources, reader: Reader, facts: ShopFacts, show: live.Show, following: live.Show | None
) -> Frame:
    """The page of a show that is over and may be seen again."""
    shop = facts.shop
    language = reader.speaks(shop)
    assert show.channel_id is not None, "what is recorded had a camera"
    async with sources.db.transaction() as tx:
        pieces = await stretches(tx, show)
        offers = await run_of_show.offers(tx, shop_id=shop.id, show_id=show.id)
        goods = await goods_of(tx, shop, offers, language)
        intervals = await run_of_show.featured_intervals(tx, shop_id=shop.id, show_id=show.id)
        history = await run_of_show.prices(tx, shop_id=shop.id, show_id=show.id)
        said = await chat.lines(tx, show_id=show.id, limit=1)
        clips = [shot(shop, each) for each in await replays.clips(tx, shop_id=shop.id, show_id=show.id)]
    chapters = chapters_of(intervals, history, goods, pieces)
    length = pieces[-1].at + pieces[-1].duration if pieces else 0
    shown = {chapter.offer_id for chapter in chapters}
    poster = next(
        (each.picture for each in [*(c.goods for c in chapters), *goods.values()] if each.picture), None
    )
    taken = next((each.picture for each in clips if each.picture), None)
    source = media.replay_url(show.channel_id, show.id)
    here = f"/s/{shop.slug}/live/{show.id}"
    html = page_text(
        "shop/replay.html",
        language=language,
        path=reader.path,
        flashes=reader.flashes,
        shop=shop,
        show=show,
        title=language.localised(show.titles, show.title),
        here=here,
        source=source,
        at=min(reader.at, length // 1000),
        seconds=length / 1000,
        poster=taken or (None if poster is None else f"/pictures/{poster}/960.webp"),
        chapters=chapters,
        others=[each for offer_id, each in goods.items() if offer_id not in shown],
        has_chat=bool(said),
        following=following,
        seller=seller_facts(shop.name, pick_up_at=facts.terms.pick_up_at, language=language),
        island_data={
            "shop": {"id": shop.id, "slug": shop.slug},
            "show": show.id,
            "now": Slot.NOW.json,
            "source": source,
            "at": min(reader.at, length // 1000),
            "chat": f"{here}/chat/lines",
            "stretches": [[each.start, each.at, each.duration] for each in pieces],
            "chapters": [[each.at, each.end] for each in chapters],
            "waits": Slot.WAITS.json,
            "words": {key: language.words.gettext(text) for key, text in WORDS.items()},
        },
    )
    return Frame(shop.id, html, language, cache_control="private, no-store")


# Clips


@dataclass(frozen=True, slots=True)
class Shot:
    """A clip as pages show it: its page, its file, and the hash of that in hexadecimal."""

    page: str
    file: str
    sha256: str
    picture: str | None = None


def shot(shop: Shop, clip: replays.Clip) -> Shot:
    return Shot(
        f"/s/{shop.slug}/live/{clip.show_id}/clip/{clip.id}",
        media.clip_url(clip.channel_id, clip.show_id, clip.id),
        clip.sha256.hex(),
        media.clip_url(clip.channel_id, clip.show_id, clip.id).removesuffix("mp4") + "jpg"
        if clip.has_picture
        else None,
    )


async def shots_of_page(
    tx: Tx, shop: Shop, page: Mapping[str, Any], *, hidden: bool = False
) -> dict[int, Shot]:
    """By product of what a buyer saw (`OrderView.page`): the clip of the moment in which it was bought.

    `hidden`: also of a show whose replay the shop keeps to itself.
    """
    show, seen_at = page.get("show"), page.get("seen_at")
    if not show or not seen_at:
        return {}
    found = await replays.clips(tx, shop_id=shop.id, show_id=show["id"])
    bought = replays.bought_in(found, datetime.fromisoformat(seen_at))
    if not hidden and await replays.hidden_since(tx, show_id=show["id"]) is not None:
        return {}
    return {number: shot(shop, each) for number, each in bought.items()}


@router.get("/s/{shop}/live/{show_id}/clip/{interval_id}")
@public
async def clip_page(request: Request, shop: str, show_id: Id, interval_id: Id, db: Db) -> Response:
    """The film of one moment, to be shared."""
    async with db.transaction() as tx:
        found, show = await _readable(tx, shop, show_id)
        known = await replays.clips(tx, shop_id=found.id, show_id=show.id)
        clip = next((each for each in known if each.id == interval_id), None)
        if clip is None:
            raise live.UnknownShow(show_id=show_id)
        language = language_of(request, found.locale)
        offer = await run_of_show.offer(tx, shop_id=found.id, show_id=show.id, offer_id=clip.offer_id)
        goods = (await goods_of(tx, found, [offer], language))[offer.id]
        at = media.replay_ms(await stretches(tx, show), clip.began_video) or 0
    found_shot = shot(found, clip)
    stands_in = None if goods.picture is None else f"/pictures/{goods.picture}/960.webp"
    picture = found_shot.picture or stands_in
    return render(
        request,
        "shop/clip.html",
        shop=found,
        show=show,
        clip=clip,
        goods=goods,
        at=at // 1000,
        shot=found_shot,
        picture=picture,
        card={
            "url": public_link(request, found_shot.page),
            "video": public_link(request, found_shot.file),
            "image": None if picture is None else public_link(request, picture),
        },
    )


# Chat


async def _readable(tx: Tx, slug: str, show_id: int) -> tuple[Shop, live.Show]:
    """A show whose replay everybody may see.  Raises UnknownShow for all others."""
    shop = await accounts.shop_by_slug(tx, slug)
    show = await live.show(tx, shop_id=shop.id, show_id=show_id)
    hidden = await replays.hidden_since(tx, show_id=show_id)
    if show.status != live.ShowStatus.ENDED or hidden is not None:
        raise live.UnknownShow(show_id=show_id)
    return shop, show


@router.get("/s/{shop}/live/{show_id}/chat")
@public
async def chat_of_show(
    request: Request, shop: str, show_id: Id, db: Db, after: UUID | None = None, before: UUID | None = None
) -> Response:
    """All that was said in a show, to be read without playing it."""
    async with db.transaction() as tx:
        found, show = await _readable(tx, shop, show_id)
        page = await paging.numbered(
            chat.lines, tx, show_id=show.id, after=after, before=before, limit=CHAT_PAGE, key=attrgetter("id")
        )
        pieces = await stretches(tx, show)
    at = {line.id: media.replay_ms(pieces, video_ms(line.at)) for line in page.items}
    return render(request, "shop/replay_chat.html", shop=found, show=show, page=page, at=at)


@router.get("/s/{shop}/live/{show_id}/chat/lines")
@public
async def chat_lines(shop: str, show_id: Id, db: Db, since: int = 0, after: UUID | None = None) -> Response:
    """The lines from a moment on (`since`, ms of the clock of the video), or after one of them, for the player."""
    moment = datetime.fromtimestamp(min(max(since, 0), 253_402_300_799_000) / 1000, UTC)
    async with db.transaction() as tx:
        _, show = await _readable(tx, shop, show_id)
        found = await chat.lines_since(tx, show_id=show.id, since=moment, after=after, limit=CHAT_LINES)
    lines: list[dict[str, Any]] = [chat.room_line(line).as_json() for line in found]
    return JSONResponse({"lines": lines, "more": len(lines) == CHAT_LINES})
