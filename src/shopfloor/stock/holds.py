"""The life of a hold after it was granted.  Each transition is guarded: one of two racers wins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from shopfloor import inventory
from shopfloor.inventory import LedgerSession, UnknownStock, WrongState, tell
from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import together
from shopfloor.kernel.values import new_id
from shopfloor.stock import batch_sql, joining_queries, kept, limit_sql, network_queries, queries
from shopfloor.stock.batch import Row
from shopfloor.stock.decision import standing
from shopfloor.stock.joining import as_before, grant_joined_again, join, pools_of
from shopfloor.stock.models import (
    Answer,
    Code,
    Freed,
    Hold,
    HoldPart,
    HoldState,
    Refused,
    Request,
    UnpaidOfNetwork,
)
from shopfloor.stock.reserving import grant_again, tell_released, whole
from shopfloor.stock.shares import (
    FEWEST,
    LARGE_SECONDS,
    UNPAID_SECONDS,
    most_for_long,
    most_of_network,
)

TIMERS_AT_ONCE = 50
_ORDERED = frozenset({HoldState.ALLOCATED, HoldState.SHIPPED, HoldState.RETURNED})


async def confirm(tx: Tx, hold_ids: Sequence[UUID], *, into: UUID | None = None) -> set[UUID]:
    """Held → allocated: the promise is for good.  `into`: they are parts of this hold from now on.

    Returns the ids that are allocated or shipped now, also those that were before; the others have expired or
    were released, and a late payment needs `rehold`.
    """
    rows = await queries.lock_rows(tx, ids=_unique(hold_ids))
    turning = [row for row in rows if row.state is HoldState.HELD]
    await turn(tx, turning, HoldState.HELD, HoldState.ALLOCATED)
    await inventory.allocate(tx, [(row.level_id, row.quantity) for row in turning])
    if into is not None:
        known = await queries.lock_rows(tx, ids=[into])
        await joining_queries.move_parts(
            tx,
            into=into,
            ids=sorted({row.id for row in rows}),
            first_part=max((row.part for row in known), default=-1) + 1,
        )
    firm = {HoldState.HELD, HoldState.ALLOCATED, HoldState.SHIPPED, HoldState.RETURNED}
    return {row.id for row in rows if row.state in firm}


async def release(
    tx: Tx,
    hold_ids: Sequence[UUID],
    reason: str = "cancelled",
    *,
    units: Mapping[int, int] | None = None,
    wanted: Iterable[Request] = (),
    for_good: bool = False,
) -> list[Freed]:
    """Held or allocated → released.  Parts in another state (shipped, expired…) are left alone.

    `units` {variant: so many}: only these, of what is allocated under one id; they are no part of it any longer, so that
    `rehold` does not bring them back.  `wanted`: what is reserved in this transaction afterwards, whose levels are
    locked with those that are freed, in the one order.  `for_good`: what was held is another buyer's chance now, and is
    never granted again.  Raises WrongState where there are not so many, or, for good, where a part is an order's own.
    """
    rows = await queries.lock_rows(tx, ids=_unique(hold_ids))
    if for_good:
        if any(row.state in _ORDERED for row in rows):
            raise WrongState(
                hold_id=str(rows[0].id), states=sorted({row.state.value for row in rows}), for_good=True
            )
        await _lock_wanted(tx, rows, wanted)
        freed = await _free(tx, rows, HoldState.RELEASED, reason)
        await queries.end_for_good(tx, ids=_unique(hold_ids))
        return freed
    if units is None:
        return await _free(tx, rows, HoldState.RELEASED, reason)
    rows = await exactly(tx, rows, units, HoldState.ALLOCATED)
    await _lock_wanted(tx, rows, wanted)
    freed = await _free(tx, rows, HoldState.RELEASED, reason)
    await joining_queries.set_apart(
        tx, hold_id=rows[0].id, parts=[row.part for row in rows], becomes=new_id()
    )
    await joining_queries.close_gaps(tx, hold_id=rows[0].id)
    return freed


async def _lock_wanted(tx: Tx, rows: Sequence[Row], wanted: Iterable[Request]) -> None:
    """The levels that are freed, and those of what is reserved afterwards."""
    wanted = list(wanted)
    pool_ids = sorted({row.pool_id for row in rows} | {each.pool_id for each in wanted})
    variant_ids = sorted(
        {row.variant_id for row in rows} | {line.variant_id for each in wanted for line in each.lines}
    )
    async with together(tx):
        await limit_sql.lock_limits(tx, pool_ids=pool_ids)
    levels = await batch_sql.lock_levels(tx, pool_ids=pool_ids, lenders_too=True, variant_ids=variant_ids)
    await levels.fetchall()


async def expire(tx: Tx, *, limit: int = 1000) -> list[Freed]:
    """Release holds whose time is over, by the database's clock: about `limit` of them at once.

    Rows that somebody is working on (a payment coming in) are skipped and looked at again a second later.
    Several workers may run this at once.
    """
    # All at once: buyers wait while the levels are locked, so nothing is asked one by one then.
    due: dict[int, list[UUID]] = {}
    holds = 0
    for timer_id, hold_ids in await queries.due_timers(tx, limit=TIMERS_AT_ONCE):
        if holds >= limit:
            break
        due[timer_id] = hold_ids
        holds += len(hold_ids)
    if not due:
        return []
    rows = await queries.lock_due_rows(tx, ids=[hold_id for hold_ids in due.values() for hold_id in hold_ids])
    freed = await _free(tx, await whole(tx, rows), HoldState.EXPIRED, "expired")
    await queries.rearm_timers(tx, ids=list(due))
    return freed


async def seconds_to_next_expiry(tx: Tx, *, most: float) -> float:
    """How long nothing is to be expired, by the database's clock; at most `most`, never less than zero."""
    return await queries.seconds_to_next_timer(tx, most=most)


async def extend(
    tx: Tx,
    hold_ids: Sequence[UUID],
    *,
    hold_seconds: int,
    into: UUID | None = None,
    buyer: UUID | None = None,
) -> set[UUID]:
    """A held hold lasts at least `hold_seconds` from now.  Returns the ids that are still held.

    With `buyer` they are this browser's from now on, of the same person.  With `into`, one of them, they become one hold under its id; raises WrongState unless all of them are held by one
    buyer.
    """
    still = set(await queries.set_expiry(tx, ids=_unique(hold_ids), seconds=hold_seconds))
    if buyer is not None:
        await kept.give(tx, hold_ids=hold_ids, buyer=buyer)
    if into is not None:
        await join(tx, into=into, hold_ids=hold_ids)
    return still


async def rehold(
    tx: Tx, hold_ids: Sequence[UUID], *, hold_seconds: int, network: int | None = None
) -> list[Answer]:
    """Give holds that lapsed their units again, ready no later than promised; one answer per id, in order.

    A hold that never lapsed is answered as it stands, one that ended for good is refused; a refusal means the money is to
    be given back.  `network`: where
    a buyer asks from who has not paid yet; its share counts.  Raises
    UnknownStock for an id that was never granted.
    """
    rows = await queries.lock_rows(tx, ids=_unique(hold_ids))
    if len({row.id for row in rows}) > 1:
        # One by one, as they are decided below, would be an order of its own.
        await _lock_all_wanted(tx, rows)
    by_id: dict[UUID, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    answers: list[Answer] = []
    for hold_id in hold_ids:
        parts = by_id.get(hold_id)
        if parts is None:
            raise UnknownStock(hold_id=str(hold_id))
        answers.append(await _rehold(tx, hold_id, parts, hold_seconds, network))
    return answers


async def _lock_all_wanted(tx: Tx, rows: Sequence[Row]) -> None:
    open_pool_id = (await inventory.open_pool(tx, shop_id=rows[0].shop_id)).id
    levels = await batch_sql.lock_levels(
        tx,
        pool_ids=sorted({open_pool_id, *(row.pool_id for row in rows)}),
        lenders_too=True,
        variant_ids=sorted({row.variant_id for row in rows}),
    )
    await levels.fetchall()


async def _rehold(
    tx: Tx, hold_id: UUID, parts: Sequence[Row], hold_seconds: int, network: int | None
) -> Answer:
    request = as_before(hold_id, parts, hold_seconds=hold_seconds, network=network)
    lapsed = {HoldState.RELEASED, HoldState.EXPIRED}
    if any(row.state not in lapsed for row in parts):
        return standing(request, parts)
    if await queries.has_ended(tx, id=hold_id):
        return Refused(hold_id, Code.CLOSED, {})
    open_pool_id = (await inventory.open_pool(tx, shop_id=request.shop_id)).id
    if len(pools_of(parts)) > 1:
        return await grant_joined_again(
            tx, hold_id, parts, hold_seconds=hold_seconds, network=network, open_pool_id=open_pool_id
        )
    answer = await grant_again(tx, request=request, open_pool_id=open_pool_id)
    return Refused(hold_id, answer.code, answer.facts) if isinstance(answer, Refused) else answer


async def paid(
    tx: Tx, *, shop_id: int, hold_ids: Sequence[UUID], buyers: Sequence[UUID], account: UUID | None = None
) -> None:
    """These units are paid for, and the shares of networks do not bind these buyers any longer.  Once or often.

    Without holds: nothing was paid, but the buyers have proved a contact, which is as good.  `account`: whose buyers
    that makes them; what those of one account keep unpaid is counted together.
    """
    if hold_ids:
        await network_queries.forget_networks(tx, shop_id=shop_id, hold_ids=hold_ids)
    await network_queries.insert_proven(tx, shop_id=shop_id, buyers=buyers, account=account)


async def has_paid(tx: Tx, *, shop_id: int, buyer: UUID) -> bool:
    """Whether this buyer has paid in this shop before, or proved a contact."""
    return await network_queries.is_proven(tx, shop_id=shop_id, buyer=buyer)


async def unpaid_until(
    tx: Tx, *, shop_id: int, hold_ids: Sequence[UUID], at: datetime
) -> dict[UUID, datetime]:
    """By when an unpaid order for these units is due, where that is sooner than the shop says: ten minutes where
    others behind the same network have not paid for theirs, an hour for more than a network may hold.
    """
    due: dict[UUID, datetime] = {}
    for part in await network_queries.unpaid_parts(tx, shop_id=shop_id, hold_ids=hold_ids):
        if part.others >= most_for_long(part.size):
            seconds = UNPAID_SECONDS
        elif part.units > most_of_network(part.size):
            seconds = LARGE_SECONDS
        else:
            continue
        by = at + timedelta(seconds=seconds)
        due[part.hold_id] = min(by, due.get(part.hold_id, by))
    return due


async def crowded_networks(tx: Tx, *, shop_id: int) -> list[UnpaidOfNetwork]:
    """Networks that hold at least half of their share of a variant unpaid, several buyers together."""
    found = await network_queries.crowded_networks(tx, shop_id=shop_id, fewest=FEWEST)
    return [row for row in found if 2 * row.units >= most_of_network(row.size)]


async def unpaid_of_network(tx: Tx, *, shop_id: int, network: int) -> tuple[list[UUID], list[UUID]]:
    """The holds of a network that nobody has paid for: those in checkouts, and those that orders have."""
    found = await network_queries.unpaid_of_network(tx, shop_id=shop_id, network=network)
    return [hold_id for hold_id, ordered in found if not ordered], [
        hold_id for hold_id, ordered in found if ordered
    ]


async def exactly(
    tx: Tx, rows: Sequence[Row], units: Mapping[int, int], state: HoldState, *, at: int | None = None
) -> list[Row]:
    """The locked parts in this state with exactly so many units of each variant; a part is cut in two where it has more.

    `at`: those of this location before others, so that of two parcels each takes its own.  Raises WrongState where there are
    not so many.
    """
    taken: list[Row] = []
    parts = max((row.part for row in rows), default=-1) + 1
    if at is not None and len({row.level_id for row in rows}) > 1:
        known = await inventory.levels(
            tx, shop_id=rows[0].shop_id, variant_ids=sorted({row.variant_id for row in rows})
        )
        here = {level.id for level in known if level.location_id == at}
        rows = sorted(rows, key=lambda row: (row.level_id not in here, row.part))
    for variant_id, wanted in sorted(units.items()):
        missing = wanted
        for row in rows:
            free = row.variant_id == variant_id and row.state is state and not row.returned
            if not missing or not free:
                continue
            if row.quantity > missing:
                await queries.split(tx, hold_id=row.id, part=row.part, keeps=missing, new_part=parts)
                parts += 1
                row = replace(row, quantity=missing)  # noqa: PLW2901 -- the part as it is now
            taken.append(row)
            missing -= row.quantity
        if missing or wanted < 1:
            raise WrongState(
                hold_id=str(rows[0].id),
                states=sorted({row.state.value for row in rows}),
                variant_id=variant_id,
            )
    return taken


async def close_show_pool(
    tx: Tx, *, shop_id: int, show_id: int, was: datetime | None = None, until: datetime | None = None
) -> None:
    """Let the rest of a show's pool flow back.  What was kept until `was`, for its buyers pay at the end, is kept
    until `until`.

    Closing twice is closing once.  Raises UnknownStock when the show never had a pool.
    """
    pool = await inventory.close_show_pool(tx, shop_id=shop_id, show_id=show_id)
    if was is not None and until is not None:
        # After the levels were locked: nobody is granted anything for the old time from here on.
        await kept.move(tx, pool_id=pool.id, was=was, until=until)


async def hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> Hold:
    """Raises UnknownStock, also for a hold of another shop."""
    rows = await queries.rows_of_hold(tx, shop_id=shop_id, hold_id=hold_id)
    if not rows:
        raise UnknownStock(hold_id=str(hold_id))
    return as_hold(rows)


async def held_by(
    tx: Tx, *, shop_id: int, buyer: UUID | None, others: Sequence[UUID] = (), pool_id: int | None = None
) -> list[Hold]:
    """What this buyer (and `others`, the same person elsewhere) has in pools that are open, in those of the last shows
    or in this one, and has not ordered; in the order of buying.  None: what anybody has in this pool.
    """
    rows = (
        await joining_queries.held_in(tx, shop_id=shop_id, pool_id=pool_id)
        if buyer is None
        else await joining_queries.held_by(tx, shop_id=shop_id, buyers=[buyer, *others], pool_id=pool_id)
    )
    by_id: dict[UUID, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    return [as_hold(rows) for rows in by_id.values()]


async def holds_of(tx: Tx, *, shop_id: int, buyer: UUID) -> list[Hold]:
    """What this buyer holds at the moment, and all that was ever granted under a limit; newest first."""
    by_id: dict[UUID, list[Row]] = {}
    for row in await queries.rows_of_buyer(tx, shop_id=shop_id, buyer=buyer):
        by_id.setdefault(row.id, []).append(row)
    return [as_hold(rows) for rows in by_id.values()]


def as_hold(rows: Sequence[Row]) -> Hold:
    first = rows[0]
    return Hold(
        id=first.id,
        shop_id=first.shop_id,
        pool_id=first.pool_id,
        buyer=first.buyer,
        offer_id=first.offer_id,
        show_id=first.show_id,
        state=min((row.state for row in rows), key=_PROGRESS.index),
        granted_at=first.granted_at,
        expires_at=first.expires_at,
        parts=tuple(
            HoldPart(
                row.part, row.level_id, row.variant_id, row.quantity, row.unit_price, row.ready_on, row.lot_kind,
                row.returned, row.state, row.bundle_id,
            )
            for row in rows
        ),
    )  # fmt: skip


# A hold of several parts is as far as the part that is least far.
_PROGRESS = [
    HoldState.HELD,
    HoldState.ALLOCATED,
    HoldState.SHIPPED,
    HoldState.RETURNED,
    HoldState.RELEASED,
    HoldState.EXPIRED,
]


async def _free(tx: Tx, rows: Sequence[Row], becomes: HoldState, reason: str) -> list[Freed]:
    """Give back what locked rows hold; `rows` in other states than held and allocated are left alone."""
    held = [row for row in rows if row.state is HoldState.HELD]
    allocated = [row for row in rows if row.state is HoldState.ALLOCATED]
    going = held + allocated
    if not going:
        return []
    async with together(tx):
        await limit_sql.lock_limits(tx, pool_ids=sorted({row.pool_id for row in going}))
    ledger = await LedgerSession.of_levels_that_free(tx, [row.level_id for row in going])
    for row in held:
        ledger.change(row.level_id, held=-row.quantity)
    for row in allocated:
        ledger.change(row.level_id, allocated=-row.quantity)
    await turn(tx, held, HoldState.HELD, becomes)
    await turn(tx, allocated, HoldState.ALLOCATED, becomes)
    await ledger.write(tx, kind=becomes.value, reason=reason)
    await inventory.flow_back_from_closed(tx, ledger, [row.level_id for row in going])
    await tell_released(tx, going, reason=reason)
    for shop_id in sorted({row.shop_id for row in going}):
        variants = {row.variant_id for row in going if row.shop_id == shop_id}
        await tell(tx, shop_id=shop_id, variant_ids=variants)
    return [
        Freed(
            row.id,
            row.shop_id,
            row.pool_id,
            row.show_id,
            row.offer_id,
            row.buyer,
            row.variant_id,
            row.quantity,
        )
        for row in going
    ]


async def rows_of(tx: Tx, *, hold_id: UUID) -> list[Row]:
    rows = await queries.lock_rows(tx, ids=[hold_id])
    if not rows:
        raise UnknownStock(hold_id=str(hold_id))
    return rows


async def ledger_of(tx: Tx, rows: Sequence[Row]) -> LedgerSession:
    """Lock the levels of these rows in the one order."""
    if not rows:
        return LedgerSession([])
    return await LedgerSession.of_levels(tx, [row.level_id for row in rows])


async def turn(tx: Tx, rows: Sequence[Row], was: HoldState, becomes: HoldState) -> None:
    if not rows:
        return
    changed = await queries.set_state(
        tx, ids=[row.id for row in rows], parts=[row.part for row in rows], was=was, becomes=becomes
    )
    if changed != len(rows):
        raise LookupError("a locked hold is not as it was")


def _unique(ids: Sequence[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))
