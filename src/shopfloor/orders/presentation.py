"""The lines of a purchase as people read them: a bundle is one thing.  No I/O here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from shopfloor.orders.models import Bundle, Item, OrderLine

L = TypeVar("L", Item, OrderLine)


@dataclass(frozen=True, slots=True)
class Shown(Generic[L]):
    """What people read as one: a line, or a bundle with the lines it consists of."""

    bundle: Bundle | None
    lines: list[L]

    @property
    def ready_on(self) -> date | None:
        """The day all of it is ready; None when all is on the shelf."""
        return max((line.ready_on for line in self.lines if line.ready_on is not None), default=None)

    @property
    def contents(self) -> list["Contained[L]"]:
        """What is in it; lines that differ by nothing but a minor unit of their share of the price are one."""
        alike: dict[tuple[int, date | None], list[L]] = {}
        for line in self.lines:
            alike.setdefault((line.variant_id, line.ready_on), []).append(line)
        return [
            Contained(
                lines[0], sum(line.quantity for line in lines), sum(line.amount_minor for line in lines)
            )
            for lines in alike.values()
        ]


@dataclass(frozen=True, slots=True)
class Contained(Generic[L]):
    """Units of a variant within a bundle, with their share of its price."""

    line: L
    quantity: int
    amount_minor: int


def shown(lines: Sequence[L], bundles: Sequence[Bundle]) -> list[Shown[L]]:
    """The lines of a purchase as people read them, a bundle where the first of its lines stands."""
    by_id: dict[int, Shown[L]] = {bundle.id: Shown(bundle, []) for bundle in bundles}
    found: list[Shown[L]] = []
    for line in lines:
        whole = by_id.get(line.bundle_id) if line.bundle_id is not None else None
        if whole is None:
            found.append(Shown(None, [line]))
            continue
        if not whole.lines:
            found.append(whole)
        whole.lines.append(line)
    return found
