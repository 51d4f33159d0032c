"""kill -9, again and again: nothing acknowledged is lost, nothing is granted twice.

A shop with a show on air sells through everything that sells: two processes that run the intake by themselves, and
the real `shopfloor web`, whose buyers come from one more process, over POST /buy and over the room socket.  Beside
them holds are confirmed, released and expired, and the show's pool closes and opens.  At a random moment one of the
processes that buy, the web process, or the database server with all its processes is killed with SIGKILL, and
started again; who was not killed goes on by itself.  A buyer whose answer does not come asks again with the same id
through the other door, as the page does.  Then the books are audited, and every acknowledgement a buyer ever got is
looked up.

    tools/soak.py [--kills 200] [--seed 1]

Prints what it counted; the last line is JSON.  Exit status 1 when anything was lost, doubled or unbalanced.
"""

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import httpx
import psycopg
from rich.progress import Progress
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shopfloor import auth, catalog, inventory, live, run_of_show, shoppers, stock
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.keyring import load_keyring
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import CannotRun, EmbeddedPostgres
from shopfloor.kernel.values import new_id
from shopfloor.stock import Intake

UNITS = 2_000_000
QUOTA = UNITS // 20
PRICE = 9_900
BUYERS = 50
SHOPPERS = 24
"""Buyers of each process with an intake of its own; buyers at the doors of the web process."""
PAUSE = 0.3
"""Seconds, at most, that somebody waits before buying again: the books are read as a whole after each kill."""
PATIENCE = 2.0
"""Seconds after which the page asks again through the other door."""
RECOVERY = 60.0
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Shop:
    """What is for sale, and where."""

    dsn: str
    port: int
    shop_id: int
    show_id: int
    offer_id: int
    variants: tuple[int, ...]
    pools: tuple[int, int]
    cookies: tuple[str, ...]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


# What the processes do --------------------------------------------------------------------------------------


class Acknowledged:
    """What buyers were told, written with one system call each: it survives a SIGKILL of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, hold_id: UUID, outcome: str, quantity: int) -> None:
        os.write(self._file, f"{hold_id} {outcome} {quantity}\n".encode())


async def buy_for_ever(shop: Shop, path: Path, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged = Acknowledged(path)
    intake = Intake(shop.dsn, patience=20.0)
    stopping = asyncio.Event()
    parent = os.getppid()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            await intake.open()
            break
        await asyncio.sleep(0.1)
    held: list[UUID] = []
    earlier: list[stock.Request] = []

    async def buyer(number: int) -> None:
        me = UUID(int=seed << 32 | number)
        while not stopping.is_set():
            if earlier and chance.random() < 0.1:
                request = chance.choice(earlier)
            else:
                lines = tuple(
                    stock.Line(chance.choice(shop.variants), chance.randint(1, 2))
                    for _ in range(chance.choice((1, 1, 1, 3)))
                )
                limit = 50 if chance.random() < 0.3 else None
                request = stock.Request(
                    new_id(),
                    shop.shop_id,
                    chance.choice(shop.pools),
                    me,
                    lines,
                    chance.choice((1, 600)),
                    None,
                    7,
                    limit,
                )
            quantity = sum(line.quantity for line in request.lines)
            await asyncio.sleep(chance.uniform(0, PAUSE))
            try:
                answer = await intake.submit(request)
            except Refusal as refusal:
                acknowledged.note(request.id, "poison" if intake.figures.poisoned else refusal.code, quantity)
                continue
            acknowledged.note(request.id, "held" if isinstance(answer, stock.Held) else answer.code, quantity)
            if isinstance(answer, stock.Held) and len(held) < 5000:
                held.append(request.id)
                earlier.append(request)
                if len(earlier) > 200:
                    earlier.pop(0)

    async def clerk() -> None:
        db = Database(shop.dsn, size=2, patience=1.0)
        await db.open()
        while not stopping.is_set():
            await asyncio.sleep(0.02)
            if os.getppid() != parent:
                stopping.set()  # nobody is left who would stop us
            ids = [held.pop() for _ in range(min(len(held), 20))]
            with contextlib.suppress(DatabaseAway, psycopg.errors.DeadlockDetected):
                async with db.transaction() as tx:
                    await work(
                        tx, shop, chance.choice(("confirm", "release", "expire", "close", "open")), ids
                    )
        await db.close()

    await asyncio.gather(*[buyer(number) for number in range(BUYERS)], clerk())
    await intake.close()


async def work(tx: Tx, shop: Shop, what: str, ids: list[UUID]) -> None:
    if what == "confirm":
        await stock.confirm(tx, ids)
    elif what == "release":
        await stock.release(tx, ids, "changed mind")
    elif what == "expire":
        await stock.expire(tx, limit=200)
    elif what == "close":
        await stock.close_show_pool(tx, shop_id=shop.shop_id, show_id=shop.show_id)
    else:
        await inventory.open_show_pool(
            tx, shop_id=shop.shop_id, show_id=shop.show_id, quotas=dict.fromkeys(shop.variants, QUOTA)
        )


# Buyers of the web process ----------------------------------------------------------------------------------

Told = dict[str, Any]


class Page:
    """The two doors as a page has them: each is opened when it is needed and forgotten when it breaks."""

    def __init__(self, shop: Shop, cookie: str) -> None:
        self._shop = shop
        self._cookie = {"cookie": f"shopper={cookie}"}
        self._http = httpx.AsyncClient(
            base_url=shop.address, headers=self._cookie, timeout=PATIENCE, trust_env=False
        )
        self._socket: ClientConnection | None = None

    async def ask(self, wish: Told, door: str) -> Told | None:
        """The answer, or None where none came."""
        try:
            if door == "http":
                return (await self._http.post("/buy", json=wish)).json()
            async with asyncio.timeout(PATIENCE):
                return await self._over_socket(wish)
        except (httpx.HTTPError, WebSocketException, OSError, TimeoutError, json.JSONDecodeError):
            if door == "socket":
                await self.leave()
            return None

    async def _over_socket(self, wish: Told) -> Told:
        if self._socket is None:
            url = f"{self._shop.address.replace('http', 'ws', 1)}/room/{self._shop.show_id}/socket"
            self._socket = await connect(url, additional_headers=self._cookie, proxy=None, max_size=2**22)
            await self._socket.send('{"t":"hello"}')
        await self._socket.send(json.dumps({"t": "buy", **wish}))
        while True:
            told: Told = json.loads(await self._socket.recv())
            if told["t"] in {"answer", "error"} and wish["id"] in {told.get("id"), told.get("ref")}:
                return told

    async def leave(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abort()

    async def close(self) -> None:
        await self.leave()
        await self._http.aclose()


UNSETTLED = {
    "intake.unknown", "intake.full", "intake.closed", "database.away", "orders.too_fast", "room.too_fast",
}  # fmt: skip
"""Codes after which the same id is asked again."""


async def shop_for_ever(shop: Shop, path: Path, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged = Acknowledged(path)
    stopping = asyncio.Event()
    parent = os.getppid()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def settle(page: Page, wish: Told) -> Told | None:
        """Ask until somebody says yes or no, each time through the other door."""
        doors = ["http", "socket"]
        chance.shuffle(doors)
        while not stopping.is_set() and os.getppid() == parent:
            told = await page.ask(wish, doors[0])
            code = "no answer" if told is None else told.get("code")
            if told is not None and code not in UNSETTLED:
                return told
            acknowledged.note(UUID(wish["id"]), f"again:{code}", 1)
            doors.reverse()
            await asyncio.sleep(chance.uniform(0.2, 1.0))
        return None

    async def shopper(cookie: str) -> None:
        page = Page(shop, cookie)
        while not stopping.is_set() and os.getppid() == parent:
            wish: Told = {
                "id": str(new_id()), "offer_id": shop.offer_id, "variant_id": chance.choice(shop.variants),
                "quantity": chance.randint(1, 2), "price_minor": PRICE,
            }  # fmt: skip
            first = await settle(page, wish)
            if first is None:
                break
            acknowledged.note(UUID(wish["id"]), first.get("code") or first["outcome"], wish["quantity"])
            if first["outcome"] == "held" and chance.random() < 0.1:
                again = await settle(page, wish)
                if again is not None and again.get("hold") != first["hold"]:
                    acknowledged.note(UUID(wish["id"]), "differs", wish["quantity"])
            await asyncio.sleep(chance.uniform(0, PAUSE))
        await page.close()

    await asyncio.gather(*[shopper(cookie) for cookie in shop.cookies])


def in_a_process(buy: Callable[[Shop, Path, int], Any], shop: Shop, path: Path, seed: int) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(buy(shop, path, seed))


# What the soak does -----------------------------------------------------------------------------------------


@dataclass
class Figures:
    kills_of_buyers: int = 0
    kills_of_the_web_process: int = 0
    kills_of_the_database: int = 0
    audits: int = 0
    answers: int = 0
    answers_of_the_web_process: int = 0
    asked_again: int = 0
    holds_acknowledged: int = 0
    holds_in_the_ledger: int = 0
    lost: int = 0
    doubled: int = 0
    offences: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def found_shop(dsn: str) -> Shop:
    db = Database(dsn, size=2)
    await db.open()
    async with db.transaction() as tx:
        claim = await auth.ensure_owner_claim(tx)
        assert claim is not None, "the database is new"
        joined = await auth.claim_owner(
            tx, token=claim, email="soak@example.com", password=os.urandom(12).hex(), shop_name="Soak",
            slug="soak", currency="EUR",
        )  # fmt: skip
        shop_id = joined.shop.id
        product = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=shop_id, title="Shirt", kind=catalog.Kind.SIZED, option_names=["Size"],
            variants=[catalog.NewVariant(PRICE, [str(size)], f"S-{size}") for size in range(8)],
        )  # fmt: skip
        variants = [each.id for each in await catalog.variants(tx, shop_id=shop_id, product_ids=[product.id])]
        place = await inventory.add_location(
            tx, shop_id=shop_id, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant_id in variants:
            for _ in range(2):
                await inventory.receive(
                    tx, shop_id=shop_id, location_id=place.id, variant_id=variant_id, quantity=UNITS // 2
                )
        show = await live.plan_show(tx, shop_id=shop_id, title="Soak")
        offer = await run_of_show.add_offer(
            tx, shop_id=shop_id, show_id=show.id, product_id=product.id,
            lines=[run_of_show.OfferLine(variant_id, PRICE, QUOTA) for variant_id in variants],
        )  # fmt: skip
        show = await run_of_show.start_show(tx, shop_id=shop_id, show_id=show.id)
        assert show.pool_id is not None, "it is on air"
        open_pool = await inventory.open_pool(tx, shop_id=shop_id)
        keyring = await load_keyring(tx)
    await db.close()
    return Shop(
        dsn, free_port(), shop_id, show.id, offer.id, tuple(variants), (open_pool.id, show.pool_id),
        tuple(shoppers.issue_shopper(keyring) for _ in range(SHOPPERS)),
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def audit(dsn: str) -> list[str]:
    db = Database(dsn, size=2, patience=30.0)
    await db.open()
    async with db.transaction() as tx:
        checks = await stock.audit(tx)
    await db.close()
    return [f"{check.name}: {key}" for check in checks for key in check.offending]


def look_up(dsn: str, directory: Path, figures: Figures, seen: dict[Path, int]) -> None:
    """Each id that somebody was told is held must be in the ledger, once, with the quantity asked for."""
    told: dict[UUID, int] = {}
    for path in sorted(directory.glob("*.acknowledged")):
        with path.open("rb") as file:
            file.seek(seen.get(path, 0))
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        seen[path] = seen.get(path, 0) + len(complete)
        for line in complete.decode().splitlines():
            words = line.split()
            hold_id, outcome, quantity = words[0], " ".join(words[1:-1]), words[-1]
            if outcome.startswith(("again:", "intake.")):
                figures.asked_again += 1
                continue
            figures.answers += 1
            figures.answers_of_the_web_process += path.name.startswith("web-")
            if outcome == "held":
                told[UUID(hold_id)] = int(quantity)
            elif outcome == "poison":
                figures.offences.append("a request failed all by itself")
            elif outcome == "differs":
                figures.offences.append("the same id got two answers")
            elif outcome not in REFUSALS:
                figures.offences.append(f"a buyer was told {outcome}")
    figures.holds_acknowledged += len(told)
    with psycopg.connect(dsn) as connection:
        stored: dict[UUID, int] = dict(
            connection.execute(
                "SELECT id, sum(quantity)::int FROM stock.hold WHERE id = ANY(%s) GROUP BY id", (list(told),)
            ).fetchall()
        )
        row = connection.execute("SELECT count(DISTINCT id) FROM stock.hold").fetchone()
    figures.holds_in_the_ledger = row[0] if row else 0
    figures.lost += sum(hold_id not in stored for hold_id in told)
    figures.doubled += sum(stored.get(hold_id, quantity) != quantity for hold_id, quantity in told.items())


REFUSALS = {stock.Code.SOLD_OUT, stock.Code.LIMIT, stock.Code.CLOSED, "orders.hold_expired"}


def kill_database(server: EmbeddedPostgres) -> None:
    """The postmaster and every process of it, at once."""
    postmaster = server.pid
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_database(server: EmbeddedPostgres) -> None:
    for attempt in range(50):
        try:
            server.start()
            return
        except (CannotRun, psycopg.OperationalError):
            if attempt == 49:
                raise
            time.sleep(0.2)


class Victims:
    """Everything that sells, and may be killed."""

    def __init__(self, server: EmbeddedPostgres, shop: Shop, directory: Path, seed: int) -> None:
        self.server = server
        self.shop = shop
        self._directory = directory
        self._numbers = iter(range(seed * 1_000_000 + 1, seed * 1_000_000 + 1_000_000))
        self.buyers = [self._start_buyers() for _ in range(2)]
        self.web = self._start_web()
        self.shoppers = self._start("web", shop_for_ever)

    def _start(self, kind: str, buy: Callable[[Shop, Path, int], Any]) -> Any:
        seed = next(self._numbers)
        path = self._directory / f"{kind}-{seed}.acknowledged"
        process = FORK.Process(target=in_a_process, args=(buy, self.shop, path, seed), daemon=True)
        process.start()
        return process

    def _start_buyers(self) -> Any:
        return self._start("intake", buy_for_ever)

    def _start_web(self) -> subprocess.Popen[str]:
        home = self._directory / "web"
        environment = os.environ | {
            "SHOPFLOOR_DATABASE_URL": self.shop.dsn, "SHOPFLOOR_DATA_DIR": str(home),
            "SHOPFLOOR_PORT": str(self.shop.port), "SHOPFLOOR_RTMP_PORT": "0", "SHOPFLOOR_LOG_LEVEL": "ERROR",
            # It starts many times: what was compiled once is kept, also where that is not the custom.
            "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self._directory / "bytecode"),
        }  # fmt: skip
        home.mkdir(exist_ok=True)
        with (home / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "shopfloor", "web"],
                env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        opened = next((line for line in process.stdout if "is open at" in line), "")
        if not opened.strip().endswith(self.shop.address):
            process.kill()
            raise CannotRun(f"the web process did not open at {self.shop.address}: {opened}")
        return process

    def kill_buyers(self, number: int) -> None:
        os.kill(self.buyers[number].pid, signal.SIGKILL)
        self.buyers[number].join()
        self.buyers[number] = self._start_buyers()

    def kill_web(self) -> None:
        self.web.kill()
        self.web.wait()
        self.web = self._start_web()

    def kill_database(self) -> None:
        kill_database(self.server)
        start_database(self.server)

    def gone(self) -> list[str]:
        """Who ended without being killed; started again."""
        offences: list[str] = []
        for number, process in enumerate(self.buyers):
            if not process.is_alive():
                offences.append(f"a process of buyers ended by itself ({process.exitcode})")
                self.buyers[number] = self._start_buyers()
        if self.web.poll() is not None:
            offences.append(f"the web process ended by itself ({self.web.returncode})")
            self.web = self._start_web()
        if not self.shoppers.is_alive():
            offences.append(f"the process of shoppers ended by itself ({self.shoppers.exitcode})")
            self.shoppers = self._start("web", shop_for_ever)
        return offences

    def wait_for_an_answer(self) -> list[str]:
        """The web process answers somebody yes or no again."""

        def answers() -> int:
            return sum(
                b" again:" not in line
                for path in self._directory.glob("web-*.acknowledged")
                for line in path.read_bytes().splitlines()
            )

        before, end = answers(), time.monotonic() + RECOVERY
        while answers() == before:
            if time.monotonic() > end:
                return ["the web process no longer sells"]
            time.sleep(0.05)
        return []

    def end(self) -> list[str]:
        """Everybody is told to stop, and must answer who waits before."""
        processes = [self.shoppers, *self.buyers]
        for process in processes:
            process.terminate()
        offences: list[str] = []
        for process in processes:
            process.join(30)
            if process.exitcode != 0:
                offences.append(f"a process of buyers did not drain ({process.exitcode})")
        self.web.terminate()
        try:
            if self.web.wait(40) != 0:
                offences.append(f"the web process did not stop cleanly ({self.web.returncode})")
        except subprocess.TimeoutExpired:
            offences.append("the web process did not stop")
        return offences

    def kill_all(self) -> None:
        for process in [self.shoppers, *self.buyers, self.web]:
            process.kill()


def soak(kills: int, seed: int, directory: Path) -> Figures:
    chance = random.Random(seed)
    figures = Figures()
    begun = time.monotonic()
    server = EmbeddedPostgres(directory)
    start_database(server)
    try:
        migrate(server.dsn)
        victims = Victims(server, asyncio.run(found_shop(server.dsn)), directory, seed)
        try:
            bring_down(victims, kills, chance, directory, figures)
        finally:
            victims.kill_all()
    finally:
        server.stop()
    figures.seconds = round(time.monotonic() - begun, 1)
    return figures


def bring_down(
    victims: Victims, kills: int, chance: random.Random, directory: Path, figures: Figures
) -> None:
    seen: dict[Path, int] = {}
    dsn = victims.server.dsn
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("kill -9", total=kills)
        round_of: list[str] = []
        for number in range(kills):
            time.sleep(chance.uniform(0.05, 0.6))
            # Each of three in turn, in an order of its own every time.
            if number % 3 == 0:
                round_of = chance.sample(("buyers", "web", "database"), 3)
            victim = round_of[number % 3]
            if victim == "buyers":
                victims.kill_buyers(chance.randrange(2))
                figures.kills_of_buyers += 1
            elif victim == "web":
                victims.kill_web()
                figures.kills_of_the_web_process += 1
            else:
                victims.kill_database()
                figures.kills_of_the_database += 1
            figures.offences += victims.gone()
            figures.offences += victims.wait_for_an_answer()
            figures.offences += asyncio.run(audit(dsn))
            look_up(dsn, directory, figures, seen)
            figures.audits += 1
            progress.advance(task)
    figures.offences += victims.end()
    figures.offences += asyncio.run(audit(dsn))
    look_up(dsn, directory, figures, seen)
    figures.audits += 1


@click.command(help=__doc__)
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(kills: int, seed: int) -> None:
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # lost connections are the point of the exercise
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    directory = Path(tempfile.mkdtemp(prefix="shopfloor-soak-"))
    directory.chmod(0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        figures = soak(kills, seed, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, value in asdict(figures).items():
        click.echo(f"{name.replace('_', ' '):24} {value if not isinstance(value, list) else len(value)}")
    for offence, times in Counter(figures.offences).most_common(20):
        click.echo(f"  {times} × {offence}")
    good = not figures.offences and not figures.lost and not figures.doubled
    click.echo(json.dumps({**asdict(figures), "offences": len(figures.offences), "passed": good}))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
