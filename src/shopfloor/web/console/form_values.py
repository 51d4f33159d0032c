"""What people type into forms, made into values or refused with a code."""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY


class NotAnAmount(Invalid):
    """This is no amount of money."""

    code = "form.not_an_amount"


class NotAQuantity(Invalid):
    """This is no whole number from 1 to 1,000,000."""

    code = "form.not_a_quantity"


class NotAName(Invalid):
    """A name is missing."""

    code = "form.not_a_name"


class NotADate(Invalid):
    """This is no date."""

    code = "form.not_a_date"


def minor_of(text: str, currency: str) -> int:
    """Minor units of "129.00", "1,290" or "¥129".  Raises NotAnAmount."""
    bare = text.strip().strip("¥￥$€£").replace(",", "").replace(" ", "")
    try:
        amount = Decimal(bare)
    except InvalidOperation:
        raise NotAnAmount(given=text[:40]) from None
    if not amount.is_finite():
        raise NotAnAmount(given=text[:40])
    scaled = amount.scaleb(get_currency_precision(currency))
    if scaled != scaled.to_integral_value() or not 0 <= scaled <= MAX_MINOR:
        raise NotAnAmount(given=text[:40])
    return int(scaled)


def quantity_of(text: str, *, least: int = 1) -> int:
    """Raises NotAQuantity."""
    bare = text.strip().replace(",", "")
    if not bare.removeprefix("-").isascii() or not bare.removeprefix("-").isdigit() or len(bare) > 9:
        raise NotAQuantity(given=text[:40])
    if not least <= int(bare) <= MAX_QUANTITY:
        raise NotAQuantity(given=text[:40])
    return int(bare)


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
