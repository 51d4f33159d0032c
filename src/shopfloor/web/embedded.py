"""The room of a show in a frame of the merchant's own site, and the way out of that frame to the checkout.

Only this page may be framed, and only by sites the shop has named.  A browser keeps the cookies of such a frame apart:
the shopper in it is not the one of the shop's own pages.  So its checkout is a page of its own, opened by a form that
carries a pass (`shoppers.issue_pass`); a form, because a browser says of it that it came from a page of ours.
docs/embedding.md has the protocol that the frame and the site around it speak.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from shopfloor import accounts, embeds, live, promotions, shoppers
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Forbidden
from shopfloor.kernel.headers import policy_framed_by
from shopfloor.kernel.http import Db
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.origin import is_from_another_site
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.shoppers.api import Shopper
from shopfloor.web import languages
from shopfloor.web.languages import N_
from shopfloor.web.room import island_data, offer_forms, room_words, seen_room
from shopfloor.web.shared_pages import Frame, Reader, SharedPages, Sources, reader_of, sources_of
from shopfloor.web.static import content_of
from shopfloor.web.templating import page_text

router = Router(include_in_schema=False)

_NO_STORE: Final = {"cache-control": "no-store"}
_WORDS: Final = {
    "embed.added": N_("In your basket"),
    "embed.added_how": N_("It is in the basket of this site. You check out there."),
    "embed.no_answer": N_("This site didn't answer. Try again."),
    "embed.open": N_("Open the show"),
    "embed.refused": N_("Your browser keeps no cookies for this frame. Chat and buy in a new tab."),
}


class CookieRefused(Forbidden):
    """This browser keeps no cookie for a page in a frame of another site; the room opens in a tab of its own."""

    code = "embeds.cookie_refused"


class PassRefused(Forbidden):
    """The way out of a frame is over, or was not made for this shop.  Go back to the show and tap again."""

    code = "embeds.pass_refused"


@router.get("/embed.js")
@public
async def loader() -> Response:
    """At an address that stays: sites have it in their pages."""
    return Response(
        content_of("embed.js"),
        media_type="text/javascript",
        headers={
            "cache-control": "public, max-age=3600",
            "cross-origin-resource-policy": "cross-origin",
            "access-control-allow-origin": "*",
        },
    )


@router.get("/s/{shop}/embed")
@public
async def current(request: Request, shop: str, db: Db, lang: str = "") -> Response:
    """The show on air, else the one that comes next, else the last one: an address that a site need never change."""
    sources = sources_of(request.app)
    facts = await sources.pages.shop(sources.db, shop)
    async with db.transaction() as tx:
        found = await _current(tx, facts.shop.id)
    if found is not None:
        more = "" if languages.fitting(lang) is None else f"?lang={lang}"
        path = f"/s/{facts.shop.slug}/live/{found.id}/embed{more}"
        return RedirectResponse(path, status_code=303, headers=_NO_STORE)
    reader = reader_of(request)
    language = languages.fitting(lang) or reader.speaks(facts.shop)
    html = page_text("shop/embed_none.html", language=language, path=reader.path, shop=facts.shop)
    return _framed(html.encode(), language, facts.sites)


async def _current(tx: Tx, shop_id: int) -> live.Show | None:
    on_air = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.LIVE)
    if on_air:
        return on_air[-1]
    planned = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.PLANNED)
    unknown = datetime.max.replace(tzinfo=UTC)
    coming = [each for each in planned if each.starts_at is not None]
    if coming:
        return min(coming, key=lambda each: (each.starts_at or unknown, each.id))
    ended = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.ENDED, limit=1)
    # A show without a time may be anything, also a draft: before there is nothing at all.
    return next(iter([*ended, *planned]), None)


@router.get("/s/{shop}/live/{show_id}/embed")
@public
async def room(request: Request, shop: str, show_id: Id, lang: str = "") -> Response:
    sources = sources_of(request.app)
    facts = await sources.pages.shop(sources.db, shop)
    reader = reader_of(request)
    reader = Reader(languages.fitting(lang) or reader.language, f"/s/{facts.shop.slug}/live/{show_id}")
    key = ("embed", shop, show_id, None if reader.language is None else reader.language.tag)
    frame = (
        await services_of(request)
        .part(SharedPages)
        .frame(key, lambda: make_embedded(sources, reader, shop, show_id))
    )
    keyring = services_of(request).part(Keyring)
    shopper = shoppers.shopper_of(keyring, request.scope["headers"])
    waits = shopper is not None and await sources.pages.waits(sources.db, frame.shop_id, shopper)
    answer = _framed(frame.plain(waits=waits), frame.language, facts.sites)
    if shopper is None:
        name, cookie = shoppers.cookie_header(
            shoppers.issue_shopper(keyring),
            secure=services_of(request).public.is_secure,
            framed=is_from_another_site(request.scope["headers"]),
        )
        answer.headers.append(name.decode(), cookie.decode())
    return answer


async def make_embedded(sources: Sources, reader: Reader, shop: str, show_id: int) -> Frame:
    facts = await sources.pages.shop(sources.db, shop)
    found = facts.shop
    language = reader.speaks(found)
    seen = await seen_room(sources, found, show_id)
    offers = offer_forms(seen.state, language)
    data = island_data(facts, seen, offers, language)
    if data["next"] is not None:
        data["next"]["url"] += "/embed"
    words = room_words(language, is_hidden=seen.is_hidden)
    html = page_text(
        "shop/embed.html",
        language=language,
        path=reader.path,
        shop=found,
        show=seen.show,
        title=language.localised(seen.show.titles, seen.show.title),
        poster=data["poster"],
        words=words | {key: language.words.gettext(text) for key, text in _WORDS.items()},
        island_data=data | {"embed": {"sites": facts.sites}},
    )
    return Frame(found.id, html, language, cache_control="private, no-store")


@router.post("/s/{shop}/embed/pass")
@public
async def give_pass(request: Request, shop: str) -> Response:
    """A pass for the shopper of this frame; that there is one shows that the browser keeps its cookie."""
    sources = sources_of(request.app)
    facts = await sources.pages.shop(sources.db, shop)
    keyring = services_of(request).part(Keyring)
    shopper = shoppers.shopper_of(keyring, request.scope["headers"])
    if shopper is None:
        raise CookieRefused
    given = shoppers.issue_pass(keyring, shopper, shop_id=facts.shop.id, now=time.time())
    return JSONResponse({"pass": given}, headers=_NO_STORE)


@router.post("/s/{shop}/embed/open")
@public
async def leave(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    way: Annotated[str, Form(alias="pass", max_length=200)] = "",
    hold: Annotated[UUID | None, Form()] = None,
    giveaway: Annotated[Id | None, Form()] = None,
) -> Response:
    """Out of the frame: to the checkout of a purchase, to all that is reserved, or to a prize that was won in it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        keyring = services_of(request).part(Keyring)
        framed = shoppers.read_pass(keyring, way, shop_id=found.id, now=time.time())
        if framed is None:
            raise PassRefused
        await embeds.leave_frame(tx, shop_id=found.id, framed=framed, shopper=shopper)
        if framed != shopper:
            await promotions.give_claims(tx, shop_id=found.id, buyer=framed, to=shopper)
    place = "cart" if hold is None else f"checkout/{hold}"
    if giveaway is not None:
        place = f"giveaways/{giveaway}"
    return RedirectResponse(f"/s/{found.slug}/{place}", status_code=303)


def _framed(page: bytes, language: languages.Language, sites: Sequence[str]) -> Response:
    answer = HTMLResponse(page)
    answer.headers["content-language"] = language.tag
    answer.headers["cache-control"] = "private, no-store"
    answer.headers["vary"] = "cookie, accept-language"
    answer.headers["content-security-policy"] = policy_framed_by(sites)
    return answer
