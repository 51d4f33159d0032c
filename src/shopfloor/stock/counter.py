"""What left over the counter of a store: units that nobody held before, as a hold that is shipped already.

So an order from a till has units as any other has: they can come back, and the audit finds them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shopfloor import inventory
from shopfloor.kernel.database import Tx


class Left(Protocol):
    """What units that left broke, by variant: promises to others, and what the books knew."""

    @property
    def broken(self) -> dict[int, int]: ...
    @property
    def found(self) -> dict[int, int]: ...


class Sold(Protocol):
    """Units of a variant at a price of one, in minor units."""

    @property
    def variant_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_price_minor(self) -> int: ...


async def hand_over(
    tx: Tx,
    *,
    hold_id: UUID,
    shop_id: int,
    pool_id: int,
    location_id: int,
    sold: Sequence[Sold],
    at: datetime,
    source: str,
) -> Left | None:
    """As `inventory.TillPool.hand_over`; None when `source` was booked before."""
    units: dict[int, int] = {}
    for each in sold:
        units[each.variant_id] = units.get(each.variant_id, 0) + each.quantity
    done = await inventory.TillPool(shop_id, pool_id, location_id).hand_over(tx, units, source=source)
    if done is None:
        return None
    await tx.run(
        """
        INSERT INTO stock.hold (id, part, state, lot_kind, quantity, shop_id, pool_id, level_id, variant_id, unit_price,
                                limited, buyer, granted_at, expires_at)
        SELECT %(hold_id)s, part - 1, 'shipped', 'on_hand', quantity, %(shop_id)s, %(pool_id)s, level_id, variant_id,
               unit_price, false, %(hold_id)s, %(at)s, %(at)s
          FROM unnest(%(levels)s::bigint[], %(variants)s::bigint[], %(quantities)s::int[], %(prices)s::bigint[])
               WITH ORDINALITY AS s (level_id, variant_id, quantity, unit_price, part)
        """,
        hold_id=hold_id,
        shop_id=shop_id,
        pool_id=pool_id,
        at=at,
        levels=[done.levels[each.variant_id] for each in sold],
        variants=[each.variant_id for each in sold],
        quantities=[each.quantity for each in sold],
        prices=[each.unit_price_minor for each in sold],
    )
    return done
