"""Whether a figure says something, or only that no two shows are alike.

A show is compared with earlier ones of the same weekday and about the same length.  Of a handful of values nothing is
known but that they vary; what can be said is in which range the next one falls nine times out of ten if nothing has
changed: the prediction interval of Student's t over logarithms, for what shows make is multiplied by their audience
more than added to it.  With fewer than five there is no range worth telling.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import expm1, inf, log1p, sqrt
from statistics import fmean, median, stdev
from typing import Final

from shopfloor.kernel.records import dataclass

FEWEST: Final = 5
# The 95th percentile of Student's t by degrees of freedom: 90 % lie between it and its negative.
_T: Final = (
    inf, 6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753,
    1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697,
)  # fmt: skip
_LONGER: Final = 1.5


class Verdict(StrEnum):
    TOO_FEW = "too_few"
    USUAL = "usual"
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`usual` is the median of `shows` comparable ones, `low` to `high` the range of nine in ten (None: too few)."""

    verdict: Verdict
    shows: int
    usual: float | None = None
    low: float | None = None
    high: float | None = None


def compare(value: float | None, past: Sequence[float]) -> Comparison:
    """`past`: the same figure of comparable shows; no value is below zero."""
    if value is None or len(past) < FEWEST:
        return Comparison(Verdict.TOO_FEW, len(past), median(past) if past else None)
    logs = [log1p(each) for each in past]
    freedom = len(logs) - 1
    reach = (
        (_T[freedom] if freedom < len(_T) else 1.645 + 1.7 / freedom) * stdev(logs) * sqrt(1 + 1 / len(logs))
    )
    low, high = max(0.0, expm1(fmean(logs) - reach)), expm1(fmean(logs) + reach)
    outside = Verdict.HIGHER if value > high else Verdict.LOWER
    # What never varied is equal to itself, also after a logarithm and back.
    slack = 1e-9 * (1 + value)
    verdict = Verdict.USUAL if low - slack <= value <= high + slack else outside
    return Comparison(verdict, len(past), median(past), low, high)


def is_comparable(seconds: float, others: float) -> bool:
    """Whether two shows are of about the same length: neither half as long again as the other."""
    short, long = sorted((seconds, others))
    return short > 0 and long <= _LONGER * short
