"""Coming shows for the calendar of a phone: one as a file, all of a shop as an address to subscribe to (RFC 5545)."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.responses import Response

from shopfloor import accounts, live
from shopfloor.accounts import Shop
from shopfloor.kernel import late
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.http import Db, public_link
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.web.languages import Language, language_of

if TYPE_CHECKING:
    import icalendar
else:
    icalendar = late.module("icalendar")

router = Router(include_in_schema=False)

# A show has no end before it ends.
SET_ASIDE: Final = timedelta(hours=1)
_BEFORE: Final = timedelta(minutes=10)
# How often a calendar that has subscribed asks again: a show may be moved on its day.
_ASKED_AGAIN: Final = timedelta(hours=1)


@router.get("/s/{shop}/live/{show_id}/calendar.ics")
@public
async def one_show(request: Request, shop: str, show_id: Id, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        show = await live.show(tx, shop_id=found.id, show_id=show_id)
    if show.status != live.ShowStatus.PLANNED or show.starts_at is None:
        raise NotFound
    return _answer(request, found, [show], name=f"show-{show.id}")


@router.get("/s/{shop}/calendar.ics")
@public
async def coming_shows(request: Request, shop: str, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        shows = await live.shows(tx, shop_id=found.id, status=live.ShowStatus.PLANNED)
    return _answer(request, found, shows, name="shows")


def _answer(request: Request, shop: Shop, shows: Iterable[live.Show], *, name: str) -> Response:
    return Response(
        _calendar(request, shop, shows, language_of(request, shop.locale)),
        media_type="text/calendar",
        headers={
            "content-disposition": f'attachment; filename="{shop.slug}-{name}.ics"',
            "cache-control": "private, no-cache",
        },
    )


def _calendar(request: Request, shop: Shop, shows: Iterable[live.Show], language: Language) -> bytes:
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Shopfloor//Shows//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", shop.name)
    calendar.add("refresh-interval", _ASKED_AGAIN, parameters={"value": "DURATION"})
    moment = now()
    for show in shows:
        if show.starts_at is None:
            continue
        title = language.localised(show.titles, show.title)
        link = public_link(request, f"/s/{shop.slug}/live/{show.id}")
        event = icalendar.Event()
        # The same show again, at another time, is moved and not added.
        event.add("uid", link.partition("://")[2])
        event.add("dtstamp", moment)
        event.add("dtstart", show.starts_at)
        event.add("duration", SET_ASIDE)
        event.add("summary", f"{title} · {shop.name}")
        event.add("description", link)
        event.add("url", link)
        alarm = icalendar.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", title)
        alarm.add("trigger", -_BEFORE)
        event.add_component(alarm)
        calendar.add_component(event)
    return calendar.to_ical()
