"""Counts of a location by scanner while sales run.

A line remembers what the books said when its first unit was scanned.  What is set is the difference between that and what
was counted: units that were sold between the scan and the posting stay sold.  What tills sold before the scan and tell
later is put right when it is heard of (`sold_before`), also after the count was posted.

Where the books changed between the first and the last scan of a line, nobody knows whether those units had been counted:
such a line is counted again or left out, never guessed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final
from uuid import UUID

from shopfloor import inventory
from shopfloor.accounts import Actor, Permission
from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import MAX_QUANTITY, now
from shopfloor.stock_control import count_queries, goods_queries
from shopfloor.stock_control.events import CountedVariant, CountPosted
from shopfloor.stock_control.models import (
    Count,
    CountLine,
    CountListed,
    CountState,
    KeyReused,
    MovedMeanwhile,
    NothingCounted,
    NothingListed,
    UnknownPaper,
    Variance,
    WrongState,
)

AT_ONCE: Final = 50
"""Lines that are set in one transaction: sales of these goods wait for it."""
# A scan that waited longer for the network is counted as of now.
OLDEST: Final = timedelta(hours=12)
SHOWN: Final = ("all", "open", "scanned", "differing", "moved")


async def read(tx: Tx, *, shop_id: int, count_id: int) -> Count:
    """Raises UnknownPaper."""
    found = await count_queries.count(tx, shop_id=shop_id, count_id=count_id)
    if found is None:
        raise UnknownPaper(count_id=count_id)
    return found


def hides(count: Count, actor: Actor) -> bool:
    """Whether somebody counts without knowing what is expected."""
    return (
        count.is_blind and count.state == CountState.OPEN and Permission.STOCK_EDIT not in actor.permissions
    )


async def _counted(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    location_id: int | None = None,
    before: int | None = None,
) -> paging.Counted:
    return paging.capped(
        await count_queries.count_counts(
            tx, shop_id=shop_id, state=state, location_id=location_id, before=before
        )
    )


@paging.counted_by(_counted)
async def listing(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    location_id: int | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[CountListed]:
    """Newest first."""
    return await count_queries.counts(
        tx, shop_id=shop_id, state=state, location_id=location_id, after=after, before=before, limit=limit
    )


async def _counted_lines(
    tx: Tx, *, shop_id: int, count_id: int, show: str = "all", before: int | None = None
) -> paging.Counted:
    return paging.capped(
        await count_queries.count_lines(tx, shop_id=shop_id, count_id=count_id, show=show, before=before)
    )


@paging.counted_by(_counted_lines)
async def lines(
    tx: Tx,
    *,
    shop_id: int,
    count_id: int,
    show: str = "all",
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[CountLine]:
    """By variant; `show` is one of SHOWN."""
    return await count_queries.lines(
        tx, shop_id=shop_id, count_id=count_id, show=show, after=after, before=before, limit=limit
    )


async def last_scanned(tx: Tx, *, count_id: int, limit: int) -> list[CountLine]:
    """The lines that were scanned last, newest first."""
    return await count_queries.last_scanned(tx, count_id=count_id, limit=limit)


async def variance(tx: Tx, *, shop_id: int, count_id: int) -> Variance:
    """What it comes to so far, at today's prices."""
    return await count_queries.variance(tx, shop_id=shop_id, count_id=count_id)


async def create(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int,
    product_ids: Sequence[int] | None = None,
    name: str = "",
    is_blind: bool = False,
    person_id: int | None = None,
) -> Count:
    """Of all that the books have at a location, or of some products.  `is_blind`: who counts does not see what is expected.

    What is scanned and not listed joins it.  Raises UnknownStock, NothingListed, UnusableText.
    """
    if location_id not in {each.id for each in await inventory.locations(tx, shop_id=shop_id)}:
        raise inventory.UnknownStock(location_id=location_id)
    shelf = inventory.Shelf(shop_id, location_id)
    if product_ids is None:
        variants = sorted(variant_id for variant_id, units in (await shelf.counted(tx)).items() if units)
    else:
        variants = await goods_queries.variants_of(tx, shop_id=shop_id, product_ids=product_ids)
        if not variants:
            raise NothingListed
    number = await count_queries.next_number(tx, shop_id=shop_id)
    new_id = await count_queries.insert_count(
        tx,
        shop_id=shop_id,
        number=number,
        location_id=location_id,
        name=text.line(name, field="name", longest=120),
        is_blind=is_blind,
        person_id=person_id,
    )
    await count_queries.add_lines(tx, shop_id=shop_id, count_id=new_id, variant_ids=variants)
    return await read(tx, shop_id=shop_id, count_id=new_id)


async def scan(
    tx: Tx,
    *,
    shop_id: int,
    count_id: int,
    variant_id: int,
    key: UUID,
    units: int = 1,
    ago: timedelta = timedelta(0),
    person_id: int | None = None,
) -> CountLine:
    """So many more units (or, to take back a scan, fewer) were seen, `ago`.  The same key counts once.

    Raises UnknownPaper, WrongState, UnknownStock, BadQuantity, KeyReused.
    """
    return await _add(
        tx, shop_id, count_id, variant_id, key=key, units=units, afresh=False, ago=ago, person_id=person_id
    )


async def enter(
    tx: Tx,
    *,
    shop_id: int,
    count_id: int,
    variant_id: int,
    key: UUID,
    units: int,
    ago: timedelta = timedelta(0),
    person_id: int | None = None,
) -> CountLine:
    """There are so many in all: whatever was scanned of it before is replaced, and the books are looked at anew."""
    return await _add(
        tx, shop_id, count_id, variant_id, key=key, units=units, afresh=True, ago=ago, person_id=person_id
    )


async def _add(
    tx: Tx,
    shop_id: int,
    count_id: int,
    variant_id: int,
    *,
    key: UUID,
    units: int,
    afresh: bool,
    ago: timedelta,
    person_id: int | None,
) -> CountLine:
    found = await _open(tx, shop_id, count_id)
    known = await count_queries.entry(tx, shop_id=shop_id, key=key)
    if known is not None:
        if (known.count_id, known.variant_id) != (count_id, variant_id):
            raise KeyReused
        return await _line(tx, count_id, variant_id)
    if variant_id not in await goods_queries.countable(tx, shop_id=shop_id, variant_ids=[variant_id]):
        raise inventory.UnknownStock(variant_id=variant_id)
    if not await count_queries.is_listed(tx, count_id=count_id, variant_id=variant_id):
        # Who sells it at this moment cannot see a line that comes with us, so one of us waits for the other here.
        await inventory.LedgerSession.of_variants(tx, shop_id=shop_id, variant_ids=[variant_id])
    await count_queries.add_lines(tx, shop_id=shop_id, count_id=count_id, variant_ids=[variant_id])
    line = await _line(tx, count_id, variant_id)
    at = now() - ago if timedelta(0) < ago <= OLDEST else now()
    books = await inventory.Shelf(shop_id, found.location_id).counted(
        tx, variant_ids=[variant_id], at=at if ago else None
    )
    seen = max(0, books.get(variant_id, 0))
    first = afresh or line.counted is None
    counted = units if first else (line.counted or 0) + units
    if not 0 <= counted <= MAX_QUANTITY:
        raise inventory.BadQuantity(quantity=counted)
    round_ = line.round + 1 if afresh and line.counted is not None else line.round
    if not await count_queries.insert_entry(
        tx, shop_id=shop_id, key=key, count_id=count_id, variant_id=variant_id, round=round_, units=units,
        person_id=person_id, at=at,
    ):  # fmt: skip
        # It came twice at this very moment; the other one counts.
        return line
    await count_queries.save_line(
        tx,
        count_id=count_id,
        variant_id=variant_id,
        round=round_,
        seen=seen if first else line.seen,
        counted=counted,
        late=0 if first else line.late,
        first_at=at if first or line.first_at is None else min(at, line.first_at),
        last_at=at if first or line.last_at is None else max(at, line.last_at),
        moved=False if first else line.moved or seen != line.seen,
        left_out=False,
        person_id=person_id,
    )
    return await _line(tx, count_id, variant_id)


async def recount(tx: Tx, *, shop_id: int, count_id: int, variant_ids: Sequence[int] | None = None) -> int:
    """Lines to be counted anew: these, or (None) all that differ or moved.  Returns how many.

    Raises UnknownPaper, also for a variant that the count does not list, and WrongState.
    """
    await _open(tx, shop_id, count_id)
    for variant_id in sorted(set(variant_ids or ())):
        await _line(tx, count_id, variant_id)
    return await count_queries.reset_lines(tx, count_id=count_id, variant_ids=variant_ids)


async def leave_out(tx: Tx, *, shop_id: int, count_id: int, variant_id: int, left_out: bool) -> None:
    """Whether the books keep what they say of this line.  Raises UnknownPaper, WrongState."""
    await _open(tx, shop_id, count_id)
    line = await _line(tx, count_id, variant_id)
    await count_queries.save_line(
        tx, count_id=count_id, variant_id=variant_id, round=line.round, seen=line.seen, counted=line.counted,
        late=line.late, first_at=line.first_at, last_at=line.last_at, moved=line.moved, left_out=left_out,
        person_id=line.person_id,
    )  # fmt: skip


async def cancel(tx: Tx, *, shop_id: int, count_id: int) -> None:
    """Nothing of it is set in the books.  Raises UnknownPaper, WrongState."""
    found = await count_queries.lock_count(tx, shop_id=shop_id, count_id=count_id)
    if found is None:
        raise UnknownPaper(count_id=count_id)
    if found.state == CountState.CANCELLED:
        return
    if found.state != CountState.OPEN:
        raise WrongState(state=found.state)
    await count_queries.set_state(
        tx, count_id=count_id, state=CountState.CANCELLED, reason="", person_id=None
    )


async def begin_posting(
    tx: Tx, *, shop_id: int, count_id: int, reason: str, person_id: int | None = None
) -> None:
    """Decide that the books shall say what was counted; `post` carries it out.  Lines that nobody counted stay as they are.

    Raises UnknownPaper, WrongState, NothingCounted, MovedMeanwhile with how many lines, UnusableText.
    """
    reason = text.line(reason, field="reason", longest=200, shortest=1)
    found = await count_queries.lock_count(tx, shop_id=shop_id, count_id=count_id)
    if found is None:
        raise UnknownPaper(count_id=count_id)
    if found.state in {CountState.POSTING, CountState.POSTED}:
        return
    if found.state != CountState.OPEN:
        raise WrongState(state=found.state)
    comes_to = await count_queries.variance(tx, shop_id=shop_id, count_id=count_id)
    if not comes_to.counted:
        raise NothingCounted
    if comes_to.moved:
        raise MovedMeanwhile(lines=comes_to.moved)
    await count_queries.set_state(
        tx, count_id=count_id, state=CountState.POSTING, reason=reason, person_id=person_id
    )


async def post_some(tx: Tx, *, shop_id: int, count_id: int) -> bool:
    """Set the next lines of a count that is being posted in the books; whether there may be more.

    The books are locked before the lines, as by a sale whose units were counted before it was heard of.
    """
    found = await count_queries.lock_count(tx, shop_id=shop_id, count_id=count_id)
    if found is None or found.state != CountState.POSTING:
        return False
    at = now()
    due = await count_queries.to_apply(tx, count_id=count_id, limit=AT_ONCE)
    if not due:
        await count_queries.set_state(
            tx, count_id=count_id, state=CountState.POSTED, reason="", person_id=None
        )
        return False
    await inventory.LedgerSession.of_variants(tx, shop_id=shop_id, variant_ids=due)
    others = await count_queries.lock_lines_at(
        tx, shop_id=shop_id, location_id=found.location_id, variant_ids=due, since=None
    )
    locked = await count_queries.lock_lines(tx, count_id=count_id, variant_ids=due)
    changes: dict[int, int] = {}
    for line in locked:
        # Whoever scanned it after this count and was posted before it has put the books right.
        superseded = any(
            each.is_applied and each.variant_id == line.variant_id and each.first_at > (line.first_at or at)
            for each in others
        )
        changes[line.variant_id] = 0 if superseded else line.difference or 0
    shelf = inventory.Shelf(shop_id, found.location_id)
    applied = await shelf.correct(tx, changes, kind="counted", reason=f"{found.label} {found.reason}"[:200])
    await count_queries.set_applied(
        tx,
        count_id=count_id,
        variants=[line.variant_id for line in locked],
        applied=[applied.get(line.variant_id, 0) for line in locked],
    )
    for each in others:
        # Another count that is not posted yet found the same books: this much of its difference is gone.
        if each.count_id != count_id and not each.is_applied and applied.get(each.variant_id):
            await count_queries.add_late(
                tx, count_id=each.count_id, variant_id=each.variant_id, late=-applied[each.variant_id]
            )
    await outbox.record(
        tx,
        CountPosted(
            shop_id,
            count_id,
            found.location_id,
            found.reason,
            [
                CountedVariant(line.variant_id, applied.get(line.variant_id, 0), line.counted or 0)
                for line in locked
            ],
        ),
    )
    return True


async def post(db: Database, *, shop_id: int, count_id: int) -> None:
    """Set all lines of a count whose posting was begun, some at a time; what a crash leaves, `resume` does."""
    more = True
    while more:
        async with db.transaction() as tx:
            more = await post_some(tx, shop_id=shop_id, count_id=count_id)


async def resume(tx: Tx) -> int:
    """The next lines of one count, of any shop, whose posting was begun and not finished.  Returns how many counts.

    One in a transaction: the books of two would be locked out of order, and one that fails would undo the others.
    """
    found = await count_queries.any_posting(tx)
    if found is not None:
        await post_some(tx, shop_id=found.shop_id, count_id=found.id)
    return 0 if found is None else 1


async def lock_books(
    tx: Tx, *, shop_id: int, location_id: int, variant_ids: Sequence[int], at: datetime
) -> None:
    """Before `sold_before`, and before anything else locks books: where a count is newer than that moment, all the books
    of these variants in the one order.
    """
    if await count_queries.may_have_lines_at(
        tx, shop_id=shop_id, location_id=location_id, variant_ids=variant_ids, since=at
    ):
        await inventory.LedgerSession.of_variants(tx, shop_id=shop_id, variant_ids=variant_ids)


async def sold_before(
    tx: Tx, *, shop_id: int, location_id: int, units: Mapping[int, int], at: datetime
) -> None:
    """Units left the shelf of a location (or, negative, came back) at a moment, and the books have learned of it now.

    Whoever counted after that moment did not see them (or saw them): the count knew of it already, so it is not to
    change the books twice.  The caller has the books of these variants locked.
    """
    moved = {variant_id: quantity for variant_id, quantity in units.items() if quantity}
    found = await count_queries.lock_lines_at(
        tx, shop_id=shop_id, location_id=location_id, variant_ids=sorted(moved), since=at
    ) if moved else []  # fmt: skip
    for variant_id, quantity in moved.items():
        lines = [each for each in found if each.variant_id == variant_id]
        settled = [each for each in lines if each.is_applied and each.first_at > at]
        if settled:
            newest = max(settled, key=attrgetter("first_at"))
            changed = await inventory.Shelf(shop_id, location_id).correct(
                tx, {variant_id: quantity}, kind="counted", reason="sold before the count"
            )
            await count_queries.add_late(
                tx, count_id=newest.count_id, variant_id=variant_id, late=quantity, applied=changed.get(variant_id, 0)
            )  # fmt: skip
        for each in lines:
            if not each.is_applied and each.first_at <= at:
                await count_queries.add_late(
                    tx, count_id=each.count_id, variant_id=variant_id, late=0, moved=True
                )
            elif not each.is_applied and not settled:
                await count_queries.add_late(tx, count_id=each.count_id, variant_id=variant_id, late=quantity)


async def _open(tx: Tx, shop_id: int, count_id: int) -> Count:
    found = await count_queries.share_count(tx, shop_id=shop_id, count_id=count_id)
    if found is None:
        raise UnknownPaper(count_id=count_id)
    if found.state != CountState.OPEN:
        raise WrongState(state=found.state)
    return found


async def _line(tx: Tx, count_id: int, variant_id: int) -> CountLine:
    """Locked.  Raises UnknownPaper for a variant that the count does not list."""
    line = await count_queries.lock_line(tx, count_id=count_id, variant_id=variant_id)
    if line is None:
        raise UnknownPaper(variant_id=variant_id)
    return line
