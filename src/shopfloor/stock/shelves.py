"""Shelves in the order in which they are sold from, and what is left on them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from shopfloor.inventory import LotKind, VariantLeft
from shopfloor.stock.batch import PoolView, Shelf

_KINDS: Final = {LotKind.ON_HAND: 0, LotKind.INCOMING: 1, LotKind.MAKEABLE: 2}


def shelf_order(shelf: Shelf, pool_id: int) -> tuple[date, int, bool, int, int]:
    """On hand first, then by the day it is ready; own units before borrowed ones."""
    return (
        shelf.ready_on or date.min,
        _KINDS[shelf.kind],
        shelf.pool_id != pool_id,
        shelf.location_id,
        shelf.id,
    )


def arrange(
    shelves: Sequence[Shelf], pool_views: Mapping[int, PoolView], variants: Sequence[int]
) -> dict[tuple[int, int], list[Shelf]]:
    """By pool and variant, in selling order.  A lender's later units stand behind the pool's own."""
    by_key: dict[tuple[int, int], list[Shelf]] = {}
    for shelf in shelves:
        by_key.setdefault((shelf.pool_id, shelf.variant_id), []).append(shelf)
    arranged: dict[tuple[int, int], list[Shelf]] = {}
    for pool_view in pool_views.values():
        for variant_id in variants:
            found = list(by_key.get((pool_view.id, variant_id), ()))
            if pool_view.lender_id is not None:
                found += [
                    shelf
                    for shelf in by_key.get((pool_view.lender_id, variant_id), ())
                    if shelf.kind is not LotKind.ON_HAND
                    and pool_view.location_id in {None, shelf.location_id}
                ]
            if found:
                if len(found) > 1:
                    found.sort(key=lambda shelf: shelf_order(shelf, pool_view.id))
                arranged[pool_view.id, variant_id] = found
    return arranged


def left_of(variant_id: int, shelves: Sequence[Shelf], *, all_seen: bool) -> VariantLeft:
    """What is left on these shelves.  Where the lender's later units were not looked at, nothing is said of later."""
    now = 0
    later: dict[date, int] = {}
    for shelf in shelves:
        left = shelf.free - shelf.taken
        if left <= 0:
            continue
        if shelf.ready_on is None:
            now += left
        else:
            later[shelf.ready_on] = later.get(shelf.ready_on, 0) + left
    if not all_seen:
        return VariantLeft(variant_id, now, None)
    dates = sorted(later.items())
    return VariantLeft(variant_id, now, dates[0][0] if not now and dates else None, dates)
