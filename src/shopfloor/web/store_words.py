"""Stores in words: when they are open, when an order is ready there, what they lack.  Times are those of the store."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel import dates

from shopfloor import stores
from shopfloor.kernel import addresses
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.web.languages import N_, Language

DAYS_SPAN: Final = N_("%(first)s–%(last)s %(hours)s")
DAY: Final = N_("%(day)s %(hours)s")
TODAY: Final = N_("Ready today from %(time)s")
TOMORROW: Final = N_("Ready tomorrow from %(time)s")
LATER: Final = N_("Ready on %(day)s from %(time)s")


@dataclass(frozen=True, slots=True)
class Told:
    """A store as a page shows it."""

    name: str
    address: str
    hours: list[str]
    phone: str
    note: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A store at which a purchase can be collected: `ready` says when."""

    store: Told
    ready: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """A store that has `here` of `wanted` units."""

    store: Told
    here: int
    wanted: int


def told(store: stores.Store, language: Language) -> Told:
    lines = addresses.lines(
        street=store.street, city=store.city, region=store.region, postcode=store.postcode, country=""
    )
    return Told(store.name, ", ".join(lines), hours(store, language), store.phone, store.note, store.timezone)


def choice(offered: stores.Offered, language: Language) -> Choice:
    assert offered.ready_at is not None, "only these are offered"
    return Choice(told(offered.store, language), ready(offered.ready_at, offered.store.timezone, language))


def lacking(offered: Sequence[stores.Offered], units: int, language: Language) -> list[Lacking]:
    """Of so many units, at each store."""
    return [
        Lacking(
            told(each.store, language), units - sum(line.wanted - line.here for line in each.missing), units
        )
        for each in offered
        if each.missing
    ]


def hours(store: stores.Store, language: Language) -> list[str]:
    """A line for each stretch of days that are alike."""
    names = dates.get_day_names("abbreviated", "format", language.locale)
    words = language.words.gettext
    return [
        words(DAYS_SPAN) % {"first": names[first], "last": names[last], "hours": spans}
        if last > first
        else words(DAY) % {"day": names[first], "hours": spans}
        for first, last, spans in stores.hours.grouped(store.hours)
    ]


def ready(at: datetime, timezone: str, language: Language) -> str:
    local = at.astimezone(ZoneInfo(timezone))
    today = now().astimezone(ZoneInfo(timezone)).date()
    said = {today: TODAY, today + timedelta(days=1): TOMORROW}.get(local.date(), LATER)
    return language.words.gettext(said) % {"day": day(at, timezone, language), "time": f"{local:%H:%M}"}


def day(at: datetime, timezone: str, language: Language) -> str:
    """Weekday and date, there."""
    return dates.format_skeleton("MMMEd", at.astimezone(ZoneInfo(timezone)), locale=language.locale)


def last_day(keep_until: datetime, timezone: str, language: Language) -> str:
    """The last day on which it is kept: the moment is the midnight after it."""
    return day(keep_until - timedelta(seconds=1), timezone, language)


def day_names(language: Language) -> list[str]:
    """Monday first."""
    names = dates.get_day_names("wide", "stand-alone", language.locale)
    return [names[each] for each in range(7)]
