"""What buyers can still have, now and later: the trade's *available to promise*."""

from collections.abc import Sequence
from datetime import date

from shopfloor import inventory
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.stock import availability_queries


@dataclass(frozen=True, slots=True)
class Availability:
    """What buyers can have of a thing: `now` units on hand, `later` ones by the day they are ready, in order."""

    now: int = 0
    later: tuple[tuple[date, int], ...] = ()

    @property
    def total(self) -> int:
        return self.now + sum(units for _, units in self.later)

    @property
    def ready_on(self) -> date | None:
        """The first day with units; None when there is something now, or nothing at all."""
        return None if self.now or not self.later else self.later[0][0]

    def by(self, day: date | None) -> int:
        """Units that are ready on that day; None: on any."""
        return self.now + sum(units for ready_on, units in self.later if day is None or ready_on <= day)

    def ready_for(self, quantity: int) -> date | None:
        """The first later day by which so many are ready; None when they are on hand, or never will be."""
        if quantity <= self.now:
            return None
        return next((day for day, _ in self.later if self.by(day) >= quantity), None)

    def __add__(self, other: "Availability") -> "Availability":
        """What there is of two things together."""
        days = dict(self.later)
        for day, units in other.later:
            days[day] = days.get(day, 0) + units
        return Availability(self.now + other.now, tuple(sorted(days.items())))


def assembled(parts: Sequence[tuple[Availability, int]]) -> Availability:
    """How many can be put together, where one takes so many units (at least 1) of each part, and by when: the
    part that is scarcest or latest decides.
    """
    now = before = min(part.now // quantity for part, quantity in parts)
    later: list[tuple[date, int]] = []
    for day in sorted({day for part, _ in parts for day, _ in part.later}):
        together = min(part.by(day) // quantity for part, quantity in parts)
        if together > before:
            later.append((day, together - before))
            before = together
    return Availability(now, tuple(later))


async def available(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], pool_id: int | None = None
) -> dict[int, Availability]:
    """What is left for buyers of a pool (None: the open pool).  Every asked variant is in the answer.

    Of a bundle, which has no units of its own: as many as can be put together of its parts.
    """
    if pool_id is None:
        pool_id = (await inventory.open_pool(tx, shop_id=shop_id)).id
    bundles = await availability_queries.parts_of_bundles(tx, shop_id=shop_id, variant_ids=variant_ids)
    units = {variant_id for variant_id in variant_ids if variant_id not in bundles}
    units |= {part_id for parts in bundles.values() for part_id, _ in parts}
    now = dict.fromkeys(units, 0)
    later: dict[int, list[tuple[date, int]]] = {variant_id: [] for variant_id in units}
    found = await inventory.left(tx, shop_id=shop_id, variant_ids=sorted(units), pool_id=pool_id)
    for _, _, variant_id, ready_on, left in found:
        if ready_on is None:
            now[variant_id] += left
        elif left:
            later[variant_id].append((ready_on, left))
    free = {variant_id: Availability(now[variant_id], tuple(later[variant_id])) for variant_id in units}
    return {
        variant_id: assembled([(free[part_id], quantity) for part_id, quantity in bundles[variant_id]])
        if variant_id in bundles
        else free[variant_id]
        for variant_id in variant_ids
    }


async def units_in_bundles(tx: Tx, *, shop_id: int, pool_id: int) -> dict[int, tuple[int, int]]:
    """(held, allocated) units of parts by the bundle they were sold in, of this pool."""
    return await availability_queries.units_in_bundles(tx, shop_id=shop_id, pool_id=pool_id)
