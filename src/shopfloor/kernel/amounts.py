"""The one reader of amounts and quantities that people type, and the one writer for files.

Forms, CSV and JSON text come through here.  Both decimal signs are understood; a sign counts as a group separator
only where it groups; what can be read in two ways is refused with both readings, never guessed.  The browser reads
the same way while one types (`frontend/src/common/amounts.ts`); both are tested with `tests/vectors/amounts.json`.
"""

import re
import unicodedata
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Final

from shopfloor.kernel.currencies import DECIMALS, MARKS
from shopfloor.kernel.errors import Conflict, Invalid
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY

LEAP: Final = 3
"""A price that moves by more than this factor is asked about."""

_LONGEST: Final = 40
_SIGNS: Final = str.maketrans("٫٬，．。｡’ʼ＇－−＋＄￡￥￦", ".',...'''--+$£¥₩")
_SPACES: Final = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]")
# "129.-": no cents.
_WHOLE: Final = re.compile(r"(?<=[0-9])[.,](?:--?|[–—])$")
_FIGURES: Final = re.compile(r"[0-9]+(?:[.,' ][0-9]+)*|[.,][0-9]+")
_OTHER: Final = {".": ",", ",": "."}
# Groups of three, or the Indian way: three at the end, two before.
_GROUPED: Final = {
    sign: re.compile(rf"[0-9]{{1,3}}(?:{re.escape(sign)}[0-9]{{3}})+|[0-9]{{1,2}}(?:{re.escape(sign)}[0-9]{{2}})+{re.escape(sign)}[0-9]{{3}}")
    for sign in (".", ",", "'", " ")
}  # fmt: skip


class DecimalSign(StrEnum):
    """Which sign stands before the decimals."""

    POINT = "point"
    COMMA = "comma"

    @property
    def char(self) -> str:
        return "." if self is DecimalSign.POINT else ","


class AmountUnreadable(Invalid):
    """This is not an amount."""

    code = "amount.unreadable"


class AmountAmbiguous(Invalid):
    """The amount can be read in two ways."""

    code = "amount.ambiguous"


class AmountNegative(Invalid):
    """The amount is below zero."""

    code = "amount.negative"


class AmountDecimals(Invalid):
    """The amount has more decimals than its currency."""

    code = "amount.decimals"


class AmountTooLarge(Invalid):
    """The amount is larger than any the product accepts."""

    code = "amount.too_large"


class AmountOtherSign(Invalid):
    """The amount has the other decimal sign than the file it stands in."""

    code = "amount.other_sign"


class QuantityUnreadable(Invalid):
    """This is not a whole number in the range."""

    code = "quantity.unreadable"


class PriceLeap(Conflict):
    """The price moves by more than a factor of three and has to be confirmed."""

    code = "price.leap"


def read_minor(text: str, currency: str, *, decimal_sign: str = ".", certain: bool = False) -> int:
    """The amount that `text` says, in minor units of `currency`.

    `decimal_sign`: the one of the language that the writer uses, "." or ","; `certain`: no other was used, as in a
    file whose other amounts prove it, so `1.290` is no question.  The code of the currency and its marks may stand
    around the number, those of another currency may not.  Zeros beyond the decimals of the currency are read.
    Raises AmountUnreadable, AmountAmbiguous, AmountNegative, AmountDecimals or AmountTooLarge; AmountOtherSign, if
    `certain`, where only the other sign gives the number a meaning.
    """
    decimals = DECIMALS[currency]
    bare = _bare(text, currency)
    if bare.startswith("-"):
        # Below zero in either reading.
        with suppress(AmountAmbiguous, AmountOtherSign):
            _number(bare[1:], decimals, decimal_sign, text, certain=certain)
        raise AmountNegative(given=text[:_LONGEST])
    whole, fraction = _number(bare, decimals, decimal_sign, text, certain=certain)
    if fraction[decimals:].strip("0"):
        raise AmountDecimals(given=text[:_LONGEST], currency=currency, decimals=decimals)
    minor = int(whole + fraction[:decimals].ljust(decimals, "0"))
    if minor > MAX_MINOR:
        raise AmountTooLarge(given=text[:_LONGEST])
    return minor


def read_quantity(
    text: str,
    *,
    least: int = 1,
    most: int = MAX_QUANTITY,
    decimal_sign: str = ".",
    certain: bool = False,
) -> int:
    """The whole number that `text` says.  Raises QuantityUnreadable, AmountAmbiguous.

    `certain` as for `read_minor`; then programs that write `5.0` for whole numbers are understood.
    """
    refusal = QuantityUnreadable(given=text[:_LONGEST], least=least, most=most)
    bare = _bare(text, "")
    negative = bare.startswith("-")
    try:
        whole, fraction = _number(
            bare[1:] if negative else bare.removeprefix("+"), 0, decimal_sign, text, certain=certain
        )
    except AmountUnreadable:
        raise refusal from None
    except AmountAmbiguous as both:
        if not negative:
            raise
        facts = {name: f"-{both.facts[name]}" for name in ("smaller", "larger")}
        raise AmountAmbiguous(given=text[:_LONGEST], **facts) from None
    if (fraction.strip("0") if certain else fraction) or len(whole) > 18:
        raise refusal
    quantity = -int(whole) if negative else int(whole)
    if not least <= quantity <= most:
        raise refusal
    return quantity


def proven_sign(text: str, currency: str = "", *, is_whole: bool = False) -> str | None:
    """The decimal sign, "." or ",", with which alone `text` is a number; None where either would do, or neither.

    `1.290,00`, `1.290.000` and `12,5` prove the comma, `1.290` nothing, unless it `is_whole`, as yen and pieces are.
    In `129.-` the point proves nothing: it is written so by those with a decimal comma, too.
    """
    if text.isdecimal():
        return None
    try:
        bare = _bare(text, currency).lstrip("+-")
    except AmountUnreadable:
        return None
    whole = _WHOLE.sub("", bare)
    if _FIGURES.fullmatch(whole) is None:
        return None
    signs = [each for each in whole if each in ".,"]
    if whole != bare:
        return _OTHER[signs[0]] if signs else "," if bare[len(whole)] == "," else None
    if not signs:
        return None
    last = signs[-1]
    if any(each in "' " for each in whole) or len(set(signs)) > 1:
        return last if signs.count(last) == 1 else None
    if len(signs) > 1:
        return _OTHER[last] if _GROUPED[last].fullmatch(whole) else None
    before, _, fraction = whole.partition(last)
    if len(fraction) != 3 or not 1 <= len(before) <= 3 or before.startswith("0"):
        return last
    return _OTHER[last] if is_whole and fraction != "000" else None


def written(minor: int, currency: str) -> str:
    """`129.00`: digits, a decimal point and the decimals of the currency, for files and form fields."""
    decimals = DECIMALS[currency]
    return f"{Decimal(minor).scaleb(-decimals):.{decimals}f}"


def percentage(text: str) -> str:
    """A percentage as it was typed, with a decimal point and without its sign; also from a Chinese or Japanese keyboard."""
    return unicodedata.normalize("NFKC", text).replace("%", "").replace(",", ".").strip()


def is_leap(old_minor: int, new_minor: int) -> bool:
    """Whether a price moves by more than a factor of three; to nothing is a leap, from nothing is none."""
    return old_minor > 0 and (new_minor > LEAP * old_minor or old_minor > LEAP * new_minor)


def check_leap(old_minor: int, new_minor: int, currency: str, *, confirmed: bool) -> None:
    """Raises PriceLeap with both prices unless the move is small or was confirmed."""
    if is_leap(old_minor, new_minor) and not confirmed:
        raise PriceLeap(old=written(old_minor, currency), new=written(new_minor, currency), currency=currency)


def _bare(text: str, currency: str) -> str:
    """`text` with ASCII digits and plain signs, without the currency around it.  Raises AmountUnreadable."""
    if len(text) > _LONGEST:
        raise AmountUnreadable(given=text[:_LONGEST])
    digits = "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each for each in text.translate(_SIGNS)
    )
    bare = _SPACES.sub(" ", digits).strip()
    if currency:
        before, after = _marks(currency)
        bare = after.sub("", before.sub(r"\1", bare, count=1), count=1).strip()
    return bare


@cache
def _marks(currency: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What may stand before a number in this currency (a sign is kept), and what behind it."""
    fitting = [currency, *(mark for mark, codes in MARKS.items() if currency in codes.split())]
    either = "|".join(re.escape(mark) for mark in sorted(fitting, key=len, reverse=True))
    return (
        re.compile(rf"^([+-]?) ?(?:{either}) ?(?=[-+0-9.,])", re.IGNORECASE),
        re.compile(rf"(?<=[-0-9–—]) ?(?:{either})$", re.IGNORECASE),
    )


def _number(
    bare: str, decimals: int, decimal_sign: str, given: str, *, certain: bool = False
) -> tuple[str, str]:
    """The digits before and after the decimal sign."""
    unreadable = AmountUnreadable(given=given[:_LONGEST])
    if certain and proven_sign(bare) == _OTHER[decimal_sign]:
        raise AmountOtherSign(given=given[:_LONGEST])
    whole = _WHOLE.sub("", bare) if decimals else bare
    if whole != bare:
        if re.fullmatch(r"[0-9]+(?:[.,' ][0-9]+)*", whole) is None:
            raise unreadable
        return _ungrouped(whole, [each for each in whole if not each.isdigit()], unreadable), ""
    if _FIGURES.fullmatch(bare) is None:
        raise unreadable
    signs = [each for each in bare if each in ".,"]
    neutral = [each for each in bare if each in "' "]
    if not signs:
        return _ungrouped(bare, neutral, unreadable), ""
    last = signs[-1]
    if neutral or len(set(signs)) > 1:
        # The last sign is the decimal one: it stands once, and every other one groups.
        whole, _, fraction = bare.rpartition(last)
        if last in whole or not fraction.isdigit():
            raise unreadable
        return _ungrouped(whole, [each for each in whole if not each.isdigit()], unreadable), fraction
    if len(signs) > 1:
        return _ungrouped(bare, signs, unreadable), ""
    whole, _, fraction = bare.partition(last)
    if len(fraction) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0"):
        return whole or "0", fraction
    if certain:
        return (whole, fraction) if last == decimal_sign else (f"{whole}{fraction}", "")
    if decimals == 3 and last in {".", decimal_sign}:
        return whole, fraction
    exact = not fraction[decimals:].strip("0")
    if (last != decimal_sign or decimals == 0) and not (exact and (decimals or last == decimal_sign)):
        return f"{whole}{fraction}", ""
    if not exact:
        return whole, fraction
    decimal = f"{whole}.{fraction[:decimals]}" if decimals else whole
    raise AmountAmbiguous(given=given[:_LONGEST], smaller=decimal, larger=f"{whole}{fraction}")


def _ungrouped(text: str, separators: list[str], unreadable: AmountUnreadable) -> str:
    if not separators:
        return text
    if len(set(separators)) > 1 or _GROUPED[separators[0]].fullmatch(text) is None:
        raise unreadable
    return text.replace(separators[0], "")
