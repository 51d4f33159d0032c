"""The lines of a purchase as people read them: a bundle is one thing.  No I/O here."""

from collections.abc import Sequence
from datetime import date
from typing import Generic, TypeVar

from shopfloor.kernel.records import dataclass
from shopfloor.orders.models import Bundle, Item, OrderLine

L = TypeVar("L", Item, OrderLine)


@dataclass(frozen=True, slots=True)
class Contained(Generic[L]):
    """Units of a variant within a bundle, with their share of its price as prices are written."""

    line: L
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Shown(Generic[L]):
    """What people read as one: a line, or a bundle with the lines it consists of.

    `ready_on`: the day all of it is ready; None when all is on the shelf.  `contents`: what is in it.
    """

    bundle: Bundle | None
    lines: list[L]
    ready_on: date | None
    contents: list[Contained[L]]

    @property
    def amount_minor(self) -> int:
        """As prices are written, so that the lines of a page come to its goods."""
        return sum(line.listed_minor for line in self.lines)


def shown(lines: Sequence[L], bundles: Sequence[Bundle]) -> list[Shown[L]]:
    """The lines of a purchase as people read them, a bundle where the first of its lines stands."""
    by_id = {bundle.id: bundle for bundle in bundles}
    groups: dict[tuple[int | None, int], list[L]] = {}
    for number, line in enumerate(lines):
        together = line.bundle_id in by_id
        groups.setdefault((line.bundle_id, 0) if together else (None, number), []).append(line)
    return [
        Shown(
            None if bundle_id is None else by_id[bundle_id],
            found,
            max((line.ready_on for line in found if line.ready_on is not None), default=None),
            _contents(found),
        )
        for (bundle_id, _), found in groups.items()
    ]


def _contents(lines: Sequence[L]) -> list[Contained[L]]:
    """Lines that differ by nothing but a minor unit of their share of the price are one."""
    alike: dict[tuple[int, date | None], list[L]] = {}
    for line in lines:
        alike.setdefault((line.variant_id, line.ready_on), []).append(line)
    return [
        Contained(same[0], sum(line.quantity for line in same), sum(line.listed_minor for line in same))
        for same in alike.values()
    ]
