"""What leaves the shelf for a buyer, and what comes back to it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from shopfloor import inventory
from shopfloor.inventory import (
    BadQuantity,
    LedgerSession,
    LotKind,
    WrongState,
    tell,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.stock import queries
from shopfloor.stock.batch import Row
from shopfloor.stock.holds import as_hold, exactly, ledger_of, rows_of, turn
from shopfloor.stock.models import Hold, HoldState, NotHere, TooMuchReturned


async def ship(
    tx: Tx,
    *,
    hold_id: UUID,
    variant_ids: Sequence[int] | None = None,
    units: Mapping[int, int] | None = None,
    from_location: int | None = None,
    at: int | None = None,
) -> Hold:
    """Allocated → shipped: all parts, those of `variant_ids`, or so many `units` of each variant; they leave the books.

    `at`: of `units`, those that are promised from this location before others.

    From another location than the one that was promised: its free units of the open pool go out, and the
    promised ones become free.  Raises WrongState, and NotHere when the units have not arrived.
    """
    rows = await rows_of(tx, hold_id=hold_id)
    shop_id = rows[0].shop_id
    if units is not None:
        leaving = await exactly(tx, rows, units, HoldState.ALLOCATED, at=at)
    else:
        leaving = [row for row in rows if variant_ids is None or row.variant_id in set(variant_ids)]
    if not leaving or any(row.state is not HoldState.ALLOCATED for row in leaving):
        raise WrongState(hold_id=str(hold_id), states=sorted({row.state.value for row in leaving}))
    if from_location is None:
        ledger = await ledger_of(tx, leaving)
    else:
        open_pool = await inventory.open_pool(tx, shop_id=shop_id)
        # What was promised and what goes out in its place, at once: the one order holds for both.
        ledger = await LedgerSession.of_pools(
            tx,
            shop_id=shop_id,
            pool_ids={open_pool.id, *(row.pool_id for row in leaving)},
            variant_ids={row.variant_id for row in leaving},
        )
    for row in leaving:
        _take_out(ledger, row, from_location)
    await turn(tx, leaving, HoldState.ALLOCATED, HoldState.SHIPPED)
    variants = await ledger.write(tx, kind="shipped", reason=str(hold_id))
    if from_location is not None:
        await inventory.flow_back_from_closed(tx, ledger, [row.level_id for row in leaving])
        await tell(tx, shop_id=shop_id, variant_ids=variants)
    return as_hold(await queries.rows_of_hold(tx, shop_id=shop_id, hold_id=hold_id))


def _take_out(ledger: LedgerSession, row: Row, from_location: int | None) -> None:
    promised = ledger.level(row.level_id)
    if from_location is None or promised.location_id == from_location:
        if promised.kind is not LotKind.ON_HAND or promised.quantity < row.quantity:
            raise NotHere(
                variant_id=row.variant_id,
                wanted=row.quantity,
                here=promised.quantity if promised.kind is LotKind.ON_HAND else 0,
            )
        ledger.change(row.level_id, quantity=-row.quantity, allocated=-row.quantity)
        return
    missing = row.quantity
    for level in list(ledger):
        here = level.variant_id == row.variant_id and level.location_id == from_location
        if here and level.kind is LotKind.ON_HAND and level.id != promised.id:
            units = min(level.free, missing)
            if units:
                ledger.change(level.id, quantity=-units)
                missing -= units
    if missing:
        raise NotHere(variant_id=row.variant_id, wanted=row.quantity, here=row.quantity - missing)
    ledger.change(row.level_id, allocated=-row.quantity)


async def put_back(
    tx: Tx,
    *,
    hold_id: UUID,
    variant_id: int,
    quantity: int,
    location_id: int | None = None,
    resellable: bool = True,
) -> Hold:
    """A return: shipped units stand on the shelf of the open pool again, at any location (None: where they left).

    What is not resellable is noted on the hold only.  Raises TooMuchReturned, BadQuantity, UnknownStock.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(quantity=quantity)
    everything = await rows_of(tx, hold_id=hold_id)
    shop_id = everything[0].shop_id
    rows = [row for row in everything if row.variant_id == variant_id]
    out = sum(row.quantity - row.returned for row in rows if row.state is HoldState.SHIPPED)
    if quantity > out:
        raise TooMuchReturned(hold_id=str(hold_id), variant_id=variant_id, wanted=quantity, out=out)
    left = quantity
    for row in rows:
        units = min(left, row.quantity - row.returned if row.state is HoldState.SHIPPED else 0)
        if units:
            await queries.add_returned(tx, hold_id=row.id, part=row.part, quantity=units)
            left -= units
    if resellable:
        await inventory.put_back(
            tx,
            shop_id=shop_id,
            variant_id=variant_id,
            quantity=quantity,
            left_from=rows[0].level_id,
            location_id=location_id,
            reason=str(hold_id),
        )
    return as_hold(await queries.rows_of_hold(tx, shop_id=shop_id, hold_id=hold_id))
