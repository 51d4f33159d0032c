"""All that is wrong with what somebody typed about a shop, field by field, at once."""

import re
from typing import Final
from zoneinfo import available_timezones

from shopfloor.accounts.models import RESERVED_SLUGS, BadShop, Shop, is_slug
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.text import line

_LOCALE: Final = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?")


def checked_shop(*, name: str, slug: str, currency: str, locale: str, timezone: str) -> Shop:
    """A shop that may be stored (its id is still 0).  Raises BadShop or UnusableText."""
    faults = of_shop(name=name, slug=slug, currency=currency, locale=locale, timezone=timezone)
    for fault in faults.values():
        raise fault
    return Shop(
        id=0,
        slug=slug,
        name=line(name, field="name", longest=100, shortest=1),
        currency=currency,
        locale=locale,
        timezone=timezone,
    )


def of_shop(*, name: str, slug: str, currency: str, locale: str, timezone: str) -> dict[str, Refusal]:
    """Everything that keeps a shop from being stored, by field: a form says all of it at once."""
    faults: dict[str, Refusal] = {}
    try:
        line(name, field="name", longest=100, shortest=1)
    except Refusal as refusal:
        faults["name"] = refusal
    if slug in RESERVED_SLUGS:
        faults["slug"] = BadShop("This address is kept for the server.", field="slug", reserved=slug)
    elif not is_slug(slug):
        faults["slug"] = BadShop("The address of a shop has 1 to 48 of a-z, 0-9 and '-'.", field="slug")
    if currency not in DECIMALS:
        faults["currency"] = BadShop("This is not a currency (three letters, ISO 4217).", field="currency")
    if _LOCALE.fullmatch(locale) is None:
        faults["locale"] = BadShop("This is not a language, as in en or zh_CN.", field="locale")
    if timezone not in available_timezones():
        faults["timezone"] = BadShop("This is not a time zone, as in Asia/Shanghai.", field="timezone")
    return faults
