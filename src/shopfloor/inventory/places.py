"""Places and pools: where units are, and whom they are for."""

from collections.abc import Mapping, Sequence

from shopfloor.inventory import pool_queries, queries
from shopfloor.inventory.ledger import LedgerSession, ensure_level, flow_back, tell, tell_arrived
from shopfloor.inventory.models import (
    BadQuantity,
    Level,
    Location,
    LocationKind,
    LotKind,
    NotEnough,
    Pool,
    PoolKind,
    UnknownStock,
)
from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY


async def add_location(tx: Tx, *, shop_id: int, name: str, kind: LocationKind) -> Location:
    """A place where units are; the same name again is the same place.  Raises UnusableText."""
    name = text.name(name, field="name", longest=120)
    await open_pool(tx, shop_id=shop_id)
    return await pool_queries.insert_location(tx, shop_id=shop_id, name=name, kind=kind)


async def locations(tx: Tx, *, shop_id: int) -> list[Location]:
    return await pool_queries.locations(tx, shop_id=shop_id)


async def open_pool(tx: Tx, *, shop_id: int) -> Pool:
    """The pool of the web shop; made when missing."""
    pool = await pool_queries.open_pool(tx, shop_id=shop_id)
    if pool is None:
        await pool_queries.insert_open_pool(tx, shop_id=shop_id)
        pool = await pool_queries.open_pool(tx, shop_id=shop_id)
    assert pool is not None, "it was just made"
    return pool


async def pools(tx: Tx, *, shop_id: int) -> list[Pool]:
    return await pool_queries.pools(tx, shop_id=shop_id)


async def pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool:
    """Raises UnknownStock, also for a pool of another shop."""
    for found in await pool_queries.pools(tx, shop_id=shop_id):
        if found.id == pool_id:
            return found
    raise UnknownStock(pool_id=pool_id)


async def open_show_pool(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    quotas: Mapping[int, int],
    name: str | None = None,
    location_id: int | None = None,
    borrows_future: bool = True,
) -> Pool:
    """Ring-fence units of the open pool for a show: of each variant what there is, at most its quota.

    Again for the same show: opens it again if it was closed and tops it up to the quotas.  A quota of 0 makes
    the variant known to the pool, so that it can be sold against supply (`borrows_future`).
    """
    lender = await open_pool(tx, shop_id=shop_id)
    if location_id is not None:
        await check_location(tx, shop_id=shop_id, location_id=location_id)
    pool = await pool_queries.lock_pool_of_show(tx, shop_id=shop_id, show_id=show_id)
    if pool is None:
        pool = await pool_queries.insert_pool(
            tx, shop_id=shop_id, name=name or f"show {show_id}", kind=PoolKind.SHOW, show_id=show_id,
            location_id=location_id, lender_id=lender.id if borrows_future else None,
        )  # fmt: skip
    elif not pool.is_open:
        await pool_queries.set_pool_open(tx, pool_id=pool.id, is_open=True)
    await _fill(tx, lender=lender, pool=pool, quotas=quotas)
    return await _pool(tx, shop_id=shop_id, pool_id=pool.id)


async def close_show_pool(tx: Tx, *, shop_id: int, show_id: int) -> Pool:
    """Let the rest flow back.  What is promised stays promised; what is released later flows back too.

    Closing twice is closing once.  Raises UnknownStock when the show never had a pool.
    """
    pool = await pool_queries.lock_pool_of_show(tx, shop_id=shop_id, show_id=show_id)
    if pool is None:
        raise UnknownStock(show_id=show_id)
    await _close(tx, pool)
    return pool


async def set_aside_beyond(tx: Tx, *, shop_id: int, show_id: int, keep: Mapping[int, int]) -> Pool:
    """Leave of each variant so many free units on hand in the show's pool; the rest waits in the pool returned, from
    which nobody sells.

    What the show owes stays.  Raises UnknownStock without a pool of the show, NotEnough where it has fewer.
    """
    own = await pool_queries.lock_pool_of_show(tx, shop_id=shop_id, show_id=show_id)
    if own is None or not own.is_open:
        raise UnknownStock(show_id=show_id)
    aside = await pool_queries.insert_pool(
        tx, shop_id=shop_id, name=f"{own.name}: set aside", kind=PoolKind.CHANNEL, show_id=None,
        location_id=own.location_id, lender_id=own.id,
    )  # fmt: skip
    levels = await queries.lock_levels_of(tx, shop_id=shop_id, pool_ids=[own.id], variant_ids=sorted(keep))
    on_hand = [level for level in levels if level.kind is LotKind.ON_HAND]
    for variant_id, units in keep.items():
        free = sum(level.free for level in on_hand if level.variant_id == variant_id)
        if free < units:
            raise NotEnough(variant_id=variant_id, wanted=units, left=free)
    moving: list[tuple[Level, int]] = []
    for variant_id, units in keep.items():
        stays = units
        for level in on_hand:
            if level.variant_id == variant_id:
                kept = min(level.free, stays)
                stays -= kept
                moving.append((level, level.free - kept))
    await _move(tx, [(level, units) for level, units in moving if units], aside, reason=f"into {aside.name}")
    await tell(tx, shop_id=shop_id, variant_ids=sorted(keep))
    return aside


async def give_back_aside(tx: Tx, *, shop_id: int, show_id: int, pool_id: int) -> None:
    """What was set aside is the show's again; closing twice is closing once.

    Raises UnknownStock for a pool that is none of this shop, or a show without one.
    """
    own = await pool_queries.lock_pool_of_show(tx, shop_id=shop_id, show_id=show_id)
    aside = await pool_queries.lock_pool(tx, shop_id=shop_id, pool_id=pool_id)
    if own is None or aside is None or not aside.is_set_aside:
        raise UnknownStock(pool_id=pool_id)
    if not aside.is_open:
        return
    levels = await queries.lock_levels_of(tx, shop_id=shop_id, pool_ids=[own.id, aside.id], variant_ids=None)
    moving = [(level, level.free) for level in levels if level.pool_id == aside.id and level.free]
    await _move(tx, moving, own, reason="flowed back")
    await pool_queries.set_pool_open(tx, pool_id=aside.id, is_open=False)
    variants = sorted({level.variant_id for level in levels if level.pool_id == aside.id})
    await tell(tx, shop_id=shop_id, variant_ids=variants)
    await tell_arrived(tx, shop_id=shop_id, pool_id=own.id, variant_ids=variants)


async def _move(tx: Tx, moving: Sequence[tuple[Level, int]], to: Pool, *, reason: str) -> None:
    """So many free units of these locked levels to the same lots in another pool."""
    ledger = LedgerSession([level for level, _ in moving])
    targets: list[tuple[Level, int, int]] = []
    for level, units in moving:
        target = await ensure_level(
            tx, shop_id=level.shop_id, variant_id=level.variant_id, location_id=level.location_id, pool_id=to.id,
            kind=level.kind, ready_on=level.ready_on, source=level.source,
        )  # fmt: skip
        targets.append((level, target, units))
    ledger.add(
        await queries.levels_by_id(tx, level_ids=sorted({level_id for _, level_id, _ in targets}), lock=True)
    )
    for level, target, units in targets:
        ledger.change(level.id, quantity=-units)
        ledger.change(target, quantity=units)
    await ledger.write(tx, kind="moved", reason=reason)


async def open_till_pool(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int,
    name: str,
    quotas: Mapping[int, int],
    kind: PoolKind = PoolKind.TILL,
) -> Pool:
    """An escrow for a till (or a channel) that may go offline: nobody else sells these units meanwhile."""
    name = text.name(name, field="name", longest=120)
    lender = await open_pool(tx, shop_id=shop_id)
    await check_location(tx, shop_id=shop_id, location_id=location_id)
    pool = await pool_queries.insert_pool(
        tx, shop_id=shop_id, name=name, kind=kind, show_id=None, location_id=location_id, lender_id=None
    )
    await _fill(tx, lender=lender, pool=pool, quotas=quotas)
    return pool


async def close_pool(tx: Tx, *, shop_id: int, pool_id: int) -> None:
    """The same for any pool but the open one and those of a purpose, which never close."""
    pool = await pool_queries.lock_pool(tx, shop_id=shop_id, pool_id=pool_id)
    if pool is None or pool.kind is PoolKind.OPEN or pool.purpose is not None:
        raise UnknownStock(pool_id=pool_id)
    await _close(tx, pool)


async def _close(tx: Tx, pool: Pool) -> None:
    levels = await queries.lock_levels_of(tx, shop_id=pool.shop_id, pool_ids=[pool.id], variant_ids=None)
    await pool_queries.set_pool_open(tx, pool_id=pool.id, is_open=False)
    variants = await flow_back(tx, levels)
    await tell(tx, shop_id=pool.shop_id, variant_ids=variants)
    lender = await open_pool(tx, shop_id=pool.shop_id)
    await tell_arrived(tx, shop_id=pool.shop_id, pool_id=lender.id, variant_ids=variants)


async def _fill(tx: Tx, *, lender: Pool, pool: Pool, quotas: Mapping[int, int]) -> None:
    """Move units on hand from the lender until the pool has its quotas, or the lender nothing more."""
    if any(not 0 <= quantity <= MAX_QUANTITY for quantity in quotas.values()):
        raise BadQuantity(quotas={str(variant_id): quantity for variant_id, quantity in quotas.items()})
    variant_ids = sorted(quotas)
    shelves = await queries.levels(tx, shop_id=pool.shop_id, variant_ids=variant_ids)
    wanted = {
        (level.variant_id, level.location_id)
        for level in shelves
        if level.pool_id == lender.id and pool.location_id in {None, level.location_id}
    }
    places = await pool_queries.locations(tx, shop_id=pool.shop_id)
    home = pool.location_id or (places[0].id if places else None)
    if home is not None:
        wanted |= {(variant_id, home) for variant_id in variant_ids}
    plain: dict[tuple[int, int], int] = {}
    for variant_id, location_id in sorted(wanted):
        plain[variant_id, location_id] = await ensure_level(
            tx, shop_id=pool.shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool.id
        )
    levels = await queries.lock_levels_of(
        tx, shop_id=pool.shop_id, pool_ids=[pool.id, lender.id], variant_ids=variant_ids
    )
    ledger = LedgerSession(levels)
    for variant_id in variant_ids:
        has = sum(
            level.free
            for level in levels
            if level.pool_id == pool.id and level.variant_id == variant_id and level.kind is LotKind.ON_HAND
        )
        missing = quotas[variant_id] - has
        for level in levels:
            if (
                level.pool_id == lender.id
                and level.variant_id == variant_id
                and level.kind is LotKind.ON_HAND
                and (variant_id, level.location_id) in plain
                and missing > 0
            ):
                units = min(level.free, missing)
                ledger.change(level.id, quantity=-units)
                ledger.change(plain[variant_id, level.location_id], quantity=units)
                missing -= units
    await ledger.write(tx, kind="moved", reason=f"into {pool.name}")
    await tell(tx, shop_id=pool.shop_id, variant_ids=variant_ids)


async def check_location(tx: Tx, *, shop_id: int, location_id: int) -> None:
    if location_id not in {location.id for location in await pool_queries.locations(tx, shop_id=shop_id)}:
        raise UnknownStock(location_id=location_id)


async def _pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool:
    return await pool(tx, shop_id=shop_id, pool_id=pool_id)
