"""Values every module shares: money, identifiers, time."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from shopfloor.kernel.records import dataclass

# The largest amount and quantity the product accepts: far above any order, far below where 64-bit sums overflow.
MAX_MINOR: Final = 10**12
MAX_QUANTITY: Final = 1_000_000
_MOST_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the minor unit of its currency (cents, fen; yen have none), as an integer."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.minor * quantity, self.currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")


def split_minor(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` minor units by non-negative `weights` so that the parts sum to it exactly.

    Largest remainder (Hare–Niemeyer); ties go to the earlier part.  All weights zero: equal parts.
    Raises ValueError when there is nothing to split over or a weight is negative.
    """
    if not weights or min(weights) < 0:
        raise ValueError("weights must be present and not negative")
    shares = list(weights) if any(weights) else [1] * len(weights)
    whole = sum(shares)
    sign, amount = (-1, -total) if total < 0 else (1, total)
    parts = [amount * share // whole for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (-(amount * shares[i] % whole), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]


def whole_number(text: str) -> int | None:
    """A number as it is typed, or as an address or a file has it: plain digits, no more than a 64-bit column holds.

    None for anything else, also for what only looks like digits.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


_last_ms = 0
_counter = 0


def new_id() -> UUID:
    """A time-ordered UUID (version 7, RFC 9562): 48 bits of milliseconds, then 12 bits that count within one.

    Ids made by one process sort in the order they were made, also when the clock steps back.
    """
    global _last_ms, _counter  # noqa: PLW0603 -- the order of ids is a property of the process
    ms = time.time_ns() // 1_000_000
    if ms > _last_ms:
        _last_ms, _counter = ms, int.from_bytes(os.urandom(2)) & 0x3FF
    else:
        _counter += 1
        if _counter > 0xFFF:
            _last_ms, _counter = _last_ms + 1, 0
    tail = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=_last_ms << 80 | 0x7 << 76 | _counter << 64 | 0b10 << 62 | tail)


def made_at(id: UUID) -> datetime | None:  # noqa: A002 -- what it is called
    """When an id of version 7 was made, as it says itself; None for ids that do not say."""
    number = id.int
    if number >> 76 & 0xF != 7 or number >> 62 & 0b11 != 0b10:
        return None
    try:
        return datetime.fromtimestamp((number >> 80) / 1000, UTC)
    except (OverflowError, ValueError):
        return None


def now() -> datetime:
    return datetime.now(UTC)


def video_ms(at: datetime) -> int:
    """A moment as the clock of the video counts it: milliseconds since 1970."""
    return int(at.timestamp() * 1000)
