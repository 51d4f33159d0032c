"""What comes in, as the whole house hears it: presales become ready or late, and who waits is served."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import inventory, orders, purchases, stock, wiring
from shopfloor.kernel import outbox
from shopfloor.kernel.values import Money, now
from shopfloor.orders.models import OrderLine

SOON = now().date() + timedelta(days=10)
LATER = SOON + timedelta(days=7)


async def hear(market: Market) -> None:
    """What the worker does with the facts that were recorded."""
    for name, handlers in (("waitlist", wiring.SERVES_THE_WAITLIST), ("presales", orders.HEARD["presales"])):
        while await outbox.deliver(market.db, outbox.each(name, handlers)):
            pass


async def announce(market: Market, quantity: int, ready_on: date, source: str = f"po/{SOON}") -> None:
    async with market.db.transaction() as tx:
        await inventory.announce_lot(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            location_id=market.location_id,
            quantity=quantity,
            ready_on=ready_on,
            kind=inventory.LotKind.INCOMING,
            source=source,
        )


async def arrive(market: Market, quantity: int) -> None:
    async with market.db.transaction() as tx:
        await inventory.lot_arrived(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            location_id=market.location_id,
            source=f"po/{SOON}",
            quantity=quantity,
        )


async def receive(market: Market, quantity: int) -> None:
    async with market.db.transaction() as tx:
        await inventory.receive(
            tx,
            shop_id=market.shop_id,
            location_id=market.location_id,
            variant_id=market.variants[0],
            quantity=quantity,
        )


async def line_of(market: Market, order: orders.Order) -> OrderLine:
    async with market.db.transaction() as tx:
        [line] = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines
    return line


async def pay(market: Market, order: orders.Order, minor: int) -> None:
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(minor, "CNY"), actor="person:1"
        )


async def join(market: Market, buyer: UUID) -> purchases.Waiting:
    async with market.db.transaction() as tx:
        return await purchases.join(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            buyer=buyer,
            offer_id=market.offer_id,
        )


async def place(market: Market, buyer: UUID) -> purchases.Waiting:
    async with market.db.transaction() as tx:
        [found] = await purchases.places(tx, buyer=buyer, shop_id=market.shop_id)
    return found


@pytest.fixture
async def presale(make_market: MakeMarket) -> Market:
    """Nothing on the shelf, five units ready soon, 30 % deposit."""
    return await make_market(0, later={SOON: 5}, deposit_percent=30)


async def test_a_lot_that_arrives_asks_for_the_balance(presale: Market) -> None:
    order, _ = await presale.order()
    await pay(presale, order, 3_870)

    await arrive(presale, 5)
    await hear(presale)

    assert (await line_of(presale, order)).is_ready
    [asked] = await presale.facts("orders.balance_requested")
    assert (asked["order_id"], asked["amount_minor"]) == (str(order.id), PRICE - 3_870)


async def test_where_fewer_come_than_were_sold_the_first_buyers_have_them(presale: Market) -> None:
    first, _ = await presale.order(quantity=2)
    second, _ = await presale.order(quantity=2)

    await arrive(presale, 3)
    await hear(presale)
    assert (await line_of(presale, first)).is_ready
    assert not (await line_of(presale, second)).is_ready

    await receive(presale, 1)
    await hear(presale)
    assert (await line_of(presale, second)).is_ready
    await presale.assert_sound()


async def test_a_lot_that_is_put_off_lets_its_buyers_choose_and_nobody_else(presale: Market) -> None:
    await announce(presale, 1, SOON, source="another")
    ours, _ = await presale.order(quantity=5)
    others, _ = await presale.order(quantity=1)

    await announce(presale, 5, LATER)
    await hear(presale)

    assert (await line_of(presale, ours)).delayed_to == LATER
    assert (await line_of(presale, others)).delayed_to is None
    [told] = await presale.facts("orders.delivery_delayed")
    assert (told["order_id"], told["promised_on"], told["delayed_to"]) == (
        str(ours.id),
        SOON.isoformat(),
        LATER.isoformat(),
    )


async def test_a_lot_that_comes_sooner_delays_nobody(presale: Market) -> None:
    order, _ = await presale.order()

    await announce(presale, 5, SOON - timedelta(days=2))
    await hear(presale)

    assert (await line_of(presale, order)).delayed_to is None
    assert await presale.facts("stock.lot_delayed") == []


@pytest.mark.parametrize("way", ["received", "found", "counted", "announced"])
async def test_units_that_come_in_by_any_way_go_to_the_head_of_the_line(
    make_market: MakeMarket, way: str
) -> None:
    market = await make_market(1)
    await market.hold()
    ann, bo = uuid4(), uuid4()
    await join(market, ann)
    await join(market, bo)

    place_of: dict[str, Any] = {
        "shop_id": market.shop_id,
        "location_id": market.location_id,
        "variant_id": market.variants[0],
    }
    if way == "announced":
        await announce(market, 1, SOON)
    else:
        async with market.db.transaction() as tx:
            if way == "received":
                await inventory.receive(tx, **place_of, quantity=1)
            elif way == "found":
                await inventory.adjust(tx, **place_of, by=1, reason="found")
            else:
                await inventory.count(tx, **place_of, seen=1, counted=2)
    await hear(market)

    head, second = await place(market, ann), await place(market, bo)
    assert (head.state, second.state, second.position) == ("offered", "waiting", 1)
    assert head.hold_id is not None
    assert await market.hold_state(head.hold_id) is stock.HoldState.HELD
    await market.assert_sound()


async def test_what_a_show_gives_back_at_its_end_goes_to_the_head_of_the_line(
    make_market: MakeMarket,
) -> None:
    market = await make_market(1)
    hold_id, _ = await market.hold()
    ann = uuid4()
    await join(market, ann)
    async with market.db.transaction() as tx:
        await inventory.receive(
            tx,
            shop_id=market.shop_id,
            location_id=market.location_id,
            variant_id=market.variants[0],
            quantity=1,
            pool_id=market.pool_id,
        )
        await stock.close_show_pool(tx, shop_id=market.shop_id, show_id=market.show_id)
    await hear(market)

    served = await place(market, ann)
    assert served.state == "offered"
    assert await market.hold_state(hold_id) is stock.HoldState.HELD
    await market.assert_sound()
