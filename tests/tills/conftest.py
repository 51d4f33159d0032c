"""A store with a till, goods on its shelf, and a device that keeps a journal as the page does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shopfloor import inventory, orders, stock, tills
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import new_id, now
from shopfloor.tills.models import FIRST_HASH

PRICE = 1990


@dataclass
class Till:
    """A paired device, with its journal as it is on the device."""

    store: "Store"
    device: tills.Device
    secret: str
    facts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    number: int = 0
    shift: UUID | None = None
    skew: Any = None

    def add(self, kind: str, body: dict[str, Any], *, at: datetime | None = None) -> dict[str, Any]:
        """The next fact, chained to the last."""
        moment = (at or now()).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fact = tills.journal.chain(
            {
                "sequence": len(self.facts) + 1,
                "at": moment,
                "kind": kind,
                "assistant": self.store.assistant,
                "shift": None if self.shift is None else str(self.shift),
                "body": body,
            },
            self.facts[-1]["hash"] if self.facts else FIRST_HASH,
        )
        self.facts.append(fact)
        return fact

    def open_shift(self, float_minor: int = 20_000, shift: UUID | None = None) -> UUID:
        self.shift = shift or uuid4()
        self.add("shift.opened", {"id": str(self.shift), "float": float_minor})
        return self.shift

    def close_shift(self, counted: int | None) -> None:
        self.add("shift.closed", {"id": str(self.shift), "counted": counted})

    def sell(
        self,
        *units: int,
        variant: int | None = None,
        price: int = PRICE,
        cash: bool = True,
        at: datetime | None = None,
        **changes: Any,
    ) -> UUID:
        """Units of the store's first variant, or of `variant`, one line each.  Returns the id of the sale."""
        sale_id, self.number = new_id(), self.number + 1
        lines = [
            {
                "line": position,
                "variant": variant or self.store.variants[0],
                "title": "Longjing 50 g",
                "sku": "LJ-50",
                "options": ["50 g"],
                "quantity": quantity,
                "weight": None,
                "unit_price": price,
                "discount": 0,
                "tax": 0,
                "tax_included": True,
                "amount": price * quantity,
            }
            for position, quantity in enumerate(units or (1,), start=1)
        ]
        total = sum(price * quantity for quantity in units or (1,))
        tender = (
            {"kind": "cash", "amount": total + 10}
            if cash
            else {
                "kind": "card_terminal",
                "amount": total,
                "slip": "004711",
            }
        )
        body = {
            "id": str(sale_id),
            "number": self.number,
            "token": uuid4().hex[:22],
            "training": False,
            "price_list": "first",
            "offline": True,
            "lines": lines,
            "total": total,
            "tax": 0,
            "tenders": [tender],
            "change": 10 if cash else 0,
            "rounding": 0,
            "customer": None,
            "locale": "en",
            "hold": None,
        }
        self.add("sale", body | changes, at=at)
        return sale_id

    def take_back(
        self, order: UUID, *, quantity: int = 1, amount: int = PRICE, line: int = 1, **changes: Any
    ) -> UUID:
        back_id, self.number = new_id(), self.number + 1
        body = {
            "id": str(back_id),
            "number": self.number,
            "of": {"order": str(order)},
            "offline": False,
            "training": False,
            "lines": [
                {"line": line, "quantity": quantity, "condition": "as_new", "restock": True, "amount": amount}
            ],
            "refund": [{"kind": "cash", "amount": amount}],
            "reason": "too small",
        }
        self.add("return", body | changes)
        return back_id

    async def send(
        self, facts: Sequence[dict[str, Any]] | None = None, *, told_at: datetime | None = None
    ) -> Any:
        """All of the journal, or these facts."""
        read = tills.reading.facts_of({"facts": list(self.facts if facts is None else facts)})
        async with self.store.db.transaction() as tx:
            self.device = await tills.registers.known_device(
                tx, shop_id=self.store.shop_id, device_id=self.device.id, secret=self.secret
            )
        return await tills.journal.take(self.store.db, self.device, read, told_at=told_at)


@dataclass
class Store:
    """A shop with tea on the shelf of a store; `other` is its warehouse."""

    db: Database
    shop_id: int
    variants: list[int]
    location_id: int
    other: int
    register_id: int
    assistant: int

    async def till(self, name: str = "Counter iPad", register_id: int | None = None) -> Till:
        async with self.db.transaction() as tx:
            code = await tills.registers.new_code(
                tx, shop_id=self.shop_id, register_id=register_id or self.register_id, person_id=1
            )
            paired = await tills.registers.pair(tx, shop_id=self.shop_id, code=code, name=name)
        return Till(self, paired.device, paired.secret)

    async def receive(self, units: int, *, variant: int = 0, location: int | None = None) -> None:
        async with self.db.transaction() as tx:
            await inventory.receive(
                tx,
                shop_id=self.shop_id,
                location_id=location or self.location_id,
                variant_id=self.variants[variant],
                quantity=units,
            )

    async def here(self, variant: int = 0, location: int | None = None) -> int:
        """Units on the shelves of a location, all pools together."""
        async with self.db.transaction() as tx:
            return sum(
                level.quantity
                for level in await inventory.levels(
                    tx, shop_id=self.shop_id, variant_ids=[self.variants[variant]]
                )
                if level.location_id == (location or self.location_id)
            )

    async def hold(self, quantity: int = 1, *, variant: int = 0) -> Any:
        """What a viewer who wants so many is answered; units are held for ever."""
        async with self.db.transaction() as tx:
            pool = next(
                each for each in await inventory.pools(tx, shop_id=self.shop_id) if each.kind == "open"
            )
            request = stock.Request(
                id=uuid4(),
                shop_id=self.shop_id,
                pool_id=pool.id,
                buyer=uuid4(),
                lines=(stock.Line(self.variants[variant], quantity),),
                hold_seconds=3600,
            )
            [answer] = await stock.reserve(tx, [request])
            return answer

    async def tasks(self) -> list[str]:
        async with self.db.transaction() as tx:
            cursor = await tx.connection.execute(
                "SELECT code FROM tills.task WHERE done_at IS NULL ORDER BY id"
            )
            return [row[0] for row in await cursor.fetchall()]

    async def value(self, sql: str, **values: object) -> Any:
        async with self.db.transaction() as tx:
            return await tx.value(sql, **values)  # pyright: ignore[reportArgumentType]

    async def order(self, order_id: UUID) -> orders.OrderView:
        async with self.db.transaction() as tx:
            return await orders.order(tx, shop_id=self.shop_id, order_id=order_id)

    async def assert_sound(self) -> None:
        async with self.db.transaction() as tx:
            checks = [*await tills.audit(tx), *await orders.audit(tx), *await stock.audit(tx)]
        assert [each for each in checks if not each.passed] == []


async def make_store(db: Database, units: int = 10) -> Store:
    async with db.transaction() as tx:
        shop_id = await tx.value(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('tea', 'Tea', 'CNY', 'en', 'Europe/Berlin') RETURNING id
            """
        )
        product_id = await tx.value(
            """
            INSERT INTO catalog.product (shop_id, handle, title, kind, status, option_names)
            VALUES (%(shop_id)s, 'longjing', 'Longjing', 'sized', 'active', '{Weight}') RETURNING id
            """,
            shop_id=shop_id,
        )
        variants = [
            await tx.value(
                """
                WITH made AS (
                  INSERT INTO catalog.variant (shop_id, product_id, sku, barcode, options, currency, position)
                  VALUES (%(shop_id)s, %(product_id)s, %(sku)s, %(barcode)s, %(options)s, 'CNY', %(position)s)
                  RETURNING id),
                priced AS (
                  INSERT INTO catalog.price (variant_id, minor, valid_from)
                  SELECT id, %(price)s, now() - interval '1 day' FROM made)
                SELECT id FROM made
                """,
                shop_id=shop_id,
                product_id=product_id,
                sku=f"LJ-{grams}",
                barcode=f"69012345{grams:05}",
                options=[f"{grams} g"],
                position=position,
                price=PRICE,
            )
            for position, grams in enumerate([50, 100], start=1)
        ]
        store = await inventory.add_location(
            tx, shop_id=shop_id, name="Nanjing Road", kind=inventory.LocationKind.STORE
        )
        warehouse = await inventory.add_location(
            tx, shop_id=shop_id, name="Warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant_id in variants if units else []:
            await inventory.receive(
                tx, shop_id=shop_id, location_id=store.id, variant_id=variant_id, quantity=units
            )
        register = await tills.registers.add_register(
            tx, shop_id=shop_id, location_id=store.id, code="a", name="Counter"
        )
        assistant = await tills.assistants.add(
            tx, shop_id=shop_id, name="李静", pin="2468", rights=[tills.Right.SELL]
        )
    return Store(db, shop_id, variants, store.id, warehouse.id, register.id, assistant)


@pytest.fixture
async def store(database: Database) -> Store:
    return await make_store(database)
