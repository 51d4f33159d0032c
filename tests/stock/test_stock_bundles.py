"""Units that are sold in bundles: one sum per variant, every price kept, and how many can be put together."""

from datetime import date, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
from hypothesis import given

from shopfloor import inventory, stock
from shopfloor.stock import Availability, Line, Part
from shopfloor.stock.speculation import Speculation, carry_out

POT, CUP = 101, 102
SET, OTHER_SET = 7, 8
THIRD = date(2030, 12, 3)
ON_HAND = inventory.LotKind.ON_HAND


def parts(hold: stock.Hold) -> list[tuple[int, int, int, int | None, date | None]]:
    return [
        (part.variant_id, part.quantity, part.unit_price, part.bundle_id, part.ready_on)
        for part in hold.parts
    ]


def wish(ledger: Any, *lines: tuple[int, int, int, int | None], **more: Any) -> stock.Request:
    """(variant, units, unit price, bundle)"""
    request: stock.Request = ledger.want([(CUP, 1)], **more)
    return stock.Request(
        request.id,
        request.shop_id,
        request.pool_id,
        request.buyer,
        tuple(Line(variant, units, bundle) for variant, units, _, bundle in lines),
        request.hold_seconds,
        unit_prices=tuple(price for _, _, price, _ in lines),
        latest_ready=request.latest_ready,
    )


async def test_one_variant_in_two_bundles_and_by_itself_is_summed_before_the_check(ledger: Any) -> None:
    await ledger.receive(POT, 5)
    await ledger.receive(CUP, 8)
    lines = ((POT, 1, 6_000, SET), (CUP, 4, 975, SET), (CUP, 3, 900, OTHER_SET))

    (refused,) = await ledger.reserve(wish(ledger, *lines, (CUP, 2, 1_500, None)))
    assert (refused.code, refused.facts) == ("stock.sold_out", {"variant_id": CUP, "wanted": 9, "left": 8})
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (8, 0, 0, 0)}
    assert await ledger.numbers(POT) == {(ledger.open_pool, ""): (5, 0, 0, 0)}

    fits = wish(ledger, *lines, (CUP, 1, 1_500, None))
    (held,) = await ledger.reserve(fits)
    assert held.lots == (
        Part(POT, 1, None, ON_HAND),
        Part(CUP, 4, None, ON_HAND),
        Part(CUP, 3, None, ON_HAND),
        Part(CUP, 1, None, ON_HAND),
    )
    assert parts(await ledger.hold(fits.id)) == [
        (POT, 1, 6_000, SET, None),
        (CUP, 4, 975, SET, None),
        (CUP, 3, 900, OTHER_SET, None),
        (CUP, 1, 1_500, None, None),
    ]
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (8, 8, 0, 0)}
    assert await ledger.audit() == []


async def test_prices_stay_with_their_units_across_lots(ledger: Any) -> None:
    await ledger.receive(CUP, 3)
    await ledger.announce(CUP, 4, THIRD, "po-1")
    request = wish(ledger, (CUP, 2, 975, SET), (POT, 1, 1, None), (CUP, 3, 976, SET), (CUP, 1, 975, SET))
    await ledger.receive(POT, 1)

    (held,) = await ledger.reserve(request)
    assert isinstance(held, stock.Held)
    assert parts(await ledger.hold(request.id)) == [
        (CUP, 3, 975, SET, None),
        (CUP, 3, 976, SET, THIRD),
        (POT, 1, 1, None, None),
    ]


async def test_too_late_counts_all_units_of_the_request(ledger: Any) -> None:
    await ledger.receive(CUP, 3)
    await ledger.announce(CUP, 4, THIRD, "po-1")
    early = THIRD - timedelta(days=1)

    (refused,) = await ledger.reserve(
        wish(ledger, (CUP, 2, 975, SET), (CUP, 3, 1_500, None), latest_ready=early)
    )
    assert (refused.code, refused.facts) == (
        "stock.too_late",
        {"variant_id": CUP, "wanted": 5, "left": 3, "ready_on": THIRD.isoformat()},
    )


async def test_the_same_id_with_the_units_in_another_bundle_is_another_purchase(ledger: Any) -> None:
    await ledger.receive(CUP, 20)
    first = wish(ledger, (CUP, 4, 975, SET))
    loose = wish(ledger, (CUP, 4, 1_500, None), id=first.id, buyer=first.buyer)
    other = wish(ledger, (CUP, 4, 975, OTHER_SET), id=first.id, buyer=first.buyer)

    assert await ledger.outcomes(first, loose, first) == ["held", "stock.mismatch", "held"]
    assert await ledger.outcomes(first, loose, other) == ["held", "stock.mismatch", "stock.mismatch"]
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (20, 4, 0, 0)}


async def test_what_is_alike_but_for_its_bundle_is_written_apart(ledger: Any) -> None:
    """The short way for many equal wishes of a batch must not lend one's bundle to another."""
    await ledger.receive(CUP, 20)
    wishes = [wish(ledger, (CUP, 4, 975, bundle)) for bundle in (SET, None, SET, None)]

    assert await ledger.outcomes(*wishes) == ["held"] * 4
    assert [(await ledger.hold(each.id)).parts[0].bundle_id for each in wishes] == [SET, None, SET, None]


async def test_what_is_decided_ahead_keeps_bundles_and_prices(ledger: Any) -> None:
    await ledger.receive(POT, 9)
    await ledger.receive(CUP, 99)
    memory = Speculation()
    tea_set = ((POT, 1, 6_000, SET), (CUP, 1, 976, SET), (CUP, 3, 975, SET))
    async with ledger.db.transaction() as tx:
        await stock.reserve(tx, [wish(ledger, *tea_set)], speculation=memory)
    one_kind = [wish(ledger, (CUP, 4, 900, OTHER_SET)) for _ in range(2)]
    mixed = [
        wish(ledger, *tea_set),
        wish(ledger, (CUP, 4, 900, OTHER_SET)),
        wish(ledger, (CUP, 4, 900, None)),
    ]

    for batch in (one_kind, mixed):
        plan = memory.plan(batch, now=monotonic())
        assert plan is not None
        async with ledger.db.transaction() as tx:
            await carry_out(tx, plan)

    for request in (*one_kind, *mixed):
        assert parts(await ledger.hold(request.id)) == [
            (line.variant_id, line.quantity, price, line.bundle_id, None)
            for line, price in zip(request.lines, request.unit_prices, strict=True)
        ]
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (99, 24, 0, 0)}
    assert await ledger.audit() == []


async def test_a_lapsed_hold_gets_its_bundles_and_prices_back(ledger: Any) -> None:
    await ledger.receive(CUP, 7)
    request = wish(ledger, (CUP, 3, 975, SET), (CUP, 1, 976, SET), (CUP, 2, 1_500, None))
    await ledger.reserve(request)
    before = parts(await ledger.hold(request.id))
    await ledger.let_time_pass(request.id)
    async with ledger.db.transaction() as tx:
        await stock.expire(tx)
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (7, 0, 0, 0)}

    async with ledger.db.transaction() as tx:
        (answer,) = await stock.rehold(tx, [request.id], hold_seconds=60)

    assert isinstance(answer, stock.Held)
    assert parts(await ledger.hold(request.id)) == before
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (7, 6, 0, 0)}
    assert await ledger.audit() == []


async def test_an_unknown_part_refuses_the_whole(ledger: Any) -> None:
    await ledger.receive(CUP, 9)
    request = wish(ledger, (CUP, 4, 975, SET), (999, 1, 1, SET), id=uuid4())

    (refused,) = await ledger.reserve(request)
    assert (refused.code, refused.facts) == ("stock.unknown", {"variant_id": 999})
    assert await ledger.numbers(CUP) == {(ledger.open_pool, ""): (9, 0, 0, 0)}


def test_the_scarcest_and_the_latest_part_decide() -> None:
    fourth, ninth = date(2030, 12, 4), date(2030, 12, 9)
    pots = Availability(3, ((ninth, 2),))
    cups = Availability(6, ((THIRD, 1), (fourth, 5), (ninth, 100)))
    assert stock.assembled([(pots, 1), (cups, 4)]) == Availability(1, ((fourth, 2), (ninth, 2)))
    assert stock.assembled([(Availability(0, ()), 1), (cups, 4)]) == Availability(0, ())
    assert stock.assembled([(Availability(0, ((ninth, 1),)), 1), (cups, 4)]).ready_on == ninth
    assert stock.assembled([(cups, 1)]) == cups


DAYS = [THIRD + timedelta(days=day) for day in range(4)]
LEFT = st.builds(
    lambda now, lots: Availability(now, tuple(sorted(lots.items()))),
    st.integers(0, 12),
    st.dictionaries(st.sampled_from(DAYS), st.integers(1, 9)),
)


@given(st.lists(st.tuples(LEFT, st.integers(1, 5)), min_size=1, max_size=4))
def test_putting_together_agrees_with_doing_it_day_by_day(parts: list[tuple[Availability, int]]) -> None:
    """Build one after the other, each day from what is there by then."""
    shelves = [left.now for left, _ in parts]

    def build() -> int:
        made = 0
        while all(units >= quantity for units, (_, quantity) in zip(shelves, parts, strict=True)):
            shelves[:] = [units - quantity for units, (_, quantity) in zip(shelves, parts, strict=True)]
            made += 1
        return made

    now = build()
    lots: list[tuple[date, int]] = []
    for day in DAYS:
        shelves[:] = [
            units + dict(left.later).get(day, 0) for units, (left, _) in zip(shelves, parts, strict=True)
        ]
        made = build()
        if made:
            lots.append((day, made))
    assert stock.assembled(parts) == Availability(now, tuple(lots))
