"""Keeping the books: changes of locked levels, their journal, and telling what is left."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from shopfloor.inventory import pool_queries, queries
from shopfloor.inventory.events import ShortageRaised, StockChanged, UnitsArrived, VariantLeft
from shopfloor.inventory.models import Level, LotKind
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


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

    @classmethod
    async def of_levels(cls, tx: Tx, level_ids: Iterable[int]) -> "LedgerSession":
        """Lock these levels in the one order."""
        return cls(await queries.levels_by_id(tx, level_ids=sorted(set(level_ids)), lock=True))

    @classmethod
    async def of_pools(
        cls, tx: Tx, *, shop_id: int, pool_ids: Iterable[int], variant_ids: Iterable[int]
    ) -> "LedgerSession":
        """Lock the levels of these variants in these pools."""
        return cls(
            await queries.lock_levels_of(
                tx, shop_id=shop_id, pool_ids=sorted(set(pool_ids)), variant_ids=sorted(set(variant_ids))
            )
        )

    @classmethod
    async def of_variants(cls, tx: Tx, *, shop_id: int, variant_ids: Iterable[int]) -> "LedgerSession":
        """Lock all levels of these variants."""
        return cls(
            await queries.lock_levels_of(
                tx, shop_id=shop_id, pool_ids=None, variant_ids=sorted(set(variant_ids))
            )
        )

    @classmethod
    async def of_levels_that_free(cls, tx: Tx, level_ids: Iterable[int]) -> "LedgerSession":
        """Lock these levels, and with them those of the open pool to which a closed one's free units flow back."""
        return cls(await queries.lock_levels_that_free(tx, level_ids=sorted(set(level_ids))))

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


async def allocate(tx: Tx, units: Iterable[tuple[int, int]]) -> None:
    """Held → allocated: so many units of these levels are promised for good.  Locks the levels."""
    promised = list(units)
    if not promised:
        return
    ledger = await LedgerSession.of_levels(tx, [level_id for level_id, _ in promised])
    for level_id, quantity in promised:
        ledger.change(level_id, held=-quantity, allocated=quantity)
    await ledger.write(tx, kind="allocated")


async def tell(tx: Tx, *, shop_id: int, variant_ids: Iterable[int]) -> None:
    """Record what is left of these variants now, in every open pool that has them."""
    asked = sorted(set(variant_ids))
    if not asked:
        return
    found = await queries.left(tx, shop_id=shop_id, variant_ids=asked, pool_id=None)
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
    level_id = await queries.level_id(
        tx, variant_id=variant_id, location_id=location_id, pool_id=pool_id, source=source
    )
    assert level_id is not None, "it was just made"
    return level_id


async def flow_back(tx: Tx, levels: Iterable[Level]) -> set[int]:
    """Move what is free on these locked levels to the same lots in the open pool.  Returns the variants."""
    moving = [level for level in levels if level.free]
    if not moving:
        return set()
    open_pool = await pool_queries.open_pool(tx, shop_id=moving[0].shop_id)
    assert open_pool is not None, "a shop with pools has an open pool"
    ledger = LedgerSession(moving)
    targets: list[tuple[Level, int]] = []
    for level in moving:
        target = await ensure_level(
            tx, shop_id=level.shop_id, variant_id=level.variant_id, location_id=level.location_id,
            pool_id=open_pool.id, kind=level.kind, ready_on=level.ready_on, source=level.source,
        )  # fmt: skip
        targets.append((level, target))
    ledger.add(await queries.levels_by_id(tx, level_ids=sorted({target for _, target in targets}), lock=True))
    for level, target in targets:
        ledger.change(level.id, quantity=-level.free)
        ledger.change(target, quantity=level.free)
    return await ledger.write(tx, kind="moved", reason="flowed back")


async def flow_back_from_closed(tx: Tx, ledger: LedgerSession, level_ids: Iterable[int]) -> None:
    """What became free on these levels does not stay in pools that are closed."""
    touched = [ledger.level(level_id) for level_id in sorted(set(level_ids))]
    closed = set(await pool_queries.closed_pools(tx, pool_ids=sorted({level.pool_id for level in touched})))
    await flow_back(tx, [level for level in touched if level.pool_id in closed])
