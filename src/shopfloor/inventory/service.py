"""Units: what people and suppliers do to stock.

Facts of the physical world (a count, a sale at a till, a short delivery) are never refused.  Where they
break promises, the books show by how much (`shortfall`), and a ShortageRaised tells.
"""

from collections.abc import Sequence
from datetime import date

from shopfloor.inventory import pool_queries, queries
from shopfloor.inventory.events import LotDelayed
from shopfloor.inventory.ledger import LedgerSession, ensure_level, tell, tell_arrived
from shopfloor.inventory.models import (
    BadQuantity,
    CountStale,
    Level,
    LotKind,
    Movement,
    NotEnough,
    PoolClosed,
    Shortage,
    UnknownStock,
    check_sign,
)
from shopfloor.inventory.places import check_location, open_pool
from shopfloor.inventory.shelves import NOT_COUNTED
from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY


async def receive(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int,
    variant_id: int,
    quantity: int,
    pool_id: int | None = None,
    reason: str = "",
) -> Level:
    """Units came in (pool_id None: for the open pool).  They mend a shortfall first: of any lot that is here,
    in the pool they are for, and when they are for the open pool in every other too.  Returns the plain shelf.
    """
    _check(quantity)
    reason = text.line(reason, field="reason", longest=200)
    level_id = await _shelf(
        tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id, pool_id=pool_id
    )
    ledger = await _here(tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id)
    own = ledger.level(level_id).pool_id
    rest = _mend(ledger, quantity, pool_id=None if pool_id is None else own, first=own)
    level = ledger.change(level_id, quantity=rest)
    await ledger.write(tx, kind="received", reason=reason)
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    await tell_arrived(tx, shop_id=shop_id, pool_id=level.pool_id, variant_ids=[variant_id])
    return level


async def adjust(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int,
    variant_id: int,
    by: int,
    reason: str,
    pool_id: int | None = None,
) -> Level:
    """More (found) or fewer (damaged, lost) units than the books say.  A fact: breaks promises if it must.

    Raises NotEnough when more would go than the books have at all, SignContradicts where `reason` says otherwise.
    """
    _check(abs(by))
    check_sign(by, reason)
    reason = text.line(reason, field="reason", longest=200)
    level_id = await _shelf(
        tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id, pool_id=pool_id
    )
    ledger = await _here(tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id)
    here, own = ledger.level(level_id).quantity, ledger.level(level_id).pool_id
    if here + by < 0:
        raise NotEnough(variant_id=variant_id, wanted=-by, left=here)
    rest = by if by < 0 else _mend(ledger, by, pool_id=None if pool_id is None else own, first=own)
    level = ledger.change(level_id, quantity=rest, fact=True)
    await ledger.write(tx, kind="adjusted", reason=reason)
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    if by > 0:
        await tell_arrived(tx, shop_id=shop_id, pool_id=level.pool_id, variant_ids=[variant_id])
    return level


async def count(
    tx: Tx, *, shop_id: int, location_id: int, variant_id: int, seen: int, counted: int, reason: str = "count"
) -> int:
    """The shelf was counted, all pools together.  Returns what the books say now: `counted`.

    `seen` is what the books said when counting began.  Raises CountStale when units came or left since: the
    count would undo them.  Sales that only reserve units do not disturb a count.
    """
    if not 0 <= counted <= MAX_QUANTITY:
        raise BadQuantity(quantity=counted)
    open_id = (await open_pool(tx, shop_id=shop_id)).id
    plain = await _shelf(tx, shop_id=shop_id, location_id=location_id, variant_id=variant_id, pool_id=open_id)
    away = {pool.id for pool in await pool_queries.pools(tx, shop_id=shop_id) if pool.purpose in NOT_COUNTED}
    levels = [
        level
        for level in await queries.lock_levels_of(
            tx, shop_id=shop_id, pool_ids=None, variant_ids=[variant_id]
        )
        if level.location_id == location_id and level.kind is LotKind.ON_HAND and level.pool_id not in away
    ]
    here = sum(level.quantity for level in levels)
    if here != seen:
        raise CountStale(variant_id=variant_id, seen=seen, left=here)
    ledger = LedgerSession(levels)
    difference = counted - here
    if difference > 0:
        ledger.change(plain, quantity=_mend(ledger, difference, pool_id=None, first=open_id))
    else:
        gone = -difference
        # Free units go first, those of the open pool before ring-fenced ones; promises are broken last.
        for level in sorted(levels, key=lambda level: (level.pool_id != open_id, level.pool_id, level.id)):
            units = min(gone, level.free)
            ledger.change(level.id, quantity=-units)
            gone -= units
        for level in [ledger.level(level.id) for level in levels]:
            units = min(gone, level.quantity)
            ledger.change(level.id, quantity=-units, fact=True)
            gone -= units
    await ledger.write(tx, kind="counted", reason=reason)
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    if difference > 0:
        await tell_arrived(tx, shop_id=shop_id, pool_id=open_id, variant_ids=[variant_id])
    return counted


async def transfer(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    quantity: int,
    from_location: int,
    to_location: int,
    from_pool: int | None = None,
    to_pool: int | None = None,
) -> None:
    """Move free units on hand between locations and/or pools (None: the open pool).  Raises NotEnough."""
    _check(quantity)
    target = await _shelf(
        tx, shop_id=shop_id, location_id=to_location, variant_id=variant_id, pool_id=to_pool
    )
    source_pool = from_pool or (await open_pool(tx, shop_id=shop_id)).id
    await _no_purpose(tx, shop_id=shop_id, pool_id=source_pool)
    pool_ids = [source_pool, to_pool or (await open_pool(tx, shop_id=shop_id)).id]
    levels = await queries.lock_levels_of(tx, shop_id=shop_id, pool_ids=pool_ids, variant_ids=[variant_id])
    ledger = LedgerSession(levels)
    sources = [
        level
        for level in levels
        if level.pool_id == source_pool
        and level.location_id == from_location
        and level.kind is LotKind.ON_HAND
    ]
    _draw(ledger, sources, target, quantity)
    await ledger.write(tx, kind="moved", reason="transfer")
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    await tell_arrived(tx, shop_id=shop_id, pool_id=ledger.level(target).pool_id, variant_ids=[variant_id])


async def put_back(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    quantity: int,
    left_from: int,
    location_id: int | None,
    reason: str,
) -> None:
    """Units come back to the shelf of the open pool, at any location (None: that of the level they left from)."""
    if location_id is None:
        (level,) = await queries.levels_by_id(tx, level_ids=[left_from])
        location_id = level.location_id
    else:
        await check_location(tx, shop_id=shop_id, location_id=location_id)
    pool_id = (await open_pool(tx, shop_id=shop_id)).id
    level_id = await ensure_level(
        tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool_id
    )
    ledger = await LedgerSession.of_levels(tx, [level_id])
    ledger.change(level_id, quantity=quantity)
    await ledger.write(tx, kind="returned", reason=reason)
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    await tell_arrived(tx, shop_id=shop_id, pool_id=pool_id, variant_ids=[variant_id])


async def announce_lot(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    location_id: int,
    quantity: int,
    ready_on: date,
    kind: LotKind,
    source: str,
) -> Level:
    """Units that will be there on a day: from a confirmed purchase order, or makeable.

    The same `source` again changes quantity and date; fewer than are promised already raises a shortage.
    Holds keep the date they were granted with.
    """
    if not 0 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(quantity=quantity)
    if kind is LotKind.ON_HAND or not source:
        raise BadQuantity("An announced lot is incoming or makeable and has a source.")
    await check_location(tx, shop_id=shop_id, location_id=location_id)
    pool = await open_pool(tx, shop_id=shop_id)
    level_id = await ensure_level(
        tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool.id,
        kind=kind, ready_on=ready_on, source=source,
    )  # fmt: skip
    levels = await queries.lock_levels_of_source(
        tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, source=source
    )
    ledger = LedgerSession(levels)
    before = ledger.level(level_id)
    if before.kind is LotKind.ON_HAND:
        return before
    await queries.set_lot(tx, level_ids=[level.id for level in levels], kind=kind, ready_on=ready_on)
    elsewhere = sum(level.quantity for level in levels if level.id != level_id)
    ledger.change(level_id, quantity=max(0, quantity - elsewhere) - before.quantity, fact=True)
    await ledger.write(tx, kind="announced", reason=source)
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    if before.ready_on is not None and before.ready_on < ready_on and any(level.quantity for level in levels):
        await outbox.record(tx, LotDelayed(shop_id, variant_id, source, before.ready_on, ready_on))
    if ledger.level(level_id).quantity > before.quantity:
        await tell_arrived(tx, shop_id=shop_id, pool_id=pool.id, variant_ids=[variant_id])
    (level,) = await queries.levels_by_id(tx, level_ids=[level_id])
    return level


async def lot_arrived(
    tx: Tx, *, shop_id: int, variant_id: int, location_id: int, source: str, quantity: int
) -> list[Level]:
    """An announced lot is here with `quantity` units: it is on hand from now.  Arriving again changes nothing.

    Fewer than promised raises a shortage.  Raises UnknownStock when no such lot was announced.
    """
    if not 0 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(quantity=quantity)
    levels = await queries.lock_levels_of_source(
        tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, source=source
    )
    if not levels:
        raise UnknownStock(variant_id=variant_id, source=source)
    if levels[0].kind is LotKind.ON_HAND:
        return levels
    ledger = LedgerSession(levels)
    open_id = (await open_pool(tx, shop_id=shop_id)).id
    expected = sum(level.quantity for level in levels)
    more = quantity - expected
    for level in sorted(levels, key=lambda level: (level.pool_id != open_id, level.id)):
        # Free units of the open pool are the first that did not come.
        units = max(more, -level.free)
        ledger.change(level.id, quantity=units)
        more -= units
    for level in [ledger.level(level.id) for level in levels]:
        units = max(more, -level.quantity)
        ledger.change(level.id, quantity=units, fact=True)
        more -= units
    await queries.set_lot(tx, level_ids=[level.id for level in levels], kind=LotKind.ON_HAND, ready_on=None)
    await ledger.write(tx, kind="arrived", reason=source)
    await tell(tx, shop_id=shop_id, variant_ids=[variant_id])
    await tell_arrived(tx, shop_id=shop_id, pool_id=open_id, variant_ids=[variant_id])
    return await queries.levels_by_id(tx, level_ids=[level.id for level in levels])


async def levels(tx: Tx, *, shop_id: int, variant_ids: Sequence[int] | None = None) -> list[Level]:
    return await queries.levels(tx, shop_id=shop_id, variant_ids=variant_ids)


async def _count_movements(
    tx: Tx, *, shop_id: int, variant_id: int, before: int | None = None
) -> paging.Counted:
    return paging.capped(
        await queries.count_movements(tx, shop_id=shop_id, variant_id=variant_id, before=before)
    )


@paging.counted_by(_count_movements)
async def movements(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    after: int | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Movement]:
    """Newest first."""
    return await queries.movements(
        tx, shop_id=shop_id, variant_id=variant_id, after=after, before=before, limit=limit
    )


async def shortages(tx: Tx, *, shop_id: int) -> list[Shortage]:
    """Promises that facts have broken and nothing has mended yet, oldest first."""
    return await queries.shortages(tx, shop_id=shop_id)


def _check(quantity: int) -> None:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(quantity=quantity)


async def _shelf(tx: Tx, *, shop_id: int, location_id: int, variant_id: int, pool_id: int | None) -> int:
    """The plain shelf of a variant in a pool that is open and stays so until we are done."""
    await check_location(tx, shop_id=shop_id, location_id=location_id)
    if pool_id is None:
        pool_id = (await open_pool(tx, shop_id=shop_id)).id
    found = await pool_queries.share_pool(tx, shop_id=shop_id, pool_id=pool_id)
    if found is None or found.purpose is not None:
        # What is there for a purpose is moved by `Shelf`, which keeps what it stands for.
        raise UnknownStock(pool_id=pool_id)
    if not found.is_open:
        raise PoolClosed(pool_id=pool_id)
    return await ensure_level(
        tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool_id
    )


async def _here(tx: Tx, *, shop_id: int, location_id: int, variant_id: int) -> LedgerSession:
    """All shelves of a variant at a location, of every pool, locked."""
    levels = await queries.lock_levels_of(tx, shop_id=shop_id, pool_ids=None, variant_ids=[variant_id])
    return LedgerSession(
        level for level in levels if level.location_id == location_id and level.kind is LotKind.ON_HAND
    )


def _mend(ledger: LedgerSession, units: int, *, pool_id: int | None, first: int) -> int:
    """Put units where promises were broken (`pool_id` None: in any pool, `first` before others); what is left."""
    broken = [level for level in ledger if level.shortfall and pool_id in {None, level.pool_id}]
    for level in sorted(broken, key=lambda level: (level.pool_id != first, level.pool_id, level.id)):
        mended = min(units, level.shortfall)
        ledger.change(level.id, quantity=mended)
        units -= mended
    return units


async def _no_purpose(tx: Tx, *, shop_id: int, pool_id: int) -> None:
    found = await pool_queries.share_pool(tx, shop_id=shop_id, pool_id=pool_id)
    if found is None or found.purpose is not None:
        raise UnknownStock(pool_id=pool_id)


def _draw(ledger: LedgerSession, sources: Sequence[Level], target: int, quantity: int) -> None:
    missing = quantity
    for level in sources:
        if level.id != target:
            units = min(level.free, missing)
            ledger.change(level.id, quantity=-units)
            ledger.change(target, quantity=units)
            missing -= units
    if missing:
        raise NotEnough(wanted=quantity, left=quantity - missing)
