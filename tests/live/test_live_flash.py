"""A flash: so many units at a lower price for so many seconds, kept by the ledger, over by itself."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.live.goods import Goods, make_goods, plan
from tests.live.test_live_rooms import Process, fresh

from shopfloor import catalog, inventory, live, run_of_show, stock, worker
from shopfloor.kernel.amounts import PriceLeap
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now, video_ms
from shopfloor.rooms.state import FlashState
from shopfloor.run_of_show.flashes import shared


@pytest.fixture
async def goods(database: Database) -> Goods:
    return await make_goods(database)


async def on_air(db: Database, goods: Goods) -> tuple[live.Show, run_of_show.Offer]:
    """Four coats of each size, at 99.00; they cost 129.00 in the shop."""
    async with db.transaction() as tx:
        show, offer = await plan(tx, goods)
        show = await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    return show, offer


async def flash(
    db: Database,
    goods: Goods,
    offer: run_of_show.Offer,
    *,
    price: int = 7_900,
    units: int = 3,
    seconds: int = 60,
    **more: Any,
) -> run_of_show.Flash:
    async with db.transaction() as tx:
        return await run_of_show.start_flash(
            tx, shop_id=goods.shop_id, show_id=offer.show_id, offer_id=offer.id, price_minor=price, units=units,
            seconds=seconds, **more,
        )  # fmt: skip


async def stand(db: Database, goods: Goods, offer: run_of_show.Offer) -> tuple[list[int], list[int]]:
    """The prices of the sizes, and what the show has of each."""
    async with db.transaction() as tx:
        show = await live.show(tx, shop_id=goods.shop_id, show_id=offer.show_id)
        found = await run_of_show.offer(tx, shop_id=goods.shop_id, show_id=offer.show_id, offer_id=offer.id)
        left = await stock.available(tx, shop_id=goods.shop_id, variant_ids=goods.coats, pool_id=show.pool_id)
    return [line.price_minor for line in found.lines], [left[variant_id].now for variant_id in goods.coats]


async def take(
    tx: Tx, goods: Goods, offer: run_of_show.Offer, pool_id: int | None, units: int, variant: int = 0
) -> stock.Answer:
    assert pool_id is not None
    request = stock.Request(
        uuid4(), goods.shop_id, pool_id, uuid4(), (stock.Line(goods.coats[variant], units),), 300, None, offer.id, None,
        offer.show_id, None, (7_900,),
    )  # fmt: skip
    [answer] = await stock.reserve(tx, [request])
    return answer


async def due(db: Database) -> list[float]:
    async with db.transaction() as tx:
        return [each.seconds_left for each in await run_of_show.running_flashes(tx)]


async def run_out(db: Database) -> None:
    """Its time is over."""
    async with db.transaction() as tx:
        await tx.run("UPDATE live.flash SET ends_at = now() - interval '1 second' WHERE ended_at IS NULL")


@pytest.mark.parametrize(
    ("units", "left", "shares"),
    [
        (3, {1: 4, 2: 4}, {1: 2, 2: 1}),
        (5, {1: 1, 2: 9}, {1: 1, 2: 4}),
        (10, {1: 1, 2: 9}, {1: 1, 2: 9}),
        (1, {1: 0, 2: 1, 3: 0}, {1: 0, 2: 1, 3: 0}),
        (2, {1: 3, 2: 3, 3: 3}, {1: 1, 2: 1, 3: 0}),
    ],
)
def test_units_are_shared_as_the_show_has_them(
    units: int, left: dict[int, int], shares: dict[int, int]
) -> None:
    assert shared(units, left) == shares


async def test_a_flash_sells_its_units_and_then_all_is_as_before(database: Database, goods: Goods) -> None:
    show, offer = await on_air(database, goods)
    started = await flash(database, goods, offer)
    assert [(line.units, line.before_minor) for line in started.lines] == [(2, 9_900), (1, 9_900)]
    assert started.ends_at - started.began_at == timedelta(seconds=60)
    assert await stand(database, goods, offer) == ([7_900, 7_900], [2, 1])

    async with database.transaction() as tx:
        assert isinstance(await take(tx, goods, offer, show.pool_id, 1), stock.Held)
    async with database.transaction() as tx:
        # The show has three more; they are not for this price.
        assert isinstance(await take(tx, goods, offer, show.pool_id, 2), stock.Refused)

    assert await worker.end_due_flashes(database) == worker.FLASH_EVERY
    await run_out(database)
    assert await worker.end_due_flashes(database) is None
    assert await stand(database, goods, offer) == ([9_900, 9_900], [3, 4])
    async with database.transaction() as tx:
        [over] = await run_of_show.flashes(tx, shop_id=goods.shop_id, show_id=show.id)
        assert over.ended_by is run_of_show.FlashEnd.TIME
        assert [
            pool.is_open for pool in await inventory.pools(tx, shop_id=goods.shop_id) if pool.is_set_aside
        ] == [False]
        reasons = [
            price.reason for price in await run_of_show.prices(tx, shop_id=goods.shop_id, show_id=show.id)
        ]
    assert reasons == ["offered"] * 2 + ["flash"] * 2 + ["flash ended"] * 2


async def test_the_last_unit_ends_it(database: Database, goods: Goods) -> None:
    show, offer = await on_air(database, goods)
    await flash(database, goods, offer)
    async with database.transaction() as tx:
        for variant, units in ((0, 2), (1, 1)):
            assert isinstance(await take(tx, goods, offer, show.pool_id, units, variant), stock.Held)
    assert await worker.end_due_flashes(database) is None
    async with database.transaction() as tx:
        [over] = await run_of_show.flashes(tx, shop_id=goods.shop_id, show_id=show.id)
    assert over.ended_by is run_of_show.FlashEnd.SOLD_OUT
    assert await stand(database, goods, offer) == ([9_900, 9_900], [2, 3])


async def test_a_flash_started_twice_is_one_flash(database: Database, goods: Goods) -> None:
    _, offer = await on_air(database, goods)
    first = await flash(database, goods, offer)
    assert await flash(database, goods, offer) == first
    with pytest.raises(run_of_show.FlashRunning) as refusal:
        await flash(database, goods, offer, units=4)
    assert (refusal.value.facts["units"], refusal.value.facts["price_minor"]) == (3, 7_900)
    assert await stand(database, goods, offer) == ([7_900, 7_900], [2, 1])
    with pytest.raises(run_of_show.FlashRunning):
        async with database.transaction() as tx:
            await run_of_show.set_offer_price(
                tx, shop_id=goods.shop_id, show_id=offer.show_id, offer_id=offer.id, variant_id=goods.coats[0], price_minor=8_500
            )  # fmt: skip
    assert await stand(database, goods, offer) == ([7_900, 7_900], [2, 1])


async def test_of_two_producers_at_once_one_wins_and_the_other_is_told(
    database: Database, goods: Goods
) -> None:
    _, offer = await on_air(database, goods)
    answers = await asyncio.gather(
        flash(database, goods, offer, price=7_900),
        flash(database, goods, offer, price=6_900),
        return_exceptions=True,
    )
    won = [answer for answer in answers if isinstance(answer, run_of_show.Flash)]
    lost = [answer for answer in answers if isinstance(answer, run_of_show.FlashRunning)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].facts["price_minor"] == won[0].price_minor
    assert await stand(database, goods, offer) == ([won[0].price_minor] * 2, [2, 1])


async def test_a_flash_that_is_refused_changes_nothing(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        _, planned = await plan(tx, goods)
    with pytest.raises(live.WrongStatus):
        await flash(database, goods, planned)
    _, offer = await on_air(database, goods)
    wanted: list[tuple[dict[str, int], type[Refusal]]] = [
        ({"price": 9_900}, run_of_show.BadFlash),
        ({"seconds": 9}, run_of_show.BadFlash),
        ({"seconds": 3_601}, run_of_show.BadFlash),
        ({"units": 0}, run_of_show.BadFlash),
        ({"units": 9}, run_of_show.FlashTooLarge),
        ({"price": 3_299}, PriceLeap),
    ]
    for terms, refusal in wanted:
        with pytest.raises(refusal):
            await flash(database, goods, offer, **terms)
    assert await stand(database, goods, offer) == ([9_900, 9_900], [4, 4])
    assert await due(database) == []
    assert (await flash(database, goods, offer, price=3_299, confirmed=True)).price_minor == 3_299


async def test_stopped_by_hand_and_with_the_show(database: Database, goods: Goods) -> None:
    show, offer = await on_air(database, goods)
    await flash(database, goods, offer)
    async with database.transaction() as tx:
        stopped = await run_of_show.stop_flash(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id)
    assert stopped.ended_by is run_of_show.FlashEnd.STOPPED
    assert await stand(database, goods, offer) == ([9_900, 9_900], [4, 4])
    with pytest.raises(run_of_show.UnknownFlash):
        async with database.transaction() as tx:
            await run_of_show.stop_flash(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id)

    await flash(database, goods, offer)
    async with database.transaction() as tx:
        await run_of_show.end_show(tx, shop_id=goods.shop_id, show_id=show.id)
        flashes = await run_of_show.flashes(tx, shop_id=goods.shop_id, show_id=show.id)
        back = await stock.available(tx, shop_id=goods.shop_id, variant_ids=goods.coats)
        broken = [check for check in await stock.audit(tx) if not check.passed]
    assert [each.ended_by for each in flashes] == ["stopped", "show_ended"]
    assert [back[variant_id].now for variant_id in goods.coats] == [10, 10]
    assert broken == []


async def test_quotas_are_not_filled_up_into_a_flash(database: Database, goods: Goods) -> None:
    show, offer = await on_air(database, goods)
    await flash(database, goods, offer)
    async with database.transaction() as tx:
        await run_of_show.change_offer(
            tx,
            shop_id=goods.shop_id,
            show_id=show.id,
            offer_id=offer.id,
            quotas=dict.fromkeys(goods.coats, 6),
        )
    assert await stand(database, goods, offer) == ([7_900, 7_900], [2, 1])


async def test_what_is_struck_through_is_the_lowest_price_of_the_days_before(
    database: Database, goods: Goods
) -> None:
    """129.00 in the shop, 99.00 in this show: 99.00; after a flash at 79.00 nothing above that."""
    _, offer = await on_air(database, goods)
    first = await flash(database, goods, offer)
    assert (first.struck, first.reference_days) == (dict.fromkeys(goods.coats, 9_900), 30)
    await run_out(database)
    await worker.end_due_flashes(database)
    second = await flash(database, goods, offer, price=7_900)
    assert second.struck == {}
    await run_out(database)
    await worker.end_due_flashes(database)
    assert (await flash(database, goods, offer, price=6_900)).struck == dict.fromkeys(goods.coats, 7_900)


async def test_a_lower_price_in_the_shop_is_the_one_that_counts(database: Database, goods: Goods) -> None:
    _, offer = await on_air(database, goods)
    async with database.transaction() as tx:
        await catalog.set_price(
            tx, shop_id=goods.shop_id, variant_id=goods.coats[0], amount=7_500, reason="sale"
        )
    started = await flash(database, goods, offer)
    assert started.struck == {goods.coats[1]: 9_900}


async def test_a_bundle_has_no_units_of_its_own(database: Database, goods: Goods) -> None:
    show, _ = await on_air(database, goods)
    async with database.transaction() as tx:
        outfit = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=goods.shop_id, title="Outfit", variants=[catalog.NewVariant(20_000)]
        )  # fmt: skip
        [only] = await catalog.variants(tx, shop_id=goods.shop_id, product_ids=[outfit.id])
        await catalog.set_parts(
            tx,
            shop_id=goods.shop_id,
            variant_id=only.id,
            parts=[catalog.NewPart(goods.coats[0], 1), catalog.NewPart(goods.bowls[0], 2)],
        )
        bundle = await run_of_show.add_offer(
            tx,
            shop_id=goods.shop_id,
            show_id=show.id,
            product_id=outfit.id,
            lines=[run_of_show.OfferLine(only.id, 18_000, 1)],
        )
    with pytest.raises(run_of_show.FlashOfBundle):
        await flash(database, goods, bundle, units=1)


async def test_rooms_show_it_like_a_fresh_look(database: Database, goods: Goods) -> None:
    show, offer = await on_air(database, goods)
    process = Process(database)
    await process.follower.start()
    opened = await process.rooms.get(show.id)
    started = await flash(database, goods, offer)
    await process.catch_up()
    shown = opened.room.state.offers[str(offer.id)]
    assert shown.flash == FlashState(
        ends_at=video_ms(started.ends_at), units=3, days=30, struck={str(each): 9_900 for each in goods.coats}
    )
    assert [(line.price_minor, line.left) for line in shown.lines.values()] == [(7_900, 2), (7_900, 1)]
    assert opened.room.state == await fresh(database, show.id)

    await run_out(database)
    await worker.end_due_flashes(database)
    await process.catch_up()
    shown = opened.room.state.offers[str(offer.id)]
    assert shown.flash is None
    assert [(line.price_minor, line.left) for line in shown.lines.values()] == [(9_900, 4), (9_900, 4)]
    assert opened.room.state == await fresh(database, show.id)


async def test_with_later_lots_the_flash_ends_with_its_units_on_hand(
    database: Database, goods: Goods
) -> None:
    show, offer = await on_air(database, goods)
    async with database.transaction() as tx:
        await inventory.announce_lot(
            tx, shop_id=goods.shop_id, variant_id=goods.coats[0], location_id=goods.location_id,
            kind=inventory.LotKind.INCOMING, quantity=5, ready_on=(now() + timedelta(days=9)).date(), source="po",
        )  # fmt: skip
    await flash(database, goods, offer, units=1)
    async with database.transaction() as tx:
        request = stock.Request(
            uuid4(), goods.shop_id, show.pool_id or 0, uuid4(), (stock.Line(goods.coats[0], 1),), 300, date.min, offer.id,
            None, show.id, None, (7_900,),
        )  # fmt: skip
        assert isinstance((await stock.reserve(tx, [request]))[0], stock.Held)
    assert await worker.end_due_flashes(database) is None
    assert (await stand(database, goods, offer))[0] == [9_900, 9_900]
