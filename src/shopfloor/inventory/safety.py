"""Units at a location that are kept from online: they stand on a shelf of their own, so that a purchase never looks at them.

The shelf of a location is filled from what is free there and never from what is promised; what is short is mended first.
"""

from collections.abc import Mapping
from typing import Final

from shopfloor.inventory import pool_queries, queries
from shopfloor.inventory.ledger import LedgerSession, ensure_level, tell, tell_arrived
from shopfloor.inventory.models import Level, LotKind
from shopfloor.inventory.places import check_location, open_pool
from shopfloor.kernel.database import Tx

PURPOSE: Final = "safety"
_REASON: Final = "safety stock"


async def keep_back(tx: Tx, *, shop_id: int, targets: Mapping[tuple[int, int], int]) -> int:
    """Keep so many units of (location, variant) from online, as far as they are free; more go back on sale.

    Once or often.  Returns how many units moved.  Raises UnknownStock.
    """
    if not targets:
        return 0
    own = await pool_queries.purpose_pool(tx, shop_id=shop_id, purpose=PURPOSE)
    lender = await open_pool(tx, shop_id=shop_id)
    kept_at: dict[tuple[int, int], int] = {}
    plain: dict[tuple[int, int], int] = {}
    for location_id in sorted({location_id for location_id, _ in targets}):
        await check_location(tx, shop_id=shop_id, location_id=location_id)
    for location_id, variant_id in sorted(targets):
        for pool_id, levels in ((own.id, kept_at), (lender.id, plain)):
            levels[location_id, variant_id] = await ensure_level(
                tx, shop_id=shop_id, variant_id=variant_id, location_id=location_id, pool_id=pool_id
            )
    locked = await queries.lock_levels_of(
        tx,
        shop_id=shop_id,
        pool_ids=sorted({own.id, lender.id}),
        variant_ids=sorted({variant_id for _, variant_id in targets}),
    )
    ledger = LedgerSession(locked)
    moved = 0
    back: set[int] = set()
    for (location_id, variant_id), target in sorted(targets.items()):
        shelf = [
            level
            for level in locked
            if level.pool_id == lender.id
            and (level.location_id, level.variant_id) == (location_id, variant_id)
            and level.kind is LotKind.ON_HAND
        ]
        at = kept_at[location_id, variant_id]
        by = _fill(ledger, at, shelf, target)
        if by < 0:
            _give_back(ledger, at, shelf, -by, plain[location_id, variant_id])
            back.add(variant_id)
        moved += abs(by)
    variants = await ledger.write(tx, kind="moved", reason=_REASON)
    await tell(tx, shop_id=shop_id, variant_ids=variants)
    await tell_arrived(tx, shop_id=shop_id, pool_id=lender.id, variant_ids=back)
    return moved


def _fill(ledger: LedgerSession, kept_at: int, shelf: list[Level], target: int) -> int:
    """Take what is missing from what is free.  Returns how many, negative: how many are to go back."""
    kept = ledger.level(kept_at).free
    short = sum(ledger.level(level.id).shortfall for level in shelf)
    if short or kept > target:
        return -min(kept, max(short, kept - target))
    taken = 0
    for level in shelf:
        units = min(target - kept - taken, ledger.level(level.id).free)
        ledger.change(level.id, quantity=-units)
        taken += units
    ledger.change(kept_at, quantity=taken)
    return taken


def _give_back(ledger: LedgerSession, kept_at: int, shelf: list[Level], units: int, plain: int) -> None:
    ledger.change(kept_at, quantity=-units)
    for level in shelf:
        mended = min(units, ledger.level(level.id).shortfall)
        ledger.change(level.id, quantity=mended)
        units -= mended
    ledger.change(plain, quantity=units)
