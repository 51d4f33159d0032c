"""Checkouts that arrive together, through the gateway that places them together and one by one beside it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form, make_market
from tests.races.test_races_discounts import discount, sound
from tests.races.test_races_stock_intake import Proxy

from shopfloor import orders, promotions, reconciliation, stock
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.errors import Refusal
from shopfloor.promotions import Method

__all__ = ["make_market"]

BUYERS = 24
Door = Callable[..., Awaitable[orders.Order]]


def contact(buyer: UUID) -> dict[str, object]:
    return {"email": f"{buyer.hex}@example.com", "phone": ""}


async def sent(door: Door, market: Market, hold: UUID, buyer: UUID, **changes: object) -> str:
    """What an order came to, or why there is none."""
    try:
        order = await door(
            shop_id=market.shop_id, hold_id=hold, shopper=buyer, form=form(**(contact(buyer) | changes))
        )
    except Refusal as refusal:
        return refusal.code
    return str(order.total_minor)


async def looked_at(market: Market, count: int) -> list[tuple[UUID, UUID]]:
    """(hold, buyer) of so many purchases, whose buyers have the page of the checkout before them."""
    holds = [await market.hold() for _ in range(count)]
    async with market.db.transaction() as tx:
        for hold, buyer in holds:
            await orders.begin_checkout(tx, shop_id=market.shop_id, hold_id=hold, shopper=buyer)
    return holds


def alone(market: Market) -> Door:
    async def door(**asked: object) -> orders.Order:
        return await orders.complete(market.db, **asked)  # pyright: ignore[reportArgumentType]

    return door


async def transactions_of_lines(db: Database) -> int:
    async with db.transaction() as tx:
        return await tx.value("SELECT count(DISTINCT xmin::text) FROM orders.line")


async def all_sound(market: Market) -> None:
    async with market.db.transaction() as tx:
        checks = [
            *await orders.audit(tx), *await reconciliation.audit(tx), *await stock.audit(tx), *await promotions.audit(tx)
        ]  # fmt: skip
    assert [check for check in checks if not check.passed] == []


async def test_who_arrives_together_is_placed_together_and_who_is_refused_refuses_no_other(
    make_market: MakeMarket,
) -> None:
    market = await make_market(50)
    door = orders.Checkouts(market.db).complete
    holds = await looked_at(market, BUYERS)
    lapsed, lapsed_buyer = holds[3]
    await market.make_overdue(lapsed)
    await market.expire()

    answers = await asyncio.gather(
        *(
            sent(
                door,
                market,
                hold,
                # One sends the purchase of somebody else, one has seen another price.
                uuid4() if number == 5 else buyer,
                **({"expected_total_minor": 1} if number == 7 else {}),
            )
            for number, (hold, buyer) in enumerate(holds)
        ),
        # One taps twice.
        sent(door, market, *holds[9]),
    )

    assert answers[5] == "orders.checkout_not_found"
    assert answers[7] == "orders.total_changed"
    assert Counter(answers) == {
        str(PRICE): BUYERS - 1, "orders.checkout_not_found": 1, "orders.total_changed": 1
    }  # fmt: skip
    placed = await market.facts("orders.order_placed")
    assert len({fact["number"] for fact in placed}) == BUYERS - 2
    assert sorted(str(fact["hold_id"]) for fact in placed) == sorted(
        str(hold) for number, (hold, _) in enumerate(holds) if number not in {5, 7}
    )
    # All of them, and the one whose hold had lapsed.
    assert await transactions_of_lines(market.db) == 2
    assert await market.hold_state(lapsed) is stock.HoldState.ALLOCATED
    assert lapsed_buyer == holds[3][1]
    await all_sound(market)


async def test_who_is_refused_together_keeps_nothing_longer(make_market: MakeMarket) -> None:
    market = await make_market(5)
    door = orders.Checkouts(market.db).complete
    holds = await looked_at(market, 2)
    async with market.db.transaction() as tx:
        # The last seconds of their time.
        await tx.run("UPDATE stock.hold SET expires_at = clock_timestamp() + interval '20 s'")
        before = await tx.value("SELECT array_agg(expires_at ORDER BY id) FROM stock.hold")

    told = await asyncio.gather(*(sent(door, market, *each, provider="nobody") for each in holds))

    assert told == ["orders.provider_unknown"] * 2
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT array_agg(expires_at ORDER BY id) FROM stock.hold") == before


async def test_the_last_uses_of_a_code_go_to_as_many_as_there_are_through_both_ways(
    make_market: MakeMarket,
) -> None:
    market = await make_market(50)
    found = await discount(market, "LAST", method=Method.CODE, most_uses=7)
    holds = await looked_at(market, BUYERS)
    doors = [orders.Checkouts(market.db).complete, orders.Checkouts(market.db).complete, alone(market)]

    answers = await asyncio.gather(
        *(
            sent(doors[number % 3], market, hold, buyer, codes=("LAST",))
            for number, (hold, buyer) in enumerate(holds)
        )
    )

    told = Counter(answers)
    assert told[str(PRICE - 1_000)] == 7
    assert set(told) <= {str(PRICE - 1_000), "promotions.gone", "orders.form"}
    await sound(market, found, 7, 7_000)
    await all_sound(market)


async def test_one_person_in_many_windows_uses_a_code_once_when_they_arrive_together(
    make_market: MakeMarket,
) -> None:
    market = await make_market(50)
    found = await discount(market, "MINE", method=Method.CODE, per_buyer=1)
    door = orders.Checkouts(market.db).complete
    holds = await looked_at(market, 8)

    told = Counter(
        await asyncio.gather(
            *(
                sent(door, market, hold, buyer, codes=("MINE",), email="one@example.com")
                for hold, buyer in holds
            )
        )
    )

    assert told[str(PRICE - 1_000)] == 1
    assert set(told) <= {str(PRICE - 1_000), "promotions.gone", "orders.form"}
    await sound(market, found, 1, 1_000)


@pytest.mark.parametrize("together", [True, False])
async def test_one_contact_in_many_windows_owes_no_more_than_one_buyer_may(
    make_market: MakeMarket, together: bool
) -> None:
    market = await make_market(50)
    door = orders.Checkouts(market.db).complete if together else alone(market)
    holds = await looked_at(market, 14)

    told = Counter(
        await asyncio.gather(*(sent(door, market, *each, email="one@example.com") for each in holds))
    )

    assert told == {str(PRICE): 10, "orders.contact_limit": 4}


@pytest.mark.parametrize("what", ["drafts", "orders"])
@pytest.mark.parametrize("delivered", [True, False])
async def test_a_line_cut_at_commit_is_told_to_all_of_them_and_the_same_forms_again_order_once(
    make_market: MakeMarket, dsn: str, tmp_path: Path, delivered: bool, what: str
) -> None:
    market = await make_market(50)
    holds = await looked_at(market, 6)
    async with Proxy(dsn, tmp_path) as proxy:
        proxy.deliver_what_is_cut = delivered
        commits = 0

        def cut(data: bytes) -> bool:
            nonlocal commits
            commits += b"COMMIT" in data
            return b"COMMIT" in data and commits == ["drafts", "orders"].index(what) + 1

        db = Database(proxy.dsn, 2)
        await db.open()
        try:
            door = orders.Checkouts(db)
            proxy.cut = cut
            answers = await asyncio.gather(*(sent(door.complete, market, *each) for each in holds))
            assert answers == [DatabaseAway.code] * 6
            assert proxy.cuts == 1
            again = await asyncio.gather(*(sent(door.complete, market, *each) for each in holds))
        finally:
            await db.close()

    assert again == [str(PRICE)] * 6
    assert len(await market.facts("orders.order_placed")) == 6
    await all_sound(market)
