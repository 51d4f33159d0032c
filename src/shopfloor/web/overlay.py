"""What OBS lays over the picture of a show: the featured product, pinned message, chat, the address of the room.

A page for a browser source.  It hears what the room hears, so the run of show drives it; it is no viewer, since it
plays nothing.  `?parts=card,pinned,chat,code` chooses, `?side=right` turns it round, `?lang=` fixes its language.
"""

from typing import TYPE_CHECKING, Final

from fastapi import Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from shopfloor.kernel import late
from shopfloor.kernel.border import Id
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import now
from shopfloor.shoppers.api import Shopper
from shopfloor.web import languages
from shopfloor.web.auctions import WORDS as AUCTION_WORDS
from shopfloor.web.room import WORDS, seen_room
from shopfloor.web.shared_pages import reader_of, sources_of
from shopfloor.web.templating import page_text

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")

router = Router(include_in_schema=False)

_WORDS: Final = (
    "coupon.ends", "coupon.free_shipping", "coupon.left", "coupon.off", "coupon.over", "poll", "poll.votes", "flash", "flash_left", "flash_struck", "from_price", "giveaway", "giveaway.closed", "giveaway.drawn", "giveaway.entries",
    "giveaway.void", "giveaway.waits", "giveaway.winners", "giveaway.worth", "guest", "in_stock", "only_left", "ready_on", "sold_out",
)  # fmt: skip


@router.get("/s/{shop}/live/{show_id}/overlay")
@public
async def overlay(
    request: Request, shop: str, show_id: Id, _: Shopper, side: str = "left", lang: str = ""
) -> Response:
    """The shopper's cookie is what the room's stream asks for; nothing else is a visitor's own."""
    sources = sources_of(request.app)
    found = (await sources.pages.shop(sources.db, shop)).shop
    reader = reader_of(request)
    language = languages.fitting(lang) or reader.speaks(found)
    seen = await seen_room(sources, found, show_id)
    drawing = segno.make(services_of(request).public.link(f"/s/{found.slug}/live/{show_id}"), error="m")
    html = page_text(
        "shop/overlay.html",
        language=language,
        path=reader.path,
        shop=found,
        title=language.localised(seen.show.titles, seen.show.title),
        side=side,
        drawing=Markup(drawing.svg_inline(border=1, omitsize=True)),  # noqa: S704 -- made by segno of our own address
        words={key: language.words.gettext(WORDS[key]) for key in _WORDS}
        | {key: language.words.gettext(text) for key, text in AUCTION_WORDS.items()},
        island_data={
            "state": seen.state,
            "chat": [line.as_json() for line in seen.lines],
            "now": round(now().timestamp() * 1000),
        },
    )
    return HTMLResponse(
        html, headers={"cache-control": "private, no-store", "content-language": language.tag}
    )
