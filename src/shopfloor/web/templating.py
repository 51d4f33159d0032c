"""Pages from templates: how every page of Shopfloor is rendered.

    return render(request, "console/stock.html", shop=shop, actor=actor, levels=levels)

A template extends `base.html` (public pages) or `base_console.html` (console: top bar, navigation, flashes) and
fills the blocks `title`, `content`, and, when it must, `head` and `scripts`.

Always there
    language, languages      the language of this page (`.tag`, `.name`) and all of them
    path                     path and query of the request, for forms that return here
    now                      datetime, UTC
    zone                     tzinfo in which times are shown: pass `zone=`, or `shop` with a `timezone`, else UTC
    flashes                  messages for this visitor (see `flash`), already taken from the cookie
    _() ngettext() {% trans %}  gettext; English is the source
    asset("room.css").url    address of a built file
    icon("bag")              a stroke icon, hidden from screen readers: always write a word beside it, or
                             `icon("bag", _("Basket"))` when it stands alone; names are the files in frontend/icons
    island("studio")         the script tags of an island built from frontend/src/studio/main.tsx
    places                   the pages of the console (console/places.py)
    money_of(minor, currency)  a Money of plain numbers
    data("state", value)     a JSON island for scripts: `JSON.parse(document.getElementById("state").textContent)`

Filters
    money                    Money -> "¥129.00" in the reader's way; `money(whole=True)` leaves out ".00"
    number, percent          1234 -> "1,234"; 0.123 -> "12.3%" (`percent(1)`)
    rate                     "9.975" -> "9.975%": a rate as it is kept
    day                      "3 Dec": promises and other near days
    date, datetime, clock    "3 Dec 2026", "3 Dec 2026, 20:00", "20:00:10"; in `zone`
    when                     a <time> element, in `zone`
    duration                 seconds -> "1:02:33"
    in_words(titles)         `product.title|in_words(product.titles)`: the merchant's text in the reader's language
    minor                    Money -> "129.00": the value of a price input
    id                       a UUID shortened for people's eyes

Macros: `parts/forms.html` (field, select, choices, submit, hidden inputs), `parts/pieces.html` (badge, note, empty,
pages, price, picture, figures, dialog).  Import them `with context`.

There is no inline script and no style attribute anywhere: the content security policy would drop them.  SVG presentation
attributes (`fill`, `x`, `width`) are fine.  In templates undefined names raise.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel import Locale, dates, numbers
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from typing_extensions import override

from shopfloor.kernel import addresses
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.values import Money, now
from shopfloor.web.brand import shop_pages, site_name
from shopfloor.web.console.places import PLACES
from shopfloor.web.languages import LANGUAGES, Language, language_of
from shopfloor.web.parts import option_kind
from shopfloor.web.regions import country_name
from shopfloor.web.static import asset

TEMPLATES: Final = Path(__file__).parent / "templates"
FLASH_COOKIE: Final = "flash"
_FLASH_KINDS: Final = frozenset({"good", "wait", "bad", "info"})
_SECOND: Final = 60

Item = TypeVar("Item")


def render(request: Request, template: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
    """The page, in the reader's language.  Flashes are shown once: their cookie is cleared by this answer."""
    language = language_of(request, getattr(context.get("shop"), "locale", None))
    query = request.url.query
    html = page_text(
        template,
        language=language,
        path=request.url.path + (f"?{query}" if query else ""),
        flashes=flashes_of(request),
        status=status,
        **context,
    )
    response = HTMLResponse(html, status_code=status)
    response.headers["content-language"] = language.tag
    response.headers.setdefault("cache-control", "private, no-cache")
    response.headers["vary"] = "cookie, accept-language"
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE, path="/")
    return response


def page_text(
    template: str,
    /,
    *,
    language: Language,
    path: str,
    flashes: Sequence[tuple[str, str]] = (),
    status: int = 200,
    **context: Any,
) -> str:
    """The text of a page.  Nothing of a request is in it but what is given."""
    zone = context.pop("zone", None) or zone_of(getattr(context.get("shop"), "timezone", None))
    return (
        environment(language.tag)
        .get_template(template)
        .render(
            language=language,
            languages=LANGUAGES,
            path=path,
            now=now(),
            zone=zone,
            flashes=flashes,
            status=status,
            **{"shop": None, "actor": None, "active": "", **context},
        )
    )


def flash(response: Response, kind: str, text: str) -> None:
    """Leave a message for the next page this visitor opens.  `kind`: good, wait, bad or info; `text`: translated."""
    assert kind in _FLASH_KINDS
    value = quote(json.dumps([kind, text[:400]], ensure_ascii=False))
    response.set_cookie(FLASH_COOKIE, value, max_age=_SECOND, path="/", httponly=True, samesite="lax")


def flashes_of(request: Request) -> list[tuple[str, str]]:
    try:
        kind, text = msgspec.json.decode(unquote(request.cookies.get(FLASH_COOKIE, "")), type=tuple[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return []
    return [(kind, text)] if kind in _FLASH_KINDS else []


def zone_name(moment: datetime) -> str:
    """What the clocks of its zone are called at this moment: "CET", or "UTC+08" where they have no name."""
    name = f"{moment:%Z}"
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def when_words(moment: datetime, language: Language) -> str:
    """Day and time in the zone of `moment`, which they name: "Thu, Dec 3 20:00 CET"."""
    day = dates.format_skeleton("MMMEd", moment, locale=language.locale)
    return f"{day} {moment:%H:%M} {zone_name(moment)}"


def zone_of(name: str | None) -> tzinfo:
    """The time zone called `name`, or UTC when there is none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


class FormKeys(Extension):
    """Every form of the console that posts carries a key of its own: sent twice, it is carried out once.

    The studio's page stays while its script sends its forms, so there the script gives each act a key: the same
    again only where no answer came.
    """

    _FORM: Final = re.compile(r"<form\b[^>]*\bmethod=\"post\"[^>]*>")

    @override
    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        if name is None or not name.startswith("console/"):
            return source
        return self._FORM.sub(lambda found: found[0] + "{{ form_key() }}", source)


def form_key() -> Markup:
    return Markup('<input type="hidden" name="form_key" value="{}">').format(secrets.token_urlsafe(16))


@cache
def environment(tag: str) -> Environment:
    """The templates in one language."""
    language = next(language for language in LANGUAGES if language.tag == tag)
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", FormKeys],
        auto_reload=False,
    )
    env.install_gettext_translations(language.words, newstyle=True)  # pyright: ignore[reportAttributeAccessIssue]
    env.globals.update(_sentences(env, language))
    env.filters.update(_filters(language))
    helpers: dict[str, Any] = {
        "asset": asset,
        "icon": icon,
        "island": island,
        "data": data,
        "form_key": form_key,
        "with_query": with_query,
        "option_kind": option_kind,
        "shop_pages": shop_pages,
        "site_name": site_name,
        "money_of": Money,
        "places": PLACES,
    }
    env.globals.update(helpers)
    return env


def _sentences(env: Environment, language: Language) -> dict[str, Any]:
    """What fills the sentences of templates: counts in them are written as `number` writes them."""
    translate: Any = env.globals["gettext"]
    some: Any = env.globals["ngettext"]

    @pass_context
    def gettext(context: Context, message: str, /, **facts: Any) -> str:
        return translate(context, message, **language.facts(facts))

    @pass_context
    def ngettext(context: Context, single: str, many: str, n: int, /, **facts: Any) -> str:
        return some(context, single, many, n, **language.facts({"num": n, **facts}))

    return {"gettext": gettext, "ngettext": ngettext}


def icon(name: str, label: str | None = None, *, big: bool = False) -> Markup:
    """A stroke icon of the sprite.  Without a label it is decoration."""
    says = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon{}" {}><use href="{}#{}"/></svg>').format(
        " big" if big else "", says, asset("icons.svg").url, name
    )


def island(name: str) -> Markup:
    """The tags that load an island and, beside it, what it imports at once."""
    script = asset(f"{name}.js")
    preloads = Markup("").join(
        Markup('<link rel="modulepreload" href="{}">').format(chunk) for chunk in script.imports
    )
    return preloads + Markup('<script type="module" src="{}"></script>').format(script.url)


def data(name: str, value: object) -> Markup:
    """`value` as JSON in the page, where a script finds it by id.  Dataclasses, dates and UUIDs are welcome."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    escaped = Markup(text)  # noqa: S704 -- every character that HTML minds was escaped just above
    return Markup('<script type="application/json" id="{}">{}</script>').format(name, escaped)


def with_query(path: str, **values: object) -> str:
    """`path` with these query parameters set (None removes); what else stood there stays."""
    base, _, query = path.partition("?")
    kept = {k: v for k, _, v in (part.partition("=") for part in query.split("&") if part) if k not in values}
    fresh = urlencode({key: str(value) for key, value in values.items() if value is not None})
    joined = "&".join([*(f"{key}={value}" for key, value in kept.items()), *([fresh] if fresh else [])])
    return f"{base}?{joined}" if joined else base


def money_text(amount: Money, language: Language, *, whole: bool = False) -> str:
    """An amount in the way of `language`.  With `whole`, ".00" is left out: prices on tickets, never sums."""
    value = major(amount)
    decimals = 0 if whole and value == value.to_integral_value() else DECIMALS[amount.currency]
    return numbers.format_currency(
        value,
        amount.currency,
        format=_currency_pattern(language.locale, decimals),
        locale=language.locale,
        currency_digits=False,
    )


@cache
def _currency_pattern(locale: Locale, decimals: int) -> str:
    """How `locale` writes an amount, with this many decimals: locale data have other decimals than ISO 4217."""
    pattern = locale.currency_formats["standard"].pattern
    return re.sub(r"0(\.0+)?", f"0.{'0' * decimals}" if decimals else "0", pattern, count=1)


def major(amount: Money) -> Decimal:
    """12900 fen -> Decimal("129.00"); yen have no minor unit."""
    return Decimal(amount.minor).scaleb(-DECIMALS[amount.currency])


def _filters(language: Language) -> dict[str, Any]:
    locale = language.locale

    def money(amount: Money, *, whole: bool = False) -> str:
        return money_text(amount, language, whole=whole)

    def minor(amount: Money) -> str:
        return str(major(amount))

    def number(value: float, digits: int | None = None) -> str:
        shape = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
        return numbers.format_decimal(value, format=shape, locale=locale)

    def percent(value: float, digits: int = 0) -> str:
        return numbers.format_percent(
            value, format="#,##0" + ("." + "0" * digits if digits else "") + "%", locale=locale
        )

    def rate(text: str) -> str:
        """A tax rate as it is kept, such as "9.975"."""
        return numbers.format_percent(Decimal(text) / 100, format="#,##0.######%", locale=locale)

    @pass_context
    def day(context: Context, value: date | datetime | str, shape: str = "medium") -> str:
        return dates.format_date(_local(context, value), format=shape, locale=locale)

    @pass_context
    def short_day(context: Context, value: date | datetime | str) -> str:
        return dates.format_skeleton("MMMd", _local(context, value), locale=locale)

    @pass_context
    def moment(context: Context, value: datetime, shape: str = "medium") -> str:
        local = _local(context, value)
        assert isinstance(local, datetime)
        return f"{dates.format_date(local, format=shape, locale=locale)} {local:%H:%M} {zone_name(local)}"

    @pass_context
    def clock(context: Context, value: datetime, *, seconds: bool = True, zone: bool = False) -> str:
        """`zone`: with its name; without, the foot of the page says it."""
        local = _local(context, value)
        assert isinstance(local, datetime)
        words = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
        return f"{words} {zone_name(local)}" if zone else words

    @pass_context
    def when(context: Context, value: datetime, shape: str = "datetime") -> Markup:
        """`shape`: datetime, date, time, weekday.  The words are in `zone`, and name it where there is a clock."""
        local = _local(context, value)
        assert isinstance(local, datetime)
        forms = {
            "datetime": lambda: when_words(local, language),
            "date": lambda: dates.format_skeleton("MMMEd", local, locale=locale),
            "weekday": lambda: dates.format_skeleton("MMMEd", local, locale=locale),
            "time": lambda: f"{local:%H:%M} {zone_name(local)}",
        }
        return Markup('<time datetime="{}">{}</time>').format(
            value.astimezone(UTC).isoformat(timespec="seconds"), forms[shape]()
        )

    def duration(seconds: float) -> str:
        minutes, rest = divmod(int(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

    def in_words(otherwise: str, titles: Mapping[str, str] | None) -> str:
        return language.localised(titles, otherwise)

    def address_lines(address: Any) -> list[str]:
        """Of an order, or one that a customer has kept."""
        read = address.get if isinstance(address, Mapping) else partial(getattr, address)
        street, city, region, postcode, country = (
            str(read(name, "") or "") for name in ("street", "city", "region", "postcode", "country")
        )
        return addresses.lines(
            street=street,
            city=city,
            region=region,
            postcode=postcode,
            country=country_name(language, country),
        )

    def short_id(value: UUID | str) -> str:
        return str(value).replace("-", "")[-8:].upper()

    return {
        "money": money,
        "minor": minor,
        "number": number,
        "percent": percent,
        "rate": rate,
        "date": day,
        "day": short_day,
        "datetime": moment,
        "clock": clock,
        "when": when,
        "duration": duration,
        "address_lines": address_lines,
        "in_words": in_words,
        "words_of": language.words_of,
        "id": short_id,
    }


def _local(context: Context, value: date | datetime | str) -> date | datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    return value.astimezone(context["zone"]) if isinstance(value, datetime) else value
