"""What tills say they handed over: facts, which the books follow whatever they said before."""

from collections.abc import Mapping

from shopfloor.inventory import pool_queries, queries
from shopfloor.inventory.ledger import LedgerSession, ensure_level, tell, tell_arrived
from shopfloor.inventory.models import BadQuantity, LotKind, PoolKind, UnknownStock
from shopfloor.inventory.places import check_location, open_pool, open_till_pool
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY


@dataclass(frozen=True, slots=True)
class HandedOver:
    """By variant: the level that units are counted to have left from, promises to others that were broken, and units that
    the books did not know about.
    """

    levels: dict[int, int]
    broken: dict[int, int]
    found: dict[int, int]


async def _hand_over(
    tx: Tx, *, shop_id: int, pool_id: int, location_id: int, units: Mapping[int, int], source: str
) -> HandedOver | None:
    """A till handed these units over, perhaps offline.  Never refused; once per `source`, None when known already.

    Of each variant the pool's own free units go first, then free ones of the open pool at that location, then those kept
    from online, then promises are broken.  Units the books did not know about are booked as found and sold at once.  All levels are locked at once, in
    the one order.  Raises UnknownStock and BadQuantity, which are no facts.
    """
    for quantity in units.values():
        if not 1 <= quantity <= MAX_QUANTITY:
            raise BadQuantity(quantity=quantity)
    own = await pool_queries.lock_pool(tx, shop_id=shop_id, pool_id=pool_id)
    if own is None:
        raise UnknownStock(pool_id=pool_id)
    await check_location(tx, shop_id=shop_id, location_id=location_id)
    if not await queries.insert_sale(tx, shop_id=shop_id, source=source):
        return None
    open_id = (await open_pool(tx, shop_id=shop_id)).id
    # In the order in which a till takes from them: what is kept from online is there for people who come in.
    shelves = [pool_id, open_id, *await pool_queries.safety_pool(tx, shop_id=shop_id)]
    plain = {
        variant_id: await ensure_level(
            tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool_id
        )
        for variant_id in sorted(units)
    }
    locked = await queries.lock_levels_of(
        tx, shop_id=shop_id, pool_ids=sorted(set(shelves)), variant_ids=sorted(units)
    )
    here = [each for each in locked if each.location_id == location_id and each.kind is LotKind.ON_HAND]
    here.sort(key=lambda level: (level.variant_id, shelves.index(level.pool_id), level.id))
    ledger = LedgerSession(here)
    gone = dict(units)
    for level in here:
        taken = min(gone[level.variant_id], level.free)
        ledger.change(level.id, quantity=-taken)
        gone[level.variant_id] -= taken
    broken: dict[int, int] = {}
    for level in [ledger.level(level.id) for level in here]:
        taken = min(gone[level.variant_id], level.quantity)
        if taken:
            ledger.change(level.id, quantity=-taken, fact=True)
            gone[level.variant_id] -= taken
            broken[level.variant_id] = broken.get(level.variant_id, 0) + taken
    await ledger.write(tx, kind="sold", reason=source)
    found = {variant_id: quantity for variant_id, quantity in gone.items() if quantity}
    for sign, kind in ((1, "adjusted"), (-1, "sold")):
        if found:
            none = [0] * len(found)
            await queries.move(
                tx, kind=kind, reason=source, level_ids=[plain[each] for each in found],
                quantity=[sign * quantity for quantity in found.values()], held=none, allocated=none, shortfall=none,
            )  # fmt: skip
    await tell(tx, shop_id=shop_id, variant_ids=sorted(units))
    return HandedOver(plain, broken, found)


async def _set_apart(
    tx: Tx, *, shop_id: int, pool_id: int, location_id: int, units: Mapping[int, int], back: bool = False
) -> dict[int, int]:
    """Move free units between the open pool's shelf at this location and a pool there, those that are kept from online after
    the others; `back`: from the pool to the shelf.

    As many as there are of each variant, up to `units`.  Returns how many were moved.
    """
    open_id = (await open_pool(tx, shop_id=shop_id)).id
    sources = [pool_id] if back else [open_id, *await pool_queries.safety_pool(tx, shop_id=shop_id)]
    target = open_id if back else pool_id
    variants = sorted(variant_id for variant_id, quantity in units.items() if quantity)
    if not variants:
        return {}
    plain = {
        variant_id: await ensure_level(
            tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=target
        )
        for variant_id in variants
    }
    locked = await queries.lock_levels_of(
        tx, shop_id=shop_id, pool_ids=sorted({pool_id, open_id, *sources}), variant_ids=variants
    )
    ledger = LedgerSession(locked)
    moved: dict[int, int] = {}
    for level in sorted(locked, key=lambda level: level.pool_id != open_id):
        wanted = units[level.variant_id] - moved.get(level.variant_id, 0)
        if level.pool_id in sources and level.location_id == location_id and level.kind is LotKind.ON_HAND:
            taken = min(level.free, wanted)
            if taken > 0:
                ledger.change(level.id, quantity=-taken)
                ledger.change(plain[level.variant_id], quantity=taken)
                moved[level.variant_id] = moved.get(level.variant_id, 0) + taken
    await ledger.write(tx, kind="moved", reason="till")
    await tell(tx, shop_id=shop_id, variant_ids=variants)
    if back and moved:
        await tell_arrived(tx, shop_id=shop_id, pool_id=open_id, variant_ids=sorted(moved))
    return moved


@dataclass(frozen=True, slots=True)
class TillPool:
    """The units that are set apart for a till at a location, and what it does with them and the shelf beside them."""

    shop_id: int
    pool_id: int
    location_id: int

    @classmethod
    async def open(
        cls, tx: Tx, *, shop_id: int, location_id: int, name: str, kind: PoolKind = PoolKind.TILL
    ) -> "TillPool":
        """A new one, empty.  Raises UnknownStock, UnusableText."""
        pool = await open_till_pool(
            tx, shop_id=shop_id, location_id=location_id, name=name, quotas={}, kind=kind
        )
        return cls(shop_id, pool.id, location_id)

    async def hand_over(self, tx: Tx, units: Mapping[int, int], *, source: str) -> HandedOver | None:
        """Units of variants left over the counter: a fact.  As `_hand_over`."""
        return await _hand_over(
            tx,
            shop_id=self.shop_id,
            pool_id=self.pool_id,
            location_id=self.location_id,
            units=units,
            source=source,
        )

    async def take(self, tx: Tx, units: Mapping[int, int]) -> dict[int, int]:
        """Set units of the shelf apart, as far as they are free.  Returns how many were."""
        return await _set_apart(
            tx, shop_id=self.shop_id, pool_id=self.pool_id, location_id=self.location_id, units=units
        )

    async def give_back(self, tx: Tx, units: Mapping[int, int]) -> dict[int, int]:
        """Put units back on the shelf, where they are free.  Returns how many were."""
        return await _set_apart(
            tx,
            shop_id=self.shop_id,
            pool_id=self.pool_id,
            location_id=self.location_id,
            units=units,
            back=True,
        )

    async def free(self, tx: Tx) -> dict[int, int]:
        """Units that are set apart and free, by variant; those that have none are left out."""
        found: dict[int, int] = {}
        for level in await queries.levels_of_pool(tx, shop_id=self.shop_id, pool_id=self.pool_id):
            is_here = level.location_id == self.location_id and level.kind is LotKind.ON_HAND
            if is_here and level.free:
                found[level.variant_id] = found.get(level.variant_id, 0) + level.free
        return found


async def sold(
    tx: Tx, *, shop_id: int, pool_id: int, location_id: int, variant_id: int, quantity: int, source: str
) -> bool:
    """`TillPool.hand_over` of one variant; False when the source is known already."""
    pool = TillPool(shop_id, pool_id, location_id)
    return await pool.hand_over(tx, {variant_id: quantity}, source=source) is not None
