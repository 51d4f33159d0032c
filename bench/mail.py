"""The mail queue against a server that answers at once, beside what the wire alone takes and a naive sender; and what
deaths cost it.

Workload: order confirmations, each of an order of its own with two lines, queued in PostgreSQL with real fsync.  The
server is another process on this machine that says 250 to everything, takes commands in one go (PIPELINING, as Postfix
and most others do) and writes down the Message-ID of what it took.

* product: `Sender.run_once`: claimed in batches, read, written (HTML and text), handed over, written down.
* wire alone: one of those messages, finished beforehand, over one connection, as often: the limit.
* naive: for each message a transaction that locks it, a connection of its own, and a transaction that writes it down.

Then a queue of 10,000 twice: once the mail server is killed and comes back, once the sender is killed and another one
goes on.  The other one takes what the first had claimed when the claim ends, after four minutes: here it is ended at once,
and what waits a minute for its second try is made due.

    python bench/mail.py --messages 3000 --queue 10000

The last line is JSON.  Exit status 1 when the product sends fewer than 300 a second, when a message is lost or sent more
than twice, or when more than one (the server dies) or ten (the sender dies) are sent twice.
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
from collections import Counter
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median

import click

from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now
from shopfloor.letters import compose, rendering
from shopfloor.notices import State, queue
from shopfloor.notifications import smtp
from shopfloor.notifications.models import MailServer, Security
from shopfloor.notifications.sending import Sender

SHOP = 1
LEAST = 300
ORIGIN = "https://garden.test"
BOX = Box((bytes(32),))
_spawn = multiprocessing.get_context("spawn")


class _AtOnce(socketserver.StreamRequestHandler):
    """The least of a mail server."""

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wfile.write(b"220 quick\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-quick\r\n250 PIPELINING\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (line := self.rfile.readline()) != b".\r\n":
                    if not line:
                        return
                    if line.startswith(b"Message-ID:"):
                        named = line
                # In the hands of the system, which a death of this process leaves as they are.
                os.write(self.server.taken, named)  # pyright: ignore[reportAttributeAccessIssue, reportPossiblyUnboundVariable]
                self.wfile.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 quick\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    taken: int


def serve(port: int, taken: Path) -> None:
    with _Server(("127.0.0.1", port), _AtOnce) as server:
        server.taken = os.open(taken, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        server.serve_forever()


class Post:
    """The server, which can be killed and come back.  `taken`: Message-IDs, in the order in which they were taken."""

    def __init__(self, place: Path) -> None:
        self._taken = place / "taken"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        self._process: BaseProcess = _spawn.Process(target=serve, args=(self.port, self._taken), daemon=True)
        self._process.start()
        while True:
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    @property
    def taken(self) -> list[bytes]:
        return self._taken.read_bytes().split(b"\r\n")[:-1] if self._taken.exists() else []

    def forget(self) -> None:
        os.truncate(self._taken, 0)

    @property
    def server(self) -> MailServer:
        return MailServer("127.0.0.1", self.port, Security.NONE, sender="shop@garden.test", guarded=False)


async def fill(db: Database, messages: int) -> None:
    """So many orders, and of each the message that it was placed."""
    ids = [new_id() for _ in range(messages)]
    async with db.transaction() as tx:
        await tx.run("DELETE FROM notifications.notice")
        values = {"ids": ids}
        await tx.run(
            """
            INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
            SELECT id, 1, id, true, 'timer', 1, 'CNY', '[]', '{}' FROM unnest(%(ids)s::uuid[]) AS t (id)
            """,
            **values,
        )
        await tx.run(
            """
            INSERT INTO orders.orders
                   (id, shop_id, number, checkout_id, hold_id, buyer, policy, pool_id, contact_name, contact_phone,
                    contact_email, delivery, address, provider, method, note, locale, currency, goods_minor, shipping_minor,
                    total_minor, first_minor, status, payment_status, fulfilment_status, form_hash, key, placed_at)
            SELECT id, 1, (SELECT coalesce(max(number), 1000) FROM orders.orders) + n, id, id, id, 'timer', 1, 'Mei Lin', '',
                   'mei' || n || '@garden.test', 'ship',
                   '{"street": "12 Garden Road", "city": "Hangzhou", "postcode": "310000", "country": "CN"}', 'manual',
                   'transfer', '', 'en', 'CNY', 32600 + n, 1000, 33600 + n, 33600 + n, 'placed', 'unpaid', 'unsecured', '',
                   'key', now()
              FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS t (id, n)
            """,
            **values,
        )
        await tx.run(
            """
            INSERT INTO orders.line (order_id, position, variant_id, product_id, title, sku, options, quantity,
                                     unit_price_minor, amount_minor, first_minor)
            SELECT t.id, l.position, 1, 1, l.title, '', '{M}', l.quantity, l.minor + t.n, l.quantity * (l.minor + t.n), 0
              FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS t (id, n)
             CROSS JOIN (VALUES (0, 'Linen overshirt', 2, 12900::bigint), (1, 'Tea bowl', 1, 6800))
                     AS l (position, title, quantity, minor)
            """,
            **values,
        )
        await tx.run(
            """
            INSERT INTO notifications.notice
                   (id, shop_id, fact_id, kind, channel, recipient, name, locale, order_id, facts, urgency, expires_at)
            SELECT id, 1, id, 'order_placed', 'mail', 'mei' || n || '@garden.test', 'Mei Lin', 'en', id, '{}', 2,
                   now() + interval '4 days'
              FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS t (id, n)
            """,
            **values,
        )
    async with db.transaction() as tx:
        await tx.run("ANALYZE notifications.notice, orders.orders, orders.line")


async def sent(db: Database) -> int:
    async with db.transaction() as tx:
        return await tx.value("SELECT count(*) FROM notifications.notice WHERE state = 'sent'")


async def product(db: Database, server: MailServer, messages: int) -> float:
    await fill(db, messages)
    sender = Sender(db, ORIGIN, BOX, own=server)
    start = time.perf_counter()
    await sender.run_once()
    rate = messages / (time.perf_counter() - start)
    assert await sent(db) == messages
    return rate


async def one_letter(db: Database, server: MailServer) -> rendering.Envelope:
    async with db.transaction() as tx:
        [claimed, *_] = await queue.claim(tx, shop_ids=[SHOP], claim=new_id(), seconds=60, limit=1)
        letter = (await compose(tx, [claimed], origin=ORIGIN))[claimed.id].letter
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
            [each] = await queue.claim(tx, shop_ids=[SHOP], claim=claim, seconds=60, limit=1)
            letter = (await compose(tx, [each], origin=ORIGIN))[each.id].letter
        line = smtp.Line(server)
        message = rendering.envelope(
            letter, id=each.id, at=now(), sender=server.sender, recipient=each.recipient
        )
        assert isinstance(line.send(message), smtp.Accepted)
        line.close()
        async with db.transaction() as tx:
            await queue.end(tx, claim=claim, endings=[queue.Ending(each.id, State.SENT, letter.subject)])
    return messages / (time.perf_counter() - start)


async def drain(db: Database, server: MailServer, queue: int) -> None:
    """Rounds until all of it is sent; what waits for its second try waits no longer."""
    sender = Sender(db, ORIGIN, BOX, own=server)
    while await sent(db) < queue:
        if not await sender.run_once():
            await asyncio.sleep(0.1)
            async with db.transaction() as tx:
                await tx.run(
                    "UPDATE notifications.notice SET due_at = now() WHERE state = 'queued' AND code = 'no_answer'"
                )


async def until_taken(post: Post, messages: int) -> None:
    while len(post.taken) < messages:
        await asyncio.sleep(0.05)


def _outcome(taken: Sequence[bytes], queue: int, seconds: float) -> dict[str, float]:
    often = Counter(taken)
    return {
        "seconds": round(seconds, 1),
        "lost": queue - len(often),
        "twice": sum(times == 2 for times in often.values()),
        "more_often": sum(times > 2 for times in often.values()),
    }


async def server_dies(db: Database, post: Post, queue: int) -> dict[str, float]:
    await fill(db, queue)
    post.forget()
    start = time.perf_counter()
    draining = asyncio.create_task(drain(db, post.server, queue))
    await until_taken(post, queue // 3)
    post.kill()
    await asyncio.sleep(1)
    post.start()
    await draining
    return _outcome(post.taken, queue, time.perf_counter() - start)


def send_until_killed(dsn: str, server: MailServer, queue: int) -> None:
    async def run() -> None:
        db = Database(dsn)
        await db.open()
        await drain(db, server, queue)

    asyncio.run(run())


async def sender_dies(db: Database, post: Post, queue: int) -> dict[str, float]:
    await fill(db, queue)
    post.forget()
    start = time.perf_counter()
    first = _spawn.Process(target=send_until_killed, args=(db.dsn, post.server, queue), daemon=True)
    first.start()
    await until_taken(post, queue // 3)
    first.kill()
    first.join()
    async with db.transaction() as tx:
        await tx.run("UPDATE notifications.notice SET claimed_until = now() WHERE state = 'sending'")
    await drain(db, post.server, queue)
    return _outcome(post.taken, queue, time.perf_counter() - start)


async def run(dsn: str, post: Post, messages: int, queue: int, times: int) -> dict[str, float]:
    db = Database(dsn)
    await db.open()
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('garden', 'Garden', 'CNY', 'en', 'Asia/Shanghai')
            """
        )
    await product(db, post.server, 100)
    rates: list[tuple[float, float, float]] = []
    print(f"{platform.machine()}, {os.cpu_count()} cores, {messages} messages")
    for _ in range(times):
        fast = await product(db, post.server, messages)
        limit = await wire_alone(db, post.server, messages)
        slow = await naive(db, post.server, max(messages // 10, 1))
        rates.append((fast, limit, slow))
        print(
            f"load {os.getloadavg()[0]:5.1f}   product {fast:6.0f}/s   wire alone {limit:6.0f}/s   naive {slow:6.0f}/s   "
            f"product is {fast / limit:.2f} of the wire, {fast / slow:.1f} times naive"
        )
    fast, limit, slow = (median(each) for each in zip(*rates, strict=True))
    print(f"median       product {fast:6.0f}/s   wire alone {limit:6.0f}/s   naive {slow:6.0f}/s")
    told = {"product_per_s": round(fast), "wire_per_s": round(limit), "naive_per_s": round(slow)}
    for name, die in (("server_dies", server_dies), ("sender_dies", sender_dies)):
        found = await die(db, post, queue)
        print(
            f"{name.replace('_', ' ')}: {queue} messages in {found['seconds']:.1f} s, load {os.getloadavg()[0]:.1f}: "
            f"{found['lost']} lost, {found['twice']} twice, {found['more_often']} more often"
        )
        told |= {f"{name}_{key}": value for key, value in found.items()}
    await db.close()
    return told


@click.command()
@click.option("--messages", default=3000, show_default=True)
@click.option(
    "--queue", default=10_000, show_default=True, help="Messages of which a third leaves before a death."
)
@click.option("--times", default=3, show_default=True, help="How often the rates are taken; medians count.")
def main(messages: int, queue: int, times: int) -> None:
    place = Path(tempfile.mkdtemp(prefix="shopfloor-bench-"))
    place.chmod(0o711)
    post = Post(place)
    try:
        with EmbeddedPostgres(place) as postgres:
            migrate(postgres.dsn)
            found = asyncio.run(run(postgres.dsn, post, messages, queue, times))
    finally:
        post.kill()
        shutil.rmtree(place, ignore_errors=True)
    broken = ["product_per_s"] if found["product_per_s"] < LEAST else []
    for name, most in (("server_dies", 1), ("sender_dies", 10)):
        broken += [f"{name}_{key}" for key in ("lost", "more_often") if found[f"{name}_{key}"]]
        broken += [f"{name}_twice"] if found[f"{name}_twice"] > most else []
    print(json.dumps({"bench": "mail", **found, "least_per_s": LEAST, "broken": broken}))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
