"""What is bought in a show is paid when it is over, by buyers the shop knows; and one basket on several devices."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form

from shopfloor import audit, customers, live, orders, policies, purchases, run_of_show, stock
from shopfloor.orders import baskets, checkout
from shopfloor.policies import ShopTerms

MINUTES, UNITS = 30, 3


@pytest.fixture
async def market(make_market: MakeMarket) -> Market:
    """A show on air whose buyers pay at the end."""
    made = await make_market(start=False)
    async with made.db.transaction() as tx:
        terms = ShopTerms(pay_after_minutes=MINUTES, unpaid_units=UNITS)
        await policies.set_shop_terms(tx, shop_id=made.shop_id, terms=terms)
        show = await run_of_show.start_show(tx, shop_id=made.shop_id, show_id=made.show_id)
    assert show.pool_id is not None
    return Market(
        made.db, made.shop_id, made.product_id, made.variants, made.location_id, made.show_id, made.offer_id,
        show.pool_id,
    )  # fmt: skip


async def known(market: Market) -> UUID:
    buyer = uuid4()
    async with market.db.transaction() as tx:
        await stock.paid(tx, shop_id=market.shop_id, hold_ids=[], buyers=[buyer])
    return buyer


async def buy(market: Market, buyer: UUID, units: int = 1, variant: int = 0) -> stock.Held:
    """As the door does it, from the terms it has read."""
    terms = await purchases.loader(market.db)(market.offer_id)
    assert terms is not None
    request = stock.Request(
        id=uuid4(), shop_id=market.shop_id, pool_id=market.pool_id, buyer=buyer,
        lines=(stock.Line(market.variants[variant], units),), hold_seconds=terms.hold_seconds,
        offer_id=market.offer_id, show_id=market.show_id, unit_prices=(PRICE,), network=7,
        default_limit=terms.default_limit, keep_until=terms.keep_until, keep_most=terms.keep_most,
    )  # fmt: skip
    async with market.db.transaction() as tx:
        [answer] = await stock.reserve(tx, [request])
    assert isinstance(answer, stock.Held), answer
    return answer


async def end(market: Market) -> live.Show:
    async with market.db.transaction() as tx:
        return await run_of_show.end_show(tx, shop_id=market.shop_id, show_id=market.show_id)


async def until(market: Market, hold: stock.Held) -> datetime:
    async with market.db.transaction() as tx:
        return (await stock.hold(tx, shop_id=market.shop_id, hold_id=hold.id)).expires_at


async def look(market: Market, hold_id: UUID, buyer: UUID, *others: UUID) -> orders.Checkout:
    async with market.db.transaction() as tx:
        return await orders.begin_checkout(
            tx, shop_id=market.shop_id, hold_id=hold_id, shopper=buyer, also=None, others=others
        )


async def test_a_show_promises_what_was_set_when_it_went_on_air(market: Market) -> None:
    buyer = await known(market)
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=ShopTerms())
    hold = await buy(market, buyer)
    seen = await look(market, hold.id, buyer)
    show = await end(market)

    assert show.started_at is not None
    assert show.ended_at is not None
    assert hold.expires_at == show.started_at + timedelta(hours=12)
    assert seen.at_end == checkout.AtEnd(MINUTES, hold.expires_at)
    assert await until(market, hold) == show.ended_at + timedelta(minutes=MINUTES)
    assert (await look(market, hold.id, buyer)).at_end is None


async def test_the_basket_is_one_order_after_the_show(market: Market) -> None:
    """Four units: the ceiling is three, so the last has the time of its offer, and its lapse leaves the others."""
    buyer = await known(market)
    kept = [await buy(market, buyer, variant=variant) for variant in (0, 1, 0)]
    late = await buy(market, buyer)
    await end(market)
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE stock.hold SET expires_at = now() - interval '1 second' WHERE id = %(id)s", id=late.id
        )
        await tx.run("UPDATE stock.timer SET due_at = now() - interval '1 second'")
    assert await market.expire() == 1
    seen = await look(market, kept[0].id, buyer)
    order = await market.complete(kept[0].id, buyer, also=[each.id for each in kept[1:]])

    assert late.expires_at < kept[0].expires_at - timedelta(hours=11)
    assert len({each.expires_at for each in kept}) == 1
    assert [(line.id, line.is_over) for line in seen.lines] == [(each.id, False) for each in kept]
    assert order.goods_minor == 3 * PRICE
    await market.assert_sound()


async def test_a_show_longer_than_the_limit_revives_nothing(market: Market) -> None:
    hold = await buy(market, await known(market))
    async with market.db.transaction() as tx:
        await tx.run("UPDATE live.show SET keep_until = keep_until - interval '13 hours'")
        await tx.run("UPDATE stock.hold SET expires_at = expires_at - interval '13 hours'")
    before = await until(market, hold)
    late = await buy(market, await known(market))
    await end(market)

    assert await until(market, hold) == before
    assert late.expires_at == await until(market, late)


async def test_signing_in_makes_a_buyer_known_and_joins_baskets(market: Market) -> None:
    phone, desk, stranger = uuid4(), uuid4(), uuid4()
    async with market.db.transaction() as tx:
        tokens = [
            (
                await customers.signing_in.sign_in(tx, shop_id=market.shop_id, contact=email, shopper=shopper)
            ).token
            for email, shopper in (
                ("mei@example.com", phone),
                ("mei@example.com", desk),
                ("other@example.com", stranger),
            )
        ]
        elsewhere = [
            await customers.signing_in.others(tx, shop_id=market.shop_id, token=token, shopper=shopper)
            for token, shopper in zip(tokens, (phone, desk, stranger), strict=True)
        ]
        nobody = await customers.signing_in.others(tx, shop_id=market.shop_id, token=None, shopper=phone)
        await customers.signing_in.sign_out(tx, shop_id=market.shop_id, token=tokens[0])
        left = await customers.signing_in.others(tx, shop_id=market.shop_id, token=tokens[1], shopper=desk)
        is_known = await stock.has_paid(tx, shop_id=market.shop_id, buyer=desk)

    assert elsewhere == [[desk], [phone], []]
    assert (nobody, left, is_known) == ([], [], True)


async def test_another_device_sees_and_orders_the_same_basket(market: Market) -> None:
    phone, desk = await known(market), await known(market)
    first, second = await buy(market, phone), await buy(market, desk, variant=1)
    seen = await look(market, first.id, desk, phone)
    async with market.db.transaction() as tx:
        order = await orders.prepare(
            tx, shop_id=market.shop_id, hold_id=second.id, shopper=desk, form=form(), also=[first.id],
            others=[phone],
        )  # fmt: skip

    # Once more on the phone, the same basket: it was ordered already, and nothing of it is anybody else's.
    with pytest.raises(orders.CheckoutNotFound):
        await look(market, second.id, uuid4())
    assert (await look(market, first.id, phone, desk)).order_id == order.order.id
    assert {line.id for line in seen.lines} == {first.id, second.id}
    assert (order.order.buyer, order.order.goods_minor) == (desk, 2 * PRICE)
    async with market.db.transaction() as tx:
        hold = await stock.hold(tx, shop_id=market.shop_id, hold_id=second.id)
    assert (hold.buyer, sum(part.quantity for part in hold.parts)) == (desk, 2)
    await market.assert_sound()


async def test_nobody_orders_a_stranger_s_basket(market: Market) -> None:
    mine, theirs = await known(market), await known(market)
    hold, other = await buy(market, mine), await buy(market, theirs)
    await look(market, other.id, theirs)
    with pytest.raises(orders.CheckoutNotFound):
        await market.complete(hold.id, mine, also=[other.id])
    with pytest.raises(orders.CheckoutNotFound):
        await look(market, other.id, mine, uuid4())

    async with market.db.transaction() as tx:
        assert (await stock.hold(tx, shop_id=market.shop_id, hold_id=other.id)).buyer == theirs
        assert await tx.value("SELECT count(*) FROM orders.orders") == 0


async def test_what_was_ordered_stays_with_who_ordered_it(market: Market) -> None:
    phone, desk = await known(market), await known(market)
    held = await buy(market, phone)
    order = await market.complete(held.id, phone)
    async with market.db.transaction() as tx:
        await baskets.adopt(tx, shop_id=market.shop_id, shopper=desk, others=[phone], hold_ids=[held.id])
        buyer = await tx.value("SELECT buyer FROM orders.checkout WHERE id = %(id)s", id=held.id)

    assert (order.buyer, buyer) == (phone, phone)


async def test_orders_of_one_account_leave_in_one_parcel(market: Market) -> None:
    phone, desk = await known(market), await known(market)
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=ShopTerms(shipping_minor=1_500))
    first = await market.complete((await buy(market, phone)).id, phone)
    second = await buy(market, desk)

    def ways(seen: orders.Checkout) -> list[str]:
        return [way.field for way in seen.quote.ways]

    assert ways(await look(market, second.id, desk)) == ["ship", "pick_up"]
    assert ways(await look(market, second.id, desk, phone)) == ["ship_join", "ship", "pick_up"]
    joined = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=second.id, shopper=desk, others=[phone],
        form=form(shipping_method="join", address=None),
    )  # fmt: skip
    assert (joined.joins_order_id, joined.total_minor) == (first.id, PRICE)


async def findings(market: Market) -> dict[str, tuple[str, ...]]:
    async with market.db.transaction() as tx:
        return {each.name: each.offending for each in await audit.paid_at_the_end(tx)}


async def test_the_audit_names_what_is_kept_against_the_rules(market: Market) -> None:
    buyer = await known(market)
    hold = await buy(market, buyer, units=UNITS)
    sound = await findings(market)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE live.show SET unpaid_units = 2")
        await tx.run("DELETE FROM stock.proven WHERE buyer = %(buyer)s", buyer=buyer)
    unknown, above, late = (await findings(market)).values()
    async with market.db.transaction() as tx:
        await tx.run("UPDATE live.show SET status = 'ended', ended_at = now()")

    assert [*sound.values()] == [(), (), ()]
    assert (unknown, above, late) == ((str(hold.id),), (f"{market.show_id} {buyer}",), ())
    assert (await findings(market))["nothing is kept for the end of a show that is over"] == (str(hold.id),)


async def messages(market: Market) -> list[tuple[str, str, dict[str, object]]]:
    """Kind, recipient and facts of what was told of baskets."""
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT kind, recipient, facts FROM notifications.notice WHERE kind = 'basket_due' ORDER BY recipient"
        )
        return [(kind, to, facts) for kind, to, facts in await cursor.fetchall()]


async def remind(market: Market) -> int:
    async with market.db.transaction() as tx:
        return await customers.baskets.remind(tx, shop_id=market.shop_id, show_id=market.show_id)


async def test_who_has_something_to_pay_is_told_when_the_show_ends(market: Market) -> None:
    """Once: the account, or whom the last order named; nobody while it is on air, nobody without an address."""
    signed_in, ordered, nameless = uuid4(), await known(market), await known(market)
    async with market.db.transaction() as tx:
        await customers.signing_in.sign_in(
            tx, shop_id=market.shop_id, contact="ann@example.com", shopper=signed_in
        )
    await market.complete((await buy(market, ordered)).id, ordered)
    for buyer in (signed_in, ordered, nameless):
        await buy(market, buyer, units=2)
    early = await remind(market)
    show = await end(market)
    told, again = await remind(market), await remind(market)

    found = await messages(market)
    assert (early, told, again) == (0, 2, 0)
    assert [to for _, to, _ in found] == ["ann@example.com", "mei@example.com"]
    facts = found[0][2]
    assert (facts["count"], facts["amount_minor"], facts["currency"]) == (2, 2 * PRICE, "CNY")
    assert show.ended_at is not None
    assert facts["due_at"] == (show.ended_at + timedelta(minutes=MINUTES)).isoformat()


async def test_the_link_pays_in_whichever_browser_it_is_opened(market: Market) -> None:
    buyer, other = uuid4(), uuid4()
    async with market.db.transaction() as tx:
        await customers.signing_in.sign_in(
            tx, shop_id=market.shop_id, contact="ann@example.com", shopper=buyer
        )
    holds = [await buy(market, buyer), await buy(market, buyer, variant=1)]
    await end(market)
    await remind(market)
    key = str((await messages(market))[0][2]["key"])
    async with market.db.transaction() as tx:
        opening = partial(customers.signing_in.others, tx, shop_id=market.shop_id, token=None, shopper=other)
        wrong, found, later = await opening(key="x" * 24), await opening(key=key), await opening()
    seen = await look(market, holds[0].id, other, *found)
    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=holds[0].id, shopper=other, form=form(), also=[holds[1].id],
        others=found,
    )  # fmt: skip

    assert (wrong, found, later) == ([], [buyer], [buyer])
    assert {line.id for line in seen.lines} == {each.id for each in holds}
    assert (order.buyer, order.goods_minor) == (other, 2 * PRICE)
    await market.assert_sound()


async def test_the_merchant_sees_who_has_not_paid_and_how_to_reach_them(market: Market) -> None:
    """An account in two browsers is one customer; who is known by a browser alone is counted too."""
    phone, desk, ordered, nameless = uuid4(), uuid4(), await known(market), await known(market)
    async with market.db.transaction() as tx:
        for browser in (phone, desk):
            opened = await customers.signing_in.sign_in(
                tx, shop_id=market.shop_id, contact="ann@example.com", shopper=browser
            )
    await market.complete((await buy(market, ordered)).id, ordered)
    for buyer, units, variant in ((phone, 1, 0), (desk, 1, 1), (ordered, 3, 0), (nameless, 1, 0)):
        await buy(market, buyer, units=units, variant=variant)
    async with market.db.transaction() as tx:
        show = await live.show(tx, shop_id=market.shop_id, show_id=market.show_id)
        found = await customers.baskets.unpaid(tx, shop_id=market.shop_id, show=show)

    assert [
        (
            each.contact and (each.contact.name, each.contact.email, each.contact.phone),
            each.units,
            each.amount_minor,
        )
        for each in found
    ] == [
        (("Lin Mei", "mei@example.com", "+86 139 1234 5678"), 3, 3 * PRICE),
        (("", "ann@example.com", ""), 2, 2 * PRICE),
        (None, 1, PRICE),
    ]
    assert found[1].contact is not None
    assert found[1].contact.customer_id == opened.customer.id


async def test_the_ceiling_is_that_of_the_account_on_all_its_devices(market: Market) -> None:
    phone, desk = uuid4(), uuid4()
    async with market.db.transaction() as tx:
        for browser in (phone, desk):
            await customers.signing_in.sign_in(
                tx, shop_id=market.shop_id, contact="ann@example.com", shopper=browser
            )
    kept = [await buy(market, phone, units=2), await buy(market, desk)]
    late = [await buy(market, desk), await buy(market, phone)]

    assert {each.expires_at for each in kept} == {kept[0].expires_at}
    assert all(each.expires_at < kept[0].expires_at - timedelta(hours=11) for each in late)
    await market.assert_sound()
