"""What people type into forms, made into values or refused with a code."""

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel.numbers import get_decimal_symbol

from shopfloor.accounts import Shop
from shopfloor.kernel import amounts
from shopfloor.kernel.errors import Invalid


class NotAName(Invalid):
    """A name is missing."""

    code = "form.not_a_name"


class NotADate(Invalid):
    """This is no date."""

    code = "form.not_a_date"


def minor_of(text: str, shop: Shop) -> int:
    """An amount in the currency of `shop`.  Raises what `amounts.read_minor` raises."""
    return amounts.read_minor(text, shop.currency, decimal_sign=_decimal_sign(shop.locale))


def quantity_of(text: str, shop: Shop, *, least: int = 1) -> int:
    """Raises what `amounts.read_quantity` raises."""
    return amounts.read_quantity(text, least=least, decimal_sign=_decimal_sign(shop.locale))


@cache
def _decimal_sign(locale: str) -> str:
    return "," if get_decimal_symbol(locale) == "," else "."


def moment_of(text: str, zone: str) -> datetime | None:
    """The value of a `datetime-local` input in the shop's time zone, as UTC; None when empty.  Raises NotADate."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotADate(given=text[:40]) from None


def day_of(text: str) -> date | None:
    """The value of a `date` input; None when empty.  Raises NotADate."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise NotADate(given=text[:40]) from None
