"""A poll and what was said.  No I/O here."""

from datetime import datetime
from typing import Final

from shopfloor.kernel.records import dataclass

FEWEST: Final = 2
MOST: Final = 4
"""Answers."""
SHORTEST: Final = 10
LONGEST: Final = 3600
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Poll:
    """`counts`: the votes for each of the answers."""

    id: int
    shop_id: int
    show_id: int
    question: str
    answers: list[str]
    counts: list[int]
    opened_at: datetime
    closes_at: datetime
    closed_at: datetime | None

    @property
    def votes(self) -> int:
        return sum(self.counts)
