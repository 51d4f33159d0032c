"""The product as its operator starts it: a process of its own, spoken to over the network only."""

import asyncio
import io
import json
import os
import queue
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import httpx
import psycopg
from PIL import Image, ImageDraw
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.cluster import copy_cluster
from tests.waiting import PATIENCE

from shopfloor.demo.merchant import Merchant

STATIC: Final = Path(__file__).parents[2] / "src/shopfloor/web/static"
PASSWORD: Final = "a kiln full of bowls"

Answer = TypeVar("Answer")


@contextmanager
def place() -> Generator[Path]:
    """A data directory that the embedded server's user can reach, also when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="shopfloor-run-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def database_url() -> Generator[str | None]:
    """A fresh database on the server that SHOPFLOOR_DATABASE_URL names, or None: the embedded one."""
    given = os.environ.get("SHOPFLOOR_DATABASE_URL")
    if given is None:
        yield None
        return
    name = f"shopfloor_run_{os.getpid()}_{secrets.token_hex(3)}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_conninfo(given, dbname=name)
    finally:
        with psycopg.connect(given, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


class Running:
    """`with Running(data_dir) as shop: shop.address`.  `settings` are SHOPFLOOR_ variables without the prefix."""

    def __init__(
        self,
        data_dir: Path,
        *,
        database: str | None = None,
        command: str = "up",
        files: int | None = None,
        options: tuple[str, ...] = (),
        from_nothing: bool = False,
        **settings: str,
    ) -> None:
        """`files`: how many open files the process may have; `from_nothing`: it makes its embedded server itself."""
        self.data_dir = data_dir
        self._from_nothing = from_nothing
        self._command = [sys.executable, "-m", "shopfloor", command, *options]
        if files is not None:
            self._command = ["/bin/sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *self._command]
        self.address = ""
        self.publish_to = ""
        self.claim: str | None = None
        self.process: subprocess.Popen[str]
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        given = {"DATA_DIR": str(data_dir), "PORT": "0", "RTMP_PORT": "0", "LOG_LEVEL": "WARNING", **settings}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOPFLOOR_")}
        self.environment = clean | {f"SHOPFLOOR_{name}": value for name, value in given.items()}
        if database is not None:
            self.environment["SHOPFLOOR_DATABASE_URL"] = database

    @property
    def database_url(self) -> str:
        """The database that this shop keeps its rows in."""
        return self.environment.get(
            "SHOPFLOOR_DATABASE_URL", f"host={self.data_dir}/postgres/run user=postgres dbname=shopfloor"
        )

    @property
    def log(self) -> str:
        """What the process said on its standard error."""
        return (self.data_dir / "stderr").read_text(errors="replace")

    def command(self, *arguments: str, timeout: float = PATIENCE) -> "subprocess.CompletedProcess[str]":
        """Another command of the product on the same data."""
        return subprocess.run(
            [sys.executable, "-m", "shopfloor", *arguments],
            check=False, capture_output=True, text=True, timeout=timeout, env=self.environment,
        )  # fmt: skip

    def __enter__(self) -> Self:
        assert (STATIC / "manifest.json").exists(), "the front end is not built; run `make assets` first"
        if "SHOPFLOOR_DATABASE_URL" not in self.environment and not self._from_nothing:
            copy_cluster(self.data_dir)
        with (self.data_dir / "stderr").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()
        end = time.monotonic() + PATIENCE
        try:
            while not self.address:
                line = self._lines.get(timeout=max(0.1, end - time.monotonic()))
                assert line is not None, f"the shop did not start:\n{self.log[-3000:]}"
                if "publish to " in line:
                    self.publish_to = line.split("publish to ")[1]
                elif "/claim/" in line:
                    self.claim = line.rsplit("/claim/", 1)[1]
                elif "is open at " in line:
                    self.address = line.split("is open at ")[1]
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill()
        self.stop_database()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def postmaster(self) -> int:
        """Process id of the embedded server."""
        return int((self.data_dir / "postgres/data/postmaster.pid").read_text().split("\n", 1)[0])

    def stop_database(self) -> None:
        """An embedded server that outlived its shop is not left behind by a test."""
        try:
            pid = self.postmaster()
            # The file may be older than the process that has this number today.
            if str(self.data_dir) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGQUIT)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())
            self._lines.put(line.strip())
        self._lines.put(None)


class Owner:
    """Somebody signed in to one shop of a running node, for tests that are not coroutines.

    The demo's merchant speaks asynchronously and a browser test has an event loop of its own in its thread; so this
    one lives in a thread of its own.
    """

    def __init__(self, shop: Running, slug: str, verify: ssl.SSLContext | bool = True) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._http = httpx.AsyncClient(
            base_url=shop.address,
            timeout=PATIENCE,
            headers={"origin": shop.address},
            trust_env=False,
            verify=verify,
        )
        self.slug = slug
        self.merchant = Merchant(self._http, slug=slug)

    def wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def call(self, method: str, path: str, **options: Any) -> Any:
        return self.wait(self.merchant.call(method, path, **options))

    def shop(self, method: str, path: str, **options: Any) -> Any:
        return self.wait(self.merchant.shop(method, path, **options))

    def claim(self, token: str | None) -> None:
        assert token is not None, "a new node prints the link of its first owner"
        self.wait(self.merchant.claim(token, PASSWORD))

    def cookie(self, name: str) -> str:
        value = self._http.cookies.get(name)
        assert value is not None
        return value

    def close(self) -> None:
        self.wait(self._http.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    # A few goods

    def warehouse(self) -> int:
        places = self.shop("GET", "/stock/locations")
        made = places[0] if places else self.shop(
            "POST", "/stock/locations", json={"name": "Back room", "kind": "warehouse"}
        )  # fmt: skip
        return made["id"]

    def product(
        self,
        title: str,
        options: dict[str, int],
        *,
        titles: dict[str, str] | None = None,
        price: str = "129.00",
        option_names: tuple[str, ...] = ("Size",),
    ) -> dict[str, Any]:
        """A product with a picture; `options` says how many units of each variant are on the shelf."""
        handle = f"{title.lower().replace(' ', '-')}-{secrets.token_hex(3)}"
        product = self.shop(
            "POST", "/products",
            json={
                "handle": handle, "title": title, "titles": titles or {}, "description": f"{title}, as good as it looks.",
                "kind": "sized", "status": "active", "vendor": "Corner", "option_names": list(option_names),
                "variants": [
                    {"options": option.split("/"), "sku": f"{handle}-{n}", "price": price} for n, option in enumerate(options)
                ],
            },
        )  # fmt: skip
        self.shop(
            "POST", f"/products/{product['id']}/pictures", params={"alt": title}, content=picture(handle)
        )
        place = self.warehouse()
        for variant in product["variants"]:
            units = options["/".join(variant["options"])]
            if units:
                self.shop(
                    "POST", "/stock/receipts",
                    json={"location_id": place, "variant_id": variant["id"], "quantity": units, "reason": "first delivery"},
                )  # fmt: skip
        return product

    def show(self, title: str, *, titles: dict[str, str] | None = None, channel_id: int | None = None) -> int:
        return self.shop(
            "POST", "/shows", json={"title": title, "titles": titles or {}, "channel_id": channel_id}
        )["id"]

    def offer(
        self,
        show_id: int,
        product: dict[str, Any],
        quotas: dict[str, int],
        *,
        price_minor: int = 9_900,
        hold_seconds: int = 600,
        limit: int | None = 4,
    ) -> int:
        """Offer a product in a show; `quotas` by the variant's options."""
        lines = [
            {"variant_id": each["id"], "price_minor": price_minor, "quota": quotas["/".join(each["options"])]}
            for each in product["variants"]
        ]
        return self.shop(
            "POST", f"/shows/{show_id}/offers",
            json={
                "product_id": product["id"], "lines": lines, "policy": "timer", "hold_seconds": hold_seconds,
                "limit_per_buyer": limit, "minutes": 5,
            },
        )["id"]  # fmt: skip

    def feature(self, show_id: int, offer_id: int | None) -> None:
        self.shop("POST", f"/shows/{show_id}/feature", json={"offer_id": offer_id})


def picture(seed: str) -> bytes:
    """A small picture, another one for another seed."""
    image = Image.new("RGB", (96, 96), (236, 228, 212))
    shade = sum(seed.encode()) % 160
    ImageDraw.Draw(image).ellipse((18, 18, 78, 78), fill=(60 + shade // 2, 120, 200 - shade))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def variant_of(product: dict[str, Any], options: str) -> int:
    return next(each["id"] for each in product["variants"] if "/".join(each["options"]) == options)


def wish(**fields: Any) -> bytes:
    return json.dumps(fields).encode()
