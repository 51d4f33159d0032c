"""The store of the tills' tests with its warehouse, and short words for transfers and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.tills.conftest import Store, make_store

from shopfloor import inventory, stock, stock_control, tills
from shopfloor.kernel.database import Database
from shopfloor.stock_control.models import CountLine, Transfer
from shopfloor.stock_control.transfers import Whole

__all__ = ["Stores", "stores"]


@dataclass
class Stores:
    """A store and a warehouse; `tea` is what they have."""

    shop: Store

    @property
    def tea(self) -> int:
        return self.shop.variants[0]

    @property
    def db(self) -> Database:
        return self.shop.db

    async def draft(
        self, units: int | Mapping[int, int], *, key: UUID | None = None, to_store: bool = True
    ) -> Transfer:
        wanted = {self.tea: units} if isinstance(units, int) else units
        source, target = self.shop.other, self.shop.location_id
        async with self.db.transaction() as tx:
            return await stock_control.transfers.create(
                tx, shop_id=self.shop.shop_id, key=key or uuid4(), units=wanted,
                source_id=source if to_store else target, target_id=target if to_store else source,
            )  # fmt: skip

    async def do(self, verb: str, transfer: Transfer, *, key: UUID | None = None, **more: Any) -> Transfer:
        async with self.db.transaction() as tx:
            return await getattr(stock_control.transfers, verb)(
                tx, shop_id=self.shop.shop_id, transfer_id=transfer.id, key=key or uuid4(), **more
            )

    async def sent(self, units: int | Mapping[int, int], *, to_store: bool = True) -> Transfer:
        return await self.do("send", await self.draft(units, to_store=to_store))

    async def read(self, transfer: Transfer) -> Whole:
        async with self.db.transaction() as tx:
            return await stock_control.transfers.read(tx, shop_id=self.shop.shop_id, transfer_id=transfer.id)

    async def units(self, location_id: int, purpose: str | None = None, *, variant: int | None = None) -> int:
        """Units on one shelf: open stock (and what is there for shows and tills), or those of a purpose."""
        async with self.db.transaction() as tx:
            pools = {pool.id: pool.purpose for pool in await inventory.pools(tx, shop_id=self.shop.shop_id)}
            levels = await inventory.levels(tx, shop_id=self.shop.shop_id, variant_ids=[variant or self.tea])
        return sum(
            level.quantity
            for level in levels
            if level.location_id == location_id and pools[level.pool_id] == purpose
        )

    async def count(self, location_id: int | None = None, **more: Any) -> int:
        async with self.db.transaction() as tx:
            made = await stock_control.counts.create(
                tx, shop_id=self.shop.shop_id, location_id=location_id or self.shop.location_id, **more
            )
        return made.id

    async def scan(self, count_id: int, units: int = 1, *, verb: str = "scan", **more: Any) -> CountLine:
        given = {"variant_id": self.tea, "key": uuid4()} | more
        async with self.db.transaction() as tx:
            return await getattr(stock_control.counts, verb)(
                tx, shop_id=self.shop.shop_id, count_id=count_id, units=units, **given
            )

    async def decide(self, count_id: int) -> None:
        async with self.db.transaction() as tx:
            await stock_control.counts.begin_posting(
                tx, shop_id=self.shop.shop_id, count_id=count_id, reason="Monthly count", person_id=7
            )

    async def post(self, count_id: int) -> None:
        await self.decide(count_id)
        await stock_control.counts.post(self.db, shop_id=self.shop.shop_id, count_id=count_id)

    async def assert_sound(self) -> None:
        await self.shop.assert_sound()
        async with self.db.transaction() as tx:
            checks = [*await stock_control.audit(tx), *await stock.audit(tx), *await tills.audit(tx)]
        assert [each for each in checks if not each.passed] == []


@pytest.fixture
async def stores(database: Database) -> Stores:
    """Twenty of each in the store and as many in the warehouse."""
    shop = await make_store(database, units=20)
    for number in range(len(shop.variants)):
        await shop.receive(20, variant=number, location=shop.other)
    return Stores(shop)
