"""Several holds of one buyer become one, so that one order has all of them."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from shopfloor.inventory import WrongState
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY, new_id
from shopfloor.stock import batch_sql, joining_queries, queries
from shopfloor.stock.batch import Row
from shopfloor.stock.models import Answer, Held, HoldState, Line, Refused, Request
from shopfloor.stock.reserving import grant_again


async def join(tx: Tx, *, into: UUID, hold_ids: Sequence[UUID]) -> None:
    """The units of these holds are `into`'s from now on, which lasts as long as it did.

    Their own ids stay known and hold nothing, so that a purchase that is sent again is not granted again.  Raises
    WrongState unless all of them are held by one buyer in one shop.
    """
    others = [each for each in dict.fromkeys(hold_ids) if each != into]
    rows = await queries.lock_rows(tx, ids=[into, *others])
    found = {row.id for row in rows}
    of_one = len({(row.shop_id, row.buyer) for row in rows}) == 1
    held = all(row.state is HoldState.HELD for row in rows)
    if not others or found != {into, *others} or not of_one or not held:
        raise WrongState(hold_id=str(into), states=sorted({row.state.value for row in rows}))
    await joining_queries.move_parts(
        tx, into=into, ids=others, first_part=sum(row.id == into for row in rows)
    )


def pools_of(parts: Sequence[Row]) -> set[tuple[int, int | None, int | None]]:
    """Where the parts of a hold come from: pool, offer and show."""
    return {(row.pool_id, row.offer_id, row.show_id) for row in parts}


async def grant_joined_again(
    tx: Tx, hold_id: UUID, parts: Sequence[Row], *, hold_seconds: int, network: int | None, open_pool_id: int
) -> Answer:
    """A lapsed hold that was joined from several is granted where each came from, all of it or nothing."""
    pool_ids = sorted({row.pool_id for row in parts} | {open_pool_id})
    variant_ids = sorted({row.variant_id for row in parts})
    # All levels at once, in the one order in which they are locked.
    await (
        await batch_sql.lock_levels(tx, pool_ids=pool_ids, lenders_too=True, variant_ids=variant_ids)
    ).fetchall()
    held: list[Held] = []
    refused: Refused | None = None
    async with tx.connection.transaction() as kept:
        for source in sorted(pools_of(parts), key=str):
            of_source = [row for row in parts if (row.pool_id, row.offer_id, row.show_id) == source]
            answer = await grant_again(
                tx,
                request=as_before(new_id(), of_source, hold_seconds=hold_seconds, network=network),
                open_pool_id=open_pool_id,
            )
            if isinstance(answer, Refused):
                refused = Refused(hold_id, answer.code, answer.facts)
                break
            held.append(answer)
        if refused is None:
            await queries.delete_rows(tx, ids=[hold_id])
            await joining_queries.rename_parts(tx, ids=[each.id for each in held], becomes=hold_id)
        else:
            kept.force_rollback = True
    if refused is not None:
        return refused
    return Held(
        hold_id, min(each.expires_at for each in held), tuple(lot for each in held for lot in each.lots)
    )


def as_before(request_id: UUID, parts: Sequence[Row], *, hold_seconds: int, network: int | None) -> Request:
    """What was granted once, asked for again: ready no later than promised, at the same prices."""
    first = parts[0]
    return Request(
        id=request_id,
        shop_id=first.shop_id,
        pool_id=first.pool_id,
        buyer=first.buyer,
        lines=tuple(Line(row.variant_id, row.quantity, row.bundle_id) for row in parts),
        hold_seconds=hold_seconds,
        latest_ready=max((row.ready_on for row in parts if row.ready_on is not None), default=date.min),
        offer_id=first.offer_id,
        # What was bought under a limit goes on counting; it was within the limit when it was granted.
        limit_per_buyer=MAX_QUANTITY if any(row.limited for row in parts) else None,
        show_id=first.show_id,
        unit_prices=tuple(row.unit_price for row in parts),
        network=network,
    )
