"""Bundles in a show: their parts are set apart, and their counter follows the facts of the parts."""

from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import pytest
from tests.live.goods import Goods, make_goods
from tests.live.test_live_rooms import Process, fresh

from shopfloor import catalog, inventory, live, run_of_show, stock, wiring
from shopfloor.kernel.database import Database
from shopfloor.rooms.state import LineState


@dataclass(frozen=True)
class Sets:
    """A set of two bowls and one coat M; ten of each on the shelf."""

    goods: Goods
    product_id: int
    variant_id: int
    bundle: catalog.Bundle

    @property
    def parts(self) -> tuple[int, int]:
        return self.goods.bowls[0], self.goods.coats[0]


@pytest.fixture
async def sets(database: Database) -> Sets:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        made = await catalog.create_product(
            tx,
            status=catalog.Status.ACTIVE,
            shop_id=goods.shop_id,
            title="Set",
            variants=[catalog.NewVariant(15_000)],
        )
        [variant] = await catalog.variants(tx, shop_id=goods.shop_id, product_ids=[made.id])
        bundle = await catalog.set_parts(
            tx,
            shop_id=goods.shop_id,
            variant_id=variant.id,
            parts=[catalog.NewPart(goods.bowls[0], 2), catalog.NewPart(goods.coats[0], 1)],
        )
    assert bundle is not None
    return Sets(goods, made.id, variant.id, bundle)


async def plan(
    database: Database, sets: Sets, *, quota: int | None = 3, bowls: int | None = None, start: bool = True
) -> tuple[live.Show, run_of_show.Offer]:
    async with database.transaction() as tx:
        shop_id = sets.goods.shop_id
        show = await live.plan_show(tx, shop_id=shop_id, title="Autumn")
        offer = await run_of_show.add_offer(
            tx,
            shop_id=shop_id,
            show_id=show.id,
            product_id=sets.product_id,
            lines=[run_of_show.OfferLine(sets.variant_id, 12_000, quota)],
        )
        if bowls is not None:
            await run_of_show.add_offer(
                tx,
                shop_id=shop_id,
                show_id=show.id,
                product_id=sets.goods.bowl.id,
                lines=[run_of_show.OfferLine(sets.goods.bowls[0], 2_000, bowls)],
            )
        if start:
            show = await run_of_show.start_show(tx, shop_id=shop_id, show_id=show.id)
    return show, offer


async def free(database: Database, sets: Sets, pool_id: int | None) -> tuple[int, int, int]:
    """Bowls, coats and sets that buyers of a pool can have."""
    ids = [*sets.parts, sets.variant_id]
    async with database.transaction() as tx:
        left = await stock.available(tx, shop_id=sets.goods.shop_id, variant_ids=ids, pool_id=pool_id)
    return left[ids[0]].total, left[ids[1]].total, left[ids[2]].total


async def test_the_quota_of_a_bundle_sets_its_parts_apart(database: Database, sets: Sets) -> None:
    show, _ = await plan(database, sets, quota=3, bowls=2)

    assert await free(database, sets, show.pool_id) == (8, 3, 3), "two bowls by themselves, six in sets"
    assert await free(database, sets, None) == (2, 7, 1)
    async with database.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=sets.goods.shop_id, variant_ids=[sets.variant_id])
        assert levels == [], "a bundle has no units of its own"
        await run_of_show.end_show(tx, shop_id=sets.goods.shop_id, show_id=show.id)
    assert await free(database, sets, None) == (10, 10, 5)


async def test_a_quota_raised_on_air_tops_up_the_parts(database: Database, sets: Sets) -> None:
    show, offer = await plan(database, sets, quota=1)
    async with database.transaction() as tx:
        await run_of_show.change_offer(
            tx,
            shop_id=sets.goods.shop_id,
            show_id=show.id,
            offer_id=offer.id,
            quotas={sets.variant_id: 9},
        )
    assert await free(database, sets, show.pool_id) == (10, 9, 5), "as far as there are bowls"


async def test_a_set_changed_on_air_sets_its_new_parts_apart(database: Database, sets: Sets) -> None:
    show, offer = await plan(database, sets, quota=3)
    other = sets.goods.coats[1]
    process = Process(database)
    await process.follower.start()
    opened = await process.rooms.get(show.id)
    async with database.transaction() as tx:
        await catalog.set_parts(
            tx,
            shop_id=sets.goods.shop_id,
            variant_id=sets.variant_id,
            parts=[catalog.NewPart(sets.goods.bowls[0], 2), catalog.NewPart(other, 1)],
        )
    async with database.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT body FROM kernel.outbox WHERE name = 'catalog.bundle_changed' ORDER BY id DESC LIMIT 1"
        )
        [(body,)] = await cursor.fetchall()
        fact = catalog.BundleChanged(**body)
        await wiring.COUNTED_IN_ROOMS[catalog.BundleChanged](tx, fact)

    assert await free(database, sets, show.pool_id) == (6, 3, 3)
    async with database.transaction() as tx:
        left = await stock.available(
            tx, shop_id=sets.goods.shop_id, variant_ids=[other], pool_id=show.pool_id
        )
    assert left[other].total == 3
    process.rooms.reload_shop(sets.goods.shop_id)
    await process.catch_up()
    line = opened.room.state.offers[str(offer.id)].lines[str(sets.variant_id)]
    assert (line.left, [part.id for part in line.parts]) == (3, [sets.goods.bowls[0], other])
    assert opened.room.state == await fresh(database, show.id)


async def buy(database: Database, sets: Sets, pool_id: int, show_id: int, *lines: tuple[int, int]) -> None:
    async with database.transaction() as tx:
        request = stock.Request(
            id=uuid4(), shop_id=sets.goods.shop_id, pool_id=pool_id, buyer=uuid4(), show_id=show_id,
            lines=tuple(stock.Line(*line) for line in lines), hold_seconds=300,
        )  # fmt: skip
        [answer] = await stock.reserve(tx, [request])
    assert isinstance(answer, stock.Held)


async def test_the_counter_follows_the_parts_in_every_process(database: Database, sets: Sets) -> None:
    show, offer = await plan(database, sets, quota=3, bowls=2)
    assert show.pool_id is not None
    one, two = Process(database), Process(database)
    for process in (one, two):
        await process.follower.start()
        await process.rooms.get(show.id)
    bowl, coat = sets.parts

    def line(process: Process) -> LineState:
        opened = process.rooms.opened(show.id)
        assert opened is not None
        return opened.room.state.offers[str(offer.id)].lines[str(sets.variant_id)]

    assert line(one).left == 3
    assert [(part.id, part.quantity, part.title) for part in line(one).parts] == [
        (bowl, 2, "Bowl"),
        (coat, 1, "Coat"),
    ]
    for lines, left in (
        (((bowl, 2), (coat, 1)), 2),  # a set
        (((bowl, 3),), 1),  # bowls by themselves: three are left, enough for one set
        (((bowl, 2),), 0),
    ):
        await buy(database, sets, show.pool_id, show.id, *lines)
        for process in (one, two):
            await process.catch_up()
            assert line(process).left == left
    expected = await fresh(database, show.id)
    for process in (one, two):
        assert (await process.rooms.get(show.id)).room.state == expected


async def test_a_part_promised_for_later_gives_the_bundle_its_date(database: Database, sets: Sets) -> None:
    show, offer = await plan(database, sets, quota=0)
    process = Process(database)
    await process.follower.start()
    opened = await process.rooms.get(show.id)
    for variant_id, day, source in ((sets.parts[0], 3, "po-1"), (sets.parts[1], 9, "po-2")):
        async with database.transaction() as tx:
            await inventory.announce_lot(
                tx, shop_id=sets.goods.shop_id, variant_id=variant_id, location_id=sets.goods.location_id,
                quantity=5, ready_on=date(2030, 12, day), kind=inventory.LotKind.INCOMING, source=source,
            )  # fmt: skip
    await process.catch_up()

    line = opened.room.state.offers[str(offer.id)].lines[str(sets.variant_id)]
    assert (line.left, line.ready_on, line.later) == (0, date(2030, 12, 9), ((date(2030, 12, 9), 2),))
    assert opened.room.state == await fresh(database, show.id)


async def test_a_room_before_its_show_follows_the_open_pool(database: Database, sets: Sets) -> None:
    show, offer = await plan(database, sets, start=False)
    process = Process(database)
    await process.follower.start()
    opened = await process.rooms.get(show.id)
    async with database.transaction() as tx:
        pool = await inventory.open_pool(tx, shop_id=sets.goods.shop_id)
    await buy(database, sets, pool.id, show.id, (sets.parts[0], 7))
    await process.catch_up()

    assert opened.room.state.offers[str(offer.id)].lines[str(sets.variant_id)].left == 1
    assert opened.room.state == await fresh(database, show.id)


async def test_a_limit_below_the_pieces_of_one_bundle_is_refused(database: Database, sets: Sets) -> None:
    show, offer = await plan(database, sets, start=False)
    shop_id = sets.goods.shop_id

    async def change(limit: int) -> run_of_show.Offer:
        async with database.transaction() as tx:
            return await run_of_show.change_offer(
                tx, shop_id=shop_id, show_id=show.id, offer_id=offer.id, limit_per_buyer=limit
            )

    with pytest.raises(run_of_show.LimitBelowBundle) as caught:
        await change(2)
    assert (caught.value.code, caught.value.facts) == (
        "live.limit_below_bundle",
        {"variant_id": sets.variant_id, "limit": 2, "pieces": 3},
    )
    async with database.transaction() as tx:
        kept = await run_of_show.offer(tx, shop_id=shop_id, show_id=show.id, offer_id=offer.id)
    assert kept.limit_per_buyer is None
    assert (await change(3)).limit_per_buyer == 3
    async with database.transaction() as tx:
        strict = await live.plan_show(tx, shop_id=shop_id, title="Strict", limit_per_show=2)
    with pytest.raises(run_of_show.LimitBelowBundle):
        async with database.transaction() as tx:
            await run_of_show.add_offer(
                tx,
                shop_id=shop_id,
                show_id=strict.id,
                product_id=sets.product_id,
                lines=[run_of_show.OfferLine(sets.variant_id, 12_000)],
            )
    async with database.transaction() as tx:
        assert await run_of_show.offers(tx, shop_id=shop_id, show_id=strict.id) == []
