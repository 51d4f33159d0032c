"""From the form to the payment page, and from the provider's message to the money in the books.

The work of the form, as the page does it: the hold is kept, lines, tax, shipping and one coupon are frozen, the attempt
is written down, the provider is asked, and its answer is applied.  Then, for each order, the provider's message is kept
and worked off: the provider is asked what became of it, and the order is paid.  Everything is committed (fsync is real).

Beside it stands the same work with each step committed on its own, as a handler without transactions does it.  HTTP is
left out on both sides.  The provider answers inside the process; its own time is measured apart.  Both ways take turns,
so that what else the machine does weighs on both.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import click
from typing_extensions import override

from shopfloor import catalog, orders, payment_providers, payments, pricing, promotions, stock
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_providers import (
    Abilities,
    Action,
    ActionKind,
    Attempt,
    Charged,
    Message,
    Outcome,
    Provider,
    Received,
    Report,
)
from shopfloor.pricing.records import TaxRate, TaxSettings

AT_ONCE = 16
T = TypeVar("T")


class Stepwise(Database):
    """The same database, with every statement a transaction of its own."""

    @asynccontextmanager
    @override
    async def transaction(self) -> AsyncGenerator[Tx]:
        async with self._pool.connection() as connection:
            await connection.set_autocommit(True)
            try:
                yield Tx(connection)
            finally:
                await connection.set_autocommit(False)


@dataclass
class Page(Provider):
    """Asks the buyer to a page; whoever is asked about has paid.  `seconds`: its own time."""

    name: str = "bench"
    abilities: Abilities = field(default_factory=Abilities)
    seconds: float = 0.0

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        began = time.perf_counter()
        action = Action(ActionKind.REDIRECT, f"https://pay.example/{attempt.id}", reference=attempt.id.hex)
        self.seconds += time.perf_counter() - began
        return action

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        began = time.perf_counter()
        charged = Charged(f"pi_{attempt.id.hex}", attempt.amount)
        self.seconds += time.perf_counter() - began
        return charged

    @override
    async def give_back(
        self, attempt: Attempt, *, refund_id: UUID, amount: Money
    ) -> payment_providers.GivenBack:
        return payment_providers.GivenBack(f"re_{refund_id.hex}")

    @override
    def receive(self, message: Message) -> Received:
        return Received(message.body.decode(), [Report(UUID(message.body.decode()))])


@dataclass(frozen=True)
class Shop:
    id: int
    pool_id: int
    variants: Sequence[int]
    connection: int
    provider: Page

    @property
    def providers(self) -> payment_providers.Providers:
        return {**payment_providers.MANUAL_ONLY, f"bench/{self.connection}": self.provider}

    async def source(self, _: int) -> payment_providers.Providers:
        return self.providers


async def furnished(db: Database, slug: str, units: int) -> Shop:
    """A shop that charges tax and shipping, with a coupon and an account for online payment."""
    async with db.transaction() as tx:
        shop_id = await tx.value(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES (%(slug)s, 'Bench', 'EUR', 'en', 'Europe/Berlin') RETURNING id
            """,
            slug=slug,
        )
        await pricing.service.set_taxes(tx, shop_id=shop_id, wanted=TaxSettings("DE"))
        await pricing.service.save_tax_rate(tx, shop_id=shop_id, rate=TaxRate(0, "DE", "19", name="VAT"))
        coat = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=shop_id, title="Coat", kind=catalog.Kind.SIZED,
            option_names=["Size"],
        )  # fmt: skip
        variants = [
            await catalog.add_variant(
                tx, shop_id=shop_id, product_id=coat.id,
                variant=catalog.NewVariant(price_minor=12_900, options=[size], sku=f"COAT-{size}"),
            )
            for size in ("S", "M", "L")
        ]  # fmt: skip
        place = await stock.add_location(
            tx, shop_id=shop_id, name="Warehouse", kind=stock.LocationKind.WAREHOUSE
        )
        for variant in variants:
            await stock.receive(
                tx, shop_id=shop_id, location_id=place.id, variant_id=variant.id, quantity=2 * units
            )
        pool = next(
            each for each in await stock.pools(tx, shop_id=shop_id) if each.kind == stock.PoolKind.OPEN
        )
        connection = await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed, is_on)
            VALUES (%(shop_id)s, 'bench', 'test', '', '{}', '', true) RETURNING id
            """,
            shop_id=shop_id,
        )
        await promotions.service.save(
            tx, shop_id=shop_id, code="TEN",
            wanted=promotions.Discount(
                id=0, title="Ten", method=promotions.Method.CODE, kind=pricing.DiscountKind.PERCENTAGE, currency="EUR",
                percent="10",
            ),
        )  # fmt: skip
    return Shop(shop_id, pool.id, [each.id for each in variants], connection, Page())


async def held(db: Database, shop: Shop, count: int) -> list[tuple[UUID, UUID]]:
    """(hold, buyer) of so many purchases of two things, with their checkout opened: the page was looked at before."""
    found: list[tuple[UUID, UUID]] = []
    for number in range(count):
        chosen = [shop.variants[number % 3], shop.variants[(number + 1) % 3]]
        request = stock.Request(
            id=new_id(), shop_id=shop.id, pool_id=shop.pool_id, buyer=new_id(),
            lines=tuple(stock.Line(variant, 1) for variant in chosen), hold_seconds=3600,
            unit_prices=(12_900, 12_900),
        )  # fmt: skip
        async with db.transaction() as tx:
            await stock.reserve(tx, [request])
        async with db.transaction() as tx:
            await orders.begin_checkout(tx, shop_id=shop.id, hold_id=request.id, shopper=request.buyer)
        found.append((request.id, request.buyer))
    return found


async def side_by_side(each: Sequence[T], act: Callable[[T], Awaitable[None]]) -> float:
    """Seconds that it takes to do it for all, some at once."""
    waiting = list(reversed(each))

    async def work() -> None:
        while waiting:
            await act(waiting.pop())

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


async def place(db: Database, shop: Shop, purchases: Sequence[tuple[UUID, UUID]]) -> float:
    async def one(purchase: tuple[UUID, UUID]) -> None:
        hold_id, buyer = purchase
        form = orders.Form(
            name="Lin Mei", phone=f"+49 {buyer.int % 10**10}", email=f"{buyer.hex}@example.com",
            delivery=orders.Delivery.SHIP, address=orders.Address("Garden Road 12", "Berlin", "10115", "", "DE"),
            provider="bench", method="card", connection_id=shop.connection, codes=("TEN",),
        )  # fmt: skip
        order = await orders.complete(
            db, shop_id=shop.id, hold_id=hold_id, shopper=buyer, form=form, providers=shop.providers,
            return_to=lambda order_id, key: f"https://shop.example/{order_id}?key={key}",
        )  # fmt: skip
        assert order.number is not None

    return await side_by_side(purchases, one)


async def told(db: Database, shop: Shop) -> tuple[float, int]:
    """Seconds until the money of all orders that wait for it is in the books; how many those are."""
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT id FROM payments.payment WHERE shop_id = %s AND state = 'action_required'", (shop.id,)
        )
        attempts = [row[0] for row in await cursor.fetchall()]
        account = await payments.connections.connection(tx, shop_id=shop.id, connection_id=shop.connection)

    async def keep(attempt: UUID) -> None:
        async with db.transaction() as tx:
            body = str(attempt).encode()
            await payments.inbox.keep(tx, account, Message("POST", "/", {}, body, now()), key=str(attempt))

    kept = await side_by_side(attempts, keep)
    began = time.perf_counter()
    while await orders.paying.work_inbox(db, shop.source):
        pass
    return kept + time.perf_counter() - began, len(attempts)


async def measure(dsn: str, count: int, rounds: int) -> dict[str, object]:
    whole, stepwise = Database(dsn, AT_ONCE), Stepwise(dsn, AT_ONCE)
    await whole.open()
    await stepwise.open()
    rates: dict[str, list[float]] = {name: [] for name in ("placed", "placed_naive", "paid", "paid_naive")}
    own = 0.0
    try:
        for turn in range(rounds):
            for name, db in (("", whole), ("_naive", stepwise)):
                shop = await furnished(whole, f"bench{turn}{name.replace('_', '-')}", count)
                purchases = await held(whole, shop, count)
                rates[f"placed{name}"].append(count / await place(db, shop, purchases))
                seconds, paid = await told(db, shop)
                rates[f"paid{name}"].append(paid / seconds)
                own += shop.provider.seconds
        async with whole.transaction() as tx:
            checks = [*await orders.audit(tx), *await payments.audit(tx), *await stock.audit(tx)]
            unpaid = await tx.value("SELECT count(*) FROM orders.orders WHERE payment_status <> 'paid'")
        broken = [check.name for check in checks if not check.passed]
        assert not broken, broken
        assert unpaid == 0, unpaid
    finally:
        await stepwise.close()
        await whole.close()
    best = {name: round(statistics.median(found), 1) for name, found in rates.items()}
    return {
        "orders": count,
        "rounds": rounds,
        "at_once": AT_ONCE,
        "placed_per_second": best["placed"],
        "placed_per_second_naive": best["placed_naive"],
        "placed_ratio": round(best["placed"] / best["placed_naive"], 2),
        "paid_per_second": best["paid"],
        "paid_per_second_naive": best["paid_naive"],
        "paid_ratio": round(best["paid"] / best["paid_naive"], 2),
        "provider_seconds": round(own, 4),
    }


@click.command()
@click.option("--count", default=400, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            print(json.dumps(asyncio.run(measure(server.dsn, count, rounds))))


if __name__ == "__main__":
    main()
