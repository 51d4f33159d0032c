"""A shop with two products, two suppliers and a forecast, and short words for what the tests do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import uuid4

import pytest

from shopfloor import accounts, auth, catalog, demand, inventory, stock, supply
from shopfloor.kernel.database import Database

TODAY = date(2026, 12, 1)
SHOW = 77


@dataclass(frozen=True, slots=True)
class Works:
    db: Database
    shop: accounts.Shop
    other: accounts.Shop
    session: str
    actor: accounts.Actor
    location_id: int
    coat: int
    coats: list[int]
    bowl: int
    bowls: list[int]
    weaver: supply.Supplier
    potter: supply.Supplier

    async def foresee(self, taken: Mapping[int, int], **hard: int) -> demand.Forecast:
        """A forecast from a show in which all of it was in stock and so many were taken."""
        homes = {**dict.fromkeys(self.coats, self.coat), **dict.fromkeys(self.bowls, self.bowl)}
        signals = [
            replace(
                demand.Signal(variant_id, homes[variant_id], {}, 9000.0, 9000.0, units, units),
                **hard,  # pyright: ignore[reportArgumentType]
            )
            for variant_id, units in taken.items()
        ]
        async with self.db.transaction() as tx:
            return await demand.forecast_show(tx, shop_id=self.shop.id, show_id=SHOW, signals=signals)

    async def quote(self, supplier: supply.Supplier, product_id: int, **terms: object) -> supply.Quote:
        fields: dict[str, object] = {
            "currency": "EUR", "tiers": (supply.Tier(10, 4000),), "lead_days": 7, "late_days": 2, **terms,
        }  # fmt: skip
        async with self.db.transaction() as tx:
            return await supply.add_quote(
                tx, shop_id=self.shop.id, supplier_id=supplier.id, product_id=product_id,
                terms=supply.QuoteTerms(**fields),  # pyright: ignore[reportArgumentType]
            )  # fmt: skip

    async def plan(self, **request: object) -> supply.Plan:
        return await supply.make_plan(
            self.db,
            shop_id=self.shop.id,
            show_id=SHOW,
            today=TODAY,
            **request,  # pyright: ignore[reportArgumentType]
        )

    async def sent(self, **request: object) -> supply.Sent:
        """The only purchase order of a new plan."""
        plan = await self.plan(**request)
        async with self.db.transaction() as tx:
            [sent] = await supply.accept(tx, actor=self.actor, plan_id=plan.id)
        return sent

    async def confirm(
        self, sent: supply.Sent, *lines: supply.Promise, today: date = TODAY
    ) -> supply.PurchaseOrder:
        async with self.db.transaction() as tx:
            return await supply.confirm(
                tx, key=sent.key, purchase_order_id=sent.order.id, lines=lines, today=today
            )

    async def levels(self, variant_id: int) -> list[tuple[str, date | None, int, int]]:
        """(kind, day, quantity, promised) of every level, by day."""
        async with self.db.transaction() as tx:
            found = await inventory.levels(tx, shop_id=self.shop.id, variant_ids=[variant_id])
        return sorted(
            ((each.kind.value, each.ready_on, each.quantity, each.held + each.allocated) for each in found),
            key=lambda level: (level[1] or date.min, level[0]),
        )

    async def buy(self, variant_id: int, quantity: int) -> stock.Answer:
        async with self.db.transaction() as tx:
            pool = await inventory.open_pool(tx, shop_id=self.shop.id)
            request = stock.Request(
                id=uuid4(), shop_id=self.shop.id, pool_id=pool.id, buyer=uuid4(),
                lines=(stock.Line(variant_id, quantity),), hold_seconds=600,
            )  # fmt: skip
            [answer] = await stock.reserve(tx, [request])
            await stock.confirm(tx, [request.id])
            return answer

    async def facts(self) -> list[str]:
        """Names of the facts recorded so far that are ours."""
        async with self.db.transaction() as tx:
            found = await tx.connection.execute(
                "SELECT name FROM kernel.outbox WHERE name LIKE 'supply.%' ORDER BY id"
            )
            return [row[0] for row in await found.fetchall()]


@pytest.fixture
async def works(database: Database) -> Works:
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
        joined = await auth.claim_owner(
            tx, token=token, email="mei@example.org", password="a long password", shop_name="Mei", slug="mei",
            currency="EUR",
        )  # fmt: skip
        shop = joined.shop
        actor = await auth.actor(tx, joined.session, "mei")
        other = await accounts.create_shop(
            tx, owner_id=joined.person.id, name="Kiln", slug="kiln", currency="EUR"
        )
        coat = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=shop.id, title="=Coat", option_names=["Size", "Colour"],
            variants=[catalog.NewVariant(12_900, [size, "Indigo"], f"C-{size}") for size in "SML"],
        )  # fmt: skip
        bowl = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=shop.id, title="Bowl", kind=catalog.Kind.MADE_TO_ORDER,
            variants=[catalog.NewVariant(6_000, [], "B")],
        )  # fmt: skip
        ids = {
            product.id: [
                each.id for each in await catalog.variants(tx, shop_id=shop.id, product_ids=[product.id])
            ]
            for product in (coat, bowl)
        }
        where = await inventory.add_location(
            tx, shop_id=shop.id, name="House", kind=inventory.LocationKind.WAREHOUSE
        )
        await tx.run(
            "INSERT INTO live.show (id, shop_id, title) OVERRIDING SYSTEM VALUE VALUES (%(show)s, %(shop)s, 'Evening')",
            show=SHOW,
            shop=shop.id,
        )
        weaver = await supply.add_supplier(tx, shop_id=shop.id, name="Weaver", capacity_per_week=200)
        potter = await supply.add_supplier(tx, shop_id=shop.id, name="Potter")
    return Works(
        database, shop, other, joined.session, actor, where.id, coat.id, ids[coat.id], bowl.id, ids[bowl.id],
        weaver, potter,
    )  # fmt: skip
