"""No room left on the disk: buyers are told, nothing that was promised is lost, and sales go on by themselves.

The shop is the real one, in a process of its own; buyers come through its door and, beside it, through the intake of
another process.  Once its database lies on a small file system that fills up; once the files of the server may not
grow further, which needs no mount.
"""

import asyncio
import os
import subprocess
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import httpx
import psycopg
import pytest
from tests.app.running import PATIENCE, Owner, Running, place, variant_of
from tests.waiting import until

from shopfloor import stock
from shopfloor.kernel.postgres import EmbeddedPostgres, server_user
from shopfloor.stock import Intake, IntakeUnknown

PRICE: Final = 9_900
UNITS: Final = 900_000
MEGABYTE: Final = 1024 * 1024
DISK: Final = 128
ROOM: Final = 6
"""Megabytes: of the small disk, and of what is left when somebody else has filled it."""


class Disk(ABC):
    """What the database's files lie on."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.files = data_dir / "postgres/data"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    @abstractmethod
    def fill(self) -> None:
        """From now there is next to no room."""

    @abstractmethod
    def free(self) -> None: ...


class SmallFileSystem(Disk):
    """A file system of its own, filled by somebody else's file."""

    def __enter__(self) -> Self:
        self.files.mkdir(parents=True)
        self.files.parent.chmod(0o711)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "shopfloor-test", self.files],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if mounted.returncode != 0:
            pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self.files], check=True)

    def fill(self) -> None:
        facts = os.statvfs(self.files)
        with (self.files / "somebody-elses").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, facts.f_bavail * facts.f_frsize - ROOM * MEGABYTE)

    def free(self) -> None:
        (self.files / "somebody-elses").unlink()


class FilesThatCannotGrow(Disk):
    """The system refuses every write behind the first megabyte of a file, until the server is a new one."""

    def fill(self) -> None:
        postmaster = int((self.files / "postmaster.pid").read_text().split("\n", 1)[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        user = server_user() if os.geteuid() == 0 else None
        for pid in (str(postmaster), *children):
            done = subprocess.run(
                ["prlimit", "--pid", pid, f"--fsize={MEGABYTE}"], check=False, capture_output=True, text=True,
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )  # fmt: skip
            assert done.returncode == 0 or not Path(f"/proc/{pid}").exists(), done.stderr

    def free(self) -> None:
        """The server that the shop starts in place of the dead one has no limit."""


class Market:
    """A show on air in a running shop, and buyers who keep what they were told."""

    def __init__(self, shop: Running) -> None:
        self.shop = shop
        owner = Owner(shop, "corner")
        owner.claim(shop.claim)
        product = owner.product("Linen shirt", {"M": UNITS})
        self.variant = variant_of(product, "M")
        self.show = owner.show("Evening")
        line = {"variant_id": self.variant, "price_minor": PRICE, "quota": UNITS}
        self.offer = owner.shop(
            "POST", f"/shows/{self.show}/offers",
            json={
                "product_id": product["id"], "lines": [line], "policy": "timer", "hold_seconds": 3600,
                "limit_per_buyer": 100_000, "minutes": 5,
            },
        )["id"]  # fmt: skip
        owner.shop("POST", f"/shows/{self.show}/start")
        owner.close()
        self.dsn = EmbeddedPostgres(shop.data_dir).dsn
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute("SELECT shop_id, id FROM stock.pool WHERE show_id = %s", (self.show,))
            (self.shop_id, self.pool) = row.fetchone() or (0, 0)
        self.held: set[uuid.UUID] = set()
        self.unknown: dict[uuid.UUID, str] = {}
        """Who was told to ask again, by the door they came through."""
        self.codes: Counter[tuple[str, int, str]] = Counter()

    def wish(self, wish_id: uuid.UUID) -> dict[str, object]:
        return {
            "id": str(wish_id), "offer_id": self.offer, "variant_id": self.variant, "quantity": 1, "price_minor": PRICE,
        }  # fmt: skip

    def request(self, wish_id: uuid.UUID) -> stock.Request:
        return stock.Request(
            wish_id, self.shop_id, self.pool, uuid.UUID(int=7), (stock.Line(self.variant, 1),), 3600,
            offer_id=self.offer, show_id=self.show, unit_prices=(PRICE,),
        )  # fmt: skip

    async def buy_over_http(self, over: asyncio.Event) -> None:
        async with httpx.AsyncClient(
            base_url=self.shop.address, timeout=PATIENCE, trust_env=False, follow_redirects=True
        ) as client:
            while not over.is_set():
                wish_id = uuid.uuid4()
                await self.ask(client, wish_id)
                await asyncio.sleep(0.05)

    async def ask(self, client: httpx.AsyncClient, wish_id: uuid.UUID) -> None:
        answer = await client.post("/buy", json=self.wish(wish_id))
        told = answer.json()
        self.codes["http", answer.status_code, told.get("code") or told["outcome"]] += 1
        if answer.status_code == 200:
            self.held.add(wish_id)
        elif answer.status_code == 503:
            self.unknown[wish_id] = "http"

    async def buy_in_process(self, intake: Intake, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.submit(intake, uuid.uuid4())
            await asyncio.sleep(0.05)

    async def submit(self, intake: Intake, wish_id: uuid.UUID) -> None:
        try:
            answer = await intake.submit(self.request(wish_id))
        except IntakeUnknown as unknown:
            self.codes["intake", unknown.status, unknown.code] += 1
            self.unknown[wish_id] = "intake"
        else:
            assert isinstance(answer, stock.Held)
            self.codes["intake", 200, "held"] += 1
            self.held.add(wish_id)

    async def buy_until(self, intake: Intake, enough: Callable[[], bool]) -> None:
        over = asyncio.Event()
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as buyers:
            for _ in range(8):
                buyers.create_task(self.buy_over_http(over))
            for _ in range(200):
                buyers.create_task(self.buy_in_process(intake, over))
            while not enough():
                await asyncio.sleep(0.1)
            over.set()

    async def ask_again(self, intake: Intake) -> None:
        asking, self.unknown = self.unknown, {}
        async with httpx.AsyncClient(
            base_url=self.shop.address, timeout=PATIENCE, trust_env=False, follow_redirects=True
        ) as client:
            await asyncio.gather(*[
                self.ask(client, wish_id) if door == "http" else self.submit(intake, wish_id)
                for wish_id, door in asking.items()
            ])  # fmt: skip

    def stored(self) -> Counter[uuid.UUID]:
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute("SELECT id, sum(quantity)::int FROM stock.hold GROUP BY id").fetchall()
        return Counter(dict(rows))


def healthy(shop: Running) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{shop.address}/healthz", timeout=PATIENCE, trust_env=False).status_code == 200
    return False


@pytest.mark.parametrize("kind", [SmallFileSystem, FilesThatCannotGrow])
async def test_what_was_promised_outlives_a_full_disk(kind: type[Disk]) -> None:
    with place() as data_dir, kind(data_dir) as disk, Running(data_dir, from_nothing=True) as shop:
        market = Market(shop)
        intake = Intake(market.dsn, patience=1.0)
        await intake.open()
        await market.buy_until(intake, lambda: len(market.held) >= 500)
        assert market.unknown == {}
        server = shop.postmaster()

        disk.fill()
        if kind is SmallFileSystem:
            await market.buy_until(intake, lambda: {"http", "intake"} <= set(market.unknown.values()))
        else:
            # It cannot write what a COMMIT needs, ends, and the shop starts another.
            await market.buy_until(intake, lambda: is_new(shop, server) and healthy(shop))
        before, told_to_ask_again = len(market.held), set(market.unknown)

        disk.free()
        until("the shop has its database again", lambda: healthy(shop))
        assert market.held <= set(market.stored())
        await market.ask_again(intake)
        assert len(market.held) == before + len(told_to_ask_again)
        assert told_to_ask_again <= market.held
        await market.buy_until(intake, lambda: len(market.held) >= before + len(told_to_ask_again) + 500)
        await intake.close()

        assert market.unknown == {}
        assert set(market.codes) <= {
            ("http", 200, "held"), ("http", 429, "orders.too_fast"), ("http", 503, "intake.unknown"),
            ("http", 503, "database.away"),
            ("intake", 200, "held"), ("intake", 503, "intake.unknown"),
        }  # fmt: skip
        assert market.stored() == Counter(market.held)
        with psycopg.connect(market.dsn) as connection:
            books = connection.execute(
                "SELECT sum(quantity)::int, sum(held)::int FROM stock.level WHERE pool_id = %s",
                (market.pool,),
            ).fetchone()
        assert books == (UNITS, len(market.held))
        audit = shop.command("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert shop.process.poll() is None


def is_new(shop: Running, server: int) -> bool:
    try:
        return shop.postmaster() != server
    except (FileNotFoundError, ValueError):
        return False
