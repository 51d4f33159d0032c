"""Auctions: units held from the opening on, bids in the order of arrival, one end, and a card that says how it stands."""

from datetime import timedelta
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
from tests.live.test_live_rooms import Process, fresh
from tests.orders.conftest import MakeMarket, Market, make_market

from shopfloor import auctions, catalog, live, run_of_show, stock
from shopfloor.auctions import placing, refusals
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import MAX_MINOR

__all__ = ["make_market"]


@pytest.fixture
async def market(make_market: MakeMarket) -> Market:
    return await make_market(units=3)


async def test_a_lot_is_sold_to_whoever_bids_most_at_one_step_above_the_next(market: Market) -> None:
    found = await opened(market)
    assert (found.state, found.asked_minor, found.price_minor) == ("open", 1_000, None)
    assert await market.left() == 2
    lin, ada = Person(), Person()
    [first] = await placed(market.db, found, lin.bids(3_000))
    assert first == auctions.Placed(1, True, 1_000, 3_000, 1_100, found.ends_at)
    assert codes(await placed(market.db, found, ada.bids(2_000), ada.bids(5_000))) == [False, True]
    stands = await now_of(market.db, found)
    assert (stands.price_minor, stands.leader, stands.bids) == (3_100, 2, 3)

    over = await sold(market, found)
    assert (over.state, over.price_minor) == ("sold", 3_100)
    [win] = await wins_of(market.db, found)
    assert (win.place, win.paddle, win.price_minor, win.state) == (1, 2, 3_100, "asked")
    assert win.deadline - win.asked_at == timedelta(minutes=30)
    assert await units_of(market, win.hold_id) == [(1, 3_100)]
    assert await market.left() == 2
    order = await market.complete(win.hold_id, ada.shopper)
    assert order.goods_minor == 3_100
    await hear(market, "orders.order_placed")
    assert [each.state for each in await wins_of(market.db, found)] == ["ordered"]
    await sound(market)
    assert [(each["seqs"], each["paddles"], each["prices_minor"]) for each in await market.facts("auctions.bids_placed")] == [
        ([1], [1], [1_000]), ([2, 3], [2, 2], [2_100, 3_100]),
    ]  # fmt: skip
    # Nobody but the buyer ever held anything in the show.
    held = [
        each["holds"] for each in await market.facts("stock.holds_granted") if each["show_id"] is not None
    ]
    assert len(held) == 1


async def test_a_lot_of_several_units_costs_its_price_to_the_last_cent(market: Market) -> None:
    found = await opened(market, quantity=3, start_minor=1_000)
    assert await market.left() == 0
    lin = Person()
    await placed(market.db, found, lin.bids(1_000))
    await sold(market, found)
    [win] = await wins_of(market.db, found)
    assert sorted(await units_of(market, win.hold_id)) == [(1, 334), (2, 333)]
    assert (await market.complete(win.hold_id, lin.shopper)).goods_minor == 1_000
    await sound(market)


async def test_what_nobody_bids_for_or_below_the_reserve_goes_back(market: Market) -> None:
    first = await opened(market)
    assert (await sold(market, first)).why == "no_bids"
    second = await opened(market, reserve_minor=5_000)
    await placed(market.db, second, Person().bids(4_999))
    over = await sold(market, second)
    assert (over.state, over.why, over.price_minor) == ("unsold", "reserve", 1_000)
    assert await wins_of(market.db, second) == []
    assert await market.left() == 3
    await sound(market)


async def test_a_bid_at_the_end_moves_it_and_one_after_it_is_too_late(market: Market) -> None:
    found = await opened(market)
    lin, ada = Person(), Person()
    await placed(market.db, found, lin.bids(1_000))
    await later(market.db, found, 55)
    assert codes(await placed(market.db, found, ada.bids(2_000))) == [True]
    stands = await now_of(market.db, found)
    async with market.db.transaction() as tx:
        [last, _] = await auctions.bids(tx, shop_id=market.shop_id, auction_id=found.id)
    assert stands.ends_at == last.ends_at == last.at + timedelta(seconds=10)
    # Raising the own maximum changes nothing that others see: it moves no end.
    await placed(market.db, found, ada.bids(9_000))
    assert (await now_of(market.db, found)).ends_at == stands.ends_at
    await later(market.db, found, 10)
    assert codes(await placed(market.db, found, lin.bids(99_000))) == ["auctions.over"]
    # The end is the end, also before anybody has closed it.
    assert (await now_of(market.db, found)).state == "open"
    await auctions.work(market.db)
    assert [(each.paddle, each.price_minor) for each in await wins_of(market.db, found)] == [(2, 1_100)]
    async with market.db.transaction() as tx:
        [late] = await auctions.refused_bids(tx, shop_id=market.shop_id, auction_id=found.id)
    assert (late.reason, late.bids) == ("over", 1)


async def test_the_same_bid_sent_again_is_one_bid(market: Market) -> None:
    found = await opened(market)
    lin, ada = Person(), Person()
    bid = lin.bids(3_000)
    assert codes(await placed(market.db, found, bid, bid)) == [True, True]
    await placed(market.db, found, ada.bids(4_000))
    [again] = await placed(market.db, found, bid)
    assert isinstance(again, auctions.Placed)
    assert (again.leads, again.price_minor, again.max_minor) == (False, 3_100, 3_000)
    assert (await now_of(market.db, found)).bids == 2
    other = [
        await placed(market.db, found, lin.bids(5_000, key=bid.key)),
        await placed(market.db, found, ada.bids(3_000, key=bid.key)),
    ]
    assert [codes(each) for each in other] == [["auctions.other_bid"], ["auctions.other_bid"]]


@pytest.mark.parametrize(
    ("amount", "more", "code"),
    [
        (999, {}, "auctions.too_low"),
        (0, {}, "auctions.bad_bid"),
        (-5, {}, "auctions.bad_bid"),
        (MAX_MINOR + 1, {}, "auctions.bad_bid"),
        (1_000, {"accepts": False}, "auctions.terms"),
        (1_000, {"is_staff": True}, "auctions.staff"),
        (3_001, {"confirmed": False}, "auctions.leap"),
    ],
)
async def test_what_is_no_bid(market: Market, amount: int, more: dict[str, bool], code: str) -> None:
    found = await opened(market)
    [answer] = await placed(market.db, found, Person().bids(amount, **more))
    assert isinstance(answer, Refusal)
    assert answer.code == code
    assert (await now_of(market.db, found)).bids == 0
    assert len(await market.facts("auctions.shill_refused")) == ("is_staff" in more)
    await sound(market)


async def test_who_leads_bids_against_nobody(market: Market) -> None:
    found = await opened(market)
    lin = Person()
    # Three times the start is no leap; once the terms are accepted they are so.
    assert codes(await placed(market.db, found, lin.bids(3_000, confirmed=False), lin.bids(3_000, accepts=False))) == [
        True, "auctions.leading",
    ]  # fmt: skip
    assert (await now_of(market.db, found)).price_minor == 1_000


async def test_one_bidder_is_not_asked_to_be_quick(market: Market) -> None:
    found = await opened(market)
    lin, door = Person(), auctions.Bids(market.db)
    refused = 0
    for number in range(12):
        try:
            await door.bid(lin.bids(1_000 + number), shop_id=market.shop_id, auction_id=found.id)
        except refusals.BidTooFast:
            refused += 1
    assert refused == 2
    assert (await now_of(market.db, found)).bids == 10


async def test_being_refused_fills_no_table(market: Market) -> None:
    found = await opened(market)
    lin = Person()
    await placed(market.db, found, *(lin.bids(1) for _ in range(50)))
    async with market.db.transaction() as tx:
        [low] = await auctions.refused_bids(tx, shop_id=market.shop_id, auction_id=found.id)
    assert (low.reason, low.bids) == ("too_low", 20)


async def test_calling_off_is_seen_with_its_reason(market: Market) -> None:
    found = await opened(market)
    await placed(market.db, found, Person().bids(2_000))
    ids = {"shop_id": market.shop_id, "auction_id": found.id}
    with pytest.raises(refusals.BadAuction):
        async with market.db.transaction() as tx:
            await auctions.call_off(tx, why=auctions.Why.UNPAID, **ids)
    async with market.db.transaction() as tx:
        over = await auctions.call_off(tx, why=auctions.Why.DAMAGED, **ids)
        assert await auctions.call_off(tx, why=auctions.Why.MISTAKE, **ids) == over
    assert (over.state, over.why, over.bids) == ("cancelled", "damaged", 1)
    assert await market.left() == 3
    assert [each["why"] for each in await market.facts("auctions.closed")] == ["damaged"]
    assert codes(await placed(market.db, found, Person().bids(3_000))) == ["auctions.over"]
    await later(market.db, found, 90)
    await auctions.work(market.db)
    assert await wins_of(market.db, found) == []
    await sound(market)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": 3, "start_minor": 2}, "start"),
        ({"start_minor": MAX_MINOR + 1}, "start"),
        ({"reserve_minor": 999}, "reserve"),
        ({"seconds": 9}, "seconds"),
        ({"seconds": 3_601}, "seconds"),
        ({"extend_seconds": 121}, "extend_seconds"),
        ({"pay_minutes": 4}, "pay_minutes"),
        ({"steps": ()}, "steps"),
        ({"steps": ((1, 5),)}, "steps"),
        ({"steps": ((0, 0),)}, "steps"),
        ({"steps": ((0, 5), (9, 5), (9, 6))}, "steps"),
    ],
)
async def test_what_is_no_auction(market: Market, more: dict[str, object], field: str) -> None:
    with pytest.raises(refusals.BadAuction) as refused:
        await opened(market, **more)
    assert refused.value.facts["field"] == field
    assert await market.left() == 3


async def test_it_needs_units_a_running_show_and_one_at_a_time(
    market: Market, make_market: MakeMarket
) -> None:
    with pytest.raises(refusals.AuctionTooLarge):
        await opened(market, quantity=4)
    key = uuid4()
    found = await opened(market, key=key)
    assert (await opened(market, key=key)).id == found.id
    with pytest.raises(refusals.AuctionRunning):
        await opened(market)
    with pytest.raises(run_of_show.UnknownOffer):
        await opened(await make_market(), variant_id=market.variants[0])
    with pytest.raises(live.WrongStatus):
        await opened(await make_market(start=False))
    await sound(market)


async def test_a_bundle_is_not_auctioned(market: Market) -> None:
    async with market.db.transaction() as tx:
        await catalog.set_parts(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            parts=[catalog.NewPart(market.variants[1], 2)],
        )
    with pytest.raises(refusals.AuctionOfBundle):
        await opened(market)


async def test_another_shop_sees_and_changes_nothing(market: Market, make_market: MakeMarket) -> None:
    found, other = await opened(market), await make_market()
    ids = {"shop_id": other.shop_id, "auction_id": found.id}
    async with market.db.transaction() as tx:
        for act in (
            auctions.auction(tx, **ids),
            auctions.bids(tx, **ids),
            auctions.wins(tx, **ids),
            auctions.mine(tx, customer=uuid4(), **ids),
            auctions.refused_bids(tx, **ids),
            auctions.strike(tx, **ids),
            auctions.call_off(tx, why=auctions.Why.MISTAKE, **ids),
            auctions.take_off(tx, **ids),
            placing.place(tx, asking=[Person().bids(1_000)], **ids),
        ):
            with pytest.raises(auctions.UnknownAuction):
                await act
        with pytest.raises(refusals.UnknownStrike):
            await auctions.lift_strike(tx, **ids)
    assert (await now_of(market.db, found)).state == "open"


async def test_maxima_stay_sealed_while_it_runs(market: Market) -> None:
    found = await opened(market)
    await placed(market.db, found, Person().bids(9_000), Person().bids(2_000))

    async def seen() -> list[int]:
        async with market.db.transaction() as tx:
            listed = await auctions.bids(tx, shop_id=market.shop_id, auction_id=found.id)
        return [each.max_minor for each in listed]

    assert await seen() == [2_000, 1_000]
    assert all("9000" not in str(each) for each in await market.facts("auctions.bids_placed"))
    assert all("9000" not in str(each) for each in await market.facts("live.card_changed"))
    await sold(market, found)
    assert await seen() == [2_000, 9_000]


async def test_bidders_of_one_network_are_counted_and_the_network_forgotten(market: Market) -> None:
    found = await opened(market)
    for network in (7, 7, 8, None):
        stands = await now_of(market.db, found)
        await placed(market.db, found, Person().bids(stands.asked_minor, network=network))
    over = await sold(market, found)
    assert over.one_network == 2
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM auctions.origin") == 0


async def test_a_show_that_ends_takes_what_nobody_bid_for_and_leaves_the_rest(
    make_market: MakeMarket,
) -> None:
    quiet, busy = await make_market(units=3), await make_market(units=3)
    found, wanted = await opened(quiet), await opened(busy)
    lin = Person()
    await placed(busy.db, wanted, lin.bids(2_000))
    for market in (quiet, busy):
        async with market.db.transaction() as tx:
            await run_of_show.end_show(tx, shop_id=market.shop_id, show_id=market.show_id)
    await hear(quiet, "live.show_ended")
    over = await now_of(quiet.db, found)
    assert (over.state, over.why) == ("cancelled", "show_ended")
    assert (await now_of(busy.db, wanted)).state == "open"
    assert (await sold(busy, wanted)).state == "sold"
    [win] = await wins_of(busy.db, wanted)
    # From open stock, where the units of the show flowed back.
    assert (await busy.complete(win.hold_id, lin.shopper)).goods_minor == 1_000
    await sound(busy)


async def test_what_the_room_shows_is_the_auction_as_it_stands(database: Database, market: Market) -> None:
    found = await opened(market)
    room = Process(database)
    await room.follower.start()
    opened_room = await room.rooms.get(market.show_id)
    lin, ada = Person(), Person()
    await placed(database, found, lin.bids(3_000, name="Lin"))
    await placed(database, found, ada.bids(4_000, name="Ada"))
    await room.catch_up()
    card = opened_room.room.state.auction
    assert card is not None
    assert (card.price_minor, card.asked_minor, card.bids, card.bidders, card.leader, card.leader_name, card.state) == (
        3_100, 3_200, 2, 2, 2, "Ada", "open",
    )  # fmt: skip
    assert await fresh(database, market.show_id) == opened_room.room.state
    await sold(market, found)
    await room.catch_up()
    assert opened_room.room.state.auction is not None
    assert opened_room.room.state.auction.state == "sold"
    assert await fresh(database, market.show_id) == opened_room.room.state
    async with database.transaction() as tx:
        await auctions.take_off(tx, shop_id=market.shop_id, auction_id=found.id)
    await room.catch_up()
    assert opened_room.room.state.auction is None


async def test_a_bidder_who_is_erased_leaves_only_a_number(market: Market) -> None:
    found = await opened(market)
    lin, ada = Person(), Person()
    await placed(market.db, found, lin.bids(3_000, name="Lin"), ada.bids(4_000, name="Ada"))
    async with market.db.transaction() as tx:
        await auctions.forget_buyers(tx, shop_id=market.shop_id, buyers=[ada.shopper])
        assert (
            await auctions.mine(tx, shop_id=market.shop_id, auction_id=found.id, customer=ada.customer)
            is None
        )
    assert (await sold(market, found)).state == "sold"
    assert [(each.paddle, each.name) for each in await wins_of(market.db, found)] == [(2, "")]
    await sound(market)


async def test_the_audit_sees_a_price_that_does_not_follow(market: Market) -> None:
    found = await opened(market)
    await placed(market.db, found, Person().bids(3_000), Person().bids(2_000))
    async with market.db.transaction() as tx:
        await tx.run("UPDATE auctions.auction SET price_minor = 2200 WHERE id = %(id)s", id=found.id)
        broken = [each.name for each in await auctions.audit(tx) if not each.passed]
    assert broken == ["auctions: prices computed again from the bids are those that were shown"]
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE auctions.auction SET price_minor = 2100, bids = 3 WHERE id = %(id)s", id=found.id
        )
        await stock.release(tx, [await tx.value("SELECT hold_id FROM auctions.auction")])
        broken = [each.name for each in await auctions.audit(tx) if not each.passed]
    assert broken == [
        "auctions: bids are those that were counted, without a gap",
        "auctions: the units of what runs, and of who is asked, are held",
    ]


async def test_one_that_cannot_end_keeps_no_other_from_its_end(make_market: MakeMarket) -> None:
    broken, sound_one = await make_market(units=1), await make_market(units=1)
    first, second = await opened(broken), await opened(sound_one)
    for market, found in ((broken, first), (sound_one, second)):
        await placed(market.db, found, Person().bids(1_000))
        await later(market.db, found, 60)
    async with broken.db.transaction() as tx:
        # As no code of ours does it.
        await tx.run("DELETE FROM stock.hold WHERE shop_id = %(shop_id)s", shop_id=broken.shop_id)
    assert await auctions.work(broken.db) == pytest.approx(0.1)
    assert [(await now_of(broken.db, each)).state for each in (first, second)] == ["open", "sold"]
    # Nothing else is due: it is tried again after a while.
    assert await auctions.work(broken.db) == pytest.approx(5.0)
