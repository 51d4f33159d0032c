"""A shop with a warehouse and a store, and short words for what the tests do with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from shopfloor import inventory, stock
from shopfloor.kernel.database import Database

SHOP = 1


@dataclass
class Ledger:
    db: Database
    warehouse: int
    store: int
    open_pool: int

    def want(
        self,
        lines: Mapping[int, int] | Sequence[tuple[int, int]],
        *,
        pool: int | None = None,
        id: UUID | None = None,  # noqa: A002
        buyer: UUID | None = None,
        **more: Any,
    ) -> stock.Request:
        pairs = lines.items() if isinstance(lines, Mapping) else lines
        return stock.Request(
            id=id or uuid4(),
            shop_id=more.pop("shop_id", SHOP),
            pool_id=pool or self.open_pool,
            buyer=buyer or uuid4(),
            lines=tuple(stock.Line(variant_id, quantity) for variant_id, quantity in pairs),
            hold_seconds=more.pop("hold_seconds", 300),
            **more,
        )

    async def reserve(self, *requests: stock.Request) -> list[stock.Answer]:
        async with self.db.transaction() as tx:
            return await stock.reserve(tx, requests)

    async def outcomes(self, *requests: stock.Request) -> list[str]:
        return [outcome(answer) for answer in await self.reserve(*requests)]

    async def receive(
        self, variant_id: int, quantity: int, *, location: int | None = None
    ) -> inventory.Level:
        async with self.db.transaction() as tx:
            return await inventory.receive(
                tx,
                shop_id=SHOP,
                location_id=location or self.warehouse,
                variant_id=variant_id,
                quantity=quantity,
            )

    async def announce(
        self,
        variant_id: int,
        quantity: int,
        ready_on: date,
        source: str,
        kind: inventory.LotKind = inventory.LotKind.INCOMING,
    ) -> inventory.Level:
        async with self.db.transaction() as tx:
            return await inventory.announce_lot(
                tx,
                shop_id=SHOP,
                variant_id=variant_id,
                location_id=self.warehouse,
                quantity=quantity,
                ready_on=ready_on,
                kind=kind,
                source=source,
            )

    async def show(self, show_id: int, quotas: Mapping[int, int], **more: Any) -> int:
        async with self.db.transaction() as tx:
            pool = await inventory.open_show_pool(tx, shop_id=SHOP, show_id=show_id, quotas=quotas, **more)
            return pool.id

    async def close_show(self, show_id: int) -> None:
        async with self.db.transaction() as tx:
            await stock.close_show_pool(tx, shop_id=SHOP, show_id=show_id)

    async def left(self, variant_id: int, pool: int | None = None) -> stock.Availability:
        async with self.db.transaction() as tx:
            found = await stock.available(tx, shop_id=SHOP, variant_ids=[variant_id], pool_id=pool)
            return found[variant_id]

    async def numbers(self, variant_id: int) -> dict[tuple[int, str], tuple[int, int, int, int]]:
        """By pool and source: quantity, held, allocated, shortfall."""
        async with self.db.transaction() as tx:
            return {
                (level.pool_id, level.source): (
                    level.quantity,
                    level.held,
                    level.allocated,
                    level.shortfall,
                )
                for level in await inventory.levels(tx, shop_id=SHOP, variant_ids=[variant_id])
                if level.location_id == self.warehouse
            }

    async def hold(self, hold_id: UUID) -> stock.Hold:
        async with self.db.transaction() as tx:
            return await stock.hold(tx, shop_id=SHOP, hold_id=hold_id)

    async def facts(self, name: str) -> list[dict[str, Any]]:
        async with self.db.transaction() as tx:
            cursor = await tx.connection.execute(
                "SELECT body FROM kernel.outbox WHERE name = %s ORDER BY id", (name,)
            )
            return [body for (body,) in await cursor.fetchall()]

    async def forget_facts(self) -> None:
        async with self.db.transaction() as tx:
            await tx.run("DELETE FROM kernel.outbox")

    async def let_time_pass(self, *hold_ids: UUID) -> None:
        """As if the time of these holds were over."""
        async with self.db.transaction() as tx:
            await tx.run(
                "UPDATE stock.hold SET expires_at = clock_timestamp() - interval '1 s' WHERE id = ANY(%(ids)s)",
                ids=list(hold_ids),
            )
            await tx.run("UPDATE stock.timer SET due_at = clock_timestamp() - interval '1 s'")

    async def expire(self, limit: int = 1000) -> list[stock.Freed]:
        async with self.db.transaction() as tx:
            return await stock.expire(tx, limit=limit)

    async def audit(self) -> list[str]:
        async with self.db.transaction() as tx:
            return [f"{check.name}: {key}" for check in await stock.audit(tx) for key in check.offending]


def outcome(answer: stock.Answer) -> str:
    return "held" if isinstance(answer, stock.Held) else answer.code


@pytest.fixture
async def ledger(database: Database) -> Ledger:
    async with database.transaction() as tx:
        warehouse = await inventory.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        store = await inventory.add_location(
            tx, shop_id=SHOP, name="store", kind=inventory.LocationKind.STORE
        )
        pool = await inventory.open_pool(tx, shop_id=SHOP)
    return Ledger(database, warehouse.id, store.id, pool.id)
