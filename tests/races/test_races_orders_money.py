"""Many actors at once on one order: one of them wins, and the sums are right afterwards."""

import asyncio
import multiprocessing
from collections.abc import Awaitable
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form, make_market

from shopfloor import orders, purchases, stock
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money
from shopfloor.orders import Party

__all__ = ["make_market"]


async def outcomes(*work: Awaitable[object]) -> list[str]:
    """The code of each refusal, 'ok' for what went through; anything else is raised."""
    told: list[str] = []
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, Refusal):
            told.append(result.code)
        elif isinstance(result, BaseException):
            raise result
        else:
            told.append("ok")
    return sorted(told)


async def complete(market: Market, hold_id: UUID, shopper: UUID, **changes: object) -> orders.Order:
    return await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=hold_id, shopper=shopper, form=form(**changes)
    )


async def pay(market: Market, order: orders.Order, key: str | None = None) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor="person:1", key=key
        )


async def cancel(market: Market, order: orders.Order, by: Party) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.cancel(tx, shop_id=market.shop_id, order_id=order.id, by=by, actor="person:1")


async def now(market: Market, order: orders.Order) -> orders.Order:
    async with market.db.transaction() as tx:
        return (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).order


async def test_one_form_sent_eight_times_at_once_is_one_order(make_market: MakeMarket) -> None:
    market = await make_market()
    hold_id, shopper = await market.hold()

    placed = await asyncio.gather(*(complete(market, hold_id, shopper) for _ in range(8)))

    assert len({(order.id, order.number) for order in placed}) == 1
    assert len(await market.facts("orders.order_placed")) == 1
    assert await market.left() == 9
    await market.assert_sound()


async def test_two_forms_for_one_purchase_one_is_refused(make_market: MakeMarket) -> None:
    market = await make_market()
    hold_id, shopper = await market.hold()

    told = await outcomes(
        complete(market, hold_id, shopper), complete(market, hold_id, shopper, name="Somebody else")
    )

    assert told == ["ok", "orders.key_reused"]
    await market.assert_sound()


async def test_refunds_at_once_never_give_more_than_was_paid(make_market: MakeMarket) -> None:
    market = await make_market()
    order, _ = await market.paid()

    async def give_back() -> None:
        async with market.db.transaction() as tx:
            await orders.refund(
                tx,
                shop_id=market.shop_id,
                order_id=order.id,
                amount=Money(PRICE // 2 + 1, "CNY"),
                refund_id=uuid4(),
                note="",
                actor="person:1",
            )

    assert await outcomes(*(give_back() for _ in range(6))) == ["ok", *["orders.over_refund"] * 5]
    assert (await now(market, order)).refund_granted_minor == PRICE // 2 + 1
    await market.assert_sound()


async def test_a_payment_marked_by_two_people_is_one_payment(make_market: MakeMarket) -> None:
    market = await make_market()
    order, _ = await market.order()

    told = await outcomes(*(pay(market, order) for _ in range(4)))

    assert told == ["ok", *["orders.already_paid"] * 3]
    assert (await now(market, order)).charged_minor == PRICE
    assert len(await market.facts("orders.order_paid")) == 1


@pytest.mark.parametrize("by", [Party.BUYER, Party.MERCHANT])
async def test_cancelling_while_the_money_arrives(make_market: MakeMarket, by: Party) -> None:
    """Either the money was first (then a buyer can no longer cancel), or it is owed back."""
    market = await make_market()
    for _ in range(6):
        order, _ = await market.order()

        await outcomes(cancel(market, order, by), pay(market, order))

        after = await now(market, order)
        if after.status == "cancelled":
            assert after.refund_granted_minor == after.charged_minor == PRICE
            assert await market.hold_state(order.hold_id) is stock.HoldState.RELEASED
        else:
            assert (after.status, after.refund_granted_minor) == ("paid", 0)
            assert await market.hold_state(order.hold_id) is stock.HoldState.ALLOCATED
    await market.assert_sound()


async def test_expiry_racing_the_checkout_of_the_last_unit(make_market: MakeMarket) -> None:
    """Whoever comes first: the buyer has the unit, or it is free for the next; never both."""
    for _ in range(6):
        market = await make_market(1)
        hold_id, shopper = await market.hold()
        await market.make_overdue(hold_id)
        other = uuid4()

        async def rival(market: Market = market, other: UUID = other) -> None:
            await market.expire()
            taken, _ = await market.hold(buyer=other)
            await complete(market, taken, other)

        results = await asyncio.gather(complete(market, hold_id, shopper), rival(), return_exceptions=True)

        placed = await market.facts("orders.order_placed")
        mine = [fact for fact in placed if fact["shop_id"] == market.shop_id]
        assert len(mine) == 1, results
        assert await market.left() == 0
        await market.assert_sound()


async def test_the_sweeper_racing_the_payment(make_market: MakeMarket) -> None:
    market = await make_market(1)
    for _ in range(4):
        order, _ = await market.order()
        async with market.db.transaction() as tx:
            await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 hour'")

        await asyncio.gather(orders.sweep(market.db), orders.sweep(market.db), pay(market, order))

        after = await now(market, order)
        assert (after.status, after.charged_minor, after.refund_granted_minor) == ("paid", PRICE, 0)
        assert await market.left() == 0
        await cancel(market, order, Party.MERCHANT)
        assert await market.left() == 1
    await market.assert_sound()


async def test_two_late_payments_for_one_unit(make_market: MakeMarket) -> None:
    market = await make_market(2)
    fallen = [(await market.order())[0] for _ in range(2)]
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 hour'")
    await orders.sweep(market.db)
    await market.order()

    await asyncio.gather(*(pay(market, order) for order in fallen))

    after = [await now(market, order) for order in fallen]
    assert sorted((order.status.value, order.refund_owed_minor) for order in after) == [
        ("cancelled", PRICE),
        ("paid", 0),
    ]
    await market.assert_sound()


async def test_one_buyer_joining_twice_at_once_has_one_place(make_market: MakeMarket) -> None:
    market = await make_market(1)
    await market.order()
    buyer = uuid4()

    async def join() -> purchases.Waiting:
        async with market.db.transaction() as tx:
            return await purchases.join(
                tx,
                shop_id=market.shop_id,
                variant_id=market.variants[0],
                buyer=buyer,
                offer_id=market.offer_id,
            )

    places = await asyncio.gather(*(join() for _ in range(5)))

    assert len({place.id for place in places}) == 1


async def test_releases_at_once_serve_everybody_in_line_once(make_market: MakeMarket) -> None:
    market = await make_market(5)
    placed = [(await market.order())[0] for _ in range(5)]
    buyers = [uuid4() for _ in range(4)]
    for buyer in buyers:
        async with market.db.transaction() as tx:
            await purchases.join(
                tx,
                shop_id=market.shop_id,
                variant_id=market.variants[0],
                buyer=buyer,
                offer_id=market.offer_id,
            )

    await asyncio.gather(*(cancel(market, order, Party.MERCHANT) for order in placed))
    async with market.db.transaction() as tx:
        await purchases.serve(
            tx, shop_id=market.shop_id, pool_id=market.pool_id, variant_ids=[market.variants[0]]
        )
        states = [(await purchases.places(tx, buyer=buyer))[0].state for buyer in buyers]

    assert states == ["offered"] * 4
    assert await market.left() == 1
    await market.assert_sound()


def _elsewhere(dsn: str, shop_id: int, hold_id: str, shopper: str, results: Any) -> None:
    """Another process with its own pool sends the same form."""

    async def run() -> None:
        db = Database(dsn, 2)
        await db.open()
        order = await orders.complete(
            db, shop_id=shop_id, hold_id=UUID(hold_id), shopper=UUID(shopper), form=form()
        )
        results.put((str(order.id), order.number))
        await db.close()

    asyncio.run(run())


async def test_the_same_form_from_three_processes_is_one_order(make_market: MakeMarket, dsn: str) -> None:
    market = await make_market()
    hold_id, shopper = await market.hold()
    spawn = multiprocessing.get_context("fork")
    results: Any = spawn.Queue()

    processes = [
        spawn.Process(target=_elsewhere, args=(dsn, market.shop_id, str(hold_id), str(shopper), results))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    told = {await asyncio.to_thread(results.get, timeout=30) for _ in processes}
    for process in processes:
        await asyncio.to_thread(process.join, 10)

    assert len(told) == 1
    assert len(await market.facts("orders.order_placed")) == 1
    await market.assert_sound()
