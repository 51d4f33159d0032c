"""A shop with goods, a show on air and buyers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from shopfloor import inventory, live, orders, purchases, reconciliation, run_of_show, stock
from shopfloor.fulfilment import Delivery
from shopfloor.kernel.database import Database
from shopfloor.orders import Address, Form

PRICE = 12_900


def form(**changes: object) -> Form:
    """What a buyer fills in, right in every field."""
    plain: dict[str, object] = {
        "name": "Lin Mei",
        "phone": "+86 139 1234 5678",
        "email": "mei@example.com",
        "delivery": Delivery.SHIP,
        "address": Address(street="12 Garden Road", city="Hangzhou", postcode="310000", country="CN"),
    }
    return Form(**(plain | changes))  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Market:
    """One shop; `variants` are a coat in M and L; `offer_id` the offer of a show on air."""

    db: Database
    shop_id: int
    product_id: int
    variants: list[int]
    location_id: int
    show_id: int
    offer_id: int
    pool_id: int

    async def hold(
        self,
        *,
        buyer: UUID | None = None,
        quantity: int = 1,
        variant: int = 0,
        seconds: int = 300,
        lines: Mapping[int, int] | None = None,
        hold_id: UUID | None = None,
        open_shop: bool = False,
    ) -> tuple[UUID, UUID]:
        """(hold, buyer) of a purchase in the show, or without it; fails when it is refused."""
        shopper = buyer or uuid4()
        wanted = lines or {self.variants[variant]: quantity}
        request = stock.Request(
            id=hold_id or uuid4(),
            shop_id=self.shop_id,
            pool_id=await self._open_pool() if open_shop else self.pool_id,
            buyer=shopper,
            lines=tuple(stock.Line(variant_id, units) for variant_id, units in wanted.items()),
            hold_seconds=seconds,
            offer_id=None if open_shop else self.offer_id,
            show_id=None if open_shop else self.show_id,
            unit_prices=tuple(PRICE for _ in wanted),
            # As every purchase at the door of the shop has one.
            default_limit=1_000,
        )
        async with self.db.transaction() as tx:
            [answer] = await stock.reserve(tx, [request])
        assert isinstance(answer, stock.Held), answer
        return request.id, shopper

    async def _open_pool(self) -> int:
        async with self.db.transaction() as tx:
            pools = await inventory.pools(tx, shop_id=self.shop_id)
        return next(pool.id for pool in pools if pool.kind is inventory.PoolKind.OPEN)

    async def complete(self, hold_id: UUID, shopper: UUID, also: Any = (), **changes: object) -> orders.Order:
        """The form is sent, right but for `changes`."""
        return await orders.complete(
            self.db, shop_id=self.shop_id, hold_id=hold_id, shopper=shopper, form=form(**changes), also=also
        )

    async def order(self, *, quantity: int = 1, **changes: object) -> tuple[orders.Order, UUID]:
        """(order, buyer) of a placed, unpaid order."""
        hold_id, shopper = await self.hold(quantity=quantity)
        placed = await orders.complete(
            self.db, shop_id=self.shop_id, hold_id=hold_id, shopper=shopper, form=form(**changes)
        )
        return placed, shopper

    async def paid(self, *, quantity: int = 1) -> tuple[orders.Order, UUID]:
        placed, shopper = await self.order(quantity=quantity)
        async with self.db.transaction() as tx:
            paid = await orders.mark_paid(
                tx, shop_id=self.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
            )
        return paid, shopper

    async def left(self, variant: int = 0) -> int:
        async with self.db.transaction() as tx:
            free = await stock.available(
                tx, shop_id=self.shop_id, variant_ids=[self.variants[variant]], pool_id=self.pool_id
            )
        return free[self.variants[variant]].total

    async def hold_state(self, hold_id: UUID) -> stock.HoldState:
        async with self.db.transaction() as tx:
            return (await stock.hold(tx, shop_id=self.shop_id, hold_id=hold_id)).state

    async def facts(self, name: str) -> list[dict[str, object]]:
        async with self.db.transaction() as tx:
            cursor = await tx.connection.execute(
                "SELECT body FROM kernel.outbox WHERE name = %s ORDER BY id", (name,)
            )
            return [row[0] for row in await cursor.fetchall()]

    async def make_overdue(self, hold_id: UUID) -> None:
        """As if the hold's time had run out a minute ago."""
        async with self.db.transaction() as tx:
            await tx.run(
                "UPDATE stock.hold SET expires_at = now() - interval '1 minute' WHERE id = %(id)s", id=hold_id
            )
            await tx.run("UPDATE stock.timer SET due_at = now() - interval '1 minute'")

    async def expire(self) -> int:
        async with self.db.transaction() as tx:
            return await purchases.expire(tx)

    async def assert_sound(self) -> None:
        async with self.db.transaction() as tx:
            broken = [
                check
                for check in [
                    *await orders.audit(tx),
                    *await reconciliation.audit(tx),
                    *await stock.audit(tx),
                ]
                if not check.passed
            ]
        assert broken == []


MakeMarket = Callable[..., Awaitable[Market]]


@pytest.fixture
def make_market(database: Database) -> MakeMarket:
    """Builds a Market: units on the shelf, later lots {date: units}, terms of the offer."""
    made = 0

    async def make(
        units: int = 10,
        *,
        later: Mapping[date, int] | None = None,
        policy: str = "timer",
        deposit_percent: int | None = None,
        limit_per_buyer: int | None = None,
        start: bool = True,
    ) -> Market:
        nonlocal made
        made += 1
        async with database.transaction() as tx:
            shop_id = await tx.value(
                """
                INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
                VALUES (%(slug)s, 'Garden', 'CNY', 'en', 'Asia/Shanghai') RETURNING id
                """,
                slug=f"garden-{made}",
            )
            product_id = await tx.value(
                """
                INSERT INTO catalog.product (shop_id, handle, title, kind, status, option_names)
                VALUES (%(shop_id)s, 'coat', 'Linen coat', 'sized', 'active', '{Size}') RETURNING id
                """,
                shop_id=shop_id,
            )
            variants = [
                await tx.value(
                    """
                    WITH made AS (
                      INSERT INTO catalog.variant (shop_id, product_id, sku, options, currency, position)
                      VALUES (%(shop_id)s, %(product_id)s, %(sku)s, %(options)s, 'CNY', %(position)s) RETURNING id),
                    priced AS (
                      INSERT INTO catalog.price (variant_id, minor, valid_from)
                      SELECT id, %(price)s, now() - interval '1 day' FROM made)
                    SELECT id FROM made
                    """,
                    shop_id=shop_id,
                    product_id=product_id,
                    sku=f"COAT-{size}",
                    options=[size],
                    position=position,
                    price=PRICE,
                )
                for position, size in enumerate(["M", "L"], start=1)
            ]
            location = await inventory.add_location(
                tx, shop_id=shop_id, name="Warehouse", kind=inventory.LocationKind.WAREHOUSE
            )
            if units:
                for variant_id in variants:
                    await inventory.receive(
                        tx, shop_id=shop_id, location_id=location.id, variant_id=variant_id, quantity=units
                    )
            show = await live.plan_show(tx, shop_id=shop_id, title="Friday show")
            offer_id = await tx.value(
                """
                INSERT INTO live.offer (show_id, product_id, policy, hold_seconds, limit_per_buyer, deposit_percent)
                VALUES (%(show_id)s, %(product_id)s, %(policy)s, 300, %(limit)s, %(deposit)s) RETURNING id
                """,
                show_id=show.id,
                product_id=product_id,
                policy=policy,
                limit=limit_per_buyer,
                deposit=deposit_percent,
            )
            for position, variant_id in enumerate(variants):
                await tx.run(
                    """
                    INSERT INTO live.offer_line (offer_id, variant_id, price_minor, currency, quota, position)
                    VALUES (%(offer_id)s, %(variant_id)s, %(price)s, 'CNY', %(quota)s, %(position)s)
                    """,
                    offer_id=offer_id,
                    variant_id=variant_id,
                    price=PRICE,
                    quota=units,
                    position=position,
                )
            if start:
                show = await run_of_show.start_show(tx, shop_id=shop_id, show_id=show.id)
            for day, quantity in (later or {}).items():
                await inventory.announce_lot(
                    tx,
                    shop_id=shop_id,
                    variant_id=variants[0],
                    location_id=location.id,
                    quantity=quantity,
                    ready_on=day,
                    kind=inventory.LotKind.INCOMING,
                    source=f"po/{day}",
                )
        return Market(
            database, shop_id, product_id, variants, location.id, show.id, offer_id, show.pool_id or 0
        )

    return make


@pytest.fixture
async def market(make_market: MakeMarket) -> Market:
    return await make_market()
