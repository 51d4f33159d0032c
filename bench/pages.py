"""Pages a second on one process, beside a bare template page of the same server.

A shop with 60 products, 49 shows that are over and one on air is served by `shopfloor web`; `wrk` asks for one page
at a time over 64 connections.  It asks as 1,000 shoppers in turn, each with a cookie, every other one in Chinese, every
tenth with a unit on hold; one in fifty waits for something.

    bare        the baseline: uvicorn, Starlette and a Jinja template of a few lines, no database
    room, product, storefront: plain, and in gzip
    storefront, 1000 over: the same with 1,000 shows that are over
    static: a built file as it is and in Brotli

`ratio` is requests a second divided by those of the bare page in the same run.  The last line is JSON.  Goals on an
idle machine with two cores: room and product 2,000 a second, storefront 1,500, static 5,000.

Without `wrk` (Debian: `apt install wrk`) a driver in Python asks instead, and the output says so: it takes as much of
the machine as the server does, so its rates are lower and only compare with its own.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import httpx

from shopfloor import accounts, auth, catalog, inventory, live, purchases, run_of_show, stock
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.keyring import load_keyring
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database
from shopfloor.shoppers import issue_shopper
from shopfloor.web.static import asset

SECONDS = int(os.environ.get("SECONDS_EACH", "5"))
CONNECTIONS = 64
PRODUCTS = 60
OVER = 49
MANY = 1_000
Filled = TypeVar("Filled")
BARE = """
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
page = Environment(autoescape=True).from_string(
    "<!doctype html><title>{{ title }}</title><ul>{% for each in range(20) %}<li>{{ title }} {{ each }}</li>{% endfor %}</ul>"
)
async def bare(request):
    return HTMLResponse(page.render(title=request.query_params.get("title", "Bare")))
async def alive(request):
    return HTMLResponse("ok")
app = Starlette(routes=[Route("/", bare), Route("/healthz", alive)])
"""


SHOPPERS = 1_000
HOLDING = 10
WAITING = 50
# One request of each shopper, made once; wrk sends them in turn.
LUA = """
local made, turn = {}, 0
function init(args)
  for line in io.lines(args[1]) do
    local cookie, language = line:match("^(%S+) (%S+)$")
    local headers = {["cookie"] = cookie, ["accept-language"] = language, ["accept-encoding"] = args[2]}
    made[#made + 1] = wrk.format("GET", wrk.path, headers)
  end
end
function request()
  turn = turn % #made + 1
  return made[turn]
end
"""


async def within(dsn: str, work: Callable[[Tx], Awaitable[Filled]]) -> Filled:
    db = Database(dsn)
    await db.open()
    try:
        async with db.transaction() as tx:
            return await work(tx)
    finally:
        await db.close()


async def fill(tx: Tx) -> tuple[int, int, list[str]]:
    """The show on air, a product, and the cookies of shoppers."""
    token = await auth.ensure_owner_claim(tx)
    assert token is not None
    await auth.claim_owner(
        tx, token=token, email="owner@example.com", password="a kiln full of bowls", shop_name="Harbour",
        slug="harbour", currency="EUR",
    )  # fmt: skip
    shop = await accounts.shop_by_slug(tx, "harbour")
    place = await inventory.add_location(tx, shop_id=shop.id, name="Shelf", kind=inventory.LocationKind.STORE)
    goods: list[tuple[int, int]] = []
    for number in range(PRODUCTS):
        product = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=shop.id, title=f"Bowl {number}", description="<p>Stoneware</p>", kind=catalog.Kind.SIZED,
            option_names=["Size"],
        )  # fmt: skip
        variant = await catalog.add_variant(
            tx,
            shop_id=shop.id,
            product_id=product.id,
            variant=catalog.NewVariant(price_minor=2_900, options=["M"], sku=f"B{number}"),
        )
        await inventory.receive(
            tx, shop_id=shop.id, location_id=place.id, variant_id=variant.id, quantity=1_000
        )
        goods.append((product.id, variant.id))
    for number in range(OVER + 1):
        show = await live.plan_show(tx, shop_id=shop.id, title=f"Evening {number}")
        for product_id, variant_id in goods[:5]:
            await run_of_show.add_offer(
                tx,
                shop_id=shop.id,
                show_id=show.id,
                product_id=product_id,
                lines=[run_of_show.OfferLine(variant_id, 2_500, 10)],
            )
        await run_of_show.start_show(tx, shop_id=shop.id, show_id=show.id)
        if number < OVER:
            await run_of_show.end_show(tx, shop_id=shop.id, show_id=show.id)
    gone = await catalog.add_variant(
        tx, shop_id=shop.id, product_id=goods[0][0], variant=catalog.NewVariant(price_minor=2_900, options=["L"])
    )  # fmt: skip
    keyring = await load_keyring(tx)
    shoppers = [uuid4() for _ in range(SHOPPERS)]
    await _hold(tx, shop.id, goods[1][1], shoppers[::HOLDING])
    for shopper in shoppers[::WAITING]:
        await purchases.join(tx, shop_id=shop.id, variant_id=gone.id, buyer=shopper)
    cookies = [f"shopper={issue_shopper(keyring, shopper)}" for shopper in shoppers]
    return show.id, goods[0][0], cookies  # pyright: ignore[reportPossiblyUnboundVariable]


async def _hold(tx: Tx, shop_id: int, variant_id: int, buyers: Sequence[UUID]) -> None:
    [pool] = [
        pool for pool in await inventory.pools(tx, shop_id=shop_id) if pool.kind == inventory.PoolKind.OPEN
    ]
    requests = [
        stock.Request(
            id=uuid4(), shop_id=shop_id, pool_id=pool.id, buyer=buyer, lines=(stock.Line(variant_id, 1),),
            hold_seconds=3_600, unit_prices=(2_900,),
        )
        for buyer in buyers
    ]  # fmt: skip
    answers = await stock.reserve(tx, requests)
    assert all(isinstance(answer, stock.Held) for answer in answers)


async def more_shows(tx: Tx) -> None:
    """Up to MANY that are over."""
    await tx.run(
        """
        INSERT INTO live.show (shop_id, title, titles, status, started_at, ended_at)
        SELECT shop_id, title, titles, status, started_at - n * interval '1 day', ended_at - n * interval '1 day'
          FROM (SELECT * FROM live.show WHERE status = 'ended' ORDER BY id LIMIT 1) AS show,
               generate_series(1, %(more)s) AS n
        """,
        more=MANY - OVER,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command: list[str], port: int, **environment: str) -> Generator[str]:
    """The address, as soon as it answers."""
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as child:
        try:
            end = time.monotonic() + 60
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{address}/healthz", trust_env=False).status_code == 200:
                        break
                if child.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"did not start: {command}")
                time.sleep(0.05)
            yield address
        finally:
            child.send_signal(signal.SIGTERM)


def asked(url: str, shoppers: Path, coding: str = "identity") -> float:
    """Answers a second; every one of them must be good."""
    if shutil.which("wrk") is None:
        driver = [sys.executable, __file__, "--drive", url, str(shoppers), coding]
        return float(subprocess.run(driver, check=True, capture_output=True, text=True).stdout)
    script = shoppers.with_name("ask.lua")
    script.write_text(LUA)
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script, url, "--", shoppers, coding],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{url} did not answer:\n{said}")
    found = re.search(r"^Requests/sec:\s+([0-9.]+)", said, re.MULTILINE)
    assert found is not None
    return float(found[1])


class Asking(asyncio.Protocol):
    """A connection of the driver in Python: the next request as soon as an answer is complete."""

    def __init__(self, requests: Sequence[bytes], turn: int) -> None:
        self.answered = 0
        self._requests = requests
        self._turn = turn
        self._heard = b""
        self._left = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._transport.write(self._requests[self._turn % len(self._requests)])
        self._turn += CONNECTIONS

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._heard += data
            head, end, data = self._heard.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(head.decode())
            found = re.search(rb"\r\ncontent-length: ([0-9]+)", head)
            assert found is not None
            self._left, self._heard = int(found[1]), b""
        self._left -= len(data)
        if self._left == 0:
            self._left = -1
            self.answered += 1
            self._ask()


async def drive(url: str, shoppers: Path, coding: str) -> float:
    host, _, path = url.removeprefix("http://").partition("/")
    requests = [
        f"GET /{path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\naccept-language: {language}\r\n"
        f"accept-encoding: {coding}\r\n\r\n".encode()
        for cookie, _, language in (line.partition(" ") for line in shoppers.read_text().splitlines())
    ]
    loop = asyncio.get_running_loop()
    name, _, port = host.partition(":")
    asking = [Asking(requests, turn) for turn in range(CONNECTIONS)]
    for each in asking:
        await loop.create_connection(lambda each=each: each, name, int(port))
    await asyncio.sleep(SECONDS)
    return sum(each.answered for each in asking) / SECONDS


def main() -> None:
    found: dict[str, float] = {}
    has_wrk = shutil.which("wrk") is not None
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        settings = Settings.model_validate({"data_dir": Path(directory) / "shop"})
        with prepared_database(settings) as dsn:
            show, product, cookies = asyncio.run(within(dsn, fill))
            shoppers = Path(directory) / "shoppers"
            shoppers.write_text(
                "".join(f"{cookie} {('en', 'zh-CN')[turn % 2]}\n" for turn, cookie in enumerate(cookies))
            )
            bare = free_port()
            (Path(directory) / "bare.py").write_text(BARE)
            uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
            program = [*uvicorn, "--app-dir", directory, "--port", str(bare), "bare:app"]
            with running(program, bare) as address:
                found["bare"] = asked(f"{address}/", shoppers)
            port = free_port()
            environment = {
                "SHOPFLOOR_DATABASE_URL": dsn,
                "SHOPFLOOR_DATA_DIR": str(Path(directory) / "shop"),
                "SHOPFLOOR_PORT": str(port),
                "SHOPFLOOR_RTMP_PORT": "0",
                "SHOPFLOOR_LOG_LEVEL": "WARNING",
            }
            with running([sys.executable, "-m", "shopfloor", "web"], port, **environment) as address:
                pages = {
                    "room": f"/s/harbour/live/{show}",
                    "product": f"/s/harbour/p/{product}",
                    "storefront": "/s/harbour",
                }
                sizes = {
                    name: len(httpx.get(address + path, trust_env=False).content)
                    for name, path in pages.items()
                }
                for name, path in pages.items():
                    found[name] = asked(address + path, shoppers)
                    found[f"{name}, gzip"] = asked(address + path, shoppers, "gzip")
                asyncio.run(within(dsn, more_shows))
                found[f"storefront, {MANY} over"] = asked(address + pages["storefront"], shoppers)
                static = asset("room.css").url
                packed = httpx.get(address + static, trust_env=False)
                assert packed.headers["content-encoding"] in {"br", "gzip"}
                found["static"] = asked(address + static, shoppers)
                found["static, br"] = asked(address + static, shoppers, "br")
    driver = (
        "wrk"
        if has_wrk
        else "wrk IS NOT INSTALLED: driven by Python, which takes as much of the machine as the server"
    )
    print(f"driver: {driver}")
    print(f"{SHOPPERS:,} shoppers, every {HOLDING}th with a hold, every {WAITING}th waiting, two languages")
    print("bytes of a page: " + ", ".join(f"{name} {size:,}" for name, size in sizes.items()))
    print(f"{CONNECTIONS} connections, {SECONDS} s each; {PRODUCTS} products, {OVER} shows over, 1 on air")
    print("page                    per second   ratio to bare")
    for name, rate in found.items():
        print(f"{name:<23} {rate:>11,.0f} {rate / found['bare']:>15.2f}")
    rates = {
        name: {"per_second": round(rate), "ratio": round(rate / found["bare"], 3)}
        for name, rate in found.items()
    }
    told = {"driver": "wrk" if has_wrk else "python", "seconds": SECONDS, "connections": CONNECTIONS}
    print(json.dumps({"bench": "pages", **told, "pages": rates}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drive"]:
        print(asyncio.run(drive(sys.argv[2], Path(sys.argv[3]), sys.argv[4])))
    else:
        main()
