"""What becomes of a hold: every transition happens once, and the books follow."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shopfloor import inventory, stock

HANFU, SHOES = 101, 102
THIRD = date(2030, 12, 3)


async def held(ledger: Any, lines: dict[int, int], **more: Any) -> stock.Request:
    want = ledger.want(lines, **more)
    (answer,) = await ledger.reserve(want)
    assert isinstance(answer, stock.Held)
    return want


async def test_confirm_allocates_once(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)
    want = await held(ledger, {HANFU: 2})

    for _ in range(2):
        async with ledger.db.transaction() as tx:
            assert await stock.confirm(tx, [want.id, uuid4()]) == {want.id}

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (3, 0, 2, 0)}
    assert await ledger.expire() == []
    assert await ledger.audit() == []


@pytest.mark.parametrize("paid", [False, True])
async def test_release_gives_back_once(ledger: Any, paid: bool) -> None:
    await ledger.receive(HANFU, 3)
    want = await held(ledger, {HANFU: 2}, offer_id=7)
    if paid:
        async with ledger.db.transaction() as tx:
            await stock.confirm(tx, [want.id])
    await ledger.forget_facts()

    async with ledger.db.transaction() as tx:
        freed = await stock.release(tx, [want.id], "cancelled")
    async with ledger.db.transaction() as tx:
        assert await stock.release(tx, [want.id], "cancelled") == []
        assert await stock.confirm(tx, [want.id]) == set()

    assert freed == [stock.Freed(want.id, 1, ledger.open_pool, None, 7, want.buyer, HANFU, 2)]
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (3, 0, 0, 0)}
    (fact,) = await ledger.facts("stock.holds_released")
    assert (fact["reason"], [hold["id"] for hold in fact["holds"]]) == ("cancelled", [str(want.id)])
    (fact,) = await ledger.facts("stock.stock_changed")
    assert fact["variants"] == [{"variant_id": HANFU, "left": 3, "ready_on": None, "later": []}]
    assert await ledger.audit() == []


async def test_only_what_is_due_expires(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    due, paid = await held(ledger, {HANFU: 2}), await held(ledger, {HANFU: 3})
    later = await held(ledger, {HANFU: 1}, hold_seconds=5)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [paid.id])
    await ledger.let_time_pass(due.id, paid.id)

    freed = await ledger.expire()

    assert [(unit.hold_id, unit.quantity) for unit in freed] == [(due.id, 2)]
    assert (await ledger.hold(due.id)).state is stock.HoldState.EXPIRED
    assert (await ledger.hold(later.id)).state is stock.HoldState.HELD
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (9, 1, 3, 0)}
    assert await ledger.expire() == []
    assert await ledger.audit() == []


async def test_it_is_known_when_the_next_hold_is_over(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    want = ledger.want({HANFU: 1}, hold_seconds=600)

    async def idle(most: float) -> float:
        async with ledger.db.transaction() as tx:
            return await stock.seconds_to_next_expiry(tx, most=most)

    assert await idle(10.0) == 10.0
    await ledger.reserve(want)
    assert await idle(10.0) == 10.0
    assert 0.0 < await idle(10_000.0) <= 600.0
    await ledger.let_time_pass(want.id)
    assert await idle(10.0) == 0.0
    await ledger.expire()
    assert await idle(10.0) == 10.0


async def test_expiry_skips_what_somebody_works_on_and_comes_back(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    one, other = ledger.want({HANFU: 1}), ledger.want({HANFU: 1})
    await ledger.reserve(one, other)
    await ledger.let_time_pass(one.id, other.id)

    async with ledger.db.transaction() as paying:
        await paying.run("SELECT FROM stock.hold WHERE id = %(id)s FOR UPDATE", id=one.id)
        assert [unit.hold_id for unit in await ledger.expire()] == [other.id]
    assert await ledger.audit() == []
    await ledger.let_time_pass(one.id)

    assert [unit.hold_id for unit in await ledger.expire()] == [one.id]
    assert await ledger.left(HANFU) == stock.Availability(9, ())


async def test_extend_keeps_a_hold(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    want, gone = await held(ledger, {HANFU: 1}), await held(ledger, {HANFU: 1})
    await ledger.let_time_pass(want.id, gone.id)
    async with ledger.db.transaction() as tx:
        assert await stock.extend(tx, [want.id], hold_seconds=60) == {want.id}

    assert [unit.hold_id for unit in await ledger.expire()] == [gone.id]
    async with ledger.db.transaction() as tx:
        assert await stock.extend(tx, [gone.id], hold_seconds=60) == set()
    assert await ledger.audit() == []


async def test_a_late_payment_gets_its_units_again(ledger: Any) -> None:
    await ledger.receive(HANFU, 2)
    want = await held(ledger, {HANFU: 2}, unit_prices=(900,), limit_per_buyer=2, offer_id=7)
    await ledger.let_time_pass(want.id)
    await ledger.expire()

    async with ledger.db.transaction() as tx:
        (answer,) = await stock.rehold(tx, [want.id], hold_seconds=60)
        assert await stock.confirm(tx, [want.id]) == {want.id}

    assert isinstance(answer, stock.Held)
    hold = await ledger.hold(want.id)
    assert (hold.state, hold.parts[0].unit_price) == (stock.HoldState.ALLOCATED, 900)
    again = ledger.want({HANFU: 1}, buyer=want.buyer, limit_per_buyer=2, offer_id=7)
    assert await ledger.outcomes(again) == ["stock.limit"]
    assert await ledger.audit() == []


async def test_a_late_payment_is_refused_when_the_units_are_gone_or_would_be_later(ledger: Any) -> None:
    await ledger.receive(HANFU, 1)
    want = await held(ledger, {HANFU: 1})
    await ledger.let_time_pass(want.id)
    await ledger.expire()
    winner = await held(ledger, {HANFU: 1})
    await ledger.announce(HANFU, 5, THIRD, "po-1")
    before = await ledger.numbers(HANFU)

    async with ledger.db.transaction() as tx:
        late, running = await stock.rehold(tx, [want.id, winner.id], hold_seconds=60)

    assert isinstance(late, stock.Refused)
    assert late.code == "stock.too_late"
    assert isinstance(running, stock.Held)
    assert (await ledger.hold(want.id)).state is stock.HoldState.EXPIRED
    assert await ledger.numbers(HANFU) == before
    async with ledger.db.transaction() as tx:
        with pytest.raises(inventory.UnknownStock):
            await stock.rehold(tx, [uuid4()], hold_seconds=60)


async def test_a_late_payment_after_the_show_takes_what_flowed_back(ledger: Any) -> None:
    await ledger.receive(HANFU, 1)
    show = await ledger.show(3, {HANFU: 1})
    want = await held(ledger, {HANFU: 1}, pool=show, show_id=3)
    await ledger.close_show(3)
    await ledger.let_time_pass(want.id)
    await ledger.expire()
    assert await ledger.left(HANFU) == stock.Availability(1, ())

    async with ledger.db.transaction() as tx:
        (answer,) = await stock.rehold(tx, [want.id], hold_seconds=60)

    assert isinstance(answer, stock.Held)
    assert await ledger.left(HANFU) == stock.Availability(0, ())
    (again,) = await ledger.reserve(want)
    assert (again.state, again.replayed) == (stock.HoldState.HELD, True)
    assert await ledger.audit() == []


async def test_ship_takes_units_off_the_books(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)
    await ledger.receive(SHOES, 3)
    want = await held(ledger, {HANFU: 1, SHOES: 2})
    async with ledger.db.transaction() as tx:
        with pytest.raises(inventory.WrongState):
            await stock.ship(tx, hold_id=want.id)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [want.id])
        part = await stock.ship(tx, hold_id=want.id, variant_ids=[SHOES])
        assert part.state is stock.HoldState.ALLOCATED
        whole = await stock.ship(tx, hold_id=want.id, variant_ids=[HANFU])
        assert whole.state is stock.HoldState.SHIPPED
    async with ledger.db.transaction() as tx:
        with pytest.raises(inventory.WrongState):
            await stock.ship(tx, hold_id=want.id)

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (2, 0, 0, 0)}
    assert await ledger.numbers(SHOES) == {(ledger.open_pool, ""): (1, 0, 0, 0)}
    assert await ledger.audit() == []


async def test_what_has_not_arrived_cannot_leave(ledger: Any) -> None:
    await ledger.announce(HANFU, 3, THIRD, "po-1")
    want = await held(ledger, {HANFU: 2})
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [want.id])
        with pytest.raises(stock.NotHere):
            await stock.ship(tx, hold_id=want.id)
    async with ledger.db.transaction() as tx:
        await inventory.lot_arrived(
            tx, shop_id=1, variant_id=HANFU, location_id=ledger.warehouse, source="po-1", quantity=3
        )
        await stock.ship(tx, hold_id=want.id)

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, "po-1"): (1, 0, 0, 0)}
    assert await ledger.left(HANFU) == stock.Availability(1, ())
    assert await ledger.audit() == []


async def test_shipping_from_another_location_frees_the_promised_units(ledger: Any) -> None:
    await ledger.receive(HANFU, 2)
    await ledger.receive(HANFU, 2, location=ledger.store)
    want = await held(ledger, {HANFU: 2})
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [want.id])
        await stock.ship(tx, hold_id=want.id, from_location=ledger.store)

    async with ledger.db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=1, variant_ids=[HANFU])
    assert {level.location_id: (level.quantity, level.allocated) for level in levels} == {
        ledger.warehouse: (2, 0),
        ledger.store: (0, 0),
    }
    assert await ledger.audit() == []


async def test_returns_come_back_to_any_shelf_but_never_more_than_went(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)
    want = await held(ledger, {HANFU: 3})
    async with ledger.db.transaction() as tx:
        with pytest.raises(stock.TooMuchReturned):
            await stock.put_back(tx, hold_id=want.id, variant_id=HANFU, quantity=1)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [want.id])
        await stock.ship(tx, hold_id=want.id)
        await stock.put_back(tx, hold_id=want.id, variant_id=HANFU, quantity=1, location_id=ledger.store)
        await stock.put_back(tx, hold_id=want.id, variant_id=HANFU, quantity=1, resellable=False)
    async with ledger.db.transaction() as tx:
        with pytest.raises(stock.TooMuchReturned) as refusal:
            await stock.put_back(tx, hold_id=want.id, variant_id=HANFU, quantity=2)
    assert refusal.value.facts["out"] == 1
    async with ledger.db.transaction() as tx:
        hold = await stock.put_back(tx, hold_id=want.id, variant_id=HANFU, quantity=1)

    assert (hold.state, hold.parts[0].returned) == (stock.HoldState.RETURNED, 3)
    assert await ledger.left(HANFU) == stock.Availability(2, ())
    assert await ledger.audit() == []


async def test_holds_are_found_by_id_and_buyer_within_the_shop(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    want = await held(ledger, {HANFU: 1})
    limited = await held(ledger, {HANFU: 1}, buyer=want.buyer, limit_per_buyer=5, offer_id=1)
    async with ledger.db.transaction() as tx:
        mine = await stock.holds_of(tx, shop_id=1, buyer=want.buyer)
        assert {hold.id for hold in mine} == {want.id, limited.id}
        assert await stock.holds_of(tx, shop_id=2, buyer=want.buyer) == []
        with pytest.raises(inventory.UnknownStock):
            await stock.hold(tx, shop_id=2, hold_id=want.id)


async def test_units_of_a_show_that_is_over_flow_back_when_others_are_shipped_instead(ledger: Any) -> None:
    await ledger.receive(HANFU, 2)
    show = await ledger.show(3, {HANFU: 2})
    request = ledger.want({HANFU: 1}, pool=show)
    await ledger.reserve(request)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [request.id])
    await ledger.close_show(3)
    await ledger.receive(HANFU, 1, location=ledger.store)

    async with ledger.db.transaction() as tx:
        await stock.ship(tx, hold_id=request.id, from_location=ledger.store)

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (2, 0, 0, 0), (show, ""): (0, 0, 0, 0)}
    assert await ledger.left(HANFU) == stock.Availability(2, ())
    assert await ledger.audit() == []


async def test_many_timers_are_one_change_of_the_shelf(ledger: Any) -> None:
    """Buyers wait for the shelf while holds expire: it is changed once, not timer by timer."""
    await ledger.receive(HANFU, 60)
    ids = [(await held(ledger, {HANFU: 1})).id for _ in range(60)]
    await ledger.let_time_pass(*ids)

    assert len(await ledger.expire()) == 50
    assert len(await ledger.expire()) == 10
    assert await ledger.expire() == []

    async with ledger.db.transaction() as tx:
        journal = await inventory.movements(tx, shop_id=1, variant_id=HANFU)
        assert await tx.value("SELECT count(*) FROM stock.timer") == 0
    assert [move.held for move in journal if move.kind == "expired"] == [-10, -50]
    assert await ledger.left(HANFU) == stock.Availability(60, ())
    assert await ledger.audit() == []
