"""What people type into forms, made into values or refused with a code."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from babel.numbers import get_decimal_symbol

from shopfloor import catalog
from shopfloor.accounts import Shop
from shopfloor.kernel import amounts, border
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.values import MAX_QUANTITY, whole_number

E = TypeVar("E", bound=Enum)
T = TypeVar("T")


class NotAName(Invalid):
    """A name is missing."""

    code = "form.not_a_name"


class NotADate(Invalid):
    """This is no date."""

    code = "form.not_a_date"


class NotAChoice(Invalid):
    """This is none of the options."""

    code = "form.not_a_choice"


def minor_of(text: str, shop: Shop) -> int:
    """An amount in the currency of `shop`.  Raises what `amounts.read_minor` raises."""
    return amounts.read_minor(text, shop.currency, decimal_sign=_decimal_sign(shop.locale))


def quantity_of(text: str, shop: Shop, *, least: int = 1, most: int = MAX_QUANTITY) -> int:
    """Raises what `amounts.read_quantity` raises."""
    return amounts.read_quantity(text, least=least, most=most, decimal_sign=_decimal_sign(shop.locale))


def id_of(text: str) -> int:
    """An id as a form has it; 0, which nothing has, for anything else that was sent."""
    return whole_number(text) or 0


def choice_of(options: type[E], text: str, *, field: str) -> E:
    """Raises NotAChoice."""
    try:
        return options(text)
    except ValueError:
        raise NotAChoice(field=field, given=text[:40]) from None


def one_of(options: Mapping[str, T], text: str, *, field: str) -> T:
    """What stands for this value of a field.  Raises NotAChoice."""
    try:
        return options[text]
    except KeyError:
        raise NotAChoice(field=field, given=text[:40]) from None


def check_variants(fields: Iterable[str], *words: str, known: Collection[int]) -> None:
    """Raises UnknownVariant for a field like `price-17` (word, dash, variant) of a variant that is not `known`."""
    for name in fields:
        word, dash, number = name.rpartition("-")
        if dash and word in words and id_of(number) not in known:
            raise catalog.UnknownVariant(variant_id=number[:20])


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
    """The value of a `date` input, from 2000 to 2199; None when empty.  Raises NotADate."""
    if not text.strip():
        return None
    try:
        return border.read_day(text.strip())
    except ValueError:
        raise NotADate(given=text[:40]) from None
