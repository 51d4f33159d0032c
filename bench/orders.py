"""The orders desk over very many orders: p95 of each kind of search, with what the page asks beside it.

Each question is asked as the page asks it: the orders of the page with their lines, whether there is a next page, and
how many there are (`paging.numbered`).  Names are of 400 common surnames and given names, so that two characters are
shared by thousands; telephone numbers and addresses are random; 200 products sell as unevenly as products do.  What is
looked for is drawn from the orders themselves, from all of their time.

    python bench/orders.py --orders 100000
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from statistics import quantiles
from typing import Any

import click

from shopfloor import order_lists
from shopfloor.kernel import paging
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

SHOP = 1
SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红波斌宇浩凯健俊帆雪琳晨欣怡"
PRODUCTS = 200


async def fill(db: Database, count: int) -> None:
    """Rows as orders leave them; what keeps the lists is filled at once, as a migration does it."""
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
            VALUES (1, 'bench', 'Bench', 'CNY', 'zh-CN', 'Asia/Shanghai')
            """
        )
        await tx.run(
            """
            INSERT INTO catalog.product (id, shop_id, handle, title, kind, status, option_names) OVERRIDING SYSTEM VALUE
            SELECT n, 1, 'p' || n, 'Jacket ' || n || ' 外套' || n, 'sized', 'active', '{}'
              FROM generate_series(1, %(products)s) AS n
            """,
            products=PRODUCTS,
        )
        await tx.run(
            """
            INSERT INTO catalog.variant (id, shop_id, product_id, sku, currency, position) OVERRIDING SYSTEM VALUE
            SELECT n, 1, n, 'SKU-' || lpad(n::text, 4, '0'), 'CNY', 1 FROM generate_series(1, %(products)s) AS n
            """,
            products=PRODUCTS,
        )
        await tx.run("ALTER TABLE orders.orders DISABLE TRIGGER USER")
        await tx.run("DROP INDEX orders.search_by_pieces")
    for first in range(1, count + 1, 50_000):
        async with db.transaction() as tx:
            values = {
                "first": first,
                "last": min(first + 49_999, count),
                "surnames": SURNAMES,
                "given": GIVEN,
            }
            await tx.run(
                """
                CREATE TEMP TABLE made ON COMMIT DROP AS
                SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS buyer,
                       timestamptz '2024-01-01' + n * interval '40 seconds' AS placed_at,
                       substr(%(surnames)s, 1 + floor(random() * 20)::int, 1)
                         || substr(%(given)s, 1 + floor(random() * 40)::int, 1)
                         || CASE WHEN random() < 0.6 THEN substr(%(given)s, 1 + floor(random() * 40)::int, 1) ELSE '' END AS name,
                       '1' || lpad(floor(random() * 10000000000)::bigint::text, 10, '0') AS phone,
                       substr(md5(random()::text), 1, 10) || '@example.com' AS mail,
                       1 + floor(power(random(), 3) * 200)::int AS variant_id
                  FROM generate_series(%(first)s, %(last)s) AS n
                """,
                **values,
            )
            await tx.run(
                """
                INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
                SELECT id, 1, buyer, true, 'timer', 1, 'CNY', '[]', '{}' FROM made
                """
            )
            await tx.run(
                """
                INSERT INTO orders.orders (
                    id, shop_id, number, checkout_id, hold_id, buyer, policy, pool_id, show_id, contact_name,
                    contact_phone, contact_email, delivery, provider, method, note, locale, currency, goods_minor,
                    shipping_minor, total_minor, first_minor, charged_minor, status, payment_status, fulfilment_status,
                    form_hash, key, placed_at)
                SELECT id, 1, 1000 + n, id, id, buyer, 'timer', 1, CASE WHEN mod(n, 3) > 0 THEN n / 500 END, name, phone,
                       mail, 'ship', 'manual', 'transfer', '', 'zh-CN', 'CNY', 12900, 0, 12900, 12900, 12900,
                       CASE WHEN mod(n, 200) = 0 THEN 'paid' ELSE 'delivered' END, 'paid',
                       CASE WHEN mod(n, 200) = 0 THEN 'ready' ELSE 'delivered' END, '', md5('k' || n), placed_at
                  FROM made
                """
            )
            await tx.run(
                """
                INSERT INTO orders.line (order_id, position, variant_id, product_id, title, sku, options, quantity,
                                         unit_price_minor, amount_minor, first_minor)
                SELECT id, 0, variant_id, variant_id, 'Jacket ' || variant_id, 'SKU', '{}', 1, 12900, 12900, 12900 FROM made
                """
            )
            await tx.run(
                """
                INSERT INTO orders.search (order_id, shop_id, placed_at, text)
                SELECT id, 1, placed_at, orders.search_text(name, phone, mail) FROM made
                """
            )
            await tx.run(
                "INSERT INTO orders.sold (shop_id, variant_id, placed_at, order_id) SELECT 1, variant_id, placed_at, id FROM made"
            )
    async with db.transaction() as tx:
        await tx.run("SET LOCAL maintenance_work_mem = '512MB'")
        await tx.run(
            "CREATE INDEX search_by_pieces ON orders.search USING gin (orders.search_pieces(shop_id, text))"
        )
        await tx.run("ALTER TABLE orders.orders ENABLE TRIGGER USER")
        await tx.run(
            "ANALYZE orders.orders, orders.search, orders.sold, orders.line, catalog.variant, catalog.product"
        )


async def drawn(db: Database, times: int) -> list[dict[str, Any]]:
    """Orders from all of the time, and what each is known by."""
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT o.number, o.contact_name, o.contact_phone, o.contact_email, l.variant_id
              FROM orders.orders o JOIN orders.line l ON l.order_id = o.id
             ORDER BY random() LIMIT %(times)s
            """,
            {"times": times},
        )
        return [
            dict(zip(("number", "name", "phone", "mail", "variant"), row, strict=True))
            for row in await cursor.fetchall()
        ]


def asked(of: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The questions, by kind."""
    return {
        "newest": [{} for _ in of],
        "number": [{"search": str(each["number"])} for each in of],
        "two characters of a name": [{"search": each["name"][:2]} for each in of],
        "last four of a phone": [{"search": each["phone"][-4:]} for each in of],
        "mail": [{"search": each["mail"]} for each in of],
        "product": [{"search": f"外套{each['variant']}"} for each in of],
        "SKU": [{"search": f"sku-{each['variant']:04}"} for each in of],
        "nothing": [{"search": f"zz{each['number']}"} for each in of],
        "ready to ship": [{"fulfilment_status": "ready"} for _ in of],
        "name, ready to ship": [{"search": each["name"][:2], "fulfilment_status": "ready"} for each in of],
    }


async def ask(db: Database, question: dict[str, Any], after: Any = None) -> paging.Page[Any]:
    async with db.transaction() as tx:
        return await paging.numbered(
            order_lists.orders, tx, shop_id=SHOP, limit=50, key=attrgetter("id"), after=after, **question
        )


async def measure(db: Database, times: int) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for questions in asked(await drawn(db, 20)).values():
        # What a desk that is at work has in memory.
        for question in questions:
            await ask(db, question)
    for kind, questions in asked(await drawn(db, times)).items():
        first: list[float] = []
        second: list[float] = []
        found: list[int] = []
        for question in questions:
            began = time.perf_counter()
            page = await ask(db, question)
            first.append(1000 * (time.perf_counter() - began))
            found.append(page.total.rows if page.total else 0)
            if page.next is not None:
                began = time.perf_counter()
                await ask(db, question, after=page.next)
                second.append(1000 * (time.perf_counter() - began))
        told[kind] = {
            "found": sorted(found)[len(found) // 2],
            "p50_ms": round(sorted(first)[len(first) // 2], 1),
            "p95_ms": round(p95(first), 1),
            "next_page_p95_ms": round(p95(second), 1) if len(second) > 1 else 0.0,
        }
        click.echo(
            f"{kind:28} found {told[kind]['found']:>6}   p50 {told[kind]['p50_ms']:>6.1f} ms   "
            f"p95 {told[kind]['p95_ms']:>6.1f} ms   next page p95 {told[kind]['next_page_p95_ms']:>6.1f} ms"
        )
    return told


def p95(spent: Sequence[float]) -> float:
    return quantiles(spent, n=20)[-1]


async def run(dsn: str, count: int, times: int) -> None:
    db = Database(dsn, 4)
    await db.open()
    began = time.perf_counter()
    await fill(db, count)
    click.echo(f"{count} orders made in {time.perf_counter() - began:.0f} s")
    told = await measure(db, times)
    await db.close()
    click.echo(json.dumps({"orders": count, "questions": times, "kinds": told}, ensure_ascii=False))


@click.command()
@click.option(
    "--orders", "count", default=100_000, show_default=True, help="1000000 takes some ten minutes to make."
)
@click.option("--questions", "times", default=100, show_default=True, help="Of each kind.")
def main(count: int, times: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        with EmbeddedPostgres(Path(place)) as server:
            migrate(server.dsn)
            asyncio.run(run(server.dsn, count, times))


if __name__ == "__main__":
    main()
