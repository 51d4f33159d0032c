"""Units come, go, move and are counted; facts may break promises, promises may not."""

from datetime import date
from typing import Any

import psycopg
import pytest

from shopfloor import inventory, stock

HANFU = 101
THIRD, TENTH = date(2030, 12, 3), date(2030, 12, 10)


async def promise(ledger: Any, quantity: int, pool: int | None = None) -> stock.Request:
    want = ledger.want({HANFU: quantity}, pool=pool)
    (answer,) = await ledger.reserve(want)
    assert isinstance(answer, stock.Held)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [want.id])
    return want


async def test_every_change_is_journalled(ledger: Any) -> None:
    await ledger.receive(HANFU, 5)
    await promise(ledger, 2)
    async with ledger.db.transaction() as tx:
        await inventory.adjust(
            tx, shop_id=1, location_id=ledger.warehouse, variant_id=HANFU, by=-1, reason="damaged"
        )
        journal = await inventory.movements(tx, shop_id=1, variant_id=HANFU)
        assert await inventory.movements(tx, shop_id=2, variant_id=HANFU) == []

    assert [(m.kind, m.quantity, m.held, m.allocated, m.reason) for m in journal] == [
        ("adjusted", -1, 0, 0, "damaged"),
        ("allocated", 0, -2, 2, ""),
        ("reserved", 0, 2, 0, ""),
        ("received", 5, 0, 0, ""),
    ]


async def test_a_loss_that_breaks_promises_is_a_shortage_until_units_mend_it(ledger: Any) -> None:
    await ledger.receive(HANFU, 5)
    await promise(ledger, 4)

    async with ledger.db.transaction() as tx:
        level = await inventory.adjust(
            tx, shop_id=1, location_id=ledger.warehouse, variant_id=HANFU, by=-3, reason="flood"
        )
        (shortage,) = await inventory.shortages(tx, shop_id=1)
        assert await inventory.shortages(tx, shop_id=2) == []
    assert (level.quantity, level.allocated, level.shortfall) == (2, 4, 2)
    assert (shortage.missing, shortage.reason, shortage.variant_id) == (2, "flood", HANFU)
    (fact,) = await ledger.facts("stock.shortage_raised")
    assert (fact["missing"], fact["reason"]) == (2, "flood")
    assert await ledger.outcomes(ledger.want({HANFU: 1})) == ["stock.sold_out"]
    assert await ledger.audit() == []

    await ledger.receive(HANFU, 3)
    async with ledger.db.transaction() as tx:
        assert await inventory.shortages(tx, shop_id=1) == []
    assert await ledger.left(HANFU) == stock.Availability(1, ())
    assert await ledger.audit() == []


async def test_no_more_can_be_lost_than_there_is(ledger: Any) -> None:
    await ledger.receive(HANFU, 2)
    async with ledger.db.transaction() as tx:
        with pytest.raises(inventory.NotEnough):
            await inventory.adjust(
                tx, shop_id=1, location_id=ledger.warehouse, variant_id=HANFU, by=-3, reason="lost"
            )
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (2, 0, 0, 0)}


@pytest.mark.parametrize("quantity", [0, -5, 1_000_001])
async def test_bad_quantities_are_refused(ledger: Any, quantity: int) -> None:
    with pytest.raises(inventory.BadQuantity):
        await ledger.receive(HANFU, quantity)
    assert await ledger.numbers(HANFU) == {}


async def test_places_and_pools_of_another_shop_are_unknown(ledger: Any) -> None:
    async with ledger.db.transaction() as tx:
        with pytest.raises(inventory.UnknownStock):
            await inventory.receive(tx, shop_id=2, location_id=ledger.warehouse, variant_id=HANFU, quantity=1)
        with pytest.raises(inventory.UnknownStock):
            await inventory.pool(tx, shop_id=2, pool_id=ledger.open_pool)
    assert await ledger.numbers(HANFU) == {}


async def test_a_count_sets_what_was_counted(ledger: Any) -> None:
    await ledger.receive(HANFU, 10)
    await ledger.show(3, {HANFU: 4})
    await promise(ledger, 5)

    async def count(seen: int, counted: int) -> None:
        async with ledger.db.transaction() as tx:
            await inventory.count(
                tx,
                shop_id=1,
                location_id=ledger.warehouse,
                variant_id=HANFU,
                seen=seen,
                counted=counted,
            )

    await count(10, 12)
    assert (await ledger.left(HANFU)).now == 3
    with pytest.raises(inventory.CountStale):
        await count(10, 12)
    assert (await ledger.left(HANFU)).now == 3
    # Free units of the open pool go first (3), then the show's (4), then promises break (2).
    await count(12, 3)
    numbers = await ledger.numbers(HANFU)
    assert numbers[ledger.open_pool, ""] == (3, 0, 5, 2)
    assert sum(quantity for quantity, *_ in numbers.values()) == 3
    assert await ledger.audit() == []


async def test_a_count_goes_through_while_sales_reserve(ledger: Any) -> None:
    await ledger.receive(HANFU, 10)
    await ledger.reserve(ledger.want({HANFU: 3}))
    async with ledger.db.transaction() as tx:
        await inventory.count(
            tx, shop_id=1, location_id=ledger.warehouse, variant_id=HANFU, seen=10, counted=9
        )
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (9, 3, 0, 0)}


async def test_transfer_moves_free_units_only(ledger: Any) -> None:
    await ledger.receive(HANFU, 5)
    await promise(ledger, 3)

    async def transfer(quantity: int) -> None:
        async with ledger.db.transaction() as tx:
            await inventory.transfer(
                tx,
                shop_id=1,
                variant_id=HANFU,
                quantity=quantity,
                from_location=ledger.warehouse,
                to_location=ledger.store,
            )

    with pytest.raises(inventory.NotEnough) as refusal:
        await transfer(3)
    assert refusal.value.facts == {"wanted": 3, "left": 2}
    await transfer(2)

    async with ledger.db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=1, variant_ids=[HANFU])
    assert {level.location_id: level.quantity for level in levels} == {ledger.warehouse: 3, ledger.store: 2}
    assert await ledger.audit() == []


async def test_a_show_pool_takes_its_quota_and_gives_the_rest_back(ledger: Any) -> None:
    await ledger.receive(HANFU, 10)
    show = await ledger.show(3, {HANFU: 6})
    assert (await ledger.left(HANFU), await ledger.left(HANFU, show)) == (
        stock.Availability(4, ()),
        stock.Availability(6, ()),
    )
    await promise(ledger, 2, show)
    unpaid = ledger.want({HANFU: 1}, pool=show)
    await ledger.reserve(unpaid)

    await ledger.close_show(3)
    await ledger.close_show(3)

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (7, 0, 0, 0), (show, ""): (3, 1, 2, 0)}
    assert await ledger.outcomes(ledger.want({HANFU: 1}, pool=show)) == ["stock.closed"]
    async with ledger.db.transaction() as tx:
        await stock.release(tx, [unpaid.id], "gave up")
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (8, 0, 0, 0), (show, ""): (2, 0, 2, 0)}
    assert await ledger.audit() == []


async def test_a_quota_takes_what_there_is_and_can_be_topped_up(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)
    show = await ledger.show(3, {HANFU: 5})
    assert (await ledger.left(HANFU, show)).now == 3
    await ledger.receive(HANFU, 9)
    assert await ledger.show(3, {HANFU: 5}) == show
    assert (await ledger.left(HANFU, show)).now == 5
    assert (await ledger.left(HANFU)).now == 7


async def test_a_till_keeps_its_escrow(ledger: Any) -> None:
    await ledger.receive(HANFU, 5, location=ledger.store)
    async with ledger.db.transaction() as tx:
        till = await inventory.open_till_pool(
            tx, shop_id=1, location_id=ledger.store, name="till 1", quotas={HANFU: 2}
        )
    assert (await ledger.left(HANFU)).now == 3
    async with ledger.db.transaction() as tx:
        await inventory.close_pool(tx, shop_id=1, pool_id=till.id)
    assert (await ledger.left(HANFU)).now == 5
    async with ledger.db.transaction() as tx:
        with pytest.raises(inventory.UnknownStock):
            await inventory.close_pool(tx, shop_id=1, pool_id=ledger.open_pool)


async def test_a_sale_at_a_till_is_a_fact(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)
    await promise(ledger, 2)

    async def sold(quantity: int, source: str) -> bool:
        async with ledger.db.transaction() as tx:
            return await inventory.sold(
                tx,
                shop_id=1,
                pool_id=ledger.open_pool,
                location_id=ledger.warehouse,
                variant_id=HANFU,
                quantity=quantity,
                source=source,
            )

    assert await sold(2, "till-1:17") is True
    assert await sold(2, "till-1:17") is False
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (1, 0, 2, 1)}
    assert await sold(4, "till-1:18") is True
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (0, 0, 2, 2)}
    async with ledger.db.transaction() as tx:
        journal = await inventory.movements(tx, shop_id=1, variant_id=HANFU, limit=3)
    assert [(m.kind, m.quantity) for m in journal] == [("sold", -3), ("adjusted", 3), ("sold", -1)]
    assert await ledger.audit() == []


async def test_an_announced_lot_changes_by_its_source(ledger: Any) -> None:
    await ledger.announce(HANFU, 5, THIRD, "po-1")
    want = await promise(ledger, 4)

    level = await ledger.announce(HANFU, 3, TENTH, "po-1")

    assert (level.quantity, level.ready_on, level.shortfall) == (3, TENTH, 1)
    assert (await ledger.hold(want.id)).ready_on == THIRD
    assert await ledger.left(HANFU) == stock.Availability(0, ())
    level = await ledger.announce(HANFU, 9, TENTH, "po-1")
    assert (level.quantity, level.shortfall) == (9, 0)
    assert await ledger.left(HANFU) == stock.Availability(0, ((TENTH, 5),))
    assert await ledger.audit() == []


@pytest.mark.parametrize(("came", "books", "free"), [(6, (6, 0, 4, 0), 2), (3, (3, 0, 4, 1), 0)])
async def test_a_lot_arrives(ledger: Any, came: int, books: tuple[int, int, int, int], free: int) -> None:
    await ledger.announce(HANFU, 5, THIRD, "po-1")
    await promise(ledger, 4)

    for _ in range(2):
        async with ledger.db.transaction() as tx:
            await inventory.lot_arrived(
                tx, shop_id=1, variant_id=HANFU, location_id=ledger.warehouse, source="po-1", quantity=came
            )

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, "po-1"): books}
    assert await ledger.left(HANFU) == stock.Availability(free, ())
    assert await ledger.audit() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stock.level SET held = held + 1",
        "UPDATE stock.level SET quantity = quantity - 1",
        "UPDATE stock.level SET quantity = -1, allocated = 0, held = 0",
        "UPDATE stock.level SET held = -1",
        "UPDATE stock.level SET shortfall = -1",
    ],
)
async def test_the_database_itself_refuses_to_oversell(ledger: Any, statement: Any) -> None:
    await ledger.receive(HANFU, 2)
    await promise(ledger, 2)
    async with ledger.db.transaction() as tx:
        with pytest.raises(psycopg.errors.CheckViolation):
            await tx.run(statement)
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (2, 0, 2, 0)}


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE stock.level SET quantity = quantity + 1", "movements sum to levels"),
        ("UPDATE stock.hold SET quantity = quantity + 1", "holds sum to levels"),
        ("UPDATE stock.level SET shortfall = shortfall + 1", "no lot is oversold"),
        ("DELETE FROM stock.hold WHERE part = 0", "holds sum to levels"),
        ("UPDATE stock.hold SET part = 1", "holds are whole"),
        ("DELETE FROM stock.timer", "every held hold has a timer"),
    ],
)
async def test_the_audit_finds_what_was_tampered_with(ledger: Any, statement: Any, broken: str) -> None:
    await ledger.receive(HANFU, 5)
    await ledger.reserve(ledger.want({HANFU: 2}))
    assert await ledger.audit() == []
    async with ledger.db.transaction() as tx:
        await tx.run(statement)
    assert broken in {line.split(":")[0] for line in await ledger.audit()}
