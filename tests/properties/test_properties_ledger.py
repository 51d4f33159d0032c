"""Random sequences of all verbs of the ledger against a plain model in memory.

The model is slow and simple: dictionaries, one request at a time, no batches, no SQL.  After every step every
level must be equal in both; every answer is compared as it is given.
"""

import asyncio
import inspect
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from psycopg.errors import SerializationFailure

from shopfloor import inventory, stock
from shopfloor.inventory.ledger import ensure_level
from shopfloor.kernel.database import Database, Tx
from shopfloor.stock.speculation import Speculation, carry_out

VARIANTS = (101, 102)
DAYS = tuple(date(2031, 1, 1) + timedelta(days=day) for day in range(3))
BUYERS = tuple(uuid4() for _ in range(3))
SHOPS = count(1000)
NEW = 10**9  # stands for the id of a level that was made in this very step
KIND_RANK = {"on_hand": 0, "incoming": 1, "makeable": 2}

Key = tuple[int, int, int, str]  # variant, pool, location, source
Take = tuple[Key, int, int, int | None]  # from where, units, unit price, bundle


@dataclass
class Lot:
    kind: str
    ready_on: date | None
    id: int = 0
    quantity: int = 0
    held: int = 0
    allocated: int = 0
    shortfall: int = 0

    @property
    def free(self) -> int:
        return self.quantity - self.held - self.allocated

    def settle(self, *, fact: bool = False) -> None:
        missing = max(0, -self.free)
        self.shortfall = missing if fact else min(self.shortfall, missing)

    def numbers(self) -> tuple[Any, ...]:
        return (self.kind, self.ready_on, self.quantity, self.held, self.allocated, self.shortfall)


@dataclass
class Piece:
    key: Key
    quantity: int
    ready_on: date | None
    price: int
    bundle: int | None
    state: str = "held"
    returned: int = 0


@dataclass
class Promise:
    request: stock.Request
    pieces: list[Piece]
    turn: int


@dataclass
class Model:
    open_pool: int
    lots: dict[Key, Lot] = field(default_factory=dict)
    shows: dict[int, int] = field(default_factory=dict)  # pool: show
    tills: dict[int, int] = field(default_factory=dict)  # pool: location
    closed: set[int] = field(default_factory=set)
    promises: dict[UUID, Promise] = field(default_factory=dict)
    turn: int = 0

    def lot(self, key: Key, kind: str = "on_hand", ready_on: date | None = None) -> Lot:
        return self.lots.setdefault(key, Lot(kind, ready_on))

    def come(self, variant: int, location: int, units: int, *, pool: int | None = None) -> None:
        """Units at a place: first where promises were broken, in the open pool before others, then on the shelf.
        Where they are for one pool, only there.
        """
        plain = self.lot((variant, pool or self.open_pool, location, ""))
        broken = [
            (key, lot)
            for key, lot in self.lots.items()
            if key[0] == variant and key[2] == location and lot.kind == "on_hand" and lot.shortfall
            and pool in {None, key[1]}
        ]  # fmt: skip
        for _, lot in sorted(broken, key=lambda it: (it[0][1] != self.open_pool, it[0][1], it[1].id)):
            mended = min(units, lot.shortfall)
            lot.quantity += mended
            lot.settle()
            units -= mended
        plain.quantity += units
        plain.settle()

    def is_open(self, pool: int) -> bool:
        return pool not in self.closed

    def pools(self) -> list[int]:
        return [self.open_pool, *sorted(self.shows), *sorted(self.tills)]

    def counter(self, pool: int, variant: int) -> list[tuple[Key, Lot]]:
        found = [
            (key, lot)
            for key, lot in self.lots.items()
            if key[0] == variant
            and (
                key[1] == pool or (pool in self.shows and key[1] == self.open_pool and lot.kind != "on_hand")
            )
        ]
        return sorted(
            found,
            key=lambda it: (
                it[1].ready_on or date.min,
                KIND_RANK[it[1].kind],
                it[0][1] != pool,
                it[0][2],
                it[1].id,
            ),
        )

    def available(self, pool: int, variant: int) -> stock.Availability:
        counter = [lot for _, lot in self.counter(pool, variant) if lot.free > 0 and self.is_open(pool)]
        later: dict[date, int] = {}
        for lot in counter:
            if lot.ready_on is not None:
                later[lot.ready_on] = later.get(lot.ready_on, 0) + lot.free
        return stock.Availability(
            sum(lot.free for lot in counter if lot.ready_on is None), tuple(sorted(later.items()))
        )

    def on_hand(self, variant: int, pool: int, place: int) -> list[tuple[Key, Lot]]:
        """In the order in which they were made."""
        return sorted(
            ((key, lot) for key, lot in self.lots.items() if key[:3] == (variant, pool, place) and lot.kind == "on_hand"),
            key=lambda it: it[1].id or NEW,
        )  # fmt: skip

    def fill(self, pool: int, quotas: dict[int, int], home: int, *, only_there: bool) -> None:
        for variant, quota in quotas.items():
            lent = sorted(
                (
                    (key, lot) for key, lot in self.lots.items()
                    if key[:2] == (variant, self.open_pool) and not (only_there and key[2] != home)
                ),
                key=lambda it: it[1].id or NEW,
            )  # fmt: skip
            for place in {key[2] for key, _ in lent} | {home}:
                self.lot((variant, pool, place, ""))
            missing = quota - sum(
                max(0, lot.free) for key, lot in self.lots.items()
                if key[:2] == (variant, pool) and lot.kind == "on_hand"
            )  # fmt: skip
            for key, lot in lent:
                units = min(max(0, missing), max(0, lot.free)) if lot.kind == "on_hand" else 0
                if units:
                    lot.quantity -= units
                    there = self.lots[variant, pool, key[2], ""]
                    there.quantity += units
                    there.settle()
                    missing -= units

    def sell(self, variant: int, pool: int, place: int, units: int) -> None:
        self.lot((variant, pool, place, ""))
        lots = [lot for _, lot in self.on_hand(variant, pool, place)]
        if pool != self.open_pool:
            lots += [lot for _, lot in self.on_hand(variant, self.open_pool, place)]
        for lot in lots:
            free = min(units, max(0, lot.free))
            lot.quantity -= free
            units -= free
        for lot in lots:
            promised = min(units, lot.quantity)
            lot.quantity -= promised
            units -= promised
            lot.settle(fact=True)

    def wanted(self, request: stock.Request) -> dict[int, int]:
        total: dict[int, int] = {}
        for line in request.lines:
            total[line.variant_id] = total.get(line.variant_id, 0) + line.quantity
        return total

    def entries(self, request: stock.Request) -> dict[tuple[int, int, int | None], int]:
        """Units by variant, price and bundle."""
        total: dict[tuple[int, int, int | None], int] = {}
        for line, price in zip(request.lines, request.unit_prices, strict=True):
            key = (line.variant_id, price, line.bundle_id)
            total[key] = total.get(key, 0) + line.quantity
        return total

    def content(self, request: stock.Request) -> dict[tuple[int, int | None], int]:
        """What makes a request the same as another: units by variant and bundle."""
        total: dict[tuple[int, int | None], int] = {}
        for line in request.lines:
            key = (line.variant_id, line.bundle_id)
            total[key] = total.get(key, 0) + line.quantity
        return total

    def find(self, request: stock.Request, pool: int) -> list[Take] | str:
        """First whether there is enough of every variant, then unit by unit."""
        units: dict[int, list[Key]] = {}
        for variant, quantity in self.wanted(request).items():
            counter = self.counter(pool, variant)
            if not counter:
                return "stock.unknown"
            units[variant] = [
                key
                for key, lot in counter
                if not (request.latest_ready and lot.ready_on and lot.ready_on > request.latest_ready)
                for _ in range(max(0, lot.free))
            ]
            if len(units[variant]) < quantity:
                all_of_it = sum(max(0, lot.free) for _, lot in counter)
                return "stock.too_late" if all_of_it >= quantity else "stock.sold_out"
        takes: list[Take] = []
        order = list(units)
        entries = sorted(self.entries(request).items(), key=lambda it: order.index(it[0][0]))
        for (variant, price, bundle), quantity in entries:
            mine, units[variant] = units[variant][:quantity], units[variant][quantity:]
            takes += [(key, mine.count(key), price, bundle) for key in dict.fromkeys(mine)]
        return takes

    def over_limit(self, request: stock.Request) -> bool:
        if request.limit_per_buyer is None:
            return False
        already = sum(
            piece.quantity - piece.returned
            for promise in self.promises.values()
            if promise.request.buyer == request.buyer
            and promise.request.pool_id == request.pool_id
            and promise.request.offer_id == request.offer_id
            and promise.request.limit_per_buyer is not None
            for piece in promise.pieces
            if piece.state in {"held", "allocated", "shipped"}
        )
        return already + sum(self.wanted(request).values()) > request.limit_per_buyer

    def reserve_one(self, request: stock.Request) -> str:
        known = self.promises.get(request.id)
        if known is not None:
            same = (
                self.content(known.request) == self.content(request)
                and known.request.buyer == request.buyer
                and known.request.pool_id == request.pool_id
                and known.request.offer_id == request.offer_id
            )
            return "replayed" if same else "stock.mismatch"
        if not self.is_open(request.pool_id):
            return "stock.closed"
        problem = "stock.limit" if self.over_limit(request) else ""
        found = self.find(request, request.pool_id)
        if not problem and isinstance(found, list):
            self.grant(request, found)
            return "held"
        problem = problem or str(found)
        if problem == "stock.unknown" or request.limit_per_buyer is None:
            return problem
        given: list[UUID] = []
        kept = self.copy_of_lots()
        for promise in self.own(request):
            given.append(promise.request.id)
            self.free_promise(promise, "released", {"held"})
            found = self.find(request, request.pool_id)
            if not self.over_limit(request) and isinstance(found, list):
                self.grant(request, found)
                return "held, replacing " + ",".join(map(str, given))
        for promise_id in given:
            for piece in self.promises[promise_id].pieces:
                piece.state = "held"
        self.lots = kept
        return problem

    def own(self, request: stock.Request) -> list[Promise]:
        return sorted(
            (
                promise
                for promise in self.promises.values()
                if promise.request.buyer == request.buyer
                and promise.request.pool_id == request.pool_id
                and promise.request.limit_per_buyer is not None
                and any(piece.state == "held" for piece in promise.pieces)
                and (
                    promise.request.offer_id == request.offer_id
                    or any(piece.key[0] in self.wanted(request) for piece in promise.pieces)
                )
            ),
            key=lambda promise: (promise.turn, promise.request.id.int),
        )

    def copy_of_lots(self) -> dict[Key, Lot]:
        return {key: Lot(**vars(lot)) for key, lot in self.lots.items()}

    def grant(self, request: stock.Request, takes: list[Take]) -> None:
        pieces: list[Piece] = []
        for key, units, price, bundle in takes:
            lot = self.lots[key]
            lot.held += units
            pieces.append(Piece(key, units, lot.ready_on, price, bundle))
        self.promises[request.id] = Promise(request, pieces, self.turn)

    def free_promise(self, promise: Promise, becomes: str, states: set[str]) -> bool:
        freed = False
        for piece in promise.pieces:
            if piece.state in states:
                lot = self.lots[piece.key]
                if piece.state == "held":
                    lot.held -= piece.quantity
                else:
                    lot.allocated -= piece.quantity
                lot.settle()
                piece.state = becomes
                freed = True
                if not self.is_open(piece.key[1]):
                    self.flow_back(piece.key)
        return freed

    def flow_back(self, key: Key) -> None:
        lot = self.lots[key]
        units = max(0, lot.free)
        if units:
            lot.quantity -= units
            target = self.lot((key[0], self.open_pool, key[2], key[3]), lot.kind, lot.ready_on)
            target.quantity += units
            target.settle()


@dataclass
class Neighbour:
    """Another shop with the same goods; whatever is done to the one, the other must not notice."""

    shop: int
    place: int
    pool: int
    promised: int = 0
    units: int = 50


async def found_neighbour(tx: Tx, shop: int) -> tuple[int, int, int]:
    place = await inventory.add_location(
        tx, shop_id=shop, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
    )
    await inventory.receive(tx, shop_id=shop, location_id=place.id, variant_id=VARIANTS[0], quantity=50)
    return shop, place.id, (await inventory.open_pool(tx, shop_id=shop)).id


class LedgerMachine(RuleBasedStateMachine):
    dsn: str
    ids = Bundle("ids")

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.db = Database(self.dsn, size=2)
        self.runner.run(self.db.open())
        self.shop = next(SHOPS)
        self.show_numbers = count(self.shop * 1000)
        self.sources = count(1)

        async def found(tx: Tx) -> tuple[int, int, int]:
            one = await inventory.add_location(
                tx, shop_id=self.shop, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
            )
            two = await inventory.add_location(
                tx, shop_id=self.shop, name="store", kind=inventory.LocationKind.STORE
            )
            return one.id, two.id, (await inventory.open_pool(tx, shop_id=self.shop)).id

        one, two, pool = self.do(found)
        self.places = (one, two)
        self.model = Model(open_pool=pool)
        self.neighbour = Neighbour(*self.do(lambda tx: found_neighbour(tx, next(SHOPS))))
        for variant in VARIANTS:
            self.receive(variant, 0, 6)
            self.every_level_and_every_counter_is_equal()
        self.open_show(3, 2)
        self.every_level_and_every_counter_is_equal()
        self.open_till(0, VARIANTS[0], 2)
        self.announce(VARIANTS[0], 2, DAYS[1], inventory.LotKind.MAKEABLE, "po-1")
        self.announce(VARIANTS[0], 2, DAYS[1], inventory.LotKind.INCOMING, "po-2")
        self.every_level_and_every_counter_is_equal()

    def do(self, verb: Callable[[Tx], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            async with self.db.transaction() as tx:
                return await verb(tx)

        return self.runner.run(run())

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            checks = self.do(stock.audit)
            self.runner.run(self.db.close())
            self.runner.close()
            assert [check for check in checks if not check.passed] == []

    @invariant()
    def every_level_and_every_counter_is_equal(self) -> None:
        if not hasattr(self, "neighbour"):
            return
        pools = self.model.pools()

        async def look(tx: Tx) -> tuple[list[inventory.Level], dict[int, Any], list[inventory.Level]]:
            return (
                await inventory.levels(tx, shop_id=self.shop),
                {
                    pool: await stock.available(tx, shop_id=self.shop, variant_ids=VARIANTS, pool_id=pool)
                    for pool in pools
                },
                await inventory.levels(tx, shop_id=self.neighbour.shop),
            )

        levels, counters, next_door = self.do(look)
        stored = {
            (level.variant_id, level.pool_id, level.location_id, level.source): level for level in levels
        }
        for key, level in stored.items():
            if key in self.model.lots:
                self.model.lots[key].id = level.id
        assert {
            key: (level.kind, level.ready_on, level.quantity, level.held, level.allocated, level.shortfall)
            for key, level in stored.items()
        } == {key: lot.numbers() for key, lot in self.model.lots.items()}
        assert counters == {
            pool: {variant: self.model.available(pool, variant) for variant in VARIANTS} for pool in pools
        }
        assert [(level.quantity, level.held, level.allocated, level.shortfall) for level in next_door] == [
            (self.neighbour.units, self.neighbour.promised, 0, 0)
        ]

    def same(self, level: inventory.Level) -> None:
        """What a verb answered is what the model has."""
        lot = self.model.lots[level.variant_id, level.pool_id, level.location_id, level.source]
        assert (
            level.kind, level.ready_on, level.quantity, level.held, level.allocated, level.shortfall,
        ) == lot.numbers()  # fmt: skip

    # The neighbour

    @rule()
    def neighbour_sells(self) -> None:
        request = stock.Request(
            uuid4(), self.neighbour.shop, self.neighbour.pool, BUYERS[0], (stock.Line(VARIANTS[0], 1),), 300,
            offer_id=7,
        )  # fmt: skip
        (answer,) = self.do(lambda tx: stock.reserve(tx, [request]))
        assert said(answer) == (
            "held" if self.neighbour.promised < self.neighbour.units else "stock.sold_out"
        )
        self.neighbour.promised += said(answer) == "held"

    @rule(target=ids)
    def ask_at_the_neighbours_counter(self) -> Any:
        """Its pool is unknown here, and its place too."""
        request = stock.Request(
            uuid4(), self.shop, self.neighbour.pool, BUYERS[0], (stock.Line(VARIANTS[0], 1),), 300
        )
        (answer,) = self.do(lambda tx: stock.reserve(tx, [request]))
        assert said(answer) == "stock.unknown"
        for verb in (
            lambda tx: inventory.receive(
                tx, shop_id=self.shop, location_id=self.neighbour.place, variant_id=VARIANTS[0], quantity=1
            ),
            lambda tx: inventory.close_pool(tx, shop_id=self.shop, pool_id=self.neighbour.pool),
            lambda tx: inventory.sold(
                tx, shop_id=self.shop, pool_id=self.neighbour.pool, location_id=self.places[0],
                variant_id=VARIANTS[0], quantity=1, source="x",
            ),
        ):  # fmt: skip
            try:
                self.do(verb)
            except inventory.UnknownStock:
                continue
            raise AssertionError("the neighbour was reached")
        return multiple()

    # Units

    @rule(
        variant=st.sampled_from(VARIANTS),
        place=st.integers(0, 1),
        units=st.integers(1, 6),
        where=st.integers(0, 4),
    )
    def receive(self, variant: int, place: int, units: int, where: int = 0) -> None:
        pool = self.model.pools()[where % len(self.model.pools())]
        try:
            level = self.do(
                lambda tx: inventory.receive(
                    tx, shop_id=self.shop, location_id=self.places[place], variant_id=variant, quantity=units,
                    pool_id=pool,
                )
            )  # fmt: skip
        except inventory.PoolClosed:
            assert not self.model.is_open(pool)
            return
        self.model.come(variant, self.places[place], units, pool=pool)
        self.same(level)

    @rule(variant=st.sampled_from(VARIANTS), place=st.integers(0, 1), by=st.sampled_from((-3, -1, 2)))
    def adjust(self, variant: int, place: int, by: int) -> None:
        lot = self.model.lot((variant, self.model.open_pool, self.places[place], ""))
        self.do(lambda tx: self.shelf(tx, variant, place))
        try:
            level = self.do(
                lambda tx: inventory.adjust(
                    tx,
                    shop_id=self.shop,
                    location_id=self.places[place],
                    variant_id=variant,
                    by=by,
                    reason="r",
                )
            )
        except inventory.NotEnough:
            assert lot.quantity + by < 0
        else:
            if by > 0:
                self.model.come(variant, self.places[place], by)
            else:
                lot.quantity += by
                lot.settle(fact=True)
            self.same(level)

    async def shelf(self, tx: Tx, variant: int, place: int) -> None:
        """Make the plain shelf exist: a refused verb leaves none behind."""
        await ensure_level(
            tx,
            shop_id=self.shop,
            variant_id=variant,
            location_id=self.places[place],
            pool_id=self.model.open_pool,
        )

    @rule(
        variant=st.sampled_from(VARIANTS), place=st.integers(0, 1), counted=st.integers(0, 8), imported=st.booleans()
    )  # fmt: skip
    def count_shelf(self, variant: int, place: int, counted: int, *, imported: bool) -> None:
        location, open_pool = self.places[place], self.model.open_pool
        seen = sum(
            lot.quantity
            for key, lot in self.model.lots.items()
            if key[0] == variant and key[2] == location and lot.kind == "on_hand"
        )
        if not imported or counted != seen:
            # An import that finds what it says writes nothing, so there may be no row.
            self.model.lot((variant, open_pool, location, ""))
        here = [
            (key, lot)
            for key, lot in self.model.lots.items()
            if key[0] == variant and key[2] == location and lot.kind == "on_hand"
        ]

        def verb(believed: int) -> int:
            return self.do(
                lambda tx: inventory.count(
                    tx,
                    shop_id=self.shop,
                    location_id=location,
                    variant_id=variant,
                    seen=believed,
                    counted=counted,
                )
            )

        try:
            verb(seen + 1)
            raise AssertionError("a stale count went through")
        except inventory.CountStale:
            pass
        if imported:
            changed = self.do(
                lambda tx: inventory.count_imported(
                    tx, shop_id=self.shop, location_id=location, units={variant: counted}
                )
            )
            assert changed == int(counted != seen)
        else:
            assert verb(seen) == counted
        if counted > seen:
            self.model.come(variant, location, counted - seen)
            return
        gone = seen - counted
        by_preference = sorted(here, key=lambda it: (it[0][1] != open_pool, it[0][1], it[1].id or 10**9))
        for _, lot in by_preference:
            units = min(gone, max(0, lot.free))
            lot.quantity -= units
            gone -= units
        for _, lot in sorted(here, key=lambda it: (-it[0][1], it[1].id or 10**9)):
            units = min(gone, lot.quantity)
            lot.quantity -= units
            gone -= units
            lot.settle(fact=True)

    @rule(
        variant=st.sampled_from(VARIANTS), units=st.integers(1, 3), places=st.tuples(st.integers(0, 1), st.integers(0, 1)),
        pools=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    )  # fmt: skip
    def transfer(self, variant: int, units: int, places: tuple[int, int], pools: tuple[int, int]) -> None:
        known = self.model.pools()
        from_pool, to_pool = (known[pool % len(known)] for pool in pools)
        source, target = (self.places[place] for place in places)
        here = self.model.on_hand(variant, from_pool, source)
        here = [it for it in here if it[0] != (variant, to_pool, target, "")]
        try:
            self.do(
                lambda tx: inventory.transfer(
                    tx, shop_id=self.shop, variant_id=variant, quantity=units, from_location=source,
                    to_location=target, from_pool=from_pool, to_pool=to_pool,
                )
            )  # fmt: skip
        except inventory.PoolClosed:
            assert not self.model.is_open(to_pool)
            return
        except inventory.NotEnough:
            assert sum(max(0, lot.free) for _, lot in here) < units
            return
        there = self.model.lot((variant, to_pool, target, ""))
        for _, lot in here:
            moved = min(units, max(0, lot.free))
            lot.quantity -= moved
            units -= moved
            there.quantity += moved
            there.settle()

    @rule(
        variant=st.sampled_from(VARIANTS),
        units=st.integers(1, 4),
        place=st.integers(0, 1),
        where=st.integers(0, 4),
    )
    def sold(self, variant: int, units: int, place: int, where: int) -> None:
        pool = self.model.pools()[where % len(self.model.pools())]
        source = f"till/{next(self.sources)}"

        def verb() -> bool:
            return self.do(
                lambda tx: inventory.sold(
                    tx, shop_id=self.shop, pool_id=pool, location_id=self.places[place], variant_id=variant,
                    quantity=units, source=source,
                )
            )  # fmt: skip

        assert verb() is True
        self.model.sell(variant, pool, self.places[place], units)
        assert verb() is False

    @rule(
        variant=st.sampled_from(VARIANTS),
        units=st.integers(0, 5),
        day=st.sampled_from(DAYS),
        kind=st.sampled_from((inventory.LotKind.INCOMING, inventory.LotKind.MAKEABLE)),
        source=st.sampled_from(("po-1", "po-2")),
    )
    def announce(self, variant: int, units: int, day: date, kind: inventory.LotKind, source: str) -> None:
        place = self.places[0]
        level = self.do(
            lambda tx: inventory.announce_lot(
                tx,
                shop_id=self.shop,
                variant_id=variant,
                location_id=place,
                quantity=units,
                ready_on=day,
                kind=kind,
                source=source,
            )
        )
        lot = self.model.lot((variant, self.model.open_pool, place, source), kind.value, day)
        if lot.kind != "on_hand":
            lot.kind, lot.ready_on = kind.value, day
            lot.quantity = units
            lot.settle(fact=True)
        self.same(level)

    @rule(
        variant=st.sampled_from(VARIANTS), units=st.integers(0, 6), source=st.sampled_from(("po-1", "po-2"))
    )
    def arrive(self, variant: int, units: int, source: str) -> None:
        place = self.places[0]
        key = (variant, self.model.open_pool, place, source)
        try:
            levels = self.do(
                lambda tx: inventory.lot_arrived(
                    tx,
                    shop_id=self.shop,
                    variant_id=variant,
                    location_id=place,
                    source=source,
                    quantity=units,
                )
            )
        except inventory.UnknownStock:
            assert key not in self.model.lots
            return
        lot = self.model.lots[key]
        if lot.kind != "on_hand":
            lot.kind, lot.ready_on, lot.quantity = "on_hand", None, units
            lot.settle(fact=True)
        for level in levels:
            self.same(level)

    # Shows

    @rule(first=st.integers(0, 4), second=st.integers(0, 4))
    def open_show(self, first: int, second: int) -> None:
        if len(self.model.shows) < 2:
            self.fill_show(next(self.show_numbers), {VARIANTS[0]: first, VARIANTS[1]: second})

    @rule(which=st.integers(0, 1), variant=st.sampled_from(VARIANTS), quota=st.integers(0, 6))
    def open_show_again(self, which: int, variant: int, quota: int) -> None:
        shows = list(self.model.shows.values())
        if which < len(shows):
            self.fill_show(shows[which], {variant: quota})

    def fill_show(self, show_id: int, quotas: dict[int, int]) -> None:
        pool = self.do(
            lambda tx: inventory.open_show_pool(tx, shop_id=self.shop, show_id=show_id, quotas=quotas)
        )
        assert (pool.show_id, pool.is_open) == (show_id, True)
        assert self.model.shows.setdefault(pool.id, show_id) == show_id
        self.model.closed.discard(pool.id)
        self.model.fill(pool.id, quotas, self.places[0], only_there=False)

    @rule(which=st.integers(0, 1))
    def close_show(self, which: int) -> None:
        pools = sorted(self.model.shows)
        if which < len(pools):
            show_id = self.model.shows[pools[which]]
            self.do(lambda tx: stock.close_show_pool(tx, shop_id=self.shop, show_id=show_id))
            self.closed(pools[which])

    @rule(which=st.integers(0, 1), variant=st.sampled_from(VARIANTS), keep=st.integers(0, 3))
    def set_aside_and_give_back(self, which: int, variant: int, keep: int) -> None:
        pools = sorted(self.model.shows)
        if which >= len(pools):
            return
        pool, show_id = pools[which], self.model.shows[pools[which]]
        lots = [
            (key, lot)
            for key, lot in self.model.counter(pool, variant)
            if key[1] == pool and lot.kind == "on_hand"
        ]
        free = sum(max(0, lot.free) for _, lot in lots)
        try:
            aside = self.do(
                lambda tx: inventory.set_aside_beyond(
                    tx, shop_id=self.shop, show_id=show_id, keep={variant: keep}
                )
            )
        except inventory.UnknownStock:
            assert not self.model.is_open(pool)
            return
        except inventory.NotEnough:
            assert free < keep
            return
        assert self.model.is_open(pool)
        assert (aside.kind, aside.is_open) == ("channel", True)
        left = self.do(
            lambda tx: stock.available(tx, shop_id=self.shop, variant_ids=(variant,), pool_id=pool)
        )
        waiting = [
            level
            for level in self.do(lambda tx: inventory.levels(tx, shop_id=self.shop))
            if level.pool_id == aside.id
        ]
        assert (left[variant].now, sum(level.quantity for level in waiting)) == (keep, free - keep)
        for _ in range(2):
            self.do(
                lambda tx: inventory.give_back_aside(tx, shop_id=self.shop, show_id=show_id, pool_id=aside.id)
            )
        for level in waiting:
            self.model.lot((variant, aside.id, level.location_id, level.source))

    @rule(place=st.integers(0, 1), variant=st.sampled_from(VARIANTS), quota=st.integers(0, 4))
    def open_till(self, place: int, variant: int, quota: int) -> None:
        if len(self.model.tills) >= 2:
            return
        pool = self.do(
            lambda tx: inventory.open_till_pool(
                tx, shop_id=self.shop, location_id=self.places[place], name=f"till {next(self.sources)}",
                quotas={variant: quota},
            )
        )  # fmt: skip
        assert (pool.kind, pool.location_id, pool.is_open) == ("till", self.places[place], True)
        self.model.tills[pool.id] = self.places[place]
        self.model.fill(pool.id, {variant: quota}, self.places[place], only_there=True)

    @rule(which=st.integers(0, 4))
    def close_any_pool(self, which: int) -> None:
        pool = self.model.pools()[which % len(self.model.pools())]
        try:
            self.do(lambda tx: inventory.close_pool(tx, shop_id=self.shop, pool_id=pool))
        except inventory.UnknownStock:
            assert pool == self.model.open_pool
        else:
            self.closed(pool)

    def closed(self, pool: int) -> None:
        self.model.closed.add(pool)
        for key in [key for key in self.model.lots if key[1] == pool]:
            self.model.flow_back(key)

    # Holds

    @rule(
        target=ids,
        wishes=st.lists(
            st.tuples(
                st.integers(0, 4),
                st.sampled_from(BUYERS),
                st.lists(
                    st.tuples(
                        st.sampled_from(VARIANTS),
                        st.integers(1, 3),
                        st.sampled_from((None, None, 5, 6)),
                        st.sampled_from((100, 101)),
                    ),
                    min_size=1,
                    max_size=3,
                ),
                st.sampled_from((None, None, *DAYS)),
                st.sampled_from((None, None, 2, 4)),
            ),
            min_size=1,
            max_size=5,
        ),
        repeat=st.booleans(),
    )
    def reserve(self, wishes: list[Any], repeat: bool) -> Any:
        pools = self.model.pools()
        requests = [
            stock.Request(
                id=uuid4(),
                shop_id=self.shop,
                pool_id=pools[number % len(pools)],
                buyer=buyer,
                lines=tuple(stock.Line(variant, units, bundle) for variant, units, bundle, _ in lines),
                unit_prices=tuple(price for _, _, _, price in lines),
                hold_seconds=300,
                latest_ready=latest,
                offer_id=7,
                limit_per_buyer=limit,
            )
            for number, buyer, lines, latest, limit in wishes
        ]
        if repeat:
            requests.append(requests[0])
        # A limited buyer's second wish in one batch is decided after the others: the model takes it in turn.
        batches: list[list[stock.Request]] = [[]]
        for request in requests:
            twice = any(other.buyer == request.buyer and other.id != request.id for other in batches[-1])
            if request.limit_per_buyer is not None and twice:
                batches.append([])
            batches[-1].append(request)
        for batch in batches:
            answers = self.do(lambda tx, batch=batch: stock.reserve(tx, batch))
            self.model.turn += 1
            assert [said(answer) for answer in answers] == [
                self.model.reserve_one(request) for request in batch
            ]
            for answer in answers:
                if isinstance(answer, stock.Held):
                    promised = self.model.promises[answer.id]
                    assert [(lot.variant_id, lot.quantity, lot.ready_on) for lot in answer.lots] == [
                        (piece.key[0], piece.quantity, piece.ready_on) for piece in promised.pieces
                    ]
                    hold = self.do(lambda tx, held=answer.id: stock.hold(tx, shop_id=self.shop, hold_id=held))
                    assert [
                        (part.variant_id, part.quantity, part.unit_price, part.bundle_id)
                        for part in hold.parts
                    ] == [
                        (piece.key[0], piece.quantity, piece.price, piece.bundle) for piece in promised.pieces
                    ]
        return multiple(
            *{request.id: request.id for request in requests if request.id in self.model.promises}
        )

    @rule(hold_id=ids)
    def ask_again(self, hold_id: UUID) -> None:
        promise = self.model.promises[hold_id]
        (answer,) = self.do(lambda tx: stock.reserve(tx, [promise.request]))
        assert said(answer) == "replayed"

    @rule(hold_id=ids)
    def ask_for_something_else(self, hold_id: UUID) -> None:
        first = self.model.promises[hold_id].request
        other = stock.Request(
            first.id,
            first.shop_id,
            first.pool_id,
            first.buyer,
            (*first.lines, stock.Line(101, 9)),
            300,
            None,
            7,
        )
        (answer,) = self.do(lambda tx: stock.reserve(tx, [other]))
        assert said(answer) == "stock.mismatch"

    @rule(hold_id=ids)
    def confirm(self, hold_id: UUID) -> None:
        done = self.do(lambda tx: stock.confirm(tx, [hold_id]))
        promise = self.model.promises[hold_id]
        for piece in promise.pieces:
            if piece.state == "held":
                lot = self.model.lots[piece.key]
                lot.held -= piece.quantity
                lot.allocated += piece.quantity
                piece.state = "allocated"
        firm = {"allocated", "shipped", "returned"}
        assert done == ({hold_id} if any(piece.state in firm for piece in promise.pieces) else set())

    @rule(hold_id=ids)
    def pay(self, hold_id: UUID) -> None:
        """Moves no unit."""
        buyer = self.model.promises[hold_id].request.buyer
        self.do(lambda tx: stock.paid(tx, shop_id=self.shop, hold_ids=[hold_id], buyers=[buyer]))

    @rule(hold_id=ids)
    def release(self, hold_id: UUID) -> None:
        freed = self.do(lambda tx: stock.release(tx, [hold_id], "changed mind"))
        promise = self.model.promises[hold_id]
        going = [piece for piece in promise.pieces if piece.state in {"held", "allocated"}]
        assert sorted((unit.variant_id, unit.quantity) for unit in freed) == sorted(
            (piece.key[0], piece.quantity) for piece in going
        )
        self.model.free_promise(promise, "released", {"held", "allocated"})

    @rule(hold_id=ids)
    def extend(self, hold_id: UUID) -> None:
        before = self.do(lambda tx: stock.hold(tx, shop_id=self.shop, hold_id=hold_id))
        done = self.do(lambda tx: stock.extend(tx, [hold_id], hold_seconds=900))
        after = self.do(lambda tx: stock.hold(tx, shop_id=self.shop, hold_id=hold_id))
        held = any(piece.state == "held" for piece in self.model.promises[hold_id].pieces)
        assert done == ({hold_id} if held else set())
        assert (after.expires_at > before.expires_at) is held

    @rule(
        target=ids,
        where=st.integers(0, 4),
        first=st.tuples(st.sampled_from(VARIANTS), st.integers(1, 2)),
        wishes=st.lists(st.tuples(st.sampled_from(VARIANTS), st.integers(1, 2)), min_size=1, max_size=3),
        meanwhile=st.integers(0, 3),
    )
    def reserve_ahead(self, where: int, first: Any, wishes: list[Any], meanwhile: int) -> Any:
        """What one batch saw decides the next without looking, unless somebody else took units meanwhile."""
        pool = self.model.pools()[where % len(self.model.pools())]
        memory = Speculation()

        def request(variant: int, units: int) -> stock.Request:
            return stock.Request(
                uuid4(), self.shop, pool, BUYERS[0], (stock.Line(variant, units),), 300, offer_id=7, unit_prices=(100,)
            )  # fmt: skip

        seen = [request(*first)]
        answers = self.do(lambda tx: stock.reserve(tx, seen, speculation=memory))
        self.model.turn += 1
        assert [said(answer) for answer in answers] == [self.model.reserve_one(each) for each in seen]
        requests = [request(*each) for each in wishes]
        plan = memory.plan(requests, now=monotonic())
        made = [*seen]
        if plan is not None:
            if meanwhile:
                other = request(wishes[0][0], meanwhile)
                (answer,) = self.do(lambda tx: stock.reserve(tx, [other]))
                self.model.turn += 1
                assert said(answer) == self.model.reserve_one(other)
                made.append(other)
            try:
                self.do(lambda tx: carry_out(tx, plan))
            except SerializationFailure:
                # What can be borrowed is not remembered: only a plan that refuses can miss it.
                assert meanwhile or plan.refuses, "nobody came between"
            else:
                self.model.turn += 1
                expected = ["stock.sold_out" if plan.refuses else "held"] * len(requests)
                assert [said(answer) for answer in plan.answers] == expected
                assert [self.model.reserve_one(each) for each in requests] == expected
                made += requests
        return multiple(*[each.id for each in made if each.id in self.model.promises])

    @rule(hold_id=ids)
    def expire(self, hold_id: UUID) -> None:
        async def verb(tx: Tx) -> Any:
            await tx.run(
                "UPDATE stock.hold SET expires_at = clock_timestamp() - interval '1 s' WHERE id = %(id)s",
                id=hold_id,
            )
            await tx.run(
                "UPDATE stock.timer SET due_at = clock_timestamp() - interval '1 s' WHERE %(id)s = ANY(hold_ids)",
                id=hold_id,
            )
            return await stock.expire(tx, limit=100)

        freed = self.do(verb)
        expected = self.model.free_promise(self.model.promises[hold_id], "expired", {"held"})
        assert {unit.hold_id for unit in freed} == ({hold_id} if expected else set())

    @rule(hold_id=ids)
    def pay_late(self, hold_id: UUID) -> None:
        (answer,) = self.do(lambda tx: stock.rehold(tx, [hold_id], hold_seconds=300))
        promise = self.model.promises[hold_id]
        if any(piece.state not in {"released", "expired"} for piece in promise.pieces):
            assert said(answer) == "replayed"
            return
        first = promise.request
        request = stock.Request(
            first.id,
            first.shop_id,
            first.pool_id,
            first.buyer,
            tuple(stock.Line(piece.key[0], piece.quantity, piece.bundle) for piece in promise.pieces),
            300,
            max((piece.ready_on for piece in promise.pieces if piece.ready_on), default=date.min),
            first.offer_id,
            first.limit_per_buyer,
            unit_prices=tuple(piece.price for piece in promise.pieces),
        )
        pool = first.pool_id if self.model.is_open(first.pool_id) else self.model.open_pool
        found = self.model.find(request, pool)
        if isinstance(found, str):
            assert said(answer) == found
            return
        self.model.turn += 1
        self.model.grant(first, found)
        assert said(answer) == "held"

    @rule(
        hold_id=ids, only=st.sampled_from((None, None, *VARIANTS)), place=st.sampled_from((None, None, 0, 1))
    )
    def ship(self, hold_id: UUID, only: int | None, place: int | None) -> None:
        promise = self.model.promises[hold_id]
        leaving = [piece for piece in promise.pieces if only in {None, piece.key[0]}]
        location = None if place is None else self.places[place]
        kept = self.model.copy_of_lots()
        try:
            self.do(
                lambda tx: stock.ship(
                    tx, hold_id=hold_id, variant_ids=None if only is None else [only], from_location=location
                )
            )
        except inventory.WrongState:
            assert not leaving or any(piece.state != "allocated" for piece in leaving)
            return
        except stock.NotHere:
            assert not self.take_out(leaving, location)
            self.model.lots = kept
            return
        assert self.take_out(leaving, location)
        for piece in leaving:
            piece.state = "shipped"

    def take_out(self, leaving: list[Piece], location: int | None) -> bool:
        """Whether the units are there; from another location than promised, its free ones go."""
        lots = self.model.lots
        promised = sorted({piece.key for piece in leaving}, key=lambda key: lots[key].id)
        for piece in leaving:
            lot = lots[piece.key]
            if location is None or piece.key[2] == location:
                if lot.kind != "on_hand" or lot.quantity < piece.quantity:
                    return False
                lot.quantity -= piece.quantity
            else:
                missing = piece.quantity
                elsewhere = self.model.on_hand(piece.key[0], self.model.open_pool, location)
                own = [key for key in promised if key[0] == piece.key[0] and key[2] == location]
                for key in dict.fromkeys([*own, *(key for key, _ in elsewhere)]):
                    units = min(missing, max(0, lots[key].free)) if lots[key].kind == "on_hand" else 0
                    lots[key].quantity -= units
                    missing -= units
                if missing:
                    return False
            lot.allocated -= piece.quantity
            lot.settle()
        for key in promised:
            if not self.model.is_open(key[1]):
                self.model.flow_back(key)
        return True

    @rule(
        hold_id=ids, variant=st.sampled_from(VARIANTS), units=st.integers(1, 3), place=st.integers(0, 1),
        resellable=st.booleans(),
    )  # fmt: skip
    def put_back(self, hold_id: UUID, variant: int, units: int, place: int, resellable: bool) -> None:
        pieces = [piece for piece in self.model.promises[hold_id].pieces if piece.key[0] == variant]
        out = sum(piece.quantity - piece.returned for piece in pieces if piece.state == "shipped")
        try:
            self.do(
                lambda tx: stock.put_back(
                    tx, hold_id=hold_id, variant_id=variant, quantity=units, location_id=self.places[place],
                    resellable=resellable,
                )
            )  # fmt: skip
        except stock.TooMuchReturned:
            assert units > out
            return
        if resellable:
            lot = self.model.lot((variant, self.model.open_pool, self.places[place], ""))
            lot.quantity += units
            lot.settle()
        for piece in pieces:
            if piece.state == "shipped":
                back = min(units, piece.quantity - piece.returned)
                piece.returned += back
                units -= back
                if piece.returned == piece.quantity:
                    piece.state = "returned"

    @rule(hold_id=consumes(ids))
    def forget(self, hold_id: UUID) -> None:
        """Keeps the bundle small; the promise itself stays."""


def said(answer: stock.Answer) -> str:
    if isinstance(answer, stock.Refused):
        return answer.code
    if answer.replayed:
        return "replayed"
    if answer.replaced:
        return "held, replacing " + ",".join(map(str, answer.replaced))
    return "held"


def test_the_rules_use_every_verb_that_changes_something() -> None:
    looking = {
        "inventory.left", "inventory.levels", "inventory.locations", "inventory.pool", "inventory.pools",
        "inventory.shortages",
        "stock.at_places", "stock.audit", "stock.available", "stock.crowded_networks", "stock.has_paid", "stock.held_by", "stock.hold",
        "stock.holds_of", "stock.quote", "stock.record_refused", "stock.seconds_to_next_expiry",
        "stock.units_in_bundles", "stock.unpaid_of_network", "stock.unpaid_until",
    }  # fmt: skip
    # What holds do to the books, by the verbs of `stock`; and months of the journal, which have tests of their own.
    beneath = {"allocate", "close_show_pool", "flow_back_from_closed", "put_back", "tell"}
    months = {"books", "close_months", "make_months"}
    verbs = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in (inventory, stock)
        for name in module.__all__
        if inspect.iscoroutinefunction(getattr(module, name))
        and not (module is inventory and name in beneath | months)
    }
    used = set(re.findall(r"\b((?:inventory|stock)\.\w+)\(", inspect.getsource(LedgerMachine)))

    assert looking < verbs
    assert verbs - looking - used == set()


def test_every_verb_of_the_ledger_agrees_with_a_plain_model(dsn: str) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.dsn = dsn
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ],
            print_blob=True,
        ),
    )
