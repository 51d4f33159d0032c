"""Time zones and currencies as lists to choose from, in the reader's words, and which of them is usual where.

Zones are those of the IANA database, by region.  Names that are kept for old software (`Asia/Calcutta`, `US/Eastern`)
are the same zone under another name: they are not listed twice, but what a browser calls its zone is found by any of
them.  Currencies are all that amounts can be kept in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Final, cast
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import get_currency_name, get_territory_currencies
from starlette.requests import HTTPConnection

from shopfloor.kernel.countries import COUNTRIES
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.web.languages import N_, Language

UTC: Final = "UTC"
_OTHERS_OF_UTC: Final = "Etc/UTC Etc/UCT Etc/Zulu GMT"
REGIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Africa": N_("Africa"),
        "America": N_("Americas"),
        "Antarctica": N_("Antarctica"),
        "Arctic": N_("Arctic"),
        "Asia": N_("Asia"),
        "Atlantic": N_("Atlantic"),
        "Australia": N_("Australia"),
        "Europe": N_("Europe"),
        "Indian": N_("Indian Ocean"),
        "Pacific": N_("Pacific"),
    }
)
# Countries of several zones where nearly everybody lives by one of them (CLDR: primaryZones).
_MAIN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CL": "America/Santiago", "CN": "Asia/Shanghai", "DE": "Europe/Berlin", "EC": "America/Guayaquil",
        "ES": "Europe/Madrid", "MY": "Asia/Kuala_Lumpur", "NZ": "Pacific/Auckland", "PT": "Europe/Lisbon",
        "UA": "Europe/Kyiv", "UZ": "Asia/Tashkent",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Zone:
    """`others` are further names of the same zone, with spaces between them."""

    name: str
    words: str
    others: str


def zone_groups(language: Language, at: datetime | None = None) -> list[tuple[str, list[Zone]]]:
    """Every zone by region, by its city in the reader's language, with its offset at this time."""
    moment = at or now()
    return _groups(language, moment.replace(minute=0, second=0, microsecond=0))


def usual_zone(connection: HTTPConnection) -> str:
    """The zone of the country that the browser's language is of; none where that is unknown or has several."""
    return _zone_of(_country(connection))


def usual_currency(connection: HTTPConnection) -> str:
    """The currency of the country that the browser's language is of; none where that is unknown."""
    country = _country(connection)
    found = get_territory_currencies(country) if country else []
    return found[0] if found and found[0] in DECIMALS else ""


@cache
def currencies(tag: str) -> list[tuple[str, str]]:
    """Every currency with its name in the language, by code: the code is what all languages share."""
    return [
        (code, f"{code} · {get_currency_name(code, locale=Locale.parse(tag, sep='-'))}")
        for code in sorted(DECIMALS)
    ]


def _country(connection: HTTPConnection) -> str:
    first = connection.headers.get("accept-language", "")[:500].split(",")[0]
    return _territory(first.partition(";")[0].strip().replace("-", "_"))


def canonical(name: str) -> str:
    """The listed name of a zone, whichever name it was called by; empty where it is none."""
    listed, by_other = _listed()
    if name == UTC or name in _OTHERS_OF_UTC.split():
        return UTC
    return name if name in listed else by_other.get(name, "")


@cache
def _territory(tag: str) -> str:
    """`de_AT` is spoken in AT, `ja` in JP; of a language spoken all over the world nothing is said."""
    try:
        locale = Locale.parse(tag)
    except (UnknownLocaleError, ValueError, TypeError):
        return ""
    if locale.territory:
        return locale.territory
    if locale.language in {"en", "es", "fr", "pt", "ar"}:
        return ""
    likely = cast("Mapping[str, str]", get_global("likely_subtags")).get(locale.language, "")
    return likely.rpartition("_")[2] if "_" in likely else ""


@cache
def _zone_of(territory: str) -> str:
    if territory in _MAIN:
        return canonical(_MAIN[territory])
    zones = cast("Mapping[str, Sequence[str]]", get_global("territory_zones")).get(territory, ())
    return canonical(zones[0]) if len(zones) == 1 else ""


@cache
def _listed() -> tuple[frozenset[str], Mapping[str, str]]:
    """The zones that are listed, and which of them each other name stands for."""
    aliases = cast("Mapping[str, str]", get_global("zone_aliases"))
    known = available_timezones()
    listed = frozenset(name for name in known if name.partition("/")[0] in REGIONS and name not in aliases)
    others = {
        other: aliases[other] for other in known if other not in listed and aliases.get(other) in listed
    }
    return listed, others


@cache
def _others_of() -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for other, name in sorted(_listed()[1].items()):
        found.setdefault(name, []).append(other)
    return {name: " ".join(names) for name, names in found.items()}


_GROUPS: Final[dict[str, tuple[datetime, list[tuple[str, list[Zone]]]]]] = {}


def _groups(language: Language, moment: datetime) -> list[tuple[str, list[Zone]]]:
    """Made once an hour in each language: an offset may change at any full hour."""
    cached = _GROUPS.get(language.tag)
    if cached is not None and cached[0] == moment:
        return cached[1]
    by_region: dict[str, list[Zone]] = {region: [] for region in REGIONS}
    for name in _listed()[0]:
        city = _city(name, language.locale)
        offset = moment.astimezone(ZoneInfo(name)).utcoffset() or timedelta()
        by_region[name.partition("/")[0]].append(
            Zone(name, f"{city} (UTC{_signed(offset)})", _others_of().get(name, ""))
        )
    groups = [
        # Chinese characters have no order that a reader could follow, so there the English names give it.
        (
            language.words.gettext(REGIONS[region]),
            sorted(zones, key=lambda zone: zone.name if language.locale.language == "zh" else zone.words),
        )
        for region, zones in by_region.items()
    ]
    groups.append((UTC, [Zone(UTC, UTC, _OTHERS_OF_UTC)]))
    _GROUPS[language.tag] = (moment, groups)
    return groups


def _city(name: str, locale: Locale) -> str:
    """As in "Berlin" or "上海"; where the region has another level, with it ("Indiana, Knox")."""
    for called in (name, *_others_of().get(name, "").split()):
        city = locale.time_zones.get(called, {}).get("city")
        if city:
            return city
    return ", ".join(part.replace("_", " ") for part in name.split("/")[1:])


def _signed(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'−' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def countries(language: Language, codes: Sequence[str] = ()) -> list[tuple[str, str]]:
    """These countries, or all that goods can be sent to, by code and name, in the order of the reader's alphabet."""
    names = [(code, country_name(language, code)) for code in codes or COUNTRIES]
    return sorted(names, key=lambda each: each[1].casefold())


@dataclass(frozen=True, slots=True)
class CountryGroup:
    """`code` is what a form sends for all of it."""

    code: str
    name: str
    countries: list[tuple[str, str]]


EUROPEAN_UNION: Final = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
_CONTINENTS: Final = {"Europe": "150", "Asia": "142", "America": "019", "Africa": "002", "Pacific": "009"}
# Those whose time zone is not called by their continent.
_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(["AU", "CC", "CX", "HM"], "009")
    | dict.fromkeys(["CV", "IO", "KM", "MG", "MU", "RE", "SC", "SH", "TF", "YT"], "002")
    | dict.fromkeys(["AQ", "BM", "BV", "CL", "EC", "FK", "GS"], "019")
    | dict.fromkeys(["FO", "IS", "SJ"], "150")
    | {"MV": "142", "TR": "142"}
)


def country_groups(language: Language) -> list[CountryGroup]:
    """All countries by where they are, the European Union first; each country stands once."""
    found: dict[str, list[tuple[str, str]]] = {}
    for code, name in countries(language):
        found.setdefault(continent(code), []).append((code, name))
    order = ("EU", "150", "142", "019", "002", "009")
    return [CountryGroup(each, country_name(language, each), found[each]) for each in order]


@cache
def continent(code: str) -> str:
    """`EU`, or the United Nations' number of the continent."""
    if code in EUROPEAN_UNION:
        return "EU"
    if code in _ELSEWHERE:
        return _ELSEWHERE[code]
    zones = cast("Mapping[str, Sequence[str]]", get_global("territory_zones")).get(code, ())
    return next(
        (_CONTINENTS[zone.partition("/")[0]] for zone in zones if zone.partition("/")[0] in _CONTINENTS),
        "019",
    )


def countries_in(groups: Sequence[str]) -> list[str]:
    """The countries of these groups."""
    return sorted(code for code in COUNTRIES if continent(code) in groups)


def country_name(language: Language, code: str) -> str:
    """What the reader calls a country; what is no code stays as it is."""
    return language.locale.territories.get(code, code)
