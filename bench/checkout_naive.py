"""A checkout as an ordinary shop writes it: a handler that runs one step after the other, each step a transaction,
each row a statement, with the rows that it changes locked.

It has the effect of the product's (`bench/checkout.py` compares what both wrote) and shares none of its functions: the
statements, the sums and the order of things are its own.  It reads what it needs once and by key, uses the indexes that
are there, and keeps no object between table and dictionary: an application with a mapper does more.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Json
from psycopg_pool import AsyncConnectionPool

Row = dict[str, Any]
Pool = AsyncConnectionPool[AsyncConnection[Row]]
Ask = Callable[[UUID], Awaitable[str]]


def pool(dsn: str, size: int) -> Pool:
    return AsyncConnectionPool(
        dsn,
        min_size=size,
        max_size=size,
        open=False,
        kwargs={"row_factory": dict_row},
        connection_class=AsyncConnection[Row],
    )


async def one(connection: AsyncConnection[Row], sql: str, *values: object) -> Row:
    row = await (await connection.execute(sql, values)).fetchone()  # pyright: ignore[reportArgumentType]
    assert row is not None, sql
    return row


async def every(connection: AsyncConnection[Row], sql: str, *values: object) -> list[Row]:
    return await (await connection.execute(sql, values)).fetchall()  # pyright: ignore[reportArgumentType]


async def run(connection: AsyncConnection[Row], sql: str, *values: object) -> int:
    return (await connection.execute(sql, values)).rowcount  # pyright: ignore[reportArgumentType]


async def place(
    shop: Pool, *, shop_id: int, connection_id: int, hold_id: UUID, buyer: UUID, code: str, ask: Ask
) -> UUID:
    """From the form to the provider's page; the order is placed and waits for its money."""
    # Who buys what.
    async with shop.connection() as tx:
        checkout = await one(tx, "SELECT * FROM orders.checkout WHERE id = %s FOR UPDATE", hold_id)
        assert checkout["buyer"] == buyer
        assert not await every(
            tx,
            "SELECT id FROM orders.orders WHERE checkout_id = %s AND cancel_why IS DISTINCT FROM 'declined'",
            hold_id,
        )
    # What the shop has set.
    async with shop.connection() as tx:
        account = await one(tx, "SELECT timezone, currency FROM accounts.shop WHERE id = %s", shop_id)
        terms = await every(tx, "SELECT * FROM orders.policy WHERE shop_id = %s", shop_id)
        await every(tx, "SELECT * FROM policies.return_rules WHERE shop_id = %s", shop_id)
        taxes = await one(tx, "SELECT * FROM pricing.tax_settings WHERE shop_id = %s", shop_id)
        rates = await every(tx, "SELECT * FROM pricing.tax_rate WHERE shop_id = %s", shop_id)
        await every(tx, "SELECT * FROM pricing.zone WHERE shop_id = %s", shop_id)
        await every(tx, "SELECT * FROM pricing.method WHERE shop_id = %s", shop_id)
    # The goods, one after the other.
    async with shop.connection() as tx:
        for item in checkout["items"]:
            goods = await one(
                tx,
                "SELECT grams, tax_class FROM catalog.v_goods WHERE shop_id = %s AND id = %s",
                shop_id,
                item["variant_id"],
            )
            item["tax_class"] = goods["tax_class"]
            await every(
                tx,
                "SELECT why FROM policies.no_withdrawal WHERE shop_id = %s AND product_id = %s",
                shop_id,
                item["product_id"],
            )
    # The discount of the code.
    async with shop.connection() as tx:
        await every(
            tx,
            "SELECT id FROM promotions.discount WHERE shop_id = %s AND method = 'automatic' AND NOT paused",
            shop_id,
        )
        known = await one(
            tx, "SELECT key, discount_id, uses, most_uses FROM promotions.code WHERE shop_id = %s AND key = %s",
            shop_id, code.casefold(),
        )  # fmt: skip
        discount = await one(
            tx,
            "SELECT * FROM promotions.discount WHERE shop_id = %s AND id = %s",
            shop_id,
            known["discount_id"],
        )
        await every(
            tx, "SELECT product_id FROM promotions.discount_product WHERE shop_id = %s AND discount_id = %s",
            shop_id, discount["id"],
        )  # fmt: skip
    percent = int(next(rate["percent"] for rate in rates if rate["country"] == taxes["origin_country"]))
    off = int(discount["percent"])
    for item in checkout["items"]:
        listed = item["quantity"] * item["unit_price_minor"]
        item["off"] = listed * off // 100
        item["amount"] = listed - item["off"]
        item["tax"] = (2 * item["amount"] * percent + 100 + percent) // (2 * (100 + percent))
    goods_minor = sum(item["amount"] for item in checkout["items"])
    tax_minor = sum(item["tax"] for item in checkout["items"])
    shipping_minor = terms[0]["shipping_minor"] if terms else 0
    total_minor = goods_minor + shipping_minor
    mail, phone = f"{buyer.hex}@example.com", f"+49 {buyer.int % 10**10}"
    # Whoever has ordered much and paid nothing orders no more.
    async with shop.connection() as tx:
        for item in checkout["items"]:
            owed = await one(
                tx,
                """
                SELECT coalesce(sum(l.quantity), 0) AS units FROM orders.orders o JOIN orders.line l ON l.order_id = o.id
                 WHERE o.shop_id = %s AND o.status = 'placed' AND o.charged_minor = 0 AND o.total_minor > 0
                   AND (orders.mail_key(o.contact_email) = %s OR orders.phone_key(o.contact_phone) = %s)
                   AND l.variant_id = %s
                """,
                shop_id, mail, phone[-9:], item["variant_id"],
            )  # fmt: skip
            assert owed["units"] == 0
    # The units are kept.
    async with shop.connection() as tx:
        for part in await every(tx, "SELECT id, part FROM stock.hold WHERE id = %s ORDER BY part", hold_id):
            await one(
                tx,
                "SELECT state FROM stock.hold WHERE id = %s AND part = %s FOR UPDATE",
                hold_id,
                part["part"],
            )
            await run(
                tx,
                """
                UPDATE stock.hold SET expires_at = greatest(expires_at, clock_timestamp() + interval '180 seconds')
                 WHERE id = %s AND part = %s
                """,
                hold_id, part["part"],
            )  # fmt: skip
    # The order.
    order_id = uuid4()
    async with shop.connection() as tx:
        await run(
            tx,
            """
            INSERT INTO orders.orders (
              id, shop_id, checkout_id, hold_id, buyer, policy, pool_id, contact_name, contact_phone, contact_email,
              delivery, address, provider, method, note, locale, currency, goods_minor, shipping_minor, total_minor,
              first_minor, status, payment_status, fulfilment_status, form_hash, key, tax_minor, shipping_name,
              calculation, return_terms)
            VALUES (%s, %s, %s, %s, %s, %s, %s, 'Lin Mei', %s, %s, 'ship', %s, 'bench', 'card', '', 'en', %s, %s, %s, %s,
                    %s, 'draft', 'unpaid', 'unsecured', %s, %s, %s, '', %s, %s)
            """,
            order_id, shop_id, hold_id, hold_id, buyer, checkout["policy"], checkout["pool_id"], phone, mail,
            Json({"street": "Garden Road 12", "city": "Berlin", "postcode": "10115", "region": "", "country": "DE"}),
            account["currency"], goods_minor, shipping_minor, total_minor, total_minor,
            hashlib.sha256(hold_id.bytes).digest(), secrets.token_urlsafe(18), tax_minor,
            Json({"lines": [{"gross": i["amount"], "discount": i["off"], "tax": i["tax"]} for i in checkout["items"]],
                  "discounts": [{"discount_id": discount["id"], "code": code, "amount": sum(i["off"] for i in checkout["items"])}]}),
            Json({"country": "DE"}),
        )  # fmt: skip
        for position, item in enumerate(checkout["items"]):
            await run(
                tx,
                """
                INSERT INTO orders.line (order_id, position, variant_id, product_id, title, sku, options, quantity,
                                         unit_price_minor, amount_minor, first_minor, discount_minor, tax_minor, tax_included)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, true)
                """,
                order_id, position, item["variant_id"], item["product_id"], item["title"], item["sku"], item["options"],
                item["quantity"], item["unit_price_minor"], item["amount"], item["amount"], item["off"], item["tax"],
            )  # fmt: skip
        await run(
            tx,
            """
            INSERT INTO orders.tax_line (order_id, position, country, region, tax_class, name, percent, net_minor, tax_minor)
            VALUES (%s, 0, 'DE', '', 'standard', %s, %s, %s, %s)
            """,
            order_id, rates[0]["name"], str(percent), total_minor - tax_minor, tax_minor,
        )  # fmt: skip
    # The discount is used.
    async with shop.connection() as tx:
        left = await one(
            tx, "SELECT * FROM promotions.allowance WHERE discount_id = %s FOR UPDATE", discount["id"]
        )
        assert left["most_uses"] is None or left["uses"] < left["most_uses"]
        spent = sum(item["off"] for item in checkout["items"])
        await run(
            tx,
            "UPDATE promotions.code SET uses = uses + 1 WHERE shop_id = %s AND key = %s",
            shop_id,
            known["key"],
        )
        await run(
            tx, "UPDATE promotions.allowance SET uses = uses + 1, spent_minor = spent_minor + %s WHERE discount_id = %s",
            spent, discount["id"],
        )  # fmt: skip
        await run(
            tx,
            """
            INSERT INTO promotions.use (order_id, discount_id, shop_id, buyer, code_key, amount_minor)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            order_id, discount["id"], shop_id, buyer, known["key"], spent,
        )  # fmt: skip
    # The attempt to be paid.
    payment_id = uuid4()
    until = datetime.now(UTC) + timedelta(minutes=30)
    async with shop.connection() as tx:
        assert not await every(
            tx, "SELECT until FROM payments.pause WHERE shop_id = %s AND until > now()", shop_id
        )
        who = [b"c" + hashlib.sha256(f"{shop_id} {each}".encode()).digest()[:15] for each in (mail, phone)]
        for each in who:
            declined = await one(
                tx, "SELECT count(*) AS n FROM payments.decline WHERE shop_id = %s AND who = %s AND at > now() - interval '1 hour'",
                shop_id, each,
            )  # fmt: skip
            assert declined["n"] < 10
        await run(
            tx,
            """
            INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency,
                                          connection_id, return_url, expires_at, look_at, who)
            VALUES (%s, %s, %s, 'full', 'bench', 'card', %s, %s, %s, %s, %s, now() + interval '20 seconds', %s)
            """,
            payment_id, shop_id, order_id, total_minor, account["currency"], connection_id,
            f"https://shop.example/{order_id}", until, who,
        )  # fmt: skip
        await run(
            tx,
            """
            INSERT INTO payments.event (id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note, actor)
            VALUES (%s, %s, %s, %s, 'requested', %s, 'bench', %s, '', 'buyer')
            """,
            uuid4(), shop_id, payment_id, order_id, total_minor, str(payment_id),
        )  # fmt: skip
    page = await ask(payment_id)
    # What the provider answered.
    async with shop.connection() as tx:
        await one(tx, "SELECT state FROM payments.payment WHERE id = %s FOR UPDATE", payment_id)
        await run(
            tx, "UPDATE payments.payment SET state = 'action_required', reference = %s, action = %s WHERE id = %s",
            payment_id.hex, Json({"kind": "redirect", "url": page}), payment_id,
        )  # fmt: skip
        await run(
            tx, "INSERT INTO payments.step (id, shop_id, payment_id, kind) VALUES (%s, %s, %s, 'action_required')",
            uuid4(), shop_id, payment_id,
        )  # fmt: skip
    # The units are its own.
    async with shop.connection() as tx:
        for part in await every(
            tx, "SELECT * FROM stock.hold WHERE id = %s ORDER BY level_id FOR UPDATE", hold_id
        ):
            await one(tx, "SELECT held FROM stock.level WHERE id = %s FOR UPDATE", part["level_id"])
            await run(
                tx, "UPDATE stock.hold SET state = 'allocated' WHERE id = %s AND part = %s AND state = 'held'",
                hold_id, part["part"],
            )  # fmt: skip
            await run(
                tx, "UPDATE stock.level SET held = held - %s, allocated = allocated + %s WHERE id = %s",
                part["quantity"], part["quantity"], part["level_id"],
            )  # fmt: skip
            await run(
                tx,
                """
                INSERT INTO stock.movement (level_id, kind, quantity, held, allocated, shortfall, reason)
                VALUES (%s, 'allocated', 0, %s, %s, 0, '')
                """,
                part["level_id"], -part["quantity"], part["quantity"],
            )  # fmt: skip
    # It is placed, and whoever wants to know is told.
    async with shop.connection() as tx:
        await one(tx, "SELECT status FROM orders.orders WHERE id = %s FOR UPDATE", order_id)
        placed = await one(
            tx,
            """
            UPDATE orders.orders SET number = orders.next_number(shop_id), placed_at = now(), payment_due_at = %s,
                                     secured = true, status = 'placed', fulfilment_status = 'ready'
             WHERE id = %s RETURNING number
            """,
            until, order_id,
        )  # fmt: skip
        await every(tx, "SELECT id FROM purchases.waiting WHERE hold_id = %s AND state = 'offered'", hold_id)
        await tell(tx, shop_id, "orders.placed", order_id, placed["number"], checkout, total_minor)
    return order_id


async def tell(
    tx: AsyncConnection[Row], shop_id: int, name: str, order_id: UUID, number: int, checkout: Row, amount: int
) -> None:
    body = {
        "shop_id": shop_id, "order_id": str(order_id), "number": number, "buyer": str(checkout["buyer"]),
        "amount_minor": amount, "lines": checkout.get("items", []),
    }  # fmt: skip
    await run(
        tx, "INSERT INTO kernel.outbox (fact_id, shop_id, name, body) VALUES (%s, %s, %s, %s)",
        uuid4(), shop_id, f"bench.{name}", Json(body),
    )  # fmt: skip


async def paid(shop: Pool, *, shop_id: int, connection_id: int, payment_id: UUID, ask: Ask) -> None:
    """A notification: it is kept, the provider is asked, the money is booked."""
    letter = uuid4()
    async with shop.connection() as tx:
        await one(
            tx,
            "SELECT id, fields FROM payments.connection WHERE shop_id = %s AND id = %s",
            shop_id,
            connection_id,
        )
        await run(
            tx,
            """
            INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at)
            VALUES (%s, %s, %s, %s, 'POST', '/', '{}', %s, now()) ON CONFLICT (connection_id, key) DO NOTHING
            """,
            letter, shop_id, connection_id, str(payment_id), str(payment_id).encode(),
        )  # fmt: skip
    async with shop.connection() as tx:
        payment = await one(tx, "SELECT * FROM payments.payment WHERE id = %s", payment_id)
    reference = await ask(payment_id)
    async with shop.connection() as tx:
        order = await one(tx, "SELECT * FROM orders.orders WHERE id = %s FOR UPDATE", payment["subject_id"])
        await one(tx, "SELECT state FROM payments.payment WHERE id = %s FOR UPDATE", payment_id)
        assert not await every(
            tx,
            "SELECT id FROM payments.event WHERE shop_id = %s AND provider = 'bench' AND kind = 'charged' AND reference = %s",
            shop_id, reference,
        )  # fmt: skip
        await run(
            tx,
            "UPDATE payments.payment SET state = 'captured', action = NULL, look_at = NULL WHERE id = %s",
            payment_id,
        )
        await run(
            tx, "INSERT INTO payments.step (id, shop_id, payment_id, kind) VALUES (%s, %s, %s, 'captured')",
            uuid4(), shop_id, payment_id,
        )  # fmt: skip
        await run(
            tx,
            """
            INSERT INTO payments.event (id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note, actor)
            VALUES (%s, %s, %s, %s, 'charged', %s, 'bench', %s, '', 'bench')
            """,
            uuid4(), shop_id, payment_id, order["id"], payment["amount_minor"], reference,
        )  # fmt: skip
    async with shop.connection() as tx:
        await one(tx, "SELECT id FROM orders.orders WHERE id = %s FOR UPDATE", order["id"])
        had = await one(
            tx, "SELECT sum(amount_minor)::bigint AS sum FROM payments.event WHERE subject_id = %s AND kind = 'charged'",
            order["id"],
        )  # fmt: skip
        await run(
            tx,
            "UPDATE orders.orders SET charged_minor = %s, paid_at = now(), status = 'paid', payment_status = 'paid' WHERE id = %s",
            had["sum"], order["id"],
        )  # fmt: skip
        for part in await every(tx, "SELECT part FROM stock.hold WHERE id = %s", order["hold_id"]):
            await run(
                tx,
                "UPDATE stock.hold SET network = NULL WHERE id = %s AND part = %s",
                order["hold_id"],
                part["part"],
            )
        await run(
            tx,
            "INSERT INTO stock.proven (shop_id, buyer) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            shop_id,
            order["buyer"],
        )
        lines = await every(
            tx, "SELECT variant_id, quantity, amount_minor FROM orders.line WHERE order_id = %s", order["id"]
        )
        await tell(
            tx, shop_id, "orders.paid", order["id"], order["number"], {**order, "items": lines}, had["sum"]
        )
    async with shop.connection() as tx:
        await run(tx, "UPDATE payments.inbox SET done_at = now(), said = 'captured' WHERE id = %s", letter)
