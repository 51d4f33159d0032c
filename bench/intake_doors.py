"""Purchases end to end over loopback: both doors of the real server, and the same server without an intake.

One server process (the product as `shopfloor web` runs it), one PostgreSQL with real fsync, one load generator;
all of them share the processors of the machine.  A round is a fixed number of purchases of one hot variant by
shoppers who have not bought before, a few each, within the limit per buyer that an offer has where nobody set one;
two shoppers share an address, which a trusted proxy names, and none of them has paid here before.  So every limit is
counted and none binds: in the rows that sell all must be held, or the run fails.  Every answer that counts was written
to disk before it was given.  `server us` is the processor
time of the server process for one answer (PostgreSQL and the load generator come on top of it).

    socket      `buy` frames on the room socket
    http        POST /buy, JSON, keep-alive, pipelined
    one by one  the baseline: the same endpoint in the same process, one transaction per request
    2 servers   buyers spread over two such server processes on the same database (and the same processors)
    sold out    the tail of a sale: both doors when nearly every answer is a refusal
    campus      all shoppers behind one address, more than it may hold unpaid; they have paid here before
    over share  the same by shoppers who have never paid: the address holds its share already, nearly all are refused
    ceiling     shoppers of many addresses want what is left for those who pay: nearly all are refused

    SOCKETS, CONNECTIONS, PURCHASES, ROUNDS   in the environment change the workload
    ROWS="http|socket, sold out"              measures these rows only

The last line is JSON: `socket_holds_per_second`, `http_holds_per_second`, `ratio_to_transaction` (HTTP against one
by one), `…_two_servers` (two against one), `…_tail_per_second`.
"""

import asyncio
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
import uvicorn
import uvloop

from shopfloor import app, inventory, live, purchases, rooms, run_of_show, stock
from shopfloor.kernel import logs
from shopfloor.kernel.connections import raise_file_limit
from shopfloor.kernel.database import Database
from shopfloor.kernel.edge import Edge
from shopfloor.kernel.http_protocol import make_guarded_protocol, sweep
from shopfloor.kernel.keyring import Keyring, load_keyring
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import new_id
from shopfloor.shoppers import issue_shopper, read_shopper
from shopfloor.stock.intake import IntakeUnknown, OnDecided

SOCKETS = int(os.environ.get("SOCKETS", "4000"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "256"))
PURCHASES = int(os.environ.get("PURCHASES", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
# Only these rows, without the figures that compare them.
ROWS = [name for name in os.environ.get("ROWS", "").split("|") if name]
# What one shopper buys over HTTP in a round, and how many tap at the same time on a socket.
EACH = 2
WINDOW = 2
BASELINE_CONNECTIONS = 32
BASELINE_PURCHASES = 4000
PRICE = 12_900
SCARCE = 100
# A campus may hold a tenth of this unpaid: less than it buys in a round.
CAMPUS_UNITS = ROUNDS * PURCHASES + PURCHASES // 2
CAMPUS = "203.0.113.7"


# The server ------------------------------------------------------------------------------------------------


class OneByOne:
    """What an intake replaces: a transaction for every purchase, on a pool of 32 connections."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._tasks: set[asyncio.Task[None]] = set()

    def submit_nowait(self, request: stock.Request, callback: OnDecided) -> None:
        task = asyncio.get_running_loop().create_task(self._buy(request, callback))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _buy(self, request: stock.Request, callback: OnDecided) -> None:
        try:
            async with self._db.transaction() as tx:
                [answer] = await stock.reserve(tx, [request])
        except Exception:  # noqa: BLE001 -- the baseline must answer too
            callback(IntakeUnknown())
        else:
            callback(answer)


async def serve(dsn: str, data_dir: str) -> None:
    logs.install(as_json=False, level="ERROR")
    settings = Settings.model_validate({"database_url": dsn, "data_dir": data_dir, "port": 0, "rtmp_port": 0})
    listener = app.take_port("127.0.0.1", 0)
    node = app.Node(settings, dsn, writer="bench")
    pool = Database(dsn, BASELINE_CONNECTIONS, patience=60)
    await pool.open()
    async with node.living():
        baseline = purchases.PurchaseGateway(
            db=pool, intake=cast("stock.Intake", OneByOne(pool)), terms=node.terms
        )
        baseline.networks = node.networks
        # As `app.serve` does it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        application = app.PathRouter(
            app.build(node),
            {
                "/buy-one-by-one": Edge(
                    purchases.PurchaseEndpoint(baseline, node.keyring), proxies=settings.proxies
                )
            },
        )
        config = uvicorn.Config(
            application, loop="none", lifespan="off", log_config=None, access_log=False, backlog=4096,
            server_header=False, proxy_headers=False, ws=rooms.make_protocol(node.gateway),
            http=make_guarded_protocol(
                purchases.make_http_protocol(node.buy), node.connections, settings.proxies
            ),
        )  # fmt: skip
        print("port", listener.getsockname()[1], flush=True)
        async with app.background(sweep(node.connections)):
            await uvicorn.Server(config).serve(sockets=[listener])
    await pool.close()


@dataclass(frozen=True)
class Running:
    port: int
    pid: int

    def processor_seconds(self) -> float:
        """What the server process has used, user and system; 0 where there is no /proc."""
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(dsn: str, data_dir: str) -> Generator[Running]:
    """A server that answers."""
    process = subprocess.Popen(
        [sys.executable, __file__, "serve", dsn, data_dir], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = next(int(line.split()[1]) for line in process.stdout if line.startswith("port "))
        yield Running(port, process.pid)
    finally:
        process.terminate()
        process.wait(15)


# The market ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goods:
    """Variants.  `scarce` is sold out; of `ceiling` those who have never paid hold all they may; of `over_share` one
    address does.
    """

    shop_id: int
    show_id: int
    offer_id: int
    plenty: int
    scarce: int
    ceiling: int
    campus: int
    over_share: int
    keyring: Keyring


@dataclass(frozen=True)
class Buyers:
    """Shoppers of one round: their cookies, and the address a proxy names for each."""

    cookies: list[str]
    addresses: list[str]


def strangers(goods: Goods, count: int, *, address: str | None = None) -> Buyers:
    """So many who have never been here, two to an address, or all behind one."""
    first = int.from_bytes(os.urandom(2)) % 200
    return Buyers(
        [issue_shopper(goods.keyring) for _ in range(count)],
        [
            address or f"10.{first + n // 2 // 65536}.{n // 2 // 256 % 256}.{n // 2 % 256}"
            for n in range(count)
        ],
    )


async def regulars(dsn: str, goods: Goods, count: int) -> Buyers:
    """Shoppers behind one address who have paid here before."""
    buyers = strangers(goods, count, address=CAMPUS)
    ids = [read_shopper(goods.keyring, cookie) for cookie in buyers.cookies]
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute(
            "INSERT INTO stock.proven (shop_id, buyer) SELECT %s, unnest(%s::uuid[])", (goods.shop_id, ids)
        )
    return buyers


async def stock_up(dsn: str) -> Goods:
    """A show on air with one variant that never runs out, two with a hundred units, and two that suffice for a campus."""
    db = Database(dsn, 2)
    await db.open()
    async with db.transaction() as tx:
        keyring = await load_keyring(tx)
        shop_id = await tx.value(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('bench', 'Bench', 'CNY', 'en', 'UTC') RETURNING id
            """
        )
        product_id = await tx.value(
            """
            INSERT INTO catalog.product (shop_id, handle, title, kind, status, option_names)
            VALUES (%(shop_id)s, 'coat', 'Coat', 'sized', 'active', '{Size}') RETURNING id
            """,
            shop_id=shop_id,
        )
        location = await inventory.add_location(
            tx, shop_id=shop_id, name="W", kind=inventory.LocationKind.WAREHOUSE
        )
        variants: list[int] = []
        sizes = (
            ("XL", [1_000_000] * 4), ("L", [SCARCE]), ("M", [SCARCE]), ("S", [CAMPUS_UNITS]), ("XS", [CAMPUS_UNITS]),
        )  # fmt: skip
        for size, units in sizes:
            variant_id = await tx.value(
                """
                WITH made AS (
                  INSERT INTO catalog.variant (shop_id, product_id, sku, options, currency, position)
                  VALUES (%(shop_id)s, %(product_id)s, %(size)s, ARRAY[%(size)s], 'CNY', %(position)s) RETURNING id),
                priced AS (INSERT INTO catalog.price (variant_id, minor, valid_from)
                           SELECT id, %(price)s, now() - interval '1 day' FROM made)
                SELECT id FROM made
                """,
                shop_id=shop_id,
                product_id=product_id,
                size=size,
                position=len(variants) + 1,
                price=PRICE,
            )
            variants.append(variant_id)
            for quantity in units:
                await inventory.receive(
                    tx, shop_id=shop_id, location_id=location.id, variant_id=variant_id, quantity=quantity
                )
        show = await live.plan_show(tx, shop_id=shop_id, title="Bench")
        offer = await run_of_show.add_offer(
            tx,
            shop_id=shop_id,
            show_id=show.id,
            product_id=product_id,
            lines=[
                run_of_show.OfferLine(variants[0], PRICE, quota=1_000_000),
                run_of_show.OfferLine(variants[1], PRICE, quota=SCARCE),
                run_of_show.OfferLine(variants[2], PRICE, quota=SCARCE),
                run_of_show.OfferLine(variants[3], PRICE, quota=CAMPUS_UNITS),
                run_of_show.OfferLine(variants[4], PRICE, quota=CAMPUS_UNITS),
            ],
        )
        await run_of_show.start_show(tx, shop_id=shop_id, show_id=show.id)
        for _ in range(3):
            await inventory.transfer(
                tx,
                shop_id=shop_id,
                variant_id=variants[0],
                quantity=1_000_000,
                from_location=location.id,
                to_location=location.id,
                to_pool=(await live.show(tx, shop_id=shop_id, show_id=show.id)).pool_id,
            )
    await db.close()
    return Goods(shop_id, show.id, offer.id, *variants, keyring=keyring)


# The load generator ----------------------------------------------------------------------------------------

HELD = b'"outcome":"held"'


class Buyer(asyncio.Protocol):
    """One connection that keeps up to `window` purchases under way.  Answers come in the order of asking."""

    def __init__(self, requests: list[bytes], window: int, mark: bytes, done: Callable[[], None]) -> None:
        self.requests = requests
        self.window = window
        self.mark = mark
        self.done = done
        self.next = 0
        self.answered = 0
        self.held = 0
        self.sent_at: deque[float] = deque()
        self.waits: list[float] = []
        self.rest = self.rest_held = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def start(self) -> None:
        self._send(self.window)

    def _send(self, count: int) -> None:
        batch = self.requests[self.next : self.next + count]
        if batch:
            self.next += len(batch)
            now = time.perf_counter()
            self.sent_at.extend([now] * len(batch))
            self.transport.write(b"".join(batch))

    def data_received(self, data: bytes) -> None:
        whole = self.rest + data
        self.rest = whole[-(len(self.mark) - 1) :]
        answers = whole.count(self.mark)
        whole_held = self.rest_held + data
        self.rest_held = whole_held[-(len(HELD) - 1) :]
        self.held += whole_held.count(HELD)
        if answers:
            now = time.perf_counter()
            self.answered += answers
            for _ in range(min(answers, len(self.sent_at))):
                self.waits.append(now - self.sent_at.popleft())
            if self.answered >= len(self.requests):
                self.done()
            else:
                self._send(answers)


class SocketBuyer(Buyer):
    """Says hello first, then buys in masked text frames (the mask is zero: nothing to compute)."""

    def __init__(self, handshake: bytes, *rest: Any) -> None:
        super().__init__(*rest)
        self.handshake = handshake
        self.greeted = False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self.handshake)

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self._open(data)
            return
        super().data_received(data)

    def _open(self, data: bytes) -> None:
        self.rest += data
        if not self.greeted and b"\r\n\r\n" in self.rest:
            if b" 101 " not in self.rest.split(b"\r\n", 1)[0]:
                self.ready.set_exception(RuntimeError(self.rest[:3000]))
            self.greeted = True
            self.transport.write(frame(b'{"t":"hello"}'))
        elif b'"t":"snapshot"' in self.rest:
            self.rest = b""
            self.ready.set_result(None)


def frame(payload: bytes) -> bytes:
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2)
    return head + b"\0\0\0\0" + payload


def wish(goods: Goods, variant_id: int, *, tag: str = "") -> bytes:
    return (
        f'{{{tag}"id":"{new_id()}","offer_id":{goods.offer_id},"variant_id":{variant_id},"quantity":1,'
        f'"price_minor":{PRICE},"latest_ready":"{date.today()}"}}'  # noqa: DTZ011 -- what the page showed
    ).encode()


def posts(goods: Goods, path: str, variant_id: int, buyers: Buyers, count: int) -> list[bytes]:
    made: list[bytes] = []
    for n in range(count):
        body = wish(goods, variant_id)
        buyer = n % len(buyers.cookies)
        made.append(
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: shopper={buyers.cookies[buyer]}\r\n"
            f"x-forwarded-for: {buyers.addresses[buyer]}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
    return made


@dataclass(frozen=True)
class Round:
    per_second: float
    held: int
    answers: int
    p50_ms: float
    p99_ms: float
    server_us: float


async def measure(running: Sequence[Running], buyers: Sequence[Buyer], finished: asyncio.Event) -> Round:
    used = sum(server.processor_seconds() for server in running)
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    for buyer in buyers:
        buyer.start()
    try:
        async with asyncio.timeout(180):
            await finished.wait()
    finally:
        elapsed = time.perf_counter() - started
        gc.enable()
        # The end of the last answers may still be under way.
        await asyncio.sleep(0.2)
        for buyer in buyers:
            buyer.transport.close()
    waits = sorted(wait for buyer in buyers for wait in buyer.waits)
    answers = sum(buyer.answered for buyer in buyers)
    return Round(
        per_second=answers / elapsed,
        held=sum(buyer.held for buyer in buyers),
        answers=answers,
        p50_ms=waits[len(waits) // 2] * 1000,
        p99_ms=waits[len(waits) * 99 // 100] * 1000,
        server_us=(sum(server.processor_seconds() for server in running) - used) / answers * 1e6,
    )


def countdown(total: int) -> tuple[asyncio.Event, Callable[[], None]]:
    finished, left = asyncio.Event(), total

    def done() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            finished.set()

    return finished, done


async def over_http(
    running: Sequence[Running],
    goods: Goods,
    *,
    path: str,
    variant_id: int,
    purchases: int,
    connections: int,
    window: int,
    shoppers: Buyers,
) -> Round:
    loop = asyncio.get_running_loop()
    finished, done = countdown(connections)
    buyers: list[Buyer] = []
    each = len(shoppers.cookies) // connections
    for n in range(connections):
        mine = slice(n * each, (n + 1) * each)
        among = Buyers(shoppers.cookies[mine], shoppers.addresses[mine])
        requests = posts(goods, path, variant_id, among, purchases // connections)
        buyer = Buyer(requests, window, b"HTTP/1.1 ", done)
        await loop.create_connection(lambda buyer=buyer: buyer, "127.0.0.1", running[n % len(running)].port)
        buyers.append(buyer)
    return await measure(running, buyers, finished)


async def over_sockets(running: Sequence[Running], goods: Goods, *, variant_id: int, purchases: int) -> Round:
    loop = asyncio.get_running_loop()
    shoppers = strangers(goods, SOCKETS)
    finished, done = countdown(SOCKETS)
    buyers: list[SocketBuyer] = []
    for n in range(SOCKETS):
        port = running[n % len(running)].port
        requests = [frame(wish(goods, variant_id, tag='"t":"buy",')) for _ in range(purchases // SOCKETS)]
        handshake = (
            f"GET /room/{goods.show_id}/socket HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\n"
            f"connection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
            f"x-forwarded-for: {shoppers.addresses[n]}\r\ncookie: shopper={shoppers.cookies[n]}\r\n\r\n"
        ).encode()
        buyer = SocketBuyer(handshake, requests, WINDOW, b'"t":"answer"', done)
        await loop.create_connection(lambda buyer=buyer: buyer, "127.0.0.1", port)
        buyers.append(buyer)
    await asyncio.wait_for(asyncio.gather(*(buyer.ready for buyer in buyers)), 60)
    return await measure(running, buyers, finished)


# The table -------------------------------------------------------------------------------------------------


SELLING = ("socket", "socket, 2 servers", "http", "http, 2 servers", "one by one", "http, campus")


async def rounds(dsn: str, one: Running, other: Running, goods: Goods) -> dict[str, list[Round]]:
    """Every contender once per round, so that what the machine does meanwhile meets all of them."""

    def socket(variant: int, *running: Running) -> Callable[[], Any]:
        return lambda: over_sockets(running, goods, variant_id=variant, purchases=PURCHASES)

    def http(variant: int, *running: Running, shoppers: Buyers | None = None) -> Any:
        return over_http(
            running, goods, path="/buy", variant_id=variant, purchases=PURCHASES, connections=CONNECTIONS, window=4,
            shoppers=shoppers or strangers(goods, PURCHASES // EACH),
        )  # fmt: skip

    async def campus() -> Round:
        return await http(goods.campus, one, shoppers=await regulars(dsn, goods, PURCHASES // EACH))

    contenders: dict[str, Callable[[], Any]] = {
        "socket": socket(goods.plenty, one),
        "socket, 2 servers": socket(goods.plenty, one, other),
        "http": lambda: http(goods.plenty, one),
        "http, 2 servers": lambda: http(goods.plenty, one, other),
        "one by one": lambda: over_http(
            [one], goods, path="/buy-one-by-one", variant_id=goods.plenty, purchases=BASELINE_PURCHASES,
            connections=BASELINE_CONNECTIONS, window=1, shoppers=strangers(goods, BASELINE_PURCHASES // EACH),
        ),
        "http, campus": campus,
        "http, over share": lambda: http(
            goods.over_share, one, shoppers=strangers(goods, PURCHASES // EACH, address=CAMPUS)
        ),
        "http, ceiling": lambda: http(goods.ceiling, one),
        "socket, sold out": socket(goods.scarce, one),
        "http, sold out": lambda: http(goods.scarce, one),
    }  # fmt: skip
    found: dict[str, list[Round]] = {name: [] for name in contenders if not ROWS or name in ROWS}
    # What can be had of the rows that refuse goes before the clock runs; so do the first who may pay without a hold.
    await contenders["http, over share"]()
    await contenders["http, ceiling"]()
    await http(goods.scarce, one, shoppers=await regulars(dsn, goods, PURCHASES // EACH))
    for _ in range(ROUNDS):
        for name, among in found.items():
            among.append(await contenders[name]())
            await asyncio.sleep(0.5)
    for name, rounds_ in found.items():
        held = sum(round_.held for round_ in rounds_)
        expected = sum(round_.answers for round_ in rounds_) if name in SELLING else 0
        assert held == expected, f"{name}: {held} held of {expected}"
    return found


async def held_rows(dsn: str, *, without: Sequence[int]) -> int:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM stock.hold WHERE variant_id <> ALL(%s)", (list(without),)
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0]


async def bench(dsn: str, data_dir: str) -> None:
    goods = await stock_up(dsn)
    with server(dsn, f"{data_dir}/one") as one, server(dsn, f"{data_dir}/other") as other:
        found = await rounds(dsn, one, other, goods)
    told = sum(round_.held for rounds_ in found.values() for round_ in rounds_)
    kept = await held_rows(dsn, without=[goods.scarce, goods.ceiling, goods.over_share])
    report(found)
    print(f"holds told: {told}, holds in the database: {kept}")
    assert told == kept, "a hold was told that is not there, or is there and was not told"
    if ROWS:
        return
    rate = {name: statistics.median(r.per_second for r in found[name]) for name in found}
    print(
        json.dumps({
            "socket_holds_per_second": round(rate["socket"]),
            "http_holds_per_second": round(rate["http"]),
            "ratio_to_transaction": round(rate["http"] / rate["one by one"], 2),
            "transaction_holds_per_second": round(rate["one by one"]),
            "socket_two_servers": round(rate["socket, 2 servers"] / rate["socket"], 2),
            "http_two_servers": round(rate["http, 2 servers"] / rate["http"], 2),
            "socket_tail_per_second": round(rate["socket, sold out"]),
            "http_tail_per_second": round(rate["http, sold out"]),
            "socket_tail_ratio": round(rate["socket, sold out"] / rate["socket"], 2),
            "http_tail_ratio": round(rate["http, sold out"] / rate["http"], 2),
            "http_campus_per_second": round(rate["http, campus"]),
            "http_over_share_per_second": round(rate["http, over share"]),
            "http_ceiling_per_second": round(rate["http, ceiling"]),
            "p99_ms": {name: round(statistics.median(r.p99_ms for r in found[name]), 1) for name in found},
            "purchases": PURCHASES, "sockets": SOCKETS, "connections": CONNECTIONS, "rounds": ROUNDS,
            "cpus": os.cpu_count(), "python": platform.python_version(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        })
    )  # fmt: skip


def report(found: dict[str, list[Round]]) -> None:
    print(
        f"{'door':<20}{'answers/s':>12}{'of them held':>14}{'p50 ms':>10}{'p99 ms':>10}{'server us':>11}   all rounds"
    )
    for name, rounds_ in found.items():
        middle = sorted(rounds_, key=lambda r: r.per_second)[len(rounds_) // 2]
        every = " ".join(f"{r.per_second:,.0f}" for r in rounds_)
        print(
            f"{name:<20}{middle.per_second:>12,.0f}{middle.held / middle.answers:>14.1%}"
            f"{middle.p50_ms:>10.1f}{middle.p99_ms:>10.1f}{middle.server_us:>11.1f}   {every}"
        )


def main() -> None:
    raise_file_limit()
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve(sys.argv[2], sys.argv[3]))
        return
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as directory:
        Path(directory).chmod(0o711)
        given = os.environ.get("SHOPFLOOR_DATABASE_URL")
        if given is not None:
            migrate(given)
            uvloop.run(bench(given, directory))
            return
        with EmbeddedPostgres(Path(directory)) as database:
            migrate(database.dsn)
            uvloop.run(bench(database.dsn, directory))


if __name__ == "__main__":
    main()
