"""The last use, the budget and the coupons of a discount, wanted by many at once, with real commits."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form, make_market

from shopfloor import orders, promotions
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.orders import Party
from shopfloor.pricing import DiscountKind
from shopfloor.promotions import Discount, Method

__all__ = ["make_market"]

BUYERS = 20


async def discount(market: Market, code: str = "", **changes: Any) -> Discount:
    rules: dict[str, Any] = {"amount_minor": 1_000} | changes
    async with market.db.transaction() as tx:
        return await promotions.service.save(
            tx,
            shop_id=market.shop_id,
            wanted=Discount(id=0, title="Raced", kind=DiscountKind.AMOUNT, currency="", **rules),
            code=code,
        )


async def ordered(market: Market, hold: UUID, buyer: UUID, **changes: object) -> str:
    """What an order came to, or why there is none."""
    contact = {"email": f"{buyer.hex}@example.com", "phone": ""}
    try:
        order = await orders.complete(
            market.db, shop_id=market.shop_id, hold_id=hold, shopper=buyer, form=form(**contact, **changes)
        )
    except Refusal as refusal:
        return refusal.code
    return str(order.total_minor)


async def sound(market: Market, found: Discount, uses: int, spent: int) -> None:
    async with market.db.transaction() as tx:
        checks = [*await orders.audit(tx), *await promotions.audit(tx)]
        kept = await promotions.service.discount(tx, shop_id=market.shop_id, discount_id=found.id)
    assert [check for check in checks if check.offending] == []
    assert (kept.uses, kept.spent_minor) == (uses, spent)


@pytest.fixture
async def wide(make_market: MakeMarket) -> Market:
    return await make_market(200)


async def test_the_last_uses_of_a_code_go_to_as_many_as_there_are(wide: Market) -> None:
    found = await discount(wide, "LAST", method=Method.CODE, most_uses=3)
    holds = [await wide.hold() for _ in range(BUYERS)]

    answers = await asyncio.gather(*(ordered(wide, hold, buyer, codes=("LAST",)) for hold, buyer in holds))

    told = Counter(answers)
    assert told[str(PRICE - 1_000)] == 3
    assert set(told) <= {str(PRICE - 1_000), "promotions.gone", "orders.form"}
    await sound(wide, found, 3, 3_000)


async def test_one_person_in_many_windows_uses_it_once(wide: Market) -> None:
    found = await discount(wide, "MINE", method=Method.CODE, per_buyer=1)
    holds = [await wide.hold() for _ in range(8)]
    same = {"email": "one@example.com", "phone": ""}

    async def order(hold: UUID, buyer: UUID) -> str:
        try:
            await orders.complete(
                wide.db, shop_id=wide.shop_id, hold_id=hold, shopper=buyer, form=form(codes=("MINE",), **same)
            )
        except Refusal as refusal:
            return refusal.code
        return "ordered"

    told = Counter(await asyncio.gather(*(order(hold, buyer) for hold, buyer in holds)))
    assert told["ordered"] == 1
    assert set(told) <= {"ordered", "promotions.gone", "orders.form"}
    await sound(wide, found, 1, 1_000)


async def test_a_budget_holds_and_cancelling_gives_it_back_once(wide: Market) -> None:
    found = await discount(wide, method=Method.AUTOMATIC, budget_minor=5_500)
    holds = [await wide.hold() for _ in range(BUYERS)]
    # Each has seen the discount and expects it.
    seen = {"expected_total_minor": PRICE - 1_000}
    told = Counter(await asyncio.gather(*(ordered(wide, hold, buyer, **seen) for hold, buyer in holds)))
    assert told[str(PRICE - 1_000)] == 5
    assert set(told) <= {str(PRICE - 1_000), "promotions.gone", "orders.total_changed"}
    await sound(wide, found, 5, 5_000)

    async with wide.db.transaction() as tx:
        cursor = await tx.connection.execute("SELECT id FROM orders.orders WHERE number IS NOT NULL")
        placed = [row[0] for row in await cursor.fetchall()]

    async def cancel(order_id: UUID) -> None:
        async with wide.db.transaction() as tx:
            await orders.cancel(
                tx, shop_id=wide.shop_id, order_id=order_id, by=Party.MERCHANT, actor="person:1"
            )

    await asyncio.gather(*(cancel(order_id) for order_id in placed for _ in range(2)))
    await sound(wide, found, 0, 0)


async def test_a_thousand_claims_of_a_hundred_coupons(wide: Market, database: Database) -> None:
    found = await discount(wide, method=Method.COUPON, slug="hundred", most_claims=100)
    claims = [promotions.Claims(database), promotions.Claims(database)]
    buyers = [uuid4() for _ in range(1_000)]

    async def claim(number: int, buyer: UUID) -> str:
        try:
            await claims[number % 2].claim(shop_id=wide.shop_id, discount_id=found.id, buyer=buyer)
        except Refusal as refusal:
            return refusal.code
        return "claimed"

    answers = await asyncio.gather(*(claim(number, buyer) for number, buyer in enumerate(buyers)))
    assert Counter(answers) == {"claimed": 100, "promotions.all_claimed": 900}
    again = await asyncio.gather(*(claim(number, buyer) for number, buyer in enumerate(buyers)))
    assert again == answers
    async with database.transaction() as tx:
        kept = await promotions.service.discount(tx, shop_id=wide.shop_id, discount_id=found.id)
    assert kept.claims == 100
    await sound(wide, found, 0, 0)
