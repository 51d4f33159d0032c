"""What an audit says of one rule that the books must keep."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Self

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule: whether it holds, the figures behind it, and the keys that break it (a hundred at most)."""

    name: str
    passed: bool
    figures: Mapping[str, int]
    offending: tuple[str, ...] = ()

    @classmethod
    def counted(cls, name: str, looked_at: int, offending: tuple[str, ...]) -> Self:
        """It holds where none of the things that were looked at breaks it."""
        return cls(name, not offending, {"looked_at": looked_at}, offending)

    @property
    def looked_at(self) -> int:
        return self.figures["looked_at"]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """What one statement counted, and the keys of what breaks the rule."""

    looked_at: int
    offending: list[str]


async def counted(
    tx: Tx, rules: Iterable[tuple[str, Callable[[Tx], Awaitable[AuditRow]]]]
) -> list[Invariant]:
    """Each rule by its name, with what looks at it."""
    found: list[Invariant] = []
    for name, look in rules:
        row = await look(tx)
        found.append(Invariant.counted(name, row.looked_at, tuple(row.offending)))
    return found
