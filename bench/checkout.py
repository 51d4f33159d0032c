"""From the form to the payment page, and from the provider's message to the money in the books.

The work of the form, as the page does it: the hold is kept, lines, tax, shipping and one coupon are frozen, the attempt
is written down, the provider is asked, and its answer is applied.  Then, for each order, the provider's message is kept
and worked off: the provider is asked what became of it, and the order is paid.  Everything is committed (fsync is real).

Beside it stands the same work as an ordinary shop does it (`bench/checkout_naive.py`): a transaction for each step, a
statement for each row.  What both wrote is compared, and the audit of the product passes over both.  HTTP is left out
on both sides, and both have as many connections and as many buyers at once.  The provider answers inside the process;
its own time is measured apart.  Both ways take turns, so that what else the machine does weighs on both.

    python bench/checkout.py --count 400 --rounds 3 --at-once 64
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import checkout_naive
import click
from typing_extensions import override

from shopfloor import (
    catalog,
    fulfilment,
    inventory,
    orders,
    payment_accounts,
    payment_providers,
    pricing,
    promotions,
    reconciliation,
    stock,
)
from shopfloor.kernel.database import Database
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

CONNECTIONS = 16
T = TypeVar("T")


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
        place = await inventory.add_location(
            tx, shop_id=shop_id, name="Warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant in variants:
            await inventory.receive(
                tx, shop_id=shop_id, location_id=place.id, variant_id=variant.id, quantity=2 * units
            )
        pool = next(
            each
            for each in await inventory.pools(tx, shop_id=shop_id)
            if each.kind == inventory.PoolKind.OPEN
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


async def side_by_side(each: Sequence[T], act: Callable[[T], Awaitable[None]], *, at_once: int) -> float:
    """Seconds that it takes to do it for all, some at once."""
    waiting = list(reversed(each))

    async def work() -> None:
        while waiting:
            await act(waiting.pop())

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return time.perf_counter() - began


async def place(db: Database, shop: Shop, purchases: Sequence[tuple[UUID, UUID]], *, at_once: int) -> float:
    checkouts = orders.Checkouts(db)

    async def one(purchase: tuple[UUID, UUID]) -> None:
        hold_id, buyer = purchase
        form = orders.Form(
            name="Lin Mei", phone=f"+49 {buyer.int % 10**10}", email=f"{buyer.hex}@example.com",
            delivery=fulfilment.Delivery.SHIP, address=orders.Address("Garden Road 12", "Berlin", "10115", "", "DE"),
            provider="bench", method="card", connection_id=shop.connection, codes=("TEN",),
        )  # fmt: skip
        order = await checkouts.complete(
            shop_id=shop.id, hold_id=hold_id, shopper=buyer, form=form, providers=shop.providers,
            return_to=lambda order_id, key: f"https://shop.example/{order_id}?key={key}",
        )  # fmt: skip
        assert order.number is not None

    return await side_by_side(purchases, one, at_once=at_once)


async def waiting_for_money(db: Database, shop: Shop) -> list[UUID]:
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT id FROM payments.payment WHERE shop_id = %s AND state = 'action_required'", (shop.id,)
        )
        return [row[0] for row in await cursor.fetchall()]


async def told(db: Database, shop: Shop, attempts: Sequence[UUID], *, at_once: int) -> float:
    """Seconds until the money of all orders that wait for it is in the books."""
    async with db.transaction() as tx:
        account = await payment_accounts.connection(tx, shop_id=shop.id, connection_id=shop.connection)

    postbox = payment_accounts.inbox.Postbox(db)

    async def keep(attempt: UUID) -> None:
        message = Message("POST", "/", {}, str(attempt).encode(), now())
        await postbox.keep(payment_accounts.inbox.Arrived(account, message, str(attempt)))

    kept = await side_by_side(attempts, keep, at_once=at_once)
    began = time.perf_counter()
    while await orders.paying.work_inbox(db, shop.source):
        pass
    return kept + time.perf_counter() - began


async def place_naive(
    shop: Shop, ours: checkout_naive.Pool, purchases: Sequence[tuple[UUID, UUID]], *, at_once: int
) -> float:
    async def ask(attempt: UUID) -> str:
        told = await shop.provider.start(_attempt(attempt))
        assert isinstance(told, Action)
        return told.url

    async def one(purchase: tuple[UUID, UUID]) -> None:
        hold_id, buyer = purchase
        await checkout_naive.place(
            ours,
            shop_id=shop.id,
            connection_id=shop.connection,
            hold_id=hold_id,
            buyer=buyer,
            code="TEN",
            ask=ask,
        )

    return await side_by_side(purchases, one, at_once=at_once)


async def told_naive(
    shop: Shop, ours: checkout_naive.Pool, attempts: Sequence[UUID], *, at_once: int
) -> float:
    async def ask(attempt: UUID) -> str:
        told = await shop.provider.look_up(_attempt(attempt))
        assert isinstance(told, Charged)
        return told.reference

    async def one(attempt: UUID) -> None:
        await checkout_naive.paid(
            ours, shop_id=shop.id, connection_id=shop.connection, payment_id=attempt, ask=ask
        )

    return await side_by_side(attempts, one, at_once=at_once)


def _attempt(attempt: UUID) -> Attempt:
    return Attempt(id=attempt, method="card", amount=Money(0, "EUR"), label="")


async def written(db: Database, shop: Shop) -> list[tuple[Any, ...]]:
    """What became of a shop's checkouts, as far as both ways have to agree."""
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT o.goods_minor, o.shipping_minor, o.total_minor, o.tax_minor, o.status, o.payment_status, o.fulfilment_status,
                   (SELECT array_agg((l.quantity, l.amount_minor, l.discount_minor, l.tax_minor)::text ORDER BY l.position)
                      FROM orders.line l WHERE l.order_id = o.id),
                   (SELECT array_agg((t.country, t.name, t.percent, t.net_minor, t.tax_minor)::text)
                      FROM orders.tax_line t WHERE t.order_id = o.id),
                   (SELECT array_agg((e.kind, e.amount_minor)::text ORDER BY e.kind) FROM payments.event e WHERE e.subject_id = o.id),
                   (SELECT array_agg(s.kind ORDER BY s.kind) FROM payments.step s JOIN payments.payment p ON p.id = s.payment_id
                     WHERE p.subject_id = o.id),
                   (SELECT array_agg((u.code_key, u.amount_minor)::text) FROM promotions.use u WHERE u.order_id = o.id),
                   (SELECT array_agg(h.state::text) FROM stock.hold h WHERE h.id = o.hold_id)
              FROM orders.orders o WHERE o.shop_id = %s
            """,
            (shop.id,),
        )
        return sorted(await cursor.fetchall())


async def measure(dsn: str, count: int, rounds: int, at_once: int) -> dict[str, object]:
    db, ours = Database(dsn, CONNECTIONS), checkout_naive.pool(dsn, CONNECTIONS)
    await db.open()
    await ours.open(wait=True)
    spent: dict[str, list[float]] = {}
    own = 0.0
    try:
        for turn in range(rounds):
            shops = [await furnished(db, f"bench{turn}{name}", count) for name in ("", "-naive")]
            held_here = [await held(db, shop, count) for shop in shops]
            for shop, purchases, name in zip(shops, held_here, ("", "_naive"), strict=True):
                if name:
                    placed = await place_naive(shop, ours, purchases, at_once=at_once)
                    attempts = await waiting_for_money(db, shop)
                    paid = await told_naive(shop, ours, attempts, at_once=at_once)
                else:
                    placed = await place(db, shop, purchases, at_once=at_once)
                    attempts = await waiting_for_money(db, shop)
                    paid = await told(db, shop, attempts, at_once=at_once)
                assert len(attempts) == count, (name, len(attempts))
                for what, seconds in (("placed", placed), ("paid", paid), ("end_to_end", placed + paid)):
                    spent.setdefault(what + name, []).append(seconds)
                own += shop.provider.seconds
            ours_wrote, naive_wrote = await written(db, shops[0]), await written(db, shops[1])
            assert ours_wrote == naive_wrote, (ours_wrote[0], naive_wrote[0])
        async with db.transaction() as tx:
            checks = [
                *await orders.audit(tx), *await reconciliation.audit(tx), *await stock.audit(tx), *await promotions.audit(tx)
            ]  # fmt: skip
            unpaid = await tx.value("SELECT count(*) FROM orders.orders WHERE payment_status <> 'paid'")
        broken = [check.name for check in checks if not check.passed]
        assert not broken, broken
        assert unpaid == 0, unpaid
    finally:
        await ours.close()
        await db.close()
    rate = {name: round(count / statistics.median(seconds), 1) for name, seconds in spent.items()}
    return {
        "orders": count,
        "rounds": rounds,
        "at_once": at_once,
        "connections": CONNECTIONS,
        **{
            key: value
            for name in ("placed", "paid", "end_to_end")
            for key, value in (
                (f"{name}_per_second", rate[name]),
                (f"{name}_per_second_naive", rate[f"{name}_naive"]),
                (f"{name}_ratio", round(rate[name] / rate[f"{name}_naive"], 2)),
            )
        },
        "provider_seconds": round(own, 4),
        "load": round(os.getloadavg()[0], 1),
    }


@click.command()
@click.option("--count", default=400, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--at-once", default=64, show_default=True, help="Buyers at the same moment.")
def main(count: int, rounds: int, at_once: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            print(json.dumps(asyncio.run(measure(server.dsn, count, rounds, at_once))))


if __name__ == "__main__":
    main()
