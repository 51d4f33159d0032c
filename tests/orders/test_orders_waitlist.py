"""The line for what is sold out: order, one place each, short claims, the next one when they lapse."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Final
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form

from shopfloor import inventory, orders, policies, purchases, stock
from shopfloor.kernel.database import Tx
from shopfloor.orders import Party
from shopfloor.policies import ShopTerms
from shopfloor.purchases import WaitingState


async def join(
    market: Market, buyer: UUID, quantity: int = 1, *, network: int | None = None
) -> purchases.Waiting:
    async with market.db.transaction() as tx:
        return await purchases.join(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            buyer=buyer,
            quantity=quantity,
            offer_id=market.offer_id,
            network=network,
        )


async def place(market: Market, buyer: UUID) -> purchases.Waiting | None:
    async with market.db.transaction() as tx:
        found = await purchases.places(tx, buyer=buyer, shop_id=market.shop_id)
    return found[0] if found else None


async def release(market: Market, order: orders.Order) -> None:
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=Party.MERCHANT, actor="person:1"
        )


@pytest.fixture
async def sold_out(make_market: MakeMarket) -> tuple[Market, orders.Order]:
    market = await make_market(2)
    order, _ = await market.order(quantity=2)
    return market, order


async def test_everybody_has_one_place_in_the_order_of_joining(sold_out: tuple[Market, orders.Order]) -> None:
    market, _ = sold_out
    ann, bo = uuid4(), uuid4()

    first, second = await join(market, ann), await join(market, bo)
    again = await join(market, ann, quantity=2)

    assert (first.position, second.position) == (1, 2)
    assert (again.id, again.position, again.quantity) == (first.id, 1, 1)
    facts = await market.facts("orders.waitlist_joined")
    assert [fact["waiting"] for fact in facts] == [
        [{"variant_id": market.variants[0], "units": 1}],
        [{"variant_id": market.variants[0], "units": 2}],
    ]


async def test_nobody_waits_for_what_can_be_bought(market: Market) -> None:
    with pytest.raises(purchases.WaitingNotNeeded):
        await join(market, uuid4())

    assert await market.facts("orders.waitlist_joined") == []


async def test_released_units_are_offered_in_order(sold_out: tuple[Market, orders.Order]) -> None:
    market, order = sold_out
    buyers = [uuid4() for _ in range(3)]
    for buyer in buyers:
        await join(market, buyer)

    await release(market, order)

    ann, bo, cy = [await place(market, buyer) for buyer in buyers]
    assert ann is not None
    assert bo is not None
    assert cy is not None
    assert [place.state for place in (ann, bo, cy)] == ["offered", "offered", "waiting"]
    assert cy.position == 1
    assert await market.left() == 0
    assert ann.hold_id is not None
    placed = await orders.complete(
        market.db, shop_id=market.shop_id, hold_id=ann.hold_id, shopper=buyers[0], form=form()
    )
    assert placed.total_minor == PRICE
    assert await place(market, buyers[0]) is None
    [ended] = await market.facts("orders.waitlist_ended")
    assert ended["state"] == WaitingState.CLAIMED
    await market.assert_sound()


async def test_a_lapsed_offer_goes_to_the_next(make_market: MakeMarket) -> None:
    market = await make_market(1)
    order, _ = await market.order()
    ann, bo = uuid4(), uuid4()
    await join(market, ann)
    await join(market, bo)
    await release(market, order)
    offered = await place(market, ann)
    assert offered is not None
    assert offered.hold_id is not None

    await market.make_overdue(offered.hold_id)
    await market.expire()

    assert await place(market, ann) is None
    served = await place(market, bo)
    assert served is not None
    assert served.state is WaitingState.OFFERED
    assert await market.left() == 0
    await market.assert_sound()


async def test_the_claim_time_is_the_shops(sold_out: tuple[Market, orders.Order]) -> None:
    market, order = sold_out
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=ShopTerms(claim_seconds=60))
    ann = uuid4()
    await join(market, ann)

    await release(market, order)

    offered = await place(market, ann)
    assert offered is not None
    assert offered.hold_id is not None
    async with market.db.transaction() as tx:
        hold = await stock.hold(tx, shop_id=market.shop_id, hold_id=offered.hold_id)
    assert (hold.expires_at - hold.granted_at).total_seconds() == 60


async def test_who_wants_more_than_is_free_keeps_the_place(make_market: MakeMarket) -> None:
    market = await make_market(1)
    order, _ = await market.order()
    ann, bo = uuid4(), uuid4()
    await join(market, ann, quantity=2)
    await join(market, bo)

    await release(market, order)

    waiting, served = await place(market, ann), await place(market, bo)
    assert waiting is not None
    assert served is not None
    assert (waiting.state, waiting.position) == ("waiting", 1)
    assert served.state is WaitingState.OFFERED


async def test_leaving_hands_the_offer_on(make_market: MakeMarket) -> None:
    market = await make_market(1)
    order, _ = await market.order()
    ann, bo = uuid4(), uuid4()
    first = await join(market, ann)
    await join(market, bo)
    await release(market, order)

    async with market.db.transaction() as tx:
        await purchases.leave(tx, shop_id=market.shop_id, waiting_id=first.id, buyer=ann)
    async with market.db.transaction() as tx:
        await purchases.leave(tx, shop_id=market.shop_id, waiting_id=first.id, buyer=ann)

    served = await place(market, bo)
    assert served is not None
    assert served.state is WaitingState.OFFERED
    with pytest.raises(purchases.WaitingNotFound):
        async with market.db.transaction() as tx:
            await purchases.leave(tx, shop_id=market.shop_id, waiting_id=served.id, buyer=ann)
    await market.assert_sound()


async def test_new_units_are_offered_when_they_come(sold_out: tuple[Market, orders.Order]) -> None:
    market, _ = sold_out
    ann = uuid4()
    await join(market, ann)
    async with market.db.transaction() as tx:
        await inventory.receive(
            tx,
            shop_id=market.shop_id,
            location_id=market.location_id,
            variant_id=market.variants[0],
            quantity=1,
        )

    async with market.db.transaction() as tx:
        served = await purchases.serve(
            tx, shop_id=market.shop_id, pool_id=market.pool_id, variant_ids=[market.variants[0]]
        )

    assert [found.buyer for found in served] == [ann]
    await market.assert_sound()


async def fill(market: Market, count: int) -> list[UUID]:
    """So many more in line, one unit each; returns their buyers in the order of joining."""
    buyers = [uuid4() for _ in range(count)]
    async with market.db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO purchases.waiting (id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency)
            SELECT gen_random_uuid(), %(shop_id)s, %(variant_id)s, %(offer_id)s, %(show_id)s, buyer, 1, 100, 'CNY'
              FROM unnest(%(buyers)s::uuid[]) WITH ORDINALITY AS b (buyer, turn) ORDER BY turn
            """,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            offer_id=market.offer_id,
            show_id=market.show_id,
            buyers=buyers,
        )
    return buyers


async def position(market: Market, buyer: UUID) -> int:
    async with market.db.transaction() as tx:
        [place] = await purchases.places(tx, buyer=buyer, shop_id=market.shop_id)
    return place.position


async def test_places_stay_exact_however_long_the_line_and_whoever_leaves(
    sold_out: tuple[Market, orders.Order],
) -> None:
    market, _ = sold_out
    buyers = await fill(market, 3000)
    random = Random(7)
    gone = random.sample(buyers, 700)
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE purchases.waiting SET state = 'left' WHERE buyer = ANY(%(buyers)s)", buyers=gone[:-1]
        )
        [place] = await purchases.places(tx, buyer=gone[-1])
        await purchases.leave(tx, shop_id=market.shop_id, waiting_id=place.id, buyer=gone[-1])

    left = [buyer for buyer in buyers if buyer not in set(gone)]
    sample = [0, 1, 254, 255, 256, 257, 1111, len(left) - 1]
    assert [await position(market, left[number]) for number in sample] == [number + 1 for number in sample]
    joined = await join(market, uuid4())
    assert joined.position == len(left) + 1
    [*_, fact] = await market.facts("orders.waitlist_joined")
    assert fact["waiting"] == [{"variant_id": market.variants[0], "units": len(left) + 1}]


READ: Final = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables WHERE schemaname = 'purchases'
"""


async def test_a_join_and_a_look_at_ones_place_read_no_more_of_a_longer_line(
    sold_out: tuple[Market, orders.Order],
) -> None:
    """Rows of the waitlist that a transaction reads, by the database's own count."""
    market, _ = sold_out

    async def rows_read(act: Callable[[Tx], Awaitable[object]]) -> int:
        async with market.db.transaction() as tx:
            # What the connection read in transactions before this one may still be counted.
            before = await tx.value(READ)
            await act(tx)
            return await tx.value(READ) - before

    async def both() -> tuple[int, int]:
        buyer = uuid4()
        joining = await rows_read(
            lambda tx: purchases.join(
                tx,
                shop_id=market.shop_id,
                variant_id=market.variants[0],
                buyer=buyer,
                offer_id=market.offer_id,
            )
        )
        return joining, await rows_read(lambda tx: purchases.places(tx, buyer=buyer))

    await fill(market, 20_000)
    async with market.db.transaction() as tx:
        await tx.run("ANALYZE purchases.waiting")
        await tx.run("ANALYZE purchases.waiting_count")

    joining, looking = await both()

    assert joining < 2000
    assert looking < 1000


async def test_a_crowd_in_line_is_offered_its_share_and_those_behind_are_served(
    make_market: MakeMarket,
) -> None:
    market = await make_market(5)
    order, _ = await market.order(quantity=5)
    crowd = [uuid4() for _ in range(6)]
    others = [uuid4() for _ in range(2)]
    for buyer in crowd:
        await join(market, buyer, network=4711)
    for buyer in others:
        await join(market, buyer, network=4712)

    await release(market, order)

    found = [await place(market, buyer) for buyer in [*crowd, *others]]
    states = [each.state for each in found if each is not None]
    assert states == ["offered"] * 3 + ["waiting"] * 3 + ["offered"] * 2
    assert [each.position for each in found if each is not None and each.state == "waiting"] == [1, 2, 3]
    await market.assert_sound()
