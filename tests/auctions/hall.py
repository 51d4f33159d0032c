"""An auction in a show on air, and people who bid, for the tests of auctions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from tests.orders.conftest import Market

from shopfloor import auctions, stock
from shopfloor.auctions import placing
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal


class Person:
    """An account with a proven contact."""

    def __init__(self) -> None:
        self.customer, self.shopper = uuid4(), uuid4()

    def bids(self, most_minor: int, **more: Any) -> auctions.Bidding:
        asked: dict[str, Any] = {"accepts": True, "confirmed": True} | more
        return auctions.Bidding(self.customer, self.shopper, most_minor, **asked)


async def opened(market: Market, **more: Any) -> auctions.Auction:
    """One coat from 10.00, a step of 1.00, for a minute."""
    asked: dict[str, Any] = {
        "variant_id": market.variants[0],
        "start_minor": 1_000,
        "steps": ((0, 100),),
        "seconds": 60,
    } | more
    async with market.db.transaction() as tx:
        return await auctions.open_auction(
            tx, shop_id=market.shop_id, show_id=market.show_id, offer_id=market.offer_id, **asked
        )


async def placed(
    db: Database, found: auctions.Auction, *asking: auctions.Bidding
) -> list[auctions.Placed | Refusal]:
    async with db.transaction() as tx:
        return await placing.place(tx, shop_id=found.shop_id, auction_id=found.id, asking=asking)


async def later(db: Database, found: auctions.Auction, seconds: float) -> None:
    """So much time goes by for this auction and its wins; the ledger keeps its moments."""
    by = timedelta(seconds=seconds)
    async with db.transaction() as tx:
        await tx.run(
            """
            UPDATE auctions.auction SET opened_at = opened_at - %(by)s::interval, ends_at = ends_at - %(by)s::interval,
                   latest_end = latest_end - %(by)s::interval WHERE id = %(id)s
            """,
            id=found.id,
            by=by,
        )
        await tx.run(
            """
            UPDATE auctions.win SET asked_at = asked_at - %(by)s::interval, deadline = deadline - %(by)s::interval,
                   look_at = look_at - %(by)s::interval WHERE auction_id = %(id)s
            """,
            id=found.id,
            by=by,
        )


async def now_of(db: Database, found: auctions.Auction) -> auctions.Auction:
    async with db.transaction() as tx:
        return await auctions.auction(tx, shop_id=found.shop_id, auction_id=found.id)


async def wins_of(db: Database, found: auctions.Auction) -> list[auctions.Win]:
    async with db.transaction() as tx:
        return await auctions.wins(tx, shop_id=found.shop_id, auction_id=found.id)


async def sold(market: Market, found: auctions.Auction) -> auctions.Auction:
    """At its end."""
    await later(market.db, found, 60)
    await auctions.work(market.db)
    return await now_of(market.db, found)


async def hear(market: Market, *names: str) -> None:
    """What auctions hear of so far of these facts, again from the first on."""
    heard = {kind.name: (kind, act) for kind, act in auctions.HEARD.items()}
    for name in names:
        kind, act = heard[name]
        for body in await market.facts(name):
            async with market.db.transaction() as tx:
                await act(tx, msgspec.convert(body, kind))


async def sound(market: Market) -> None:
    """Every invariant of auctions, stock and orders holds."""
    await market.assert_sound()
    async with market.db.transaction() as tx:
        assert [each for each in await auctions.audit(tx) if not each.passed] == []


async def units_of(market: Market, hold_id: UUID) -> list[tuple[int, int]]:
    """(units, unit price) of a hold."""
    async with market.db.transaction() as tx:
        found = await stock.hold(tx, shop_id=market.shop_id, hold_id=hold_id)
    return [(each.quantity, each.unit_price) for each in found.parts]


def codes(answers: Sequence[auctions.Placed | Refusal]) -> list[object]:
    """The code of each refusal, or whether a bid leads."""
    return [each.code if isinstance(each, Refusal) else each.leads for each in answers]
