"""What buyers can still have, now and later: the trade's *available to promise*."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from shopfloor.kernel.database import Tx
from shopfloor.stock import availability_queries
from shopfloor.stock.places import open_pool


@dataclass(frozen=True, slots=True)
class Availability:
    """What one variant has left for buyers of a pool.  `lots`: later units by the day they are ready."""

    left_now: int
    lots: tuple[tuple[date, int], ...]

    @property
    def ready_on(self) -> date | None:
        """None when there is something now (or nothing at all)."""
        return None if self.left_now or not self.lots else self.lots[0][0]

    @property
    def left(self) -> int:
        return self.left_now + sum(left for _, left in self.lots)


def assembled(parts: Sequence[tuple[Availability, int]]) -> Availability:
    """How many can be put together, where one takes so many units (at least 1) of each part, and by when: the
    part that is scarcest or latest decides.
    """
    days = sorted({day for left, _ in parts for day, _ in left.lots})

    def by(day: date) -> int:
        return min(
            (left.left_now + sum(units for ready, units in left.lots if ready <= day)) // quantity
            for left, quantity in parts
        )

    left_now = before = min(left.left_now // quantity for left, quantity in parts)
    lots: list[tuple[date, int]] = []
    for day in days:
        together = by(day)
        if together > before:
            lots.append((day, together - before))
            before = together
    return Availability(left_now, tuple(lots))


async def available(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], pool_id: int | None = None
) -> dict[int, Availability]:
    """What is left for buyers of a pool (None: the open pool).  Every asked variant is in the answer.

    Of a bundle, which has no units of its own: as many as can be put together of its parts.
    """
    if pool_id is None:
        pool_id = (await open_pool(tx, shop_id=shop_id)).id
    bundles = await availability_queries.parts_of_bundles(tx, shop_id=shop_id, variant_ids=variant_ids)
    units = {variant_id for variant_id in variant_ids if variant_id not in bundles}
    units |= {part_id for parts in bundles.values() for part_id, _ in parts}
    now = dict.fromkeys(units, 0)
    later: dict[int, list[tuple[date, int]]] = {variant_id: [] for variant_id in units}
    found = await availability_queries.left(tx, shop_id=shop_id, variant_ids=sorted(units), pool_id=pool_id)
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
