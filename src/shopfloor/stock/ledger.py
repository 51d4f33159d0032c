"""Keeping the books: changes of locked levels, their journal, and telling what is left."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.stock import availability_queries, queries
from shopfloor.stock.events import ShortageRaised, StockChanged, UnitsArrived, VariantLeft
from shopfloor.stock.models import Level, LotKind


@dataclass(slots=True)
class _Entry:
    level: Level
    quantity: int = 0
    held: int = 0
    allocated: int = 0
    shortfall: int = 0


class LedgerSession:
    """Levels that this transaction has locked, with the changes it is about to write.

    A shortfall shrinks by itself when units come or promises end; it grows only by `fact=True`.
    """

    def __init__(self, levels: Iterable[Level]) -> None:
        self._entries = {level.id: _Entry(level) for level in levels}

    def add(self, levels: Iterable[Level]) -> None:
        for level in levels:
            self._entries.setdefault(level.id, _Entry(level))

    def __contains__(self, level_id: int) -> bool:
        return level_id in self._entries

    def __iter__(self) -> Iterator[Level]:
        return iter([self.level(level_id) for level_id in self._entries])

    def level(self, level_id: int) -> Level:
        """The level as it will be."""
        entry = self._entries[level_id]
        was = entry.level
        return Level(
            was.id, was.shop_id, was.variant_id, was.location_id, was.pool_id, was.kind, was.ready_on, was.source,
            was.quantity + entry.quantity, was.held + entry.held, was.allocated + entry.allocated,
            was.shortfall + entry.shortfall,
        )  # fmt: skip

    def change(
        self, level_id: int, *, quantity: int = 0, held: int = 0, allocated: int = 0, fact: bool = False
    ) -> Level:
        entry = self._entries[level_id]
        entry.quantity += quantity
        entry.held += held
        entry.allocated += allocated
        level = self.level(level_id)
        missing = max(0, level.held + level.allocated - level.quantity)
        entry.shortfall += (missing if fact else min(level.shortfall, missing)) - level.shortfall
        return self.level(level_id)

    async def write(self, tx: Tx, *, kind: str, reason: str = "") -> set[int]:
        """Write and journal the changes; the book then stands at the new values.  Returns the variants."""
        changed = [
            entry
            for entry in self._entries.values()
            if entry.quantity or entry.held or entry.allocated or entry.shortfall
        ]
        if not changed:
            return set()
        written = await queries.move(
            tx,
            kind=kind,
            reason=reason,
            level_ids=[entry.level.id for entry in changed],
            quantity=[entry.quantity for entry in changed],
            held=[entry.held for entry in changed],
            allocated=[entry.allocated for entry in changed],
            shortfall=[entry.shortfall for entry in changed],
        )
        if written != len(changed):
            raise LookupError("a locked level is not there")
        for entry in changed:
            if entry.shortfall > 0:
                level = entry.level
                await outbox.record(
                    tx,
                    ShortageRaised(
                        level.shop_id,
                        level.pool_id,
                        level.location_id,
                        level.variant_id,
                        entry.shortfall,
                        reason,
                    ),
                )
            self._entries[entry.level.id] = _Entry(self.level(entry.level.id))
        return {entry.level.variant_id for entry in changed}


async def tell(tx: Tx, *, shop_id: int, variant_ids: Iterable[int]) -> None:
    """Record what is left of these variants now, in every open pool that has them."""
    asked = sorted(set(variant_ids))
    if not asked:
        return
    found = await availability_queries.left(tx, shop_id=shop_id, variant_ids=asked, pool_id=None)
    pools: dict[tuple[int, int | None], dict[int, list[tuple[date | None, int]]]] = {}
    for pool_id, show_id, variant_id, ready_on, units in found:
        pools.setdefault((pool_id, show_id), {}).setdefault(variant_id, []).append((ready_on, units))
    for (pool_id, show_id), variants in pools.items():
        left = [_left(variant_id, lots) for variant_id, lots in variants.items()]
        await outbox.record(tx, StockChanged(shop_id, pool_id, show_id, left))


async def tell_arrived(tx: Tx, *, shop_id: int, pool_id: int, variant_ids: Iterable[int]) -> None:
    """Record that units of these variants came into this pool: somebody may be waiting for them."""
    arrived = sorted(set(variant_ids))
    if arrived:
        await outbox.record(tx, UnitsArrived(shop_id, pool_id, arrived))


def _left(variant_id: int, lots: Sequence[tuple[date | None, int]]) -> VariantLeft:
    now = sum(units for ready_on, units in lots if ready_on is None)
    later = sorted((ready_on, units) for ready_on, units in lots if ready_on is not None and units)
    return VariantLeft(variant_id, now, later[0][0] if not now and later else None, later)


async def ensure_level(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    location_id: int,
    pool_id: int,
    kind: LotKind = LotKind.ON_HAND,
    ready_on: date | None = None,
    source: str = "",
) -> int:
    """The id of the level, made empty when there is none.  Locks nothing that is there already."""
    known = await queries.level_id(
        tx, variant_id=variant_id, location_id=location_id, pool_id=pool_id, source=source
    )
    if known is not None:
        return known
    await queries.insert_level(
        tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool_id, kind=kind,
        ready_on=ready_on, source=source,
    )  # fmt: skip
    made = await queries.level_id(
        tx, variant_id=variant_id, location_id=location_id, pool_id=pool_id, source=source
    )
    assert made is not None, "it was just made"
    return made
