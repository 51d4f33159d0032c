"""The mail queue against a server that answers at once, beside what the wire alone takes and a naive sender.

Workload: order confirmations of orders with two lines each, queued in PostgreSQL with real fsync.  The server is another
process on this machine that says 250 to everything and reads no further than it must.

* product: `Sender.run_once`: claimed in batches, read, written (HTML and text), handed over, written down.
* wire alone: one of those messages, finished beforehand, over one connection, as often: the limit.
* naive: for each message a transaction that locks it, a connection of its own, and a transaction that writes it down.

    python bench/mail.py --messages 3000

The last line is JSON.  Exit status 1 when the product sends fewer than 300 a second.
"""

import asyncio
import json
import multiprocessing
import os
import platform
import shutil
import socket
import socketserver
import sys
import tempfile
import time
from pathlib import Path

import click
from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now
from shopfloor.notifications import State, rendering, sending_queries, smtp
from shopfloor.notifications.composing import compose
from shopfloor.notifications.models import MailServer, Security
from shopfloor.notifications.sending import Sender

SHOP = 1
LEAST = 300


class _AtOnce(socketserver.StreamRequestHandler):
    """The least of a mail server."""

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wfile.write(b"220 quick\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
                self.wfile.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 quick\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(port: "multiprocessing.Queue[int]") -> None:
    with _Server(("127.0.0.1", 0), _AtOnce) as server:
        port.put(server.server_address[1])
        server.serve_forever()


async def fill(db: Database, messages: int) -> None:
    order = new_id()
    async with db.transaction() as tx:
        await tx.run("DELETE FROM notifications.notice")
        await tx.run(
            """
            INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
            VALUES (%(id)s, 1, %(id)s, true, 'timer', 1, 'CNY', '[]', '{}')
            """,
            id=order,
        )
        await tx.run(
            """
            INSERT INTO orders.orders
                   (id, shop_id, number, checkout_id, hold_id, buyer, policy, pool_id, contact_name, contact_phone,
                    contact_email, delivery, address, provider, method, note, locale, currency, goods_minor, shipping_minor,
                    total_minor, first_minor, status, payment_status, fulfilment_status, form_hash, key, placed_at)
            VALUES (%(id)s, 1, (SELECT count(*) + 1 FROM orders.orders), %(id)s, %(id)s, %(id)s, 'timer', 1, 'Mei Lin', '',
                    'mei@garden.test', 'ship', %(address)s, 'manual', 'transfer', '', 'en', 'CNY', 32600, 1000, 33600, 33600,
                    'placed', 'unpaid', 'unsecured', '', 'key', now())
            """,
            id=order,
            address=Jsonb(
                {"street": "12 Garden Road", "city": "Hangzhou", "postcode": "310000", "country": "CN"}
            ),
        )
        for position, (title, quantity, minor) in enumerate(
            (("Linen overshirt", 2, 12900), ("Tea bowl", 1, 6800))
        ):
            await tx.run(
                """
                INSERT INTO orders.line (order_id, position, variant_id, product_id, title, sku, options, quantity,
                                         unit_price_minor, amount_minor, first_minor)
                VALUES (%(id)s, %(position)s, 1, 1, %(title)s, '', '{M}', %(quantity)s, %(minor)s,
                        %(quantity)s::bigint * %(minor)s, 0)
                """,
                id=order,
                position=position,
                title=title,
                quantity=quantity,
                minor=minor,
            )
        await tx.many(
            """
            INSERT INTO notifications.notice
                   (id, shop_id, fact_id, kind, channel, recipient, name, locale, order_id, facts, urgency, expires_at)
            VALUES (%(id)s, 1, %(id)s, 'order_placed', 'mail', %(recipient)s, 'Mei Lin', 'en', %(order)s, '{}', 2,
                    now() + interval '4 days')
            """,
            [{"id": new_id(), "recipient": f"mei{n}@garden.test", "order": order} for n in range(messages)],
        )


async def sent(db: Database) -> int:
    async with db.transaction() as tx:
        return await tx.value("SELECT count(*) FROM notifications.notice WHERE state = 'sent'")


async def product(db: Database, server: MailServer, messages: int) -> float:
    await fill(db, messages)
    sender = Sender(db, "https://garden.test", Box((bytes(32),)), own=server)
    start = time.perf_counter()
    await sender.run_once()
    rate = messages / (time.perf_counter() - start)
    assert await sent(db) == messages
    return rate


async def one_letter(db: Database, server: MailServer) -> rendering.Envelope:
    async with db.transaction() as tx:
        [claimed, *_] = await sending_queries.claim(tx, shop_ids=[SHOP], claim=new_id(), seconds=60, limit=1)
        letter = (await compose(tx, [claimed], origin="https://garden.test"))[claimed.id].letter
    return rendering.envelope(
        letter, id=claimed.id, at=now(), sender=server.sender, recipient=claimed.recipient
    )


async def wire_alone(db: Database, server: MailServer, messages: int) -> float:
    await fill(db, 1)
    message = await one_letter(db, server)
    line = smtp.Line(server)
    start = time.perf_counter()
    for _ in range(messages):
        assert isinstance(line.send(message), smtp.Accepted)
    rate = messages / (time.perf_counter() - start)
    line.close()
    return rate


async def naive(db: Database, server: MailServer, messages: int) -> float:
    await fill(db, messages)
    start = time.perf_counter()
    for _ in range(messages):
        claim = new_id()
        async with db.transaction() as tx:
            [each] = await sending_queries.claim(tx, shop_ids=[SHOP], claim=claim, seconds=60, limit=1)
            letter = (await compose(tx, [each], origin="https://garden.test"))[each.id].letter
        line = smtp.Line(server)
        message = rendering.envelope(
            letter, id=each.id, at=now(), sender=server.sender, recipient=each.recipient
        )
        assert isinstance(line.send(message), smtp.Accepted)
        line.close()
        async with db.transaction() as tx:
            await sending_queries.end(
                tx, claim=claim, endings=[sending_queries.Ending(each.id, State.SENT, letter.subject)]
            )
    return messages / (time.perf_counter() - start)


async def run(dsn: str, port: int, messages: int) -> dict[str, float]:
    db = Database(dsn)
    await db.open()
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('garden', 'Garden', 'CNY', 'en', 'Asia/Shanghai')
            """
        )
    server = MailServer("127.0.0.1", port, Security.NONE, sender="shop@garden.test", guarded=False)
    await product(db, server, 100)
    fast = await product(db, server, messages)
    limit = await wire_alone(db, server, messages)
    slow = await naive(db, server, max(messages // 10, 1))
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {messages} messages")
    print(f"product     {fast:8.0f}/s")
    print(f"wire alone  {limit:8.0f}/s   product is {fast / limit:.2f} of it")
    print(f"naive       {slow:8.0f}/s   product is {fast / slow:.1f} times it")
    await db.close()
    return {"product_per_s": round(fast), "wire_per_s": round(limit), "naive_per_s": round(slow)}


@click.command()
@click.option("--messages", default=3000, show_default=True)
def main(messages: int) -> None:
    place = Path(tempfile.mkdtemp(prefix="shopfloor-bench-"))
    place.chmod(0o711)
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    child = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    child.start()
    try:
        with EmbeddedPostgres(place) as postgres:
            migrate(postgres.dsn)
            found = asyncio.run(run(postgres.dsn, ports.get(), messages))
    finally:
        child.terminate()
        shutil.rmtree(place, ignore_errors=True)
    broken = ["product_per_s"] if found["product_per_s"] < LEAST else []
    print(json.dumps({"bench": "mail", **found, "least_per_s": LEAST, "broken": broken}))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
