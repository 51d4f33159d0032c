"""What is ordered later leaves in the parcel of the first order, and shipping is charged once."""

from typing import Any
from uuid import UUID

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import fulfilment, orders, policies, warehouse
from shopfloor.fulfilment import Delivery
from shopfloor.orders import Address, Party, packing, refusals
from shopfloor.policies import ShopTerms

SHIPPING = 1_500


@pytest.fixture
async def market(make_market: MakeMarket) -> Market:
    made = await make_market()
    await set_terms(made)
    return made


async def set_terms(market: Market, *, together_hours: int = 24) -> None:
    terms = ShopTerms(shipping_minor=SHIPPING, together_hours=together_hours)
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=terms)


async def again(market: Market, buyer: UUID, **changes: Any) -> orders.Order:
    hold_id, _ = await market.hold(buyer=buyer)
    return await market.complete(hold_id, buyer, **changes)


async def offered(market: Market, buyer: UUID) -> list[str]:
    """The ways of delivery of what this buyer takes next, with their totals."""
    hold_id, _ = await market.hold(buyer=buyer, variant=1)
    async with market.db.transaction() as tx:
        seen = await orders.begin_checkout(tx, shop_id=market.shop_id, hold_id=hold_id, shopper=buyer)
    return [f"{way.field} {way.totals.total.minor}" for way in seen.quote.ways]


ALONE = [f"ship {PRICE + SHIPPING}", f"pick_up {PRICE}"]
TOGETHER = [f"ship_join {PRICE}", *ALONE]


async def test_shipping_is_charged_once_and_the_address_is_that_of_the_first(market: Market) -> None:
    first, buyer = await market.order()
    ways = await offered(market, buyer)

    second = await again(market, buyer, shipping_method="join", address=None, expected_total_minor=PRICE)
    third = await again(market, buyer, shipping_method="join", address=None)

    assert ways == TOGETHER
    assert (first.total_minor, second.total_minor, third.total_minor) == (PRICE + SHIPPING, PRICE, PRICE)
    assert (second.joins_order_id, third.joins_order_id) == (first.id, first.id)
    assert second.address == first.address
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=second.id)
    assert [each.number for each in view.together] == [first.number, third.number]
    await market.assert_sound()


async def test_nobody_joins_unless_they_choose_to(market: Market) -> None:
    _, buyer = await market.order()

    second = await again(market, buyer, address=Address(street="1 Other Road", city="Ningbo"))

    assert (second.total_minor, second.joins_order_id) == (PRICE + SHIPPING, None)
    assert second.address is not None
    assert second.address["street"] == "1 Other Road"


async def test_the_same_form_again_finds_the_same_order(market: Market) -> None:
    _, buyer = await market.order()
    hold_id, _ = await market.hold(buyer=buyer)

    second = await market.complete(hold_id, buyer, shipping_method="join", address=None)
    same = await market.complete(hold_id, buyer, shipping_method="join", address=None)

    assert same.id == second.id


async def test_another_browser_joins_nothing(market: Market) -> None:
    await market.order()
    hold_id, stranger = await market.hold()

    with pytest.raises(refusals.FormRefused) as refusal:
        await market.complete(hold_id, stranger, shipping_method="join", address=None)

    assert refusal.value.facts == {"fields": {"delivery": "parcel_gone"}}
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM orders.orders") == 1


@pytest.mark.parametrize("reason", ["picked up", "cancelled", "switched off", "packed"])
async def test_when_there_is_no_parcel_to_join(market: Market, reason: str) -> None:
    if reason == "picked up":
        _, buyer = await market.order(delivery=Delivery.PICK_UP, method="cash")
    elif reason == "packed":
        first, buyer = await market.paid()
        async with market.db.transaction() as tx:
            await orders.HEARD["parcels"][orders.OrderPlaced](
                tx, type("Fact", (), {"shop_id": market.shop_id, "order_id": first.id})()
            )
            [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=first.id)
        assert await offered(market, buyer) == TOGETHER
        async with market.db.transaction() as tx:
            await fulfilment.step(
                tx,
                shop_id=market.shop_id,
                parcel_ids=[parcel.id],
                to=fulfilment.State.PACKED,
                actor="person:1",
            )
    else:
        first, buyer = await market.order()
        if reason == "cancelled":
            async with market.db.transaction() as tx:
                await orders.cancel(
                    tx,
                    shop_id=market.shop_id,
                    order_id=first.id,
                    by=Party.MERCHANT,
                    actor="person:1",
                    note="",
                )
        else:
            await set_terms(market, together_hours=0)

    assert await offered(market, buyer) == ALONE
    with pytest.raises(refusals.FormRefused):
        await again(market, buyer, shipping_method="join", address=None)
    await market.assert_sound()


@pytest.mark.parametrize(
    ("show_ended", "placed", "ways"),
    [
        (None, 300, TOGETHER),
        (23, 30, TOGETHER),
        (25, 30, ALONE),
        (25, 23, TOGETHER),
    ],
)
async def test_a_parcel_waits_until_so_long_after_its_show(
    market: Market, show_ended: int | None, placed: int, ways: list[str]
) -> None:
    _, buyer = await market.order()
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET placed_at = now() - make_interval(hours => %(hours)s)", hours=placed
        )
        if show_ended is not None:
            await tx.run(
                """
                UPDATE live.show SET status = 'ended', started_at = now() - interval '40 hours',
                       ended_at = now() - make_interval(hours => %(hours)s)
                """,
                hours=show_ended,
            )

    assert await offered(market, buyer) == ways


# ── in one box ────────────────────────────────────────────────────────────────────────────────────────────

ME = "person:1"


async def planned(market: Market, order: orders.Order) -> fulfilment.Parcel:
    async with market.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)
        [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    return parcel


async def paid(market: Market, order: orders.Order) -> fulfilment.Parcel:
    """It is paid; its parcel."""
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME)
    return await planned(market, order)


async def box_of(market: Market, parcel: fulfilment.Parcel) -> list[str]:
    async with market.db.transaction() as tx:
        found = await fulfilment.boxes.members(tx, shop_id=market.shop_id, parcel_id=parcel.id)
    return [each.number for each in found]


async def put(market: Market, parcel: fulfilment.Parcel, number: str) -> None:
    async with market.db.transaction() as tx:
        await warehouse.put_together(tx, shop_id=market.shop_id, parcel_id=parcel.id, number=number, actor=ME)


async def two_of_one(market: Market) -> tuple[fulfilment.Parcel, fulfilment.Parcel]:
    """Parcels of two orders of one buyer to one address, each in a box of its own."""
    first, buyer = await market.order()
    return await paid(market, first), await paid(market, await again(market, buyer))


@pytest.mark.parametrize("paid_first", [0, 1])
async def test_orders_that_join_leave_in_one_box_with_one_number(market: Market, paid_first: int) -> None:
    first, buyer = await market.order()
    second = await again(market, buyer, shipping_method="join", address=None)
    both = [first, second]
    parcels = {}
    for order in (both[paid_first], both[1 - paid_first]):
        parcels[order.id] = await paid(market, order)

    numbers = [f"{first.number}-P1", f"{second.number}-P1"]
    assert await box_of(market, parcels[first.id]) == await box_of(market, parcels[second.id]) == numbers
    async with market.db.transaction() as tx:
        rows = await warehouse.carrier_list(
            tx, shop_id=market.shop_id, ids=[each.id for each in parcels.values()], encoding="utf-8"
        )
        await orders.shipping.send_parcel(
            tx,
            shop_id=market.shop_id,
            parcel_id=parcels[second.id].id,
            actor=ME,
            carrier="SF",
            tracking="SF123",
        )
        sent = await fulfilment.of_orders(tx, shop_id=market.shop_id, order_ids=[first.id, second.id])
    assert len(rows.decode("utf-8-sig").strip().splitlines()) == 2
    assert {(each.state, each.tracking) for each in sent} == {(fulfilment.State.SHIPPED, "SF123")}
    assert len(await market.facts("fulfilment.parcel_shipped")) == 2
    await market.assert_sound()


async def test_packing_one_packs_the_box_and_closes_it(market: Market) -> None:
    one, other = await two_of_one(market)
    await put(market, other, one.number)

    async with market.db.transaction() as tx:
        await fulfilment.step(
            tx, shop_id=market.shop_id, parcel_ids=[one.id], to=fulfilment.State.PACKED, actor=ME
        )
        states = [
            each.state
            for each in await fulfilment.parcels(tx, shop_id=market.shop_id, ids=[one.id, other.id])
        ]

    assert states == [fulfilment.State.PACKED] * 2
    with pytest.raises(fulfilment.WrongStep):
        async with market.db.transaction() as tx:
            await fulfilment.boxes.take_apart(tx, shop_id=market.shop_id, parcel_id=other.id, actor=ME)
    assert await box_of(market, one) == [one.number, other.number]


async def test_by_hand_into_one_box_and_out_of_it(market: Market) -> None:
    one, other = await two_of_one(market)
    async with market.db.transaction() as tx:
        offered = await warehouse.may_go_with(tx, shop_id=market.shop_id, parcel_id=other.id)
    assert [each.number for each in offered] == [one.number]

    await put(market, other, one.number)
    await put(market, one, other.number)
    assert await box_of(market, one) == [one.number, other.number]

    async with market.db.transaction() as tx:
        await fulfilment.boxes.take_apart(tx, shop_id=market.shop_id, parcel_id=one.id, actor=ME)
    assert (await box_of(market, one), await box_of(market, other)) == ([one.number], [other.number])


async def test_a_box_keeps_the_rest_when_the_first_order_falls(market: Market) -> None:
    one, other = await two_of_one(market)
    third = await paid(market, await again(market, (await view_buyer(market, one)), method="transfer"))
    await put(market, other, one.number)
    await put(market, third, one.number)

    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=one.order_id, by=Party.MERCHANT, actor=ME, note=""
        )

    assert await box_of(market, other) == [other.number, third.number]
    await market.assert_sound()


async def view_buyer(market: Market, parcel: fulfilment.Parcel) -> UUID:
    async with market.db.transaction() as tx:
        return (await orders.order(tx, shop_id=market.shop_id, order_id=parcel.order_id)).order.buyer


async def test_to_another_address_nothing_goes_in_one_box(market: Market) -> None:
    first, buyer = await market.order()
    elsewhere = await again(market, buyer, address=Address(street="1 Other Road", city="Ningbo"))
    one, other = await paid(market, first), await paid(market, elsewhere)

    with pytest.raises(fulfilment.NotTogether):
        await put(market, other, one.number)
    with pytest.raises(fulfilment.ParcelNotFound):
        await put(market, other, "77777-P1")

    async with market.db.transaction() as tx:
        assert await warehouse.may_go_with(tx, shop_id=market.shop_id, parcel_id=other.id) == []
    assert await box_of(market, one) == [one.number]
