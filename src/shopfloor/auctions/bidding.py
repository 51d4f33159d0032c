"""Proxy bidding: a bidder names the most they would pay, and pays one step more than the next one's most.

The rules of an English auction with maximum bids, as large auction sites have them.  Pure.  Amounts in minor units.

* The first bid stands at the start price.
* Of two maxima the higher leads, at one step above the lower one, and never above its own.
* Of equal maxima the earlier one leads, at that amount.
* A leader who raises their own maximum leaves the price as it is.
* Once the leader's maximum reaches the reserve, the price is the reserve at least.
"""

from datetime import datetime, timedelta
from typing import Final

from shopfloor.kernel.records import dataclass

Steps = tuple[tuple[int, int], ...]
"""(from which price on, by how much the next bid is higher), rising, the first from 0."""

RAISED: Final = "raised"
LEADS: Final = "leads"
OUTBID: Final = "outbid"


@dataclass(frozen=True, slots=True)
class Standing:
    """`most` is the sealed maximum of whoever leads."""

    price: int
    leader: int
    most: int


@dataclass(frozen=True, slots=True)
class Taken:
    """`came`: RAISED the own maximum, LEADS now, or was OUTBID at once by a maximum from before."""

    standing: Standing
    came: str


@dataclass(frozen=True, slots=True)
class TooLow:
    """At least so much is asked."""

    asked: int


@dataclass(frozen=True, slots=True)
class Rules:
    start: int
    reserve: int | None
    steps: Steps

    def step(self, price: int) -> int:
        """By how much a bid must be higher than this price."""
        return max((low, step) for low, step in self.steps if low <= price)[1]

    def asked(self, price: int | None) -> int:
        return self.start if price is None else price + self.step(price)

    def take(self, standing: Standing | None, bidder: int, most: int) -> Taken | TooLow:
        """What a bid of at most `most` does."""
        if standing is None:
            if most < self.start:
                return TooLow(self.start)
            return Taken(self._with_reserve(self.start, bidder, most), LEADS)
        if bidder == standing.leader:
            if most <= standing.most:
                # Who leads is asked for more than they promised already, not for the next step.
                return TooLow(standing.most + 1)
            return Taken(self._with_reserve(standing.price, bidder, most), RAISED)
        if most < self.asked(standing.price):
            return TooLow(self.asked(standing.price))
        if most > standing.most:
            price = min(most, standing.most + self.step(standing.most))
            return Taken(self._with_reserve(max(price, standing.price), bidder, most), LEADS)
        price = min(standing.most, most + self.step(most))
        return Taken(self._with_reserve(price, standing.leader, standing.most), OUTBID)

    def _with_reserve(self, price: int, leader: int, most: int) -> Standing:
        if self.reserve is not None and price < self.reserve <= most:
            price = self.reserve
        return Standing(price, leader, most)


def end_after(at: datetime, ends_at: datetime, *, extend_seconds: int, latest: datetime) -> datetime:
    """The end after a bid at `at` that changed the price or the leader: never earlier, and never after `latest`."""
    window = timedelta(seconds=extend_seconds)
    if not extend_seconds or ends_at - at > window:
        return ends_at
    return max(ends_at, min(at + window, latest))
