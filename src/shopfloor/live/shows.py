"""A show's own verbs: plan it, change it, start it; `ending` has its end.

Times of the video are milliseconds since 1970 on the clock of the stream (its programme time); when the
caller does not know better they are taken from the wall clock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from shopfloor import accounts, media
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import UnusableText, line, patterns_of
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.live import queries
from shopfloor.live.events import ShowChanged, ShowPlanned
from shopfloor.live.models import BadShow, Show, ShowStatus, UnknownShow, WrongStatus

MAX_TITLE = 120
SLOWEST: Final = 300
"""Seconds of slow mode."""


async def plan_show(
    tx: Tx,
    *,
    shop_id: int,
    title: str,
    titles: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    channel_id: int | None = None,
    host_id: int | None = None,
    limit_per_show: int | None = None,
) -> Show:
    """A new show, not yet on air.  `limit_per_show` is how many units one buyer may take in all of it."""
    title, titles = checked_titles(title, titles or {})
    _check_limit(limit_per_show)
    await _check_crew(tx, shop_id=shop_id, channel_id=channel_id, host_id=host_id)
    show = await queries.insert_show(
        tx,
        shop_id=shop_id,
        title=title,
        titles=titles,
        starts_at=starts_at,
        channel_id=channel_id,
        host_id=host_id,
        limit_per_show=limit_per_show,
    )
    await outbox.record(tx, ShowPlanned(shop_id, show.id, show.title))
    return show


async def change_show(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    title: str | None = None,
    titles: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    channel_id: int | None = None,
    host_id: int | None = None,
    limit_per_show: int | None = None,
) -> Show:
    """Change what is given; None leaves a thing as it is, a limit of 0 takes it away.  A show that ended stays as it was."""
    before = await locked(tx, shop_id, show_id)
    before.refuse_ended()
    limit_per_show = before.limit_per_show if limit_per_show is None else limit_per_show or None
    title, titles = checked_titles(
        before.title if title is None else title, before.titles if titles is None else titles
    )
    _check_limit(limit_per_show)
    if before.status == ShowStatus.LIVE and channel_id not in {None, before.channel_id}:
        raise WrongStatus("The camera of a running show cannot be changed.", status=str(before.status))
    await _check_crew(tx, shop_id=shop_id, channel_id=channel_id, host_id=host_id)
    await queries.update_show(
        tx,
        show_id=show_id,
        title=title,
        titles=titles,
        starts_at=starts_at or before.starts_at,
        channel_id=channel_id or before.channel_id,
        host_id=host_id or before.host_id,
        limit_per_show=limit_per_show,
    )
    await outbox.record(tx, ShowChanged(shop_id, show_id))
    return await show(tx, shop_id=shop_id, show_id=show_id)


async def show(tx: Tx, *, shop_id: int, show_id: int) -> Show:
    """Raises UnknownShow, also for a show of another shop."""
    found = await queries.show(tx, show_id=show_id)
    if found is None or found.shop_id != shop_id:
        raise UnknownShow(show_id=show_id)
    return found


async def public_show(tx: Tx, show_id: int) -> Show:
    """The show behind a room's address, whichever shop it belongs to.  Raises UnknownShow."""
    found = await queries.show(tx, show_id=show_id)
    if found is None:
        raise UnknownShow(show_id=show_id)
    return found


async def airtimes(tx: Tx, *, channel_id: int) -> list[media.Airtime]:
    """When shows had this channel on air, the latest last."""
    return await queries.airtimes(tx, channel_id=channel_id)


async def _count_shows(
    tx: Tx,
    *,
    shop_id: int,
    status: ShowStatus | None = None,
    search: str = "",
    without: Sequence[int] = (),
    before: int | None = None,
) -> paging.Counted:
    return paging.capped(
        await queries.count_shows(
            tx,
            shop_id=shop_id,
            status=None if status is None else str(status),
            patterns=patterns_of(search),
            without=without,
            before=before,
        )
    )


@paging.counted_by(_count_shows)
async def shows(
    tx: Tx,
    *,
    shop_id: int,
    status: ShowStatus | None = None,
    search: str = "",
    without: Sequence[int] = (),
    after: int | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Show]:
    """Newest first: all of them, or a page of at most `limit` (`kernel.paging`); `search` looks for each of its words in
    title and translations, `without` leaves these shows out.
    """
    return await queries.shows(
        tx,
        shop_id=shop_id,
        status=None if status is None else str(status),
        patterns=patterns_of(search),
        without=without,
        after=after,
        before=before,
        limit=limit,
    )


async def shows_on_air(tx: Tx, *, channel_id: int) -> list[Show]:
    """The show this camera channel films just now: none or one."""
    return await queries.shows_on_air(tx, channel_id=channel_id)


async def on_air(tx: Tx) -> list[queries.OnAir]:
    """The shows of all shops that run just now."""
    return await queries.on_air(tx)


async def set_peaks(tx: Tx, *, peaks: Mapping[int, int], shop_id: int | None = None) -> None:
    """The most viewers at once, by show, where a running show had fewer before.

    With `shop_id` they come from the figures of that shop, to the second (a room's own count is a sample): then they
    hold for shows that ended as well.
    """
    await queries.set_peaks(tx, peaks=peaks, shop_id=shop_id)


async def set_notice(tx: Tx, *, show_id: int, notice: Mapping[str, object] | None) -> None:
    """What stands on top of the room just now.  Lock the show before."""
    await queries.set_notice(tx, show_id=show_id, notice=notice)


async def set_pinned(tx: Tx, *, show_id: int, pinned: Mapping[str, object] | None) -> None:
    """The line of chat that stands above the others.  Lock the show before."""
    await queries.set_pinned(tx, show_id=show_id, pinned=pinned)


async def set_slow_mode(tx: Tx, *, shop_id: int, show_id: int, seconds: int) -> None:
    """So many seconds between two lines of one shopper; 0: as ever.  Raises UnknownShow, WrongStatus, BadShow."""
    (await locked(tx, shop_id, show_id)).refuse_ended()
    if not 0 <= seconds <= SLOWEST:
        raise BadShow(f"Slow mode has up to {SLOWEST} seconds.", seconds=seconds)
    await queries.set_slow_seconds(tx, show_id=show_id, seconds=seconds)
    await outbox.record(tx, ShowChanged(shop_id, show_id))


async def locked(tx: Tx, shop_id: int, show_id: int) -> Show:
    found = await queries.locked_show(tx, shop_id=shop_id, show_id=show_id)
    if found is None:
        raise UnknownShow(show_id=show_id)
    return found


async def _check_crew(tx: Tx, *, shop_id: int, channel_id: int | None, host_id: int | None) -> None:
    """Raises ChannelUnknown or UnknownMember for a camera or a host of another shop."""
    if channel_id is not None:
        await media.channel(tx, shop_id=shop_id, channel_id=channel_id)
    if host_id is not None and host_id not in {
        member.person_id for member in await accounts.members(tx, shop_id=shop_id)
    }:
        raise accounts.UnknownMember(person_id=host_id)


def checked_titles(title: str, titles: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A title and its translations as they are kept.  Raises BadShow."""
    return _title(title), {locale: _title(each) for locale, each in titles.items()}


def _title(title: str) -> str:
    try:
        return line(title, field="title", longest=MAX_TITLE, shortest=1)
    except UnusableText as problem:
        raise BadShow(f"A title has 1 to {MAX_TITLE} characters.", length=len(title)) from problem


def _check_limit(limit_per_show: int | None) -> None:
    if limit_per_show is not None and not 1 <= limit_per_show <= MAX_QUANTITY:
        raise BadShow("A limit is a whole number from 1.", limit_per_show=limit_per_show)
