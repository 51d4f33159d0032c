"""Refunds that need a second person: nothing leaves before, one person decides once, and never over their own request."""

import asyncio
from uuid import UUID

import pytest
from tests.orders.conftest import PRICE, Market
from tests.orders.test_orders_disputes import connected, paid_online

from shopfloor import approvals, orders, payment_refunds
from shopfloor.accounts import PERMISSIONS, Permission
from shopfloor.approvals import service
from shopfloor.kernel.values import Money, new_id
from shopfloor.orders import Order


async def member(market: Market, name: str, role: str = "owner", email: str = "") -> int:
    async with market.db.transaction() as tx:
        person: int = await tx.value(
            "INSERT INTO accounts.person (email, name, password_hash) VALUES (%(email)s, %(name)s, '') RETURNING id",
            email=email or f"{name}@garden.test",
            name=name,
        )
        await tx.run(
            "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop)s, %(person)s, %(role)s)",
            shop=market.shop_id,
            person=person,
            role=role,
        )
    return person


async def limit(market: Market, minor: int | None) -> None:
    async with market.db.transaction() as tx:
        await approvals.set_refund_limit(tx, shop_id=market.shop_id, limit_minor=minor, person_id=1)


async def refund(
    market: Market, order: Order, minor: int, person: int, refund_id: UUID | None = None
) -> Order:
    async with market.db.transaction() as tx:
        return await orders.refund(
            tx,
            shop_id=market.shop_id,
            order_id=order.id,
            amount=Money(minor, "CNY"),
            refund_id=refund_id or new_id(),
            note="late",
            actor=f"person:{person}",
        )


async def confirm(market: Market, request: approvals.Request, person: int) -> Order:
    async with market.db.transaction() as tx:
        return (
            await orders.confirm_refund(tx, shop_id=market.shop_id, request_id=request.id, person_id=person)
        )[0]


async def waiting(market: Market) -> list[approvals.Request]:
    async with market.db.transaction() as tx:
        return await approvals.waiting(tx, shop_id=market.shop_id)


async def test_above_the_limit_somebody_else_confirms_and_only_then_it_is_owed(market: Market) -> None:
    ann, ben = await member(market, "ann"), await member(market, "ben", "merchandiser")
    await limit(market, 5_000)
    order, _ = await market.paid()
    assert (await refund(market, order, 5_000, ann)).refund_granted_minor == 5_000

    # One more would pass it: the limit is for the order, not for each step.
    refund_id = new_id()
    for _ in range(2):
        assert (await refund(market, order, 1, ann, refund_id)).refund_granted_minor == 5_000

    [asked] = await waiting(market)
    assert (asked.why, asked.amount_minor, asked.asked_by_name, asked.note) == ("limit", 1, "ann", "late")
    assert len(await market.facts("approvals.refund_asked")) == 1
    with pytest.raises(approvals.OwnRequest):
        await confirm(market, asked, ann)
    assert await waiting(market) == [asked]
    assert len(await market.facts("orders.order_refunded")) == 1

    assert (await confirm(market, asked, ben)).refund_granted_minor == 5_001

    assert await waiting(market) == []
    with pytest.raises(approvals.AlreadyDecided):
        await confirm(market, asked, ben)
    assert (await refund(market, order, 1, ann, refund_id)).refund_granted_minor == 5_001
    await market.assert_sound()


async def test_two_who_confirm_at_once_refund_once(market: Market) -> None:
    ann = await member(market, "ann")
    others = [await member(market, name) for name in ("ben", "cai", "dan")]
    await limit(market, 0)
    order, _ = await market.paid()
    await refund(market, order, PRICE, ann)
    [asked] = await waiting(market)

    done = await asyncio.gather(*(confirm(market, asked, each) for each in others), return_exceptions=True)

    assert sum(isinstance(each, Order) for each in done) == 1
    assert sum(isinstance(each, approvals.AlreadyDecided) for each in done) == 2
    assert len(await market.facts("orders.order_refunded")) == 1
    async with market.db.transaction() as tx:
        after = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).order
    assert after.refund_granted_minor == PRICE
    await market.assert_sound()


async def test_confirming_and_declining_at_once_is_one_of_them(market: Market) -> None:
    ann, ben, cai = [await member(market, name) for name in ("ann", "ben", "cai")]
    await limit(market, 0)
    order, _ = await market.paid()
    await refund(market, order, PRICE, ann)
    [asked] = await waiting(market)

    async def decline() -> approvals.Request:
        async with market.db.transaction() as tx:
            return await approvals.decline(tx, shop_id=market.shop_id, request_id=asked.id, person_id=cai)

    done = await asyncio.gather(confirm(market, asked, ben), decline(), return_exceptions=True)

    assert sum(isinstance(each, approvals.AlreadyDecided) for each in done) == 1
    granted = isinstance(done[0], Order)
    assert len(await market.facts("orders.order_refunded")) == int(granted)
    await market.assert_sound()


async def test_a_members_own_order_needs_somebody_who_is_not_that_member(market: Market) -> None:
    ann = await member(market, "ann")
    mei = await member(market, "mei", "merchandiser", email="mei@example.com")
    ben = await member(market, "ben")
    order, _ = await market.order(email="MEI@Example.com")
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=f"person:{ben}"
        )

    assert (await refund(market, order, 100, ann)).refund_granted_minor == 0

    [asked] = await waiting(market)
    assert asked.why == "own_order"
    with pytest.raises(approvals.OwnRequest):
        await confirm(market, asked, mei)
    assert (await confirm(market, asked, ben)).refund_granted_minor == 100
    await market.assert_sound()


async def test_what_came_online_and_is_said_to_have_gone_another_way_needs_somebody(market: Market) -> None:
    ann, ben = await member(market, "ann"), await member(market, "ben")
    account = await connected(market)
    order = await paid_online(market, account)
    refund_id = new_id()
    assert (await refund(market, order, 500, ann, refund_id)).refund_granted_minor == 500

    async def mark(person: int) -> Order:
        async with market.db.transaction() as tx:
            return await orders.mark_refunded(
                tx, shop_id=market.shop_id, order_id=order.id, refund_id=refund_id, actor=f"person:{person}"
            )

    assert (await mark(ann)).refunded_minor == 0

    [asked] = await waiting(market)
    assert (asked.kind, asked.why, asked.amount_minor) == ("by_hand", "other_instrument", 500)
    assert (await confirm(market, asked, ben)).refunded_minor == 500
    assert (await mark(ann)).refunded_minor == 500
    assert await waiting(market) == []
    await market.assert_sound()


async def test_money_that_came_by_hand_goes_by_hand(market: Market) -> None:
    ann = await member(market, "ann")
    await member(market, "ben")
    order, _ = await market.paid()
    refund_id = new_id()
    await refund(market, order, 500, ann, refund_id)

    async with market.db.transaction() as tx:
        marked = await orders.mark_refunded(
            tx, shop_id=market.shop_id, order_id=order.id, refund_id=refund_id, actor=f"person:{ann}"
        )

    assert marked.refunded_minor == 500
    assert await waiting(market) == []


@pytest.mark.parametrize("others", [[], ["host"], ["finance"]])
async def test_where_nobody_else_could_confirm_nothing_waits(market: Market, others: list[str]) -> None:
    ann = await member(market, "ann")
    for role in others:
        await member(market, role, role)
    await limit(market, 0)
    order, _ = await market.paid()

    assert (await refund(market, order, PRICE, ann)).refund_granted_minor == PRICE
    assert await waiting(market) == []


async def test_cancelling_is_no_way_around_it_and_what_the_shop_itself_owes_does_not_wait(
    market: Market,
) -> None:
    ann, ben = await member(market, "ann"), await member(market, "ben")
    await limit(market, 0)
    order, _ = await market.paid()
    other, shopper = await market.order()

    async with market.db.transaction() as tx:
        fallen = await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.MERCHANT, actor=f"person:{ann}"
        )
    assert (fallen.status, fallen.refund_granted_minor) == ("cancelled", 0)
    [asked] = await waiting(market)
    assert (await confirm(market, asked, ben)).refund_granted_minor == PRICE

    # Money that comes for an order that was cancelled goes back by itself.
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=other.id, by=orders.Party.MERCHANT, actor=f"person:{ann}"
        )
        late = await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=other.id, amount=other.total, actor=f"person:{ann}"
        )
    assert shopper
    assert late.refund_granted_minor == PRICE
    await market.assert_sound()


async def test_what_is_left_by_then_is_what_can_be_confirmed(market: Market) -> None:
    ann, ben = await member(market, "ann"), await member(market, "ben")
    await limit(market, 0)
    order, _ = await market.paid()
    await refund(market, order, PRICE, ann)
    await refund(market, order, PRICE, ann)
    first, second = await waiting(market)
    await confirm(market, first, ben)

    with pytest.raises(payment_refunds.OverRefund):
        await confirm(market, second, ben)

    assert await waiting(market) == [second]
    async with market.db.transaction() as tx:
        await approvals.decline(tx, shop_id=market.shop_id, request_id=second.id, person_id=ann)
    assert await waiting(market) == []
    await market.assert_sound()


async def test_another_shops_request_is_not_there(market: Market) -> None:
    ann, ben = await member(market, "ann"), await member(market, "ben")
    await limit(market, 0)
    order, _ = await market.paid()
    await refund(market, order, 1, ann)
    [asked] = await waiting(market)

    async with market.db.transaction() as tx:
        with pytest.raises(approvals.RequestNotFound):
            await orders.confirm_refund(tx, shop_id=market.shop_id + 1, request_id=asked.id, person_id=ben)
    assert await waiting(market) == [asked]


def test_who_may_confirm_is_who_manages_orders() -> None:
    may = {role for role, permissions in PERMISSIONS.items() if Permission.ORDERS_MANAGE in permissions}

    assert may == service.MANAGE_ORDERS


async def test_a_request_is_found_under_its_own_order_only(market: Market) -> None:
    ann, ben = await member(market, "ann"), await member(market, "ben")
    await limit(market, 0)
    order, _ = await market.paid()
    other, _ = await market.paid()
    await refund(market, order, 1, ann)
    [asked] = await waiting(market)

    async with market.db.transaction() as tx:
        with pytest.raises(approvals.RequestNotFound):
            await orders.confirm_refund(
                tx, shop_id=market.shop_id, request_id=asked.id, person_id=ben, order_id=other.id
            )
        with pytest.raises(approvals.RequestNotFound):
            await approvals.decline(
                tx, shop_id=market.shop_id, request_id=asked.id, person_id=ben, order_id=other.id
            )
    assert await waiting(market) == [asked]
