"""Units that did not leave after all, and units that are not where the books have them."""

from collections.abc import Mapping
from uuid import UUID

from shopfloor.inventory import LotKind, tell
from shopfloor.kernel.database import Tx
from shopfloor.stock.holds import exactly, ledger_of, rows_of, turn
from shopfloor.stock.models import HoldState, NotHere


async def take_back(tx: Tx, *, hold_id: UUID, units: Mapping[int, int], at: int | None = None) -> None:
    """Shipped → allocated: these units never left, whoever said so was mistaken.  Raises WrongState."""
    rows = await exactly(tx, await rows_of(tx, hold_id=hold_id), units, HoldState.SHIPPED, at=at)
    ledger = await ledger_of(tx, rows)
    for row in rows:
        ledger.change(row.level_id, quantity=row.quantity, allocated=row.quantity)
    await turn(tx, rows, HoldState.SHIPPED, HoldState.ALLOCATED)
    await ledger.write(tx, kind="unshipped", reason=str(hold_id))


async def miss(
    tx: Tx, *, hold_id: UUID, units: Mapping[int, int], wait: bool, reason: str, at: int | None = None
) -> None:
    """So many allocated units are not on the shelf where the books have them: they leave the books.

    `wait`: the promise stays, and what comes in next keeps it; otherwise it ends.  Raises WrongState, NotHere.
    """
    rows = await exactly(tx, await rows_of(tx, hold_id=hold_id), units, HoldState.ALLOCATED, at=at)
    ledger = await ledger_of(tx, rows)
    for row in rows:
        level = ledger.level(row.level_id)
        if level.kind is not LotKind.ON_HAND or level.quantity < row.quantity:
            raise NotHere(
                variant_id=row.variant_id,
                wanted=row.quantity,
                here=level.quantity if level.kind is LotKind.ON_HAND else 0,
            )
        if wait:
            ledger.change(row.level_id, quantity=-row.quantity, fact=True)
        else:
            ledger.change(row.level_id, quantity=-row.quantity, allocated=-row.quantity)
    if not wait:
        await turn(tx, rows, HoldState.ALLOCATED, HoldState.RELEASED)
    variants = await ledger.write(tx, kind="adjusted", reason=reason)
    await tell(tx, shop_id=rows[0].shop_id, variant_ids=variants)
