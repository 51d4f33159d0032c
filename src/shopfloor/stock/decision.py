"""Who gets what: the pure decision over one batch, made while the rows are locked.

Requests are taken in the order in which they arrived.  Each gets all of its lines or nothing; lots are taken
by the day they are ready.  A request that does not fit does not stand in the way of a smaller one behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.stock.batch import Allocation, Decision, Granted, Group, PoolView, Row, Shelf, Wanted
from shopfloor.stock.events import RefusedPurchases
from shopfloor.stock.limits import Mine, gives_way, limited, may_keep, mine_of, over_limit
from shopfloor.stock.models import Answer, Code, Held, HoldState, Line, Part, Refused, Request
from shopfloor.stock.shares import NO_SHARES, UNPAID_SECONDS, Shares

MAX_LINES: Final = 100
MAX_HOLD_SECONDS: Final = 90 * 24 * 3600


def summed(lines: Sequence[Line], prices: Sequence[int]) -> list[Wanted]:
    """Lines of the same variant, price and bundle added up; variants in order of first mention."""
    if len(lines) == 1:
        line = lines[0]
        return [(line.variant_id, line.quantity, prices[0] if prices else 0, line.bundle_id)]
    total: dict[int, dict[tuple[int, int | None], int]] = {}
    for number, line in enumerate(lines):
        entries = total.setdefault(line.variant_id, {})
        key = (prices[number] if prices else 0, line.bundle_id)
        entries[key] = entries.get(key, 0) + line.quantity
    return [
        (variant_id, quantity, price, bundle)
        for variant_id, entries in total.items()
        for (price, bundle), quantity in entries.items()
    ]


def makes_no_sense(request: Request) -> bool:
    lines = request.lines
    prices = request.unit_prices
    return (
        not 1 <= len(lines) <= MAX_LINES
        or not 1 <= request.hold_seconds <= MAX_HOLD_SECONDS
        or any(not 1 <= line.quantity <= MAX_QUANTITY for line in lines)
        or (len(prices) != 0 and (len(prices) != len(lines) or min(prices) < 0))
    )


def replay(request: Request, rows: Sequence[Row]) -> Answer:
    """The answer this id got before; `rows` are the stored parts, in order."""
    first = rows[0]
    stored: dict[tuple[int, int | None], int] = {}
    for row in rows:
        key = (row.variant_id, row.bundle_id)
        stored[key] = stored.get(key, 0) + row.quantity
    wanted = {(variant_id, bundle): quantity for variant_id, quantity, _, bundle in summed(request.lines, ())}
    same = (
        stored == wanted
        and first.buyer.int == request.buyer.int
        and first.pool_id == request.pool_id
        and first.offer_id == request.offer_id
    )
    return standing(request, rows) if same else Refused(request.id, Code.MISMATCH, {})


def standing(request: Request, rows: Sequence[Row]) -> Held:
    """A stored hold as an answer."""
    first = rows[0]
    lots = tuple(Part(row.variant_id, row.quantity, row.ready_on, row.lot_kind) for row in rows)
    state = HoldState.ALLOCATED if any(row.state is HoldState.ALLOCATED for row in rows) else first.state
    return Held(request.id, first.expires_at, lots, state, replayed=True)


_Look = tuple[object, ...]


@dataclass(slots=True)
class _Batch:
    """A batch while it is being decided."""

    arranged: Mapping[tuple[int, int], Sequence[Shelf]]
    pool_views: Mapping[int, PoolView]
    bought: Mapping[int, Sequence[Row]]
    own: Mapping[int, Sequence[Row]]
    at: datetime
    defer: bool
    shares: Shares
    decision: Decision
    mine: dict[int, list[Mine]] = field(default_factory=dict[int, list[Mine]])
    """What the batch has granted, by buyer, where limits count."""
    gone: set[UUID] = field(default_factory=set[UUID])
    """Earlier holds that give way in it."""
    alike: dict[_Look, tuple[Shelf, int, Granted]] = field(
        default_factory=dict[_Look, tuple[Shelf, int, Granted]]
    )
    """What a request of this very content got before in this batch: most requests of a hot sale are alike."""
    hopeless: dict[_Look, tuple[dict[str, object], RefusedPurchases]] = field(
        default_factory=dict[_Look, tuple[dict[str, object], RefusedPurchases]]
    )
    """And what was refused: units only become fewer within a batch, unless a hold gives way."""
    expiries: dict[int, datetime] = field(default_factory=dict[int, datetime])


def decide(
    requests: Sequence[Request],
    *,
    arranged: Mapping[tuple[int, int], Sequence[Shelf]],
    pool_views: Mapping[int, PoolView],
    known: Mapping[int, Sequence[Row]],
    bought: Mapping[int, Sequence[Row]],
    own: Mapping[int, Sequence[Row]],
    at: datetime,
    defer: bool,
    shares: Shares = NO_SHARES,
) -> Decision:
    """Decide `requests` in order.  Marks what is taken on the shelves of `arranged`.

    `known`: stored rows by request id.  `bought`: stored rows by buyer, for limits.  `own`: rows, by buyer, of
    holds that are locked and may give way.  `shares`: what networks hold unpaid.  (Keys are the integers of the UUIDs:
    they hash ten times faster.)
    """
    decision = Decision(answers=[None] * len(requests))
    batch = _Batch(arranged, pool_views, bought, own, at, defer, shares, decision)
    answers = decision.answers
    first_of: dict[int, int] = {}
    for number, request in enumerate(requests):
        id_key = request.id.int
        earlier = first_of.setdefault(id_key, number)
        if earlier != number:
            answers[number] = _again(requests[earlier], request, answers[earlier])
        elif (stored := known.get(id_key)) is not None:
            answers[number] = replay(request, stored)
        else:
            network = request.network or 0
            if network and request.buyer.int in shares.proven:
                network = 0
            look = _look(batch, request, network)
            if look is None or not _as_another(batch, number, request, look, network):
                _decide_alone(batch, number, request, look, network)
    return decision


def _look(batch: _Batch, request: Request, network: int) -> _Look | None:
    """The content of an everyday request, of which there are many alike: one line, and under a limit a buyer who has
    bought nothing yet.
    """
    if len(request.lines) != 1:
        return None
    if limited(request):
        buyer = request.buyer.int
        if buyer in batch.mine or buyer in batch.bought or buyer in batch.shares.one_account:
            return None
    line = request.lines[0]
    return (
        line.variant_id, line.quantity, request.pool_id, request.offer_id, request.show_id,
        request.hold_seconds, request.unit_prices, request.shop_id, request.limit_per_buyer,
        request.limit_per_show, request.latest_ready, line.bundle_id, request.default_limit, network == 0,
        request.keep_until, request.keep_until is not None and request.buyer.int in batch.shares.proven,
    )  # fmt: skip


def _as_another(batch: _Batch, number: int, request: Request, look: _Look, network: int) -> bool:
    """Straight through: whether somebody asked for the same before, and it can be answered in the same way."""
    like = batch.alike.get(look)
    if like is None:
        return not gives_way(request) and _refused_as_another(batch, number, request, look)
    shelf, quantity, same = like
    if shelf.free - shelf.taken < quantity:
        return False
    if network:
        if batch.shares.refuses(request) is not None:
            return False
        batch.shares.add(request)
    shelf.taken += quantity
    shelf.granted += quantity
    same.ids.append(request.id)
    same.buyers.append(request.buyer)
    same.networks.append(network)
    batch.decision.answers[number] = Held(request.id, same.expires_at, same.lots)
    if limited(request):
        wanted_here = ((request.lines[0].variant_id, quantity),)
        batch.mine[request.buyer.int] = [
            (request.offer_id, request.show_id, quantity, request.pool_id, wanted_here)
        ]
    return True


def _refused_as_another(batch: _Batch, number: int, request: Request, look: _Look) -> bool:
    refusal = batch.hopeless.get(look)
    if refusal is None:
        return False
    facts, purchases = refusal
    batch.decision.answers[number] = Refused(request.id, Code.SOLD_OUT, facts)
    purchases.ids.append(request.id)
    purchases.buyers.append(request.buyer)
    return True


def _decide_alone(batch: _Batch, number: int, request: Request, look: _Look | None, network: int) -> None:
    """Limits first, then the shelves, then shares; what cannot be had perhaps later, or for an earlier hold."""
    problem = _nonsense(batch, request)
    if problem is not None:
        _refuse(batch, number, request, *problem)
        return
    wanted = summed(request.lines, request.unit_prices)
    buyer = request.buyer.int
    found = over_limit(
        request, wanted, batch.bought.get(buyer, ()), batch.mine.get(buyer, ()), batch.gone
    ) or _find(request, wanted, batch.arranged, {})
    if isinstance(found, list):
        share = batch.shares.refuses(request) if network else None
        if share is not None:
            # Not told as a refused purchase: who pays gets the units.
            batch.decision.answers[number] = Refused(request.id, *share)
            return
        same = _grant(batch, number, request, wanted, found)
        if look is not None and len(found) == 1 and found[0][0].ready_on is None:
            batch.alike[look] = (found[0][0], found[0][1], same)
        return
    code, facts = found
    if code in {Code.LIMIT, Code.SOLD_OUT, Code.TOO_LATE}:
        batch.decision.short = True
        if batch.defer and limited(request) and buyer in batch.mine:
            # The answer stays None: decided again when the earlier one stands in the table.
            batch.decision.deferred = True
            return
        if gives_way(request) and _replace(batch, number, request, wanted):
            return
    if code == Code.UNKNOWN:
        # Nothing of it was ever set apart here, and the lender may have later units.
        batch.decision.short = True
    purchases = _refuse(batch, number, request, code, facts)
    if (
        look is not None
        and purchases is not None
        and not gives_way(request)
        and code == Code.SOLD_OUT
        and look not in batch.alike
    ):
        batch.hopeless[look] = (facts, purchases)


def _nonsense(batch: _Batch, request: Request) -> tuple[str, dict[str, object]] | None:
    """What no shelf has to be looked at for."""
    if makes_no_sense(request):
        return Code.INVALID, {}
    pool_view = batch.pool_views.get(request.pool_id)
    if pool_view is None or pool_view.shop_id != request.shop_id:
        return Code.UNKNOWN, {"pool_id": request.pool_id}
    return None if pool_view.is_open else (Code.CLOSED, {"pool_id": request.pool_id})


def _refuse(
    batch: _Batch, number: int, request: Request, code: str, facts: dict[str, object]
) -> RefusedPurchases | None:
    """Answer, and tell it as a refused purchase of each line; returns what the last line is told among."""
    batch.decision.answers[number] = Refused(request.id, code, facts)
    among = batch.decision.refused.setdefault((request.shop_id, request.show_id, request.offer_id), {})
    same = None
    for line in request.lines:
        key = (line.variant_id, line.quantity, code)
        same = among.get(key)
        if same is None:
            same = among[key] = RefusedPurchases(*key, [], [])
        same.ids.append(request.id)
        same.buyers.append(request.buyer)
    return same


def _grant(
    batch: _Batch, number: int, request: Request, wanted: Sequence[Wanted], allocations: list[Allocation]
) -> Granted:
    """Answer, take the units, and count them where limits and shares do; returns the rows that the last of it is among."""
    seconds = request.hold_seconds
    network = 0
    if batch.shares.binds(request):
        assert request.network is not None
        network = request.network
        seconds = min(seconds, UNPAID_SECONDS)
        batch.shares.add(request)
    expires_at = batch.expiries.get(seconds)
    if expires_at is None:
        expires_at = batch.expiries[seconds] = batch.at + timedelta(seconds=seconds)
    if request.keep_until is not None and request.keep_until > expires_at and _keeps(batch, request, wanted):
        expires_at = request.keep_until
    lots: tuple[Part, ...] = ()
    rows: Granted | None = None
    for part, (shelf, quantity, price, bundle) in enumerate(allocations):
        shelf.taken += quantity
        shelf.granted += quantity
        group: Group = (
            part, request.shop_id, request.pool_id, shelf.id, shelf.variant_id, quantity, price,
            request.offer_id, request.show_id, shelf.ready_on, shelf.kind, limited(request), expires_at, bundle,
        )  # fmt: skip
        rows = batch.decision.granted.get(group)
        if rows is None:
            lot = Part(shelf.variant_id, quantity, shelf.ready_on, shelf.kind)
            rows = batch.decision.granted[group] = Granted((lot,), expires_at)
        rows.ids.append(request.id)
        rows.buyers.append(request.buyer)
        rows.networks.append(network)
        lots = rows.lots if part == 0 else lots + rows.lots
    batch.decision.answers[number] = Held(request.id, expires_at, lots)
    assert rows is not None, "a request has lines"
    if limited(request):
        units = sum(entry[1] for entry in wanted)
        batch.mine.setdefault(request.buyer.int, []).append(mine_of(request, wanted, units))
    return rows


def _keeps(batch: _Batch, request: Request, wanted: Sequence[Wanted]) -> bool:
    """Whether it is paid at the end: by a buyer the shop knows, within the ceiling of whose account it is."""
    buyer = request.buyer.int
    if buyer not in batch.shares.proven:
        return False
    everywhere = (buyer, *batch.shares.one_account.get(buyer, ()))
    stored = [row for each in everywhere for row in batch.bought.get(each, ())]
    granted = [units for each in everywhere for units in batch.mine.get(each, ())]
    return may_keep(request, wanted, stored, granted, batch.gone)


def _replace(batch: _Batch, number: int, request: Request, wanted: Sequence[Wanted]) -> bool:
    """Grant it for earlier holds of the buyer's own, where they are all that stands in its way."""
    replaced = _give_way(request, wanted, batch.arranged, batch.bought, batch.own, batch.mine, batch.gone)
    if replaced is None:
        return False
    rows, found = replaced
    batch.hopeless.clear()
    for row in rows:
        batch.gone.add(row.id)
        batch.decision.replaced.setdefault(row.id, []).append(row)
        shelf = _shelf_of(row, batch.arranged)
        if shelf is not None:
            shelf.taken -= row.quantity
    _grant(batch, number, request, wanted, found)
    held = batch.decision.answers[number]
    assert isinstance(held, Held)
    batch.decision.answers[number] = Held(
        held.id, held.expires_at, held.lots, replaced=tuple(dict.fromkeys(row.id for row in rows))
    )
    return True


def _again(first: Request, request: Request, answer: Answer | None) -> Answer | None:
    """The same id twice in one batch."""
    same = (
        first.buyer.int == request.buyer.int
        and first.pool_id == request.pool_id
        and first.offer_id == request.offer_id
        and (first.lines == request.lines or set(summed(first.lines, ())) == set(summed(request.lines, ())))
    )
    if not same:
        return Refused(request.id, Code.MISMATCH, {})
    if isinstance(answer, Held):
        return Held(answer.id, answer.expires_at, answer.lots, answer.state, True, answer.replaced)
    return answer


def _find(
    request: Request,
    wanted: Sequence[Wanted],
    arranged: Mapping[tuple[int, int], Sequence[Shelf]],
    extra: Mapping[int, int],
) -> list[Allocation] | tuple[str, dict[str, object]]:
    """What to take for all lines, or why not.  `extra`: units by level that would be free as well."""
    allocations: list[Allocation] = []
    # What earlier lines of this request take of each level: a variant may come at several prices.
    spent: dict[int, int] = {}
    for variant_id, quantity, price, bundle in wanted:
        shelves = arranged.get((request.pool_id, variant_id))
        if shelves is None:
            return Code.UNKNOWN, {"variant_id": variant_id}
        missing = quantity
        in_time = 0
        for shelf in shelves:
            if (
                request.latest_ready is not None
                and shelf.ready_on is not None
                and shelf.ready_on > request.latest_ready
            ):
                continue
            free = shelf.free - shelf.taken + extra.get(shelf.id, 0)
            if free <= 0:
                continue
            in_time += free
            before = spent.get(shelf.id, 0)
            units = min(free - before, missing)
            if units:
                allocations.append((shelf, units, price, bundle))
                spent[shelf.id] = before + units
                missing -= units
        if missing:
            total = sum(entry[1] for entry in wanted if entry[0] == variant_id)
            facts: dict[str, object] = {"variant_id": variant_id, "wanted": total, "left": in_time}
            running = 0
            for shelf in shelves:
                running += max(0, shelf.free - shelf.taken + extra.get(shelf.id, 0))
                if running >= total:
                    facts["ready_on"] = None if shelf.ready_on is None else shelf.ready_on.isoformat()
                    return Code.TOO_LATE, facts
            return Code.SOLD_OUT, facts
    return allocations


def _give_way(
    request: Request,
    wanted: Sequence[Wanted],
    arranged: Mapping[tuple[int, int], Sequence[Shelf]],
    bought: Mapping[int, Sequence[Row]],
    own: Mapping[int, Sequence[Row]],
    granted: Mapping[int, Sequence[Mine]],
    gone: set[UUID],
) -> tuple[list[Row], list[Allocation]] | None:
    """The buyer's own earlier holds, oldest first, that must give way for this request to succeed; or None."""
    buyer = request.buyer.int
    variants = {entry[0] for entry in wanted}
    rows = [row for row in own.get(buyer, ()) if row.pool_id == request.pool_id and row.id not in gone]
    rows.sort(key=attrgetter("granted_at", "id.int"))
    given: list[Row] = []
    extra: dict[int, int] = {}
    tried = set(gone)
    for hold_id, group in groupby(rows, key=attrgetter("id")):
        parts = list(group)
        in_the_way = any(
            row.variant_id in variants
            or (request.limit_per_buyer is not None and row.offer_id == request.offer_id)
            or (request.limit_per_show is not None and row.show_id == request.show_id)
            for row in parts
        )
        if not in_the_way:
            continue
        given += parts
        tried.add(hold_id)
        for row in parts:
            extra[row.level_id] = extra.get(row.level_id, 0) + row.quantity
        if over_limit(request, wanted, bought.get(buyer, ()), granted.get(buyer, ()), tried) is not None:
            continue
        found = _find(request, wanted, arranged, extra)
        if isinstance(found, list):
            return given, found
    return None


def _shelf_of(row: Row, arranged: Mapping[tuple[int, int], Sequence[Shelf]]) -> Shelf | None:
    for shelf in arranged.get((row.pool_id, row.variant_id), ()):
        if shelf.id == row.level_id:
            return shelf
    return None
