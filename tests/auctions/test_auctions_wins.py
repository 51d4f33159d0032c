"""What becomes of a win: paid, or passed over with a strike, and the next bidder is asked once."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.auctions.hall import (
    Person,
    codes,
    hear,
    later,
    now_of,
    opened,
    placed,
    sold,
    sound,
    units_of,
    wins_of,
)
from tests.orders.bank import Bank
from tests.orders.conftest import MakeMarket, Market, form, make_market

from shopfloor import auctions, inventory, orders, purchases, stock
from shopfloor.auctions.models import BARRED_DAYS

__all__ = ["make_market"]

HALF_AN_HOUR = 1_800


@pytest.fixture
async def market(make_market: MakeMarket) -> Market:
    return await make_market(units=3)


async def won(market: Market, *people: Person) -> auctions.Auction:
    """The first of them leads with 50.00, the others bid 30.00, 20.00, …; it is over."""
    found = await opened(market)
    amounts = [5_000, 3_000, 2_000][: len(people)]
    await placed(
        market.db, found, *(who.bids(most) for who, most in reversed(list(zip(people, amounts, strict=True))))
    )
    return await sold(market, found)


async def lapsed(market: Market, found: auctions.Auction) -> None:
    await later(market.db, found, HALF_AN_HOUR + 1)
    await auctions.work(market.db)


async def states(market: Market, found: auctions.Auction) -> list[tuple[int, int, int, str]]:
    return [
        (each.place, each.paddle, each.price_minor, each.state.value)
        for each in await wins_of(market.db, found)
    ]


async def test_who_does_not_pay_is_passed_over_once(market: Market) -> None:
    lin, ada, bo = Person(), Person(), Person()
    found = await won(market, lin, ada, bo)
    assert await states(market, found) == [(1, 3, 3_100, "asked")]
    await lapsed(market, found)
    # At their own last bid, which is less than the winner's price.
    assert await states(market, found) == [(1, 3, 3_100, "lapsed"), (2, 2, 3_000, "asked")]
    first, second = await wins_of(market.db, found)
    assert second.deadline - second.asked_at == timedelta(minutes=30)
    assert await units_of(market, second.hold_id) == [(1, 3_000)]
    assert (await now_of(market.db, found)).state == "sold"
    await sound(market)
    # The chance is gone for good, though the shelf has more of it.
    assert await market.left() == 2
    with pytest.raises(purchases.HoldExpired):
        await market.complete(first.hold_id, lin.shopper)
    assert (await market.complete(second.hold_id, ada.shopper)).goods_minor == 3_000
    await hear(market, "orders.order_placed")
    assert [each[3] for each in await states(market, found)] == ["lapsed", "ordered"]
    await sound(market)


async def test_after_the_second_nobody_is_asked(market: Market) -> None:
    found = await won(market, Person(), Person(), Person())
    await lapsed(market, found)
    await lapsed(market, found)
    assert [each[3] for each in await states(market, found)] == ["lapsed", "lapsed"]
    over = await now_of(market.db, found)
    assert (over.state, over.why) == ("unsold", "unpaid")
    assert await market.left() == 3
    assert [(each["place"], each["struck"]) for each in await market.facts("auctions.win_lapsed")] == [
        (1, True), (2, False),
    ]  # fmt: skip
    await sound(market)


async def test_an_order_that_is_never_paid_is_no_win(market: Market) -> None:
    lin, ada = Person(), Person()
    found = await won(market, lin, ada)
    [win] = await wins_of(market.db, found)
    order = await market.complete(win.hold_id, lin.shopper)
    await hear(market, "orders.order_placed")
    await lapsed(market, found)
    assert await states(market, found) == [(1, 2, 3_100, "ordered")]
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.SYSTEM, actor="shopfloor"
        )
    await hear(market, "orders.order_cancelled")
    assert await states(market, found) == [(1, 2, 3_100, "lapsed"), (2, 1, 3_000, "asked")]
    # Once or often.
    await hear(market, "orders.order_placed", "orders.order_cancelled")
    assert await states(market, found) == [(1, 2, 3_100, "lapsed"), (2, 1, 3_000, "asked")]
    await sound(market)


async def test_a_shop_that_cancels_the_order_strikes_nobody(market: Market) -> None:
    lin, ada = Person(), Person()
    found = await won(market, lin, ada)
    [win] = await wins_of(market.db, found)
    order = await market.complete(win.hold_id, lin.shopper)
    await hear(market, "orders.order_placed")
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.MERCHANT, actor="person:1"
        )
    await hear(market, "orders.order_cancelled")
    assert await states(market, found) == [(1, 2, 3_100, "called_off")]
    over = await now_of(market.db, found)
    assert (over.state, over.why) == ("cancelled", "by_shop")
    async with market.db.transaction() as tx:
        assert await auctions.strike(tx, shop_id=market.shop_id, auction_id=found.id) is None
    await sound(market)


async def test_a_win_that_is_paid_stays_so(market: Market) -> None:
    lin = Person()
    found = await won(market, lin, Person())
    [win] = await wins_of(market.db, found)
    order = await market.complete(win.hold_id, lin.shopper)
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor="person:1"
        )
    await hear(market, "orders.order_placed", "orders.order_paid")
    assert await states(market, found) == [(1, 2, 3_100, "paid")]
    [fact] = await market.facts("auctions.win_paid")
    assert (fact["order_id"], fact["price_minor"]) == (str(order.id), 3_100)
    await lapsed(market, found)
    assert await states(market, found) == [(1, 2, 3_100, "paid")]
    await sound(market)


async def test_a_win_that_is_checked_out_with_something_else(market: Market) -> None:
    lin = Person()
    found = await won(market, lin)
    [win] = await wins_of(market.db, found)
    other, _ = await market.hold(buyer=lin.shopper, variant=1)
    order = await market.complete(other, lin.shopper, also=[other, win.hold_id])
    assert order.goods_minor == 12_900 + 1_000
    await hear(market, "orders.order_placed")
    [known] = await wins_of(market.db, found)
    assert (known.state, known.order_id) == ("ordered", order.id)
    await lapsed(market, found)
    assert [each[3] for each in await states(market, found)] == ["ordered"]
    await sound(market)


async def test_money_that_comes_after_the_deadline_is_given_back(market: Market, tmp_path: Path) -> None:
    """The buyer paid at the bank; what was bought went to the next bidder before anybody heard of it."""
    lin, ada = Person(), Person()
    found = await won(market, lin, ada)
    [win] = await wins_of(market.db, found)
    bank = Bank(tmp_path / "bank")
    async with market.db.transaction() as tx:
        prepared = await orders.prepare(
            tx, shop_id=market.shop_id, hold_id=win.hold_id, shopper=lin.shopper,
            form=form(provider="bank", method="card"), providers={"bank": bank},
        )  # fmt: skip
    # A payment is under way: it is waited for, and nobody is struck.
    await lapsed(market, found)
    assert await states(market, found) == [(1, 2, 3_100, "asked")]
    # It takes so long that the units went elsewhere.
    async with market.db.transaction() as tx:
        await stock.release(tx, [win.hold_id], "test", for_good=True)
    order = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=win.hold_id, shopper=lin.shopper,
        form=form(provider="bank", method="card"), providers={"bank": bank},
    )  # fmt: skip
    assert (order.id, order.status, order.refund_owed_minor) == (
        prepared.order.id,
        "cancelled",
        bank.taken()[0],
    )


async def test_two_strikes_bar_for_a_month_and_can_be_lifted(market: Market) -> None:
    lin = Person()
    first = await won(market, lin)
    await lapsed(market, first)
    await lapsed(market, await won(market, lin))
    found = await opened(market)
    assert codes(await placed(market.db, found, lin.bids(9_000), Person().bids(1_000))) == [
        "auctions.barred",
        True,
    ]
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE auctions.strike SET at = at - %(days)s * interval '1 day' WHERE auction_id = %(id)s",
            days=BARRED_DAYS + 1,
            id=first.id,
        )
        await tx.run(
            "UPDATE auctions.strike SET at = at - %(days)s * interval '1 day' WHERE auction_id <> %(id)s",
            days=BARRED_DAYS + 1,
            id=first.id,
        )
    assert codes(await placed(market.db, found, lin.bids(9_000))) == [True]
    async with market.db.transaction() as tx:
        await tx.run("UPDATE auctions.strike SET at = now()")
    assert codes(await placed(market.db, found, lin.bids(10_000))) == ["auctions.barred"]
    async with market.db.transaction() as tx:
        for _ in range(2):
            await auctions.lift_strike(tx, shop_id=market.shop_id, auction_id=first.id, by=1)
        lifted = await auctions.strike(tx, shop_id=market.shop_id, auction_id=first.id)
    assert lifted is not None
    assert lifted.lifted_at is not None
    assert codes(await placed(market.db, found, lin.bids(10_000))) == [True]


async def test_nobody_else_is_faster_than_the_next_bidder(market: Market) -> None:
    """All units are in the lot, and somebody waits for one: first those who bid are asked, then the waitlist."""
    found = await opened(market, quantity=3, start_minor=1_000)
    lin, ada = Person(), Person()
    await placed(market.db, found, ada.bids(3_000), lin.bids(5_000))
    waits = uuid4()
    async with market.db.transaction() as tx:
        await purchases.join(
            tx, shop_id=market.shop_id, variant_id=market.variants[0], offer_id=market.offer_id, buyer=waits, quantity=1
        )  # fmt: skip
    await sold(market, found)
    await later(market.db, found, HALF_AN_HOUR)
    # The hold outlives the deadline a little, so that its own expiry comes after ours.
    assert await market.expire() == 0
    await auctions.work(market.db)
    assert [each[3] for each in await states(market, found)] == ["lapsed", "asked"]
    await hear(market)
    await lapsed(market, found)
    async with market.db.transaction() as tx:
        [place] = await purchases.places(tx, shop_id=market.shop_id, buyer=waits)
    assert place.state is purchases.WaitingState.OFFERED
    await sound(market)


async def test_a_hold_that_ended_for_good_is_not_granted_again(market: Market) -> None:
    hold_id, _ = await market.hold()
    async with market.db.transaction() as tx:
        freed = await stock.release(tx, [hold_id], "test", for_good=True)
        assert [each.quantity for each in freed] == [1]
        [again] = await stock.rehold(tx, [hold_id], hold_seconds=60)
    assert isinstance(again, stock.Refused)
    assert again.code == stock.Code.CLOSED
    other, _ = await market.hold()
    async with market.db.transaction() as tx:
        await stock.confirm(tx, [other])
        # What is an order's own stays so.
        with pytest.raises(inventory.WrongState):
            await stock.release(tx, [other], "test", for_good=True)
    assert await market.hold_state(other) is stock.HoldState.ALLOCATED
