"""What is ordered later leaves in the parcel of the first order, and shipping is charged once."""

from uuid import UUID

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import fulfilment, orders, policies
from shopfloor.orders import Address, Delivery, Party, refusals
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


async def again(market: Market, buyer: UUID, **changes: object) -> orders.Order:
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
            await orders.PLANS_PARCELS[orders.OrderPlaced](
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
        await tx.run(
            "UPDATE live.show SET ended_at = now() - make_interval(hours => %(hours)s)", hours=show_ended
        )

    assert await offered(market, buyer) == ways
