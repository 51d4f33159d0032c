"""Exact parts of whole amounts."""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

from shopfloor.kernel.values import split_minor

_PERCENT: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)


# A shop has few percentages, and reckons with them in every price.
@lru_cache(maxsize=1024)
def ratio(percent: str) -> Fraction | None:
    """The part of one that a percentage is; None where this is none."""
    return Fraction(percent) / 100 if _PERCENT.fullmatch(percent) else None


def rounded(amount: Fraction) -> int:
    """To whole minor units, a half upwards; of amounts that are not below zero."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def refund_parts(paid: Sequence[int], refunded: Sequence[int], amount: int) -> list[int]:
    """Share a refund over what was paid and not given back yet: no part ever gets more than is left of it, and the
    refund of all that is left gives back exactly what is left of each.

    Raises ValueError for more than is left.
    """
    left = [each - back for each, back in zip(paid, refunded, strict=True)]
    if min(left, default=0) < 0 or not 0 <= amount <= sum(left):
        raise ValueError("more than was paid and is left")
    return split_minor(amount, left) if any(left) else [0] * len(left)


def of_units(paid: int, quantity: int, units: int) -> int:
    """What was paid for the first `units` of a line of `quantity`: differences of it sum to `paid` exactly.

    Raises ValueError for units that the line does not have.
    """
    if not 0 <= units <= quantity or quantity < 1:
        raise ValueError("the line has not so many units")
    return rounded(Fraction(paid * units, quantity))
