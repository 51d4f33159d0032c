"""Reserve: a batch of wishes to buy, decided and written in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import cast
from uuid import UUID

from shopfloor.inventory import LedgerSession, LotKind, StockChanged, tell
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import together
from shopfloor.stock import batch_sql, limit_sql, queries
from shopfloor.stock.arrays import UuidArray, uuids
from shopfloor.stock.batch import Decision, PoolView, Row, Shelf, told
from shopfloor.stock.decision import decide, summed
from shopfloor.stock.events import HoldsReleased, ReleasedHold
from shopfloor.stock.limits import gives_way, limited, over_limit
from shopfloor.stock.models import Answer, HoldState, Refused, Request
from shopfloor.stock.shares import NO_SHARES, Key, Share, Shares, most_altogether, wanted
from shopfloor.stock.shelves import arrange, left_of
from shopfloor.stock.speculation import Speculation


async def reserve(
    tx: Tx,
    requests: Sequence[Request],
    *,
    trust_new: bool = False,
    expect_refusals: bool = False,
    speculation: Speculation | None = None,
) -> list[Answer]:
    """Hold what is asked for, in the order of arrival; one answer per request, in the same order.

    * All lines of a request or none; a request that does not fit does not stand in the way of later ones.
    * An id that was granted before gets the same answer again, with the state its hold has by now; with other
      content it gets `stock.mismatch`.  Refusals are not stored: a refused id is decided afresh.
    * Under a limit that the merchant set, a buyer's own earlier hold that is still unpaid gives way when it is all
      that stands in the way of a new one.
    * A network that holds its share of what is short, unpaid, gets no more (`shares`): who has paid here before is
      not bound by it.

    `trust_new` looks up only the ids that are refused: if another was granted before, the transaction fails with
    a UniqueViolation and is to be run again without it.  The same error meets who grants an id at the very
    moment another process does.  `expect_refusals` looks without locking first: right when nothing is left.
    `speculation` learns what was seen: to be believed once the transaction is committed.
    """
    answers = await _once(
        tx, requests, trust_new=trust_new, unlocked=expect_refusals, defer=True, speculation=speculation
    )
    if answers.deferred:
        waiting = [number for number, answer in enumerate(answers.answers) if answer is None]
        later = await _once(
            tx,
            [requests[number] for number in waiting],
            trust_new=trust_new,
            unlocked=False,
            defer=False,
            speculation=speculation,
        )
        for number, answer in zip(waiting, later.answers, strict=True):
            answers.answers[number] = answer
    return cast("list[Answer]", answers.answers)


async def within_limits(tx: Tx, request: Request) -> Refused | None:
    """A refusal when its buyer has all that its limits allow already.  A look: only `reserve` promises."""
    if not limited(request):
        return None
    stored = await (
        await limit_sql.rows_of_buyers(tx, pool_ids=[request.pool_id], buyers=_buyers([request]))
    ).fetchall()
    problem = over_limit(request, summed(request.lines, request.unit_prices), stored, (), set())
    return None if problem is None else Refused(request.id, *problem)


async def _once(
    tx: Tx,
    requests: Sequence[Request],
    *,
    trust_new: bool,
    unlocked: bool,
    defer: bool,
    speculation: Speculation | None,
) -> Decision:
    if not requests:
        return Decision(answers=[])
    pool_ids = sorted({request.pool_id for request in requests})
    variant_ids = sorted({line.variant_id for request in requests for line in request.lines})
    counting = [request for request in requests if limited(request)]
    networks = {request.network for request in requests if request.network is not None}
    several = len(pool_ids) > 1

    async with together(tx):
        if unlocked:
            levels = await batch_sql.look_at_levels(tx, pool_ids=pool_ids, variant_ids=variant_ids)
        else:
            if counting:
                await limit_sql.lock_limits(tx, pool_ids=pool_ids)
            levels = await batch_sql.lock_levels(
                tx, pool_ids=pool_ids, lenders_too=several, variant_ids=variant_ids
            )
        pools = await batch_sql.pool_views(tx, pool_ids=pool_ids)
        known_rows = None
        if unlocked or not trust_new:
            known_rows = await batch_sql.rows_by_id(tx, ids=_ids(requests))
        bought_rows = None
        if counting:
            bought_rows = await limit_sql.rows_of_buyers(tx, pool_ids=pool_ids, buyers=_buyers(counting))
        unpaid_rows = None
        proven_rows = None
        account_rows = None
        keeping = [request for request in requests if request.keep_until is not None]
        if networks or keeping:
            asked = [
                request
                for request in requests
                if request.network is not None or request.keep_until is not None
            ]
            proven_rows = await limit_sql.proven(
                tx, shop_ids=sorted({request.shop_id for request in asked}), buyers=_buyers(asked)
            )
        if networks:
            unpaid_rows = await limit_sql.unpaid_of_networks(
                tx, pool_ids=pool_ids, variant_ids=variant_ids, networks=sorted(networks)
            )
        if keeping:
            account_rows = await limit_sql.of_one_account(
                tx, shop_ids=sorted({request.shop_id for request in keeping}), buyers=_buyers(keeping)
            )
        shelves = await levels.fetchall()
        found = await pools.fetchall()
        seen = monotonic()
        known = _by_id([] if known_rows is None else await known_rows.fetchall())
        bought = _by_buyer([] if bought_rows is None else await bought_rows.fetchall())

    pool_views = {pool_view.id: pool_view for pool_view, _ in found}
    at = found[0][1] if found else datetime.now(UTC)
    arranged = arrange(shelves, pool_views, variant_ids)
    shares = NO_SHARES
    if proven_rows is not None:
        proven = {buyer.int for buyer in await proven_rows.fetchall()}
        shares = (
            Shares(proven=proven)
            if unpaid_rows is None
            else await _shares(tx, requests, arranged, await unpaid_rows.fetchall(), proven)
        )
        pairs = [] if account_rows is None else await account_rows.fetchall()
        if pairs:
            shares.one_account = await _one_account(tx, pool_ids, pairs, bought)
    shares_at_first = shares.as_before()
    decision = decide(
        requests,
        arranged=arranged,
        pool_views=pool_views,
        known=known,
        bought=bought,
        own={},
        at=at,
        defer=defer,
        shares=shares,
    )
    if known_rows is None:
        # The primary key tells of an id that is granted twice; of one that is refused nobody would.
        refused = [
            request
            for request, answer in zip(requests, decision.answers, strict=True)
            if isinstance(answer, Refused)
        ]
        if refused and await (await batch_sql.rows_by_id(tx, ids=_ids(refused))).fetchall():
            return await _once(
                tx, requests, trust_new=False, unlocked=False, defer=defer, speculation=speculation
            )
    loose: LedgerSession | None = None
    lenders_seen = several or unlocked
    if decision.short:
        refused = [
            request
            for request, answer in zip(requests, decision.answers, strict=True)
            if isinstance(answer, Refused) and gives_way(request)
        ]
        lent: list[Shelf] = []
        async with together(tx):
            lending = None
            if not several and not unlocked and any(pool_view.lender_id for pool_view in pool_views.values()):
                lending = await batch_sql.lock_lent(tx, pool_ids=pool_ids, variant_ids=variant_ids)
                lenders_seen = True
            owning = None
            if refused:
                owning = await limit_sql.lock_own(tx, pool_ids=pool_ids, buyers=_buyers(refused))
            if lending is not None:
                lent = await lending.fetchall()
            own_rows = [] if owning is None else await owning.fetchall()
        own = _by_buyer(await whole(tx, own_rows))
        if unlocked and own:
            return await _once(
                tx, requests, trust_new=trust_new, unlocked=False, defer=defer, speculation=speculation
            )
        if lent or own:
            level_ids = {row.level_id for rows in own.values() for row in rows}
            if level_ids:
                loose = await LedgerSession.of_levels(tx, level_ids)
            shelves += lent
            for shelf in shelves:
                shelf.taken = shelf.granted = 0
            arranged = arrange(shelves, pool_views, variant_ids)
            decision = decide(
                requests, arranged=arranged, pool_views=pool_views, known=known, bought=bought, own=own, at=at,
                defer=defer, shares=shares_at_first,
            )  # fmt: skip
    if unlocked and (decision.granted or decision.deferred):
        return await _once(
            tx, requests, trust_new=trust_new, unlocked=False, defer=defer, speculation=speculation
        )
    if speculation is not None:
        speculation.learn(
            pool_views=pool_views, shelves=shelves, variant_ids=variant_ids, at=at, seen=seen,
            answers=decision.answers,
        )  # fmt: skip
    if decision.replaced:
        assert loose is not None
        await _release_replaced(tx, decision, loose)
    widely = {row.variant_id for rows in decision.replaced.values() for row in rows}
    await _write(
        tx,
        decision,
        shelves=shelves,
        arranged=arranged,
        pool_views=pool_views,
        at=at,
        widely=widely,
        lenders_seen=lenders_seen,
    )
    return decision


async def _one_account(
    tx: Tx, pool_ids: Sequence[int], pairs: Sequence[tuple[UUID, UUID]], bought: dict[int, list[Row]]
) -> dict[int, list[int]]:
    """By buyer, the others of the same account; what these got is added to `bought`."""
    found: dict[int, list[int]] = {}
    for buyer, other in pairs:
        found.setdefault(buyer.int, []).append(other.int)
    others = {other for _, other in pairs if other.int not in bought}
    rows = await limit_sql.rows_of_buyers(tx, pool_ids=pool_ids, buyers=uuids(others))
    for buyer, theirs in _by_buyer(await rows.fetchall()).items():
        bought.setdefault(buyer, theirs)
    return found


async def _shares(
    tx: Tx,
    requests: Sequence[Request],
    arranged: Mapping[Key, Sequence[Shelf]],
    unpaid: Sequence[limit_sql.Unpaid],
    proven: set[int],
) -> Shares:
    """What the networks of these requests hold unpaid; and all together, of what is nearly gone."""
    parts: dict[Key, Share] = {}
    scarce: list[Key] = []
    for key, units in wanted(requests).items():
        shelves = arranged.get(key, ())
        size = sum(shelf.size for shelf in shelves)
        parts[key] = Share(size)
        if sum(max(0, shelf.free) for shelf in shelves) - units < size - most_altogether(size):
            scarce.append(key)
    for row in unpaid:
        part = parts.get((row.pool_id, row.variant_id))
        if part is not None:
            part.add(row.network, row.buyer, row.units)
    if scarce:
        rows = await limit_sql.unpaid_altogether(
            tx, pool_ids=sorted({key[0] for key in scarce}), variant_ids=sorted({key[1] for key in scarce})
        )
        totals = dict(await rows.fetchall())
        for key in scarce:
            parts[key].altogether = totals.get(key, 0)
    return Shares(parts, proven)


def _ids(requests: Sequence[Request]) -> UuidArray:
    return uuids([request.id for request in requests])


def _buyers(requests: Sequence[Request]) -> UuidArray:
    return uuids({request.buyer for request in requests})


def _by_id(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.id.int, []).append(row)
    return found


def _by_buyer(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.buyer.int, []).append(row)
    return found


async def whole(tx: Tx, rows: Sequence[Row]) -> list[Row]:
    """Without the rows of holds of which somebody else has locked another row: a hold changes as one."""
    got: dict[UUID, int] = {}
    for row in rows:
        got[row.id] = got.get(row.id, 0) + 1
    if not got:
        return []
    has = await queries.parts_of(tx, ids=list(got))
    return [row for row in rows if got[row.id] == has[row.id]]


async def _release_replaced(tx: Tx, decision: Decision, ledger: LedgerSession) -> None:
    rows = [row for parts in decision.replaced.values() for row in parts]
    for row in rows:
        ledger.change(row.level_id, held=-row.quantity)
    changed = await queries.set_state(
        tx,
        ids=[row.id for row in rows],
        parts=[row.part for row in rows],
        was=HoldState.HELD,
        becomes=HoldState.RELEASED,
    )
    if changed != len(rows):
        raise LookupError("a locked hold is not as it was")
    await ledger.write(tx, kind="released", reason="replaced")
    await tell_released(tx, rows, reason="replaced")


async def tell_released(tx: Tx, rows: Sequence[Row], *, reason: str) -> None:
    by_pool: dict[tuple[int, int, int | None], list[ReleasedHold]] = {}
    for row in rows:
        bucket = by_pool.setdefault((row.shop_id, row.pool_id, row.show_id), [])
        bucket.append(ReleasedHold(row.id, row.buyer, row.variant_id, row.quantity, row.offer_id))
    for (shop_id, pool_id, show_id), holds in by_pool.items():
        await outbox.record(tx, HoldsReleased(shop_id, pool_id, show_id, reason, holds))


async def _write(
    tx: Tx,
    decision: Decision,
    *,
    shelves: Sequence[Shelf],
    arranged: dict[tuple[int, int], list[Shelf]],
    pool_views: dict[int, PoolView],
    at: datetime,
    widely: set[int],
    lenders_seen: bool,
) -> None:
    """`widely`: variants that buyers of other pools must hear about too.  `lenders_seen`: what pools may borrow is
    among the shelves.
    """
    taken = [shelf for shelf in shelves if shelf.granted]
    async with together(tx):
        if taken:
            levels = [(shelf.id, shelf.granted) for shelf in taken]
            await batch_sql.write_grants(tx, batch_sql.grants(decision, taken=levels, at=at))
        facts: list[outbox.Fact] = [*told(decision)]
        moved = [shelf for shelf in shelves if shelf.granted or shelf.taken]
        widely |= {shelf.variant_id for shelf in moved if shelf.kind is not LotKind.ON_HAND}
        here: dict[int, list[int]] = {}
        for pool_id, variant_id in dict.fromkeys((shelf.pool_id, shelf.variant_id) for shelf in moved):
            if variant_id not in widely:
                here.setdefault(pool_id, []).append(variant_id)
        for pool_id, variant_ids in here.items():
            pool_view = pool_views[pool_id]
            left = [
                left_of(
                    variant_id,
                    arranged[pool_id, variant_id],
                    all_seen=lenders_seen or pool_view.lender_id is None,
                )
                for variant_id in variant_ids
            ]
            facts.append(StockChanged(pool_view.shop_id, pool_id, pool_view.show_id, left))
        await outbox.record_all(tx, facts)
    if widely:
        for shop_id in {pool_view.shop_id for pool_view in pool_views.values()}:
            await tell(tx, shop_id=shop_id, variant_ids=widely)


async def grant_again(tx: Tx, *, request: Request, open_pool_id: int) -> Answer:
    """Decide a lapsed hold anew under its own id; its old rows give way to the new ones when it is granted.

    Where its pool has closed meanwhile, its units have flowed back: they are taken from the open pool.
    """
    variant_ids = sorted({line.variant_id for line in request.lines})
    pool_ids = [request.pool_id, open_pool_id]
    shelves = await (
        await batch_sql.lock_levels(tx, pool_ids=pool_ids, lenders_too=True, variant_ids=variant_ids)
    ).fetchall()
    found = await (await batch_sql.pool_views(tx, pool_ids=pool_ids)).fetchall()
    pool_views = {pool_view.id: pool_view for pool_view, _ in found}
    arranged = arrange(shelves, pool_views, variant_ids)
    pool_view = pool_views[request.pool_id]
    if not pool_view.is_open:
        pool_views[request.pool_id] = replace(pool_view, is_open=True)
        for variant_id in variant_ids:
            arranged[request.pool_id, variant_id] = arranged.get((open_pool_id, variant_id), [])
    shares = NO_SHARES
    if request.network is not None:
        unpaid = await limit_sql.unpaid_of_networks(
            tx, pool_ids=[request.pool_id], variant_ids=variant_ids, networks=[request.network]
        )
        paid = await limit_sql.proven(tx, shop_ids=[request.shop_id], buyers=_buyers([request]))
        proven = {buyer.int for buyer in await paid.fetchall()}
        shares = await _shares(tx, [request], arranged, await unpaid.fetchall(), proven)
    decision = decide(
        [request],
        arranged=arranged, pool_views=pool_views, known={}, bought={}, own={}, at=found[0][1], defer=False,
        shares=shares,
    )  # fmt: skip
    if decision.granted:
        await queries.delete_rows(tx, ids=[request.id])
    decision.refused.clear()
    await _write(
        tx,
        decision,
        shelves=shelves,
        arranged=arranged,
        pool_views=pool_views,
        at=found[0][1],
        widely=set(variant_ids),
        lenders_seen=True,
    )
    answer = decision.answers[0]
    assert answer is not None
    return answer
